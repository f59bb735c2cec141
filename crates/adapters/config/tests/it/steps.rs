//! Steps files: what each key becomes, and how what is wrong is told.

use std::collections::BTreeMap;

use refrain_config::{Given, parse_with};
use serde_json::{Value, json};

use crate::fake::parse_whole;
use crate::fake_tools::FakeTools;

mod keys;
mod models;

/// Returns the pipeline that a steps file becomes, and the codes of what is wrong with their lines.
pub(crate) fn lowered(text: &str) -> (Value, Vec<(String, u32)>) {
    let files = BTreeMap::from([
        ("inc/part.txt".to_owned(), Some(b"INCLUDED\n".to_vec())),
        ("inc/again.txt".to_owned(), Some(b"<< inc/again.txt >>".to_vec())),
        ("inc/deep.txt".to_owned(), Some(b"a {{ file:inc/part.txt }} b".to_vec())),
        ("inc/gone.txt".to_owned(), None),
    ]);
    let parsed = parse_whole(text.as_bytes(), "steps.yaml", files);
    let problems = parsed.problems().iter();
    let problems = problems.map(|problem| (problem.code.clone(), problem.place.as_ref().unwrap().line));
    (serde_json::to_value(parsed.pipeline()).unwrap(), problems.collect())
}

/// Checks what a list of steps becomes: `expect` are pointers into the pipeline.
#[track_caller]
fn check(steps: &str, expect: &[(&str, Value)]) {
    let text = format!("name: x\nparameters: {{ n: 1, xs: [a, b], s: hi }}\nsteps:\n{steps}");
    let (pipeline, problems) = lowered(&text);
    assert_eq!(problems, [], "{text}");
    for (pointer, value) in expect {
        assert_eq!(pipeline.pointer(pointer), Some(value), "{pointer} in {pipeline:#}");
    }
}

/// Checks what is found wrong with a list of steps: codes and lines, the first step being line 1.
#[track_caller]
fn refused(steps: &str, expect: &[(&str, u32)]) {
    let (_, problems) =
        lowered(&format!("steps:\n{steps}\nname: x\nparameters: {{ n: 1, xs: [a, b], s: hi }}\n"));
    let problems: Vec<(&str, u32)> = problems.iter().map(|(code, line)| (code.as_str(), line - 1)).collect();
    assert_eq!(problems, expect, "{steps}");
}

#[test]
fn names_become_what_they_are_natively() {
    check(
        "- { id: a, tool: filesystem, action: write, parameters: { path: p, content: '{{ s }} {{ inputs.n }}' } }\n\
         - { id: b-c, tool: filesystem, action: read, parameters: { path: '{{ a.result.path }}' } }\n\
         - { id: d, tool: filesystem, action: write, parameters: { path: p, content: \"{{ steps['b-c'].content }}{{ steps.a.path }}\" } }\n",
        &[
            ("/phases/a/let", json!({"s": "params.s", "inputs": "params"})),
            ("/phases/b-c/let", json!({"a": "phases.a.step"})),
            ("/phases/b-c/after", json!(["a"])),
            ("/phases/d/input/content", json!("{{ b_c.content }}{{ a.path }}")),
            ("/phases/d/let", json!({"a": "phases.a.step", "b_c": "phases.b-c.step"})),
        ],
    );
}

#[test]
fn names_that_are_nothing_are_told() {
    let write = |content: &str| {
        format!(
            "- {{ id: a, tool: filesystem, action: write, parameters: {{ path: p, content: \"{content}\" }} }}"
        )
    };
    refused(&write("{{ nobody }}"), &[("E0813", 1)]);
    refused(&write("{{ a.result }}"), &[("E0814", 1)]);
    refused(&write("{{ inputs.m }}"), &[("E0813", 1)]);
    refused(&write("{{ steps.ghost.result }}"), &[("E0813", 1)]);
    refused(&write("{{ item }}"), &[("E0813", 1)]);
    refused(&write("{{ $position }}"), &[("E0813", 1)]);
    refused(&write("$results.a"), &[("E0824", 1)]);
    refused(&write("<AUTO>x</AUTO>"), &[("E0818", 1)]);
    refused(&write("{{ 1 + }}"), &[("E0501", 1)]);
    refused(&write("{{ nobody | default('x') }}"), &[]);
    let read = "- { id: my-n, tool: filesystem, action: read, parameters: { path: p } }\n";
    refused(&format!("{read}{}", write("{{ my-n }}")), &[("E0813", 2)]);
    refused(&write("{% if nobody is defined %}x{% endif %}"), &[]);
    refused(&write("{% for x in xs %}{{ x }}{% endfor %}{{ '{{' }}"), &[]);
}

