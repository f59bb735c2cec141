//! Ceilings, `--offline`, and the exit codes.

use crate::project::{TestProject, phase};
use crate::staleness::pipeline;

#[test]
fn a_run_stops_at_its_ceiling_and_the_next_one_goes_on() {
    let project = pipeline(", --upper");
    let text = project.run(&["run", "--max-calls", "1", "--quiet"]).expect(3);
    assert!(text.stdout.contains("`refrain run --max-calls 1`"), "how to go on: {}", text.stdout);
    let report = project.run_json(&["--max-calls", "2"], 3);
    assert_eq!((&report["status"], &report["calls"]), (&"stopped".into(), &2.into()));
    let report = project.run_json(&["--max-calls", "100"], 0);
    assert_eq!(report["calls"], 9, "4 calls of two lines and 8 of one, 3 of them made already");
    assert_eq!(project.run_json(&["--max-calls", "0"], 0)["calls"], 0, "nothing to do needs no call");
}

#[test]
fn limits_of_a_phase_and_of_an_agent_stop_it_too() {
    for (old, new) in [
        ("  translate:\n", "  translate:\n    limits: { calls: 3 }\n"),
        ("--upper] }", "--upper], limits: { calls: 3 } }"),
        ("name: small\n", "name: small\nlimits: { calls: 3 }\n"),
    ] {
        let project = pipeline(", --upper");
        project.edit("refrain.yaml", old, new);
        let report = project.run_json(&[], 3);
        assert_eq!(report["status"], "stopped", "{new}");
        let calls = |name: &str| phase(&report, name)["calls"].as_u64().unwrap();
        assert_eq!(calls("translate@ja") + calls("translate@fr"), 3, "{new}: {report}");
        let mut runs = 1;
        while project.run(&["run", "--quiet"]).code == Some(3) {
            runs += 1;
            assert!(runs < 10, "{new}: it never ends");
        }
        assert_eq!(project.not_fresh(), [""; 0], "{new}");
        assert_eq!(
            project.json(&["ledger", "--last", "0"], 0)["done"],
            12,
            "{new}: nothing was bought twice"
        );
    }
}

#[test]
fn offline_answers_from_the_ledger_or_shows_what_is_nearest() {
    let project = pipeline(", --upper");
    let report = project.run_json(&["--offline"], 11);
    assert_eq!(report["calls"], 0);
    project.run_json(&[], 0);
    let text = project.read("lines.csv");
    project.edit("lines.csv", "second line", "another line");
    project.run_json(&[], 0);
    project.write("lines.csv", &text);
    assert_eq!(project.run_json(&["--offline"], 0)["calls"], 0, "all of it is on record");
    project.edit("lines.csv", "second line", "second lines");
    let output = project.run(&["run", "--offline", "--quiet"]).expect(11);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(said.contains("two"), "the unit is named: {said}");
    assert!(said.contains("text: second [-line-]{+lines+}"), "the nearest request is shown: {said}");
}

#[test]
fn a_plan_with_changes_says_so_by_its_exit_code() {
    let project = pipeline("");
    project.run(&["plan"]).expect(0);
    project.run(&["plan", "--detailed-exitcode"]).expect(10);
    project.run(&["run", "--dry-run"]).expect(0);
    assert!(!project.path(".refrain").exists());
    project.run_json(&[], 0);
    project.run(&["plan", "--detailed-exitcode"]).expect(0);
    project.run(&["plan", "--detailed-exitcode", "--force"]).expect(10);
    project.run(&["plan", "qa", "--detailed-exitcode", "--only"]).expect(0);
}

#[test]
fn a_disabled_phase_is_refused_by_name_and_left_out_otherwise() {
    let project = pipeline("");
    project.edit("refrain.yaml", "  qa:\n", "  qa:\n    enabled: false\n");
    project.run(&["run", "qa"]).expect(2);
    project.run_json(&[], 0);
    assert_eq!(project.not_fresh(), [""; 0]);
}

#[test]
fn a_phase_whose_condition_is_false_is_skipped_with_what_needs_it() {
    let project = pipeline("");
    project.edit("refrain.yaml", "  translate:\n", "  translate:\n    when: \"scope.language != 'ja'\"\n");
    let report = project.run_json(&[], 0);
    for name in ["translate@ja", "qa@ja", "export@ja"] {
        assert_eq!(phase(&report, name)["status"], "skipped", "{name}");
    }
    assert_eq!(phase(&report, "export@fr")["status"], "completed");
    assert_eq!(project.run_json(&[], 0)["calls"], 0);
    let words: Vec<String> = project.not_fresh();
    assert!(words.len() == 3 && words.iter().all(|word| word.contains(": skipped")), "{words:?}");
}

/// A failing phase and a blocked one behind it: the stronger code is the one.
#[test]
fn where_several_exit_codes_apply_the_strongest_one_is_it() {
    let text = "\
refrain: 1
name: codes
agents:
  good: { command: [fake_agent] }
  bad: { command: [fake_agent, --reply, permanent] }
phases:
  ingest:
    agent: { builtin: read, params: { files: lines.csv } }
    output: { records: lines, key: id }
  fails: { units: { of: ingest }, agent: bad, output: { records: lines, key: id } }
  behind: { units: { of: fails }, agent: good, output: { records: lines, key: id } }
  beside: { units: { of: ingest }, agent: good, output: { records: lines, key: id } }
";
    let project = TestProject::new(text).file("lines.csv", "id\na\nb\nc\n");
    let report = project.run_json(&[], 1);
    let words: Vec<&str> =
        report["phases"].as_array().unwrap().iter().filter_map(|phase| phase["status"].as_str()).collect();
    assert_eq!(words, ["completed", "failed", "blocked", "completed"]);
    project.run(&["run", "behind", "--only", "--quiet"]).expect(8);
    let report = project.run_json(&["beside", "fails", "--force", "--max-calls", "2"], 3);
    assert_eq!(report["status"], "stopped");
}
