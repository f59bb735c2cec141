//! How targets end: complete, blocked, failed, stopped or cancelled, and what is written and told of it.

use std::time::Duration;

use refrain_schemas::digest::Digest;
use refrain_schemas::edit::EditCounts;
use refrain_schemas::event::EventKind;
use refrain_schemas::failure::{Failure, FailureKind, PhaseError};
use refrain_schemas::freshness::Freshness;
use refrain_schemas::history::{AttemptOutcome, AttemptRecord, HistoryEntry};
use refrain_schemas::phase_spec::OnUnitFailure;
use refrain_schemas::report::PhaseStatus;
use refrain_schemas::scope::Target;

use crate::end::End;
use crate::engine::EngineError;
use crate::judge::{Now, UpstreamNow};
use crate::model::Work;
use crate::publish::Published;
use crate::survey::Standing;

use super::input::{TargetNo, Trouble};
use super::job::Job;
use super::state::{RunState, Stop};
use super::target_state::Stage;

impl RunState {
    pub(super) fn report_latest(&mut self, no: TargetNo) {
        let target = &self.targets[no].target;
        let latest = self.history.latest(target);
        let laid = latest.and_then(|record| record.edits.as_ref());
        let edits = EditCounts::of(self.history.edits(target), laid);
        let latest = latest.map(|record| (record.revision, record.artifact.digest));
        let report = &mut self.targets[no].report;
        report.edits = edits;
        (report.revision, report.digest) = latest.unzip();
    }

    pub(super) fn end(&mut self, no: TargetNo, status: PhaseStatus, error: Option<PhaseError>) {
        if !self.targets[no].is_over() {
            self.agenda.has_ended(no);
        }
        let has_open_asks = self.targets[no].job().is_some_and(Job::has_open_asks);
        let target = &mut self.targets[no];
        target.stage = Stage::Over;
        target.end = end_of(target.end, status);
        target.report.status = status;
        target.report.error = error;
        target.report.calls = target.tally.calls;
        target.report.retries = target.tally.retries;
        target.report.repairs = target.tally.repairs;
        target.report.usage = target.tally.usage;
        target.report.ended_at = target.report.started_at.map(|_| self.now);
        if has_open_asks {
            self.forget_waiting(no);
        }
        self.release(no);
        self.note_over(no);
    }

    /// Returns how often a target with an input of its own was tried again in this run.
    pub(super) fn retries_given(&self, no: TargetNo) -> u64 {
        self.phase(no).given().map_or(0, |_| self.targets[no].tally.retries)
    }

    /// Returns how long the calls took in this run that were made for a target of a turn, its own turns included.
    pub(super) fn took_ms(&self, no: TargetNo, now: Option<&Now>) -> u64 {
        if self.phase(no).loops.is_empty() {
            return 0;
        }
        let used = self.targets[no].tally.resources.map_or(0.0, |used| used.wall_seconds);
        let own = Duration::try_from_secs_f64(used).unwrap_or_default().as_millis();
        let turns = now.iter().flat_map(|now| &now.upstream).map(|inner| inner.took_ms);
        turns.fold(u64::try_from(own).unwrap_or(u64::MAX), u64::saturating_add)
    }

    /// Says what a target lacks, if it lacks something.
    pub(super) fn blocked(&self, no: TargetNo, standing: &Standing) -> Option<PhaseError> {
        let mut missing = standing.verdict.missing.clone();
        let failed = self.targets[no].after.iter().map(|before| &self.targets[*before]).filter(|before| {
            let upstream = standing.now.upstream.iter().find(|upstream| upstream.target == *before.target);
            before.has_ended_badly() && upstream.is_some_and(UpstreamNow::holds_up)
        });
        let failed: Vec<Target> = failed.map(|before| (*before.target).clone()).collect();
        missing.extend(failed.iter().filter(|target| !standing.verdict.missing.contains(target)).cloned());
        if missing.is_empty() {
            return None;
        }
        let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
        let message = if failed.is_empty() {
            format!("{} is missing", names.join(", "))
        } else {
            format!("{} did not come to its end", names.join(", "))
        };
        let hint = Some(format!("refrain run {}", names.join(" ")));
        Some(PhaseError { code: "blocked".to_owned(), message, hint, units: Vec::new(), missing })
    }

