//! Edits come back from whatever an export can be written as.

use serde_json::{Value, json};

use super::{assert_counts, import};
use crate::project::TestProject;

pub(super) const LINES: &str =
    "id,text,speaker\none,first line,Ann\ntwo,second line,Bo\nthree,third line,Ann\nfour,second line,Bo\n";

/// Reads lines from a source, puts them in capitals, and writes them by these params.
fn project(read: &Value, write: &Value, key: &str) -> TestProject {
    carrying(read, write, key, &json!({}))
}

/// The same, with fields that lines take over from their source.
fn carrying(read: &Value, write: &Value, key: &str, carry: &Value) -> TestProject {
    let pipeline = json!({
        "refrain": 1, "name": "small",
        "agents": {"translator": {"command": ["fake_agent", "--upper"]}},
        "phases": {
            "ingest": {"agent": {"builtin": "read", "params": read}, "output": {"records": "lines", "key": key}},
            "translate": {"units": {"of": "ingest"}, "agents": {"translator": 1}, "output": {"records": "lines", "key": key, "carry": carry}},
            "export": {"units": {"of": "translate"}, "agent": {"builtin": "write", "params": write}},
        },
    });
    TestProject::empty().file("refrain.json", &pipeline.to_string())
}

/// Edits the second line of an export, imports it, and runs again: that line alone is the person's from then on.
#[track_caller]
fn check(project: &TestProject, path: &str, key: &str) {
    project.run_json(&[], 0);
    let before = project.read(path);
    assert_counts(&import(project, &[path, "--dry-run"]), 0, 0, 0);
    let edited = before.replacen("SECOND LINE", "the person's line", 1);
    assert_ne!(edited, before, "{before}");
    project.write(path, &edited);
    let report = import(project, &[path]);
    assert_counts(&report, 1, 0, 0);
    assert_eq!(report["fields"][0]["field"], json!("text"), "{report}");
    assert_eq!(report["fields"][0]["new"], json!("the person's line"));
    assert_eq!((&report["unknown"], &report["absent"]), (&json!([]), &json!([])), "{report}");
    if !key.is_empty() {
        assert_eq!(report["fields"][0]["key"], json!(key));
    }
    let ran = project.run_json(&[], 0);
    assert_eq!(ran["calls"], json!(0), "{ran}");
    assert_eq!(project.read(path), edited, "what was edited is what is written");
    assert_eq!(project.not_fresh(), [""; 0]);
}

fn composed(path: &str, params: Value) {
    let mut write = json!({"path": path});
    write.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
    let project = project(&json!({"files": "lines.csv"}), &write, "id").file("lines.csv", LINES);
    check(&project, path, "two");
}

#[test]
fn new_files() {
    composed("out/lines.csv", json!({"columns": ["text", "id"]}));
    composed("out/lines.tsv", json!({}));
    composed("out/lines.csv", json!({"delimiter": ";"}));
    composed("out/lines.jsonl", json!({}));
    composed("out/lines.json", json!({}));
    composed("out/lines.txt", json!({}));
}

#[test]
fn files_of_translation_tools() {
    for path in ["out/lines.po", "out/lines.xlf"] {
        let write = json!({"path": path, "language": "fr", "source_language": "en"});
        let read = json!({"files": "lines.csv"});
        let project = carrying(&read, &write, "id", &json!({"source": "text"})).file("lines.csv", LINES);
        check(&project, path, "two");
    }
}

