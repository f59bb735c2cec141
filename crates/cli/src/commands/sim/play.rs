//! Tells stories on many threads, and listens to them and to Ctrl-C.

use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use refrain_schemas::report::RunStatus;
use refrain_testkit::sim::{
    Baseline, Profile, Seed, SeedResult, Subject, SubjectError, Summary, Tale, recount, simulate,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::progress::Progress;
use crate::interrupt;
use crate::report::CliError;

/// How often progress is looked at.
const TICK: Duration = Duration::from_millis(200);

/// What is to be told.
#[derive(Debug, Clone)]
pub(super) enum Task {
    /// Many seeds, on so many threads.
    Many(Range<u64>, usize),
    /// One seed in full.
    One(Seed),
}

/// What was told.
#[derive(Debug)]
pub(super) struct Played {
    /// What comes of the project with nothing going wrong.
    pub(super) undisturbed: Arc<Baseline>,
    /// What came of the seeds.
    pub(super) summary: Summary,
    /// The one seed in full.
    pub(super) tale: Option<Tale>,
    /// Whether somebody wished it to end.
    pub(super) interrupted: bool,
}

/// What the threads have to say.
enum Word {
    /// What comes of it undisturbed, and how long that really took.
    Undisturbed(Result<Arc<Baseline>, SubjectError>, Duration),
    Seed(Box<SeedResult>),
    Tale(Box<Tale>),
}

/// Plays what is asked for, or as much of it as there is time for until Ctrl-C; nothing where that was not even one run.
/// Threads that are in the middle of a story are left alone: they hold nothing and end with the process.
pub(super) async fn play(
    subject: Subject,
    profile: Profile,
    task: Task,
    progress: &mut Progress,
) -> Result<Option<Played>, CliError> {
    let (sender, mut words) = unbounded_channel();
    let work = move || begin(&Arc::new(subject), profile, task, sender);
    let began = std::thread::Builder::new().spawn(work);
    began.map_err(|error| CliError::io("start a thread", &error))?;
    let mut wish = pin!(interrupt::wished());
    let mut ticks = tokio::time::interval(TICK);
    let mut heard = Heard::default();
    loop {
        tokio::select! {
            biased;
            () = &mut wish => {
                heard.interrupted = true;
                break;
            }
            _ = ticks.tick() => progress.show(&heard.summary),
            word = words.recv() => match word {
                Some(word) => heard.hear(word, progress)?,
                None => break,
            },
        }
    }
    progress.end();
    heard.played()
}

/// What was heard so far.
#[derive(Default)]
struct Heard {
    undisturbed: Option<Arc<Baseline>>,
    summary: Summary,
    tale: Option<Tale>,
    interrupted: bool,
}

impl Heard {
    fn hear(&mut self, word: Word, progress: &mut Progress) -> Result<(), CliError> {
        match word {
            Word::Undisturbed(undisturbed, took) => {
                self.undisturbed = Some(undisturbed.map_err(|error| CliError::usage(error.to_string()))?);
                progress.reckon(took);
            }
            Word::Seed(result) => self.summary.add(&result),
            Word::Tale(tale) => {
                self.summary.add(&tale.result);
                self.tale = Some(*tale);
            }
        }
        Ok(())
    }

    fn played(self) -> Result<Option<Played>, CliError> {
        let Self { undisturbed, summary, tale, interrupted } = self;
        match undisturbed {
            Some(undisturbed) => Ok(Some(Played { undisturbed, summary, tale, interrupted })),
            None if interrupted => Ok(None),
            None => Err(CliError::internal("the simulator broke off")),
        }
    }
}

/// Runs the project undisturbed, and tells stories where that comes to something.
fn begin(subject: &Arc<Subject>, profile: Profile, task: Task, sender: UnboundedSender<Word>) {
    let began = Instant::now();
    let undisturbed = subject.undisturbed().map(|mut chapters| chapters.remove(0));
    let is_fit = undisturbed.as_ref().is_ok_and(|undisturbed| {
        !matches!(undisturbed.report.status, RunStatus::Failed | RunStatus::Blocked)
    });
    let heard = sender.send(Word::Undisturbed(undisturbed, began.elapsed()));
    match task {
        _ if heard.is_err() || !is_fit => {}
        Task::One(seed) => {
            let _nobody_waits = sender.send(Word::Tale(Box::new(recount(subject, profile, seed))));
        }
        Task::Many(seeds, threads) => {
            let next = Arc::new(AtomicU64::new(seeds.start));
            for _ in 1..threads {
                let (subject, next, sender) = (subject.clone(), next.clone(), sender.clone());
                let work = move || tell(&subject, profile, &next, seeds.end, &sender);
                // With fewer threads it takes longer, and that is all.
                drop(std::thread::Builder::new().spawn(work));
            }
            tell(subject, profile, &next, seeds.end, &sender);
        }
    }
}

/// Tells one seed after the other until there are no more, or nobody listens.
fn tell(subject: &Subject, profile: Profile, next: &AtomicU64, end: u64, sender: &UnboundedSender<Word>) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return;
        }
        let result = simulate(subject, profile, Seed(seed));
        if sender.send(Word::Seed(Box::new(result))).is_err() {
            return;
        }
    }
}