    pub(super) fn block(&mut self, no: TargetNo, standing: &Standing, error: PhaseError) {
        let stopped = self.stop.is_some_and(|stop| stop != Stop::Ceiling)
            || error.missing.iter().any(|target| {
                let state = self.by_target.get(target).map(|no| &self.targets[*no]);
                state.is_some_and(|state| state.report.status == PhaseStatus::Stopped)
            });
        if let (true, Some(stop)) = (stopped, self.stop.or(stopped.then_some(Stop::Ceiling))) {
            return self.end_early(no, stop);
        }
        if self.is_behind_a_person(&error) {
            return self.wait_behind(no, standing, error);
        }
        self.attempt(no, standing, AttemptOutcome::Blocked, error.clone(), None);
        self.targets[no].freshness = Freshness::Blocked;
        self.tell(no, EventKind::PhaseBlocked(error.clone()));
        self.end(no, PhaseStatus::Blocked, Some(error));
    }

    pub(super) fn attempt(
        &mut self,
        no: TargetNo,
        standing: &Standing,
        outcome: AttemptOutcome,
        error: PhaseError,
        conflicts: Option<Digest>,
    ) {
        let record = self.attempt_record(no, Some(&standing.now), outcome, error, conflicts);
        self.write(HistoryEntry::Attempt(record));
    }

    pub(super) fn attempt_record(
        &mut self,
        no: TargetNo,
        now: Option<&Now>,
        outcome: AttemptOutcome,
        error: PhaseError,
        conflicts: Option<Digest>,
    ) -> AttemptRecord {
        let counts = self.targets[no].job().map_or(self.targets[no].report.units, |job| job.counts);
        self.targets[no].report.units = counts;
        AttemptRecord {
            target: (*self.targets[no].target).clone(),
            run_id: self.run_id,
            at: self.now,
            outcome,
            // Where it is not known what it was to be made from, no later run finds the same.
            inputs: now.map_or_else(|| Digest::of_content(b""), Now::inputs),
            error,
            counts,
            conflicts,
            document: None,
            recovered: false,
            recovered_by: None,
            failure: None,
            read: now
                .filter(|_| self.phase(no).given().is_some())
                .map_or_else(Vec::new, |now| now.sources.clone()),
            retries: self.retries_given(no),
            took_ms: self.took_ms(no, now),
        }
    }

    pub(super) fn fail(
        &mut self,
        no: TargetNo,
        standing: &Standing,
        error: PhaseError,
        conflicts: Option<Digest>,
    ) {
        if self.phase(no).keeps_failures() {
            return self.fail_with_document(no, Some(&standing.now), error, conflicts);
        }
        self.attempt(no, standing, AttemptOutcome::Failed, error.clone(), conflicts);
        self.targets[no].freshness = Freshness::Failed;
        self.tell(no, EventKind::PhaseFailed(error.clone()));
        self.end(no, PhaseStatus::Failed, Some(error));
    }

    pub(super) fn fail_conflict(
        &mut self,
        no: TargetNo,
        standing: &Standing,
        published: &Published,
        conflict: &refrain_schemas::why::Conflict,
    ) {
        let who: Vec<String> =
            conflict.proposals.iter().map(|p| format!("{} for `{}`", p.agent, p.unit)).collect();
        let error = PhaseError {
            code: "conflict".to_owned(),
            message: format!(
                "{} differing records have the key `{}`: {}",
                who.len(),
                conflict.key,
                who.join(", ")
            ),
            hint: Some(
                "say how to choose with `merge: first`, `last`, `vote` or `{ union: [FIELDS] }`".to_owned(),
            ),
            units: Vec::new(),
            missing: Vec::new(),
        };
        self.fail(no, standing, error, published.conflicts);
    }

    pub(super) fn in_trouble(&mut self, no: TargetNo, standing: &Standing, trouble: Trouble) {
        match trouble {
            Trouble::Phase(error) => self.fail(no, standing, error, None),
            Trouble::Engine(error) => self.fail_or_abort(no, None, error),
        }
    }

