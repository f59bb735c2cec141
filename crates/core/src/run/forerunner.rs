//! Forerunners: targets that are asked about before their turn, as far as what they are made from is final.
//!
//! A forerunner has a number of its own behind those of all targets, so that its asks wait, travel, fail and are
//! answered like any others. It makes no revision and tells nothing of its own: when the turn of its target has come,
//! that one is prepared as ever and finds the replies under their keys.

mod flowing;
mod intake;
mod parting;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use refrain_schemas::event::EventKind;
use refrain_schemas::failure::Failure;
use refrain_schemas::freshness::{Cause, CauseKind};
use refrain_schemas::history::AttemptRecord;
use refrain_schemas::json::Json;
use refrain_schemas::name::PhaseName;
use refrain_schemas::report::UnitCounts;
use refrain_schemas::scope::Target;
use smallvec::SmallVec;

use crate::facts::Known;
use crate::model::{Context, ContextSource, Model, Phase, Work};
use crate::prepare::{Prospect, RecordsBefore};
use crate::stream::{self, Flow};
use crate::survey::{Standing, is_volatile};

use super::input::{Effect, TargetNo};
use super::job::{Job, source_key};
use super::state::RunState;
use super::target_state::{Stage, TargetState};

/// How long a target has been calling agents, by the clock of the run, before others run ahead of their turns for it.
const WARM_UP: Duration = Duration::from_millis(50);
/// The least time that each of its units took so far, all in all: below that, the run's own work is what takes the time,
/// and doing some of it twice would only slow it down.
const LEAST_PER_UNIT: Duration = Duration::from_micros(100);
/// The same where no call is under way once everything has been taken in that came: either agents are as quick as the run
/// itself and the machine is slow, or few are asked at once.
const LEAST_OF_QUICK: Duration = Duration::from_micros(300);

/// What is known of a target with an edge that streams, as long as its turn has not come.
#[derive(Debug, Default)]
pub(super) struct Forerunner {
    flows: Vec<(TargetNo, Flow)>,
    step: Step,
    live: Vec<Live>,
    /// Whether nothing more is taken in: what flows is not what it was thought to be.
    is_closed: bool,
    /// Whether it holds as many units as a run does of a target.
    is_full: bool,
    /// Whether its target will be blocked.
    is_doomed: bool,
    /// Whether its units lack some whose records never flowed, so that nobody knows which groups of them are complete.
    is_gapped: bool,
    /// Whether units that do not flow are kept when the target's turn comes: nothing but what flows can be different.
    keeps_others: bool,
    /// Whether the target's turn may ask about units that never flow.
    leaves_some: bool,
    /// Whether nobody is asked before the target's turn.
    is_halted: bool,
    /// A failure for which the run ends when the target's turn comes.
    refusal: Option<Failure>,
    /// Units, and records that units join, which have been taken in.
    known: HashSet<String>,
    /// Where the units stand in the order of their source.
    ranks: Vec<Rank>,
    /// How many units have been asked about.
    n_started: usize,
    /// Units that lack so many records they join.
    lacking: HashMap<usize, usize>,
    /// Units by the edge and the record that they lack.
    waiting: HashMap<(usize, String), Vec<usize>>,
    /// Records of groups that are not complete, by edge and value.
    groups: HashMap<(usize, String), Vec<Final>>,
    /// How many these are.
    n_stashed: usize,
    swept: Duration,
    /// The groups that may share calls, by the value that they have in common.
    packs: HashMap<Option<String>, u32>,
    pack_values: Vec<Option<String>>,
    /// Units that have not been asked about, by the group that may share calls.
    unstarted: HashMap<u32, usize>,
    before: RecordsBefore,
    source: Option<PhaseName>,
}

/// How far a forerunner is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nobody has been asked.
    #[default]
    Idle,
    /// What it needs besides is being read.
    Foreseeing,
    /// Units flow in and are asked about.
    Asking,
    /// It is over, or never was.
    Over,
}

/// An edge along which records come.
#[derive(Debug, Clone)]
struct Live {
    up: TargetNo,
    phase: PhaseName,
    flow: Flow,
    /// The context entry that its records are joined through.
    entry: String,
    /// How many of the units that are over have been looked at.
    at: usize,
}

