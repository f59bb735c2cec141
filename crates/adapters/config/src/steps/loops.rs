//! Steps that go round: over a list, while a condition holds, over a queue, or over actions.

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_core::formula::Formula;
use refrain_schemas::agent_spec::RetrySpec;
use refrain_schemas::loop_spec::LoopSpec;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::{OnFailure, Policy};
use refrain_schemas::steps::{StepEntry, StepKind};
use serde_json::{Map, Value};

use super::Lowering;
use super::body::{Around, Draft};
use super::left::is_left;
use super::names::{Frame, Known, Round, Turn};
use super::queue::{IN_QUEUE, tell_why_it_ended};
use super::reading::{Fields, Item, OwnItem};
use super::step::{COMMON, REFUSED, Start};
use crate::node::Kind;

pub(super) const CONSTRUCTS: [&str; 5] =
    ["for_each", "create_parallel_queue", "action_loop", "while", "until"];
const OWN: [&str; 3] = ["for_each", "while", "until"];
/// What `for_each`, `while` and `until` may have beside them, and nothing else does.
pub(super) const SETTINGS: [&str; 8] = [
    "max_iterations",
    "max_parallel",
    "loop_name",
    "loop_var",
    "add_completion_task",
    "break_on_error",
    "iteration_timeout",
    "steps",
];
/// Settings that the loop of the pipeline has by other names.
const PLACES: [(&str, &str); 4] = [
    ("max_iterations", "max"),
    ("max_parallel", "max_parallel"),
    ("iteration_timeout", "turn_timeout"),
    ("break_on_error", "break_on_error"),
];
const SINGLE: [&str; 3] = ["tool", "action", "parameters"];
const QUEUE: [&str; 2] = ["action", "create_parallel_queue"];
const ACTIONS: [&str; 7] = [
    "action",
    "action_loop",
    "until",
    "while_condition",
    "max_iterations",
    "break_on_error",
    "iteration_timeout",
];
/// How often actions go round that do not say it.
const ACTION_TURNS: u32 = 100;
const WHILE_TURNS: u32 = 10;

/// Whether a step goes round.
pub(super) fn is_loop(fields: &Fields<'_>) -> bool {
    CONSTRUCTS.iter().any(|key| fields.get(key).is_some())
}

impl Lowering<'_, '_> {
    /// Reads a step that goes round, and its body.
    pub(super) fn round(
        &mut self,
        draft: &Draft<'_>,
        around: Option<&Around>,
        first: Option<PhaseName>,
        before: usize,
    ) {
        let has = |key: &str| draft.fields.get(key).is_some();
        let round = match () {
            () if has("create_parallel_queue") => Round::Queue,
            () if has("action_loop") => Round::Actions,
            () if has("for_each") => Round::Each,
            () => Round::While,
        };
        self.one_construct(draft, round);
        let (keys, settings): (&[&str], &[&str]) = match round {
            Round::Queue => (&QUEUE, &[]),
            Round::Actions => (&ACTIONS, &[]),
            Round::Each | Round::While | Round::Once => (&OWN, &SETTINGS),
        };
        let single: &[&str] = if has("steps") { &[] } else { &SINGLE };
        let known: Vec<&str> = COMMON
            .iter()
            .chain(keys)
            .chain(settings)
            .chain(single)
            .chain(&["output_schema"])
            .copied()
            .collect();
        self.reading.known(&draft.fields, "a loop", &known, &REFUSED);
        let mut start = self.start(draft, around, first);
        let tries = self.tries_of_turns(draft, &mut start);
        let queue = draft.fields.get("create_parallel_queue").filter(|_| round == Round::Queue);
        let queue = queue.and_then(|item| self.reading.fields(&item));
        if let Some(fields) = &queue {
            self.reading.known(fields, "a queue", &IN_QUEUE, &[]);
        }
        let turn = Turn {
            phase: draft.phase.clone(),
            round,
            name: self.loop_name(draft),
            item: self.loop_text(draft, "loop_var"),
            is_own: false,
        };
        let (turns, is_static) = self.turns(draft, around, queue.as_ref(), &turn, &mut start);
        start.spec.turns = Some(turns);
        if round == Round::Actions {
            tell_why_it_ended(&draft.phase, &self.names, &mut start);
        }
        self.held_result(draft, None, &mut start);
        if let Some(item) = CONSTRUCTS.iter().find_map(|key| draft.fields.get(key)) {
            self.place(format!("phases.{}.loop", draft.phase), &item);
        }
        let is_shown = !is_static || self.flag(&draft.fields, "add_completion_task");
        let kind = match round {
            Round::Each => StepKind::Each(is_shown),
            Round::While => StepKind::While,
            Round::Queue | Round::Actions | Round::Once => StepKind::Queue,
        };
        let entry = StepEntry {
            id: draft.id.clone(),
            phase: draft.phase.clone(),
            within: around.map(|around| around.phase.clone()),
            kind,
            tool: None,
            action: Some(construct(round).to_owned()),
            model: None,
            dependencies: Vec::new(),
        };
        self.finish(draft, around, start, entry, before);
        let tries = tries.or(self.defaults.retry);
        let outer = std::mem::replace(&mut self.defaults.retry, tries);
        let before = self.reading.n_problems();
        self.turn_body(draft, queue.as_ref(), turn);
        self.defaults.retry = outer;
        if self.reading.n_problems() > before {
            // What is in its turns is not known.
            self.broken.phases.insert(draft.phase.to_string());
        }
    }

