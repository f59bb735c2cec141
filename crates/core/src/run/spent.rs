//! Attempts that a run which is being gone on with has spent: nobody is asked again before a run has come to its end.

use refrain_schemas::event::EventKind;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::history::AttemptRecord;
use refrain_schemas::report::PhaseStatus;

use crate::survey::{Standing, spent};

use super::input::TargetNo;
use super::state::RunState;

/// What to do about attempts that are spent.
const SPENT: &str =
    "the run that this one goes on with has tried it; once it is over the next one does, `--force` now";

/// What to do about a failure that a value stands in for.
const STANDS_IN: &str =
    "a value stands in for it; `--force` tries it again, and so does whatever changes what it is made from";

impl RunState {
    /// Returns the attempt that a run which is being gone on with made at the same inputs, whose attempts are spent.
    pub(super) fn spent(&self, no: TargetNo, standing: &Standing) -> Option<AttemptRecord> {
        let attempt = spent(&self.model, self.phase(no), &self.history, standing)?;
        (!self.targets[no].is_forced).then(|| attempt.clone())
    }

    /// Ends a target as a run did that this one goes on with.
    pub(super) fn fail_as_before(&mut self, no: TargetNo, attempt: AttemptRecord) {
        let is_over = !self.history.goes_on_with(attempt.run_id);
        let AttemptRecord { mut error, document, recovered, counts, retries, .. } = attempt;
        self.targets[no].report.earlier_retries = if is_over { 0 } else { retries };
        error.hint = Some(if is_over { STANDS_IN } else { SPENT }.to_owned());
        self.targets[no].report.document = document.map(|document| document.digest);
        self.targets[no].report.units = counts;
        self.targets[no].freshness = Freshness::Failed;
        let kind = if recovered { EventKind::PhaseRecovered } else { EventKind::PhaseFailed };
        self.tell(no, kind(error.clone()));
        self.end(no, if recovered { PhaseStatus::Completed } else { PhaseStatus::Failed }, Some(error));
    }
}
