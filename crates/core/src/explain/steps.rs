//! What one step does, when, and what comes of it.

use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::explanation::{ExplainedRoute, ExplainedStep};
use refrain_schemas::loop_spec::LoopSpec;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::{OnFailure, Policy};
use refrain_schemas::phase_spec::PhaseSpec;
use serde_json::Value;

use super::Subject;
use crate::model::Phase;
use crate::ports::agent::Effect;

/// Returns a step as it is explained.
pub(super) fn step(subject: &Subject<'_>, phase: &Phase) -> ExplainedStep {
    let none = PhaseSpec::default();
    let spec = subject.spec(&phase.name).unwrap_or(&none);
    let mut after: Vec<PhaseName> = Vec::new();
    for edge in phase.edges() {
        if !after.contains(&edge.phase) {
            after.push(edge.phase.clone());
        }
    }
    ExplainedStep {
        name: phase.name.clone(),
        description: spec.description.clone(),
        does: does(subject, phase, spec),
        enabled: phase.enabled,
        within: spec.within.clone(),
        per: phase.per.clone(),
        after,
        when: phase.when.as_ref().map(|when| when.text.clone()),
        routes: routes(spec),
        on_failure: match &spec.on_failure {
            Some(OnFailure::Policy(policy)) => policy.as_str().to_owned(),
            Some(OnFailure::Go(_)) | None => Policy::Fail.as_str().to_owned(),
        },
        stand_ins: spec.recover.len() as u64,
        attempts: phase.course.retry.map(|retry| retry.attempts),
        timeout: phase.course.timeout.map(refrain_schemas::duration::Span),
        effect: effect(subject, phase).as_str().to_owned(),
    }
}

fn does(subject: &Subject<'_>, phase: &Phase, spec: &PhaseSpec) -> String {
    if let Some(turns) = &spec.turns {
        return goes_round(turns);
    }
    let mut said: Vec<String> = Vec::new();
    for agent in subject.agents(phase) {
        let text = answers(&agent.spec);
        if !said.contains(&text) {
            said.push(text);
        }
    }
    said.join(", ")
}

fn goes_round(turns: &LoopSpec) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match turns {
        LoopSpec { for_each: Some(list), .. } => format!("loop over {}", text(list)),
        LoopSpec { once: true, .. } => "pipeline".to_owned(),
        LoopSpec { while_, until, .. } => {
            let before = while_.as_ref().map(|text| format!("while {text}"));
            let behind = until.as_ref().map(|text| format!("until {text}"));
            let conditions: Vec<String> = before.into_iter().chain(behind).collect();
            format!("loop {}", conditions.join(", "))
        }
    }
}

/// Says who answers.
fn answers(spec: &AgentSpec) -> String {
    if let Some(tool) = &spec.tool {
        return match tool.action().filter(|action| *action != "execute") {
            Some(action) => format!("{}.{action}", tool.name()),
            None => tool.name().to_owned(),
        };
    }
    if let Some(model) = &spec.model {
        return format!("model {model}");
    }
    if let Some(command) = &spec.command {
        return format!("command {}", command.first().map_or("", String::as_str));
    }
    if let Some(mcp) = &spec.mcp {
        return format!("{}.{}", mcp.server, mcp.tool);
    }
    match (&spec.builtin, &spec.http) {
        (Some(builtin), _) => builtin.clone(),
        (None, Some(_)) => "http".to_owned(),
        (None, None) => "agent".to_owned(),
    }
}

fn routes(spec: &PhaseSpec) -> Vec<ExplainedRoute> {
    let failure = match &spec.on_failure {
        Some(OnFailure::Go(to)) => Some(to.to_string()),
        Some(OnFailure::Policy(_)) | None => None,
    };
    let name = |to: &Option<PhaseName>| to.as_ref().map(ToString::to_string);
    let ways = [
        ("false", name(&spec.on_false)),
        ("success", name(&spec.on_success)),
        ("failure", failure),
        ("goto", spec.goto.clone()),
    ];
    let route = |(on, to): (&str, Option<String>)| Some(ExplainedRoute { on: on.to_owned(), to: to? });
    ways.into_iter().filter_map(route).collect()
}

/// Returns what a phase leaves behind: the most of what its agents do.
fn effect(subject: &Subject<'_>, phase: &Phase) -> Effect {
    let of = |agent: &crate::model::AgentModel| {
        if agent.spec.volatile { Effect::Volatile } else { agent.traits.effect }
    };
    let effects: Vec<Effect> = subject.agents(phase).into_iter().map(of).collect();
    let most = [Effect::Volatile, Effect::Once].into_iter().find(|effect| effects.contains(effect));
    most.unwrap_or_default()
}
