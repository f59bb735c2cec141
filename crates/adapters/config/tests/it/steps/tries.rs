//! How often a step is tried, how long it waits before it is tried again, and what comes after it has failed.

use serde_json::{Value, json};

use super::lowered;

/// Returns how a step is tried again, and what comes after its failure; or the codes of what is wrong.
fn tried(header: &str, step: &str) -> Result<(Value, Value), Vec<String>> {
    let text = format!(
        "name: x\n{header}steps:\n- {{ id: a, action: echo x, {step} }}\n- {{ id: b, action: echo y }}\n"
    );
    let (pipeline, problems) = lowered(&text);
    let codes: Vec<String> = problems.into_iter().map(|(code, _)| code).collect();
    let a = &pipeline["phases"]["a"];
    if codes.is_empty() { Ok((a["retry"].clone(), a["on_failure"].clone())) } else { Err(codes) }
}

fn retry(attempts: u32, backoff: &str, initial: &str, max: &str) -> Value {
    json!({"attempts": attempts, "backoff": backoff, "initial": initial, "max": max})
}

#[track_caller]
fn check(header: &str, step: &str, retry: Value, on_failure: Value) {
    assert_eq!(tried(header, step), Ok((retry, on_failure)), "{header}{step}");
}

#[test]
fn a_step_is_tried_as_often_as_it_says() {
    let usual = |attempts: u32| retry(attempts, "exponential", "100ms", "2s");
    check("", "description: d", usual(3), Value::Null);
    for (often, attempts) in [(0, 1), (1, 1), (2, 2)] {
        check("", &format!("max_retries: {often}"), usual(attempts), Value::Null);
        check("", &format!("retry: {{ max_attempts: {often} }}"), usual(attempts), json!("retry"));
    }
    check("", "retry: { max_attempts: 0 }, max_retries: 1", usual(1), json!("retry"));
    check("", "retry: { max_attempts: 5 }, on_failure: continue", usual(5), json!("continue"));
    check("", "error_handling: { retry: { max_attempts: 5 } }", usual(5), json!("retry"));
    check("", "error_handling: { retry: { max_attempts: 5 }, fallback: b }", usual(5), json!("b"));
    let header = "context: { timeout: 7, max_retries: 4, error_mode: continue }\n";
    check(header, "description: d", usual(4), json!("continue"));
    check(header, "max_retries: 2, on_failure: fail", usual(2), json!("fail"));
    check(header, "retry: { backoff: fixed }", retry(4, "fixed", "100ms", "2s"), json!("continue"));
}

#[test]
fn a_step_waits_before_it_is_tried_again() {
    for (how, expect) in [
        ("backoff: none", retry(3, "none", "100ms", "2s")),
        ("backoff: fixed", retry(3, "fixed", "100ms", "2s")),
        ("backoff: constant, initial_delay: 3, max_delay: 9", retry(3, "fixed", "3s", "9s")),
        ("backoff: exponential, initial_delay: 0.5", retry(3, "exponential", "500ms", "2s")),
        ("initial_delay: 0", retry(3, "none", "100ms", "2s")),
        ("max_delay: 0.0", retry(3, "none", "100ms", "2s")),
    ] {
        check("", &format!("retry: {{ {how} }}"), expect, json!("retry"));
    }
}

#[test]
fn what_comes_after_a_failure_is_said_once_and_is_there() {
    for (step, on_failure) in [
        ("on_error: skip", "skip"),
        ("on_error: b", "b"),
        ("on_failure: ' b '", "b"),
        ("on_failure: retry", "retry"),
    ] {
        check("", step, retry(3, "exponential", "100ms", "2s"), json!(on_failure));
    }
    for (step, code) in [
        ("retry: { max_attempts: 2 }, max_retries: 3", "E0803"),
        ("retry: 3", "E0802"),
        ("retry: { backoff: linear }", "E0802"),
        ("retry: { backof: none }", "E0801"),
        ("error_handling: { fallback: b }, on_failure: skip", "E0803"),
        ("on_error: b, on_failure: skip", "E0803"),
        ("on_failure: contnue", "E0811"),
        ("on_failure: nobody", "E0811"),
    ] {
        assert_eq!(tried("", step), Err(vec![code.to_owned()]), "{step}");
    }
    // A value that is no step stands in, whatever it looks like.
    let (pipeline, _) =
        lowered("name: x\nsteps: [{ id: a, action: echo x, error_handling: { fallback: nobody } }]\n");
    assert_eq!(pipeline["phases"]["a"]["recover"], json!([{"value": "nobody"}]));
}
