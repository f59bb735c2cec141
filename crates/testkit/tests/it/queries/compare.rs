//! Comparing the texts of two revisions.

use std::collections::BTreeMap;

use refrain_core::engine::{CompareRequest, Compared};
use refrain_schemas::comparison::{Comparison, Measure, MeasureKind, MeasureVerdict};
use refrain_schemas::name::Revision;
use refrain_testkit::world::World;
use serde_json::{Value, json};

use super::{now, project, target};

fn request(what: Compared) -> CompareRequest {
    CompareRequest { what, field: None, references: None, limit: 3 }
}

fn try_last_two(world: &mut World, name: &str, field: Option<&str>) -> Result<Comparison, String> {
    let engine = world.engine(false);
    let what = Compared::LastTwo(target(&engine, name));
    let request = CompareRequest { field: field.map(str::to_owned), ..request(what) };
    now(engine.compare(&request)).map_err(|error| error.to_string())
}

fn last_two(world: &mut World, name: &str, references: Option<&[(String, String)]>) -> Comparison {
    let engine = world.engine(false);
    let references = references.map(|pairs| pairs.iter().cloned().collect::<BTreeMap<_, _>>());
    let what = Compared::LastTwo(target(&engine, name));
    now(engine.compare(&CompareRequest { references, ..request(what) })).unwrap()
}

fn measure(report: &Comparison, kind: MeasureKind) -> &Measure {
    report.measures.iter().find(|measure| measure.kind == kind).unwrap()
}

/// A source of so many lines, of which two revisions were made: the second with other texts.
fn two_sources(n: usize, old: impl Fn(usize) -> String, new: impl Fn(usize) -> Option<String>) -> World {
    let mut world = project(json!({}));
    let line = |n: usize, text: String| json!({"id": format!("l{n}"), "text": text});
    world.set("lines.csv", (0..n).map(|n| line(n, old(n))).collect());
    world.run();
    world.set("lines.csv", (0..n).filter_map(|n| Some(line(n, new(n)?))).collect());
    world.run();
    world
}

#[test]
fn records_are_paired_by_their_keys() {
    let text = |n: usize| format!("text {n}");
    let mut world = two_sources(6, text, |n| match n {
        0 => None,
        1 => Some("entirely different".to_owned()),
        2 => Some("text x".to_owned()),
        n => Some(text(n)),
    });
    world.edit("lines.csv", |lines| lines.push(json!({"id": "new", "text": "n"})));
    world.run();
    let report = {
        let engine = world.engine(false);
        let ingest = target(&engine, "ingest");
        let two = [(ingest.clone(), Some(Revision(1))), (ingest, None)];
        now(engine.compare(&request(Compared::Two(two)))).unwrap()
    };
    let n = report.records;
    assert_eq!((n.same, n.changed, n.added, n.removed), (3, 2, 1, 1));
    assert_eq!(
        (report.a.revision, report.b.revision, report.field.as_deref()),
        (Revision(1), Revision(3), Some("text"))
    );
    let examples: Vec<_> = report.examples.iter().map(|one| (one.key.as_str(), one.b.as_str())).collect();
    assert_eq!(examples, [("l1", "entirely different"), ("l2", "text x")]);
    // Of `text 2` one of six characters is another; of the longer text of line 1, 16 of 18; three lines are as they were.
    assert!((report.examples[1].edit_ratio - 1.0 / 6.0).abs() < 1e-9);
    assert!(
        (report.edit_ratio - (report.examples[0].edit_ratio * 18.0 + 1.0) / 42.0).abs() < 1e-9,
        "{report:?}"
    );
    assert!(report.likeness > 50.0 && report.likeness < 100.0);
    assert!(report.measures.is_empty() && report.referenced.is_none());
}

/// Texts that get better on most lines, and the references that they come nearer to.
fn better(n: usize) -> (World, Vec<(String, String)>) {
    let reference = |n: usize| format!("the quick brown fox number {n}");
    let world = two_sources(
        n,
        |n| format!("a quick fox {n}"),
        |n| Some(if n % 4 == 0 { format!("a fox {n}") } else { format!("the quick brown fox {n}") }),
    );
    (world, (0..n).map(|n| (format!("l{n}"), reference(n))).collect())
}

#[test]
fn the_side_that_is_nearer_to_the_references_is_better() {
    let (mut world, references) = better(80);
    let report = last_two(&mut world, "ingest", Some(&references));
    let chrf = measure(&report, MeasureKind::Chrf);
    assert_eq!((chrf.verdict, chrf.pairs, report.referenced), (MeasureVerdict::BBetter, 80, Some(80)));
    assert!(chrf.low > 0.0 && chrf.low < chrf.difference && chrf.difference < chrf.high, "{chrf:?}");
    assert!((chrf.b - chrf.a - chrf.difference).abs() < 1e-9);
    assert!(
        report
            .examples
            .iter()
            .all(|one| one.reference.as_ref().is_some_and(|text| text.starts_with("the quick")))
    );
    assert_eq!(
        report,
        last_two(&mut world, "ingest", Some(&references)),
        "the same state makes the same comparison"
    );

    let half = last_two(&mut world, "ingest", Some(&references[..40]));
    assert_eq!((half.referenced, measure(&half, MeasureKind::Chrf).pairs), (Some(40), 40));
    let strangers = [("nobody".to_owned(), "x".to_owned())];
    let none = last_two(&mut world, "ingest", Some(&strangers));
    assert!(none.referenced == Some(0) && none.measures.is_empty());
}

