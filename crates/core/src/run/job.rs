//! One target whose units are being asked about.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::failure::Failure;
use refrain_schemas::json::Json;
use refrain_schemas::name::UnitId;
use refrain_schemas::phase_spec::Fan;
use refrain_schemas::report::UnitCounts;
use refrain_schemas::scope::Target;
use refrain_schemas::usage::{Resources, Usage};
use smallvec::{SmallVec, smallvec};

use crate::edits::Lock;
use crate::model::{AskWork, Model, Phase, Work};
use crate::ports::agent::Conversation;
use crate::prepare::Prepared;
use crate::prompt::{About, Ground, Prompt, Renderer};
use crate::publish::UnitOutcome;
use crate::reply::{self, Records, Reviewer, Rules, Stamped};
use crate::request::{AskNumbers, UnitRequest, key};
use crate::survey::Standing;
use crate::unit_table::AskRow;
use crate::units::Unit;

use super::finals::Watch;
use super::settling::Settling;
use super::unit_state::{Ask, AskState, UnitProgress, UnitState};
use super::unit_window::UnitWindow;

/// The agents, by their places in the pool, and the samples that a stage of a unit asks.
pub type StageAsks = SmallVec<[(u32, u32); 1]>;

/// Stands for the digest of a unit that nobody is asked about.
const UNASKED: Digest = Digest::from_bytes([0; 32]);

/// One target whose units are being asked about.
#[derive(Debug)]
pub struct Job {
    /// What the target was found to be.
    pub standing: Box<Standing>,
    /// Its units and what their requests are made from.
    pub prepared: Box<Prepared>,
    /// How far the units are that have been begun, by their places in `prepared.units`.
    pub units: UnitWindow,
    /// The groups of all units, where there are any.
    groups: Vec<u32>,
    /// Units on their way into a revision.
    pub settling: Settling,
    /// What all asks of an agent share, by its place in the pool.
    pub bases: Vec<Digest>,
    /// What renders the prompts of the agents that are models, by their places in the pool.
    pub renderers: Vec<Option<Renderer>>,
    /// The context that all units share.
    pub shared: Json,
    /// What agents said of their failures, by unit and ask.
    pub documents: BTreeMap<(usize, usize), Json>,
    /// What was said of the failure that the last failed unit failed for.
    pub document: Option<Json>,
    /// The key of the source's records, if they have one.
    pub source_key: Option<String>,
    /// Units that are not over.
    pub n_open: usize,
    /// Asks that the ledger is being looked into for, and units not begun, by group: what could join a pack.
    pub looking: BTreeMap<u32, usize>,
    /// Asks that the ledger is being looked into for.
    pub n_looking: usize,
    /// Open units by group and stage.
    pub stages: BTreeMap<(u32, usize), usize>,
    /// Whether the first look into the ledger is over and the totals have been told.
    pub is_planned: bool,
    /// Calls of this target that are under way.
    pub n_in_flight: usize,
    /// Packs of this target that rest before they are tried again.
    pub n_resting: usize,
    /// Whether no new call may start.
    pub is_stopped: bool,
    /// Whether nobody is asked for it whom it has not asked already; of a forerunner in whose stead its target asks.
    pub is_relieved: bool,
    /// Agents that no further call is made to, by their places in the pool, and why.
    pub unable: BTreeMap<usize, Failure>,
    /// Units with an ask that has no reply on record, where nobody may be asked.
    pub missed: BTreeSet<usize>,
    /// Units so far.
    pub counts: UnitCounts,
    /// Units that failed by themselves.
    pub own_failures: u64,
    /// When its first call left, by the clock of the run.
    pub since: Option<Duration>,
    /// The units that are over because their asks are, in the order in which they ended.
    pub ended: Vec<usize>,
    /// The keys of records that people edited, and of units that they locked.
    pub edited: BTreeSet<String>,
    /// Whether all units are made, and none is kept of the revision before.
    pub is_whole: bool,
    /// Units whose records are not final, by the fields that somebody counts them by.
    pub watches: BTreeMap<String, Watch>,
}

