//! Finds the files that patterns name.
//!
//! A pattern with `*`, `?`, `[` or `{` is matched against project paths; `*` stays within a folder and `**` crosses
//! folders. Names that begin with a dot and links to folders are passed over; a path without such characters names
//! one file, whatever it is called.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};
use refrain_core::ports::files::FileError;

use crate::root::{Root, failed, normal};

/// Returns the files that some patterns name, sorted by path.
pub(crate) fn find(root: &Root, patterns: &[String]) -> Result<Vec<String>, FileError> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        if is_literal(pattern) {
            found.insert(literal(root, pattern)?);
            continue;
        }
        let mut matching = matching(root, pattern)?;
        if matching.is_empty() {
            return Err(FileError::Missing { path: pattern.clone() });
        }
        found.append(&mut matching);
    }
    Ok(found.into_iter().collect())
}

/// Whether a pattern names exactly one file.
pub(crate) fn is_literal(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', '{'])
}

fn literal(root: &Root, path: &str) -> Result<String, FileError> {
    let path = normal(path)?;
    let metadata = fs::metadata(root.resolve(&path)?).map_err(|e| failed("look at", &path, e))?;
    if metadata.is_dir() {
        return Err(FileError::Params {
            field: "files".to_owned(),
            message: format!("`{path}` is a folder; write `{path}/*` for the files in it"),
        });
    }
    Ok(path)
}

fn matching(root: &Root, pattern: &str) -> Result<BTreeSet<String>, FileError> {
    let pattern = normal(pattern)?;
    let base = fixed_folder(&pattern);
    let walk = Walk {
        root,
        glob: glob(&pattern)?,
        depth: if pattern.contains("**") { usize::MAX } else { pattern.split('/').count() },
    };
    let mut found = BTreeSet::new();
    let depth = base.split('/').filter(|part| !part.is_empty()).count() + 1;
    walk.folder(&base, depth, &mut found)?;
    Ok(found)
}

/// Returns the folders at the beginning of a pattern that are names rather than patterns.
pub(crate) fn fixed_folder(pattern: &str) -> String {
    let base: Vec<&str> = pattern.split('/').take_while(|part| is_literal(part)).collect();
    base.join("/")
}

/// Whether a pattern, or a path, names a file.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let Ok(pattern) = normal(pattern) else { return false };
    if is_literal(&pattern) { pattern == path } else { glob(&pattern).is_ok_and(|glob| glob.is_match(path)) }
}

fn glob(pattern: &str) -> Result<GlobMatcher, FileError> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob = glob.map_err(|e| FileError::Params {
        field: "files".to_owned(),
        message: format!("`{pattern}` is no pattern: {}", e.kind()),
    })?;
    Ok(glob.compile_matcher())
}

struct Walk<'a> {
    root: &'a Root,
    glob: GlobMatcher,
    /// How many names a matching path has at most.
    depth: usize,
}

impl Walk<'_> {
    fn folder(&self, folder: &str, depth: usize, found: &mut BTreeSet<String>) -> Result<(), FileError> {
        let full = self.root.resolve(folder)?;
        if depth > self.depth || !full.is_dir() {
            return Ok(());
        }
        for entry in fs::read_dir(full).map_err(|e| failed("list", folder, e))? {
            let entry = entry.map_err(|e| failed("list", folder, e))?;
            let kind = entry.file_type().map_err(|e| failed("look into", folder, e))?;
            let name = entry.file_name();
            let Some(path) = visible(folder, &name) else { continue };
            if kind.is_dir() {
                self.folder(&path, depth + 1, found)?;
            } else if self.glob.is_match(Path::new(&path)) && entry.path().is_file() {
                found.insert(path);
            }
        }
        Ok(())
    }
}

/// Returns the path of an entry, unless it is hidden or its name is not text.
fn visible(folder: &str, name: &std::ffi::OsStr) -> Option<String> {
    let name = name.to_str().filter(|name| !name.starts_with('.'))?;
    Some(if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patterns: &[&str], expect: Result<&[&str], &str>) {
        let folder = tempfile::tempdir().unwrap();
        for path in
            ["b.csv", "a.csv", "s/1.csv", "s/10.csv", "s/t/2.csv", "s/t/2.txt", ".h/x.csv", "s/.y.csv"]
        {
            let full = folder.path().join(path);
            fs::create_dir_all(full.parent().unwrap()).unwrap();
            fs::write(full, "").unwrap();
        }
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        let found = find(&Root::new(folder.path()), &patterns).map_err(|e| e.to_string());
        assert_eq!(
            found,
            expect.map(|paths| paths.iter().map(ToString::to_string).collect()).map_err(str::to_owned)
        );
    }

    #[test]
    fn patterns_find_files_in_path_order() {
        check(&["*.csv"], Ok(&["a.csv", "b.csv"]));
        check(&["s/*.csv"], Ok(&["s/1.csv", "s/10.csv"]));
        check(&["./s/**/*.csv"], Ok(&["s/1.csv", "s/10.csv", "s/t/2.csv"]));
        check(&["**/*.{csv,txt}"], Ok(&["a.csv", "b.csv", "s/1.csv", "s/10.csv", "s/t/2.csv", "s/t/2.txt"]));
        check(&["b.csv", "*.csv", "s/.y.csv"], Ok(&["a.csv", "b.csv", "s/.y.csv"]));
        check(&["*/t/?.csv"], Ok(&["s/t/2.csv"]));
    }

    #[test]
    fn what_matches_nothing_is_named() {
        check(&["*.csv", "*.json"], Err("no file *.json"));
        check(&["nowhere/*.csv"], Err("no file nowhere/*.csv"));
        check(&["c.csv"], Err("no file c.csv"));
        check(&["a.csv/x"], Err("no file a.csv/x"));
        check(&["../*.csv"], Err("../*.csv leads out of the project"));
        check(&["s"], Err("params.files: `s` is a folder; write `s/*` for the files in it"));
        check(
            &["[a.csv"],
            Err("params.files: `[a.csv` is no pattern: unclosed character class; missing ']'"),
        );
    }
}
