//! Where models and tools are reached: endpoints and servers.

use indexmap::IndexMap;
use refrain_schemas::agent_spec::{AgentSpec, REGISTRY};
use refrain_schemas::duration::Span;
use refrain_schemas::endpoint::{EndpointSpec, HeaderValue, RateLimits, ServerSpec};
use refrain_schemas::pipeline::Declarations;

use super::code::Code;
use super::files::is_inside;
use super::{Checker, secret, suggest};
use crate::ports::agent::Draft;

impl Checker<'_> {
    /// Checks the endpoints and the servers.
    pub(super) fn services(&mut self) {
        let pipeline = self.pipeline;
        for (name, endpoint) in &pipeline.endpoints {
            self.endpoint(name, endpoint, &format!("endpoints.{name}"));
        }
        for (name, server) in &pipeline.servers {
            self.server(name, server, &format!("servers.{name}"));
            if name == REGISTRY {
                let message = format!("`{name}` is what models call the tools of the registry");
                let hint = Some("give the server another name".to_owned());
                self.problems.add_with(Code::BadName, format!("servers.{name}"), message, hint);
            }
        }
        self.fallback_circles();
    }

    fn endpoint(&mut self, name: &str, endpoint: &EndpointSpec, path: &str) {
        match &endpoint.base_url {
            Some(url) => self.address(url, &format!("{path}.base_url")),
            None if endpoint.kind.is_some() || self.is_known_provider(name) => {}
            None => {
                let message = format!("endpoint `{name}` does not say where it is");
                self.problems.add(Code::NoAddress, path, message);
            }
        }
        if let Some(name) = &endpoint.api_key_env {
            self.variable(name, &format!("{path}.api_key_env"));
        }
        self.headers(&endpoint.headers, path);
        self.some_time(endpoint.timeout, &format!("{path}.timeout"));
        self.rates(endpoint.limits.as_ref(), &format!("{path}.limits"));
        for (model, known) in &endpoint.models {
            self.rates(known.limits.as_ref(), &format!("{path}.models.{model}.limits"));
        }
        for (n, other) in endpoint.fallback.iter().enumerate() {
            self.named_endpoint(other, &format!("{path}.fallback[{n}]"));
        }
    }

    fn rates(&mut self, limits: Option<&RateLimits>, path: &str) {
        let Some(limits) = limits else { return };
        self.at_least_one(limits.concurrency.map(u64::from), &format!("{path}.concurrency"));
        self.at_least_one(limits.requests_per_minute.map(u64::from), &format!("{path}.requests_per_minute"));
        self.at_least_one(limits.tokens_per_minute, &format!("{path}.tokens_per_minute"));
    }

    fn server(&mut self, name: &str, server: &ServerSpec, path: &str) {
        match (&server.command, &server.url) {
            (Some(command), None) => {
                if command.first().is_none_or(|program| program.trim().is_empty()) {
                    let message = format!("the command of server `{name}` names no program");
                    self.problems.add(Code::EmptyCommand, format!("{path}.command"), message);
                }
                if !server.headers.is_empty() {
                    let message = "`headers` are for a server with a `url`";
                    self.problems.add(Code::ServerField, format!("{path}.headers"), message);
                }
            }
            (None, Some(url)) => {
                self.address(url, &format!("{path}.url"));
                let given = [("env", !server.env.is_empty()), ("cwd", server.cwd.is_some())];
                for (field, _) in given.into_iter().filter(|(_, given)| *given) {
                    let message = format!("`{field}` is for a server with a `command`");
                    self.problems.add(Code::ServerField, format!("{path}.{field}"), message);
                }
            }
            (Some(_), Some(_)) => {
                let message = format!("server `{name}` has both `command` and `url`");
                self.problems.add(Code::ServerKind, path, message);
            }
            (None, None) => {
                let message = format!("server `{name}` does not say how it is reached");
                let hint = "add `command: [program, argument]` or `url: http://…`".to_owned();
                self.problems.add_with(Code::ServerKind, path, message, Some(hint));
            }
        }
        self.headers(&server.headers, path);
        self.variables(&server.env, &format!("{path}.env"));
        self.folder(server.cwd.as_deref(), &format!("{path}.cwd"));
        self.some_time(server.timeout, &format!("{path}.timeout"));
    }

    /// Checks the headers that are sent along; their values are never shown.
    pub(super) fn headers(&mut self, headers: &IndexMap<String, HeaderValue>, path: &str) {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        for (name, value) in headers {
            let at = format!("{path}.headers.{name}");
            if name.is_empty() || !name.chars().all(is_token) {
                self.problems.add(Code::Header, &at, format!("{name:?} cannot be the name of a header"));
            }
            match value {
                HeaderValue::Text(text) if text.chars().any(char::is_control) => {
                    self.problems.add(
                        Code::Header,
                        &at,
                        "the header's value has characters that cannot be sent",
                    );
                }
                HeaderValue::Text(text) if secret::is_secret_header(name) && secret::is_literal(text) => {
                    let message = format!("the value of header `{name}` is a secret");
                    let hint = "put it into the environment and name the variable: `{ env: NAME }`, with \
                                `prefix: \"Bearer \"` where it has one";
                    self.problems.add_with(Code::SecretText, &at, message, Some(hint.to_owned()));
                }
                HeaderValue::Text(_) => {}
                HeaderValue::Env(value) => self.variable(&value.env, &format!("{at}.env")),
            }
        }
    }

    /// Checks an address; what is wrong with it is said without quoting it, as it may hold a password.
    pub(super) fn address(&mut self, url: &str, path: &str) {
        if let Some(message) = wrong_address(url) {
            self.problems.add(Code::Address, path, message);
        }
        self.open_address(url, path);
    }

    /// Checks that an address, or a piece of one, holds no key as it is written.
    pub(super) fn open_address(&mut self, url: &str, path: &str) {
        if let Some(name) = secret::secret_parameter(url) {
            let message = format!("`{name}` in the address is a secret");
            let hint = "send it as a header: `headers: { NAME: { env: VARIABLE } }`".to_owned();
            self.problems.add_with(Code::SecretText, path, message, Some(hint));
        }
    }

    /// Checks the name of a variable; what is written is never shown, as it may be the secret itself.
    pub(super) fn variable(&mut self, name: &str, path: &str) {
        if secret::looks_like_key(name) {
            let message = "what stands here looks like a key itself; write the NAME of the variable";
            self.problems.add(Code::EnvName, path, message);
        } else if !is_variable(name) {
            let message = "what stands here is no name of an environment variable in capitals";
            self.problems.add(Code::EnvName, path, message);
        }
    }

    pub(super) fn folder(&mut self, folder: Option<&str>, path: &str) {
        if let Some(folder) = folder.filter(|folder| !is_inside(folder)) {
            self.problems.add(Code::FileOutside, path, format!("`{folder}` leads out of the project"));
        }
    }

    pub(super) fn some_time(&mut self, time: Option<Span>, path: &str) {
        if time == Some(Span(std::time::Duration::ZERO)) {
            let field = path.rsplit('.').next().unwrap_or(path);
            self.problems.add(Code::NoTime, path, format!("`{field}` is zero"));
        }
    }

    /// Looks an endpoint up that is named at `path`; says so if there is none.
    pub(super) fn named_endpoint(&mut self, name: &str, path: &str) {
        let known = &self.pipeline.endpoints;
        let may_be = self.broken.may_have("endpoints", &self.broken.endpoints, name);
        if !known.contains_key(name) && !may_be && !self.is_known_provider(name) {
            let hint = suggest::suggestion(name, known.keys().map(String::as_str));
            let message = format!("there is no endpoint `{name}`");
            self.problems.add_with(Code::UnknownEndpoint, path, message, hint);
        }
    }

    /// Looks a server up that is named at `path`; says so if there is none.
    pub(super) fn named_server(&mut self, name: &str, path: &str) {
        let known = &self.pipeline.servers;
        let may_be = self.broken.may_have("servers", &self.broken.servers, name);
        if !known.contains_key(name) && !may_be {
            let hint = suggest::suggestion(name, known.keys().map(String::as_str));
            let message = format!("there is no server `{name}`");
            self.problems.add_with(Code::UnknownServer, path, message, hint);
        }
    }

    /// Whether whoever makes models knows an endpoint that nobody declared.
    fn is_known_provider(&self, name: &str) -> bool {
        let spec = AgentSpec { model: Some(format!("{name}/x")), ..AgentSpec::default() };
        let draft = Draft { spec: &spec, declared: &Declarations::default() };
        let factory = self.around.factories.iter().find(|factory| factory.handles(&spec));
        factory.is_some_and(|factory| factory.check(&draft).iter().all(|problem| problem.field != "model"))
    }

    fn fallback_circles(&mut self) {
        let endpoints = &self.pipeline.endpoints;
        for (name, endpoint) in endpoints {
            let circle = endpoint.fallback.iter().position(|next| leads_to(endpoints, next, name));
            if let Some(n) = circle {
                let message = format!("endpoint `{name}` falls back on itself");
                self.problems.add(Code::FallbackCircle, format!("endpoints.{name}.fallback[{n}]"), message);
            }
        }
    }
}

fn leads_to(endpoints: &IndexMap<String, EndpointSpec>, from: &str, to: &str) -> bool {
    let mut seen: Vec<&str> = Vec::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if !seen.contains(&name) {
            seen.push(name);
            open.extend(endpoints.get(name).into_iter().flat_map(|e| &e.fallback).map(String::as_str));
        }
    }
    false
}

/// Whether a text has the shape of a variable's name.
fn is_variable(name: &str) -> bool {
    let is_start = |c: char| c.is_ascii_uppercase() || c == '_';
    name.len() <= 200 && name.starts_with(is_start) && name.chars().all(|c| is_start(c) || c.is_ascii_digit())
}

fn wrong_address(url: &str) -> Option<&'static str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let Some(rest) = rest else { return Some("an address begins with `http://` or `https://`") };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("the address holds a user or a password");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_bad =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '\\' | '^' | '`');
    if host.is_empty() || url.contains(is_bad) {
        return Some("the address names no host, or has characters that no address has");
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Some("the port of the address is no number up to 65535");
    }
    rest.contains('#').then_some("an address has no `#`")
}
