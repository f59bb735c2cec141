//! Money: what calls may cost is set aside before they leave, and what they did cost is counted.

use std::time::Duration;

use refrain_core::engine::RunRequest;
use refrain_core::ports::agent::AgentError;
use refrain_schemas::event::EventKind;
use refrain_schemas::exchange::{Exchange, Served};
use refrain_schemas::failure::FailureKind;
use refrain_schemas::ledger::CallView;
use refrain_schemas::money::Budget;
use refrain_schemas::report::{PhaseStatus, RunStatus};
use refrain_schemas::usage::Usage;
use refrain_testkit::world::{Act, AskedCall, World, reply_to, request};
use serde_json::{Value, json};

use crate::pieces::{lines, mark, modelled};

/// A world of a model that costs a dollar per million tokens sent and ten per million received, a hundred at most.
fn priced(clones: u32, extra: &Value) -> World {
    let mut agent = json!({"max_tokens": 100});
    agent.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let mut world = modelled(&json!({}), &agent, clones);
    world.redefine(|file| file["prices"] = json!({"sim/small": {"input": 1.0, "output": 10.0}}));
    world.calls("sim/small", |call| with_usage(call, 50, 40));
    world
}

fn with_usage(call: &AskedCall, input_tokens: u64, output_tokens: u64) -> Act {
    let mut reply = reply_to(call, &|asked| Ok(mark(asked)));
    reply.usage = Usage { input_tokens, output_tokens, ..Usage::default() };
    Act::Reply(reply)
}

fn dollars(usd: f64) -> RunRequest {
    RunRequest { budget: Budget { usd: Some(usd), ..Budget::default() }, ..request(&[]) }
}

fn cost(world: &World) -> f64 {
    world.ledger().iter().filter_map(|call| call.usage.cost_usd).sum()
}

#[test]
fn the_engine_adds_what_a_call_cost() {
    let mut world = priced(1, &json!({}));
    let report = world.run();
    let expected = 6.0 * (50.0 + 400.0) / 1e6;
    assert!((report.cost_usd.unwrap() - expected).abs() < 1e-12, "{:?}", report.cost_usd);
    for call in world.ledger() {
        let ceiling = call.ceiling.unwrap();
        assert_eq!(call.model.as_deref(), Some("sim/small"));
        assert!(ceiling.output_tokens == 100 && ceiling.cost_usd >= call.usage.cost_usd, "{ceiling:?}");
    }
}

#[test]
fn failed_calls_cost_what_they_cost() {
    let mut world = priced(1, &json!({}));
    world.calls("sim/small", |call| {
        if call.count > 1 {
            return with_usage(call, 50, 40);
        }
        let mut error = AgentError::new(FailureKind::Transient, "it broke off");
        error.usage = Usage { input_tokens: 50, output_tokens: 7, ..Usage::default() };
        Act::Fail(error)
    });
    let report = world.run();
    assert_eq!((report.usage.input_tokens, report.usage.output_tokens), (350, 247));
    assert!((report.cost_usd.unwrap() - cost(&world)).abs() < 1e-12);
}

#[test]
fn a_budget_stops_the_run_before_the_call_that_would_pass_it() {
    let mut world = priced(64, &json!({}));
    world.set("lines.csv", lines(300));
    let report = world.run_with(&dollars(0.05));
    assert_eq!((report.status, report.exit_code), (RunStatus::Stopped, 3));
    assert!(report.cost_usd.unwrap() <= 0.05 && report.cost_usd.unwrap() > 0.045, "{:?}", report.cost_usd);
    let error = report.phases[1].error.clone().unwrap();
    assert!(error.message.contains("the budget of the run is $0.05: $0.04"), "{}", error.message);
    assert!(error.message.contains("the next call may take $0.001"), "{}", error.message);
    assert!(error.hint.unwrap().contains("--max-cost"));
    let rest = world.run_with(&dollars(1.0));
    assert_eq!((rest.status, report.calls + rest.calls), (RunStatus::Completed, 300));
}

