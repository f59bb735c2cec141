use std::collections::BTreeMap;

use proptest::prelude::*;
use refrain_schemas::digest::Digest;
use refrain_schemas::event::PhaseEnded;
use refrain_schemas::failure::PhaseError;
use refrain_schemas::progress::PhaseProgress;
use refrain_schemas::report::PhaseStatus;
use refrain_schemas::scope::Scope;

use super::*;

fn target(phase: &str, language: Option<&str>) -> Target {
    let scope = language.map(|value| ("language".parse().unwrap(), value.to_owned()));
    Target { phase: phase.parse().unwrap(), scope: Scope::new(scope) }
}

fn event(target: Option<&Target>, elapsed: f64, kind: EventKind) -> Event {
    Event {
        at: Timestamp::from_micros(1_000_000),
        elapsed,
        run_id: run_id(),
        phase: target.map(|target| target.phase.clone()),
        scope: target.map(|target| target.scope.clone()),
        kind,
    }
}

fn run_id() -> RunId {
    "0192d4e0-0000-7000-8000-000000000000".parse().unwrap()
}

fn fold(targets: &[Target]) -> ProgressFold {
    ProgressFold::new(run_id(), Timestamp::from_micros(0), targets)
}

fn counts(total: u64, ran: u64, reused: u64, failed: u64) -> UnitCounts {
    UnitCounts { total, ran, reused, failed }
}

fn usage(tokens: u64, cost: Option<f64>) -> Usage {
    Usage { cached_input_tokens: 0, input_tokens: tokens, output_tokens: tokens / 2, cost_usd: cost }
}

fn started(revision: u32) -> EventKind {
    EventKind::PhaseStarted { revision: Revision(revision), causes: Vec::new() }
}

fn ended(revision: u32, units: UnitCounts) -> PhaseEnded {
    let digest = Digest::of_content(b"");
    PhaseEnded {
        revision: Revision(revision),
        digest,
        units,
        calls: units.ran,
        usage: usage(units.ran, None),
        resources: None,
    }
}

fn error() -> PhaseError {
    PhaseError { code: "x".into(), message: "x".into(), hint: None, units: vec![], missing: vec![] }
}

#[test]
fn a_phase_has_a_percentage_once_its_totals_are_locked() {
    let (a, b) = (target("a", None), target("b", Some("ja")));
    let mut fold = fold(&[a.clone(), b]);
    fold.apply(&event(Some(&a), 1.0, started(1)));
    assert_eq!(fold.snapshot().phases[0].percent, None);
    fold.apply(&event(Some(&a), 1.0, EventKind::PhasePlanned { total: 10, reused: 4, holes: 1 }));
    let at_start = fold.snapshot();
    assert_eq!((at_start.phases[0].percent, at_start.percent), (Some(50.0), 25.0));
    assert_eq!(at_start.phases[0].rate, None, "what was given says nothing about the rate");
    let units = counts(10, 2, 4, 1);
    fold.apply(&event(
        Some(&a),
        3.0,
        EventKind::PhaseProgressed { units, calls: 2, usage: usage(8, None), resources: None },
    ));
    let phase = &fold.snapshot().phases[0];
    assert_eq!((phase.rate, phase.eta_seconds, phase.percent), (Some(1.0), Some(3.0), Some(70.0)));
    assert_eq!((phase.calls, phase.usage.input_tokens), (2, 8));
    fold.apply(&event(Some(&a), 5.0, EventKind::PhaseCompleted(ended(1, counts(10, 5, 4, 1)))));
    let snapshot = fold.snapshot();
    assert_eq!((snapshot.percent, snapshot.phases[0].eta_seconds), (50.0, None));
    fold.apply(&event(None, 9.0, EventKind::StoreRecovered { message: String::new() }));
    assert_eq!(fold.snapshot().phases[0].rate, Some(1.25), "the rate of a phase that has ended stays");
}

#[test]
fn a_re_run_opens_figures_of_its_own() {
    let a = target("a", None);
    let mut fold = fold(std::slice::from_ref(&a));
    fold.apply(&event(Some(&a), 0.0, started(1)));
    fold.apply(&event(Some(&a), 1.0, EventKind::PhaseCompleted(ended(1, counts(3, 3, 0, 0)))));
    fold.apply(&event(Some(&a), 2.0, started(2)));
    let snapshot = fold.snapshot();
    let shown: Vec<_> = snapshot.phases.iter().map(|p| (p.revision, p.units.ran, p.percent)).collect();
    assert_eq!(shown, [(Some(Revision(1)), 3, Some(100.0)), (Some(Revision(2)), 0, None)]);
    assert_eq!((snapshot.percent, snapshot.units.ran), (100.0, 3));
}

