//! Failures of which a document is kept, for what comes after them to read; a value may stand in for it.

use refrain_schemas::digest::Digest;
use refrain_schemas::event::EventKind;
use refrain_schemas::failure::{FailureKind, PhaseError};
use refrain_schemas::freshness::Freshness;
use refrain_schemas::history::{AttemptOutcome, AttemptRecord, HistoryEntry};
use refrain_schemas::json::Json;
use refrain_schemas::report::PhaseStatus;
use refrain_schemas::scope::Target;
use serde_json::json;

use crate::artifact;
use crate::end::End;
use crate::judge::Now;
use crate::model::{Course, Failures, Recover};
use crate::survey::Standing;

use super::input::TargetNo;
use super::state::{RunState, progressed};

impl RunState {
    /// Ends a target that failed. Its document is kept with the attempt, never as a reply: the next run tries again.
    pub(super) fn fail_with_document(
        &mut self,
        no: TargetNo,
        now: Option<&Now>,
        error: PhaseError,
        conflicts: Option<Digest>,
    ) {
        let kind = error.kind().to_owned();
        // Of several units, none speaks for all.
        let reported = self.targets[no].job().filter(|_| self.phase(no).given().is_some());
        let reported = reported.and_then(|job| job.document.clone());
        if kind == FailureKind::Waiting.as_str() {
            return self.wait_given(no, now, error, &reported.unwrap_or_else(Json::null));
        }
        let failure = reported.unwrap_or_else(|| document(&kind, &error.message));
        self.fail_of_kind(no, now, (error, conflicts), &kind, failure);
    }

    /// Ends a target that did its work and says that it failed.
    pub(super) fn fail_reported(&mut self, no: TargetNo, now: &Now, error: PhaseError, document: Json) {
        let is_late = error.code == FailureKind::TimedOut.as_str();
        let kind = if is_late { FailureKind::TimedOut } else { FailureKind::Reported };
        self.fail_of_kind(no, Some(now), (error, None), kind.as_str(), document);
    }

    fn fail_of_kind(
        &mut self,
        no: TargetNo,
        now: Option<&Now>,
        (error, conflicts): (PhaseError, Option<Digest>),
        kind: &str,
        failure: Json,
    ) {
        let stand_in = stand_in(&self.phase(no).course, kind, &error.message, &failure).cloned();
        let recovered = stand_in.as_ref().is_some_and(|stand_in| !stand_in.propagate);
        let (mut artifact, pages) = artifact::of_document(&failure);
        self.keep_pages(pages);
        let mut failure = None;
        if let Some(stand_in) = stand_in {
            let (other, pages) = artifact::of_document(&stand_in.value);
            self.keep_pages(pages);
            failure = Some(std::mem::replace(&mut artifact, other));
        }
        let record = self.attempt_record(no, now, AttemptOutcome::Failed, error.clone(), conflicts);
        self.targets[no].report.document = Some(artifact.digest);
        let recovered_by = self.phase(no).course_digest().filter(|_| recovered);
        let document = Some(artifact);
        self.write(HistoryEntry::Attempt(AttemptRecord {
            document,
            failure,
            recovered,
            recovered_by,
            ..record
        }));
        self.targets[no].freshness = Freshness::Failed;
        let tally = self.targets[no].tally;
        if tally.resources.is_some() {
            self.tell(no, progressed(self.targets[no].report.units, &tally));
        }
        if recovered {
            self.tell(no, EventKind::PhaseRecovered(error.clone()));
            return self.end(no, PhaseStatus::Completed, Some(error));
        }
        self.tell(no, EventKind::PhaseFailed(error.clone()));
        self.end(no, PhaseStatus::Failed, Some(error));
    }

    /// Ends a target that waits for a person. What is asked is kept with the attempt; the next run looks for the answer.
    fn wait_given(&mut self, no: TargetNo, now: Option<&Now>, error: PhaseError, question: &Json) {
        let error = PhaseError { code: "waiting".to_owned(), ..error };
        let (artifact, pages) = artifact::of_document(question);
        let record = self.attempt_record(no, now, AttemptOutcome::Waiting, error.clone(), None);
        self.keep_pages(pages);
        self.targets[no].report.document = Some(artifact.digest);
        self.write(HistoryEntry::Attempt(AttemptRecord { document: Some(artifact), ..record }));
        self.wait(no, error);
    }

    /// Ends a target that lacks nothing but what waits for a person.
    pub(super) fn wait_behind(&mut self, no: TargetNo, standing: &Standing, error: PhaseError) {
        let error = PhaseError { code: "waiting".to_owned(), ..error };
        self.attempt(no, standing, AttemptOutcome::Waiting, error.clone(), None);
        self.wait(no, error);
    }

    fn wait(&mut self, no: TargetNo, error: PhaseError) {
        self.targets[no].freshness = Freshness::Waiting;
        self.tell(no, EventKind::PhaseWaiting(error.clone()));
        self.end(no, PhaseStatus::Waiting, Some(error));
    }

    /// Whether everything that is missing waits for a person.
    pub(super) fn is_behind_a_person(&self, error: &PhaseError) -> bool {
        let waits = |missing: &Target| {
            let state = self.by_target.get(missing).map(|no| &self.targets[*no]);
            state.is_some_and(|state| state.report.status == PhaseStatus::Waiting)
        };
        !error.missing.is_empty() && error.missing.iter().all(waits)
    }

    /// Ends a target that has no reply on record where nobody may be asked. Its work has not failed, so nothing stands in
    /// for it, nothing goes on behind it, and the history keeps nothing of it.
    pub(super) fn miss_offline(&mut self, no: TargetNo, error: PhaseError) {
        self.targets[no].freshness = Freshness::Blocked;
        self.tell(no, EventKind::PhaseFailed(error.clone()));
        self.end(no, PhaseStatus::Failed, Some(error));
        self.targets[no].end = End::Blocked;
    }
}

/// Returns the document of a failure that nobody reported. One of time has the name that it has in results of steps as well.
fn document(kind: &str, message: &str) -> Json {
    let timed_out = kind == FailureKind::TimedOut.as_str();
    let kind = if timed_out { "TimeoutError" } else { kind };
    let value = json!({ "success": false, "error": message, "error_type": kind, "timed_out": timed_out });
    Json::of(&value).unwrap_or_else(|_| Json::null())
}

/// Returns the first value that stands in for such a failure. One that comes behind a phase which leaves failures to others does
/// not wait for that.
fn stand_in<'a>(course: &'a Course, kind: &str, message: &str, document: &Json) -> Option<&'a Recover> {
    if course.recover.is_empty() {
        return None;
    }
    let document = document.value();
    let includes = |failures: &Failures| failures.include(kind, message, &document);
    let first = course.claimed(includes, |_| true);
    let fits = |recover: &&Recover| {
        let is_its_turn = recover.rank.is_none_or(|rank| Some(rank) == first);
        is_its_turn && includes(&recover.failures)
    };
    course.recover.iter().find(fits)
}
