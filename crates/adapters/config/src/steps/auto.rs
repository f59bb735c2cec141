//! Values that are left to a model: `<AUTO>what is wanted</AUTO>`.
//!
//! They are found before anything else is read, and what the model said is put in their places as data: marks of templates in it
//! are written so that they come out as they are. Where nobody has said anything yet, something stands in that has the right type.

mod data;
mod tags;
mod wanted;

use std::collections::BTreeMap;

use refrain_core::check::code::Code;
use refrain_core::check::problem;
use refrain_core::ports::tool_catalogue::ToolCatalogue;
use refrain_schemas::problem::Problem;
use refrain_schemas::steps::Auto;
use serde_json::{Value, json};

use super::code::open_quote;
use super::other;
use crate::node::{Kind, Node};
use crate::source::Source;
use data::{as_data, as_literal, as_node};
use tags::{Flaw, Piece, pieces};
use wanted::Wanted;

/// Keys that say something to people alone, at the top of a file.
const INERT: [&str; 10] = [
    "id",
    "name",
    "description",
    "version",
    "metadata",
    "author",
    "tags",
    "orchestrator",
    "intention",
    "architecture",
];
/// Those of a step.
const INERT_OF_STEPS: [&str; 5] = ["id", "name", "description", "metadata", "output_description"];
/// What is not known before the run is under way: it is asked for then.
const AT_RUN_TIME: [&str; 2] = ["goto", "for_each"];
/// The list of a queue is not, either.
const OF_A_QUEUE: &str = ".create_parallel_queue.on";
/// What is said of a queue.
const IN_A_QUEUE: &str = ".create_parallel_queue.";
/// The action that takes whatever a step gives, where it cannot be said which one is meant.
const ANY_ACTION: &str = "control_flow";
/// What is read as a formula where it has no braces.
const CONDITIONS: [&str; 5] = ["condition", "if", "while", "until", "while_condition"];

/// The parameter that another pipeline may be written in.
const PIPELINE: &str = "pipeline";

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Autos {
    pub(crate) autos: Vec<Auto>,
    pub(crate) problems: Vec<Problem>,
}

/// Puts what a model said, or something that stands in, in the places of all tags.
pub(crate) fn fill(
    tree: &mut Node,
    source: &Source<'_>,
    tools: Option<&dyn ToolCatalogue>,
    answers: &BTreeMap<String, Value>,
) -> Autos {
    let has_model = tree.get("orchestrator").is_some();
    fill_within(tree, source, tools, answers, (has_model, ""))
}

/// Does so in a pipeline that another one carries out, whose orchestrator is asked; `prefix` tells places of it from those of the
/// other.
pub(super) fn fill_within(
    tree: &mut Node,
    source: &Source<'_>,
    tools: Option<&dyn ToolCatalogue>,
    answers: &BTreeMap<String, Value>,
    (has_model, prefix): (bool, &str),
) -> Autos {
    // Most files leave nothing to a model.
    if !may_have(tree) {
        return Autos::default();
    }
    open(tree, source);
    let whole = tree.clone();
    let wanted = Wanted { file: &whole, tools };
    let mut work = Work { source, wanted, answers, has_model, prefix, found: Autos::default() };
    if let Kind::Map(entries) = &mut tree.kind {
        for entry in entries.iter_mut().filter(|entry| !INERT.contains(&entry.key.as_str())) {
            work.node(&mut entry.value, &Place::root(&entry.key));
        }
    }
    work.found
}

/// Reads pipelines that stand in texts of their own: what a model says is data in them as well, and no part of their YAML.
fn open(node: &mut Node, source: &Source<'_>) {
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(|item| open(item, source)),
        Kind::Map(entries) => {
            for entry in entries {
                if let Kind::Text(text) = &entry.value.kind
                    && entry.key == PIPELINE
                    && text.contains("<AUTO")
                    && other::is_written_out(text)
                    && let Ok(tree) = other::read_text(source.file.clone(), text, entry.value.span)
                {
                    entry.value = tree;
                }
                open(&mut entry.value, source);
            }
        }
        _ => {}
    }
}

fn may_have(node: &Node) -> bool {
    match &node.kind {
        Kind::Text(text) => tags::may_have(text),
        Kind::List(items) => items.iter().any(may_have),
        Kind::Map(entries) => entries.iter().any(|entry| may_have(&entry.value)),
        _ => false,
    }
}

/// Returns what is wanted, where a text is one tag and nothing else.
pub(super) fn only_task(text: &str) -> Option<String> {
    match pieces(text).ok()?.as_slice() {
        [Piece::Tag { task }] => Some(task.clone()),
        _ => None,
    }
}

/// Where a value stands.
#[derive(Debug, Clone)]
struct Place {
    path: String,
    /// The path of the step that it belongs to.
    step: Option<String>,
}

impl Place {
    fn root(key: &str) -> Self {
        Self { path: key.to_owned(), step: None }
    }

    fn item(&self, n: usize) -> Self {
        let path = format!("{}[{n}]", self.path);
        let is_list_of_steps =
            self.path == "steps" || [".steps", ".action_loop"].iter().any(|list| self.path.ends_with(list));
        let step = if is_list_of_steps { Some(path.clone()) } else { self.step.clone() };
        Self { path, step }
    }

    fn field(&self, key: &str) -> Self {
        Self { path: format!("{}.{key}", self.path), step: self.step.clone() }
    }

