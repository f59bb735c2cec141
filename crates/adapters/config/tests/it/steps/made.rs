//! Phases that are made for steps: their names, and what is known of steps for which a value may stand in.

use std::collections::BTreeMap;

use refrain_config::{Given, parse_with};
use serde_json::json;

use super::{check, refused};
use crate::fake::parse_whole;

const READ: &str = "tool: filesystem, action: read, parameters: { path: p }";

/// What is made for a step never takes the place of another step, whichever stands first.
#[test]
fn made_names_are_those_of_no_step() {
    let makes = [
        (format!("- {{ id: a, {READ}, products: {{ content: o.txt }} }}\n"), "a-product-1"),
        (format!("- {{ id: a, {READ}, on_error: {{ handler_action: echo x }} }}\n"), "a-handler-1"),
        (
            "- { id: a, tool: pipeline-executor, parameters: { pipeline: { name: y, steps: [{ id: b, action: echo x }] } } }\n"
                .to_owned(),
            "a-outputs",
        ),
        ("- { id: a, for_each: [1], steps: [{ id: b, action: echo x }] }\n".to_owned(), "a_b"),
        (
            "- { id: a, tool: pipeline-executor, parameters: { pipeline: { name: y, steps: [{ id: b, action: echo x }] } } }\n"
                .to_owned(),
            "a_b",
        ),
    ];
    for (step, made) in makes {
        let other = format!("- {{ id: {made}, action: echo x }}\n");
        refused(&format!("{step}{other}"), &[("E0809", 1)]);
        refused(&format!("{other}{step}"), &[("E0809", 2)]);
        refused(&format!("{step}- {{ id: {made}x, action: echo x }}\n"), &[]);
    }
}

#[test]
fn files_are_written_of_what_was_made_alone() {
    check(
        &format!("- {{ id: a, {READ}, on_failure: continue, products: {{ content: o.txt }} }}\n"),
        &[("/phases/a-product-1/needs", json!(["a"])), ("/phases/a-product-1/needs_made", json!(true))],
    );
}

/// A value that may stand in for what a step makes has fields of its own.
#[test]
fn fields_of_values_that_stand_in_are_known() {
    let uses = |stands_in: &str, field: &str| {
        format!("- {{ id: a, {READ}, {stands_in} }}\n- {{ id: b, action: 'echo {{{{ a.{field} }}}}' }}\n")
    };
    for stands_in in [
        "on_error: { fallback_value: { ok: false } }",
        "on_error: [{ error_codes: [3], fallback_result: { ok: false, result: { ok: 1 } } }]",
        "error_handlers: [{ fallback_value: { ok: false } }]",
        "error_handling: { fallback: { ok: false } }",
    ] {
        refused(&uses(stands_in, "ok"), &[]);
        refused(&uses(stands_in, "content"), &[]);
        refused(&uses(stands_in, "nosuch"), &[("E0813", 2)]);
    }
    refused(&uses("on_error: { fallback_value: { result: { ok: 1 } } }", "result.ok"), &[]);
    refused(&uses("on_error: { fallback_value: { ok: 1 } }", "result.ok"), &[]);
    refused(&uses("on_error: { fallback_value: { ok: 1 } }", "result.nosuch"), &[("E0813", 2)]);
    refused(&uses("on_error: { fallback_value: { ok: 1, result: {} } }", "result.ok"), &[("E0813", 2)]);
    refused(&uses("on_error: { fallback_value: none }", "ok"), &[]);
    // A step to go on with is no value.
    refused(&uses("error_handling: { fallback: b }", "ok"), &[("E0813", 2)]);
}

/// Returns the phases whose failures each of some steps is for.
fn handled(text: &str, steps: &[&str]) -> Vec<Vec<String>> {
    let (pipeline, problems) = super::lowered(text);
    assert_eq!(problems, []);
    let of = |step: &&str| {
        let handles = pipeline["phases"][*step]["handles"].as_array().cloned().unwrap_or_default();
        handles.iter().map(|handled| handled["phase"].as_str().unwrap().to_owned()).collect()
    };
    steps.iter().map(of).collect()
}

