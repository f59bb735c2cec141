//! From asks to replies: what the ledger has, what calls bring, and what that makes of units.

use std::sync::Arc;

use refrain_schemas::digest::Digest;
use refrain_schemas::event::{EventKind, Level};
use refrain_schemas::failure::{Failure, FailureKind, PhaseError, UnitFailure};
use refrain_schemas::json::Json;
use refrain_schemas::phase_spec::{Fan, OnUnitFailure};
use serde_json::{Value, json};
use smallvec::SmallVec;

use crate::engine::EngineError;
use crate::expression::Expression;
use crate::model::{AskWork, Work};
use crate::reply::Stamped;
use crate::request::UnitRequest;
use crate::template::Context;

use super::input::{AskRef, Asks, TargetNo};
use super::state::{RunState, Waiting, is_looking, is_relieved};
use super::unit_state::{AskState, Refusal, UnitProgress, UnitState};

/// How many failed units a report names.
pub(super) const NAMED_FAILURES: usize = 20;
/// What there is where nobody may be asked.
const UNRECORDED: &str = "no reply on record for what would be asked now";
/// How much of a reply that was not accepted a failure tells.
const EXCERPT_CHARS: usize = 120;

impl RunState {
    pub(super) fn work(&self, no: TargetNo) -> Option<(Arc<crate::model::Model>, usize)> {
        let phase = self.targets[no].phase;
        matches!(self.model.phases[phase].work, Work::Ask(_)).then(|| (self.model.clone(), phase))
    }

    /// Makes the first asks of a target's units and looks them up, as many units at first as a run holds in memory.
    pub(super) fn start_asks(&mut self, no: TargetNo) {
        self.begin_units(no, self.options.window);
        self.check_planned(no);
        self.check_over(no);
    }

    /// Begins a number of units: makes their first asks and looks them up.
    pub(super) fn begin_units(&mut self, no: TargetNo, n: usize) {
        let Some((model, phase)) = self.work(no) else { return };
        let Work::Ask(work) = &model.phases[phase].work else { return };
        for _ in 0..n {
            let Some(job) = self.targets[no].job_mut() else { return };
            let Some((unit, group)) = job.begin() else { return };
            match job.units[unit].progress {
                UnitProgress::Hole => job.counts.failed += 1,
                UnitProgress::Open => drop(self.start_stage(no, work, unit, 0, None)),
                UnitProgress::Done | UnitProgress::Failed(_) => {}
            }
            if let Some(job) = self.targets[no].job_mut() {
                job.has_begun(group);
            }
        }
    }

    /// Makes the asks of a unit's stage; tells whether there is such a stage.
    pub(super) fn start_stage(
        &mut self,
        no: TargetNo,
        work: &AskWork,
        unit: usize,
        stage: usize,
        previous: Option<&Json>,
    ) -> bool {
        let Some(job) = self.targets[no].job_mut() else { return false };
        let asks = job.stage(work, unit, stage);
        if asks.is_empty() {
            return false;
        }
        let group = job.units[unit].group;
        *job.stages.entry((group, stage)).or_default() += 1;
        let mut made: SmallVec<[(usize, Digest); 1]> = SmallVec::new();
        for (member, sample) in asks {
            let Some(ask) = job.add_ask(unit, member, sample, previous) else { continue };
            made.push(ask);
            job.looks(group);
        }
        if made.is_empty() {
            // Nothing could be rendered, so there is nothing to wait for.
            self.check_unit(no, unit);
        }
        for (ask, key) in made {
            self.look_up(AskRef { target: no, unit, ask }, key);
        }
        true
    }

    fn look_up(&mut self, ask: AskRef, key: Digest) {
        self.by_key.entry(key).or_default().asks.push(ask);
        self.look_ups.push((ask, key));
    }

