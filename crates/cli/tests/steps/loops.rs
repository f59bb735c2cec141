//! Loops of steps files: what is shown of them, done twice by nobody, and the same as a native file.

use std::fs;

use serde_json::{Value, json};

use crate::own::{refrain, run, staged};

const NESTED: &str = r#"
id: nested
name: Nested
inputs:
  shelves: { type: array, default: [{ name: top, books: [a, b] }, { name: low, books: [] }] }
steps:
  - id: shelf
    for_each: "{{ shelves }}"
    loop_name: outer
    steps:
      - id: label
        action: "echo {{ item.name }}"
      - id: book
        for_each: "{{ $outer.item.books }}"
        loop_var: title
        steps:
          - id: save
            tool: filesystem
            action: write
            parameters:
              path: "out/{{ $outer.item.name }}-{{ title }}.txt"
              content: "{{ label.result }} {{ position }}/{{ length }}"
      - id: count
        action: "echo {{ book.iterations }} of {{ label.result }}"
  - id: tries
    action_loop:
      - action: "echo {{ iteration }}"
      - action: "echo {{ action1.result }}!"
    until: "{{ iteration >= 1 }}"
outputs:
  shelves: "{{ shelf.results[0].count.result }}"
  last: "{{ tries.last.action2.result }}"
"#;

