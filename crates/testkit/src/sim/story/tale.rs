//! A story told in full.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use refrain_schemas::event::Event;
use refrain_schemas::report::RunStatus;

use super::session::Ended;
use super::{SeedResult, Story};

/// A seed, told in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Tale {
    /// What came of it.
    pub result: SeedResult,
    /// Its runs, in order.
    pub runs: Vec<Passage>,
}

/// One run of a story.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// How it went.
    pub end: PassageEnd,
    /// How long it took.
    pub seconds: f64,
    /// What went wrong, and how often.
    pub faults: BTreeMap<String, u64>,
    /// Everything that was told of it.
    pub events: Vec<Event>,
}

/// How a run of a story went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassageEnd {
    /// It came to its end.
    Over(RunStatus),
    /// It was killed.
    Killed,
    /// The engine gave up, mostly because its store failed.
    Failed(String),
    /// It neither ended nor went on.
    Stuck,
}

impl PassageEnd {
    fn of(ended: &Ended) -> Self {
        match ended {
            Ended::Over(report) => Self::Over(report.status),
            Ended::Killed => Self::Killed,
            Ended::Failed(error) => Self::Failed(error.to_string()),
            Ended::Stuck(_) => Self::Stuck,
        }
    }

    /// Returns the name used in JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Over(status) => status.as_str(),
            Self::Killed => "killed",
            Self::Failed(_) => "store_failed",
            Self::Stuck => "stuck",
        }
    }
}

impl Story {
    /// Forgets what was told of runs that are no part of the story.
    pub(super) fn turn_the_page(&self) {
        if let Some(kept) = &self.world.kept {
            kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// Writes a run down, where somebody wants to hear of it.
    pub(super) fn write_down(&mut self, ended: &Ended, seconds: f64, before: &BTreeMap<&'static str, u64>) {
        let Some(kept) = &self.world.kept else { return };
        let events = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
        let faults = self.book.faults().into_iter().filter_map(|(name, n)| {
            let new = n - before.get(name).copied().unwrap_or(0);
            (new > 0).then(|| (name.to_owned(), new))
        });
        let faults = faults.collect();
        self.passages.push(Passage { end: PassageEnd::of(ended), seconds, faults, events });
    }
}
