//! Loops on their way round: turns are opened while there are any and there is room, and when all are over the loop makes
//! its document.
//!
//! The targets of a turn are targets like any others. They come into being here, behind all others, and have no
//! forerunners. Nothing is kept of how far a loop has gone: a run that goes on with one that was killed opens the same
//! turns again, and finds what they made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use refrain_schemas::event::EventKind;
use refrain_schemas::failure::{FailureKind, PhaseError};
use refrain_schemas::freshness::Cause;
use refrain_schemas::history::RevisionRecord;
use refrain_schemas::json::Json;
use refrain_schemas::report::PhaseStatus;
use refrain_schemas::scope::Target;

use crate::artifact;
use crate::facts::turn_now;
use crate::judge::{UpstreamNow, judge};
use crate::model::{LoopWork, Phase, Work};
use crate::survey::{Standing, is_kept};
use crate::turns::{self, Ending, LoopEnd, Next, Round, Rounds, is_bad};
use crate::upstream::upstream;

use super::input::{Advance, Effect, TargetNo, Trouble};
use super::state::{RunState, Stop};
use super::target_state::{Stage, TargetState, TurnOf};

/// A loop that goes round.
#[derive(Debug)]
pub struct Looping {
    /// What the loop was found to be before its first turn.
    standing: Arc<Standing>,
    rounds: Rounds,
    turns: Vec<Turn>,
    /// How many turns are under way.
    n_open: usize,
    /// Whether it is being made out what comes next.
    is_away: bool,
    /// Why no further turn starts.
    end: Option<LoopEnd>,
    /// Whether it has been told that the loop does something.
    has_started: bool,
}

/// A turn of a loop.
#[derive(Debug)]
struct Turn {
    targets: Vec<TargetNo>,
    /// How many of its targets are not over.
    n_left: usize,
}

/// A loop whose turns are over, while its document is made.
#[derive(Debug)]
pub struct Closing {
    standing: Box<Standing>,
    failure: Option<PhaseError>,
    has_started: bool,
}

impl RunState {
    /// Lets a loop go round.
    pub(super) fn start_loop(&mut self, no: TargetNo, standing: Box<Standing>) {
        self.targets[no].report.causes.clear();
        let own = self.phase(no).course.timeout.map(|time| self.time.saturating_add(time));
        self.targets[no].deadline = [own, self.targets[no].deadline].into_iter().flatten().min();
        self.targets[no].stage = Stage::Looping(Box::new(Looping {
            standing: Arc::new(*standing),
            rounds: Rounds::default(),
            turns: Vec::new(),
            n_open: 0,
            is_away: false,
            end: None,
            has_started: false,
        }));
        self.looping.insert(no);
        self.moved_loops.insert(no);
    }

    /// Takes note that a target of a turn begins to do something: so does its loop then.
    pub(super) fn note_start(&mut self, no: TargetNo) {
        let mut at = no;
        while let Some(TurnOf { of, .. }) = self.targets[at].turn {
            at = of;
            self.tell_loop_started(of);
        }
    }

    fn tell_loop_started(&mut self, no: TargetNo) {
        let Stage::Looping(looping) = &mut self.targets[no].stage else { return };
        if !std::mem::replace(&mut looping.has_started, true) {
            let revision = self.history.next_revision(&self.targets[no].target);
            self.tell(no, EventKind::PhaseStarted { revision, causes: Vec::new() });
        }
    }

    /// Takes note that a target of a turn is over.
    pub(super) fn note_over(&mut self, no: TargetNo) {
        let Some(TurnOf { of, number }) = self.targets[no].turn else { return };
        let Stage::Looping(looping) = &mut self.targets[of].stage else { return };
        let Some(turn) = looping.turns.get_mut(number) else { return };
        turn.n_left -= 1;
        if turn.n_left == 0 {
            looping.n_open -= 1;
            self.turn_over(of, number);
            self.moved_loops.insert(of);
        }
    }

