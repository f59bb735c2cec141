//! The state of a run. Everything that changes it is in [`RunState::apply`] and [`RunState::schedule`]; nothing in
//! here waits for anything.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Duration;

use refrain_schemas::digest::Digest;
use refrain_schemas::event::{EventKind, Level, PhaseEnded};
use refrain_schemas::freshness::{Cause, CauseKind, Freshness};
use refrain_schemas::history::{GenerationRecord, HistoryEntry, RevisionRecord};
use refrain_schemas::ledger::{Lane, LedgerEntry};
use refrain_schemas::name::{AgentName, CallId, RunId};
use refrain_schemas::phase_spec::OnUnitFailure;
use refrain_schemas::pipeline::Limits;
use refrain_schemas::report::{PhaseReport, PhaseStatus};
use refrain_schemas::scope::Target;
use refrain_schemas::time::Timestamp;

use crate::engine::EngineError;
use crate::facts::upstream_now;
use crate::history::History;
use crate::judge::judge;
use crate::model::{Model, Phase, Work};
use crate::ports::store::Batch;
use crate::publish::Published;
use crate::survey::{Standing, is_kept, is_volatile};

use super::input::{AskRef, Effect, Input, TargetNo, Told, Transferred, Trouble, Whole};
use super::job::Job;
use super::pool::{Pack, Pool};
use super::target_state::{Stage, TargetState};

/// The state of a run.
#[derive(Debug)]
pub struct RunState {
    pub(super) model: Arc<Model>,
    pub(super) history: History,
    pub(super) run_id: RunId,
    pub(super) options: Options,
    pub(super) targets: Vec<TargetState>,
    /// Verdicts on targets outside the plan.
    pub(super) outside: BTreeMap<Target, Freshness>,
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
    pub(super) calls: Spent,
    pub(super) stop: Option<Stop>,
    pub(super) credentials_failed: bool,
    pub(super) offline_missed: bool,
    pub(super) now: Timestamp,
    pub(super) time: Duration,
    batch: Batch,
    told: Vec<Told>,
    effects: Vec<Effect>,
    level: Level,
    told_at: Duration,
    /// The first failure that ends the run.
    pub(super) fatal: Option<EngineError>,
    invalidated: Vec<Target>,
}

/// What was asked of the run, as far as the state has to know.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Answer from the ledger only.
    pub offline: bool,
    /// The most calls.
    pub max_calls: Option<u64>,
    /// Calls of earlier runs that are in doubt.
    pub in_doubt: u64,
    /// The least level of events that anybody wants.
    pub level: Level,
}

/// Calls that were made, by what they count against.
#[derive(Debug, Default)]
pub(super) struct Spent {
    pub(super) run: u64,
    pub(super) retries: u64,
    /// By phase, in model order.
    pub(super) phases: Vec<Spending>,
    /// By agent, in model order.
    pub(super) agents: Vec<Spending>,
}

/// Calls that count against one phase or agent.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Spending {
    pub(super) calls: u64,
    pub(super) in_flight: usize,
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
    pub(super) pool: Pool,
}

/// A map by ask keys, which are hashes already.
pub(super) type KeyMap<V> = HashMap<Digest, V, BuildHasherDefault<KeyHasher>>;

/// Takes the first eight bytes of a digest for its hash.
#[derive(Debug, Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(head) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*head);
        }
    }

    // The length of the digest, which is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A call that is under way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) pack: Pack,
    pub(super) clone: u32,
    pub(super) started: Duration,
}

