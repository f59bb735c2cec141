//! Running again: ceilings, force, generations, offline, persons who stop runs, and kills.

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt as _;
use refrain_core::engine::{Control, EngineError, RunRequest};
use refrain_core::ports::store::CallFilter;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::freshness::{CauseKind, Freshness};
use refrain_schemas::report::{PhaseReport, PhaseStatus, RunReport, RunStatus};
use refrain_schemas::scope::Target;
use refrain_testkit::world::{Act, Ending, World, reply_to, request};
use serde_json::{Value, json};

use crate::pieces::{calls, error, failure, mark, world};

fn plain(more: Value) -> World {
    let mut phases = json!({
        "t": {"per": ["language"], "units": {"of": "ingest"}, "agents": {"mark": 2}},
        "u": {"per": ["language"], "units": {"of": "t"}, "agents": {"echo": 2}},
    });
    phases["t"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut world = world(phases);
    world.redefine(|file| file["agents"] = json!({"mark": {"builtin": "mark"}, "echo": {"builtin": "echo"}}));
    world
}

#[track_caller]
fn check_resumes(mut world: World, calls: &[u64]) {
    let mut whole = world.afresh();
    whole.redefine(|file| {
        file.as_object_mut().unwrap().remove("limits");
        file["phases"]["t"].as_object_mut().unwrap().remove("limits");
        file["agents"]["mark"].as_object_mut().unwrap().remove("limits");
    });
    whole.run();
    for (n, expect_calls) in calls.iter().enumerate() {
        let report = world.run();
        assert_eq!(report.calls, *expect_calls, "run {n}");
        let is_last = n + 1 == calls.len();
        let expect = if is_last { (RunStatus::Completed, 0) } else { (RunStatus::Stopped, 3) };
        assert_eq!((report.status, report.exit_code), expect, "run {n}: {:?}", report.phases);
    }
    assert_eq!(world.digests(), whole.digests());
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn a_ceiling_stops_the_run_and_the_next_one_goes_on() {
    let mut world = plain(json!({}));
    world.redefine(|file| file["limits"] = json!({"calls": 10}));
    check_resumes(world, &[10, 10, 4]);
    check_resumes(plain(json!({"limits": {"calls": 8}})), &[8, 16]);
    let mut world = plain(json!({}));
    world.redefine(|file| file["agents"]["mark"]["limits"] = json!({"calls": 8}));
    check_resumes(world, &[8, 16]);
}

#[test]
fn a_ceiling_is_no_failure_although_units_failed() {
    let mut world = plain(json!({"limits": {"calls": 3}, "on_unit_failure": "continue"}));
    world.agent("mark", |asked| {
        if asked.id == "l1" { Err(failure(FailureKind::Permanent)) } else { Ok(mark(asked)) }
    });
    let report = world.run();
    assert_eq!((report.status, report.exit_code), (RunStatus::Stopped, 3));
}

#[test]
fn a_store_that_fails_ends_the_run_and_no_reply_is_lost() {
    let mut whole = plain(json!({}));
    whole.run();
    for commit in 1.. {
        let mut world = whole.afresh();
        world.fail_commit(Some(commit));
        let ended = world.try_run(&request(&[]), &Control::default());
        if ended.is_ok() {
            assert!(commit > 20, "{commit} commits");
            break;
        }
        world.fail_commit(None);
        match ended.unwrap_err() {
            EngineError::CutShort { report, .. } => tells_what_is_on_record(&mut world, &report, commit),
            error => assert!(commit == 1 && matches!(error, EngineError::Store(_)), "{commit}: {error}"),
        }
        assert_eq!(world.run().status, RunStatus::Completed, "commit {commit} failed");
        assert_eq!(world.digests(), whole.digests());
        assert_eq!(world.bought_twice(), [""; 0]);
    }
}

/// What a run that could not go on says was done is there.
fn tells_what_is_on_record(world: &mut World, report: &RunReport, commit: u64) {
    assert_eq!((report.status, report.exit_code), (RunStatus::Failed, 9), "commit {commit} failed");
    let done = report.phases.iter().filter(|phase| phase.status == PhaseStatus::Completed);
    let target = |phase: &PhaseReport| Target { phase: phase.phase.clone(), scope: phase.scope.clone() };
    let done: BTreeSet<String> = done.map(|phase| target(phase).to_string()).collect();
    let fresh = world.status().into_iter().filter(|(_, word)| *word == Freshness::Fresh);
    assert_eq!(done, fresh.map(|(target, _)| target).collect(), "commit {commit} failed");
}

#[test]
fn a_ceiling_of_nothing_asks_nothing() {
    let mut world = plain(json!({}));
    let report = world.run_with(&RunRequest { budget: calls(0), ..request(&[]) });
    assert_eq!((report.status, report.calls, report.exit_code), (RunStatus::Stopped, 0, 3));
    assert_eq!(world.run().status, RunStatus::Completed);
}

#[test]
fn retries_count_against_the_ceiling() {
    let mut world = plain(json!({}));
    world.redefine(|file| file["agents"]["mark"]["retry"] = json!({"attempts": 99}));
    world.calls("mark", |_| Act::Fail(error(FailureKind::Transient)));
    let report = world.run_with(&RunRequest { budget: calls(20), ..request(&[]) });
    assert_eq!((report.status, report.calls), (RunStatus::Stopped, 20));
}

/// Returns the most calls that were under way at once, by agent and in all.
fn most_at_once(world: &World) -> BTreeMap<String, usize> {
    let calls = world.ledger();
    let mut most: BTreeMap<String, usize> = BTreeMap::new();
    for call in &calls {
        let at = call.intended_at;
        let under_way = |agent: Option<&str>| {
            let mut others: Vec<_> = calls.iter().collect();
            others.retain(|other| agent.is_none_or(|agent| other.agent.as_str() == agent));
            others.retain(|other| other.intended_at <= at && other.ended_at.is_none_or(|end| end > at));
            others.len()
        };
        for (name, n) in
            [("all", under_way(None)), (call.agent.as_str(), under_way(Some(call.agent.as_str())))]
        {
            let entry = most.entry(name.to_owned()).or_default();
            *entry = (*entry).max(n);
        }
    }
    most
}

#[test]
fn clones_and_ceilings_bound_what_is_under_way() {
    let at_once = |edit: fn(&mut Value)| {
        let mut world = plain(json!({"agents": {"mark": 5}}));
        world.redefine(edit);
        world.shuffle(1);
        assert_eq!(world.run().status, RunStatus::Completed);
        most_at_once(&world)
    };
    assert_eq!(at_once(|_| {})["mark"], 5, "the pool is shared by its scopes");
    assert_eq!(at_once(|file| file["limits"] = json!({"concurrency": 3}))["all"], 3);
    assert_eq!(at_once(|file| file["phases"]["t"]["limits"] = json!({"concurrency": 2}))["mark"], 2);
    assert_eq!(at_once(|file| file["agents"]["mark"]["limits"] = json!({"concurrency": 1}))["mark"], 1);
}

#[test]
fn force_asks_again_what_is_named_and_no_more() {
    let mut world = plain(json!({}));
    world.run();
    let force = |targets: &[&str]| RunRequest { force: true, ..request(targets) };
    let report = world.run_with(&force(&["u@ja"]));
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 6));
    assert_eq!(report.phases.last().unwrap().causes[0].kind, CauseKind::Generation);
    assert_eq!(world.run().calls, 0);
    assert_eq!(world.run_with(&force(&[])).calls, 24);
    assert_eq!(world.run().calls, 0);
    assert_eq!(world.bought_twice(), [""; 0], "another generation has other keys");
    let mut new = plain(json!({}));
    assert_eq!(new.run_with(&force(&[])).calls, 24, "to force what was never made is to make it");
}