/// What a target's calls came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Calls made.
    pub calls: u64,
    /// Of these, calls that tried something again.
    pub retries: u64,
    /// Of those, calls that told the agent what was wrong with its reply.
    pub repairs: u64,
    /// What they consumed.
    pub usage: Usage,
    /// What they used of the machine, of a phase with an input of its own.
    pub resources: Option<Resources>,
}

impl Job {
    /// Makes the job of a target that is ready, with all of its units begun. No ask exists yet.
    #[must_use]
    pub fn new(model: &Model, work: &AskWork, standing: Box<Standing>, prepared: Box<Prepared>) -> Self {
        let mut job = Self::opened(model, work, standing, prepared);
        while job.begin().is_some() {}
        job
    }

    /// Makes the job of a target that is ready, with none of its units begun.
    #[must_use]
    pub fn opened(model: &Model, work: &AskWork, standing: Box<Standing>, prepared: Box<Prepared>) -> Self {
        let bases = standing.definition.agents.iter().map(|agent| prepared.requests.base(agent)).collect();
        let shared = prepared.requests.shared();
        let renderers = renderers(model, &standing, &shared);
        let counts =
            UnitCounts { total: prepared.n_units(), reused: prepared.n_kept(), ..UnitCounts::default() };
        let source_key = crate::prepare::chosen_source(&standing.now, &work.units.of)
            .and_then(|name| source_key(model.phase(name.as_str())?));
        let groups = groups(&prepared, work.pack_within.as_deref());
        let mut looking = BTreeMap::new();
        groups.iter().for_each(|group| *looking.entry(*group).or_default() += 1);
        if groups.is_empty() && !prepared.units.is_empty() {
            looking.insert(0, prepared.units.len());
        }
        Self {
            shared,
            n_open: prepared.units.len(),
            bases,
            renderers,
            units: UnitWindow::default(),
            groups,
            settling: Settling::default(),
            source_key,
            looking,
            n_looking: 0,
            stages: BTreeMap::new(),
            is_planned: false,
            n_in_flight: 0,
            n_resting: 0,
            is_stopped: false,
            is_relieved: false,
            unable: BTreeMap::new(),
            missed: BTreeSet::new(),
            counts,
            own_failures: 0,
            since: None,
            ended: Vec::new(),
            edited: prepared.editing.keys(),
            is_whole: prepared.before.is_none(),
            watches: BTreeMap::new(),
            documents: BTreeMap::new(),
            document: None,
            standing,
            prepared,
        }
    }

    /// Begins the next unit; returns its place and its group.
    pub fn begin(&mut self) -> Option<(usize, u32)> {
        let place = self.units.len();
        let unit = self.prepared.units.get(place)?;
        let group = self.groups.get(place).copied().unwrap_or(0);
        let state = unit_state(&self.prepared, unit, group);
        self.n_open -= usize::from(state.is_over());
        self.counts.reused += u64::from(state.progress == UnitProgress::Done);
        self.units.push(state);
        Some((place, group))
    }

    /// Takes note that the asks of a unit that was begun are known.
    pub fn has_begun(&mut self, group: u32) {
        self.looks_no_more(group);
    }

    /// Whether any ask of a unit that is held has neither a reply nor failed.
    #[must_use]
    pub fn has_open_asks(&self) -> bool {
        self.units.iter().any(|(_, unit)| !unit.stage_is_over())
    }

    /// Returns how many units have not been begun.
    #[must_use]
    pub fn n_ahead(&self) -> usize {
        self.prepared.units.len() - self.units.len()
    }

    /// Takes note of an ask that the ledger is looked into for.
    pub fn looks(&mut self, group: u32) {
        *self.looking.entry(group).or_default() += 1;
        self.n_looking += 1;
    }

    /// Takes note of an ask that the ledger has been looked into for.
    pub fn has_looked(&mut self, group: u32) {
        self.n_looking = self.n_looking.saturating_sub(1);
        self.looks_no_more(group);
    }

    fn looks_no_more(&mut self, group: u32) {
        if let Some(n) = self.looking.get_mut(&group) {
            *n = n.saturating_sub(1);
            if *n == 0 {
                self.looking.remove(&group);
            }
        }
    }

