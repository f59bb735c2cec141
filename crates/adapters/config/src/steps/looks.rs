//! `file_exists(PATH)` in the texts of a step: somebody looks for the file before the step is done, so that it is among what the step
//! was made from.

use refrain_schemas::agent_spec::ToolAction;
use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::PhaseSpec;
use serde_json::json;

use super::Lowering;
use super::body::Draft;
use super::code::arguments;
use super::made::{By, Made};
use super::texts::{Read, Texts};

/// What templates call it.
pub(super) const FUNCTION: &str = "file_exists";
/// What they read instead. It is another name, so that a call which is no look is still told of.
const NAME: &str = "is_there";

/// A file that is looked for.
#[derive(Debug)]
pub(super) struct Look {
    /// What stands in the text instead.
    pub(super) name: String,
    /// Where it is, as a template.
    path: String,
    phase: PhaseName,
}

impl Texts<'_, '_, '_> {
    /// Has the file looked for that a call names which ends in the text; returns what to write instead of it, and where it ends.
    pub(super) fn look(&mut self, text: &str, at: usize) -> Option<(String, usize)> {
        let own = self.own.clone()?;
        let (found, end) = arguments(text, at)?;
        let path = found.first().filter(|path| found.len() == 1 && !path.is_empty())?;
        let path = format!("{{{{ {path} }}}}");
        let mut looks = self.read.looks.take()?;
        let name = match looks.iter().find(|look| look.path == path) {
            Some(look) => Some(look.name.clone()),
            None => format!("{own}-look-{}", looks.len() + 1).parse::<PhaseName>().ok().map(|phase| {
                let name = self.names.own(&mut self.read, NAME, format!("phases.{phase}.step.result.exists"));
                self.read.phases.insert(phase.clone());
                looks.push(Look { name: name.clone(), path, phase });
                name
            }),
        };
        self.read.looks = Some(looks);
        Some((name?, end))
    }
}

impl Lowering<'_, '_> {
    /// Adds the phase that looks for a file which a text of a step asks about. It comes after what the step itself is to come after.
    pub(super) fn look_for(
        &mut self,
        look: Look,
        draft: &Draft<'_>,
        step: &PhaseSpec,
        dependencies: &[String],
    ) {
        let Some(phase) = self.made_name(look.phase.as_str(), &draft.item) else { return };
        let mut texts = self.texts(Some(draft.phase.clone()), Read::default());
        let path = texts.template(&draft.item, &look.path);
        let Read { names, phases, .. } = texts.read;
        let mut after = step.after.clone();
        after.extend(phases.into_iter().filter(|phase| !step.after.contains(phase)));
        let within = step.within.clone();
        let spec =
            PhaseSpec { after, names, within, input: Some(json!({ "path": path })), ..PhaseSpec::default() };
        let tool = ToolAction { name: "filesystem".to_owned(), action: Some("exists".to_owned()) };
        let dependencies = dependencies.to_vec();
        self.make(Made { phase, by: By::Tool(tool), dependencies, spec }, &draft.item);
    }
}
