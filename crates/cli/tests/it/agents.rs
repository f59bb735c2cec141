//! Agents as bad as they get: the run ends as documented, other units keep their replies, and no process is left.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::crash::assert_gone;
use crate::project::{TestProject, phase};

/// Three units, one of which may meet a bad agent; `on_unit_failure: continue`.
fn project(flags: &str, agent: &str, phase: &str) -> TestProject {
    let text = format!(
        "\
refrain: 1
name: bad
agents:
  bad: {{ command: [fake_agent{flags}], retry: {{ attempts: 2, backoff: none }}{agent} }}
phases:
  ingest:
    agent: {{ builtin: read, params: {{ files: lines.csv }} }}
    output: {{ records: lines, key: id }}
  work:
    units: {{ of: ingest }}
    agents: {{ bad: 1 }}
    on_unit_failure: continue
    output: {{ records: lines, key: id }}{phase}
"
    );
    TestProject::new(&text).with_outside().file("lines.csv", "id,text\na,one\nb,two\nc,three\n")
}

/// Runs agents that go wrong at every call: everything fails, and the run says how.
fn check_failing(flags: &str, agent: &str, message: &str) -> Value {
    let project = project(flags, agent, "");
    let report = project.run_json(&[], 1);
    let work = phase(&report, "work");
    assert_eq!(work["units"]["failed"], 3, "{flags}: {work}");
    assert!(report.to_string().contains(message), "{flags}: {report}");
    report
}

/// Runs agents that go wrong once: the call is tried again and everything is there.
fn check_recovering(flags: &str, agent: &str) {
    let project = project(&format!("{flags}, --once, OUTSIDE/once"), agent, "");
    let report = project.run_json(&[], 0);
    assert_eq!(phase(&report, "work")["units"]["ran"], 3, "{flags}");
    assert_eq!(
        (&report["calls"], &report["retries"]),
        (&4.into(), &1.into()),
        "{flags}: one call was tried again"
    );
    assert_eq!(project.run(&["show", "work"]).expect(0).stdout.lines().count(), 3, "{flags}");
}

#[test]
fn what_goes_wrong_every_time_fails_its_units() {
    for (flags, message) in [
        (", --garbage", ""),
        (", --half-line", ""),
        (", --nothing", ""),
        (", --fail, \"100\"", "3"),
        (", --reply, transient", "as told"),
        (", --reply, refused", "as told"),
        (", --reply, permanent", "as told"),
        (", --reply, invalid", "as told"),
        (", --missing-unit", ""),
    ] {
        let report = check_failing(flags, "", message);
        let error = &phase(&report, "work")["error"];
        assert!(error["units"].as_array().is_none_or(|units| units.len() == 3), "{error}");
    }
}

#[test]
fn what_goes_wrong_once_is_tried_again() {
    for flags in [", --garbage", ", --half-line", ", --nothing", ", --fail, \"1\"", ", --fork-and-die"] {
        check_recovering(flags, "");
    }
    check_recovering(", --hang", ", timeout: 300ms");
}

