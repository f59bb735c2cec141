//! The state of a run. Everything that changes it starts in [`RunState::apply`] and [`RunState::schedule`]; nothing in
//! here waits for anything.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use refrain_schemas::digest::Digest;
use refrain_schemas::event::{EventKind, Level};
use refrain_schemas::exchange::Exchange;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::ledger::{Lane, LedgerEntry};
use refrain_schemas::money::Budget;
use refrain_schemas::name::{AgentName, CallId, RunId};
use refrain_schemas::on_failure::Policy;
use refrain_schemas::pipeline::Limits;
use refrain_schemas::report::{PhaseReport, PhaseStatus, UnitCounts};
use refrain_schemas::scope::Target;
use refrain_schemas::time::Timestamp;

use crate::artifact::Pages;
use crate::end::Word;
use crate::engine::EngineError;
use crate::history::History;
use crate::model::{Model, Phase, RetryPolicy, Work};
use crate::ports::store::{Batch, InDoubt};

use super::agenda::Agenda;
use super::forerunner::Forerunner;
use super::gate::Pass;
use super::gates::{Chain, Gates};
use super::input::{AskRef, Effect, Input, Place, TargetNo, Told};
use super::job::Tally;
use super::key_map::KeyMap;
use super::pool::{Pack, Pool};
use super::purse::Hold;
use super::purses::Purses;
use super::roster::Targets;
use super::target_state::TargetState;
use super::waiting::Waiting;

/// The state of a run.
#[derive(Debug)]
pub struct RunState {
    pub(super) model: Arc<Model>,
    pub(super) history: History,
    pub(super) run_id: RunId,
    pub(super) options: Options,
    pub(super) targets: Targets,
    pub(super) agenda: Agenda,
    /// The numbers of the targets.
    pub(super) by_target: HashMap<Arc<Target>, TargetNo>,
    /// What is known of targets before their turns; nothing of those that nothing flows into.
    pub(super) forerunners: Vec<Option<Forerunner>>,
    /// The fields that open units are counted by, with the targets that these are units of.
    pub(super) watched: BTreeSet<(TargetNo, String)>,
    /// Loops that go round.
    pub(super) looping: BTreeSet<TargetNo>,
    /// Loops that may go on.
    pub(super) moved_loops: BTreeSet<TargetNo>,
    /// Verdicts on targets outside the plan.
    pub(super) outside: BTreeMap<Target, Word>,
    /// The pools: by phase in model order, and by agent in file order within a phase.
    pub(super) pools: Vec<Seat>,
    /// The first pool of each phase.
    pub(super) first_pool: Vec<PoolNo>,
    pub(super) flights: BTreeMap<CallId, Flight>,
    pub(super) by_key: KeyMap<Waiting>,
    pub(super) look_ups: Vec<(AskRef, Digest)>,
    pub(super) lanes: BTreeMap<(TargetNo, AgentName), u32>,
    pub(super) next_lane: u32,
    pub(super) next_call: CallId,
    pub(super) in_flight: InFlight,
    pub(super) gates: Gates,
    pub(super) purses: Purses,
    /// What the run lacks to go on, and what could be done.
    pub(super) shortage: Option<(String, String)>,
    /// Whether a call whose turn has come waits for money that others may bring back.
    pub(super) is_short: bool,
    /// Endpoints that were told to stand in for others.
    pub(super) fell_back: BTreeSet<String>,
    /// The pool that had a call last.
    pub(super) served: PoolNo,
    /// When a gate lets the next call through, if one waits for that.
    pub(super) wake: Option<Duration>,
    pub(super) stop: Option<Stop>,
    /// What the first call said that failed for want of credentials.
    pub(super) credentials: Option<String>,
    pub(super) offline_missed: bool,
    pub(super) now: Timestamp,
    pub(super) time: Duration,
    batch: Batch,
    pub(super) told: Vec<Told>,
    effects: Vec<Effect>,
    level: Level,
    told_at: Duration,
    /// The first failure that ends the run.
    pub(super) fatal: Option<EngineError>,
    pub(super) invalidated: HashSet<Target>,
}