    /// Returns the id of a unit.
    #[must_use]
    pub fn unit_id(&self, unit: usize) -> &UnitId {
        &self.prepared.units[unit].id
    }

    /// Returns the agents and samples that a unit's stage asks; nothing where there is no such stage.
    #[must_use]
    pub fn stage(&self, work: &AskWork, unit: usize, stage: usize) -> StageAsks {
        stage_of(work, self.unit_id(unit), stage)
    }

    /// Checks a reply to an ask against the rules of the phase.
    ///
    /// # Errors
    /// Refuses what does not have the shape that the phase asks for.
    pub fn accept(
        &self,
        phase: &Phase,
        work: &AskWork,
        unit: usize,
        ask: usize,
        reply: &Json,
    ) -> Result<AskState, Failure> {
        let member = self.units[unit].asks.get(ask).map_or(0, |ask| ask.row.member as usize);
        let prompt = work.pool.get(member).and_then(|member| member.prompt.as_deref());
        if let Some((prompt, answer)) = prompt.and_then(|prompt| Some((prompt, prompt.answer.as_ref()?))) {
            let inner = prompt.inner(reply);
            reply::check_answer(answer, inner.as_ref().unwrap_or(reply), self.unit_id(unit))?;
        }
        let keep = (work.fan == Fan::Chain).then(|| reply.clone());
        if work.fan == Fan::Chain && ask + 1 < work.pool.len() {
            // What an inner link of a chain says may have any shape.
            return Ok(AskState::Done { records: Records::new(), reply: keep });
        }
        let rules = Rules::of(work, self.source_key.as_deref()).gathered(!phase.gather.is_empty());
        let reviewer = self.standing.definition.rules.as_ref();
        let reviewer = reviewer.map(|rules| Reviewer { rules, shared: &self.shared });
        let rules = rules.by_model(prompt.is_some()).reviewed_by(reviewer);
        let records = rules.accept(reply, &self.prepared.units[unit], &self.prepared.requests)?;
        Ok(AskState::Done { records, reply: keep })
    }

    /// Adds an ask to a unit and returns its place and its key; `None` where its prompt cannot be rendered, so that it
    /// has failed.
    pub fn add_ask(
        &mut self,
        unit: usize,
        member: u32,
        sample: u32,
        previous: Option<&Json>,
    ) -> Option<(usize, Digest)> {
        let (key, state) = match self.key(unit, member, sample, previous) {
            Ok(key) => (key, AskState::Looking),
            // Nothing is ever recorded under this key.
            Err(failure) => (Digest::of_content(failure.message.as_bytes()), AskState::Failed(failure)),
        };
        let is_failed = matches!(state, AskState::Failed(_));
        self.units[unit].asks.push(Ask { row: AskRow::new(member, sample, key), state });
        (!is_failed).then_some((self.units[unit].asks.len() - 1, key))
    }

    /// Returns the key of an ask.
    ///
    /// # Errors
    /// Fails where the prompt of a model cannot be rendered about this unit.
    pub fn key(
        &self,
        unit: usize,
        member: u32,
        sample: u32,
        previous: Option<&Json>,
    ) -> Result<Digest, Failure> {
        let base = &self.bases[member as usize];
        let Some(renderer) = self.renderers.get(member as usize).and_then(Option::as_ref) else {
            let numbers = AskNumbers { sample, previous: previous.map(digest_of) };
            return Ok(key(base, &self.units[unit].digest, &numbers));
        };
        let request = self.prepared.requests.request(&self.prepared.units[unit]);
        let rendered = renderer.alone(About { request: &request, previous })?;
        Ok(key(base, &rendered.digest(), &AskNumbers { sample, previous: None }))
    }

    /// Returns what a model is told in one call about some asks; `None` where the agent is no model.
    #[must_use]
    pub fn conversation(
        &self,
        member: usize,
        asks: impl Iterator<Item = (usize, usize)>,
    ) -> Option<Arc<Conversation>> {
        let renderer = self.renderers.get(member)?.as_ref()?;
        let seen = asks.map(|(unit, ask)| {
            (self.prepared.requests.request(&self.prepared.units[unit]), self.previous(unit, ask))
        });
        let seen: Vec<(UnitRequest, Option<Json>)> = seen.collect();
        let abouts = seen.iter().map(|(request, previous)| About { request, previous: previous.as_ref() });
        let abouts: Vec<About<'_>> = abouts.collect();
        // Each of them has been rendered for its key.
        renderer.conversation(&abouts).ok().map(Arc::new)
    }

