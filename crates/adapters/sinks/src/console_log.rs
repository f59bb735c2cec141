//! Events as plain lines for people.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use owo_colors::OwoColorize as _;
use refrain_core::escape::escape;
use refrain_core::ports::sink::{LogSink, SinkError};
use refrain_schemas::event::{Event, Level};
use refrain_schemas::log_line::message;

use crate::human::style;

/// Whether standard error shows colours: it is a terminal, and nothing such as `NO_COLOR` forbids them.
#[must_use]
pub fn stderr_has_colour() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Writes one line per event: the time since the start, the level, the message.
pub struct ConsoleLog {
    level: Level,
    colour: bool,
    out: Mutex<Box<dyn Write + Send>>,
}

impl ConsoleLog {
    /// Writes to a given stream. Events below the level are left out.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, level: Level, colour: bool) -> Self {
        Self { level, colour, out: Mutex::new(out) }
    }

    /// Writes to standard error, coloured where it shows colours.
    #[must_use]
    pub fn stderr(level: Level) -> Self {
        Self::new(Box::new(io::stderr()), level, stderr_has_colour())
    }

    fn with(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), SinkError> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        write(out.as_mut()).map_err(|source| SinkError { sink: "the console".to_owned(), source })
    }
}

#[async_trait]
impl LogSink for ConsoleLog {
    fn level(&self) -> Level {
        self.level
    }

    async fn log(&self, event: &Event) -> Result<(), SinkError> {
        if event.kind.level() < self.level {
            return Ok(());
        }
        let line = format!("{}\n", line(event, self.colour));
        self.with(|out| out.write_all(line.as_bytes()))
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.with(|out| out.flush())
    }
}

impl fmt::Debug for ConsoleLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleLog")
            .field("level", &self.level)
            .field("colour", &self.colour)
            .finish_non_exhaustive()
    }
}

/// Writes an event as one line that cannot do anything to a terminal.
pub(crate) fn line(event: &Event, colour: bool) -> String {
    let level = event.kind.level();
    let message = message(event);
    let message = escape(&message);
    let elapsed = event.elapsed;
    if colour {
        format!("{:>9} {:<5} {message}", format!("{elapsed:.3}s").dimmed(), level.style(style(level)))
    } else {
        format!("{:>9} {level:<5} {message}", format!("{elapsed:.3}s"))
    }
}
