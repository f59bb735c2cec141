//! `read` and `write`: what their params may say. The engine does their work through the ports for files.
//!
//! `read`: `files`, a pattern or a list of them. `write`: `path`, and for a new file `columns`, the fields of a CSV file in
//! order; or `patch`, the source files whose copies get other texts. What both may say of files: `format` (else the file's
//! ending tells), `delimiter`, `encoding`, `ids`, `text`, `speaker`, `scene`, `at`.

use refrain_core::ports::agent::SpecProblem;
use serde_json::{Map, Value};

use crate::params::Params;

const FORMATS: [&str; 8] = ["csv", "jsonl", "json", "txt", "table", "renpy", "po", "xliff"];

/// The endings of names that tell a format.
const ENDINGS: [&str; 11] =
    ["csv", "tsv", "jsonl", "ndjson", "json", "txt", "rpy", "po", "pot", "xlf", "xliff"];

const ENCODINGS: [&str; 7] = ["utf-8", "utf-16", "utf-16le", "utf-16be", "shift_jis", "auto", "mark"];

/// What is said of files that are read or patched, and not of new ones.
const OF_SOURCES: [&str; 4] = ["id", "ids", "scene", "at"];

pub(crate) fn check_read(map: &Map<String, Value>) -> Vec<SpecProblem> {
    let params = Params::new(map).unfilled();
    check_patterns(&params, map, "files");
    check_file(&params);
    for name in OF_SOURCES {
        check_text(&params, name);
    }
    check_word(&params, "ids", &["file", "content"]);
    params.finish(Some(())).err().unwrap_or_default()
}

pub(crate) fn check_write(map: &Map<String, Value>) -> Vec<SpecProblem> {
    let params = Params::new(map).unfilled();
    let path = params.text("path");
    if is_absent(map, "path") || path == Some("") {
        let hint = "for instance `path: \"out/{{ scope.language }}.csv\"`".to_owned();
        params.problem("path", "names no file", Some(hint));
    }
    check_file(&params);
    for name in ["field", "language", "source_language"] {
        check_text(&params, name);
    }
    if is_absent(map, "patch") {
        check_compose(&params, path);
    } else {
        check_patch(&params, map, path);
    }
    check_expected(&params, !is_absent(map, "patch"));
    params.finish(Some(())).err().unwrap_or_default()
}

fn check_compose(params: &Params<'_>, path: Option<&str>) {
    if params.get("format").is_none()
        && let Some(path) = path
    {
        check_ending(params, "path", path);
    }
    if params.texts("columns").is_some_and(|columns| columns.is_empty()) {
        params.problem("columns", "names no field", None);
    }
    for name in ["column", "missing"].into_iter().chain(OF_SOURCES) {
        if params.get(name).is_some() {
            let hint = "name the source files with `patch:`, or leave it out".to_owned();
            params.problem(name, "is of use with `patch` alone", Some(hint));
        }
    }
    if path.is_some_and(|path| path.contains("{file}")) {
        params.problem("path", "has `{file}`, which stands for a file that is patched", None);
    }
}

fn check_patch(params: &Params<'_>, map: &Map<String, Value>, path: Option<&str>) {
    let patterns = check_patterns(params, map, "patch");
    check_text(params, "column");
    check_word(params, "missing", &["fail", "keep"]);
    for name in OF_SOURCES {
        check_text(params, name);
    }
    check_word(params, "ids", &["file", "content"]);
    if params.get("columns").is_some() {
        let hint = "`column` names the one that is set".to_owned();
        params.problem("columns", "is of no use with `patch`", Some(hint));
    }
    let several = patterns.len() > 1 || patterns.iter().any(|pattern| is_pattern(pattern));
    if several && path.is_some_and(|path| !path.contains("{file}")) {
        let hint = "for instance `path: \"out/{{ scope.language }}/{file}\"`".to_owned();
        params.problem("path", "is the same for every file that is patched", Some(hint));
    }
}

/// Checks what is said of all files.
fn check_file(params: &Params<'_>) {
    check_word(params, "format", &FORMATS);
    check_word(params, "encoding", &ENCODINGS);
    for name in ["text", "speaker"] {
        check_text(params, name);
    }
    if let Some(delimiter) = params.text("delimiter")
        && delimiter != "tab"
        && (delimiter.len() != 1 || "\"\n\r".contains(delimiter))
    {
        params.problem("delimiter", "is not one character such as `;`, or `tab`", None);
    }
}

fn check_patterns<'a>(params: &Params<'a>, map: &Map<String, Value>, name: &'static str) -> Vec<&'a str> {
    let patterns = params.texts(name);
    let empty =
        |patterns: &Vec<&str>| patterns.is_empty() || patterns.iter().any(|pattern| pattern.is_empty());
    if is_absent(map, name) || patterns.as_ref().is_some_and(empty) {
        let hint = "name a file, a pattern such as `data/*.csv`, or a list of them".to_owned();
        params.problem(name, "names no file", Some(hint));
    }
    let patterns = patterns.unwrap_or_default();
    if params.get("format").is_none() {
        patterns.iter().for_each(|pattern| check_ending(params, name, pattern));
    }
    patterns
}

