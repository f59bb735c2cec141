//! Makes agents that are tools of MCP servers.

use std::sync::Arc;

use refrain_core::expression::Expression;
use refrain_core::ports::agent::{
    Agent, AgentError, AgentFactory, AgentTraits, Blueprint, Draft, SpecProblem,
};
use refrain_core::ports::tools::Tools;
use refrain_schemas::agent_spec::{AgentSpec, McpSpec};
use refrain_schemas::failure::FailureKind;
use refrain_schemas::json::Json;
use serde_json::json;

use crate::agent::McpAgent;
use crate::arguments::{Arguments, ROOTS};

/// Makes the agents of specs that say `mcp:`.
#[derive(Debug, Clone)]
pub struct McpAgents {
    tools: Arc<dyn Tools>,
}

impl McpAgents {
    /// Returns a factory whose agents use these tools.
    #[must_use]
    pub const fn new(tools: Arc<dyn Tools>) -> Self {
        Self { tools }
    }
}

impl AgentFactory for McpAgents {
    fn handles(&self, spec: &AgentSpec) -> bool {
        spec.mcp.is_some()
    }

    fn check(&self, draft: &Draft<'_>) -> Vec<SpecProblem> {
        let Some(spec) = &draft.spec.mcp else { return Vec::new() };
        let mut problems = check_server(spec, draft);
        if spec.tool.is_empty() {
            problems.push(problem("mcp.tool", "the tool has no name", None));
        }
        problems.extend(check_arguments(spec));
        problems.extend(check_select(spec));
        problems
    }

    fn describe(&self, draft: &Draft<'_>) -> AgentTraits {
        let spec = draft.spec.mcp.clone().unwrap_or_default();
        // What the server is called is a label; who it is comes with the digest of its tool.
        let own = json!({ "tool": spec.tool, "arguments": spec.arguments, "select": spec.select });
        let own = Json::of(&own).map_or_else(|_| own.to_string(), |json| json.as_str().to_owned());
        let tools = vec![(spec.server, vec![spec.tool])];
        AgentTraits { tools, ..AgentTraits::plain(format!("mcp {own}")) }
    }

    fn make(&self, blueprint: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
        let spec = blueprint.spec.mcp.as_ref().ok_or_else(|| {
            let message = format!("agent `{}` names no tool", blueprint.name);
            AgentError::new(FailureKind::Permanent, message)
        })?;
        Ok(Arc::new(McpAgent::new(spec, Arc::clone(&self.tools), blueprint)?))
    }
}

fn check_server(spec: &McpSpec, draft: &Draft<'_>) -> Vec<SpecProblem> {
    let servers = &draft.declared.servers;
    match servers.get(&spec.server) {
        Some(server) => server
            .problem()
            .map(|message| problem("mcp.server", &format!("server `{}`: {message}", spec.server), None))
            .into_iter()
            .collect(),
        None => {
            let known: Vec<&str> = servers.keys().map(String::as_str).collect();
            let hint = match known.is_empty() {
                true => "declare it under `servers:`".to_owned(),
                false => format!("declared are {}", known.join(", ")),
            };
            let message = format!("there is no server `{}`", spec.server);
            vec![problem("mcp.server", &message, Some(&hint))]
        }
    }
}

fn check_arguments(spec: &McpSpec) -> Vec<SpecProblem> {
    match Arguments::compile(spec) {
        Err(error) => vec![problem(&error.path, &error.error.to_string(), None)],
        Ok(arguments) => arguments
            .strangers()
            .into_iter()
            .map(|path| {
                let hint = format!("there are {}", ROOTS.join(", "));
                problem("mcp.arguments", &format!("`{path}` is unknown here"), Some(&hint))
            })
            .collect(),
    }
}

fn check_select(spec: &McpSpec) -> Vec<SpecProblem> {
    let Some(select) = &spec.select else { return Vec::new() };
    match Expression::compile(select) {
        Err(error) => vec![problem("mcp.select", &error.to_string(), None)],
        Ok(expression) => expression
            .variables()
            .iter()
            .filter(|path| path.split(['.', '[']).next() != Some("result"))
            .map(|path| {
                problem("mcp.select", &format!("`{path}` is unknown here"), Some("there is `result`"))
            })
            .collect(),
    }
}

