//! Sinks that keep what they take.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use refrain_core::ports::sink::{LogSink, ProgressSink, SinkError};
use refrain_schemas::event::{Event, Level};
use refrain_schemas::progress::RunProgress;

/// Keeps every event from a level on.
#[derive(Debug)]
pub struct RecordingLog {
    level: Level,
    events: Mutex<Vec<Event>>,
}

impl RecordingLog {
    /// Returns a log that keeps events of at least this level.
    #[must_use]
    pub fn new(level: Level) -> Arc<Self> {
        Arc::new(Self { level, events: Mutex::default() })
    }

    /// Returns the events so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl LogSink for RecordingLog {
    fn level(&self) -> Level {
        self.level
    }

    async fn log(&self, event: &Event) -> Result<(), SinkError> {
        if event.kind.level() >= self.level {
            self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        }
        Ok(())
    }
}

/// Keeps every state of the progress.
#[derive(Debug, Default)]
pub struct RecordingProgress(Mutex<Vec<RunProgress>>);

impl RecordingProgress {
    /// Returns a sink that has nothing so far.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Returns the states so far.
    #[must_use]
    pub fn states(&self) -> Vec<RunProgress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl ProgressSink for RecordingProgress {
    async fn progress(&self, progress: &RunProgress) -> Result<(), SinkError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(progress.clone());
        Ok(())
    }
}
