//! Bad data is a diagnostic with a place, never a panic; odd data is read as it is meant.

use crate::project::{Output, TestProject, phase};

const COPY: &str = "\
refrain: 1
name: data
phases:
  ingest:
    agent: { builtin: read, params: { files: lines.csv } }
    output: { records: lines, key: id }
  copy:
    units: { of: ingest }
    agent: { command: [fake_agent] }
    output: { records: lines, key: id }
";

fn with(data: impl AsRef<[u8]>) -> TestProject {
    let project = TestProject::new(COPY);
    std::fs::write(project.path("lines.csv"), data).unwrap();
    project
}

/// Fails where a run does not fail or does not say all of this, in words and in JSON.
#[track_caller]
fn check_refused(data: impl AsRef<[u8]>, parts: &[&str]) -> Output {
    let project = with(data);
    let report = project.run_json(&[], 1);
    let ingest = phase(&report, "ingest");
    assert_eq!((&ingest["status"], &report["calls"]), (&"failed".into(), &0.into()), "{report}");
    assert_eq!(phase(&report, "copy")["status"], "blocked");
    let output = project.run(&["run", "--quiet"]).expect(1);
    for part in parts {
        assert!(report.to_string().contains(part), "`{part}` is not in {report}");
        assert!(output.stdout.contains(part), "`{part}` is not in\n{}", output.stdout);
    }
    assert_eq!(project.not_fresh()[0], "ingest: failed (failed)");
    output
}

#[track_caller]
fn check_read(data: impl AsRef<[u8]>, shown: &str) {
    let project = with(data);
    project.run_json(&[], 0);
    assert_eq!(project.run(&["show", "copy"]).expect(0).stdout, shown);
    assert_eq!(project.not_fresh(), [""; 0]);
}

#[test]
fn bytes_that_are_not_utf8_are_named_with_their_place() {
    check_refused(b"id,text\na,fine\nb,caf\xe9\n", &["lines.csv:3", "UTF-8"]);
    check_refused(b"i\0d\0,\0", &["lines.csv:1", "UTF-16"]);
}

#[test]
fn a_byte_order_mark_tells_what_a_file_is() {
    let units = "\u{feff}id,text\r\na,caf\u{e9}\r\n".encode_utf16();
    check_read(units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>(), "{\"id\":\"a\",\"text\":\"café\"}\n");
}

#[test]
fn both_lines_of_a_duplicate_key_are_named() {
    check_refused("id,text\na,one\nb,two\na,three\n", &["lines.csv:4", "`a`", "line 2"]);
}

#[test]
fn rows_with_other_cells_than_the_header_are_named() {
    check_refused("id,text\na\nb,two,too many\nc,fine\n", &["lines.csv:2", "lines.csv:3"]);
}

#[test]
fn a_missing_key_column_is_named() {
    check_refused("name,text\na,one\n", &["lines.csv:1", "`id`"]);
    check_refused("id,text\na,one\n,two\n", &["lines.csv:3", "`id`"]);
}

#[test]
fn a_line_of_ten_megabytes_is_data() {
    let text = "x".repeat(10 << 20);
    let project = with(format!("id,text\na,{text}\nb,short\n"));
    let code = project.run(&["run", "--quiet"]).code;
    assert!(code == Some(0), "{code:?}");
    let shown = project.run(&["show", "copy", "--key", "a"]).expect(0).stdout;
    assert_eq!(shown.len(), text.len() + "{\"id\":\"a\",\"text\":\"\"}\n".len());
}

#[test]
fn byte_order_marks_and_carriage_returns_are_passed_over() {
    let shown = "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\"b\",\"text\":\"two\"}\n";
    check_read("\u{feff}id,text\na,one\nb,two\n", shown);
    check_read("id,text\r\na,one\r\n\r\nb,two\r\n", shown);
    check_read("\u{feff}id,text\r\n\"a\",\"one\"\r\nb,two", shown);
}

#[test]
fn a_file_without_rows_has_no_records() {
    check_read("id,text\n", "");
    let output = with("").run(&["run"]).expect(1);
    assert!(output.stdout.contains("lines.csv:1:1: the file has no header"), "{}", output.stdout);
}

#[test]
fn ids_may_be_anything() {
    let ids = ["日本語", "a/b", "x@ja", "#1", "-", "ß\u{301}", "👩‍🚀", "with space", "../up", "\"q\""];
    let rows: String = ids.iter().map(|id| format!("\"{}\",text\n", id.replace('"', "\"\""))).collect();
    let project = with(format!("id,text\n{rows}"));
    project.run_json(&[], 0);
    project.edit("lines.csv", "id,text", "id,words");
    for id in ids {
        let why = project.json(&["why", &format!("copy/{id}")], 0);
        assert_eq!(why["units"][0]["unit"], id);
        assert_eq!(why["units"][0]["change"], "changed");
        let shown = project.run(&["show", "copy", &format!("--key={id}")]).expect(0).json();
        assert_eq!(shown["id"], id);
        let ledger = project.json(&["ledger", &format!("--unit={id}")], 0);
        assert_eq!(ledger["calls"].as_array().map(Vec::len), Some(1), "{id}");
    }
}

#[test]
fn scopes_may_be_in_any_script() {
    let project = crate::staleness::pipeline("");
    project.edit("refrain.yaml", "[ja, fr]", "[日本語, \"zh-Hant TW\"]");
    project.run_json(&[], 0);
    assert!(project.path("out/日本語.csv").exists() && project.path("out/zh-Hant TW.csv").exists());
    assert_eq!(project.run(&["show", "translate@日本語"]).expect(0).stdout.lines().count(), 4);
    project.run_json(&["translate@zh-Hant TW", "--only", "--force"], 0);
    assert_eq!(project.not_fresh(), [""; 0]);
}

#[test]
fn a_source_that_is_gone_is_an_error_that_names_it() {
    let project = with("id,text\na,one\n");
    project.run_json(&[], 0);
    std::fs::remove_file(project.path("lines.csv")).unwrap();
    let output = project.run(&["run", "--quiet"]);
    assert!(matches!(output.code, Some(1 | 2)), "{output:?}");
    assert!(format!("{}{}", output.stdout, output.stderr).contains("lines.csv"), "{output:?}");
    // What was made is still there to be seen.
    project.run(&["show", "copy"]).expect(0);
}
