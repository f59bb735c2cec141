//! The broken engines of `make mutants` fit the engine as it is: what they replace is there, once.

use std::fs;

use crate::files::{File, files, root};

/// One place that a patch changes: the file, and what it has to say there.
struct Hunk {
    file: String,
    old: String,
}

fn hunks(patch: &str) -> Vec<Hunk> {
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut file = String::new();
    for line in patch.lines() {
        match line.as_bytes() {
            [b'+', b'+', b'+', ..] => file = line.trim_start_matches("+++ b/").to_owned(),
            [b'-', b'-', b'-', ..] | [b'+', ..] => {}
            [b'@', b'@', ..] => hunks.push(Hunk { file: file.clone(), old: String::new() }),
            // An empty line of context has lost its space: no line of this repository ends with one.
            _ => {
                if let Some(hunk) = hunks.last_mut() {
                    hunk.old += line.get(1..).unwrap_or_default();
                    hunk.old.push('\n');
                }
            }
        }
    }
    hunks
}

#[test]
fn broken_engines_break_the_engine_as_it_is() {
    let is_patch = |file: &File| file.path.ends_with(".patch");
    let patches: Vec<File> = files("mutants").into_iter().filter(is_patch).collect();
    assert_eq!(patches.len(), 5);
    for File { path, text } in patches {
        let hunks = hunks(&text);
        assert!(!hunks.is_empty(), "{path}");
        for Hunk { file, old } in hunks {
            let source = fs::read_to_string(root().join(&file)).unwrap();
            // Between the hunks of two files there is an empty line.
            let n = source.matches(old.trim_end()).count();
            assert_eq!(n, 1, "{path}: mend the patch; in {file} this is to be replaced:\n{old}");
        }
    }
}
