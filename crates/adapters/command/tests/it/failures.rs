//! What happens when processes go wrong.

use refrain_core::ports::cancel::Cancel;
use refrain_schemas::failure::FailureKind;
use refrain_testkit::ask::request;
use serde_json::json;

use crate::world::{World, children, is_alone, is_running, until};

/// The first call fails as transient with a message like this; the second one works in a new process.
async fn check(flags: &[&str], message: &str) {
    for oneshot in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let once = folder.path().join("once").display().to_string();
        let flags = [&["--once", &once], flags].concat();
        let world = if oneshot { World::oneshot(&flags) } else { World::fake(&flags) }.open().await;
        let error = world.ask(1).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Transient, "{error}");
        assert!(error.message.contains(message), "{flags:?}: {error}");
        assert!(world.ask(2).await.is_ok(), "{flags:?} works the second time");
        let restarts = world.remarks.restarts();
        assert_eq!(restarts.len(), usize::from(!oneshot), "{restarts:?}");
        assert!(restarts.iter().all(|reason| reason.contains(message)), "{restarts:?}");
        world.agent.close().await;
    }
}

#[tokio::test]
async fn a_dead_process_is_replaced() {
    check(&["--fail", "9"], "ended without an answer (exit status: 3); it said: something broke").await;
}

#[tokio::test]
async fn a_process_that_ends_without_an_answer_is_replaced() {
    check(&["--nothing"], "ended without an answer (exit status: 0)").await;
}

#[tokio::test]
async fn half_an_answer_is_none() {
    check(&["--half-line"], "broke off in the middle of an answer, after").await;
}

#[tokio::test]
async fn garbage_is_a_failure_that_shows_what_was_printed() {
    check(&["--garbage"], "printed a line that is no answer: `hello \u{fffd} [not JSON]`").await;
}

#[tokio::test]
async fn a_process_that_dies_while_its_child_holds_the_pipes_is_noticed() {
    check(&["--fork-and-die"], "ended without an answer (exit status: 4)").await;
}

#[tokio::test]
async fn an_answer_of_a_hundred_megabytes_is_refused_without_being_kept() {
    if !is_alone("failures::an_answer_of_a_hundred_megabytes_is_refused_without_being_kept") {
        return;
    }
    let before = peak_memory();
    let world = World::fake(&["--huge", "100000000"]).open().await;
    let error = world.ask(1).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Transient);
    assert!(error.message.contains("printed a line of more than 64 MiB"), "{error}");
    // The buffer doubles as it grows, so it may have room for twice the limit.
    assert!(peak_memory() - before < 200 << 20, "{} bytes", peak_memory() - before);
}

/// The most memory this process had, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn a_process_that_ends_between_calls_costs_no_call() {
    let world = World::fake(&["--exit-after", "1"]).open().await;
    for call in 1..4 {
        world.ask(call).await.unwrap();
        // The next call must not meet the process while it is on its way out.
        until(|| children("--exit-after").iter().all(|pid| !is_running(pid)).then_some(())).await;
    }
    assert_eq!(world.remarks.restarts(), ["ended between two calls (exit status: 0)"; 2]);
    assert_eq!(world.remarks.starts(), 3, "every process that is started is told of");
}

#[tokio::test]
async fn an_agent_that_does_not_read_its_request_is_replaced() {
    let world = World::fake(&["--deaf"]).open().await;
    let huge = json!({"text": "x".repeat(1 << 20)});
    for call in 1..3 {
        assert!(world.send(request(call, &[("a", huge.clone())])).await.is_ok());
    }
    assert_eq!(world.remarks.restarts(), ["answered without reading its request"]);
    world.agent.close().await;
}

#[tokio::test]
async fn a_call_can_be_cancelled_while_its_request_is_written() {
    let world = World::of(&["sleep".to_owned(), "1000".to_owned()], false).open().await;
    let cancel = Cancel::new();
    let huge = request(1, &[("a", json!({"text": "x".repeat(1 << 20)}))]);
    let mut answer = std::pin::pin!(world.agent.answer(huge, &cancel));
    // The pipe is full long before the request is written, and nobody reads.
    let early = tokio::time::timeout(std::time::Duration::from_millis(50), &mut answer).await;
    assert!(early.is_err());
    cancel.fire();
    assert_eq!(answer.await.unwrap_err().kind, FailureKind::Cancelled);
    world.agent.close().await;
}

#[tokio::test]
async fn a_cancelled_call_ends_the_process_and_the_next_call_starts_another() {
    let folder = tempfile::tempdir().unwrap();
    let once = folder.path().join("once").display().to_string();
    let world = World::fake(&["--hang", "--stderr", "--once", &once]).open().await;
    let (error, _) = world.ask_and_cancel_at(1, "call c1").await;
    assert_eq!(error.kind, FailureKind::Cancelled);
    assert!(world.ask(2).await.is_ok());
    assert_eq!(world.remarks.restarts(), ["it was killed because its call was cancelled or timed out"]);
}

async fn not_started(program: &str, message: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plain.txt"), "text").unwrap();
    let script = folder.path().join("script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, executable).unwrap();
    let kept = World::within(folder.path(), &[program.to_owned()], false);
    let error = kept.agent.open().await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent, "{error}");
    assert!(error.message.contains(message), "{error}");
    let oneshot = World::within(folder.path(), &[program.to_owned()], true).open().await;
    assert_eq!(oneshot.ask(1).await.unwrap_err(), error);
    kept.agent.close().await;
}

#[tokio::test]
async fn programs_that_cannot_start_fail_for_good_with_advice() {
    not_started("no-such-program-anywhere", "no such program on PATH; install it").await;
    not_started("./missing", "there is no such file").await;
    not_started("./plain.txt", "it may not be executed; try `chmod +x`").await;
    not_started("./script", "the interpreter in its first line was not found").await;
    not_started("a\0b", "nul").await;
}
