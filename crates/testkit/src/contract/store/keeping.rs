//! What is kept and how it is found again.

use std::sync::Arc;

use refrain_core::ports::store::{CallFilter, LedgerSummary, StoreError};
use refrain_schemas::digest::Digest;
use refrain_schemas::exchange::Exchange;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{AskResult, CallState, LedgerEntry};
use refrain_schemas::name::CallId;
use refrain_schemas::usage::Usage;

use super::Open;
use super::fixture::{
    abandoned, alias, at, begin, check_replies, exchange, failure, generation, history, holder, imported,
    intent, key, lane, ledger, outcome, pages, reply, run, run_ended, run_started, target, usage,
};

/// A store that was never written to answers every question, with nothing.
pub async fn what_does_not_exist_is_empty(open: Open<'_>) {
    let store = open();
    assert_eq!(store.holder().await.unwrap(), None);
    assert_eq!(store.history().await.unwrap(), []);
    check_replies(&store, &[("a", None)]).await;
    assert_eq!(store.pages(&[]).await.unwrap(), [] as [Arc<[u8]>; 0]);
    assert_eq!(store.calls(&CallFilter::default()).await.unwrap(), []);
    assert_eq!(store.ledger_summary().await.unwrap(), LedgerSummary::default());
    assert_eq!(store.lane_sums().await.unwrap(), []);
    assert_eq!(store.recorded().await.unwrap(), []);
    assert_eq!(store.exchanges(CallId(0)).await.unwrap(), []);
    store.end_writing().await.unwrap();
}

/// What was committed is seen by the writer, by a reader that was there before and by one that comes after.
pub async fn a_commit_is_visible_at_once_and_everywhere(open: Open<'_>) {
    let (before, store) = (open(), open());
    check_replies(&before, &[("a", None)]).await;
    begin(&store).await;
    let mut batch = pages(&["page"]);
    batch.ledger = vec![
        lane(0, run(1), target("translate", "ja")),
        intent(0, 0, &["a"]),
        outcome(0, &[("a", reply("A"))]),
    ];
    batch.history = vec![run_started(1)];
    store.commit(batch).await.unwrap();
    for store in [&before, &store, &open()] {
        check_replies(store, &[("a", Some("A")), ("b", None)]).await;
        assert_eq!(&*store.pages(&[key("page")]).await.unwrap()[0], b"page");
        assert_eq!(store.history().await.unwrap(), [run_started(1)]);
        let summary = LedgerSummary { done: 1, usage: usage(), ..LedgerSummary::default() };
        assert_eq!(store.ledger_summary().await.unwrap(), summary);
    }
}

/// History entries come back in the order of their commits, over several turns of writing.
pub async fn the_history_keeps_its_order(open: Open<'_>) {
    let mut expected = Vec::new();
    for turn in 0..3 {
        let store = open();
        begin(&store).await;
        for entries in [vec![run_started(turn)], vec![generation(turn as u32), run_ended(turn)]] {
            expected.extend(entries.clone());
            store.commit(history(entries)).await.unwrap();
        }
        store.end_writing().await.unwrap();
    }
    assert_eq!(open().history().await.unwrap(), expected);
}

/// A later reply stands in the place of an earlier one, within a commit and across turns.
pub async fn the_latest_reply_under_a_key_wins(open: Open<'_>) {
    let store = open();
    begin(&store).await;
    let mut entries = vec![lane(0, run(1), target("translate", "ja"))];
    for (call, text) in ["1", "2"].iter().enumerate() {
        entries.extend([intent(call as u64, 0, &["a"]), outcome(call as u64, &[("a", reply(text))])]);
    }
    store.commit(ledger(entries)).await.unwrap();
    check_replies(&store, &[("a", Some("2"))]).await;
    store.end_writing().await.unwrap();
    let store = open();
    begin(&store).await;
    store.commit(ledger(vec![intent(2, 0, &["a"]), outcome(2, &[("a", reply("3"))])])).await.unwrap();
    check_replies(&store, &[("a", Some("3")), ("a", Some("3"))]).await;
    check_replies(&open(), &[("a", Some("3"))]).await;
}

/// A failure is kept on record, is returned under no key, and hides no reply.
pub async fn a_failure_is_never_a_reply(open: Open<'_>) {
    let store = open();
    begin(&store).await;
    let entries = vec![
        lane(0, run(1), target("translate", "ja")),
        intent(0, 0, &["a", "b"]),
        outcome(0, &[("a", reply("A")), ("b", failure("no"))]),
        intent(1, 0, &["a"]),
        outcome(1, &[("a", failure("never"))]),
    ];
    store.commit(ledger(entries)).await.unwrap();
    for store in [&store, &open()] {
        check_replies(store, &[("b", None), ("a", Some("A"))]).await;
        let calls = store.calls(&CallFilter::default()).await.unwrap();
        assert_eq!(calls[0].asks[1].result, Some(failure("no")));
        assert_eq!(calls[1].asks[0].result, Some(failure("never")));
    }
}

