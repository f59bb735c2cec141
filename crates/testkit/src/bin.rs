//! Finds the programs of this crate.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Returns the path of the `fake_agent` program, whose flags its `--help` tells.
///
/// It lies beside the folder of the test that asks. A test run over the whole workspace has built it; where only one
/// package is tested and it was never built, it is built now.
///
/// # Panics
/// Where it cannot be found or built.
#[must_use]
pub fn fake_agent() -> PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| program(env!("CARGO_PKG_NAME"), "fake_agent")).clone()
}

/// Returns the path of the `fake_mcp` program, an MCP server whose flags its `--help` tells; found as [`fake_agent`] is.
///
/// # Panics
/// Where it cannot be found or built.
#[must_use]
pub fn fake_mcp() -> PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| program(env!("CARGO_PKG_NAME"), "fake_mcp")).clone()
}

/// Returns the path of a program of this workspace, as [`fake_agent`] does.
///
/// # Panics
/// Where it cannot be found or built.
#[must_use]
#[expect(clippy::panic, reason = "a test cannot go on without its program")]
pub fn program(package: &str, name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap_or_else(|error| panic!("this test has no path: {error}"));
    // Tests lie in target/debug/deps, examples in target/debug/examples, programs in target/debug.
    let folders = test.ancestors().skip(1).take(2);
    let candidates: Vec<PathBuf> = folders.map(|folder| folder.join(name)).collect();
    let exists = |path: &&PathBuf| path.is_file();
    if let Some(path) = candidates.iter().find(exists) {
        return path.clone();
    }
    build(package, name, &test);
    let built = candidates.iter().find(exists).cloned();
    built.unwrap_or_else(|| {
        panic!("{name} is not built: run `cargo build -p {package} --bin {name}` (looked at {candidates:?})")
    })
}

fn build(package: &str, name: &str, test: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "-p", package, "--bin", name]);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let profile = test.ancestors().nth(2).and_then(Path::file_name).and_then(|name| name.to_str());
    command.args(profile.filter(|name| *name != "debug").into_iter().flat_map(|name| ["--profile", name]));
    // A failure shows in the program's absence.
    let _status = command.status();
}
