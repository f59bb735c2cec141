//! What every file of the repository looks like, and the index of the specs. `REFRAIN_UPDATE=1` writes the index anew.

use std::fmt::Write as _;
use std::fs;

use crate::files::{File, files, root};

#[test]
fn files_are_tidy() {
    // Written in two halves, so that this file does not contain what it looks for.
    let machine: Vec<String> = ["work", "tmp", "root"].iter().map(|folder| format!("/{folder}/")).collect();
    // Fixtures and snapshots look as their tests need them to.
    let ours = |file: &File| {
        let is_fixture = ["/fixtures/", "/steps/cases/"].iter().any(|folder| file.path.contains(folder));
        !is_fixture && !file.path.ends_with(".snap")
    };
    for File { path, text } in files("").into_iter().filter(ours) {
        assert!(text.is_empty() || text.ends_with('\n'), "{path} does not end with a line break");
        assert!(!text.ends_with("\n\n"), "{path} ends with an empty line");
        assert!(!text.contains('\r'), "{path} has carriage returns");
        assert!(!path.ends_with("/mod.rs"), "{path}: modules are `foo.rs` and `foo/`");
        for (n, line) in text.lines().enumerate() {
            // Paths of one machine mean nothing on another; the first line names a script's interpreter.
            let found = machine.iter().find(|folder| line.contains(folder.as_str()));
            assert_eq!(found, None, "{path}:{}", n + 1);
            assert!(line == line.trim_end(), "{path}:{} ends with a space", n + 1);
        }
    }
}

const INTRODUCTION: &str = "\
# Specs

Each spec says what a part of Refrain has to do and why it is done so. Code links to the section that it implements.
A spec is numbered `NNNN-title.md` and never renumbered; one that no longer holds says so at its top and names its
successor. This list is written by `make schemas`.

";

/// Returns what the index is to say: the title of every spec, in the order of their numbers.
fn index() -> String {
    let mut index = String::from(INTRODUCTION);
    for spec in
        files("specs").iter().filter(|spec| spec.path.ends_with(".md") && spec.path != "specs/README.md")
    {
        let name = spec.path.trim_start_matches("specs/");
        let title = spec.text.lines().next().and_then(|line| line.strip_prefix("# "));
        let title = title.unwrap_or_else(|| panic!("{}: the first line is no title", spec.path));
        writeln!(index, "- [{title}]({name})").unwrap();
    }
    index.trim_end().to_owned() + "\n"
}

#[test]
fn checked_in_index_of_specs_is_up_to_date() {
    let path = root().join("specs/README.md");
    if std::env::var_os("REFRAIN_UPDATE").is_some() {
        fs::write(&path, index()).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), index(), "run `make schemas` and commit");
}
