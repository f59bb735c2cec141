//! What queues and loops of actions say besides their lists: conditions, tools, times, and what they tell of each other.

use std::fs;

use serde_json::{Value, json};

use crate::own::{run, staged};

fn go(text: &str, code: i32) -> (tempfile::TempDir, Value) {
    let place = staged("x.yaml", text);
    let document = run(place.path(), &["-f", "x.yaml", "run"], code);
    (place, document)
}

#[track_caller]
fn refused(text: &str) -> String {
    let (_, document) = go(text, 2);
    document["problems"][0]["code"].as_str().unwrap().to_owned()
}

fn queue(more: &str) -> String {
    format!(
        "name: x\nsteps:\n- id: q\n  action: create_parallel_queue\n  create_parallel_queue:\n    \"on\": [a, b, c]\n{more}\
         outputs: {{ n: '{{{{ q.iterations }}}}', last: '{{{{ q.results[-1].action1.result }}}}' }}\n"
    )
}

const WRITE: &str = "    tool: filesystem\n    action_loop:\n    - { action: write, parameters: { path: 'out/{{ item }}.txt', content: \
                     '{{ item }} of {{ queue_size }}' } }\n";

#[test]
fn a_queue_ends_where_its_conditions_say_so() {
    let text = queue(&format!(
        "{WRITE}    until: \"{{{{ loop_state.results.action1.result.path == 'out/b.txt' }}}}\"\n"
    ));
    let (place, done) = go(&text, 0);
    assert_eq!(done["outputs"]["n"], 2);
    assert_eq!(fs::read_to_string(place.path().join("out/b.txt")).unwrap(), "b of 3");
    assert!(!place.path().join("out/c.txt").exists(), "the queue ended behind the second item");
    let again = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!((&again["run"]["calls"], &again["outputs"]["n"]), (&json!(0), &json!(2)));

    let (_, done) = go(&queue("    task: echo {{ item }}\n    while: \"{{ item != 'c' }}\"\n"), 0);
    assert_eq!((&done["outputs"]["n"], &done["outputs"]["last"]), (&json!(2), &json!("b")));
    let rows = "    task: { action: 'echo {{ index }}' }\n    max_parallel: 2\n    until: '{{ is_first }}'\n";
    assert_eq!(go(&queue(rows), 0).1["outputs"]["n"], 2, "two start together");
}

#[test]
fn a_queue_says_what_is_done_for_an_item_once() {
    let both = "    task: echo a\n    action_loop: [{ action: echo b }]\n";
    assert_eq!(refused(&queue(both)), "E0803");
    assert_eq!(refused(&queue("    max_parallel: 2\n")), "E0815");
    let (_, several) = go(&queue("    task: [echo a]\n"), 2);
    assert!(several.to_string().contains("`task` is a list, and a step is expected"), "{several:#}");
    let tool = "    tool: filesystem\n    action_loop: [{ action: fetch }]\n";
    assert_eq!(refused(&queue(tool)), "E0805", "its actions are those of its tool");
    assert_eq!(refused(&queue("    task: echo a\n    until: '{{ iteration > 1 }}'\n")), "E0813");
}

#[test]
fn a_loop_of_actions_tells_how_long_it_took_and_why_it_ended() {
    let text = "name: x\nsteps:\n- id: tries\n  action_loop:\n  \
                - { name: work, tool: terminal, action: execute, parameters: { command: 'sleep 0.2' } }\n  \
                - { name: said, action: 'echo {{ total_duration }} {{ termination_reason }}' }\n  \
                UNTIL\n  max_iterations: 3\noutputs:\n  n: '{{ tries.iterations }}'\n  why: '{{ tries.termination_reason }}'\n  \
                said: '{{ tries.last.said.result }}'\n";
    let (_, done) = go(
        &text.replace(
            "UNTIL",
            "until: '{{ iteration >= 1 and total_duration >= 0.3 and termination_reason is none }}'",
        ),
        0,
    );
    let outputs = &done["outputs"];
    assert_eq!((&outputs["n"], &outputs["why"]), (&json!(2), &json!("condition")), "{outputs}");
    let (seconds, reason) = outputs["said"].as_str().unwrap().split_once(' ').unwrap();
    let seconds: f64 = seconds.parse().unwrap();
    assert!((0.2..60.0).contains(&seconds), "{seconds}");
    assert_eq!(reason, "None", "it has not ended while it goes round");
    let (_, done) = go(&text.replace("UNTIL", "while_condition: 'total_duration >= 0'"), 0);
    assert_eq!((&done["outputs"]["n"], &done["outputs"]["why"]), (&json!(3), &json!("max_iterations")));
}

#[test]
fn loops_tell_of_those_before_them_and_of_their_items() {
    let text = "name: x\nsteps:\n- { id: two, for_each: [x, y, z], steps: [{ id: s, action: \"echo {{ historical_loops() | join('+') }} \
                {{ $items | loop_get(0) }} {{ $items | next_in_loop(index) }} {{ $items | prev_in_loop(index) }}\", dependencies: [] }] }\n";
    let first = "- { id: one, for_each: [1], loop_name: first, steps: [{ id: s, action: echo a }] }\n";
    let later = "- { id: three, for_each: [1], loop_name: third, steps: [{ id: s, action: echo a }] }\n";
    let text = text.replace("steps:\n", &format!("steps:\n{first}"))
        + later
        + "outputs: { all: '{{ historical_loops() }}' }\n";
    let (_, done) = go(&text, 0);
    let said = |turn: u32| done["steps"][format!("two_{turn}_s")]["value"]["result"].clone();
    assert_eq!([said(0), said(1), said(2)], ["first x y None", "first x z x", "first x None y"]);
    assert_eq!(done["outputs"]["all"], json!(["first", "third"]));
    let order: Vec<&str> =
        done["execution_order"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let place = |id: &str| order.iter().position(|found| found.starts_with(id)).unwrap();
    assert!(place("one") < place("two"), "what is told of is over: {order:?}");
}

#[test]
fn a_loop_says_how_often_its_steps_are_tried_and_how_long_it_takes() {
    let text = |more: &str, command: &str| {
        format!(
            "name: x\nsteps:\n- id: each\n  for_each: [1]\n{more}  steps:\n  - {{ id: go, tool: terminal, action: execute, on_failure: retry, \
             parameters: {{ command: '{command}' }} }}\n- {{ id: b, action: echo b, dependencies: [each] }}\n"
        )
    };
    let count = |more: &str| {
        let (place, _) = go(&text(more, "echo x >> n.txt; exit 1"), 1);
        fs::read_to_string(place.path().join("n.txt")).unwrap().lines().count()
    };
    assert_eq!(count("  max_retries: 2\n"), 2);
    assert_eq!(count("  retry: { max_attempts: 4, initial_delay: 0.01 }\n"), 4);
    assert_eq!(count("  max_retries: 1\n"), 1);
    let late = "  timeout: 1\n  max_retries: 1\n  on_error: { error_types: [TimeoutError], fallback_value: { late: true } }\n";
    let (_, done) = go(&text(late, "sleep 60"), 0);
    assert_eq!(
        (&done["steps"]["b"]["status"], &done["steps"]["each_0_go"]["timed_out"]),
        (&json!("completed"), &json!(true))
    );
}
