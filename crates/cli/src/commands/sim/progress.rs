//! How far it is, on standard error.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use refrain_testkit::sim::Summary;

use super::SimArgs;
use crate::args::{Globals, ProgressChoice};
use crate::output::{Output, complain};
use crate::render::numbers::{count, counted, duration};

/// What is over in this time needs no progress.
const PATIENCE: Duration = Duration::from_secs(1);
/// How far lines are apart where there is no bar.
const APART: Duration = Duration::from_secs(5);
/// What takes longer than this is announced.
const LONG: Duration = Duration::from_secs(10);
/// A story is about so many runs long.
const RUNS: u32 = 3;

/// Shows how far it is, if it takes long.
#[derive(Debug)]
pub(super) struct Progress {
    asked: u64,
    threads: u32,
    is_limited: bool,
    /// Whether it is known what comes of the project undisturbed.
    is_known: bool,
    way: Way,
    began: Instant,
    next: Duration,
    bar: Option<ProgressBar>,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Nothing,
    Lines,
    Bar,
}

impl Progress {
    pub(super) fn new(args: &SimArgs, globals: &Globals, output: &Output) -> Self {
        let way = match globals.progress {
            _ if globals.quiet => Way::Nothing,
            ProgressChoice::None => Way::Nothing,
            ProgressChoice::Auto if output.errors_on_terminal => Way::Bar,
            ProgressChoice::Auto | ProgressChoice::Plain => Way::Lines,
        };
        let range = args.range();
        let asked = range.end - range.start;
        let threads = u32::try_from(args.threads()).unwrap_or(1);
        let is_limited = args.units.is_some();
        Self {
            asked,
            threads,
            is_limited,
            is_known: false,
            way,
            began: Instant::now(),
            next: PATIENCE,
            bar: None,
        }
    }

    /// Says how long it will take, where that is long, by how long one undisturbed run took.
    pub(super) fn reckon(&mut self, took: Duration) {
        self.is_known = true;
        let stories = u32::try_from(self.asked).unwrap_or(u32::MAX).div_ceil(self.threads);
        let all = (took * RUNS).saturating_mul(stories);
        if all < LONG || self.way == Way::Nothing || self.asked == 1 {
            return;
        }
        let hint =
            if self.is_limited { "" } else { "; `--units N` takes the first N records of each source" };
        let seeds = counted(self.asked, "seed");
        complain(&format!(
            "{seeds} may take about {} (one run takes {}){hint}\n",
            duration(all),
            duration(took)
        ));
    }

    /// Shows what has been told by now, where it is time.
    pub(super) fn show(&mut self, summary: &Summary) {
        let elapsed = self.began.elapsed();
        if self.way == Way::Nothing || elapsed < self.next {
            return;
        }
        if self.way == Way::Lines {
            self.next = elapsed + APART;
            return complain(&format!("{}\n", self.line(summary, elapsed)));
        }
        let line = self.line(summary, elapsed);
        let bar = self.bar.get_or_insert_with(|| bar(self.asked));
        bar.set_position(summary.seeds());
        bar.set_message(line);
    }

    fn line(&self, summary: &Summary, elapsed: Duration) -> String {
        let told = summary.seeds();
        match told {
            0 if self.is_known => return format!("0 of {}", counted(self.asked, "seed")),
            0 => return "running undisturbed first".to_owned(),
            _ => {}
        }
        let found = counted(summary.findings().count() as u64, "finding");
        let left = elapsed.mul_f64(share(self.asked - told.min(self.asked), told));
        format!("{} of {}, {found}, {} left", count(told), counted(self.asked, "seed"), duration(left))
    }

    /// Takes the bar away.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of seeds are far below 2^53")]
fn share(left: u64, told: u64) -> f64 {
    left as f64 / told as f64
}

fn bar(asked: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(asked), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
