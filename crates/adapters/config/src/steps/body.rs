//! A list of steps: who is in it, before each of them is read.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_schemas::name::{AgentName, PhaseName};
use refrain_schemas::steps::StepKind;

use super::Lowering;
use super::answers::{self, Answer};
use super::budget::Spent;
use super::loops::name_of_loop;
use super::names::{Frame, Known, Round, Turn};
use super::reading::{Fields, Item, OwnItem, short};
use super::texts::stands_in;
use super::tools::{self, Act, ToolAct};
use crate::node::Kind;

/// Ids that mean something else where a step is named.
const RESERVED: [&str; 16] = [
    "fail",
    "continue",
    "skip",
    "retry",
    "item",
    "index",
    "iteration",
    "queue",
    "execution",
    "inputs",
    "parameters",
    "steps",
    "loop",
    "phases",
    "params",
    "scope",
];
/// Words that YAML 1.1 reads as booleans.
const BOOLEANS: [&str; 4] = ["yes", "no", "on", "off"];

/// The loop that a list of steps is the body of.
#[derive(Debug, Clone)]
pub(super) struct Around {
    pub(super) phase: PhaseName,
    pub(super) turn: Turn,
    /// Whether each step comes after the one before it.
    pub(super) is_chain: bool,
}

/// A step that is going to be read.
pub(super) struct Draft<'n> {
    pub(super) id: String,
    pub(super) phase: PhaseName,
    pub(super) fields: Fields<'n>,
    pub(super) item: Item<'n>,
    pub(super) kind: DraftKind,
    /// What its model is to answer with, where that is no text.
    pub(super) answer: Option<Answer>,
}

/// What a step is, as far as its keys tell.
#[derive(Debug, Clone)]
pub(super) enum DraftKind {
    Tool(Box<ToolAct>),
    Model,
    Pipeline,
    Agent(AgentName, Option<serde_json::Value>),
    Loop,
    /// It was reported.
    Unknown,
}

