//! Of everything that is for failures of a phase and has a rank, what has the lowest one that fits acts alone.
//!
//! A phase that yields leaves failures to what comes behind it by rank where it fails itself; that waits for it.

use std::collections::{HashMap, HashSet};

use refrain_schemas::json::Json;
use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::PhaseSpec;
use serde_json::{Value, json};

use super::Checker;
use super::links::Links;
use crate::model::{Claim, Edge, Phase};

impl Checker<'_> {
    /// Has phases wait for those that may leave failures to them.
    pub(super) fn yields(&mut self, specs: &[(&PhaseName, &PhaseSpec)], links: &mut [Links]) {
        let mut yielding: HashMap<&PhaseName, Vec<(u32, &PhaseName)>> = HashMap::new();
        for (name, spec) in specs {
            for handled in spec.handles.iter().filter(|handled| handled.yields) {
                yielding.entry(&handled.phase).or_default().extend(handled.rank.map(|rank| (rank, *name)));
            }
        }
        if yielding.is_empty() {
            return;
        }
        for ((name, spec), links) in specs.iter().zip(links) {
            let mut known: HashSet<PhaseName> = links.edges().map(|edge| edge.phase.clone()).collect();
            known.insert((*name).clone());
            for (n, handled) in spec.handles.iter().enumerate() {
                let all = yielding.get(&handled.phase).into_iter().flatten();
                for (_, before) in all.filter(|(rank, _)| handled.rank.is_some_and(|own| *rank < own)) {
                    if known.insert((*before).clone()) {
                        links.wants.push(Edge { phase: (*before).clone(), read: false });
                        let path = format!("phases.{name}.handles[{n}].rank");
                        links.named.push(((*before).clone(), path));
                    }
                }
            }
        }
    }
}

/// Gives each phase what is for its failures, by rank.
pub(super) fn claims(phases: &mut [Phase]) {
    let mut all: HashMap<PhaseName, Vec<Claim>> = HashMap::new();
    for phase in phases.iter().filter(|phase| phase.enabled) {
        for handled in &phase.course.handles {
            let Some(rank) = handled.rank else { continue };
            let yields = handled.yields.then(|| phase.name.clone());
            let claim = Claim { rank, failures: handled.failures.clone(), yields };
            all.entry(handled.phase.clone()).or_default().push(claim);
        }
    }
    for phase in phases {
        let others = all.remove(&phase.name).unwrap_or_default();
        let last = phase.course.recover.iter().filter_map(|recover| recover.rank).max();
        let decides = |claim: &&Claim| claim.yields.is_none() && last.is_some_and(|last| claim.rank < last);
        let deciding: Vec<Value> = others.iter().filter(decides).map(written).collect();
        if !deciding.is_empty() {
            decided_by(phase, deciding);
        }
        let own = phase.course.recover.iter().filter_map(|recover| {
            Some(Claim { rank: recover.rank?, failures: recover.failures.clone(), yields: None })
        });
        phase.course.claims = others.into_iter().chain(own).collect();
        phase.course.claims.sort_by_key(|claim| claim.rank);
    }
}

/// What comes before the values of a phase is part of what its failures mean.
fn decided_by(phase: &mut Phase, claims: Vec<Value>) {
    let mut course = phase.written.get("course").map_or_else(|| json!({}), Json::value);
    course["claims"] = Value::Array(claims);
    if let Ok(course) = Json::of(&course) {
        phase.written.insert("course".to_owned(), course);
    }
}

/// Returns what decides about the values of a phase, in one form.
fn written(Claim { rank, failures, .. }: &Claim) -> Value {
    let patterns: Vec<&str> = failures.patterns.iter().map(regex::Regex::as_str).collect();
    json!({ "rank": rank, "kinds": failures.kinds, "patterns": patterns, "codes": failures.codes })
}