/// What was asked of the run, as far as the state has to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// Answer from the ledger only.
    pub offline: bool,
    /// What the run may spend, besides what the pipeline says.
    pub budget: Budget,
    /// Calls of earlier runs that are in doubt and of which no run has taken note.
    pub in_doubt: Vec<InDoubt>,
    /// The least level of events that anybody wants.
    pub level: Level,
    /// How many units of a target are held that are not over.
    pub window: usize,
    /// The pipeline file.
    pub pipeline: Option<String>,
}

/// How many calls are in flight, by what they count against.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// By phase, in model order.
    pub(super) phases: Vec<usize>,
    /// By agent, in model order.
    pub(super) agents: Vec<usize>,
}

/// The place of a pool among all of them.
pub(super) type PoolNo = usize;

/// A pool and whose it is.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) phase: usize,
    pub(super) member: usize,
    pub(super) agent: AgentName,
    pub(super) agent_no: usize,
    pub(super) limits: Limits,
    pub(super) timeout: Option<Duration>,
    pub(super) retry: RetryPolicy,
    /// Whether a failure that the agent reports is tried again like one that may pass.
    pub(super) retries_reported: bool,
    /// Whether the agent is a tool, which makes the same of what it is told however often that is.
    pub(super) is_tool: bool,
    /// The gates that its calls go through.
    pub(super) chain: Chain,
    pub(super) pool: Pool,
}

/// A call that is under way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) pack: Pack,
    pub(super) clone: u32,
    pub(super) started: Duration,
    pub(super) passes: Vec<Pass>,
    pub(super) hold: Hold,
}

/// Why no new call starts. Later ones are stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// A ceiling was reached.
    Ceiling,
    /// Credentials are missing or wrong.
    Credentials,
    /// A person wants the run to end.
    Drained,
    /// A person wants it to end now.
    Aborted,
}

/// What a turn of the loop came to; the parts are carried out in this order.
#[derive(Debug)]
pub struct Turn {
    /// What is to be made durable.
    pub batch: Batch,
    /// What is to be told.
    pub told: Vec<Told>,
    /// What is to be done.
    pub effects: Vec<Effect>,
    /// How long it may take until the next turn, even if nothing happens before.
    pub wake: Option<Duration>,
}

impl RunState {
    /// Makes the state of a run that has not begun.
    #[must_use]
    pub fn new(
        model: Arc<Model>,
        history: History,
        run_id: RunId,
        options: Options,
        targets: Vec<TargetState>,
        outside: BTreeMap<Target, Word>,
        (next_call, next_lane): (CallId, u32),
    ) -> Self {
        let purses = Purses::new(&model, options.budget, &options.in_doubt);
        let level = options.level;
        let numbers = targets.iter().enumerate().map(|(no, state)| (state.target.clone(), no));
        let by_target = numbers.collect();
        let forerunners = Forerunner::of(&model, &targets);
        let targets = Targets::new(targets);
        let agenda = Agenda::new(&model, &targets, &forerunners);
        let mut state = Self {
            model,
            history,
            run_id,
            options,
            targets,
            agenda,
            by_target,
            forerunners,
            watched: BTreeSet::new(),
            looping: BTreeSet::new(),
            moved_loops: BTreeSet::new(),
            outside,
            pools: Vec::new(),
            first_pool: Vec::new(),
            flights: BTreeMap::new(),
            by_key: KeyMap::default(),
            look_ups: Vec::new(),
            lanes: BTreeMap::new(),
            next_lane,
            next_call,
            in_flight: InFlight::default(),
            gates: Gates::default(),
            purses,
            shortage: None,
            is_short: false,
            fell_back: BTreeSet::new(),
            served: 0,
            wake: None,
            stop: None,
            credentials: None,
            offline_missed: false,
            now: Timestamp::from_micros(0),
            time: Duration::ZERO,
            batch: Batch::default(),
            told: Vec::new(),
            effects: Vec::new(),
            level,
            told_at: Duration::ZERO,
            fatal: None,
            invalidated: HashSet::new(),
        };
        state.open_pools();
        state
    }

