//! What a collection leaves.

use std::collections::BTreeSet;
use std::sync::Arc;

use refrain_core::ports::store::{CallFilter, Keep, LedgerSummary, Store, StoreError};
use refrain_schemas::digest::Digest;
use refrain_schemas::ledger::CallState;
use refrain_schemas::name::CallId;

use super::Open;
use super::fixture::{
    alias, begin, check_replies, exchange, failure, generation, history, intent, key, lane, ledger, outcome,
    pages, reply, run, run_ended, run_started, target, usage, waiver,
};

fn keys(names: &[&str]) -> BTreeSet<Digest> {
    names.iter().map(|name| key(name)).collect()
}

/// Pages that are not kept are missing afterwards, everything else is as it was, and writing goes on.
pub async fn collecting_keeps_pages_that_are_kept(open: Open<'_>) {
    let (store, reader) = (open(), open());
    begin(&store).await;
    let mut batch = pages(&["one", "two", "three"]);
    batch.ledger = vec![
        lane(0, run(1), target("translate", "ja")),
        intent(0, 0, &["a"]),
        outcome(0, &[("a", reply("A"))]),
    ];
    batch.history = vec![run_started(1), run_ended(1)];
    store.commit(batch).await.unwrap();
    reader.pages(&[key("one")]).await.unwrap();
    let keep = Keep { pages: keys(&["two", "unknown"]), ..Keep::default() };
    let collected = store.collect(keep).await.unwrap();
    assert_eq!((collected.pages, collected.replies, collected.history), (2, 0, 0));
    store.commit(pages(&["three", "four"])).await.unwrap();
    for store in [&store, &reader, &open()] {
        assert_eq!(store.pages(&[key("two"), key("three"), key("four")]).await.unwrap().len(), 3);
        assert!(matches!(store.pages(&[key("one")]).await, Err(StoreError::Missing { .. })));
        check_replies(store, &[("a", Some("A"))]).await;
        assert_eq!(store.history().await.unwrap(), [run_started(1), run_ended(1)]);
    }
    let keep = Keep { pages: keys(&["two", "three", "four"]), ..Keep::default() };
    assert_eq!(store.collect(keep).await.unwrap().pages, 0, "the second time there is nothing to do");
}

/// Replies that are not kept are gone, also from the calls, which stay on record with what they cost; an alias keeps
/// its reply when the key it was of goes.
pub async fn collecting_keeps_replies_that_are_kept(open: Open<'_>) {
    let (store, reader) = (open(), open());
    begin(&store).await;
    let entries = vec![
        lane(0, run(1), target("translate", "ja")),
        intent(0, 0, &["a", "b"]),
        outcome(0, &[("a", reply("A")), ("b", reply("B"))]),
        intent(1, 0, &["c", "d"]),
        outcome(1, &[("c", reply("C")), ("d", failure("no"))]),
        alias("of c", "c"),
        alias("of b", "b"),
        alias("also of c", "of c"),
        intent(2, 0, &["e"]),
    ];
    store.commit(ledger(entries)).await.unwrap();
    check_replies(&reader, &[("c", Some("C"))]).await;
    let before = store.ledger_summary().await.unwrap();
    let kept = keys(&["b", "of b", "of c", "also of c", "unknown"]);
    let keep = Keep { replies: Some(kept), ..Keep::default() };
    let collected = store.collect(keep.clone()).await.unwrap();
    assert_eq!((collected.pages, collected.replies, collected.history), (0, 2, 0));
    for store in [&store, &reader, &open()] {
        check_kept_replies(store, before).await;
    }
    assert_eq!(store.collect(keep).await.unwrap().replies, 0, "the second time there is nothing to do");
    store.commit(ledger(vec![outcome(2, &[("e", reply("E"))]), alias("f", "of c")])).await.unwrap();
    check_replies(&open(), &[("e", Some("E")), ("f", Some("C"))]).await;
    let keep = Keep { replies: Some(keys(&["f"])), ..Keep::default() };
    assert_eq!(store.collect(keep).await.unwrap().replies, 5);
    check_replies(&open(), &[("f", Some("C")), ("of c", None), ("b", None), ("e", None)]).await;
}

async fn check_kept_replies(store: &Arc<dyn Store>, before: LedgerSummary) {
    check_replies(store, &[("a", None), ("b", Some("B")), ("c", None), ("d", None)]).await;
    check_replies(store, &[("of b", Some("B")), ("of c", Some("C")), ("also of c", Some("C"))]).await;
    assert_eq!(store.ledger_summary().await.unwrap(), before);
    let calls = store.calls(&CallFilter::default()).await.unwrap();
    assert_eq!(calls.len(), 3);
    assert_eq!(
        (calls[0].state, calls[0].usage, calls[2].state),
        (CallState::Done, usage(), CallState::InDoubt)
    );
    let results: Vec<_> = calls[0].asks.iter().chain(&calls[1].asks).map(|ask| ask.result.clone()).collect();
    assert_eq!(results, [None, Some(reply("B")), None, Some(failure("no"))]);
}

