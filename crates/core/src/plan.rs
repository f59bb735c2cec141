//! Looking ahead: what a run would do, without doing or storing anything.
//!
//! Targets are taken in plan order. Where everything upstream is known, a target's units, keys and misses are those of
//! the real run, and if nothing is missing, its artifact is built in memory so that what comes after is known too.
//! Where a reply is pending upstream, the units that could see it are counted as possible and all others exactly, so
//! the bounds hold whatever the reply turns out to be.

mod asks;
mod conclude;
mod counted;
pub mod drift;
mod file;
mod guess;
mod outlay;
mod outlook;
mod packs;
mod spent;
mod turns;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use refrain_schemas::digest::Digest;
use refrain_schemas::freshness::{Cause, CauseKind, Freshness};
use refrain_schemas::history::{AttemptRecord, HistoryEntry, RevisionRecord};
use refrain_schemas::name::{PhaseName, RunId};
use refrain_schemas::plan::{PhasePlan, PlanReport, PlannedAction, PlannedEdge, Range};
use refrain_schemas::scope::Target;

use crate::artifact;
use crate::define::FileDigests;
use crate::end::Word;
use crate::engine::{Engine, EngineError, Ports, RunRequest};
use crate::facts;
use crate::history::History;
use crate::judge::{Now, UpstreamNow};
use crate::model::{Course, Model, ReadWork, Work};
use crate::overlay::Overlay;
use crate::run::request::Planned;
use crate::stream;
use crate::survey::{self, Seen, Standing, is_kept, stand};
use crate::tree::build::TreeBuilder;
use crate::tree::page::Entry;
use crate::upstream::EdgeKind;

use outlay::Size;
use spent::Spent;

pub(crate) use file::plan_file;
pub(crate) use outlook::Outlook;
pub(crate) use packs::LOOK_UPS;

/// Says what a run would do.
pub(crate) async fn plan(engine: &Engine, request: &RunRequest) -> Result<PlanReport, EngineError> {
    Ok(look_ahead(engine, request).await?.0)
}

/// Says what a run would do, and the most that any one of its calls can cost, where all of them have a ceiling.
async fn look_ahead(engine: &Engine, request: &RunRequest) -> Result<(PlanReport, Option<f64>), EngineError> {
    let planned = Planned::of(engine, request)?;
    let mut ahead = Ahead::new(engine).await?;
    if request.only {
        let standings = survey::survey(&ahead.model, &ahead.ports, &ahead.history, &ahead.digests).await?;
        ahead
            .seen
            .words
            .extend(standings.into_iter().map(|standing| (standing.target.clone(), standing.word())));
    }
    ahead.spent = Spent::of(ahead.ports.store.lane_sums().await?);
    let mut phases = Vec::new();
    for (target, _) in &planned.targets {
        let forced = request.force && planned.named.contains(target);
        phases.extend(ahead.plan_target(target, forced).await?);
    }
    let in_doubt = ahead.ports.store.ledger_summary().await?.in_doubt;
    Ok((report(phases, in_doubt), ahead.dearest))
}

fn report(phases: Vec<PhasePlan>, in_doubt: u64) -> PlanReport {
    let sum = |of: fn(&PhasePlan) -> &Range| {
        phases.iter().fold(Range::exactly(0), |mut sum, phase| {
            sum.add(of(phase));
            sum
        })
    };
    PlanReport {
        schema_version: 1,
        changes: phases
            .iter()
            .any(|phase| matches!(phase.action, PlannedAction::Run | PlannedAction::Perhaps)),
        run: sum(|phase| &phase.run),
        reuse: sum(|phase| &phase.reuse),
        calls: sum(|phase| &phase.calls),
        outlay: phases.iter().fold(None, |all, phase| outlay::sum(all, phase.outlay)),
        in_doubt,
        choices: Vec::new(),
        phases,
    }
}

