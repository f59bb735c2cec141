//! Which targets are meant by what people write, such as `translate@ja`.

use refrain_schemas::scope::{Scope, Target};

use crate::model::Phase;

use super::{Engine, EngineError, Selection};

impl Engine {
    /// Resolves a target as named on the command line, such as `translate@ja`; the scope may be left out where the phase has only one.
    ///
    /// # Errors
    /// Fails where there is no such phase or scope, naming those there are.
    pub fn target(&self, selection: &Selection) -> Result<Target, EngineError> {
        let targets = self.select(selection)?;
        match <[Target; 1]>::try_from(targets) {
            Ok([target]) => Ok(target),
            Err(targets) => Err(EngineError::Ambiguous {
                phase: selection.phase.to_string(),
                targets: targets.iter().map(ToString::to_string).collect(),
            }),
        }
    }

    /// Resolves a target of a turn, such as `save@3`; whether there was such a turn, the history knows.
    fn select_turn(&self, phase: &Phase, selection: &Selection) -> Result<Target, EngineError> {
        let dimensions = [&phase.per[..], &phase.loops].concat();
        let (values, turns) = (&selection.values, phase.loops.len());
        let is_number = |value: &String| value.parse::<u32>().is_ok_and(|n| n.to_string() == *value);
        let fixed = values.len().saturating_sub(turns);
        let has_scope = || {
            let scopes = crate::model::scopes(&self.model.dimensions, &phase.per);
            scopes.iter().any(|scope| scope.iter().map(|(_, value)| value).eq(&values[..fixed]))
        };
        if values.len() != dimensions.len() || !values[fixed..].iter().all(is_number) || !has_scope() {
            let of = phase.loops.iter().map(ToString::to_string).collect();
            return Err(EngineError::Turn { phase: phase.name.to_string(), of });
        }
        Ok(phase.target(Scope::new(dimensions.into_iter().zip(values.iter().cloned()))))
    }

    /// Returns the loop in whose turns a selection is, the outermost one; the selection itself where it is in none.
    #[must_use]
    pub(crate) fn outermost(&self, selection: &Selection) -> Selection {
        let phase = self.model.phase(selection.phase.as_str());
        let around = phase.and_then(|phase| Some((phase, self.model.phase(phase.loops.first()?.as_str())?)));
        let Some((phase, around)) = around else { return selection.clone() };
        let values = selection.values.iter().take(phase.per.len()).cloned().collect();
        Selection { phase: around.name.clone(), values }
    }

    /// Resolves a selection to all its targets.
    ///
    /// # Errors
    /// Fails where there is no such phase or scope, naming those there are.
    pub fn select(&self, selection: &Selection) -> Result<Vec<Target>, EngineError> {
        let phase = self.model.phase(selection.phase.as_str()).ok_or_else(|| EngineError::UnknownPhase {
            phase: selection.phase.to_string(),
            known: self.model.phases.iter().map(|phase| phase.name.to_string()).collect(),
        })?;
        if !phase.loops.is_empty() {
            return self.select_turn(phase, selection).map(|target| vec![target]);
        }
        let scopes = self.model.scopes(phase);
        let fits = |scope: &Scope| {
            selection.values.is_empty()
                || scope.iter().map(|(_, value)| value).eq(selection.values.iter().map(String::as_str))
        };
        let found: Vec<Target> =
            scopes.iter().filter(|scope| fits(scope)).map(|scope| phase.target(scope.clone())).collect();
        if found.is_empty() {
            return Err(EngineError::UnknownScope {
                phase: selection.phase.to_string(),
                scope: selection.values.join(","),
                known: scopes.iter().map(ToString::to_string).collect(),
            });
        }
        Ok(found)
    }
}
