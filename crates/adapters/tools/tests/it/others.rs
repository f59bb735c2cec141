//! Words, conditions, memory, counters, reports, checks and the web.

use std::time::Duration;

use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::past::PastRun;
use refrain_schemas::digest::Digest;
use refrain_schemas::failure::FailureKind;
use refrain_testkit::ask::request;
use serde_json::{Value, json};

use crate::world::World;

#[test]
fn words_are_said_as_they_are() {
    let document = World::new().act("echo", "execute", json!({"text": "'hi' {{ x }}"}));
    assert_eq!(
        document,
        json!({"result": "'hi' {{ x }}", "status": "success", "success": true, "error": null})
    );
}

#[test]
fn conditions_hold_or_are_errors() {
    let world = World::new();
    let evaluate =
        |condition: Value| world.made("evaluate_condition", "execute", json!({"condition": condition}));
    assert_eq!(evaluate(json!(true)), json!({"result": true, "condition": "True", "status": "success"}));
    assert_eq!(
        evaluate(json!("2 + 2 == 5")),
        json!({"result": false, "condition": "2 + 2 == 5", "status": "success"})
    );
    for evil in ["__import__('os').system('touch pwned')", "''.__class__", "x > 1", "9 ** 9999", "{{ 1 }}"] {
        let result = world.failed("evaluate_condition", "execute", json!({"condition": evil}), "");
        assert_eq!((&result["result"], &result["status"]), (&Value::Null, &json!("error")), "{evil}");
    }
    assert_eq!(
        world.made("evaluate_condition", "execute", json!({"condition": "x > 1", "context": {"x": 2}}))["result"],
        json!(true)
    );
}

#[test]
fn values_are_remembered() {
    let world = World::new();
    let n = std::cell::Cell::new(0);
    let memory = |input: Value| {
        n.set(n.get() + 1);
        world.act_for(&format!("u{}", n.get()), "mcp-memory", Some("execute"), input)["result"].clone()
    };
    let known = |action: &str, key: &str| json!({"action": action, "namespace": "ns", "key": key});
    assert_eq!(
        memory(json!({"action": "store", "namespace": "ns", "key": "k", "value": {"a": 1}}))["stored"],
        json!(true)
    );
    let found = memory(known("retrieve", "k"));
    assert_eq!((&found["found"], &found["value"]), (&json!(true), &json!({"a": 1})));
    assert_eq!(memory(known("retrieve", "nope"))["found"], json!(false));
    assert_eq!(memory(json!({"action": "list", "namespace": "ns"}))["keys"], json!(["k"]));
    assert_eq!(memory(json!({"action": "list"}))["count"], json!(0));
    assert_eq!(memory(json!({"action": "clear", "namespace": "ns"}))["cleared"], json!(1));
    assert_eq!(memory(json!({"action": "list", "namespace": "ns"}))["count"], json!(0));
}

#[test]
fn what_is_remembered_for_a_while_is_forgotten_then() {
    let world = World::new();
    let n = std::cell::Cell::new(0);
    let memory = |action: &str, input: Value| {
        n.set(n.get() + 1);
        world.act_for(&format!("u{}", n.get()), "mcp-memory", Some(action), input)["result"].clone()
    };
    memory("store", json!({"key": "brief", "value": 1, "ttl": 2.5}));
    memory("store", json!({"key": "long", "value": 2}));
    world.clock.advance(Duration::from_millis(2_499));
    assert_eq!(memory("retrieve", json!({"key": "brief"}))["value"], json!(1));
    assert_eq!(memory("list", json!({}))["keys"], json!(["brief", "long"]));
    world.clock.advance(Duration::from_millis(1));
    let gone = memory("retrieve", json!({"key": "brief"}));
    assert_eq!(
        (&gone["found"], &gone["value"], &gone["stored_at"]),
        (&json!(false), &Value::Null, &Value::Null)
    );
    assert_eq!(memory("list", json!({}))["keys"], json!(["long"]));
    assert_eq!(memory("clear", json!({}))["cleared"], json!(1));
}

