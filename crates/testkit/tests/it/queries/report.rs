//! The report: what there is, how good it is, what it cost and where that went.

use refrain_core::ports::agent::Reply;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::overview::{Overview, PhaseOverview, Place, RuleSum};
use refrain_schemas::usage::Usage;
use refrain_testkit::world::{Act, Asked, AskedCall, World, reply_to};
use serde_json::{Value, json};

use super::{now, target};

/// Lines of three scenes, two lines each.
fn script() -> Value {
    let line = |n: usize| json!({"line_id": format!("l{n}"), "scene_id": format!("s{}", n.div_ceil(2)), "text": format!("line {n}")});
    (1..=6).map(line).collect()
}

/// Answers, and says that each unit cost a dime.
fn priced(call: &AskedCall, answer: &dyn Fn(&Asked) -> Result<Value, Failure>) -> Act {
    let reply = reply_to(call, answer);
    let dimes = f64::from(u32::try_from(call.units.len()).unwrap());
    Act::Reply(Reply { usage: Usage { cost_usd: Some(dimes / 10.0), ..reply.usage }, ..reply })
}

/// Leaves line 2 as it is; line 3 fails at the first attempt, and the answer about line 4 is no good at first.
fn translate(asked: &Asked) -> Result<Value, Failure> {
    let source = asked.input["text"].as_str().unwrap();
    let failed = |kind| Err(Failure { kind, message: "no".to_owned() });
    match (asked.id.as_str(), asked.attempt) {
        ("l3", 1) => failed(FailureKind::Transient),
        ("l4", 1) => failed(FailureKind::Invalid),
        ("l2", _) => Ok(json!({"text": source, "source": source, "scene_id": asked.input["scene_id"]})),
        _ => Ok(json!({"text": format!("{source}!"), "source": source, "scene_id": asked.input["scene_id"]})),
    }
}

/// Finds fault with texts that are as they were, and a little with line 6.
fn criticise(asked: &Asked) -> Vec<Value> {
    let issue = |rule: &str, severity: &str| json!({"line_id": asked.id, "rule": rule, "severity": severity, "message": "x"});
    match asked.id.as_str() {
        _ if asked.input["text"] == asked.input["source"] => vec![issue("untouched", "error")],
        "l6" => vec![issue("style", "info"), issue("length", "warning")],
        _ => Vec::new(),
    }
}

fn game() -> World {
    let mut world = World::new(json!({
        "refrain": 1, "name": "game", "dimensions": {"language": ["ja", "fr"]},
        "agents": {"translator": {"builtin": "translate", "retry": {"attempts": 3}}},
        "phases": {
            "ingest": {"agent": {"builtin": "read", "params": {"files": "script.csv"}}, "output": {"key": "line_id"}},
            "translate": {"per": ["language"], "units": {"of": "ingest"}, "pack": {"max": 2}, "agent": "translator",
                "output": {"key": "line_id", "aligned": true}},
            "qa": {"per": ["language"], "units": {"of": "translate"}, "agent": {"builtin": "critic"},
                "merge": {"union": ["line_id", "rule"]}, "output": {"key": "issue_id"}},
            "edit": {"per": ["language"], "units": {"of": "translate"}, "agent": {"builtin": "edit"},
                "context": {"issues": {"from": "qa", "on": "line_id"}}, "output": {"key": "line_id"}},
            "scenes": {"units": {"of": "ingest", "by": "scene_id"}, "agent": {"builtin": "note"}, "output": {"document": "d"}},
        },
    }));
    world.calls("translate", |call| priced(call, &translate));
    world.calls("critic", |call| priced(call, &|asked| Ok(Value::Array(criticise(asked)))));
    world.agent("edit", |asked| {
        let changes: Vec<Value> = asked.context["issues"].as_array().into_iter().flatten().cloned().collect();
        Ok(json!({"text": asked.input["text"], "changes": changes}))
    });
    world.agent("note", |_| Ok(json!("ok")));
    world.set("script.csv", script());
    world
}

fn overview(world: &mut World, names: &[&str], limit: usize) -> Overview {
    let engine = world.engine(false);
    let targets: Vec<_> = names.iter().map(|name| target(&engine, name)).collect();
    now(engine.overview(&targets, limit)).unwrap()
}

