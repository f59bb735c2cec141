//! Which type a value has that is left to a model: that of its place.

use refrain_core::ports::tool_catalogue::{ToolCatalogue, ToolKind};
use serde_json::{Map, Value, json};

use super::super::reading::json as json_of;
use crate::node::{Kind, Node};

/// Policies that may stand where a step may.
const POLICIES: [&str; 4] = ["fail", "continue", "skip", "retry"];
/// How a model is chosen.
const STRATEGIES: [&str; 3] = ["cost", "performance", "balanced"];
/// How pauses between attempts grow.
const BACKOFFS: [&str; 3] = ["none", "fixed", "exponential"];
/// A text is more than enough to look at.
const MOST_DEPTH: usize = 16;

/// Knows what stands around a value.
pub(super) struct Wanted<'w> {
    pub(super) file: &'w Node,
    pub(super) tools: Option<&'w dyn ToolCatalogue>,
}

impl Wanted<'_> {
    /// Returns the JSON Schema of what belongs at a place; `None` where it cannot be left to a model.
    pub(super) fn at(&self, path: &str, step: Option<&str>) -> Option<Value> {
        let Some(step) = step else { return self.in_header(path) };
        let rest = path.strip_prefix(step)?.strip_prefix('.')?;
        let (key, inner) = rest.find(['.', '[']).map_or((rest, ""), |at| rest.split_at(at));
        let is_whole = inner.is_empty();
        let last = rest.rsplit('.').next().unwrap_or(rest);
        Some(match key {
            "parameters" => self.parameter(step, inner),
            "retry" | "error_handling" if last == "backoff" => json!({ "enum": BACKOFFS }),
            "retry" | "error_handling" if last.ends_with("_delay") => {
                json!({ "type": "number", "minimum": 0 })
            }
            "retry" | "error_handling" if last == "max_attempts" => {
                json!({ "type": "integer", "minimum": 1 })
            }
            "size_limit" | "iteration_timeout" => json!({ "type": "integer", "minimum": 1 }),
            "break_on_error" | "add_completion_task" => json!({ "type": "boolean" }),
            "action" if self.find(step)?.get("tool").is_none() => self.bare_actions(step)?,
            "action" => self.actions(step),
            // Nothing is in the way of a step of which nobody has said yet when it runs.
            "condition" | "if" | "while" | "until" | "while_condition" => condition(),
            "create_parallel_queue" if matches!(inner, ".while" | ".until") => condition(),
            "tool" => self.tool_names(step)?,
            "selection" if is_whole || inner == ".strategy" => json!({ "enum": STRATEGIES }),
            "dependencies" | "depends_on" if is_whole => {
                json!({ "type": "array", "items": self.ids(step, &[]) })
            }
            "dependencies" | "depends_on" | "on_false" | "on_success" => self.ids(step, &[]),
            "on_failure" => self.ids(step, &POLICIES),
            "timeout" | "max_iterations" | "max_parallel" => json!({ "type": "integer", "minimum": 1 }),
            "max_retries" => json!({ "type": "integer", "minimum": 0 }),
            "model" => self.models()?,
            // Items of other types may stand beside it.
            "for_each" => json!({ "type": ["string", "number", "boolean"] }),
            _ => json!({ "type": "string" }),
        })
    }

    /// Tells what a model should know of the step that a value belongs to, and of what stands around it.
    pub(super) fn about(&self, step: Option<&str>, key: Option<&str>) -> Value {
        let field = |path: &str, key: &str| self.find(path)?.get(key).map(|entry| json_of(&entry.value));
        let mut about = Map::new();
        for key in ["name", "description"] {
            about.extend(field("", key).map(|value| (format!("pipeline_{key}"), value)));
        }
        let Some(step) = step else { return Value::Object(about) };
        for key in ["id", "description", "tool", "action"] {
            about.extend(field(step, key).map(|value| (format!("step_{key}"), value)));
        }
        // Only where names are what is wanted: else every new step would ask for everything anew.
        let names = ["condition", "if", "while", "until", "while_condition", "dependencies", "depends_on"];
        if key.is_some_and(|key| names.contains(&key)) {
            about.insert("steps".to_owned(), self.steps_beside(step).into());
            about.insert("inputs".to_owned(), self.inputs().into());
        }
        Value::Object(about)
    }

    fn find(&self, path: &str) -> Option<&Node> {
        let found = self.file.find(path);
        found.whole.then_some(found.value)
    }

    fn text(&self, step: &str, key: &str) -> Option<&str> {
        match &self.find(step)?.get(key)?.value.kind {
            Kind::Text(text) if !text.contains("<AUTO") => Some(text),
            _ => None,
        }
    }

    fn in_header(&self, path: &str) -> Option<Value> {
        match path {
            "selection" | "selection_schema" | "selection.strategy" | "selection_schema.strategy" => {
                return Some(json!({ "enum": STRATEGIES }));
            }
            "default_model" | "model" => return self.models(),
            "output_dir" | "system" => return Some(json!({ "type": "string" })),
            _ if path.starts_with("experts[") => return self.models(),
            _ if path.starts_with("experts.") && path.ends_with(".model") => return self.models(),
            _ => {}
        }
        let (section, rest) = path.split_once(['.', '['])?;
        let default = rest.strip_suffix(".default");
        let declared = default.and_then(|_| self.find(path.strip_suffix(".default")?)?.get("type"));
        let kind = match declared.map(|entry| &entry.value.kind) {
            Some(Kind::Text(kind)) => kind.as_str(),
            _ => "string",
        };
        Some(match (section, kind) {
            ("inputs" | "parameters", "integer") => json!({ "type": "integer" }),
            ("inputs" | "parameters", "number" | "float") => json!({ "type": "number" }),
            ("inputs" | "parameters", "boolean") => json!({ "type": "boolean" }),
            ("inputs" | "parameters", "array" | "list") => json!({ "type": "array", "items": {} }),
            ("inputs" | "parameters", "object" | "dict") => json!({ "type": "object" }),
            _ => json!({ "type": "string" }),
        })
    }

    /// Returns what the tool of a step declares for a parameter, or for something in it.
    fn parameter(&self, step: &str, inner: &str) -> Value {
        let declared = self.declared(step);
        let mut at = declared.as_ref();
        for part in inner.split(['.', '[']).filter(|part| !part.is_empty()).take(MOST_DEPTH) {
            at = at.and_then(|schema| match part.strip_suffix(']') {
                Some(_) => schema.get("items"),
                None => schema.get("properties")?.get(part),
            });
        }
        let has_type = |schema: &&Value| schema.get("type").is_some() || schema.get("enum").is_some();
        at.filter(has_type).cloned().unwrap_or_else(|| json!({ "type": "string" }))
    }

    fn declared(&self, step: &str) -> Option<Value> {
        let tools = self.tools?;
        let view = tools.find(self.text(step, "tool").or_else(|| self.text(step, "action"))?)?;
        let inner = self.find(step)?.get("parameters").and_then(|entry| entry.value.get("action"));
        let inner = inner.and_then(|entry| match &entry.value.kind {
            Kind::Text(text) => Some(text.as_str()),
            _ => None,
        });
        let named = self.text(step, "action").and_then(|name| view.action(name));
        let action = named.or_else(|| view.action(inner?)).or(match view.actions {
            [only] => Some(only),
            _ => None,
        });
        Some(action?.input.clone())
    }

    fn actions(&self, step: &str) -> Value {
        let view = self.tools.and_then(|tools| tools.find(self.text(step, "tool")?));
        let names = view.map(|view| view.actions.iter().map(|action| action.name).collect::<Vec<_>>());
        names.map_or_else(|| json!({ "type": "string" }), |names| json!({ "enum": names }))
    }

    /// Returns the actions without a tool that take what a step gives.
    fn bare_actions(&self, step: &str) -> Option<Value> {
        let given = self.keys(step, "parameters");
        let is_prompted = self.find(step)?.get("prompt").is_some();
        let asks = is_prompted || given.iter().any(|key| matches!(key.as_str(), "prompt" | "text"));
        if given.is_empty() && !asks {
            return Some(prose());
        }
        let Some(tools) = self.tools else { return Some(json!({ "type": "string" })) };
        let takes = |input: &Value| {
            let required: Vec<&str> =
                input["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            !required.is_empty()
                && required.iter().all(|key| given.iter().any(|name| name == key))
                && given.iter().all(|key| input["properties"].get(key).is_some())
        };
        let is_usable = |name: &&str| {
            let view = tools.find(name).filter(|view| view.kind == ToolKind::Tool);
            view.is_some_and(|view| {
                view.actions.len() == 1 && view.actions.iter().all(|action| takes(action.input))
            })
        };
        let mut names: Vec<&str> = tools.names().into_iter().filter(is_usable).collect();
        if asks {
            names.extend(["generate", "analyze_text"]);
        }
        (!names.is_empty()).then(|| json!({ "enum": names }))
    }

    /// Returns the tools that the rest of a step is for: those with its action, which take its parameters.
    fn tool_names(&self, step: &str) -> Option<Value> {
        let Some(tools) = self.tools else { return Some(json!({ "type": "string" })) };
        let action = self.text(step, "action");
        let given = self.keys(step, "parameters");
        let takes = |input: &Value| {
            let knows = |key: &String| input["properties"].get(key).is_some();
            let mut required = input["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            given.iter().all(knows) && required.all(|key| given.iter().any(|name| name == key))
        };
        let is_usable = |name: &&str| {
            let view = tools.find(name).filter(|view| view.kind == ToolKind::Tool);
            view.is_some_and(|view| match action {
                Some(action) => view.action(action).is_some_and(|action| takes(action.input)),
                None => view.actions.len() == 1 && view.actions.iter().all(|action| takes(action.input)),
            })
        };
        let names: Vec<&str> = tools.names().into_iter().filter(is_usable).collect();
        (!names.is_empty()).then(|| json!({ "enum": names }))
    }

    /// Returns the keys of a map of a step.
    fn keys(&self, step: &str, name: &str) -> Vec<String> {
        match self.find(step).and_then(|step| step.get(name)).map(|entry| &entry.value.kind) {
            Some(Kind::Map(entries)) => entries.iter().map(|entry| entry.key.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the ids of the steps beside one, and other words.
    fn ids(&self, step: &str, words: &[&str]) -> Value {
        let steps = self.steps_beside(step);
        json!({ "enum": words.iter().copied().chain(steps.iter().map(String::as_str)).collect::<Vec<_>>() })
    }

    fn steps_beside(&self, step: &str) -> Vec<String> {
        let own = self.text(step, "id");
        let list = step.rsplit_once('[').and_then(|(list, _)| self.find(list));
        let Some(Kind::List(items)) = list.map(|list| &list.kind) else { return Vec::new() };
        let id = |item: &Node| match &item.get("id")?.value.kind {
            Kind::Text(id) => Some(id.clone()),
            _ => None,
        };
        items.iter().filter_map(id).filter(|id| own != Some(id)).collect()
    }

    fn inputs(&self) -> Vec<String> {
        let sections = ["inputs", "parameters"].into_iter().filter_map(|key| self.file.get(key));
        let names = sections.flat_map(|entry| match &entry.value.kind {
            Kind::Map(entries) => entries.iter().map(|entry| entry.key.clone()).collect(),
            Kind::List(items) => items.iter().filter_map(name_of).collect(),
            _ => Vec::new(),
        });
        names.collect()
    }

    /// Returns the models that the file names: no other is chosen.
    fn models(&self) -> Option<Value> {
        let mut names: Vec<String> = Vec::new();
        collect_models(self.file, &mut names);
        if let Some(Kind::Map(entries)) = self.file.get("models").map(|entry| &entry.value.kind) {
            names.extend(entries.iter().map(|entry| entry.key.clone()));
        }
        names.sort();
        names.dedup();
        (!names.is_empty()).then(|| json!({ "enum": names }))
    }
}

/// Of a step that gives nothing, the action says all of it in words of its own.
fn prose() -> Value {
    json!({
        "type": "string",
        "pattern": "^(echo|print|display|show|output) +[^ ]",
        "description": "`echo` and the text that the step makes",
        "default": "echo auto",
    })
}

fn condition() -> Value {
    json!({ "type": "string", "default": "true" })
}

/// The name of an input that is written in a list.
fn name_of(item: &Node) -> Option<String> {
    match &item.kind {
        Kind::Text(name) => Some(name.clone()),
        Kind::Map(entries) => {
            match entries.iter().find(|entry| entry.key == "name").map(|entry| &entry.value.kind) {
                Some(Kind::Text(name)) => Some(name.clone()),
                _ => entries.first().map(|entry| entry.key.clone()),
            }
        }
        _ => None,
    }
}

fn collect_models(node: &Node, names: &mut Vec<String>) {
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                match &entry.value.kind {
                    Kind::Text(text) if matches!(entry.key.as_str(), "model" | "default_model") => {
                        names.extend(
                            (!text.contains("<AUTO") && text.contains([':', '/'])).then(|| text.clone()),
                        );
                    }
                    _ => collect_models(&entry.value, names),
                }
            }
        }
        Kind::List(items) => items.iter().for_each(|item| collect_models(item, names)),
        _ => {}
    }
}

/// Returns something of a type, for as long as nobody has said what it is.
pub(super) fn stand_in(schema: &Value) -> Value {
    if let Some(first) = schema.get("enum").and_then(Value::as_array).and_then(|values| values.first()) {
        return first.clone();
    }
    if let Some(value) = schema.get("default") {
        return value.clone();
    }
    let kind = match schema.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or("string"),
        _ => "string",
    };
    match kind {
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(true),
        "array" => json!([]),
        "object" => json!({}),
        "null" => Value::Null,
        _ => json!("auto"),
    }
}