/// The project as it would be at each point of the run.
pub(crate) struct Ahead {
    pub(crate) model: Arc<Model>,
    /// The ports, with a store that keeps new pages in memory.
    pub(crate) ports: Ports,
    pub(crate) history: History,
    pub(crate) digests: FileDigests,
    seen: Seen,
    /// The target of a turn that nothing is to be planned from on.
    pub(crate) halt_at: Option<Target>,
    is_halted: bool,
    outlooks: BTreeMap<Target, Outlook>,
    /// Phases of which something hangs on replies that are not there yet.
    open: HashSet<PhaseName>,
    /// Targets that a condition on pending contents may yet skip.
    doubtful: BTreeSet<Target>,
    /// Keys without a reply that an earlier ask counts already: whoever comes first pays for all.
    asked: HashSet<Digest>,
    /// What earlier calls came to.
    spent: Spent,
    /// What the records of the targets so far are like.
    sizes: BTreeMap<PhaseName, Size>,
    /// The most that any call so far can cost; `None` where one has no ceiling.
    dearest: Option<f64>,
}

impl Ahead {
    pub(crate) async fn new(engine: &Engine) -> Result<Self, EngineError> {
        let mut ports = engine.ports().clone();
        let history = History::fold(ports.store.history().await?);
        ports.store = Arc::new(Overlay::new(ports.store.clone()));
        let digests = FileDigests::new(ports.files.clone());
        let model = engine.shared_model();
        Ok(Self {
            model,
            ports,
            history,
            digests,
            seen: Seen::default(),
            halt_at: None,
            is_halted: false,
            outlooks: BTreeMap::new(),
            open: HashSet::new(),
            doubtful: BTreeSet::new(),
            asked: HashSet::new(),
            spent: Spent::default(),
            sizes: BTreeMap::new(),
            dearest: Some(0.0),
        })
    }

    pub(crate) async fn plan_target(
        &mut self,
        target: &Target,
        forced: bool,
    ) -> Result<Vec<PhasePlan>, EngineError> {
        let standing = self.stand(target).await?;
        let pending = self.pending(&standing.now);
        let missing = standing.verdict.missing.iter().filter(|target| !pending.contains_key(*target));
        let missing: Vec<Target> = missing.cloned().collect();
        let mut plan = blank(&standing);
        plan.edges = planned_edges(&self.model, target);
        let is_doubtful = self.is_doubtful(&standing, &pending);
        if standing.now.skipped.is_some() && !is_doubtful {
            plan.action = PlannedAction::Skip;
            self.settle(target, Freshness::Skipped, Outlook::Known);
            self.seen.words.insert(target.clone(), standing.word());
        } else if !missing.is_empty() {
            plan.action = PlannedAction::Blocked;
            plan.missing = missing;
            self.settle(target, Freshness::Blocked, Outlook::Known);
        } else if let Some(why) = standing.now.unfit.clone().filter(|_| !is_doubtful) {
            plan.action = PlannedAction::Run;
            (plan.failing, plan.failure) = (1, Some(why));
            self.settle(target, Freshness::Failed, Outlook::Unknown { touched: None });
        } else if self.goes_round(target) {
            let is_pending = is_doubtful || self.hangs_on(&standing.now, &pending);
            return self.plan_loop(standing, is_pending, forced, plan).await;
        } else {
            self.plan_open(standing, &pending, forced, &mut plan).await?;
            if is_doubtful {
                self.doubt(target, &mut plan);
            }
        }
        Ok(vec![plan])
    }

    fn goes_round(&self, target: &Target) -> bool {
        self.model.phase(target.phase.as_str()).is_some_and(|phase| phase.rounds().is_some())
    }

    /// Whether what is not there yet decides how something goes on, or whether it runs at all.
    fn hangs_on(&self, now: &Now, pending: &BTreeMap<Target, Outlook>) -> bool {
        let mut open = now.upstream.iter().filter(|upstream| pending.contains_key(&upstream.target));
        open.any(|upstream| upstream.read || self.doubtful.contains(&upstream.target))
    }