    /// The key of the step that the value lies under.
    fn key(&self) -> Option<&str> {
        let rest = self.path.strip_prefix(self.step.as_ref()?)?.strip_prefix('.')?;
        rest.split(['.', '[']).next()
    }

    /// The key that the value stands behind, for people.
    fn last(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }

    fn is_inert(&self) -> bool {
        let is_own = self.step.as_ref().is_some_and(|step| self.path.len() > step.len());
        is_own && self.key().is_some_and(|key| INERT_OF_STEPS.contains(&key))
    }
}

struct Work<'w> {
    source: &'w Source<'w>,
    wanted: Wanted<'w>,
    answers: &'w BTreeMap<String, Value>,
    has_model: bool,
    prefix: &'w str,
    found: Autos,
}

impl Work<'_> {
    fn node(&mut self, node: &mut Node, place: &Place) {
        if place.is_inert() {
            return;
        }
        match &mut node.kind {
            Kind::Text(text) if tags::may_have(text) => {
                let text = text.clone();
                self.text(node, &text, place);
            }
            Kind::List(items) => {
                for (n, item) in items.iter_mut().enumerate() {
                    self.node(item, &place.item(n));
                }
            }
            Kind::Map(entries) => {
                for entry in entries {
                    self.node(&mut entry.value, &place.field(&entry.key));
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, node: &mut Node, text: &str, place: &Place) {
        let key = place.key().unwrap_or_default();
        // A pipeline that cannot be read is told of where it is carried out.
        let is_unread = place.last() == PIPELINE && other::is_written_out(text);
        if is_unread {
            return;
        }
        let is_whole = place.path.ends_with(&format!(".{key}"));
        let is_asked_later = is_whole && AT_RUN_TIME.contains(&key) || place.path.ends_with(OF_A_QUEUE);
        let pieces = match pieces(text) {
            Err(flaw @ Flaw::Small(_)) if key != "goto" => {
                return self.problem(node, place, &flaw.message(), flaw.hint());
            }
            _ if is_asked_later => return,
            Err(flaw) => return self.problem(node, place, &flaw.message(), flaw.hint()),
            Ok(pieces) => pieces,
        };
        if !self.has_model {
            let message = format!("`{}` is left to a model, and there is none", place.last());
            self.problem(node, place, &message, Code::StepAuto.hint());
            let schema = self.wanted.at(&place.path, place.step.as_deref()).filter(|_| pieces.len() == 1);
            *node = match schema {
                None if key == "action" => as_node(&json!(ANY_ACTION), node.span),
                schema => as_node(&wanted::stand_in(&schema.unwrap_or_default()), node.span),
            };
            return;
        }
        match pieces.as_slice() {
            [Piece::Tag { task }] => {
                let Some(schema) = self.wanted.at(&place.path, place.step.as_deref()) else {
                    return self.refuse(node, key, place);
                };
                let value = self.value(place.path.clone(), task, text, schema, place);
                *node = as_node(&value, node.span);
            }
            pieces => self.parts(node, text, pieces, key, place),
        }
    }

    /// Tells of a value that cannot be left to a model.
    fn refuse(&mut self, node: &mut Node, key: &str, place: &Place) {
        if key == "action" {
            let message = "no action takes what the step gives, so that none can be chosen";
            self.problem(node, place, message, "name the action, or a `tool` with several");
        } else {
            let message = format!("`{}` cannot be left to a model", place.last());
            self.problem(node, place, &message, "write the value");
        }
    }

    /// Fills tags within a text in: each is a text, and within a formula or `{{ … }}` a value that is written out.
    fn parts(&mut self, node: &mut Node, text: &str, pieces: &[Piece<'_>], key: &str, place: &Place) {
        let mut out = String::new();
        let is_formula = CONDITIONS.contains(&key)
            || place.path.contains(IN_A_QUEUE) && CONDITIONS.contains(&place.last());
        for (n, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Tag { task } => {
                    let path = format!("{}#{n}", place.path);
                    if let Some(quote) = open_quote(&out, is_formula) {
                        let schema = json!({ "type": ["number", "string", "boolean"] });
                        let value = self.value(path, task, text, schema, place);
                        out.push_str(&as_literal(&value, quote));
                        continue;
                    }
                    let schema = json!({ "type": "string" });
                    let value = self.value(path, task, text, schema, place);
                    out.push_str(&as_data(value.as_str().unwrap_or_default()));
                }
            }
        }
        node.kind = Kind::Text(out);
    }

    fn value(&mut self, path: String, task: &str, text: &str, schema: Value, place: &Place) -> Value {
        let path = format!("{}{path}", self.prefix);
        let answer = self.answers.get(&path).cloned();
        let value = answer.clone().unwrap_or_else(|| wanted::stand_in(&schema));
        let about = self.wanted.about(place.step.as_deref(), place.key());
        let auto = Auto { path, task: task.to_owned(), text: text.to_owned(), about, schema, answer };
        self.found.autos.push(auto);
        value
    }

    fn problem(&mut self, node: &mut Node, place: &Place, message: &str, hint: &str) {
        let found = problem(Code::StepAuto, &place.path, message);
        let at = Some(self.source.place(node.span));
        self.found.problems.push(Problem { place: at, hint: Some(hint.to_owned()), ..found });
        // Told once is enough.
        *node = as_node(&wanted::stand_in(&Value::Null), node.span);
        if place.key() == Some("action") {
            // It takes whatever the step gives.
            node.kind = Kind::Text(ANY_ACTION.to_owned());
        }
    }
}
