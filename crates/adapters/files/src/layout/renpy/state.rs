//! The state of a translation, which a comment holds: `# state: draft`.

use std::ops::Range;
use std::sync::Arc;

use crate::layout::renpy::logical::Logical;
use crate::layout::states::known_state;
use crate::layout::{Place, Quoting};

/// A state that is written down.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) now: String,
    span: Range<usize>,
}

impl State {
    pub(super) fn place(&self) -> Place {
        Place {
            field: "state".to_owned(),
            span: self.span.clone(),
            now: self.now.clone(),
            quoting: Arc::new(StateQuoting),
        }
    }
}

/// Finds the state in a comment.
pub(super) fn state_in(text: &str, comment: &Logical) -> Option<State> {
    let said = &text[comment.span.clone()];
    let now = said.trim_start_matches('#').trim_start().strip_prefix("state:")?.trim();
    known_state(now).ok()?;
    let end = comment.span.start + said.trim_end().len();
    Some(State { now: now.to_owned(), span: end - now.len()..end })
}

#[derive(Debug)]
struct StateQuoting;

impl Quoting for StateQuoting {
    fn quote(&self, plain: &str) -> Result<String, String> {
        known_state(plain).map(str::to_owned)
    }
}