#[test]
fn rounds_end_by_depth_and_by_time() {
    let world = World::new();
    let n = std::cell::Cell::new(0);
    let act = |action: &str, more: Value| {
        n.set(n.get() + 1);
        let mut input = json!({"context_id": "c"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.act_for(&format!("u{}", n.get()), "recursion-control", Some(action), input)["result"].clone()
    };
    let why = |limits: Value| act("check_condition", limits)["reason"].clone();
    let deep = |depth: u32| drop(act("update_state", json!({"state_key": "depth", "state_value": depth})));
    deep(3);
    assert_eq!(act("check_condition", json!({}))["depth"], json!(3));
    assert_eq!(
        (why(json!({"depth_limit": 3})), why(json!({"depth_limit": 2}))),
        (json!(null), json!("depth_limit"))
    );
    deep(10);
    assert_eq!(why(json!({})), json!(null), "ten deep, where nothing is said");
    deep(11);
    assert_eq!(why(json!({})), json!("depth_limit"));
    act("reset", json!({}));
    assert_eq!(why(json!({"time_limit": 5})), json!(null), "it is asked for the first time");
    world.clock.advance(Duration::from_millis(4_999));
    assert_eq!(why(json!({"time_limit": 5})), json!(null));
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(why(json!({"time_limit": 5})), json!("time_limit"));
    assert_eq!(why(json!({"time_limit": 5, "condition": "iterations == 4"})), json!("condition"));
}

#[test]
fn rounds_are_counted_and_end() {
    let world = World::new();
    let n = std::cell::Cell::new(0);
    let act = |action: &str, input: Value| {
        n.set(n.get() + 1);
        let document = world.act_for(&format!("u{}", n.get()), "recursion-control", Some(action), input);
        assert_eq!(document["success"], json!(true), "{document}");
        document["result"].clone()
    };
    assert_eq!(
        act("update_state", json!({"context_id": "c", "state_key": "n", "increment": 7}))["state"],
        json!({"n": 7})
    );
    for condition in ["state['n'] >= 5", "state.get('n', 0) >= 5"] {
        let found = act("check_condition", json!({"context_id": "c", "condition": condition}));
        assert_eq!((&found["should_terminate"], &found["reason"]), (&json!(true), &json!("condition")));
    }
    let found =
        act("check_condition", json!({"context_id": "c", "condition": "state.n > 100", "max_iterations": 4}));
    assert_eq!((&found["should_terminate"], &found["iterations"]), (&json!(false), &json!(3)));
    let found = act("check_condition", json!({"context_id": "c", "max_iterations": 4}));
    assert_eq!(found["reason"], json!("max_iterations"));
    assert_eq!(act("reset", json!({"context_id": "c"}))["state"], json!({}));
    assert_eq!(act("get_state", json!({"context_id": "c"}))["state"], json!({}));
    assert_eq!(act("check_condition", json!({"context_id": "c"}))["iterations"], json!(1));
    world.failed(
        "recursion-control",
        "check_condition",
        json!({"context_id": "c", "condition": "os.x"}),
        "undefined",
    );
    world.failed("recursion-control", "update_state", json!({"context_id": "c", "state_key": "n"}), "either");
}

#[test]
fn a_change_is_made_once() {
    let world = World::new();
    let add = || {
        world.made(
            "recursion-control",
            "update_state",
            json!({"context_id": "c", "state_key": "n", "increment": 1}),
        )
    };
    assert_eq!(add(), add());
}

#[test]
fn reports_have_their_parts() {
    let input = json!({
        "title": "T", "query": "q", "context": "c", "extraction_results": {}, "findings": ["f1", "f2"],
        "search_results": {"results": [{"title": "one", "url": "http://x.invalid", "snippet": "s"}], "total_results": 1},
        "recommendations": ["r1"], "quality_score": 0.5,
    });
    let result = World::new().made("report-generator", "execute", input);
    let markdown = result["markdown"].as_str().unwrap();
    let begin = "# T\n\n**Generated on:** 2026-01-01 00:00:00\n**Query:** q\n**Context:** c\n\n**Quality Score:** 0.50/1.0\n\n---\n\n\
        ## Executive Summary\n\nThis research provides insights into q.\n\n### Key Findings\n\n- f1\n- f2\n\n## Search Results\n\n\
        ### 1. one\n**URL:** [http://x.invalid](http://x.invalid)\n**Relevance:** 0.00\n**Summary:** s\n\n## Recommendations\n\n1. r1\n\n\
        ## Methodology\n\n";
    assert!(markdown.starts_with(begin), "{markdown}");
    assert!(markdown.ends_with("## References\n\n1. one. Available at: http://x.invalid\n\n---\n\n*This report was automatically generated by the Orchestrator Research Assistant.*"), "{markdown}");
    let bare = World::new().made("report-generator", "execute", json!({"title": "T"}));
    assert!(!bare["markdown"].as_str().unwrap().contains("Search Results"));
}

#[test]
fn data_is_checked() {
    let world = World::new();
    let check = |action: &str, input: Value| {
        let mut input = input;
        input["action"] = json!(action);
        world.made("validation", "execute", input)
    };
    let schema = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}});
    assert_eq!(check("validate", json!({"data": {"a": 1}, "schema": schema}))["valid"], json!(true));
    assert_eq!(
        check("validate", json!({"data": "{\"a\": \"1\"}", "schema": schema, "mode": "lenient"}))["data"],
        json!({"a": 1})
    );
    assert_eq!(
        check("validate", json!({"data": {}, "schema": schema, "mode": "report_only"}))["warnings"][0]["validator"],
        json!("required")
    );
    let result =
        world.failed("validation", "validate", json!({"data": {"a": "x"}, "schema": schema}), "not of type");
    assert_eq!((&result["valid"], &result["errors"][0]["path"]), (&json!(false), &json!("/a")));
    assert_eq!(
        check("infer_schema", json!({"data": {"c": true}}))["schema"]["properties"]["c"],
        json!({"type": "boolean"})
    );
    assert_eq!(
        check("quality_check", json!({"data": [{"a": 1, "b": ""}, {"a": 2, "b": "x"}], "threshold": 0.9}))["passed"],
        json!(true)
    );
}

