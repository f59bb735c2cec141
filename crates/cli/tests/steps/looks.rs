//! `file_exists(PATH)` in texts: somebody looks before the step is done, and what comes or goes later is noticed.

use std::fs;

use serde_json::{Value, json};

use crate::own::{refrain, run, staged};

const RUN: [&str; 3] = ["-f", "x.yaml", "run"];

const ASKED: &str = r#"
name: x
inputs: { where: { type: string, default: note.txt } }
steps:
  - { id: make, tool: filesystem, action: write, parameters: { path: out/a.txt, content: a } }
  - id: say
    action: "echo {{ file_exists('out/a.txt') }} {{ file_exists( where ) }} {{ 'y' if file_exists(where) else 'n' }}"
    dependencies: [make]
  - { id: if-there, action: echo there, condition: "file_exists(where) and 1 < 2" }
  - id: each
    for_each: [out/a.txt, out/b.txt]
    dependencies: [make]
    steps:
      - { id: look, action: "echo {{ item }} {{ file_exists(item) }}" }
"#;

fn said(document: &Value, step: &str) -> Value {
    document["steps"][step]["value"]["result"].clone()
}

#[test]
fn a_text_may_ask_whether_a_file_is_there() {
    let place = staged("x.yaml", ASKED);
    let done = run(place.path(), &RUN, 0);
    assert_eq!(said(&done, "say"), "True False n");
    assert_eq!(done["steps"]["if-there"]["status"], "skipped");
    assert_eq!(said(&done, "each_0_look"), "out/a.txt True");
    assert_eq!(said(&done, "each_1_look"), "out/b.txt False");
    let steps: Vec<&String> = done["steps"].as_object().unwrap().keys().collect();
    assert_eq!(steps, ["each_0_look", "each_1_look", "if-there", "make", "say"], "looking is no step");
    let again = run(place.path(), &RUN, 0);
    let asked = again["run"]["phases"].as_array().unwrap().iter().filter(|phase| phase["calls"] != 0);
    let asked: Vec<&str> = asked.map(|phase| phase["phase"].as_str().unwrap()).collect();
    assert_eq!(asked.len(), 5, "{asked:?}");
    assert!(
        asked.iter().all(|name| name.contains("-look-")),
        "looking costs nothing, and it alone is done: {asked:?}"
    );
}

#[test]
fn a_file_that_comes_or_goes_is_noticed() {
    let place = staged("x.yaml", ASKED);
    run(place.path(), &RUN, 0);
    fs::write(place.path().join("note.txt"), "there").unwrap();
    let done = run(place.path(), &RUN, 0);
    assert_eq!((said(&done, "say"), said(&done, "if-there")), (json!("True True y"), json!("there")));
    fs::remove_file(place.path().join("note.txt")).unwrap();
    let done = run(place.path(), &RUN, 0);
    assert_eq!(said(&done, "say"), "True False n");
    assert_eq!(done["steps"]["if-there"]["status"], "skipped");
}

/// What a step reads is there before anybody looks, and so is what it is for where it handles a failure.
#[test]
fn who_looks_waits_for_what_the_step_waits_for() {
    let place = staged(
        "x.yaml",
        r#"
name: x
steps:
  - { id: a, tool: terminal, action: execute, parameters: { command: "sleep 0.4; echo a > a.txt; echo ok" } }
  - { id: b, action: "echo {{ a.stdout | trim }} {{ file_exists('a.txt') }}" }
  - id: boom
    tool: terminal
    action: execute
    parameters: { command: "sleep 0.4; echo b > b.txt; exit 3" }
    on_failure: continue
    on_error: [{ handler_task_id: mend }]
  - { id: mend, action: "echo {{ file_exists('b.txt') }}" }
"#,
    );
    let done = run(place.path(), &RUN, 1);
    assert_eq!((said(&done, "b"), said(&done, "mend")), (json!("ok True"), json!("True")));
}