#[test]
fn phases_and_agents_have_budgets_of_their_own() {
    for (place, whose) in [("phase", "phase `t`"), ("agent", "agent `small`")] {
        let mut world = priced(4, &json!({}));
        world.redefine(|file| {
            let spec = if place == "phase" { &mut file["phases"]["t"] } else { &mut file["agents"]["small"] };
            spec["budget"] = json!({"tokens": 1500});
        });
        world.set("lines.csv", lines(60));
        let report = world.run();
        assert_eq!((report.status, report.exit_code), (RunStatus::Stopped, 3));
        assert_eq!(report.phases[1].status, PhaseStatus::Stopped);
        let tokens = report.usage.tokens();
        assert!(tokens <= 1500 && tokens > 900, "{tokens}");
        let message = &report.phases[1].error.as_ref().unwrap().message;
        assert!(message.contains(&format!("the budget of {whose} is 1500 tokens")), "{message}");
    }
}

#[test]
fn no_budget_is_passed_whatever_comes() {
    for seed in 0..60_u64 {
        let mut world = priced(64, &json!({"retry": {"attempts": 2, "initial": "1ms"}}));
        world.unwatched();
        world.shuffle(seed);
        world.redefine(|file| file["phases"]["t"]["on_unit_failure"] = json!("continue"));
        world.set("lines.csv", lines(120));
        world.calls("sim/small", move |call| {
            let dice = (seed + 1).wrapping_mul(call.call + 17).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            match dice % 7 {
                0 => Act::Fail(AgentError::new(FailureKind::Transient, "it broke off")),
                1 => Act::Fail(AgentError::new(FailureKind::RateLimited, "too many").settled()),
                _ => with_usage(call, dice % 60, dice % 101),
            }
        });
        let usd = 0.002 * (seed + 1) as f64;
        let report = world.run_with(&dollars(usd));
        assert!(
            cost(&world) <= usd && report.cost_usd.unwrap_or(0.0) <= usd + 1e-12,
            "{seed}: {}",
            cost(&world)
        );
        assert!(report.status != RunStatus::Stopped || cost(&world) > usd * 0.2, "{seed}: it stopped early");
    }
}

#[test]
fn calls_in_doubt_count_with_all_that_they_may_have_cost() {
    let mut world = priced(8, &json!({}));
    world.set("lines.csv", lines(40));
    for steps in 1.. {
        assert!(world.run_killed(steps).is_killed(), "it was killed before it was over");
        if world.in_doubt() > 0 {
            break;
        }
    }
    let doubtful: f64 = world
        .ledger()
        .iter()
        .filter(|call| call.ended_at.is_none())
        .map(|call| call.ceiling.unwrap().cost_usd.unwrap())
        .sum();
    let report = world.run_with(&dollars(doubtful + 0.0001));
    assert_eq!(
        (report.status, report.calls),
        (RunStatus::Stopped, 0),
        "there is too little left for one call"
    );
    assert!(doubtful > 0.0 && report.in_doubt > 0);
    assert_eq!(world.in_doubt() as u64, report.in_doubt, "a run without calls uses no doubt up");
    let again = world.run_with(&dollars(doubtful + 0.0001));
    assert_eq!((again.status, again.calls), (RunStatus::Stopped, 0));
    let paid = world.run_with(&dollars(doubtful + 1.0));
    assert_eq!((paid.status, paid.in_doubt, world.in_doubt()), (RunStatus::Completed, report.in_doubt, 0));
    let noted = |call: &&CallView| call.counted_against == Some(paid.run_id);
    assert_eq!(world.ledger().iter().filter(noted).count() as u64, report.in_doubt);
    assert_eq!(world.run_with(&dollars(1.0)).in_doubt, 0, "they count once");
}

#[test]
fn a_reply_without_usage_is_not_free() {
    let mut world = priced(1, &json!({}));
    world.calls("sim/small", |call| with_usage(call, 0, 0));
    let report = world.run_with(&dollars(0.004));
    assert_eq!(report.status, RunStatus::Stopped);
    assert!(report.calls >= 1);
}

/// Runs six lines, one at a time and once each, with money for three calls at their dearest; returns how many were made.
fn calls_within_a_small_budget(act: impl Fn() -> Act + Send + Sync + 'static) -> u64 {
    let mut world = priced(1, &json!({"timeout": "1s", "retry": {"attempts": 1}}));
    world.redefine(|file| file["phases"]["t"]["on_unit_failure"] = json!("continue"));
    world.calls("sim/small", move |_| act());
    // A call takes a hundred tokens at ten millionths, and a little more than two hundred bytes at one.
    let report = world.run_with(&dollars(0.0038));
    assert_eq!(report.usage.tokens(), 0, "the ledger keeps to what it was told");
    report.calls
}