    /// Returns what was said of the failure that a unit failed for: that of the first ask in the order of the file, or of the
    /// last rung or link; never of whoever answered first.
    #[must_use]
    pub fn reported(&self, fan: Fan, unit: usize) -> Option<Json> {
        let asks = &self.units.get(unit)?.asks;
        let ask = match fan {
            Fan::Split | Fan::Panel => {
                asks.iter().position(|ask| matches!(ask.state, AskState::Failed(_)))?
            }
            Fan::Cascade | Fan::Chain => asks.len().checked_sub(1)?,
        };
        self.documents.get(&(unit, ask)).cloned()
    }

    /// Gives an ask its next key, because the reply under the present one is refused, and returns that key.
    pub fn redo(&mut self, unit: usize, ask: usize) -> Digest {
        let ask = &mut self.units[unit].asks[ask];
        ask.row = ask.row.again();
        ask.state = AskState::Looking;
        ask.row.key
    }

    /// Returns what a chain passes on to an ask: the reply before it.
    #[must_use]
    pub fn previous(&self, unit: usize, ask: usize) -> Option<Json> {
        match &self.units[unit].asks.get(ask.checked_sub(1)?)?.state {
            AskState::Done { reply, .. } => reply.clone(),
            _ => None,
        }
    }

    /// Whether asks that are still on their way could join a pack of a group for an agent.
    #[must_use]
    pub fn may_grow(&self, fan: Fan, member: usize, group: u32) -> bool {
        let looking = self.looking.get(&group).is_some_and(|n| *n > 0);
        let staged = matches!(fan, Fan::Cascade | Fan::Chain);
        looking || (staged && self.stages.range((group, 0)..(group, member)).any(|(_, n)| *n > 0))
    }

    /// Returns why an agent is not asked any more, where it is not; a job that is stopped asks nobody, and nothing fails
    /// for that.
    #[must_use]
    pub fn why_unable(&self, member: usize) -> Option<Failure> {
        self.unable.get(&member).filter(|_| !self.is_stopped).cloned()
    }

    /// Takes out what came of the units that are held, for publishing.
    pub fn take_outcomes(&mut self) -> Vec<UnitOutcome> {
        let prepared = &self.prepared;
        self.units.take().map(|(unit, state)| outcome_of(prepared, unit, state)).collect()
    }

    /// Takes out what came of the first unit that is held, if it is over.
    pub fn take_outcome(&mut self) -> Option<UnitOutcome> {
        let (unit, state) = self.units.pop_over()?;
        Some(outcome_of(&self.prepared, unit, state))
    }
}

fn renderers(model: &Model, standing: &Standing, shared: &Json) -> Vec<Option<Renderer>> {
    let agents = &standing.definition.agents;
    if agents.iter().all(|agent| agent.prompt.is_none()) {
        return Vec::new();
    }
    let Target { phase, scope } = &standing.target;
    let fixed = model.phase(phase.as_str()).map_or(Cow::Borrowed(scope), |phase| phase.fixed(scope));
    let ground = Arc::new(Ground::new(&model.params, &fixed, shared));
    let renderer = |prompt: &Arc<Prompt>| Renderer::new(prompt.clone(), ground.clone());
    agents.iter().map(|agent| agent.prompt.as_ref().map(renderer)).collect()
}

/// Returns the agents and samples that a stage of a unit asks; nothing where there is no such stage.
pub(crate) fn stage_of(work: &AskWork, unit: &UnitId, stage: usize) -> StageAsks {
    let samples = |member: usize| {
        let member_no = stage_no(member);
        (0..work.pool[member].samples).map(move |sample| (member_no, sample))
    };
    match work.fan {
        Fan::Split if stage == 0 => samples(rendezvous(work, unit)).collect(),
        Fan::Panel if stage == 0 => (0..work.pool.len()).flat_map(samples).collect(),
        Fan::Split | Fan::Panel => StageAsks::new(),
        Fan::Cascade | Fan::Chain => work.pool.get(stage).map(|_| (stage_no(stage), 0)).into_iter().collect(),
    }
}

