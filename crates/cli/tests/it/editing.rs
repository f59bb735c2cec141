//! What people change in exports comes back, stays, and is never overwritten unread.

use serde_json::{Value, json};

use crate::crash::wait_for_lines;
use crate::project::{Output, TestProject, phase};
use crate::schema;
use crate::staleness;
use crate::trouble::{ROOT, may_mount, shell};

mod formats;
mod fuzz;

/// A project that was run: four lines in capitals.
fn exported() -> TestProject {
    let project = staleness::pipeline(", --upper");
    project.run_json(&[], 0);
    assert_eq!(
        project.read("out/ja.csv"),
        "id,text\none,FIRST LINE\ntwo,SECOND LINE\nthree,THIRD LINE\nfour,FOURTH LINE\n"
    );
    project
}

/// Lets the translator say something else.
fn another_machine(project: &TestProject) {
    project.edit("refrain.yaml", "fake_agent, --upper", "fake_agent, --reply, echo");
}

fn by_ana<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--by", "ana"]].concat()
}

/// Imports a file and returns the report, which fits its schema.
#[track_caller]
fn import(project: &TestProject, arguments: &[&str]) -> Value {
    project.json(&by_ana(&[&["edit", "import"], arguments].concat()), 0)
}

/// Does something to edits and returns what became of each target's.
#[track_caller]
fn resolve(project: &TestProject, arguments: &[&str]) -> Vec<Value> {
    let output = project.run(&[&by_ana(arguments)[..], &["--json"]].concat()).expect(0);
    let reports = output.json().as_array().unwrap().clone();
    reports.iter().for_each(|report| schema::check("edit", report));
    reports
}

#[track_caller]
fn assert_counts(report: &Value, added: u64, changed: u64, removed: u64) {
    let counts = (&report["added"], &report["changed"], &report["removed"]);
    assert_eq!(counts, (&json!(added), &json!(changed), &json!(removed)), "{report}");
}

/// Returns what is to be reviewed, as `KEY KIND`.
#[track_caller]
fn to_review(project: &TestProject) -> Vec<String> {
    let report = project.json(&["review"], 0);
    let items = report["items"].as_array().unwrap().iter();
    items
        .map(|item| format!("{} {}", item["key"].as_str().unwrap(), item["kind"].as_str().unwrap()))
        .collect()
}

#[track_caller]
fn refused(project: &TestProject, arguments: &[&str], code: i32, part: &str) -> Output {
    let output = project.run(&by_ana(arguments)).expect(code);
    assert!(output.stderr.contains(part), "{}", output.stderr);
    output
}

#[test]
fn a_line_that_somebody_changed_stays_as_it_is() {
    let project = exported();
    project.edit("out/ja.csv", "SECOND LINE", "The second line.");
    let report = import(&project, &["out/ja.csv", "--note", "less shouting"]);
    assert_counts(&report, 1, 0, 0);
    assert_eq!((&report["target"], &report["unchanged"]), (&json!("translate@ja"), &json!(3)));
    assert_eq!(report["fields"][0]["old"], json!("SECOND LINE"));
    let stale = project.not_fresh();
    assert_eq!(stale[0], "translate@ja: stale (edits)");
    assert!(!stale.iter().any(|line| line.contains("@fr")), "{stale:?}");

    let ran = project.run_json(&[], 0);
    let translate = phase(&ran, "translate@ja");
    assert_eq!((&translate["status"], &translate["calls"]), (&json!("completed"), &json!(0)));
    assert_eq!(phase(&ran, "qa@ja")["units"]["ran"], json!(1), "what comes after sees the new text");
    assert!(project.read("out/ja.csv").contains("two,The second line.\n"));
    assert!(project.read("out/fr.csv").contains("two,SECOND LINE\n"));
    assert_eq!(project.files().iter().filter(|file| file.contains("edited")).count(), 0);
    assert_eq!(project.run_json(&[], 0)["calls"], 0);
    assert_eq!(project.not_fresh(), [""; 0]);

    let list = project.run(&["edit", "list", "--json"]).expect(0).json();
    schema::check("edits", &list);
    let edit = &list["targets"][0]["edits"][0];
    assert_eq!(
        (&edit["by"], &edit["note"], &edit["locked"]),
        (&json!("ana"), &json!("less shouting"), &json!(true))
    );
    // The same once more is nothing.
    assert_counts(&import(&project, &["out/ja.csv"]), 0, 0, 0);
    assert_eq!(project.not_fresh(), [""; 0]);
}

