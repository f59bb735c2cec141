//! What a server is given that nobody else may see.

use std::collections::BTreeMap;

use refrain_core::ports::agent::AgentError;
use refrain_core::ports::secrets::{Secrets, process_environment, secret};
use refrain_core::redactor::Redactor;
use refrain_schemas::endpoint::{HeaderValue, ServerSpec};
use refrain_schemas::environment::Variable;

use crate::trouble::Trouble;

/// Parts of the names of variables that hold secrets; others, such as a path, may well occur in results.
const SECRET_NAMES: [&str; 6] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "AUTH"];

/// Returns the whole environment of a server's process.
pub(crate) fn environment(
    spec: &ServerSpec,
    secrets: &dyn Secrets,
) -> Result<BTreeMap<String, String>, Trouble> {
    process_environment(&spec.env, secrets).map_err(unset)
}

/// Returns the headers that a server gets, in order.
pub(crate) fn headers(spec: &ServerSpec, secrets: &dyn Secrets) -> Result<Vec<(String, String)>, Trouble> {
    let header = |(name, value): (&String, &HeaderValue)| {
        let value = match value {
            HeaderValue::Text(text) => text.clone(),
            HeaderValue::Env(from) => {
                let value = secret(&from.env, secrets).map_err(unset)?;
                format!("{}{value}", from.prefix.as_deref().unwrap_or_default())
            }
        };
        Ok((name.clone(), value))
    };
    spec.headers.iter().map(header).collect()
}

/// Returns the secrets that a server is given.
pub(crate) fn scrub(spec: &ServerSpec, secrets: &dyn Secrets) -> Redactor {
    let passed = spec.env.iter().filter_map(|entry| match Variable::parse(entry) {
        Ok(Variable::Passed(name)) if holds_secret(name) => Some(name),
        _ => None,
    });
    let sent = spec.headers.values().filter_map(|value| match value {
        HeaderValue::Env(from) => Some(from.env.as_str()),
        HeaderValue::Text(_) => None,
    });
    Redactor::new(passed.chain(sent).filter_map(|name| secrets.get(name)))
}

fn holds_secret(name: &str) -> bool {
    let upper = name.to_uppercase();
    SECRET_NAMES.iter().any(|part| upper.contains(part))
}

fn unset(error: AgentError) -> Trouble {
    Trouble::new(error.kind, error.message)
}
