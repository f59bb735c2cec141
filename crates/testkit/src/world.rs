//! A whole project in memory, on virtual time: the engine is run by the same ports as the real program, and the same
//! seed gives the same run, event for event.
//!
//! ```
//! use refrain_testkit::world::World;
//! use serde_json::json;
//!
//! let mut world = World::new(json!({
//!     "refrain": 1, "name": "x",
//!     "phases": {
//!         "ingest": {"agent": {"builtin": "read", "params": {"files": "a.csv"}}, "output": {"key": "id"}},
//!         "shout": {"units": {"of": "ingest"}, "agent": {"builtin": "shout"}, "output": {"key": "id"}},
//!     },
//! }));
//! world.agent("shout", |asked| Ok(json!({"text": asked.input["text"].as_str().unwrap().to_uppercase()})));
//! world.set("a.csv", json!([{"id": "1", "text": "hi"}]));
//! assert_eq!(world.run().calls, 1);
//! assert_eq!(world.artifact("shout"), [json!({"id": "1", "text": "HI"})]);
//! assert_eq!(world.run().calls, 0, "nothing is bought twice");
//! ```

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use refrain_core::check::{Surroundings, check};
use refrain_core::engine::{Control, Engine, EngineError, Ports, RunRequest, Selection};
use refrain_core::model::Model;
use refrain_core::ports::agent::{AgentFactory, Effect};
use refrain_core::ports::clock::Ids;
use refrain_core::ports::rules::{RecordView, Reviewed};
use refrain_core::ports::tools::NoTools;
use refrain_schemas::event::Level;
use refrain_schemas::json::Json;
use refrain_schemas::pipeline::Pipeline;
use refrain_schemas::plan_file::PlanFile;
use refrain_schemas::report::RunReport;
use refrain_schemas::status::Holder;
use refrain_schemas::time::Timestamp;
use serde_json::Value;

use crate::clock::{ManualClock, START_MICROS};
use crate::ids::SeqIds;
use crate::memory_store::MemoryStore;
use crate::sim::Chapter;
use crate::sinks::{RecordingLog, RecordingProgress};
use crate::witnessed_store::{Pauses, WitnessedStore};

mod agents;
pub(crate) mod files;
mod outcome;
mod people;
mod simulator;
mod stores;

pub use agents::{Act, Asked, AskedCall, reply_to};
pub use simulator::Ending;

use agents::{Cast, Factory};
use files::Files;
use simulator::drive;

/// A project in memory.
#[derive(Debug)]
pub struct World {
    pipeline: Value,
    set: BTreeMap<String, Value>,
    model: Option<Arc<Model>>,
    files: Arc<Files>,
    cast: Arc<Cast>,
    store: MemoryStore,
    clock: Arc<ManualClock>,
    ids: Arc<SeqIds>,
    log: Arc<RecordingLog>,
    progress: Arc<RecordingProgress>,
    is_watched: bool,
    fail_commit: Option<u64>,
    window: Option<usize>,
    witness: Option<Arc<WitnessedStore>>,
    look_ups: Option<Pauses>,
    looks: Arc<AtomicU64>,
}

impl World {
    /// Makes a project of a pipeline as a file would hold it; nothing has been run.
    #[must_use]
    pub fn new(pipeline: Value) -> Self {
        let clock = ManualClock::new();
        Self {
            pipeline,
            set: BTreeMap::new(),
            model: None,
            files: Arc::default(),
            cast: Arc::new(Cast::new(clock.clone())),
            store: MemoryStore::new(),
            clock,
            ids: Arc::new(SeqIds::new()),
            log: RecordingLog::new(Level::Debug),
            progress: RecordingProgress::new(),
            is_watched: true,
            fail_commit: None,
            window: None,
            witness: None,
            look_ups: None,
            looks: Arc::default(),
        }
    }