    /// Plans a target that nothing keeps from running.
    async fn plan_open(
        &mut self,
        mut standing: Standing,
        pending: &BTreeMap<Target, Outlook>,
        forced: bool,
        plan: &mut PhasePlan,
    ) -> Result<(), EngineError> {
        let target = standing.target.clone();
        if !forced && self.fails_as_before(&standing, pending, plan) {
            return Ok(());
        }
        let raises = forced || self.is_volatile(&standing) || survey::is_misled(&self.history, &standing);
        let may_keep = !raises && self.may_keep(&standing, pending);
        if may_keep && standing.now.skipped.is_none() && self.is_settled(&standing, pending) {
            let counts = self.history.latest(&target).map(|record| record.counts).unwrap_or_default();
            plan.units = Some(counts.total);
            plan.reuse = Range::exactly(counts.reused + counts.ran);
            self.settle(&target, standing.verdict.freshness, Outlook::Known);
            return Ok(());
        }
        plan.action = if may_keep { PlannedAction::Perhaps } else { PlannedAction::Run };
        if raises {
            raise(&self.history, &mut standing);
            if plan.causes.is_empty() {
                plan.causes.push(Cause::new(CauseKind::Generation, target.to_string()));
            }
        }
        self.plan_work(&standing, pending, plan).await
    }

    /// Plans a target whose attempts are spent; tells whether it is one.
    fn fails_as_before(
        &mut self,
        standing: &Standing,
        pending: &BTreeMap<Target, Outlook>,
        plan: &mut PhasePlan,
    ) -> bool {
        let mut upstream = standing.now.upstream.iter();
        let is_open = upstream.any(|before| before.counts() && pending.contains_key(&before.target));
        let phase = self.model.phase(standing.target.phase.as_str());
        let attempt = phase.and_then(|phase| survey::spent(&self.model, phase, &self.history, standing));
        let Some(attempt) = attempt.filter(|_| !is_open) else { return false };
        plan.units = Some(attempt.counts.total);
        plan.failing = attempt.counts.total;
        plan.failure = Some(attempt.error.message.clone());
        self.settle(&standing.target, Freshness::Failed, Outlook::Known);
        true
    }

    /// Settles a target that is sure to fail. What goes on behind it sees a document that is not there yet; whether a value
    /// stands in, the failure will tell.
    fn settle_failed(&mut self, target: &Target, course: &Course) {
        let (goes_on, may_recover) = (course.goes_on(), !course.recover.is_empty());
        let is_open = goes_on || may_recover;
        let outlook = if is_open { Outlook::Unknown { touched: None } } else { Outlook::Known };
        if may_recover && !goes_on {
            self.doubtful.insert(target.clone());
        }
        self.settle(target, Freshness::Failed, outlook);
    }

    /// Whether a condition on what is pending decides if a target is skipped: its own, or that of one it needs.
    fn is_doubtful(&self, standing: &Standing, pending: &BTreeMap<Target, Outlook>) -> bool {
        let mut hard = standing.now.upstream.iter().filter(|upstream| upstream.hard);
        let needs = |upstream: &&UpstreamNow| upstream.kind == EdgeKind::Need;
        if hard.clone().filter(needs).any(|upstream| upstream.freshness == Freshness::Skipped) {
            return false;
        }
        let phase = self.model.phase(standing.target.phase.as_str());
        let has_condition =
            phase.is_some_and(|phase| phase.when.is_some() || !phase.course.handles.is_empty());
        (has_condition && !pending.is_empty())
            || hard.any(|upstream| {
                let may_hold_up = upstream.counts() || upstream.freshness == Freshness::Failed;
                self.doubtful.contains(&upstream.target) && may_hold_up
            })
            || phase.is_some_and(|phase| {
                phase.course.passed_by.iter().any(|route| self.open.contains(&route.source))
            })
    }