    fn open_pools(&mut self) {
        let model = self.model.clone();
        self.in_flight.phases = vec![0; model.phases.len()];
        self.in_flight.agents = vec![0; model.agents.len()];
        for (phase_no, phase) in model.phases.iter().enumerate() {
            self.first_pool.push(self.pools.len());
            let Work::Ask(work) = &phase.work else { continue };
            for (member_no, member) in work.pool.iter().enumerate() {
                let agent = model.agents.get_full(member.agent.as_str());
                let gate = agent.and_then(|(.., agent)| agent.traits.gate.as_ref());
                let chain = self.gates.chain(gate, member.clones);
                self.pools.push(Seat {
                    phase: phase_no,
                    member: member_no,
                    agent: member.agent.clone(),
                    agent_no: agent.map_or(0, |(no, ..)| no),
                    limits: agent.and_then(|(.., agent)| agent.spec.limits).unwrap_or_default(),
                    timeout: phase.course.timeout.or_else(|| agent.and_then(|(.., agent)| agent.timeout)),
                    retry: phase
                        .course
                        .retry
                        .or_else(|| agent.map(|(.., agent)| agent.retry))
                        .unwrap_or(ONCE),
                    retries_reported: phase.course.policy == Policy::Retry,
                    is_tool: agent.is_some_and(|(.., agent)| agent.spec.tool.is_some()),
                    chain,
                    pool: Pool::new(member.clones, member.samples),
                });
            }
        }
    }

    /// Says what time it is; all that is applied afterwards happens then.
    pub const fn at(&mut self, now: Timestamp, time: Duration) {
        self.now = now;
        self.time = time;
    }

    /// Takes one input.
    pub fn apply(&mut self, input: Input) {
        match input {
            Input::Judged(no, judged) => self.judged(no, judged),
            Input::Foreseen(no, foresight) => self.foreseen(no, foresight),
            Input::Prepared(no, prepared) => self.prepared(no, prepared),
            Input::Found(asks, found) => self.found(asks, found),
            Input::Called(call, reply) => self.called(call, reply),
            Input::Rested(pack) => self.rested(pack),
            Input::Transferred(no, transferred) => self.transferred(no, transferred),
            Input::Settled(no, publisher) => self.settled(no, publisher),
            Input::Published(no, published) => self.published(no, published),
            Input::Advanced(no, advanced) => self.advanced(no, advanced),
            Input::Closed(no, closed) => self.closed(no, closed),
            Input::Drain => self.stop(Stop::Drained),
            Input::Abort => {
                self.stop(Stop::Aborted);
                self.effects.push(Effect::CancelCalls);
            }
        }
    }

    /// Starts whatever may start now, after all inputs of a turn were applied.
    pub fn schedule(&mut self) {
        self.end_stopped();
        self.move_loops();
        self.start_targets();
        self.run_ahead();
        self.start_calls();
        self.drop_forerunners();
        self.move_windows();
        let look_ups = std::mem::take(&mut self.look_ups);
        for batch in look_ups.chunks(LOOK_UPS) {
            self.effects.push(Effect::LookUp(batch.to_vec()));
        }
        self.tell_progress();
    }