#[test]
fn loops_in_loops_are_shown_turn_by_turn_and_not_done_again() {
    let place = staged("nested.yaml", NESTED);
    let words = |words: &[&'static str]| [&["-f", "nested.yaml"], words].concat();
    let first = run(place.path(), &words(&["run"]), 0);
    assert_eq!(fs::read_to_string(place.path().join("out/top-b.txt")).unwrap(), "top 2/2");
    assert_eq!((&first["outputs"]["shelves"], &first["outputs"]["last"]), (&"2 of top".into(), &"1!".into()));
    let steps: Vec<&str> = first["steps"].as_object().unwrap().keys().map(String::as_str).collect();
    let expect = [
        "shelf_0_label",
        "shelf_0_book",
        "shelf_0_book_0_save",
        "shelf_0_book_1_save",
        "shelf_0_count",
        "shelf_1_label",
        "shelf_1_book",
        "shelf_1_count",
        "tries",
    ];
    let mut found = steps.clone();
    found.sort_unstable();
    let mut expect = expect.to_vec();
    // A list that hangs on no step has no entry.
    expect.retain(|name| found.contains(name) || !name.ends_with("_book"));
    expect.sort_unstable();
    assert_eq!(found, expect);
    let again = run(place.path(), &words(&["run"]), 0);
    assert_eq!((&again["run"]["calls"], &again["outputs"]), (&0.into(), &first["outputs"]));
    let plan = run(place.path(), &words(&["plan"]), 0);
    assert_eq!(plan["changes"], false, "{plan:#}");
    let shown = run(place.path(), &words(&["show", "shelf_book_save@0,1"]), 0);
    assert!(shown.to_string().contains("top-b.txt"), "{shown}");
    let which = refrain(place.path(), &words(&["show", "shelf_book_save"]));
    assert!(String::from_utf8_lossy(&which.stderr).contains("name the turn"));
    let status = run(place.path(), &words(&["status"]), 0);
    let is_fresh = |phase: &Value| phase["freshness"] == "fresh";
    assert!(status["phases"].as_array().unwrap().iter().all(is_fresh), "{status:#}");
    fs::remove_file(place.path().join("out/top-b.txt")).unwrap();
    assert_eq!(run(place.path(), &words(&["run"]), 0)["run"]["calls"], 1, "what is gone is written again");
}

#[test]
fn a_converted_loop_is_the_same() {
    let place = staged("nested.yaml", NESTED);
    let native = refrain(place.path(), &["-f", "nested.yaml", "convert"]);
    assert!(native.status.success(), "{}", String::from_utf8_lossy(&native.stderr));
    fs::write(place.path().join("native.yaml"), native.stdout).unwrap();
    let report = run(place.path(), &["-f", "native.yaml", "run"], 0);
    assert_eq!(
        (&report["outputs"]["shelves"], &report["outputs"]["last"]),
        (&"2 of top".into(), &"1!".into())
    );
    assert_eq!(fs::read_to_string(place.path().join("out/top-a.txt")).unwrap(), "top 1/2");
}

#[test]
fn what_goes_wrong_in_a_turn_is_handled_there_or_fails_the_loop() {
    let file = |handler: &str, policy: &str| {
        format!(
            "name: x\nsteps:\n- id: each\n  for_each: [good, bad, fine]\n{policy}  steps:\n  - id: go\n    tool: terminal\n    \
             action: execute\n    parameters: {{ command: \"test {{{{ item }}}} != bad\" }}\n    max_retries: 1\n{handler}\
             - id: after\n  action: echo done\n  dependencies: [each]\n"
        )
    };
    let result = |text: &str, code: i32| run(staged("x.yaml", text).path(), &["-f", "x.yaml", "run"], code);
    let handled = result(&file("    on_error: { fallback_value: { result: { ok: true } } }\n", ""), 0);
    assert_eq!(handled["steps"]["each_1_go"]["recovered"], true);
    assert_eq!(handled["steps"]["after"]["status"], "completed");
    let failed = result(&file("", ""), 1);
    assert_eq!(failed["steps"]["each_2_go"]["success"], true, "other turns go on");
    assert_eq!(failed["steps"]["after"]["status"], "skipped");
    let broken = result(&file("", "  break_on_error: true\n"), 1);
    assert!(broken["steps"].get("each_2_go").is_none());
    let continued = result(&file("", "  on_failure: continue\n"), 1);
    assert_eq!(continued["steps"]["after"]["status"], "completed");
}

/// A value that stands in for a loop clears what failed in its turns, and in what comes after it there.
#[test]
fn a_value_that_stands_in_for_a_loop_clears_its_failure() {
    let file = "name: x\nsteps:\n- id: each\n  for_each: [good, bad]\n  on_error: { fallback_value: { ok: no } }\n  steps:\n  \
                - { id: go, tool: terminal, action: execute, parameters: { command: \"test {{ item }} != bad\" }, max_retries: 1 }\n  \
                - { id: behind, action: echo behind, dependencies: [go] }\n\
                - { id: after, action: \"echo {{ each.ok }}\", dependencies: [each] }\n";
    let place = staged("x.yaml", file);
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(
        (&done["status"], &done["success"], &done["error"]),
        (&json!("completed"), &json!(true), &Value::Null)
    );
    assert_eq!(done["steps"]["each_1_go"]["success"], false, "what failed is told of");
    assert_eq!(
        (&done["steps"]["each_1_behind"]["status"], &done["steps"]["each"]["recovered"]),
        (&json!("skipped"), &json!(true))
    );
    assert_eq!(done["steps"]["after"]["value"]["result"], "no");
    let again = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!((&again["outputs"], &again["error"]), (&done["outputs"], &Value::Null));
    let propagated = file.replace("{ ok: no }", "{ ok: no }, propagate_error: true");
    let place = staged("x.yaml", &propagated);
    run(place.path(), &["-f", "x.yaml", "run"], 1);
}

/// Where it is said, a loop with a condition goes on behind a turn that failed; it has failed in the end.
#[test]
fn a_loop_goes_on_behind_a_failure_where_it_is_told_to() {
    let file = |construct: &str, more: &str| {
        let (list, condition) = construct.split_once(' ').unwrap();
        format!(
            "name: x\nsteps:\n- id: l\n  {condition}\n{more}  {list}:\n  - {{ id: go, tool: terminal, action: execute, \
             parameters: {{ command: \"test {{{{ iteration }}}} != 1\" }}, max_retries: 1 }}\n"
        )
    };
    for construct in ["steps while: '{{ iteration < 3 }}'", "action_loop until: '{{ iteration >= 2 }}'"] {
        let result =
            |more: &str| run(staged("x.yaml", &file(construct, more)).path(), &["-f", "x.yaml", "run"], 1);
        assert_eq!(result("")["steps"]["l"]["value"]["iterations"], 2, "{construct}");
        assert_eq!(result("  break_on_error: true\n")["steps"]["l"]["value"]["iterations"], 2, "{construct}");
        let whole = result("  break_on_error: false\n");
        let document = &whole["steps"]["l"]["value"];
        assert_eq!((&document["iterations"], &document["completed"]), (&json!(3), &json!(2)), "{whole:#}");
    }
    // What the turn came to is what the condition reads.
    let text = file("steps until: '{{ go.success }}'", "  break_on_error: false\n").replace("!= 1", "-ge 2");
    let tried = run(staged("x.yaml", &text).path(), &["-f", "x.yaml", "run"], 1);
    assert_eq!(tried["steps"]["l"]["value"]["iterations"], 3, "{tried:#}");
}

/// What a result calls a step of a turn, other commands know as well.
#[test]
fn steps_of_turns_go_by_their_names_in_results() {
    let place = staged("nested.yaml", NESTED);
    let words = |words: &[&'static str]| [&["-f", "nested.yaml"], words].concat();
    run(place.path(), &words(&["run", "-o", "result.json"]), 0);
    let shown = run(place.path(), &words(&["show", "shelf_0_book_1_save"]), 0);
    assert_eq!(shown, run(place.path(), &words(&["show", "shelf_book_save@0,1"]), 0));
    let why = run(place.path(), &words(&["why", "shelf_1_label"]), 0);
    assert_eq!((&why["phase"], &why["scope"]), (&json!("shelf_label"), &json!({ "shelf": "1" })), "{why:#}");
    let written: Value =
        serde_json::from_slice(&fs::read(place.path().join("result.json")).unwrap()).unwrap();
    assert_eq!(written["steps"]["shelf_0_book_1_save"]["success"], true);
    // Another result may be written over it, and nothing else.
    run(place.path(), &words(&["run", "-o", "result.json"]), 0);
    let refused = refrain(place.path(), &words(&["run", "-o", "nested.yaml"]));
    assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is not a result of refrain"));
}

/// Where a result cannot be written nothing is done.
#[test]
fn a_result_goes_to_a_folder_that_there_is() {
    let place = staged("nested.yaml", NESTED);
    let refused = refrain(place.path(), &["-f", "nested.yaml", "run", "-o", "nowhere/result.json"]);
    assert_eq!(refused.status.code(), Some(9));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("there is no folder") && !told.contains("run started"), "{told}");
}

/// A pipe is written to, and stays one.
#[cfg(unix)]
#[test]
fn a_result_may_go_to_a_pipe() {
    use std::os::unix::fs::FileTypeExt as _;
    let place = staged("nested.yaml", NESTED);
    let pipe = place.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let from = pipe.clone();
    let reader = std::thread::spawn(move || fs::read(from).unwrap());
    run(place.path(), &["-f", "nested.yaml", "run", "-o", "pipe"], 0);
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo(), "a file took its place");
    let read: Value = serde_json::from_slice(&reader.join().unwrap()).unwrap();
    assert_eq!(read["success"], true);
}

