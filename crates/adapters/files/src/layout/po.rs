//! PO files and their templates.
//!
//! | what | field |
//! |---|---|
//! | `msgid`, `msgstr` | `text`, `translation` |
//! | each form of a plural | a record of its own: `text` is the singular for form 0 and the plural for the others (for all, where the language has one form), `plural_form`, `singular`, `plural` |
//! | `msgctxt` | `msgctxt` |
//! | `#.` | `note`; `id:`, `speaker:`, `scene:`, `route:`, `state:` at the beginning of such a line are fields of their own |
//! | `#` | `translator_note` |
//! | `#:` | `reference` |
//! | `#,` | `flags`; `fuzzy` is `state: draft` |
//! | `#| msgid` | `previous` |
//!
//! The id of an entry is what `#. id:` says, else its context; where several entries share the context, the context and
//! a hash of the source. The header and obsolete entries are no records, and stay.

mod compose;
mod entry;
mod escape;
mod header;
mod plurals;
mod slots;
#[cfg(test)]
mod tests;

use std::ops::Range;

use refrain_schemas::json::Json;

use crate::layout::located::Located;
use crate::layout::{Composing, Layout, Slot};
use crate::lines::old_line_ends;
use crate::problems::Problems;

/// gettext's `.po` and `.pot`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Po;

impl Layout for Po {
    fn slots(&self, file: &str, text: &str, problems: &mut Problems) -> Vec<Slot> {
        if let Some(problem) = old_line_ends(file, text) {
            problems.add(problem);
            return Vec::new();
        }
        let mut found = Located::new(file, text);
        let entries = entry::entries(text, &mut found);
        let slots = slots::slots(text, &entries, &mut found);
        found.report(problems);
        slots
    }

    fn in_language(&self, text: &str, language: &str) -> Vec<(Range<usize>, String)> {
        header::in_language(text, &entry::entries(text, &mut Located::new("", text)), language)
    }

    fn compose(&self, records: &[Json], with: &Composing, problems: &mut Problems) -> String {
        compose::compose(records, with, problems)
    }
}
