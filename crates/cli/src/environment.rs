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
/// What `doctor` looks at to learn the character encoding, strongest first.
pub(crate) const LOCALE: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];

/// Returns the value of a variable, or nothing where it is not set or empty.
pub(crate) fn var(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the value of a variable as text.
pub(crate) fn text(name: &str) -> Option<String> {
    var(name).map(|value| value.to_string_lossy().into_owned())
}
