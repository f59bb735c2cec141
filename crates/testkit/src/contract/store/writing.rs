//! Who may write, and what others see of it.

use std::sync::Arc;

use refrain_core::ports::store::{Keep, LedgerSummary, Opening, Store, StoreError};
use refrain_schemas::ledger::LedgerEntry;
use refrain_schemas::name::CallId;

use super::Open;
use super::fixture::{
    abandoned, begin, check_replies, generation, history, holder, intent, key, lane, ledger, outcome, pages,
    reply, run, run_started, target, usage,
};

/// The second writer is told who the first is, whether it is another process or the same; readers can ask, too.
pub async fn a_second_writer_is_refused_by_name(open: Open<'_>) {
    let (first, second) = (open(), open());
    first.begin_writing(&holder("refrain run first")).await.unwrap();
    for store in [&second, &first] {
        match store.begin_writing(&holder("refrain run second")).await {
            Err(StoreError::Held { holder: found }) => assert_eq!(*found, holder("refrain run first")),
            other => panic!("a second writer got {other:?}"),
        }
    }
    for store in [&first, &second, &open()] {
        assert_eq!(store.holder().await.unwrap(), Some(holder("refrain run first")));
    }
    second.end_writing().await.unwrap();
    assert!(open().holder().await.unwrap().is_some(), "who does not hold the place cannot give it back");
    first.end_writing().await.unwrap();
    assert_eq!(second.holder().await.unwrap(), None);
    second.begin_writing(&holder("refrain run second")).await.unwrap();
    assert_eq!(first.holder().await.unwrap(), Some(holder("refrain run second")));
}

/// A writer that goes without a word leaves its place and its commits.
pub async fn the_writers_death_frees_its_place(open: Open<'_>) {
    let store = open();
    begin(&store).await;
    store.commit(history(vec![run_started(1)])).await.unwrap();
    drop(store);
    let store = open();
    assert_eq!(store.holder().await.unwrap(), None);
    begin(&store).await;
    assert_eq!(store.history().await.unwrap(), [run_started(1)]);
}

/// Before its turn and after it nobody writes.
pub async fn only_the_writer_writes(open: Open<'_>) {
    let store = open();
    assert!(matches!(store.commit(pages(&["page"])).await, Err(StoreError::ReadOnly)));
    assert!(matches!(store.collect(Keep::default()).await, Err(StoreError::ReadOnly)));
    begin(&store).await;
    store.commit(history(vec![run_started(1)])).await.unwrap();
    store.end_writing().await.unwrap();
    assert!(matches!(store.commit(history(vec![run_started(2)])).await, Err(StoreError::ReadOnly)));
    assert_eq!(open().history().await.unwrap(), [run_started(1)]);
}

/// Calls in doubt stay so over any number of turns until they are taken note of, and numbers are never used twice.
pub async fn numbers_go_on_and_doubt_is_accounted_for(open: Open<'_>) {
    let turn = async |end: bool, expected: (u64, u32, &[u64]), entries: Vec<LedgerEntry>| {
        let store = open();
        let opening = store.begin_writing(&holder("refrain run")).await.unwrap();
        check_opening(opening, expected);
        store.commit(ledger(entries)).await.unwrap();
        if end {
            store.end_writing().await.unwrap();
        }
    };
    let first = vec![
        lane(0, run(1), target("translate", "ja")),
        intent(0, 0, &["a"]),
        intent(1, 0, &["b"]),
        outcome(0, &[("a", reply("A"))]),
        intent(2, 0, &["c"]),
    ];
    turn(false, (0, 0, &[]), first).await;
    turn(true, (3, 1, &[1, 2]), vec![abandoned(CallId(1), run(2))]).await;
    turn(false, (3, 1, &[2]), vec![lane(7, run(3), target("qa", "ja")), intent(9, 7, &["d"])]).await;
    turn(true, (10, 8, &[2, 9]), vec![abandoned(CallId(2), run(3)), abandoned(CallId(9), run(3))]).await;
    turn(true, (10, 8, &[]), vec![intent(10, 7, &["e"])]).await;
    let summary = LedgerSummary { done: 1, in_doubt: 1, abandoned: 3, usage: usage() };
    assert_eq!(open().ledger_summary().await.unwrap(), summary);
}

fn check_opening(opening: Opening, (next_call, next_lane, in_doubt): (u64, u32, &[u64])) {
    let found: Vec<u64> = opening.in_doubt.iter().map(|call| call.call.0).collect();
    assert_eq!((opening.next_call, opening.next_lane, &found[..]), (CallId(next_call), next_lane, in_doubt));
    assert_eq!(opening.recovered, [] as [String; 0]);
}

/// While one writes, others read whole commits, never fewer than before.
pub async fn readers_see_whole_commits_while_one_writes(open: Open<'_>) {
    const COMMITS: u64 = 200;
    let store = open();
    begin(&store).await;
    store.commit(ledger(vec![lane(0, run(1), target("translate", "ja"))])).await.unwrap();
    let writer = tokio::spawn(write(store, COMMITS));
    let reader = open();
    let mut seen = 0;
    while seen < COMMITS {
        seen = check_whole(&reader, seen).await;
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}

async fn write(store: Arc<dyn Store>, commits: u64) {
    for n in 0..commits {
        let unit = format!("unit {n}");
        let mut batch = pages(&[&format!("page {n}")]);
        batch.ledger = vec![intent(n, 0, &[&unit]), outcome(n, &[(&unit, reply("done"))])];
        batch.history = vec![run_started(n.into()), generation(n as u32)];
        store.commit(batch).await.unwrap();
        tokio::task::yield_now().await;
    }
}

async fn check_whole(reader: &Arc<dyn Store>, seen: u64) -> u64 {
    // The parts are committed in the order pages, ledger, history: what is committed last is read first.
    let history = reader.history().await.unwrap();
    assert_eq!(history.len() % 2, 0, "half a commit");
    let commits = history.len() as u64 / 2;
    assert!(commits >= seen, "commits went away");
    let summary = reader.ledger_summary().await.unwrap();
    assert!(summary.done >= commits, "the ledger lags behind the history");
    assert_eq!((summary.in_doubt, summary.usage.input_tokens), (0, summary.done * usage().input_tokens));
    if commits > 0 {
        check_replies(reader, &[(&format!("unit {}", commits - 1), Some("done"))]).await;
        reader.pages(&[key(&format!("page {}", commits - 1))]).await.unwrap();
    }
    commits
}
