//! The books of everybody outside of the engine: what was durable when, what was asked, answered and paid.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use refrain_core::ports::agent::Request;
use refrain_core::ports::store::Batch;
use refrain_schemas::digest::Digest;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::ledger::{AskResult, Intent, LedgerEntry, Outcome};
use refrain_schemas::name::{CallId, RunId, UnitId};
use refrain_schemas::usage::Usage;

use super::finding::{Finding, FindingKind};

/// How many findings of one story are kept; one defect can make thousands.
const MOST_FINDINGS: usize = 20;

/// The books of one story, over all its runs.
#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<Pages>);

/// What is in the books.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    calls: BTreeMap<CallId, CallEntry>,
    /// Keys whose replies are durable.
    bought: BTreeSet<Digest>,
    /// Keys that are asked about right now, by the process that is alive.
    on_their_way: BTreeMap<Digest, CallId>,
    revisions: BTreeSet<Digest>,
    /// Which run each lane is of.
    lanes: BTreeMap<u32, RunId>,
    /// The keys that were asked about since the books were opened last.
    pub(crate) asked: BTreeSet<Digest>,
    /// What went wrong, by what it was.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    findings: Vec<Finding>,
    n_findings: usize,
}

/// One call.
#[derive(Debug)]
struct CallEntry {
    lane: u32,
    asks: Vec<(Digest, UnitId)>,
    state: State,
    /// Whether it arrived where it was to be answered.
    arrived: bool,
    /// The units that have an answer.
    answered: BTreeSet<UnitId>,
    /// What it consumed there.
    consumed: Usage,
    /// What the ledger says that it consumed.
    ledger: Option<Usage>,
}

/// What is durable of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Intended,
    Done,
}

impl Book {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something that should not be.
    pub(crate) fn find(&self, kind: FindingKind, message: impl Into<String>) {
        self.pages().find(kind, message);
    }

    /// Notes what went wrong.
    pub(crate) fn fault(&self, name: &'static str) {
        *self.pages().faults.entry(name).or_default() += 1;
    }

    /// Returns what went wrong so far.
    pub(crate) fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.pages().faults.clone()
    }

    /// Notes a batch that is durable.
    pub(crate) fn durable(&self, batch: &Batch) {
        let mut pages = self.pages();
        for entry in &batch.ledger {
            match entry {
                LedgerEntry::Intent(intent) => pages.intended(intent),
                LedgerEntry::Outcome(outcome) => pages.ended(outcome),
                LedgerEntry::Alias(alias) => drop(pages.bought.insert(alias.key)),
                LedgerEntry::Imported(imported) => drop(pages.bought.insert(imported.key)),
                LedgerEntry::Lane(lane) => drop(pages.lanes.insert(lane.lane, lane.run_id)),
                LedgerEntry::Abandoned(_) => {}
            }
        }
        for entry in &batch.history {
            if let HistoryEntry::Revision(record) = entry {
                pages.revisions.insert(record.artifact.digest);
            }
        }
    }

    /// Notes a call that arrives where it is answered.
    pub(crate) fn arrives(&self, request: &Request) {
        self.pages().arrives(request);
    }

    /// Notes what a call consumed and which units it answered; the process that asked may not live to hear of it.
    pub(crate) fn answers(&self, call: CallId, usage: Usage, answered: BTreeSet<UnitId>) {
        if let Some(entry) = self.pages().calls.get_mut(&call) {
            entry.consumed = usage;
            entry.answered = answered;
        }
    }

    /// Notes that a call is over, however it went.
    pub(crate) fn leaves(&self, call: CallId) {
        self.pages().on_their_way.retain(|_, other| *other != call);
    }

    /// Notes that the process which asked is gone, with all that it was waiting for.
    pub(crate) fn gone(&self) {
        self.pages().on_their_way.clear();
    }

    /// Checks that an event tells of a call what is durable of it.
    pub(crate) fn told(&self, call: CallId, is_done: bool) {
        let mut pages = self.pages();
        let known = pages.calls.get(&call).map(|entry| entry.state);
        let expect = if is_done { State::Done } else { State::Intended };
        if known != Some(expect) {
            let message = format!("call {call} is told of as {expect:?}, and {known:?} is durable");
            pages.find(FindingKind::ToldBeforeDurable, message);
        }
    }

    /// Checks that a revision that is told of is durable.
    pub(crate) fn told_revision(&self, digest: Digest) {
        let mut pages = self.pages();
        if !pages.revisions.contains(&digest) {
            let message = format!("revision {} is told of before it is in the history", digest.short());
            pages.find(FindingKind::ToldBeforeDurable, message);
        }
    }

    /// Takes what was asked since this was called last.
    pub(crate) fn take_asked(&self) -> BTreeSet<Digest> {
        std::mem::take(&mut self.pages().asked)
    }

    /// Returns the keys whose replies are durable.
    pub(crate) fn bought(&self) -> BTreeSet<Digest> {
        self.pages().bought.clone()
    }

    /// Returns how many calls have an intent and no outcome.
    pub(crate) fn open(&self) -> usize {
        self.pages().calls.values().filter(|entry| entry.state == State::Intended).count()
    }

    /// Returns how many calls there were, and what they consumed where they were answered.
    pub(crate) fn total(&self) -> (u64, Usage) {
        let pages = self.pages();
        let mut usage = Usage::default();
        pages.calls.values().for_each(|entry| usage.add(&entry.consumed));
        (pages.calls.len() as u64, usage)
    }

    /// Returns how many calls a run made by the ledger, and what those consumed that have an outcome.
    pub(crate) fn of_run(&self, run: RunId) -> (u64, Usage) {
        let pages = self.pages();
        let mut sum = (0, Usage::default());
        for entry in pages.calls.values().filter(|entry| pages.lanes.get(&entry.lane) == Some(&run)) {
            sum.0 += 1;
            sum.1.add(&entry.ledger.unwrap_or_default());
        }
        sum
    }

    /// Compares the ledger with what was consumed.
    pub(crate) fn balance(&self) {
        let mut pages = self.pages();
        let mut wrong = Vec::new();
        for (call, entry) in &pages.calls {
            match (entry.state, &entry.ledger) {
                (State::Done, Some(ledger)) if !is_same(ledger, &entry.consumed) => wrong.push(format!(
                    "call {call} consumed {:?}, and the ledger has {ledger:?}",
                    entry.consumed
                )),
                (State::Done, _) | (State::Intended, _) => {}
            }
        }
        for message in wrong {
            pages.find(FindingKind::BooksDiffer, message);
        }
    }

    /// Closes the books: returns what was found, and what went wrong.
    pub(crate) fn close(&self) -> (Vec<Finding>, BTreeMap<&'static str, u64>) {
        let mut pages = self.pages();
        (std::mem::take(&mut pages.findings), std::mem::take(&mut pages.faults))
    }
}

