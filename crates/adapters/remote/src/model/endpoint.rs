//! Where models are reached: what a pipeline declares, over what is known without being declared.

use std::time::Duration;

use indexmap::IndexMap;
use refrain_core::ports::agent::GateSpec;
use refrain_core::ports::secrets::Secrets;
use refrain_core::redactor::Redactor;
use refrain_schemas::endpoint::{EndpointKind, EndpointModel, EndpointSpec, HeaderValue, RateLimits};
use refrain_schemas::pipeline::Declarations;
use reqwest::Url;

use super::wire;

/// How long one call may take where nobody says.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// An endpoint that needs no declaration.
struct Known {
    name: &'static str,
    kind: EndpointKind,
    base_url: &'static str,
    key: Option<&'static str>,
    native_schema: bool,
}

const fn known(
    name: &'static str,
    kind: EndpointKind,
    base_url: &'static str,
    key: Option<&'static str>,
    native_schema: bool,
) -> Known {
    Known { name, kind, base_url, key, native_schema }
}

const OPENAI_URL: &str = "https://api.openai.com/v1";

/// Some of them take a schema for a few models only, or not at all; there it goes into the prompt.
const KNOWN: [Known; 13] = [
    known("openai", EndpointKind::Openai, OPENAI_URL, Some("OPENAI_API_KEY"), true),
    known(
        "anthropic",
        EndpointKind::Anthropic,
        "https://api.anthropic.com/v1",
        Some("ANTHROPIC_API_KEY"),
        true,
    ),
    known(
        "google",
        EndpointKind::Gemini,
        "https://generativelanguage.googleapis.com/v1beta",
        Some("GEMINI_API_KEY"),
        true,
    ),
    known(
        "gemini",
        EndpointKind::Gemini,
        "https://generativelanguage.googleapis.com/v1beta",
        Some("GEMINI_API_KEY"),
        true,
    ),
    known("ollama", EndpointKind::Openai, "http://localhost:11434/v1", None, true),
    known(
        "openrouter",
        EndpointKind::Openai,
        "https://openrouter.ai/api/v1",
        Some("OPENROUTER_API_KEY"),
        true,
    ),
    known("groq", EndpointKind::Openai, "https://api.groq.com/openai/v1", Some("GROQ_API_KEY"), false),
    known("mistral", EndpointKind::Openai, "https://api.mistral.ai/v1", Some("MISTRAL_API_KEY"), true),
    known("deepseek", EndpointKind::Openai, "https://api.deepseek.com/v1", Some("DEEPSEEK_API_KEY"), false),
    known("xai", EndpointKind::Openai, "https://api.x.ai/v1", Some("XAI_API_KEY"), true),
    known("together", EndpointKind::Openai, "https://api.together.xyz/v1", Some("TOGETHER_API_KEY"), true),
    known(
        "fireworks",
        EndpointKind::Openai,
        "https://api.fireworks.ai/inference/v1",
        Some("FIREWORKS_API_KEY"),
        true,
    ),
    known("cerebras", EndpointKind::Openai, "https://api.cerebras.ai/v1", Some("CEREBRAS_API_KEY"), true),
];

/// The endpoint of each kind that is meant where one is declared without an address.
const fn home(kind: EndpointKind) -> Option<&'static str> {
    match kind {
        // Most servers speak it, so nobody can tell which is meant.
        EndpointKind::Openai => None,
        EndpointKind::Responses => Some("openai"),
        EndpointKind::Anthropic => Some("anthropic"),
        EndpointKind::Gemini => Some("google"),
    }
}

/// An endpoint, with everything that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// What is spoken there.
    pub kind: EndpointKind,
    /// Its address.
    pub base_url: Url,
    /// The name of its key.
    pub key: Option<String>,
    /// What is sent along.
    pub headers: IndexMap<String, HeaderValue>,
    /// How long one call may take.
    pub timeout: Duration,
    /// What it allows for all models together.
    pub limits: RateLimits,
    /// What is known of single models.
    pub models: IndexMap<String, EndpointModel>,
    /// Who stands in for it.
    pub fallback: Vec<String>,
    /// Whether schemas can be sent along.
    pub native_schema: bool,
    /// The provider whose price list holds there, if that is known.
    pub provider: Option<&'static str>,
}

/// Why an endpoint cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Nobody knows it.
    #[error("no endpoint is called `{name}`")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// Nobody says where it is.
    #[error("endpoint `{name}` has no `base_url`")]
    NoAddress {
        /// Its name.
        name: String,
    },
    /// Its address is none.
    #[error("the `base_url` of endpoint `{name}` {reason}")]
    BadAddress {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Returns the names of the endpoints that need no declaration.
pub fn known_names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|known| known.name)
}

/// Splits a model's name: `openrouter/meta/llama` is `meta/llama` at `openrouter`.
#[must_use]
pub fn split_model(model: &str) -> Option<(&str, &str)> {
    let (endpoint, name) = model.split_once('/')?;
    (!endpoint.is_empty() && !name.is_empty()).then_some((endpoint, name))
}