#[test]
fn fields_of_results_are_known_where_tools_say_so() {
    let read = "- { id: r, tool: filesystem, action: read, parameters: { path: p } }\n";
    let uses = |text: &str| {
        format!(
            "{read}- {{ id: w, tool: filesystem, action: write, parameters: {{ path: p, content: '{{{{ {text} }}}}' }} }}"
        )
    };
    for good in ["r.result.content", "r.content", "r.success", "r.result.content.x", "r.nosuch | default(1)"]
    {
        refused(&uses(good), &[]);
    }
    for bad in ["r.result.nosuch", "r.nosuch"] {
        refused(&uses(bad), &[("E0813", 2)]);
    }
}

#[test]
fn tools_and_their_parameters() {
    let step = |rest: &str| format!("- {{ id: a, {rest} }}");
    refused(&step("tool: filesytem, action: read"), &[("E0804", 1)]);
    refused(&step("tool: web-search, action: search"), &[("E0804", 1)]);
    refused(&step("tool: pipeline-executor, parameters: { pipeline: p.yaml }"), &[("E0102", 1)]);
    refused(&step("tool: filesystem, action: explode"), &[("E0805", 1)]);
    refused(&step("action: gernate"), &[("E0805", 1)]);
    refused(&step("action: generate, parameters: { prompt: hi }"), &[("E0819", 1)]);
    refused(&step("prompt: hi"), &[("E0819", 1)]);
    refused(&step("tool: filesystem, action: read"), &[("E0807", 1)]);
    refused(&step("tool: filesystem, action: read, parameters: { paht: p }"), &[("E0806", 1)]);
    refused(&step("tool: filesystem, action: read, parameters: { path: [p] }"), &[("E0808", 1)]);
    refused(&step("tool: filesystem, action: read, parameters: { path: ../p }"), &[("E0823", 1)]);
    refused(&step("tool: filesystem, action: read, parameters: { path: '{{ n }}' }"), &[]);
    refused(&step("description: nothing"), &[("E0103", 1)]);
    check(
        "- { id: a, action: filesystem, parameters: { action: read, path: p } }\n- { id: b, action: 'echo {{ s }}' }\n",
        &[
            ("/phases/a/agent/tool", json!({"name": "filesystem", "action": "read"})),
            ("/phases/a/input", json!({"path": "p"})),
            ("/phases/b/input", json!({"text": "{{ s }}"})),
            ("/phases/b/let", json!({"s": "params.s"})),
        ],
    );
}

#[test]
fn what_comes_after_a_step_waits_for_its_files() {
    let a =
        "- { id: a, tool: filesystem, action: read, parameters: { path: p }, products: { content: o.txt }";
    let b = "- { id: b, action: echo x, dependencies: [a] }\n- { id: c, action: echo x }\n";
    check(
        &format!("{a} }}\n{b}"),
        &[("/phases/b/wants", json!(["a-product-1"])), ("/phases/b/after", json!(["a"]))],
    );
    let text = format!("name: x\nsteps:\n{a}, on_success: b }}\n{b}");
    assert_eq!(lowered(&text).0.pointer("/phases/b/wants"), None);
}