#[test]
fn an_unfinished_generation_is_continued() {
    let mut world = plain(json!({}));
    world.run();
    let forced = RunRequest { force: true, ..request(&["t"]) };
    let report = world.run_with(&RunRequest { budget: calls(5), ..forced.clone() });
    assert_eq!((report.status, report.calls), (RunStatus::Stopped, 5));
    assert!(world.unfresh().contains(&"t@ja".to_owned()), "what was forced stays stale");
    let report = world.run_with(&RunRequest { budget: calls(3), ..forced });
    assert_eq!(report.calls, 3, "forced again, it goes on");
    let report = world.run();
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 4));
    assert_eq!(world.unfresh(), [""; 0]);
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn volatile_agents_are_asked_in_every_run() {
    let mut world = plain(json!({}));
    world.redefine(|file| file["agents"]["mark"]["volatile"] = json!(true));
    assert_eq!(world.run().calls, 24);
    let report = world.run();
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 12), "the same words cut the rest off");
    assert_eq!(world.unfresh(), [""; 0]);
    let stopped = world.run_with(&RunRequest { budget: calls(4), ..request(&[]) });
    assert_eq!(stopped.calls, 4);
    assert_eq!(world.run().calls, 8);
}

#[test]
fn offline_answers_from_the_ledger_alone() {
    let mut world = plain(json!({}));
    let offline = RunRequest { offline: true, ..request(&[]) };
    let report = world.run_with(&offline);
    assert_eq!((report.status, report.exit_code, report.calls), (RunStatus::Failed, 11, 0));
    world.run();
    assert_eq!(world.run_with(&offline).exit_code, 0);
    // Another order of phases, the same requests: the ledger has them.
    world.redefine(|file| {
        let same = file["phases"]["t"].clone();
        file["phases"]["again"] = same;
    });
    let report = world.run_with(&offline);
    assert_eq!((report.status, report.units.ran), (RunStatus::Completed, 0));
    assert_eq!(world.digest("again@ja"), world.digest("t@ja"));
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("new"));
    assert_eq!(world.run_with(&offline).exit_code, 11);
}

