//! The states of a translation, and the formats' words for them.

/// The states from the first to the last.
pub(crate) const STATES: [&str; 5] = ["new", "draft", "translated", "reviewed", "final"];

/// Returns a state that is one, or why it is none.
pub(crate) fn known_state(state: &str) -> Result<&str, String> {
    if STATES.contains(&state) {
        return Ok(state);
    }
    Err(format!("is `{state}`, which is no state; there are {}", STATES.join(", ")))
}
