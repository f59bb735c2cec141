//! A few tools that do nothing.

use std::sync::LazyLock;

use refrain_core::ports::tool_catalogue::{
    About, ActionView, BareAction, Complaint, ToolCatalogue, ToolKind, ToolView, Written,
};
use serde_json::{Map, Value, json};

#[derive(Debug)]
pub(crate) struct FakeTools;

static PATH: LazyLock<Value> = LazyLock::new(|| schema(json!({"path": {"type": "string"}}), &["path"]));
static WRITE: LazyLock<Value> = LazyLock::new(|| {
    schema(json!({"path": {"type": "string"}, "content": {"type": "string"}}), &["path", "content"])
});
static TEXT: LazyLock<Value> = LazyLock::new(|| schema(json!({"text": {"type": "string"}}), &["text"]));
static MADE: LazyLock<Value> = LazyLock::new(|| {
    let result = schema(json!({"path": {}, "content": {}, "count": {}, "items": {}}), &[]);
    schema(json!({"result": result, "success": {}, "error": {}}), &[])
});
static FILES: LazyLock<[ActionView<'static>; 3]> =
    LazyLock::new(|| [action("read", &PATH), action("write", &WRITE), action("list", &PATH)]);
static TITLE: LazyLock<Value> = LazyLock::new(|| schema(json!({"title": {"type": "string"}}), &["title"]));
static GATE: LazyLock<[ActionView<'static>; 1]> = LazyLock::new(|| [action("execute", &TITLE)]);
static ECHO: LazyLock<[ActionView<'static>; 1]> = LazyLock::new(|| [action("echo", &TEXT)]);

fn schema(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn action(name: &'static str, input: &'static Value) -> ActionView<'static> {
    ActionView {
        name,
        aliases: &[],
        description: "",
        effect: Default::default(),
        version: 1,
        input,
        of_steps: if name == "execute" { &[("save_to_file", "")] } else { &[] },
        output: &MADE,
    }
}

impl ToolCatalogue for FakeTools {
    fn find(&self, name: &str) -> Option<ToolView<'_>> {
        let (name, kind, actions): (&str, ToolKind, &[ActionView<'_>]) = match name {
            "filesystem" | "file" => ("filesystem", ToolKind::Tool, &*FILES),
            "echo" => ("echo", ToolKind::Tool, &*ECHO),
            "approval-gate" => ("approval-gate", ToolKind::Person, &*GATE),
            "pipeline-executor" => ("pipeline-executor", ToolKind::Lowered, &[]),
            "web-search" => ("web-search", ToolKind::Absent, &[]),
            _ => return None,
        };
        Some(ToolView { name, aliases: &[], kind, description: "write an agent of your own", actions })
    }

    fn names(&self) -> Vec<&str> {
        vec!["filesystem", "echo", "approval-gate", "web-search"]
    }

    fn bare(&self, action: &str) -> Option<BareAction> {
        let text = action.strip_prefix("echo ")?;
        let parameters = Map::from_iter([("text".to_owned(), Value::from(text))]);
        Some(BareAction { tool: "echo".to_owned(), action: "echo".to_owned(), parameters })
    }

    fn judge(&self, _: &str, _: &str, written: &Written) -> Vec<Complaint> {
        let path = written.get("path").and_then(Value::as_str).filter(|path| path.starts_with(".."));
        let message = "the path leads out of the project".to_owned();
        let complaint = |_| Complaint { parameter: "path".to_owned(), message, about: About::Path };
        path.map(complaint).into_iter().collect()
    }
}
