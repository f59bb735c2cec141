//! Events for the subscribers of an embedding program.

use async_trait::async_trait;
use refrain_core::ports::sink::{LogSink, SinkError};
use refrain_schemas::event::{Event, Level};
use refrain_schemas::log_line::LogLine;

/// Forwards events to `tracing`, with the target `refrain`.
#[derive(Debug, Clone, Copy)]
pub struct TracingLog {
    level: Level,
}

impl TracingLog {
    /// Returns a sink for events from this level on.
    #[must_use]
    pub const fn new(level: Level) -> Self {
        Self { level }
    }
}

/// The level of a `tracing` event is part of its type, so each level needs its own call.
macro_rules! forward {
    ($level:expr, $line:expr) => {{
        let line = $line;
        let phase = line.phase.as_ref().map(tracing::field::display);
        let scope = line.scope.as_ref().map(tracing::field::display);
        let data = line.data.as_ref().map(tracing::field::display);
        let (event, run_id) = (line.event.as_str(), line.run_id);
        tracing::event!(
            target: "refrain", $level, event, %run_id, phase, scope, data, "{}", line.message
        );
    }};
}

#[async_trait]
impl LogSink for TracingLog {
    fn level(&self) -> Level {
        self.level
    }

    async fn log(&self, event: &Event) -> Result<(), SinkError> {
        let level = event.kind.level();
        if level < self.level {
            return Ok(());
        }
        let line = LogLine::of(event);
        match level {
            Level::Debug => forward!(tracing::Level::DEBUG, &line),
            Level::Info => forward!(tracing::Level::INFO, &line),
            Level::Warn => forward!(tracing::Level::WARN, &line),
            Level::Error => forward!(tracing::Level::ERROR, &line),
        }
        Ok(())
    }
}
