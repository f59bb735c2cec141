//! Random histories of a store, and what must come of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use refrain_core::ports::store::{Batch, CallFilter, Keep, LedgerSummary, Store, StoreError};
use refrain_schemas::digest::Digest;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{CallView, LaneSum, Rung};
use refrain_schemas::name::CallId;
use refrain_schemas::usage::Usage;

use super::Open;
use super::fixture::{
    abandoned, alias, begin, exchange, failure, holder, intent, intent_for, key, lane, ledger, model_lane,
    outcome, reply, run, run_started, target, usage,
};

/// How many names there are for keys and pages; few, so that they meet.
const NAMES: u8 = 12;

/// One thing done to a store.
#[derive(Debug, Clone)]
pub enum Step {
    /// One commit.
    Commit(Vec<Op>),
    /// The writer goes and another begins.
    Reopen {
        /// Whether it said so.
        ended: bool,
    },
    /// A collection that keeps these pages and, where given, these replies.
    Collect {
        /// The pages.
        pages: BTreeSet<u8>,
        /// The replies.
        replies: Option<BTreeSet<u8>>,
    },
}

/// One part of a commit.
#[derive(Debug, Clone)]
pub enum Op {
    /// A call about one key that is answered, fails (`Some(false)`) or is left in doubt.
    Call(u8, Option<bool>),
    /// A page.
    Page(u8),
    /// A history entry.
    History,
    /// A key gets the reply of another, where there is one.
    Alias(u8, u8),
    /// All calls in doubt are taken note of.
    Abandon,
}

/// Returns random histories.
pub fn scripts() -> impl Strategy<Value = Vec<Step>> {
    let name = 0..NAMES;
    let op = prop_oneof![
        4 => (name.clone(), any::<Option<bool>>()).prop_map(|(key, end)| Op::Call(key, end)),
        2 => name.clone().prop_map(Op::Page),
        1 => Just(Op::History),
        1 => (name.clone(), name.clone()).prop_map(|(key, of)| Op::Alias(key, of)),
        1 => Just(Op::Abandon),
    ];
    let names = proptest::collection::btree_set(name, 0..NAMES as usize);
    let collect = (names.clone(), proptest::option::of(names));
    let step = prop_oneof![
        6 => proptest::collection::vec(op, 0..8).prop_map(Step::Commit),
        2 => any::<bool>().prop_map(|ended| Step::Reopen { ended }),
        1 => collect.prop_map(|(pages, replies)| Step::Collect { pages, replies }),
    ];
    proptest::collection::vec(step, 1..16)
}

/// What a store must hold.
#[derive(Debug, Default)]
struct Model {
    replies: BTreeMap<u8, String>,
    pages: BTreeSet<u8>,
    history: Vec<HistoryEntry>,
    summary: LedgerSummary,
    /// The calls with an outcome: their key, their reply, and whether that is on record.
    ended: BTreeMap<u64, (u8, Option<String>, bool)>,
    in_doubt: Vec<CallId>,
    next_call: u64,
}

/// Plays a script and checks the store after every step, through its writer and through others.
///
/// # Panics
/// Where it holds anything else than it must.
pub async fn follows_the_model(open: Open<'_>, script: &[Step]) {
    let mut model = Model::default();
    let reader = open();
    let mut writer = open();
    begin(&writer).await;
    let lanes = vec![lane(0, run(1), target("a", "ja")), model_lane(1, run(1), target("b", "ja"), "p/m")];
    writer.commit(ledger(lanes)).await.unwrap();
    for step in script {
        match step {
            Step::Commit(ops) => writer.commit(model.batch(ops)).await.unwrap(),
            Step::Reopen { ended } => writer = model.reopen(open, writer, *ended).await,
            Step::Collect { pages, replies } => model.collect(&writer, pages, replies.as_ref()).await,
        }
        for store in [&writer, &reader, &open()] {
            model.check(store).await;
        }
    }
}

fn name(n: u8) -> String {
    format!("name {n}")
}

fn named(names: impl Iterator<Item = u8>) -> Vec<Digest> {
    names.map(|n| key(&name(n))).collect()
}

impl Model {
    fn batch(&mut self, ops: &[Op]) -> Batch {
        let mut batch = Batch::default();
        for op in ops {
            match op {
                Op::Call(key, end) => self.call(*key, *end, &mut batch),
                Op::Page(n) => {
                    self.pages.insert(*n);
                    batch.pages.push((key(&name(*n)), name(*n).into_bytes()));
                }
                Op::History => {
                    batch.history.push(run_started(self.history.len() as u128));
                    self.history.extend(batch.history.last().cloned());
                }
                Op::Alias(new, of) => self.alias(*new, *of, &mut batch),
                Op::Abandon => {
                    self.summary.abandoned += self.in_doubt.len() as u64;
                    batch.ledger.extend(self.in_doubt.drain(..).map(|call| abandoned(call, run(2))));
                }
            }
        }
        batch
    }

