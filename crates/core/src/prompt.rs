//! What models are told: layers of templates, compiled when the pipeline is checked and rendered for each call.

use std::sync::Arc;

use refrain_schemas::digest::Digest;

use crate::model::OutputSchema;
use crate::template::Template;

/// What a model is told in one phase.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The layers of the system prompt, outermost first: the project's, the phase's, the agent's.
    pub system: Vec<Layer>,
    /// The layers of the prompt itself: the phase's, the agent's.
    pub user: Vec<Layer>,
    /// The shape of the answer about one unit; text where there is none.
    pub answer: Option<Arc<OutputSchema>>,
    /// Without a shape: the field of the record that the text becomes.
    pub field: String,
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
}

impl PartialEq for Prompt {
    fn eq(&self, other: &Self) -> bool {
        let digests = |layers: &[Layer]| layers.iter().map(|layer| layer.digest).collect::<Vec<_>>();
        let shape = |prompt: &Self| prompt.answer.as_ref().map(|schema| schema.json.clone());
        digests(&self.system) == digests(&other.system)
            && digests(&self.user) == digests(&other.user)
            && shape(self) == shape(other)
            && self.field == other.field
    }
}

impl Eq for Prompt {}