/// An alias gives its key the reply the other key has then; what either gets later is its own.
pub async fn an_alias_has_the_reply_of_another_key(open: Open<'_>) {
    let store = open();
    begin(&store).await;
    let call = |n, key: &str, text: &str| [intent(n, 0, &[key]), outcome(n, &[(key, reply(text))])];
    let mut entries = vec![lane(0, run(1), target("translate", "ja"))];
    entries.extend(call(0, "old", "1"));
    entries.extend([alias("new", "old"), alias("newer", "new")]);
    store.commit(ledger(entries)).await.unwrap();
    check_replies(&open(), &[("old", Some("1")), ("new", Some("1")), ("newer", Some("1"))]).await;
    store.commit(ledger(call(1, "old", "2").to_vec())).await.unwrap();
    store.commit(ledger(call(2, "newer", "3").to_vec())).await.unwrap();
    for store in [&store, &open()] {
        check_replies(store, &[("old", Some("2")), ("new", Some("1")), ("newer", Some("3"))]).await;
    }
    store.commit(ledger(vec![alias("newer", "old")])).await.unwrap();
    check_replies(&open(), &[("newer", Some("2"))]).await;
}

/// Pages come back in the order asked for; the same page may be committed again; a missing one is named.
pub async fn pages_are_kept_once_and_missed_by_name(open: Open<'_>) {
    let store = open();
    begin(&store).await;
    store.commit(pages(&["one", "two", "one", ""])).await.unwrap();
    store.commit(pages(&["two", "three"])).await.unwrap();
    for store in [&store, &open()] {
        let names = ["three", "one", "", "two", "one"];
        let digests: Vec<Digest> = names.iter().map(|name| key(name)).collect();
        let pages = store.pages(&digests).await.unwrap();
        assert!(pages.iter().zip(names).all(|(page, name)| **page == *name.as_bytes()));
        let missing = store.pages(&[key("one"), key("four")]).await;
        assert!(matches!(missing, Err(StoreError::Missing { digest }) if digest == key("four")));
    }
}

/// Calls are listed in the order of their intents, with their outcomes, and each filter does what it says.
pub async fn calls_are_put_together_and_filtered(open: Open<'_>) {
    let store = open();
    begin(&store).await;
    let entries = vec![
        lane(0, run(1), target("translate", "ja")),
        lane(1, run(2), target("qa", "ja")),
        intent(0, 0, &["a", "b"]),
        intent(1, 1, &["a"]),
        outcome(1, &[("a", reply("A1"))]),
        intent(2, 1, &["c"]),
        outcome(0, &[("b", reply("B")), ("a", failure("no"))]),
        intent(3, 0, &["d"]),
    ];
    store.commit(ledger(entries)).await.unwrap();
    let all = CallFilter::default();
    let check = async |filter: CallFilter, expected: &[u64]| {
        let calls = open().calls(&filter).await.unwrap();
        assert_eq!(calls.iter().map(|view| view.call.0).collect::<Vec<_>>(), expected, "{filter:?}");
    };
    check(all.clone(), &[0, 1, 2, 3]).await;
    check(CallFilter { run_id: Some(run(2)), ..all.clone() }, &[1, 2]).await;
    check(CallFilter { phase: Some("translate".to_owned()), ..all.clone() }, &[0, 3]).await;
    check(CallFilter { unit: Some("a".to_owned()), ..all.clone() }, &[0, 1]).await;
    check(CallFilter { in_doubt: true, ..all.clone() }, &[2, 3]).await;
    check(CallFilter { in_doubt: true, last: Some(1), ..all.clone() }, &[3]).await;
    store.commit(ledger(vec![abandoned(CallId(2), run(3))])).await.unwrap();
    check(CallFilter { in_doubt: true, ..all.clone() }, &[2, 3]).await;
    let doubtful = store.calls(&CallFilter { in_doubt: true, ..all.clone() }).await.unwrap();
    assert_eq!([&doubtful[0], &doubtful[1]].map(|view| view.counted_against), [Some(run(3)), None]);
    check(CallFilter { last: Some(3), ..all.clone() }, &[1, 2, 3]).await;
    check(CallFilter { last: Some(0), ..all.clone() }, &[]).await;
    check(CallFilter { phase: Some("no".to_owned()), ..all.clone() }, &[]).await;
    let calls = store.calls(&all).await.unwrap();
    assert_eq!(calls[0].target, target("translate", "ja"));
    assert_eq!((calls[0].state, calls[0].ended_at, calls[0].usage), (CallState::Done, Some(at(1)), usage()));
    assert_eq!(calls[0].asks[0].result, Some(failure("no")));
    assert_eq!(calls[0].asks[1].result, Some(reply("B")));
    let brief = store.calls(&CallFilter { without_replies: true, ..all.clone() }).await.unwrap();
    assert_eq!(brief[0].asks[0].result, Some(failure("no")));
    assert_eq!(brief[0].asks[1].result, Some(AskResult::Reply(Json::null())));
    assert_eq!((brief[0].usage, brief.len()), (calls[0].usage, calls.len()));
    assert_eq!(
        (calls[2].state, calls[2].ended_at, calls[2].usage),
        (CallState::Abandoned, None, Usage::default())
    );
}

