//! What is done where steps fail: values that stand in, actions, and steps that run then.

use serde_json::json;

use super::{check, lowered, refused};

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
            (
                "/phases/a/recover",
                json!([{"kinds": ["timed_out"], "value": 1, "rank": 1}, {"value": {"ok": true}, "rank": 2}]),
            ),
            ("/phases/a-handler-2/handles", json!([{"phase": "a", "rank": 2}])),
            ("/phases/b/on_failure", json!("continue")),
        ],
    );
    refused(
        &format!("- {{ id: a, {read}, on_error: {{ handler_action: echo x, retry_with_handler: true }} }}"),
        &[("E0802", 1)],
    );
    let wrong = |handler: &str| format!("- {{ id: a, {read}, on_error: {{ {handler} }} }}");
    refused(&wrong("error_types: [Nonsense], fallback_value: 1"), &[("E0105", 1)]);
    refused(&wrong("error_types: [TimeoutError]"), &[("E0103", 1)]);
    refused(&wrong("fallback_value: 1, log_level: error"), &[("E0802", 1)]);
    refused(&wrong("fallback_value: 1, max_handler_retries: 2"), &[("E0803", 1)]);
    refused(&wrong("fallback_value: 1, capture_error_context: false"), &[("E0802", 1)]);
    refused(&wrong("fallback_value: 1, capture_error_context: true"), &[]);
    refused(&wrong("handler_action: echo x, propagate_error: false"), &[("E0803", 1)]);
    refused(&wrong("handler_task_id: ghost"), &[("E0811", 1)]);
    refused(&wrong("handler_task_id: a"), &[("E0812", 1)]);
    refused(&wrong("fallback_value: '{{ error.message }}'"), &[("E0813", 1)]);
    refused(&wrong("fallback_value: { v: '{{ inputs.nope }}' }"), &[("E0813", 1)]);
    refused(&wrong("fallback_value: '{{ s | nope }}'"), &[("E0501", 1)]);
}

/// A value that stands in is known before anything runs; it is no text that looks like a template.
#[test]
fn what_stands_in_is_filled_in() {
    let read = "tool: filesystem, action: read, parameters: { path: p }";
    let value = "{ a: '{{ s }}!', b: ['{{ n + 1 }}', '{{ \"{{\" }}'], c: 1.5 }";
    let filled = json!([{"value": {"a": "hi!", "b": [2, "{{"], "c": 1.5}}]);
    for how in [
        format!("on_error: {{ fallback_value: {value} }}"),
        format!("error_handling: {{ fallback: {value} }}"),
    ] {
        check(&format!("- {{ id: a, {read}, {how} }}\n"), &[("/phases/a/recover", filled.clone())]);
    }
}

/// What is said of the action of a handler holds for it, and the value of `error_handling` comes behind the handlers of a step.
#[test]
fn handlers_are_done_as_they_say_and_in_order() {
    let read = "tool: filesystem, action: read, parameters: { path: p }";
    check(
        &format!(
            "- {{ id: a, {read}, on_error: {{ handler_action: echo x, max_handler_retries: 0 }} }}\n\
             - {{ id: b, {read}, on_error: {{ handler_action: echo x, max_handler_retries: 1 }} }}\n\
             - {{ id: c, {read}, error_handling: {{ fallback: 2 }}, on_error: {{ error_codes: [3], fallback_value: 1, priority: 200 }} }}\n"
        ),
        &[
            ("/phases/a-handler-1/retry", json!({"attempts": 1})),
            ("/phases/b-handler-1/retry", json!({"attempts": 2})),
            ("/phases/b-handler-1/on_failure", json!("retry")),
            ("/phases/c/recover", json!([{"codes": ["3"], "value": 1, "rank": 1}, {"value": 2, "rank": 2}])),
        ],
    );
}