    /// Takes back what is not sure of a target that may be skipped after all.
    fn doubt(&mut self, target: &Target, plan: &mut PhasePlan) {
        plan.action = PlannedAction::Perhaps;
        plan.units = None;
        for range in [&mut plan.run, &mut plan.reuse, &mut plan.calls] {
            range.min = 0;
        }
        plan.outlay.iter_mut().for_each(outlay::doubt);
        self.doubtful.insert(target.clone());
        self.settle(target, Freshness::Stale, Outlook::Unknown { touched: None });
    }

    /// Judges a target as it would be after everything that has been planned.
    pub(crate) async fn stand(&self, target: &Target) -> Result<Standing, EngineError> {
        stand(&self.model, &self.ports, &self.history, &self.digests, target, &self.seen).await
    }

    /// Returns the targets before one whose contents hang on replies that are not there yet.
    pub(crate) fn pending(&self, now: &Now) -> BTreeMap<Target, Outlook> {
        let before = now.upstream.iter().filter_map(|upstream| {
            let outlook = self.outlooks.get(&upstream.target)?;
            (!matches!(outlook, Outlook::Known)).then(|| (upstream.target.clone(), outlook.clone()))
        });
        before.collect()
    }

    /// Whether a target is kept unless something before it turns out different. What is made anew may turn out as it was when
    /// the target read it.
    fn may_keep(&self, standing: &Standing, pending: &BTreeMap<Target, Outlook>) -> bool {
        let own_failures = self.history.latest(&standing.target).map_or(0, |record| record.own_failures);
        let names = OnceCell::new();
        let pending =
            || names.get_or_init(|| pending.keys().map(ToString::to_string).collect::<HashSet<_>>());
        let in_vain = |cause: &Cause| match cause.kind {
            CauseKind::UpstreamStale | CauseKind::Holes => true,
            CauseKind::Upstream => pending().contains(&cause.subject),
            _ => false,
        };
        match standing.verdict.freshness {
            Freshness::Stale => own_failures == 0 && standing.verdict.causes.iter().all(in_vain),
            // It is judged again once it is known not to be skipped.
            Freshness::Skipped => self.history.latest(&standing.target).is_some(),
            word => is_kept(&self.history, &standing.target, word),
        }
    }

    /// Whether a target that may be kept surely is: nothing before it can turn out different, arrive or go.
    fn is_settled(&self, standing: &Standing, pending: &BTreeMap<Target, Outlook>) -> bool {
        let is_current = is_kept(&self.history, &standing.target, standing.verdict.freshness);
        let upstream = &standing.now.upstream;
        is_current
            && !upstream.iter().any(|upstream| {
                pending.contains_key(&upstream.target)
                    && (upstream.artifact.is_none() || self.doubtful.contains(&upstream.target))
            })
    }

    fn is_volatile(&self, standing: &Standing) -> bool {
        let phase = self.model.phase(standing.target.phase.as_str());
        phase.is_some_and(|phase| survey::is_anew(&self.model, phase, &self.history, standing))
    }

    fn settle(&mut self, target: &Target, word: Freshness, outlook: Outlook) {
        self.seen.words.insert(target.clone(), Word::of(word));
        if !matches!(outlook, Outlook::Known) {
            self.open.insert(target.phase.clone());
        }
        self.outlooks.insert(target.clone(), outlook);
    }

    async fn plan_work(
        &mut self,
        standing: &Standing,
        pending: &BTreeMap<Target, Outlook>,
        plan: &mut PhasePlan,
    ) -> Result<(), EngineError> {
        let model = self.model.clone();
        let Some(phase) = model.phase(standing.target.phase.as_str()) else { return Ok(()) };
        match &phase.work {
            Work::Read(work) => self.read(standing, work).await,
            Work::Write(_) | Work::Loop(_) => {
                self.settle(&standing.target, Freshness::Stale, Outlook::Unknown { touched: None });
                (plan.units, plan.reuse) = (Some(0), Range::exactly(0));
                Ok(())
            }
            Work::Ask(work) => self.plan_asks(standing, phase, work, pending, plan).await,
        }
    }