/// The place of a record in the order of its artifact: that of its unit, then its own within the unit.
type Rank = Vec<u64>;

/// A record that nothing will change.
#[derive(Debug, Clone)]
struct Final {
    key: String,
    record: Json,
    rank: Rank,
}

/// A target as far as it can be known before its turn.
#[derive(Debug)]
pub struct Foresight {
    pub(super) standing: Box<Standing>,
    pub(super) prospect: Prospect,
}

impl Forerunner {
    /// Returns what could run ahead of its turn, by target.
    pub(super) fn of(model: &Model, targets: &[TargetState]) -> Vec<Option<Self>> {
        let flows = |state: &TargetState| {
            let edges = stream::edges(model, &model.phases[state.phase]);
            let flow = |up: &TargetNo| {
                let phase = &targets[*up].target.phase;
                let edge = edges.iter().find(|edge| edge.from == *phase)?;
                Some((*up, edge.flow.clone().ok()?))
            };
            let ups: BTreeSet<TargetNo> = state.after.iter().copied().collect();
            let flows: Vec<(TargetNo, Flow)> = ups.iter().filter_map(flow).collect();
            (!flows.is_empty()).then(|| Self { flows, ..Self::default() })
        };
        targets.iter().map(flows).collect()
    }

    /// Whether units flow in and are asked about, or have been.
    pub(super) fn is_asking(&self) -> bool {
        self.step == Step::Asking
    }

    fn sources(&self) -> impl Iterator<Item = TargetNo> + '_ {
        self.live.iter().filter(|live| !matches!(live.flow, Flow::Join(_))).map(|live| live.up)
    }
}

impl RunState {
    /// Returns the number of the forerunner of a target of the plan.
    pub(super) const fn forerunner(&self, no: TargetNo) -> TargetNo {
        self.targets.forerunner(no)
    }

    /// Returns the numbers of a target and of its forerunner; targets of turns have none.
    pub(super) fn both(&self, no: TargetNo) -> SmallVec<[TargetNo; 2]> {
        self.targets.both(no)
    }

    /// Returns what is known of a target before its turn, if something is.
    pub(super) fn ahead(&self, no: TargetNo) -> Option<&Forerunner> {
        self.forerunners.get(no)?.as_ref()
    }

    /// Returns the number of the target that a number stands for: of a forerunner, the one it runs ahead of.
    pub(super) const fn principal(&self, no: TargetNo) -> TargetNo {
        self.targets.principal(no)
    }

    /// Whether a number is that of a forerunner.
    pub(super) const fn is_forerunner(&self, no: TargetNo) -> bool {
        self.targets.is_forerunner(no)
    }

    /// Whether a number is that of a forerunner whose target has not come to ask itself.
    pub(super) fn is_early(&self, no: TargetNo) -> bool {
        self.targets.is_early(no)
    }

    /// Whether a number is that of a forerunner whose target has ended.
    pub(super) fn is_released(&self, no: TargetNo) -> bool {
        self.is_forerunner(no) && self.targets[self.principal(no)].is_over()
    }

    /// Whether calls for a target may be made where nobody else wants the clone; only its turn makes them due.
    pub(super) fn is_halted(&self, no: TargetNo) -> bool {
        let ahead = self.ahead(self.principal(no));
        self.is_early(no) && ahead.is_some_and(|ahead| ahead.is_halted)
    }

    /// Starts forerunners and lets flow what can flow.
    pub(super) fn run_ahead(&mut self) {
        if self.stop.is_some() || self.fatal.is_some() || self.options.offline {
            return;
        }
        for no in self.agenda.ahead() {
            match self.forerunners[no].as_ref().map(|ahead| ahead.step) {
                Some(Step::Idle) => self.foresee(no),
                Some(Step::Asking) if self.is_doomed(no) => self.doom(no),
                Some(Step::Asking) => self.take_in(no),
                _ => {}
            }
        }
    }

