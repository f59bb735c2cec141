//! What is done about failures: which of them a handler is for, what it reads, and how it is done.

use std::fs;

use serde_json::{Value, json};

use crate::own::{run, staged};

/// A step that fails with code 3, and what is done about it.
fn boom(handlers: &str, more: &str) -> String {
    format!(
        "name: x\nsteps:\n- id: boom\n  tool: terminal\n  action: execute\n  parameters: {{ command: 'echo half; exit 3' }}\n  \
         max_retries: 1\n  on_error: {handlers}\n{more}"
    )
}

fn done(text: &str, code: i32) -> Value {
    run(staged("x.yaml", text).path(), &["-f", "x.yaml", "run"], code)
}

/// A handler that names kinds of errors, patterns and codes is for whatever fits one of these.
#[test]
fn a_handler_is_for_failures_that_fit_one_of_its_lists() {
    let of = |lists: &str| boom(&format!("{{ {lists}, fallback_value: {{ ok: 1 }} }}"), "");
    for (lists, code) in [
        ("error_types: [TimeoutError], error_codes: [3]", 0),
        ("error_types: [TimeoutError], error_patterns: ['code 3']", 0),
        ("error_patterns: [nothing], error_codes: [3]", 0),
        ("error_types: [FileNotFoundError, TimeoutError], error_patterns: ['CODE 3']", 0),
        ("error_types: ['*'], error_codes: [4]", 0),
        ("error_types: [TimeoutError], error_codes: [4], error_patterns: [nothing]", 1),
        ("error_types: [FileNotFoundError]", 1),
    ] {
        let document = done(&of(lists), code);
        assert_eq!(document["steps"]["boom"]["recovered"] == true, code == 0, "{lists}: {document:#}");
    }
}

/// Names of a text of its own are not what failed, and a step that is for failures of several has no `error`.
#[test]
fn error_is_what_failed_and_nothing_else() {
    let text = "echo {% for error in ['p', 'q'] %}{{ error }}{% endfor %}{{ dict(error=1) }}";
    let failed =
        done(&boom("[{ handler_task_id: mend }]", &format!("- {{ id: mend, action: \"{text}\" }}\n")), 1);
    assert_eq!(failed["steps"]["mend"]["value"]["result"], "pq{'error': 1}");
    // A tool that gives no codes has none here.
    let handled = "- { id: a, tool: filesystem, action: read, parameters: { path: no }, on_error: [{ handler_task_id: mend }] }\n\
                   - { id: mend, action: \"echo {{ error.code }} {{ error.message }}\" }\n";
    let failed = done(&format!("name: x\nsteps:\n{handled}"), 1);
    assert!(failed["steps"]["mend"]["value"]["result"].as_str().unwrap().starts_with("None "), "{failed:#}");
    for header in ["global_error_handlers: [{ handler_task_id: mend }]\n", ""] {
        let text = format!("name: x\n{header}steps:\n{handled}");
        let text =
            if header.is_empty() { text.replace("id: mend }]", "id: mend, enabled: false }]") } else { text };
        let refused = done(&text, 2);
        let message = refused["problems"][0]["message"].as_str().unwrap();
        assert_eq!(message, "`error` is what failed where a handler is for one step", "{header}");
    }
}

/// What fits a handler twice is done once.
#[test]
fn what_is_done_about_a_failure_reads_it_as_error() {
    let text = "echo {{ error.step }}/{{ error.code }}/{{ error.type }}/{{ error.message }}/{{ error }}";
    let place = staged(
        "x.yaml",
        &boom(
            "[{ error_codes: [3], error_patterns: [code], handler_action: \"write {{ error.code }} to out/code.txt\" }, \
                 { handler_task_id: mend }]",
            &format!("- {{ id: mend, action: \"{text}\" }}\n"),
        ),
    );
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    let said = "it ended with code 3";
    assert_eq!(failed["steps"]["mend"]["value"]["result"], format!("boom/3/reported/{said}/{said}"));
    assert_eq!(fs::read_to_string(place.path().join("out/code.txt")).unwrap(), "3");
    let phases = failed["run"]["phases"].as_array().unwrap();
    assert_eq!(phases.iter().filter(|phase| phase["phase"] == "boom-handler-1").count(), 1);
    let problem = |text: &str| {
        let refused = done(text, 2);
        let problem = &refused["problems"][0];
        format!("{} {}", problem["message"].as_str().unwrap(), problem["hint"].as_str().unwrap_or_default())
    };
    let told = problem(&boom("{ handler_action: 'echo {{ error.mesage }}' }", ""));
    assert!(
        told.contains("`error` has no field `mesage`") && told.contains("did you mean `message`"),
        "{told}"
    );
    let other = "- { id: b, action: echo b, on_error: { handler_task_id: mend } }\n- { id: mend, action: 'echo {{ error.type }}' }\n";
    let told = problem(&boom("{ handler_task_id: mend }", other));
    assert!(told.contains("where a handler is for one step") && told.contains("STEP.error"), "{told}");
}

/// How often, how long and whether it matters is said of the action of a handler.
#[test]
fn the_action_of_a_handler_is_done_as_it_says() {
    // There is no folder of that name, but a file.
    let fails = "handler_action: write x to x.yaml/o.txt";
    let of = |more: &str| boom(&format!("[{{ {fails}{more} }}, {{ fallback_value: 1 }}]"), "");
    let handler = |document: &Value| -> Value {
        let phases = document["run"]["phases"].as_array().unwrap();
        phases.iter().find(|phase| phase["phase"] == "boom-handler-1").unwrap().clone()
    };
    let failed = done(&of(""), 1);
    assert_eq!(
        (&failed["steps"]["boom"]["recovered"], &handler(&failed)["status"]),
        (&json!(true), &json!("failed"))
    );
    assert_eq!(handler(&done(&of(", max_handler_retries: 2"), 1))["retries"], 2);
    let cleared = done(&of(", continue_on_handler_failure: true"), 0);
    assert_eq!((&cleared["success"], &cleared["error"]), (&json!(true), &Value::Null));
    done(&boom("{ handler_action: echo x, timeout: 5, retry_with_handler: false }", ""), 1);
    for (handler, code) in [
        ("{ fallback_value: 1, timeout: 5 }", "E0803"),
        ("{ handler_action: echo x, retry_with_handler: true }", "E0802"),
        ("{ handler_action: echo x, log_level: warning }", "E0802"),
    ] {
        assert_eq!(done(&boom(handler, ""), 2)["problems"][0]["code"], code, "{handler}");
    }
}