    /// Decides whether a loop goes on after a turn.
    fn turn_over(&mut self, no: TargetNo, number: usize) {
        let Some(work) = self.model.phases[self.targets[no].phase].rounds() else { return };
        let breaks = work.break_on_error;
        let waits = !work.kind.is_known_at_once();
        let Stage::Looping(looping) = &self.targets[no].stage else { return };
        let now = self.turn_now(&looping.turns[number].targets);
        let has_failed = now.iter().any(|inner| is_bad(&self.model, inner));
        let is_unsettled = looping.turns[number].targets.iter().any(|inner| {
            use PhaseStatus as S;
            matches!(self.targets[*inner].report.status, S::Waiting | S::Stopped | S::Cancelled)
        });
        let Stage::Looping(looping) = &mut self.targets[no].stage else { return };
        if (breaks && has_failed) || (waits && is_unsettled) {
            looping.end = Some(LoopEnd::Broken);
        }
    }

    fn turn_now(&self, targets: &[TargetNo]) -> Vec<UpstreamNow> {
        let targets = targets.iter().map(|no| &*self.targets[*no].target);
        turn_now(&self.model, targets, &self.history, &|target: &Target| self.word(target))
    }

    /// Lets loops go on of which something is over.
    pub(super) fn move_loops(&mut self) {
        // The turn of an inner loop that is over ends a turn of the outer one, whose number is lower.
        while let Some(no) = self.moved_loops.pop_last() {
            self.move_loop(no);
        }
    }

    fn move_loop(&mut self, no: TargetNo) {
        let model = self.model.clone();
        let phase = &model.phases[self.targets[no].phase];
        let Work::Loop(work) = &phase.work else { return };
        loop {
            let is_stopped = self.stop.is_some() || self.fatal.is_some();
            let Stage::Looping(looping) = &mut self.targets[no].stage else { return };
            if looping.is_away || looping.n_open >= work.max_parallel {
                return;
            }
            if is_stopped || looping.end.is_some() {
                break;
            }
            match looping.rounds.ready(phase, work) {
                Some(next) => self.take_next(no, phase, work, next),
                None if looping.n_open > 0 => return,
                None => return self.advance(no),
            }
        }
        let Stage::Looping(looping) = &self.targets[no].stage else { return };
        if looping.n_open == 0 {
            self.close_loop(no);
        }
    }

    /// Lets it be made out what comes next.
    fn advance(&mut self, no: TargetNo) {
        let Stage::Looping(looping) = &self.targets[no].stage else { return };
        let row = looping.turns.iter().skip(looping.rounds.row());
        let last = row.map(|turn| self.turn_now(&turn.targets)).collect();
        let advance = Advance { standing: looping.standing.clone(), rounds: looping.rounds.clone(), last };
        if let Stage::Looping(looping) = &mut self.targets[no].stage {
            looping.is_away = true;
        }
        let place = self.place(no);
        self.effect(Effect::Advance(place, Box::new(advance)));
    }

    pub(super) fn advanced(&mut self, no: TargetNo, advanced: Result<Box<(Rounds, Next)>, Trouble>) {
        let model = self.model.clone();
        let phase = &model.phases[self.targets[no].phase];
        let Work::Loop(work) = &phase.work else { return };
        let Stage::Looping(looping) = &mut self.targets[no].stage else { return };
        looping.is_away = false;
        match advanced.map(|advanced| *advanced) {
            Ok((rounds, next)) => {
                looping.rounds = rounds;
                self.take_next(no, phase, work, next);
            }
            Err(trouble) => {
                let (standing, turns) = (looping.standing.clone(), std::mem::take(&mut looping.turns));
                let mut standing = Arc::unwrap_or_clone(standing);
                standing.now.upstream.extend(turns.iter().flat_map(|turn| self.turn_now(&turn.targets)));
                return self.in_trouble(no, &standing, trouble);
            }
        }
        self.moved_loops.insert(no);
    }