    /// Whether something that a target cannot do without has failed, or will be blocked.
    fn is_doomed(&self, no: TargetNo) -> bool {
        let Some(job) = self.targets[self.forerunner(no)].job() else { return false };
        let upstream = &job.standing.now.upstream;
        self.targets[no].after.iter().any(|up| {
            let is_lost = self.targets[*up].has_ended_badly()
                || self.forerunners[*up].as_ref().is_some_and(|ahead| ahead.is_doomed);
            is_lost && upstream.iter().any(|other| other.hard && other.target == *self.targets[*up].target)
        })
    }

    fn doom(&mut self, no: TargetNo) {
        self.halt(no);
        if let Some(ahead) = &mut self.forerunners[no] {
            ahead.is_doomed = true;
        }
    }

    fn foresee(&mut self, no: TargetNo) {
        let Some(live) = self.live_edges(no) else { return };
        let phases = live.iter().map(|live| live.phase.clone()).collect();
        let target = self.targets[no].target.clone();
        let known = Known::of(&self.model, self.phase(no), &target, &self.history, |other| self.word(other));
        let Some(ahead) = &mut self.forerunners[no] else { return };
        (ahead.step, ahead.live) = (Step::Foreseeing, live);
        let place = self.place(no);
        self.effect(Effect::Foresee(place, Box::new(known), phases));
    }

    /// Returns the edges along which units could flow into a target now, where everything else is settled.
    fn live_edges(&self, no: TargetNo) -> Option<Vec<Live>> {
        let (target, ahead) = (&self.targets[no], self.forerunners[no].as_ref()?);
        if !matches!(target.stage, Stage::Waiting) {
            return None;
        }
        let ups: BTreeSet<TargetNo> = target.after.iter().copied().collect();
        let mut live = Vec::new();
        for up in ups.into_iter().filter(|up| !self.targets[*up].is_over()) {
            let (_, flow) = ahead.flows.iter().find(|(from, _)| *from == up)?;
            if !self.is_flowing(up) {
                return None;
            }
            let phase = self.targets[up].target.phase.clone();
            let entry = joined_through(self.phase(no), &phase);
            live.push(Live { up, phase, flow: flow.clone(), entry, at: 0 });
        }
        (!live.is_empty() && self.has_one_source(no, &live)).then_some(live)
    }

    /// Whether units come from the phase that they would come from when the target's turn has come.
    fn has_one_source(&self, no: TargetNo, live: &[Live]) -> bool {
        let Work::Ask(work) = &self.phase(no).work else { return false };
        let of_phase = |name: &PhaseName| {
            let ups = self.targets[no].after.iter().copied();
            ups.filter(|up| self.targets[*up].target.phase == *name).collect::<Vec<_>>()
        };
        let flows = |name: &PhaseName| of_phase(name).iter().any(|up| live.iter().any(|live| live.up == *up));
        let Some(first) = work.units.of.iter().position(flows) else { return true };
        let is_there = |name: &PhaseName| {
            of_phase(name).iter().any(|up| {
                let target = &self.targets[*up].target;
                self.history.latest(target).is_some()
            })
        };
        // One that comes before it in the list and is there would be taken instead; and only one can be.
        let alternatives = &work.units.of;
        !alternatives[..first].iter().any(is_there)
            && !alternatives[first + 1..].iter().any(flows)
            && of_phase(&alternatives[first]).len() == 1
    }