/// Whether two usages are the same up to how floats add up.
pub(crate) fn is_same(one: &Usage, other: &Usage) -> bool {
    let dollars = |usage: &Usage| usage.cost_usd.unwrap_or(0.0);
    one.tokens() == other.tokens() && (dollars(one) - dollars(other)).abs() < 1e-9
}

impl Pages {
    fn find(&mut self, kind: FindingKind, message: impl Into<String>) {
        self.n_findings += 1;
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding::new(kind, message));
        }
    }

    fn intended(&mut self, intent: &Intent) {
        let asks = intent.asks.iter().map(|ask| (ask.key, ask.unit.clone())).collect();
        let entry = CallEntry {
            lane: intent.lane,
            asks,
            state: State::Intended,
            arrived: false,
            answered: BTreeSet::new(),
            consumed: Usage::default(),
            ledger: None,
        };
        if self.calls.insert(intent.call, entry).is_some() {
            self.find(FindingKind::BooksDiffer, format!("call {} is intended twice", intent.call));
        }
    }

    fn ended(&mut self, outcome: &Outcome) {
        let replies = outcome.asks.iter().filter(|ask| matches!(ask.result, AskResult::Reply(_)));
        let replied: Vec<Digest> = replies.map(|ask| ask.key).collect();
        for key in &replied {
            if !self.bought.insert(*key) {
                let message = format!("call {} brought a reply that was there", outcome.call);
                self.find(FindingKind::BoughtTwice, message);
            }
        }
        self.check_answered(outcome.call, &replied);
        let Some(entry) = self.calls.get_mut(&outcome.call) else { return };
        entry.state = State::Done;
        entry.ledger = Some(outcome.usage);
        if !entry.arrived && outcome.usage.tokens() > 0 {
            let message = format!("call {} never arrived, and the ledger has a price for it", outcome.call);
            self.find(FindingKind::BooksDiffer, message);
        }
    }

    /// Checks that what is kept as a reply is one.
    fn check_answered(&mut self, call: CallId, replied: &[Digest]) {
        let Some(entry) = self.calls.get(&call) else { return };
        let mut asked = entry.asks.iter().filter(|(key, _)| replied.contains(key));
        let wrong = asked.find(|(_, unit)| !entry.answered.contains(unit)).map(|(_, unit)| unit.clone());
        if let Some(unit) = wrong {
            let message = format!("call {call} brought no answer about {unit}, and the ledger has a reply");
            self.find(FindingKind::FailureKept, message);
        }
    }

    fn arrives(&mut self, request: &Request) {
        let call = request.call;
        let Some(entry) = self.calls.get_mut(&call).filter(|entry| entry.state == State::Intended) else {
            let message = format!("call {call} left before its intent was durable");
            return self.find(FindingKind::CallBeforeIntent, message);
        };
        entry.arrived = true;
        let asks = entry.asks.clone();
        let intended: BTreeSet<&UnitId> = asks.iter().map(|(_, unit)| unit).collect();
        let asked: BTreeSet<&UnitId> = request.units.iter().map(|unit| &unit.id).collect();
        if intended != asked {
            let message = format!("call {call} asks about {asked:?}, and its intent is about {intended:?}");
            self.find(FindingKind::BooksDiffer, message);
        }
        for (key, unit) in asks {
            self.asked.insert(key);
            if self.bought.contains(&key) {
                let message =
                    format!("{}/{unit} is asked about in call {call}; its reply is there", request.phase);
                self.find(FindingKind::BoughtTwice, message);
            }
            if let Some(other) = self.on_their_way.insert(key, call) {
                let message =
                    format!("{}/{unit} is asked about in calls {other} and {call} at once", request.phase);
                self.find(FindingKind::BoughtTwice, message);
            }
        }
    }
}