    /// Makes a project with the same pipeline, files and agents, of which nothing has been run.
    #[must_use]
    pub fn afresh(&self) -> Self {
        let clock = ManualClock::new();
        Self {
            pipeline: self.pipeline.clone(),
            set: self.set.clone(),
            model: self.model.clone(),
            files: Arc::new(self.files.copy()),
            cast: Arc::new(self.cast.copy(clock.clone())),
            store: MemoryStore::new(),
            clock,
            ids: Arc::new(SeqIds::new()),
            log: RecordingLog::new(Level::Debug),
            progress: RecordingProgress::new(),
            is_watched: self.is_watched,
            fail_commit: None,
            window: None,
            witness: None,
            look_ups: None,
            looks: Arc::default(),
        }
    }

    /// Makes the same project with the same past, in which pages of the store have been changed by somebody.
    #[must_use]
    pub fn tampered(&self, change: impl FnMut(&[u8]) -> Option<Vec<u8>>) -> Self {
        let mut world = self.afresh();
        world.store = self.store.copy();
        world.store.tamper(change);
        world.unwatched();
        world
    }

    /// Lets the store fail at a commit of the runs to come, counted from 1.
    pub const fn fail_commit(&mut self, number: Option<u64>) {
        self.fail_commit = number;
    }

    /// Lets the runs to come hold no more units of a phase than this, where they can help it.
    pub const fn hold(&mut self, units: usize) {
        self.window = Some(units);
    }

    /// Lets each look into the ledger take a time, told by its number in the run, from 1.
    pub fn look_up_within(&mut self, pause: impl Fn(u64) -> Duration + Send + Sync + 'static) {
        self.look_ups = Some(Pauses::new(self.clock.clone(), pause));
    }

    /// Returns a hand that changes files while a run is under way.
    #[must_use]
    pub fn hand(&self) -> Hand {
        Hand(self.files.clone())
    }

    /// Stops checking every commit and event against the store; for suites of very many runs.
    pub const fn unwatched(&mut self) {
        self.is_watched = false;
    }

    // ---- what is ------------------------------------------------------------------------------------------------

    /// Registers a built-in agent that answers unit by unit.
    pub fn agent(
        &mut self,
        name: &str,
        answer: impl Fn(&Asked) -> Result<Value, refrain_schemas::failure::Failure> + Send + Sync + 'static,
    ) {
        self.calls(name, move |call| Act::Reply(reply_to(call, &answer)));
    }

    /// Says what asking an agent leaves behind. Calls touch the files that their input lists as `reads` and `writes`.
    pub fn effect(&mut self, name: &str, effect: Effect) {
        self.cast.register_effect(name, effect);
        self.model = None;
    }

    /// Declares the schema of an agent's inputs.
    pub fn accepts(&mut self, name: &str, schema: Json) {
        self.cast.register_schema(name, schema);
        self.model = None;
    }

    /// Registers a built-in agent that answers whole calls, in whatever way it likes.
    pub fn calls(&mut self, name: &str, act: impl Fn(&AskedCall) -> Act + Send + Sync + 'static) {
        self.cast.register(name, Arc::new(act));
        self.model = None;
    }

    /// Registers a built-in agent that offers rules for replies: given its params, it reviews records.
    pub fn rules(
        &mut self,
        name: &str,
        review: impl Fn(&Value, &RecordView<'_>) -> Reviewed + Send + Sync + 'static,
    ) {
        self.cast.register_rules(name, Arc::new(review));
        self.model = None;
    }

    /// Lets every call take a time that hangs on the seed and the call, so that calls end in another order.
    pub fn shuffle(&mut self, seed: u64) {
        self.cast.shuffle(Some(seed));
    }

    /// Sets the contents of a file: a list of objects is records, a text is text, anything else a document.
    pub fn set(&mut self, path: &str, contents: Value) {
        self.files.set(path, contents);
        self.model = None;
    }

    /// Removes a file.
    pub fn remove(&mut self, path: &str) {
        self.files.remove(path);
    }

    /// Changes the records of a file.
    pub fn edit(&mut self, path: &str, edit: impl FnOnce(&mut Vec<Value>)) {
        let mut records = match self.files.contents(path) {
            Some(Value::Array(records)) => records,
            _ => Vec::new(),
        };
        edit(&mut records);
        self.files.set(path, Value::Array(records));
    }

    /// Returns the contents of a file.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<Value> {
        self.files.contents(path)
    }

