//! Tools that a model may use while it answers: those of the registry, and those of the file's servers.

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;
use refrain_core::ports::tool_catalogue::ToolKind;
use refrain_schemas::agent_spec::{REGISTRY, ToolsSpec};

use super::Lowering;
use super::reading::{Fields, Item};

impl Lowering<'_, '_> {
    /// Returns the tools that a step offers to its model, by the names that the file may call them: its own, else those of the
    /// header.
    pub(super) fn offered_tools(&mut self, fields: &Fields<'_>) -> Vec<String> {
        match fields.get("tools") {
            Some(item) => self.tools_named(&item),
            None => self.models.tools.clone(),
        }
    }

    /// Returns the tools that are named.
    pub(super) fn tools_named(&mut self, item: &Item<'_>) -> Vec<String> {
        let names = self.reading.names(item);
        names.iter().filter_map(|(name, item)| self.offered(name, item)).collect()
    }

    /// Returns the name of a tool that a model may use: one of the registry, a server, or `SERVER/TOOL`.
    pub(super) fn offered(&mut self, name: &str, item: &Item<'_>) -> Option<String> {
        let server = name.split('/').next().unwrap_or(name);
        if self.pipeline.servers.contains_key(server) {
            return Some(name.to_owned());
        }
        let tools = self.tools?;
        let found = tools.find(name);
        let message = match &found {
            Some(view) if view.kind == ToolKind::Tool => return Some(view.name.to_owned()),
            Some(view) if view.kind == ToolKind::Absent => {
                format!("tool `{name}` is not carried out here: {}", view.description)
            }
            Some(_) => format!("`{name}` is no tool that a model may use"),
            None => format!("there is no tool `{name}`"),
        };
        let is_tool = |name: &&str| tools.find(name).is_some_and(|view| view.kind == ToolKind::Tool);
        let servers = self.pipeline.servers.keys().map(String::as_str);
        let known: Vec<&str> = tools.names().into_iter().filter(is_tool).chain(servers).collect();
        let hint = found.is_none().then(|| suggestion(name, known.iter().copied())).flatten();
        self.reading.at(Code::StepTool, item, message, hint);
        None
    }

    /// Returns what the agent is told of the tools.
    pub(super) fn tools_spec(&self, offered: &[String]) -> Option<ToolsSpec> {
        let mut from: IndexMap<String, Vec<String>> = IndexMap::new();
        for name in offered {
            let (server, tool) = name.split_once('/').map_or((name.as_str(), None), |(s, t)| (s, Some(t)));
            if self.pipeline.servers.contains_key(server) {
                let names = from.entry(server.to_owned()).or_default();
                names.extend(tool.map(str::to_owned));
                continue;
            }
            let actions = self.tools.and_then(|tools| tools.find(name)).map(|view| view.offers());
            let names = actions.into_iter().flatten().map(|(name, _)| name);
            from.entry(REGISTRY.to_owned()).or_default().extend(names);
        }
        // Who may use all of a server's tools may use those that are named beside it.
        for name in offered.iter().filter(|name| self.pipeline.servers.contains_key(name.as_str())) {
            from.entry(name.clone()).or_default().clear();
        }
        (!from.is_empty()).then(|| ToolsSpec { from, ..ToolsSpec::default() })
    }
}
