//! Progress bars, with the log above them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use owo_colors::OwoColorize as _;
use refrain_core::escape::escape;
use refrain_core::ports::sink::{LogSink, ProgressSink, SinkError};
use refrain_schemas::event::{Event, EventKind, Level};
use refrain_schemas::name::{PhaseName, Revision};
use refrain_schemas::progress::{PhaseProgress, RunProgress};
use refrain_schemas::report::PhaseStatus;
use refrain_schemas::scope::Scope;

use crate::console_log::{line, stderr_has_colour};
use crate::human::{cost, duration, style, target, units};

/// Shows a bar for every phase that is being worked on, one line for every phase that made a revision, and warnings and
/// errors above the bars. Phases that had nothing to do are not shown.
///
/// Both sides MUST be the same object, or bars and lines overwrite each other: hand it to the engine as log sink and as
/// progress sink.
#[derive(Debug)]
pub struct TerminalSink {
    level: Level,
    colour: bool,
    multi: MultiProgress,
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    bars: BTreeMap<Attempt, Bar>,
    ended: BTreeSet<Attempt>,
}

/// A bar, and whether it has the look of one whose end is known.
#[derive(Debug)]
struct Bar {
    bar: ProgressBar,
    locked: bool,
}

type Attempt = (PhaseName, Scope, Option<Revision>);

impl TerminalSink {
    /// Returns a sink for standard error, or none where that is no terminal: plain lines are better there.
    #[must_use]
    pub fn stderr(level: Level) -> Option<Self> {
        let target = ProgressDrawTarget::stderr();
        io::stderr().is_terminal().then(|| Self::new(target, level, stderr_has_colour()))
    }

    /// Returns a sink that draws on a target. Events below the level are left out.
    #[must_use]
    pub fn new(target: ProgressDrawTarget, level: Level, colour: bool) -> Self {
        let multi = MultiProgress::with_draw_target(target);
        Self { level, colour, multi, shown: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, line: &str) -> Result<(), SinkError> {
        self.multi.println(line).map_err(failed)
    }

    fn show(&self, shown: &mut Shown, key: Attempt, phase: &PhaseProgress) {
        let bar = shown.bars.entry(key).or_insert_with(|| Bar {
            bar: self.multi.add(ProgressBar::new(0).with_style(look(false))),
            locked: false,
        });
        if phase.locked && !bar.locked {
            bar.bar.set_style(look(true));
            bar.bar.set_length(phase.units.total);
            bar.locked = true;
        }
        bar.bar.set_message(escape(&message(phase)).into_owned());
        bar.bar.set_position(done(phase));
        bar.bar.tick();
    }

    fn end(&self, shown: &mut Shown, key: Attempt, phase: &PhaseProgress) -> Result<(), SinkError> {
        if let Some(bar) = shown.bars.remove(&key) {
            bar.bar.finish_and_clear();
            self.multi.remove(&bar.bar);
        }
        match summary(phase, self.colour) {
            Some(line) if shown.ended.insert(key) => self.print(&line),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl LogSink for TerminalSink {
    fn level(&self) -> Level {
        self.level
    }

    async fn log(&self, event: &Event) -> Result<(), SinkError> {
        // The end of a partial phase has a line of its own.
        if event.kind.level() < self.level || matches!(event.kind, EventKind::PhasePartial(_)) {
            return Ok(());
        }
        self.print(&line(event, self.colour))
    }
}

#[async_trait]
impl ProgressSink for TerminalSink {
    async fn progress(&self, progress: &RunProgress) -> Result<(), SinkError> {
        let mut shown = self.lock();
        for phase in progress.phases.iter().filter(|phase| phase.started) {
            let key = (phase.phase.clone(), phase.scope.clone(), phase.revision);
            if phase.status.is_none() && progress.status.is_none() {
                self.show(&mut shown, key, phase);
            } else {
                self.end(&mut shown, key, phase)?;
            }
        }
        Ok(())
    }

    async fn flush(&self) -> Result<(), SinkError> {
        for bar in std::mem::take(&mut self.lock().bars).into_values() {
            bar.bar.finish_and_clear();
        }
        self.multi.clear().map_err(failed)
    }
}

fn failed(source: io::Error) -> SinkError {
    SinkError { sink: "the terminal".to_owned(), source }
}

/// Returns the look of a bar. All text is in the message, which is cut to the width of the terminal.
fn look(locked: bool) -> ProgressStyle {
    let template = if locked { "{bar:24} {wide_msg}" } else { "{spinner} {wide_msg}" };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

const fn done(phase: &PhaseProgress) -> u64 {
    phase.units.ran + phase.units.reused + phase.units.failed
}

fn message(phase: &PhaseProgress) -> String {
    let total = if phase.locked { format!("/{}", phase.units.total) } else { String::new() };
    let mut parts = vec![target(phase), format!("{}{total}", done(phase))];
    parts.extend(phase.rate.map(|rate| format!("{rate:.1}/s")));
    parts.extend(phase.eta_seconds.map(|seconds| format!("eta {}", duration(seconds))));
    parts.push(format!("{} calls", phase.calls));
    parts.extend(cost(&phase.usage));
    parts.join("  ")
}

/// Writes what a phase made in this run; nothing where it made no revision: the log says why.
fn summary(phase: &PhaseProgress, colour: bool) -> Option<String> {
    let (mark, level) = match phase.status? {
        PhaseStatus::Completed => ("✓", Level::Info),
        PhaseStatus::Partial => ("!", Level::Warn),
        _ => return None,
    };
    let mark = if colour { mark.style(style(level)).to_string() } else { mark.to_owned() };
    let name = target(phase);
    let mut parts = vec![escape(&name).into_owned(), units(&phase.units)];
    parts.extend(cost(&phase.usage));
    parts.extend(phase.revision.map(|revision| format!("rev {revision}")));
    Some(format!("{mark} {}", parts.join("  ")))
}
