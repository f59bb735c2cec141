//! What a process and those that it started use, where the system tells.

use std::fs;
use std::time::Duration;

use refrain_core::ports::runner::Resources;

/// The most processes of a run that are looked at.
const PROCESSES: usize = 256;

/// Keeps the books of a process.
#[derive(Debug)]
pub(crate) struct Meter {
    pid: u32,
    peak: Option<u64>,
    ticks: Option<u64>,
}

impl Meter {
    /// Begins to keep books.
    pub(crate) fn new(pid: u32) -> Self {
        Self { pid, peak: None, ticks: None }
    }

    /// Looks at what it uses now.
    pub(crate) fn look(&mut self) {
        let family = family(self.pid);
        let held: Option<u64> = family
            .iter()
            .map(|pid| memory(*pid))
            .fold(None, |sum, one| one.map_or(sum, |one| Some(sum.unwrap_or(0) + one)));
        self.peak = self.peak.max(held);
        let worked = family.iter().filter_map(|pid| ticks(*pid)).reduce(|a, b| a + b);
        self.ticks = self.ticks.max(worked);
    }

    /// Closes the books of a process that has ended and was not reaped.
    pub(crate) fn total(&mut self, wall: Duration) -> Resources {
        let ticks = self.ticks.max(ticks(self.pid));
        #[expect(clippy::cast_precision_loss, reason = "seconds need not be exact")]
        let seconds = |ticks: u64| ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        Resources { wall_seconds: wall.as_secs_f64(), cpu_seconds: ticks.map(seconds), peak_bytes: self.peak }
    }
}

/// Returns a process and those below it.
fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut at = 0;
    while let Some(pid) = family.get(at).copied().filter(|_| family.len() < PROCESSES) {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        at += 1;
    }
    family
}

/// Returns how much memory a process holds.
fn memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Returns how long processors worked for a process and for those of its children that it waited for.
fn ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    fields.get(11..15)?.iter().map(|field| field.parse::<u64>().ok()).sum()
}