#[test]
fn a_mark_that_is_taken_away_is_taken_away() {
    let write = json!({"path": "out/lines.po", "language": "fr", "source_language": "en"});
    let project = carrying(&json!({"files": "lines.csv"}), &write, "id", &json!({"source": "text"}))
        .file("lines.csv", LINES);
    project.run_json(&[], 0);
    let first = project.read("out/lines.po");
    let at = first.find("msgctxt \"two\"").unwrap();
    project.write("out/lines.po", &format!("{}#, fuzzy\n{}", &first[..at], &first[at..]));
    assert_counts(&import(&project, &["out/lines.po"]), 1, 0, 0);
    project.run_json(&[], 0);
    assert!(project.read("out/lines.po").contains("fuzzy\nmsgctxt \"two\""));
    project.edit("out/lines.po", "#, fuzzy\n", "");
    let report = import(&project, &["out/lines.po"]);
    assert_eq!(report["from"]["revision"], json!(2), "{report}");
    project.run_json(&[], 0);
    assert!(!project.read("out/lines.po").contains("fuzzy\nmsgctxt \"two\""), "{report}");
}

#[test]
fn a_text_that_is_gone_is_no_translation_and_a_person_may_say_that_it_is_to_be_empty() {
    let target = "<target state=\"translated\">SECOND LINE</target>";
    let gone = [
        ("out/lines.csv", "two,second line,SECOND LINE", "two,second line,"),
        ("out/lines.jsonl", "second line\",\"text\":\"SECOND LINE\"", "second line\",\"text\":\"\""),
        ("out/lines.po", "msgstr \"SECOND LINE\"", "msgstr \"\""),
        ("out/lines.xlf", target, "<target state=\"needs-translation\"/>"),
        ("out/lines.xlf", target, "<target state=\"needs-translation\">second line</target>"),
    ];
    for (path, text, empty) in gone {
        let write = json!({"path": path, "language": "fr", "source_language": "en"});
        let write = if path.contains("json") || path.contains("csv") { json!({"path": path}) } else { write };
        let read = json!({"files": "lines.csv"});
        let project = carrying(&read, &write, "id", &json!({"source": "text"})).file("lines.csv", LINES);
        project.run_json(&[], 0);
        let made = project.read(path);
        let text = if made.contains(text) { text } else { "<target>SECOND LINE</target>" };
        let theirs = made.replacen(text, empty, 1);
        assert_ne!(theirs, made);
        project.write(path, &theirs);
        let report = import(&project, &[path, "--dry-run"]);
        assert_counts(&report, 0, 0, 0);
        assert_eq!((&report["blank"], &report["unchanged"]), (&json!(["two"]), &json!(3)), "{report}");
        let said = project.run(&["edit", "import", path, "--by", "ana"]).expect(0).stdout;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let part = "one text is empty or marked as not translated in the file, left as before: two \
                    (`refrain edit set translate/two --text ''`";
        assert!(said.contains(part), "{said}");
        project.run_json(&[], 0);
        assert_eq!(project.read(path), made);
        project.run(&["edit", "set", "translate/two", "--text", "", "--by", "ana"]).expect(0);
        project.run_json(&[], 0);
        assert_ne!(project.read(path), made);
        // What is empty already may stay so.
        let report = import(&project, &[path]);
        assert_eq!((&report["blank"], &report["unchanged"]), (&json!([]), &json!(4)), "{report}");
    }
}

#[test]
fn a_copy_in_another_encoding_is_taken_where_that_is_said() {
    let write = json!({"path": "out/lines.csv", "encoding": "shift_jis"});
    let project = project(&json!({"files": "lines.csv"}), &write, "id").file("lines.csv", LINES);
    project.run_json(&[], 0);
    let made = project.read("out/lines.csv");
    project.write("copy.csv", &made.replacen("SECOND LINE", "あ", 1));
    let copy = ["edit", "import", "copy.csv", "--from", "export", "--by", "ana"];
    let said = project.run(&copy).expect(2).stderr;
    assert!(said.contains("--encoding utf-8"), "{said}");
    let report = import(&project, &["copy.csv", "--from", "export", "--encoding", "utf-8"]);
    assert_counts(&report, 1, 0, 0);
    assert_eq!(report["fields"][0]["new"], json!("あ"));
    project.write(
        "copy.csv",
        &made.lines().map(|line| format!("\"{}\"\n", line.replace(',', "\";\""))).collect::<String>(),
    );
    let said = project.run(&copy).expect(2).stderr;
    assert!(said.contains("--delimiter ';'"), "{said}");
    let report = import(&project, &["copy.csv", "--from", "export", "--delimiter", ";", "--dry-run"]);
    assert_eq!(report["unchanged"], json!(4), "{report}");
}

