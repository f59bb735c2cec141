//! The same pipeline with a model: an address, a key and one line.

use refrain_testkit::provider::{Fault, FaultMix, Provider, Settings};

use super::setup::{records, started, table};
use crate::project::{TestProject, phase};

const KEY: &str = "sk-mine-77ab02";

fn provider(faults: FaultMix) -> Provider {
    let models = vec!["gpt-5-mini".to_owned()];
    Provider::start(Settings { key: Some(KEY.to_owned()), models, faults, ..Settings::default() }).unwrap()
}

/// Fills in what has to be filled in.
fn fill_in(project: &TestProject, provider: &Provider) {
    project.edit("refrain.yaml", "https://api.openai.com/v1", &provider.url());
    project.write(".env", &format!("MODEL_API_KEY={KEY}\n"));
}

#[test]
fn one_line_puts_models_to_work_and_takes_them_away_again() {
    let project = started(&["--languages", "fr"]);
    let provider = provider(FaultMix::default());
    fill_in(&project, &provider);
    project.run_json(&[], 0);
    assert_eq!(provider.arrived(), 0, "nobody is asked before the switch");
    let offline = project.read("out/fr/main.csv");

    project.edit("refrain.yaml", "models: { default: false }", "models: { default: true }");
    project.run(&["doctor"]).expect(0);
    let plan = project.json(&["plan"], 0);
    assert!(plan["outlay"]["cost_usd"]["high"].as_f64().unwrap() > 0.0);
    let report = project.run_json(&[], 0);
    assert_eq!(report["status"], "completed", "{report}");
    assert!(report["cost_usd"].as_f64().unwrap() > 0.0);
    let lines = records(&project, "translate@fr");
    assert_eq!(lines.len(), 375);
    assert!(
        lines.iter().all(|line| line["source"].is_string() && line["speaker"].is_string()),
        "carried over"
    );
    let table = table(&project.read("out/fr/main.csv")).1;
    assert_eq!(
        table[3]["text"],
        "Ít's á póst óffícé. Whéthér ít's {i}thé{/i} póst óffícé dépénds ón whó's áskíng."
    );
    let journal = provider.journal();
    let asks = |part: &str| journal.iter().filter(|entry| entry.body.contains(part)).count();
    assert!(asks("json_schema") > 0, "the provider is told the shape of the answer");
    assert!(
        asks("Write as people speak") == 0 && asks("passé composé") > 0,
        "each language has its own style"
    );
    assert!(
        asks("wants you") == 0 && asks("small post office on a tidal island") == journal.len(),
        "the first layer is everybody's"
    );

    let before = provider.arrived();
    assert_eq!(project.run_json(&[], 0)["calls"], 0);
    project.edit("refrain.yaml", "models: { default: true }", "models: { default: false }");
    let back = project.run_json(&[], 0);
    assert_eq!(
        (back["calls"].as_u64(), provider.arrived()),
        (Some(0), before),
        "everything of before is on record"
    );
    assert_eq!(project.read("out/fr/main.csv"), offline);
}

#[test]
fn a_careless_model_is_repaired_and_breaks_no_line() {
    let project = started(&["--languages", "fr"]);
    let provider =
        provider(FaultMix { share: 0.3, kinds: vec![Fault::Invalid, Fault::ServerError], in_a_row: Some(1) });
    fill_in(&project, &provider);
    let report = project.run_json(&["--set", "models=true"], 0);
    assert_eq!(report["status"], "completed", "{report}");
    assert_eq!(phase(&report, "translate@fr")["units"]["failed"], 0);
    let ledger = project.json(&["ledger", "--by", "rung"], 0);
    let rungs: Vec<&str> =
        ledger["groups"].as_array().unwrap().iter().filter_map(|group| group["name"].as_str()).collect();
    assert!(rungs.contains(&"repair") && rungs.contains(&"retry"), "{rungs:?}");
    for line in records(&project, "edit@fr") {
        let (source, text) = (line["source"].as_str().unwrap(), line["text"].as_str().unwrap());
        for code in ["{w}", "[player]", "%d", "\\n"] {
            assert_eq!(source.matches(code).count(), text.matches(code).count(), "{line}");
        }
    }
}

#[test]
fn the_plan_of_a_project_with_models_needs_no_key() {
    let project = started(&["--provider", "anthropic"]);
    project.run(&["check"]).expect(0);
    let plan = project.json(&["plan"], 0);
    assert!(plan["outlay"]["cost_usd"]["high"].as_f64().unwrap() > 0.0, "{plan}");
    let said = project.run(&["doctor"]);
    assert!(said.code != Some(0) && format!("{}{}", said.stdout, said.stderr).contains("ANTHROPIC_API_KEY"));
}
