//! How much there is to a pipeline, as one number. What it is made of is told with it.

use refrain_schemas::explanation::Complexity;
use refrain_schemas::on_failure::{OnFailure, Policy};
use refrain_schemas::phase_spec::PhaseSpec;

use super::Subject;

/// So many doublings of steps, and of levels, count as full.
const STEPS: f64 = 7.0;
const LEVELS: f64 = 5.0;
const NESTING: f64 = 3.0;

/// Returns the complexity of a pipeline.
pub(super) fn complexity(subject: &Subject<'_>, n_levels: usize) -> Complexity {
    let taking_part = subject.model.phases.iter().filter(|phase| phase.enabled);
    let specs: Vec<&PhaseSpec> = taking_part.filter_map(|phase| subject.spec(&phase.name)).collect();
    let (steps, levels) = (specs.len() as u64, n_levels as u64);
    let branches = specs.iter().map(|spec| branches(spec)).sum();
    let nesting = subject.pipeline.phases.keys().map(|name| nesting(subject, name)).max().unwrap_or(0);
    Complexity { score: score(steps, levels, branches, nesting), steps, levels, branches, nesting }
}

/// Returns the mean of the four parts, in hundredths.
#[expect(clippy::cast_precision_loss, reason = "there are never so many steps")]
fn score(steps: u64, levels: u64, branches: u64, nesting: u64) -> f64 {
    let most = |part: f64| part.clamp(0.0, 1.0);
    let parts = [
        most((1.0 + steps as f64).log2() / STEPS),
        most((levels.max(1) as f64).log2() / LEVELS),
        most(branches as f64 / steps.max(1) as f64),
        most(nesting as f64 / NESTING),
    ];
    (parts.iter().sum::<f64>() / 4.0 * 100.0).round() / 100.0
}

fn branches(spec: &PhaseSpec) -> u64 {
    let policy = spec.on_failure.as_ref().is_some_and(|policy| *policy != OnFailure::Policy(Policy::Fail));
    let routes = [spec.on_false.is_some(), spec.on_success.is_some(), spec.goto.is_some(), policy];
    let routes = routes.into_iter().filter(|is_there| *is_there).count();
    (usize::from(spec.when.is_some()) + routes + spec.recover.len()) as u64
}

/// Returns how many loops there are on the way from a phase outwards, itself included.
fn nesting(subject: &Subject<'_>, name: &refrain_schemas::name::PhaseName) -> u64 {
    let (mut at, mut loops) = (Some(name), 0);
    for _ in 0..=subject.pipeline.phases.len() {
        let Some(spec) = at.and_then(|name| subject.spec(name)) else { break };
        loops += u64::from(spec.turns.as_ref().is_some_and(|turns| !turns.once));
        at = spec.within.as_ref();
    }
    loops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_what_the_documentation_says() {
        let check = |n: [u64; 4], expect: f64| {
            assert!(
                (score(n[0], n[1], n[2], n[3]) - expect).abs() < 1e-9,
                "{n:?} gives {}",
                score(n[0], n[1], n[2], n[3])
            );
        };
        check([0, 0, 0, 0], 0.0);
        check([1, 1, 0, 0], 0.04);
        check([3, 2, 0, 0], 0.12);
        check([3, 2, 3, 0], 0.37);
        check([127, 32, 127, 3], 1.0);
        check([10_000, 900, 90_000, 9], 1.0);
    }
}