#[test]
fn one_text_for_two_lines_makes_two_edits() {
    let write = json!({"path": "out/lines.rpy", "language": "french"});
    let project = project(&json!({"files": "lines.csv"}), &write, "id").file("lines.csv", LINES);
    project.run_json(&[], 0);
    project.edit("out/lines.rpy", "new \"SECOND LINE\"", "new \"la deuxième\"");
    let report = import(&project, &["out/lines.rpy"]);
    assert_counts(&report, 2, 0, 0);
    assert_eq!(report["fields"][1]["new"], json!("la deuxième"));
    // What it was translated from is nobody's to change here.
    project.edit("out/lines.rpy", "old \"THIRD LINE\"", "old \"not this\"");
    assert_eq!(import(&project, &["out/lines.rpy"])["n_other_source"], json!(1));
    project.run_json(&[], 0);
    assert!(project.read("out/lines.rpy").contains("new \"la deuxième\""));
}

#[test]
fn changed_copies_of_tables() {
    let write = json!({"patch": "lines.csv", "path": "out/lines.csv"});
    let project = project(&json!({"files": "lines.csv"}), &write, "id").file("lines.csv", LINES);
    check(&project, "out/lines.csv", "two");
    let write = json!({"patch": "lines.csv", "path": "out/lines.csv", "column": "translation"});
    let project = self::project(&json!({"files": "lines.csv"}), &write, "id")
        .file("lines.csv", &LINES.replace(",speaker\n", ",translation\n"));
    check(&project, "out/lines.csv", "two");
}

#[test]
fn lines_that_were_renamed_since_keep_what_was_written_in_an_old_copy() {
    let write = json!({"patch": "lines.csv", "path": "out/lines.csv"});
    let project = project(&json!({"files": "lines.csv"}), &write, "id").file("lines.csv", LINES);
    project.run_json(&[], 0);
    let old = project.read("out/lines.csv");
    project.write("old.csv", &old.replacen("THIRD LINE", "mine", 1).replacen("FIRST LINE", "gone", 1));
    project.edit("lines.csv", "three,", "third,");
    project.edit("lines.csv", "one,first line,Ann\n", "");
    project.run_json(&[], 0);
    let report = import(&project, &["old.csv", "--from", "export"]);
    assert_counts(&report, 2, 0, 0);
    assert_eq!((&report["n_unknown"], &report["from"]["revision"]), (&json!(0), &json!(1)), "{report}");
    assert_eq!(
        (&report["moved"], &report["gone"]),
        (&json!({"three": "third"}), &json!(["one"])),
        "{report}"
    );
    let list = project.run(&["edit", "list", "--json"]).expect(0).json();
    let edits = list["targets"][0]["edits"].as_array().unwrap();
    let third = edits.iter().find(|edit| edit["key"] == json!("third")).unwrap();
    assert_eq!(third["locked"], json!(true), "{list}");
    let ran = project.run_json(&[], 0);
    assert_eq!(ran["calls"], json!(0), "{ran}");
    assert!(project.read("out/lines.csv").contains("third,mine,Ann\n"));
    // Where it was written it is found as well, before the next run and after it.
    project.edit("out/lines.csv", "third,mine", "third,mine again");
    project.edit("lines.csv", "third,", "last,");
    assert_counts(&import(&project, &["out/lines.csv"]), 0, 1, 0);
    project.run_json(&[], 0);
    assert!(project.read("out/lines.csv").contains("last,mine again,Ann\n"));
}

