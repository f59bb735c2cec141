//! Fields of an agent that only some kinds of agents have.

use refrain_schemas::agent_spec::{AgentSpec, HttpSpec, McpSpec, REGISTRY, ToolsSpec};
use serde_json::{Map, Value};

use super::code::Code;
use super::{Checker, secret};

/// Says whom a field is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Models,
    Commands,
    /// Everything but what is built in.
    Outside,
}

impl Checker<'_> {
    /// Checks that an agent of a kind has no field of another kind.
    pub(super) fn agent_fields(&mut self, spec: &AgentSpec, kind: &str, path: &str) {
        for (field, whose, _) in fields(spec).into_iter().filter(|(_, _, given)| *given) {
            let (fits, words) = match whose {
                For::Models => (kind == "model", "models"),
                For::Commands => (kind == "command", "commands"),
                For::Outside => (kind != "builtin", "commands and models"),
            };
            if !fits {
                let message = format!("`{field}` is for {words}, not for {}", plural(kind));
                self.problems.add(Code::AgentField, format!("{path}.{field}"), message);
            }
        }
        if kind == "model" {
            self.open_settings(&spec.extra, &format!("{path}.extra"));
            self.open_settings(&spec.params, &format!("{path}.params"));
        }
        self.variables(&spec.env, &format!("{path}.env"));
        self.folder(spec.cwd.as_deref(), &format!("{path}.cwd"));
        self.at_least_one(spec.max_tokens.map(u64::from), &format!("{path}.max_tokens"));
        self.share(spec.top_p, 1.0, &format!("{path}.top_p"));
        self.share(spec.temperature, f64::INFINITY, &format!("{path}.temperature"));
        if let Some(http) = &spec.http {
            self.http(http, &format!("{path}.http"));
        }
        if let Some(mcp) = &spec.mcp {
            self.mcp(mcp, &format!("{path}.mcp"));
        }
        if let Some(tools) = &spec.tools {
            self.tools(tools, &format!("{path}.tools"));
        }
    }

    fn http(&mut self, http: &HttpSpec, path: &str) {
        self.headers(&http.headers, path);
        if let Some(endpoint) = &http.endpoint {
            self.named_endpoint(endpoint, &format!("{path}.endpoint"));
        }
        match &http.endpoint {
            // A template cannot be judged before it is filled in, nor a piece of an address.
            None if crate::template::is_template(&http.url) => {
                self.open_address(&http.url, &format!("{path}.url"));
            }
            Some(_) => self.open_address(&http.url, &format!("{path}.url")),
            None => self.address(&http.url, &format!("{path}.url")),
        }
    }

    fn mcp(&mut self, mcp: &McpSpec, path: &str) {
        self.named_server(&mcp.server, &format!("{path}.server"));
        self.field_name(Some(&mcp.tool), &format!("{path}.tool"));
    }

    fn tools(&mut self, tools: &ToolsSpec, path: &str) {
        for server in tools.from.keys().filter(|server| *server != REGISTRY) {
            self.named_server(server, &format!("{path}.from.{server}"));
        }
        self.at_least_one(tools.rounds.map(u64::from), &format!("{path}.rounds"));
        self.at_least_one(tools.result_bytes.map(u64::from), &format!("{path}.result_bytes"));
        let is_any = tools.from.values().any(Vec::is_empty);
        for (n, tool) in tools.require.iter().enumerate() {
            if !is_any && !tools.from.values().flatten().any(|known| known == tool) {
                let message = format!("tool `{tool}` is required, and the model may not use it");
                self.problems.add(Code::RequiredTool, format!("{path}.require[{n}]"), message);
            }
        }
    }

    /// Checks a number from 0 to some other.
    fn share(&mut self, number: Option<f64>, most: f64, path: &str) {
        let Some(number) = number.filter(|number| !(0.0..=most).contains(number)) else { return };
        let field = path.rsplit('.').next().unwrap_or(path);
        let range = if most.is_finite() { format!("from 0 to {most}") } else { "at least 0".to_owned() };
        let message = format!("`{field}` is {number}, and it is {range}");
        self.problems.add(Code::NumberRange, path, message);
    }

    /// Checks the variables that a process gets: `NAME` or `NAME=value`.
    pub(super) fn variables(&mut self, env: &[String], path: &str) {
        for (n, variable) in env.iter().enumerate() {
            let name = variable.split_once('=').map_or(variable.as_str(), |(name, _)| name);
            let path = format!("{path}[{n}]");
            self.variable(name, &path);
            let value = variable.split_once('=').map_or("", |(_, value)| value);
            if secret::looks_like_key(value) || (secret::is_secret_name(name) && !value.is_empty()) {
                let hint = "write the name alone: the value comes from the environment".to_owned();
                self.problems.add_with(
                    Code::SecretText,
                    path,
                    "the value given here is a secret",
                    Some(hint),
                );
            }
        }
    }

    /// Checks that settings of a model hold no key as it is written.
    fn open_settings(&mut self, settings: &Map<String, Value>, path: &str) {
        for (name, value) in settings {
            let path = format!("{path}.{name}");
            match value {
                Value::Object(inner) => self.open_settings(inner, &path),
                Value::String(text) if secret::is_literal(text) && secret::is_secret_name(name) => {
                    let hint = "put it into the environment and name the variable at the endpoint: \
                                `api_key_env: NAME`, or `headers: { NAME: { env: VARIABLE } }`";
                    let message = format!("the value of `{name}` is a secret");
                    self.problems.add_with(Code::SecretText, path, message, Some(hint.to_owned()));
                }
                _ => {}
            }
        }
    }
}

fn fields(spec: &AgentSpec) -> [(&'static str, For, bool); 18] {
    [
        ("system", For::Models, spec.system.is_some()),
        ("prompt", For::Models, spec.prompt.is_some()),
        ("output", For::Models, spec.output.is_some()),
        ("field", For::Models, spec.field.is_some()),
        ("temperature", For::Models, spec.temperature.is_some()),
        ("top_p", For::Models, spec.top_p.is_some()),
        ("seed", For::Models, spec.seed.is_some()),
        ("max_tokens", For::Models, spec.max_tokens.is_some()),
        ("reasoning", For::Models, spec.reasoning.is_some()),
        ("stream", For::Models, spec.stream),
        ("structured", For::Models, spec.structured.is_some()),
        ("extra", For::Models, !spec.extra.is_empty()),
        ("tools", For::Models, spec.tools.is_some()),
        ("env", For::Commands, !spec.env.is_empty()),
        ("cwd", For::Commands, spec.cwd.is_some()),
        ("oneshot", For::Commands, spec.oneshot),
        ("accepts", For::Outside, spec.accepts.is_some()),
        ("files", For::Outside, !spec.files.is_empty()),
    ]
}

fn plural(kind: &str) -> &'static str {
    match kind {
        "model" => "models",
        "command" => "commands",
        "http" => "HTTP agents",
        "mcp" => "MCP tools",
        "tool" => "tools",
        _ => "built-in agents",
    }
}