#[test]
fn offline_a_miss_makes_no_revision_whatever_the_rule() {
    for rule in [json!("stop"), json!("continue"), json!({"quorum": 0.5})] {
        let mut world = plain(json!({}));
        world.redefine(|file| file["phases"]["t"]["on_unit_failure"] = rule.clone());
        world.run();
        let before = world.digests();
        world.edit("lines.csv", |lines| lines[1]["text"] = json!("new"));
        let report = world.run_with(&RunRequest { offline: true, ..request(&[]) });
        assert_eq!((report.status, report.exit_code), (RunStatus::Failed, 11), "{rule}");
        assert_eq!(world.digest("t@ja"), before["t@ja"], "{rule}");
        let error = report.phases.iter().find_map(|phase| phase.error.clone()).unwrap();
        assert_eq!(
            error.message,
            "`l2` has no reply on record for what would be asked now: its input, prompt or agent changed since"
        );
        assert_eq!(error.units.len(), 1);
    }
}

#[test]
fn a_stricter_schema_asks_again_only_what_it_refuses() {
    let mut world = plain(json!({}));
    world.agent("mark", |asked| {
        let long = asked.id == "l2" && asked.attempt == 1;
        Ok(json!({"text": if long { "far too long".to_owned() } else { asked.id.clone() }}))
    });
    world.run();
    world.set("short.json", json!({"properties": {"text": {"maxLength": 5}}}));
    world.redefine(|file| file["phases"]["t"]["output"] = json!({"key": "id", "schema": "short.json"}));
    world.take_asked();
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.take_units(), ["t@fr/l2", "t@ja/l2", "u@fr/l2", "u@ja/l2"]);
    assert_eq!(world.run().calls, 0);
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn the_first_wish_drains() {
    let mut world = plain(json!({}));
    let control = Control::default();
    let drain = control.drain.clone();
    world.calls("mark", move |call| {
        if call.count == 5 {
            drain.fire();
        }
        Act::Reply(reply_to(call, &|asked| Ok(mark(asked))))
    });
    let report = world.try_run(&request(&[]), &control).unwrap();
    assert_eq!((report.status, report.exit_code), (RunStatus::Cancelled, 130));
    assert!((5..=6).contains(&report.calls), "calls under way are finished, none is begun");
    assert_eq!(world.in_doubt(), 0);
    assert!(report.phases.iter().any(|phase| phase.status == PhaseStatus::Cancelled));
    let calls = report.calls;
    assert_eq!(world.run().calls, 24 - calls);
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn the_second_wish_aborts() {
    let mut world = plain(json!({}));
    let control = Control::default();
    let (drain, abort) = (control.drain.clone(), control.abort.clone());
    world.calls("mark", move |call| {
        if call.count < 5 {
            return Act::Reply(reply_to(call, &|asked| Ok(mark(asked))));
        }
        drain.fire();
        abort.fire();
        Act::Hang
    });
    let report = world.try_run(&request(&[]), &control).unwrap();
    assert_eq!((report.status, report.exit_code), (RunStatus::Cancelled, 130));
    world.agent("mark", |asked| Ok(mark(asked)));
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn a_wish_before_the_first_call_is_heard() {
    let mut world = plain(json!({}));
    let control = Control::default();
    control.drain.fire();
    let report = world.try_run(&request(&[]), &control).unwrap();
    assert_eq!((report.status, report.calls), (RunStatus::Cancelled, 0));
    control.abort.fire();
    assert_eq!(world.try_run(&request(&[]), &control).unwrap().status, RunStatus::Cancelled);
}

#[test]
fn a_held_project_is_refused_at_once() {
    let mut world = plain(json!({}));
    let engine = world.engine(false);
    let store = engine.ports().store.clone();
    let held = store.begin_writing(&request(&[]).holder).now_or_never().unwrap();
    assert!(held.is_ok());
    let refused = world.try_run(&request(&[]), &Control::default());
    assert!(matches!(refused, Err(EngineError::Store(_))));
    drop((engine, store));
    assert_eq!(world.run().status, RunStatus::Completed);
}

#[test]
fn killed_anywhere_nothing_is_lost_and_nothing_bought_twice() {
    let mut whole = plain(json!({}));
    whole.shuffle(9);
    whole.run();
    let mut n_killed = 0;
    for steps in 1.. {
        let mut world = whole.afresh();
        let ending = world.run_killed(steps);
        let in_doubt = world.in_doubt() as u64;
        assert!(in_doubt <= 4, "{in_doubt} calls in doubt, but four clones");
        if !ending.is_killed() {
            break;
        }
        n_killed += 1;
        let report = world.run();
        assert_eq!(report.status, RunStatus::Completed, "killed after {steps} steps");
        assert_eq!(report.in_doubt, in_doubt);
        assert_eq!(world.digests(), whole.digests(), "killed after {steps} steps");
        assert_eq!(world.bought_twice(), [""; 0], "killed after {steps} steps");
        assert_eq!(world.run().in_doubt, 0, "each is taken note of once");
        assert_eq!(world.unfresh(), [""; 0]);
    }
    assert!(n_killed > 50, "{n_killed} places to be killed at");
}

#[test]
fn a_forced_run_that_is_killed_is_continued() {
    let mut begun = plain(json!({}));
    begun.redefine(|file| file["agents"]["mark"]["volatile"] = json!(true));
    for steps in (5..).step_by(3) {
        let mut world = begun.afresh();
        world.run();
        world.shuffle(steps);
        if !world.run_killed(steps).is_killed() {
            break;
        }
        let report = world.run();
        assert_eq!(report.status, RunStatus::Completed);
        assert_eq!(world.bought_twice(), [""; 0], "killed after {steps} steps");
        assert_eq!(world.unfresh(), [""; 0]);
    }
}

#[test]
fn calls_in_doubt_count_against_the_ceiling() {
    let mut world = plain(json!({}));
    world.calls("mark", |_| Act::Hang);
    assert!(world.run_killed(40).is_killed());
    assert_eq!(world.in_doubt(), 2);
    world.agent("mark", |asked| Ok(mark(asked)));
    let report = world.run_with(&RunRequest { budget: calls(5), ..request(&[]) });
    assert_eq!((report.in_doubt, report.calls), (2, 3));
}

#[test]
fn ten_resumes_leave_nothing_behind() {
    let mut world = plain(json!({}));
    world.set("lines.csv", crate::pieces::lines(60));
    world.shuffle(4);
    let control = Control::default();
    for steps in 0..10 {
        let ending = world.run_until(&request(&[]), &control, Some(12 + 2 * steps));
        assert!(matches!(ending, Ending::Killed));
    }
    assert_eq!(format!("{control:?}").matches("Waker").count(), 0, "no waiter is left: {control:?}");
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.bought_twice(), [""; 0]);
    let engine = world.engine(false);
    let summary = engine.ports().store.ledger_summary().now_or_never().unwrap().unwrap();
    let calls = engine.ports().store.calls(&CallFilter::default()).now_or_never().unwrap().unwrap();
    assert_eq!(summary.in_doubt, 0);
    assert_eq!(summary.done + summary.abandoned, calls.len() as u64);
    assert_eq!(world.history().runs().len(), 11);
    assert_eq!(world.history().runs().iter().filter(|run| run.end.is_some()).count(), 1);
}

#[test]
fn a_unit_that_fails_in_one_run_is_tried_in_the_next() {
    let mut world = plain(json!({"on_unit_failure": "continue"}));
    world.agent("mark", |asked| {
        if asked.id == "l2" && asked.attempt == 1 {
            Err(failure(FailureKind::Permanent))
        } else {
            Ok(mark(asked))
        }
    });
    assert_eq!(world.run().status, RunStatus::Partial);
    world.take_asked();
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.take_units(), ["t@fr/l2", "t@ja/l2", "u@fr/l2", "u@ja/l2"]);
}
