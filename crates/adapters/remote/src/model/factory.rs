//! Makes model agents.

use std::sync::Arc;

use refrain_core::check::suggest::nearest;
use refrain_core::ports::agent::{
    Agent, AgentError, AgentFactory, AgentTraits, Blueprint, Draft, ModelTraits, SpecProblem,
};
use refrain_schemas::agent_spec::{AgentSpec, Structured, ToolsSpec};
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::json::Json;
use refrain_schemas::money::PriceSpec;
use refrain_schemas::pipeline::Declarations;
use serde_json::{Map, Value};

use super::agent::{ModelAgent, Seat};
use super::endpoint::{Endpoint, EndpointError, known_names, resolve, split_model};
use super::price::KnownPrice;
use super::{price, tools};
use crate::RemoteAgents;

/// Makes the agents of specs that say `model:`.
#[derive(Debug, Clone)]
pub struct ModelAgents {
    remote: RemoteAgents,
}

impl ModelAgents {
    pub(crate) const fn new(remote: RemoteAgents) -> Self {
        Self { remote }
    }
}

impl AgentFactory for ModelAgents {
    fn handles(&self, spec: &AgentSpec) -> bool {
        spec.model.is_some()
    }

    fn check(&self, draft: &Draft<'_>) -> Vec<SpecProblem> {
        let seats = match seats(draft.spec, draft.declared) {
            Ok(seats) => seats,
            Err(problem) => return vec![problem],
        };
        let mut problems = check_settings(draft.spec, &seats);
        problems.extend(check_extra(draft.spec));
        problems.extend(draft.spec.tools.iter().flat_map(|spec| tools::check(spec, draft.declared)));
        problems
    }

    fn describe(&self, draft: &Draft<'_>) -> AgentTraits {
        let model = draft.spec.model.clone().unwrap_or_default();
        let Ok(seats) = seats(draft.spec, draft.declared) else {
            // What is wrong with it is told by `check`.
            return AgentTraits::plain(model);
        };
        let Some(own) = seats.first() else { return AgentTraits::plain(model) };
        let endpoint = &own.endpoint;
        let name = split_model(&model).map_or("", |(_, name)| name);
        AgentTraits {
            raw_params: true,
            default_timeout: Some(endpoint.timeout),
            gate: Some(endpoint.gate(name)),
            model: Some(ModelTraits {
                dearest: price::dearest(&seats),
                ..model_traits(draft.spec, own.price, &model)
            }),
            ..AgentTraits::plain(identity(draft.spec, endpoint.kind, name))
        }
    }

    fn make(&self, blueprint: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
        let seats = seats(&blueprint.spec, &blueprint.declared).map_err(|problem| {
            let message = format!("agent `{}`: {}", blueprint.name, problem.message);
            AgentError::new(FailureKind::Permanent, message)
        })?;
        Ok(Arc::new(ModelAgent::new(self.remote.clone(), blueprint, seats)))
    }
}

/// Returns where an agent asks: its endpoint, and those that stand in for it.
pub(super) fn seats(spec: &AgentSpec, declared: &Declarations) -> Result<Vec<Seat>, SpecProblem> {
    let written = spec.model.as_deref().unwrap_or_default();
    let (endpoint, model) = split_model(written).ok_or_else(|| {
        let hint = "write the endpoint and the model's name there, as in `openai/gpt-5-mini`";
        problem("model", format!("`{written}` does not say where the model is"), Some(hint.to_owned()))
    })?;
    if model.contains(['?', '#']) || model.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(problem("model", format!("`{model}` is no name of a model"), None));
    }
    let first = resolve(declared, endpoint).map_err(|error| unusable(&error, declared))?;
    let price = price::of(declared, &first, written).map(KnownPrice::spec);
    let mut seats = vec![Seat::new(first.clone(), first.model_name(model), price)];
    for name in &first.fallback {
        let stand_in = resolve(declared, name).map_err(|error| unusable(&error, declared))?;
        let price = price::of(declared, &stand_in, &format!("{name}/{model}")).map(KnownPrice::spec);
        check_stand_in(&first, &stand_in)?;
        let name = stand_in.model_name(model);
        seats.push(Seat::new(stand_in, name, price));
    }
    Ok(seats)
}

fn check_stand_in(first: &Endpoint, stand_in: &Endpoint) -> Result<(), SpecProblem> {
    let (name, first_name) = (&stand_in.name, &first.name);
    if name == first_name {
        return Err(problem("model", format!("endpoint `{name}` falls back to itself"), None));
    }
    if family(stand_in.kind) != family(first.kind) {
        let message = format!(
            "endpoint `{name}` cannot stand in for `{first_name}`: it speaks another provider's language"
        );
        let hint =
            "answers of another family of models are other answers; use a cascade of two agents".to_owned();
        return Err(problem("model", message, Some(hint)));
    }
    Ok(())
}

fn unusable(error: &EndpointError, declared: &Declarations) -> SpecProblem {
    let hint = match error {
        EndpointError::Unknown { name } => {
            let mut names: Vec<&str> = declared.endpoints.keys().map(String::as_str).collect();
            known_names().for_each(|name| names.push(name));
            names.sort_unstable();
            names.dedup();
            match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}; declare others under `endpoints:`", names.join(", ")),
            }
        }
        EndpointError::NoAddress { name } => {
            format!("write `endpoints: {{ {name}: {{ base_url: \"http://localhost:8000/v1\" }} }}`")
        }
        EndpointError::BadAddress { .. } => "write it as `http://localhost:8000/v1`".to_owned(),
    };
    problem("model", error.to_string(), Some(hint))
}

