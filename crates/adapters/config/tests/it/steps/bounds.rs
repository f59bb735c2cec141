//! Few words never become more than there is room for.

use std::collections::BTreeMap;

use refrain_config::{Given, parse_with};

use super::lowered;
use crate::fake_tools::FakeTools;

type Files = BTreeMap<String, Option<Vec<u8>>>;

/// Checks what is told of a file: one thing, that it means too much.
#[track_caller]
fn too_much(text: &str, files: &Files, expect: &str) {
    let given = Given { files: Some(files), tools: Some(&FakeTools), ..Given::default() };
    let parsed = parse_with(text.as_bytes(), "steps.yaml", &given);
    let told: Vec<_> = parsed.problems().iter().map(|it| (it.code.as_str(), it.message.as_str())).collect();
    assert_eq!(told, [("E0008", expect)]);
    assert!(parsed.pipeline().is_none_or(|pipeline| pipeline.phases.is_empty()));
}

/// Returns a pipeline that carries another one out several times.
fn calling(path: &str, n: usize) -> String {
    let call = |n| format!("- {{ id: c{n}, tool: pipeline-executor, parameters: {{ pipeline: {path} }} }}\n");
    format!("name: x\nsteps:\n{}", (0..n).map(call).collect::<String>())
}

const ONE: &str = "name: x\nsteps: [{ id: a, action: echo x }]\n";

#[test]
fn pipelines_that_carry_each_other_out_ten_times_each() {
    let file = |n: usize| {
        let text = if n < 9 { calling(&format!("{}.yaml", n + 1), 10) } else { ONE.to_owned() };
        (format!("{n}.yaml"), Some(text.into_bytes()))
    };
    let files: Files = (0..10).map(file).collect();
    too_much(&calling("0.yaml", 1), &files, "the file means more than 100,000 steps");
}

#[test]
fn a_large_pipeline_that_is_carried_out_again_and_again() {
    let large = format!("{ONE}# {}\n", "a".repeat(1 << 20));
    let files = Files::from([("large.yaml".to_owned(), Some(large.into_bytes()))]);
    let much = "the pipelines that are carried out have more than 64 MiB";
    too_much(&calling("large.yaml", 70), &files, much);
    // What it reads in is a part of it each time.
    let reads = "name: x\ndescription: << big.txt >>\nsteps: [{ id: a, action: echo x }]\n";
    let files = Files::from([
        ("reads.yaml".to_owned(), Some(reads.as_bytes().to_vec())),
        ("big.txt".to_owned(), Some(vec![b'a'; 1 << 20])),
    ]);
    too_much(&calling("reads.yaml", 70), &files, much);
}

#[test]
fn handlers_of_every_step() {
    let file = |handler: &str, handlers: usize| {
        let steps: String = (0..2_000).map(|n| format!("- {{ id: s{n}, action: echo x }}\n")).collect();
        let handlers = format!("- {{ {handler} }}\n").repeat(handlers);
        format!("name: x\nglobal_error_handlers:\n{handlers}steps:\n{steps}")
    };
    let none = Files::new();
    too_much(&file("handler_action: echo x", 200), &none, "the file means more than 100,000 steps");
    too_much(
        &file("fallback_value: 1", 2_000),
        &none,
        "the file means more than 1,000,000 handlers of steps",
    );
}

/// There is room for a file that says itself what it means, however long it is.
#[test]
fn many_steps_are_read() {
    let step =
        |n: usize| format!("- {{ id: s{n}, action: echo x, dependencies: [s{}] }}\n", n.saturating_sub(1));
    let text = format!(
        "name: x\nsteps:\n- {{ id: s0, action: echo x }}\n{}",
        (1..3_000).map(step).collect::<String>()
    );
    let files = Files::new();
    let given = Given { files: Some(&files), tools: Some(&FakeTools), ..Given::default() };
    let parsed = parse_with(text.as_bytes(), "steps.yaml", &given);
    assert_eq!(parsed.problems(), []);
    assert_eq!(parsed.pipeline().unwrap().phases.len(), 3_000);
}

/// A chain of files that each read the next one in.
fn chain(n: usize) -> Files {
    let file = |k: usize| {
        let text = if k < n { format!("<< {}.txt >>", k + 1) } else { "end".to_owned() };
        (format!("{k}.txt"), Some(text.into_bytes()))
    };
    (1..=n).map(file).collect()
}

/// Returns what is told of values of a file that read others in.
fn told(values: &[String], files: &Files) -> Vec<String> {
    let values: String =
        values.iter().map(|value| format!("- {}\n", serde_json::to_string(value).unwrap())).collect();
    let text = format!("{ONE}metadata:\n  values:\n{}", values.replace("- ", "  - "));
    let given = Given { files: Some(files), tools: Some(&FakeTools), ..Given::default() };
    let parsed = parse_with(text.as_bytes(), "steps.yaml", &given);
    parsed.problems().iter().map(|it| format!("{} {}", it.code, it.message)).collect()
}

/// However much of a chain was read in before, for another value: it is as deep as it is.
#[test]
fn files_read_each_other_in_ten_deep() {
    let reads = |k: usize| format!("<< {k}.txt >>");
    for before in 0..=11 {
        let values: Vec<String> = (1..=before).rev().map(reads).take(before).chain([reads(1)]).collect();
        assert_eq!(told(&values, &chain(10)), [""; 0], "{before}");
        let deep = told(&values, &chain(11));
        assert!(!deep.is_empty(), "{before}");
        assert!(
            deep.iter().all(|it| it == "E0817 files are read in more than 10 deep"),
            "{before}: {deep:?}"
        );
    }
}

/// Whether a file is read in as a part of a text or as a value: what all values of a file read in has its limit.
#[test]
fn what_a_file_reads_in_is_counted_however_it_is_read_in() {
    let files = Files::from([("big.txt".to_owned(), Some(vec![b'a'; 9 << 20]))]);
    for read in ["<< big.txt >>", "{{ include_file('big.txt') }}"] {
        let values = |n: usize| vec![read.to_owned(); n];
        assert_eq!(told(&values(7), &files), [""; 0], "{read}");
        assert_eq!(told(&values(8), &files), ["E0817 the file reads more than 64 MiB in"], "{read}");
    }
    let twice = "{{ include_file('big.txt') ~ include_file('big.txt') }}".to_owned();
    assert_eq!(told(&[twice], &files), ["E0817 more than 10 MiB are read in"]);
}

/// A path that leads out is no matter of whether there is something.
#[test]
fn files_that_are_read_in_are_below_the_project() {
    for path in ["../x.txt", "/x.txt", "a/../../x.txt", "a/..", "..\\x.txt"] {
        let files = Files::from([(path.to_owned(), Some(b"hidden".to_vec()))]);
        for read in [
            format!("<< {path} >>"),
            format!("{{{{ file:{path} }}}}"),
            format!("{{{{ include_file('{path}') }}}}"),
        ] {
            assert_eq!(told(&[read], &files), [format!("E0817 `{path}` leads out of the project")]);
        }
    }
}

/// Nothing of a file is left out without a word.
#[test]
fn nothing_ends_a_file_before_its_end() {
    let text = "name: x\nsteps:\n- { id: a, action: echo a }\n# \0\n- { id: b, tool: nope }\n";
    assert_eq!(lowered(text).1, [("E0003".to_owned(), 4)]);
}
