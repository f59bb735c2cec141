//! MCP servers that steps use: those of the header, and those that a step says how to start where it connects to them.

use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;
use refrain_schemas::endpoint::ServerSpec;

use super::Lowering;
use super::body::Draft;
use super::reading::{Fields, Item, OwnItem, json};
use super::texts::has_template;
use super::tools::ToolAct;
use crate::node::Kind;

/// The tool that uses servers.
pub(super) const TOOL: &str = "mcp-server";
/// The tool that reads what they have.
pub(super) const RESOURCES: &str = "mcp-resource";
/// The parameter that says how a server is started; what the tool itself is given is its name.
pub(super) const CONFIG: &str = "server_config";
const KEYS: [&str; 6] = ["command", "args", "env", "cwd", "url", "timeout"];

/// Whether an action of the originals waits for news of a server.
pub(super) fn is_subscription(tool: &str, action: &str) -> bool {
    tool == RESOURCES && matches!(action, "subscribe" | "unsubscribe")
}

impl Lowering<'_, '_> {
    /// Takes over what a step says of a server, and notes the name of one that is written out.
    pub(super) fn serve(&mut self, draft: &Draft<'_>, act: &ToolAct) {
        if act.tool != TOOL && act.tool != RESOURCES {
            return;
        }
        let parameters = draft.fields.get("parameters");
        let Some(Kind::Map(_)) = parameters.as_ref().map(|item| &item.node.kind) else { return };
        let Some(fields) = parameters.and_then(|item| self.reading.fields(&item)) else { return };
        let Some(server) = fields.get("server_name").filter(|item| !has_template(&json(item.node))) else {
            return;
        };
        let Some(name) = server.text().map(str::to_owned) else { return };
        if let Some(item) = fields.get(CONFIG).filter(|_| act.tool == TOOL && act.action == "connect") {
            self.declare_server(&name, &item);
        }
        self.served.push((name, OwnItem::of(&server)));
    }

    fn declare_server(&mut self, name: &str, item: &Item<'_>) {
        let before = self.reading.n_problems();
        let Some(fields) = self.reading.fields(item) else { return };
        self.reading.known(&fields, "`server_config`", &KEYS, &[]);
        if has_template(&json(item.node)) {
            let hint = Some("write it out, or declare the server under `servers:`".to_owned());
            let message = "how a server is started is the same for every run, and no template";
            self.reading.at_key(Code::WrongType, item, message, hint);
        }
        let spec = self.server(&fields);
        if let Some(why) = spec.problem().filter(|_| self.reading.n_problems() == before) {
            self.reading.at_key(Code::WrongType, item, format!("server `{name}`: {why}"), None);
        }
        if self.reading.n_problems() > before {
            self.broken.servers.insert(name.to_owned());
            return;
        }
        let known = self.pipeline.servers.get(name);
        if known.is_some_and(|known| *known != spec) {
            let message = format!("the server `{name}` is declared twice, and differently");
            return self.reading.at_key(Code::StepTwo, item, message, None);
        }
        self.place(format!("servers.{name}"), item);
        self.pipeline.servers.insert(name.to_owned(), spec);
    }

    fn server(&mut self, fields: &Fields<'_>) -> ServerSpec {
        let mut text = |key: &str| {
            let item = fields.get(key)?;
            self.reading.text(&item).map(str::to_owned)
        };
        let (program, cwd, url) = (text("command"), text("cwd"), text("url"));
        let args = fields.get("args").and_then(|item| self.reading.list(&item)).unwrap_or_default();
        let args: Vec<String> = args.iter().filter_map(|item| self.printed(item)).collect();
        let env = fields.get("env").and_then(|item| self.reading.fields(&item));
        let env = env.iter().flat_map(Fields::iter).collect::<Vec<_>>();
        let env = env.iter().filter_map(|(key, item)| Some(format!("{key}={}", self.printed(item)?)));
        ServerSpec {
            env: env.collect(),
            command: program.map(|program| std::iter::once(program).chain(args).collect()),
            cwd,
            url,
            timeout: fields.get("timeout").and_then(|item| self.reading.time(&item)),
            ..ServerSpec::default()
        }
    }

    /// Reads a text, or a number or a flag that is meant as one.
    fn printed(&mut self, item: &Item<'_>) -> Option<String> {
        match &item.node.kind {
            Kind::Bool(_) | Kind::Integer(_) | Kind::Unsigned(_) | Kind::Float(_) => {
                Some(json(item.node).to_string())
            }
            _ => self.reading.text(item).map(str::to_owned),
        }
    }

    /// Servers that steps name MUST be declared somewhere.
    pub(super) fn known_servers(&mut self) {
        if self.broken.sections.contains("servers") {
            return;
        }
        for (name, item) in std::mem::take(&mut self.served) {
            if self.pipeline.servers.contains_key(&name) || self.broken.servers.contains(&name) {
                continue;
            }
            let near = suggestion(&name, self.pipeline.servers.keys().map(String::as_str));
            let declare = "declare it under `servers:`, or say `server_config` where it is connected to";
            let hint = near.or_else(|| Some(declare.to_owned()));
            let message = format!("there is no MCP server `{name}`");
            self.reading.at(Code::NotAChoice, &item.item(), message, hint);
        }
    }
}
