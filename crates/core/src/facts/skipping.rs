//! Why a target is skipped: what it follows did not happen, a route passes it over, there is nothing that it is for, or its
//! condition is false.

use std::sync::Arc;

use refrain_schemas::freshness::Freshness;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::Policy;
use refrain_schemas::scope::Target;
use serde_json::Value;

use crate::end::{End, Skip, Word};
use crate::engine::{EngineError, Ports};
use crate::history::History;
use crate::judge::UpstreamNow;
use crate::model::{Failures, Handled, Heading, Model, PassedBy, Phase, RouteOn};
use crate::sight::{self, Seen};
use crate::upstream::{EdgeKind, scopes_read};

use super::{Known, NO_REVISION, needs_it_made, settled};

/// Says why a target is skipped, if it is: the only place that does.
pub(super) async fn skipped(
    model: &Model,
    ports: &Ports,
    phase: &Phase,
    target: &Target,
    known: &Known,
) -> Result<Option<Skip>, EngineError> {
    let upstream = &known.upstream;
    // Who is for failures of a phase does not merely follow it.
    let follows = |before: &&UpstreamNow| {
        (before.kind == EdgeKind::After || before.hard) && !phase.course.handles(&before.target.phase)
    };
    let is_dropped = |before: &&UpstreamNow| {
        let policy = || model.phase(before.target.phase.as_str()).map(|phase| phase.course.policy);
        let is_unmade = || {
            let goes_on =
                model.phase(before.target.phase.as_str()).is_some_and(|phase| phase.course.goes_on());
            goes_on && needs_it_made(phase, before.kind, before.hard)
        };
        let is_failed = before.end == End::Failed;
        before.end == End::Dropped || (is_failed && (policy() == Some(Policy::Skip) || is_unmade()))
    };
    if let Some(before) = upstream.iter().filter(follows).find(is_dropped) {
        let how = if before.end == End::Dropped { "is skipped" } else { "failed" };
        return Ok(Some(Skip { reason: format!("{} {how}", before.target), end: End::Dropped }));
    }
    if let Some(skip) = &known.passed {
        return Ok(Some(skip.clone()));
    }
    let is_skipped = |before: &&UpstreamNow| {
        before.hard && before.kind == EdgeKind::Need && before.freshness == Freshness::Skipped
    };
    if let Some(before) = upstream.iter().find(is_skipped) {
        return Ok(Some(Skip { reason: format!("{} is skipped", before.target), end: End::Passed }));
    }
    if !phase.course.handles.is_empty() && !has_something_to_handle(model, ports, phase, upstream).await? {
        let reason = "nothing failed that it is for".to_owned();
        return Ok(Some(Skip { reason, end: End::False }));
    }
    let Some(when) = &phase.when else { return Ok(None) };
    // A target that lacks something is blocked, whatever its condition would say.
    let lacks = |before: &UpstreamNow| {
        let is_passed = matches!(before.end, End::False | End::Passed | End::Dropped);
        before.hard && before.artifact.is_none() && !is_passed && !before.goes_on
    };
    if when.sight.documents().iter().any(|name| upstream.iter().any(|b| b.target.phase == *name && lacks(b)))
    {
        return Ok(None);
    }
    let failed =
        |message: String| EngineError::Expression { what: format!("phases.{}.when", phase.name), message };
    let (scope, store) = (&*phase.fixed(&target.scope), &*ports.store);
    let (bindings, execution) = (&known.bindings, known.execution.as_ref());
    let seen = Seen { model, scope, upstream, store, bindings, execution };
    let context = when.sight.context(&seen).await?;
    let holds = when.condition.holds(&context).map_err(|error| failed(error.to_string()))?;
    Ok((!holds).then(|| Skip { reason: format!("`when: {}` is false", when.text), end: End::False }))
}

/// Whether something failed that a phase is for, and nothing else that comes before it.
async fn has_something_to_handle(
    model: &Model,
    ports: &Ports,
    phase: &Phase,
    upstream: &[UpstreamNow],
) -> Result<bool, EngineError> {
    let has_failed = |name: &PhaseName| {
        let is_failed = |before: &UpstreamNow| matches!(before.end, End::Failed | End::Blocked);
        let is_it = |before: &&UpstreamNow| before.target.phase == *name;
        upstream.iter().filter(is_it).any(|it| it.freshness == Freshness::Failed || is_failed(it))
    };
    for before in upstream {
        let Some(error) = &before.failure else { continue };
        let of = |handled: &&Handled| handled.phase == before.target.phase;
        let own: Vec<&Handled> = phase.course.handles.iter().filter(of).collect();
        let Some(course) = model.phase(before.target.phase.as_str()).map(|failed| &failed.course) else {
            continue;
        };
        let all =
            own.iter().map(|own| &own.failures).chain(course.claims.iter().map(|claim| &claim.failures));
        let document = match &before.artifact {
            Some((NO_REVISION, artifact)) if all.into_iter().any(|failures| !failures.codes.is_empty()) => {
                sight::load(&*ports.store, artifact).await?
            }
            _ => Value::Null,
        };
        let includes = |failures: &Failures| failures.include(error.kind(), &error.message, &document);
        let first = course.claimed(includes, has_failed);
        let is_for =
            |own: &&Handled| own.rank.is_none_or(|rank| Some(rank) == first) && includes(&own.failures);
        if own.iter().any(is_for) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Says which route passes a target over, if one does.
pub(super) fn passed(
    model: &Model,
    phase: &Phase,
    target: &Target,
    history: &History,
    word: &impl Fn(&Target) -> Word,
) -> Option<Skip> {
    let end = |before: &Target| {
        let word = word(before);
        let phase = model.phase(before.phase.as_str()).filter(|_| word.freshness == Freshness::Failed);
        phase.map_or(word.end, |phase| settled(phase, before, history, word).0)
    };
    // What makes something ready for a phase stands on the way to it as that does.
    let place = phase.course.prepares.as_ref().unwrap_or(&phase.name);
    let leads = |route: &PassedBy, before: &Target| {
        let is_taken = match route.on {
            RouteOn::False => end(before) == End::False,
            RouteOn::Success => end(before) == End::Made,
            RouteOn::Failure => end(before) == End::Failed,
            // A value that stands in for what was not made names no phase.
            RouteOn::Goto => word(before).freshness != Freshness::Failed && end(before) == End::Made,
        };
        match &route.to {
            _ if !is_taken => None,
            Heading::Phase(to) => Some(to.clone()),
            Heading::Named(later) => {
                let to = history.latest(before)?.goes_to.clone()?;
                later.is_before(place, &to).then_some(to)
            }
        }
    };
    let fires = |route: &Arc<PassedBy>| {
        // Of a long line of phases with routes each has as many as stand before it: what can be known once is.
        if let Some(only) = &route.only {
            return leads(route, only).map(|to| (route.source.clone(), to));
        }
        let targets = scopes_read(model, model.phase(route.source.as_str())?, &target.scope);
        let mut to = targets.iter().map(|before| leads(route, before));
        let first = to.next()??;
        to.all(|to| to.is_some()).then(|| (route.source.clone(), first))
    };
    let (source, to) = phase.course.passed_by.iter().find_map(fires)?;
    Some(Skip { reason: format!("`{source}` goes on with `{to}`"), end: End::Passed })
}
