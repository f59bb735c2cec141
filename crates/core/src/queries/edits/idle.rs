//! Edits that nothing is made of, because their phase does not take part as it did when somebody edited it.

use std::collections::BTreeMap;

use refrain_schemas::problem::{Problem, Severity};
use refrain_schemas::scope::Target;

use crate::define::FileDigests;
use crate::edits::editable_key;
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::model::{Model, Phase};
use crate::survey::survey;

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
    let idle = Idle::of(engine, &history).await;
    let warning = |(target, _): (&Target, _)| {
        let (edits, reason) = (history.edits(target)?, idle.why(target)?);
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

/// The targets whose edits are laid over nothing, because the pipeline as it is leaves them out.
pub(super) struct Idle<'a> {
    model: &'a Model,
    /// Why targets are skipped, of those that are.
    skipped: BTreeMap<Target, String>,
}

impl<'a> Idle<'a> {
    /// Looks which targets are skipped, where one that somebody edited may be. Where that cannot be told now, none is: a run will
    /// say so.
    pub(super) async fn of(engine: &'a Engine, history: &History) -> Self {
        let (model, ports) = (engine.model(), engine.ports());
        let mut idle = Self { model, skipped: BTreeMap::new() };
        let is_edited = |(target, _): (&Target, _)| history.edits(target).is_some();
        if model.phases.iter().any(may_be_skipped) && history.targets().any(is_edited) {
            let digests = FileDigests::new(ports.files.clone());
            let standings = survey(model, ports, history, &digests).await.unwrap_or_default();
            let skipped = standings.into_iter().filter_map(|standing| {
                let reason = standing.now.skipped?.reason;
                Some((standing.target, reason))
            });
            idle.skipped = skipped.collect();
        }
        idle
    }

    /// Returns why nothing is made of the edits of a target; nothing where they are laid over what machines make.
    pub(super) fn why(&self, target: &Target) -> Option<String> {
        let skipped = || Some(format!("phase `{}` is skipped: {}", target.phase, self.skipped.get(target)?));
        why_out(self.model, target).or_else(skipped)
    }
}

/// Whether a run may skip a phase for what it says itself.
fn may_be_skipped(phase: &Phase) -> bool {
    phase.when.is_some() || !phase.course.passed_by.is_empty() || !phase.course.handles.is_empty()
}

/// Returns why a target takes no part by its definition alone.
fn why_out(model: &Model, target: &Target) -> Option<String> {
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
