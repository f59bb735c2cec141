//! `refrain init --template model`: an address and a key, and it runs.

use refrain_testkit::provider::{Provider, Settings};

use crate::project::{TestProject, phase};

const ADDRESS: &str = "https://api.openai.com/v1";
const KEY: &str = "sk-mine-5f2a1c";

fn started() -> TestProject {
    let project = TestProject::empty();
    project.run(&["init", "--template", "model"]).expect(0);
    project
}

fn provider() -> Provider {
    let models = vec!["gpt-5-mini".to_owned()];
    Provider::start(Settings { key: Some(KEY.to_owned()), models, ..Settings::default() }).unwrap()
}

#[test]
fn it_checks_and_plans_before_anything_is_filled_in() {
    let project = started();
    let said = project.run(&["check"]).expect(0);
    assert_eq!(said.stderr, "", "{}", said.stdout);
    let plan = project.json(&["plan"], 0);
    let planned = phase(&plan, "translate@fr");
    assert_eq!((&planned["run"]["max"], &planned["calls"]["max"]), (&6.into(), &2.into()));
    assert!(plan["outlay"]["cost_usd"]["high"].as_f64().unwrap() > 0.0, "{plan}");
    assert!(plan["outlay"]["cost_usd"]["high"].as_f64().unwrap() < 0.5, "it fits its own budget: {plan}");
}

#[test]
fn with_an_address_and_a_key_it_runs() {
    let project = started();
    let provider = provider();
    project.edit("refrain.yaml", ADDRESS, &provider.url());
    project.write(".env", &format!("MODEL_API_KEY={KEY}\n"));
    project.run(&["doctor"]).expect(0);
    let report = project.run_json(&[], 0);
    assert_eq!(report["status"], "completed");
    assert!(report["cost_usd"].as_f64().unwrap() > 0.0);
    assert!(project.read("out/fr.csv").contains("Nót tódáy, {player}. Drínk yóúr pótíón ánd gó tó sléép."));
    let prompts: Vec<String> = provider.journal().into_iter().map(|entry| entry.body).collect();
    let french =
        prompts.iter().find(|body| body.contains("into French") && body.contains("hundred")).unwrap();
    assert!(french.contains(r#"Say \"porte\" for \"gate\""#) && french.contains("small fantasy game"));
    assert!(!french.contains("Say \\\"potion") || french.contains("your potion"), "only terms that occur");
    let before = provider.arrived();
    project.edit("glossary.csv", "dream,rêve", "dream,songe");
    let plan = project.json(&["plan"], 0);
    // `dreams` holds `dream`, too. The Japanese prompts say nothing of French words, so that they stay as they were.
    assert_eq!(phase(&plan, "translate@fr")["run"]["max"], 2);
    assert_eq!(phase(&plan, "translate@ja")["run"]["max"], 0);
    project.run_json(&[], 0);
    let asked = provider.journal()[before..]
        .iter()
        .map(|entry| entry.prompt.matches("<line>").count())
        .sum::<usize>();
    assert_eq!(asked, 2);
}

#[test]
fn the_doctor_says_what_is_missing() {
    let project = started();
    let look = || {
        let said = project.run(&["doctor"]);
        (said.code, format!("{}{}", said.stdout, said.stderr))
    };
    let check = |expect: &str| {
        let (code, all) = look();
        assert!(code != Some(0) && all.contains(expect), "no `{expect}`, exit {code:?}: {all}");
    };
    check("MODEL_API_KEY");
    project.write(".env", &format!("MODEL_API_KEY={KEY}\n"));
    // Nobody listens on the port of a provider that is gone.
    let gone = provider().url();
    project.edit("refrain.yaml", ADDRESS, &gone);
    check("main");
    let provider = provider();
    project.edit("refrain.yaml", &gone, &provider.url());
    project.run(&["doctor"]).expect(0);
    provider.set(|settings| settings.models = vec!["another".to_owned()]);
    let (_, all) = look();
    assert!(all.contains("gpt-5-mini"), "{all}");
    provider.set(|settings| settings.key = Some("another".to_owned()));
    check("main");
}