/// Returns the endpoint of a name: what is declared, over what is known, field by field.
///
/// # Errors
/// Fails where there is none, or where it cannot be reached.
pub fn resolve(declared: &Declarations, name: &str) -> Result<Endpoint, EndpointError> {
    let spec = declared.endpoints.get(name);
    let named = by_name(name);
    if spec.is_none() && named.is_none() {
        return Err(EndpointError::Unknown { name: name.to_owned() });
    }
    let spec = spec.cloned().unwrap_or_default();
    let kind = spec.kind.or(named.map(|known| known.kind)).unwrap_or_default();
    // Another protocol at a known name is another service of the same provider where its address does not change.
    let known = named.or_else(|| home(kind).filter(|_| spec.base_url.is_none()).and_then(by_name));
    let base_url = address(name, spec.base_url.as_deref().or(known.map(|known| known.base_url)))?;
    let provider = named
        .or_else(|| KNOWN.iter().find(|known| known.base_url == base_url.as_str().trim_end_matches('/')));
    Ok(Endpoint {
        provider: provider.map(|known| if known.name == "gemini" { "google" } else { known.name }),
        native_schema: spec.native_schema.or(known.map(|known| known.native_schema)).unwrap_or(true),
        key: key(&spec, known),
        name: name.to_owned(),
        kind,
        base_url,
        timeout: spec.timeout.map_or(DEFAULT_TIMEOUT, |span| span.0),
        headers: spec.headers,
        limits: spec.limits.unwrap_or_default(),
        models: spec.models,
        fallback: spec.fallback,
    })
}

fn by_name(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

fn key(spec: &EndpointSpec, known: Option<&Known>) -> Option<String> {
    spec.api_key_env.clone().or_else(|| known?.key.map(str::to_owned))
}

fn address(name: &str, text: Option<&str>) -> Result<Url, EndpointError> {
    let text = text.ok_or_else(|| EndpointError::NoAddress { name: name.to_owned() })?;
    let bad = |reason| EndpointError::BadAddress { name: name.to_owned(), reason };
    let url = Url::parse(text).map_err(|_| bad("is no address such as `http://localhost:8000/v1`"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(bad("is not an `http://` or `https://` address"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("holds credentials; name a variable in `api_key_env` or `headers` instead"));
    }
    Ok(url)
}

/// A name that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("endpoint `{endpoint}` needs `{name}`, which is set neither in the environment nor in `.env`")]
pub struct MissingSecret {
    /// The endpoint.
    pub endpoint: String,
    /// The name.
    pub name: String,
}

impl Endpoint {
    /// Returns what a model is called there.
    #[must_use]
    pub fn model_name(&self, model: &str) -> String {
        self.models.get(model).and_then(|known| known.name.clone()).unwrap_or_else(|| model.to_owned())
    }

    /// Returns the gate of a model, within that of the endpoint.
    #[must_use]
    pub fn gate(&self, model: &str) -> GateSpec {
        let limits = self.models.get(model).and_then(|known| known.limits).unwrap_or_default();
        let within = GateSpec { name: self.name.clone(), limits: self.limits, within: None };
        GateSpec { name: format!("{}/{model}", self.name), limits, within: Some(Box::new(within)) }
    }

    /// Whether this is OpenAI's own service, or goes for it.
    #[must_use]
    pub fn is_openai(&self) -> bool {
        let host = self.base_url.host_str().unwrap_or_default();
        self.provider == Some("openai") || host.ends_with(".openai.azure.com")
    }

    /// Returns the address of a request.
    #[must_use]
    pub fn url(&self, path: &str, query: Option<&str>) -> Url {
        let mut url = self.base_url.clone();
        let path = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        if let Some(query) = query {
            let query = url.query().map_or_else(|| query.to_owned(), |before| format!("{before}&{query}"));
            url.set_query(Some(&query));
        }
        url
    }

    /// Returns the key, where there is to be one.
    ///
    /// # Errors
    /// Fails where it has no value.
    pub fn secret_key(&self, secrets: &dyn Secrets) -> Result<Option<String>, MissingSecret> {
        self.key.as_deref().map(|name| self.secret(secrets, name)).transpose()
    }

    /// Returns the declared headers with their values.
    ///
    /// # Errors
    /// Fails where one has no value.
    pub fn secret_headers(&self, secrets: &dyn Secrets) -> Result<Vec<(String, String)>, MissingSecret> {
        let value = |value: &HeaderValue| match value {
            HeaderValue::Text(text) => Ok(text.clone()),
            HeaderValue::Env(env) => {
                let prefix = env.prefix.as_deref().unwrap_or_default();
                self.secret(secrets, &env.env).map(|secret| format!("{prefix}{secret}"))
            }
        };
        self.headers.iter().map(|(name, header)| Ok((name.to_lowercase(), value(header)?))).collect()
    }

    /// Returns all headers of a request; declared ones stand for the usual ones of their names.
    ///
    /// # Errors
    /// Fails where a secret has no value.
    pub fn all_headers(&self, secrets: &dyn Secrets) -> Result<Vec<(String, String)>, MissingSecret> {
        let own = self.secret_headers(secrets)?;
        let mut all = wire::headers(self.kind, self.secret_key(secrets)?.as_deref());
        all.retain(|(name, _)| !own.iter().any(|(mine, _)| mine == name));
        all.extend(own);
        Ok(all)
    }

    fn secret(&self, secrets: &dyn Secrets, name: &str) -> Result<String, MissingSecret> {
        let missing = || MissingSecret { endpoint: self.name.clone(), name: name.to_owned() };
        secrets.get(name).ok_or_else(missing)
    }

    /// Returns what takes this endpoint's secrets out of anything that is shown or kept.
    #[must_use]
    pub fn redactor(&self, secrets: &dyn Secrets) -> Redactor {
        let named = self.headers.values().filter_map(|header| match header {
            HeaderValue::Env(env) => Some(env.env.as_str()),
            HeaderValue::Text(_) => None,
        });
        Redactor::new(self.key.as_deref().into_iter().chain(named).filter_map(|name| secrets.get(name)))
    }
}
