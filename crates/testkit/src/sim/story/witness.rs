//! Listens to a run and checks what it tells.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use refrain_core::ports::sink::{LogSink, ProgressSink, SinkError};
use refrain_schemas::event::{Event, EventKind, Level};
use refrain_schemas::progress::RunProgress;

use crate::sim::book::Book;
use crate::sim::finding::FindingKind;

/// Checks that whatever is told of is durable, and that progress never goes back.
#[derive(Debug)]
pub(super) struct Witness {
    book: Arc<Book>,
    last: Mutex<Last>,
    /// Where events are kept, if they are.
    kept: Option<Arc<Mutex<Vec<Event>>>>,
}

/// What was told last.
#[derive(Debug, Default)]
struct Last {
    percent: f64,
    /// By phase, scope and revision: calls, and units that ran or failed.
    phases: BTreeMap<(usize, Option<u32>), (u64, u64)>,
}

impl Witness {
    pub(super) fn new(book: Arc<Book>, kept: Option<Arc<Mutex<Vec<Event>>>>) -> Arc<Self> {
        Arc::new(Self { book, last: Mutex::default(), kept })
    }
}

#[async_trait]
impl LogSink for Witness {
    fn level(&self) -> Level {
        Level::Debug
    }

    async fn log(&self, event: &Event) -> Result<(), SinkError> {
        if let Some(kept) = &self.kept {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        }
        match &event.kind {
            EventKind::CallIntended { call, .. } => self.book.told(*call, false),
            EventKind::CallCompleted { call, .. } | EventKind::CallFailed { call, .. } => {
                self.book.told(*call, true);
            }
            EventKind::PhaseCompleted(end) | EventKind::PhasePartial(end) => {
                self.book.told_revision(end.digest);
            }
            _ => {}
        }
        Ok(())
    }
}

#[async_trait]
impl ProgressSink for Witness {
    async fn progress(&self, progress: &RunProgress) -> Result<(), SinkError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.percent < last.percent {
            let message = format!("{} percent after {}", progress.percent, last.percent);
            self.book.find(FindingKind::WentBack, message);
        }
        last.percent = progress.percent;
        for (at, phase) in progress.phases.iter().enumerate() {
            let name = (at, phase.revision.map(|revision| revision.0));
            let now = (phase.calls, phase.units.ran + phase.units.failed);
            if let Some(before) = last.phases.get(&name).filter(|before| now.0 < before.0 || now.1 < before.1)
            {
                let message =
                    format!("{}@{}: {now:?} calls and units after {before:?}", phase.phase, phase.scope);
                self.book.find(FindingKind::WentBack, message);
            }
            last.phases.insert(name, now);
        }
        Ok(())
    }
}
