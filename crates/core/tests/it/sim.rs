//! The simulator: made-up projects, bad weather, sudden deaths, and what must come of them all the same.
//!
//! A failing seed says how to see it: `cargo run --bin simulate -- --seed N` prints the project, its story and what was
//! found. A seed that found a defect stays here under a name that says which.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

use refrain_core::ports::rules::Reviewed;
use refrain_schemas::freshness::{CauseKind, Freshness};
use refrain_schemas::log_line::LogLine;
use refrain_schemas::report::RunStatus;
use refrain_testkit::sim::{
    FindingKind, Profile, Seed, SeedResult, Subject, invented, profile_of, replay, simulate, simulate_all,
};
use serde_json::{Value, json};

use crate::pieces::world;

fn told(seed: u64) -> SeedResult {
    simulate(&invented(Seed(seed)).subject, profile_of(Seed(seed)), Seed(seed))
}

#[track_caller]
fn check(seed: u64) -> SeedResult {
    let result = told(seed);
    let found: Vec<String> = result.findings.iter().map(ToString::to_string).collect();
    assert_eq!(found, [""; 0], "seed {seed}: `cargo run --bin simulate -- --seed {seed}` shows it");
    result
}

#[track_caller]
fn check_all(seeds: Range<u64>) {
    let mut faults: BTreeMap<String, u64> = BTreeMap::new();
    let (mut crashes, mut done, n) = (0, 0, seeds.end - seeds.start);
    for seed in seeds {
        let result = check(seed);
        crashes += u64::from(result.crashes);
        done += u64::from(result.status.is_some_and(|status| status.as_str() == "completed"));
        result.faults.into_iter().for_each(|(name, n)| *faults.entry(name).or_default() += n);
    }
    // Weather that hurts nobody proves nothing.
    assert!(crashes > n / 4 && done > n / 2, "{crashes} crashes, {done} done");
    assert!(faults.len() >= 14, "{faults:?}");
}

// The first of the ten thousand seeds that `make simulate`, another step of the gate, takes in a build that is worth it.

#[test]
fn some_hundred_seeds_find_nothing() {
    check_all(0..200);
}

#[test]
fn the_same_seed_tells_the_same_story_event_for_event() {
    let story = |seed: u64| {
        let (result, events) = replay(&invented(Seed(seed)).subject, profile_of(Seed(seed)), Seed(seed));
        let lines: Vec<LogLine> = events.iter().map(LogLine::of).collect();
        (serde_json::to_string(&lines).unwrap(), result)
    };
    for seed in 0..20 {
        assert!(story(seed) == story(seed), "seed {seed}");
    }
    assert!(story(1) != story(2), "seeds matter");
}

#[test]
fn calm_weather_is_over_in_one_run_and_costs_what_it_must() {
    for seed in 0..40 {
        let invented = invented(Seed(seed));
        let result = simulate(&invented.subject, Profile::Calm, Seed(seed));
        assert_eq!(result.findings, [], "seed {seed}");
        assert_eq!(result.faults, BTreeMap::new());
        assert_eq!(result.crashes, 0);
    }
}

