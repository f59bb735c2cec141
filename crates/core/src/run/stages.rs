//! Units on their way through their stages: all agents at once, the rungs of a cascade, the links of a chain; and how they end.

use refrain_schemas::digest::Digest;
use refrain_schemas::event::{EventKind, Level};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::phase_spec::{Fan, OnUnitFailure};
use serde_json::{Value, json};
use smallvec::SmallVec;

use crate::expression::Expression;
use crate::model::{AskWork, Work};
use crate::reply::Stamped;
use crate::request::UnitRequest;
use crate::template::Context;

use super::input::{AskRef, TargetNo};
use super::state::RunState;
use super::unit_state::{Ask, AskState, Refusal, UnitProgress, UnitState};

/// How much of a reply that was not accepted a failure tells.
const EXCERPT_CHARS: usize = 120;

impl RunState {
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

    /// Moves a unit on when all asks of its stage have ended.
    pub(super) fn check_unit(&mut self, no: TargetNo, unit: usize) {
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

fn first_failure(asks: &[Ask]) -> Option<Failure> {
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