/// Asks with one key: one of them is asked, the others wait for its reply.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) asks: Vec<AskRef>,
    pub(super) asked: Option<AskRef>,
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
        outside: BTreeMap<Target, Freshness>,
        (next_call, next_lane): (CallId, u32),
    ) -> Self {
        let mut state = Self {
            model,
            history,
            run_id,
            options,
            targets,
            outside,
            pools: Vec::new(),
            first_pool: Vec::new(),
            flights: BTreeMap::new(),
            by_key: KeyMap::default(),
            look_ups: Vec::new(),
            lanes: BTreeMap::new(),
            next_lane,
            next_call,
            calls: Spent { run: options.in_doubt, ..Spent::default() },
            stop: None,
            credentials_failed: false,
            offline_missed: false,
            now: Timestamp::from_micros(0),
            time: Duration::ZERO,
            batch: Batch::default(),
            told: Vec::new(),
            effects: Vec::new(),
            level: options.level,
            told_at: Duration::ZERO,
            fatal: None,
            invalidated: Vec::new(),
        };
        state.open_pools();
        state
    }

    fn open_pools(&mut self) {
        let model = self.model.clone();
        self.calls.phases = vec![Spending::default(); model.phases.len()];
        self.calls.agents = vec![Spending::default(); model.agents.len()];
        for (phase_no, phase) in model.phases.iter().enumerate() {
            self.first_pool.push(self.pools.len());
            let Work::Ask(work) = &phase.work else { continue };
            for (member_no, member) in work.pool.iter().enumerate() {
                let agent = model.agents.get_full(member.agent.as_str());
                self.pools.push(Seat {
                    phase: phase_no,
                    member: member_no,
                    agent: member.agent.clone(),
                    agent_no: agent.map_or(0, |(no, ..)| no),
                    limits: agent.and_then(|(.., agent)| agent.spec.limits).unwrap_or_default(),
                    timeout: agent.and_then(|(.., agent)| agent.timeout),
                    pool: Pool::new(member.clones),
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
            Input::Prepared(no, prepared) => self.prepared(no, prepared),
            Input::Found(asks, found) => self.found(asks, found),
            Input::Called(call, reply) => self.called(call, reply),
            Input::Rested(pack) => self.rested(pack),
            Input::Transferred(no, transferred) => self.transferred(no, transferred),
            Input::Published(no, published) => self.published(no, published),
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
        self.start_targets();
        self.start_calls();
        let look_ups = std::mem::take(&mut self.look_ups);
        for batch in look_ups.chunks(LOOK_UPS) {
            let (asks, keys) = batch.iter().copied().unzip();
            self.effects.push(Effect::LookUp(asks, keys));
        }
        self.tell_progress();
    }

    /// Takes out what the turn came to.
    pub fn take_turn(&mut self) -> Turn {
        Turn {
            batch: std::mem::take(&mut self.batch),
            told: std::mem::take(&mut self.told),
            effects: std::mem::take(&mut self.effects),
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.fatal.is_some() || (self.flights.is_empty() && self.targets.iter().all(TargetState::is_over))
    }

    /// Returns what became of each target, in plan order.
    #[must_use]
    pub fn reports(&self) -> Vec<PhaseReport> {
        self.targets.iter().map(|target| target.report.clone()).collect()
    }

    pub(super) fn phase(&self, no: TargetNo) -> &Phase {
        &self.model.phases[self.targets[no].phase]
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn ledger(&mut self, entry: LedgerEntry) {
        self.batch.ledger.push(entry);
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
    pub(super) fn lane(&mut self, no: TargetNo, agent: &AgentName) -> u32 {
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
            agent: agent.clone(),
            model: None,
        }));
        lane
    }

    fn freshness(&self, target: &Target) -> Freshness {
        let inside = self.targets.iter().find(|state| *state.target == *target);
        inside.map_or_else(
            || self.outside.get(target).copied().unwrap_or(Freshness::Missing),
            |state| state.freshness,
        )
    }

    fn start_targets(&mut self) {
        for no in 0..self.targets.len() {
            let ready = matches!(self.targets[no].stage, Stage::Waiting)
                && self.targets[no].after.iter().all(|before| self.targets[*before].is_over());
            if !ready {
                continue;
            }
            if let Some(stop) = self.stop {
                self.end_early(no, stop);
                continue;
            }
            self.targets[no].stage = Stage::Judging;
            let target = self.targets[no].target.clone();
            let upstream = upstream_now(&self.model, self.phase(no), &target, &self.history, |other| {
                self.freshness(other)
            });
            let prior = self.history.prior(&target).map(Box::new);
            let generation = self.history.generation(&target);
            self.effect(Effect::Judge(no, upstream, prior, generation));
        }
    }

    fn judged(&mut self, no: TargetNo, judged: Result<Box<Standing>, EngineError>) {
        let mut standing = match judged {
            Ok(standing) => standing,
            Err(error) => return self.fail_or_abort(no, error),
        };
        self.targets[no].freshness = standing.verdict.freshness;
        self.targets[no].report.causes.clone_from(&standing.verdict.causes);
        self.report_latest(no);
        if let Some(reason) = standing.now.skipped.clone() {
            self.tell(no, EventKind::PhaseSkipped { reason });
            return self.end(no, PhaseStatus::Skipped, None);
        }
        if let Some(error) = self.blocked(no, &standing) {
            return self.block(no, &standing, error);
        }
        let is_volatile = self.is_volatile(no);
        if !self.is_to_run(no, &standing, is_volatile) {
            return self.keep(no, &standing);
        }
        if self.stop.is_some() {
            return self.end_early(no, self.stop.unwrap_or(Stop::Drained));
        }
        if (self.targets[no].is_forced || is_volatile) && !self.options.offline {
            self.raise_generation(no, &mut standing);
        }
        let revision = self.history.next_revision(&self.targets[no].target);
        let causes = self.targets[no].causes().to_vec();
        self.tell(no, EventKind::PhaseStarted { revision, causes });
        self.start_work(no, standing, Whole::No);
    }

    /// Whether there is anything to do about a target.
    fn is_to_run(&self, no: TargetNo, standing: &Standing, is_volatile: bool) -> bool {
        let target = &self.targets[no];
        target.is_forced || is_volatile || !is_kept(&self.history, &target.target, standing.verdict.freshness)
    }

    fn keep(&mut self, no: TargetNo, standing: &Standing) {
        let partial = standing.verdict.freshness == Freshness::Partial;
        if let Some(record) = self.history.latest(&self.targets[no].target) {
            let revision = record.revision;
            let mut counts = record.counts;
            (counts.reused, counts.ran) = (counts.reused + counts.ran, 0);
            self.targets[no].report.units = counts;
            self.tell(no, EventKind::PhaseFresh { revision });
        }
        self.end(no, if partial { PhaseStatus::Partial } else { PhaseStatus::Fresh }, None);
    }

    fn is_volatile(&self, no: TargetNo) -> bool {
        is_volatile(&self.model, self.phase(no))
    }

    /// Gives all asks of a target new keys, unless an earlier run did so and did not come to its end.
    fn raise_generation(&mut self, no: TargetNo, standing: &mut Standing) {
        let target = (*self.targets[no].target).clone();
        let made_from = self.history.lineage(&target).map(|lineage| lineage.generation);
        // One whose replies do not go together has all of its replies; only other ones can help.
        let attempt = self.history.target(&target).and_then(|target| target.last_attempt.as_ref());
        let is_conflict = attempt.is_some_and(|attempt| attempt.error.code == "conflict");
        let is_open = made_from.is_none_or(|made_from| made_from < standing.now.generation) && !is_conflict;
        if !is_open {
            standing.now.generation += 1;
        }
        if matches!(self.phase(no).work, Work::Ask(_)) && !is_open {
            let (run_id, at, generation) = (self.run_id, self.now, standing.now.generation);
            self.write(HistoryEntry::Generation(GenerationRecord {
                target: target.clone(),
                generation,
                run_id,
                at,
            }));
        }
        if self.targets[no].report.causes.is_empty() {
            self.targets[no].report.causes.push(Cause::new(CauseKind::Generation, target.to_string()));
        }
    }

    fn start_work(&mut self, no: TargetNo, standing: Box<Standing>, whole: Whole) {
        if matches!(self.phase(no).work, Work::Ask(_)) {
            let prior = self.history.prior(&self.targets[no].target).map(Box::new);
            self.targets[no].stage = Stage::Preparing(standing.clone());
            self.effect(Effect::Prepare(no, standing, prior, whole));
        } else {
            self.targets[no].stage = Stage::Transferring(standing.clone());
            self.effect(Effect::Transfer(no, standing));
        }
    }

    fn prepared(&mut self, no: TargetNo, prepared: Result<Box<crate::prepare::Prepared>, Trouble>) {
        let Stage::Preparing(mut standing) = std::mem::replace(&mut self.targets[no].stage, Stage::Judging)
        else {
            return;
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(trouble) => return self.in_trouble(no, &standing, trouble),
        };
        let model = self.model.clone();
        let Work::Ask(work) = &model.phases[self.targets[no].phase].work else { return };
        // What was read is what the revision is made from, even if it changed since the target was judged.
        standing.now.context_files.clone_from(&prepared.context_files);
        let job = Job::new(&model, work, standing, prepared);
        self.targets[no].stage = Stage::Asking(Box::new(job));
        self.start_asks(no);
    }

    fn transferred(&mut self, no: TargetNo, transferred: Result<Box<Transferred>, Trouble>) {
        let Stage::Transferring(mut standing) =
            std::mem::replace(&mut self.targets[no].stage, Stage::Judging)
        else {
            return;
        };
        let transferred = match transferred {
            Ok(transferred) => *transferred,
            Err(trouble) => return self.in_trouble(no, &standing, trouble),
        };
        if matches!(self.phase(no).work, Work::Read(_)) {
            // What was read is what the revision is made from, even if it changed a moment before.
            standing.now.sources.clone_from(&transferred.files);
        }
        self.tell(no, transferred.event);
        let record = RevisionRecord {
            target: (*self.targets[no].target).clone(),
            revision: self.history.next_revision(&self.targets[no].target),
            run_id: self.run_id,
            at: self.now,
            artifact: transferred.artifact,
            lineage: standing.now.lineage(&BTreeMap::new()),
            units: None,
            local: false,
            counts: refrain_schemas::report::UnitCounts::default(),
            usage: refrain_schemas::usage::Usage::default(),
            missing: Vec::new(),
            own_failures: 0,
            conflicts: None,
            n_conflicts: 0,
            files: transferred.files,
            causes: self.targets[no].causes().to_vec(),
        };
        standing.now.altered.clear();
        self.publish_revision(no, record, &standing);
    }

    /// Ends the asking about a target whose units are all over.
    pub(super) fn finish_asking(&mut self, no: TargetNo) {
        let Work::Ask(work) = &self.phase(no).work else { return };
        let rule = work.on_unit_failure;
        let Some(job) = self.targets[no].job() else { return };
        // Holes were not tried; they count neither way.
        let failed = job.own_failures;
        let total = job.counts.total - (job.counts.failed - failed);
        let enough = match rule {
            OnUnitFailure::Stop => failed == 0,
            OnUnitFailure::Continue => failed == 0 || failed < total,
            OnUnitFailure::Quorum(share) => failed == 0 || (total - failed) as f64 >= share * total as f64,
        };
        if !enough {
            return self.fail_units(no);
        }
        let Stage::Asking(mut job) = std::mem::replace(&mut self.targets[no].stage, Stage::Judging) else {
            return;
        };
        if job.prepared.before.is_some() {
            // Should units turn out not to be keepable, all are made again, and these have been asked about already.
            let called = job.units.iter().zip(&job.prepared.units).filter(|(state, _)| state.was_called);
            self.targets[no].called = called.map(|(_, unit)| unit.id.clone()).collect();
        }
        let outcomes = job.take_outcomes();
        let Job { standing, prepared, counts, .. } = *job;
        let mut standing = standing;
        standing.verdict.missing.clear();
        self.targets[no].context_artifacts.clone_from(&prepared.context_artifacts);
        self.targets[no].stage = Stage::Publishing(standing, counts);
        self.effect(Effect::Publish(no, prepared, outcomes));
    }

    fn published(&mut self, no: TargetNo, published: Result<Box<Option<Published>>, EngineError>) {
        let Stage::Publishing(standing, counts) =
            std::mem::replace(&mut self.targets[no].stage, Stage::Judging)
        else {
            return;
        };
        let published = match published.map(|published| *published) {
            Ok(Some(published)) => published,
            Ok(None) => return self.start_work(no, standing, Whole::Yes),
            Err(error) => return self.fail_or_abort(no, error),
        };
        if let Some(conflict) = &published.open_conflict {
            return self.fail_conflict(no, &standing, &published, conflict);
        }
        let tally = self.targets[no].tally;
        let record = RevisionRecord {
            target: (*self.targets[no].target).clone(),
            revision: self.history.next_revision(&self.targets[no].target),
            run_id: self.run_id,
            at: self.now,
            artifact: published.artifact,
            lineage: standing.now.lineage(&self.targets[no].context_artifacts),
            units: Some(published.units),
            local: published.local,
            counts,
            usage: tally.usage,
            missing: published.missing,
            own_failures: published.own_failures,
            conflicts: published.conflicts,
            n_conflicts: published.n_conflicts,
            files: Vec::new(),
            causes: self.targets[no].causes().to_vec(),
        };
        self.targets[no].report.units = counts;
        self.publish_revision(no, record, &standing);
    }

    fn publish_revision(&mut self, no: TargetNo, record: RevisionRecord, standing: &Standing) {
        let before = self.history.latest(&record.target).map(|before| before.artifact.digest);
        let (artifact, n_conflicts) = (record.artifact.clone(), record.n_conflicts);
        let partial = record.is_partial() || standing.now.reads_partial();
        let verdict = judge(&standing.now, Some(&record), Some(&record.lineage), None);
        let tally = self.targets[no].tally;
        let ended = PhaseEnded {
            revision: record.revision,
            digest: artifact.digest,
            units: record.counts,
            calls: tally.calls,
            usage: tally.usage,
        };
        self.write(HistoryEntry::Revision(Box::new(record)));
        if before == Some(artifact.digest) {
            self.tell(no, EventKind::ArtifactReused { digest: artifact.digest });
        } else {
            let (digest, records, holes) = (artifact.digest, artifact.records, artifact.holes);
            self.tell(no, EventKind::ArtifactWritten { digest, records, holes, conflicts: n_conflicts });
        }
        self.report_latest(no);
        self.targets[no].freshness = verdict.freshness;
        let status = if partial { PhaseStatus::Partial } else { PhaseStatus::Completed };
        self.tell(
            no,
            if partial { EventKind::PhasePartial(ended) } else { EventKind::PhaseCompleted(ended) },
        );
        if before.is_some_and(|before| before != artifact.digest) {
            self.invalidate(no);
        }
        self.end(no, status, None);
    }

    /// Tells of the revisions downstream that are no longer fresh, each once a run.
    fn invalidate(&mut self, no: TargetNo) {
        let changed = self.targets[no].target.clone();
        let mut reached: Vec<Target> = vec![(*changed).clone()];
        for target in self.model.targets() {
            let Some(phase) = self.model.phase(target.phase.as_str()) else { continue };
            let before = crate::upstream::upstream(&self.model, phase, &target.scope);
            let through = before.iter().find(|upstream| upstream.read && reached.contains(&upstream.target));
            let Some(through) = through else { continue };
            let direct = through.target == *changed;
            let kind = if direct { CauseKind::Upstream } else { CauseKind::UpstreamStale };
            let cause = Cause::new(kind, through.target.to_string());
            reached.push(target.clone());
            let latest = self.history.latest(&target).map(|record| record.revision);
            if let Some(revision) = latest.filter(|_| !self.invalidated.contains(&target)) {
                self.invalidated.push(target.clone());
                self.told.push((Some(Arc::new(target)), EventKind::PhaseInvalidated { revision, cause }));
            }
        }
    }

    pub(super) fn tell_progress(&mut self) {
        if self.time.saturating_sub(self.told_at) < crate::recorder::PROGRESS_EVERY {
            return;
        }
        self.told_at = self.time;
        for no in 0..self.targets.len() {
            let Some(job) = self.targets[no].job().filter(|job| job.is_planned) else { continue };
            let (units, done) = (job.counts, job.counts.ran + job.counts.failed);
            let tally = self.targets[no].tally;
            if self.targets[no].told != done + tally.calls {
                self.targets[no].told = done + tally.calls;
                self.tell(no, EventKind::PhaseProgressed { units, calls: tally.calls, usage: tally.usage });
            }
        }
    }
}

/// How many keys are looked up at once.
const LOOK_UPS: usize = 4096;