/// Says so where the ending of a name does not tell a format.
fn check_ending(params: &Params<'_>, name: &str, path: &str) {
    let Some((_, ending)) = path.rsplit('/').next().and_then(|file| file.rsplit_once('.')) else { return };
    let known = ENDINGS.contains(&ending.to_ascii_lowercase().as_str());
    if !known && !is_pattern(ending) && !ending.contains('}') {
        let hint = format!("add `format:` with one of {}", FORMATS.join(", "));
        params.problem(name, &format!("the ending `.{ending}` does not tell the format"), Some(hint));
    }
}

fn check_expected(params: &Params<'_>, patches: bool) {
    let Some(expected) = params.get("expected") else { return };
    match expected.as_str() {
        Some("source") if patches => {}
        Some("source") => {
            params.problem("expected", "is `source`, but no source is patched; give a number", None);
        }
        Some(text) if text.parse::<u64>().is_ok() => {}
        _ if expected.is_u64() => {}
        _ => params.problem("expected", "is neither a number nor `source`", None),
    }
}

fn check_word(params: &Params<'_>, name: &'static str, words: &[&'static str]) {
    if params.get(name).is_some() {
        params.word(name, words);
    }
}

fn check_text(params: &Params<'_>, name: &'static str) {
    if params.text(name) == Some("") {
        params.problem(name, "is empty", None);
    }
}

fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

fn is_absent(map: &Map<String, Value>, name: &str) -> bool {
    map.get(name).is_none_or(Value::is_null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(check: fn(&Map<String, Value>) -> Vec<SpecProblem>, params: Value, expect: &[&str]) {
        let problems = check(params.as_object().unwrap());
        let found: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.field, p.message)).collect();
        assert_eq!(found, expect, "{params}");
    }

    #[test]
    fn read_is_checked() {
        check(check_read, json!({"files": "a/*.csv"}), &[]);
        check(check_read, json!({"files": ["a.csv", "{{ params.b }}"], "format": "txt"}), &[]);
        check(check_read, json!({"files": ["a/*", "a/*.{csv,txt}", "{{ params.b }}"]}), &[]);
        let all = json!({
            "files": "a.rpy", "encoding": "shift_jis", "ids": "content", "text": "ja", "speaker": "who",
            "scene": "file", "at": "maps.*", "delimiter": "tab",
        });
        check(check_read, all, &[]);
        check(check_read, json!({}), &["params.files: names no file"]);
        check(check_read, json!({"files": [""]}), &["params.files: names no file"]);
        check(
            check_read,
            json!({"files": 3, "format": "xml", "path": ""}),
            &[
                "params.files: must be a list of texts, not 3",
                "params.format: `xml` is none of csv, jsonl, json, txt, table, renpy, po, xliff",
                "params.path: there is no such param",
            ],
        );
        check(
            check_read,
            json!({"files": "a.ks", "encoding": "sjis", "ids": "line", "text": "", "delimiter": "::"}),
            &[
                "params.files: the ending `.ks` does not tell the format",
                "params.encoding: `sjis` is none of utf-8, utf-16, utf-16le, utf-16be, shift_jis, auto, mark",
                "params.text: is empty",
                "params.delimiter: is not one character such as `;`, or `tab`",
                "params.ids: `line` is none of file, content",
            ],
        );
    }

    #[test]
    fn write_is_checked() {
        check(check_write, json!({"path": "out/{{ scope.language }}.csv", "columns": ["a", "b"]}), &[]);
        check(check_write, json!({"columns": "{{ params.columns }}"}), &["params.path: names no file"]);
        check(check_write, json!({"path": "x.po", "language": "ja", "expected": 3}), &[]);
        check(
            check_write,
            json!({"path": "x.doc", "columns": [], "missing": "keep", "at": "a", "expected": "source"}),
            &[
                "params.path: the ending `.doc` does not tell the format",
                "params.columns: names no field",
                "params.missing: is of use with `patch` alone",
                "params.at: is of use with `patch` alone",
                "params.expected: is `source`, but no source is patched; give a number",
            ],
        );
        check(
            check_write,
            json!({"path": "out/{file}.csv"}),
            &["params.path: has `{file}`, which stands for a file that is patched"],
        );
    }

    #[test]
    fn patching_is_checked() {
        let good = json!({
            "patch": "script/*.csv", "path": "out/{{ scope.language }}/{file}", "column": "ja", "missing": "keep",
            "expected": "source", "ids": "file", "field": "text",
        });
        check(check_write, good, &[]);
        check(check_write, json!({"patch": "a.csv", "path": "b.csv"}), &[]);
        check(
            check_write,
            json!({"patch": "script/*.csv", "path": "out.csv", "missing": "drop", "columns": ["a"], "expected": -1}),
            &[
                "params.missing: `drop` is none of fail, keep",
                "params.columns: is of no use with `patch`",
                "params.path: is the same for every file that is patched",
                "params.expected: is neither a number nor `source`",
            ],
        );
        check(check_write, json!({"patch": [], "path": "b.csv"}), &["params.patch: names no file"]);
    }
}
