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
            "{ error_codes: [3], error_patterns: [code], handler_action: \"write {{ error.code }} to out/code.txt\", \
                 handler_task_id: mend }",
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
    let of = |more: &str| boom(&format!("{{ {fails}{more}, fallback_value: 1 }}"), "");
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

/// A pattern that does not parse is told where it stands.
#[test]
fn a_wrong_pattern_is_told_at_its_place() {
    for header in [false, true] {
        let handlers = "[{ error_patterns: [fine, 'half ('], fallback_value: 1 }]";
        let text = if header {
            format!(
                "name: x\nglobal_error_handlers: {handlers}\nsteps: [{{ id: a, action: echo a }}, {{ id: b, action: echo b }}]\n"
            )
        } else {
            boom(handlers, "")
        };
        let refused = done(&text, 2);
        let problems = refused["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 1, "{refused:#}");
        let at = text.lines().position(|line| line.contains("half (")).unwrap();
        let column = text.lines().nth(at).unwrap().find("'half").unwrap();
        let place = (&problems[0]["place"]["line"], &problems[0]["place"]["column"]);
        assert_eq!(place, (&json!(at + 1), &json!(column + 1)), "{refused:#}");
        assert!(
            problems[0]["message"].as_str().unwrap().starts_with("the pattern does not parse"),
            "{refused:#}"
        );
    }
}

/// A step whose time was up is of one kind, to those that read it as well.
#[test]
fn what_took_too_long_is_told_by_one_name() {
    let text = "name: x\nsteps:\n- { id: slow, tool: python-executor, action: execute, parameters: { code: 'import time; time.sleep(9)' }, \
                timeout: 1, max_retries: 1, on_failure: continue }\n- { id: told, action: 'echo {{ slow.error_type }}', dependencies: [slow] }\n";
    let failed = done(text, 1);
    let slow = &failed["steps"]["slow"];
    assert_eq!(
        [&slow["error_type"], &slow["value"]["error_type"], &failed["steps"]["told"]["value"]["result"]],
        [&json!("TimeoutError"); 3],
        "{failed:#}"
    );
}

/// The files that handlers write, whose texts are their names.
fn left(handlers: &str, more: &str, code: i32) -> (Vec<&'static str>, Value) {
    let place = staged("x.yaml", &boom(handlers, more));
    let document = run(place.path(), &["-f", "x.yaml", "run"], code);
    let names = ["a", "b", "c"];
    (
        names.into_iter().filter(|name| place.path().join(format!("out/{name}.txt")).exists()).collect(),
        document,
    )
}

/// Of several handlers the first by priority that is for a failure takes care of it, and no other one does anything.
#[test]
fn the_first_handler_that_fits_acts_alone() {
    let write = |name: &str| format!("handler_action: write {name} to out/{name}.txt");
    let (a, b, c) = (write("a"), write("b"), write("c"));
    for (handlers, code, expect, value) in [
        (format!("[{{ {a} }}, {{ {b}, priority: 5 }}, {{ fallback_value: 1 }}]"), 1, vec!["b"], Value::Null),
        (format!("[{{ error_codes: [4], {a} }}, {{ {b} }}, {{ {c} }}]"), 1, vec!["b"], Value::Null),
        (format!("[{{ fallback_value: 1 }}, {{ fallback_value: 2, {a} }}]"), 0, vec![], json!(1)),
        (
            format!("[{{ error_patterns: [no], fallback_value: 1 }}, {{ fallback_value: 2, {a} }}]"),
            0,
            vec!["a"],
            json!(2),
        ),
    ] {
        let (left, document) = left(&handlers, "", code);
        assert_eq!(
            (left, &document["steps"]["boom"]["recovered"] == true),
            (expect, value != Value::Null),
            "{handlers}"
        );
        if value != Value::Null {
            assert_eq!(document["steps"]["boom"]["value"], value, "{handlers}");
        }
    }
}

/// Those of the file come behind a step's own, and the first of them that fits is the only one as well.
#[test]
fn of_the_handlers_of_the_file_the_first_one_acts_where_no_own_one_does() {
    let global = "global_error_handlers:\n- { error_codes: [3], handler_action: write b to out/b.txt }\n- { handler_task_id: mend }\n\
                  - { error_codes: [5], handler_task_id: late }\n";
    let mend = format!(
        "- {{ id: mend, action: write c to out/c.txt }}\n- {{ id: late, action: echo late }}\n{global}"
    );
    let (names, document) = left("{ error_codes: [4], handler_action: write a to out/a.txt }", &mend, 1);
    assert_eq!((names, &document["steps"]["mend"]["status"]), (vec!["b"], &json!("skipped")));
    assert_eq!(left("{ error_codes: [3], handler_action: write a to out/a.txt }", &mend, 1).0, ["a"]);
    let other = mend.replace("error_codes: [3]", "error_codes: [4]");
    let (names, document) = left("{ error_codes: [4], handler_action: write a to out/a.txt }", &other, 1);
    assert_eq!((names, &document["steps"]["late"]["status"]), (vec!["c"], &json!("skipped")));
}

/// Where the action of a handler fails, and it says so, the next handler that fits takes care of the failure.
#[test]
fn a_handler_that_fails_leaves_the_failure_to_the_next_one() {
    // There is no folder of that name, but a file.
    let fails = "handler_action: write x to x.yaml/o.txt, continue_on_handler_failure: true";
    let works = "handler_action: write a to out/a.txt, continue_on_handler_failure: true";
    let rest = "{ error_codes: [4], handler_action: write b to out/b.txt }, { handler_action: write c to out/c.txt }";
    assert_eq!(left(&format!("[{{ {fails} }}, {rest}]"), "", 1).0, ["c"]);
    assert_eq!(left(&format!("[{{ {works} }}, {rest}]"), "", 1).0, ["a"]);
    let (_, document) = left(
        &format!("[{{ {fails} }}, {{ {fails} }}, {{ handler_task_id: mend }}]"),
        "- { id: mend, action: echo mended }\n",
        1,
    );
    assert_eq!(document["steps"]["mend"]["value"]["result"], "mended", "{document:#}");
    let given_up = fails.replace("true", "false");
    assert_eq!(left(&format!("[{{ {given_up} }}, {rest}]"), "", 1).0, [""; 0]);
    // A value does not wait.
    let (names, document) = left(&format!("[{{ {works} }}, {{ fallback_value: 1 }}]"), "", 0);
    assert_eq!((names, &document["steps"]["boom"]["value"]), (vec!["a"], &json!(1)));
}

/// A value that stands in for what a step would have made is its result, as what the step makes is.
#[test]
fn a_value_that_stands_in_is_read_as_the_result() {
    let read = "outputs: { whole: '{{ boom.result }}', long: \"{{ steps['boom'].result }}\", \
                sum: '{{ boom.result | default(7) }}!', inner: '{{ boom.result.ok | default(7) }}' }\n\
                - { id: then, action: 'echo {{ boom.result }}', condition: boom.result != 5 }\n";
    let read: Vec<&str> = read.splitn(2, "- {").collect();
    let more = format!("- {{{}{}", read[1], read[0]);
    for (value, expect) in [
        ("1", json!({"whole": 1, "long": 1, "sum": "1!", "inner": 7})),
        ("{ ok: 2 }", json!({"whole": {"ok": 2}, "long": {"ok": 2}, "sum": "{'ok': 2}!", "inner": 2})),
        (
            "{ result: { ok: 3 } }",
            json!({"whole": {"ok": 3}, "long": {"ok": 3}, "sum": "{'ok': 3}!", "inner": 3}),
        ),
    ] {
        let document = done(&boom(&format!("{{ fallback_value: {value} }}"), &more), 0);
        assert_eq!(document["outputs"], expect, "{value}: {document:#}");
        assert_eq!(document["steps"]["then"]["status"], "completed");
    }
    // What the step makes itself is its result all the same.
    let text = boom("{ fallback_value: 1 }", "outputs: { said: '{{ boom.result.stdout }}' }\n");
    assert_eq!(done(&text.replace("; exit 3", ""), 0)["outputs"]["said"], "half\n");
    // So is that it is a success.
    let read = "- { id: then, action: 'echo {{ boom.success }}', condition: boom.success }\noutputs: { both: '{{ boom.success and boom.result }}' }\n";
    let text = boom("{ fallback_value: 1 }", read);
    for (text, both) in [(text.replace("; exit 3", ""), json!(true)), (text, json!(1))] {
        let document = done(&text, 0);
        assert_eq!(document["steps"]["then"]["value"]["result"], "True", "{document:#}");
        assert_eq!(document["outputs"]["both"] == both, both == 1, "{document:#}");
    }
}
