//! `read` and `write`: what their params may say. The engine does their work through the ports for files.
//!
//! `read`: `files`, a pattern or a list of them, and `format` (`csv`, `jsonl`, `json`, `txt`; else the file's ending
//! tells). `write`: `path`, `format`, and `columns`, the fields of a CSV file in order.

use refrain_core::ports::agent::SpecProblem;
use serde_json::{Map, Value};

use crate::params::Params;

const FORMATS: [&str; 4] = ["csv", "jsonl", "json", "txt"];

pub(crate) fn check_read(map: &Map<String, Value>) -> Vec<SpecProblem> {
    let params = Params::new(map).unfilled();
    let files = params.texts("files");
    if is_absent(map, "files") || files.is_some_and(|files| files.iter().any(|file| file.is_empty())) {
        let hint = "name a file, a pattern such as `data/*.csv`, or a list of them".to_owned();
        params.problem("files", "names no file", Some(hint));
    }
    check_format(&params);
    params.finish(Some(())).err().unwrap_or_default()
}

pub(crate) fn check_write(map: &Map<String, Value>) -> Vec<SpecProblem> {
    let params = Params::new(map).unfilled();
    if is_absent(map, "path") || params.text("path") == Some("") {
        let hint = "for instance `path: \"out/{{ scope.language }}.csv\"`".to_owned();
        params.problem("path", "names no file", Some(hint));
    }
    let format = check_format(&params);
    if params.texts("columns").is_some() && format.is_some_and(|format| format != "csv") {
        params.problem("columns", "only CSV files have columns", None);
    }
    params.finish(Some(())).err().unwrap_or_default()
}

fn is_absent(map: &Map<String, Value>, name: &str) -> bool {
    map.get(name).is_none_or(Value::is_null)
}

fn check_format(params: &Params<'_>) -> Option<&'static str> {
    params.get("format")?;
    Some(params.word("format", &FORMATS))
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
        check(check_read, json!({}), &["params.files: names no file"]);
        check(check_read, json!({"files": [""]}), &["params.files: names no file"]);
        check(
            check_read,
            json!({"files": 3, "format": "xml", "path": ""}),
            &[
                "params.files: must be a list of texts, not 3",
                "params.format: `xml` is none of csv, jsonl, json, txt",
                "params.path: there is no such param",
            ],
        );
    }

    #[test]
    fn write_is_checked() {
        check(check_write, json!({"path": "out/{{ scope.language }}.csv", "columns": ["a", "b"]}), &[]);
        check(check_write, json!({"columns": "{{ params.columns }}"}), &["params.path: names no file"]);
        check(
            check_write,
            json!({"path": "x", "format": "jsonl", "columns": ["a"]}),
            &["params.columns: only CSV files have columns"],
        );
    }
}
