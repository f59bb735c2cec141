//! Files of the project.

use std::slice::from_ref;

use async_trait::async_trait;
use refrain_core::ports::agent::Touched;
use refrain_core::ports::tool_catalogue::{About, Complaint, Written};
use refrain_core::ports::workspace::{Kind, Listed, Workspace, no_file, no_path};
use serde_json::{Map, Value, json};

use crate::declare::{action, boolean, integer, list, one_of, text};
use crate::tool::{Act, Acted, Declared, Fault, Tool};

/// The largest file that is read.
const LARGEST: usize = 16 << 20;

#[derive(Debug)]
struct Filesystem;

pub(super) fn declared() -> Declared {
    let path = ("path!", text(), "the file, from the project's folder");
    let to = ("destination!", text(), "where it goes");
    let found = ("path", text(), "the file");
    let actions = vec![
        action(
            "read",
            "Reads a text",
            from_ref(&path),
            &[found.clone(), ("content", text(), "what is in it"), ("size", integer(), "its characters")],
        ),
        action(
            "exists",
            "Says whether there is a file or a folder",
            from_ref(&path),
            &[
                found.clone(),
                ("exists", boolean(), "whether it is there"),
                ("type", one_of(&["file", "directory", "none"]), "what it is"),
            ],
        )
        .volatile(),
        action(
            "write",
            "Writes a text, and makes the folders that it is in",
            &[path.clone(), ("content!", text(), "what is to be in it")],
            &[found.clone(), ("size", integer(), "its characters")],
        )
        .once(),
        action(
            "copy",
            "Copies a file or a folder",
            &[path.clone(), to.clone()],
            &[found.clone(), ("destination", text(), "the copy")],
        )
        .once(),
        action(
            "move",
            "Gives a file or a folder another place",
            &[path.clone(), to],
            &[found.clone(), ("destination", text(), "where it is now")],
        )
        .once()
        .or(&["rename"]),
        action("delete", "Removes a file, or a folder with all that is in it", &[path], from_ref(&found))
            .once()
            .or(&["remove"]),
        action(
            "list",
            "Lists a folder",
            &[("path", text(), "the folder; the project's where absent")],
            &[found, ("items", items(), "what is in it, by name"), ("count", integer(), "how many that are")],
        )
        .volatile(),
    ];
    super::tool(
        "filesystem",
        &["file", "file-system"],
        "Reads and changes files of the project",
        actions,
        Filesystem,
    )
}

fn items() -> Value {
    let mut schema = list();
    schema["items"] = json!({"type": "object", "properties": {
        "name": text(), "path": text(), "type": one_of(&["file", "directory"]), "size": integer(),
    }});
    schema
}

#[async_trait]
impl Tool for Filesystem {
    fn touches(&self, action: &str, input: &Map<String, Value>) -> Touched {
        let path = |name: &str| -> Vec<String> {
            input.get(name).and_then(Value::as_str).map(str::to_owned).into_iter().collect()
        };
        match action {
            "read" => Touched { reads: path("path"), writes: Vec::new() },
            "write" => Touched { reads: Vec::new(), writes: path("path") },
            "copy" => Touched { reads: path("path"), writes: path("destination") },
            // What is gone then was changed as well.
            "move" => Touched { reads: Vec::new(), writes: [path("path"), path("destination")].concat() },
            "delete" => Touched { reads: Vec::new(), writes: path("path") },
            _ => Touched::default(),
        }
    }