impl Lowering<'_, '_> {
    /// Reads a list of steps.
    pub(super) fn body(&mut self, items: &[Item<'_>], around: Option<&Around>) {
        let mut drafts: Vec<Draft<'_>> = Vec::new();
        for (n, item) in items.iter().enumerate() {
            let n_handlers = self.handlers.len();
            if !self.has_room(Spent::Phases, 1, item) || !self.has_room(Spent::Handlers, n_handlers, item) {
                drafts.clear();
                break;
            }
            match self.draft(n, item, around) {
                Some(draft) => drafts.push(draft),
                // Nothing is known of a step without a name, and any other may mean it.
                None => drop(self.broken.sections.insert("phases".to_owned())),
            }
        }
        let mut steps: IndexMap<String, Known> = IndexMap::new();
        let mut variables: IndexMap<String, Option<PhaseName>> = IndexMap::new();
        let mut kept: Vec<Draft<'_>> = Vec::new();
        for draft in drafts {
            if !self.claim(&draft.phase) {
                let id = draft.fields.get("id").unwrap_or_else(|| draft.item.clone());
                self.reading.at(Code::StepTwice, &id, format!("there are two steps `{}`", draft.id), None);
                continue;
            }
            let gives = match &draft.kind {
                DraftKind::Tool(act) => Some(act.gives.clone()),
                DraftKind::Model => Some(answers::gives(draft.answer.as_ref())),
                _ => None,
            };
            for name in draft.answer.iter().flat_map(|answer| &answer.variables) {
                // Of several with one name, none is meant.
                let own = (!variables.contains_key(name)).then(|| draft.phase.clone());
                variables.insert(name.clone(), own);
            }
            let is_loop = matches!(draft.kind, DraftKind::Loop);
            let loop_name = draft.fields.get("loop_name").filter(|_| is_loop);
            let loop_name = loop_name.and_then(|item| name_of_loop(item.text()?).map(str::to_owned));
            let is_each = draft.fields.get("for_each").is_some();
            let phase = draft.phase.clone();
            let known = Known { phase, gives, loop_name, is_each, is_loop, has_stand_in: false };
            steps.insert(draft.id.clone(), known);
            kept.push(draft);
        }
        for draft in &kept {
            let stand_ins = self.stand_ins(&draft.fields, &steps);
            let Some(step) = steps.get_mut(&draft.id) else { continue };
            step.has_stand_in = !stand_ins.is_empty();
            if let Some(gives) = &mut step.gives {
                stand_ins.iter().for_each(|value| stands_in(gives, value));
            }
        }
        if kept.is_empty() && !items.is_empty() {
            // Each of them is wrong in itself, and told of.
            self.broken.sections.insert("phases".to_owned());
        }
        self.note_handlers(&kept, &steps);
        self.names.frames.push(Frame { steps, turn: around.map(|around| around.turn.clone()), variables });
        let mut before: Option<PhaseName> = None;
        for draft in &kept {
            let first = before.take().filter(|_| around.is_some_and(|around| around.is_chain));
            self.step(draft, around, first);
            before = Some(draft.phase.clone());
        }
        // Outputs see the steps of the file itself.
        if around.is_some_and(|around| around.turn.round != Round::Once) {
            self.names.frames.pop();
        }
    }

    fn draft<'n>(&mut self, n: usize, item: &Item<'n>, around: Option<&Around>) -> Option<Draft<'n>> {
        let fields = self.reading.fields(item)?;
        let id = self.step_id(n, item, &fields, around)?;
        let name = around.map_or_else(|| id.clone(), |around| format!("{}_{id}", around.phase));
        let Ok(phase) = name.parse::<PhaseName>() else {
            let place = fields.get("id").unwrap_or_else(|| item.clone());
            self.reading.at(
                Code::BadName,
                &place,
                format!("`{}` cannot be the name of a step", short(&name)),
                None,
            );
            return None;
        };
        let is_first = around.is_none_or(|around| around.turn.round == Round::Once);
        if let Some(place) = fields.get("id").filter(|_| is_first)
            && self.names.inputs.contains(&id)
        {
            let message = format!("`{id}` is both a step and an input");
            self.reading.at(Code::StepTwo, &place, message, Some("rename one of the two".to_owned()));
        }
        if let Some(place) = fields.get("id").filter(|_| is_first && turns_in(&id).next().is_some()) {
            let within = around.map(|around| around.phase.clone());
            self.like_turns.push((within, id.clone(), OwnItem::of(&place)));
        }
        let kind = self.kind(&fields);
        let answer = matches!(kind, DraftKind::Model).then(|| self.answer(&fields)).flatten();
        Some(Draft { id, phase, fields, item: item.clone(), kind, answer })
    }

    /// A step that goes by the name of one in a turn would stand for that in the result.
    pub(super) fn named_like_turns(&mut self) {
        let like_turns = std::mem::take(&mut self.like_turns);
        let entries = if like_turns.is_empty() { &[][..] } else { &self.entries[..] };
        let loops = entries.iter().filter(|entry| has_turns(entry.kind));
        let loops: HashMap<_, _> = loops.map(|entry| ((&entry.within, entry.id.as_str()), entry)).collect();
        let inner: HashSet<_> =
            entries.iter().map(|entry| (entry.within.as_ref(), entry.id.as_str())).collect();
        for (within, id, item) in like_turns {
            let around = turns_in(&id).find(|(around, tail)| {
                let Some(around) = loops.get(&(&within, *around)) else { return false };
                inner.contains(&(Some(&around.phase), *tail))
                    || around.kind == StepKind::While && *tail == "result"
            });
            if let Some((around, _)) = around {
                let message = format!("`{id}` is what a step in a turn of `{around}` is called");
                self.reading.at(Code::StepTwo, &item.item(), message, Some("rename it".to_owned()));
            }
        }
    }

    fn step_id(
        &mut self,
        n: usize,
        item: &Item<'_>,
        fields: &Fields<'_>,
        around: Option<&Around>,
    ) -> Option<String> {
        let Some(place) = fields.get("id").or_else(|| fields.get("name")) else {
            if around.is_some_and(|around| around.is_chain) {
                return Some(format!("action{}", n + 1));
            }
            let hint = Some("add `id:`".to_owned());
            self.reading.report(
                Code::MissingField,
                &item.path,
                first_key(fields),
                "a step has no `id`",
                hint,
            );
            return None;
        };
        let written = self.reading.written(place.node.span);
        let is_boolean = matches!(place.node.kind, Kind::Bool(_))
            || BOOLEANS.contains(&written.trim().to_lowercase().as_str());
        if is_boolean {
            let message = format!("the `{}` {} is a boolean to other readers", place.name(), written.trim());
            let hint =
                Some(format!("quote it: `{}: \"{}\"`, or choose another", place.name(), written.trim()));
            self.reading.at(Code::StepBoolean, &place, message, hint);
            return None;
        }
        let id = self.reading.text(&place)?;
        if RESERVED.contains(&id) {
            let message = format!("`{id}` means something else where a step is named");
            self.reading.at(Code::StepReserved, &place, message, None);
            return None;
        }
        if id.parse::<PhaseName>().is_err() {
            let hint = fields.get("id").is_none().then(|| "add `id:`".to_owned());
            self.reading.at(
                Code::BadName,
                &place,
                format!("`{}` cannot be the id of a step", short(id)),
                hint,
            );
            return None;
        }
        Some(id.to_owned())
    }

    fn kind(&mut self, fields: &Fields<'_>) -> DraftKind {
        if super::loops::is_loop(fields) {
            return DraftKind::Loop;
        }
        let has = |key: &str| fields.get(key).is_some();
        if has("prompt") && !has("tool") && !has("action") {
            return DraftKind::Model;
        }
        if !has("tool") && !has("action") {
            let hint = Some("add `tool:` and `action:`".to_owned());
            let message = "a step says neither `tool` nor `action`";
            self.reading.report(Code::MissingField, &fields.path, first_key(fields), message, hint);
            return DraftKind::Unknown;
        }
        let act = match self.tools {
            Some(tools) => tools::act(&mut self.reading, fields, tools, &self.pipeline.agents),
            None => tools::untold(fields),
        };
        match act {
            Some(Act::Tool(act)) => DraftKind::Tool(act),
            Some(Act::Model) => DraftKind::Model,
            Some(Act::Pipeline) => DraftKind::Pipeline,
            Some(Act::Agent(agent, accepts)) => DraftKind::Agent(agent, accepts),
            None => DraftKind::Unknown,
        }
    }
}

/// A step is a long thing; its first key stands for it.
fn first_key(fields: &Fields<'_>) -> crate::node::Span {
    fields.entries.first().map_or(fields.span, |entry| entry.key_span)
}

/// Returns each way to read a name as that of a step in a turn: the loop, and the step.
fn turns_in(id: &str) -> impl Iterator<Item = (&str, &str)> {
    id.match_indices('_').filter_map(|(at, _)| {
        let (turn, tail) = id[at + 1..].split_once('_')?;
        let is_number = !turn.is_empty() && turn.bytes().all(|digit| digit.is_ascii_digit());
        is_number.then_some((&id[..at], tail))
    })
}

const fn has_turns(kind: StepKind) -> bool {
    matches!(kind, StepKind::Each(_) | StepKind::While)
}