    /// Takes what the ledger had.
    pub(super) fn found(
        &mut self,
        asks: Vec<(AskRef, Digest)>,
        found: Result<Vec<Option<Json>>, EngineError>,
    ) {
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                self.fatal = Some(error);
                return;
            }
        };
        for ((ask, key), reply) in asks.into_iter().zip(found) {
            // One that was asked for under another key since is being looked up under that one as well.
            let is_awaited = self.is_looking(ask) && self.open_key(ask) == Some(key);
            if !is_awaited || self.is_released(ask.target) {
                continue;
            }
            match reply {
                Some(reply) => self.answer(ask, key, &reply),
                None => self.miss(ask, key),
            }
        }
    }

    fn is_looking(&self, ask: AskRef) -> bool {
        is_looking(&self.targets, ask)
    }

    /// Returns the key of an ask that is still open.
    pub(super) fn open_key(&self, ask: AskRef) -> Option<Digest> {
        let ask = self.targets[ask.target].job()?.units.get(ask.unit)?.asks.get(ask.ask)?;
        matches!(ask.state, AskState::Looking | AskState::Pending).then_some(ask.row.key)
    }

    /// The ledger has no reply: the ask waits for a call, its own or that of another ask with its key.
    fn miss(&mut self, ask: AskRef, key: Digest) {
        self.leave_looking(ask);
        if let Some(state) = self.ask_state(ask) {
            *state = AskState::Pending;
        }
        if let Some(failure) = self.targets[ask.target].failed_ahead.get(&key).cloned() {
            self.leave_key(ask, key);
            return self.fail_ask(ask, &failure);
        }
        if self.options.offline {
            self.offline_missed = true;
            self.fail_key(key, &unrecorded());
        } else if self.is_to_ask(ask, key) {
            self.entrust(ask, key);
        }
        self.check_planned(ask.target);
    }

    /// Whether an ask is the one that asks for its key: nobody else does, or only one that may have to wait for this one.
    fn is_to_ask(&self, ask: AskRef, key: Digest) -> bool {
        let Some(waiting) = self.by_key.get(&key) else { return false };
        let yields =
            |owner: AskRef| !waiting.is_flying && self.is_early(owner.target) && !self.is_early(ask.target);
        !is_relieved(&self.targets, ask) && waiting.asked.is_none_or(yields)
    }

    /// Lets an ask be the one that asks for its key.
    fn entrust(&mut self, ask: AskRef, key: Digest) {
        if let Some(waiting) = self.by_key.get_mut(&key) {
            (waiting.asked, waiting.is_flying) = (Some(ask), false);
            self.enqueue(ask);
        }
    }

    /// Lets others whose turn has come ask for themselves what a call ahead of its turn did not bring.
    pub(super) fn hand_over(&mut self, asks: &[AskRef]) {
        for ask in asks.iter().copied().filter(|ask| self.is_early(ask.target)).collect::<Vec<_>>() {
            let Some(key) = self.open_key(ask) else { continue };
            let waiting = self.by_key.get(&key).filter(|waiting| waiting.asked == Some(ask));
            let is_due = |other: &&AskRef| !self.is_early(other.target) && !self.is_looking(**other);
            let heir = waiting.and_then(|waiting| waiting.asks.iter().find(is_due).copied());
            if let Some(heir) = heir {
                self.entrust(heir, key);
            }
        }
    }

    /// Takes note of which asks are in a call, or are no more.
    pub(super) fn note_flying(&mut self, asks: &[AskRef], is_flying: bool) {
        for ask in asks {
            let Some(key) = self.open_key(*ask) else { continue };
            if let Some(waiting) = self.by_key.get_mut(&key).filter(|waiting| waiting.asked == Some(*ask)) {
                waiting.is_flying = is_flying;
            }
        }
    }

    /// Whether an ask that waits is still the one that asks for its key, and in no call.
    pub(super) fn is_still_to_ask(&self, ask: AskRef) -> bool {
        let waiting = self.open_key(ask).and_then(|key| self.by_key.get(&key));
        waiting.is_some_and(|waiting| waiting.asked == Some(ask) && !waiting.is_flying)
    }

    pub(super) fn enqueue(&mut self, ask: AskRef) {
        let Some(job) = self.targets[ask.target].job() else { return };
        let (group, row) = (job.units[ask.unit].group, job.units[ask.unit].asks[ask.ask].row);
        let member = row.member as usize;
        if let Some(failure) = job.why_unable(member) {
            return self.refuse_key(self.targets[ask.target].phase, row.key, &failure);
        }
        let no = self.pool_no(ask.target, member);
        self.agenda.waits(no);
        self.pools[no].pool.wait(group, ask);
    }

    fn leave_looking(&mut self, ask: AskRef) {
        if let Some(job) = self.targets[ask.target].job_mut()
            && let Some(group) = job.units.get(ask.unit).map(|unit| unit.group)
        {
            job.has_looked(group);
        }
    }

    fn ask_state(&mut self, ask: AskRef) -> Option<&mut AskState> {
        let job = self.targets[ask.target].job_mut()?;
        Some(&mut job.units.get_mut(ask.unit)?.asks.get_mut(ask.ask)?.state)
    }

    /// Checks a reply against the rules of an ask's phase.
    pub(super) fn check_reply(&self, ask: AskRef, reply: &Json) -> Result<AskState, Failure> {
        let (Some(job), Work::Ask(work)) = (self.targets[ask.target].job(), &self.phase(ask.target).work)
        else {
            return Err(Failure { kind: FailureKind::Cancelled, message: "the phase has ended".to_owned() });
        };
        job.accept(self.phase(ask.target), work, ask.unit, ask.ask, reply)
    }

    /// Takes a recorded reply; one that today's rules refuse is asked for again under a key of its own.
    pub(super) fn answer(&mut self, ask: AskRef, key: Digest, reply: &Json) {
        if self.is_looking(ask) {
            self.leave_looking(ask);
        }
        self.leave_key(ask, key);
        match self.check_reply(ask, reply) {
            Ok(done) => self.take_reply(ask, done),
            Err(_) => self.redo(ask),
        }
        self.check_planned(ask.target);
    }

    fn redo(&mut self, ask: AskRef) {
        let Some(job) = self.targets[ask.target].job_mut() else { return };
        let group = job.units[ask.unit].group;
        job.looks(group);
        let key = job.redo(ask.unit, ask.ask);
        self.look_up(ask, key);
    }

    fn leave_key(&mut self, ask: AskRef, key: Digest) {
        if let Some(waiting) = self.by_key.get_mut(&key) {
            waiting.asks.retain(|other| *other != ask);
            if waiting.asks.is_empty() {
                self.by_key.remove(&key);
            }
        }
    }

    /// Gives a reply that has just been paid for to all asks with its key.
    pub(super) fn answer_key(&mut self, payer: AskRef, key: Digest, reply: &Json, done: AskState) {
        let waiting = self.by_key.remove(&key);
        self.take_reply(payer, done);
        for ask in waiting.into_iter().flat_map(|waiting| waiting.asks).filter(|ask| *ask != payer) {
            self.answer(ask, key, reply);
        }
    }

    fn take_reply(&mut self, ask: AskRef, done: AskState) {
        if let Some(state) = self.ask_state(ask) {
            *state = done;
        }
        self.check_unit(ask.target, ask.unit);
    }

    /// Fails all asks with a key for good.
    pub(super) fn fail_key(&mut self, key: Digest, failure: &Failure) {
        let Some(waiting) = self.by_key.remove(&key) else { return };
        for ask in waiting.asks {
            self.fail_ask(ask, failure);
        }
    }

    /// Fails the asks of one phase with a key for good, because its rules refuse what was answered, or because its agent
    /// answers nothing; another phase may have other rules and another way to the model, and asks for itself.
    pub(super) fn refuse_key(&mut self, phase: usize, key: Digest, failure: &Failure) {
        let Some(waiting) = self.by_key.remove(&key) else { return };
        let own = |ask: &AskRef| self.targets[ask.target].phase == phase;
        let (refused, others): (Asks, Asks) = waiting.asks.into_iter().partition(own);
        if !others.is_empty() {
            let mut waiting = Waiting { asks: others, ..Waiting::default() };
            let heir = waiting.inherit(&self.targets);
            self.by_key.insert(key, waiting);
            heir.into_iter().for_each(|heir| self.enqueue(heir));
        }
        for ask in refused {
            self.fail_ask(ask, failure);
        }
    }

    fn fail_ask(&mut self, ask: AskRef, failure: &Failure) {
        // Once in a run is enough: for whom it was asked ahead of, and should all units have to be made again.
        let is_provisional = self.targets[ask.target].job().is_some_and(|job| job.prepared.before.is_some());
        let is_early = self.is_forerunner(ask.target);
        if let Some(key) = self.open_key(ask).filter(|_| is_early || is_provisional) {
            let principal = self.principal(ask.target);
            self.targets[principal].failed_ahead.insert(key, failure.clone());
        }
        if self.is_looking(ask) {
            self.leave_looking(ask);
        }
        if let Some(job) = self.targets[ask.target].job_mut().filter(|_| failure.kind == FailureKind::Offline)
        {
            job.missed.insert(ask.unit);
        }
        if let Some(state) = self.ask_state(ask) {
            *state = AskState::Failed(failure.clone());
        }
        self.check_unit(ask.target, ask.unit);
        self.check_planned(ask.target);
    }

    /// Moves a unit on when all asks of its stage have ended.
    fn check_unit(&mut self, no: TargetNo, unit: usize) {
        let Some((model, phase)) = self.work(no) else { return };
        let Work::Ask(work) = &model.phases[phase].work else { return };
        let Some(job) = self.targets[no].job_mut() else { return };
        let is_waiting = |unit: &UnitState| !unit.is_over() && unit.stage_is_over();
        if !job.units.get(unit).is_some_and(is_waiting) {
            return;
        }
        let stage = job.units[unit].asks.len().saturating_sub(1);
        let group = job.units[unit].group;
        let at = if matches!(work.fan, Fan::Cascade | Fan::Chain) { stage } else { 0 };
        if let Some(n) = job.stages.get_mut(&(group, at)) {
            *n = n.saturating_sub(1);
        }
        let failure = first_failure(&job.units[unit].asks);
        match work.fan {
            Fan::Split | Fan::Panel => self.end_unit(no, unit, failure),
            Fan::Cascade => self.next_rung(no, work, unit, stage),
            Fan::Chain => self.next_link(no, work, unit, stage),
        }
    }

    fn next_rung(&mut self, no: TargetNo, work: &AskWork, unit: usize, stage: usize) {
        let failure = match self.is_accepted(no, work, unit, stage) {
            Ok(true) => return self.end_unit(no, unit, None),
            Ok(false) => None,
            Err(failure) => Some(failure),
        };
        self.refuse_rung(no, work, unit, stage, failure.as_ref());
        if !self.start_stage(no, work, unit, stage + 1, None) {
            let failure = self.nobody_accepted(no, work, unit, failure);
            self.end_unit(no, unit, Some(failure));
        } else if let Some(job) = self.targets[no].job_mut() {
            // Only the reply of the last rung stands for the unit.
            if let AskState::Done { records, .. } = &mut job.units[unit].asks[stage].state {
                records.clear();
            }
        }
    }

    /// Notes what a rung said that was not good enough, or how it failed.
    fn refuse_rung(
        &mut self,
        no: TargetNo,
        work: &AskWork,
        unit: usize,
        stage: usize,
        failure: Option<&Failure>,
    ) {
        let Some(job) = self.targets[no].job_mut() else { return };
        let state = &mut job.units[unit];
        let agent = work.pool.get(stage).map_or("", |member| member.agent.as_str());
        let words = match (failure, &state.asks[stage].state) {
            (Some(failure), _) => format!("`{agent}` failed: {}", failure.message),
            (None, AskState::Done { records, .. }) => format!("`{agent}` said {}", excerpt(records)),
            (None, _) => format!("`{agent}` said nothing"),
        };
        state.refusals.push(Refusal { words, was_reply: failure.is_none() });
    }

    /// Returns the failure of a unit whose last rung is refused as well.
    fn nobody_accepted(&self, no: TargetNo, work: &AskWork, unit: usize, last: Option<Failure>) -> Failure {
        let refusals = self.targets[no].job().map_or(&[][..], |job| &job.units[unit].refusals);
        let kind = last.as_ref().map_or(FailureKind::Invalid, |last| last.kind);
        match last {
            // Where no reply came at all, the condition has no part in it.
            Some(last) if !refusals.iter().any(|refusal| refusal.was_reply) => last,
            _ => {
                let words: Vec<&str> = refusals.iter().map(|refusal| refusal.words.as_str()).collect();
                let accept = work.accept.as_deref().unwrap_or("true");
                let message = format!("no agent's reply meets `accept: {accept}`: {}", words.join("; "));
                Failure { kind, message }
            }
        }
    }

    fn is_accepted(&self, no: TargetNo, work: &AskWork, unit: usize, stage: usize) -> Result<bool, Failure> {
        let Some(job) = self.targets[no].job() else { return Ok(false) };
        let records = match &job.units[unit].asks[stage].state {
            AskState::Done { records, .. } => records,
            AskState::Failed(failure) => return Err(failure.clone()),
            AskState::Looking | AskState::Pending => return Ok(false),
        };
        is_accepted(work, records, &job.prepared.requests.request(&job.prepared.units[unit]))
    }

    fn next_link(&mut self, no: TargetNo, work: &AskWork, unit: usize, stage: usize) {
        let Some(job) = self.targets[no].job() else { return };
        if let AskState::Failed(failure) = &job.units[unit].asks[stage].state {
            let failure = failure.clone();
            return self.end_unit(no, unit, Some(failure));
        }
        let previous = job.previous(unit, stage + 1);
        if !self.start_stage(no, work, unit, stage + 1, previous.as_ref()) {
            self.end_unit(no, unit, None);
        }
    }

    fn end_unit(&mut self, no: TargetNo, unit: usize, failure: Option<Failure>) {
        let (stops, fan) = match &self.phase(no).work {
            Work::Ask(work) => (work.on_unit_failure == OnUnitFailure::Stop, work.fan),
            Work::Read(_) | Work::Write(_) | Work::Loop(_) => (false, Fan::Split),
        };
        let is_ahead = self.is_forerunner(no);
        if stops && is_ahead && failure.is_some() {
            self.halt(no);
        }
        let Some(job) = self.targets[no].job_mut() else { return };
        job.n_open -= 1;
        let id = job.unit_id(unit).clone();
        if failure.is_some() {
            job.document = job.reported(fan, unit);
        }
        if stops && !is_ahead && failure.is_some() {
            self.agenda.stops(no);
        }
        let state = &mut job.units[unit];
        let was_called = state.was_called;
        match &failure {
            Some(failure) => {
                state.progress = UnitProgress::Failed(failure.clone());
                job.counts.failed += 1;
                job.own_failures += 1;
                // What a forerunner leaves alone becomes due with the turn of its target, which waits for some of it.
                job.is_stopped |= stops && !is_ahead;
            }
            None => {
                state.progress = UnitProgress::Done;
                state.refusals = Vec::new();
            }
        }
        if failure.is_none() {
            let again = self.targets[no].called.contains(&id);
            let Some(job) = self.targets[no].job_mut() else { return };
            if was_called || again { job.counts.ran += 1 } else { job.counts.reused += 1 }
        }
        if let Some(job) = self.targets[no].job_mut() {
            job.note_end(unit);
        }
        if let Some(failure) = failure
            && self.wants(Level::Error)
            && !self.is_forerunner(no)
        {
            self.tell(no, EventKind::UnitFailed { unit: id, failure });
        }
        self.check_over(no);
    }

    /// Tells the totals once the ledger has been looked into for all units that a run holds at first.
    pub(super) fn check_planned(&mut self, no: TargetNo) {
        let Some(job) = self.targets[no].job_mut() else { return };
        if job.is_planned || job.n_looking > 0 {
            return;
        }
        job.is_planned = true;
        let counts = job.counts;
        let holes = counts.failed - job.own_failures;
        if self.is_forerunner(no) {
            return;
        }
        self.tell(no, EventKind::PhasePlanned { total: counts.total, reused: counts.reused, holes });
    }

    pub(super) fn check_over(&mut self, no: TargetNo) {
        let Some(job) = self.targets[no].job().filter(|_| !self.is_forerunner(no)) else { return };
        if job.n_open == 0 && job.n_in_flight == 0 && !job.settling.is_away() {
            if !job.is_planned {
                if let Some(job) = self.targets[no].job_mut() {
                    job.n_looking = 0;
                }
                self.check_planned(no);
            }
            self.finish_asking(no);
        }
    }

    /// Ends a target some of whose units have no reply on record, although nobody may be asked.
    fn fail_missed(&mut self, no: TargetNo) {
        let Some(job) = self.targets[no].job() else { return };
        let ids = job.missed.iter().map(|unit| job.unit_id(*unit).clone());
        let units = ids.map(|unit| UnitFailure { unit, failure: unrecorded() });
        let units: Vec<UnitFailure> = units.take(NAMED_FAILURES).collect();
        let first = units.first().map_or("", |unit| unit.unit.as_str());
        let who = match job.missed.len() - 1 {
            0 => format!("`{first}` has {UNRECORDED}: its"),
            1 => format!("`{first}` and 1 more unit have {UNRECORDED}: their"),
            more => format!("`{first}` and {more} more units have {UNRECORDED}: their"),
        };
        let error = PhaseError {
            code: "offline".to_owned(),
            message: format!("{who} input, prompt or agent changed since"),
            hint: Some("run without `--offline` to ask".to_owned()),
            units,
            missing: Vec::new(),
        };
        let standing = job.standing.clone();
        let is_plain = self.phase(no).given().is_none() && !self.phase(no).course.goes_on();
        if is_plain { self.fail(no, &standing, error, None) } else { self.miss_offline(no, error) }
    }

    /// Ends a target of which too many units failed.
    pub(super) fn fail_units(&mut self, no: TargetNo) {
        let Some(job) = self.targets[no].job() else { return };
        if !job.missed.is_empty() {
            return self.fail_missed(no);
        }
        let failed = job.units.iter().filter_map(|(unit, state)| match &state.progress {
            UnitProgress::Failed(failure) => {
                Some(UnitFailure { unit: job.unit_id(unit).clone(), failure: failure.clone() })
            }
            _ => None,
        });
        let earlier = job.settling.failures().iter().cloned();
        let units: Vec<UnitFailure> = earlier.chain(failed).take(NAMED_FAILURES).collect();
        let (n, total) = (job.own_failures, job.counts.total);
        let first = units
            .first()
            .map_or(String::new(), |unit| format!(": `{}`: {}", unit.unit, unit.failure.message));
        // What helps against answers that are cut off stands in the failures themselves.
        let hint = if units.iter().any(|unit| unit.failure.kind.may_pass()) {
            "replies that came are kept; run again to try the others"
        } else {
            "replies that came are kept; mend what these units failed for, then only they are asked"
        };
        let error = PhaseError {
            code: "unit_failed".to_owned(),
            message: match units.first().filter(|_| self.phase(no).given().is_some()) {
                Some(only) => only.failure.message.clone(),
                None => format!("{n} of {total} units failed{first}"),
            },
            hint: Some(hint.to_owned()),
            units,
            missing: Vec::new(),
        };
        let standing = job.standing.clone();
        self.fail(no, &standing, error, None);
    }

    /// Forgets the packs that wait for a target.
    pub(super) fn forget_packs(&mut self, no: TargetNo) {
        let Work::Ask(work) = &self.model.phases[self.targets[no].phase].work else { return };
        let first = self.first_pool[self.targets[no].phase];
        let own = &mut self.pools[first..first + work.pool.len()];
        own.iter_mut().for_each(|seat| seat.pool.forget(no));
    }

    /// Forgets the asks of a target that has ended; another target that waits for one of them asks it itself.
    pub(super) fn forget_waiting(&mut self, no: TargetNo) {
        self.forget_packs(no);
        let (mut heirs, targets) = (Vec::new(), &self.targets);
        self.by_key.retain(|_, waiting| {
            waiting.asks.retain(|ask| ask.target != no);
            if waiting.asked.is_some_and(|asked| asked.target == no) {
                heirs.extend(waiting.inherit(targets));
            }
            !waiting.asks.is_empty()
        });
        heirs.sort_unstable();
        heirs.into_iter().for_each(|ask| self.enqueue(ask));
    }
}

