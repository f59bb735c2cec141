//! A service as its spec describes it.

use indexmap::IndexMap;
use refrain_core::expression::Expression;
use refrain_core::fill::Pattern;
use refrain_core::ports::agent::{AgentError, GateSpec, SpecProblem};
use refrain_core::ports::secrets::{Secrets, secret};
use refrain_core::protocol::TEMPLATE_ROOTS;
use refrain_schemas::agent_spec::HttpSpec;
use refrain_schemas::endpoint::HeaderValue;
use refrain_schemas::environment::is_variable_name;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::json::Json;
use refrain_schemas::pipeline::Declarations;
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue as WireValue};
use serde_json::json;

use crate::model::endpoint::{Endpoint, resolve};
use crate::model::wire;

/// The methods that have a body.
const METHODS: [&str; 3] = ["POST", "PUT", "PATCH"];

/// A service, with everything that can be made out beforehand.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) method: String,
    pub(super) url: Url,
    pub(super) endpoint: Option<Endpoint>,
    headers: IndexMap<String, HeaderValue>,
    /// What is sent about a unit; the JSON that a command gets where there is none.
    pub(super) body: Option<Pattern>,
    /// What of the response is the output.
    pub(super) select: Option<Expression>,
}

impl Service {
    /// Makes out what a spec says.
    ///
    /// # Errors
    /// Names everything that is wrong with it.
    pub(super) fn of(spec: &HttpSpec, declared: &Declarations) -> Result<Self, Vec<SpecProblem>> {
        let mut problems = Vec::new();
        let mut note = |found: Result<(), SpecProblem>| problems.extend(found.err());
        let method = spec.method.as_deref().unwrap_or("POST").to_uppercase();
        note(check_method(&method));
        spec.headers.iter().for_each(|(name, value)| note(check_header(name, value)));
        let endpoint = spec.endpoint.as_deref().map(|name| resolve(declared, name)).transpose();
        let endpoint = endpoint.map_err(|error| problem("http.endpoint", &error.to_string(), None));
        let url = endpoint.clone().and_then(|endpoint| address(spec, endpoint.as_ref()));
        let body = pattern(spec);
        let select = selector(spec);
        match (endpoint, url, body, select) {
            (Ok(endpoint), Ok(url), Ok(body), Ok(select)) if problems.is_empty() => {
                Ok(Self { method, url, endpoint, headers: spec.headers.clone(), body, select })
            }
            (endpoint, url, body, select) => {
                let found = [endpoint.err(), url.err(), body.err(), select.err()];
                for found in found.into_iter().flatten() {
                    // Without its endpoint an address is wrong for the same reason.
                    if !problems.contains(&found) {
                        problems.push(found);
                    }
                }
                Err(problems)
            }
        }
    }

    /// Returns the gate it shares with everything else at its endpoint.
    pub(super) fn gate(&self) -> Option<GateSpec> {
        let endpoint = self.endpoint.as_ref()?;
        Some(GateSpec { name: endpoint.name.clone(), limits: endpoint.limits, within: None })
    }

    /// Returns what is sent along, keys included.
    ///
    /// # Errors
    /// Fails where a secret has no value.
    pub(super) fn headers(&self, secrets: &dyn Secrets) -> Result<Vec<(String, String)>, AgentError> {
        let mut own = Vec::new();
        for (name, value) in &self.headers {
            own.push((name.to_lowercase(), header(value, secrets)?));
        }
        let mut all = vec![("content-type".to_owned(), "application/json".to_owned())];
        if let Some(endpoint) = &self.endpoint {
            let missing = |error: crate::model::endpoint::MissingSecret| {
                AgentError::new(FailureKind::Credentials, error.to_string())
            };
            let key = endpoint.secret_key(secrets).map_err(missing)?;
            all = wire::headers(endpoint.kind, key.as_deref());
            own.splice(0..0, endpoint.secret_headers(secrets).map_err(missing)?);
        }
        for (name, value) in own {
            all.retain(|(known, _)| *known != name);
            all.push((name, value));
        }
        Ok(all)
    }
}

/// Returns what sets a service apart: how it is asked and what is taken of its responses. Where an endpoint is reached, and
/// with which keys, is not in it.
pub(super) fn identity(spec: &HttpSpec) -> String {
    let method = spec.method.as_deref().unwrap_or("POST").to_uppercase();
    let own = json!({ "method": method, "url": spec.url, "body": spec.body, "select": spec.select });
    let own = Json::of(&own).map_or_else(|_| own.to_string(), |json| json.as_str().to_owned());
    format!("http {own}")
}