    /// A file or an expression that fails is the target's trouble; a store that fails is the run's.
    pub(super) fn fail_or_abort(&mut self, no: TargetNo, now: Option<&Now>, error: EngineError) {
        if matches!(error, EngineError::Store(_)) {
            self.fatal = Some(error);
            return;
        }
        if let EngineError::Tools { kind: FailureKind::Credentials, message, .. } = &error {
            self.ends_run(&Failure { kind: FailureKind::Credentials, message: message.clone() });
            self.targets[no].freshness = Freshness::Failed;
            return self.end_early(no, Stop::Credentials);
        }
        let code = match error {
            EngineError::File(_) => "file",
            EngineError::Goto { .. } => "goto",
            _ => "definition",
        };
        let error = PhaseError {
            code: code.to_owned(),
            message: error.to_string(),
            hint: None,
            units: Vec::new(),
            missing: Vec::new(),
        };
        if self.phase(no).keeps_failures() {
            return self.fail_with_document(no, now, error, None);
        }
        self.targets[no].freshness = Freshness::Failed;
        self.tell(no, EventKind::PhaseFailed(error.clone()));
        self.end(no, PhaseStatus::Failed, Some(error));
    }

    /// Ends the targets that may start no new call and have none under way.
    pub(super) fn end_stopped(&mut self) {
        if self.stop.is_some() {
            self.moved_loops.extend(self.looping.iter().copied());
        }
        let targets = &self.targets;
        let ending = match self.stop {
            Some(_) => self.agenda.asking(|no| targets[no].job().is_some()),
            None => self.agenda.stopped(),
        };
        for no in ending {
            let Some(job) = self.targets[no].job().filter(|_| !self.is_forerunner(no)) else { continue };
            if job.n_in_flight > 0 || self.in_flight_ahead(no) > 0 || job.n_open == 0 {
                continue;
            }
            match self.stop {
                Some(stop) if job.is_planned => self.end_early(no, stop),
                _ if job.is_stopped && job.own_failures > 0 && self.stops_at_failure(no) => {
                    self.fail_units(no);
                }
                _ if job.is_stopped => self.end_early(no, Stop::Ceiling),
                _ => {}
            }
        }
    }

    pub(super) fn stops_at_failure(&self, no: TargetNo) -> bool {
        matches!(&self.phase(no).work, Work::Ask(work) if work.on_unit_failure == OnUnitFailure::Stop)
    }

    /// Ends a target before its work is done.
    pub(super) fn end_early(&mut self, no: TargetNo, stop: Stop) {
        let counts = self.targets[no].job().map(|job| job.counts);
        if let Some(counts) = counts {
            self.targets[no].report.units = counts;
        }
        let (code, message, status) = match stop {
            Stop::Ceiling => ("budget", "the budget is used up", PhaseStatus::Stopped),
            Stop::Credentials => ("credentials", "credentials are missing or wrong", PhaseStatus::Failed),
            Stop::Drained | Stop::Aborted => ("cancelled", "the run was cancelled", PhaseStatus::Cancelled),
        };
        let shortage = self.targets[no].shortage.clone().or_else(|| self.shortage.clone());
        let again = "run again to go on where it stopped".to_owned();
        let refused = self.credentials.clone().filter(|_| stop == Stop::Credentials);
        let (message, hint) = match shortage.filter(|_| stop == Stop::Ceiling) {
            Some(shortage) => shortage,
            None => (refused.map_or_else(|| message.to_owned(), |why| format!("{message}: {why}")), again),
        };
        let error = PhaseError {
            code: code.to_owned(),
            message,
            hint: Some(hint),
            units: Vec::new(),
            missing: Vec::new(),
        };
        let kind = match status {
            PhaseStatus::Stopped => EventKind::PhaseStopped(error.clone()),
            PhaseStatus::Failed => EventKind::PhaseFailed(error.clone()),
            _ => EventKind::PhaseCancelled(error.clone()),
        };
        self.tell(no, kind);
        self.end(no, status, Some(error));
    }
}

/// Says what the end of a target means to what comes after it; why it is skipped is known already.
const fn end_of(known: End, status: PhaseStatus) -> End {
    match status {
        PhaseStatus::Fresh | PhaseStatus::Completed | PhaseStatus::Partial => End::Made,
        PhaseStatus::Failed => End::Failed,
        PhaseStatus::Blocked => End::Blocked,
        PhaseStatus::Waiting => End::Waiting,
        PhaseStatus::Stopped | PhaseStatus::Cancelled => End::Open,
        PhaseStatus::Skipped => known,
    }
}
