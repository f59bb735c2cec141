//! What a model is asked about a steps file, and what is made of its answers: each test holds what Refrain says against what the
//! providers wrote down. The orchestrator is one provider, the model of the steps another.

use std::fs;

use refrain_testkit::provider::{Fault, FaultMix};
use serde_json::{Value, json};

use stage::{ALIGNMENT, ARCHITECTURE, INTENTION, STORY, aligned};
pub(crate) use stage::{Stage, VALUE};

mod explained;
mod results;
mod stage;

/// The exit code of a run whose budget is used up.
const BUDGET: i32 = 3;

fn misaligned(confidence: f64) -> String {
    let issue = json!({"severity": "critical", "step": "save", "type": "logic",
        "description": "nothing is checked", "suggested_fix": "add a step that checks"});
    let issues = json!([issue]);
    json!({"is_valid": false, "confidence": confidence, "issues": issues, "warnings": [], "suggestions": []})
        .to_string()
}

fn n_warnings(stderr: &str, code: &str) -> usize {
    stderr.matches(&format!("[{code}]")).count()
}

#[test]
fn the_orchestrator_is_asked_three_things_once_and_nobody_else_is() {
    let stage = Stage::new("", STORY, &[]);
    stage.run(&["run"]).expect(0);
    assert_eq!(stage.asked(0), [INTENTION, ARCHITECTURE, ALIGNMENT]);
    assert!(stage.boss.journal().iter().all(|entry| entry.model == "large"));
    let worker = stage.worker.journal();
    assert_eq!((worker.len(), worker[0].model.as_str()), (1, "small"), "the steps ask their own model");
    assert!(
        stage.prompt(ARCHITECTURE).contains("It writes a story."),
        "the intention is shown to the architecture"
    );
    let judged = stage.prompt(ALIGNMENT);
    assert!(judged.contains("It writes a story.") && judged.contains("2. save"), "{judged}");
    assert!(
        stage.prompt(INTENTION).contains("Write about {{ topic }}"),
        "the steps are shown as they are written"
    );

    stage.run(&["run"]).expect(0);
    stage.run(&["run", "--set", "topic=dogs"]).expect(0);
    let told = stage.run(&["explain", "pipeline", "--json"]).expect(0).json();
    assert_eq!(stage.boss.arrived(), 3, "what was said once is not asked again");
    assert_eq!(told["meaning"]["intention"], "It writes a story.");
    assert_eq!(told["meaning"]["alignment"]["is_valid"], true);
    assert_eq!(told["meaning"]["to_ask"], json!([]));

    stage.write(&STORY.replace("Write about", "Tell of"));
    stage.run(&["run"]).expect(0);
    assert_eq!(stage.asked(3), [INTENTION, ARCHITECTURE, ALIGNMENT], "other steps are another pipeline");
}

#[test]
fn what_says_something_to_people_alone_asks_nothing_anew() {
    let stage = Stage::new("version: 1.0.0\n", STORY, &[]);
    stage.run(&["run"]).expect(0);
    let file = stage.file("story.yaml").replace("version: 1.0.0", "version: 1.0.1\nauthor: me\ntags: [a]");
    fs::write(stage.path("story.yaml"), file).unwrap();
    stage.run(&["run"]).expect(0);
    assert_eq!(stage.boss.arrived(), 3);
}

#[test]
fn check_and_plan_ask_nobody_and_say_what_would_be_asked() {
    let stage = Stage::new("", STORY, &[]);
    for words in [&["check"][..], &["plan"], &["run", "--dry-run"], &["explain", "pipeline", "--no-model"]] {
        let ended = stage.run(words).expect(0);
        let is_said = ended.stderr.contains("would ask boss/large for intention, architecture, alignment")
            || ended.stdout.contains("boss/large for intention, architecture, alignment");
        assert!(is_said, "{words:?}: {}{}", ended.stdout, ended.stderr);
    }
    assert_eq!((stage.boss.arrived(), stage.worker.arrived()), (0, 0));
    stage.run(&["run"]).expect(0);
    let after = stage.run(&["check"]).expect(0);
    assert!(!after.stderr.contains("would ask"), "{}", after.stderr);
    assert_eq!(stage.boss.arrived(), 3);
}

