//! What models are told: layers of templates, compiled when the pipeline is checked and rendered for each unit.
//!
//! The same templates make two things of a unit: what a model would be told if the unit were sent alone, whose digest
//! is the heart of the ask's key, and what it is told in a call, alone or packed with others. Nothing that a template
//! does not render is in a model's key: neither the unit's id nor its scope nor its context.

use std::collections::BTreeSet;
use std::sync::Arc;

use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::json::Json;

use crate::model::OutputSchema;
use crate::template::{Template, is_template};

mod conversation;
mod render;
pub(crate) mod shape;

pub use render::{About, Ground, Rendered, Renderer};
pub use shape::enveloped;

/// Whether the text of a layer is the path of a file. A template has braces or white space; a path has neither.
#[must_use]
pub fn is_path(layer: &str) -> bool {
    !layer.is_empty() && !layer.contains(char::is_whitespace) && !is_template(layer)
}

/// What a model is told in one phase.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The layers of the system prompt, outermost first: the project's, the phase's, the agent's.
    pub system: Vec<Layer>,
    /// The layers of the prompt itself: the phase's, the agent's. Where there are none, the prompt is the canonical
    /// JSON of the unit's input; where the unit has context as well, of an object with `input` and `context`.
    pub user: Vec<Layer>,
    /// How the layers of the prompt see the units of a call.
    pub sight: Sight,
    /// The shape of the answer about one unit; text where there is none.
    pub answer: Option<Arc<OutputSchema>>,
    /// Without a shape: the field of the record that the text becomes.
    pub field: String,
    /// With a shape: the field of the record under which the answer stands; empty where the answer is the record.
    pub under: String,
}

/// How a prompt sees the units of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// One at a time, as `unit`: it is rendered once per unit.
    Each,
    /// All of them, as `units`: it is rendered once.
    All,
}

/// One layer of a prompt.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Its name, such as `project.system` or `agent.prompt`.
    pub name: &'static str,
    /// The file it was read from, if it was.
    pub path: Option<String>,
    /// The template.
    pub template: Template,
    /// The digest of its text.
    pub digest: Digest,
    /// What messages call it: the file, or the field of the pipeline that holds it.
    pub place: String,
}

impl Prompt {
    /// Returns the digest of the shape of the answer.
    #[must_use]
    pub fn shape(&self) -> Digest {
        let mut digester = Digester::new("refrain answer v1");
        match &self.answer {
            Some(schema) => digester.part(b"schema").part(schema.json.as_str().as_bytes()),
            None => digester.part(b"text").part(self.field.as_bytes()),
        };
        if !self.under.is_empty() {
            digester.part(b"under").part(self.under.as_bytes());
        }
        digester.finish()
    }

    /// Returns the schema that is sent along where one unit is asked about: the shape of its answer, in an object.
    #[must_use]
    pub fn schema(&self) -> Option<Json> {
        let answer = &self.answer.as_ref()?.json;
        Some(if shape::is_object(answer) { answer.clone() } else { shape::wrapped(answer) })
    }

    /// Returns the answer that stands in a reply under a name of its own; nothing where the answer is the reply.
    #[must_use]
    pub fn inner(&self, reply: &Json) -> Option<Json> {
        if self.under.is_empty() { None } else { reply.field(&self.under).map(Json::from_canonical) }
    }

    /// Returns the names of the project's params that the layers read; `None` where that may be any of them.
    #[must_use]
    pub fn params(&self) -> Option<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for variable in self.system.iter().chain(&self.user).flat_map(|layer| layer.template.variables()) {
            match variable.split('.').collect::<Vec<_>>()[..] {
                ["params"] => return None,
                ["params", name, ..] => names.insert(name.to_owned()),
                _ => false,
            };
        }
        Some(names)
    }

    /// Returns the layers with the names that they have in the definition of a phase, such as `phase.prompt` and
    /// `agent.critic.system`.
    pub fn parts<'a>(&'a self, agent: &'a str) -> impl Iterator<Item = (String, Digest)> + 'a {
        self.system.iter().chain(&self.user).map(move |layer| {
            let name = match layer.name.strip_prefix("agent.") {
                Some(kind) => format!("agent.{agent}.{kind}"),
                None => layer.name.to_owned(),
            };
            (name, layer.digest)
        })
    }
}

impl PartialEq for Prompt {
    fn eq(&self, other: &Self) -> bool {
        let digests = |layers: &[Layer]| layers.iter().map(|layer| layer.digest).collect::<Vec<_>>();
        digests(&self.system) == digests(&other.system)
            && digests(&self.user) == digests(&other.user)
            && self.sight == other.sight
            && self.shape() == other.shape()
    }
}

impl Eq for Prompt {}
