//! The ledger as a report.

use refrain_core::ports::store::CallFilter;

use super::{marked, now, set_text};

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