fn problem(field: &str, message: String, hint: Option<String>) -> SpecProblem {
    SpecProblem { field: field.to_owned(), message, hint }
}

fn check_settings(spec: &AgentSpec, seats: &[Seat]) -> Vec<SpecProblem> {
    let mut problems = Vec::new();
    let mut number = |field: &str, value: Option<f64>, most: f64| {
        if value.is_some_and(|value| !(0.0..=most).contains(&value)) {
            problems.push(problem(field, format!("it lies between 0 and {most}"), None));
        }
    };
    number("temperature", spec.temperature, 2.0);
    number("top_p", spec.top_p, 1.0);
    let knows_no_seed =
        |seat: &&Seat| matches!(seat.endpoint.kind, EndpointKind::Anthropic | EndpointKind::Responses);
    if let Some(seat) = seats.iter().find(knows_no_seed).filter(|_| spec.seed.is_some()) {
        let message = format!("what is spoken at endpoint `{}` knows no seed", seat.endpoint.name);
        problems.push(problem("seed", message, Some("leave it out".to_owned())));
    }
    problems
}

/// The fields of requests that Refrain sets, and how to set them.
const OWN: [(&str, &str); 15] = [
    ("model", "write `model:` on the agent"),
    ("messages", "write `prompt:`"),
    ("input", "write `prompt:`"),
    ("contents", "write `prompt:`"),
    ("system", "write `system:`"),
    ("instructions", "write `system:`"),
    ("systemInstruction", "write `system:`"),
    ("stream", "write `stream: true` on the agent"),
    ("n", "write `samples:` where the phase names the agent"),
    ("max_tokens", "write `max_tokens:` on the agent"),
    ("max_completion_tokens", "write `max_tokens:` on the agent"),
    ("max_output_tokens", "write `max_tokens:` on the agent"),
    ("generationConfig.maxOutputTokens", "write `max_tokens:` on the agent"),
    ("generation_config", "write it as `generationConfig`"),
    ("generationConfig.candidateCount", "write `samples:` where the phase names the agent"),
];

fn check_extra(spec: &AgentSpec) -> Vec<SpecProblem> {
    let set = |(name, hint): &(&str, &str)| {
        let field = format!("extra.{name}");
        let (outer, inner) =
            name.split_once('.').map_or((*name, None), |(outer, inner)| (outer, Some(inner)));
        let written =
            spec.extra.get(outer).filter(|value| inner.is_none_or(|inner| value.get(inner).is_some()));
        written
            .is_some()
            .then(|| problem(&field, format!("`{name}` is set elsewhere"), Some((*hint).to_owned())))
    };
    let mut problems: Vec<SpecProblem> = OWN.iter().filter_map(set).collect();
    if let Err(error) = Json::of(&Value::Object(spec.extra.clone())) {
        problems.push(problem("extra", error.to_string(), None));
    }
    problems
}

/// Returns the family of models whose answers are the same wherever they are asked.
const fn family(kind: EndpointKind) -> &'static str {
    match kind {
        EndpointKind::Openai | EndpointKind::Responses => "openai",
        EndpointKind::Anthropic => "anthropic",
        EndpointKind::Gemini => "google",
    }
}

/// Returns who a model agent is: everything that its answers depend on but the words it is told.
fn identity(spec: &AgentSpec, kind: EndpointKind, model: &str) -> String {
    let mut fields = Map::new();
    fields.insert("family".to_owned(), family(kind).into());
    fields.insert("model".to_owned(), model.into());
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    set("temperature", spec.temperature.map(Value::from));
    set("top_p", spec.top_p.map(Value::from));
    // A seed may be any 64-bit number, of which canonical JSON cannot hold all.
    set("seed", spec.seed.map(|seed| seed.to_string().into()));
    set("max_tokens", spec.max_tokens.map(Value::from));
    set("reasoning", spec.reasoning.and_then(|effort| serde_json::to_value(effort).ok()));
    set("structured", (spec.structured == Some(Structured::Prompt)).then(|| "prompt".into()));
    set("extra", (!spec.extra.is_empty()).then(|| spec.extra.clone().into()));
    set("tools", spec.tools.as_ref().and_then(tools_identity));
    // Numbers that have no canonical form are told by `check`.
    Json::of(&Value::Object(fields)).map_or_else(|_| model.to_owned(), |json| json.as_str().to_owned())
}

/// What the choice of tools adds to the identity; the engine adds their schemas.
fn tools_identity(tools: &ToolsSpec) -> Option<Value> {
    serde_json::to_value(tools).ok()
}

fn model_traits(spec: &AgentSpec, price: Option<PriceSpec>, model: &str) -> ModelTraits {
    let tools = spec.tools.as_ref();
    ModelTraits {
        name: model.to_owned(),
        price,
        dearest: None,
        max_output: spec.max_tokens.map(u64::from),
        requests: tools::requests(tools),
        round_bytes: tools::round_bytes(tools),
        tools: tools::of_traits(tools),
    }
}
