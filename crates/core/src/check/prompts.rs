//! What models are told: the layers of prompts, and the shapes of answers.

use std::sync::Arc;

use indexmap::IndexMap;
use refrain_schemas::digest::Digest;
use refrain_schemas::name::{AgentName, PhaseName};
use refrain_schemas::phase_spec::{AgentRef, Fan, PhaseSpec};
use refrain_schemas::problem::Place;

use super::Checker;
use super::code::Code;
use super::templates::located;
use crate::model::{AgentModel, AskWork};
use crate::prompt::{Layer, Prompt, Sight, is_path};
use crate::template::{Template, TemplateError};

mod answer;
mod names;

/// The field of the record that a text becomes, where nobody says.
const FIELD: &str = "text";

/// A layer as it stands in one phase.
struct Found {
    layer: Layer,
    /// The field of the pipeline that names it.
    at: String,
}

/// What the layers of a prompt may read in one place of a phase.
struct Reader<'a> {
    phase: &'a PhaseName,
    spec: &'a PhaseSpec,
    work: &'a AskWork,
    is_system: bool,
    sight: Sight,
    /// Whether a link of a chain came before.
    is_behind: bool,
}

impl Reader<'_> {
    const fn is_packed(&self) -> bool {
        self.work.pack > 1
    }
}

