//! Dependencies point inwards only: cli → adapters → core → schemas. What a crate may not know is checked here.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::files::{File, files, root};

/// What a crate of this repository depends on within it.
struct Package {
    /// Its folder from the root.
    folder: String,
    /// The crates it is built with.
    uses: Vec<String>,
    /// The crates that only its tests are built with.
    tests_with: Vec<String>,
}

fn packages() -> BTreeMap<String, Package> {
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

fn package(package: &Value) -> (String, Package) {
    let inner = |wanted: fn(&Value) -> bool| {
        let all = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| wanted(&dependency["kind"]));
        let names = all.map(|dependency| text(&dependency["name"]));
        names.filter(|name| name.starts_with("refrain-")).collect::<Vec<_>>()
    };
    let manifest = text(&package["manifest_path"]).replace('\\', "/");
    let start = format!("{}/", root().to_str().unwrap().replace('\\', "/"));
    let folder = manifest.trim_start_matches(&start).trim_end_matches("/Cargo.toml").to_owned();
    let uses = inner(|kind| kind != "dev");
    (text(&package["name"]), Package { folder, uses, tests_with: inner(|kind| kind == "dev") })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn dependencies_point_inwards() {
    for (name, package) in packages() {
        let allowed: &[&str] = match package.folder.as_str() {
            "crates/schemas" => &[],
            "crates/core" => &["refrain-schemas"],
            "crates/cli" | "examples" => continue,
            _ => &["refrain-schemas", "refrain-core"],
        };
        for used in &package.uses {
            assert!(allowed.contains(&used.as_str()), "{name} may not depend on {used}");
        }
    }
}

#[test]
fn test_doubles_are_for_tests() {
    for (name, package) in packages() {
        assert!(
            package.folder == "crates/cli" || !package.uses.contains(&"refrain-testkit".to_owned()),
            "{name} is built with refrain-testkit"
        );
        assert!(
            package.folder != "crates/schemas" || package.tests_with.is_empty(),
            "{name} is tested with others"
        );
    }
}

/// `refrain sim` is the simulator of the tests, so the program is built with it: with it, and with nothing that only tests
/// need. Those parts hang on a feature that the program does not ask for.
#[test]
fn the_program_is_built_with_the_simulator_alone() {
    let arguments =
        ["tree", "--package", "refrain-cli", "--edges", "normal", "--prefix", "none", "--offline"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(tree.contains("refrain-testkit"), "{tree}");
    assert!(!tree.contains("proptest"), "the program is built with what only tests need");
    for file in files("crates/cli/src") {
        for (place, line) in code(&file).filter(|(_, line)| line.contains("refrain_testkit::")) {
            assert!(line.contains("refrain_testkit::sim"), "{place}: the program uses the simulator alone");
        }
    }
}

/// Returns the lines of code outside of comments and of the test module at the end, with their places.
fn code(file: &File) -> impl Iterator<Item = (String, &str)> {
    let lines = file.text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    let code = lines.enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.map(|(n, line)| (format!("{}:{}", file.path, n + 1), line))
}

#[test]
fn the_core_does_no_io() {
    let forbidden = [
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "std::thread",
        "SystemTime",
        "::now(",
        "tokio::",
        "rand::",
        "println!",
        "print!",
    ];
    for file in files("crates/core/src") {
        for (place, line) in code(&file) {
            let found = forbidden.iter().find(|word| line.contains(*word));
            assert_eq!(found, None, "{place}: the core reaches the world through ports");
        }
    }
}

#[test]
fn one_file_of_the_cli_names_the_adapters() {
    let packages = packages();
    let adapters = packages.iter().filter(|(_, package)| package.folder.starts_with("crates/adapters/"));
    let adapters: Vec<String> = adapters.map(|(name, _)| name.replace('-', "_")).collect();
    assert!(adapters.len() > 5, "{adapters:?}");
    for file in files("crates/cli/src").iter().filter(|file| !file.path.starts_with("crates/cli/src/wiring"))
    {
        for (place, line) in code(file) {
            let found = adapters.iter().find(|adapter| line.contains(adapter.as_str()));
            assert_eq!(found, None, "{place}: adapters are named in wiring.rs");
        }
    }
}