/// A step that is for the failures of all is so for those that nothing makes come after it, other handlers included.
#[test]
fn handlers_of_the_file_make_no_circles() {
    let text = "name: x\nglobal_error_handlers: [{ handler_task_id: alarm }]\nsteps:\n\
        - { id: alarm, action: echo alarm }\n\
        - { id: b, action: echo b, dependencies: [alarm], on_error: { handler_task_id: mend } }\n\
        - { id: mend, action: echo mend }\n- { id: c, action: echo c }\n";
    assert_eq!(handled(text, &["alarm", "mend"]), [vec!["c"], vec!["b"]]);
    let text = "name: x\nglobal_error_handlers: [{ handler_task_id: a1 }, { handler_task_id: a2 }]\nsteps:\n\
        - { id: a1, action: echo a }\n- { id: a2, action: echo a }\n\
        - { id: f1, action: echo f, dependencies: [a1] }\n- { id: f2, action: echo f, dependencies: [a2] }\n";
    assert_eq!(handled(text, &["a1", "a2"]), [vec!["f2"], vec![]]);
    let text = "name: x\nglobal_error_handlers: [{ handler_task_id: alarm }]\nsteps:\n\
        - { id: alarm, action: echo alarm }\n\
        - { id: l, for_each: [1], steps: [{ id: b, action: echo b, dependencies: [alarm] }] }\n- { id: c, action: echo c }\n";
    assert_eq!(handled(text, &["alarm"]), [["c"]]);
}

/// What fails in a loop, or in another pipeline, is a failure of that where nobody makes allowance for it: steps of the file itself
/// are for those of the file itself.
#[test]
fn handlers_of_the_file_are_for_steps_of_its_own() {
    let text = "name: x\nglobal_error_handlers: [{ handler_task_id: alarm }]\nsteps:\n- { id: c, action: echo c }\n\
        - { id: l, for_each: [1], steps: [{ id: b, action: echo b }] }\n- { id: alarm, action: echo alarm }\n\
        - { id: p, tool: pipeline-executor, parameters: { pipeline: { name: y, global_error_handlers: { handler_task_id: own }, \
        steps: [{ id: d, action: echo d }, { id: own, action: echo own }] } } }\n";
    assert_eq!(handled(text, &["alarm", "p_own"]), [vec!["c", "l", "p"], vec!["p_d"]]);
}

/// A route passes over what comes after its step, and no files with it.
#[test]
fn what_a_route_passes_over_waits_for_no_files() {
    let steps = |more: &str| {
        format!(
            "- {{ id: a, {READ}, products: {{ content: o.txt }}{more} }}\n- {{ id: b, action: echo b, dependencies: [a] }}\n\
             - {{ id: c, action: echo c, dependencies: [b] }}\n"
        )
    };
    let wants = |more: &str| {
        let (pipeline, problems) = super::lowered(&format!("name: x\nsteps:\n{}", steps(more)));
        assert_eq!(problems, [], "{more}");
        pipeline["phases"]["b"]["wants"].clone()
    };
    assert_eq!(wants(""), json!(["a-product-1"]));
    assert_eq!(wants(", on_failure: continue"), json!(["a-product-1"]));
    for route in [
        "on_success: c",
        "on_failure: c",
        "goto: c",
        "goto: \"{{ a.content }}\"",
        "condition: '1 > 0', on_false: c",
    ] {
        assert!(wants(&format!(", {route}")).is_null(), "{route}");
    }
}

/// What is made for steps, and what native files have for it, is written out as the same pipeline.
#[test]
fn what_is_made_for_steps_is_converted() {
    let text = "name: x\ninputs: { who: ann }\noutput_dir: out\n\
        global_error_handlers: [{ handler_task_id: alarm }, { error_types: [timeout], fallback_value: { ok: false } }]\n\
        agents: { own: { command: [own], accepts: { type: object, required: [text] } } }\nsteps:\n\
        - { id: a, tool: filesystem, action: read, parameters: { path: p }, on_failure: continue,\n    \
            products: [{ name: '{{ who }}.txt', template: '{{ a.content }}', size_limit: 2KiB }], goto: '{{ a.content }}',\n    \
            on_error: [{ error_codes: [3], handler_action: 'echo {{ a.error }}' }, { error_patterns: [x], handler_task_id: alarm }] }\n\
        - { id: b, tool: own, parameters: { text: '{{ who }}{{ file_exists(who) }}' }, dependencies: [a] }\n\
        - { id: c, for_each: [1], steps: [{ id: d, action: 'echo {{ item }}', on_error: { handler_action: echo no } }] }\n\
        - { id: e, tool: pipeline-executor, parameters: { pipeline: { name: y, steps: [{ id: f, action: echo x }], outputs: { o: '{{ f }}' } } } }\n\
        - { id: alarm, action: echo alarm }\n\
        outputs: { said: { type: string, value: '{{ b.text }}' } }\n";
    let parsed = parse_whole(text.as_bytes(), "steps.yaml", BTreeMap::new());
    assert_eq!(parsed.problems(), []);
    let converted = parsed.converted().unwrap();
    let again = parse_with(converted.as_bytes(), "refrain.yaml", &Given::default());
    assert_eq!(again.problems(), [], "{converted}");
    assert_eq!(again.pipeline(), parsed.pipeline(), "{converted}");
    for part in
        ["needs_made: true", "prepares: b", "handles:", "output_types:", "accepts:", "size_limit: 2048"]
    {
        assert!(converted.contains(part), "{part} is not in {converted}");
    }
}
