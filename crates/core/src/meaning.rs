//! What a model says of a pipeline, and of values that are left to it: small pipelines of their own, which the same engine runs
//! on the same ledger, so that what was said once is not asked again.
//!
//! Nothing is run in here: a [`Wanting`] is a pipeline with the files that it names, and what its phases answer for.

mod asker;
mod prompts;
mod said;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;
use refrain_schemas::agent_spec::{AgentSpec, RetrySpec, SchemaRef};
use refrain_schemas::duration::Span;
use refrain_schemas::name::{AgentName, PhaseName};
use refrain_schemas::phase_spec::{AgentRef, PhaseSpec};
use refrain_schemas::pipeline::{Dialect, PIPELINE_VERSION, ParamSpec, ParamType, Pipeline};
use refrain_schemas::steps::{Auto, StepsMap};
use serde_json::{Value, json};

use crate::check::masked_words;
use crate::quality;

pub use asker::{answer_with, asker};
pub use said::{Verdict, alignment, auto_value, verdict};

/// How long the model may think about the pipeline.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much it may say.
const TOKENS: u32 = 4_000;
/// How often it is asked for a value that the pipeline cannot do without.
const ATTEMPTS: u32 = 3;
/// What the phases are called after.
const PREFIX: &str = "meaning";
const AGENT: &str = "orchestrator";

/// What a model is asked, as a pipeline.
#[derive(Debug, Clone)]
pub struct Wanting {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// The files that it names.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What each of its phases answers: `intention`, `architecture`, `alignment`, `qc`, or the path of a value.
    pub answers: IndexMap<PhaseName, String>,
}

/// Returns what is asked about the values that are left to a model; `None` where there are none.
#[must_use]
pub fn of_values(map: &StepsMap, around: &Pipeline) -> Option<Wanting> {
    let mut making = Making::new(map, around)?;
    for (n, auto) in map.autos.iter().enumerate() {
        let schema = asker::wrapped(&auto.schema).to_string();
        let name = making.phase(
            &format!("value_{}", n + 1),
            &auto.path,
            &[("prompt", about_value(auto))],
            Some(&schema),
        )?;
        making.change(&name, |spec| spec.retry = Some(tried(ATTEMPTS)));
    }
    making.finish()
}

/// Returns what is asked about the pipeline itself; `None` where nothing is.
#[must_use]
pub fn of_pipeline(map: &StepsMap, around: &Pipeline) -> Option<Wanting> {
    let wishes = &map.wishes;
    if !wishes.intelligence {
        return None;
    }
    let mut making = Making::new(map, around)?;
    let outline = masked_words(&pretty(&map.outline));
    let intention = match &wishes.intention {
        Some(_) => None,
        None => {
            let prompt = format!("{}\n\n{outline}", prompts::INTENTION);
            Some(making.phase("intention", "intention", &[("prompt", prompt)], None)?)
        }
    };
    let purpose = making.said(intention.as_ref(), wishes.intention.as_deref());
    let architecture = match &wishes.architecture {
        Some(_) => None,
        None => {
            let prompt = format!("{}\n\n{outline}", prompts::ARCHITECTURE);
            let name = making.phase("architecture", "architecture", &[("prompt", prompt)], None)?;
            making.show(&name, "intention", purpose.clone());
            Some(name)
        }
    };
    if wishes.validation {
        let design = making.said(architecture.as_ref(), wishes.architecture.as_deref());
        let ideas = if wishes.suggestions { prompts::SUGGESTIONS } else { prompts::NO_SUGGESTIONS };
        let prompt = format!("{} {ideas}\n\n{outline}", prompts::ALIGNMENT);
        let name = making.phase("alignment", "alignment", &[("prompt", prompt)], Some(said::ALIGNMENT))?;
        making.show(&name, "intention", purpose);
        making.show(&name, "architecture", design);
    }
    making.finish()
}

/// Returns what is asked about what a run made.
#[must_use]
pub fn of_results(map: &StepsMap, around: &Pipeline, subjects: &[quality::Subject]) -> Option<Wanting> {
    let mut making = Making::new(map, around)?;
    let shown: Vec<Value> = subjects
        .iter()
        .map(|subject| {
            json!({ "step": subject.step, "status": subject.status, "made": subject.text, "is_cut": subject.is_cut })
        })
        .collect();
    let outline = masked_words(&pretty(&map.outline));
    let prompt = format!(
        "{}\n\n# The pipeline\n\n{outline}\n\n# What it made\n\n{}",
        prompts::QUALITY,
        pretty(&shown.into())
    );
    making.phase("qc", "qc", &[("prompt", prompt)], Some(quality::ANSWER))?;
    making.finish()
}

/// A pipeline in the making.
struct Making {
    wanting: Wanting,
    model: String,
    prefix: String,
}