#[test]
fn the_web_is_asked() {
    let world = World::new();
    let result = world.made(
        "web-request",
        "post",
        json!({"url": "https://x.invalid/a", "body": {"a": 1}, "headers": {"x-n": 5}}),
    );
    assert_eq!((&result["status"], &result["json"]), (&json!(200), &json!({"ok": true})));
    let asked = world.web.asked().remove(0);
    assert_eq!((asked.method.as_str(), asked.body.as_deref()), ("POST", Some("{\"a\":1}")));
    assert_eq!(
        asked.headers,
        [("x-n".to_owned(), "5".to_owned()), ("content-type".to_owned(), "application/json".to_owned())]
    );
}

#[test]
fn the_web_is_asked_in_the_words_that_are_given() {
    let world = World::new();
    let asked = |action: &str, mut input: Value| {
        input["url"] = json!("https://x.invalid/a");
        world.made("web-request", action, input);
        let asked = world.web.asked();
        let last = &asked[asked.len() - 1];
        (last.method.clone(), last.body.clone(), last.headers.clone(), last.timeout.as_secs())
    };
    let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    assert_eq!(asked("request", json!({})), ("GET".to_owned(), None, Vec::new(), 30));
    assert_eq!(asked("request", json!({"method": "put", "timeout": 5})).0, "PUT");
    assert_eq!(asked("get", json!({"timeout": 5})), ("GET".to_owned(), None, Vec::new(), 5));
    let text = asked("patch", json!({"body": "a text"}));
    assert_eq!(
        text,
        ("PATCH".to_owned(), Some("a text".to_owned()), Vec::new(), 30),
        "a text says nothing of its type"
    );
    let own = asked("post", json!({"body": [1], "headers": {"Content-Type": "text/x"}}));
    assert_eq!((own.1.as_deref(), own.2), (Some("[1]"), header("Content-Type", "text/x")));
}

#[test]
fn what_the_web_refuses_is_a_failure_with_what_it_said() {
    let get = |status: u16, part: Option<&str>| {
        let world = World::answering(status, "no such page");
        let input = json!({"url": "https://x.invalid/a"});
        let result = match part {
            Some(part) => world.failed("web-request", "get", input, part),
            None => world.made("web-request", "get", input),
        };
        assert_eq!(
            (&result["status"], &result["body"], &result["json"]),
            (&json!(status), &json!("no such page"), &Value::Null)
        );
    };
    get(399, None);
    get(400, Some("answered with status 400"));
    get(503, Some("answered with status 503"));
}

/// Asks a person; returns the result, or how it failed.
async fn ask(world: &World, input: Value) -> Result<Value, FailureKind> {
    let agent = world.agent("user-prompt", None);
    let reply = agent.answer(request(1, &[("a", input)]), &Cancel::new()).await.unwrap();
    let answered = reply.units.into_iter().next().unwrap();
    answered.result.map(|json| json.value()["result"].clone()).map_err(|failure| failure.kind)
}

#[tokio::test]
async fn a_question_that_nobody_answers_in_time_has_its_default_or_fails() {
    let world = World::new();
    let (with, without) = (
        json!({"prompt": "who?", "timeout": 60, "default": "nobody"}),
        json!({"prompt": "who?", "timeout": 60}),
    );
    for (seconds, expect) in [(0, None), (59, None), (2, Some(()))] {
        world.clock.advance(Duration::from_secs(seconds));
        let (with, without) = (ask(&world, with.clone()).await, ask(&world, without.clone()).await);
        if expect.is_some() {
            assert_eq!(with, Ok(json!({"value": "nobody"})));
            assert_eq!(without, Err(FailureKind::Reported));
        } else {
            assert_eq!((with, without), (Err(FailureKind::Waiting), Err(FailureKind::Waiting)));
        }
    }
    // What has no time limit waits for ever.
    world.clock.advance(Duration::from_secs(1_000_000));
    assert_eq!(ask(&world, json!({"prompt": "who?", "default": 1})).await, Err(FailureKind::Waiting));
}

