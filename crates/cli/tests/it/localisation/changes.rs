//! What is done again after a change: exactly the units that see something else.

use std::collections::BTreeSet;

use refrain_testkit::sight::is_word;
use serde_json::{Value, json};

use super::setup::{ASKING, asked, expected, records, sights, started};
use crate::demo::assert_within;
use crate::project::{TestProject, phase};

/// Makes a change and runs; checks that just those units were asked about that see something else, and that the plan
/// knew. Returns plan and report.
#[track_caller]
pub(super) fn assert_exact(
    project: &TestProject,
    languages: &[&str],
    change: impl FnOnce(),
) -> (Value, Value) {
    let before = sights(project, languages);
    change();
    let plan = project.json(&["plan"], 0);
    let report = project.run_json(&[], 0);
    assert_within(&plan, &report);
    let expected = expected(&before, &sights(project, languages));
    let mut asked = asked(project, &report);
    // Whoever looks at all lines at once has one unit, of which nothing more is to be told.
    asked.retain(|name, _| !name.starts_with("consistency@"));
    assert_eq!(asked, expected);
    for (name, units) in &expected {
        assert_eq!(phase(&report, name)["units"]["ran"], units.len(), "{name}");
    }
    for language in languages {
        for (name, is_scoped) in ASKING {
            let name = if is_scoped { format!("{name}@{language}") } else { name.to_owned() };
            let units = expected.get(&name).map_or(0, BTreeSet::len);
            assert_eq!(phase(&report, &name)["units"]["ran"], units, "{name}");
        }
    }
    assert_eq!(project.run_json(&[], 0)["calls"], 0);
    (plan, report)
}

#[test]
fn one_edited_line_is_done_again_with_those_that_see_it() {
    let project = started(&[]);
    project.run_json(&[], 0);
    let (plan, report) = assert_exact(&project, &["ja", "fr"], || {
        project.edit(
            "script/main.csv",
            "It's always the cat. That's what he's paid for.",
            "It's always the cat. Always.",
        );
    });
    assert_eq!(
        phase(&plan, "context")["run"],
        json!({"min": 1, "max": 1}),
        "exact, where nothing before it is pending"
    );
    assert_eq!(phase(&report, "context")["units"]["ran"], 1, "its scene");
    let ran = phase(&report, "translate@fr")["units"]["ran"].as_u64().unwrap();
    assert!((1..=36).contains(&ran), "no more than its scene: {ran}");
}

#[test]
fn a_new_line_and_a_line_less_concern_those_around_them() {
    let project = started(&["--languages", "fr"]);
    project.run_json(&[], 0);
    let (_, report) = assert_exact(&project, &["fr"], || {
        let text = project.read("script/wren.csv");
        let at = text.find("telegraph_005,").unwrap();
        let new = "telegraph_004b,telegraph,wren,Wren,Rather so.,\n";
        project.write("script/wren.csv", &format!("{}{new}{}", &text[..at], &text[at..]));
    });
    assert_eq!(phase(&report, "translate@fr")["units"]["total"], 376);
    let asked = asked(&project, &report);
    let units = |name: &str| asked[name].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!((units("context"), units("pretranslation")), (vec!["telegraph"], vec!["telegraph"]));
    assert_eq!(
        units("translate@fr"),
        ["telegraph_004", "telegraph_004b", "telegraph_005"],
        "it and its neighbours, for nobody else is told anything new"
    );
    assert_eq!(units("qa@fr"), ["telegraph_004b"]);
    project.edit("script/wren.csv", "telegraph_004b,telegraph,wren,Wren,Rather so.,\n", "");
    assert_eq!(project.run_json(&[], 0)["calls"], 0, "all is as it was, and on record");
    assert_eq!(records(&project, "edit@fr").len(), 375);
}

#[test]
fn a_name_of_the_glossary_concerns_exactly_the_lines_that_mention_it() {
    let project = started(&[]);
    project.run_json(&[], 0);
    let (plan, report) = assert_exact(&project, &["ja", "fr"], || {
        project.edit("glossary/ja.csv", "\nWren,レン,", "\nWren,リン,");
    });
    let mentions = |record: &&Value| is_word(record["text"].as_str().unwrap(), &json!("Wren"), true);
    let lines: BTreeSet<String> = records(&project, "ingest")
        .iter()
        .filter(mentions)
        .map(|record| record["line_id"].as_str().unwrap().to_owned())
        .collect();
    assert!(lines.len() > 5);
    let asked = asked(&project, &report);
    assert_eq!(asked["translate@ja"], lines);
    assert!(!asked.contains_key("translate@fr"), "the other language has a glossary of its own");
    assert_eq!(phase(&plan, "translate@fr")["run"], json!({"min": 0, "max": 0}));
    assert!(!project.read("out/ja/wren.csv").contains("レン"), "and no line says the old one");
}

#[test]
fn a_prompt_concerns_nobody_while_no_model_is_asked() {
    let project = started(&["--languages", "fr"]);
    project.run_json(&[], 0);
    project.edit("prompts/phases/translate.md", "People will hear", "Nobody will hear");
    assert_eq!(project.run_json(&[], 0)["calls"], 0);
}

#[test]
fn an_edit_of_a_person_stays_and_costs_nothing_more() {
    let project = started(&["--languages", "fr"]);
    project.run_json(&[], 0);
    let exported = project.read("out/fr/main.csv");
    let line = exported.lines().find(|line| line.starts_with("counter_001,")).unwrap();
    project.edit("out/fr/main.csv", line, "counter_001,counter,main,Mrs Quill,Au suivant !,");
    project.run(&["edit", "import", "out/fr/main.csv", "--by", "Mika"]).expect(0);
    let report = project.run_json(&[], 0);
    let ran = |name: &str| phase(&report, name)["units"]["ran"].clone();
    assert_eq!(
        (ran("translate@fr"), ran("edit@fr")),
        (0.into(), 0.into()),
        "what a person says is asked of nobody"
    );
    assert_eq!(ran("qa@fr"), 1, "but it is looked at");
    assert!(project.read("out/fr/main.csv").contains("Mrs Quill,Au suivant !,"));
    // The machine would say something else by now; it is not asked.
    project.edit("glossary/fr.csv", "\nStamp,Timbre,", "\nStamp,Tampon,");
    let report = project.run_json(&[], 0);
    assert_eq!(report["status"], "completed");
    assert!(project.read("out/fr/main.csv").contains("Mrs Quill,Au suivant !,"));
}
