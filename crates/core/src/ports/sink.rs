//! Where events and progress go.

use std::fmt::Debug;

use async_trait::async_trait;
use refrain_schemas::event::{Event, Level};
use refrain_schemas::progress::RunProgress;

/// Takes events.
///
/// - Events come in order, one at a time; a slow sink slows the run down, and that is its back-pressure.
/// - A sink that fails is told nothing more; the run goes on without it and says so once.
/// - After [`LogSink::flush`] everything taken before is where it belongs.
#[async_trait]
pub trait LogSink: Debug + Send + Sync + 'static {
    /// Returns the least level that the sink wants; events below it are not even made where no other sink wants them.
    fn level(&self) -> Level;

    /// Takes one event.
    async fn log(&self, event: &Event) -> Result<(), SinkError>;

    /// Brings everything to its place.
    async fn flush(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Takes progress: the whole state each time, at every change of status and now and then in between.
#[async_trait]
pub trait ProgressSink: Debug + Send + Sync + 'static {
    /// Takes the progress as it is now.
    async fn progress(&self, progress: &RunProgress) -> Result<(), SinkError>;

    /// Brings everything to its place.
    async fn flush(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A sink failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to write to {sink}: {source}")]
pub struct SinkError {
    /// Which sink.
    pub sink: String,
    /// What the system said.
    pub source: std::io::Error,
}
