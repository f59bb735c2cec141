//! Which model a step asks that does not say it: chosen, kept, and made anew on purpose.

use std::fs;
use std::path::Path;

use refrain_testkit::provider::{Fault, FaultMix};
use serde_json::{Value, json};

use crate::models::{edit, failing, go, project, provider};
use crate::own::{refrain, run, staged};

/// A cheap one, a good one and a quick one.
const MODELS: &str = "\
models:
  sim/cheap: { quality: 0.4, speed: 50, capabilities: [], cost: { input: 1, output: 1 } }
  sim/good: { quality: 0.9, speed: 20, capabilities: [tools], modalities: [text, vision], cost: { input: 10, output: 10 } }
  sim/quick: { quality: 0.7, speed: 90, capabilities: [tools], cost: { input: 2, output: 2 } }
";

fn check_chosen(header: &str, step: &str, model: &str, reason: &str) {
    let provider = provider();
    let place = project(&provider, &format!("{MODELS}{header}steps:\n- {{ id: a, prompt: hi{step} }}\n"));
    let done = go(place.path(), &[], 0);
    let asked: Vec<String> = provider.journal().into_iter().map(|entry| entry.model).collect();
    assert_eq!(asked, [model], "{header}{step}");
    let step = &done["steps"]["a"];
    assert_eq!((&step["model"], &step["choice"]["reason"]), (&json!(format!("sim/{model}")), &json!(reason)));
    assert_eq!(step["provider"], "sim");
}

#[test]
fn each_strategy_asks_a_model_of_its_own() {
    check_chosen("selection: cost\n", "", "cheap", "the cheapest of 3 that fit");
    check_chosen("selection_schema: performance\n", "", "good", "the best of 3 that fit");
    check_chosen("selection: { strategy: balanced }\n", "", "quick", "the most balanced of 3 that fit");
    check_chosen("selection: cost\n", ", selection: performance", "good", "the best of 3 that fit");
    check_chosen(
        "",
        ", requires_model: { capabilities: [tools] }",
        "quick",
        "the most balanced of 2 that fit",
    );
    check_chosen(
        "selection: cost\n",
        ", requires_model: { modalities: [vision] }",
        "good",
        "the only one that fits",
    );
    check_chosen(
        "selection: cost\n",
        ", requires_model: { excluded: ['sim:cheap'], preferred: ['sim:good'] }",
        "good",
        "the preferred one of 2 that fit",
    );
    check_chosen(
        "default_model: sim:cheap\n",
        ", model: auto, selection: performance",
        "good",
        "the best of 3 that fit",
    );
}

#[test]
fn where_no_model_fits_each_is_told_what_it_lacks() {
    let place = staged(
        "x.yaml",
        &format!(
            "name: x\n{MODELS}steps:\n- {{ id: a, prompt: hi, requires_model: {{ min_accuracy_score: 0.8, modalities: [audio] }} }}\n"
        ),
    );
    let refused = go(place.path(), &[], 2);
    let problem = &refused["problems"][0];
    assert_eq!((&problem["code"], &problem["message"]), (&json!("E0827"), &json!("no model fits step `a`")));
    let hint = problem["hint"].as_str().unwrap();
    for told in [
        "`sim/cheap`: no modality `audio`; its quality of 0.4 is below 0.8",
        "`sim/good`: no modality `audio`,",
        "`sim/quick`: no modality `audio`; its quality of 0.7 is below 0.8",
    ] {
        assert!(hint.contains(told), "{hint}");
    }
}

#[test]
fn plan_and_check_show_which_model_is_chosen_and_why() {
    let provider = provider();
    let place = project(
        &provider,
        &format!(
            "{MODELS}selection: {{ strategy: cost, fallback: 'sim:good' }}\nsteps:\n- {{ id: a, prompt: hi }}\n"
        ),
    );
    let said = "a asks sim/cheap: the cheapest of 3 that fit; else sim/good";
    for command in ["plan", "check"] {
        let text = String::from_utf8(refrain(place.path(), &["-f", "x.yaml", command]).stdout).unwrap();
        assert!(text.contains(said), "{command}: {text}");
        let document = run(place.path(), &["-f", "x.yaml", command], 0);
        assert_eq!(document["choices"][0]["model"], "sim/cheap", "{document:#}");
        assert_eq!(document["choices"][0]["others"], json!(["sim/quick", "sim/good"]));
    }
    assert_eq!(provider.arrived(), 0, "neither asks anybody");
    assert!(!place.path().join(".refrain/steps/x/choices.json").exists(), "nor keeps anything");
}

