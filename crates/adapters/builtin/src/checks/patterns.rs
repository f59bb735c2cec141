//! Patterns.

use std::sync::LazyLock;

use regex::Regex;

/// Compiles a pattern of this crate, or one that was compiled before; a wrong one never matches, which the tests would
/// show.
pub(super) fn compile(source: &str) -> Regex {
    Regex::new(source).unwrap_or_else(|_| NEVER.clone())
}

/// Returns the line of an error that says what is wrong; those before it draw the pattern.
pub(super) fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim().to_owned()
}

#[expect(clippy::expect_used, reason = "BUG: the simplest pattern there is does not compile")]
static NEVER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[^\s\S]").expect("BUG: a constant pattern"));
