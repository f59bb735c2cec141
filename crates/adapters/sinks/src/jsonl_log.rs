//! The log file.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use refrain_core::ports::sink::{LogSink, SinkError};
use refrain_schemas::event::{Event, Level};
use refrain_schemas::log_line::LogLine;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

use crate::own_file;

/// How long a sink that is dropped waits for its lines; a disk that takes longer has lost them.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Writes events as lines of JSON, one file per run.
///
/// A thread of its own writes, so that a slow disk does not slow calls down; nothing is dropped where it falls behind.
/// Lines are counted on both sides, and that is how [`LogSink::flush`] knows that all of them are in the file.
#[derive(Debug)]
pub struct JsonlLog {
    level: Level,
    name: String,
    ledger: Arc<Ledger>,
    writer: Mutex<Handed>,
    _guard: WorkerGuard,
}

/// The side that hands lines over.
#[derive(Debug)]
struct Handed {
    writer: NonBlocking,
    lines: u64,
}

/// What the writing thread has done so far.
#[derive(Debug, Default)]
struct Ledger {
    state: Mutex<Done>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Done {
    /// Lines that are in the file.
    lines: u64,
    error: Option<io::Error>,
    waiting: Vec<Waker>,
}

impl JsonlLog {
    /// Opens the file at a path, making its folder where needed. Events below the level are left out.
    ///
    /// # Errors
    /// Fails where the folder or the file cannot be made, or a link stands in its place; a run can do without its log.
    pub fn create(path: impl AsRef<Path>, level: Level) -> io::Result<Self> {
        let path = path.as_ref();
        let file = own_file::append_to(path)?;
        Ok(Self::to(file, path.display().to_string(), level))
    }

    /// Writes to a file that is open, which errors call by a name.
    #[must_use]
    pub fn to(file: File, name: String, level: Level) -> Self {
        let ledger = Arc::new(Ledger::default());
        let counting = Counting { out: BufWriter::new(file), lines: 0, ledger: Arc::clone(&ledger) };
        let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(counting);
        Self { level, name, ledger, writer: Mutex::new(Handed { writer, lines: 0 }), _guard: guard }
    }

    fn hand_over(&self, line: &[u8]) -> io::Result<()> {
        let mut handed = lock(&self.writer);
        handed.writer.write_all(line)?;
        handed.lines += 1;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> SinkError {
        SinkError { sink: self.name.clone(), source }
    }

    fn check(&self) -> Result<(), SinkError> {
        let error = self.ledger.lock().error.take();
        error.map_or(Ok(()), |error| Err(self.failed(error)))
    }
}

#[async_trait]
impl LogSink for JsonlLog {
    fn level(&self) -> Level {
        self.level
    }

    async fn log(&self, event: &Event) -> Result<(), SinkError> {
        self.check()?;
        if event.kind.level() < self.level {
            return Ok(());
        }
        let mut line = serde_json::to_vec(&LogLine::of(event)).map_err(|e| self.failed(e.into()))?;
        line.push(b'\n');
        self.hand_over(&line).map_err(|e| self.failed(e))
    }

    async fn flush(&self) -> Result<(), SinkError> {
        let handed = lock(&self.writer).lines;
        poll_fn(|context| {
            let mut done = self.ledger.lock();
            if done.lines >= handed {
                return Poll::Ready(());
            }
            done.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
        self.check()
    }
}

impl Drop for JsonlLog {
    fn drop(&mut self) {
        // The guard gives its thread a tenth of a second, which is not enough for a full queue.
        let handed = lock(&self.writer).lines;
        let done = self.ledger.lock();
        let waited = self.ledger.changed.wait_timeout_while(done, LAST_WAIT, |done| done.lines < handed);
        drop(waited);
    }
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Done> {
        lock(&self.state)
    }

    fn note(&self, lines: u64) {
        let mut done = self.lock();
        done.lines = lines;
        done.waiting.drain(..).for_each(Waker::wake);
        self.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts lines on their way into the file. It never fails: its thread would drop the error, so it is kept where the
/// next call finds it, and the lines count as done.
struct Counting {
    out: BufWriter<File>,
    lines: u64,
    ledger: Arc<Ledger>,
}

impl Counting {
    fn keep(&self, result: io::Result<()>) {
        if let Err(error) = result {
            self.ledger.lock().error.get_or_insert(error);
        }
    }
}

impl Write for Counting {
    /// Takes one line; the thread hands over one line at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let result = self.out.write_all(line);
        self.keep(result);
        self.lines += 1;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.out.flush();
        self.keep(result);
        self.ledger.note(self.lines);
        Ok(())
    }
}