    fn take_next(&mut self, no: TargetNo, phase: &Phase, work: &LoopWork, next: Next) {
        match next {
            Next::Turn(_) if self.stop.is_some() => {}
            Next::Turn(_) if self.is_out_of_time(no).is_some() => self.end_turns(no, LoopEnd::TimeUp),
            Next::Turn(round) => self.open_turn(no, phase, work, round),
            Next::Over(end) => self.end_turns(no, end),
        }
    }

    fn end_turns(&mut self, no: TargetNo, end: LoopEnd) {
        if let Stage::Looping(looping) = &mut self.targets[no].stage {
            looping.end = Some(end);
        }
    }

    /// Brings the targets of a turn into being.
    fn open_turn(&mut self, no: TargetNo, phase: &Phase, work: &LoopWork, round: Arc<Round>) {
        let number = round.number;
        let Stage::Looping(looping) = &self.targets[no].stage else { return };
        let bindings = looping.standing.now.bindings.with(round);
        let deadline = self.deadline(no, work);
        let (scope, is_forced) = (&self.targets[no].target.scope, self.targets[no].is_forced);
        let found = turns::targets(&self.model, phase, work, scope, number);
        let first = self.targets.len();
        for (target, place) in found.iter().cloned() {
            let mut state = TargetState::new(target, place, Vec::new(), is_forced);
            state.turn = Some(TurnOf { of: no, number });
            (state.bindings, state.deadline) = (bindings.clone(), deadline);
            let target = state.target.clone();
            let late = self.targets.add(state);
            self.by_target.insert(target, late);
        }
        let numbers: Vec<TargetNo> = (first..self.targets.len()).collect();
        for late in numbers.iter().copied() {
            let before = upstream(&self.model, self.phase(late), &self.targets[late].target.scope);
            let after = before.iter().filter_map(|before| self.by_target.get(&before.target).copied());
            let after: Vec<TargetNo> = after.collect();
            let open: Vec<TargetNo> =
                after.iter().copied().filter(|before| !self.targets[*before].is_over()).collect();
            self.targets[late].after = after;
            self.agenda.add(late, &open);
        }
        let targets = found.into_iter().map(|(target, _)| target).collect();
        self.tell(no, EventKind::TurnStarted { turn: number as u64, targets });
        self.targets[no].inner.extend(numbers.iter().copied());
        if let Stage::Looping(looping) = &mut self.targets[no].stage {
            looping.n_open += usize::from(!numbers.is_empty());
            looping.turns.push(Turn { n_left: numbers.len(), targets: numbers });
        }
    }

    /// Returns when a turn that begins now has to be over: the loop and what is around it may have less time than its own.
    fn deadline(&self, no: TargetNo, work: &LoopWork) -> Option<Duration> {
        let own = work.turn_timeout.map(|time| self.time.saturating_add(time));
        [own, self.targets[no].deadline].into_iter().flatten().min()
    }

    /// Ends a loop whose turns are over, or lets its document be made.
    fn close_loop(&mut self, no: TargetNo) {
        let Stage::Looping(looping) = std::mem::replace(&mut self.targets[no].stage, Stage::Judging) else {
            return;
        };
        self.looping.remove(&no);
        let Looping { standing, turns, end, has_started, .. } = *looping;
        if let Some(stop) = self.stopped_within(&turns) {
            return self.end_early(no, stop);
        }
        let mut ending = self.ending(no, &turns, end.unwrap_or(LoopEnd::Completed));
        let mut standing = Arc::unwrap_or_clone(standing);
        standing.now.upstream.extend(ending.turns.iter().flatten().cloned());
        let failure = self.failed_within(&ending).or_else(|| self.out_of_turns(no, &ending));
        let failure = failure.map(|error| self.timed_out(no, error));
        if let Some(error) = failure.clone().filter(|_| self.misses_offline(&ending)) {
            return self.miss_offline(no, error);
        }
        if let Some(error) = self.waits_within(&turns).filter(|_| failure.is_none()) {
            return self.wait_behind(no, &standing, error);
        }
        ending.failure = failure.as_ref().map(|failure| failure.message.clone());
        let closing = Closing { standing: Box::new(standing.clone()), failure, has_started };
        self.targets[no].stage = Stage::Closing(Box::new(closing));
        let place = self.place(no);
        self.effect(Effect::Close(place, Box::new(standing), Box::new(ending)));
    }