#[test]
fn a_locked_line_is_asked_of_nobody_and_a_preferred_one_is_laid_over_the_answer() {
    let project = exported();
    project.edit("out/ja.csv", "SECOND LINE", "mine");
    import(&project, &["out/ja.csv"]);
    project.edit("out/fr.csv", "SECOND LINE", "mine");
    import(&project, &["out/fr.csv", "--prefer"]);
    another_machine(&project);
    let ran = project.run_json(&[], 0);
    let asked = |target: &str| phase(&ran, target)["units"]["ran"].as_u64().unwrap();
    assert_eq!((asked("translate@ja"), asked("translate@fr")), (3, 4));
    for language in ["ja", "fr"] {
        let text = project.read(&format!("out/{language}.csv"));
        assert_eq!(text, "id,text\none,first line\ntwo,mine\nthree,third line\nfour,fourth line\n");
    }
    assert_eq!(to_review(&project), ["two conflict"]);
    let said = project.run(&["status"]).expect(0).stdout;
    assert!(said.contains("1 edit to review (`refrain review`)"), "{said}");
    let page = project.run(&["review"]).expect(0);
    insta::assert_snapshot!("review", page.redact(&page.stdout));
    assert_eq!(to_review(&project).len(), 1, "looking settles nothing");
}

/// A conflict on the first two lines in French.
fn conflicts() -> TestProject {
    let project = exported();
    for (old, new) in [("FIRST LINE", "mine 1"), ("SECOND LINE", "mine 2")] {
        project.edit("out/fr.csv", old, new);
    }
    import(&project, &["out/fr.csv", "--prefer"]);
    another_machine(&project);
    project.run_json(&[], 0);
    assert_eq!(to_review(&project), ["one conflict", "two conflict"]);
    project
}

fn line(project: &TestProject, n: usize) -> String {
    project.run_json(&[], 0);
    project.read("out/fr.csv").lines().nth(n).unwrap().to_owned()
}

#[test]
fn conflicts_are_kept_accepted_or_settled_otherwise() {
    let project = conflicts();
    assert_counts(&resolve(&project, &["review", "keep", "translate@fr/one"])[0], 0, 1, 0);
    assert_counts(&resolve(&project, &["review", "accept", "translate@fr/two"])[0], 0, 0, 1);
    assert_eq!(to_review(&project), [""; 0]);
    assert!(!project.run(&["status"]).expect(0).stdout.contains("to review"));
    assert_eq!(
        (line(&project, 1), line(&project, 2)),
        ("one,mine 1".to_owned(), "two,second line".to_owned())
    );
    assert_eq!(project.run(&["review"]).expect(0).stdout, "nothing to review\n");

    let project = conflicts();
    let set = ["review", "set", "translate@fr/two", "--text", "-- neither"];
    assert_counts(&resolve(&project, &set)[0], 0, 1, 0);
    assert_eq!(to_review(&project), ["one conflict"]);
    assert_eq!(line(&project, 2), "two,-- neither");
}

#[test]
fn conflicts_are_settled_in_bulk() {
    let project = conflicts();
    let dry = resolve(&project, &["review", "accept", "--all", "--dry-run"]);
    assert_counts(&dry[0], 0, 0, 2);
    assert_eq!(resolve(&project, &["review", "accept", "--all", "--kind", "orphan"])[0]["removed"], json!(0));
    assert_eq!(to_review(&project).len(), 2);
    assert_counts(&resolve(&project, &["review", "keep", "translate@fr", "--all"])[0], 0, 2, 0);
    assert_eq!(to_review(&project), [""; 0]);
    assert_eq!((line(&project, 1), line(&project, 2)), ("one,mine 1".to_owned(), "two,mine 2".to_owned()));
    assert_counts(&resolve(&project, &["edit", "undo", "translate@fr", "--all"])[0], 0, 0, 2);
    assert_eq!(line(&project, 1), "one,first line");
}

#[test]
fn edits_are_listed_undone_locked_and_preferred() {
    let project = exported();
    let set = |key: &str, text: &str| resolve(&project, &["edit", "set", key, "--text", text]);
    assert_counts(&set("translate@fr/one", "Un.")[0], 1, 0, 0);
    assert_counts(&set("translate@fr/two", "Deux.")[0], 1, 0, 0);
    let page = project.run(&["edit", "list"]).expect(0);
    insta::assert_snapshot!("edit_list", page.redact(&page.stdout));
    assert_counts(&resolve(&project, &["edit", "undo", "translate@fr", "--last"])[0], 0, 0, 1);
    assert_eq!(line(&project, 1), "one,Un.");
    assert_eq!(line(&project, 2), "two,SECOND LINE");
    resolve(&project, &["edit", "prefer", "translate@fr/one"]);
    resolve(&project, &["edit", "lock", "translate@fr/three"]);
    another_machine(&project);
    let ran = project.run_json(&[], 0);
    assert_eq!(phase(&ran, "translate@fr")["units"]["ran"], json!(3));
    assert_eq!(line(&project, 3), "three,THIRD LINE");
    assert_eq!(to_review(&project), ["one conflict"]);
    let page = project.run(&["history", "translate@fr"]).expect(0).stdout;
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains("ana: edit set") && page.contains("ana: undo edit set"), "{page}");
}