#[test]
fn an_agent_that_never_answers_runs_into_its_timeout() {
    let started = Instant::now();
    let report = check_failing(", --hang", ", timeout: 100ms", "100ms");
    assert_eq!(report["calls"], 6, "three units, twice each");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

#[test]
fn an_answer_that_comes_late_or_twice_does_no_harm() {
    for flags in [", --late", ", --twice"] {
        let project = project(flags, "", "");
        let report = project.run_json(&[], 0);
        assert_eq!((&report["calls"], &report["retries"]), (&3.into(), &0.into()), "{flags}");
        let shown = project.run(&["show", "work"]).expect(0).stdout;
        assert_eq!(
            shown,
            "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\"b\",\"text\":\"two\"}\n{\"id\":\"c\",\"text\":\"three\"}\n"
        );
    }
}

#[test]
fn a_unit_that_nobody_asked_about_is_left_out() {
    let project = project(", --extra-unit", "", "");
    project.run_json(&[], 0);
    let shown = project.run(&["show", "work"]).expect(0).stdout;
    assert_eq!(shown.lines().count(), 3, "{shown}");
    assert!(!shown.contains("nobody-asked"), "{shown}");
}

#[test]
fn a_huge_answer_is_refused_and_kept_nowhere() {
    let project = project(", --huge, \"100000000\"", "", "");
    project.edit("lines.csv", "b,two\nc,three\n", "");
    project.edit("refrain.yaml", "attempts: 2", "attempts: 1");
    let report = project.run_json(&[], 1);
    let error = report.to_string();
    assert!(error.len() < 20_000, "the answer is not in the report");
    assert_eq!(phase(&report, "work")["units"]["failed"], 1);
    let ledger = project.run(&["ledger", "--json"]).expect(0).stdout;
    assert!(ledger.len() < 20_000, "the answer is not in the ledger");
}

#[test]
fn other_units_keep_their_replies() {
    let project = project(", --fail-unit, b, --log, OUTSIDE/answered", "", "");
    let report = project.run_json(&[], 1);
    let work = phase(&report, "work");
    assert_eq!(
        (&report["status"], &work["status"], &work["units"]["ran"]),
        (&"partial".into(), &"partial".into(), &2.into())
    );
    assert_eq!(project.run(&["show", "work"]).expect(0).stdout.lines().count(), 2);
    assert_eq!(project.not_fresh(), ["work: partial (holes)"]);
    let calls = || std::fs::read_to_string(project.outside("answered")).unwrap().lines().count();
    let before = calls();
    project.run_json(&[], 1);
    assert_eq!(calls() - before, 1, "only the hole is asked again");
    project.edit("lines.csv", "b,two", "d,two");
    let report = project.run_json(&[], 0);
    assert_eq!(phase(&report, "work")["units"]["reused"], 2);
    assert_eq!(project.not_fresh(), [""; 0]);
}

#[test]
fn a_failing_unit_stops_a_phase_that_does_not_go_on() {
    let project = project(", --fail-unit, a", "", "");
    project.edit("refrain.yaml", "    on_unit_failure: continue\n", "");
    let report = project.run_json(&[], 1);
    let work = phase(&report, "work");
    assert_eq!(
        (&report["status"], &work["status"], &work["revision"]),
        (&"failed".into(), &"failed".into(), &Value::Null)
    );
    assert_eq!(work["error"]["units"][0]["unit"], "a");
    assert_eq!(project.not_fresh(), ["work: failed (failed)"]);
    project.run(&["show", "work"]).expect(2);
}

#[test]
fn one_failing_language_does_not_stop_the_other() {
    let script = "import json, sys\nfor line in sys.stdin:\n    call = json.loads(line)\n    bad = call['scope']['language'] == 'ja'\n    \
                  part = {'error': {'kind': 'permanent', 'message': 'no'}} if bad else {'output': {'text': 'x'}}\n    \
                  print(json.dumps({'call': call['call'], 'units': [dict(part, id=u['id']) for u in call['units']]}), flush=True)\n";
    let project = crate::staleness::pipeline("").file("agent.py", script);
    project.edit("refrain.yaml", "[fake_agent] }\n  reader", "[python3, agent.py] }\n  reader");
    let report = project.run_json(&[], 1);
    assert_eq!(phase(&report, "translate@ja")["status"], "failed");
    assert_eq!(phase(&report, "qa@ja")["status"], "blocked");
    for name in ["translate@fr", "qa@fr", "export@fr"] {
        assert_eq!(phase(&report, name)["status"], "completed", "{name}");
    }
    assert!(project.path("out/fr.csv").exists() && !project.path("out/ja.csv").exists());
}

#[test]
fn no_process_is_left() {
    for (flags, agent) in
        [(", --fork-and-hang", ", timeout: 200ms"), (", --fork-and-die", ""), (", --linger", "")]
    {
        let project = project(flags, agent, "");
        project.edit("lines.csv", "b,two\nc,three\n", "");
        let code = project.run(&["run", "--quiet"]).code;
        assert_eq!(code, Some(i32::from(flags != ", --linger")), "{flags}");
        let said = project.run(&["logs", "--json", "--level", "debug"]).expect(0).stdout;
        let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.iter().for_each(|line| crate::schema::check("log-line", line));
        let child = |line: &Value| line["data"]["line"].as_str()?.strip_prefix("child ")?.parse().ok();
        let children: Vec<u32> = lines.iter().filter_map(child).collect();
        assert_eq!(children.is_empty(), flags == ", --linger", "{flags}: {said}");
        assert_gone(&children);
    }
}
