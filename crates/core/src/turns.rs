//! Turns of loops: which there are, what their texts see of them, and what becomes of a loop after its last one.
//!
//! A turn is a scope: the number of the turn is the value of the loop in the scopes of its targets. Which turns there are is
//! made out here and nowhere else, so that a run, a plan and a survey cannot disagree.

mod bindings;
mod document;
mod next;

pub use bindings::{BETWEEN, Bindings, EACH, ONCE, Round, SUMMARY, Told, WHILE};
pub use document::{Ending, close};
pub use next::{Around, LoopEnd, Next, Rounds, TurnsError};

use refrain_schemas::scope::{Scope, Target};

use crate::end::End;
use crate::judge::UpstreamNow;
use crate::model::{LoopWork, Model, Phase};
use refrain_schemas::on_failure::Policy;

/// The most turns that a loop may have.
pub const MOST: usize = 10_000;

/// Returns the targets of a turn of a loop, in the order of its phases.
#[must_use]
pub fn targets(
    model: &Model,
    phase: &Phase,
    work: &LoopWork,
    scope: &Scope,
    number: usize,
) -> Vec<(Target, usize)> {
    let turn = scope_of(phase, scope, number);
    let place = |name: &refrain_schemas::name::PhaseName| model.places.get(name).copied();
    let mut body: Vec<usize> = work.body.iter().filter_map(|inner| place(&inner.phase)).collect();
    body.sort_unstable();
    body.into_iter().map(|at| (model.phases[at].target(turn.clone()), at)).collect()
}

/// Returns the scope of a turn.
fn scope_of(phase: &Phase, scope: &Scope, number: usize) -> Scope {
    let outer = scope.iter().map(|(name, value)| (name.clone(), value.to_owned()));
    Scope::new(outer.chain(phase.own_dimension().map(|name| (name, number.to_string()))))
}

/// Whether a target of a turn ended in a way that nobody made allowance for.
#[must_use]
pub fn is_bad(model: &Model, inner: &UpstreamNow) -> bool {
    let course = || model.phase(inner.target.phase.as_str()).map(|phase| &phase.course);
    let is_handled = || course().is_some_and(|course| course.goes_on() || course.policy == Policy::Skip);
    match inner.end {
        End::Failed => !is_handled(),
        End::Blocked => true,
        End::Open | End::Made | End::False | End::Passed | End::Dropped | End::Waiting => false,
    }
}
