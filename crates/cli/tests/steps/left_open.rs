//! Values that a file leaves to a model in places of all kinds: conditions, formulas, experts, actions, other pipelines.

use std::fs;

use serde_json::{Value, json};

use crate::mind::Stage;

const ALONE: &str = "config: { enable_intelligence: false }\n";

fn said(value: Value) -> String {
    json!({ "value": value }).to_string()
}

fn stage(header: &str, steps: &str, answers: &[(&str, Value)]) -> Stage {
    let answers: Vec<(&str, String)> =
        answers.iter().map(|(mark, value)| (*mark, said(value.clone()))).collect();
    let answers: Vec<(&str, &str)> = answers.iter().map(|(mark, said)| (*mark, said.as_str())).collect();
    Stage::new(&format!("{ALONE}{header}"), steps, &answers)
}

#[test]
fn conditions_and_parts_of_formulas_are_left_to_a_model() {
    let steps = "
  - { id: n, action: echo 7 }
  - { id: whole, action: echo whole, condition: <AUTO>whether it purrs</AUTO> }
  - { id: part, action: echo part, condition: \"{{ n.result | int }} > <AUTO>some threshold</AUTO>\" }
  - { id: bare, action: echo bare, condition: \"topic == <AUTO>one animal</AUTO>\" }
  - { id: text, action: \"echo {{ 'a <AUTO>a saying</AUTO> b' | upper }}\" }
  - { id: sum, action: \"echo {{ [<AUTO>a summand</AUTO>, 1] | sum }}\" }
  - { id: loop, while: <AUTO>how long to go on</AUTO>, steps: [{ id: say, action: \"echo <AUTO>a word</AUTO>\" }] }
";
    let answers = [
        ("whether it purrs", json!("topic == 'cats'")),
        ("some threshold", json!(7)),
        ("one animal", json!("cats")),
        ("a saying", json!("it's }} \\ {{ 'x'")),
        ("a summand", json!(-5)),
        ("how long to go on", json!("iteration < 1")),
        ("a word", json!("word")),
    ];
    let stage = stage("", &steps.replace("id: loop", "id: again"), &answers);
    stage.run(&["check"]).expect(0);
    stage.run(&["plan"]).expect(0);
    assert_eq!(stage.boss.arrived(), 0);
    let document = stage.run(&["run", "--json"]).expect(0).json();
    let status = |id: &str| document["steps"][id]["status"].as_str().unwrap();
    assert_eq!(["whole", "part", "bare"].map(status), ["completed", "skipped", "completed"], "{document:#}");
    assert_eq!(document["steps"]["text"]["value"]["result"], "A IT'S }} \\ {{ 'X' B");
    assert_eq!(document["steps"]["sum"]["value"]["result"], "-4");
    assert_eq!(document["steps"]["again"]["value"]["iterations"], 1);
    assert_eq!(stage.boss.arrived(), 7);
}

/// Nothing of what a model says is rendered, read as a formula, or part of the YAML that it stands in.
#[test]
fn what_a_model_says_is_data_wherever_it_stands() {
    let steps = "
  - { id: bare, action: echo bare, condition: \"'cats' == <AUTO>a template</AUTO>\" }
  - { id: same, action: echo same, condition: \"shown == '<AUTO>a template</AUTO>'\" }
  - { id: gone, action: echo gone, condition: \"'' == <AUTO>a comment</AUTO>\" }
  - id: q
    create_parallel_queue: { 'on': '[1, 2]', while: \"index < <AUTO>how many</AUTO>\", action_loop: [{ action: echo x }] }
  - id: text
    tool: pipeline-executor
    parameters:
      pipeline: |
        name: inner
        steps:
          - id: one
            action: echo <AUTO>a step</AUTO>
          - { id: two, tool: filesystem, action: list, parameters: { path: <AUTO>which folder</AUTO> } }
        outputs: { o: \"{{ one.result }}\", n: \"{{ two.count }}\" }
";
    let evil =
        "x\n  - id: evil\n    tool: terminal\n    action: execute\n    parameters: { command: touch evil }";
    let answers = [
        ("a template", json!("{{ topic }}")),
        ("a comment", json!("{# x #}")),
        ("how many", json!(1)),
        ("a step", json!(evil)),
        ("which folder", json!(".")),
    ];
    let header = "parameters: { shown: \"{{ topic }}\" }\n";
    let stage = stage(header, steps, &answers);
    stage.run(&["check"]).expect(0);
    let document = stage.run(&["run", "--json"]).expect(0).json();
    let status = |id: &str| document["steps"][id]["status"].as_str().unwrap();
    assert_eq!(["bare", "same", "gone"].map(status), ["skipped", "completed", "skipped"], "{document:#}");
    assert_eq!(document["steps"]["q"]["value"]["iterations"], 1, "{document:#}");
    assert_eq!(document["steps"]["text"]["value"]["result"]["outputs"]["o"], evil);
    assert!(!stage.path("evil").exists());
}

/// Where nothing can be left to a model that is told, and no folder is called `<AUTO>`.
#[test]
fn what_cannot_be_left_to_a_model_is_refused() {
    let steps = "\n  - { id: a, action: echo 1, produces: a.txt }\n";
    let stage = stage("output_dir: <AUTO>some folder</AUTO>\n", steps, &[("some folder", json!("out"))]);
    stage.run(&["run"]).expect(0);
    assert!(stage.path("out/a.txt").exists());
    let stage = super::left_open::stage("version: 1.0.0\nselection: <AUTO>x</AUTO>\n", steps, &[]);
    stage.run(&["check"]).expect(0);
    let stage = super::left_open::stage("limits: <AUTO>how much</AUTO>\n", steps, &[]);
    let found = stage.run(&["check", "--json"]).expect(2).json();
    assert_eq!(found["problems"][0]["message"], "`limits` cannot be left to a model", "{found:#}");
}

/// A list that a model gives is there where a route leads to its loop.
#[test]
fn routes_lead_to_loops_whose_lists_a_model_gives() {
    let steps = "
  - { id: a, action: echo one, goto: l }
  - { id: b, action: echo two, dependencies: [a] }
  - { id: l, for_each: <AUTO>some numbers</AUTO>, dependencies: [b], steps: [{ id: s, action: \"echo {{ item }}\" }] }
";
    let stage = stage("", steps, &[("some numbers", json!([1, 2]))]);
    let document = stage.run(&["run", "--json"]).expect(0).json();
    assert_eq!(document["steps"]["b"]["status"], "skipped");
    assert_eq!(document["steps"]["l_1_s"]["value"]["result"], "2", "{document:#}");
}

#[test]
fn experts_and_actions_are_left_to_a_model() {
    let steps = "
  - { id: a, prompt: Purr, expert: e }
  - { id: b, action: <AUTO>which action suits</AUTO>, parameters: { prompt: Hiss } }
";
    let header = "experts: { e: { model: <AUTO>who purrs best</AUTO>, temperature: 0.5 } }\n";
    let answers = [("who purrs best", json!("worker:small")), ("which action suits", json!("generate"))];
    let stage = stage(header, steps, &answers);
    stage.run(&["check"]).expect(0);
    let document = stage.run(&["run", "--json"]).expect(0).json();
    assert_eq!(document["steps"]["a"]["model"], "worker/small", "{document:#}");
    assert_eq!((stage.boss.arrived(), stage.worker.arrived()), (2, 2));
    stage.write("\n  - { id: b, action: <AUTO>which action suits</AUTO>, parameters: { nonsense: 1 } }\n");
    let found = stage.run(&["check", "--json"]).expect(2).json();
    assert_eq!(found["problems"][0]["code"], "E0818", "{found:#}");
}

#[test]
fn values_of_other_pipelines_are_left_to_the_same_model() {
    let steps = "\n  - { id: a, tool: pipeline-executor, parameters: { pipeline: other.yaml } }\n";
    let stage = stage("", steps, &[("some colour", json!("red"))]);
    let other = "name: y\nsteps:\n- { id: say, action: \"echo it is <AUTO>some colour</AUTO>\" }\noutputs: { o: \"{{ say.result }}\" }\n";
    fs::write(stage.path("other.yaml"), other).unwrap();
    let open = stage.run(&["check"]).expect(0);
    assert!(open.stderr.contains("other.yaml:steps[0].action#1"), "{}", open.stderr);
    for _ in 0..2 {
        let document = stage.run(&["run", "--json"]).expect(0).json();
        assert_eq!(document["steps"]["a"]["value"]["result"]["outputs"]["o"], "it is red", "{document:#}");
        assert_eq!(stage.boss.arrived(), 1);
    }
}

/// An action that is left open takes what the step gives; where that is nothing, it says a text.
#[test]
fn an_action_and_items_of_a_list_are_left_to_a_model() {
    let steps = "
  - { id: a, action: <AUTO>say hello</AUTO> }
  - { id: l, for_each: [x, <AUTO>a word</AUTO>], steps: [{ id: s, action: \"echo {{ item }}!\" }] }
";
    let answers = [("say hello", json!("echo hello {{ topic }}")), ("a word", json!("{{ y }}"))];
    let stage = stage("", steps, &answers);
    stage.run(&["check"]).expect(0);
    let document = stage.run(&["run", "--json"]).expect(0).json();
    assert_eq!(document["steps"]["a"]["value"]["result"], "hello {{ topic }}", "{document:#}");
    assert_eq!(document["steps"]["l_0_s"]["value"]["result"], "x!");
    assert_eq!(document["steps"]["l_1_s"]["value"]["result"], "{{ y }}!");
}

#[test]
fn tags_that_are_none_are_refused() {
    for (value, told) in [
        ("<AUTO>a <AUTO>b</AUTO></AUTO>", "an `<AUTO>` stands in another one"),
        ("<AUTO model='x'>b</AUTO>", "`<AUTO>` has no attribute `model`"),
        ("<auto>b</auto>", "`<auto>` is no tag that leaves something to a model"),
        ("say <Auto>b</Auto>", "`<Auto>` is no tag"),
        ("<AUTO>b", "`<AUTO>` is not closed"),
    ] {
        let steps = format!("\n  - {{ id: a, action: \"echo {value}\" }}\n");
        let found = stage("", &steps, &[]).run(&["check", "--json"]).expect(2).json();
        let [problem] = found["problems"].as_array().unwrap().as_slice() else { panic!("{found:#}") };
        assert_eq!(problem["code"], "E0818", "{found:#}");
        assert!(problem["message"].as_str().unwrap().contains(told), "{value}: {problem}");
    }
    let list = "\n  - { id: l, for_each: <auto>b</auto>, steps: [{ id: s, action: echo s }] }\n";
    let found = stage("", list, &[]).run(&["check", "--json"]).expect(2).json();
    assert_eq!(found["problems"][0]["code"], "E0818", "{found:#}");
    // One that is written out is a text.
    let written = "\n  - { id: a, action: \"echo {{ '<' }}auto>b</auto>\" }\n";
    let document = stage("", written, &[]).run(&["run", "--json"]).expect(0).json();
    assert_eq!(document["steps"]["a"]["value"]["result"], "<auto>b</auto>", "{document:#}");
}

/// What a model says is held to its place: what makes no sound condition is asked for again, and told as what the model said.
#[test]
fn a_condition_that_is_none_is_asked_for_again() {
    let steps = "
  - { id: a, action: echo <AUTO>a word</AUTO> }
  - { id: b, action: echo b, condition: <AUTO>whether it purrs</AUTO> }
";
    let stage = stage("", steps, &[("a word", json!("hi")), ("whether it purrs", json!("word"))]);
    let ended = stage.run(&["run"]).expect(1);
    let told =
        "the orchestrator said that `steps[1].condition` is \"word\", which cannot be: `word` is neither";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    assert_eq!(stage.boss.arrived(), 4, "the other value is on record");
    // It is open as if nothing had been said.
    let check = stage.run(&["check"]).expect(0);
    assert!(check.stderr.contains("steps[1].condition"), "{}", check.stderr);
    stage.says(&[("whether it purrs", &said(json!("topic == 'cats'")))]);
    let document = stage.run(&["run", "--json"]).expect(0).json();
    assert_eq!(document["steps"]["b"]["status"], "completed", "{document:#}");
    assert_eq!(stage.boss.arrived(), 5);
    // What is wrong with the file itself is none of the model's.
    stage.write("\n  - { id: a, action: \"echo <AUTO>a word</AUTO> {{ nope }}\" }\n");
    stage.says(&[("a word", &said(json!("hi")))]);
    let ended = stage.run(&["run"]).expect(2);
    assert!(ended.stderr.contains("`nope` is neither"), "{}", ended.stderr);
}