/// A dry run says what would go, and everything stays; only the writer may ask for one.
pub async fn a_dry_collection_removes_nothing(open: Open<'_>) {
    let (store, reader) = (open(), open());
    begin(&store).await;
    let mut batch = pages(&["one", "two"]);
    batch.ledger = vec![
        lane(0, run(1), target("translate", "ja")),
        intent(0, 0, &["a", "b"]),
        outcome(0, &[("a", reply("A")), ("b", reply("B"))]),
        alias("of a", "a"),
    ];
    batch.history = vec![run_started(1), run_ended(1), waiver(1)];
    store.commit(batch).await.unwrap();
    let keep = Keep {
        pages: keys(&["two"]),
        replies: Some(keys(&["of a"])),
        history: Some(BTreeSet::new()),
        dry_run: true,
    };
    assert!(matches!(reader.collect(keep.clone()).await, Err(StoreError::ReadOnly)));
    let told = store.collect(keep.clone()).await.unwrap();
    assert_eq!((told.pages, told.replies, told.history), (1, 2, 3));
    for store in [&store, &reader, &open()] {
        assert_eq!(store.pages(&[key("one"), key("two")]).await.unwrap().len(), 2);
        check_replies(store, &[("a", Some("A")), ("b", Some("B")), ("of a", Some("A"))]).await;
        assert_eq!(store.history().await.unwrap(), [run_started(1), run_ended(1), waiver(1)]);
    }
    assert_eq!(store.collect(Keep { dry_run: false, ..keep }).await.unwrap(), told);
    check_replies(&reader, &[("a", None), ("b", None), ("of a", Some("A"))]).await;
    assert_eq!(reader.history().await.unwrap(), []);
}

/// What was said in a call stays as long as one of its results is on record, and a plain collection keeps it.
pub async fn exchanges_go_with_the_replies(open: Open<'_>) {
    let (store, reader) = (open(), open());
    begin(&store).await;
    let mut batch = ledger(vec![
        lane(0, run(1), target("translate", "ja")),
        intent(0, 0, &["a", "b"]),
        outcome(0, &[("a", reply("A")), ("b", reply("B"))]),
        intent(1, 0, &["c"]),
        outcome(1, &[("c", reply("C"))]),
        intent(2, 0, &["d"]),
        outcome(2, &[("d", failure("no"))]),
        intent(3, 0, &["e"]),
        alias("of c", "c"),
    ]);
    batch.exchanges = (0..4).map(|call| (CallId(call), vec![exchange(&format!("call {call}"))])).collect();
    store.commit(batch).await.unwrap();
    let check = async |kept: &[u64]| {
        for store in [&store, &reader, &open()] {
            for call in 0..4 {
                let found = store.exchanges(CallId(call)).await.unwrap();
                let expected = kept.contains(&call).then(|| exchange(&format!("call {call}")));
                assert_eq!(found, Vec::from_iter(expected), "call {call}");
            }
        }
    };
    store.collect(Keep::default()).await.unwrap();
    check(&[0, 1, 2, 3]).await;
    let all = keys(&["a", "b", "c", "of c"]);
    store.collect(Keep { replies: Some(all), ..Keep::default() }).await.unwrap();
    check(&[0, 1, 2, 3]).await;
    let keep = Keep { replies: Some(keys(&["a", "of c"])), ..Keep::default() };
    store.collect(Keep { dry_run: true, ..keep.clone() }).await.unwrap();
    check(&[0, 1, 2, 3]).await;
    store.collect(keep).await.unwrap();
    // The reply of call 1 lives on under another key alone; in call 3 nothing has come back yet.
    check(&[0, 2, 3]).await;
    store.collect(Keep { replies: Some(BTreeSet::new()), ..Keep::default() }).await.unwrap();
    check(&[2, 3]).await;
}

/// Ended runs and waivers that are not kept are gone, the runs with their beginnings; what says how things stand stays.
pub async fn collecting_keeps_history_that_is_kept(open: Open<'_>) {
    let store = open();
    begin(&store).await;
    let entries = vec![
        run_started(1),
        run_ended(1),
        run_started(2),
        generation(1),
        run_ended(2),
        waiver(1),
        waiver(2),
        run_started(3),
    ];
    store.commit(history(entries)).await.unwrap();
    let keep = Keep { history: Some(BTreeSet::from([4, 6])), ..Keep::default() };
    assert_eq!(store.collect(keep).await.unwrap().history, 3);
    store.commit(history(vec![run_ended(3)])).await.unwrap();
    let expected = [run_started(2), generation(1), run_ended(2), waiver(2), run_started(3), run_ended(3)];
    assert_eq!(store.history().await.unwrap(), expected);
    assert_eq!(open().history().await.unwrap(), expected);
}
