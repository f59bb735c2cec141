//! Money ahead: what a plan says that calls will consume, and a run that is held to it.

use futures::FutureExt as _;
use proptest::prelude::*;
use refrain_core::engine::{EngineError, RunRequest};
use refrain_core::ports::agent::Reply;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::plan::{Basis, Estimate, Outlay, PlanReport};
use refrain_schemas::plan_file::PlanFile;
use refrain_schemas::status::StatusReport;
use refrain_schemas::usage::Usage;
use refrain_testkit::world::{Act, World, reply_to, request};
use serde_json::{Value, json};

use crate::pieces::{calls, error, line, lines, world};

/// What each call of the model consumes.
const EACH: (u64, u64) = (1_000, 100);

/// Returns a world with a model whose every call consumes the same, and what it costs: a dollar for a thousand calls.
fn priced(phases: Value) -> World {
    let mut world = world(phases);
    world.redefine(|file| {
        file["agents"] = json!({
            "m": {"model": "openai/m", "prompt": "Say it again: {{ unit.text }}", "max_tokens": 200},
            "n": {"model": "openai/m", "prompt": "And again: {{ unit.text }}", "max_tokens": 200},
        });
        file["prices"] = json!({"openai/m": {"input": 0.5, "output": 5.0}});
    });
    consumes(&mut world, consumed());
    world
}

/// Lets every call of the model consume the same.
fn consumes(world: &mut World, usage: Usage) {
    world.calls("openai/m", move |call| {
        let reply = reply_to(call, &|_| Ok(json!({"text": "again"})));
        Act::Reply(Reply { usage, ..reply })
    });
}

fn consumed() -> Usage {
    Usage { input_tokens: EACH.0, output_tokens: EACH.1, ..Usage::default() }
}

fn one_phase() -> World {
    priced(json!({"t": {"units": {"of": "ingest"}, "agent": "m", "output": {"key": "id"}}}))
}

fn plan(world: &mut World) -> PlanReport {
    let engine = world.engine(false);
    async move { engine.plan(&request(&[])).await }.now_or_never().unwrap().unwrap()
}

fn plan_file(world: &mut World, request: &RunRequest) -> PlanFile {
    let engine = world.engine(false);
    async move { engine.plan_file(request).await }.now_or_never().unwrap().unwrap()
}

fn status(world: &mut World) -> StatusReport {
    let engine = world.engine(false);
    async move { engine.status().await }.now_or_never().unwrap().unwrap()
}

#[track_caller]
fn near(estimate: &Estimate, amount: f64) {
    assert!(estimate.low <= estimate.median && estimate.median <= estimate.high, "{estimate:?}");
    assert!((estimate.median - amount).abs() < amount * 0.03, "{estimate:?} is not about {amount}");
}

#[test]
fn earlier_calls_of_the_agent_tell_what_later_ones_consume() {
    let mut world = one_phase();
    let before = plan(&mut world).outlay.unwrap();
    assert_eq!(before.basis, Basis::Prompts);
    assert!(before.input_tokens.high < 6_000.0, "a prompt of a few words, six times: {before:?}");
    world.run();
    assert_eq!(plan(&mut world).outlay, None, "nothing is asked");
    world.edit("lines.csv", |lines| lines.extend([line(7), line(8)]));
    let plan = plan(&mut world);
    let outlay = plan.outlay.unwrap();
    assert_eq!(outlay.basis, Basis::History);
    near(&outlay.input_tokens, 2_000.0);
    near(&outlay.output_tokens, 200.0);
    near(&outlay.cost_usd.unwrap(), 0.002);
    let run = world.run();
    assert!(holds(&outlay.input_tokens, run.usage.input_tokens), "{outlay:?}");
}

#[test]
fn what_failed_calls_cost_is_part_of_what_it_takes() {
    let mut world = one_phase();
    world.calls("openai/m", |call| {
        if call.units.iter().any(|unit| unit.attempt == 1) {
            let mut failed = error(FailureKind::Transient);
            failed.usage = consumed();
            return Act::Fail(failed);
        }
        let reply = reply_to(call, &|_| Ok(json!({"text": "again"})));
        Act::Reply(Reply { usage: consumed(), ..reply })
    });
    world.run();
    world.edit("lines.csv", |lines| lines.push(line(7)));
    near(&plan(&mut world).outlay.unwrap().input_tokens, 2_000.0);
}

#[test]
fn another_phase_of_the_same_agent_tells_where_nothing_else_does() {
    let mut world = one_phase();
    world.run();
    world.redefine(|file| {
        file["phases"]["u"] = json!({"units": {"of": "ingest"}, "agent": "m", "context": {"own": {"from": "t", "on": "id"}}, "output": {"key": "id"}});
        file["phases"]["v"] = json!({"units": {"of": "ingest"}, "agent": "n", "output": {"key": "id"}});
    });
    let plan = plan(&mut world);
    let basis = |name: &str| {
        plan.phases
            .iter()
            .find(|phase| phase.phase.as_str() == name)
            .unwrap()
            .outlay
            .map(|outlay| outlay.basis)
    };
    assert_eq!([basis("t"), basis("v")], [None, Some(Basis::Prompts)]);
    assert_eq!(plan.outlay.unwrap().basis, basis("u").map_or(Basis::Prompts, |_| Basis::Mixed));
}

