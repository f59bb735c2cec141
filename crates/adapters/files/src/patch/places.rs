//! Which files are patched, and where their copies go.

use std::collections::BTreeSet;

use refrain_core::ports::files::FileError;

use crate::pattern::{find, fixed_folder, is_literal, matches};
use crate::root::{Root, normal};

/// What stands for the path of a patched file below the fixed folder of its pattern.
const FILE: &str = "{file}";

/// A file and where its copy goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// Returns the files that are patched, sorted.
pub(crate) fn sources(root: &Root, patterns: &[String]) -> Result<Vec<String>, FileError> {
    find(root, patterns).map_err(|error| match error {
        FileError::Params { message, .. } => FileError::Params { field: "patch".to_owned(), message },
        error => error,
    })
}

/// Returns the files that are patched, sorted, and where their copies go.
pub(crate) fn pairs(root: &Root, patterns: &[String], path: &str) -> Result<Vec<Pair>, FileError> {
    let from = sources(root, patterns)?;
    let (mut pairs, mut taken) = (Vec::with_capacity(from.len()), BTreeSet::new());
    for file in &from {
        let to = normal(&path.replace(FILE, below(file, patterns)?))?;
        if let Some(pattern) = patterns.iter().find(|pattern| matches(pattern, &to)) {
            let message = format!("`{to}` would be patched itself next time: `patch` has `{pattern}`");
            return Err(refused(message));
        }
        if !taken.insert(to.clone()) {
            let message = format!("`{to}` stands for several files; write `{FILE}` for the path of each");
            return Err(refused(message));
        }
        pairs.push(Pair { from: file.clone(), to });
    }
    Ok(pairs)
}

/// Returns the path of a file below the fixed folder of the first pattern that names it.
fn below<'a>(file: &'a str, patterns: &[String]) -> Result<&'a str, FileError> {
    let Some(pattern) = patterns.iter().find(|pattern| matches(pattern, file)) else { return Ok(file) };
    let folder = if is_literal(pattern) {
        file.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned()
    } else {
        fixed_folder(&normal(pattern)?)
    };
    let rest = file.strip_prefix(&folder).unwrap_or(file);
    Ok(rest.trim_start_matches('/'))
}

fn refused(message: String) -> FileError {
    FileError::Params { field: "path".to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patterns: &[&str], path: &str, expect: Result<&[(&str, &str)], &str>) {
        let folder = tempfile::tempdir().unwrap();
        for path in ["a.rpy", "s/a.rpy", "s/t/b.rpy"] {
            let full = folder.path().join(path);
            std::fs::create_dir_all(full.parent().unwrap()).unwrap();
            std::fs::write(full, "").unwrap();
        }
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        let found = pairs(&Root::new(folder.path()), &patterns, path).map_err(|e| e.to_string());
        let found: Result<Vec<(String, String)>, String> =
            found.map(|pairs| pairs.into_iter().map(|pair| (pair.from, pair.to)).collect());
        let expect = expect.map_err(str::to_owned).map(|pairs| {
            pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect::<Vec<_>>()
        });
        assert_eq!(found, expect, "{patterns:?}");
    }

    #[test]
    fn copies_keep_their_folders() {
        check(
            &["s/**/*.rpy"],
            "out/ja/{file}",
            Ok(&[("s/a.rpy", "out/ja/a.rpy"), ("s/t/b.rpy", "out/ja/t/b.rpy")]),
        );
        check(&["s/a.rpy"], "out/{file}", Ok(&[("s/a.rpy", "out/a.rpy")]));
        check(
            &["s/t/b.rpy", "a.rpy"],
            "o/{file}.x",
            Ok(&[("a.rpy", "o/a.rpy.x"), ("s/t/b.rpy", "o/b.rpy.x")]),
        );
        check(&["./a.rpy"], "ja.rpy", Ok(&[("a.rpy", "ja.rpy")]));
    }

    #[test]
    fn copies_have_places_of_their_own() {
        let told = "params.path: `out/x.rpy` stands for several files; write `{file}` for the path of each";
        check(&["s/**/*.rpy"], "out/x.rpy", Err(told));
        let told = "params.path: `s/a.rpy` would be patched itself next time: `patch` has `s/**/*.rpy`";
        check(&["s/**/*.rpy"], "s/{file}", Err(told));
        let told = "params.path: `a.rpy` would be patched itself next time: `patch` has `a.rpy`";
        check(&["a.rpy"], "{file}", Err(told));
        check(&["none/*.rpy"], "out/{file}", Err("no file none/*.rpy"));
        check(&["s"], "out/{file}", Err("params.patch: `s` is a folder; write `s/*` for the files in it"));
    }
}