#[test]
fn what_is_found_has_one_name_everywhere() {
    for kind in [FindingKind::OtherBytes, FindingKind::BoughtTwice, FindingKind::NotTheSame] {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
}

/// A project of its own: a model whose answers have rules to fulfil and a price, and a built-in agent behind it.
#[test]
fn a_project_is_simulated_as_it_is() {
    let mut world = world(json!({
        "t": {"per": ["language"], "units": {"of": "ingest"}, "agents": {"m": 3}, "pack": {"max": 2},
            "output": {"key": "id", "rules": "strict"}},
        "u": {"per": ["language"], "units": {"of": "t"}, "agent": {"builtin": "note"}},
    }));
    world.redefine(|file| {
        file["agents"] = json!({"m": {"model": "sim/m", "prompt": "Say {{ unit.text }}", "retry": {"attempts": 5}},
            "strict": {"builtin": "strict"}});
        file["endpoints"] = json!({"sim": {"base_url": "http://sim"}});
        file["prices"] = json!({"sim/m": {"input": 1.0, "output": 4.0}});
    });
    world.agent("sim/m", |_| Ok(json!("nobody asks this one")));
    // Whoever says less than he was told is refused.
    world.rules("strict", |_, view| {
        let input: Value = view.input.value();
        let said =
            view.record.value()["text"].as_str().is_some_and(|said| input["text"].as_str() == Some(said));
        Reviewed {
            record: None,
            refused: if said { Vec::new() } else { vec!["say what is there".to_owned()] },
        }
    });
    let subject = Subject::new(world.chapter());
    let calm = subject.undisturbed().unwrap();
    assert_eq!(calm[0].report.status, RunStatus::Completed, "{:?}", calm[0].report.phases);
    let told = Mutex::new(0);
    let tell = |_: &SeedResult| *told.lock().unwrap() += 1;
    for profile in Profile::ALL {
        let summary = simulate_all(&subject, profile, 0..20, 2, &tell);
        let found: Vec<&SeedResult> = summary.findings().collect();
        assert_eq!(found, Vec::<&SeedResult>::new(), "{profile}");
        assert_eq!(summary.seeds(), 20);
        let (calls, cost) = (summary.calls().unwrap(), summary.costs().unwrap());
        // Both languages are told the same, so the model is asked once.
        assert!(calls.least >= 15.0 && cost.least > 0.0, "{profile}: {calls:?} {cost:?}");
        let is_sure = summary.completion_odds() == 1.0;
        assert!(is_sure || profile != Profile::Calm, "{profile}");
        assert!(!is_sure || profile != Profile::Crash, "{profile}");
        assert_eq!(simulate_all(&subject, profile, 0..20, 1, &|_| {}), summary, "threads do not matter");
    }
    assert_eq!(*told.lock().unwrap(), 100);
}

/// Found by seed 11436, and a mistake of the simulator: a call whose answer was later than the engine waits was on its way for
/// ever, so that asking again passed for buying twice.
#[test]
fn a_call_that_nobody_waits_for_any_more_is_over() {
    check(11436);
}

/// Found by seed 291: `status` called a phase fresh that gathers a language which nobody had run yet.
#[test]
fn a_phase_that_gathers_is_stale_as_soon_as_there_is_another_scope() {
    let mut world = world(json!({
        "t": {"per": ["language"], "units": {"of": "ingest"}, "agent": {"builtin": "mark"}},
        "all": {"gather": ["language"], "units": {"of": "t"}, "agent": {"builtin": "note"}},
        "behind": {"units": {"of": "all"}, "agent": {"builtin": "note"}},
    }));
    world.run();
    assert_eq!(world.unfresh(), [""; 0]);
    world.redefine(|file| file["dimensions"]["language"] = json!(["ja", "fr", "de"]));
    let status = world.status();
    assert_eq!(status["t@de"], Freshness::Missing);
    assert_eq!((status["all"], status["behind"]), (Freshness::Stale, Freshness::Stale));
    let report = world.run();
    let all = report.phases.iter().find(|phase| phase.phase.as_str() == "all").unwrap();
    assert_eq!(all.causes[0].kind, CauseKind::WantArrived);
    assert_eq!(world.unfresh(), [""; 0]);
}

/// Found by seed 27399 of a million, and a mistake of the simulator: a phase that can make nothing any more has what it made
/// before, and who only wants it reads that.
#[test]
fn what_is_held_over_from_the_chapter_before_may_be_read() {
    check(27399);
}

/// Found by seeds 523812 and 577223 of a million, and a mistake of the simulator: what was made without a phase that it only wants
/// is fresh until that phase has made something, though a run would see to that first.
#[test]
fn what_never_was_there_makes_nothing_stale_before_it_arrives() {
    check(523_812);
    check(577_223);
}

/// Found by seed 9566, a mistake of the simulator: two agents of one model share their replies, and said different things.
#[test]
fn an_agent_by_two_names_says_the_same() {
    let calm = |phases: &[(&str, &str)]| {
        let mut world = world(json!({"t": {"units": {"of": "ingest"}, "agent": {"builtin": "note"}}}));
        world.redefine(|file| {
            file["agents"] = json!({"one": {"model": "sim/m"}, "other": {"model": "sim/m"}});
            file["endpoints"] = json!({"sim": {"base_url": "http://sim"}});
            for (phase, agent) in phases {
                file["phases"][phase] = json!({"units": {"of": "ingest"}, "agent": agent});
            }
        });
        world.agent("sim/m", |_| Ok(json!("nobody asks this one")));
        Subject::new(world.chapter()).undisturbed().unwrap()[0].clone()
    };
    let both = calm(&[("t", "one"), ("u", "other")]);
    assert_eq!(both.report.calls, 6, "what one was asked the other is not asked");
    assert_eq!(calm(&[("t", "other")]).digests["t"], both.digests["t"]);
}