#[test]
fn a_failed_attempt_is_taken_up_again_under_its_number() {
    let a = target("a", None);
    let mut fold = fold(std::slice::from_ref(&a));
    fold.apply(&event(Some(&a), 0.0, started(1)));
    fold.apply(&event(Some(&a), 1.0, EventKind::PhaseFailed(error())));
    assert_eq!(fold.snapshot().phases[0].status, Some(PhaseStatus::Failed));
    fold.apply(&event(Some(&a), 2.0, started(1)));
    assert_eq!(fold.snapshot().phases.len(), 1);
    assert_eq!(fold.snapshot().phases[0].status, None);
}

#[test]
fn the_run_ends_at_a_hundred_only_when_everything_is_there() {
    let check = |kind: fn(RunEnded) -> EventKind, percent: f64| {
        let a = target("a", None);
        let mut fold = fold(std::slice::from_ref(&a));
        fold.apply(&event(Some(&a), 0.0, started(1)));
        fold.apply(&event(Some(&a), 0.0, EventKind::PhasePlanned { total: 4, reused: 1, holes: 0 }));
        fold.apply(&event(Some(&a), 1.0, EventKind::PhaseCancelled(error())));
        let end = RunEnded { calls: 7, units: counts(4, 0, 1, 0), usage: usage(9, Some(0.5)) };
        fold.apply(&event(None, 2.0, kind(end)));
        let snapshot = fold.snapshot();
        assert_eq!((snapshot.percent, snapshot.calls, snapshot.usage.cost_usd), (percent, 7, Some(0.5)));
    };
    check(EventKind::RunCompleted, 100.0);
    check(EventKind::RunCancelled, 25.0);
}

#[test]
fn what_all_scopes_share_is_no_target() {
    let a = target("a", Some("ja"));
    let mut fold = fold(std::slice::from_ref(&a));
    let opened = EventKind::AgentOpened { agent: "x".parse().unwrap(), clone: 0 };
    fold.apply(&event(Some(&target("a", None)), 0.0, opened));
    fold.apply(&event(Some(&a), 1.0, EventKind::PhaseFresh { revision: Revision(3) }));
    let snapshot = fold.snapshot();
    assert_eq!((snapshot.phases.len(), snapshot.percent), (1, 100.0));
    assert_eq!((snapshot.phases[0].percent, snapshot.phases[0].revision), (Some(100.0), Some(Revision(3))));
}

#[test]
fn a_scope_that_waits_for_its_turn_has_the_pace_of_its_phase() {
    let (ja, fr) = (target("a", Some("ja")), target("a", Some("fr")));
    let mut fold = fold(&[ja.clone(), fr.clone()]);
    for target in [&ja, &fr] {
        fold.apply(&event(Some(target), 0.0, started(1)));
        fold.apply(&event(Some(target), 0.0, EventKind::PhasePlanned { total: 100, reused: 0, holes: 0 }));
    }
    let ran = |target, at: u32, ran: u64, calls| {
        let units = counts(100, ran, 0, 0);
        event(
            Some(target),
            f64::from(at),
            EventKind::PhaseProgressed { units, calls, usage: usage(0, None), resources: None },
        )
    };
    assert_eq!(fold.snapshot().eta_seconds, None);
    (1..=10).for_each(|at| fold.apply(&ran(&ja, at, at.into(), at.into())));
    let etas = |fold: &ProgressFold| {
        let snapshot = fold.snapshot();
        (snapshot.phases[0].eta_seconds, snapshot.phases[1].eta_seconds, snapshot.eta_seconds)
    };
    assert_eq!(etas(&fold), (Some(90.0), Some(190.0), Some(190.0)));
    (11..=100).for_each(|at| fold.apply(&ran(&ja, at, at.into(), at.into())));
    fold.apply(&event(Some(&ja), 100.0, EventKind::PhaseCompleted(ended(1, counts(100, 100, 0, 0)))));
    fold.apply(&ran(&fr, 100, 0, 1));
    (1..=10).for_each(|n| fold.apply(&ran(&fr, 100 + n, n.into(), n.into())));
    assert_eq!(etas(&fold), (None, Some(90.0), Some(90.0)), "the wait was no work");
}

#[test]
fn tokens_from_a_cache_count_as_well() {
    let a = target("a", None);
    let mut fold = fold(std::slice::from_ref(&a));
    fold.apply(&event(Some(&a), 0.0, started(1)));
    let usage = Usage { cached_input_tokens: 7, ..usage(9, None) };
    let progressed =
        EventKind::PhaseProgressed { units: counts(4, 1, 0, 0), calls: 1, usage, resources: None };
    fold.apply(&event(Some(&a), 1.0, progressed));
    assert_eq!(fold.snapshot().usage, usage);
}