#[test]
fn what_a_spreadsheet_does_to_a_file_is_no_edit() {
    let project = exported();
    let same = |text: &str| {
        project.write("out/ja.csv", text);
        let report = import(&project, &["out/ja.csv"]);
        assert_counts(&report, 0, 0, 0);
        assert_eq!((&report["n_unknown"], &report["fields"]), (&json!(0), &json!([])), "{text:?}");
        report
    };
    same("\u{feff}id,text\r\none,FIRST LINE\r\ntwo,SECOND LINE\r\nthree,THIRD LINE\r\nfour,FOURTH LINE\r\n");
    same("\"text\",\"id\"\n\"FOURTH LINE\",four\nTHIRD LINE,three\nSECOND LINE,two\nFIRST LINE,one\n");
    assert_eq!(same("id,text\n")["n_absent"], json!(4));
    assert_eq!(same("id,text\ntwo,SECOND LINE\n")["absent"], json!(["one", "three", "four"]));
    assert_eq!(same("id,text,mine\none,FIRST LINE,a note to myself\n")["left_out"], json!(["mine"]));
    assert_eq!(project.not_fresh().len(), 1, "the file alone is another one: {:?}", project.not_fresh());
    // The column of one's own is nowhere else.
    project.run_json(&[], 0);
    assert_eq!(project.files().iter().filter(|file| file.contains("edited")).count(), 1);

    project.write("out/ja.csv", "id;text\none;FIRST LINE\ntwo;mine\n");
    refused(&project, &["edit", "import", "out/ja.csv"], 2, "`--delimiter ';'`");
    assert_counts(&import(&project, &["out/ja.csv", "--delimiter", ";"]), 1, 0, 0);
}

#[test]
fn a_column_of_ones_own_is_taken_over_where_it_is_named() {
    let project = exported();
    project.write("out/ja.csv", "id,text,state\none,FIRST LINE,final\ntwo,SECOND LINE,\n");
    assert_counts(&import(&project, &["out/ja.csv"]), 1, 0, 0);
    project.write("out/ja.csv", "id,text,tone\none,mine,rude\ntwo,mine,\n");
    let report = import(&project, &["out/ja.csv", "--field", "tone"]);
    assert_counts(&report, 0, 1, 0);
    assert_eq!(report["left_out"], json!(["text"]));
    project.run_json(&[], 0);
    let record = project.run(&["show", "translate@ja", "--limit", "1"]).expect(0).json();
    assert_eq!(record, json!({"id": "one", "text": "FIRST LINE", "state": "final", "tone": "rude"}));
}

#[test]
fn bad_rows_are_reported_all_at_once_and_nothing_is_taken_over() {
    let project = exported();
    let bad = "id,text\none,changed\ntwo,a,b\none,again\n,no key\nthree\n";
    project.write("out/ja.csv", bad);
    let output =
        refused(&project, &["edit", "import", "out/ja.csv"], 2, "4 problems in what was edited; nothing was");
    insta::assert_snapshot!("bad_rows", output.redacted());
    assert_eq!(project.run(&["edit", "list"]).expect(0).stdout.lines().count(), 1);
    for (text, part) in
        [("", "the file has no header"), ("\n\n", "the file has no header"), ("text\nx\n", "no column `id`")]
    {
        project.write("out/ja.csv", text);
        refused(&project, &["edit", "import", "out/ja.csv"], 2, part);
    }
    std::fs::write(project.path("out/ja.csv"), b"id,text\none,\xff\xfe\n").unwrap();
    refused(&project, &["edit", "import", "out/ja.csv"], 2, "out/ja.csv:2:5: ");
}

#[test]
fn keys_that_are_not_known_are_named() {
    let project = exported();
    project.write("out/ja.csv", "id,text\none,mine\ntwoo,lost\nthree,THIRD LINE\nfour,FOURTH LINE\n");
    let output = project.run(&by_ana(&["edit", "import", "out/ja.csv", "--dry-run"])).expect(0);
    insta::assert_snapshot!("unknown_key", output.redacted());
    let report = import(&project, &["out/ja.csv"]);
    assert_counts(&report, 1, 0, 0);
    assert_eq!((&report["unknown"], &report["absent"]), (&json!(["twoo"]), &json!(["two"])));
}

