//! One seed: what is done to a project, and what must come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use refrain_core::engine::EngineError;
use refrain_core::ports::clock::Clock as _;
use refrain_core::ports::store::StoreError;
use refrain_schemas::digest::Digest;
use refrain_schemas::event::Event;
use refrain_schemas::report::{PhaseStatus, RunReport, RunStatus};
use serde::{Deserialize, Serialize};

use super::book::Book;
use super::finding::{Finding, FindingKind};
use super::profile::{Odds, Profile};
use super::seed::{Chance, Seed};
use super::subject::{Scene, Subject};
use super::summary::Summary;

mod check;
mod session;
mod tale;
mod witness;

use session::{Ended, Session, World};
pub use tale::{Passage, PassageEnd, Tale};

/// What came of one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedResult {
    /// The seed.
    pub seed: Seed,
    /// The profile.
    pub profile: Profile,
    /// How the first run ended; nothing where it was killed or its store failed.
    pub first: Option<RunStatus>,
    /// How the last run ended.
    pub status: Option<RunStatus>,
    /// How many runs it took until all was there.
    pub runs: u32,
    /// How many of them were killed.
    pub crashes: u32,
    /// How many of them the store failed in.
    pub store_failures: u32,
    /// How many calls there were in all.
    pub calls: u64,
    /// What they would have cost; nothing where no agent has a price.
    pub cost_usd: Option<f64>,
    /// How long it would have taken, pauses between runs not counted.
    pub seconds: f64,
    /// What went wrong, and how often.
    pub faults: BTreeMap<String, u64>,
    /// How many units failed in runs that ended, by target.
    pub failed: BTreeMap<String, u64>,
    /// What should not be.
    pub findings: Vec<Finding>,
}

/// What comes of a chapter with nothing going wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// The report of the run.
    pub report: RunReport,
    /// The digests of all artifacts, by target.
    pub digests: BTreeMap<String, Digest>,
    /// How long it would take.
    pub seconds: f64,
    pub(crate) asked: BTreeSet<Digest>,
    /// How many steps there are at which it could be killed.
    pub(crate) steps: u64,
}

/// So many runs of a chapter go through bad weather; after that it is calm.
const ROUGH: u32 = 3;

/// A chapter that is not done after so many runs is not done by running.
const MOST_RUNS: u32 = 1000;

/// Takes a project through one seed.
#[must_use]
pub fn simulate(subject: &Subject, profile: Profile, seed: Seed) -> SeedResult {
    let mut story = Story::new(profile, seed);
    tell(subject, &mut story);
    story.end()
}

/// Takes a project through one seed again, and returns every event of all its runs besides.
#[must_use]
pub fn replay(subject: &Subject, profile: Profile, seed: Seed) -> (SeedResult, Vec<Event>) {
    let tale = recount(subject, profile, seed);
    (tale.result, tale.runs.into_iter().flat_map(|run| run.events).collect())
}

/// Takes a project through one seed again, and tells it run by run.
#[must_use]
pub fn recount(subject: &Subject, profile: Profile, seed: Seed) -> Tale {
    let mut story = Story::new(profile, seed);
    story.world.kept = Some(Arc::default());
    tell(subject, &mut story);
    let runs = std::mem::take(&mut story.passages);
    Tale { result: story.end(), runs }
}

fn tell(subject: &Subject, story: &mut Story) {
    let told = catch_unwind(AssertUnwindSafe(|| subject.chapters.iter().all(|scene| story.play(scene))));
    if let Err(panic) = told {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
        story.find(FindingKind::Panicked, words);
    }
}

/// Takes a project through many seeds on so many threads, tells of each, in no particular order, and sums them up.
pub fn simulate_all(
    subject: &Subject,
    profile: Profile,
    seeds: Range<u64>,
    threads: usize,
    tell: &(dyn Fn(&SeedResult) + Sync),
) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut summary = Summary::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return summary;
            }
            let result = simulate(subject, profile, Seed(seed));
            tell(&result);
            summary.add(&result);
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let mut summary = work();
        others.into_iter().filter_map(|other| other.join().ok()).for_each(|other| summary.merge(other));
        summary.settle();
        summary
    })
}

/// Runs a chapter with nothing going wrong.
pub(crate) fn undisturbed(scene: &Scene) -> Result<Baseline, String> {
    let book = Arc::new(Book::default());
    let world = World::new(book.clone());
    let calm = Profile::Calm.odds();
    let mut steps = 0;
    for run in 0..MOST_RUNS {
        let session = Session { scene, odds: calm, seed: Seed(0), run, steps: None, wish: None };
        let (ended, taken) = world.run(&session);
        steps += taken;
        let report = match ended {
            Ended::Over(report) => *report,
            Ended::Failed(error) => return Err(error.to_string()),
            Ended::Killed => return Err("it was killed".to_owned()),
            Ended::Stuck(how) => return Err(how.to_owned()),
        };
        if report.status == RunStatus::Stopped && report.calls > 0 {
            continue;
        }
        let seconds = world.clock.monotonic().as_secs_f64();
        return Ok(Baseline { digests: world.digests(), asked: book.take_asked(), report, seconds, steps });
    }
    Err("it is stopped by its ceilings again and again".to_owned())
}

/// One seed on its way.
struct Story {
    profile: Profile,
    chance: Chance,
    book: Arc<Book>,
    world: World,
    result: SeedResult,
    /// Its runs, where somebody wants to hear of them.
    passages: Vec<Passage>,
}

