//! Edits that nothing is made of for now, because their phase does not take part as it did when somebody edited it.

use refrain_schemas::problem::{Problem, Severity};
use refrain_schemas::scope::Target;

use crate::edits::editable_key;
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::model::Model;

/// Returns the targets that have edits: in pipeline order, then those of which nothing is made.
pub(crate) async fn edited(engine: &Engine) -> Result<Vec<Target>, EngineError> {
    let history = History::fold(engine.ports().store.history().await?);
    let mut targets = engine.model().targets();
    targets.retain(|target| history.edits(target).is_some());
    let others = history.targets().map(|(target, _)| target).filter(|target| history.edits(target).is_some());
    let others: Vec<Target> = others.filter(|target| !targets.contains(target)).cloned().collect();
    targets.extend(others);
    Ok(targets)
}

/// Returns a warning for each target whose edits do not come out: how many these are, and why.
pub(crate) async fn idle_edits(engine: &Engine) -> Result<Vec<Problem>, EngineError> {
    let history = History::fold(engine.ports().store.history().await?);
    let warning = |(target, _): (&Target, _)| {
        let (edits, reason) = (history.edits(target)?, why_idle(engine.model(), target)?);
        let (n, verb) = if edits.records == 1 {
            ("1 edit".to_owned(), "does")
        } else {
            (format!("{} edits", edits.records), "do")
        };
        Some(Problem {
            code: "W0792".to_owned(),
            severity: Severity::Warning,
            message: format!("{n} of {target} {verb} not come out: {reason}"),
            hint: Some(
                "they are kept (`refrain edit list`); put the phase back, or undo them before".to_owned(),
            ),
            path: format!("phases.{}", target.phase),
            place: None,
            related: Vec::new(),
        })
    };
    Ok(history.targets().filter_map(warning).collect())
}

/// Returns why nothing is made of the edits of a target; nothing where they are laid over what machines make.
pub(super) fn why_idle(model: &Model, target: &Target) -> Option<String> {
    let name = &target.phase;
    let Some(phase) = model.phase(name.as_str()) else {
        return Some(format!("there is no phase `{name}` any more"));
    };
    if !phase.enabled {
        return Some(format!("phase `{name}` is disabled (`enabled: false`)"));
    }
    if editable_key(phase).is_none() {
        return Some(format!("phase `{name}` makes no records any more that people could edit"));
    }
    let is_there = model.scopes(phase).contains(&target.scope);
    (!is_there).then(|| format!("phase `{name}` has no such scope any more"))
}