    /// Says what became of the turns of a loop. Of one that breaks at a failure, the turns that had begun behind it are left out:
    /// which these are hangs on the time that things took.
    fn ending(&self, no: TargetNo, turns: &[Turn], end: LoopEnd) -> Ending {
        let breaks = self.phase(no).rounds().is_some_and(|work| work.break_on_error);
        let mut found: Vec<Vec<UpstreamNow>> = Vec::with_capacity(turns.len());
        let mut n_bad = 0;
        for turn in turns {
            let now = self.turn_now(&turn.targets);
            let has_failed = now.iter().any(|inner| is_bad(&self.model, inner));
            n_bad += usize::from(has_failed);
            found.push(now);
            if breaks && has_failed {
                break;
            }
        }
        Ending { turns: found, n_bad, end, failure: None }
    }

    /// Returns what a loop has failed for, if a turn has failed.
    fn failed_within(&self, ending: &Ending) -> Option<PhaseError> {
        let mut bad = ending.turns.iter().flatten().filter(|inner| is_bad(&self.model, inner));
        let first = bad.clone().find(|inner| inner.end == crate::end::End::Failed).or_else(|| bad.next())?;
        let state = &self.targets[*self.by_target.get(&first.target)?];
        let why = state.report.error.as_ref().map_or("it failed", |error| {
            error.units.first().map_or(error.message.as_str(), |unit| unit.failure.message.as_str())
        });
        let n = ending.turns.len();
        let message = match ending.n_bad {
            1 if n == 1 => format!("{} failed: {why}", first.target),
            n_bad => format!("{n_bad} of {n} turns failed; {}: {why}", first.target),
        };
        let hint = Some(format!("refrain why {}", first.target));
        Some(PhaseError { code: "turns".to_owned(), message, hint, units: Vec::new(), missing: Vec::new() })
    }

    /// Returns what a loop has failed for whose time was up before its next turn.
    fn out_of_turns(&self, no: TargetNo, ending: &Ending) -> Option<PhaseError> {
        let error = self.is_out_of_time(no).filter(|_| ending.end == LoopEnd::TimeUp)?;
        let message = format!("the time was up after {} turns", ending.turns.len());
        Some(PhaseError { message, ..error })
    }

    /// Says of a failure that it is one of time, where the loop says how long it may take.
    fn timed_out(&self, no: TargetNo, error: PhaseError) -> PhaseError {
        let is_late = self.phase(no).course.timeout.is_some() && self.is_out_of_time(no).is_some();
        let code = if is_late { FailureKind::TimedOut.as_str().to_owned() } else { error.code };
        PhaseError { code, ..error }
    }

    /// Returns why a loop ends early, if something in its turns did.
    fn stopped_within(&self, turns: &[Turn]) -> Option<Stop> {
        if let Some(stop) = self.stop {
            return Some(stop);
        }
        let statuses = turns.iter().flat_map(|turn| &turn.targets).map(|no| self.targets[*no].report.status);
        let stop = |status| match status {
            PhaseStatus::Stopped => Some(Stop::Ceiling),
            PhaseStatus::Cancelled => Some(Stop::Drained),
            _ => None,
        };
        statuses.filter_map(stop).max()
    }

    fn misses_offline(&self, ending: &Ending) -> bool {
        let is_missed = |inner: &UpstreamNow| {
            let state = self.by_target.get(&inner.target).map(|no| &self.targets[*no]);
            state.is_some_and(|state| {
                let error = state.report.error.as_ref();
                state.report.status == PhaseStatus::Failed
                    && error.is_some_and(|error| error.code == "offline")
            })
        };
        self.options.offline && ending.turns.iter().flatten().any(is_missed)
    }

