//! What people read about a steps file speaks of its steps, by the names that its result has for them, and names the file.

use std::fs;

use tempfile::TempDir;

use crate::own::{refrain, run, staged};

const LOOP: &str = "name: x\nsteps:\n- id: each\n  for_each: [1, 2]\n  steps:\n\
                    \x20 - { id: t, action: 'echo {{ item }}', products: { result: 'out/{{ item }}.txt' } }\n\
                    - { id: last, tool: terminal, action: execute, parameters: { command: 'test -e mended' }, dependencies: [each] }\n";

/// Returns what a command shows, on standard output and on standard error.
#[track_caller]
fn shown(place: &TempDir, words: &[&str], code: i32) -> String {
    let output = refrain(place.path(), &[&["-f", "x.yaml"], words].concat());
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
    for native in ["PHASE", "phase", "unit", "@", "each_t"] {
        assert!(!text.contains(native), "{native}: {words:?}: {text}");
    }
    text
}

#[test]
fn steps_of_turns_go_by_the_names_that_results_have() {
    let place = staged("x.yaml", LOOP);
    let plan = shown(&place, &["plan"], 0);
    assert!(plan.starts_with("STEP "), "{plan}");
    run(place.path(), &["-f", "x.yaml", "run"], 1);
    let status = shown(&place, &["status"], 0);
    let states: Vec<&str> = status.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(states[..5], ["STEP", "each", "each_0_t", "each_1_t", "last"], "{status}");
    assert!(status.contains("last: "), "{status}");
    let one = shown(&place, &["status", "each_1_t"], 0);
    assert_eq!((one.contains("each_1_t"), one.contains("each_0_t")), (true, false), "{one}");
    let fresh = shown(&place, &["why", "each_1_t"], 0);
    assert_eq!(fresh, "each_1_t is fresh\n");
    let failed = shown(&place, &["why", "last"], 0);
    assert!(failed.starts_with("last is failed\nthe last attempt: "), "{failed}");
    fs::write(place.path().join("x.yaml"), LOOP.replace("echo {{", "echo all {{")).unwrap();
    let stale = shown(&place, &["why", "each_1_t"], 0);
    assert!(stale.starts_with("each_1_t is stale\n  - `parameters` is written differently\n"), "{stale}");
    let status = shown(&place, &["status"], 0);
    assert!(status.contains("each_0_t is not fresh; each_1_t is not fresh\n"), "{status}");
    assert!(shown(&place, &["plan"], 0).contains("each_1_t "), "the turns are planned");
    let unknown = shown(&place, &["show", "each_7_t"], 2);
    assert!(unknown.contains("each_7_t"), "{unknown}");
}

#[test]
fn commands_that_are_named_are_about_the_same_file() {
    let place = staged("x.yaml", LOOP);
    let none = shown(&place, &["show", "last"], 2);
    assert!(none.contains("`refrain -f x.yaml run last`"), "{none}");
    let planned = shown(&place, &["plan", "-o", "plan.json"], 0);
    assert!(planned.contains("`refrain -f x.yaml run --plan plan.json`"), "{planned}");
}
