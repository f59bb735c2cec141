//! What agents are asked and answer.

use refrain_schemas::failure::FailureKind;
use refrain_testkit::ask::{json, request, scope};
use serde_json::json;

use crate::world::{World, fake};

#[tokio::test]
async fn the_whole_request_arrives() {
    let world = World::fake(&["--reply", "request", "--usage"]).open().await;
    let mut asked = request(1, &[("a", json!({}))]);
    asked.scope = scope(&[("language", "ja")]);
    asked.params = json(&json!({"tone": "formal"}));
    let reply = world.send(asked).await.unwrap();
    let output = reply.units[0].result.as_ref().unwrap().as_str();
    assert_eq!(output, r#"{"params":{"tone":"formal"},"phase":"test","scope":{"language":"ja"}}"#);
    assert_eq!((reply.usage.input_tokens, reply.usage.cost_usd), (10, Some(0.25)));

    let world = World::fake(&["--reply", "context"]).open().await;
    let mut asked = request(2, &[("a", json!({}))]);
    asked.context = json(&json!({"all": 1}));
    asked.units[0].context = json(&json!({"mine": [2]}));
    let reply = world.send(asked).await.unwrap();
    assert_eq!(
        reply.units[0].result.as_ref().unwrap().as_str(),
        r#"{"own":{"mine":[2]},"shared":{"all":1}}"#
    );
}

#[tokio::test]
async fn failures_of_units_keep_their_kind() {
    for (word, kind) in [
        ("transient", FailureKind::Transient),
        ("invalid", FailureKind::Invalid),
        ("refused", FailureKind::Refused),
        ("permanent", FailureKind::Permanent),
    ] {
        let world = World::fake(&["--reply", word]).open().await;
        let failure = world.ask(1).await.unwrap().units.remove(0).result.unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (kind, "as told"));
    }
}

#[tokio::test]
async fn an_unknown_kind_of_failure_is_a_misshapen_answer_and_the_process_lives_on() {
    let world = World::fake(&["--reply", "tired"]).open().await;
    for call in 1..3 {
        let error = world.ask(call).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Invalid);
        assert!(error.message.contains("wrong shape") && error.message.contains("tired"), "{error}");
    }
    assert!(world.remarks.restarts().is_empty());
}

#[tokio::test]
async fn units_nobody_asked_about_are_passed_on_to_be_judged() {
    let world = World::fake(&["--extra-unit"]).open().await;
    assert_eq!(world.ask(1).await.unwrap().units.len(), 2);
}

#[tokio::test]
async fn requests_and_answers_larger_than_pipes_go_through() {
    for flags in [&[][..], &["--stderr", "--chatter", "2000"]] {
        let world = World::fake(flags).open().await;
        let text = "é\"\\\n".repeat(1 << 20);
        let reply = world.send(request(1, &[("a", json!({"text": text}))])).await.unwrap();
        assert_eq!(reply.units[0].result.as_ref().unwrap(), &json(&json!({"text": text})));
        assert!(world.ask(2).await.is_ok());
        world.agent.close().await;
    }
}

#[tokio::test]
async fn second_and_late_answers_are_dropped_with_a_remark() {
    for flag in ["--twice", "--late"] {
        let world = World::fake(&[flag]).open().await;
        for call in 1..5 {
            let reply = world.send(request(call, &[("a", json!({"call": call}))])).await.unwrap();
            assert_eq!(reply.units[0].result.as_ref().unwrap().as_str(), format!("{{\"call\":{call}}}"));
        }
        let said = world.remarks.said();
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(said[0], "an answer to call `c1`, which is not under way, was dropped");
        assert!(world.remarks.restarts().is_empty());
        world.agent.close().await;
        assert_eq!(world.remarks.said().len(), if flag == "--twice" { 4 } else { 3 });
    }
}

#[tokio::test]
async fn stderr_becomes_remarks_without_escapes() {
    let world = World::fake(&["--stderr"]).open().await;
    world.ask(7).await.unwrap();
    world.agent.close().await;
    assert_eq!(world.remarks.said(), ["call c7"]);
}

#[tokio::test]
async fn a_flood_on_stderr_is_dammed() {
    let world = World::fake(&["--chatter", "50000"]).open().await;
    world.ask(1).await.unwrap();
    world.agent.close().await;
    let said = world.remarks.said();
    assert!(said.len() < 5000, "{} remarks", said.len());
    assert!(said.iter().any(|line| line.contains("lines left out")), "{:?}", said.last());
}

#[tokio::test]
async fn simple_programs_answer_one_call_per_process() {
    let script = r#"read line; id=${line#*\"call\":\"}; printf '{"call":"%s","units":[{"id":"a","output":1}]}' "${id%%\"*}""#;
    let world = World::of(&["sh".to_owned(), "-c".to_owned(), script.to_owned()], true).open().await;
    for call in 1..4 {
        assert_eq!(world.ask(call).await.unwrap().units[0].result.as_ref().unwrap().as_str(), "1");
    }
    assert!(world.remarks.restarts().is_empty(), "one process per call is no restart");
    assert_eq!(world.remarks.starts(), 3);
}

#[tokio::test]
async fn programs_with_a_slash_start_at_the_project_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    std::os::unix::fs::symlink(&fake(&[])[0], folder.path().join("bin/agent")).unwrap();
    let command = ["bin/agent", "--log", "calls.log"].map(str::to_owned);
    let world = World::within(folder.path(), &command, false).open().await;
    world.ask(1).await.unwrap();
    world.ask(2).await.unwrap();
    let log = std::fs::read_to_string(folder.path().join("calls.log")).unwrap();
    assert_eq!(log, "c1 a\nc2 a\n", "relative paths of the agent start at the project folder, too");
}
