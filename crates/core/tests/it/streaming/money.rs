//! Calls ahead of their turns and money: never more than there is, nothing different where it suffices, and all of it to be gone
//! on with where it does not.

use std::time::Duration;

use proptest::prelude::*;
use refrain_core::engine::RunRequest;
use refrain_core::ports::agent::AgentError;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::money::Budget;
use refrain_schemas::report::{PhaseStatus, RunReport, RunStatus};
use refrain_schemas::usage::Usage;
use refrain_testkit::world::{Act, AskedCall, World, reply_to, request};
use serde_json::{Value, json};

use super::orders::{phases, reading, shape};
use super::{asked_at, check_same, dice, ended_at, keys, orders, streamed, with_barriers, words, world};
use crate::pieces::{calls, lines, pipeline};

fn with(budget: Budget) -> RunRequest {
    RunRequest { budget, ..request(&[]) }
}

fn calls_of(report: &RunReport) -> Vec<u64> {
    report.phases.iter().map(|phase| phase.calls).collect()
}

#[test]
fn money_that_suffices_changes_nothing() {
    for most in [18, 19, 100] {
        let mut world = world(json!({}));
        let report = world.run_with(&with(calls(most)));
        assert_eq!((report.status, streamed(&world)), (RunStatus::Completed, vec!["b".into(), "c".into()]));
        let (at, first) = (asked_at(&world), ended_at(&world, "a"));
        let n_early =
            |phase: &str| at.iter().filter(|(name, at)| name.starts_with(phase) && **at < first).count();
        assert_eq!((n_early("b/"), n_early("c/")), (5, 5), "{most}: {at:?}");
        check_same(&world, &report);
    }
}