impl Checker<'_> {
    /// Compiles what the models of a phase are told.
    pub(super) fn prompts(
        &mut self,
        phase: &PhaseName,
        spec: &PhaseSpec,
        work: &mut AskWork,
        agents: &IndexMap<AgentName, AgentModel>,
    ) {
        for n in 0..work.pool.len() {
            let Some(agent) = agents.get(&work.pool[n].agent) else { continue };
            if agent.traits.model.is_none() {
                continue;
            }
            let is_behind = work.fan == Fan::Chain && n > 0;
            work.pool[n].prompt = self.prompt(phase, spec, work, agent, is_behind).map(Arc::new);
        }
    }

    /// Compiles the layers of all models, and says which layers no model is told: somebody wrote them for nothing.
    pub(super) fn unread_prompts(&mut self, agents: &IndexMap<AgentName, AgentModel>) {
        let pipeline = self.pipeline;
        for agent in agents.values().filter(|agent| agent.traits.model.is_some()) {
            let path = self.path_of(&agent.name);
            // Of an agent that nobody asks, nothing but this is known to be wrong.
            self.layers([
                ("agent.system", &agent.spec.system, format!("{path}.system")),
                ("agent.prompt", &agent.spec.prompt, format!("{path}.prompt")),
            ]);
        }
        let is_known = self.broken.agents.is_empty() && !self.broken.sections.contains("agents");
        if !is_known || agents.len() < pipeline.agents.len() {
            return;
        }
        // Of a model whose endpoint is wrong, nothing else is known; it is one all the same.
        let is_model = |agent: &AgentName| agents.get(agent).is_some_and(|a| a.spec.model.is_some());
        for (name, spec) in &pipeline.phases {
            let inline = matches!(&spec.agent, Some(AgentRef::Inline(spec)) if spec.model.is_some());
            let named = matches!(&spec.agent, Some(AgentRef::Name(agent)) if is_model(agent));
            if inline || named || spec.agents.keys().any(is_model) {
                continue;
            }
            for (field, _) in
                [("system", &spec.system), ("prompt", &spec.prompt)].iter().filter(|(_, f)| f.is_some())
            {
                let message = format!("no agent of phase `{name}` is a model");
                self.problems.add(Code::PromptUnread, format!("phases.{name}.{field}"), message);
            }
        }
        if pipeline.system.is_some() && !agents.keys().any(is_model) {
            self.problems.add(Code::PromptUnread, "system", "no agent is a model");
        }
    }

    fn prompt(
        &mut self,
        phase: &PhaseName,
        spec: &PhaseSpec,
        work: &AskWork,
        agent: &AgentModel,
        is_behind: bool,
    ) -> Option<Prompt> {
        let pipeline = self.pipeline;
        let own = self.path_of(&agent.name);
        let (name, own) = (format!("phases.{phase}"), own);
        let system = [
            ("project.system", &pipeline.system, "system".to_owned()),
            ("phase.system", &spec.system, format!("{name}.system")),
            ("agent.system", &agent.spec.system, format!("{own}.system")),
        ];
        let user = [
            ("phase.prompt", &spec.prompt, format!("{name}.prompt")),
            ("agent.prompt", &agent.spec.prompt, format!("{own}.prompt")),
        ];
        let system = self.layers(system);
        let user = self.layers(user);
        let answer = self.answer(agent, work, &own);
        let (system, user) = (system?, user?);
        let sight = self.sight(&user);
        system.iter().chain(&user).for_each(|found| self.layer_filters(found));
        let mut reader = Reader { phase, spec, work, is_system: true, sight, is_behind };
        system.iter().for_each(|found| self.layer_names(found, &reader));
        reader.is_system = false;
        user.iter().for_each(|found| self.layer_names(found, &reader));
        let field = agent.spec.field.clone();
        Some(Prompt {
            system: system.into_iter().map(|found| found.layer).collect(),
            user: user.into_iter().map(|found| found.layer).collect(),
            sight,
            under: field.clone().filter(|_| agent.spec.output.is_some()).unwrap_or_default(),
            field: field.unwrap_or_else(|| FIELD.to_owned()),
            answer: answer?,
        })
    }

    /// Returns the layers that are written, in order; `None` where one cannot be compiled.
    fn layers<const N: usize>(
        &mut self,
        written: [(&'static str, &Option<String>, String); N],
    ) -> Option<Vec<Found>> {
        let mut layers = Vec::new();
        let mut is_whole = true;
        for (name, text, at) in written {
            let Some(text) = text else { continue };
            match self.layer(name, text, &at) {
                Some(layer) => layers.push(Found { layer, at }),
                None => is_whole = false,
            }
        }
        is_whole.then_some(layers)
    }

    /// Returns a compiled layer.
    fn layer(&mut self, name: &'static str, written: &str, at: &str) -> Option<Layer> {
        let path = is_path(written).then(|| written.to_owned());
        let text = match &path {
            Some(file) => self.prompt_text(file, at)?,
            None => written.to_owned(),
        };
        match Template::compile("", &text) {
            Ok(template) => {
                let place = path.clone().unwrap_or_else(|| at.to_owned());
                Some(Layer { name, path, template, digest: Digest::of_content(text.as_bytes()), place })
            }
            Err(error) => {
                self.broken_prompt(path.as_deref(), at, &error);
                None
            }
        }
    }

    fn broken_prompt(&mut self, file: Option<&str>, at: &str, error: &TemplateError) {
        let place = file.map(|file| Place {
            file: file.to_owned(),
            line: error.line.max(1),
            column: error.column.max(1),
            length: 1,
        });
        let message = if place.is_some() { error.message.clone() } else { located(error) };
        self.problems.add_at(Code::TemplateSyntax, at, message, None, place);
    }

    /// Returns the text of a prompt file with plain line ends and without a byte order mark.
    fn prompt_text(&mut self, file: &str, at: &str) -> Option<String> {
        let contents = self.project_file(file, at)?;
        let Ok(text) = std::str::from_utf8(contents) else {
            self.problems.add(Code::PromptText, at, format!("`{file}` is not UTF-8"));
            return None;
        };
        Some(text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n"))
    }

    /// Says how the prompt sees units: by what it reads, and one at a time where it reads neither.
    fn sight(&mut self, user: &[Found]) -> Sight {
        let reader = |root: &str| {
            user.iter().find(|found| found.layer.template.variables().iter().any(|v| root_of(v) == root))
        };
        match (reader("unit"), reader("units")) {
            (Some(_), Some(found)) => {
                let place = place(&found.layer, "units");
                let message = "the prompt reads both `unit` and `units`";
                self.problems.add_at(Code::PromptBoth, &*found.at, message, None, place);
                Sight::Each
            }
            (None, Some(_)) => Sight::All,
            _ => Sight::Each,
        }
    }
}

/// Returns the place where a layer reads something, where it is a file.
fn place(layer: &Layer, path: &str) -> Option<Place> {
    let file = layer.path.clone()?;
    let (line, column, length) = layer.template.place_of(path).unwrap_or((1, 1, 1));
    Some(Place { file, line, column, length })
}

fn root_of(variable: &str) -> &str {
    variable.split('.').next().unwrap_or(variable)
}
