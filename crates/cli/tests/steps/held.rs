//! What steps make is held to what they say of it: results of tools and agents, and outputs of other pipelines.

use std::fs;

use serde_json::{Value, json};

use crate::language::COUNT;
use crate::own::{run, staged};

fn tool(schema: &str) -> String {
    format!(
        "name: x\nsteps:\n- id: a\n  tool: terminal\n  action: execute\n  parameters: {{ command: 'echo x >> n.txt; echo hi' }}\n  \
         output_schema: {schema}\n- {{ id: b, action: 'echo {{{{ a.stdout }}}}' }}\n"
    )
}

#[test]
fn the_result_of_a_tool_is_held_to_its_schema() {
    let fits = "{ type: object, required: [stdout], properties: { stdout: { pattern: '^h' } } }";
    let place = staged("x.yaml", &tool(fits));
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(done["steps"]["b"]["value"]["result"], "hi\n");
    let place = staged("x.yaml", &tool(&fits.replace("'^h'", "'^n'")));
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    let step = &failed["steps"]["a"];
    let told = step["error"].as_str().unwrap();
    assert!(step["status"] == "failed" && told.contains("stdout"), "{step:#}");
    assert_eq!(failed["steps"]["b"]["status"], "skipped");
    assert_eq!(
        fs::read_to_string(place.path().join("n.txt")).unwrap(),
        "x\n",
        "what was done is not done again"
    );
    let definitions = "{ $ref: '#/$defs/r', $defs: { r: { type: object, required: [gone] } } }";
    let place = staged("x.yaml", &tool(definitions));
    run(place.path(), &["-f", "x.yaml", "run"], 1);
}

#[test]
fn a_result_that_does_not_fit_is_a_failure_like_any_other() {
    let text = tool("{ type: string }").replace("  output_schema", "  on_failure: continue\n  output_schema");
    let text = text.replace("a.stdout", "a.error_type");
    let place = staged("x.yaml", &text);
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert_eq!(failed["steps"]["b"]["value"]["result"], "invalid");
}

#[test]
fn answers_of_people_have_rules_of_their_own() {
    let text = "name: x\nsteps: [{ id: q, tool: user-prompt, parameters: { prompt: How? }, output_schema: { type: string } }]\n";
    let place = staged("x.yaml", text);
    let refused = run(place.path(), &["-f", "x.yaml", "run"], 2);
    assert_eq!(refused["problems"][0]["code"], "E0803");
}

#[test]
fn what_an_agent_answers_is_held_to_its_schema() {
    let text = |kind: &str| {
        format!(
            "name: x\nagents:\n  it: {{ command: [python3, count.py], accepts: {{ type: object }} }}\nsteps:\n\
             - {{ id: a, tool: it, parameters: {{ text: a b }}, max_retries: 1, \
             output_schema: {{ type: object, required: [words], properties: {{ words: {{ type: {kind} }} }} }} }}\n"
        )
    };
    for (kind, code) in [("integer", 0), ("string", 1)] {
        let place = staged("x.yaml", &text(kind));
        fs::write(place.path().join("count.py"), COUNT).unwrap();
        run(place.path(), &["-f", "x.yaml", "run"], code);
    }
}

fn other(outputs: &str, mapping: &str) -> (tempfile::TempDir, String) {
    let outer = format!(
        "name: x\nsteps:\n- {{ id: call, tool: pipeline-executor, parameters: {{ pipeline: in.yaml, inputs: {{ to: ' c ' }}{mapping} }} }}\n\
         outputs: {{ all: '{{{{ call.outputs }}}}' }}\n"
    );
    let inner = format!(
        "name: y\ninputs: {{ to: {{ type: string }} }}\nsteps:\n- {{ id: a, action: echo 3, goto: '{{{{ to }}}}' }}\n\
         - {{ id: b, action: echo b, dependencies: [a] }}\n- {{ id: c, action: echo c, dependencies: [b] }}\noutputs:\n  {outputs}\n"
    );
    let place = staged("x.yaml", &outer);
    fs::write(place.path().join("in.yaml"), &inner).unwrap();
    (place, inner)
}

#[test]
fn outputs_of_other_pipelines_are_of_their_types() {
    let check = |outputs: &str, mapping: &str, code: i32, expect: Value| {
        let (place, _) = other(outputs, mapping);
        let document = run(place.path(), &["-f", "x.yaml", "run"], code);
        assert_eq!(document["outputs"]["all"], expect, "{outputs}{mapping}");
        document
    };
    check("n: { type: string, value: '{{ c.result }}' }", "", 0, json!({"n": "c"}));
    check("n: { type: integer, value: '{{ a.result | int }}' }", "", 0, json!({"n": 3}));
    let failed = check("n: { type: integer, value: '{{ c.result }}' }", "", 1, Value::Null);
    let told = failed["steps"]["call"]["error"].as_str().unwrap().to_owned();
    assert!(told.contains("integer"), "{told}");
    for mapping in [", output_mapping: { n: m }", ", output_mapping: { m: n }"] {
        check("n: { type: integer, value: '{{ c.result }}' }", mapping, 1, Value::Null);
        check("n: { type: any, value: '{{ c.result }}' }", mapping, 0, json!({"m": "c"}));
    }
    // Each is of its own type, whatever it is called here.
    let both = "n: { type: integer, value: 3 }\n  m: { type: string, value: '{{ c.result }}' }";
    check(both, ", output_mapping: { n: m, m: n }", 0, json!({"m": 3, "n": "c"}));
}

#[test]
fn a_way_with_spaces_around_it_is_that_way_in_other_pipelines_too() {
    let (place, inner) = other("n: \"{{ b.result | default('skipped') }} {{ c.result }}\"", "");
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(done["outputs"]["all"], json!({"n": "skipped c"}), "{:#}", done["steps"]);
    fs::write(place.path().join("in.yaml"), inner.replace("id: c,", "id: to,")).unwrap();
    let refused = run(place.path(), &["-f", "x.yaml", "run"], 2);
    assert!(refused.to_string().contains("`to` is both a step and an input"), "{refused:#}");
}
