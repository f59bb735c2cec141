//! What is left to a model and cannot be said before the run: the list that a loop goes over, and where to go on.

use serde_json::json;

use crate::mind::{Stage, VALUE};

const QUIET: &str = "config: { enable_intelligence: false }\n";

const LIST: &str = "
  - { id: read, action: 'echo page one, page two' }
  - id: each
    for_each: <AUTO>the pages of {{ topic }}</AUTO>
    dependencies: [read]
    condition: \"{{ topic != 'none' }}\"
    steps:
      - { id: say, action: 'echo {{ item }}!' }
  - { id: after, action: 'echo {{ each.iterations | default(0) }}' }
outputs: { n: '{{ each.iterations | default(0) }}', first: '{{ each.results[0].say.result | default(none) }}' }
";

#[test]
fn a_list_is_asked_for_in_the_run_and_once() {
    let stage = Stage::new(QUIET, LIST, &[("the pages of", r#"{"value": ["{{ topic }}", "two"]}"#)]);
    stage.run(&["check"]).expect(0);
    stage.run(&["plan"]).expect(0);
    assert_eq!(stage.boss.arrived(), 0);
    let done = stage.run(&["run", "--json"]).expect(0).json();
    assert_eq!(
        (&done["outputs"]["n"], &done["outputs"]["first"]),
        (&json!(2), &json!("{{ topic }}!")),
        "{done:#}"
    );
    let journal = stage.boss.journal();
    assert_eq!((journal.len(), journal[0].model.as_str()), (1, "large"));
    let prompt = &journal[0].prompt;
    assert!(prompt.contains(VALUE) && prompt.contains("the pages of cats"), "{prompt}");
    assert!(prompt.contains("page one, page two"), "it is shown what the loop comes after: {prompt}");
    assert_eq!(stage.worker.arrived(), 0, "the orchestrator alone is asked");
    let again = stage.run(&["run", "--json"]).expect(0).json();
    assert_eq!((&again["run"]["calls"], &again["outputs"]), (&json!(0), &done["outputs"]));
    stage.run(&["run", "--set", "topic=none"]).expect(0);
    assert_eq!(stage.boss.arrived(), 1, "nobody is asked about a loop that does not go round");
    stage.write(&LIST.replace("page one", "page 1"));
    stage.run(&["run"]).expect(0);
    assert_eq!(stage.boss.arrived(), 2, "what it is shown is another thing");
}

#[test]
fn a_queue_and_a_list_that_is_none() {
    let queue = LIST.replace("    for_each: <AUTO>the pages of {{ topic }}</AUTO>\n", "");
    let queue = queue.replace(
        "    steps:\n      - { id: say, action: 'echo {{ item }}!' }",
        "    action: create_parallel_queue\n    create_parallel_queue: { \"on\": \"<AUTO>the pages</AUTO>\", task: { id: say, action: 'echo {{ item }}!' } }",
    );
    let stage = Stage::new(QUIET, &queue, &[("the pages", r#"{"value": ["a"]}"#)]);
    assert_eq!(stage.run(&["run", "--json"]).expect(0).json()["outputs"]["first"], "a!");
    let stage = Stage::new(QUIET, LIST, &[("the pages", r#"{"value": "a, b"}"#)]);
    let failed = stage.run(&["run", "--json"]).expect(1).json();
    assert_eq!(failed["steps"]["each"]["status"], "skipped", "{failed:#}");
    assert!(failed["error"].as_str().unwrap().contains("step `each`"), "{failed:#}");
}

const WAY: &str = "
  - { id: judge, action: 'echo good', goto: \"<AUTO>publish what is good, mend the rest: {{ judge.result }}</AUTO>\" }
  - { id: mend, action: echo mended, dependencies: [judge] }
  - { id: publish, action: echo published, dependencies: [mend] }
  - { id: other, action: echo other }
";

#[test]
fn where_to_go_on_is_asked_when_the_step_is_made() {
    let stage = Stage::new(QUIET, WAY, &[("publish what", r#"{"value": "publish"}"#)]);
    let done = stage.run(&["run", "--json"]).expect(0).json();
    let states = ["judge", "mend", "publish", "other"].map(|id| done["steps"][id]["status"].clone());
    assert_eq!(states, ["completed", "skipped", "completed", "completed"], "{done:#}");
    let prompt = stage.boss.journal()[0].prompt.clone();
    assert!(prompt.contains("mend the rest: good"), "{prompt}");
    assert!(
        prompt.replace(' ', "").contains(r#"{"enum":["mend","publish"]}"#),
        "only what comes later is named: {prompt}"
    );
    let again = stage.run(&["run", "--json"]).expect(0).json();
    assert_eq!((&again["run"]["calls"], stage.boss.arrived()), (&json!(0), 1));
    stage.says(&[("publish what", r#"{"value": "mend"}"#)]);
    stage.write(&WAY.replace("echo good", "echo bad"));
    let done = stage.run(&["run", "--json"]).expect(0).json();
    assert_eq!(done["steps"]["mend"]["status"], "completed", "{done:#}");
}

#[test]
fn a_way_is_chosen_in_each_turn() {
    let steps = "
  - id: each
    for_each: [a, b]
    steps:
      - { id: judge, action: 'echo {{ item }}', goto: \"<AUTO>where to go with {{ judge.result }}</AUTO>\" }
      - { id: mend, action: echo mended, dependencies: [judge] }
      - { id: publish, action: echo published, dependencies: [mend] }
";
    let answers =
        [("where to go with a", r#"{"value": "publish"}"#), ("where to go with b", r#"{"value": "mend"}"#)];
    let stage = Stage::new(QUIET, steps, &answers);
    let done = stage.run(&["run", "--json"]).expect(0).json();
    let states = ["each_0_mend", "each_0_publish", "each_1_mend", "each_1_publish"];
    let states = states.map(|id| done["steps"][id]["status"].clone());
    assert_eq!(states, ["skipped", "completed", "completed", "completed"], "{done:#}");
}

#[test]
fn what_cannot_be_left_to_a_model_is_refused() {
    let refused = |steps: &str, code: &str| {
        let stage = Stage::new(QUIET, steps, &[]);
        let ended = stage.run(&["check"]).expect(2);
        assert!(ended.stdout.contains(code), "{}{}", ended.stdout, ended.stderr);
        assert_eq!(stage.boss.arrived(), 0);
    };
    refused(&WAY.replace("goto: \"", "on_success: mend, goto: \""), "E0803");
    refused(&WAY.replace("goto: \"<AUTO>", "goto: \"x <AUTO>"), "E0818");
    refused("\n  - { id: a, action: echo a, goto: <AUTO>where to</AUTO> }\n", "E0811");
    refused(&LIST.replace("</AUTO>", ""), "E0818");
    let stage = Stage::new(QUIET, LIST, &[]);
    let file = stage.file("story.yaml").replace("orchestrator: boss:large\n", "");
    std::fs::write(stage.path("story.yaml"), file).unwrap();
    assert!(stage.run(&["check"]).expect(2).stdout.contains("E0818"));
}
