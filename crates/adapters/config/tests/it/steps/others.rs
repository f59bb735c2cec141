//! Pipelines that carry others out.

use std::collections::BTreeMap;

use refrain_config::{Given, parse_with};
use serde_json::json;

use super::{CHILD, calling, check, lowered, refused};
use crate::fake::parse_whole;
use crate::fake_tools::FakeTools;

#[test]
fn another_pipeline_is_a_loop_with_one_turn() {
    let call = |rest: &str| {
        format!(
            "- {{ id: sub, tool: pipeline-executor, parameters: {{ pipeline: sub/child.yaml, inputs: {{ who: '{{{{ s }}}}' }}{rest} }} }}\n"
        )
    };
    let after = "- { id: b, action: 'echo {{ sub.outputs.said }}' }\n";
    check(
        &format!("{}{after}", call(", error_handling: continue, timeout: 7")),
        &[
            ("/phases/sub/loop/once", json!(true)),
            ("/phases/sub/loop/with", json!({"who": "{{ s }}", "n": 2})),
            ("/phases/sub/loop/turn_timeout", json!("7s")),
            ("/phases/sub/let", json!({"s": "params.s", "outputs_of_it": "phases.sub-outputs.step"})),
            ("/phases/sub/on_failure", json!("continue")),
            ("/phases/sub_say/in", json!("sub")),
            ("/phases/sub_say/let", json!({"who": "loop.sub.with.who", "inputs": "loop.sub.with"})),
            ("/phases/sub_again/after", json!(["sub_say"])),
            ("/phases/sub-outputs/in", json!("sub")),
            ("/phases/sub-outputs/input/outputs", json!({"said": "{{ again.content }}", "n": "{{ n }}"})),
            ("/phases/b/let", json!({"sub": "phases.sub.step"})),
        ],
    );
    check(
        &call(", output_mapping: { words: said }"),
        &[("/phases/sub-outputs/input/outputs", json!({"words": "{{ again.content }}"}))],
    );
    let inherits = "- { id: sub, tool: pipeline-executor, parameters: { pipeline: sub/child.yaml, inherit_context: true, inputs: { who: x } } }\n";
    check(inherits, &[("/phases/sub/loop/with", json!({"who": "x", "n": "{{ n }}"}))]);
    let inline = "- { id: sub, tool: pipeline-executor, parameters: { pipeline: { name: y, steps: [{ id: in, action: echo hi }] } } }\n";
    check(
        inline,
        &[("/phases/sub_in/input/text", json!("hi")), ("/phases/sub-outputs/input", json!({"outputs": {}}))],
    );
}

/// The steps of the other pipeline are what is tried again; those that say it themselves are tried as they say.
#[test]
fn failures_in_other_pipelines_are_tried_again() {
    let steps = "[{ id: in, action: echo hi }, { id: own, action: echo hi, max_retries: 1, on_failure: fail }, \
                 { id: each, for_each: [1], steps: [{ id: t, action: echo hi }] }]";
    let call = |parameters: &str, more: &str| {
        format!(
            "- {{ id: sub, tool: pipeline-executor, parameters: {{ pipeline: {{ name: y, context: {{ max_retries: 2 }}, steps: {steps} }}, {parameters} }}{more} }}\n"
        )
    };
    let fixed = json!({"attempts": 5, "backoff": "fixed", "initial": "2s", "max": "2s"});
    check(
        &call("error_handling: retry, retry_count: 4, retry_delay: 2", ", on_failure: continue"),
        &[
            ("/phases/sub/on_failure", json!("continue")),
            ("/phases/sub_in/retry", fixed.clone()),
            ("/phases/sub_in/on_failure", json!("retry")),
            ("/phases/sub_own/retry/attempts", json!(1)),
            ("/phases/sub_own/on_failure", json!("fail")),
            ("/phases/sub_each_t/retry", fixed),
        ],
    );
    let usual = json!({"attempts": 3, "backoff": "exponential", "initial": "100ms", "max": "2s"});
    for (parameters, more) in [("error_handling: retry", ""), ("inputs: {}", ", on_failure: retry")] {
        let text = call(parameters, more);
        check(
            &text,
            &[("/phases/sub_in/retry", usual.clone()), ("/phases/sub_in/on_failure", json!("retry"))],
        );
        // What has steps of its own fails when they do.
        let (pipeline, _) = lowered(&format!("name: x\nsteps:\n{text}"));
        for phase in ["sub", "sub_each"] {
            assert_eq!(pipeline["phases"][phase].get("on_failure"), None, "{phase}: {parameters}{more}");
        }
    }
    check(
        &call("error_handling: retry, retry_count: 0, retry_delay: 0", ""),
        &[("/phases/sub_in/retry/attempts", json!(1)), ("/phases/sub_in/retry/backoff", json!("none"))],
    );
    check(&call("inputs: {}", ""), &[("/phases/sub_in/retry/attempts", json!(2))]);
}

