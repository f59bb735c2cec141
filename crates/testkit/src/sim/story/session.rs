//! One run of the engine on simulated ports.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use refrain_core::define::FileDigests;
use refrain_core::engine::{Control, Engine, EngineError, GcRequest, Ports, RunRequest};
use refrain_core::history::History;
use refrain_core::ports::store::Store as _;
use refrain_core::survey::survey;
use refrain_schemas::digest::Digest;
use refrain_schemas::event::Event;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::money::Budget;
use refrain_schemas::report::RunReport;
use refrain_schemas::status::Holder;
use refrain_schemas::time::Timestamp;

use super::witness::Witness;
use crate::clock::{ManualClock, START_MICROS};
use crate::drive::{Doom, Drive, drive};
use crate::ids::SeqIds;
use crate::memory_store::MemoryStore;
use crate::sim::book::Book;
use crate::sim::clock::SimClock;
use crate::sim::files::NoFiles;
use crate::sim::player::{Players, Stage};
use crate::sim::profile::{Odds, Profile};
use crate::sim::seed::{Seed, mix};
use crate::sim::store::{Faults, SimStore};
use crate::sim::subject::Scene;
use crate::sim::weather::Weather;

/// Keeps the latest revisions alone.
const GC: GcRequest = GcRequest { keep: 1, replies: false, exports: false, dry_run: false };

/// A run that is polled so often does not end by itself.
const MOST_STEPS: u64 = 50_000_000;

/// What outlives a run.
#[derive(Debug)]
pub(super) struct World {
    store: MemoryStore,
    book: Arc<Book>,
    pub(super) clock: Arc<ManualClock>,
    ids: Arc<SeqIds>,
    written: Mutex<Option<Arc<NoFiles>>>,
    /// Where events are kept, if they are.
    pub(super) kept: Option<Arc<Mutex<Vec<Event>>>>,
}

/// What a run is to go through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session<'a> {
    pub(super) scene: &'a Scene,
    pub(super) odds: Odds,
    pub(super) seed: Seed,
    /// Which run of the story it is, from 0.
    pub(super) run: u32,
    /// After how many steps it is killed.
    pub(super) steps: Option<u64>,
    /// After how many steps a person wishes it to end.
    pub(super) wish: Option<u64>,
}

/// How a run went.
#[derive(Debug)]
pub(super) enum Ended {
    Over(Box<RunReport>),
    Failed(EngineError),
    Killed,
    Stuck(&'static str),
}

impl World {
    pub(super) fn new(book: Arc<Book>) -> Self {
        Self {
            store: MemoryStore::new(),
            book,
            clock: ManualClock::new(),
            ids: Arc::new(SeqIds::new()),
            written: Mutex::default(),
            kept: None,
        }
    }

    /// Runs, and returns how it went and how many steps it took.
    pub(super) fn run(&self, session: &Session<'_>) -> (Ended, u64) {
        let control = Control::default();
        let wish = |at: u64| [(at, control.drain.clone()), (at + at / 8 + 1, control.abort.clone())];
        let wishes = session.wish.into_iter().flat_map(wish).collect();
        let doom = Doom { steps: session.steps, flag: Arc::new(AtomicBool::new(false)), wishes };
        let engine = self.engine(session, &doom);
        let run = async move { engine.run(&request(), &control).await };
        let (went, steps) = drive(&self.clock, &doom, MOST_STEPS, run);
        let ended = match went {
            Drive::Over(Ok(report)) => Ended::Over(Box::new(report)),
            Drive::Over(Err(error)) => Ended::Failed(error),
            Drive::Killed => Ended::Killed,
            Drive::Waits => Ended::Stuck("the run waits for nothing"),
            Drive::Endless => Ended::Stuck("the run does not end"),
        };
        (ended, steps)
    }