    /// Changes the pipeline.
    pub fn redefine(&mut self, edit: impl FnOnce(&mut Value)) {
        edit(&mut self.pipeline);
        self.model = None;
    }

    /// Sets a param, as `--set` does.
    pub fn set_param(&mut self, name: &str, value: Value) {
        self.set.insert(name.to_owned(), value);
        self.model = None;
    }

    // ---- what is done -------------------------------------------------------------------------------------------

    /// Runs the whole plan.
    pub fn run(&mut self) -> RunReport {
        self.run_with(&request(&[]))
    }

    /// Runs some phases and what they need and want.
    pub fn run_targets(&mut self, targets: &[&str]) -> RunReport {
        self.run_with(&request(targets))
    }

    /// Runs what is asked for.
    ///
    /// # Panics
    /// Where there is no report.
    pub fn run_with(&mut self, request: &RunRequest) -> RunReport {
        must(self.try_run(request, &Control::default()))
    }

    /// Runs what is asked for, under the control of a person.
    ///
    /// # Errors
    /// Fails where the engine does.
    pub fn try_run(&mut self, request: &RunRequest, control: &Control) -> Result<RunReport, EngineError> {
        match self.run_until(request, control, None) {
            Ending::Over(result) => result,
            Ending::Killed => Err(EngineError::Ambiguous { phase: "killed".to_owned(), targets: Vec::new() }),
        }
    }

    /// Runs a plan that was written down, within its ceiling.
    ///
    /// # Errors
    /// Fails where the engine does.
    ///
    /// # Panics
    /// Where the run does not end.
    pub fn run_plan(&mut self, request: &RunRequest, plan: &PlanFile) -> Result<RunReport, EngineError> {
        let request = RunRequest { budget: plan.ceiling, ..request.clone() };
        let engine = self.engine(false);
        let control = Control::default();
        match drive(&self.clock, None, async { engine.run_plan(&request, plan, &control).await }) {
            Ending::Over(result) => result,
            Ending::Killed => Err(EngineError::Ambiguous { phase: "killed".to_owned(), targets: Vec::new() }),
        }
    }

    /// Runs the whole plan and kills it after so many steps; tells whether it was over before.
    pub fn run_killed(&mut self, steps: u64) -> Ending<Result<RunReport, EngineError>> {
        self.run_until(&request(&[]), &Control::default(), Some(steps))
    }

    /// Runs, and kills the run after so many steps where a number is given. Every commit is two steps, before and
    /// after, and so is every time that nothing but waiting is left to do.
    pub fn run_until(
        &mut self,
        request: &RunRequest,
        control: &Control,
        steps: Option<u64>,
    ) -> Ending<Result<RunReport, EngineError>> {
        let engine = self.engine(steps.is_some());
        drive(&self.clock, steps, async move { engine.run(request, control).await })
    }

    /// Returns an engine over this project; its store's writing place is free again when it is dropped.
    ///
    /// # Panics
    /// Where the pipeline is wrong.
    pub fn engine(&mut self, yields: bool) -> Engine {
        let model = self.model();
        let store = self.store.reopen();
        let pauses = self.look_ups.clone();
        let store = WitnessedStore::new(Arc::new(store), yields, self.fail_commit, pauses);
        let is_seen = self.is_watched || yields || self.fail_commit.is_some();
        self.cast.watch(is_seen.then(|| store.clone()));
        self.witness = Some(store.clone());
        let engine = Engine::new(
            model,
            Ports {
                factories: self.factories(),
                executor: None,
                tools: Arc::new(NoTools),
                files: self.files.clone(),
                reader: self.files.clone(),
                writer: self.files.clone(),
                clock: self.clock.clone(),
                ids: self.ids.clone() as Arc<dyn Ids>,
                logs: vec![self.log.clone(), stores::Watcher::new(store.clone(), self.is_watched)],
                progress: vec![self.progress.clone()],
                store,
            },
        );
        let engine = engine.counting(self.looks.clone());
        match self.window {
            Some(units) => engine.holding(units),
            None => engine,
        }
    }

