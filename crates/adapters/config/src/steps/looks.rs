//! `file_exists(PATH)` in the texts of a step: somebody looks for the file before the step is done, so that it is among what the step
//! was made from.

use std::borrow::Cow;

use refrain_core::check::code::Code;
use refrain_core::ports::tool_catalogue;
use refrain_schemas::agent_spec::ToolAction;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::RecoverSpec;
use refrain_schemas::phase_spec::PhaseSpec;
use serde_json::{Map, Value, json};

use super::Lowering;
use super::body::Draft;
use super::code::{Word, arguments, bound, operand, words};
use super::loop_words::{Written, quoted};
use super::made::{By, Made};
use super::reading::{Item, OwnItem};
use super::texts::{Read, Texts};

/// What templates call it.
pub(super) const FUNCTION: &str = "file_exists";
/// What they read instead, with a number. It is another name, so that a call which is no look is still told of.
const NAME: &str = "file_exists_";
/// The most files that one step asks about.
const MOST: usize = 100;
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

/// Writes `PATH | file_exists` as a call.
pub(super) fn called(text: &str, is_bare: bool) -> Cow<'_, str> {
    if !text.contains(FUNCTION) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for word in words(text, is_bare) {
        let pipe = text[..word.range.start].trim_end().strip_suffix('|').map(str::len);
        let Some(pipe) = pipe.filter(|_| &text[word.range.clone()] == FUNCTION) else { continue };
        let start = operand(text, pipe);
        if start >= pipe || start < done {
            continue;
        }
        out.push_str(&text[done..start]);
        out.push_str(&format!("{FUNCTION}({})", text[start..pipe].trim()));
        done = word.range.end;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

impl Texts<'_, '_, '_> {
    /// Has the file looked for that a call names which ends in the text; returns what to write instead of it, and where it ends.
    pub(super) fn look(&mut self, item: &Item<'_>, text: &str, at: usize) -> Option<Written> {
        let own = self.own.clone()?;
        let (found, end) = arguments(text, at)?;
        let path = *found.first().filter(|path| found.len() == 1 && !path.is_empty())?;
        let looks = self.read.looks.as_ref()?;
        let bound = bound(text, true);
        let is_own = |word: &Word| bound.is_own(&path[word.range.clone()], at);
        if let Some(word) = words(path, true).into_iter().find(is_own) {
            let name = &path[word.range];
            let message = format!("a file is looked for before the step, where there is no `{name}` yet");
            let hint = Some("make its path of steps and inputs, or look in a step of its own: `tool: filesystem`, `action: exists`".to_owned());
            self.reading.at(Code::StepRefused, item, message, hint);
            return Some(None);
        }
        if let Some(known) = looks.iter().find(|look| look.path == path) {
            return Some(Some((known.name.clone(), end)));
        }
        let n = looks.len() + 1;
        if n > MOST {
            let hint =
                Some("list a folder in a step of its own: `tool: filesystem`, `action: list`".to_owned());
            let message = format!("a step asks about {MOST} files at most");
            self.reading.at(Code::StepRefused, item, message, hint);
            return Some(None);
        }
        let phase: PhaseName = format!("{own}-look-{n}").parse().ok()?;
        let native = format!("phases.{phase}.step.result.exists");
        let name = self.names.own(&mut self.read, &format!("{NAME}{n}"), native);
        self.read.phases.insert(phase.clone());
        let look = Look { name: name.clone(), path: path.to_owned(), phase, item: OwnItem::of(item) };
        self.read.looks.get_or_insert_default().push(look);
        Some(Some((name, end)))
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
        let written = tool_catalogue::Written { literals, ..Default::default() };
        for complaint in tools.judge(TOOL.0, TOOL.1, &written) {
            self.reading.at(Code::StepOutside, item, complaint.message, None);
        }
    }
}
