//! Providers that have no room, or refuse the key: a step waits no longer than its attempts may take, and whatever it fails for,
//! what the file says of failures holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::models::{go, scripted, served};
use crate::own::staged;

const FULL: &str = "503 Service Unavailable";
const LATER: &str = "429 Too Many Requests\r\nretry-after: 100000";
const WRONG_KEY: &str = "401 Unauthorized";

/// A run against a model `bad:m` that refuses everybody, and a model `good:m` that does not.
fn run(head: &'static str, text: &str, code: i32) -> (Value, usize) {
    let (url, arrived): (String, Arc<AtomicUsize>) =
        served(head, json!({"error": {"message": "no"}}).to_string());
    let endpoints =
        format!("{{ bad: {{ base_url: \"{url}\" }}, good: {{ base_url: \"{}\" }} }}", scripted("fine"));
    let place = staged("x.yaml", &format!("name: x\nendpoints: {endpoints}\ndefault_model: bad:m\n{text}"));
    let begun = Instant::now();
    let document = go(place.path(), &[], code);
    // Nobody waits for a day; these machines are slow at times.
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    (document, arrived.load(Ordering::SeqCst))
}

fn step(more: &str) -> String {
    format!("steps:\n- {{ id: a, prompt: hi{more} }}\n- {{ id: b, action: 'echo {{{{ a.result }}}}' }}\n")
}

#[test]
fn attempts_are_counted_whatever_they_fail_for() {
    for head in [FULL, LATER, WRONG_KEY, "500 Internal Server Error"] {
        let code = if head == WRONG_KEY { 4 } else { 1 };
        let (document, n) = run(head, &step(", max_retries: 1, timeout: 3"), code);
        let steps = &document["steps"];
        assert_eq!((&steps["a"]["status"], n), (&json!("failed"), 1), "{head}: {document:#}");
        assert_eq!(steps["b"]["status"], "skipped", "{head}: {document:#}");
    }
    assert_eq!(run(FULL, &step(", max_retries: 2"), 1).1, 2);
}

/// However late a provider wants to be asked again.
#[test]
fn a_step_waits_no_longer_than_its_attempts_may_take() {
    let (document, n) = run(LATER, &step(", max_retries: 2, timeout: 3"), 1);
    let error = document["steps"]["a"]["error"].as_str().unwrap();
    assert!(error.contains("no room") && error.contains("6s at most"), "{error}");
    assert_eq!(n, 1);
    // Others that wait for the same provider do not wait longer than it.
    let two = "steps:\n- { id: a, prompt: hi, timeout: 2 }\n- { id: c, prompt: ho, timeout: 2, dependencies: [b] }\n\
               - { id: b, action: echo b, dependencies: [a] }\n";
    let (document, _) = run(LATER, &two.replace("timeout: 2 }", "timeout: 2, on_failure: continue }"), 1);
    assert_eq!(document["steps"]["c"]["status"], "failed", "{document:#}");
}

#[test]
fn who_was_declared_stands_in_whatever_the_first_one_fails_for() {
    for (head, n) in [(FULL, 2), (LATER, 1), (WRONG_KEY, 1)] {
        let text =
            format!("selection: {{ fallback: 'good:m' }}\n{}", step(", model: 'bad:m', max_retries: 2"));
        let (document, arrived) = run(head, &text, 0);
        let a = &document["steps"]["a"];
        assert_eq!(
            (&a["model"], &a["value"]["result"]),
            (&json!("good/m"), &json!("fine")),
            "{head}: {document:#}"
        );
        assert_eq!(arrived, n, "{head}");
    }
}

#[test]
fn policies_and_handlers_hold_whatever_a_step_fails_for() {
    for head in [FULL, LATER, WRONG_KEY] {
        let stands_in = step(", max_retries: 1, timeout: 3, on_error: { fallback_value: 5 }");
        let (document, _) = run(head, &stands_in, 0);
        assert_eq!(document["steps"]["b"]["value"]["result"], "5", "{head}: {document:#}");
        let goes_on = "steps:\n- { id: a, prompt: hi, max_retries: 1, timeout: 3, on_failure: h }\n\
                       - { id: n, action: echo n, dependencies: [a] }\n- { id: h, action: 'echo {{ a.error_type }}', dependencies: [n] }\n";
        let (document, _) = run(head, goes_on, if head == WRONG_KEY { 4 } else { 1 });
        let status = |id: &str| document["steps"][id]["status"].as_str().unwrap().to_owned();
        assert_eq!(
            [status("a"), status("n"), status("h")],
            ["failed", "skipped", "completed"],
            "{head}: {document:#}"
        );
    }
}

/// What a model says of the pipeline the run can do without, and does after half a minute at most.
#[test]
fn an_orchestrator_without_room_is_not_waited_for() {
    for head in [FULL, LATER] {
        let (document, _) = run(head, "orchestrator: bad:m\nsteps: [{ id: a, action: echo a }]\n", 0);
        assert_eq!(document["steps"]["a"]["status"], "completed", "{head}");
        assert_eq!(document["problems"][0]["code"], "W0828", "{head}: {document:#}");
    }
}
