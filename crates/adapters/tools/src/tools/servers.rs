//! Tools of the pipeline's MCP servers.

use std::slice::from_ref;

use async_trait::async_trait;
use refrain_core::ports::tools::{ResourceUse, ToolUse};
use serde_json::{Map, Value, json};

use crate::declare::{action, any, boolean, list, map, text};
use crate::tool::{Act, Acted, Declared, Fault, Tool};

#[derive(Debug)]
struct Servers;

pub(super) fn declared() -> Declared {
    let server = ("server_name!", text(), "one of the `servers:` of the pipeline");
    let known = ("server_name", text(), "the server");
    let actions = vec![
        action(
            "connect",
            "Connects to a server",
            from_ref(&server),
            &[known.clone(), ("connected", boolean(), "true"), ("tools", list(), "the names of its tools")],
        )
        .volatile()
        .of_steps(&[(
            "server_config",
            "the server, where the pipeline does not declare it: command, args, env",
        )]),
        action(
            "list_tools",
            "Lists the tools of a server",
            from_ref(&server),
            &[known.clone(), ("tools", list(), "name, description and schema of each")],
        )
        .volatile(),
        action(
            "execute_tool",
            "Uses a tool of a server",
            &[server.clone(), ("tool_name!", text(), "the tool"), ("tool_params", map(), "what it is given")],
            &[
                known.clone(),
                ("tool_name", text(), "the tool"),
                ("value", any(), "what it made"),
                ("text", text(), "what it said"),
            ],
        )
        .volatile(),
        action(
            "disconnect",
            "Is done with a server, which ends with the run",
            &[server],
            &[known, ("connected", boolean(), "false")],
        )
        .volatile(),
    ];
    super::tool("mcp-server", &["mcp_server"], "Uses tools of MCP servers", actions, Servers)
}

/// What servers have to be read.
#[derive(Debug)]
struct Resources;

pub(super) fn resources() -> Declared {
    let server = ("server_name!", text(), "one of the `servers:` of the pipeline");
    let known = ("server_name", text(), "the server");
    let actions = vec![
        action(
            "list",
            "Lists what a server has to be read",
            from_ref(&server),
            &[known.clone(), ("resources", list(), "uri, name, description, mime_type and size of each")],
        )
        .volatile(),
        action(
            "read",
            "Reads something that a server has",
            &[server, ("uri!", text(), "where it is")],
            &[
                known,
                ("uri", text(), "where it is"),
                ("contents", list(), "uri, mime_type, and text or blob (Base64) of each piece"),
                ("text", text(), "its texts"),
            ],
        )
        .volatile(),
    ];
    super::tool(
        "mcp-resource",
        &["mcp_resource"],
        "Reads what MCP servers have to be read",
        actions,
        Resources,
    )
}

#[async_trait]
impl Tool for Resources {
    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        let server = act.params.needed("server_name")?;
        let uri = if act.action == "read" { Some(act.params.needed("uri")?.to_owned()) } else { None };
        let asked = ResourceUse { server: server.to_owned(), uri: uri.clone() };
        let said = act.ports.servers.resources(asked, act.cancel).await.map_err(Fault::Raised)?;
        let Some(uri) = uri else {
            return Ok(Acted::new(json!({ "server_name": server, "resources": said.value })));
        };
        if said.is_error {
            let text: String = said.text.chars().take(1000).collect();
            return Err(Fault::reported(format!("`{uri}` cannot be read: {text}")));
        }
        let result = json!({ "server_name": server, "uri": uri, "contents": said.value, "text": said.text });
        Ok(Acted::new(result))
    }
}

#[async_trait]
impl Tool for Servers {
    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        let server = act.params.needed("server_name")?;
        let servers = &act.ports.servers;
        let result = match act.action {
            "disconnect" => json!({ "server_name": server, "connected": false }),
            "execute_tool" => return used(&act, server).await,
            "connect" => {
                let found = servers.list(server).await.map_err(Fault::Raised)?;
                let names: Vec<&String> = found.tools.iter().map(|tool| &tool.name).collect();
                json!({ "server_name": server, "connected": true, "tools": names })
            }
            _ => {
                let found = servers.list(server).await.map_err(Fault::Raised)?;
                let tools = found.tools.iter().map(|tool| {
                    json!({ "name": tool.name, "description": tool.description, "input_schema": tool.input })
                });
                json!({ "server_name": server, "tools": tools.collect::<Vec<Value>>() })
            }
        };
        Ok(Acted::new(result))
    }
}

async fn used(act: &Act<'_>, server: &str) -> Result<Acted, Fault> {
    let tool = act.params.needed("tool_name")?;
    let arguments = act.params.map("tool_params").cloned().unwrap_or_else(Map::new);
    let use_ = ToolUse { server: server.to_owned(), tool: tool.to_owned(), arguments };
    let said = act.ports.servers.call(use_, act.cancel).await.map_err(Fault::Raised)?;
    let result = json!({ "server_name": server, "tool_name": tool, "value": said.value, "text": said.text });
    if said.is_error {
        let text: String = said.text.chars().take(1000).collect();
        return Err(Fault::reported(format!("tool `{tool}` says: {text}")).with(result));
    }
    Ok(Acted::new(result))
}
