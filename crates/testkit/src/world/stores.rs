//! A sink that checks events against the store.

use std::sync::Arc;

use async_trait::async_trait;
use refrain_core::ports::sink::{LogSink, SinkError};
use refrain_core::ports::store::Store;
use refrain_schemas::digest::Digest;
use refrain_schemas::event::{Event, EventKind, Level};
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::ledger::CallState;
use refrain_schemas::name::CallId;

use crate::witnessed_store::state;

/// Checks that whatever an event says is durable when it says so.
#[derive(Debug)]
pub(super) struct Watcher {
    store: Arc<dyn Store>,
    watches: bool,
}

impl Watcher {
    pub(super) fn new(store: Arc<dyn Store>, watches: bool) -> Arc<Self> {
        Arc::new(Self { store, watches })
    }

    async fn check_call(&self, call: CallId, expect: CallState) {
        let found = state(&*self.store, call).await;
        assert!(found == Some(expect), "{call} is told of as {expect:?}, but the ledger has it as {found:?}");
    }

    async fn check_revision(&self, event: &Event, digest: Digest) {
        let history = self.store.history().await.unwrap_or_default();
        let is_there = history.iter().any(|entry| match entry {
            HistoryEntry::Revision(record) => {
                record.artifact.digest == digest && Some(&record.target.phase) == event.phase.as_ref()
            }
            _ => false,
        });
        assert!(is_there, "a revision is told of before it is in the history");
        let pages = self.store.pages(&[digest]).await;
        assert!(pages.is_ok(), "a revision is told of before its pages are stored");
    }
}

#[async_trait]
impl LogSink for Watcher {
    fn level(&self) -> Level {
        if self.watches { Level::Debug } else { Level::Error }
    }

    async fn log(&self, event: &Event) -> Result<(), SinkError> {
        if !self.watches {
            return Ok(());
        }
        match &event.kind {
            EventKind::CallIntended { call, .. } => self.check_call(*call, CallState::InDoubt).await,
            EventKind::CallCompleted { call, .. } | EventKind::CallFailed { call, .. } => {
                self.check_call(*call, CallState::Done).await;
            }
            EventKind::PhaseCompleted(end) | EventKind::PhasePartial(end) => {
                self.check_revision(event, end.digest).await;
            }
            _ => {}
        }
        Ok(())
    }
}