    /// Reads the sources as they are, so that what comes after is known.
    async fn read(&mut self, standing: &Standing, work: &ReadWork) -> Result<(), EngineError> {
        let target = &standing.target;
        let params = facts::params(&self.model, &work.agent, target)?;
        let read = async {
            let mut source = self.ports.reader.open(&params, &work.key).await?;
            let mut builder = TreeBuilder::new();
            loop {
                let records = source.next_batch()?;
                if records.is_empty() {
                    break;
                }
                for record in &records {
                    let key = record
                        .field(&work.key)
                        .and_then(refrain_schemas::json::scalar_text)
                        .unwrap_or_default();
                    builder.push(&Entry::record(&key, record.as_str()));
                }
            }
            let is_known = (source.stamps(), source.has_own_ids());
            Ok::<_, crate::ports::files::FileError>((builder.finish(), is_known))
        };
        // Sources that cannot be read would fail the run; the plan says so at once.
        let ((root, pages), (stamps, own_ids)) = read.await?;
        self.ports.store.commit(crate::ports::store::Batch { pages, ..Default::default() }).await?;
        let mut now = standing.now.clone();
        now.sources.clone_from(&stamps);
        let artifact = artifact::reference(refrain_schemas::artifact::ArtifactKind::Records, &root);
        let mut record = self.imagined(target, &now, artifact, &BTreeMap::new());
        (record.files, record.content_ids) = (stamps, Some(!own_ids));
        self.history.apply(HistoryEntry::Revision(Box::new(record)));
        self.settle(target, Freshness::Fresh, Outlook::Known);
        Ok(())
    }

    /// Makes the revision that the run would make.
    fn imagined(
        &self,
        target: &Target,
        now: &Now,
        artifact: refrain_schemas::artifact::ArtifactRef,
        context_artifacts: &BTreeMap<String, refrain_schemas::artifact::ArtifactRef>,
    ) -> RevisionRecord {
        let nobody = RunId::new(uuid::Uuid::nil());
        let lineage = now.lineage(context_artifacts);
        self.history.next_record(target, nobody, self.ports.clock.now(), artifact, lineage)
    }
}

fn blank(standing: &Standing) -> PhasePlan {
    PhasePlan {
        phase: standing.target.phase.clone(),
        scope: standing.target.scope.clone(),
        action: PlannedAction::Keep,
        freshness: standing.verdict.freshness,
        causes: standing.verdict.causes.clone(),
        units: Some(0),
        run: Range::exactly(0),
        reuse: Range::exactly(0),
        calls: Range::exactly(0),
        retries: Some(0),
        failing: 0,
        failure: None,
        outlay: None,
        unpriced: Vec::new(),
        missing: Vec::new(),
        edges: Vec::new(),
    }
}

/// Says how a phase follows those before it.
fn planned_edges(model: &Model, target: &Target) -> Vec<PlannedEdge> {
    let edges = model.phase(target.phase.as_str()).map(|phase| stream::edges(model, phase));
    let planned = |stream::Edge { from, flow }: stream::Edge| {
        let streams = flow.is_ok();
        PlannedEdge { from, streams, how: flow.map_or_else(|why| why.to_string(), |how| how.to_string()) }
    };
    edges.into_iter().flatten().map(planned).collect()
}

/// Counts on the generation that a forced run would work in.
fn raise(history: &History, standing: &mut Standing) {
    let target = &standing.target;
    let made_from = history.lineage(target).map(|lineage| lineage.generation);
    let last = history.target(target).and_then(|target| target.last_attempt.as_ref());
    // Those replies are there, all of them: asking under their keys would bring nothing new.
    let needs_others = last.is_some_and(AttemptRecord::needs_other_replies);
    if needs_others || made_from.is_some_and(|made_from| made_from >= standing.now.generation) {
        standing.now.generation += 1;
    }
}

/// A holder for requests that hold nothing.
pub(crate) fn nobody() -> refrain_schemas::status::Holder {
    refrain_schemas::status::Holder {
        pid: 0,
        host: String::new(),
        command: String::new(),
        since: refrain_schemas::time::Timestamp::from_micros(0),
    }
}