    /// Takes out what the turn came to.
    pub fn take_turn(&mut self) -> Turn {
        Turn {
            batch: std::mem::take(&mut self.batch),
            told: std::mem::take(&mut self.told),
            effects: std::mem::take(&mut self.effects),
            wake: self.wake.map(|wake| wake.saturating_sub(self.time)),
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.fatal.is_some() || (self.flights.is_empty() && self.agenda.is_over())
    }

    /// Returns what became of each target, in plan order, those of turns behind their loop; and whether it counts for the end of
    /// the run. What is in the turns of a loop for which a value stands in does not: its failure is cleared with that of the loop.
    #[must_use]
    pub fn reports(&self) -> Vec<(PhaseReport, bool)> {
        // Calls of a forerunner may have come back after its target had ended.
        let report = |target: &TargetState| PhaseReport {
            calls: target.tally.calls,
            retries: target.tally.retries,
            repairs: target.tally.repairs,
            usage: target.tally.usage,
            resources: target.tally.resources,
            ..target.report.clone()
        };
        // What is in the turns of a loop stands behind it, turn by turn.
        let mut open: Vec<(TargetNo, bool)> =
            (0..self.targets.n_planned()).rev().map(|no| (no, true)).collect();
        let mut reports = Vec::new();
        while let Some((no, counts)) = open.pop() {
            let report = report(&self.targets[no]);
            let is_cleared = report.status == PhaseStatus::Completed && report.error.is_some();
            reports.push((report, counts));
            open.extend(self.targets[no].inner.iter().rev().map(|inner| (*inner, counts && !is_cleared)));
        }
        reports
    }

    /// Returns a target as something is done for it.
    pub(super) fn place(&self, no: TargetNo) -> Place {
        let TargetState { target, phase, bindings, .. } = &self.targets[no];
        let (target, phase, bindings) = (target.clone(), *phase, bindings.clone());
        Place { no, target, phase, bindings, execution: self.history.execution() }
    }

    /// Returns the id of the execution that the run belongs to.
    #[must_use]
    pub fn execution(&self) -> Option<RunId> {
        self.history.execution().map(|execution| execution.id)
    }

    /// Returns how often a target was looked at so far, where that is counted.
    #[must_use]
    pub fn looks(&self) -> u64 {
        self.targets.looks()
    }

    pub(super) fn phase(&self, no: TargetNo) -> &Phase {
        &self.model.phases[self.targets[no].phase]
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Keeps pages along with the entries that refer to them.
    pub(super) fn keep_pages(&mut self, pages: Pages) {
        self.batch.pages.extend(pages);
    }

    pub(super) fn ledger(&mut self, entry: LedgerEntry) {
        self.batch.ledger.push(entry);
    }

    /// Keeps what went over the wire in a call; its outcome stands in the same batch.
    pub(super) fn exchanged(&mut self, call: CallId, exchanges: Vec<Exchange>) {
        self.batch.exchanges.push((call, exchanges));
    }

    pub(super) const fn wants(&self, level: Level) -> bool {
        (level as u8) >= (self.level as u8)
    }

    pub(super) fn tell(&mut self, no: TargetNo, kind: EventKind) {
        self.told.push((Some(self.targets[no].target.clone()), kind));
    }

    pub(super) fn stop(&mut self, stop: Stop) {
        self.stop = self.stop.max(Some(stop));
    }

    pub(super) fn write(&mut self, entry: HistoryEntry) {
        self.history.apply(entry.clone());
        self.batch.history.push(entry);
    }

    /// Returns the lane of a target's calls to an agent, declared when it is first needed.
    pub(super) fn lane(&mut self, no: TargetNo, pool: PoolNo) -> u32 {
        let no = self.principal(no);
        let agent = self.pools[pool].agent.clone();
        if let Some(lane) = self.lanes.get(&(no, agent.clone())) {
            return *lane;
        }
        let lane = self.next_lane;
        self.next_lane += 1;
        self.lanes.insert((no, agent.clone()), lane);
        let target = (*self.targets[no].target).clone();
        self.ledger(LedgerEntry::Lane(Lane {
            lane,
            run_id: self.run_id,
            target,
            agent,
            model: self.model_of(pool).map(|model| model.name.clone()),
        }));
        lane
    }

    pub(super) fn tell_progress(&mut self) {
        if self.time.saturating_sub(self.told_at) < crate::recorder::PROGRESS_EVERY {
            return;
        }
        self.told_at = self.time;
        let targets = &self.targets;
        for no in self.agenda.asking(|no| targets[no].job().is_some()) {
            let job = self.targets[no].job().filter(|job| job.is_planned && !self.is_forerunner(no));
            let Some(units) = job.map(|job| job.counts).or_else(|| self.progress_ahead(no)) else { continue };
            let no = self.principal(no);
            let done = units.ran + units.failed;
            let tally = self.targets[no].tally;
            if self.targets[no].told != done + tally.calls {
                self.targets[no].told = done + tally.calls;
                self.tell(no, progressed(units, &tally));
            }
        }
    }
}

/// Returns the event of how far a target is.
pub(super) const fn progressed(units: UnitCounts, tally: &Tally) -> EventKind {
    EventKind::PhaseProgressed { units, calls: tally.calls, usage: tally.usage, resources: tally.resources }
}

/// How a call is tried of which nothing is known.
const ONCE: RetryPolicy =
    RetryPolicy { attempts: 1, initial: Duration::ZERO, max: Duration::ZERO, factor: 0 };

/// How many keys are looked up at once.
const LOOK_UPS: usize = 1 << 14;