impl Making {
    fn new(map: &StepsMap, around: &Pipeline) -> Option<Self> {
        let model = map.orchestrator.clone()?;
        // A step may be called like one of these: its history is its own.
        let mut prefix = PREFIX.to_owned();
        while around.phases.keys().any(|name| name.as_str().starts_with(&prefix)) {
            prefix.push('_');
        }
        let pipeline = Pipeline {
            refrain: PIPELINE_VERSION,
            name: format!("{} (meaning)", map.id),
            description: None,
            params: IndexMap::new(),
            dimensions: IndexMap::new(),
            endpoints: around.endpoints.clone(),
            servers: IndexMap::new(),
            prices: around.prices.clone(),
            system: None,
            agents: IndexMap::new(),
            phases: IndexMap::new(),
            budget: around.budget,
            limits: around.limits,
            durability: around.durability,
            names: IndexMap::new(),
            outputs: IndexMap::new(),
            output_types: IndexMap::new(),
            dialect: Some(Dialect::Refrain),
        };
        let wanting = Wanting { pipeline, files: BTreeMap::new(), answers: IndexMap::new() };
        Some(Self { wanting, model, prefix })
    }

    /// Adds a phase that asks the model. What it is shown are params: data, which is not rendered again.
    fn phase(
        &mut self,
        name: &str,
        answers: &str,
        shown: &[(&str, String)],
        schema: Option<&str>,
    ) -> Option<PhaseName> {
        let name: PhaseName = format!("{}_{name}", self.prefix).parse().ok()?;
        let agent: AgentName = format!("{AGENT}_{name}").parse().ok()?;
        let file = schema.map(|schema| {
            let file = format!("{name}.schema.json");
            self.wanting.files.insert(file.clone(), schema.as_bytes().to_vec());
            file
        });
        let spec = AgentSpec {
            model: Some(self.model.clone()),
            system: Some(prompts::SYSTEM.to_owned()),
            prompt: Some("{{ unit.prompt }}".to_owned()),
            field: file.is_none().then(|| "text".to_owned()),
            output: file.map(SchemaRef::File),
            max_tokens: Some(TOKENS),
            timeout: Some(Span(PATIENCE)),
            retry: Some(tried(1)),
            ..AgentSpec::default()
        };
        self.wanting.pipeline.agents.insert(agent.clone(), spec);
        let phase = PhaseSpec {
            agent: Some(AgentRef::Name(agent)),
            input: Some(json!({})),
            retry: Some(tried(1)),
            ..PhaseSpec::default()
        };
        self.wanting.pipeline.phases.insert(name.clone(), phase);
        self.wanting.answers.insert(name.clone(), answers.to_owned());
        for (field, text) in shown {
            let value = self.param(&format!("{name}_{field}"), text);
            self.put(&name, field, value);
        }
        Some(name)
    }

    /// Adds a text to what a phase is told, under a title.
    fn show(&mut self, name: &PhaseName, field: &str, value: String) {
        self.put(name, field, value);
        let agent = format!("{AGENT}_{name}");
        if let Some(agent) = self.wanting.pipeline.agents.get_mut(agent.as_str()) {
            let told = agent.prompt.get_or_insert_default();
            told.push_str(&format!("\n\n# The {field}\n\n{{{{ unit.{field} }}}}"));
        }
    }

    fn put(&mut self, name: &PhaseName, field: &str, value: String) {
        self.change(name, |spec| {
            if let Some(Value::Object(input)) = &mut spec.input {
                input.insert(field.to_owned(), Value::String(value));
            }
        });
    }

    fn change(&mut self, name: &PhaseName, change: impl FnOnce(&mut PhaseSpec)) {
        if let Some(spec) = self.wanting.pipeline.phases.get_mut(name) {
            change(spec);
        }
    }

    /// Returns what reads the answer of a phase, or what a person wrote in its stead.
    fn said(&mut self, phase: Option<&PhaseName>, written: Option<&str>) -> String {
        match phase {
            Some(phase) => format!("{{{{ phases.{phase}.document.text }}}}"),
            None => self.param(
                &format!("written_{}", self.wanting.pipeline.params.len()),
                written.unwrap_or_default(),
            ),
        }
    }

    /// Adds a text as a param; returns what reads it.
    fn param(&mut self, name: &str, text: &str) -> String {
        let spec = ParamSpec {
            kind: Some(ParamType::String),
            default: Some(Value::from(text)),
            choices: Vec::new(),
            schema: None,
            description: None,
        };
        self.wanting.pipeline.params.insert(name.to_owned(), spec);
        format!("{{{{ params.{name} }}}}")
    }

    fn finish(self) -> Option<Wanting> {
        (!self.wanting.pipeline.phases.is_empty()).then_some(self.wanting)
    }
}

/// Says how often the model is asked. To a phase that says it itself, a provider without room is a failure like others.
fn tried(attempts: u32) -> RetrySpec {
    RetrySpec { attempts: Some(attempts), ..RetrySpec::default() }
}

/// Says what value is wanted. Nothing else of the file is in it, so that it is not asked again for a change elsewhere.
fn about_value(auto: &Auto) -> String {
    let Auto { path, task, text, about, schema, .. } = auto;
    let (about, schema) = (pretty(about), pretty(schema));
    let values = prompts::VALUE;
    let text =
        if text.trim() == task { String::new() } else { format!("It stands in this text:\n{text}\n\n") };
    format!(
        "{values}\n\nWhat is wanted: {task}\n\n{text}Its place: {path}\n\nIts JSON Schema: {schema}\n\nAround it:\n{about}"
    )
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
