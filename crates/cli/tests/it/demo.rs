//! The demo project, as a newcomer meets it.

use serde_json::Value;

use crate::project::{TestProject, phase, target};

/// Fails where a count of a run lies outside of what the plan said.
#[track_caller]
pub(crate) fn assert_within(plan: &Value, report: &Value) {
    for planned in plan["phases"].as_array().unwrap() {
        let name = target(planned);
        let ran = phase(report, &name);
        for (count, actual) in [("run", &ran["units"]["ran"]), ("calls", &ran["calls"])] {
            let actual = actual.as_u64().unwrap();
            let within = planned[count]["min"].as_u64().unwrap() <= actual
                && planned[count]["max"].as_u64().is_none_or(|max| actual <= max);
            assert!(within, "{name}: {count} is {actual}, planned {planned}");
        }
    }
}

#[test]
fn the_second_run_has_nothing_to_do() {
    let project = TestProject::demo();
    let plan = project.json(&["plan"], 0);
    assert_eq!(project.json(&["plan", "--detailed-exitcode"], 10)["changes"], true);
    assert!(!project.path(".refrain").exists(), "a plan stores nothing");
    let first = project.run_json(&[], 0);
    assert_eq!(first["status"], "completed");
    assert_within(&plan, &first);
    assert_eq!(phase(&plan, "context")["run"], serde_json::json!({"min": 17, "max": 17}));
    assert_eq!(phase(&first, "translate@ja")["units"]["ran"], 314);

    let second = project.run_json(&[], 0);
    assert_eq!((&second["calls"], &second["units"]["ran"]), (&0.into(), &0.into()));
    assert!(second["phases"].as_array().unwrap().iter().all(|phase| phase["status"] == "fresh"), "{second}");
    let text = project.run(&["run", "--quiet"]).expect(0).stdout;
    assert!(text.contains("completed: 0 calls, 0 units asked, 1,273 units reused"), "{text}");

    assert_eq!(project.not_fresh(), Vec::<String>::new());
    let plan = project.json(&["plan", "--detailed-exitcode"], 0);
    assert_eq!((&plan["changes"], &plan["run"]["max"]), (&false.into(), &0.into()));
}

#[test]
fn an_edited_line_runs_its_dependants_and_nothing_else() {
    let project = TestProject::demo();
    project.run_json(&[], 0);
    project.edit("script/act1.csv", "Fine. No bell.", "Understood. No bell.");
    let stale = project.not_fresh();
    assert_eq!(stale[0], "ingest: stale (source_file)");
    let plan = project.json(&["plan"], 0);
    assert_eq!(phase(&plan, "context")["run"], serde_json::json!({"min": 1, "max": 1}));
    let report = project.run_json(&[], 0);
    assert_within(&plan, &report);
    assert_eq!(phase(&report, "context")["units"]["ran"], 1);
    for language in ["ja", "fr"] {
        let ran = phase(&report, &format!("translate@{language}"))["units"]["ran"].as_u64().unwrap();
        assert!((1..=3).contains(&ran), "the line and its neighbours: {ran}");
        assert_eq!(phase(&report, &format!("qa@{language}"))["units"]["ran"], 1);
        assert_eq!(phase(&report, &format!("export@{language}"))["status"], "completed");
    }
    assert!(project.read("out/fr.csv").contains("Ùndérst"));
    assert_eq!(project.not_fresh(), Vec::<String>::new());
}

#[test]
fn why_names_the_line_with_its_old_and_new_text() {
    let project = TestProject::demo();
    project.run_json(&[], 0);
    project.edit("script/act1.csv", "Fine. No bell.", "Understood. No bell.");
    let id = "ferry_019";

    for address in ["translate@fr".to_owned(), format!("translate@fr/{id}")] {
        let why = project.json(&["why", &address, "--limit", "100"], 0);
        let units = why["units"].as_array().unwrap();
        let unit = units.iter().find(|unit| unit["unit"] == id).unwrap_or_else(|| panic!("{why}"));
        assert_eq!(unit["change"], "changed");
        let parts = unit["parts"].as_array().unwrap();
        let part = parts.iter().find(|part| part["part"] == "unit").unwrap_or_else(|| panic!("{unit}"));
        assert!(part["old_value"].to_string().contains("Fine. No bell."), "{part}");
        assert!(part["new_value"].to_string().contains("Understood. No bell."), "{part}");
        assert_ne!(part["old"], part["new"]);
    }
    for address in ["translate@fr", "translate@fr/ferry_019"] {
        let text = project.run(&["why", address]).expect(0).stdout;
        assert!(text.contains("ferry_019 changed\n"), "{text}");
        assert!(text.contains("text: [-Fine-]{+Understood+}. No bell."), "{text}");
    }
}

#[test]
fn templates_check_plan_and_run() {
    for template in ["hello", "fanout"] {
        let project = TestProject::empty();
        project.run(&["init", "--template", template]).expect(0);
        project.json(&["check"], 0);
        let plan = project.json(&["plan"], 0);
        assert_within(&plan, &project.run_json(&[], 0));
        assert_eq!(project.json(&["plan", "--detailed-exitcode"], 0)["changes"], false);
        assert_eq!(project.not_fresh(), Vec::<String>::new(), "{template}");
        project.run(&["doctor"]).expect(0);
    }
}