#[test]
fn a_call_that_may_have_been_served_is_not_free() {
    let error = || AgentError::new(FailureKind::Transient, "the connection broke");
    assert_eq!(calls_within_a_small_budget(move || Act::Fail(error())), 3);
    assert_eq!(calls_within_a_small_budget(|| Act::Hang), 3, "a time-out says nothing of what was served");
    assert_eq!(calls_within_a_small_budget(|| Act::Panic), 3);
    assert_eq!(calls_within_a_small_budget(move || Act::Fail(error().settled())), 6);
}

#[test]
fn what_is_known_of_a_call_that_took_too_long_is_kept() {
    let mut world = priced(1, &json!({"timeout": "1s", "retry": {"attempts": 1}}));
    world.calls("sim/small", |call| {
        if call.count > 1 {
            return with_usage(call, 50, 40);
        }
        let mut error = AgentError::new(FailureKind::Cancelled, "the call was cancelled");
        error.usage = Usage { input_tokens: 50, output_tokens: 7, ..Usage::default() };
        Act::FailLate(Duration::from_secs(2), error)
    });
    world.run();
    let first = &world.ledger()[0];
    assert_eq!((first.usage.input_tokens, first.usage.output_tokens), (50, 7));
    assert!(first.usage.cost_usd.is_some());
}

#[test]
fn what_is_known_of_an_unsettled_call_is_the_least_that_it_took() {
    let mut world = priced(1, &json!({"retry": {"attempts": 1}}));
    world.redefine(|file| file["phases"]["t"]["on_unit_failure"] = json!("continue"));
    world.calls("sim/small", |call| {
        let Act::Reply(mut reply) = with_usage(call, 50, 40) else { return Act::Hang };
        reply.trace.unsettled = true;
        Act::Reply(reply)
    });
    let report = world.run_with(&dollars(0.0038));
    assert_eq!((report.status, report.calls), (RunStatus::Stopped, 3));
    assert_eq!(report.usage.tokens(), 270, "the ledger keeps to what it was told");
}

#[test]
fn a_reply_that_costs_more_than_it_can_is_told() {
    let mut world = priced(1, &json!({}));
    world.calls("sim/small", |call| with_usage(call, 50, if call.count == 2 { 101 } else { 100 }));
    world.run_with(&dollars(1.0));
    let passed = |kind: &EventKind| matches!(kind, EventKind::CeilingPassed { .. });
    assert_eq!(world.events().iter().filter(|event| passed(&event.kind)).count(), 0, "input was less");
    world.calls("sim/small", |call| with_usage(call, 5_000_000, 100));
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("new"));
    world.run_with(&dollars(100.0));
    assert_eq!(world.events().iter().filter(|event| passed(&event.kind)).count(), 1);
}

#[test]
fn models_without_a_ceiling_are_not_asked_under_a_budget_in_money() {
    let mut world = modelled(&json!({}), &json!({}), 1);
    world.calls("sim/small", |call| with_usage(call, 1, 1));
    let report = world.run_with(&dollars(1.0));
    assert_eq!((report.status, report.calls), (RunStatus::Stopped, 0));
    assert!(report.phases[1].error.as_ref().unwrap().hint.as_ref().unwrap().contains("max_tokens"));
    let calls = RunRequest { budget: crate::pieces::calls(9), ..request(&[]) };
    assert_eq!(world.run_with(&calls).calls, 6);
}

#[test]
fn who_served_and_what_went_over_the_wire_is_kept() {
    let mut world = priced(1, &json!({}));
    world.calls("sim/small", |call| {
        let Act::Reply(mut reply) = with_usage(call, 50, 40) else { return Act::Hang };
        reply.trace.served =
            Some(Served { endpoint: "spare".to_owned(), fallback: true, requests: 1, ..Served::default() });
        let (to, body) = ("POST http://spare".to_owned(), json!({"n": call.count}));
        reply.trace.exchanges = vec![Exchange {
            to,
            request: body,
            status: Some(200),
            response: None,
            error: None,
            seconds: 0.1,
        }];
        Act::Reply(reply)
    });
    world.run();
    let ledger = world.ledger();
    assert!(ledger.iter().all(|call| call.served.as_ref().is_some_and(|served| served.fallback)));
    let told = world
        .events()
        .iter()
        .filter(|event| matches!(event.kind, EventKind::EndpointFellBack { .. }))
        .count();
    assert_eq!(told, 1, "once per endpoint and run");
    let kept = world.exchanges(ledger[3].call);
    assert_eq!((kept.len(), &kept[0].request), (1, &json!({"n": 4})));
}
