//! The ledger as a report.

use refrain_core::engine::By;
use refrain_core::ports::store::CallFilter;

use serde_json::json;

use super::{marked, now, project, set_text};

#[test]
fn sums_are_over_all_calls_and_calls_are_those_asked_for() {
    let mut world = marked();
    world.run();
    set_text(&mut world, 1, "new");
    world.run();
    let engine = world.engine(false);
    let check = |filter: CallFilter, units: &[&str]| {
        let report = now(engine.ledger(&filter, None)).unwrap();
        let sums = (report.schema_version, report.done, report.in_doubt, report.abandoned);
        assert_eq!(sums, (1, 7, 0, 0));
        assert_eq!(report.usage.input_tokens, 7);
        let found = report.calls.iter().flat_map(|call| &call.asks).map(|ask| ask.unit.as_str());
        assert_eq!(found.collect::<Vec<_>>(), units);
    };
    check(CallFilter::default(), &["l1", "l2", "l3", "l4", "l5", "l6", "l2"]);
    check(CallFilter { unit: Some("l2".to_owned()), ..CallFilter::default() }, &["l2", "l2"]);
    check(CallFilter { last: Some(1), ..CallFilter::default() }, &["l2"]);
}

#[test]
fn groups_are_sums_over_the_calls_that_are_wanted() {
    let mut world = project(json!({
        "mark": {
            "per": ["language"], "units": {"of": "ingest"}, "agent": {"builtin": "mark", "params": {"tone": "plain"}},
            "pack": {"max": 4}, "output": {"key": "id"},
        },
        "note": {"units": {"of": "ingest"}, "agent": {"builtin": "note"}, "output": {"key": "id"}},
    }));
    world.run();
    set_text(&mut world, 1, "new");
    world.run();
    let engine = world.engine(false);
    let groups = |filter: CallFilter, by: By| {
        let report = now(engine.ledger(&filter, Some(by))).unwrap();
        let groups = report.groups.into_iter();
        groups.map(|group| (group.name, group.done, group.usage.input_tokens)).collect::<Vec<_>>()
    };
    let named = |groups: &[(&str, u64, u64)]| -> Vec<(String, u64, u64)> {
        groups.iter().map(|(name, done, tokens)| ((*name).to_owned(), *done, *tokens)).collect()
    };
    let all = CallFilter::default();
    // Six lines make packs of four and two, and one line a pack of its own; a call consumes a token per unit.
    assert_eq!(groups(all.clone(), By::Phase), named(&[("mark", 6, 14), ("note", 7, 7)]));
    assert_eq!(groups(all.clone(), By::Scope), named(&[("(none)", 7, 7), ("fr", 3, 7), ("ja", 3, 7)]));
    assert_eq!(
        groups(all.clone(), By::Target),
        named(&[("mark@fr", 3, 7), ("mark@ja", 3, 7), ("note", 7, 7)])
    );
    assert_eq!(groups(all.clone(), By::Model), named(&[("(none)", 13, 21)]));
    assert_eq!(groups(all.clone(), By::Rung), named(&[("first", 13, 21)]));
    let agents = groups(all.clone(), By::Agent);
    assert_eq!(agents.iter().map(|(_, done, _)| done).sum::<u64>(), 13);
    let runs = groups(all.clone(), By::Run);
    assert_eq!(runs.iter().map(|(_, done, tokens)| (*done, *tokens)).collect::<Vec<_>>(), [(10, 18), (3, 3)]);
    let mark = CallFilter { phase: Some("mark".to_owned()), last: Some(1), ..all.clone() };
    assert_eq!(groups(mark.clone(), By::Phase), named(&[("mark", 6, 14)]), "`last` is for calls alone");
    let units = groups(mark.clone(), By::Unit);
    assert_eq!(
        units,
        named(&[("l1", 2, 2), ("l2", 4, 4), ("l3", 2, 2), ("l4", 2, 2), ("l5", 2, 2), ("l6", 2, 2)])
    );
    let about = CallFilter { unit: Some("l2".to_owned()), ..mark };
    assert_eq!(groups(about, By::Scope), named(&[("fr", 2, 5), ("ja", 2, 5)]));
    assert_eq!(groups(CallFilter { in_doubt: true, ..all }, By::Phase), []);
}