/// Returns the failure of what is not on record, where nobody may be asked.
fn unrecorded() -> Failure {
    let message = format!("{UNRECORDED}: its input, prompt or agent changed since");
    Failure { kind: FailureKind::Offline, message }
}

/// Returns the beginning of what an agent said.
fn excerpt(records: &[Stamped]) -> String {
    let texts: Vec<String> = records.iter().map(|stamped| stamped.record.as_str().to_owned()).collect();
    let text = if let [text] = &texts[..] { text.clone() } else { format!("[{}]", texts.join(",")) };
    let mut excerpt: String = text.chars().take(EXCERPT_CHARS).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    excerpt
}

fn first_failure(asks: &[super::unit_state::Ask]) -> Option<Failure> {
    asks.iter().find_map(|ask| match &ask.state {
        AskState::Failed(failure) => Some(failure.clone()),
        _ => None,
    })
}

/// Whether a rung's reply is good enough.
///
/// # Errors
/// Fails where the condition cannot be evaluated on this reply.
pub(crate) fn is_accepted(
    work: &AskWork,
    records: &[Stamped],
    request: &UnitRequest,
) -> Result<bool, Failure> {
    let Some(accept) = &work.accept else { return Ok(true) };
    let failed =
        |message: String| Failure { kind: FailureKind::Invalid, message: format!("accept: {message}") };
    let expression = Expression::compile(accept).map_err(|error| failed(error.to_string()))?;
    let mut replies: Vec<Value> = records.iter().map(|stamped| stamped.record.value()).collect();
    let reply = if replies.len() == 1 { replies.remove(0) } else { Value::Array(replies) };
    let mut seen = request.input.value();
    if let Value::Object(fields) = &mut seen {
        fields.insert("id".to_owned(), json!(request.id));
    }
    let context = Context::of(&json!({ "reply": reply, "unit": seen }));
    expression.eval_bool(&context).map_err(|error| failed(error.to_string()))
}
