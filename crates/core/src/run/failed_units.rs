//! Targets that end for their units: too many failed, or lack a reply where nobody may be asked.

use refrain_schemas::failure::{Failure, FailureKind, PhaseError, UnitFailure};

use super::input::TargetNo;
use super::state::RunState;
use super::unit_state::UnitProgress;

/// How many failed units a report names.
pub(super) const NAMED_FAILURES: usize = 20;
/// What there is where nobody may be asked.
const UNRECORDED: &str = "no reply on record for what would be asked now";

impl RunState {
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
}

/// Returns the failure of what is not on record, where nobody may be asked.
pub(super) fn unrecorded() -> Failure {
    let message = format!("{UNRECORDED}: its input, prompt or agent changed since");
    Failure { kind: FailureKind::Offline, message }
}
