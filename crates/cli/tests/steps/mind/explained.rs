//! What a pipeline does, made out from what is written.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::stage::Stage;

#[test]
fn explaining_needs_no_model() {
    let steps = "
  - { id: save, tool: filesystem, action: write, parameters: { path: out/a.txt, content: \"of {{ topic }}\" } }
  - { id: back, tool: filesystem, action: read, condition: \"{{ topic != 'x' }}\", on_false: end, parameters: { path: \"{{ save.path }}\" } }
  - { id: side, tool: echo, parameters: { text: \"{{ back.content | upper }}\" } }
  - { id: end, tool: echo, on_failure: continue, parameters: { text: \"{{ save.result.size }}\" } }
outputs: { said: \"{{ end.result }}\" }
";
    let stage = Stage::new("config: { enable_intelligence: false }\n", steps, &[]);
    let told = stage.run(&["explain", "pipeline", "--json"]).expect(0).json();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/explain.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(jsonschema::is_valid(&schema, &told), "{told:#}");
    assert_eq!(told["levels"], json!([["save"], ["back"], ["side", "end"]]));
    let flow = |source: &str, target: &str, variable: &str, kind: &str, how: Value| json!({"source": source, "target": target, "variable": variable, "type": kind, "transformation": how});
    let expect = [
        flow("inputs", "save", "topic", "string", "in a text".into()),
        flow("save", "back", "path", "string", Value::Null),
        flow("inputs", "back", "topic", "string", "condition".into()),
        flow("back", "side", "content", "string", "back.content | upper".into()),
        flow("save", "end", "result.size", "integer", Value::Null),
        flow("end", "outputs.said", "result", "string", Value::Null),
    ];
    assert_eq!(told["data_flow"], json!(expect), "{:#}", told["data_flow"]);
    let complexity = json!({"score": 0.35, "steps": 4, "levels": 3, "branches": 3, "nesting": 0});
    assert_eq!(told["complexity"], complexity);
    assert_eq!(told["files"], json!([{"path": "out/a.txt", "step": "save"}]));
    assert_eq!(told["now"]["changes"], true);
    assert_eq!(told["steps"][1]["routes"], json!([{"on": "false", "to": "end"}]));
    assert_eq!(stage.boss.arrived() + stage.worker.arrived(), 0);
}

/// The steps of a loop stand where the loop does; what goes round within what goes round is nested, and each way on is a branch.
#[test]
fn loops_are_explained_with_what_is_in_them() {
    let steps = "
  - { id: a, action: 'echo [1, 2]' }
  - id: out
    for_each: \"{{ a.result }}\"
    condition: \"{{ topic }}\"
    on_error: { fallback_value: none }
    steps:
      - id: in
        while: \"{{ iteration < 2 }}\"
        steps:
          - { id: s, action: \"echo {{ out.item }}{{ topic }}\" }
      - { id: t, action: \"echo {{ in.iterations }}\", on_failure: continue }
  - { id: b, action: \"echo {{ out.iterations }}\", on_success: d }
  - { id: c, action: \"echo {{ b.result }}\" }
  - { id: d, action: \"echo {{ a.result | length }}\", dependencies: [c] }
";
    let stage = Stage::new("config: { enable_intelligence: false }\n", steps, &[]);
    let told = stage.run(&["explain", "pipeline", "--json"]).expect(0).json();
    assert_eq!(told["levels"], json!([["a"], ["out"], ["b"], ["c"], ["d"]]));
    let complexity = json!({"score": 0.52, "steps": 8, "levels": 5, "branches": 4, "nesting": 2});
    assert_eq!(told["complexity"], complexity);
    let flow = |source: &str, target: &str, variable: &str, kind: &str, how: Value| json!({"source": source, "target": target, "variable": variable, "type": kind, "transformation": how});
    let expect = [
        flow("inputs", "out", "topic", "string", "condition".into()),
        flow("a", "out", "result", "string", Value::Null),
        flow("out", "out_in_s", "item", "any", "in a text".into()),
        flow("inputs", "out_in_s", "topic", "string", "in a text".into()),
        flow("out_in", "out_t", "iterations", "any", Value::Null),
        flow("out", "b", "iterations", "any", Value::Null),
        flow("b", "c", "result", "string", Value::Null),
        flow("a", "d", "result", "string", "a.result | length".into()),
    ];
    // The condition of the inner loop reads nothing but its own turn.
    let found: Vec<Value> = told["data_flow"].as_array().unwrap().clone();
    assert_eq!(found, expect, "{:#}", told["data_flow"]);
}
