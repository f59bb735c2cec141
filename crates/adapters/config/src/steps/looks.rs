//! `file_exists(PATH)` in the texts of a step: somebody looks for the file before the step is done, so that it is among what the step
//! was made from.

use refrain_core::check::code::Code;
use refrain_schemas::agent_spec::ToolAction;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::RecoverSpec;
use refrain_schemas::phase_spec::PhaseSpec;
use serde_json::{Map, Value, json};

use super::Lowering;
use super::body::Draft;
use super::code::arguments;
use super::loop_words::quoted;
use super::made::{By, Made};
use super::reading::{Item, OwnItem};
use super::texts::{Read, Texts};

/// What templates call it.
pub(super) const FUNCTION: &str = "file_exists";
/// What they read instead. It is another name, so that a call which is no look is still told of.
const NAME: &str = "file_exists_";
/// Who looks.
const TOOL: (&str, &str) = ("filesystem", "exists");

/// A file that is looked for.
#[derive(Debug)]
pub(super) struct Look {
    /// What stands in the text instead.
    pub(super) name: String,
    /// Where it is, as a part of a template.
    path: String,
    phase: PhaseName,
    /// The text that asks.
    item: OwnItem,
}

impl Texts<'_, '_, '_> {
    /// Has the file looked for that a call names which ends in the text; returns what to write instead of it, and where it ends.
    pub(super) fn look(&mut self, item: &Item<'_>, text: &str, at: usize) -> Option<(String, usize)> {
        let own = self.own.clone()?;
        let (found, end) = arguments(text, at)?;
        let path = found.first().filter(|path| found.len() == 1 && !path.is_empty())?;
        let mut looks = self.read.looks.take()?;
        let name = match looks.iter().find(|look| look.path == *path) {
            Some(look) => Some(look.name.clone()),
            None => format!("{own}-look-{}", looks.len() + 1).parse::<PhaseName>().ok().map(|phase| {
                let name = self.names.own(&mut self.read, NAME, format!("phases.{phase}.step.result.exists"));
                self.read.phases.insert(phase.clone());
                let (path, item) = ((*path).to_owned(), OwnItem::of(item));
                looks.push(Look { name: name.clone(), path, phase, item });
                name
            }),
        };
        self.read.looks = Some(looks);
        Some((name?, end))
    }
}

impl Lowering<'_, '_> {
    /// Adds the phase that looks for a file which a text of a step asks about.
    pub(super) fn look_for(
        &mut self,
        look: Look,
        draft: &Draft<'_>,
        within: Option<PhaseName>,
        dependencies: &[String],
    ) {
        let item = look.item.item();
        let Some(phase) = self.made_name(look.phase.as_str(), &item) else { return };
        if let Some(path) = quoted(&look.path) {
            self.is_within(&item, path);
        }
        let mut texts = self.texts(Some(draft.phase.clone()), Read::default());
        let path = texts.template(&item, &format!("{{{{ {} }}}}", look.path));
        let Read { names, phases, .. } = texts.read;
        // Of a path that is made from what is not there nothing is said: the text may not ask about it then.
        let unknown = RecoverSpec {
            kinds: vec!["input".to_owned()],
            value: Some(Value::Object(Map::new())),
            ..RecoverSpec::default()
        };
        let spec = PhaseSpec {
            after: phases.into_iter().collect(),
            prepares: Some(draft.phase.clone()),
            names,
            within,
            input: Some(json!({ "path": path })),
            recover: vec![unknown],
            ..PhaseSpec::default()
        };
        let tool = ToolAction { name: TOOL.0.to_owned(), action: Some(TOOL.1.to_owned()) };
        let dependencies = dependencies.to_vec();
        self.make(Made { phase, by: By::Tool(tool), dependencies, spec }, &item);
    }

    /// Refuses a path that is written out and leads out of the project.
    fn is_within(&mut self, item: &Item<'_>, path: &str) {
        let Some(tools) = self.tools else { return };
        let literals = Map::from_iter([("path".to_owned(), Value::from(path))]);
        for complaint in tools.judge(TOOL.0, TOOL.1, &literals) {
            self.reading.at(Code::StepOutside, item, complaint.message, None);
        }
    }
}