/// Returns what a run said beside its result, and the model that step `a` has.
fn noted(place: &Path, words: &[&str]) -> (String, Value, u64) {
    let output = refrain(place, &[&["-f", "x.yaml", "--progress", "none", "run", "--json"], words].concat());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let note = String::from_utf8(output.stderr).unwrap();
    (
        note.trim().to_owned(),
        document["steps"]["a"]["model"].clone(),
        document["run"]["calls"].as_u64().unwrap(),
    )
}

#[test]
fn what_was_chosen_stays_until_somebody_changes_what_is_asked_for() {
    let provider = provider();
    let place = project(&provider, &format!("{MODELS}selection: cost\nsteps:\n- {{ id: a, prompt: hi }}\n"));
    let place = place.path();
    assert_eq!(noted(place, &[]), (String::new(), json!("sim/cheap"), 1));
    // It is the dearest now: nothing is bought again for that, and the next step asks it as well.
    edit(place, "cost: { input: 1, output: 1 }", "cost: { input: 99, output: 99 }");
    assert_eq!(noted(place, &[]), (String::new(), json!("sim/cheap"), 0));
    edit(place, "prompt: hi", "prompt: hello");
    assert_eq!(noted(place, &[]), (String::new(), json!("sim/cheap"), 1));
    let plan = run(place, &["-f", "x.yaml", "plan"], 0);
    assert_eq!((&plan["choices"][0]["kept"], &plan["changes"]), (&json!(true), &json!(false)));
    // On purpose.
    let anew = "note: step `a` asks sim/quick and no longer sim/cheap: the cheapest of 3 that fit";
    assert_eq!(noted(place, &["--choose"]), (anew.to_owned(), json!("sim/quick"), 1));
    assert_eq!(noted(place, &[]), (String::new(), json!("sim/quick"), 0));
    // What is asked for.
    edit(place, "prompt: hello", "prompt: hello, requires_model: { min_accuracy_score: 0.8 }");
    let anew = "note: step `a` asks sim/good and no longer sim/quick: the only one that fits";
    assert_eq!(noted(place, &[]), (anew.to_owned(), json!("sim/good"), 1));
    // What the file says of a model, its price left aside.
    edit(place, "quality: 0.4", "quality: 0.8");
    edit(place, "input: 99, output: 99", "input: 1, output: 1");
    let anew = "note: step `a` asks sim/cheap and no longer sim/good: the cheapest of 2 that fit";
    assert_eq!(noted(place, &[]), (anew.to_owned(), json!("sim/cheap"), 0), "it was bought before");
    // A record that cannot be read is nobody's to guess.
    fs::write(place.join(".refrain/steps/x/choices.json"), "{").unwrap();
    let output = refrain(place, &["-f", "x.yaml", "run"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("choices.json"));
}

/// A way to choose is a part of what is asked for, and what no longer fits is not kept for having been chosen.
#[test]
fn what_was_chosen_is_chosen_for_what_is_asked() {
    let provider = provider();
    let place = project(&provider, &format!("{MODELS}selection: cost\nsteps:\n- {{ id: a, prompt: hi }}\n"));
    let place = place.path();
    edit(place, "sim/cheap: { quality", "sim/cheap: { context: 8000, quality");
    assert_eq!(noted(place, &[]), (String::new(), json!("sim/cheap"), 1));
    edit(place, "prompt: hi", &format!("prompt: '{}'", "word ".repeat(7_000)));
    let anew = "note: step `a` asks sim/quick and no longer sim/cheap: the cheapest of 2 that fit";
    assert_eq!(noted(place, &[]), (anew.to_owned(), json!("sim/quick"), 1));
    edit(place, "selection: cost", "selection: performance");
    let anew = "note: step `a` asks sim/good and no longer sim/quick: the best of 2 that fit";
    assert_eq!(noted(place, &[]), (anew.to_owned(), json!("sim/good"), 1));
    assert_eq!(noted(place, &[]), (String::new(), json!("sim/good"), 0));
}

/// Who stands in is a part of what is asked for: another one is asked from then on.
#[test]
fn another_stand_in_is_not_the_one_that_was_kept() {
    let provider = provider();
    let step = "requires_model: { capabilities: [], fallback_strategy: cheapest }";
    let text = |how: &str| format!("{MODELS}{how}steps:\n- {{ id: a, prompt: hi }}\n");
    let place = project(&provider, &text("selection: { strategy: performance, fallback: 'sim:cheap' }\n"));
    let place = place.path();
    let stands_in = |code| go(place, &[], code)["steps"]["a"]["choice"]["fallback"].clone();
    assert_eq!(stands_in(0), json!(["sim/cheap"]));
    edit(place, "fallback: 'sim:cheap'", "fallback: 'sim:quick'");
    assert_eq!(stands_in(0), json!(["sim/quick"]));
    edit(place, "prompt: hi", &format!("prompt: hi, {step}"));
    assert_eq!(stands_in(0), json!(["sim/cheap"]));
    edit(place, "fallback_strategy: cheapest", "fallback_strategy: best_available");
    assert_eq!(stands_in(0), json!(["sim/quick"]));
    edit(place, "fallback_strategy: best_available", "fallback_strategy: fail");
    assert_eq!(stands_in(0), Value::Null);
}

/// Who stands in for a model that was chosen does so in each run.
#[test]
fn what_stands_in_for_what_was_chosen_stays() {
    let (first, spare) = (provider(), provider());
    let place = staged(
        "x.yaml",
        &format!(
            "name: x\nendpoints: {{ sim: {{ base_url: \"{}\" }}, spare: {{ base_url: \"{}\" }} }}\n{MODELS}\
             selection: {{ strategy: cost, fallback: 'spare:second' }}\nsteps:\n- {{ id: a, prompt: hi, max_retries: 1 }}\n",
            first.url(),
            spare.url()
        ),
    );
    assert_eq!(noted(place.path(), &[]), (String::new(), json!("sim/cheap"), 1));
    let kinds = vec![Fault::Refused];
    first.set(|settings| settings.faults = FaultMix { share: 1.0, kinds, in_a_row: None });
    edit(place.path(), "prompt: hi", "prompt: hello");
    let done = go(place.path(), &[], 0);
    assert_eq!(done["steps"]["a"]["model"], "spare/second", "{done:#}");
    assert_eq!((first.arrived(), spare.arrived()), (2, 1));
}

#[test]
fn only_a_declared_stand_in_is_asked_and_the_result_names_it() {
    let (broken, good) = (failing(Fault::Refused), provider());
    let text = |selection: &str| {
        format!(
            "name: x\nendpoints: {{ sim: {{ base_url: \"{}\" }}, spare: {{ base_url: \"{}\" }} }}\n{selection}\
             steps:\n- {{ id: a, prompt: 'Say <line>so</line>', model: 'sim:first', max_retries: 1 }}\n",
            broken.url(),
            good.url()
        )
    };
    let place = staged("x.yaml", &text("models: { 'sim/first': {}, 'spare/second': { quality: 1 } }\n"));
    let failed = go(place.path(), &[], 1);
    assert_eq!((&failed["steps"]["a"]["status"], good.arrived()), (&json!("failed"), 0));
    fs::write(place.path().join("x.yaml"), text("selection: { fallback: 'spare:second' }\n")).unwrap();
    let done = go(place.path(), &[], 0);
    assert_eq!(done["steps"]["a"]["model"], "spare/second");
    assert_eq!(done["steps"]["a"]["instead_of"], "sim/first");
    assert_eq!(done["steps"]["a"]["value"], json!({"result": "só"}));
    assert_eq!((broken.arrived(), good.arrived()), (2, 1));
    assert_eq!(go(place.path(), &[], 0)["steps"]["a"]["model"], "spare/second");
    assert_eq!((broken.arrived(), good.arrived()), (2, 1), "nobody is asked twice");
}

#[test]
fn a_stand_in_may_be_the_next_best_or_the_cheapest() {
    let provider = provider();
    let fallback = |how: &str| {
        let step = format!("requires_model: {{ fallback_strategy: {how} }}, selection: performance");
        let header = "selection: { fallback: 'sim:other' }\n";
        let place =
            project(&provider, &format!("{MODELS}{header}steps:\n- {{ id: a, prompt: hi, {step} }}\n"));
        run(place.path(), &["-f", "x.yaml", "check"], 0)["choices"][0]["fallback"].clone()
    };
    assert_eq!(fallback("best_available"), json!(["sim/quick"]));
    assert_eq!(fallback("cheapest"), json!(["sim/cheap"]));
    assert_eq!(fallback("fail"), Value::Null);
}

#[test]
fn a_limit_on_cost_is_a_budget() {
    let provider = provider();
    let step = "requires_model: { cost_limit: 0.0000001 }, parameters: { max_tokens: 100 }";
    let place = project(
        &provider,
        &format!("{MODELS}selection: cost\nsteps:\n- {{ id: a, action: generate, {step} }}\n")
            .replace("{ max_tokens", "{ prompt: hi, max_tokens"),
    );
    let refused = go(place.path(), &[], 2);
    assert_eq!(refused["problems"][0]["code"], "E0827", "no answer is that cheap: {refused:#}");
    edit(place.path(), "0.0000001", "0.001");
    assert_eq!(go(place.path(), &[], 0)["steps"]["a"]["model"], "sim/cheap");
    edit(place.path(), ", max_tokens: 100", "");
    let refused = go(place.path(), &[], 2);
    assert_eq!(refused["problems"][0]["code"], "E0331", "a limit needs a longest answer: {refused:#}");
}