#[test]
fn without_a_price_tokens_are_known_and_dollars_are_not() {
    let mut world = priced(json!({
        "t": {"units": {"of": "ingest"}, "agent": "m", "output": {"key": "id"}},
        "u": {"units": {"of": "ingest"}, "agent": "free", "output": {"key": "id"}}}));
    world.redefine(|file| {
        file["agents"]["free"] =
            json!({"model": "local/f", "prompt": "{{ unit.text }} or so", "max_tokens": 5});
    });
    world.agent("local/f", |_| Ok(json!({"text": "x"})));
    let plan = plan(&mut world);
    let outlay = plan.outlay.unwrap();
    assert!(outlay.cost_usd.is_none() && outlay.input_tokens.low > 0.0, "{outlay:?}");
    let unpriced: Vec<&str> =
        plan.phases.iter().flat_map(|phase| &phase.unpriced).map(|agent| agent.as_str()).collect();
    assert_eq!(unpriced, ["free"]);
    assert!(plan.phases[1].outlay.unwrap().cost_usd.is_some());
    // Where a provider says what a call cost, that will do.
    world.calls("local/f", |call| {
        let reply = reply_to(call, &|_| Ok(json!({"text": "x"})));
        Act::Reply(Reply { usage: Usage { cost_usd: Some(0.25), ..consumed() }, ..reply })
    });
    world.run();
    world.edit("lines.csv", |lines| lines.push(line(7)));
    near(&self::plan(&mut world).phases[2].outlay.unwrap().cost_usd.unwrap(), 0.25);
}

#[test]
fn agents_that_consume_nothing_have_no_outlay() {
    let mut world = world(json!({"t": {"units": {"of": "ingest"}, "agent": {"builtin": "free"}}}));
    world.calls("free", |call| {
        let reply = reply_to(call, &|_| Ok(json!({"text": "x"})));
        Act::Reply(Reply { usage: Usage::default(), ..reply })
    });
    assert_eq!(plan(&mut world).outlay, None);
    world.run();
    world.edit("lines.csv", |lines| lines.push(line(7)));
    let plan = plan(&mut world);
    assert_eq!((plan.calls.min, plan.outlay), (1, None));
}

#[test]
fn units_that_are_not_there_yet_are_guessed_from_what_they_come_from() {
    let mut world = priced(json!({
        "t": {"units": {"of": "ingest"}, "agent": "m", "output": {"key": "id", "aligned": true}},
        "u": {"units": {"of": "t"}, "agent": "n", "output": {"key": "id"}}}));
    let plan = plan(&mut world);
    let later = plan.phases[2].outlay.unwrap();
    assert_eq!((plan.phases[2].calls.min, plan.phases[2].calls.max), (0, Some(6)));
    assert!(later.input_tokens.low.abs() < f64::EPSILON, "nothing is sure: {later:?}");
    assert!(later.input_tokens.median > 6.0 * 10.0 && later.input_tokens.median < 6.0 * 100.0, "{later:?}");
}

#[test]
fn status_says_what_every_phase_has_cost_so_far() {
    let mut world = one_phase();
    world.run();
    world.edit("lines.csv", |lines| lines.push(line(7)));
    world.run();
    let phases = status(&mut world).phases;
    assert_eq!((phases[0].usage, phases[1].usage.input_tokens), (Usage::default(), 7 * EACH.0));
}

#[test]
fn a_plan_that_was_written_down_is_run_as_it_is() {
    let mut world = one_phase();
    consumes(&mut world, Usage { input_tokens: 20, output_tokens: 20, ..Usage::default() });
    let request = request(&["t"]);
    let file = plan_file(&mut world, &request);
    assert_eq!(file.request.targets, ["t"]);
    assert_eq!(file.ceiling.calls, Some(6 + file.plan.phases[1].retries.unwrap()));
    let high = file.plan.outlay.unwrap().cost_usd.unwrap().high;
    assert!(file.ceiling.usd.unwrap() > high, "the last call is let go only with its ceiling");
    let run = world.run_plan(&request, &file).unwrap();
    assert_eq!((run.calls, run.exit_code), (6, 0));
    // Replies that came in meanwhile are no drift.
    assert_eq!(world.run_plan(&request, &file).unwrap().calls, 0);
}

