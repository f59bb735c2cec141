//! Ren'Py scripts: dialogue, choices, marked strings, and `translate` blocks.
//!
//! | what | fields beside `text` |
//! |---|---|
//! | dialogue | `kind: say`, `speaker` (as written), `speaker_name` (of a character that the script defines), `scene_id` (the label), `attributes`, `clauses`, `before` (statements that are translated with it, such as `voice`) |
//! | a choice of a menu, its caption | `kind: choice` or `caption`, `scene_id` |
//! | `_("…")`, `__("…")`, `_p("…")` | `kind: string` |
//! | `translate LANGUAGE ID:` | as dialogue, `text` from the comment above, `translation`, `language`, `reference` |
//! | `translate LANGUAGE strings:` | `kind: string`, `text` from `old`, `translation` from `new`, `language`, `reference` |
//!
//! The id of dialogue is the identifier that Ren'Py's own translations are found by.

mod characters;
mod compose;
mod cursor;
mod identifier;
mod literal;
mod logical;
mod say;
mod script;
mod slots;
mod state;
mod strings;
#[cfg(test)]
mod tests;
mod translate;

use refrain_schemas::json::Json;

use crate::layout::located::Located;
use crate::layout::{Composing, Layout, Slot};
use crate::lines::old_line_ends;
use crate::problems::Problems;

/// Ren'Py's `.rpy`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Renpy;

impl Layout for Renpy {
    fn slots(&self, file: &str, text: &str, problems: &mut Problems) -> Vec<Slot> {
        if let Some(problem) = old_line_ends(file, text) {
            problems.add(problem);
            return Vec::new();
        }
        let mut found = Located::new(file, text);
        let slots = script::slots(text, &mut found);
        found.report(problems);
        slots
    }

    fn compose(&self, records: &[Json], with: &Composing, problems: &mut Problems) -> String {
        compose::compose(records, with, problems)
    }
}