#[test]
fn changed_copies_of_text_without_ids() {
    let write = json!({"patch": "script/*.txt", "path": "out/{file}"});
    let project = project(&json!({"files": "script/*.txt"}), &write, "line_id")
        .file("script/a.txt", "first line\nsecond line\n")
        .file("script/b.txt", "second line\nthird line\nsecond line\n");
    check(&project, "out/b.txt", "");
    let listed = project.run(&["edit", "list", "--json"]).expect(0).json();
    let lines = project.run(&["show", "ingest"]).expect(0).stdout;
    let third: Value = serde_json::from_str(lines.lines().nth(2).unwrap()).unwrap();
    assert_eq!(
        listed["targets"][0]["edits"][0]["key"], third["line_id"],
        "the first line of the second file"
    );
    // A line more, and nobody knows which is which.
    project.write("out/b.txt", "ONE MORE\nSECOND LINE\nTHIRD LINE\nSECOND LINE\n");
    let output = project.run(&["edit", "import", "out/b.txt", "--by", "ana"]).expect(2);
    assert!(output.stderr.contains("there are 4 lines and there were 3"), "{}", output.stderr);
}

#[test]
fn changed_copies_of_game_scripts() {
    let script = "\
label start:
    \"first line\"
    bo \"second line\"
    ann \"third line\"
    bo \"second line\"
";
    let write = json!({"patch": "script/*.rpy", "path": "out/{file}"});
    let project =
        project(&json!({"files": "script/*.rpy"}), &write, "line_id").file("script/start.rpy", script);
    check(&project, "out/start.rpy", "");
}

#[test]
fn a_script_that_changed_since_is_no_hindrance() {
    let write = json!({"patch": "script/*.txt", "path": "out/{file}"});
    let project = project(&json!({"files": "script/*.txt"}), &write, "line_id")
        .file("script/a.txt", "first line\nsecond line\n");
    project.run_json(&[], 0);
    project.edit("out/a.txt", "SECOND LINE", "mine");
    project.write("script/a.txt", "a new line\nfirst line\nsecond line\n");
    let report = import(&project, &["out/a.txt"]);
    assert_counts(&report, 1, 0, 0);
    project.run_json(&[], 0);
    assert_eq!(project.read("out/a.txt"), "A NEW LINE\nFIRST LINE\nmine\n");
}

#[test]
fn a_file_of_an_export_that_had_fewer_lines_is_taken_back() {
    let write = json!({"path": "out/lines.txt", "expected": 4});
    let project = project(&json!({"files": "lines.csv"}), &write, "id").file("lines.csv", LINES);
    project.run_json(&[], 0);
    let old = project.read("out/lines.txt");
    project.edit("refrain.json", "\"expected\":4", "\"expected\":5");
    project.write(
        "lines.csv",
        &format!("zero,a line before,Ann\n{LINES}").replacen("zero", "id,text,speaker\nzero", 1).replacen(
            "\nid,text,speaker\none",
            "\none",
            1,
        ),
    );
    project.run_json(&[], 0);
    project.write("ana.txt", &old.replacen("SECOND LINE", "mine", 1));
    let report = import(&project, &["ana.txt", "--from", "export"]);
    assert_counts(&report, 1, 0, 0);
    assert_eq!((&report["from"]["revision"], &report["fields"][0]["key"]), (&json!(1), &json!("two")));
    // One that fits only because it has as many lines does not.
    project.write("ana.txt", "a\nb\nc\nd\n");
    let output = project.run(&["edit", "import", "ana.txt", "--from", "export", "--by", "ana"]).expect(2);
    assert!(output.stderr.contains("there are 4 lines and there were 5"), "{}", output.stderr);
}