#[test]
fn pipelines_that_cannot_be_carried_out() {
    let call = |parameters: &str| {
        format!("- {{ id: sub, tool: pipeline-executor, parameters: {{ {parameters} }} }}")
    };
    let child = |rest: &str| call(&format!("pipeline: sub/child.yaml, {rest}"));
    refused(&call("inputs: {}"), &[("E0807", 1)]);
    for path in ["sub/gone.yaml", "sub/native.yaml", "../x.yaml", "/x.yaml", "'{{ s }}.yaml'"] {
        refused(&call(&format!("pipeline: {path}")), &[("E0825", 1)]);
    }
    refused(&child("inputs: {}"), &[("E0825", 1)]);
    refused(&child("inputs: { who: x, what: y }"), &[("E0825", 1)]);
    refused(&child("inputs: { who: [x] }"), &[("E0825", 1)]);
    refused(&child("inputs: { who: x, n: 6 }"), &[("E0825", 1)]);
    refused(&child("inputs: { who: x }, output_mapping: { a: nosuch }"), &[("E0825", 1)]);
    refused(&child("inputs: { who: x }, wait_for_completion: false"), &[("E0802", 1)]);
    for key in ["retry_count: 1", "retry_delay: 1", "error_handling: fail, retry_count: 1"] {
        refused(&child(&format!("inputs: {{ who: x }}, {key}")), &[("E0803", 1)]);
    }
    refused(&child("inputs: { who: x }, error_handling: again"), &[("E0105", 1)]);
    refused(&child("inputs: { who: x } }, max_retries: 2, metadata: {"), &[("E0802", 1)]);
    refused(&child("inputs: { who: '{{ nobody }}' }"), &[("E0813", 1)]);
    refused(&call("pipeline: { name: x, agents: {}, steps: [{ id: a, action: echo x }] }"), &[("E0825", 1)]);
    let told = |path: &str| {
        let files = lowered(&calling(path)).1;
        files.into_iter().map(|(code, _)| code).collect::<Vec<_>>()
    };
    assert_eq!(told("sub/itself.yaml"), ["E0825"]);
    assert_eq!(told("deep/0.yaml"), ["E0825"]);
    assert_eq!(told("sub/bad.yaml"), ["E0804"]);
}

/// What is wrong in another file has its place there.
#[test]
fn other_pipelines_are_wanted_and_their_mistakes_stand_in_their_files() {
    let parse = |files: &BTreeMap<String, Option<Vec<u8>>>| {
        let given = Given { files: Some(files), tools: Some(&FakeTools), ..Given::default() };
        parse_with(calling("sub/a.yaml").as_bytes(), "steps.yaml", &given)
    };
    let parsed = parse(&BTreeMap::new());
    assert_eq!((parsed.wanted(), parsed.pipeline()), (&["sub/a.yaml".to_owned()][..], None));
    let text = "name: x\nsteps:\n- { id: b, action: '{{ file:sub/b.txt }}' }\n";
    let mut files = BTreeMap::from([("sub/a.yaml".to_owned(), Some(text.as_bytes().to_vec()))]);
    assert_eq!(parse(&files).wanted(), ["sub/b.txt"]);
    files.insert("sub/b.txt".to_owned(), Some(b"ehco hi".to_vec()));
    let parsed = parse(&files);
    let places: Vec<_> = parsed.problems().iter().filter_map(|problem| problem.place.clone()).collect();
    assert_eq!((places[0].file.as_str(), places[0].line), ("sub/a.yaml", 3));
    assert!(parsed.sources().contains_key("sub/a.yaml"));
}

/// A pipeline may be named by its id: the file of that name, in the project before its folder of pipelines.
#[test]
fn other_pipelines_are_named_by_their_ids() {
    let named = |there: &[&str]| {
        let file = |path: &str| {
            let text = there
                .contains(&path)
                .then(|| CHILD.replace("'echo {{ who }}", &format!("'echo {path} {{{{ who }}}}")));
            (path.to_owned(), text.map(String::into_bytes))
        };
        let paths = ["child", "child.yaml", "child.yml", "pipelines/child.yaml", "pipelines/child.yml"];
        let text = calling("child").replace("pipeline: child", "pipeline: child, inputs: { who: ann }");
        let parsed = parse_whole(text.as_bytes(), "x.yaml", paths.into_iter().map(file).collect());
        let told: Vec<String> = parsed.problems().iter().map(|problem| problem.message.clone()).collect();
        let said = parsed.pipeline().and_then(|pipeline| {
            let phase = pipeline.phases.iter().find(|(name, _)| name.as_str() == "a_say")?.1;
            phase.input.as_ref()?["text"].as_str()?.split(' ').next().map(str::to_owned)
        });
        (said, told)
    };
    for (there, expect) in [
        (&["child.yaml", "pipelines/child.yaml"][..], "child.yaml"),
        (&["child.yml", "pipelines/child.yaml"], "child.yml"),
        (&["pipelines/child.yaml"], "pipelines/child.yaml"),
        (&["pipelines/child.yml"], "pipelines/child.yml"),
    ] {
        assert_eq!(named(there), (Some(expect.to_owned()), Vec::new()), "{there:?}");
    }
    assert_eq!(named(&[]).1, ["there is no file `child`"]);
}