    /// Returns what a loop waits for, if something in its turns waits for a person.
    fn waits_within(&self, turns: &[Turn]) -> Option<PhaseError> {
        let waits = |no: &&TargetNo| self.targets[**no].report.status == PhaseStatus::Waiting;
        let waiting = turns.iter().flat_map(|turn| &turn.targets).filter(waits);
        let missing: Vec<Target> = waiting.map(|no| (*self.targets[*no].target).clone()).collect();
        let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
        let message = format!("{} did not come to its end", names.join(", "));
        let hint = Some("refrain answer".to_owned());
        (!missing.is_empty()).then(|| PhaseError {
            code: "waiting".to_owned(),
            message,
            hint,
            units: Vec::new(),
            missing,
        })
    }

    pub(super) fn closed(&mut self, no: TargetNo, closed: Result<Json, Trouble>) {
        let Stage::Closing(closing) = std::mem::replace(&mut self.targets[no].stage, Stage::Judging) else {
            return;
        };
        let Closing { mut standing, failure, has_started } = *closing;
        let document = match closed {
            Ok(document) => document,
            Err(trouble) => return self.in_trouble(no, &standing, trouble),
        };
        if let Some(error) = failure {
            return self.fail_reported(no, &standing.now, error, document);
        }
        if let Some(error) = self.misfit(no, &document) {
            return self.fail_with_document(no, Some(&standing.now), error, None);
        }
        let target = self.targets[no].target.clone();
        let prior = self.history.prior(&target);
        let record = prior.as_ref().map(|prior| &prior.record);
        let verdict = judge(&standing.now, record, prior.as_ref().map(|prior| &prior.lineage), None);
        let (artifact, pages) = artifact::of_document(&document);
        let is_same = record.is_some_and(|record| record.artifact.digest == artifact.digest);
        if is_same && !has_started && is_kept(&self.history, &target, verdict.freshness) {
            standing.verdict = verdict;
            self.targets[no].freshness = standing.verdict.freshness;
            self.targets[no].report.causes.clear();
            return self.keep(no, &standing);
        }
        if !has_started {
            let revision = self.history.next_revision(&target);
            self.tell(no, EventKind::PhaseStarted { revision, causes: verdict.causes.clone() });
        }
        self.targets[no].report.causes = causes_of(verdict.causes);
        self.keep_pages(pages);
        let lineage = standing.now.lineage(&BTreeMap::new());
        let took_ms = self.took_ms(no, Some(&standing.now));
        let record = RevisionRecord { took_ms, ..self.next_record(no, artifact, lineage) };
        self.publish_revision(no, record, &standing);
    }

    /// Says what a loop fails for whose document does not fulfil its schema.
    fn misfit(&self, no: TargetNo, document: &Json) -> Option<PhaseError> {
        let schema = self.phase(no).rounds()?.schema.as_ref()?;
        let message = schema.misfit(document)?;
        let code = FailureKind::Invalid.as_str().to_owned();
        Some(PhaseError { code, message, hint: None, units: Vec::new(), missing: Vec::new() })
    }

    /// Says what a target of a turn fails for whose time is up.
    pub(super) fn is_out_of_time(&self, no: TargetNo) -> Option<PhaseError> {
        self.targets[no].deadline.filter(|deadline| *deadline <= self.time)?;
        let (code, message) = (FailureKind::TimedOut.as_str().to_owned(), OUT_OF_TIME.to_owned());
        Some(PhaseError { code, message, hint: None, units: Vec::new(), missing: Vec::new() })
    }
}

/// What a target of a turn fails for whose time is up.
pub(super) const OUT_OF_TIME: &str = "the time of the loop or of its turn is up";

/// Of so many turns, the first changes say enough.
fn causes_of(mut causes: Vec<Cause>) -> Vec<Cause> {
    const SHOWN: usize = 20;
    causes.truncate(SHOWN);
    causes
}
