//! What the store costs per unit, in CPU time: commits in groups of 64, look-ups cold and warm, opening and ending.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and fails by panicking")]

use std::fs;
use std::path::Path;

use refrain_core::ports::store::{Batch, Store};
use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{AskResult, Intent, IntentAsk, LedgerEntry, Outcome, OutcomeAsk, Rung};
use refrain_schemas::name::{CallId, UnitId};
use refrain_store::{Durability, FileStore};
use refrain_testkit::contract::store::fixture::{at, holder, lane, ledger, run, target, usage};

const UNITS: u64 = 205_000;
const GROUP: u64 = 64;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(measure(folder.path()));
}

async fn measure(folder: &Path) {
    let batches: Vec<Batch> = (0..UNITS).step_by(GROUP as usize).map(group).collect();
    let keys: Vec<Digest> = (0..UNITS).map(unit_key).collect();
    let store = open(folder);
    timed("open, begin, cold", 1, store.begin_writing(&holder("bench"))).await.unwrap();
    store.commit(ledger(vec![lane(0, run(1), target("translate", "ja"))])).await.unwrap();
    timed("look up a key that is not there", UNITS, store.replies(&keys)).await.unwrap();
    timed("commit an intent and an outcome of 200 bytes", UNITS, async {
        for batch in batches {
            store.commit(batch).await.unwrap();
        }
    })
    .await;
    timed("end", 1, store.end_writing()).await.unwrap();
    drop(store);
    let store = open(folder);
    timed("open, begin, after a clean end", 1, store.begin_writing(&holder("bench"))).await.unwrap();
    timed("look up all replies at once", UNITS, store.replies(&keys)).await.unwrap();
    timed("look up replies one by one", 10_000, async {
        for key in keys.iter().step_by(20).take(10_000) {
            store.replies(std::slice::from_ref(key)).await.unwrap();
        }
    })
    .await;
    drop(store);
    let store = open(folder);
    timed("first look-up of a reader", 1, store.replies(&keys[..1])).await.unwrap();
    timed("sum up the ledger as a reader", 1, store.ledger_summary()).await.unwrap();
    timed("list the last ten calls", 1, store.calls(&last_ten())).await.unwrap();
    for entry in fs::read_dir(folder.join(".refrain")).unwrap().map(Result::unwrap) {
        println!("{:>12} bytes  {}", entry.metadata().unwrap().len(), entry.file_name().to_string_lossy());
    }
}

fn last_ten() -> refrain_core::ports::store::CallFilter {
    refrain_core::ports::store::CallFilter { last: Some(10), ..Default::default() }
}

fn open(folder: &Path) -> FileStore {
    FileStore::open(folder, Durability::Process).unwrap()
}

fn unit_key(n: u64) -> Digest {
    Digest::of_content(&n.to_le_bytes())
}

fn group(first: u64) -> Batch {
    let text = "x".repeat(180);
    let pair = |n: u64| {
        let reply = Json::string(&format!("{n:0>18}{text}"));
        let asks = vec![IntentAsk { key: unit_key(n), unit: UnitId::new(&format!("line_{n}")) }];
        let results = vec![OutcomeAsk { key: unit_key(n), result: AskResult::Reply(reply) }];
        [
            LedgerEntry::Intent(Intent {
                call: CallId(n),
                lane: 0,
                attempt: 1,
                rung: Rung::First,
                at: at(n),
                ceiling: None,
                asks,
            }),
            LedgerEntry::Outcome(Outcome {
                call: CallId(n),
                at: at(n),
                usage: usage(),
                served: None,
                asks: results,
            }),
        ]
    };
    ledger((first..UNITS.min(first + GROUP)).flat_map(pair).collect())
}

async fn timed<T>(what: &str, times: u64, work: impl Future<Output = T>) -> T {
    let before = cpu_nanos();
    let result = work.await;
    let spent = cpu_nanos() - before;
    println!("{:>12} ns  {what} ({times} x)", spent / times);
    result
}

/// The CPU time of all threads, which live longer than what is measured.
fn cpu_nanos() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(Result::unwrap);
    let nanos = tasks.map(|task| fs::read_to_string(task.path().join("schedstat")).unwrap());
    nanos.map(|text| text.split(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}