#[test]
fn ids() {
    let read = "tool: filesystem, action: read, parameters: { path: p }";
    refused(&format!("- {{ id: retry, {read} }}"), &[("E0810", 1)]);
    refused(&format!("- {{ id: yes, {read} }}"), &[("E0822", 1)]);
    refused(&format!("- {{ id: \"yes\", {read} }}"), &[]);
    refused(&format!("- {{ id: a b, {read} }}"), &[("E0106", 1)]);
    refused(&format!("- {{ {read} }}"), &[("E0103", 1)]);
    refused(&format!("- {{ id: a, {read} }}\n- {{ id: a, {read} }}"), &[("E0809", 2)]);
    refused(&format!("- {{ id: n, {read} }}"), &[("E0803", 1)]);
}

#[test]
fn routes_lead_to_steps_beside() {
    let read = "tool: filesystem, action: read, parameters: { path: p }";
    refused(&format!("- {{ id: a, {read}, on_success: ghost }}"), &[("E0811", 1)]);
    refused(&format!("- {{ id: a, {read}, goto: a }}"), &[("E0812", 1)]);
    refused(&format!("- {{ id: a, {read}, dependencies: [ghost] }}"), &[("E0601", 1)]);
    refused(
        &format!(
            "- {{ id: a, {read} }}\n- {{ id: l, for_each: [1], steps: [{{ id: b, {read}, goto: a }}] }}"
        ),
        &[("E0811", 2)],
    );
}

#[test]
fn loops_and_their_bodies() {
    let write = "tool: filesystem, action: write";
    check(
        &format!(
            "- id: l\n  for_each: '{{{{ xs }}}}'\n  loop_var: x\n  steps:\n  - {{ id: a, {write}, parameters: {{ path: '{{{{ x }}}}', content: '{{{{ $index }}}}' }} }}\n  \
             - {{ id: b, {write}, parameters: {{ path: '{{{{ a.path }}}}', content: '{{{{ l.item }}}}' }}, dependencies: a }}\n"
        ),
        &[
            ("/phases/l/loop/for_each", json!("{{ xs }}")),
            ("/phases/l/let", json!({"xs": "params.xs"})),
            ("/phases/l_a/in", json!("l")),
            ("/phases/l_a/let", json!({"x": "loop.l.item", "index": "loop.l.index"})),
            ("/phases/l_a/input/content", json!("{{ index }}")),
            ("/phases/l_b/let", json!({"a": "phases.l_a.step", "l": "loop.l"})),
            ("/phases/l_b/after", json!(["l_a"])),
        ],
    );
    check(
        &format!(
            "- id: w\n  while: '{{{{ iteration < 3 }}}}'\n  steps: [{{ id: a, {write}, parameters: {{ path: p, content: '{{{{ position }}}}' }} }}]\n"
        ),
        &[
            ("/phases/w/loop/while", json!("{{ iteration < 3 }}")),
            ("/phases/w/loop/max", json!(10)),
            ("/phases/w/let", json!({"iteration": "loop.w.iteration"})),
        ],
    );
    check(
        "- id: q\n  action: create_parallel_queue\n  create_parallel_queue:\n    on: [1, 2]\n    max_parallel: 2\n    \
         action_loop:\n    - { action: 'echo {{ queue_size }}' }\n    - { action: 'echo {{ item }}' }\n",
        &[
            ("/phases/q/loop", json!({"for_each": [1, 2], "max_parallel": 2})),
            ("/phases/q_action1/let", json!({"queue_size": "loop.q.length"})),
            ("/phases/q_action2/after", json!(["q_action1"])),
        ],
    );
}

#[test]
fn loops_that_do_not_fit_together() {
    let read = "tool: filesystem, action: read, parameters: { path: p }";
    refused(
        &format!("- {{ id: l, for_each: [1], while: 'true', steps: [{{ id: a, {read} }}] }}"),
        &[("E0815", 1)],
    );
    refused("- { id: l, for_each: [1] }", &[("E0815", 1)]);
    refused("- { id: l, for_each: [1], steps: [] }", &[("E0815", 1)]);
    refused(&format!("- {{ id: a, {read}, max_parallel: 2 }}"), &[("E0815", 1)]);
    refused(&format!("- {{ id: l, for_each: 3, steps: [{{ id: a, {read} }}] }}"), &[("E0104", 1)]);
}