/// A route to a step passes over what stands between, and not who looks for it.
#[test]
fn routes_lead_to_steps_that_look() {
    let check = |first: &str, middle: &str, code: i32| {
        let text = format!(
            "name: x\nsteps:\n- {{ id: a, {first} }}\n- {{ id: b, action: echo b, dependencies: [a] }}\n\
             - {{ id: c, action: \"echo {{{{ file_exists('x.yaml') }}}}\", dependencies: [b] }}\n\
             - {{ id: d, action: \"echo {{{{ file_exists('x.yaml') }}}}\", dependencies: [c] }}\n"
        );
        let done = run(staged("x.yaml", &text).path(), &RUN, code);
        assert_eq!(done["steps"]["b"]["status"], middle, "{first}: {done:#}");
        assert_eq!((said(&done, "c"), said(&done, "d")), (json!("True"), json!("True")), "{first}");
    };
    let fails = "tool: terminal, action: execute, parameters: { command: exit 3 }";
    check("action: echo a", "completed", 0);
    check("action: echo a, goto: c", "skipped", 0);
    check("action: echo a, goto: \"{{ 'c' if a.result == 'a' else 'b' }}\"", "skipped", 0);
    check("action: echo a, condition: 1 > 2, on_false: c", "skipped", 0);
    check(&format!("{fails}, on_failure: c"), "skipped", 1);
    // Who is passed over has nobody look.
    let text = "name: x\nsteps:\n- { id: a, action: echo a, goto: c }\n\
                - { id: b, action: \"echo {{ file_exists('x.yaml') }}\", dependencies: [a] }\n\
                - { id: c, action: echo c, dependencies: [b] }\n";
    let done = run(staged("x.yaml", text).path(), &RUN, 0);
    assert_eq!((&done["steps"]["b"]["status"], &done["run"]["calls"]), (&json!("skipped"), &json!(2)));
}

/// What is not asked is not looked at.
#[test]
fn a_path_of_what_is_not_there_matters_where_it_is_asked_about() {
    let of = |test: &str| {
        format!(
            "name: x\nsteps:\n- {{ id: a, action: echo a, condition: 1 > 2 }}\n\
             - {{ id: b, action: \"echo {{{{ 'yes' if {test} file_exists(a.result) else 'no' }}}}\" }}\n"
        )
    };
    let done = run(staged("x.yaml", &of("a is defined and")).path(), &RUN, 0);
    assert_eq!(said(&done, "b"), "no");
    let failed = run(staged("x.yaml", &of("")).path(), &RUN, 1);
    assert_eq!(failed["steps"]["b"]["status"], "failed");
}

#[test]
fn nobody_looks_outside_of_the_project_or_where_there_is_no_step() {
    let outside =
        "name: x\ninputs: { up: ../x }\nsteps:\n- { id: a, action: \"echo {{ file_exists(up) }}\" }\n";
    let place = staged("x.yaml", outside);
    let failed = run(place.path(), &RUN, 1);
    assert_ne!(failed["steps"]["a"]["status"], "completed", "{failed:#}");
    for (text, code) in [
        (
            "name: x\nsteps:\n- { id: a, action: echo x }\noutputs: { o: \"{{ file_exists('x') }}\" }\n",
            "E0802",
        ),
        ("name: x\nsteps:\n- { id: a, action: \"echo {{ file_exists('../x') }}\" }\n", "E0823"),
        ("name: x\nsteps:\n- { id: a, action: \"echo {{ file_exists(nowhere) }}\" }\n", "E0813"),
        ("name: x\nsteps:\n- { id: a, action: \"echo {{ file_exists(a.result) }}\" }\n", "E0814"),
        ("name: x\nsteps:\n- { id: a, action: \"echo {{ file_exists() }}\" }\n", "E0802"),
        ("name: x\nsteps:\n- { id: a, action: \"echo {% set p = 'x' %}{{ file_exists(p) }}\" }\n", "E0802"),
        (
            "name: x\ninputs: { p: x }\nsteps:\n- { id: a, action: \"echo {% for p in ['a'] %}{{ p | file_exists }}{% endfor %}\" }\n",
            "E0802",
        ),
        (
            "name: x\nsteps:\n- { id: a, action: \"echo {{ file_exists('a') }}{{ file_exists('a', 'b') }}\" }\n",
            "E0802",
        ),
    ] {
        let place = staged("x.yaml", text);
        let told = refrain(place.path(), &["-f", "x.yaml", "check"]);
        let words =
            String::from_utf8_lossy(&told.stderr).into_owned() + &String::from_utf8_lossy(&told.stdout);
        assert!(told.status.code() == Some(2) && words.contains(code), "{text}: {words}");
    }
}