    /// Calls are made in turns: how often they are tried is for the steps that do not say it themselves. How long it takes is
    /// said of all of the loop, and not by what holds for every step.
    fn tries_of_turns(&mut self, draft: &Draft<'_>, start: &mut Start) -> Option<RetrySpec> {
        if draft.fields.get("timeout").is_none() {
            start.spec.timeout = None;
        }
        let handling = draft.fields.get("error_handling").filter(|item| item.node.get("retry").is_some());
        let says_so =
            handling.is_some() || ["max_retries", "retry"].iter().any(|key| draft.fields.get(key).is_some());
        let tries = start.spec.retry.take().filter(|_| says_so);
        if start.spec.on_failure == Some(OnFailure::Policy(Policy::Retry))
            && let Some(item) = draft.fields.get("on_failure")
        {
            let message = "a loop is not tried again; its steps are";
            let hint = Some("give `on_failure: retry` to the steps of the loop".to_owned());
            self.reading.at(Code::StepLoop, &item, message, hint);
        }
        tries
    }

    fn one_construct(&mut self, draft: &Draft<'_>, round: Round) {
        let allowed: &[&str] = match round {
            Round::Each => &["for_each"],
            Round::While => &["while", "until"],
            Round::Queue => &["create_parallel_queue"],
            Round::Actions => &["action_loop", "until"],
            Round::Once => &[],
        };
        for key in CONSTRUCTS.iter().filter(|key| !allowed.contains(key)) {
            if let Some(item) = draft.fields.get(key) {
                let message = format!("a step goes round in one way; `{key}` is another");
                self.reading.at_key(Code::StepLoop, &item, message, Some("keep one of them".to_owned()));
            }
        }
    }

    fn loop_name(&mut self, draft: &Draft<'_>) -> String {
        self.loop_text(draft, "loop_name").unwrap_or_else(|| draft.id.clone())
    }

    fn loop_text(&mut self, draft: &Draft<'_>, key: &str) -> Option<String> {
        let item = draft.fields.get(key)?;
        let text = self.reading.text(&item)?;
        let name = name_of_loop(text);
        if name.is_none() {
            let message = format!("`{}` cannot be a name", text.trim_start_matches('$'));
            self.reading.at(Code::BadName, &item, message, None);
        }
        name.map(str::to_owned)
    }

    fn flag(&mut self, fields: &Fields<'_>, key: &str) -> bool {
        fields.get(key).and_then(|item| self.reading.flag(&item)).unwrap_or_default()
    }

