//! Lines of other files in a steps file: wherever they stand, and whatever is wrong with them.

use super::lowered;

/// Checks which steps there are, in their order.
#[track_caller]
fn check(text: &str, steps: &[&str]) {
    let (pipeline, problems) = lowered(text);
    assert_eq!(problems, [], "{text}");
    let phases = pipeline["phases"].as_object().unwrap();
    assert_eq!(phases.keys().collect::<Vec<_>>(), steps, "{text}");
}

#[test]
fn files_are_steps_items_keys_or_all_of_a_list() {
    check(
        "name: x\nsteps:\n  - { id: a, action: echo a }\n  << inc/steps.yaml >>\n  - { id: z, action: echo z }\n",
        &["a", "b", "c", "z"],
    );
    check("name: x\nsteps:\n  {{ file:inc/steps.yaml }}\n", &["b", "c"]);
    check("name: x\nsteps: << inc/steps.yaml >>\n", &["b", "c"]);
    check("name: x\nsteps:\n- << inc/step.yaml >>\n", &["b"]);
    check("name: x\nsteps:\n- { id: a, action: echo a }\n- << inc/more.yaml >>\n", &["a", "b", "c", "m"]);
    check("name: x\n<< inc/header.yaml >>\nsteps:\n- << inc/step.yaml >>\n", &["b"]);
    let (pipeline, _) = lowered("name: x\n<< inc/header.yaml >>\nsteps:\n- << inc/step.yaml >>\n");
    assert_eq!((&pipeline["description"], &pipeline["phases"]["b"]["timeout"]), (&"d".into(), &"3s".into()));
}

#[test]
fn what_stands_in_a_text_stays_a_text() {
    let text = "name: x\nsteps:\n- id: a\n  action: echo\n  parameters:\n    text: |\n      one\n      << inc/part.txt >>\n";
    let (pipeline, problems) = lowered(text);
    assert_eq!(problems, []);
    assert_eq!(pipeline["phases"]["a"]["input"]["text"], "one\nINCLUDED\n");
}

#[test]
fn what_is_wrong_is_told_where_the_file_is_named() {
    let refused = |text: &str, expect: &[(&str, u32)]| {
        let expect: Vec<(String, u32)> =
            expect.iter().map(|(code, line)| ((*code).to_owned(), *line)).collect();
        assert_eq!(lowered(text).1, expect, "{text}");
    };
    refused("name: x\nsteps:\n  - { id: a, action: echo a }\n  << inc/gone.txt >>\n", &[("E0817", 4)]);
    refused("name: x\nsteps:\n- << inc/round.yaml >>\n", &[("E0817", 3)]);
    refused("name: x\nsteps: << ../steps.yaml >>\n", &[("E0817", 2)]);
    refused("name: x\n<< inc/named.yaml >>\nsteps: << inc/step.yaml >>\n", &[("E0817", 2)]);
    refused("name: x\n<< inc/steps.yaml >>\nsteps: []\n", &[("E0003", 2)]);
    refused("name: x\nsteps:\n- << inc/bad.yaml >>\n", &[("E0003", 2)]);
    refused("name: x\nsteps:\n- { id: b, action: echo a }\n- << inc/steps.yaml >>\n", &[("E0809", 4)]);
}