/// What a loop came to is read with `result` or without it.
#[test]
fn a_loop_has_a_result() {
    let place = staged(
        "x.yaml",
        r#"
name: x
steps:
  - id: up-to
    while: "{{ iteration < 3 }}"
    max_iterations: 5
    steps:
      - { id: say, action: "echo {{ iteration }}" }
  - { id: b, action: "echo {{ steps['up-to'].result.iterations }} {{ up_to.result.iterations }} {{ up_to.result.nothing | default('-') }}", dependencies: [up-to] }
  - { id: c, action: echo more, condition: "up_to.result.iterations == 3" }
outputs: { n: "{{ up_to.result.iterations }}", m: "{{ up_to.iterations }}" }
"#,
    );
    let done = run(place.path(), &RUN, 0);
    assert_eq!(done["outputs"], json!({"n": 3, "m": 3}));
    assert_eq!((said(&done, "b"), said(&done, "c")), (json!("3 3 -"), json!("more")));
}

/// The same as a filter, in texts and in formulas.
#[test]
fn a_path_may_be_filtered_by_whether_it_is_there() {
    let text = "name: x\ninputs: { where: { type: string, default: out/a.txt }, n: { type: object, default: { p: x.yaml } } }\nsteps:\n\
         - { id: make, tool: filesystem, action: write, parameters: { path: out/a.txt, content: a } }\n\
         - { id: say, action: \"echo {{ 'x.yaml' | file_exists }} {{ 1 if where|file_exists else 2 }} {{ n['p'] | file_exists }} {{ ('out/' ~ 'b') | file_exists }}\", dependencies: [make] }\n\
         - { id: not, action: echo no, condition: \"not 'x.yaml' | file_exists\" }\n";
    let place = staged("x.yaml", text);
    let done = run(place.path(), &RUN, 0);
    assert_eq!(said(&done, "say"), "True 1 True False");
    assert_eq!(done["steps"]["not"]["status"], "skipped");
}

/// A name that a text gives to something of its own is no step.
#[test]
fn names_of_the_text_itself_are_its_own() {
    let text = "name: x\nsteps:\n\
         - { id: b, tool: terminal, action: execute, parameters: { command: exit 3 }, max_retries: 1, on_error: { fallback_value: 5 } }\n\
         - { id: a, action: \"echo {{ b.result }} {% set b = {'result': 9} %}{{ b.result }}{% for b in [{'result': 7}] %}{{ b.result }}{% endfor %}\", dependencies: [b] }\n";
    let place = staged("x.yaml", text);
    let done = run(place.path(), &RUN, 0);
    assert_eq!(said(&done, "a"), "5 97");
}

/// What a path goes through before somebody looks is part of it.
#[test]
fn paths_may_be_filtered_before() {
    let text = "name: x\ninputs: { nm: NOTE.TXT }\nsteps:\n\
        - { id: say, action: \"echo {{ nm | lower | file_exists }} {{ nm | file_exists }} {{ 'a.txt' | replace('a', 'note') | file_exists }}\" }\n\
        - { id: go, action: echo there, condition: \"{{ nm | lower | file_exists }}\" }\n";
    let place = staged("x.yaml", text);
    fs::write(place.path().join("note.txt"), "there").unwrap();
    let done = run(place.path(), &RUN, 0);
    assert_eq!((said(&done, "say"), said(&done, "go")), (json!("True False True"), json!("there")));
}