    /// Whether units of a target are under way for so long that it is worth while to follow them.
    fn is_flowing(&self, up: TargetNo) -> bool {
        if let Some(job) = self.targets[up].job() {
            let Some(since) = job.since else { return false };
            let (elapsed, n) = (self.time.saturating_sub(since), job.ended.len());
            let per_unit = if self.flights.is_empty() { LEAST_OF_QUICK } else { LEAST_PER_UNIT };
            let least = per_unit.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX));
            return !job.is_stopped && elapsed >= WARM_UP && elapsed >= least;
        }
        self.targets[up].is_before_asking() && self.targets[self.forerunner(up)].job().is_some()
    }

    /// Takes what is known of a target before its turn.
    pub(super) fn foreseen(&mut self, no: TargetNo, foresight: Option<Box<Foresight>>) {
        let fits = matches!(self.targets[no].stage, Stage::Waiting) && self.stop.is_none();
        let foresight = foresight.filter(|foresight| fits && self.would_run(no, &foresight.standing));
        let Some(Foresight { mut standing, mut prospect }) = foresight.map(|foresight| *foresight) else {
            return self.give_up_ahead(no);
        };
        if self.targets[no].is_forced || is_volatile(&self.model, self.phase(no)) {
            self.raise_generation(no, &mut standing);
            prospect.before.clear();
            prospect.prepared.set_generation(standing.now.generation);
        }
        let model = self.model.clone();
        let Work::Ask(work) = &model.phases[self.targets[no].phase].work else { return };
        let is_as_before = |cause: &Cause| cause.kind == CauseKind::UpstreamStale;
        let keeps_others = prospect.before.is_some() && standing.verdict.causes.iter().all(is_as_before);
        let mut job = Job::new(&model, work, standing, Box::new(prospect.prepared));
        let Some(ahead) = &mut self.forerunners[no] else { return };
        (ahead.step, ahead.keeps_others) = (Step::Asking, keeps_others);
        ahead.before = prospect.before;
        let source = ahead.live.iter().find(|live| !matches!(live.flow, Flow::Join(_)));
        let source = source.map(|live| live.phase.clone());
        let settled = || crate::prepare::chosen_source(&job.standing.now, &work.units.of).cloned();
        ahead.source = source.or_else(settled);
        let phase = ahead.source.as_ref().and_then(|name| model.phase(name.as_str()));
        job.source_key = phase.and_then(source_key);
        let live: Vec<Live> = ahead.live.clone();
        let forerunner = self.forerunner(no);
        self.targets[forerunner].stage = Stage::Asking(Box::new(job));
        self.agenda.asks(forerunner, false);
        self.watch_all(forerunner);
        let upstream = live.iter().map(|live| (*self.targets[live.up].target).clone()).collect();
        self.tell(no, EventKind::PhaseStreaming { upstream });
        for live in live.iter().filter(|live| !matches!(live.flow, Flow::Join(_))) {
            if let Flow::Group(field) = &live.flow {
                self.watch(live.up, field);
            }
            if let Some(field) = work.pack_within.as_deref().filter(|_| work.pack > 1) {
                self.watch(live.up, field);
            }
        }
        self.take_known(no, prospect.units);
    }

    /// Whether a target would surely run if everything before it ended well, in the generation that is known.
    fn would_run(&self, no: TargetNo, standing: &Standing) -> bool {
        let is_live = |target: &Target| {
            let live = self.forerunners[no].iter().flat_map(|ahead| &ahead.live);
            live.map(|live| &self.targets[live.up].target).any(|up| **up == *target)
        };
        let missing = self.blocked(no, standing).map(|error| error.missing).unwrap_or_default();
        let last =
            self.history.target(&self.targets[no].target).and_then(|target| target.last_attempt.as_ref());
        let is_raised = self.targets[no].is_forced || is_volatile(&self.model, self.phase(no));
        let in_conflict = is_raised && last.is_some_and(AttemptRecord::needs_other_replies);
        missing.iter().all(is_live) && !in_conflict && standing.now.edits.targets().next().is_none()
    }

    fn give_up_ahead(&mut self, no: TargetNo) {
        if let Some(Some(ahead)) = self.forerunners.get_mut(no) {
            ahead.step = Step::Over;
        }
    }

    /// Returns how far a forerunner is, as progress of its target.
    pub(super) fn progress_ahead(&self, no: TargetNo) -> Option<UnitCounts> {
        let job = self.targets[no].job().filter(|_| self.is_early(no))?;
        Some(UnitCounts { total: job.counts.total, ran: job.counts.ran, ..UnitCounts::default() })
    }
}

/// Returns the name of the context entry through which a phase sees another one.
fn joined_through(phase: &Phase, name: &PhaseName) -> String {
    let Work::Ask(work) = &phase.work else { return String::new() };
    let sees = |context: &&Context| matches!(&context.source, ContextSource::Phase(from) if from == name);
    work.context.iter().find(sees).map_or_else(String::new, |context| context.name.clone())
}
