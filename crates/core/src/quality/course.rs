//! How a step went: whether it came to its end, how often it was tried, how long it took.

use std::time::Duration;

use refrain_schemas::ledger::CallView;
use refrain_schemas::quality::{Category, Severity};
use refrain_schemas::report::PhaseStatus;

use super::Step;
use super::tally::{Rule, Tally};

/// So many tries of what went well in the end are worth a look.
const MANY_RETRIES: u64 = 3;
/// From this share of its time limit on, a step may not make it next time: of a hundred parts.
const NEAR: u128 = 80;

const fn rule(name: &'static str, severity: Severity, category: Category) -> Rule {
    Rule { name, severity, category }
}

/// Looks at how a step went.
pub(super) fn look(step: &Step<'_>, calls: &[CallView], tally: &mut Tally) {
    ended(step, tally);
    tried(step, tally);
    let missing = step.report.units.failed;
    if step.report.status == PhaseStatus::Partial {
        let message = format!("it is not whole: {missing} of its units failed");
        let partial = rule("partial", Severity::Error, Category::Structure);
        tally.add(partial, &step.target.to_string(), None, message, None);
    }
    slow(step, calls, tally);
    full(step, calls, tally);
}

fn ended(step: &Step<'_>, tally: &mut Tally) {
    use PhaseStatus as S;
    let error = step.report.error.as_ref();
    let said = error.map(|error| {
        error.units.first().map_or_else(|| error.message.clone(), |unit| unit.failure.message.clone())
    });
    let (name, severity, message) = match step.report.status {
        S::Failed => ("failed", Severity::Error, "it failed"),
        S::Blocked => ("blocked", Severity::Warning, "what it needs is not there"),
        S::Stopped | S::Cancelled => {
            ("unfinished", Severity::Warning, "the run was stopped before it was over")
        }
        S::Waiting => ("waiting", Severity::Info, "it waits for a person"),
        S::Completed | S::Fresh if error.is_some() => {
            ("recovered", Severity::Info, "a value stands in for what it failed to make")
        }
        S::Completed | S::Fresh | S::Partial | S::Skipped => return,
    };
    let category = if name == "recovered" { Category::Content } else { Category::Structure };
    let (step, said) = (step.target.to_string(), said.as_deref());
    tally.add(rule(name, severity, category), &step, None, message.to_owned(), said);
}

fn tried(step: &Step<'_>, tally: &mut Tally) {
    let name = step.target.to_string();
    let n = step.report.retries;
    if n > 0 {
        let severity = if n >= MANY_RETRIES { Severity::Warning } else { Severity::Info };
        let message = format!("{n} of its calls were made again");
        tally.add(rule("retries", severity, Category::Performance), &name, None, message, None);
    }
    if step.report.repairs > 0 {
        let message = format!("{} answers had to be asked for again for their shape", step.report.repairs);
        tally.add(rule("repairs", Severity::Info, Category::Format), &name, None, message, None);
    }
}

/// Finds calls that came close to their time limit.
fn slow(step: &Step<'_>, calls: &[CallView], tally: &mut Tally) {
    let own = step.phase.and_then(|phase| phase.course.timeout);
    for call in calls {
        let agent = step.agents.iter().find(|agent| agent.name == call.agent);
        let Some(limit) = own.or_else(|| agent.and_then(|agent| agent.timeout)) else { continue };
        let Some(took) = call.ended_at.map(|at| at.since(call.intended_at)) else { continue };
        if is_near(took, limit) {
            let message = format!("a call took {}s of the {}s that it may", took.as_secs(), limit.as_secs());
            let slow = rule("slow", Severity::Warning, Category::Performance);
            tally.add(slow, &step.target.to_string(), None, message, None);
        }
    }
}

fn is_near(took: Duration, limit: Duration) -> bool {
    took.as_millis() * 100 >= limit.as_millis() * NEAR
}

/// Finds answers that are as long as they may be.
fn full(step: &Step<'_>, calls: &[CallView], tally: &mut Tally) {
    for call in calls {
        let agent = step.agents.iter().find(|agent| agent.name == call.agent);
        let most = agent.and_then(|agent| agent.spec.max_tokens).map(u64::from);
        if most.is_some_and(|most| call.usage.output_tokens >= most) {
            let message = "an answer is as long as `max_tokens` lets it be".to_owned();
            let full = rule("full", Severity::Warning, Category::Size);
            tally.add(full, &step.target.to_string(), None, message, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_as_long_as_it_may_is_four_fifths_of_it() {
        let seconds = Duration::from_secs;
        assert!(is_near(seconds(8), seconds(10)) && is_near(seconds(11), seconds(10)));
        assert!(!is_near(Duration::from_millis(7_999), seconds(10)));
    }
}
