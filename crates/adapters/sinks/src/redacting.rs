//! Keeps the values of secrets out of sinks.

mod event;

use async_trait::async_trait;
use refrain_core::ports::sink::{LogSink, ProgressSink, SinkError};
use refrain_core::redactor::Redactor;
use refrain_schemas::event::{Event, Level};
use refrain_schemas::progress::RunProgress;

/// Puts `[redacted]` in the place of secrets in whatever reaches a sink.
///
/// Every text that comes from data, agents or the system is looked through: messages, hints, reasons, unit ids, paths,
/// scope values. Names from the pipeline file are not; they are no place for a secret.
#[derive(Debug)]
pub struct Redacting<S> {
    secrets: Redactor,
    sink: S,
}

impl<S> Redacting<S> {
    /// Wraps a sink.
    #[must_use]
    pub const fn new(secrets: Redactor, sink: S) -> Self {
        Self { secrets, sink }
    }
}

#[async_trait]
impl<S: LogSink> LogSink for Redacting<S> {
    fn level(&self) -> Level {
        self.sink.level()
    }

    async fn log(&self, event: &Event) -> Result<(), SinkError> {
        if self.secrets.is_empty() {
            return self.sink.log(event).await;
        }
        let event = event::redact(&self.secrets, event);
        self.sink.log(&event).await
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.sink.flush().await
    }
}

#[async_trait]
impl<S: ProgressSink> ProgressSink for Redacting<S> {
    async fn progress(&self, progress: &RunProgress) -> Result<(), SinkError> {
        if self.secrets.is_empty() {
            return self.sink.progress(progress).await;
        }
        let mut progress = progress.clone();
        for phase in &mut progress.phases {
            phase.scope = event::scope(&self.secrets, &phase.scope);
        }
        self.sink.progress(&progress).await
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.sink.flush().await
    }
}