    fn judge(&self, action: &str, written: &Written, files: &dyn Workspace) -> Vec<Complaint> {
        let changes = |parameter: &str| match action {
            "read" | "list" | "exists" => false,
            "copy" => parameter == "destination",
            _ => true,
        };
        let complaint = |parameter: &'static str| {
            let path = written.get(parameter).and_then(Value::as_str)?;
            let message = unfit(action, path)
                .or_else(|| Some(files.judge(path, changes(parameter)).err()?.to_string()))?;
            let parameter = parameter.to_owned();
            Some(Complaint { parameter, message, about: About::Path })
        };
        ["path", "destination"].into_iter().filter_map(complaint).collect()
    }

    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        let files = &*act.ports.workspace;
        let params = &act.params;
        for path in ["path", "destination"].iter().filter_map(|name| params.text(name)) {
            if let Some(message) = unfit(act.action, path) {
                return Err(Fault::reported(message).with(json!({ "path": path })));
            }
        }
        if act.action == "list" {
            return listed(files, params.text("path").unwrap_or(".")).await;
        }
        let path = params.needed("path")?;
        let failed = Fault::of_file(path);
        let result = match act.action {
            "read" => return read(files, path).await,
            "exists" => return exists(files, path).await,
            "write" => {
                let content = params.needed("content")?;
                files.write(path, content.as_bytes()).await.map_err(failed)?;
                json!({ "path": path, "size": content.chars().count() })
            }
            "copy" => {
                let to = params.needed("destination")?;
                goes(files, path, to).await?;
                files.copy(path, to).await.map_err(failed)?;
                json!({ "path": path, "destination": to })
            }
            "move" => {
                let to = params.needed("destination")?;
                goes(files, path, to).await?;
                files.rename(path, to).await.map_err(failed)?;
                json!({ "path": path, "destination": to })
            }
            "delete" => {
                files.remove(path).await.map_err(failed)?;
                json!({ "path": path })
            }
            other => return Err(Fault::reported(format!("there is no action `{other}`"))),
        };
        Ok(Acted::new(result))
    }
}

/// Says why a path cannot be that of what an action works with, as it is written.
fn unfit(action: &str, path: &str) -> Option<String> {
    if matches!(action, "read" | "write") { no_file(path) } else { no_path(path) }
}

/// A file goes into a folder that is there, and becomes none by a `/` behind its new name.
async fn goes(files: &dyn Workspace, from: &str, to: &str) -> Result<(), Fault> {
    if !to.ends_with('/') || files.kind(from).await.map_err(Fault::of_file(from))? != Some(Kind::File) {
        return Ok(());
    }
    match files.kind(to).await.map_err(Fault::of_file(to))? {
        Some(Kind::Folder) => Ok(()),
        _ => Err(Fault::reported(format!("there is no folder {to}; name the file that it becomes"))),
    }
}

async fn exists(files: &dyn Workspace, path: &str) -> Result<Acted, Fault> {
    files.judge(path, false).map_err(Fault::of_file(path))?;
    let kind = match files.kind(path).await.map_err(Fault::of_file(path))? {
        Some(Kind::File) => "file",
        Some(Kind::Folder) => "directory",
        None => "none",
    };
    Ok(Acted::new(json!({ "path": path, "exists": kind != "none", "type": kind })))
}

async fn read(files: &dyn Workspace, path: &str) -> Result<Acted, Fault> {
    let bytes = files.read(path).await.map_err(Fault::of_file(path))?;
    let about = || json!({ "path": path });
    if bytes.len() > LARGEST {
        return Err(Fault::reported(format!("{path} has more than {} MiB", LARGEST >> 20)).with(about()));
    }
    let content = String::from_utf8(bytes).map_err(|error| {
        Fault::reported(format!("{path} is no text: {}", error.utf8_error())).with(about())
    })?;
    let size = content.chars().count();
    Ok(Acted::new(json!({ "path": path, "content": content, "size": size })))
}

async fn listed(files: &dyn Workspace, path: &str) -> Result<Acted, Fault> {
    if files.kind(path).await.map_err(Fault::of_file(path))? == Some(Kind::File) {
        return Err(Fault::reported(format!("{path} is a file, not a folder")).with(json!({ "path": path })));
    }
    let found = files.list(path).await.map_err(Fault::of_file(path))?;
    let item = |Listed { name, path, is_folder, size }: &Listed| {
        let kind = if *is_folder { "directory" } else { "file" };
        json!({ "name": name, "path": path, "type": kind, "size": size })
    };
    let items: Vec<Value> = found.iter().map(item).collect();
    Ok(Acted::new(json!({ "path": path, "count": items.len(), "items": items })))
}