#[test]
fn what_chance_would_make_is_no_difference() {
    // On every other line one side is better, and on the others the other one.
    let good = |n: usize| format!("the quick brown fox number {n}");
    let bad = |n: usize| format!("a fox {n}");
    let mut world = two_sources(
        60,
        |n| if n % 2 == 0 { good(n) } else { bad(n) },
        |n| Some(if n % 2 == 0 { bad(n) } else { good(n) }),
    );
    let references: Vec<_> = (0..60).map(|n| (format!("l{n}"), good(n))).collect();
    let report = last_two(&mut world, "ingest", Some(&references));
    let chrf = measure(&report, MeasureKind::Chrf);
    assert_eq!(chrf.verdict, MeasureVerdict::NoDifference);
    assert!(chrf.low < 0.0 && chrf.high > 0.0, "{chrf:?}");
}

/// A world whose texts are criticised: a text of the tone `bad` has two faults, one of them an error.
fn criticised() -> World {
    let mark = |agent: &str| json!({"units": {"of": "ingest"}, "agent": {"builtin": "mark", "params": {"tone": agent}}, "output": {"key": "id"}});
    let qa = |of: &str| json!({"units": {"of": of}, "agent": {"builtin": "critic"}, "merge": {"union": ["id", "rule"]}, "output": {"key": "issue"}});
    let mut world = project(
        json!({"mark": mark("bad"), "other": mark("good"), "qa": qa("mark"), "qa-other": qa("other")}),
    );
    world.agent("critic", |asked| {
        let issue = |rule: &str, severity: &str| json!({"id": asked.id, "rule": rule, "severity": severity});
        let is_bad = asked.input["text"].as_str().unwrap().ends_with(":bad");
        Ok(if is_bad { json!([issue("a", "error"), issue("b", "warning")]) } else { json!([]) })
    });
    world.run();
    world
}

#[test]
fn issues_are_those_of_phases_that_looked_at_just_this_revision() {
    let mut world = criticised();
    world.redefine(|file| file["phases"]["mark"]["agent"]["params"]["tone"] = json!("fair"));
    world.run();
    let report = last_two(&mut world, "mark", None);
    let found = |side: &refrain_schemas::comparison::Side| {
        let of = |found: &refrain_schemas::comparison::SideIssues| {
            (found.phase.to_string(), found.revision.0, found.issues, found.errors)
        };
        side.issues.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(found(&report.a), [("qa".to_owned(), 1, 12, 6)]);
    assert_eq!(found(&report.b), [("qa".to_owned(), 2, 0, 0)]);
    let (issues, errors) = (measure(&report, MeasureKind::Issues), measure(&report, MeasureKind::Errors));
    assert_eq!((issues.a, issues.b, issues.verdict), (2000.0, 0.0, MeasureVerdict::BBetter));
    assert_eq!((errors.a, errors.b, errors.pairs), (1000.0, 0.0, 6));
    assert_eq!((report.a.usage.input_tokens, report.b.usage.input_tokens), (6, 6), "each was made anew");
}

#[test]
fn two_phases_that_do_the_same_work() {
    let mut world = criticised();
    let engine = world.engine(false);
    let two = [(target(&engine, "other"), None), (target(&engine, "mark"), None)];
    let report = now(engine.compare(&request(Compared::Two(two)))).unwrap();
    assert_eq!(
        (report.a.phase.as_str(), report.b.phase.as_str(), report.records.changed),
        ("other", "mark", 6)
    );
    assert_eq!(measure(&report, MeasureKind::Errors).verdict, MeasureVerdict::ABetter);
    assert_eq!(report.likeness, {
        let two = [(target(&engine, "mark"), None), (target(&engine, "other"), None)];
        now(engine.compare(&request(Compared::Two(two)))).unwrap().likeness
    });
}

#[test]
fn what_cannot_be_compared_is_told() {
    let mut world = project(json!({
        "doc": {"units": {"of": "ingest", "whole": true}, "agent": {"builtin": "mark"}, "output": {"document": "d"}},
    }));
    assert_eq!(try_last_two(&mut world, "ingest", None).unwrap_err(), "ingest has no revision yet");
    world.run();
    assert_eq!(try_last_two(&mut world, "ingest", None).unwrap_err(), "ingest has no revision before 1");
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("x"));
    world.run();
    assert!(try_last_two(&mut world, "doc", None).unwrap_err().contains("it makes no records"));
    let missing = try_last_two(&mut world, "ingest", Some("nothing")).unwrap_err();
    assert!(missing.contains("no record has a field `nothing`"), "{missing}");
    assert_eq!(try_last_two(&mut world, "ingest", Some("id")).unwrap().records.changed, 0);
}

#[test]
fn records_without_texts_are_compared_as_a_whole() {
    let mut world = project(json!({}));
    for n in [1, 2] {
        world.set("lines.csv", json!([{"id": "a", "n": n}, {"id": "b", "n": 5}]));
        world.run();
    }
    let report = last_two(&mut world, "ingest", None);
    assert_eq!((report.field, report.records.same, report.records.changed), (None, 1, 1));
    assert_eq!(report.examples[0].b, "{\"id\":\"a\",\"n\":2}");
    let values: Value = serde_json::to_value(&report.examples).unwrap();
    assert_eq!(values.as_array().map(Vec::len), Some(1));
}