    /// Returns how many pages the latest engine over this project read, and how many keys it looked up.
    #[must_use]
    pub fn take_read(&self) -> (u64, u64) {
        self.witness.as_ref().map_or((0, 0), |witness| (witness.take_pages(), witness.take_keys()))
    }

    /// Returns how often runs looked at one of their targets since this was asked last, where debug assertions are on.
    #[must_use]
    pub fn take_looks(&self) -> u64 {
        self.looks.swap(0, Ordering::Relaxed)
    }

    fn factories(&self) -> Vec<Arc<dyn AgentFactory>> {
        vec![Arc::new(Factory::new(self.cast.clone(), self.files.clone()))]
    }

    /// Returns the project as the simulator takes it; its built-in agents answer for themselves.
    ///
    /// # Panics
    /// Where the pipeline is wrong.
    pub fn chapter(&mut self) -> Chapter {
        // Nobody moves this world's clock there.
        let cast = Arc::new(self.cast.copy(ManualClock::automatic()));
        Chapter {
            model: self.model(),
            files: self.files.clone(),
            reader: self.files.clone(),
            writer: self.files.clone(),
            builtins: vec![Arc::new(Factory::new(cast, self.files.clone()))],
        }
    }

    /// Returns the project as it is meant.
    ///
    /// # Panics
    /// Where the pipeline is wrong.
    pub fn model(&mut self) -> Arc<Model> {
        if let Some(model) = &self.model {
            return model.clone();
        }
        let model = Arc::new(must(self.checked().map_err(|words| words.join("\n"))));
        self.model = Some(model.clone());
        model
    }

    /// Checks the pipeline and returns what it means.
    ///
    /// # Errors
    /// Fails with every problem that there is, as `PATH: MESSAGE`.
    ///
    /// # Panics
    /// Where the pipeline does not have the shape of one.
    pub fn checked(&self) -> Result<Model, Vec<String>> {
        let pipeline: Pipeline = must(serde_json::from_value(self.pipeline.clone()));
        let (factories, files) = (self.factories(), self.files.bytes());
        let around = Surroundings { factories: &factories, files: &files, set: &self.set };
        let (model, problems) = check(&pipeline, &around);
        let words: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
        model.ok_or(words)
    }
}

/// Changes the files of a project from outside its runs.
#[derive(Debug, Clone)]
pub struct Hand(Arc<Files>);

impl Hand {
    /// Sets the contents of a file, as [`World::set`] does.
    pub fn set(&self, path: &str, contents: Value) {
        self.0.set(path, contents);
    }
}

/// Returns a request for some targets, such as `translate@ja`; for the whole plan where there are none.
///
/// # Panics
/// Where a name is none.
#[must_use]
pub fn request(targets: &[&str]) -> RunRequest {
    let selection = |text: &&str| {
        let (phase, values) = text.split_once('@').map_or((*text, Vec::new()), |(phase, values)| {
            (phase, values.split(',').map(str::to_owned).collect())
        });
        Selection { phase: must(phase.parse()), values }
    };
    RunRequest {
        targets: targets.iter().map(selection).collect(),
        scopes: Vec::new(),
        only: false,
        force: false,
        offline: false,
        budget: refrain_schemas::money::Budget::default(),
        holder: holder(),
    }
}

fn holder() -> Holder {
    Holder {
        pid: 1,
        host: "test".to_owned(),
        command: "test".to_owned(),
        since: Timestamp::from_micros(START_MICROS),
    }
}

/// Ends a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    use futures::FutureExt as _;
    must(future.now_or_never().ok_or("a store in memory waits"))
}

#[track_caller]
#[expect(clippy::panic, reason = "a test cannot go on")]
fn must<T, E: Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