impl Story {
    fn new(profile: Profile, seed: Seed) -> Self {
        let book = Arc::new(Book::default());
        let result = SeedResult {
            seed,
            profile,
            first: None,
            status: None,
            runs: 0,
            crashes: 0,
            store_failures: 0,
            calls: 0,
            cost_usd: None,
            seconds: 0.0,
            faults: BTreeMap::new(),
            failed: BTreeMap::new(),
            findings: Vec::new(),
        };
        Self {
            profile,
            chance: seed.chance("story"),
            world: World::new(book.clone()),
            book,
            result,
            passages: Vec::new(),
        }
    }

    fn find(&self, kind: FindingKind, message: impl Into<String>) {
        self.book.find(kind, message);
    }

    /// Plays a chapter to its end; tells whether the story can go on.
    fn play(&mut self, scene: &Scene) -> bool {
        let expect = match scene.baseline() {
            Ok(expect) => expect,
            Err(error) => {
                self.find(FindingKind::Failed, error.to_string());
                return false;
            }
        };
        self.between(scene, &expect);
        self.turn_the_page();
        let had = self.book.bought();
        let _asked_before = self.book.take_asked();
        let mut n_ended = 0;
        for run in 0..MOST_RUNS {
            let odds = if run < ROUGH { self.profile.odds() } else { Profile::Calm.odds() };
            let Some(report) = self.run(scene, &expect, odds, run) else {
                // In calm weather there is no excuse.
                if run < ROUGH { continue } else { return false }
            };
            n_ended += u32::from(!matches!(report.status, RunStatus::Cancelled | RunStatus::Stopped));
            if self.is_done(scene, &expect, &report, run) {
                // Units fail in bad weather, later ones have then seen what is there no more, and of a run that was killed
                // there is no report to tell.
                let none_failed = matches!(self.profile, Profile::Calm | Profile::Crash) || run == 0;
                self.check_chapter(scene, &expect, &report, &had, none_failed && n_ended == 1);
                return true;
            }
        }
        self.find(FindingKind::NotDone, format!("{MOST_RUNS} runs were not enough"));
        false
    }

    /// What happens to a project between two chapters.
    fn between(&mut self, scene: &Scene, expect: &Baseline) {
        if self.result.runs == 0 {
            return;
        }
        let odds = self.profile.odds();
        if self.chance.happens(0.15) {
            let steps = self.chance.happens(odds.crash).then(|| 1 + self.chance.below(6));
            if let Err(error) = self.world.collect(scene, steps) {
                self.find(FindingKind::Failed, error.to_string());
            }
        }
        self.check_nothing_passes(scene, expect);
    }

    /// Runs once; returns the report of a run that came to its end.
    fn run(&mut self, scene: &Scene, expect: &Baseline, odds: Odds, run: u32) -> Option<RunReport> {
        let doomed = self.chance.happens(odds.crash);
        let steps = doomed.then(|| 1 + self.chance.below(expect.steps + expect.steps / 4));
        let wish = self.chance.happens(odds.wish).then(|| 1 + self.chance.below(expect.steps));
        let began = self.world.clock.monotonic();
        let session = Session { scene, odds, seed: self.result.seed, run: self.result.runs, steps, wish };
        let (open, faults) = (self.book.open(), self.book.faults());
        let (ended, _) = self.world.run(&session);
        self.book.gone();
        let is_first = self.result.runs == 0;
        self.result.runs += 1;
        let seconds = (self.world.clock.monotonic() - began).as_secs_f64();
        self.result.seconds += seconds;
        self.write_down(&ended, seconds, &faults);
        self.check_in_doubt(scene, open);
        match ended {
            Ended::Over(report) => {
                self.ended(&report, is_first);
                return Some(*report);
            }
            Ended::Killed => self.result.crashes += 1,
            Ended::Failed(error) if run < ROUGH && is_of_disk(&error) => {
                self.result.store_failures += 1;
            }
            Ended::Failed(error) => self.find(FindingKind::Failed, error.to_string()),
            Ended::Stuck(how) => self.find(FindingKind::Stuck, how),
        }
        None
    }

    fn ended(&mut self, report: &RunReport, is_first: bool) {
        self.result.status = Some(report.status);
        if is_first {
            self.result.first = Some(report.status);
        }
        for phase in report.phases.iter().filter(|phase| phase.units.failed > 0) {
            let target =
                refrain_schemas::scope::Target { phase: phase.phase.clone(), scope: phase.scope.clone() };
            *self.result.failed.entry(target.to_string()).or_default() += phase.units.failed;
        }
        self.check_report(report);
    }

    /// Whether nothing is left to do that another run could do.
    fn is_done(&self, scene: &Scene, expect: &Baseline, report: &RunReport, run: u32) -> bool {
        let is_stuck = report.calls == 0 && expect.report.status == report.status;
        if matches!(report.status, RunStatus::Stopped | RunStatus::Cancelled) && !is_stuck {
            return false;
        }
        let as_expected = report.status == expect.report.status;
        let is_whole = as_expected && report.status == RunStatus::Completed;
        is_whole || run > ROUGH || (as_expected && self.differs(scene, expect).is_none())
    }

    fn end(mut self) -> SeedResult {
        let (calls, usage) = self.book.total();
        let (findings, faults) = self.book.close();
        self.result.calls = calls;
        self.result.cost_usd = usage.cost_usd;
        self.result.faults = faults.into_iter().map(|(name, n)| (name.to_owned(), n)).collect();
        self.result.findings = findings;
        self.result
    }
}

/// Whether a phase that ended so has what it is to have.
const fn is_settled(status: PhaseStatus) -> bool {
    matches!(status, PhaseStatus::Completed | PhaseStatus::Fresh | PhaseStatus::Skipped)
}

/// Whether a run failed for the disk, at its beginning or on its way.
fn is_of_disk(error: &EngineError) -> bool {
    match error {
        EngineError::CutShort { why, .. } => is_of_disk(why),
        error => matches!(error, EngineError::Store(StoreError::Io { .. })),
    }
}