#[test]
fn wrong_files_and_names_are_refused_with_what_was_meant() {
    let project = exported();
    project.write("elsewhere/ja.csv", "id,text\none,mine\n");
    project.write("other.csv", "id,text\none,mine\n");
    let import = |arguments: &[&'static str]| [&["edit", "import"], arguments].concat();
    refused(&project, &import(&["none.csv"]), 9, "failed to read none.csv");
    refused(&project, &import(&["elsewhere/ja.csv"]), 2, "say what it was made from: `--from export@ja`");
    refused(&project, &import(&["other.csv"]), 2, "there are out/ja.csv (export@ja), out/fr.csv (export@fr)");
    refused(
        &project,
        &import(&["out/fr.csv", "--from", "export@ja"]),
        2,
        "out/fr.csv was written by export@fr, not by",
    );
    refused(&project, &import(&["other.csv", "--from", "exprt@ja"]), 2, "did you mean `export`?");
    refused(&project, &import(&["other.csv", "--from", "export"]), 2, "name one of export@ja, export@fr");
    refused(&project, &import(&["other.csv", "--from", "export@ja#7"]), 2, "export@ja has no revision 7");
    refused(&project, &import(&["other.csv", "--from", "qa@ja"]), 2, "qa@ja has written no file yet");
    refused(&project, &["edit", "undo", "translate@ja/twoo"], 2, "translate@ja has no record `twoo`");
    refused(&project, &["edit", "undo", "translate@ja/two"], 2, "nobody has edited `two` of translate@ja");
    refused(&project, &["edit", "undo", "translate@ja"], 2, "name a record, such as `translate@ja/KEY`");
    refused(&project, &["edit", "undo", "--all"], 2, "no phase is named");
    refused(
        &project,
        &["edit", "set", "translate@ja/twoo", "--text", "x"],
        2,
        "did you mean `translate@ja/two`?",
    );
    refused(
        &project,
        &["edit", "set", "translate@ja/two", "--field", "id", "--text", "x"],
        2,
        "is nobody's to change",
    );
    refused(
        &project,
        &["edit", "set", "ingest/two", "--text", "x"],
        2,
        "it reads files: change these instead",
    );
    refused(&project, &["edit", "set", "export@ja/two", "--text", "x"], 2, "it writes files");
    refused(&project, &["review", "keep", "tranlate@ja/two"], 2, "did you mean `translate`?");
    let nobody = project.run(&["edit", "import", "out/ja.csv"]).expect(2);
    assert!(nobody.stderr.contains("hint: say who with `--by NAME`"), "{}", nobody.stderr);
    let mut command = project.command(&["edit", "set", "translate@ja/one", "--text", "x"]);
    project.output(&command.env("USER", "ben").output().unwrap()).expect(0);
    assert!(project.run(&["edit", "list"]).expect(0).stdout.contains("  one  ben, "));
}

#[test]
fn a_file_of_an_older_export_changes_only_what_was_changed_in_it() {
    let project = exported();
    let old = project.read("out/ja.csv");
    std::fs::write(project.outside("ana.csv"), old.replace("SECOND LINE", "mine")).unwrap();
    another_machine(&project);
    project.run_json(&[], 0);
    let path = project.outside("ana.csv");
    let path = path.to_str().unwrap();
    let output =
        project.run(&by_ana(&["edit", "import", path, "--from", "export@ja", "--dry-run"])).expect(0);
    assert!(output.stdout.contains("made from export@ja#1, and the latest is #2"), "{}", output.stdout);
    let report = import(&project, &[path, "--from", "export@ja"]);
    assert_counts(&report, 1, 0, 0);
    assert_eq!((&report["from"]["revision"], &report["from"]["latest"]), (&json!(1), &json!(2)));
    assert_eq!(to_review(&project), ["two conflict"], "the person saw another text than there is now");
    project.run_json(&[], 0);
    assert_eq!(
        project.read("out/ja.csv"),
        "id,text\none,first line\ntwo,mine\nthree,third line\nfour,fourth line\n"
    );
    // Ana goes on with her copy: what she brought already is no news, and neither is what the machine did.
    std::fs::write(project.outside("ana.csv"), old.replace("SECOND LINE", "mine").replace("FOURTH", "4TH"))
        .unwrap();
    let report = import(&project, &[path, "--from", "export@ja"]);
    assert_counts(&report, 1, 0, 0);
    assert_eq!(report["fields"].as_array().map(Vec::len), Some(1), "{report}");
    // Of a revision that is named, it is that one.
    let report = import(&project, &[path, "--from", "export@ja#2", "--dry-run"]);
    assert_eq!(report["from"]["revision"], json!(2));
    assert!(report["added"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn what_was_written_for_another_line_is_to_be_reviewed() {
    let project = exported();
    let old = project.read("out/ja.csv");
    std::fs::write(project.outside("ana.csv"), old.replace("SECOND LINE", "mine")).unwrap();
    // Just that line changes: the file then fits both exports equally well.
    project.edit("lines.csv", "second line", "quite another line");
    project.run_json(&[], 0);
    let path = project.outside("ana.csv");
    let report = import(&project, &[path.to_str().unwrap(), "--from", "export@ja"]);
    assert_counts(&report, 1, 0, 0);
    assert_eq!(report["from"]["revision"], json!(1), "it was made from what she saw");
    project.run_json(&[], 0);
    assert_eq!(to_review(&project), ["two conflict"]);
}

#[test]
fn what_people_took_back_is_not_brought_back_by_the_next_file() {
    let project = exported();
    let first = project.read("out/ja.csv");
    project.write("out/ja.csv", &first.replacen("LINE", "mine", 3));
    assert_counts(&import(&project, &["out/ja.csv"]), 3, 0, 0);
    project.run_json(&[], 0);
    project.run(&by_ana(&["edit", "undo", "translate@ja", "--all"])).expect(0);
    project.run_json(&[], 0);
    project.edit("out/ja.csv", "FOURTH LINE", "the fourth");
    // Against the export of then it has as much that is new, and three lines besides that nobody wrote.
    let report = import(&project, &["out/ja.csv"]);
    assert_counts(&report, 1, 0, 0);
    assert_eq!(report["from"]["revision"], json!(3), "{report}");
}

/// A second export, with what Ana wrote in the second line of the first.
fn exported_twice() -> TestProject {
    let project = exported();
    project.edit("out/ja.csv", "SECOND LINE", "of ana");
    assert_counts(&import(&project, &["out/ja.csv"]), 1, 0, 0);
    project.run_json(&[], 0);
    project
}

#[track_caller]
fn import_by_ben(project: &TestProject, arguments: &[&str]) -> Value {
    project.json(&[&["edit", "import"], arguments, &["--by", "ben"]].concat(), 0)
}

#[test]
fn who_goes_over_an_export_with_edits_in_it_has_seen_them() {
    let project = exported_twice();
    project.edit("out/ja.csv", "of ana", "of ana and ben");
    let report = import_by_ben(&project, &["out/ja.csv"]);
    assert_counts(&report, 0, 1, 0);
    assert_eq!((&report["n_clashes"], &report["from"]["revision"]), (&json!(0), &json!(2)), "{report}");
    project.run_json(&[], 0);
    assert!(project.read("out/ja.csv").contains("two,of ana and ben\n"));
    assert_eq!(project.files().iter().filter(|file| file.contains("edited")).count(), 0);
}

#[test]
fn the_machines_text_put_back_in_an_export_takes_the_edit_back() {
    let project = exported_twice();
    project.edit("out/ja.csv", "of ana", "SECOND LINE");
    let report = import_by_ben(&project, &["out/ja.csv"]);
    assert_counts(&report, 0, 0, 1);
    assert_eq!(report["from"]["revision"], json!(2), "{report}");
    project.run_json(&[], 0);
    assert!(project.read("out/ja.csv").contains("two,SECOND LINE\n"));
    assert_eq!(project.files().iter().filter(|file| file.contains("edited")).count(), 0);
}

#[test]
fn the_machines_text_put_back_in_an_export_is_kept_where_it_was_not_imported() {
    let project = exported_twice();
    project.edit("out/ja.csv", "of ana", "SECOND LINE");
    project.edit("lines.csv", "fourth line", "another line");
    project.run_json(&[], 0);
    assert!(project.read("out/ja.csv").contains("two,of ana\n"));
    assert!(project.read("out/ja.csv.edited-1").contains("two,SECOND LINE\n"));
}

#[test]
fn a_copy_that_has_what_others_wrote_was_made_after_that() {
    let project = exported();
    project.edit("out/ja.csv", "SECOND LINE", "of ana");
    project.edit("out/ja.csv", "THIRD LINE", "also of ana");
    import(&project, &["out/ja.csv"]);
    let first = project.read("out/ja.csv");
    project.run_json(&[], 0);
    let ben = first.replace("two,of ana", "two,SECOND LINE").replace("FOURTH LINE", "of ben");
    project.write("ben.csv", &ben);
    let report = import_by_ben(&project, &["ben.csv", "--from", "export@ja"]);
    assert_counts(&report, 1, 0, 1);
    assert_eq!(report["from"]["revision"], json!(2), "{report}");
}

#[test]
fn a_copy_of_an_export_that_gc_forgot_is_warned_of() {
    let project = exported();
    let old = project.read("out/ja.csv");
    another_machine(&project);
    project.run_json(&[], 0);
    project.write("ana.csv", &old.replace("SECOND LINE", "mine"));
    let dry = ["ana.csv", "--from", "export@ja", "--dry-run"];
    assert_eq!(import(&project, &dry)["from"].get("forgotten"), None);
    project.run(&["gc", "--keep", "1"]).expect(0);
    let report = import(&project, &dry);
    assert_eq!(
        (&report["from"]["forgotten"], &report["from"]["revision"]),
        (&json!(1), &json!(2)),
        "{report}"
    );
    let page = project.run(&by_ana(&[&["edit", "import"], &dry[..]].concat())).expect(0).stdout;
    assert!(page.contains("revisions of export@ja up to #1 are forgotten"), "{page}");
    // Of what is named, or lies where it was written, it is known.
    assert_eq!(
        import(&project, &["ana.csv", "--from", "export@ja#2", "--dry-run"])["from"].get("forgotten"),
        None
    );
    project.edit("out/ja.csv", "second line", "mine");
    assert_eq!(import(&project, &["out/ja.csv", "--dry-run"])["from"].get("forgotten"), None);
}

#[test]
fn a_file_in_another_language_is_not_taken_for_one_in_this() {
    let project = exported();
    another_machine(&project);
    project.run_json(&["export@fr"], 0);
    let french = project.read("out/fr.csv").replace("second line", "mine");
    project.write("x.csv", &french);
    let import = ["edit", "import", "x.csv", "--from", "export@ja"];
    let output = project.run(&by_ana(&import)).expect(0);
    let said = "warning: x.csv fits export@fr better: 4 of 4 records differ from export@ja";
    assert!(output.stderr.contains(said), "{}", output.stderr);
    project.run(&by_ana(&["edit", "undo", "translate@ja", "--last"])).expect(0);
    project.write("out/ja.csv", &french);
    let place = ["edit", "import", "out/ja.csv"];
    let output = refused(&project, &place, 2, "out/ja.csv fits export@fr better: 4 of 4 records");
    assert!(output.stderr.contains("`--from export@ja` takes all of these"), "{}", output.stderr);
    assert_eq!(project.run(&["edit", "list"]).expect(0).stdout.lines().count(), 1, "nothing was recorded");
    // Who has changed most of it, in the same language, is asked nothing.
    project.write("out/ja.csv", &french.replace("line", "of ana").replace("mine", "mine as well"));
    assert_counts(&self::import(&project, &["out/ja.csv"]), 4, 0, 0);
}

#[test]
fn a_file_without_news_is_nothing_to_undo() {
    let project = exported();
    let set = ["edit", "set", "translate@ja/two", "--text", "mine"];
    project.run(&by_ana(&set)).expect(0);
    project.run_json(&[], 0);
    assert_counts(&import(&project, &["out/ja.csv"]), 0, 0, 0);
    project.run(&by_ana(&["edit", "undo", "translate@ja", "--last"])).expect(0);
    project.run_json(&[], 0);
    assert!(project.read("out/ja.csv").contains("SECOND LINE"));
}

#[test]
fn two_people_do_not_overwrite_each_other_unknowingly() {
    let project = exported();
    let old = project.read("out/ja.csv");
    project.write("ben.csv", &old.replace("SECOND LINE", "of ben").replace("THIRD LINE", "also of ben"));
    project.edit("out/ja.csv", "SECOND LINE", "of ana");
    import(&project, &["out/ja.csv"]);
    let by_ben = ["edit", "import", "ben.csv", "--from", "export@ja", "--by", "ben"];
    let output = project.run(&by_ben).expect(0);
    let words = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let said =
        "one text was edited by somebody else since the export and left so: two by ana (`--replace` takes";
    assert!(words.contains(said), "{words}");
    project.run_json(&[], 0);
    assert!(project.read("out/ja.csv").contains("two,of ana\nthree,also of ben\n"));
    project.run(&[&by_ben[..], &["--replace"]].concat()).expect(0);
    project.run_json(&[], 0);
    assert!(project.read("out/ja.csv").contains("two,of ben\n"));
}

#[test]
fn a_run_keeps_what_somebody_changed_in_an_export() {
    let project = exported();
    let exported = project.read("out/ja.csv");
    project.edit("out/ja.csv", "SECOND LINE", "by hand");
    let status = project.run(&["status"]).expect(0).stdout;
    assert!(
        status.contains("if somebody changed out/ja.csv, `refrain edit import out/ja.csv --by"),
        "{status}"
    );
    let output = project.run(&["run", "--progress", "none"]).expect(0);
    assert!(output.stdout.contains("kept: out/ja.csv was not as a run here wrote it"), "{}", output.stdout);
    assert_eq!(project.read("out/ja.csv"), exported);
    let log = project.run(&["logs", "--level", "warn"]).expect(0).stdout;
    assert!(log.contains("`refrain edit import out/ja.csv.edited-1`"), "{log}");
    // The copy has the name of what it was, as far as importing it goes.
    assert_counts(&import(&project, &["out/ja.csv.edited-1"]), 1, 0, 0);
    let report = project.run_json(&[], 0);
    assert!(report["phases"].as_array().unwrap().iter().all(|phase| phase["kept"].is_null()), "{report}");
    assert!(project.read("out/ja.csv").contains("two,by hand\n"));
    // A second one stands beside the first.
    project.edit("out/ja.csv", "by hand", "by other hands");
    let report = project.run_json(&[], 0);
    let kept = &phase(&report, "export@ja")["kept"];
    assert_eq!(kept, &json!([{"path": "out/ja.csv", "copy": "out/ja.csv.edited-2"}]));
    assert!(project.read("out/ja.csv.edited-2").contains("by other hands"));
    assert!(project.read("out/ja.csv.edited-1").contains("two,by hand\n"));
}

#[test]
fn a_clone_keeps_what_a_colleague_had_corrected() {
    let project = exported();
    project.edit("out/ja.csv", "SECOND LINE", "by hand");
    std::fs::remove_dir_all(project.path(".refrain")).unwrap();
    let report = project.run_json(&[], 0);
    let kept = &phase(&report, "export@ja")["kept"];
    assert_eq!(kept, &json!([{"path": "out/ja.csv", "copy": "out/ja.csv.edited-1"}]));
    assert!(phase(&report, "export@fr")["kept"].is_null(), "it is as it is written");
    assert_counts(&import(&project, &["out/ja.csv.edited-1"]), 1, 0, 0);
}

#[cfg(unix)]
#[test]
fn an_export_behind_a_link_is_found_by_its_name() {
    let project = staleness::pipeline(", --upper");
    std::fs::create_dir(project.path("build")).unwrap();
    std::os::unix::fs::symlink("build", project.path("out")).unwrap();
    project.run_json(&[], 0);
    project.edit("out/ja.csv", "SECOND LINE", "by hand");
    project.write("ana.csv", &project.read("out/ja.csv"));
    std::fs::copy(project.path("out/ja.csv"), project.path("out/ja.csv.edited-1")).unwrap();
    let dry = |arguments: &[&str]| {
        assert_counts(&import(&project, &[arguments, &["--dry-run"]].concat()), 1, 0, 0);
    };
    dry(&["out/ja.csv"]);
    dry(&["build/ja.csv"]);
    dry(&["out/ja.csv.edited-1"]);
    dry(&["ana.csv", "--copy-of", "out/ja.csv"]);
    dry(&["ana.csv", "--copy-of", "./build/ja.csv"]);
    refused(
        &project,
        &["edit", "import", "ana.csv", "--copy-of", "out/jp.csv"],
        2,
        "no export wrote out/jp.csv",
    );
}

#[test]
fn a_file_that_was_not_taken_over_whole_is_kept() {
    let kept = |text: &str| {
        let project = exported();
        project.write("out/ja.csv", text);
        import(&project, &["out/ja.csv"]);
        project.edit("lines.csv", "fourth line", "another line");
        project.run_json(&[], 0);
        project.path("out/ja.csv.edited-1").exists()
    };
    let rest = "three,THIRD LINE\nfour,FOURTH LINE\n";
    assert!(!kept(&format!("id,text\none,mine\ntwo,SECOND LINE\n{rest}")));
    assert!(kept(&format!("id,text\none,mine\n{rest}")), "a row that is gone");
    assert!(kept(&format!("id,text\none,mine\ntwoo,mine\n{rest}")), "a row that nobody knows");
    let with_own = format!("id,text,mine\none,mine,?\ntwo,SECOND LINE,\n{}", rest.replace('\n', ",\n"));
    assert!(kept(&with_own), "a column of one's own");
}

#[test]
fn what_was_imported_is_not_offered_again() {
    let project = exported();
    let offered = || {
        let said = project.run(&["status"]).expect(0).stdout;
        let files = project.json(&["status"], 0)["to_import"].clone();
        assert_eq!(said.contains("`refrain edit import"), files.is_array(), "{said}");
        files
    };
    assert_eq!(offered(), Value::Null);
    project.edit("out/ja.csv", "SECOND LINE", "mine");
    project.edit("out/fr.csv", "SECOND LINE", "mine too");
    assert_eq!(offered(), json!(["out/fr.csv", "out/ja.csv"]));
    import(&project, &["out/ja.csv"]);
    assert_eq!(offered(), json!(["out/fr.csv"]));
    // A column of her own is nowhere else, and is kept; nobody is told to import it again.
    let with_own = project.read("out/fr.csv").replace('\n', ",?\n").replace("text,?", "text,own");
    project.write("out/fr.csv", &with_own);
    assert_eq!(import(&project, &["out/fr.csv"])["left_out"], json!(["own"]));
    assert_eq!(offered(), Value::Null);
    let undo = |project: &TestProject| resolve(project, &["edit", "undo", "translate@fr", "--last"]);
    undo(&project);
    assert_eq!(offered(), json!(["out/fr.csv"]), "what was undone may be imported again");
    undo(&project);
    assert_eq!(offered(), Value::Null);
    let output = project.run(&["run"]).expect(0);
    assert!(!output.stdout.contains("edit import") && !output.stderr.contains("edit import"), "{output:?}");
    assert!(output.stdout.contains("out/fr.csv was imported, but not all that is in it"), "{output:?}");
    assert_eq!(project.read("out/fr.csv.edited-1"), with_own);
    assert!(!project.path("out/ja.csv.edited-1").exists());
}

#[test]
fn a_file_whose_texts_are_called_otherwise_is_refused() {
    let project = exported();
    project.write("out/ja.csv", "id,japanese\none,mine\ntwo,SECOND LINE\n");
    let arguments = ["edit", "import", "out/ja.csv"];
    let output = refused(&project, &arguments, 2, "out/ja.csv: there is no `text`, which holds the texts");
    assert!(output.stderr.contains("is it `japanese` now? call it `text` again"), "{}", output.stderr);
    assert_eq!(project.run(&["edit", "list"]).expect(0).stdout.lines().count(), 1);
    project.run_json(&[], 0);
    assert!(project.path("out/ja.csv.edited-1").exists(), "it was not taken over");
}

#[test]
fn what_a_phase_alone_lacks_is_made_by_a_run_of_what_it_needs() {
    let project = staleness::pipeline(", --upper");
    let said =
        |code: i32| project.run(&["run", "export@ja", "--only", "--progress", "none"]).expect(code).stdout;
    assert!(said(8).contains("next: `refrain run export@ja` makes what is missing first"), "{}", said(8));
}

#[test]
fn a_file_that_clashes_is_kept() {
    let project = exported();
    let old = project.read("out/ja.csv");
    project.run(&by_ana(&["edit", "set", "translate@ja/two", "--text", "of ana"])).expect(0);
    project.write("out/ja.csv", &old.replace("SECOND LINE", "of ben"));
    let report = project.json(&["edit", "import", "out/ja.csv", "--by", "ben"], 0);
    assert_eq!(report["n_clashes"], json!(1));
    project.run_json(&[], 0);
    assert!(project.read("out/ja.csv").contains("two,of ana\n"));
    assert!(project.read("out/ja.csv.edited-1").contains("two,of ben\n"));
}

#[test]
fn a_revision_that_is_named_is_found_although_a_later_one_wrote_the_same() {
    let project = exported();
    let old = project.read("out/ja.csv");
    another_machine(&project);
    project.run_json(&[], 0);
    project.edit("refrain.yaml", "fake_agent, --reply, echo", "fake_agent, --upper");
    project.run_json(&[], 0);
    project.write("ana.csv", &old.replace("SECOND LINE", "mine"));
    for revision in ["export@ja#1", "export@ja#3"] {
        let report = import(&project, &["ana.csv", "--from", revision, "--dry-run"]);
        assert_counts(&report, 1, 0, 0);
        assert!(revision.ends_with(&format!("#{}", report["from"]["revision"])), "{report}");
    }
    // What is just as it was written was not changed, however long ago that was.
    project.write("ana.csv", &old);
    another_machine(&project);
    project.run_json(&[], 0);
    let report = import(&project, &["ana.csv", "--from", "export@ja"]);
    assert_counts(&report, 0, 0, 0);
    assert_eq!(report["unchanged"], json!(4));
}

#[test]
fn what_nobody_changed_is_not_kept() {
    let project = exported();
    std::fs::remove_file(project.path("out/ja.csv")).unwrap();
    project.edit("lines.csv", "first line", "a new line");
    let report = project.run_json(&[], 0);
    assert!(!report.to_string().contains("kept"), "{report}");
    assert_eq!(project.files().iter().filter(|file| file.contains("edited")).count(), 0);
}

#[test]
fn while_a_run_holds_the_project_people_look_and_wait() {
    let flags = ", --upper, --asked, OUTSIDE/asked, --wait, OUTSIDE/gate";
    let project = staleness::pipeline(flags).with_outside();
    std::fs::write(project.outside("gate"), "").unwrap();
    project.run_json(&[], 0);
    std::fs::remove_file(project.outside("gate")).unwrap();
    let asked = std::fs::read_to_string(project.outside("asked")).unwrap().lines().count();
    project.edit("lines.csv", "first line", "another line");
    project.edit("out/ja.csv", "SECOND LINE", "mine");
    let mut child = project.command(&["run", "--progress", "none"]).spawn().unwrap();
    wait_for_lines(&project, "asked", asked + 1);
    let held = refused(&project, &["edit", "import", "out/ja.csv"], 7, "the project is held by process");
    assert!(held.stderr.contains("refrain status --watch"), "{}", held.stderr);
    refused(&project, &["edit", "set", "translate@ja/one", "--text", "x"], 7, "held");
    refused(&project, &["review", "keep", "--all"], 7, "held");
    assert_eq!(to_review(&project), [""; 0]);
    project.run(&["edit", "list"]).expect(0);
    assert_counts(&import(&project, &["out/ja.csv", "--dry-run"]), 1, 0, 0);
    std::fs::write(project.outside("gate"), "").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(project.read("out/ja.csv.edited-1").matches("mine").count(), 1);
}

#[test]
fn a_project_that_may_not_be_written_can_be_reviewed() {
    if !may_mount() {
        return;
    }
    let project = conflicts();
    project.edit("out/ja.csv", "second line", "mine");
    let script = "
        mount --bind . . && cd \"$PWD\" && mount -o remount,bind,ro . || exit 99
        for command in review 'edit list' 'edit import out/ja.csv --by ana --dry-run'; do
            \"$REFRAIN\" $command > /dev/null 2>&1; echo $command: $?
        done
        \"$REFRAIN\" edit import out/ja.csv --by ana; echo import: $?";
    let output = shell(&project, &ROOT, script).expect(0);
    let said = "review: 0\nedit list: 0\nedit import out/ja.csv --by ana --dry-run: 0\nimport: 9\n";
    assert_eq!(output.stdout, said, "{}", output.stderr);
    assert!(output.stderr.contains("Read-only file system"), "{}", output.stderr);
}

#[test]
fn a_crash_between_keeping_and_replacing_leaves_one_copy() {
    let project = exported();
    project.edit("out/ja.csv", "SECOND LINE", "by hand");
    // As a run leaves it that is killed right then.
    std::fs::hard_link(project.path("out/ja.csv"), project.path("out/ja.csv.edited-1")).unwrap();
    let report = project.run_json(&[], 0);
    assert_eq!(phase(&report, "export@ja")["kept"][0]["copy"], json!("out/ja.csv.edited-1"));
    assert!(!project.path("out/ja.csv.edited-2").exists());
    assert!(project.read("out/ja.csv.edited-1").contains("by hand"));
}

#[test]
fn completions_know_what_people_do() {
    let project = TestProject::empty();
    let script = project.run(&["completions", "bash"]).expect(0).stdout;
    for word in ["edit__import", "edit__undo", "review__keep", "--from", "source-changed"] {
        assert!(script.replace("__subcmd__", "__").contains(word), "{word}");
    }
}
