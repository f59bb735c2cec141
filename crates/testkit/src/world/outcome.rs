//! What came of runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use refrain_core::define::FileDigests;
use refrain_core::history::History;
use refrain_core::ports::store::{CallFilter, Store as _};
use refrain_core::survey::survey;
use refrain_core::tree::sequence::Sequence;
use refrain_schemas::digest::Digest;
use refrain_schemas::event::{Event, Level};
use refrain_schemas::freshness::Freshness;
use refrain_schemas::history::RevisionRecord;
use refrain_schemas::ledger::{AskResult, CallState, CallView};
use refrain_schemas::log_line::LogLine;
use refrain_schemas::scope::Target;
use serde_json::Value;

use super::agents::Asked;
use super::simulator::{Ending, drive};
use super::{World, must, now};

impl World {
    /// Returns every question that agents were asked since this was called last, in the order in which they were
    /// asked.
    pub fn take_asked(&mut self) -> Vec<Asked> {
        self.cast.take_asked()
    }

    /// Returns the units that were asked about since this was called last, as `phase@scope/unit`, sorted.
    pub fn take_units(&mut self) -> Vec<String> {
        let mut units: Vec<String> = self.take_asked().iter().map(Asked::name).collect();
        units.sort();
        units
    }

    /// Returns how fresh every target is, as a command that only reads would see it.
    pub fn status(&mut self) -> BTreeMap<String, Freshness> {
        let engine = self.engine(false);
        let surveyed = drive(&self.clock, None, async move {
            let history = History::fold(engine.ports().store.history().await?);
            let digests = FileDigests::new(engine.ports().files.clone());
            survey(engine.model(), engine.ports(), &history, &digests).await
        });
        let standings = match surveyed {
            Ending::Over(standings) => must(standings),
            Ending::Killed => Vec::new(),
        };
        standings
            .into_iter()
            .map(|standing| (standing.target.to_string(), standing.verdict.freshness))
            .collect()
    }

    /// Returns the targets that are not fresh.
    pub fn unfresh(&mut self) -> Vec<String> {
        let status = self.status().into_iter();
        status.filter(|(_, word)| *word != Freshness::Fresh).map(|(target, _)| target).collect()
    }

    /// Returns the history.
    #[must_use]
    pub fn history(&self) -> History {
        let store = self.store.reopen();
        History::fold(must(now(store.history())))
    }

    /// Returns the latest revision of a target such as `translate@ja`.
    #[must_use]
    pub fn revision(&self, target: &str) -> Option<RevisionRecord> {
        let history = self.history();
        let mut targets = history.targets();
        let found: Option<Target> =
            targets.find(|(named, _)| named.to_string() == target).map(|(named, _)| named.clone());
        history.latest(&found?).cloned()
    }

    /// Returns the digest of the latest artifact of a target.
    ///
    /// # Panics
    /// Where it has none.
    #[must_use]
    pub fn digest(&self, target: &str) -> Digest {
        must(self.revision(target).ok_or(format!("{target} has no revision"))).artifact.digest
    }

    /// Returns the digests of all latest artifacts.
    #[must_use]
    pub fn digests(&self) -> BTreeMap<String, Digest> {
        let history = self.history();
        let latest = history.targets().filter_map(|(target, _)| Some((target, history.latest(target)?)));
        latest.map(|(target, record)| (target.to_string(), record.artifact.digest)).collect()
    }

    /// Returns the records of the latest artifact of a target; of a document, that document.
    ///
    /// # Panics
    /// Where it has none.
    #[must_use]
    pub fn artifact(&self, target: &str) -> Vec<Value> {
        let sequence = self.sequence(target);
        let entries = sequence.iter().filter(|(_, entry)| !entry.hole);
        entries.map(|(_, entry)| must(serde_json::from_str(entry.text()))).collect()
    }

    /// Returns the ids of the holes of the latest artifact of a target.
    ///
    /// # Panics
    /// Where it has none.
    #[must_use]
    pub fn holes(&self, target: &str) -> Vec<String> {
        let sequence = self.sequence(target);
        let holes = sequence.iter().filter(|(_, entry)| entry.hole);
        holes.map(|(_, entry)| entry.id.to_owned()).collect()
    }

    fn sequence(&self, target: &str) -> Sequence {
        let store = self.store.reopen();
        must(now(Sequence::open_whole(&store, self.digest(target))))
    }

    /// Returns every call of the ledger.
    #[must_use]
    pub fn ledger(&self) -> Vec<CallView> {
        let store = self.store.reopen();
        must(now(store.calls(&CallFilter::default())))
    }

    /// Returns what went over the wire in a call, as far as that was kept.
    #[must_use]
    pub fn exchanges(&self, call: refrain_schemas::name::CallId) -> Vec<refrain_schemas::exchange::Exchange> {
        let store = self.store.reopen();
        must(now(store.exchanges(call)))
    }

    /// Returns how many calls are in doubt.
    #[must_use]
    pub fn in_doubt(&self) -> usize {
        self.ledger().iter().filter(|call| call.state == CallState::InDoubt).count()
    }

    /// Returns the units of asks that were made although their keys had a reply already.
    #[must_use]
    pub fn bought_twice(&self) -> Vec<String> {
        let mut bought = BTreeSet::new();
        let mut twice = Vec::new();
        let mut calls = self.ledger();
        // A call that began before another one ended is not to blame for what that one brought.
        calls.sort_by_key(|call| (call.intended_at, call.call));
        for call in &calls {
            for ask in &call.asks {
                let before = bought.iter().any(|(key, at)| *key == ask.key && *at <= call.intended_at);
                if before {
                    twice.push(format!("{}/{}", call.target, ask.unit));
                }
            }
            let replies = call.asks.iter().filter(|ask| matches!(ask.result, Some(AskResult::Reply(_))));
            bought.extend(replies.filter_map(|ask| Some((ask.key, call.ended_at?))));
        }
        twice
    }

    /// Returns the events so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.log.events()
    }

    /// Returns the events so far as log lines, without those of a level below.
    #[must_use]
    pub fn log_lines(&self, level: Level) -> Vec<LogLine> {
        self.events().iter().map(LogLine::of).filter(|line| line.level >= level).collect()
    }

    /// Returns the states of the progress so far.
    #[must_use]
    pub fn progress(&self) -> Vec<refrain_schemas::progress::RunProgress> {
        self.progress.states()
    }

    /// Returns how much virtual time has passed.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        use refrain_core::ports::clock::Clock as _;
        self.clock.monotonic()
    }
}
