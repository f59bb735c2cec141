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
    check("name: x\nsteps:\n  << inc/more.yaml >>\n  << inc/empty.yaml >>\n", &["b", "c", "m"]);
    check("name: x\nsteps:\n  << inc/empty.yaml >>\n  - { id: a, action: echo a }\n", &["a"]);
    check("name: x\nsteps:\n  - { id: a, action: echo a }\n  {{ file:my steps }}\n", &["a", "b"]);
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

/// What a line means hangs on where it stands, and not on what stands elsewhere.
#[test]
fn a_text_is_the_same_beside_lines_that_are_steps() {
    let text = |more: &str, content: &str| {
        let text = format!(
            "name: x\nsteps:\n  - id: a\n    action: echo\n    parameters:\n      text: {content}\n{more}"
        );
        let (pipeline, problems) = lowered(&text);
        assert_eq!(problems, [], "{text}");
        pipeline["phases"]["a"]["input"]["text"].as_str().unwrap().to_owned()
    };
    let cases = [
        ("|\n        one\n        << inc/part.txt >>\n        two", "one\nINCLUDED\ntwo\n"),
        ("|\n        one -\n        {{ file:inc/part.txt }}", "one -\nINCLUDED\n"),
        (">-\n        one -\n        << inc/part.txt >>\n        two", "one - INCLUDED two"),
        ("|\n        {{ file:LICENSE }}\n        {{ file:my steps }}", "FREE\n- { id: b, action: echo b }\n"),
        ("\"a\n        << inc/part.txt >>\"", "a INCLUDED"),
        ("|\n        << inc/items.txt >>\n        - c", "- a\n- b\n- c\n"),
        ("\n        << inc/part.txt >>", "INCLUDED"),
    ];
    for (content, expect) in cases {
        for more in ["", "  << inc/steps.yaml >>\n"] {
            // Within quotes a line is no line, so that none beside it can be one.
            if content.starts_with('"') && !more.is_empty() {
                continue;
            }
            assert_eq!(text(more, content), expect, "{content}{more}");
        }
    }
}

/// Lines may be all that says that there are steps; what the pipeline is called they do not say.
#[test]
fn all_of_a_pipeline_but_its_name_may_be_read_in() {
    check("name: x\n<< inc/all.yaml >>\n", &["b"]);
    let codes = |text: &str| lowered(text).1.into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    assert_eq!(codes("<< inc/all.yaml >>\n"), ["E0103"]);
    assert_eq!(codes("name: x\n<< inc/header.yaml >>\n"), ["E0103"]);
    assert_eq!(codes("name: x\n<< inc/id.yaml >>\n<< inc/all.yaml >>\n"), ["E0817"]);
    assert_eq!(codes("id: y\nname: x\n<< inc/all.yaml >>\n"), [""; 0]);
    assert_eq!(codes("<< inc/named.yaml >>\nsteps: << inc/steps.yaml >>\n"), ["E0817"]);
    let id = |text: &str| refrain_config::steps_id(text.as_bytes(), "x.yaml");
    assert_eq!(id("name: x\n<< inc/all.yaml >>\n").as_deref(), Some("x"));
    assert_eq!(id("<< inc/all.yaml >>\n").as_deref(), Some("pipeline"));
    assert_eq!(id("name: x\nphases: {}\n"), None);
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