    /// Returns how the loop goes round, and whether its list hangs on no step.
    fn turns(
        &mut self,
        draft: &Draft<'_>,
        around: Option<&Around>,
        queue: Option<&Fields<'_>>,
        turn: &Turn,
        start: &mut Start,
    ) -> (LoopSpec, bool) {
        let fields = queue.unwrap_or(&draft.fields);
        let mut turns = LoopSpec {
            max: fields.get("max_iterations").and_then(|item| self.whole(&item)),
            max_parallel: fields.get("max_parallel").and_then(|item| self.whole(&item)),
            item: turn.item.clone(),
            name: (turn.name != draft.id).then(|| turn.name.clone()),
            break_on_error: fields.get("break_on_error").and_then(|item| self.reading.flag(&item)),
            turn_timeout: fields.get("iteration_timeout").and_then(|item| self.time(&item)),
            ..LoopSpec::default()
        };
        for (key, native) in PLACES {
            if let Some(item) = fields.get(key) {
                self.place(format!("phases.{}.loop.{native}", draft.phase), &item);
            }
        }
        let mut is_static = true;
        match turn.round {
            Round::Each | Round::Queue => {
                let key = if turn.round == Round::Each { "for_each" } else { "on" };
                match fields.get(key) {
                    Some(item) => is_static = self.list_of(draft, around, &item, start, &mut turns),
                    None => {
                        let message = "a queue does not say `on` what it works";
                        let hint = Some("add `\"on\": \"{{ … }}\"`".to_owned());
                        self.reading.report(Code::MissingField, &fields.path, fields.span, message, hint);
                    }
                }
                if turn.round == Round::Queue {
                    self.conditions(draft, fields, turn, "while", start, &mut turns);
                }
            }
            Round::While => {
                turns.max = turns.max.or(Some(WHILE_TURNS));
                self.conditions(draft, fields, turn, "while", start, &mut turns);
            }
            Round::Actions => {
                turns.max = turns.max.or(Some(ACTION_TURNS));
                self.conditions(draft, fields, turn, "while_condition", start, &mut turns);
            }
            Round::Once => turns.once = true,
        }
        (turns, is_static)
    }

    /// Reads the list that a loop goes over; returns whether it hangs on no step.
    fn list_of(
        &mut self,
        draft: &Draft<'_>,
        around: Option<&Around>,
        item: &Item<'_>,
        start: &mut Start,
        turns: &mut LoopSpec,
    ) -> bool {
        self.place(format!("phases.{}.loop.for_each", draft.phase), item);
        if is_left(item) {
            turns.for_each = self.list_left_open(draft, around, item, start);
            return false;
        }
        let n_before = start.read.phases.len();
        let read = std::mem::take(&mut start.read);
        let mut texts = self.texts(Some(draft.phase.clone()), read);
        let value = texts.value(item);
        start.read = texts.read;
        let value = match value {
            Value::String(text) if !refrain_core::template::is_template(&text) => {
                self.written_list(item, &text)
            }
            Value::Array(_) | Value::String(_) => Some(value),
            _ => {
                let message =
                    format!("`{}` is {}, and a list is expected", item.name(), item.node.describe());
                self.reading.at(Code::WrongType, item, message, None);
                None
            }
        };
        turns.for_each = value;
        start.read.phases.len() == n_before
    }

    /// A list in a text is JSON or written as in a formula, or it is names with commas between them.
    fn written_list(&mut self, item: &Item<'_>, text: &str) -> Option<Value> {
        let text = text.trim();
        if let Ok(list @ Value::Array(_)) = serde_json::from_str(text) {
            return Some(list);
        }
        if text.starts_with('[') {
            let written = Formula::parse(text).and_then(|formula| formula.eval(&Map::new()));
            if let Ok(list @ Value::Array(_)) = written {
                return Some(list);
            }
        } else if text.contains(',') && !text.contains(['{', '\n']) {
            return Some(text.split(',').map(|name| Value::from(name.trim())).collect());
        }
        let hint = Some("write a list, such as `[a, b]`, or a template".to_owned());
        self.reading.at(Code::WrongType, item, format!("`{}` is no list", item.name()), hint);
        None
    }

    fn conditions(
        &mut self,
        draft: &Draft<'_>,
        fields: &Fields<'_>,
        turn: &Turn,
        before: &str,
        start: &mut Start,
        turns: &mut LoopSpec,
    ) {
        let (first, last) = (fields.get(before), fields.get("until"));
        let mut condition =
            |item: &Item<'_>, native, seen| self.loop_condition(draft, turn, (item, native), seen, start);
        turns.while_ = first.as_ref().and_then(|item| condition(item, "while", IndexMap::new()));
        // After a turn there is what it made.
        let seen = inner_steps(draft, turn.round);
        turns.until = last.as_ref().and_then(|item| condition(item, "until", seen));
        if first.is_none() && last.is_none() && turn.round != Round::Queue {
            let message = format!("the loop says neither `{before}` nor `until`");
            self.reading.report(Code::StepLoop, &draft.fields.path, draft.fields.span, message, None);
        }
    }