#[test]
fn what_an_export_does_not_take_from_its_records_is_no_edit() {
    let write = json!({"patch": "lines.csv", "path": "out/lines.csv"});
    let project = project(&json!({"files": "lines.csv"}), &write, "id").file("lines.csv", LINES);
    project.run_json(&[], 0);
    project.edit("out/lines.csv", "two,SECOND LINE,Bo", "two,mine,Bob");
    project.edit("out/lines.csv", "THIRD LINE,Ann", "THIRD LINE,Anna");
    let report = import(&project, &["out/lines.csv"]);
    assert_counts(&report, 1, 0, 0);
    assert_eq!(report["unwritten"], json!({"speaker": 2}));
    let said = project.run(&["edit", "import", "out/lines.csv", "--by", "ana"]).expect(0).stdout;
    assert!(said.contains("2 changes of speaker left out"), "{said}");
    project.run_json(&[], 0);
    assert!(project.read("out/lines.csv").contains("two,mine,Bo\n"));
    assert!(project.read("out/lines.csv.edited-1").contains("two,mine,Bob\n"), "it is nowhere else");
}

#[test]
fn edits_of_a_phase_that_is_taken_out_are_listed_and_warned_of() {
    let phase = |of: &Value| json!({"units": {"of": of}, "agents": {"translator": 1}, "output": {"records": "lines", "key": "id"}});
    let pipeline = |enabled: bool| {
        let mut edit = phase(&json!("translate"));
        edit["enabled"] = json!(enabled);
        let phases = json!({
            "ingest": {"agent": {"builtin": "read", "params": {"files": "lines.csv"}}, "output": {"records": "lines", "key": "id"}},
            "translate": phase(&json!("ingest")), "edit": edit,
            "export": {"units": {"of": ["edit", "translate"]}, "agent": {"builtin": "write", "params": {"path": "out/lines.csv"}}},
        });
        json!({"refrain": 1, "name": "small", "agents": {"translator": {"command": ["fake_agent", "--upper"]}}, "phases": phases}).to_string()
    };
    let project = TestProject::empty().file("refrain.json", &pipeline(true)).file("lines.csv", LINES);
    project.run_json(&[], 0);
    project.run(&["edit", "set", "edit/two", "--text", "mine", "--by", "ana"]).expect(0);
    assert!(!project.run(&["check"]).expect(0).stdout.contains("W0792"));
    project.write("refrain.json", &pipeline(false));
    let said = "1 edit of edit does not come out: phase `edit` is disabled (`enabled: false`)";
    let page = project.run(&["check"]).expect(0);
    assert!(page.stdout.contains("W0792") && page.stdout.contains(said), "{}", page.stdout);
    assert_eq!(project.json(&["check"], 0)["problems"][0]["code"], json!("W0792"));
    assert!(project.run(&["plan"]).expect(0).stderr.contains(said));
    assert!(project.run(&["run", "--progress", "none"]).expect(0).stderr.contains(said));
    let list = project.run(&["edit", "list"]).expect(0).stdout;
    assert!(list.contains("edit: 1 edit") && list.contains("is disabled"), "{list}");
    project.run(&["edit", "list", "edit"]).expect(0);
}

