//! What every agent must do, whatever it answers.

use std::sync::Arc;
use std::time::Duration;

use refrain_core::ports::agent::{Agent, AskedUnit, Reply, Request};
use refrain_core::ports::cancel::Cancel;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::name::{CallId, UnitId};
use tokio::time::timeout;

/// How soon an agent must return once its call is cancelled.
const SOON: Duration = Duration::from_secs(5);

/// Ids that trip agents which do not pass them on untouched.
const IDS: [&str; 7] = ["a", "a b", "\"'\\", "日本語", "e\u{301}", "\u{202e}rtl\0\n", "c1"];

/// Runs the whole suite. `make` returns new clones of the same agent; `request` is one that it can answer, whose first
/// unit serves as the pattern for others.
///
/// # Panics
/// Where the agent breaks the contract.
pub async fn conforms(make: impl Fn() -> Arc<dyn Agent>, request: &Request) {
    closes_without_a_call(make()).await;
    answers_every_unit_once(make(), request).await;
    answers_call_after_call(make(), request).await;
    does_not_answer_a_cancelled_call(make(), request).await;
    survives_a_call_that_is_cancelled_on_its_way(make(), request).await;
    survives_a_call_that_is_dropped(make(), request).await;
    clones_do_not_share_a_state(&make, request).await;
}

/// An agent that is opened may be closed at once.
///
/// # Panics
/// Where it cannot.
pub async fn closes_without_a_call(agent: Arc<dyn Agent>) {
    open(&agent).await;
    agent.close().await;
}

/// Every unit of a call is answered under its own id, whatever that looks like.
///
/// # Panics
/// Where one is not.
pub async fn answers_every_unit_once(agent: Arc<dyn Agent>, request: &Request) {
    open(&agent).await;
    for size in [1, 2, IDS.len()] {
        let request = packed(request, CallId(size as u64), &IDS[..size]);
        check(&request, &answer(&agent, request.clone()).await);
    }
    agent.close().await;
}

/// The same clone answers many calls.
///
/// # Panics
/// Where it does not.
pub async fn answers_call_after_call(agent: Arc<dyn Agent>, request: &Request) {
    open(&agent).await;
    for call in 1..=20 {
        let request = packed(request, CallId(call), &IDS[..1]);
        check(&request, &answer(&agent, request.clone()).await);
    }
    agent.close().await;
}

/// A call that is cancelled before it begins is answered at once, and the next one works.
///
/// # Panics
/// Where it is not.
pub async fn does_not_answer_a_cancelled_call(agent: Arc<dyn Agent>, request: &Request) {
    open(&agent).await;
    let cancel = Cancel::new();
    cancel.fire();
    check_cancelled(timeout(SOON, agent.answer(request.clone(), &cancel)).await);
    check(request, &answer(&agent, request.clone()).await);
    agent.close().await;
}

/// A call that is cancelled at any later point ends soon, and the next one works.
///
/// # Panics
/// Where it does not.
pub async fn survives_a_call_that_is_cancelled_on_its_way(agent: Arc<dyn Agent>, request: &Request) {
    open(&agent).await;
    for yields in 0..5 {
        let cancel = Cancel::new();
        let fire = async {
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
            cancel.fire();
        };
        let (outcome, ()) = tokio::join!(timeout(SOON, agent.answer(request.clone(), &cancel)), fire);
        check_cancelled(outcome);
    }
    check(request, &answer(&agent, request.clone()).await);
    agent.close().await;
}

/// A call whose future is dropped leaves an agent that works.
///
/// # Panics
/// Where it does not.
pub async fn survives_a_call_that_is_dropped(agent: Arc<dyn Agent>, request: &Request) {
    open(&agent).await;
    let cancel = Cancel::new();
    let _unfinished = timeout(Duration::ZERO, agent.answer(request.clone(), &cancel)).await;
    check(request, &answer(&agent, request.clone()).await);
    agent.close().await;
}

/// Two clones answer at the same time, and closing one leaves the other at work.
///
/// # Panics
/// Where they do not.
pub async fn clones_do_not_share_a_state(make: &impl Fn() -> Arc<dyn Agent>, request: &Request) {
    let (one, two) = (make(), make());
    tokio::join!(open(&one), open(&two));
    let (first, second) = tokio::join!(answer(&one, request.clone()), answer(&two, request.clone()));
    check(request, &first);
    check(request, &second);
    one.close().await;
    check(request, &answer(&two, request.clone()).await);
    two.close().await;
}

/// Returns a request with the first unit of another under these ids.
fn packed(request: &Request, call: CallId, ids: &[&str]) -> Request {
    let pattern = request.units.first();
    let unit = |id: &&str| pattern.map(|unit| AskedUnit { id: UnitId::new(id), ..unit.clone() });
    Request { call, units: ids.iter().filter_map(unit).collect(), ..request.clone() }
}

async fn open(agent: &Arc<dyn Agent>) {
    let opened = agent.open().await;
    assert!(opened.is_ok(), "the agent does not open: {opened:?}");
}

#[expect(clippy::panic, reason = "a conformance suite panics where an agent does not conform")]
async fn answer(agent: &Arc<dyn Agent>, request: Request) -> Reply {
    let call = request.call;
    let reply = agent.answer(request, &Cancel::new()).await;
    reply.unwrap_or_else(|error| panic!("call {call} failed ({}): {error}", error.kind))
}

fn check(request: &Request, reply: &Reply) {
    let mut asked: Vec<&UnitId> = request.units.iter().map(|unit| &unit.id).collect();
    let mut answered: Vec<&UnitId> = reply.units.iter().map(|unit| &unit.id).collect();
    asked.sort();
    answered.sort();
    assert_eq!(answered, asked, "every unit is answered once, under its own id");
    for unit in &reply.units {
        assert!(unit.result.is_ok(), "unit {:?} failed: {:?}", unit.id, unit.result);
    }
}

fn check_cancelled(
    outcome: Result<Result<Reply, refrain_core::ports::agent::AgentError>, tokio::time::error::Elapsed>,
) {
    // An agent that was quicker than the signal may have answered.
    let kind = outcome.map(|result| result.map_or_else(|error| error.kind, |_| FailureKind::Cancelled));
    assert_eq!(kind.ok(), Some(FailureKind::Cancelled), "a cancelled call ends soon, and as cancelled");
}
