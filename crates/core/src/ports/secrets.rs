//! Keys and other values that nobody may see.

use std::collections::BTreeMap;
use std::fmt::Debug;

use refrain_schemas::environment::Variable;
use refrain_schemas::failure::FailureKind;

use super::agent::AgentError;

/// What every process that Refrain starts gets of Refrain's own environment: enough to find programs, folders, the language
/// and the time. Everything else has to be named in an `env:` list.
pub const ALWAYS_PASSED: [&str; 15] = [
    "HOME",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_NUMERIC",
    "LC_TIME",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TMPDIR",
    "TZ",
    "USER",
];

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

/// Returns the whole environment of a process that is given an `env:` list: what is always passed, and what the list says.
/// The process MUST get nothing else.
///
/// # Errors
/// Fails with [`FailureKind::Credentials`] where a variable that the list names has no value, and with
/// [`FailureKind::Permanent`] where an entry is no variable.
pub fn process_environment(
    entries: &[String],
    secrets: &dyn Secrets,
) -> Result<BTreeMap<String, String>, AgentError> {
    let always = ALWAYS_PASSED.iter().filter_map(|name| Some(((*name).to_owned(), secrets.get(name)?)));
    let mut environment: BTreeMap<String, String> = always.collect();
    for entry in entries {
        let variable = Variable::parse(entry);
        // The entry itself stays out of the message: it may hold a value.
        let variable =
            variable.map_err(|error| AgentError::new(FailureKind::Permanent, format!("`env`: {error}")))?;
        let (name, value) = match variable {
            Variable::Set(name, value) => (name, value.to_owned()),
            Variable::Passed(name) => (name, secret(name, secrets)?),
        };
        environment.insert(name.to_owned(), value);
    }
    Ok(environment)
}

/// Returns the value behind a name that a call cannot do without.
///
/// # Errors
/// Fails with [`FailureKind::Credentials`] where there is none.
pub fn secret(name: &str, secrets: &dyn Secrets) -> Result<String, AgentError> {
    secrets.get(name).ok_or_else(|| {
        let message = format!("`{name}` is not set, neither in the environment nor in `.env`");
        AgentError::new(FailureKind::Credentials, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Known(&'static [(&'static str, &'static str)]);

    impl Secrets for Known {
        fn get(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        }
    }

    fn check(entries: &[&str], expect: Result<&str, (FailureKind, &str)>) {
        let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
        let known = Known(&[("PATH", "/bin"), ("API_KEY", "k"), ("OTHER", "o"), ("LC_ALL", "C")]);
        let found = process_environment(&entries, &known);
        let found = found.map(|environment| {
            environment.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        });
        let found = found.map_err(|error| (error.kind, error.message));
        assert_eq!(found, expect.map(str::to_owned).map_err(|(kind, message)| (kind, message.to_owned())));
    }

    #[test]
    fn only_what_is_named_is_passed() {
        check(&[], Ok("LC_ALL=C PATH=/bin"));
        check(&["API_KEY", "MODE=x=y", "PATH=/opt"], Ok("API_KEY=k LC_ALL=C MODE=x=y PATH=/opt"));
        check(
            &["GONE"],
            Err((FailureKind::Credentials, "`GONE` is not set, neither in the environment nor in `.env`")),
        );
        let message = "`env`: a variable's name is made of letters, digits and underscores and does not begin with a digit";
        check(&["my key=hidden"], Err((FailureKind::Permanent, message)));
    }
}
