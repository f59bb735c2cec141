//! What a model is asked for where a value is left to it: what fits its place.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::fake::parse_whole;

/// Checks of which values each is that are left to a model, by their places.
#[track_caller]
fn check(text: &str, expect: &[(&str, Value)]) {
    let text = format!("name: x\norchestrator: fake/m\nmodels: {{ fake/a: , fake/b: }}\n{text}");
    let parsed = parse_whole(text.as_bytes(), "steps.yaml", BTreeMap::new());
    assert_eq!(parsed.problems(), [], "{text}");
    let (_, map) = parsed.into_parts();
    let autos = map.unwrap().autos;
    let found: BTreeMap<&str, &Value> = autos.iter().map(|auto| (auto.path.as_str(), &auto.schema)).collect();
    let expect: BTreeMap<&str, &Value> = expect.iter().map(|(path, schema)| (*path, schema)).collect();
    assert_eq!(found, expect);
}

#[test]
fn models_and_how_they_are_chosen() {
    let (models, ways) =
        (json!({"enum": ["fake/a", "fake/b"]}), json!({"enum": ["cost", "performance", "balanced"]}));
    check(
        "selection: <AUTO>how</AUTO>\ndefault_model: <AUTO>who</AUTO>\nsteps:\n\
         - { id: a, prompt: hi, model: <AUTO>who</AUTO> }\n- { id: b, prompt: hi, selection: <AUTO>how</AUTO> }\n\
         - { id: c, prompt: hi, selection: { strategy: <AUTO>how</AUTO> } }\n",
        &[
            ("selection", ways.clone()),
            ("default_model", models.clone()),
            ("steps[0].model", models),
            ("steps[1].selection", ways.clone()),
            ("steps[2].selection.strategy", ways),
        ],
    );
}

#[test]
fn tools_are_those_that_take_what_the_step_gives() {
    let of = |step: &str| format!("steps: [{{ id: a, tool: <AUTO>which</AUTO>, {step} }}]\n");
    let tool = |name: &str| [("steps[0].tool", json!({"enum": [name]}))];
    check(&of("action: read, parameters: { path: p }"), &tool("filesystem"));
    check(&of("parameters: { text: hi }"), &tool("echo"));
}

#[test]
fn what_steps_say_besides() {
    check(
        "steps:\n- { id: a, tool: filesystem, action: <AUTO>what</AUTO>, parameters: { path: p } }\n\
         - { id: b, action: echo b, dependencies: <AUTO>which</AUTO>, on_failure: <AUTO>what</AUTO>, max_retries: <AUTO>n</AUTO> }\n\
         - { id: c, action: echo c, produces: c.txt, size_limit: <AUTO>n</AUTO>, retry: { max_attempts: <AUTO>n</AUTO>, backoff: <AUTO>how</AUTO>, max_delay: <AUTO>n</AUTO> } }\n\
         - { id: d, for_each: [1], break_on_error: <AUTO>so</AUTO>, iteration_timeout: <AUTO>n</AUTO>, steps: [{ id: e, action: echo e }] }\n",
        &[
            ("steps[0].action", json!({"enum": ["read", "write", "list"]})),
            ("steps[1].dependencies", json!({"type": "array", "items": {"enum": ["a", "c", "d"]}})),
            ("steps[1].on_failure", json!({"enum": ["fail", "continue", "skip", "retry", "a", "c", "d"]})),
            ("steps[1].max_retries", json!({"type": "integer", "minimum": 0})),
            ("steps[2].size_limit", json!({"type": "integer", "minimum": 1})),
            ("steps[2].retry.max_attempts", json!({"type": "integer", "minimum": 1})),
            ("steps[2].retry.backoff", json!({"enum": ["none", "fixed", "exponential"]})),
            ("steps[2].retry.max_delay", json!({"type": "number", "minimum": 0})),
            ("steps[3].break_on_error", json!({"type": "boolean"})),
            ("steps[3].iteration_timeout", json!({"type": "integer", "minimum": 1})),
        ],
    );
}
