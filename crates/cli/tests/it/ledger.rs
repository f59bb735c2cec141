//! Sums over the ledger, single calls, and replies that are taken to another project.

use serde_json::{Value, json};

use crate::project::TestProject;
use crate::schema;
use crate::staleness::pipeline;

fn ran() -> TestProject {
    let project = pipeline(", --usage");
    project.run_json(&[], 0);
    project
}

#[test]
fn sums_are_shown_by_what_calls_have_in_common() {
    let project = ran();
    let groups = |arguments: &[&str]| -> Vec<Value> {
        let report = project.json(&[&["ledger"], arguments].concat(), 0);
        assert_eq!(report["calls"], json!([]), "sums stand in the place of calls");
        report["groups"].as_array().unwrap().clone()
    };
    let named = |groups: &[Value]| -> Vec<(String, u64)> {
        let named =
            |group: &Value| (group["name"].as_str().unwrap().to_owned(), group["done"].as_u64().unwrap());
        groups.iter().map(named).collect()
    };
    let phases = groups(&["--by", "phase"]);
    assert_eq!(named(&phases), [("qa".to_owned(), 8), ("translate".to_owned(), 4)]);
    assert_eq!(phases[1]["usage"]["cost_usd"], 1.0);
    assert_eq!(named(&groups(&["--by", "target", "--phase", "qa"])).len(), 2);
    assert_eq!(named(&groups(&["--by", "agent", "--agent", "reader"])), [("reader".to_owned(), 8)]);
    assert_eq!(named(&groups(&["--by", "unit", "--phase", "translate"])).len(), 4);
    assert_eq!(groups(&["--by", "run"]).len(), 1);
    let text = project.run(&["ledger", "--by", "phase"]).expect(0).stdout;
    let expected = "\
PHASE      CALLS  TOKENS IN  OUT  COST
qa             8
translate      4         40    8  $1.00
total         12         40    8  $1.00
";
    assert_eq!(text, expected);

    let text = project.run(&["ledger", "--by", "unit", "--phase", "translate"]).expect(0).stdout;
    assert!(text.contains("shared evenly") && !text.contains("total"), "{text}");
    assert!(project.run(&["ledger", "--by", "colour"]).expect(2).stderr.contains("possible values: phase"));
}

#[test]
fn one_call_is_shown_with_what_is_known_of_it() {
    let project = ran();
    let calls = project.json(&["ledger", "--phase", "translate", "--last", "1"], 0);
    let id = calls["calls"][0]["call"].as_u64().unwrap();
    let report = project.run(&["show", "--call", &format!("c{id}"), "--json"]).expect(0).json();
    schema::check("call", &report);
    assert_eq!(report["call"], calls["calls"][0]);
    assert_eq!(report["exchanges"], json!([]));
    let text = project.run(&["show", "--call", &id.to_string()]).expect(0).stdout;
    for expected in [format!("c{id} translate@"), "translator".to_owned(), "$0.25".to_owned()] {
        assert!(text.contains(&expected), "{expected} in {text}");
    }
    let missing = project.run(&["show", "--call", "c999"]).expect(2).stderr;
    assert_eq!(missing, "error: there is no call c999\n  hint: `refrain ledger` lists the latest calls\n");
    assert!(project.run(&["show", "--call", "x"]).expect(2).stderr.contains("an id such as c17"));
    project.run(&["show"]).expect(2);
    project.run(&["show", "translate@ja", "--call", "c1"]).expect(2);
}

#[test]
fn replies_are_taken_to_another_project() {
    let (from, to) = (ran(), pipeline(", --usage"));
    let text = from.run(&["ledger", "export"]).expect(0).stdout;
    assert_eq!(text.lines().count(), 17, "a header and sixteen replies");
    let file = from.outside("replies.jsonl");
    let path = file.to_str().unwrap();
    let said = from.run(&["ledger", "export", path]).expect(0);
    assert_eq!((said.stdout.as_str(), std::fs::read_to_string(&file).unwrap()), ("", text));
    assert!(said.stderr.starts_with("16 replies written to "), "{}", said.stderr);
    to.run(&["run", "--offline", "--quiet"]).expect(11);
    let report = to.run(&["ledger", "import", path, "--json"]).expect(0).json();
    schema::check("import", &report);
    assert_eq!((&report["imported"], &report["kept"]), (&16.into(), &0.into()));
    assert_eq!(to.run_json(&["--offline"], 0)["calls"], 0);
    let again = to.run(&["ledger", "import", path]).expect(0).stdout;
    assert_eq!(again, "imported 0 replies from `small`, 16 on record already\n");
    let part = from.run(&["ledger", "export", "-", "--phase", "translate@ja"]).expect(0).stdout;
    assert!(part.lines().count() < 17 && part.lines().count() > 1, "{part}");
    assert!(
        from.run(&["ledger", "export", "--phase", "no"]).expect(2).stderr.contains("there is no phase `no`")
    );
}

#[test]
fn a_file_that_is_not_right_is_refused_with_its_line() {
    let project = ran();
    let text = project.run(&["ledger", "export"]).expect(0).stdout;
    let cut: Vec<&str> = text.lines().take(5).collect();
    project.write("cut.jsonl", &cut.join("\n"));
    let refused = project.run(&["ledger", "import", "cut.jsonl"]).expect(2).stderr;
    let expected = "cut.jsonl:5: the file ends after 4 replies and its first line promises 16\n  hint: nothing was imported\n";
    assert_eq!(refused, format!("error: {expected}"));
    project.write("bad.jsonl", "\u{1b}[2J\n");
    let refused = project.run(&["ledger", "import", "bad.jsonl"]).expect(2).stderr;
    assert!(refused.contains("bad.jsonl:1: ") && !refused.contains('\u{1b}'), "{refused}");
    project.run(&["ledger", "import", "absent.jsonl"]).expect(9);
    project.run(&["ledger", "--by", "phase", "import", "cut.jsonl"]).expect(2);
}

#[test]
fn wrong_names_are_refused_and_the_right_one_is_named() {
    let project = ran();
    let refused = project.run(&["ledger", "--agent", "translatr"]).expect(2).stderr;
    assert!(refused.contains("did you mean `translator`?"), "{refused}");
    let nobody = "00000000-0000-0000-0000-000000000000";
    let refused = project.run(&["ledger", "--run", nobody]).expect(2).stderr;
    assert!(refused.contains("`refrain ledger --by run` names the runs"), "{refused}");
    project.run(&["ledger", "--run", "zzz"]).expect(2);
}

#[test]
fn an_export_takes_the_place_of_an_export_and_of_nothing_else() {
    let project = ran();
    let before = project.read("refrain.yaml");
    let refused = project.run(&["ledger", "export", "refrain.yaml"]).expect(2).stderr;
    assert!(refused.contains("refrain.yaml is there already and is not an export of refrain"), "{refused}");
    assert_eq!(project.read("refrain.yaml"), before);
    project.run(&["ledger", "export", "replies.jsonl"]).expect(0);
    project.run(&["ledger", "export", "replies.jsonl"]).expect(0);
}
