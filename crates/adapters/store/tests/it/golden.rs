//! Stores that were written by earlier formats, byte for byte.
//!
//! `tests/golden/format-1` was written before there were models, reasons, ceilings and exchanges: two commits, a
//! collection that kept the replies of `a` and two aliases, and a commit behind it.

use std::fs;
use std::path::Path;

use refrain_core::ports::store::CallFilter;
use refrain_schemas::ledger::{CallState, LedgerEntry, Rung};
use refrain_schemas::name::CallId;
use refrain_schemas::usage::Usage;
use refrain_testkit::contract::store::fixture::{
    abandoned, alias, begin, check_replies, exchange, failure, holder, imported, intent, intent_for, key,
    lane, ledger, model_lane, outcome, outcome_by, reply, run, run_ended, run_started, target,
};

use crate::project::Project;

fn golden(format: &str) -> Project {
    let project = Project::new();
    fs::create_dir(project.state()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format);
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), project.state().join(entry.file_name())).unwrap();
    }
    project
}

/// One entry of each kind, with and without everything that can be absent.
fn one_of_each() -> Vec<LedgerEntry> {
    vec![
        lane(0, run(1), target("translate", "ja")),
        model_lane(1, run(1), target("qa", "fr"), "openai/one"),
        intent(0, 0, &["a", "b"]),
        outcome(0, &[("a", reply("A")), ("b", failure("no"))]),
        intent_for(1, 1, Rung::Cascade, &["c"]),
        outcome_by("main", 1, &[("c", reply("C"))]),
        intent_for(2, 1, Rung::Split, &["d"]),
        abandoned(CallId(2), run(2)),
        alias("of a", "a"),
        imported("e", "E"),
        intent_for(3, 1, Rung::Retry, &["f"]),
        intent_for(4, 1, Rung::Repair, &["f"]),
    ]
}

#[tokio::test]
async fn the_ledger_is_written_to_the_byte_as_format_2_has_it() {
    let project = Project::new();
    let store = project.open();
    begin(&store).await;
    let mut batch = ledger(one_of_each());
    batch.exchanges = vec![(CallId(1), vec![exchange("c")])];
    store.commit(batch).await.unwrap();
    let written = fs::read(project.state().join("ledger-1.log")).unwrap();
    let checked_in = golden("format-2");
    assert!(
        written == fs::read(checked_in.state().join("ledger-1.log")).unwrap(),
        "a new format needs a number"
    );
    let old = checked_in.open();
    let all = CallFilter::default();
    assert_eq!(old.calls(&all).await.unwrap(), store.calls(&all).await.unwrap());
    assert_eq!(old.lane_sums().await.unwrap(), store.lane_sums().await.unwrap());
    // How well it is compressed is no part of the format.
    assert_eq!(old.exchanges(CallId(1)).await.unwrap(), [exchange("c")]);
}

/// What format 1 knew of a call.
const FIRST_USAGE: Usage =
    Usage { input_tokens: 3, cached_input_tokens: 0, output_tokens: 2, cost_usd: Some(0.25) };

async fn check_first(project: &Project) {
    let store = project.open();
    let replies = [("a", Some("A")), ("of a", Some("A")), ("of c", Some("C")), ("f", Some("F"))];
    check_replies(&store, &replies).await;
    check_replies(&store, &[("b", None), ("c", None), ("d", None)]).await;
    assert_eq!(store.recorded().await.unwrap().len(), 4);
    assert_eq!(store.history().await.unwrap(), [run_started(1), run_ended(1)]);
    assert_eq!(*store.pages(&[key("page two")]).await.unwrap()[0], *b"page two");
    let calls = store.calls(&CallFilter::default()).await.unwrap();
    let states: Vec<CallState> = calls.iter().take(5).map(|view| view.state).collect();
    use CallState::{Abandoned, Done, InDoubt};
    assert_eq!(states, [Done, Done, Abandoned, InDoubt, Done]);
    let first = &calls[0];
    assert_eq!(
        (first.run_id, &first.target, first.agent.as_str()),
        (run(1), &target("translate", "ja"), "agent")
    );
    assert_eq!((first.usage, first.rung, &first.model), (FIRST_USAGE, Rung::First, &None));
    assert_eq!((first.ceiling, &first.served), (None, &None));
    let results: Vec<_> = first.asks.iter().map(|ask| ask.result.clone()).collect();
    assert_eq!(results, [Some(reply("A")), Some(failure("no"))]);
    assert_eq!(store.exchanges(CallId(0)).await.unwrap(), []);
}

#[tokio::test]
async fn a_store_of_format_1_keeps_every_reply_and_is_written_on() {
    let project = golden("format-1");
    check_first(&project).await;
    assert_eq!(fs::read_to_string(project.state().join("format")).unwrap(), "refrain store 1\n", "reading");
    let store = project.open();
    let opening = store.begin_writing(&holder("refrain run")).await.unwrap();
    assert_eq!((opening.next_call, opening.next_lane), (CallId(5), 2));
    assert_eq!(opening.in_doubt.iter().map(|doubt| doubt.call.0).collect::<Vec<_>>(), [3]);
    assert_eq!(opening.recovered, [] as [String; 0]);
    assert_eq!(fs::read_to_string(project.state().join("format")).unwrap(), "refrain store 2\n");
    check_first(&project).await;
    let sums = store.lane_sums().await.unwrap();
    assert_eq!(sums.iter().map(|sum| (sum.done, sum.in_doubt)).collect::<Vec<_>>(), [(2, 1), (1, 1)]);
    let mut batch =
        ledger(vec![intent_for(5, 1, Rung::Repair, &["g"]), outcome_by("main", 5, &[("g", reply("G"))])]);
    batch.exchanges = vec![(CallId(5), vec![exchange("g")])];
    store.commit(batch).await.unwrap();
    store.end_writing().await.unwrap();
    check_replies(&project.open(), &[("a", Some("A")), ("g", Some("G"))]).await;
    assert_eq!(project.open().exchanges(CallId(5)).await.unwrap(), [exchange("g")]);
}