fn problem(field: &str, message: &str, hint: Option<&str>) -> SpecProblem {
    SpecProblem { field: field.to_owned(), message: message.to_owned(), hint: hint.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use refrain_core::ports::tools::NoTools;
    use refrain_schemas::pipeline::Declarations;
    use serde_json::Value;

    use super::*;

    fn draft(mcp: Value) -> AgentSpec {
        AgentSpec { mcp: Some(serde_json::from_value(mcp).unwrap()), ..AgentSpec::default() }
    }

    fn check(servers: Value, mcp: Value, expect: &[&str]) {
        let factory = McpAgents::new(Arc::new(NoTools));
        let declared =
            Declarations { servers: serde_json::from_value(servers).unwrap(), ..Declarations::default() };
        let problems = factory.check(&Draft { spec: &draft(mcp), declared: &declared });
        let found: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.field, p.message)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn specs_are_checked() {
        let servers = json!({"s": {"command": ["x"]}});
        let arguments = json!({"a": "{{ unit.a }}", "b": ["{{ scope.x }} {{ params.y }} {{ context.z }}"]});
        check(
            servers.clone(),
            json!({"server": "s", "tool": "t", "arguments": arguments, "select": "result.x"}),
            &[],
        );
        check(
            servers.clone(),
            json!({"server": "x", "tool": ""}),
            &["mcp.server: there is no server `x`", "mcp.tool: the tool has no name"],
        );
        let wrong =
            json!({"server": "s", "tool": "t", "arguments": {"a": ["{{ line.a }}"]}, "select": "unit.a"});
        check(
            servers.clone(),
            wrong,
            &["mcp.arguments: `line.a` is unknown here", "mcp.select: `unit.a` is unknown here"],
        );
        let broken = json!({"server": "s", "tool": "t", "arguments": {"a": ["{{ unit. }}"]}});
        let factory = McpAgents::new(Arc::new(NoTools));
        let declared =
            Declarations { servers: serde_json::from_value(servers).unwrap(), ..Declarations::default() };
        let problems = factory.check(&Draft { spec: &draft(broken), declared: &declared });
        assert_eq!(problems.iter().map(|p| p.field.as_str()).collect::<Vec<_>>(), ["mcp.arguments.a[0]"]);
    }

    #[test]
    fn servers_are_checked_where_they_are_used() {
        let of = |server: Value, message: &str| {
            let expect = format!("mcp.server: server `s`: {message}");
            check(json!({"s": server}), json!({"server": "s", "tool": "t"}), &[&expect]);
        };
        of(json!({}), "it has neither `command` nor `url`");
        of(json!({"command": ["x"], "url": "http://x"}), "it has both `command` and `url`");
        of(json!({"command": []}), "its command names no program");
        of(json!({"url": "ftp://x"}), "its address does not begin with `http://` or `https://`");
        of(json!({"url": "http://x", "env": ["A"]}), "`env` is for servers with a `command`");
    }

    #[test]
    fn the_identity_is_what_is_asked_and_not_what_the_server_is_called() {
        let identity = |mcp: Value| {
            let factory = McpAgents::new(Arc::new(NoTools));
            factory.describe(&Draft { spec: &draft(mcp), declared: &Declarations::default() }).identity
        };
        let one = identity(json!({"server": "a", "tool": "t", "arguments": {"x": 1}}));
        assert_eq!(one, identity(json!({"server": "b", "tool": "t", "arguments": {"x": 1}})));
        assert_ne!(one, identity(json!({"server": "a", "tool": "t", "arguments": {"x": 2}})));
        assert_ne!(one, identity(json!({"server": "a", "tool": "u", "arguments": {"x": 1}})));
        let select = json!({"server": "a", "tool": "t", "arguments": {"x": 1}, "select": "result"});
        assert_ne!(one, identity(select));
    }
}