    fn call(&mut self, key: u8, end: Option<bool>, batch: &mut Batch) {
        let call = self.next_call;
        self.next_call += 1;
        let unit = name(key);
        batch.ledger.push(match call % 3 {
            0 => intent(call, 0, &[&unit]),
            1 => intent_for(call, 0, Rung::Repair, &[&unit]),
            _ => intent_for(call, 1, Rung::First, &[&unit]),
        });
        let Some(answered) = end else {
            self.in_doubt.push(CallId(call));
            return;
        };
        let text = format!("reply {call}");
        self.summary.done += 1;
        self.summary.usage.add(&usage());
        let result = if answered { reply(&text) } else { failure("no") };
        batch.ledger.push(outcome(call, &[(&unit, result)]));
        batch.exchanges.push((CallId(call), vec![exchange(&text)]));
        self.ended.insert(call, (key, answered.then(|| text.clone()), true));
        if answered {
            self.replies.insert(key, text);
        }
    }

    fn alias(&mut self, new: u8, of: u8, batch: &mut Batch) {
        if let Some(reply) = self.replies.get(&of).cloned() {
            self.replies.insert(new, reply);
            batch.ledger.push(alias(&name(new), &name(of)));
        }
    }

    async fn reopen(&self, open: Open<'_>, writer: Arc<dyn Store>, ended: bool) -> Arc<dyn Store> {
        if ended {
            writer.end_writing().await.unwrap();
        }
        drop(writer);
        let store = open();
        let opening = store.begin_writing(&holder("refrain run")).await.unwrap();
        assert_eq!((opening.next_call, opening.next_lane), (CallId(self.next_call), 2));
        let in_doubt: Vec<CallId> = opening.in_doubt.iter().map(|call| call.call).collect();
        assert_eq!(in_doubt, self.in_doubt);
        assert_eq!(opening.recovered, [] as [String; 0]);
        store
    }

    async fn collect(
        &mut self,
        store: &Arc<dyn Store>,
        pages: &BTreeSet<u8>,
        replies: Option<&BTreeSet<u8>>,
    ) {
        let digests = |names: &BTreeSet<u8>| named(names.iter().copied()).into_iter().collect();
        let keep =
            Keep { pages: digests(pages), replies: replies.map(digests), history: None, dry_run: false };
        let told = store.collect(Keep { dry_run: true, ..keep.clone() }).await.unwrap();
        let collected = store.collect(keep).await.unwrap();
        assert_eq!(told, collected, "a dry run tells what will be removed, to the byte");
        let before = (self.pages.len(), self.replies.len());
        self.pages.retain(|page| pages.contains(page));
        self.replies.retain(|key, _| replies.is_none_or(|replies| replies.contains(key)));
        assert_eq!(collected.pages, (before.0 - self.pages.len()) as u64);
        assert_eq!(collected.replies, (before.1 - self.replies.len()) as u64);
        if collected.replies > 0 {
            for (key, reply, on_record) in self.ended.values_mut() {
                *on_record &= reply.is_none() || *reply == self.replies.get(key).cloned();
            }
        }
    }

    async fn check(&self, store: &Arc<dyn Store>) {
        assert_eq!(store.history().await.unwrap(), self.history);
        let summary = LedgerSummary { in_doubt: self.in_doubt.len() as u64, ..self.summary };
        assert_eq!(store.ledger_summary().await.unwrap(), summary);
        let replies: Vec<_> =
            (0..NAMES).map(|n| self.replies.get(&n).map(|text| Json::string(text))).collect();
        assert_eq!(store.replies(&named(0..NAMES)).await.unwrap(), replies);
        for n in 0..NAMES {
            match store.pages(&[key(&name(n))]).await {
                Ok(pages) => assert!(self.pages.contains(&n) && *pages[0] == *name(n).as_bytes()),
                Err(StoreError::Missing { .. }) => assert!(!self.pages.contains(&n)),
                Err(error) => panic!("{error}"),
            }
        }
        let calls = store.calls(&CallFilter::default()).await.unwrap();
        assert_eq!(calls.len() as u64, self.next_call);
        let mut sum = Usage::default();
        calls.iter().for_each(|call| sum.add(&call.usage));
        assert_eq!(sum, self.summary.usage);
        self.check_sums(store, &calls).await;
        let mut recorded = store.recorded().await.unwrap();
        let mut expected = named(self.replies.keys().copied());
        recorded.sort_unstable();
        expected.sort_unstable();
        assert_eq!(recorded, expected);
        for call in 0..self.next_call {
            let on_record = self.ended.get(&call).is_some_and(|(_, _, on_record)| *on_record);
            let expected = on_record.then(|| exchange(&format!("reply {call}")));
            assert_eq!(store.exchanges(CallId(call)).await.unwrap(), Vec::from_iter(expected));
        }
    }

    /// The sums by lane are those over the calls.
    async fn check_sums(&self, store: &Arc<dyn Store>, calls: &[CallView]) {
        let found = store.lane_sums().await.unwrap();
        let mut expected: BTreeMap<(String, Rung), LaneSum> = BTreeMap::new();
        for call in calls {
            let phase = call.target.phase.to_string();
            let lane = found.iter().find(|sum| sum.lane.target == call.target).unwrap().lane.clone();
            let sum = expected.entry((phase, call.rung)).or_insert_with(|| LaneSum::new(lane, call.rung));
            sum.add(call.state, call.asks.len() as u64, &call.usage, call.ceiling.as_ref());
        }
        // The phase of the first lane comes first.
        assert_eq!(found, expected.into_values().collect::<Vec<_>>());
    }
}