pub(super) fn problem(field: &str, message: &str, hint: Option<&str>) -> SpecProblem {
    SpecProblem { field: field.to_owned(), message: message.to_owned(), hint: hint.map(str::to_owned) }
}

fn check_method(method: &str) -> Result<(), SpecProblem> {
    if METHODS.contains(&method) {
        return Ok(());
    }
    let message = format!("`{method}` is no method that sends a body");
    Err(problem("http.method", &message, Some("use one of POST, PUT and PATCH")))
}

fn check_header(name: &str, value: &HeaderValue) -> Result<(), SpecProblem> {
    let field = format!("http.headers.{name}");
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(problem(&field, "this is no name of a header", None));
    }
    match value {
        HeaderValue::Text(text) if WireValue::from_str(text).is_err() => {
            Err(problem(&field, "the value has characters that no header may have", None))
        }
        HeaderValue::Env(value) if !is_variable_name(&value.env) => {
            let hint = "write `env: NAME`; the value itself stands in the environment or in `.env`";
            Err(problem(&format!("{field}.env"), "this is no name of a variable", Some(hint)))
        }
        HeaderValue::Text(_) | HeaderValue::Env(_) => Ok(()),
    }
}

fn header(value: &HeaderValue, secrets: &dyn Secrets) -> Result<String, AgentError> {
    match value {
        HeaderValue::Text(text) => Ok(text.clone()),
        HeaderValue::Env(value) => {
            let secret = secret(&value.env, secrets)?;
            Ok(format!("{}{secret}", value.prefix.as_deref().unwrap_or_default()))
        }
    }
}

fn address(spec: &HttpSpec, endpoint: Option<&Endpoint>) -> Result<Url, SpecProblem> {
    let bad = |message: &str, hint: &str| problem("http.url", message, Some(hint));
    if refrain_core::template::is_template(&spec.url) {
        return Err(bad("an address is no template", "put what differs into the `body`"));
    }
    if let Some(endpoint) = endpoint {
        if spec.url.contains("://") {
            return Err(bad(
                "behind an endpoint this is a path",
                "write `/labels` for instance, or leave `endpoint` out",
            ));
        }
        let (path, query) =
            spec.url.split_once('?').map_or((&*spec.url, None), |(path, query)| (path, Some(query)));
        let path =
            if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        return Ok(endpoint.url(&path, query));
    }
    let url = Url::parse(&spec.url).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
    let url = url.ok_or_else(|| {
        bad("this is no `http://` or `https://` address", "write the whole address, or name an `endpoint`")
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("the address holds credentials", "put them into `headers` by `env:`"));
    }
    Ok(url)
}

fn pattern(spec: &HttpSpec) -> Result<Option<Pattern>, SpecProblem> {
    let Some(body) = &spec.body else { return Ok(None) };
    let pattern = Pattern::compile(body, "http.body")
        .map_err(|error| problem(&error.path, &error.error.to_string(), None))?;
    let root = |path: &String| path.split(['.', '[']).next().unwrap_or_default().to_owned();
    let stranger =
        pattern.variables().into_iter().find(|path| !TEMPLATE_ROOTS.contains(&root(path).as_str()));
    match stranger {
        None => Ok(Some(pattern)),
        Some(path) => {
            let message = format!("the template reads `{}`", root(&path));
            Err(problem(
                "http.body",
                &message,
                Some("templates here see `unit`, `context`, `scope` and `params`"),
            ))
        }
    }
}

fn selector(spec: &HttpSpec) -> Result<Option<Expression>, SpecProblem> {
    let Some(text) = &spec.select else { return Ok(None) };
    if spec.body.is_none() {
        let hint = "give the request a `body`, or leave `select` out";
        return Err(problem(
            "http.select",
            "without a `body` the service answers as a command does",
            Some(hint),
        ));
    }
    let expression =
        Expression::compile(text).map_err(|error| problem("http.select", &error.to_string(), None))?;
    let is_strange = |path: &&String| path.split(['.', '[']).next() != Some("response");
    match expression.variables().iter().find(is_strange) {
        None => Ok(Some(expression)),
        Some(path) => {
            let message = format!("the expression reads `{path}`");
            Err(problem("http.select", &message, Some("it sees `response`, as in `response.data.text`")))
        }
    }
}