    /// Forgets all but the latest revisions, as `gc` does, and is killed in it where a number of steps is given.
    pub(super) fn collect(&self, scene: &Scene, steps: Option<u64>) -> Result<(), EngineError> {
        let calm = Session { scene, odds: Profile::Calm.odds(), seed: Seed(0), run: 0, steps, wish: None };
        let doom = Doom { steps, ..Doom::default() };
        let engine = self.engine(&calm, &doom);
        let collect = async move { engine.gc(GC, &request().holder).await };
        match drive(&self.clock, &doom, MOST_STEPS, collect).0 {
            Drive::Over(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn engine(&self, session: &Session<'_>, doom: &Doom) -> Engine {
        let Session { scene, odds, seed, run, .. } = session;
        let chapter = &scene.chapter;
        let mut chance = seed.chance("store");
        for _ in 0..*run {
            chance.next();
        }
        let faults =
            Faults { odds: *odds, chance: crate::sim::seed::Chance::of(chance.next()), is_full: false };
        let jumps = odds.jumps.then(|| mix(seed.0));
        let clock = Arc::new(SimClock::new(self.clock.clone(), jumps));
        let (inner, dead) = (self.store.reopen(), doom.flag.clone());
        let store = SimStore::new(inner, self.book.clone(), faults, clock.clone(), dead);
        let stage = Stage {
            model: chapter.model.clone(),
            real: chapter.builtins.clone(),
            author: scene.author.clone(),
            book: self.book.clone(),
            weather: Weather::new(*seed, *run, odds),
            clock: clock.clone(),
        };
        let witness = Witness::new(self.book.clone(), self.kept.clone());
        let ports = Ports {
            store,
            factories: vec![Arc::new(Players(Arc::new(stage)))],
            executor: None,
            tools: scene.tools.clone(),
            files: chapter.files.clone(),
            reader: chapter.reader.clone(),
            writer: self.writer(scene),
            clock,
            ids: self.ids.clone(),
            logs: vec![witness.clone()],
            progress: vec![witness],
        };
        Engine::new(chapter.model.clone(), ports)
    }

    /// What was written outlives chapters; which sources are patched is a matter of each.
    fn writer(&self, scene: &Scene) -> Arc<NoFiles> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let next = match &*written {
            Some(before) => Arc::new(before.over(scene.chapter.writer.clone())),
            None => Arc::new(NoFiles::new(scene.chapter.writer.clone())),
        };
        *written = Some(next.clone());
        next
    }

    /// Returns the digests of all latest artifacts, by target.
    pub(super) fn digests(&self) -> BTreeMap<String, Digest> {
        let store = self.store.reopen();
        let (went, _) =
            drive(&self.clock, &Doom::default(), MOST_STEPS, async move { store.history().await });
        let Drive::Over(Ok(entries)) = went else { return BTreeMap::new() };
        let history = History::fold(entries);
        let latest = history.targets().filter_map(|(target, _)| Some((target, history.latest(target)?)));
        latest.map(|(target, record)| (target.to_string(), record.artifact.digest)).collect()
    }

    /// Returns how fresh every target is.
    pub(super) fn freshness(&self, scene: &Scene) -> BTreeMap<String, Freshness> {
        let calm =
            Session { scene, odds: Profile::Calm.odds(), seed: Seed(0), run: 0, steps: None, wish: None };
        let engine = self.engine(&calm, &Doom::default());
        let look = async move {
            let history = History::fold(engine.ports().store.history().await?);
            let digests = FileDigests::new(engine.ports().files.clone());
            survey(engine.model(), engine.ports(), &history, &digests).await
        };
        let Drive::Over(Ok(standings)) = drive(&self.clock, &Doom::default(), MOST_STEPS, look).0 else {
            return BTreeMap::new();
        };
        standings.into_iter().map(|at| (at.target.to_string(), at.verdict.freshness)).collect()
    }
}

fn request() -> RunRequest {
    RunRequest {
        targets: Vec::new(),
        scopes: Vec::new(),
        only: false,
        force: false,
        offline: false,
        budget: Budget::default(),
        holder: Holder {
            pid: 1,
            host: "simulator".to_owned(),
            command: "sim".to_owned(),
            since: Timestamp::from_micros(START_MICROS),
        },
    }
}
