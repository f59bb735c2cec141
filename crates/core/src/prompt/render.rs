//! From layers and a unit to messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::Serde;
use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::scope::Scope;
use serde_json::{Map, json};

use super::{Layer, Prompt, Sight};
use crate::request::{PREVIOUS, UnitRequest};
use crate::template::{Context, Entries, TemplateError};

/// What all prompts of one target see alike.
#[derive(Debug)]
pub struct Ground {
    /// `params` and `scope`.
    names: Context,
    /// The context that all units share, by name.
    shared: BTreeMap<String, Value>,
    /// The same as canonical JSON, for prompts that nobody wrote.
    shared_json: Json,
}

/// Renders what one agent is told about the units of a target.
#[derive(Debug)]
pub struct Renderer {
    prompt: Arc<Prompt>,
    ground: Arc<Ground>,
}

/// A unit that a model is told about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The unit.
    pub request: &'a UnitRequest,
    /// In a chain, behind its first link: what the link before said.
    pub previous: Option<&'a Json>,
}

/// Messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The system prompt; empty where there is none.
    pub system: String,
    /// The prompt.
    pub user: String,
}

impl Rendered {
    /// Returns the digest of the messages.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut digester = Digester::new("refrain messages v1");
        digester.part(self.system.as_bytes()).part(self.user.as_bytes()).finish()
    }
}

impl Ground {
    /// Converts what all prompts of a target see.
    #[must_use]
    pub fn new(params: &Map<String, serde_json::Value>, scope: &Scope, shared: &Json) -> Self {
        let fields = shared.value();
        let fields = fields.as_object().into_iter().flatten();
        Self {
            names: Context::of(&json!({ "params": params, "scope": scope })),
            shared: fields.map(|(name, value)| (name.clone(), converted(value))).collect(),
            shared_json: shared.clone(),
        }
    }
}

/// A list is made ready for being searched once per unit.
fn converted(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Array(items) => {
            Value::from_object(Entries::new(items.iter().map(|item| Value::from(Serde(item))).collect()))
        }
        other => Value::from(Serde(other)),
    }
}

impl Renderer {
    /// Makes a renderer.
    #[must_use]
    pub const fn new(prompt: Arc<Prompt>, ground: Arc<Ground>) -> Self {
        Self { prompt, ground }
    }

    /// Returns what is rendered.
    #[must_use]
    pub fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    /// Renders what a model would be told about a unit if it were sent alone.
    ///
    /// # Errors
    /// Fails where a template does, or nothing is left of the prompt.
    pub fn alone(&self, about: About<'_>) -> Result<Rendered, Failure> {
        let context = self.context_of(about);
        let system = layers(&self.prompt.system, &context)?;
        let user = match self.prompt.sight {
            _ if self.prompt.user.is_empty() => self.plain(about),
            Sight::Each => layers(&self.prompt.user, &context)?,
            Sight::All => layers(&self.prompt.user, &self.context_of_all(&[about]))?,
        };
        match self.prompt.user.last() {
            Some(layer) if user.is_empty() => Err(failed(format!("{}: the prompt is empty", layer.place))),
            _ => Ok(Rendered { system, user }),
        }
    }

    /// Renders a prompt that sees all units at once.
    pub(super) fn together(&self, abouts: &[About<'_>]) -> Result<String, Failure> {
        layers(&self.prompt.user, &self.context_of_all(abouts))
    }

    /// What a template sees that sees one unit.
    fn context_of(&self, about: About<'_>) -> Context {
        let mut context = self.ground.names.clone();
        context.put("unit", unit(about.request, Vec::new()));
        context.put("context", self.seen(about.request));
        if let Some(previous) = about.previous {
            context.put(PREVIOUS, Value::from(Serde(previous.value())));
        }
        if self.prompt.sight == Sight::All {
            context.put("units", Value::from(vec![self.listed(about)]));
        }
        context
    }

    /// What a template sees that sees all units.
    fn context_of_all(&self, abouts: &[About<'_>]) -> Context {
        let mut context = self.ground.names.clone();
        let shared = self.ground.shared.iter().map(|(name, value)| (name.as_str(), value.clone()));
        context.put("context", Value::from_pairs(shared));
        context.put("units", abouts.iter().map(|about| self.listed(*about)).collect());
        context
    }

    /// A unit of `units`: it brings its own context and what a chain passes on to it.
    fn listed(&self, about: About<'_>) -> Value {
        let mut more = vec![("context".to_owned(), self.seen(about.request))];
        if let Some(previous) = about.previous {
            more.push((PREVIOUS.to_owned(), Value::from(Serde(previous.value()))));
        }
        unit(about.request, more)
    }

    /// The context that a unit sees: what all share, and its own.
    fn seen(&self, request: &UnitRequest) -> Value {
        let shared = self.ground.shared.iter().map(|(name, value)| (name.clone(), value.clone()));
        let own = request.context.iter();
        let own = own.map(|(name, json)| (name.to_string(), Value::from(Serde(json.value()))));
        Value::from_pairs(shared.chain(own))
    }

    /// The prompt where nobody wrote one.
    fn plain(&self, about: About<'_>) -> String {
        let mut context: Vec<(&str, Json)> = Vec::new();
        let shared = self.ground.shared_json.value();
        for (name, value) in shared.as_object().into_iter().flatten() {
            context.extend(Json::of(value).ok().map(|json| (name.as_str(), json)));
        }
        context.extend(about.request.context.iter().map(|(name, json)| (&**name, json.clone())));
        context.sort_unstable_by(|a, b| a.0.cmp(b.0));
        if context.is_empty() && about.previous.is_none() {
            return about.request.input.as_str().to_owned();
        }
        let context = Json::object(context.iter().map(|(name, json)| (*name, json.as_str())));
        let mut fields = vec![("context", context.as_str()), ("input", about.request.input.as_str())];
        fields.extend(about.previous.map(|previous| (PREVIOUS, previous.as_str())));
        Json::object(fields).as_str().to_owned()
    }
}

/// A unit as templates see it: its id and the fields of its input.
fn unit(request: &UnitRequest, more: Vec<(String, Value)>) -> Value {
    let input = request.input.value();
    let fields = input.as_object().into_iter().flatten();
    let fields = fields.map(|(name, value)| (name.clone(), Value::from(Serde(value))));
    let id = ("id".to_owned(), Value::from(request.id.as_str()));
    Value::from_pairs(fields.chain([id]).chain(more))
}

/// Renders layers one after the other, a blank line between them; what renders to nothing is left out.
fn layers(layers: &[Layer], context: &Context) -> Result<String, Failure> {
    let mut out = String::new();
    for layer in layers {
        let text = layer.template.render(context).map_err(|error| failed(told(layer, &error)))?;
        let text = text.trim();
        if !text.is_empty() {
            let gap = if out.is_empty() { "" } else { "\n\n" };
            out.push_str(gap);
            out.push_str(text);
        }
    }
    Ok(out)
}

fn told(layer: &Layer, error: &TemplateError) -> String {
    let place = &layer.place;
    match (error.line, error.column) {
        (0, _) => format!("{place}: {error}"),
        (line, 0) => format!("{place}:{line}: {error}"),
        (line, column) => format!("{place}:{line}:{column}: {error}"),
    }
}

/// The data do not fit the prompt; asking again would change nothing.
fn failed(message: String) -> Failure {
    Failure { kind: FailureKind::Permanent, message }
}
