//! Few words never become more than there is room for.

use std::collections::BTreeMap;

use refrain_config::{Given, parse_with};

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
    too_much(&file("fallback_value: 1", 2_000), &none, "the file means more than 1,000,000 handlers of steps");
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
