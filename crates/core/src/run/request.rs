//! From what is asked of a run to the targets it will look at.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::scope::Target;

use crate::engine::{Engine, EngineError, RunRequest};
use crate::upstream::upstream;

use super::target_state::TargetState;

/// What a run will look at.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The targets in plan order, each with its phase's place in the model.
    pub(crate) targets: Vec<(Target, usize)>,
    /// The targets that were named, or all of them.
    pub(crate) named: BTreeSet<Target>,
}

impl Planned {
    /// Makes out what a request means.
    ///
    /// # Errors
    /// Fails where it names what is not there, or what is disabled.
    pub(crate) fn of(engine: &Engine, request: &RunRequest) -> Result<Self, EngineError> {
        let model = engine.model();
        let all = model.targets();
        let mut named: BTreeSet<Target> = BTreeSet::new();
        for selection in &request.targets {
            let selection = &engine.outermost(selection);
            let found = engine.select(selection)?;
            if model.phase(selection.phase.as_str()).is_some_and(|phase| !phase.enabled) {
                return Err(EngineError::Disabled { phase: selection.phase.to_string() });
            }
            named.extend(found);
        }
        if request.targets.is_empty() {
            named.extend(all.iter().cloned());
        }
        check_scopes(engine, request)?;
        named.retain(|target| fits(target, request));
        let mut wanted = named.clone();
        if !request.only {
            add_upstream(engine, &mut wanted);
        }
        let targets = all.into_iter().filter(|target| wanted.contains(target));
        let place = |target: Target| {
            let phase = *model.places.get(&target.phase)?;
            Some((target, phase))
        };
        Ok(Self { targets: targets.filter_map(place).collect(), named })
    }

    /// Makes the states of a run's targets.
    pub(crate) fn states(&self, engine: &Engine, force: bool) -> Vec<TargetState> {
        let model = engine.model();
        let numbers: BTreeMap<&Target, usize> =
            self.targets.iter().enumerate().map(|(no, (target, _))| (target, no)).collect();
        let state = |(target, phase): &(Target, usize)| {
            let before = upstream(model, &model.phases[*phase], &target.scope);
            let after = before.iter().filter_map(|upstream| numbers.get(&upstream.target).copied()).collect();
            TargetState::new(target.clone(), *phase, after, force && self.named.contains(target))
        };
        self.targets.iter().map(state).collect()
    }
}

/// Refuses a `--scope` that no target has.
fn check_scopes(engine: &Engine, request: &RunRequest) -> Result<(), EngineError> {
    for (dimension, value) in &request.scopes {
        let values = engine.model().dimensions.get(dimension.as_str());
        if values.is_none_or(|values| !values.contains(value)) {
            let known = values
                .cloned()
                .unwrap_or_else(|| engine.model().dimensions.keys().map(ToString::to_string).collect());
            let (phase, scope) = (dimension.clone(), value.clone());
            return Err(EngineError::UnknownValue { dimension: phase, value: scope, known });
        }
    }
    Ok(())
}

fn fits(target: &Target, request: &RunRequest) -> bool {
    request.scopes.iter().all(|(dimension, value)| target.scope.get(dimension).is_none_or(|own| own == value))
}

fn add_upstream(engine: &Engine, wanted: &mut BTreeSet<Target>) {
    let model = engine.model();
    let mut open: Vec<Target> = wanted.iter().cloned().collect();
    while let Some(target) = open.pop() {
        let Some(phase) = model.phase(target.phase.as_str()) else { continue };
        for before in upstream(model, phase, &target.scope) {
            if wanted.insert(before.target.clone()) {
                open.push(before.target);
            }
        }
    }
}