#[test]
fn edits_of_a_phase_that_is_skipped_are_warned_of_before_a_run_and_after_it() {
    let phase = |of: &Value| json!({"units": {"of": of}, "agents": {"translator": 1}, "output": {"records": "lines", "key": "id"}});
    let mut edit = phase(&json!("translate"));
    edit["when"] = json!("phases.ingest.records > 3");
    edit["needs"] = json!(["ingest"]);
    let polish = phase(&json!("edit"));
    let phases = json!({
        "ingest": {"agent": {"builtin": "read", "params": {"files": "lines.csv"}}, "output": {"records": "lines", "key": "id"}},
        "translate": phase(&json!("ingest")), "edit": edit, "polish": polish,
    });
    let agents = json!({"translator": {"command": ["fake_agent", "--upper"]}});
    let pipeline = json!({"refrain": 1, "name": "small", "agents": agents, "phases": phases});
    let project = TestProject::empty().file("refrain.json", &pipeline.to_string()).file("lines.csv", LINES);
    project.run_json(&[], 0);
    for target in ["edit/two", "polish/one"] {
        project.run(&["edit", "set", target, "--text", "mine", "--by", "ana"]).expect(0);
    }
    project.run_json(&[], 0);
    project.edit("lines.csv", "four,second line,Bo\n", "");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = [
        "1 edit of edit does not come out: phase `edit` is skipped: `when: phases.ingest.records > 3` is false",
        "1 edit of polish does not come out: phase `polish` is skipped: edit is skipped",
    ];
    assert!(!words(&project.run(&["check"]).expect(0).stdout).contains("W0792"), "nothing is skipped yet");
    let ran = words(&project.run(&["run", "--progress", "none"]).expect(0).stderr);
    assert!(said.iter().all(|said| ran.contains(said)), "{ran}");
    let again = words(&project.run(&["run", "--progress", "none"]).expect(0).stderr);
    assert!(said.iter().all(|said| again.matches(said).count() == 1), "{again}");
    let list = words(&project.run(&["edit", "list"]).expect(0).stdout);
    assert!(list.contains("phase `edit` is skipped"), "{list}");
    assert_eq!(project.json(&["check"], 0)["problems"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_file_of_an_export_of_long_ago_is_found() {
    let project = project(&json!({"files": "lines.csv"}), &json!({"path": "out/lines.csv"}), "id")
        .file("lines.csv", LINES);
    project.run_json(&[], 0);
    let first = project.read("out/lines.csv");
    for n in 0..8 {
        let old = project.read("lines.csv");
        let line = old.lines().last().unwrap().to_owned();
        project.write("lines.csv", &old.replace(&line, &format!("four,version {n},Bo")));
        project.run_json(&[], 0);
    }
    project.write("ana.csv", &first.replacen("SECOND LINE", "mine", 1));
    let report = import(&project, &["ana.csv", "--from", "export", "--dry-run"]);
    assert_counts(&report, 1, 0, 0);
    assert_eq!((&report["from"]["revision"], &report["from"]["latest"]), (&json!(1), &json!(9)), "{report}");
    assert_eq!(report["from"].get("passed_over"), None);
}

/// A project whose first export is in UTF-8 and whose second, of other lines, is in an encoding that lacks what is in one of
/// them.
fn of_two_encodings(first: &str, second: &str) -> TestProject {
    let write = json!({"path": "out/lines.csv"});
    let project = project(&json!({"files": "lines.csv"}), &write, "id").file("lines.csv", first);
    project.run_json(&[], 0);
    project.write("lines.csv", second);
    project.run_json(&[], 0);
    let pipeline = project.read("refrain.json");
    let coded = pipeline.replace("\"out/lines.csv\"", "\"out/lines.csv\",\"encoding\":\"shift_jis\"");
    project.write("refrain.json", &coded);
    project
}

#[test]
fn of_which_export_a_file_is_made_that_is_news_throughout_is_for_the_person_to_say() {
    let lamp = LINES.replace("first", "💡");
    let project = of_two_encodings(&lamp, LINES);
    let path = "ana.csv";
    let theirs = project.read("out/lines.csv").replace("LINE", "of ana's");
    project.write(path, &theirs);
    let refused = project.run(&["edit", "import", path, "--from", "export", "--by", "ana"]).expect(2);
    let said = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["it cannot be told", "4 of 4 records differ from #2", "--from export#2", "U+1F4A1"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // What is named is taken as it is, and so is what is clear.
    assert_counts(&import(&project, &[path, "--from", "export#2", "--dry-run"]), 4, 0, 0);
    project.write(path, &theirs.replacen("of ana's", "LINE", 3));
    assert_counts(&import(&project, &[path, "--from", "export", "--dry-run"]), 1, 0, 0);
    // What lies where it was written is of the export that wrote it.
    project.write("out/lines.csv", &theirs);
    assert_counts(&import(&project, &["out/lines.csv"]), 4, 0, 0);
}

#[test]
fn why_the_newest_export_is_passed_over_is_told() {
    let project = of_two_encodings(LINES, &LINES.replace("first", "💡"));
    let theirs = project.read("out/lines.csv").replace("💡", "FIRST").replacen("SECOND LINE", "mine", 1);
    project.write("out/lines.csv", &theirs);
    let report = import(&project, &["out/lines.csv", "--dry-run"]);
    assert_counts(&report, 1, 0, 0);
    let from = &report["from"];
    assert_eq!((&from["revision"], &from["latest"]), (&json!(1), &json!(2)));
    assert!(from["passed_over"].as_str().unwrap().contains("U+1F4A1"), "{report}");
    let page = project.run(&["edit", "import", "out/lines.csv", "--dry-run", "--by", "ana"]).expect(0).stdout;
    assert!(page.contains("could not be compared with"), "{page}");
}

/// Two scripts, each exported to a file of its own.
fn two_files() -> TestProject {
    let write = json!({"patch": "script/*.csv", "path": "out/{file}"});
    let project = project(&json!({"files": "script/*.csv"}), &write, "id")
        .file("script/s.csv", "id,text\none,first line\ntwo,second line\n")
        .file("script/t.csv", "id,text\nthree,third line\nfour,fourth line\n");
    project.run_json(&[], 0);
    project
}

#[test]
fn a_copy_in_which_several_files_are_joined_is_matched_with_all_of_them() {
    for name in ["joined.csv", "copy/s.csv"] {
        let project = two_files();
        let rows = "four,FOURTH LINE\none,mine\ntwo,SECOND LINE\nthree,mine too\n";
        project.write(name, &format!("id,text\n{rows}"));
        let report = import(&project, &[name, "--from", "export"]);
        assert_counts(&report, 2, 0, 0);
        let counts = (&report["n_unknown"], &report["n_absent"], &report["unchanged"]);
        assert_eq!(counts, (&json!(0), &json!(0), &json!(2)), "{report}");
        project.run_json(&[], 0);
        assert!(project.read("out/s.csv").contains("one,mine\n"));
        assert!(project.read("out/t.csv").contains("three,mine too\n"));
    }
}

#[test]
fn a_copy_with_nothing_but_the_changed_rows_is_found_by_their_ids() {
    let project = two_files();
    project.write("part.csv", "id,text\nthree,mine\n");
    let report = import(&project, &["part.csv", "--from", "export"]);
    assert_counts(&report, 1, 0, 0);
    assert_eq!((&report["n_unknown"], &report["absent"]), (&json!(0), &json!(["four"])), "{report}");
    project.write("none.csv", "id,text\nfive,mine\n");
    let arguments = ["edit", "import", "none.csv", "--from", "export", "--by", "ana"];
    let said = project.run(&arguments).expect(2).stderr;
    assert!(said.contains("fits none of the files"), "{said}");
}

#[test]
fn another_source_in_a_file_of_two_languages_is_named_and_left() {
    let write = json!({"path": "out/lines.po", "language": "fr", "source_language": "en"});
    let project = carrying(&json!({"files": "lines.csv"}), &write, "id", &json!({"source": "text"}));
    let project = project.file("lines.csv", LINES);
    project.run_json(&[], 0);
    project.edit("out/lines.po", "msgid \"first line\"", "msgid \"the first line\"");
    let said = project.run(&["edit", "import", "out/lines.po", "--by", "ana"]).expect(0).stdout;
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("the source of 1 record is another one in the file than in the script"), "{said}");
    assert!(!said.contains("has no text"), "{said}");
    assert_eq!(import(&project, &["out/lines.po"])["other_source"], json!(["one"]));
}
