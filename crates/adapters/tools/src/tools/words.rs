//! Tools that say something, and nothing else.

use async_trait::async_trait;
use refrain_core::check::is_inside;
use refrain_core::ports::agent::Touched;
use refrain_core::ports::tool_catalogue::{About, Complaint, Written};
use refrain_core::ports::workspace::{Workspace, no_file};
use serde_json::{Map, Value, json};

use crate::declare::{action, any, integer, text};
use crate::params::printed;
use crate::tool::{Act, Acted, Declared, Fault, Tool};

/// Says a text.
#[derive(Debug)]
struct Echo;

/// Marks a place of a pipeline.
#[derive(Debug)]
struct Mark;

/// Writes a value as the format of a file has it.
#[derive(Debug)]
struct Product;

pub(super) fn declared() -> Vec<Declared> {
    let says = action("execute", "Gives a text", &[("text!", text(), "the text")], &[])
        .gives(&text())
        .beside("status", text());
    let marks = action("execute", "Gives its parameters", &[], &[]).gives(&any()).beside("status", text());
    vec![
        super::tool("echo", &["print", "display", "show", "output"], "Says a text", vec![says], Echo),
        super::tool(
            "control_flow",
            &["loop_complete", "capture_result"],
            "Marks a place of a pipeline",
            vec![open(marks)],
            Mark,
        ),
        super::tool(
            "product",
            &[],
            "Writes a value to a file, by the format of its name",
            vec![product()],
            Product,
        ),
    ]
}

fn open(mut action: crate::tool::Action) -> crate::tool::Action {
    action.input["additionalProperties"] = json!(true);
    action
}

fn product() -> crate::tool::Action {
    let input = [
        ("path!", text(), "the file"),
        ("value!", any(), "what is to be in it"),
        ("format", text(), "json, csv, yaml, markdown or txt; by the name of the file where absent"),
        ("size_limit", integer(), "the most bytes"),
        ("within", text(), "a folder that the file must be in"),
    ];
    let write = action(
        "write",
        "Writes a value",
        &input,
        &[("path", text(), "the file"), ("bytes", integer(), "its size")],
    );
    // Since the second one, YAML is written as such.
    crate::tool::Action { version: 2, ..write.once() }
}

#[async_trait]
impl Tool for Echo {
    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        let text = act.params.needed("text")?;
        Ok(Acted::new(json!(text)).with("status", "success"))
    }
}

#[async_trait]
impl Tool for Mark {
    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        Ok(Acted::new(act.params.whole()).with("status", "success"))
    }
}

#[async_trait]
impl Tool for Product {
    fn touches(&self, _: &str, input: &Map<String, Value>) -> Touched {
        let path = input.get("path").and_then(Value::as_str);
        Touched { reads: Vec::new(), writes: path.map(str::to_owned).into_iter().collect() }
    }

    fn judge(&self, _: &str, written: &Written, files: &dyn Workspace) -> Vec<Complaint> {
        let path = written.get("path").and_then(Value::as_str);
        path.and_then(|path| no_target("path", path, files)).into_iter().collect()
    }

    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        let path = act.params.needed("path")?;
        if let Some(folder) = act.params.text("within").filter(|folder| !is_within(path, folder)) {
            return Err(Fault::reported(format!("{path} is not in {folder}")).with(json!({ "path": path })));
        }
        if let Some(message) = no_file(path) {
            return Err(Fault::reported(message).with(json!({ "path": path })));
        }
        let named = path.rsplit_once('.').map_or("", |(_, ending)| ending);
        let format = act.params.text("format").unwrap_or(named);
        let value = act.params.get("value").cloned().unwrap_or_default();
        let text = written(&value, format)?;
        let most = act.params.count("size_limit").unwrap_or(u64::MAX);
        if text.len() as u64 > most {
            return Err(Fault::reported(format!(
                "{path} would have {} bytes; it may have {most}",
                text.len()
            )));
        }
        act.ports.workspace.write(path, text.as_bytes()).await.map_err(Fault::of_file(path))?;
        Ok(Acted::new(json!({ "path": path, "bytes": text.len() })))
    }
}

/// Says why a file that is to be written cannot lie at a path.
pub(super) fn no_target(parameter: &str, path: &str, files: &dyn Workspace) -> Option<Complaint> {
    let message = no_file(path).or_else(|| Some(files.judge(path, true).err()?.to_string()))?;
    Some(Complaint { parameter: parameter.to_owned(), message, about: About::Path })
}

/// Whether a path leads into a folder, as it is written.
fn is_within(path: &str, folder: &str) -> bool {
    if !is_inside(path) {
        return false;
    }
    let parts = |path: &str| {
        let parts = path.split(['/', '\\']).filter(|part| !matches!(*part, "" | "."));
        parts.map(str::to_owned).collect::<Vec<_>>()
    };
    let (path, folder) = (parts(path), parts(folder));
    path.len() > folder.len() && path.starts_with(&folder)
}

/// Writes a value in a format. A text is itself in every one of them.
fn written(value: &Value, format: &str) -> Result<String, Fault> {
    match (value, format.to_lowercase().as_str()) {
        (Value::String(text), _) => Ok(text.clone()),
        (value, "yaml" | "yml") => Ok(crate::yaml::written(value)),
        (value, "json") => serde_json::to_string_pretty(value)
            .map(|text| text + "\n")
            .map_err(|error| Fault::reported(error.to_string())),
        (value, "csv") => crate::table::Table::of(value)?.csv(),
        (value, _) => Ok(printed(value)),
    }
}
