//! The progress file.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use refrain_core::ports::sink::{ProgressSink, SinkError};
use refrain_schemas::progress::{PhaseProgress, RunProgress};

use crate::own_file;

/// How far apart lines are in which no status changed, in seconds.
const PAUSE: f64 = 0.2;
/// So many phases are few: a line has all of them, and lines of thousands at each change would fill the disk.
const FEW: usize = 100;

/// Writes the whole progress as one line of JSON at every change of a status, and five times a second at most in between.
/// Where there are many phases, so that lines are long, they are as much further apart, changes of a status too.
///
/// What came too early or changed nothing but the time is left out; [`ProgressSink::flush`] writes the last state in any
/// case.
#[derive(Debug)]
pub struct JsonlProgress {
    name: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    written: Option<RunProgress>,
    held_back: Option<RunProgress>,
}

impl JsonlProgress {
    /// Opens the file at a path, making its folder where needed.
    ///
    /// # Errors
    /// Fails where the folder or the file cannot be made, or a link stands in its place; a run can do without it.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let file = own_file::append_to(path)?;
        let state = State { file, written: None, held_back: None };
        Ok(Self { name: path.display().to_string(), state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, source: io::Error) -> SinkError {
        SinkError { sink: self.name.clone(), source }
    }
}

#[async_trait]
impl ProgressSink for JsonlProgress {
    async fn progress(&self, progress: &RunProgress) -> Result<(), SinkError> {
        self.lock().take(progress).map_err(|e| self.failed(e))
    }

    async fn flush(&self) -> Result<(), SinkError> {
        let mut state = self.lock();
        let last = state.held_back.take();
        last.map_or(Ok(()), |last| state.write(last)).map_err(|e| self.failed(e))
    }
}

impl State {
    fn take(&mut self, progress: &RunProgress) -> io::Result<()> {
        match &self.written {
            Some(written) if same_figures(written, progress) => {
                self.held_back = None;
                Ok(())
            }
            Some(written) if may_wait(written, progress) && is_soon(written, progress) => {
                self.held_back = Some(progress.clone());
                Ok(())
            }
            _ => self.write(progress.clone()),
        }
    }

    fn write(&mut self, progress: RunProgress) -> io::Result<()> {
        let mut line = serde_json::to_vec(&progress)?;
        line.push(b'\n');
        // One write per line: a reader sees whole lines only, but for a kill in the middle.
        self.file.write_all(&line)?;
        self.written = Some(progress);
        self.held_back = None;
        Ok(())
    }
}

fn is_soon(written: &RunProgress, progress: &RunProgress) -> bool {
    let n_times = (progress.phases.len() / FEW).max(1);
    progress.elapsed_seconds - written.elapsed_seconds < PAUSE * n_times as f64
}

/// Whether nobody misses a line: the last one of a run is written in any case.
fn may_wait(written: &RunProgress, progress: &RunProgress) -> bool {
    progress.phases.len() > FEW && written.status == progress.status || same_statuses(written, progress)
}

fn same_statuses(a: &RunProgress, b: &RunProgress) -> bool {
    let status = |phase: &PhaseProgress| (phase.revision, phase.status, phase.started, phase.locked);
    a.status == b.status && a.phases.iter().map(status).eq(b.phases.iter().map(status))
}

/// Whether two states differ in nothing but what passes with time.
fn same_figures(a: &RunProgress, b: &RunProgress) -> bool {
    let timeless = |phase: &PhaseProgress| PhaseProgress { rate: None, eta_seconds: None, ..phase.clone() };
    let same_run =
        (a.status, a.percent, a.units, a.calls, a.usage) == (b.status, b.percent, b.units, b.calls, b.usage);
    same_run && a.phases.iter().map(timeless).eq(b.phases.iter().map(timeless))
}
