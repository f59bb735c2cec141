//! What the rules and a model say of what a run made.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::stage::{QUALITY, STORY, Stage};

fn quality(stage: &Stage, words: &[&str], code: i32) -> Value {
    let report = stage.run(&[&["qc", "--json"], words].concat()).expect(code).json();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/qc.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(jsonschema::is_valid(&schema, &report), "{report:#}");
    report
}

fn rules(report: &Value) -> Vec<String> {
    let one =
        |found: &Value| format!("{} {}", found["step"].as_str().unwrap(), found["rule"].as_str().unwrap());
    report["findings"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn the_orchestrator_looks_at_what_was_made_and_only_what_is_borne_out_counts() {
    let finding = |step: &str, evidence: &str| json!({"severity": "warning", "category": "content", "step": step, "message": "dull", "evidence": evidence});
    let said =
        json!({"findings": [finding("write", "purr"), finding("wrote", "purr"), finding("write", "bark")]});
    let stage =
        Stage::new("config: { enable_intelligence: false }\n", STORY, &[(QUALITY, &said.to_string())]);
    stage.worker.set(|settings| settings.says = vec![("Write about".to_owned(), "Cats purr.".to_owned())]);
    stage.run(&["run"]).expect(0);
    let report = quality(&stage, &["--fail-under", "95"], 0);
    assert_eq!(rules(&report), ["write model"], "{report:#}");
    assert_eq!((&report["score"], &report["model"]), (&95.into(), &"boss/large".into()));
    assert_eq!(report["notes"].as_array().unwrap().len(), 2, "{report:#}");
    assert_eq!(stage.asked(0), [QUALITY]);
    assert!(stage.prompt(QUALITY).contains("Cats purr."));

    let again = quality(&stage, &["--fail-under", "96"], 5);
    assert_eq!((stage.boss.arrived(), &again["passed"]), (1, &false.into()), "it is not asked again");
    let alone = quality(&stage, &["--no-model", "--fail-under", "96"], 0);
    assert_eq!((&alone["score"], &alone["model"]), (&100.into(), &Value::Null));
}

#[test]
fn a_model_that_says_nonsense_of_the_results_leaves_the_rules() {
    let stage = Stage::new("config: { enable_intelligence: false }\n", STORY, &[(QUALITY, "All good!")]);
    stage.run(&["run"]).expect(0);
    let report = quality(&stage, &[], 0);
    assert_eq!((&report["score"], &report["model"]), (&100.into(), &Value::Null));
    assert!(report["notes"][0].as_str().unwrap().contains("boss/large did not answer"), "{report:#}");
}

#[test]
fn rules_name_the_step_and_show_what_is_wrong() {
    let secret = "sk-abcdef0123456789abcd";
    let stage = Stage::new("", STORY, &[]);
    let said = format!("As an AI language model, I cannot. {secret}");
    stage.worker.set(|settings| settings.says = vec![("Write about".to_owned(), said)]);
    stage.run(&["run", "--no-intelligence"]).expect(0);
    let report = quality(&stage, &["--no-model"], 0);
    let expect = ["save secret", "write secret", "save refusal", "write refusal"];
    assert_eq!(rules(&report), expect, "{report:#}");
    assert!(!report.to_string().contains(secret), "it is never told in full: {report:#}");
    assert!(report["findings"][1]["evidence"].as_str().unwrap().contains("****"));
    assert_eq!((&report["score"], &report["grade"]), (&0.into(), &"unusable".into()));

    fs::remove_file(stage.path("out/story.txt")).unwrap();
    let report = quality(&stage, &["--no-model"], 0);
    assert_eq!(rules(&report), ["write secret", "save file_missing", "write refusal"], "{report:#}");
    let text = stage.run(&["qc", "--no-model", "--fail-under", "50"]).expect(5).stdout;
    assert!(text.contains("critical write:") && text.contains("out/story.txt"), "{text}");
}

#[test]
fn a_run_that_failed_is_looked_at_too() {
    let steps = "
  - { id: a, tool: terminal, action: execute, on_failure: continue, parameters: { command: \"exit 3\" } }
  - { id: b, tool: echo, parameters: { text: \"  \" }, dependencies: [a] }
  - { id: c, tool: filesystem, action: write, parameters: { path: out/c.txt, content: \"{{ topic }}\" } }
";
    let stage = Stage::new("config: { enable_intelligence: false }\n", steps, &[]);
    let document = stage.run(&["run", "--json", "--set", "topic={{ name }}"]).expect(1).json();
    let report = quality(&stage, &["--no-model", "--set", "topic={{ name }}"], 0);
    assert_eq!(rules(&report), ["a failed", "b empty"], "what was given is data: {report:#}");
    let run = document["execution_id"].as_str().unwrap();
    assert_eq!(quality(&stage, &[run, "--no-model"], 0)["run_id"], run);
    let none = stage.run(&["qc", "00000000-0000-7000-8000-000000000000"]).expect(2);
    assert!(none.stderr.contains("there is no run"), "{}", none.stderr);
    // The value is data only where it was given.
    assert_eq!(rules(&quality(&stage, &["--no-model"], 0)), ["a failed", "b empty", "c unrendered"]);
}

/// Each finding weighs what its severity says: an error 15, a warning 5, a note 1.
#[test]
fn rules_are_about_files_attempts_and_ends() {
    let steps = "
  - { id: hollow, tool: filesystem, action: write, parameters: { path: out/hollow.txt, content: '' } }
  - { id: other, tool: filesystem, action: write, parameters: { path: out/other.txt, content: mine } }
  - { id: stood_in, tool: terminal, action: execute, parameters: { command: exit 3 }, on_error: { fallback_value: { ok: true } } }
  - { id: late, tool: terminal, action: execute, parameters: { command: 'test -e flag || { touch flag; exit 1; }' }, on_failure: retry }
  - { id: never, tool: terminal, action: execute, parameters: { command: exit 3 }, on_failure: retry, max_retries: 4 }
  - { id: behind, action: echo x, dependencies: [never] }
";
    let stage = Stage::new("config: { enable_intelligence: false }\n", steps, &[]);
    stage.run(&["run"]).expect(1);
    fs::write(stage.path("out/other.txt"), "yours").unwrap();
    let report = quality(&stage, &["--no-model"], 0);
    let told = |found: &Value| {
        let word = |key: &str| found[key].as_str().unwrap().to_owned();
        format!("{} {} {}", word("severity"), word("step"), word("rule"))
    };
    let mut told: Vec<String> = report["findings"].as_array().unwrap().iter().map(told).collect();
    told.sort();
    let expect = [
        "error never failed",
        "info late retries",
        "info other file_altered",
        "info stood_in recovered",
        "warning behind blocked",
        "warning hollow file_empty",
        "warning never retries",
    ];
    assert_eq!(told, expect, "{report:#}");
    assert_eq!((&report["score"], &report["grade"]), (&67.into(), &"fair".into()));
}

#[test]
fn looking_at_results_heeds_the_ceiling_of_the_command_line() {
    let said = json!({"findings": []}).to_string();
    let stage = Stage::new("config: { enable_intelligence: false }\n", STORY, &[(QUALITY, &said)]);
    stage.run(&["run"]).expect(0);
    for words in [&["--max-calls", "0"][..], &["--offline"]] {
        let report = quality(&stage, words, 0);
        assert_eq!((stage.boss.arrived(), &report["model"]), (0, &Value::Null), "{words:?}: {report:#}");
        let note = report["notes"][0].as_str().unwrap();
        assert!(note.contains("boss/large did not answer: "), "{note}");
    }
    assert_eq!(quality(&stage, &["--max-calls", "5"], 0)["model"], "boss/large");
    assert_eq!(quality(&stage, &["--offline"], 0)["model"], "boss/large", "what is on record counts");
    assert_eq!(stage.boss.arrived(), 1);
}