/// Makes the state that a unit starts in. One that people locked is over before it begins, whatever it would see.
fn unit_state(prepared: &Prepared, unit: &Unit, group: u32) -> UnitState {
    let is_locked = prepared.editing.locked(unit.id.as_str()).is_some();
    let progress = if is_locked {
        UnitProgress::Done
    } else if prepared.requests.is_hole(unit) {
        UnitProgress::Hole
    } else {
        UnitProgress::Open
    };
    let digest = if is_locked { UNASKED } else { prepared.requests.digest(unit) };
    UnitState { digest, ..UnitState::new(group, progress) }
}

fn outcome_of(prepared: &Prepared, unit: usize, state: UnitState) -> UnitOutcome {
    let Unit { id, members } = &prepared.units[unit];
    let lock = prepared.editing.locked(id.as_str());
    let outcome = lock.map_or_else(|| outcome(state, id.clone()), |lock| locked_outcome(id, lock));
    UnitOutcome { run: prepared.requests.by.as_ref().and_then(|_| members.run()), ..outcome }
}

fn locked_outcome(id: &UnitId, lock: &Lock) -> UnitOutcome {
    let stamped = Stamped { key: id.text(), record: lock.record.clone() };
    let replies = smallvec![(0, 0, smallvec![stamped])];
    UnitOutcome { id: id.clone(), asks: SmallVec::new(), run: None, result: Ok(replies) }
}

fn outcome(state: UnitState, id: UnitId) -> UnitOutcome {
    let rows = state.asks.iter().map(|ask| ask.row).collect();
    let result = match state.progress {
        UnitProgress::Failed(failure) => Err(Some(failure)),
        UnitProgress::Hole | UnitProgress::Open => Err(None),
        UnitProgress::Done => Ok(state
            .asks
            .into_iter()
            .filter_map(|ask| match ask.state {
                AskState::Done { records, .. } => Some((ask.row.member, ask.row.sample, records)),
                _ => None,
            })
            .collect()),
    };
    UnitOutcome { id, asks: rows, run: None, result }
}

/// Numbers the groups whose units may share calls, in the order of their first units; none where all units may.
fn groups(prepared: &Prepared, within: Option<&str>) -> Vec<u32> {
    let Some(field) = within else { return Vec::new() };
    let mut numbers: HashMap<Option<String>, u32> = HashMap::new();
    let mut number = |value: Option<String>| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        *numbers.entry(value).or_insert(next)
    };
    prepared.units.iter().map(|unit| number(prepared.requests.value(unit, field))).collect()
}

/// Returns the agent that answers for a unit where several share the work: it hangs on the unit's id and the agents'
/// names alone, and taking an agent away moves only the units it had.
fn rendezvous(work: &AskWork, unit: &UnitId) -> usize {
    let weight = |member: usize| {
        let mut digester = Digester::new("refrain split v1");
        digester.part(work.pool[member].agent.as_str().as_bytes()).part(unit.as_str().as_bytes()).finish()
    };
    if work.pool.len() == 1 {
        0
    } else {
        (0..work.pool.len()).max_by_key(|member| weight(*member)).unwrap_or(0)
    }
}

fn digest_of(json: &Json) -> Digest {
    Digest::of_content(json.as_str().as_bytes())
}

fn stage_no(stage: usize) -> u32 {
    u32::try_from(stage).unwrap_or(u32::MAX)
}

/// Returns the key of the records that a phase makes, if they have one.
pub(super) fn source_key(phase: &Phase) -> Option<String> {
    match &phase.work {
        Work::Read(work) => Some(work.key.clone()),
        Work::Ask(work) => match &work.output.shape {
            crate::model::OutputShape::Records { key } => Some(key.clone()),
            crate::model::OutputShape::Document => None,
        },
        Work::Write(_) | Work::Loop(_) => None,
    }
}
