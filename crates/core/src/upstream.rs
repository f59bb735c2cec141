//! Which phases, in which scopes, a target comes after.

use std::collections::BTreeSet;

use refrain_schemas::name::PhaseName;
use refrain_schemas::scope::{Scope, Target};

use crate::model::{ContextSource, Edge, Model, Phase, Work, scopes};

/// A target that another one comes after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The earlier target.
    pub target: Target,
    /// Whether its contents are read; alternatives of `units.of` count as read until one is chosen.
    pub read: bool,
    /// Whether the later target is blocked without it.
    pub hard: bool,
    /// How the later one comes after it.
    pub kind: EdgeKind,
    /// Its place among the alternatives of `units.of`, if it is one.
    pub alternative: Option<usize>,
}

/// How a phase comes after another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// It needs it.
    Need,
    /// It uses it if it is there.
    Want,
    /// It comes after it, be it there or skipped.
    After,
}

/// Returns everything that a phase in a scope comes after, in the order of the phase's edges.
#[must_use]
pub fn upstream(model: &Model, phase: &Phase, scope: &Scope) -> Vec<Upstream> {
    let alternatives = units_of(phase);
    let contexts = context_phases(phase);
    let mut out = Vec::new();
    let of = |edges: &'_ [Edge], kind| edges.iter().map(|edge| (edge.clone(), kind)).collect::<Vec<_>>();
    let edges = [
        of(&phase.needs, EdgeKind::Need),
        of(&phase.wants, EdgeKind::Want),
        of(&phase.after, EdgeKind::After),
    ];
    for (edge, kind) in edges.into_iter().flatten() {
        let needed = kind != EdgeKind::Want;
        let Some(earlier) = model.phase(edge.phase.as_str()) else { continue };
        let alternative = alternatives.iter().position(|name| *name == edge.phase);
        let one_of_many = alternative.is_some() && alternatives.len() > 1 && !contexts.contains(&edge.phase);
        for target in scopes_read(model, earlier, scope) {
            out.push(Upstream { target, read: edge.read, hard: needed && !one_of_many, kind, alternative });
        }
    }
    out
}

/// Returns the phases whose records become units, in order of preference.
#[must_use]
pub fn units_of(phase: &Phase) -> &[PhaseName] {
    match &phase.work {
        Work::Read(_) | Work::Loop(_) => &[],
        Work::Write(work) => &work.of,
        Work::Ask(work) => &work.units.of,
    }
}

/// Returns the phases that are read as context.
#[must_use]
pub fn context_phases(phase: &Phase) -> BTreeSet<PhaseName> {
    let Work::Ask(work) = &phase.work else { return BTreeSet::new() };
    let sources = work.context.iter().map(|context| &context.source);
    sources
        .filter_map(|source| match source {
            ContextSource::Phase(name) => Some(name.clone()),
            ContextSource::File(_) => None,
        })
        .collect()
}

/// Returns the scopes of an earlier phase that a scope reads: the same values where both have a dimension, and every
/// value of a dimension that only the earlier one has. What is in a loop is read in the same turn; from outside of it, it is
/// not read.
#[must_use]
pub fn scopes_read(model: &Model, earlier: &Phase, scope: &Scope) -> Vec<Target> {
    let fits = |other: &Scope| {
        other.iter().all(|(name, value)| scope.get(name.as_str()).is_none_or(|own| own == value))
    };
    let of_phase = scopes(&model.dimensions, &earlier.per).into_iter().filter(fits);
    if earlier.loops.is_empty() {
        return of_phase.map(|scope| earlier.target(scope)).collect();
    }
    let turns = earlier.turns(scope);
    if turns.iter().count() < earlier.loops.len() {
        return Vec::new();
    }
    let values = |scope: &Scope| -> Vec<_> {
        scope.iter().map(|(name, value)| (name.clone(), value.to_owned())).collect()
    };
    let whole = |scope: Scope| Scope::new([values(&scope), values(&turns)].concat());
    of_phase.map(|scope| earlier.target(whole(scope))).collect()
}