#[test]
fn what_a_loop_has_no_use_for_is_refused() {
    let code = |fields: &str| {
        let text =
            format!("name: x\nsteps:\n- {{ id: a, {fields}, steps: [{{ id: s, action: echo x }}] }}\n");
        let refused = run(staged("x.yaml", &text).path(), &["-f", "x.yaml", "run"], 2);
        refused["problems"][0]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(code("for_each: [1], on_failure: retry"), "E0815");
    assert_eq!(code("while: 'true', max_parallel: 3"), "E0688");
    assert_eq!(code("while: 'true', max_iterations: 0"), "E0206");
}

#[test]
fn people_are_asked_in_turns() {
    let file = "name: x\nsteps:\n- id: each\n  for_each: [a, b]\n  steps:\n  - id: g\n    tool: approval-gate\n    parameters: { title: \"Send {{ item }}?\", \
                content: \"{{ item }}\" }\n  - { id: s, action: \"echo sent {{ item }}\", dependencies: [g] }\n\
                - { id: after, action: echo done, dependencies: [each] }\n";
    let place = staged("x.yaml", file);
    let go = |words: &[&str], code| run(place.path(), &[&["-f", "x.yaml"], words].concat(), code);
    let waiting = go(&["run"], 6);
    assert_eq!(waiting["steps"]["each_1_g"]["status"], "pending");
    assert_eq!(waiting["steps"]["after"]["status"], "pending");
    assert_eq!(go(&["answer"], 0).as_array().unwrap().len(), 2);
    go(&["answer", "each_g@1", "--approve"], 0);
    let half = go(&["run"], 6);
    assert_eq!(half["steps"]["each_1_s"]["status"], "completed");
    go(&["answer", "each_g@0", "--approve"], 0);
    let done = go(&["run"], 0);
    assert_eq!(done["steps"]["after"]["status"], "completed");
    assert_eq!(go(&["run"], 0)["run"]["calls"], 0);
}

/// Each turn counts for itself, whatever kind of loop it is of, and each run counts anew.
#[test]
fn what_tools_count_is_counted_in_each_turn() {
    let steps = r#"
id: counts
name: Counts
steps:
  - id: goes
    while: "true"
    until: "{{ end.should_terminate }}"
    max_iterations: 9
    steps:
      - { id: up, tool: recursion-control, action: update_state, parameters: { context_id: a, state_key: n, increment: 1 } }
      - { id: end, tool: recursion-control, action: check_condition, parameters: { context_id: a, condition: "state['n'] >= 3" }, dependencies: [up] }
  - id: each
    for_each: [x, y, z]
    max_parallel: 1
    steps:
      - { id: up, tool: recursion-control, action: update_state, parameters: { context_id: b, state_key: n, increment: 2 } }
  - { id: sum, tool: recursion-control, action: get_state, parameters: { context_id: b }, dependencies: [each] }
  - { id: asked, tool: recursion-control, action: check_condition, parameters: { context_id: a, max_iterations: 4 }, dependencies: [goes] }
outputs:
  turns: "{{ goes.iterations }}"
  reason: "{{ goes.last.end.result.reason }}"
  sum: "{{ sum.state.n }}"
  asked: "{{ asked.iterations }}"
  limit: "{{ asked.reason }}"
"#;
    let place = staged("counts.yaml", steps);
    for round in ["first", "second"] {
        let document = run(place.path(), &["-f", "counts.yaml", "run"], 0);
        let expect =
            json!({"turns": 3, "reason": "condition", "sum": 6, "asked": 4, "limit": "max_iterations"});
        assert_eq!(document["outputs"], expect, "{round}");
    }
}

/// The name of a loop over a list is behind a `$` alone, and where it is in turns, behind none.
#[test]
fn names_behind_a_dollar() {
    let text = |said: &str| {
        format!(
            "name: x\nsteps:\n- id: w\n  while: iteration < 1\n  steps:\n  - id: l\n    for_each: [1]\n    loop_name: inner\n    \
             steps: [{{ id: s, tool: filesystem, action: write, parameters: {{ path: o.txt, content: '{said}' }} }}]\n"
        )
    };
    let place = staged("x.yaml", &text("{{ $loop_name }} {{ $index }} {{ position }}"));
    run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(std::fs::read_to_string(place.path().join("o.txt")).unwrap(), "inner 0 1");
    let place = staged("x.yaml", &text("{{ $position }}"));
    let refused = run(place.path(), &["-f", "x.yaml", "check"], 2);
    let [problem] = refused["problems"].as_array().unwrap().as_slice() else { panic!("{refused}") };
    assert_eq!((&problem["code"], &problem["hint"]), (&"E0813".into(), &"write `position`".into()));
}