#[track_caller]
fn of<'a>(report: &'a Overview, name: &str) -> &'a PhaseOverview {
    let named = |phase: &&PhaseOverview| {
        let at = if phase.scope.is_none() { String::new() } else { format!("@{}", phase.scope) };
        format!("{}{at}", phase.phase) == name
    };
    report.phases.iter().find(named).unwrap()
}

fn names(places: &[Place]) -> Vec<&str> {
    places.iter().map(|place| place.name.as_str()).collect()
}

#[track_caller]
fn close(a: Option<f64>, b: f64) {
    assert!((a.unwrap_or(f64::NAN) - b).abs() < 1e-9, "{a:?} and not {b}");
}

#[test]
fn what_there_is_and_how_good_it_is() {
    let mut world = game();
    world.run();
    let report = overview(&mut world, &[], 5);
    assert_eq!((report.project.as_str(), report.under_way, report.phases.len()), ("game", false, 8));
    let translate = of(&report, "translate@ja");
    let coverage = translate.coverage.unwrap();
    assert_eq!((coverage.units, coverage.holes, coverage.percent, coverage.records), (6, 0, 100.0, 6));
    assert_eq!((translate.untranslated, &translate.issues, translate.changes), (Some(1), &None, None));
    let issues = of(&report, "qa@fr").issues.clone().unwrap();
    let rule = |rule: &str, severity: &str| RuleSum {
        rule: rule.to_owned(),
        severity: severity.to_owned(),
        count: 1,
    };
    let rules = [rule("length", "warning"), rule("style", "info"), rule("untouched", "error")];
    assert_eq!((issues.total, issues.rules), (3, rules.to_vec()));
    let changes = of(&report, "edit@ja").changes.unwrap();
    assert_eq!((changes.records, changes.changes), (2, 3));
    assert_eq!(of(&report, "ingest").untranslated, None, "a source has no source");
    assert_eq!(report, overview(&mut world, &[], 5), "the same state makes the same report");
}

#[test]
fn what_it_cost_and_what_of_it_was_wasted() {
    let mut world = game();
    world.run();
    let report = overview(&mut world, &[], 2);
    let translate = of(&report, "translate@fr");
    // Three packs of two; line 3 is tried again, and line 4 as well.
    let calls = &translate.calls;
    assert_eq!((calls.waste.asks, calls.waste.kinds.len()), (2, 2));
    close(calls.usage.cost_usd, 0.8);
    close(calls.waste.usage.cost_usd, 0.2);
    assert_eq!(
        calls.waste.kinds.iter().map(|kind| kind.kind).collect::<Vec<_>>(),
        [FailureKind::Transient, FailureKind::Invalid]
    );
    assert_eq!((calls.retries, calls.repairs), (2, 1));
    assert!(calls.seconds > 0.0);
    // The sums are those of the ledger, and those of the phases.
    let ledger = now(world.engine(false).ledger(&Default::default(), None)).unwrap();
    assert_eq!(
        (report.calls.done, report.calls.usage.input_tokens),
        (ledger.done, ledger.usage.input_tokens)
    );
    let cost = |phase: &PhaseOverview| phase.calls.usage.cost_usd.unwrap_or(0.0);
    close(report.calls.usage.cost_usd, report.phases.iter().map(cost).sum());
    assert_eq!(report.gone.as_ref().map(|gone| gone.done), Some(0));
}

#[test]
fn where_time_and_money_went() {
    let mut world = game();
    world.run();
    let report = overview(&mut world, &[], 2);
    let places = &of(&report, "translate@fr").places;
    assert_eq!((places.by.as_str(), places.total), ("scene_id", 3));
    assert_eq!((names(&places.dearest), names(&places.slowest)), (vec!["s2", "s1"], vec!["s2", "s1"]));
    close(places.dearest[0].usage.cost_usd, 0.4);
    assert_eq!(places.dearest[0].asks, 4);
    let sum: f64 = overview(&mut world, &[], 9)
        .phases
        .iter()
        .flat_map(|phase| &phase.places.slowest)
        .map(|place| place.seconds)
        .sum();
    assert!((sum - report.calls.seconds).abs() < 1e-6, "all time is at some place");
    assert_eq!(of(&report, "qa@fr").places.by, "scene_id", "units of qa are lines, and lines have scenes");
    assert_eq!(of(&report, "scenes").places.by, "scene_id");
    world.edit("script.csv", |lines| lines.iter_mut().for_each(|line| line["scene_id"] = Value::Null));
    world.redefine(|file| drop(file["phases"].as_object_mut().unwrap().remove("scenes")));
    world.run();
    let places = overview(&mut world, &[], 9).phases[1].places.clone();
    assert_eq!((places.by.as_str(), places.total), ("unit", 6));
}