#[test]
fn money_goes_to_phases_in_their_order_as_far_as_anybody_can_tell() {
    let mut world = world(json!({}));
    let report = world.run_with(&with(calls(9)));
    assert_eq!((report.status, report.exit_code), (RunStatus::Stopped, 3));
    assert_eq!(calls_of(&report), [0, 6, 3, 0]);
    let statuses: Vec<PhaseStatus> = report.phases.iter().map(|phase| phase.status).collect();
    assert_eq!(statuses[1..], [PhaseStatus::Completed, PhaseStatus::Stopped, PhaseStatus::Stopped]);
    let error = report.phases[2].error.as_ref().unwrap();
    assert!(
        error.message.contains("the budget of the run is 9 calls: 8 calls spent, 1 call reserved"),
        "{}",
        error.message
    );
    let rest = world.run();
    assert_eq!((rest.status, rest.calls), (RunStatus::Completed, 9));
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn a_common_agent_has_one_purse_for_all_who_ask_it() {
    let mut world = world(json!({"c": {"agents": {"second": 6}}}));
    world.redefine(|file| file["agents"]["second"]["budget"] = json!({"calls": 9}));
    let report = world.run();
    assert_eq!((report.status, calls_of(&report)[1], report.calls), (RunStatus::Stopped, 6, 15));
    world.redefine(|file| drop(file["agents"]["second"].as_object_mut().unwrap().remove("budget")));
    assert_eq!(world.run().calls, 3);
    assert_eq!(world.bought_twice(), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_a_budget_stops_is_gone_on_with(
        shapes in prop::collection::vec(shape(), 2..5), readings in prop::collection::vec(reading(), 4),
        limit in 2..12_u32, seed in any::<u64>(), is_failing in any::<bool>(), share in 0.05..1.3_f64,
        window in 1..20_usize,
    ) {
        let mut world = orders::world(phases("record", &shapes, &readings), seed, is_failing);
        world.redefine(|file| file["limits"] = json!({"concurrency": limit}));
        world.hold(window);
        let mut barriers = with_barriers(&world);
        let whole = barriers.run();
        let most = ((whole.calls as f64 * share) as u64).max(1);
        let report = world.run_with(&with(calls(most)));
        prop_assert!(report.calls <= most, "{} of {most}", report.calls);
        let is_plain = !is_failing && shapes.iter().all(|shape| shape["fan"] != "cascade");
        if is_plain {
            prop_assert_eq!(report.status, if most >= whole.calls { RunStatus::Completed } else { RunStatus::Stopped });
            prop_assert_eq!(report.exit_code, if most >= whole.calls { 0 } else { 3 });
        }
        let rest = world.run();
        prop_assert_eq!(world.bought_twice(), [""; 0]);
        if is_plain {
            prop_assert_eq!(rest.status, RunStatus::Completed);
            prop_assert_eq!(world.digests(), barriers.digests());
            prop_assert_eq!(keys(&world), keys(&barriers));
            prop_assert_eq!(report.calls + rest.calls >= whole.calls, true);
        }
    }

    #[test]
    fn no_ceiling_in_dollars_is_passed_ahead_of_a_turn(
        seed in any::<u64>(), clones in 1..9_u32, n in 4..16_usize, is_failing in any::<bool>(), share in 0.1..1.5_f64,
    ) {
        let mut world = priced(seed, clones, n, is_failing);
        let mut barriers = with_barriers(&world);
        barriers.run();
        let usd = (cost(&barriers) * share).max(0.000_1);
        let report = world.run_with(&with(Budget { usd: Some(usd), ..Budget::default() }));
        prop_assert!(cost(&world) <= usd, "{} of {usd}", cost(&world));
        prop_assert!(matches!(report.status, RunStatus::Stopped | RunStatus::Completed), "{report:?}");
        prop_assert_eq!(report.exit_code, if report.status == RunStatus::Stopped { 3 } else { 0 });
        let rest = world.run();
        prop_assert_eq!(rest.status, RunStatus::Completed);
        prop_assert_eq!(world.digests(), barriers.digests());
        prop_assert_eq!(world.bought_twice(), [""; 0]);
    }

    #[test]
    fn dollars_that_suffice_for_the_dearest_call_as_well_change_nothing(
        seed in any::<u64>(), clones in 1..9_u32, n in 4..16_usize,
    ) {
        let mut world = priced(seed, clones, n, false);
        let mut barriers = with_barriers(&world);
        let whole = barriers.run();
        let dearest = barriers.ledger().iter().filter_map(|call| call.ceiling?.cost_usd).fold(0.0, f64::max);
        let usd = cost(&barriers) + dearest;
        let report = world.run_with(&with(Budget { usd: Some(usd), ..Budget::default() }));
        prop_assert_eq!((report.status, report.calls), (RunStatus::Completed, whole.calls));
        prop_assert_eq!(world.digests(), barriers.digests());
    }
}

/// Three phases of models that cost a dollar per million tokens sent and ten per million received, a hundred at most; a few of
/// their calls take long.
fn priced(seed: u64, clones: u32, n: usize, is_failing: bool) -> World {
    let agent = |name: &str| {
        json!({"model": name, "prompt": "{{ unit.id }} {{ unit.text }}", "max_tokens": 100,
            "retry": {"attempts": 9, "initial": "1ms"}})
    };
    let mut file = pipeline(json!({
        "a": {"units": {"of": "ingest"}, "agents": {"one": clones}, "output": {"records": "a", "key": "id"}},
        "b": {"units": {"of": "a"}, "agents": {"two": clones}, "output": {"records": "b", "key": "id"}},
        "c": {"units": {"of": "b"}, "agents": {"one": clones}, "output": {"records": "c", "key": "id"}},
    }));
    file["agents"] = json!({"one": agent("sim/one"), "two": agent("sim/two")});
    file["endpoints"] = json!({"sim": {"base_url": "http://sim"}});
    let price = json!({"input": 1.0, "output": 10.0});
    file["prices"] = json!({"sim/one": price, "sim/two": price});
    let mut world = World::new(file);
    for name in ["sim/one", "sim/two"] {
        world.calls(name, move |call| answer(call, seed, is_failing));
    }
    world.set("lines.csv", lines(n));
    world.unwatched();
    world
}

fn answer(call: &AskedCall, seed: u64, is_failing: bool) -> Act {
    let dice = dice(&format!("{seed} {} {}", call.units[0].name(), call.units[0].attempt));
    let pause = Duration::from_millis(if dice.is_multiple_of(5) { 2_000 } else { 20 + dice % 100 });
    if is_failing && dice % 7 == 1 {
        let mut error = AgentError::new(FailureKind::Transient, "it broke off");
        error.usage = Usage { input_tokens: dice % 20, ..Usage::default() };
        return Act::FailLate(pause, error);
    }
    let said = |asked: &refrain_testkit::world::Asked| -> Result<Value, refrain_schemas::failure::Failure> {
        let mut seen = asked.clone();
        seen.context = json!(null);
        Ok(words(&seen))
    };
    let mut reply = reply_to(call, &said);
    reply.usage = Usage { input_tokens: 5 + dice % 20, output_tokens: 1 + dice % 100, ..Usage::default() };
    Act::Late(pause, reply)
}

fn cost(world: &World) -> f64 {
    world.ledger().iter().filter_map(|call| call.usage.cost_usd).sum()
}
