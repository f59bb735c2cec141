//! A script of some size in three languages, with a program that translates: everything is done once, and of it again just
//! what has to be. `make bench-localisation` does the same with 50,000 lines.

use std::collections::BTreeSet;

use refrain_testkit::script::{self, SPEAKERS};
use refrain_testkit::sight::is_word;
use serde_json::{Value, json};

use super::changes::assert_exact;
use super::setup::{asked, records, start, table};
use crate::demo::assert_within;
use crate::project::{TestProject, phase};

const LANGUAGES: [&str; 3] = ["ja", "fr", "de"];
const LINES: usize = 2_000;

/// Returns a project with a script of so many lines and programs that translate and proofread it.
fn project(lines: usize) -> TestProject {
    let project = TestProject::empty();
    script::write(&project.path("script"), lines).unwrap();
    start(&project, &["--languages", "ja,fr,de", "--source", "script/*.csv"]);
    for language in LANGUAGES {
        project.write(&format!("glossary/{language}.csv"), &script::glossary(language));
    }
    with_programs(&project);
    project
}

/// Lets programs translate and proofread.
pub(super) fn with_programs(project: &TestProject) {
    let pipeline = project.read("refrain.yaml");
    let pseudo = pipeline.lines().find(|line| line.starts_with("  pseudo: ")).unwrap();
    project.edit(
        "refrain.yaml",
        &format!("{pseudo}\n"),
        "  pseudo: { command: [refrain-pseudo], version: \"1\" }\n  proofreader: { command: [refrain-pseudo, --review], version: \"1\" }\n",
    );
    project.edit("refrain.yaml", "agents: { checks: 1, critic: 8 }", "agents: { checks: 1, proofreader: 2 }");
}

#[test]
fn two_thousand_lines_in_three_languages_are_done_once_and_then_only_what_has_to_be() {
    let project = project(LINES);
    let plan = project.json(&["plan"], 0);
    let report = project.run_json(&[], 0);
    assert_eq!(report["status"], "completed", "{report}");
    assert_within(&plan, &report);
    for language in LANGUAGES {
        let ran = |name: &str| phase(&report, &format!("{name}@{language}"))["units"]["ran"].clone();
        assert_eq!((ran("translate"), ran("qa"), ran("edit")), (LINES.into(), LINES.into(), LINES.into()));
        let written = table(&project.read(&format!("out/{language}/coast.csv"))).1;
        assert_eq!(written.len(), table(&project.read("script/coast.csv")).1.len());
    }
    assert_eq!(project.run_json(&[], 0)["calls"], 0);

    let (plan, report) = assert_exact(&project, &LANGUAGES, || {
        let text = project.read("script/main.csv");
        let row = text.lines().nth(100).unwrap();
        let (head, _) = row.split_once(",\"").unwrap();
        project.edit("script/main.csv", row, &format!("{head},\"It was quiet, and then it was not.\","));
    });
    assert_eq!(phase(&plan, "context")["run"], json!({"min": 1, "max": 1}));
    let done = asked(&project, &report);
    let scene: BTreeSet<String> = done["context"].clone();
    assert_eq!(scene.len(), 1, "its scene's summary");
    assert!(done["translate@de"].len() <= script::SCENE, "nothing beyond its scene");

    let name = SPEAKERS[3];
    let (_, report) = assert_exact(&project, &LANGUAGES, || {
        let glossary = project.read("glossary/fr.csv");
        let changed = glossary
            .replace(&format!("\n{name},{}fr,", name.to_uppercase()), &format!("\n{name},Autrement,"));
        assert_ne!(glossary, changed);
        project.write("glossary/fr.csv", &changed);
    });
    let mentions = |record: &&Value| is_word(record["text"].as_str().unwrap(), &json!(name), true);
    let ids = records(&project, "ingest");
    let ids: BTreeSet<String> =
        ids.iter().filter(mentions).map(|record| record["line_id"].as_str().unwrap().to_owned()).collect();
    assert!(ids.len() > 5);
    let done = asked(&project, &report);
    assert_eq!(done["translate@fr"], ids, "exactly the lines that mention the name");
    assert!(!done.contains_key("translate@ja") && !done.contains_key("translate@de"));
}