/// Every key that has a reply is named, once: by an answer, an alias or an import, in this turn or an earlier one.
pub async fn every_key_with_a_reply_is_recorded(open: Open<'_>) {
    let recorded = async |expected: &[&str]| {
        let mut expected: Vec<Digest> = expected.iter().map(|name| key(name)).collect();
        expected.sort_unstable();
        let mut found = open().recorded().await.unwrap();
        found.sort_unstable();
        assert_eq!(found, expected);
    };
    let store = open();
    begin(&store).await;
    let entries = vec![
        lane(0, run(1), target("translate", "ja")),
        intent(0, 0, &["a", "b", "c"]),
        outcome(0, &[("a", reply("A")), ("b", failure("no"))]),
        alias("of a", "a"),
        imported("d", "D"),
    ];
    store.commit(ledger(entries)).await.unwrap();
    recorded(&["a", "of a", "d"]).await;
    store.end_writing().await.unwrap();
    let store = open();
    begin(&store).await;
    let more = vec![intent(1, 0, &["a"]), outcome(1, &[("a", reply("A2"))]), imported("e", "E")];
    store.commit(ledger(more)).await.unwrap();
    recorded(&["a", "of a", "d", "e"]).await;
    for store in [&store, &open()] {
        check_replies(store, &[("d", Some("D")), ("e", Some("E")), ("a", Some("A2"))]).await;
    }
    assert_eq!(open().calls(&CallFilter::default()).await.unwrap().len(), 2, "an import is no call");
    assert_eq!(open().ledger_summary().await.unwrap().done, 2);
}

/// What went over the wire comes back whole, by call, over several turns; a call without it has none.
pub async fn exchanges_are_kept_by_call(open: Open<'_>) {
    let long = "a long text, ".repeat(5000);
    let said = |call: u64| match call {
        0 => vec![exchange("one"), Exchange { response: None, status: None, ..exchange("two") }],
        2 => vec![exchange(&long)],
        3 => vec![exchange("three \u{1F600} \0 \n")],
        _ => Vec::new(),
    };
    let (reader, store) = (open(), open());
    assert_eq!(reader.exchanges(CallId(0)).await.unwrap(), []);
    begin(&store).await;
    let mut batch = ledger(vec![
        lane(0, run(1), target("translate", "ja")),
        intent(0, 0, &["a"]),
        outcome(0, &[("a", reply("A"))]),
        intent(1, 0, &["b"]),
        intent(2, 0, &["c"]),
        outcome(2, &[("c", failure("no"))]),
    ]);
    batch.exchanges = vec![(CallId(0), said(0)), (CallId(2), said(2))];
    store.commit(batch).await.unwrap();
    store.end_writing().await.unwrap();
    let store = open();
    begin(&store).await;
    let mut batch = ledger(vec![intent(3, 0, &["d"]), outcome(3, &[("d", reply("D"))])]);
    batch.exchanges = vec![(CallId(3), said(3)), (CallId(1), Vec::new())];
    store.commit(batch).await.unwrap();
    for store in [&store, &reader, &open()] {
        for call in 0..5 {
            assert_eq!(store.exchanges(CallId(call)).await.unwrap(), said(call), "call {call}");
        }
    }
}

/// Many keys over several turns are all found, by the writer and by others, in one look-up and one by one.
pub async fn ten_thousand_keys_are_found_again(open: Open<'_>) {
    const KEYS: u64 = 10_000;
    for turn in 0..4 {
        write_every_fourth(open, turn, KEYS).await;
    }
    let store = open();
    let keys: Vec<Digest> = (0..KEYS + 9).map(|n| key(&unit_name(n))).collect();
    let replies = store.replies(&keys).await.unwrap();
    for (n, found) in (0..).zip(&replies) {
        let expected = (n < KEYS).then(|| Json::string(&format!("reply to {}", unit_name(n))));
        assert_eq!(*found, expected);
    }
    for n in (0..keys.len()).step_by(97) {
        assert_eq!(store.replies(&[keys[n]]).await.unwrap(), [replies[n].clone()]);
    }
    assert_eq!(store.ledger_summary().await.unwrap().done, KEYS);
}

async fn write_every_fourth(open: Open<'_>, turn: u64, keys: u64) {
    let store = open();
    let opening = store.begin_writing(&holder("refrain run")).await.unwrap();
    let mut batch = vec![lane(opening.next_lane, run(turn.into()), target("translate", "ja"))];
    for n in (0..keys).filter(|n| n % 4 == turn) {
        batch.extend([intent(n, opening.next_lane, &[&unit_name(n)]), answer(n)]);
        if batch.len() >= 200 {
            store.commit(ledger(std::mem::take(&mut batch))).await.unwrap();
        }
    }
    store.commit(ledger(batch)).await.unwrap();
    store.end_writing().await.unwrap();
}

fn unit_name(n: u64) -> String {
    format!("unit {n}")
}

fn answer(n: u64) -> LedgerEntry {
    let unit = unit_name(n);
    outcome(n, &[(&unit, reply(&format!("reply to {unit}")))])
}