#[test]
fn what_a_person_wrote_is_not_asked() {
    let header = "intention: To praise cats.\n";
    let stage = Stage::new(header, STORY, &[]);
    stage.run(&["run"]).expect(0);
    assert_eq!(stage.asked(0), [ARCHITECTURE, ALIGNMENT]);
    assert!(stage.prompt(ALIGNMENT).contains("To praise cats."));
    let told = stage.run(&["explain", "pipeline", "--json"]).expect(0).json();
    assert_eq!(told["meaning"]["intention"], "To praise cats.");

    let both = Stage::new("intention: To praise cats.\narchitecture: One writes.\n", STORY, &[]);
    both.run(&["run"]).expect(0);
    assert_eq!(both.asked(0), [ALIGNMENT]);
    assert!(both.prompt(ALIGNMENT).contains("One writes."));
}

#[test]
fn switches_turn_questions_off() {
    let check = |config: &str, words: &[&str], expect: &[&str]| {
        let stage = Stage::new(config, STORY, &[]);
        stage.run(&[&["run"], words].concat()).expect(0);
        assert_eq!(stage.asked(0), expect, "{config}{words:?}");
        stage
    };
    check("config: { enable_intelligence: false }\n", &[], &[]);
    check("", &["--no-intelligence"], &[]);
    check("config: { enable_validation: false }\n", &[], &[INTENTION, ARCHITECTURE]);
    let all = [INTENTION, ARCHITECTURE, ALIGNMENT];
    let stage = check("context: { enable_suggestions: false }\n", &[], &all);
    assert!(stage.prompt(ALIGNMENT).contains("`suggestions` stays empty"));
}