/// What stands in is for what fits any of its lists; by priority first, and then in order, those of the file behind.
#[test]
fn what_stands_in_says_for_which_failures() {
    let of = |header: &str, handlers: &str| {
        let (pipeline, problems) = lowered(&format!(
            "name: x\n{header}steps:\n- {{ id: a, action: echo x, on_error: {handlers} }}\n"
        ));
        assert_eq!(problems, [], "{handlers}");
        pipeline["phases"]["a"]["recover"].clone()
    };
    let kinds = "timeout, timed_out, ConnectionError, transient, reported, permanent, input, invalid, refused, truncated";
    let expect = [
        "timed_out",
        "timed_out",
        "transient",
        "transient",
        "reported",
        "permanent",
        "input",
        "invalid",
        "refused",
        "truncated",
    ];
    assert_eq!(
        of("", &format!("{{ error_types: [{kinds}], fallback_value: 1 }}")),
        json!([{"kinds": expect, "value": 1}])
    );
    let some = "error_codes: [3, x], error_patterns: boom, error_types: ValueError";
    assert_eq!(
        of("", &format!("{{ {some}, fallback_result: null, propagate_error: true }}")),
        json!([
            {"kinds": ["reported"], "patterns": ["\\bValueError\\b"], "value": null, "propagate": true},
            {"patterns": ["(?i)boom"], "value": null, "propagate": true},
            {"codes": ["3", "x"], "value": null, "propagate": true},
        ])
    );
    assert_eq!(of("", "{ error_codes: 7, fallback_value: 1 }"), json!([{"codes": ["7"], "value": 1}]));
    for all in ["'*'", "Exception"] {
        let handler = format!("{{ error_types: [{all}], error_codes: [3], fallback_value: 1 }}");
        assert_eq!(of("", &handler), json!([{"value": 1}]), "{all}");
    }
    let ordered = "[{ fallback_value: 1 }, { fallback_value: 2, priority: 5 }, { fallback_value: 3, priority: 100 }, \
                   { fallback_value: 4, enabled: false }, { fallback_value: 5, priority: 101 }]";
    let of_file =
        "global_error_handlers: [{ fallback_value: 8, priority: 9 }, { fallback_value: 9, priority: 2 }]\n";
    let values = [2, 1, 3, 5, 9, 8].into_iter().enumerate();
    let values: Vec<_> = values.map(|(n, value)| json!({"rank": n + 1, "value": value})).collect();
    assert_eq!(of(of_file, ordered), json!(values));
}

#[test]
fn a_step_that_handlers_name_runs_where_they_are_for_something() {
    let read = "tool: filesystem, action: read, parameters: { path: p }";
    check(
        &format!(
            "- {{ id: a, {read}, on_error: [{{ error_types: [TimeoutError], error_codes: 2, handler_task_id: mend }}] }}\n\
             - {{ id: b, {read}, on_error: {{ error_patterns: [x], handler_task_id: mend }} }}\n\
             - {{ id: mend, action: 'echo {{{{ a.error }}}}', condition: n > 0, dependencies: [a] }}\n"
        ),
        &[
            (
                "/phases/mend/handles",
                json!([{"phase": "a", "kinds": ["timed_out"]}, {"phase": "a", "codes": ["2"]}, {"phase": "b", "patterns": ["(?i)x"]}]),
            ),
            ("/phases/mend/when", json!("n > 0")),
            ("/phases/mend/let", json!({"n": "params.n", "a": "phases.a.step"})),
        ],
    );
}

/// They come behind a step's own, and one that names a step is for all that do not come after that.
#[test]
fn handlers_of_the_file_are_for_every_step() {
    let text = "name: x\nglobal_error_handlers:\n- { error_types: [reported], fallback_value: 2, priority: 9 }\n\
                - { handler_task_id: mend }\n- { handler_action: echo oh, priority: 1 }\nsteps:\n\
                - { id: a, action: echo a, on_error: { fallback_value: 1 } }\n- { id: b, action: echo b }\n\
                - { id: mend, action: echo mend }\n- { id: after, action: echo c, dependencies: [mend] }\n";
    let (pipeline, problems) = lowered(text);
    assert_eq!(problems, []);
    let phases = &pipeline["phases"];
    assert_eq!(
        phases["a"]["recover"],
        json!([{"value": 1, "rank": 1}, {"kinds": ["reported"], "value": 2, "rank": 3}])
    );
    assert_eq!(phases["mend"]["handles"], json!([{"phase": "a", "rank": 4}, {"phase": "b", "rank": 3}]));
    assert_eq!(phases["a-handler-2"]["handles"], json!([{"phase": "a", "rank": 2}]));
    assert_eq!(phases["after-handler-1"]["input"], json!({"text": "oh"}));
    let (_, problems) = lowered(
        "name: x\nglobal_error_handlers: [{ handler_task_id: gone }]\nsteps: [{ id: a, action: echo a }]\n",
    );
    assert_eq!(problems, [("E0811".to_owned(), 2)]);
}
