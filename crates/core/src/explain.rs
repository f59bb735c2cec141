//! What a pipeline does, in which order and with which data; made out from what is written, and nobody is asked.

mod complexity;
mod flow;
mod levels;
mod steps;

use std::collections::BTreeSet;

use refrain_schemas::explanation::{
    ExplainedFile, ExplainedInput, ExplainedModel, ExplainedPlan, Explanation, PlannedStep,
};
use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::PhaseSpec;
use refrain_schemas::pipeline::{ParamSpec, ParamType, Pipeline};
use refrain_schemas::plan::PlanReport;
use refrain_schemas::scope::Target;
use serde_json::Value;

use crate::model::{AgentModel, Model, Phase, Work};
use crate::ports::tool_catalogue::ToolCatalogue;

/// Explains a pipeline that was checked. What it means and what a run would do now are for the caller to add.
#[must_use]
pub fn explain(model: &Model, pipeline: &Pipeline, tools: Option<&dyn ToolCatalogue>) -> Explanation {
    let subject = Subject { model, pipeline, tools };
    let levels = levels::levels(&subject);
    Explanation {
        schema_version: 1,
        project: model.name.clone(),
        description: pipeline.description.clone(),
        meaning: None,
        inputs: pipeline.params.iter().map(|(name, spec)| input(name, spec)).collect(),
        steps: model.phases.iter().map(|phase| steps::step(&subject, phase)).collect(),
        complexity: complexity::complexity(&subject, levels.len()),
        levels,
        data_flow: flow::flow(&subject),
        models: models(&subject),
        files: files(&subject),
        outputs: pipeline.outputs.keys().cloned().collect(),
        now: None,
    }
}

/// Returns what a plan says of each step.
#[must_use]
pub fn planned(plan: &PlanReport) -> ExplainedPlan {
    let step = |phase: &refrain_schemas::plan::PhasePlan| PlannedStep {
        target: Target { phase: phase.phase.clone(), scope: phase.scope.clone() }.to_string(),
        action: phase.action,
        freshness: phase.freshness,
        causes: phase.causes.iter().map(ToString::to_string).collect(),
        calls: phase.calls,
    };
    ExplainedPlan {
        changes: plan.changes,
        calls: plan.calls,
        outlay: plan.outlay,
        steps: plan.phases.iter().map(step).collect(),
    }
}

/// What is explained.
struct Subject<'a> {
    model: &'a Model,
    pipeline: &'a Pipeline,
    tools: Option<&'a dyn ToolCatalogue>,
}

impl<'a> Subject<'a> {
    fn spec(&self, phase: &PhaseName) -> Option<&'a PhaseSpec> {
        self.pipeline.phases.get(phase)
    }

    /// Returns the agents of a phase, in file order.
    fn agents(&self, phase: &'a Phase) -> Vec<&'a AgentModel> {
        let names = match &phase.work {
            Work::Read(work) => vec![&work.agent],
            Work::Write(work) => vec![&work.agent],
            Work::Ask(work) => work.pool.iter().map(|member| &member.agent).collect(),
            Work::Loop(_) => Vec::new(),
        };
        names.into_iter().filter_map(|name| self.model.agents.get(name)).collect()
    }

    /// Returns the loop that a phase lies in at last; itself where it lies in none.
    fn outermost(&self, phase: &'a PhaseName) -> &'a PhaseName {
        let mut at = phase;
        for _ in 0..self.pipeline.phases.len() {
            match self.spec(at).and_then(|spec| spec.within.as_ref()) {
                Some(around) => at = around,
                None => break,
            }
        }
        at
    }

    /// Returns the schema of the document that a phase makes with a tool, where it uses one that is known.
    fn document(&self, phase: &'a Phase) -> Option<&'a Value> {
        let agents = self.agents(phase);
        let tool = agents.first()?.spec.tool.as_ref()?;
        let view = self.tools?.find(tool.name())?;
        let action = match tool.action() {
            Some(name) => view.action(name),
            None => view.actions.first(),
        };
        Some(action?.output)
    }
}

fn input(name: &str, spec: &ParamSpec) -> ExplainedInput {
    ExplainedInput {
        name: name.to_owned(),
        kind: kind_of(spec).to_owned(),
        required: spec.default.is_none(),
        default: spec.default.clone().unwrap_or_default(),
        description: spec.description.clone(),
    }
}

/// Returns the type of a param, or of its default.
fn kind_of(spec: &ParamSpec) -> &'static str {
    match spec.kind {
        Some(ParamType::String) => "string",
        Some(ParamType::Number) => "number",
        Some(ParamType::Integer) => "integer",
        Some(ParamType::Boolean) => "boolean",
        Some(ParamType::List) => "list",
        Some(ParamType::Object) => "object",
        Some(ParamType::Any) => "any",
        None => match &spec.default {
            Some(Value::Bool(_)) => "boolean",
            Some(Value::Number(number)) if number.is_f64() => "number",
            Some(Value::Number(_)) => "integer",
            Some(Value::String(_)) => "string",
            Some(Value::Array(_)) => "list",
            Some(Value::Object(_)) => "object",
            Some(Value::Null) | None => "any",
        },
    }
}

fn models(subject: &Subject<'_>) -> Vec<ExplainedModel> {
    let mut models: Vec<ExplainedModel> = Vec::new();
    for phase in &subject.model.phases {
        let asked: BTreeSet<&String> =
            subject.agents(phase).into_iter().filter_map(|agent| agent.spec.model.as_ref()).collect();
        for model in asked {
            match models.iter_mut().find(|known| known.model == *model) {
                Some(known) => known.steps.push(phase.name.clone()),
                None => {
                    models.push(ExplainedModel { model: model.clone(), steps: vec![phase.name.clone()] });
                }
            }
        }
    }
    models
}

/// Returns the files that are written, as far as their paths are written down.
fn files(subject: &Subject<'_>) -> Vec<ExplainedFile> {
    let mut files = Vec::new();
    for phase in &subject.model.phases {
        let path = match &phase.work {
            Work::Write(work) => {
                subject.model.agents.get(&work.agent).and_then(|a| a.spec.params.get("path"))
            }
            _ => written_by_tool(subject, phase),
        };
        if let Some(path) = path.and_then(Value::as_str) {
            files.push(ExplainedFile { path: path.to_owned(), step: phase.name.clone() });
        }
    }
    files
}

fn written_by_tool<'a>(subject: &Subject<'a>, phase: &'a Phase) -> Option<&'a Value> {
    let input = subject.spec(&phase.name)?.input.as_ref()?;
    let agents = subject.agents(phase);
    let tool = agents.first()?.spec.tool.as_ref()?;
    match (tool.name(), tool.action()) {
        ("filesystem", Some("write")) | ("product", _) => input.get("path"),
        ("filesystem", Some("copy" | "move")) => input.get("destination"),
        _ => None,
    }
}