#[test]
fn without_an_orchestrator_nothing_is_asked_and_nothing_said() {
    let stage = Stage::new("", STORY, &[]);
    let file = stage.file("story.yaml").replace("orchestrator: boss:large\n", "");
    fs::write(stage.path("story.yaml"), file).unwrap();
    let ended = stage.run(&["run"]).expect(0);
    assert!(!ended.stderr.contains("orchestrator") && !ended.stderr.contains("W08"), "{}", ended.stderr);
    let told = stage.run(&["explain", "pipeline", "--json"]).expect(0).json();
    assert_eq!(
        (&told["meaning"]["orchestrator"], &told["meaning"]["intention"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(stage.boss.arrived(), 0);
}

#[test]
fn an_orchestrator_that_does_not_answer_costs_one_warning() {
    let stage = Stage::new("", STORY, &[]);
    let faults = FaultMix { share: 1.0, kinds: vec![Fault::Stalled], in_a_row: None };
    stage.boss.set(|settings| settings.faults = faults);
    let ended = stage.run(&["run"]).expect(0);
    assert_eq!(n_warnings(&ended.stderr, "W0828"), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("intention, architecture, alignment"), "{}", ended.stderr);
    assert_eq!(stage.asked(0), [INTENTION], "what hangs on it is not asked either");
    assert!(stage.path("out/story.txt").is_file(), "the run goes on without");

    stage.boss.set(|settings| settings.faults = FaultMix::default());
    let ended = stage.run(&["run"]).expect(0);
    assert_eq!(n_warnings(&ended.stderr, "W0828"), 0, "a failure is not kept as an answer: {}", ended.stderr);
    assert_eq!(stage.asked(1), [INTENTION, ARCHITECTURE, ALIGNMENT]);
}

#[test]
fn nonsense_is_no_alignment() {
    let stage = Stage::new("", STORY, &[(ALIGNMENT, "Looks fine to me!")]);
    let ended = stage.run(&["run"]).expect(0);
    assert_eq!(n_warnings(&ended.stderr, "W0828"), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("for alignment"), "{}", ended.stderr);
    assert_eq!(stage.asked(0), [INTENTION, ARCHITECTURE, ALIGNMENT]);
    let aligned = aligned();
    stage.says(&[(ALIGNMENT, &aligned)]);
    stage.run(&["run"]).expect(0);
    assert_eq!(stage.asked(3), [ALIGNMENT], "the others are on record");
}

#[test]
fn a_misaligned_pipeline_is_refused_unless_that_is_allowed() {
    let stage = Stage::new("", STORY, &[(ALIGNMENT, &misaligned(0.8))]);
    let document = stage.run(&["run", "--json"]).expect(2).json();
    let problem = &document["problems"][0];
    assert_eq!((&problem["code"], &problem["path"]), (&"E0830".into(), &"steps[1]".into()), "{document:#}");
    assert!(problem["message"].as_str().unwrap().contains("nothing is checked"));
    assert!(problem["hint"].as_str().unwrap().contains("--allow-misaligned"));
    assert_eq!(stage.worker.arrived(), 0, "nothing was run");
    // Who looks at the file alone is told, and kept from nothing.
    let told = stage.run(&["check"]).expect(0);
    let told = told.stdout + &told.stderr;
    assert!(told.contains("W0831") && !told.contains("E0830"), "{told}");

    let allowed = stage.run(&["run", "--allow-misaligned"]).expect(0);
    assert_eq!(n_warnings(&allowed.stderr, "W0831"), 1, "{}", allowed.stderr);
    assert_eq!((stage.boss.arrived(), stage.worker.arrived()), (3, 1));
}

#[test]
fn a_doubt_is_a_warning() {
    let stage = Stage::new("", STORY, &[(ALIGNMENT, &misaligned(0.79))]);
    let ended = stage.run(&["run"]).expect(0);
    assert_eq!(n_warnings(&ended.stderr, "W0831"), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("story.yaml:12"), "at its step: {}", ended.stderr);
}

/// What the file may cost is for asking about it and for running it together.
#[test]
fn what_is_asked_about_a_pipeline_is_paid_like_its_steps() {
    let steps =
        "\n  - { id: a, prompt: 'First {{ topic }}' }\n  - { id: b, prompt: 'Then {{ a.result }}' }\n";
    for (calls, code, n_asked, n_worked) in [(5, 0, 3, 2), (4, BUDGET, 3, 1), (3, BUDGET, 3, 0)] {
        let stage = Stage::new(&format!("budget: {{ calls: {calls} }}\n"), steps, &[]);
        stage.run(&["run"]).expect(code);
        assert_eq!((stage.asked(0).len(), stage.worker.journal().len()), (n_asked, n_worked), "{calls}");
        // What is on record costs nothing in the next run.
        stage.run(&["run"]).expect(0);
        assert_eq!((stage.asked(0).len(), stage.worker.journal().len()), (3, 2), "{calls}");
    }
    // So is what is left to a model.
    let stage = Stage::new("config: { enable_intelligence: false }\nbudget: { calls: 4 }\n", LEFT, &VALUES);
    stage.run(&["run"]).expect(BUDGET);
    assert!(!stage.path("out").exists(), "nothing is left for the steps");
    stage.run(&["run"]).expect(0);
    assert_eq!(stage.boss.arrived(), 4);
}

/// What looks like a secret is not for the model that is asked about the file, although the steps have it.
#[test]
fn what_looks_like_a_secret_is_not_told_to_the_orchestrator() {
    let (key, word) = ("sk-abcdef0123456789abcdef0123456789", "hunter22");
    let steps = format!(
        "{STORY}  - {{ id: key, action: \"echo {key}\" }}\n  - {{ id: ask, action: \"echo https://me:{word}@example.org/x\" }}\n"
    );
    let stage = Stage::new("", &steps, &[]);
    stage.run(&["run"]).expect(0);
    for mark in [INTENTION, ARCHITECTURE, ALIGNMENT] {
        let told = stage.prompt(mark);
        assert!(told.contains("example.org") && !told.contains(key) && !told.contains(word), "{told}");
    }
}

/// Steps may be called as the questions are: what each made is its own.
#[test]
fn steps_with_the_names_of_questions_are_steps() {
    let steps = "
  - { id: meaning_intention, prompt: \"Write about {{ topic }}\" }
  - { id: meaning_alignment, prompt: \"Judge {{ meaning_intention.result }}\" }
";
    let stage = Stage::new("outputs: { said: \"{{ meaning_intention.result }}\" }\n", steps, &[]);
    for status in ["completed", "fresh"] {
        let document = stage.run(&["run", "--json"]).expect(0).json();
        assert_eq!(document["outputs"]["said"], "Wríté ábóút cáts", "{document:#}");
        let phases = document["run"]["phases"].as_array().unwrap();
        assert!(phases.len() == 2 && phases.iter().all(|phase| phase["status"] == status), "{document:#}");
        assert_eq!((stage.boss.arrived(), stage.worker.arrived()), (3, 2));
    }
    let told = stage.run(&["explain", "pipeline", "--json"]).expect(0).json();
    assert_eq!(told["meaning"]["intention"], "It writes a story.");
}

const LEFT: &str = "
  - id: save
    tool: filesystem
    action: write
    timeout: <AUTO>how long it may take</AUTO>
    parameters: { path: out/story.txt, content: \"<AUTO>a line about {{ topic }}</AUTO>\" }
  - id: next
    tool: filesystem
    action: write
    dependencies: <AUTO>what comes first</AUTO>
    parameters: { path: out/next.txt, content: \"of {{ topic }}: <AUTO>two words</AUTO>\" }
";

const VALUES: [(&str, &str); 4] = [
    ("how long it may take", r#"{"value": 7}"#),
    ("a line about", r#"{"value": "Hi {{ topic }} {% if %} <AUTO>x</AUTO>"}"#),
    ("what comes first", r#"{"value": ["save"]}"#),
    ("two words", r#"{"value": "{{ topic }}"}"#),
];

#[test]
fn values_are_asked_once_and_are_data() {
    let stage = Stage::new("config: { enable_intelligence: false }\n", LEFT, &VALUES);
    let open = stage.run(&["check"]).expect(0);
    let paths =
        "steps[0].timeout, steps[0].parameters.content, steps[1].dependencies, steps[1].parameters.content#1";
    assert!(open.stderr.contains(paths), "{}", open.stderr);
    assert_eq!(stage.boss.arrived(), 0);

    stage.run(&["run"]).expect(0);
    assert_eq!(stage.asked(0), [VALUE; 4]);
    assert_eq!(stage.worker.arrived(), 0, "the orchestrator alone is asked");
    assert_eq!(
        stage.file("out/story.txt"),
        "Hi {{ topic }} {% if %} <AUTO>x</AUTO>",
        "what it said is not rendered"
    );
    assert_eq!(stage.file("out/next.txt"), "of cats: {{ topic }}", "what stands around it is");

    stage.run(&["run"]).expect(0);
    let told = stage.run(&["explain", "pipeline", "--json"]).expect(0).json();
    assert_eq!(stage.boss.arrived(), 4, "what was said once is not asked again");
    let values: Vec<&Value> =
        told["meaning"]["autos"].as_array().unwrap().iter().map(|auto| &auto["value"]).collect();
    assert_eq!(values[0], 7);
    assert_eq!(*values[2], json!(["save"]));
    assert_eq!(told["steps"][1]["after"], json!(["save"]));
    assert_eq!(told["steps"][0]["timeout"], "7s");

    let native = stage.run(&["convert"]).expect(0).stdout;
    assert!(!native.contains("<AUTO>how") && native.contains("7s"), "{native}");
    assert_eq!(stage.boss.arrived(), 4);

    stage.write(&LEFT.replace("out/next.txt", "out/other.txt").replace("two words", "two other words"));
    stage.says(&[("two other words", r#"{"value": "no"}"#)]);
    stage.run(&["run"]).expect(0);
    assert_eq!(stage.boss.arrived(), 5, "only the one that changed is asked");
    assert_eq!(stage.file("out/other.txt"), "of cats: no");
}

#[test]
fn a_value_that_the_model_does_not_give_stops_the_run() {
    let check = |said: &str| {
        let stage = Stage::new(
            "config: { enable_intelligence: false }\n",
            LEFT,
            &[("how long", said), ("a line about", VALUES[1].1), VALUES[2], VALUES[3]],
        );
        let document = stage.run(&["run", "--json"]).expect(1).json();
        let error = document["error"].as_str().unwrap();
        assert!(error.contains("did not say what `steps[0].timeout` is"), "{error}");
        assert!(!stage.path("out").exists(), "nothing was run");
        let n = stage.boss.journal().iter().filter(|entry| entry.prompt.contains("how long")).count();
        assert_eq!(n, 3, "it is asked again for its shape, and then no more");
    };
    check("I am not sure.");
    check(r#"{"value": "soon"}"#);
    check("As an AI, I cannot say.");
}

#[test]
fn without_a_model_a_value_cannot_be_left_open() {
    let stage = Stage::new("", LEFT, &VALUES);
    let file = stage.file("story.yaml").replace("orchestrator: boss:large\n", "");
    fs::write(stage.path("story.yaml"), file).unwrap();
    let found = stage.run(&["check", "--json"]).expect(2).json();
    let codes: Vec<&str> =
        found["problems"].as_array().unwrap().iter().map(|p| p["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["E0818"; 4]);
    assert_eq!(found["problems"][1]["path"], "steps[0].parameters.content");
}

#[test]
fn a_file_that_is_wrong_elsewhere_asks_nothing() {
    let stage = Stage::new(
        "",
        &LEFT.replace("id: next\n    tool: filesystem", "id: next\n    tool: filesystm"),
        &VALUES,
    );
    stage.run(&["run"]).expect(2);
    assert_eq!(stage.boss.arrived(), 0);
}

#[test]
fn an_orchestrator_that_is_not_there_is_told_at_its_place() {
    let stage = Stage::new("", STORY, &[]);
    let file = stage.file("story.yaml").replace("boss:large", "bos:large");
    fs::write(stage.path("story.yaml"), file).unwrap();
    let found = stage.run(&["check", "--json"]).expect(2).json();
    let problem = &found["problems"][0];
    assert_eq!(
        (&problem["path"], &problem["place"]["line"]),
        (&"orchestrator".into(), &3.into()),
        "{found:#}"
    );
}
