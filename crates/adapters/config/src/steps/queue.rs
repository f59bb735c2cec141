//! Queues: what is done for each item, and by which tool.

use refrain_core::check::code::Code;
use refrain_schemas::name::PhaseName;
use serde_json::json;

use super::Lowering;
use super::loops::CONSTRUCTS;
use super::names::Names;
use super::reading::{Fields, Item, OwnItem};
use super::step::Start;
use crate::node::{Entry, Kind, Node};

/// What a queue says.
pub(super) const IN_QUEUE: [&str; 7] =
    ["on", "max_parallel", "action_loop", "task", "until", "while", "tool"];

impl Lowering<'_, '_> {
    /// Returns what is done for each item: the actions, or the one task. Those that name no tool use that of the queue.
    pub(super) fn actions_of_queue(&mut self, fields: &Fields<'_>) -> Vec<OwnItem> {
        let (list, task) = (fields.get("action_loop"), fields.get("task"));
        if let (Some(_), Some(task)) = (&list, &task) {
            let hint = Some("keep one of `task` and `action_loop`".to_owned());
            self.reading.at_key(Code::StepTwo, task, "there are two ways to say what is done", hint);
        }
        let mut actions: Vec<OwnItem> = match (&list, &task) {
            (Some(list), _) => self.reading.list(list).unwrap_or_default().iter().map(OwnItem::of).collect(),
            (None, Some(task)) => self.task(task).into_iter().collect(),
            (None, None) => Vec::new(),
        };
        let is_empty = |list: &Item<'_>| matches!(&list.node.kind, Kind::List(items) if items.is_empty());
        if (list.is_none() && task.is_none()) || list.as_ref().is_some_and(is_empty) {
            let hint = Some("add `action_loop:` with actions, or one `task:`".to_owned());
            let message = "there is nothing to do for an item";
            self.reading.report(Code::StepLoop, &fields.path, fields.span, message, hint);
        }
        if let Some(tool) = fields.get("tool").filter(|tool| self.reading.text(tool).is_some()) {
            actions.iter_mut().for_each(|action| use_tool(action, &tool));
        }
        actions
    }

    /// A task is a step, or an action of its own.
    fn task(&mut self, item: &Item<'_>) -> Option<OwnItem> {
        match &item.node.kind {
            Kind::Map(_) => Some(OwnItem::of(item)),
            Kind::Text(_) => {
                let mut own = OwnItem::of(item);
                let entry =
                    Entry { key: "action".to_owned(), key_span: item.node.span, value: item.node.clone() };
                own.node = Node { span: item.node.span, kind: Kind::Map(vec![entry]) };
                Some(own)
            }
            _ => {
                let message = format!("`task` is {}, and a step is expected", item.node.describe());
                let hint = Some("write `action_loop:` for several".to_owned());
                self.reading.at(Code::WrongType, item, message, hint);
                None
            }
        }
    }
}

/// Has a loop of actions say in its document why it ended, which is what it would be without that, else.
pub(super) fn tell_why_it_ended(phase: &PhaseName, names: &Names, start: &mut Start) {
    let name = names.own(&mut start.read, "turns_of_it", format!("loop.{phase}"));
    let read = |field: &str| format!("{{{{ {name}.{field} }}}}");
    let result = json!({
        "iterations": read("iterations"), "completed": read("completed"), "status": read("status"),
        "termination_reason": read("reason"), "last": read("last"), "success": true,
    });
    if let Some(turns) = &mut start.spec.turns {
        turns.result = Some(result);
    }
}

/// Has an action use a tool, where it names none and is not one of those that use none.
fn use_tool(action: &mut OwnItem, tool: &Item<'_>) {
    let Kind::Map(entries) = &mut action.node.kind else { return };
    let has_own = |entry: &Entry| {
        let key = entry.key.as_str();
        matches!(key, "tool" | "prompt") || CONSTRUCTS.contains(&key)
    };
    if !entries.iter().any(has_own) {
        let key_span = tool.key.unwrap_or(tool.node.span);
        entries.push(Entry { key: "tool".to_owned(), key_span, value: tool.node.clone() });
    }
}