#[test]
fn how_it_came_about() {
    let mut world = game();
    world.run();
    world.edit("script.csv", |lines| lines[0]["text"] = json!("another line"));
    world.run();
    let report = overview(&mut world, &["translate@ja", "scenes"], 5);
    assert_eq!((report.phases.len(), &report.gone), (2, &None));
    let trend = &of(&report, "translate@ja").trend;
    let points: Vec<_> =
        trend.iter().map(|point| (point.revision.0, point.units.ran, point.records)).collect();
    assert_eq!(points, [(1, 6, 6), (2, 1, 6)]);
    close(trend[1].usage.cost_usd, 0.1);
}

#[test]
fn a_project_that_never_ran_is_empty_and_phases_that_are_gone_stay_paid() {
    let mut world = game();
    let report = overview(&mut world, &[], 5);
    assert!(
        report
            .phases
            .iter()
            .all(|phase| phase.coverage.is_none() && phase.issues.is_none() && phase.trend.is_empty())
    );
    assert_eq!((report.calls.done, report.calls.usage), (0, Usage::default()));
    world.run();
    let before = overview(&mut world, &[], 5);
    world.redefine(|file| drop(file["phases"].as_object_mut().unwrap().remove("edit")));
    let after = overview(&mut world, &[], 5);
    let gone = after.gone.unwrap();
    assert_eq!((gone.done, gone.done + after.calls.done), (12, before.calls.done));
}

#[test]
fn nothing_found_is_not_nothing_looked_at() {
    let mut world = game();
    world.calls("critic", |call| priced(call, &|_| Ok(json!([]))));
    world.run();
    let report = overview(&mut world, &[], 5);
    assert_eq!(of(&report, "qa@ja").issues.as_ref().map(|issues| issues.total), Some(0));
    assert_eq!(of(&report, "edit@ja").changes.map(|changes| changes.records), Some(0));
}

#[test]
fn holes_and_calls_under_way_are_told() {
    let mut world = game();
    world.redefine(|file| file["phases"]["translate"]["on_unit_failure"] = json!("continue"));
    world.agent("translate", |asked| match asked.id.as_str() {
        "l1" => Err(Failure { kind: FailureKind::Permanent, message: "never".to_owned() }),
        _ => Ok(json!({"text": "x", "source": "y"})),
    });
    world.run();
    let report = overview(&mut world, &[], 5);
    let coverage = of(&report, "translate@ja").coverage.unwrap();
    assert_eq!((coverage.units, coverage.holes, coverage.records), (6, 1, 5));
    assert!((coverage.percent - 500.0 / 6.0).abs() < 1e-9);
    assert_eq!(of(&report, "translate@ja").calls.waste.kinds[0].kind, FailureKind::Permanent);

    let mut world = game();
    let mut steps = 10;
    while world.in_doubt() == 0 {
        steps += 3;
        world = game();
        world.run_killed(steps);
    }
    let report = overview(&mut world, &[], 5);
    assert_eq!(report.calls.in_doubt, world.in_doubt() as u64);
}

#[test]
fn what_people_changed_is_told() {
    let mut world = game();
    world.run();
    world.person("translate@ja", "l2", &[("text", json!("by hand"))], false);
    world.person("translate@ja", "l5", &[("text", json!("by hand"))], true);
    let before = of(&overview(&mut world, &[], 5), "translate@ja").edits.unwrap();
    assert_eq!((before.standing, before.applied), (2, 0), "they wait for the next run");
    world.run();
    let report = overview(&mut world, &[], 5);
    let after = of(&report, "translate@ja").edits.unwrap();
    assert_eq!((after.standing, after.applied, after.conflicts, after.orphans), (2, 2, 0, 0));
    assert_eq!(of(&report, "translate@ja").untranslated, Some(0), "what people want is what counts");
    assert_eq!(of(&report, "translate@ja").trend.last().unwrap().edited, 2);
    assert_eq!(of(&report, "translate@fr").edits, None);

    world.edit("script.csv", |lines| lines[1]["text"] = json!("another line"));
    world.run();
    let edits = of(&overview(&mut world, &[], 5), "translate@ja").edits.unwrap();
    assert_eq!((edits.applied, edits.conflicts), (2, 1), "the machine changed its mind as well");
}