    /// Reads a condition of a loop, which sees some steps of its turns; it does not come after these.
    fn loop_condition(
        &mut self,
        draft: &Draft<'_>,
        turn: &Turn,
        (item, native): (&Item<'_>, &str),
        steps: IndexMap<String, Known>,
        start: &mut Start,
    ) -> Option<String> {
        self.place(format!("phases.{}.loop.{native}", draft.phase), item);
        let own: Vec<PhaseName> = steps.values().map(|step| step.phase.clone()).collect();
        let own_turn = Turn { is_own: true, ..turn.clone() };
        self.names.frames.push(Frame { steps, turn: Some(own_turn), ..Frame::default() });
        let read = std::mem::take(&mut start.read);
        let mut texts = self.texts(Some(draft.phase.clone()), read);
        let condition = texts.condition(item);
        start.read = texts.read;
        start.read.phases.retain(|phase| !own.contains(phase));
        self.names.frames.pop();
        condition
    }

    /// Reads the steps of a turn.
    fn turn_body(&mut self, draft: &Draft<'_>, queue: Option<&Fields<'_>>, turn: Turn) {
        let is_chain = matches!(turn.round, Round::Queue | Round::Actions);
        let key = if turn.round == Round::Actions { "action_loop" } else { "steps" };
        let around = Around { phase: draft.phase.clone(), turn, is_chain };
        if let Some(fields) = queue {
            let actions = self.actions_of_queue(fields);
            let items: Vec<Item<'_>> = actions.iter().map(OwnItem::item).collect();
            return self.body(&items, Some(&around));
        }
        match draft.fields.get(key) {
            Some(list) => match self.reading.list(&list) {
                Some(items) if items.is_empty() => {
                    self.reading.at(Code::StepLoop, &list, "there is nothing to do in a turn", None);
                }
                Some(items) => self.body(&items, Some(&around)),
                None => {}
            },
            None => self.single(draft, &around),
        }
    }

    /// A loop may have its one step in itself.
    fn single(&mut self, draft: &Draft<'_>, around: &Around) {
        let only: Vec<_> = draft
            .fields
            .entries
            .iter()
            .filter(|entry| SINGLE.contains(&entry.key.as_str()))
            .cloned()
            .collect();
        if only.is_empty() {
            let message = "the loop has no `steps`";
            return self.reading.report(Code::StepLoop, &draft.fields.path, draft.fields.span, message, None);
        }
        let node = crate::node::Node { span: draft.item.node.span, kind: Kind::Map(only) };
        let item = Item { node: &node, key: draft.item.key, path: draft.item.path.clone() };
        let around = Around { is_chain: true, ..around.clone() };
        self.body(&[item], Some(&around));
    }
}

/// Returns the name that a text gives to a loop or an item, if it may be one.
pub(super) fn name_of_loop(text: &str) -> Option<&str> {
    let name = text.trim_start_matches('$');
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_name.then_some(name)
}

/// Returns the steps of a turn by their ids, as far as these can be told before they are read.
fn inner_steps(draft: &Draft<'_>, round: Round) -> IndexMap<String, Known> {
    let key = if round == Round::Actions { "action_loop" } else { "steps" };
    let items = draft.fields.get(key).map(|item| item.items()).unwrap_or_default();
    let known = |(n, item): (usize, &Item<'_>)| {
        let written = ["id", "name"].iter().find_map(|key| item.node.get(key));
        let id = match written.map(|entry| &entry.value.kind) {
            Some(Kind::Text(id)) => id.clone(),
            Some(_) => return None,
            None => format!("action{}", n + 1),
        };
        let phase: PhaseName = format!("{}_{id}", draft.phase).parse().ok()?;
        Some((
            id,
            Known {
                phase,
                gives: None,
                loop_name: None,
                is_each: false,
                is_loop: false,
                has_stand_in: false,
            },
        ))
    };
    items.iter().enumerate().filter_map(known).collect()
}

const fn construct(round: Round) -> &'static str {
    match round {
        Round::Each => "for_each",
        Round::While => "while",
        Round::Queue => "create_parallel_queue",
        Round::Actions => "action_loop",
        Round::Once => "execute",
    }
}