fn any_counts() -> impl Strategy<Value = UnitCounts> {
    (0..20u64, 0..20u64, 0..20u64, 0..20u64).prop_map(|(t, r, u, f)| counts(t, r, u, f))
}

fn any_kind() -> impl Strategy<Value = EventKind> {
    let cost = proptest::option::of(0.0..9.0f64);
    prop_oneof![
        (1..4u32).prop_map(started),
        (0..20u64, 0..20u64, 0..9u64).prop_map(|(total, reused, holes)| EventKind::PhasePlanned {
            total,
            reused,
            holes
        }),
        (any_counts(), 0..20u64, 0..99u64, cost).prop_map(|(units, calls, tokens, cost)| {
            EventKind::PhaseProgressed { units, calls, usage: usage(tokens, cost), resources: None }
        }),
        (1..4u32, any_counts()).prop_map(|(n, units)| EventKind::PhaseCompleted(ended(n, units))),
        (1..4u32, any_counts()).prop_map(|(n, units)| EventKind::PhasePartial(ended(n, units))),
        (1..4u32).prop_map(|n| EventKind::PhaseFresh { revision: Revision(n) }),
        Just(EventKind::PhaseFailed(error())),
        Just(EventKind::PhaseStopped(error())),
        Just(EventKind::PhaseSkipped { reason: String::new() }),
        Just(EventKind::RunPlanned { targets: vec![target("a", None), target("late", None)] }),
        any_counts().prop_map(|units| {
            EventKind::RunFailed(RunEnded { calls: units.ran, units, usage: usage(units.ran, None) })
        }),
    ]
}

fn any_events() -> impl Strategy<Value = Vec<Event>> {
    let targets = vec![None, Some(target("a", None)), Some(target("b", Some("ja"))), Some(target("c", None))];
    let one = (proptest::sample::select(targets), 0.0..10.0f64, any_kind())
        .prop_map(|(target, elapsed, kind)| event(target.as_ref(), elapsed, kind));
    proptest::collection::vec(one, 0..40)
}

type Figures = BTreeMap<(Target, Revision), PhaseProgress>;

fn figures(progress: &RunProgress) -> Figures {
    let keyed = progress.phases.iter().filter_map(|phase| {
        let target = Target { phase: phase.phase.clone(), scope: phase.scope.clone() };
        Some(((target, phase.revision?), phase.clone()))
    });
    keyed.collect()
}

fn is_no_less(now: &UnitCounts, then: &UnitCounts) -> bool {
    now.total >= then.total && now.ran >= then.ran && now.reused >= then.reused && now.failed >= then.failed
}

fn no_figure_fell(then: &RunProgress, now: &RunProgress) -> Result<(), TestCaseError> {
    prop_assert!(now.percent >= then.percent && now.percent <= 100.0);
    prop_assert!(now.elapsed_seconds >= then.elapsed_seconds && now.calls >= then.calls);
    prop_assert!(is_no_less(&now.units, &then.units));
    prop_assert!(
        now.usage.cost_usd >= then.usage.cost_usd
            && now.usage.input_tokens >= then.usage.input_tokens
            && now.usage.cached_input_tokens >= then.usage.cached_input_tokens
    );
    let etas = now.phases.iter().map(|phase| phase.eta_seconds).chain([now.eta_seconds]);
    prop_assert!(etas.flatten().all(|eta| eta >= 0.0 && eta.is_finite()));
    let present = figures(now);
    prop_assert_eq!(
        present.len(),
        now.phases.iter().filter(|phase| phase.revision.is_some()).count(),
        "one entry per phase, scope and revision"
    );
    for (key, old) in figures(then) {
        let new = &present[&key];
        prop_assert!(is_no_less(&new.units, &old.units) && new.calls >= old.calls, "{:?}", key);
        prop_assert!(new.percent >= old.percent && new.percent <= Some(100.0), "{:?}", key);
        prop_assert!(new.usage.input_tokens >= old.usage.input_tokens);
        prop_assert!(!old.locked || (new.locked && new.units.total == old.units.total), "{:?}", key);
        prop_assert!(!old.started || new.started);
        prop_assert!(new.locked == new.percent.is_some());
    }
    Ok(())
}

proptest! {
    #[test]
    fn nothing_decreases_whatever_comes(events in any_events()) {
        let mut fold = fold(&[target("a", None), target("b", Some("ja"))]);
        let mut then = fold.snapshot();
        for event in events {
            fold.apply(&event);
            let now = fold.snapshot();
            no_figure_fell(&then, &now)?;
            then = now;
        }
    }
}
