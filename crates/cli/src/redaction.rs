//! What this process must not print.
//!
//! Agents are guarded and sinks redact by themselves; this is for what the command itself says: results, errors, panics. It
//! is one value for the whole process, because the hook that a panic reaches belongs to the whole process, too.

use std::borrow::Cow;
use std::sync::{LazyLock, OnceLock};

use refrain_core::redactor::Redactor;
use serde_json::Value;

use crate::environment;

/// The secrets of the project, once it has been found.
static OF_PROJECT: OnceLock<Redactor> = OnceLock::new();
/// Before that, those that their names in the environment give away.
static OF_ENVIRONMENT: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(environment::secrets()));

/// Takes the secrets of the project that this process is about. A process is about one.
pub(crate) fn learn(redactor: &Redactor) {
    let _known_already = OF_PROJECT.set(redactor.clone());
}

fn redactor() -> &'static Redactor {
    OF_PROJECT.get().unwrap_or_else(|| &OF_ENVIRONMENT)
}

/// Returns a text without secrets.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    redactor().text(text)
}

/// Returns JSON text without secrets; it stays JSON.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    let redactor = redactor();
    if !redactor.finds(text) {
        return Cow::Borrowed(text);
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) => Cow::Owned(redactor.value(value).to_string()),
        Err(_) => redactor.text(text),
    }
}
