//! The commands that read: logs, ledger, show, diff, doctor; and `accept` and `gc`, which tidy up.

use serde_json::{Value, json};

use crate::project::{TestProject, phase};
use crate::schema;
use crate::staleness::pipeline;

fn log_lines(project: &TestProject, arguments: &[&str]) -> Vec<Value> {
    let output = project.run(&[&["logs", "--json"], arguments].concat()).expect(0);
    output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_log_line_fits_the_schema_and_filters_narrow_them() {
    let project = pipeline(", --stderr, --usage");
    let first = project.run_json(&["--log-level", "debug"], 0);
    project.run_json(&[], 0);
    let lines = log_lines(&project, &["--all", "--level", "debug"]);
    for line in &lines {
        schema::check("log-line", line);
        let event = json!({ line["event"].as_str().unwrap(): line["data"] });
        schema::check("event", if line["data"].is_null() { &line["event"] } else { &event });
    }
    let count = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!((count("call_intended"), count("call_completed")), (12, 12));
    assert_eq!((count("run_started"), count("run_completed")), (2, 2));
    assert_eq!((count("phase_fresh"), count("agent_opened")), (7, count("agent_closed")));
    assert!(
        lines.iter().any(|line| line["data"]["line"].as_str().is_some_and(|said| said.contains("call c")))
    );

    let of_phase = log_lines(&project, &["--all", "--phase", "translate@ja"]);
    assert!(!of_phase.is_empty() && of_phase.iter().all(|line| line["scope"] == json!({"language": "ja"})));
    let run = first["run_id"].as_str().unwrap();
    let of_run = log_lines(&project, &["--run", run]);
    assert!(!of_run.is_empty() && of_run.iter().all(|line| line["run_id"] == run));
    assert_eq!(log_lines(&project, &["--last", "3"]).len(), 3);
    assert_eq!(log_lines(&project, &["--level", "error"]).len(), 0);
}

#[test]
fn the_ledger_shows_calls_with_what_they_cost() {
    let project = pipeline(", --usage");
    let report = project.run_json(&[], 0);
    assert_eq!(
        report["usage"],
        json!({"input_tokens": 40, "cached_input_tokens": 0, "output_tokens": 8, "cost_usd": 1.0})
    );
    assert_eq!(report["cost_usd"], 1.0);
    let ledger = project.json(&["ledger", "--last", "0"], 0);
    assert_eq!((&ledger["done"], &ledger["usage"]["input_tokens"]), (&12.into(), &40.into()));
    let calls = |arguments: &[&str]| {
        let report = project.json(&[&["ledger"], arguments].concat(), 0);
        report["calls"].as_array().map(Vec::len).unwrap()
    };
    assert_eq!(calls(&[]), 12);
    assert_eq!(calls(&["--phase", "translate"]), 4);
    assert_eq!(calls(&["--unit", "two"]), 4);
    assert_eq!(calls(&["--phase", "qa", "--unit", "two"]), 2);
    assert_eq!(calls(&["--in-doubt"]), 0);
    assert_eq!(calls(&["--run", report["run_id"].as_str().unwrap(), "--last", "5"]), 5);
    let text = project.run(&["ledger", "--last", "1"]).expect(0).stdout;
    assert!(text.contains("qa@"), "{text}");
}

#[test]
fn show_prints_records_of_any_revision() {
    let project = pipeline(", --upper");
    project.run_json(&[], 0);
    project.edit("lines.csv", "two,second line", "two,a new line");
    project.run_json(&[], 0);
    let show = |arguments: &[&str]| project.run(&[&["show"], arguments].concat()).expect(0).stdout;
    assert_eq!(
        show(&["translate@ja", "--limit", "2"]),
        "{\"id\":\"one\",\"text\":\"FIRST LINE\"}\n{\"id\":\"two\",\"text\":\"A NEW LINE\"}\n"
    );
    assert_eq!(
        show(&["translate@ja#1", "--offset", "1", "--limit", "1"]),
        "{\"id\":\"two\",\"text\":\"SECOND LINE\"}\n"
    );
    assert_eq!(show(&["translate@ja", "--key", "four"]), "{\"id\":\"four\",\"text\":\"FOURTH LINE\"}\n");
    assert!(show(&["translate@ja", "--format", "table"]).contains("A NEW LINE"));
    assert_eq!(show(&["export@ja"]), "out/ja.csv\n");
    assert_eq!(show(&["translate@ja", "--conflicts", "--json"]), "");
    project.run(&["show", "translate@ja#7"]).expect(2);
    project.run(&["show", "translate@ja", "--key", "nine"]).expect(2);

    let diff = project.json(&["diff", "translate@ja"], 0);
    assert_eq!((&diff["from"], &diff["to"]), (&1.into(), &2.into()));
    assert_eq!(
        diff["changes"],
        json!([{"key": "two", "old": {"id": "two", "text": "SECOND LINE"}, "new": {"id": "two", "text": "A NEW LINE"}}])
    );
    assert_eq!(project.json(&["diff", "translate@ja", "2", "2"], 0)["changes"], json!([]));
    let text = project.run(&["diff", "translate@ja", "1", "2"]).expect(0).stdout;
    assert!(text.contains("[-SECOND-]{+A NEW+} LINE"), "{text}");
    project.run(&["diff", "translate@ja", "1", "9"]).expect(2);
}

#[test]
fn an_accepted_change_asks_nothing_and_the_next_edit_asks_one_line() {
    let project = pipeline(", --upper");
    project.edit("refrain.yaml", "--upper] }", "--upper], version: \"1\" }");
    project.run_json(&[], 0);
    project.edit("refrain.yaml", "version: \"1\"", "version: \"2\"");
    assert_eq!(project.not_fresh()[..2], ["translate@ja: stale (agent)", "translate@fr: stale (agent)"]);
    let accepted = project.run(&["accept", "translate", "--reason", "a typo", "--json"]).expect(0).json();
    assert_eq!(accepted.as_array().map(Vec::len), Some(2), "{accepted}");
    assert_eq!(project.not_fresh(), [""; 0]);
    assert_eq!(project.run_json(&[], 0)["calls"], 0);
    let history = project.json(&["history", "translate@ja"], 0);
    assert_eq!(history["waivers"][0]["reason"], "a typo");
    project.edit("lines.csv", "second line", "another line");
    let report = project.run_json(&[], 0);
    assert_eq!(
        phase(&report, "translate@ja")["units"],
        json!({"total": 4, "ran": 1, "reused": 3, "failed": 0})
    );
    let missing = pipeline("");
    missing.run(&["accept", "qa", "--reason", "x"]).expect(8);
}

#[test]
fn old_revisions_are_forgotten_and_replies_are_kept() {
    let project = pipeline(", --upper");
    let original = project.read("lines.csv");
    project.run_json(&[], 0);
    for text in ["other line", "third try", "last line"] {
        project.write("lines.csv", &original.replace("second line", text));
        project.run_json(&[], 0);
    }
    let numbers = || {
        let history = project.json(&["history", "translate@ja"], 0);
        let views = history["revisions"].as_array().unwrap().clone();
        views.iter().map(|view| view["record"]["revision"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(), [1, 2, 3, 4]);
    let dry = project.run(&["gc", "--keep", "1", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(numbers(), [1, 2, 3, 4], "nothing is removed");
    let real = project.run(&["gc", "--keep", "1", "--json"]).expect(0).json();
    assert_eq!(dry["revisions"], real["revisions"]);
    assert_eq!(numbers(), [4]);
    assert_eq!(project.not_fresh(), [""; 0]);
    project.run(&["show", "translate@ja#1"]).expect(2);
    // Back to the first text: its replies are still there.
    project.write("lines.csv", &original);
    assert_eq!(project.run_json(&[], 0)["calls"], 0);
    // Without them, what is not there is asked again; what is there stays.
    let gone = project.run(&["gc", "--keep", "1", "--replies", "--yes", "--json"]).expect(0).json();
    assert!(gone["replies"].as_u64().unwrap() > 0, "{gone}");
    assert_eq!(project.run_json(&[], 0)["calls"], 0);
    project.write("lines.csv", &original.replace("second line", "other line"));
    assert_eq!(project.run_json(&[], 0)["calls"], 4);
    project.run(&["gc", "--replies"]).expect(2);
}

#[test]
fn doctor_finds_nothing_wrong_with_a_healthy_project_and_what_is_wrong_with_others() {
    let project = pipeline("");
    project.run_json(&[], 0);
    let report = project.run(&["doctor", "--json"]).expect(0).json();
    assert_eq!(report["ok"], true, "{report}");
    project.edit(
        "refrain.yaml",
        "translator: { command: [fake_agent] }",
        "translator: { command: [no-such-program] }",
    );
    let output = project.run(&["doctor"]);
    assert!(output.stdout.contains("no-such-program"), "{}", output.stdout);
    let report = project.run_json(&["translate@ja", "--only"], 1);
    assert!(report.to_string().contains("no-such-program"), "{report}");
}

#[test]
fn a_pipeline_is_explained_and_what_it_made_is_looked_at() {
    let project = TestProject::demo();
    let told = project.json(&["explain", "pipeline"], 0);
    assert_eq!(
        told["levels"],
        serde_json::json!([["ingest"], ["context"], ["translate"], ["qa"], ["export"]])
    );
    let flow = told["data_flow"].as_array().unwrap();
    let from = |source: &str, target: &str| {
        let found = flow.iter().find(|flow| flow["source"] == source && flow["target"] == target);
        found.unwrap_or_else(|| panic!("{flow:#?}"))["transformation"].clone()
    };
    assert_eq!(from("ingest", "context"), "by `scene_id`");
    assert_eq!(from("ingest", "translate"), "one by one");
    assert_eq!(from("context", "translate"), "as `summary`: joined on `scene_id`");
    assert_eq!(from("file script/*.csv", "ingest"), serde_json::Value::Null);
    let text = project.run(&["explain", "pipeline"]).expect(0).stdout;
    assert!(text.contains("per language") && text.contains("a run would make:"), "{text}");
    project.run(&["qc"]).expect(2);
    project.run(&["run", "--progress", "none"]).expect(0);
    let report = project.json(&["qc"], 0);
    assert_eq!(report["model"], serde_json::Value::Null);
    assert!(report["records"].as_u64().unwrap() > 100, "{report:#}");
    let again = project.json(&["explain", "pipeline"], 0);
    assert_eq!(again["now"]["changes"], false);
    // What a person changed is told of, and weighs next to nothing.
    std::fs::write(project.path("out/ja.csv"), "line_id,text\n").unwrap();
    let report = project.json(&["qc"], 0);
    let rules: Vec<&str> =
        report["findings"].as_array().unwrap().iter().map(|f| f["rule"].as_str().unwrap()).collect();
    assert!(rules.contains(&"file_altered"), "{report:#}");
}