#[test]
fn a_run_of_a_plan_stops_where_it_would_cost_more_than_planned() {
    let mut world = one_phase();
    let request = request(&[]);
    let file = plan_file(&mut world, &request);
    let run = world.run_plan(&request, &file).unwrap();
    assert_eq!(run.exit_code, 3, "a call costs far more than its prompt promised");
    assert!(run.calls < 6 && run.cost_usd.unwrap() <= file.ceiling.usd.unwrap(), "{run:?}");
}

#[test]
fn a_ceiling_of_one_s_own_goes_before_the_planned_one() {
    let mut world = one_phase();
    let request = RunRequest { budget: calls(2), ..request(&[]) };
    let file = plan_file(&mut world, &request);
    assert_eq!(file.ceiling.calls, Some(2));
    assert_eq!(world.run_plan(&request, &file).unwrap().exit_code, 3);
}

/// Plans, changes something, and says what the plan has drifted in.
#[track_caller]
fn drift(change: impl FnOnce(&mut World), expect: &[&str]) {
    let mut world = priced(json!({
        "t": {"units": {"of": "ingest"}, "agent": "m", "context": {"tone": {"file": "tone.json"}}, "output": {"key": "id"}}}));
    world.redefine(|file| file["params"] = json!({"speed": {"default": 1}}));
    world.set("tone.json", json!("dry"));
    let request = request(&[]);
    let file = plan_file(&mut world, &request);
    change(&mut world);
    let error = world.run_plan(&request, &file).unwrap_err();
    let drifts = if let EngineError::Drifted { drifts } = &error { drifts.as_slice() } else { &[] };
    let names: Vec<&str> = drifts.iter().map(|drift| drift.name.as_str()).collect();
    assert_eq!(names, expect, "{error}");
    assert!(drifts.iter().all(|drift| drift.planned != drift.now));
    assert!(world.ledger().is_empty() && world.revision("ingest").is_none(), "nothing was run");
}

#[test]
fn whatever_a_plan_was_made_from_makes_it_void() {
    drift(|w| w.edit("lines.csv", |lines| lines.push(line(7))), &["source lines.csv"]);
    drift(|w| w.set("tone.json", json!("warm")), &["file tone.json"]);
    drift(|w| w.set_param("speed", json!(2)), &["param speed"]);
    drift(|w| w.redefine(|f| f["prices"]["openai/m"]["input"] = json!(0.6)), &["price openai/m"]);
    drift(|w| w.redefine(|f| f["phases"]["t"]["pack"] = json!({"max": 2})), &["t pack"]);
    drift(|w| w.redefine(|f| f["phases"]["t"]["when"] = json!("params.speed > 0")), &["t when"]);
}

fn holds(estimate: &Estimate, amount: u64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand tokens")]
    let amount = amount as f64;
    estimate.low <= amount && amount <= estimate.high
}

fn is_sum(plan: &PlanReport) -> bool {
    let parts: Vec<Outlay> = plan.phases.iter().filter_map(|phase| phase.outlay).collect();
    let same = |of: fn(&Outlay) -> Estimate| {
        let sum = parts.iter().map(of).fold(Estimate::default(), |mut sum, part| {
            sum.add(&part);
            sum
        });
        plan.outlay.is_none_or(|all| {
            (of(&all).median - sum.median).abs() < 1e-6 && (of(&all).high - sum.high).abs() < 1e-6
        })
    };
    plan.outlay.is_some() != parts.is_empty()
        && same(|outlay| outlay.input_tokens)
        && same(|outlay| outlay.output_tokens)
        && same(|outlay| outlay.cost_usd.unwrap_or_default())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_consumes_what_its_plan_said(
        pack in 1_u32..4,
        fan in prop::sample::select(vec!["split", "panel", "chain"]),
        changes in prop::collection::vec((0_usize..12, 0_usize..4), 1..5),
    ) {
        let mut world = priced(json!({
            "t": {"units": {"of": "ingest"}, "agent": "m", "pack": {"max": pack}, "output": {"key": "id", "aligned": true}},
            "u": {"units": {"of": "t"}, "agents": {"m": 1, "n": 1}, "fan": fan, "merge": "first",
                "pack": {"max": pack}, "output": {"key": "id"}}}));
        world.unwatched();
        world.set("lines.csv", lines(5));
        world.run();
        for (at, text) in changes {
            world.edit("lines.csv", |lines| {
                let at = at.min(lines.len() - 1);
                lines[at]["text"] = json!(format!("other {text}"));
                if text == 3 { let n = lines.len() + 20; lines.push(line(n)); }
            });
            let plan = plan(&mut world);
            let run = world.run();
            prop_assert!(is_sum(&plan), "{:?}", plan);
            if let Some(outlay) = plan.outlay {
                prop_assert!(holds(&outlay.input_tokens, run.usage.input_tokens), "{outlay:?} {:?}", run.usage);
                prop_assert!(holds(&outlay.output_tokens, run.usage.output_tokens), "{outlay:?} {:?}", run.usage);
            } else {
                prop_assert_eq!(run.calls, 0);
            }
        }
    }
}