#[test]
fn files_are_read_in() {
    let write = |content: &str| {
        format!(
            "- {{ id: a, tool: filesystem, action: write, parameters: {{ path: p, content: '{content}' }} }}\n"
        )
    };
    let content = "/phases/a/input/content";
    check(&write("{{ file:inc/part.txt }}"), &[(content, json!("INCLUDED"))]);
    check(&write("x << inc/deep.txt >>"), &[(content, json!("x a INCLUDED b"))]);
    for bad in ["<< inc/again.txt >>", "{{ file:inc/gone.txt }}", "{{ file:../x }}", "{{ file:/etc/passwd }}"]
    {
        refused(&write(bad), &[("E0817", 1)]);
    }
}

#[test]
fn errors_have_handlers() {
    let read = "tool: filesystem, action: read, parameters: { path: p }";
    check(
        &format!(
            "- id: a\n  tool: filesystem\n  action: read\n  parameters: {{ path: p }}\n  on_error:\n  \
             - {{ error_types: [TimeoutError], fallback_value: 1, priority: 1 }}\n  \
             - {{ error_types: ['*'], fallback_value: {{ ok: true }}, handler_action: echo x, priority: 5 }}\n\
             - {{ id: b, {read}, on_error: continue }}\n"
        ),
        &[
            ("/phases/a/recover", json!([{"value": {"ok": true}}, {"kinds": ["timed_out"], "value": 1}])),
            ("/phases/a-handler-1/wants", json!(["a"])),
            ("/phases/b/on_failure", json!("continue")),
        ],
    );
    refused(&format!("- {{ id: a, {read}, on_error: {{ retry_with_handler: true }} }}"), &[("E0802", 1)]);
    refused(&format!("- {{ id: a, {read}, on_error: {{ error_types: [Nonsense] }} }}"), &[("E0105", 1)]);
}

/// What is written out is the same pipeline.
#[test]
fn converted_files_mean_the_same() {
    let text = include_str!("steps/all.yaml");
    let given = Given { files: None, tools: Some(&FakeTools), ..Given::default() };
    let parsed = parse_with(text.as_bytes(), "steps.yaml", &given);
    assert_eq!(parsed.problems(), []);
    let converted = parsed.converted().unwrap();
    let again = parse_with(converted.as_bytes(), "refrain.yaml", &Given::default());
    assert_eq!(again.problems(), [], "{converted}");
    assert_eq!(again.pipeline(), parsed.pipeline(), "{converted}");
    insta::assert_snapshot!(converted);
}

#[test]
fn inputs_in_every_form() {
    let inputs = |text: &str| {
        let (pipeline, problems) =
            lowered(&format!("name: x\ninputs:\n{text}\nsteps: [{{ id: zz, action: echo x }}]\n"));
        (pipeline["params"].clone(), problems.into_iter().map(|(code, _)| code).collect::<Vec<_>>())
    };
    assert_eq!(
        inputs("- a: 1\n- b\n- { name: c, type: string }\n- d: ~").0,
        json!({"a": {"default": 1}, "b": {"type": "any"}, "c": {"type": "string"}, "d": {"type": "any"}})
    );
    assert_eq!(
        inputs("  a: bare\n  b: { type: float, validation: { min: 1, max: 5 } }\n  c: { x: 1 }\n  d: { type: list, required: false }").0,
        json!({
            "a": {"default": "bare"},
            "b": {"type": "number", "schema": {"minimum": 1, "maximum": 5}},
            "c": {"default": {"x": 1}},
            "d": {"type": "any", "default": null, "schema": {"anyOf": [{"type": "null"}, {"type": "array"}]}}
        })
    );
    assert_eq!(inputs("  a: { type: integr }").1, ["E0105"]);
    assert_eq!(inputs("  a: { type: string, validation: { mim: 1 } }").1, ["E0801"]);
}
