//! Environment variables: every name that the command reads, in one place.

use std::ffi::OsString;

/// Turns colours off where it is set to anything but nothing.
pub(crate) const NO_COLOR: &str = "NO_COLOR";
/// The width of the terminal, where the system does not tell or a test wants its own.
pub(crate) const COLUMNS: &str = "COLUMNS";
/// The kind of terminal; `dumb` has neither colours nor a cursor that moves.
pub(crate) const TERM: &str = "TERM";
/// Where programs are looked for.
pub(crate) const PATH: &str = "PATH";
/// Who edits, where a command does not say; the first that is set.
const USERS: [&str; 3] = ["USER", "LOGNAME", "USERNAME"];
/// What `doctor` looks at to learn the character encoding, strongest first.
pub(crate) const LOCALE: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];

/// A variable whose name holds one of these holds a secret.
const SECRET_NAMES: [&str; 5] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL"];

/// Whether a variable holds a secret, by its name.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Returns the values that must not be seen, should an agent print one.
pub(crate) fn secrets() -> Vec<String> {
    let variables = std::env::vars_os().filter(|(name, _)| is_secret(&name.to_string_lossy()));
    // What is no text is looked for as it would be shown.
    variables.map(|(_, value)| value.to_string_lossy().into_owned()).collect()
}

/// Returns the name of the user, where the environment tells it.
pub(crate) fn user() -> Option<String> {
    USERS.iter().find_map(|name| text(name))
}

/// Returns the value of a variable, or nothing where it is not set or empty.
pub(crate) fn var(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the value of a variable as text.
pub(crate) fn text(name: &str) -> Option<String> {
    var(name).map(|value| value.to_string_lossy().into_owned())
}
