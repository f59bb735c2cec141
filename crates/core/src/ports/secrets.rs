//! Keys and other values that nobody may see.

use std::fmt::Debug;

/// Knows the values behind names that a pipeline mentions, such as `OPENAI_API_KEY`.
///
/// A value MUST go nowhere but to the service it is for: never into a key, a log, an artifact, an error or the argument of a
/// command.
pub trait Secrets: Debug + Send + Sync + 'static {
    /// Returns the value behind a name, where there is one that is not empty.
    fn get(&self, name: &str) -> Option<String>;
}

/// Knows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}
