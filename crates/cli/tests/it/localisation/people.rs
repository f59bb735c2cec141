//! What people's texts do to a localisation, and what they are told of it.

use serde_json::json;

use super::setup::start;
use crate::project::TestProject;

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A script of two lines that was translated into French.
fn small() -> TestProject {
    let script = "line_id,speaker,text\na,Mia,Hello there.\nb,Bo,Good day {name}.\n";
    let project = TestProject::empty().file("script/s.csv", script);
    start(&project, &["--source", "script/*.csv", "--languages", "fr"]);
    project.run_json(&[], 0);
    project
}

#[test]
fn a_text_of_a_person_that_breaks_a_rule_is_taken_and_told_of() {
    let project = small();
    for command in ["run", "status"] {
        assert!(!project.run(&[command]).expect(0).stdout.contains("open"), "nothing is wrong yet");
    }
    let lost = project.read("out/fr/s.csv").replace(" {name}", "");
    project.write("out/fr/s.csv", &lost);
    let said = words(&project.run(&["edit", "import", "out/fr/s.csv", "--by", "ana"]).expect(0).stdout);
    assert!(said.contains("1 edit (1 new)"), "{said}");
    let note = "note: 1 error is open: qa@fr 1 (`refrain show qa@fr --format table`)";
    for command in ["run", "status"] {
        let said = words(&project.run(&[command]).expect(0).stdout);
        assert!(said.contains(note), "{command}: {said}");
        let open = &project.json(&[command], 0)["open_errors"];
        assert_eq!(*open, json!([{"target": {"phase": "qa", "scope": {"language": "fr"}}, "count": 1}]));
    }
    assert_eq!(project.read("out/fr/s.csv"), lost, "a person decides");
    assert!(project.run(&["show", "qa@fr", "--format", "table"]).expect(0).stdout.contains("{name}"));
    let said = words(&project.run(&["edit", "import", "out/fr/s.csv", "--by", "ana"]).expect(0).stdout);
    assert!(said.contains(note), "{said}");
    project.run(&["edit", "undo", "edit@fr/b", "--by", "ana"]).expect(0);
    assert!(!project.run(&["run"]).expect(0).stdout.contains("open"));
}

#[test]
fn edits_of_a_phase_that_is_switched_off_or_renamed_are_told_of_with_the_result() {
    let project = small();
    project.run(&["edit", "set", "edit@fr/a", "--text", "Salut.", "--by", "ana"]).expect(0);
    project.run_json(&[], 0);
    let pipeline = project.read("refrain.yaml");
    let off = pipeline.replacen("\n  edit:\n", "\n  edit:\n    enabled: false\n", 1);
    let renamed = pipeline.replacen("\n  edit:\n", "\n  polish:\n", 1).replace("[edit", "[polish");
    let why = ["phase `edit` is disabled (`enabled: false`)", "there is no phase `edit` any more"];
    for (pipeline, why) in [off, renamed].iter().zip(why) {
        project.write("refrain.yaml", pipeline);
        let note =
            format!("note: 1 edit of edit@fr does not come out: {why}; they are kept (`refrain edit list`)");
        for command in ["run", "status"] {
            let said = words(&project.run(&[command]).expect(0).stdout);
            assert!(said.contains(&note), "{command}: {said}");
            assert_eq!(project.json(&[command], 0)["idle_edits"][0]["code"], "W0792");
        }
    }
    project.write("refrain.yaml", &pipeline);
    assert!(!project.run(&["run"]).expect(0).stdout.contains("come out"));
}
