//! Generated files of every way of writing: quoted or not, with escapes or without, with all ends of lines and marks.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use refrain_schemas::json::Json;
use serde_json::{Value, json};

use super::{KEY, field, with};
use crate::folder::Folder;

/// A text, and how it is written.
#[derive(Debug, Clone)]
struct Written {
    text: String,
    quoted: bool,
    escaped: bool,
    end: &'static str,
    space: &'static str,
}

fn written() -> impl Strategy<Value = Written> {
    let parts =
        vec!["a", "é", "日本", "💡", "\"", ",", "\t", "\\", "\r", "\n", " ", "\u{feff}", "'", "{", "]"];
    let text = prop::collection::vec(prop::sample::select(parts), 0..6).prop_map(|parts| parts.concat());
    let end = prop::sample::select(vec!["\n", "\r\n", "\n\n", "\n\r\n"]);
    let space = prop::sample::select(vec!["", " ", "\t "]);
    (text, any::<bool>(), any::<bool>(), end, space).prop_map(|(text, quoted, escaped, end, space)| Written {
        text,
        quoted,
        escaped,
        end,
        space,
    })
}

fn string(written: &Written) -> String {
    if !written.escaped {
        return Value::from(written.text.as_str()).to_string();
    }
    let units = written.text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<String>();
    format!("\"{units}\"")
}

fn csv(rows: &[Written]) -> String {
    let cell = |row: &Written| {
        let must = row.text.contains(['"', ',', '\n', '\r']) || row.text.starts_with('\u{feff}');
        if must || row.quoted { format!("\"{}\"", row.text.replace('"', "\"\"")) } else { row.text.clone() }
    };
    let rows = rows.iter().enumerate().map(|(n, row)| format!("{n},{},x{}", cell(row), row.end));
    format!("line_id,text,\"more\"\n{}", rows.collect::<String>())
}

fn jsonl(rows: &[Written]) -> String {
    let row = |(n, row): (usize, &Written)| {
        let (space, text) = (row.space, string(row));
        if row.quoted {
            format!("{space}{{\"text\":{space}{text},\"line_id\":{n}}}{space}{}", row.end)
        } else {
            format!("{{{space}\"line_id\": {n},{space}\"n\":1.50 ,\"text\"{space}: {text}}}{}", row.end)
        }
    };
    rows.iter().enumerate().map(row).collect()
}

fn table(rows: &[Written]) -> String {
    let row = |(n, row): (usize, &Written)| {
        let (space, text) = (row.space, string(row));
        if row.quoted {
            format!("\"{n}\":{space}{text}")
        } else {
            format!("\"{n}\"{space}:{{\"name\": \"x\",{}\"message\":{text}{space}}}", row.end)
        }
    };
    format!("{{{}}}\n", rows.iter().enumerate().map(row).collect::<Vec<_>>().join(" ,\n"))
}

fn lines(rows: &[Written]) -> String {
    let text = |row: &Written| row.text.replace(['\n', '\r'], "").trim_start_matches('\u{feff}').to_owned();
    rows.iter().map(|row| format!("{}{}", text(row), row.end)).collect()
}

fn check(
    file: &str,
    params: &Value,
    text: &str,
    mark: bool,
    end: bool,
    at: usize,
) -> Result<(), TestCaseError> {
    let text = if end { text } else { text.trim_end_matches(['\n', '\r']) };
    let text = format!("{}{text}", if mark { "\u{feff}" } else { "" });
    let folder = Folder::new(&[(file, text.as_bytes())]);
    let merge = |more: Value| {
        let mut params = params.clone();
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let read = || folder.read(merge(json!({ "files": file })), KEY).map(|(records, _)| records);
    let patch = |records: &[Json]| {
        let params = merge(json!({"patch": file, "path": "out", "missing": "keep", "encoding": "utf-8"}));
        folder.patch(params, KEY, records).map(|_| folder.text("out"))
    };
    let failed = |e: refrain_core::ports::files::FileError| TestCaseError::fail(format!("{e}: {text:?}"));
    let records = read().map_err(failed)?;
    prop_assert_eq!(&patch(&records).map_err(failed)?, &text);
    if records.is_empty() {
        return Ok(());
    }
    let at = at % records.len();
    let other = with(&records[at], "text", "an, \"other\"\ttext 済");
    folder.put(file, patch(std::slice::from_ref(&other)).map_err(failed)?.as_bytes());
    for (n, (was, is)) in records.iter().zip(read().map_err(failed)?).enumerate() {
        let expect = if n == at { &other } else { was };
        let ids = file == "a.txt";
        let same = if ids { field(expect, "text") == field(&is, "text") } else { *expect == is };
        prop_assert!(same, "{expect} {is}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96, rng_seed: RngSeed::Fixed(18), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_not_changed_stays_as_it_was_written(
        rows in prop::collection::vec(written(), 0..6), mark: bool, end: bool, at in 0_usize..6,
    ) {
        check("a.csv", &json!({}), &csv(&rows), mark, end, at)?;
        check("a.jsonl", &json!({}), &jsonl(&rows), mark, end, at)?;
        check("a.json", &json!({"format": "table"}), &table(&rows), mark, end, at)?;
        check("a.txt", &json!({}), &lines(&rows), mark, end, at)?;
    }
}
