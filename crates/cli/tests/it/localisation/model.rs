//! The same pipeline with a model: an address, a key and one line.

use std::collections::{BTreeMap, BTreeSet};

use refrain_testkit::provider::{Fault, FaultMix, Provider, Settings};
use refrain_testkit::sight::is_word;
use serde_json::{Value, json};

use super::setup::{records, start, started, table};
use crate::project::{TestProject, phase, target};

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
    let said = project.run(&["doctor"]).expect(0).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("MODEL_API_KEY is not set") && said.contains("nobody needs it"), "{said}");
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

/// By agent, the units that it was asked about in one phase and scope during a run.
fn asked_by(project: &TestProject, report: &Value, name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let run = report["run_id"].as_str().unwrap();
    let ledger = project.json(&["ledger", "--run", run, "--last", "1000000"], 0);
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for call in ledger["calls"].as_array().unwrap().iter().filter(|call| target(&call["target"]) == name) {
        let units =
            call["asks"].as_array().unwrap().iter().map(|ask| ask["unit"].as_str().unwrap().to_owned());
        asked.entry(call["agent"].as_str().unwrap().to_owned()).or_default().extend(units);
    }
    asked
}

fn by_id(records: Vec<Value>) -> BTreeMap<String, Value> {
    records.into_iter().map(|record| (record["line_id"].as_str().unwrap().to_owned(), record)).collect()
}

#[test]
fn the_editor_is_asked_about_lines_with_open_issues_and_about_no_others() {
    let project = started(&["--languages", "fr"]);
    let provider = provider(FaultMix::default());
    fill_in(&project, &provider);
    // Besides the rules, which suggest nothing for a term, somebody who has a suggestion for every line.
    let stylist = r#"stylist: { builtin: template, params: { record: { rule: style, severity: info, message: "Louder.", suggestion: "{{ unit.text }} !" } } }"#;
    project.edit("refrain.yaml", "\nphases:\n", &format!("  {stylist}\n\nphases:\n"));
    project.edit("refrain.yaml", "checks: 1, critic: 8 }", "checks: 1, stylist: 1, critic: 8 }");
    let report = project.run_json(&["--set", "models=true"], 0);
    assert_eq!(report["status"], "completed", "{report}");

    let issues = records(&project, "qa@fr");
    let is_open = |issue: &&Value| issue["suggestion"].is_null();
    let open: BTreeSet<String> =
        issues.iter().filter(is_open).map(|issue| issue["line_id"].as_str().unwrap().to_owned()).collect();
    assert!((5..300).contains(&open.len()), "{}", open.len());
    let asked = asked_by(&project, &report, "edit@fr");
    assert_eq!(asked["editor"], open);
    assert_eq!(asked["apply"].len(), 375);

    let translated = by_id(records(&project, "translate@fr"));
    for (id, line) in by_id(records(&project, "edit@fr")) {
        let mut text = translated[&id]["text"].clone();
        for change in line["changes"].as_array().unwrap() {
            assert_eq!(change["before"], text, "{line}");
            text = change["after"].clone();
        }
        assert_eq!(line["text"], text, "{line}");
        assert_eq!(line["speaker"], translated[&id]["speaker"]);
        assert_eq!(line["text"].as_str().unwrap().ends_with(" !"), !open.contains(&id), "{line}");
    }

    let before = provider.arrived();
    assert_eq!(project.run_json(&["--set", "models=true"], 0)["calls"], 0);
    assert_eq!(project.run_json(&[], 0)["status"], "completed", "and without models for nothing");
    assert_eq!(provider.arrived(), before);
    assert!(records(&project, "edit@fr").iter().all(|line| line["open"].is_null()));
}

#[test]
fn a_prompt_holds_what_concerns_its_line_and_nothing_else() {
    let project = started(&["--languages", "fr"]);
    let provider = provider(FaultMix::default());
    fill_in(&project, &provider);
    // One line in each prompt.
    let units = "    units: { of: ingest }\n";
    project.edit("refrain.yaml", &format!("{units}    pack: {{ max: 8, within: scene_id }}\n"), units);
    project.run_json(&["--set", "models=true", "translate"], 0);
    let prompts: Vec<String> = provider.journal().into_iter().map(|entry| entry.prompt).collect();
    let of = |line: &str| {
        let marked = format!("<line id=\"{line}\">");
        prompts.iter().find(|prompt| prompt.contains(&marked)).unwrap_or_else(|| panic!("no {line}"))
    };
    let prompt = of("causeway_015");
    assert!(prompt.contains("\"Stamp\" is called \"Timbre\""), "{prompt}");
    assert!(prompt.contains("Mrs Quill: speaks here, as do"), "{prompt}");
    assert!(!of("causeway_010").contains("Timbre"), "{}", of("causeway_010"));
    let far = of("causeway_002");
    assert!(far.contains("Narrator: speaks here") && !far.contains("Stamp: speaks here"), "{far}");

    let report =
        |report: &Value| asked_by(&project, report, "translate@fr").remove("translator").unwrap_or_default();
    let mentions = |name: &str| -> BTreeSet<String> {
        let lines = records(&project, "ingest").into_iter();
        let lines = lines.filter(|line| is_word(line["text"].as_str().unwrap(), &json!(name), true));
        lines.map(|line| line["line_id"].as_str().unwrap().to_owned()).collect()
    };
    project.edit("glossary/fr.csv", "\nStamp,Timbre,", "\nStamp,Tampon,");
    let run = project.run_json(&["--set", "models=true", "translate"], 0);
    assert_eq!(report(&run), mentions("Stamp"), "a name concerns the lines that mention it");

    let text = project.read("script/wren.csv");
    let at = text.find("telegraph_005,").unwrap();
    let new = "telegraph_004b,telegraph,wren,Wren,Rather so.,\n";
    project.write("script/wren.csv", &format!("{}{new}{}", &text[..at], &text[at..]));
    let run = project.run_json(&["--set", "models=true", "translate"], 0);
    let around = ["telegraph_004", "telegraph_004b", "telegraph_005"].map(str::to_owned);
    assert_eq!(report(&run), BTreeSet::from(around), "a new line concerns those beside it");
}

#[test]
fn a_file_that_is_renamed_asks_no_model_although_it_is_a_scene() {
    let script = "line_id,speaker,text\na,Mia,Hello there.\nb,Bo,Good day.\nc,Mia,It rains.\n";
    let project = TestProject::empty().file("script/s.csv", script);
    start(&project, &["--source", "script/*.csv", "--languages", "fr"]);
    let provider = provider(FaultMix::default());
    fill_in(&project, &provider);
    project.run_json(&["--set", "models=true"], 0);
    let before = provider.arrived();
    assert!(before > 0);
    std::fs::rename(project.path("script/s.csv"), project.path("script/chapter1.csv")).unwrap();
    let report = project.run_json(&["--set", "models=true"], 0);
    assert_eq!((&report["status"], provider.arrived()), (&json!("completed"), before), "{report}");
    assert_eq!(records(&project, "translate@fr")[0]["scene_id"], "script/chapter1.csv");
}