/// A default that came by a value is held to the question like an answer, once it would stand for one.
#[tokio::test]
async fn a_default_that_does_not_fit_answers_nothing() {
    let world = World::new();
    for (fields, fits) in [
        (json!({"input_type": "number", "default": "many"}), false),
        (json!({"input_type": "number", "default": 3}), true),
        (json!({"choices": ["a"], "default": "b"}), false),
        (json!({"choices": ["a"], "default": "a"}), true),
        (json!({"validation_pattern": "[a-z]", "default": "1"}), false),
        (json!({"validation_pattern": "[a-z]", "default": "a"}), true),
    ] {
        let mut input = json!({"prompt": "how many?", "timeout": 60});
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(ask(&world, input.clone()).await, Err(FailureKind::Waiting), "{fields}");
        world.clock.advance(Duration::from_secs(61));
        let expect = if fits { Ok(json!({"value": fields["default"]})) } else { Err(FailureKind::Reported) };
        assert_eq!(ask(&world, input).await, expect, "{fields}");
    }
}

#[test]
fn runs_on_record_are_looked_at() {
    let world = World::new();
    let look = |action: &str, input: Value| world.act("checkpoint", action, input);
    assert_eq!(look("list", json!({}))["result"], json!({"runs": [], "count": 0}));
    world.failed("checkpoint", "inspect", json!({}), "no run that ended is on record");
    let id = "00000000-0000-7000-8000-000000000001";
    let started_at = serde_json::from_value(json!("2026-01-02T03:04:05Z")).unwrap();
    let pipeline = Some("a.yaml".to_owned());
    let run = PastRun { id: id.parse().unwrap(), started_at, pipeline, end: None };
    world.past.runs.lock().unwrap().push(run);
    let listed = world.made("checkpoint", "list", json!({"pipeline_name": "a"}));
    assert_eq!(listed["runs"][0]["id"], json!(id));
    assert_eq!((&listed["count"], &listed["runs"][0]["status"]), (&json!(1), &json!("unfinished")));
    world.failed("checkpoint", "list", json!({"pipeline_name": "b"}), "no run of `b` is on record");
    world.failed("checkpoint", "inspect", json!({"checkpoint_file": id}), "did not end");
    world.failed("checkpoint", "extract", json!({"checkpoint_file": "x"}), "there is no run `x`");
}

/// What a run made is given as long as somebody can still hold it.
#[test]
fn more_than_so_much_is_not_given() {
    let world = World::new();
    let (small, large) = (Digest::of_content(b"small"), Digest::of_content(b"large"));
    let phase = |name: &str, digest: Digest| {
        json!({
            "phase": name, "scope": {}, "status": "completed", "revision": 1, "calls": 1, "retries": 0,
            "units": {"total": 1, "ran": 1, "reused": 0, "failed": 0}, "digest": digest, "usage": {}, "causes": [],
            "error": null
        })
    };
    let id = "00000000-0000-7000-8000-000000000001";
    let ended = |phases: Vec<Value>| -> PastRun {
        let report = json!({
            "schema_version": 1, "run_id": id, "status": "completed", "exit_code": 0, "calls": 1, "retries": 0,
            "in_doubt": 0, "units": {"total": 1, "ran": 1, "reused": 0, "failed": 0}, "usage": {},
            "cost_usd": null, "phases": phases
        });
        PastRun {
            id: id.parse().unwrap(),
            started_at: serde_json::from_value(json!("2026-01-02T03:04:05Z")).unwrap(),
            pipeline: None,
            end: Some(
                serde_json::from_value(json!({"at": "2026-01-02T03:04:06Z", "report": report})).unwrap(),
            ),
        }
    };
    let contents = [(small, json!({"result": "s"})), (large, json!({"result": "x".repeat(64 << 20)}))];
    *world.past.contents.lock().unwrap() = contents.into();
    world.past.runs.lock().unwrap().push(ended(vec![phase("a", small)]));
    let made = world.made("checkpoint", "extract", json!({}));
    assert_eq!(made["steps"], json!({"a": {"result": "s"}}));
    *world.past.runs.lock().unwrap() = vec![ended(vec![phase("a", small), phase("b", large)])];
    world.failed("checkpoint", "extract", json!({}), "the run made more than 64 MiB");
}

#[test]
fn content_that_is_known_needs_nobody() {
    let world = World::new();
    let approve = |known: &str| json!({"title": "t", "content": "hi", "auto_approve_hash": known});
    let known = Digest::of_content(b"hi").to_string();
    for known in [known.clone(), known.to_uppercase(), format!(" {known}\n")] {
        let made = world.made("approval-gate", "execute", approve(&known));
        assert_eq!((&made["approved"], &made["by"]), (&json!(true), &json!("auto_approve_hash")));
    }
    world.failed(
        "approval-gate",
        "execute",
        approve("hi"),
        "`auto_approve_hash`: a digest is 64 hexadecimal digits",
    );
}
