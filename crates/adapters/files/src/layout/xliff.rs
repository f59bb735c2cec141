//! XLIFF 1.2.
//!
//! | what | field |
//! |---|---|
//! | `source`, `target` | `text`, `translation`; tags in them are placeholders, see `inline` |
//! | `state` of the target, `approved` of the unit | `state` |
//! | `note` | `note`; from `speaker`, `scene` or `route`: a field of its own |
//! | `resname`, `maxwidth`, `size-unit` of the unit | `resname`, `maxwidth`, `size_unit` |
//! | the innermost `group` | `group` |
//! | `original`, `source-language`, `target-language` of the file | `original`, `source_language`, `target_language` |
//!
//! The id of a unit is its `id`; one that several `file` elements have gets `original:` before it. Units with
//! `translate="no"` are no records. Whatever is not named here stays as it is when the file is patched.

mod compose;
mod inline;
mod reader;
mod state;
#[cfg(test)]
mod tests;
mod unit;
mod xml;

use std::collections::HashMap;
use std::ops::Range;

use refrain_schemas::json::Json;

use crate::layout::located::{Located, Positions};
use crate::layout::{Composing, Layout, Slot};
use crate::problems::Problems;

use self::reader::{Document, document};
use self::xml::{Tag, attribute};

/// XLIFF's `.xlf` and `.xliff`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Xliff;

impl Layout for Xliff {
    fn slots(&self, file: &str, text: &str, problems: &mut Problems) -> Vec<Slot> {
        let mut found = Located::new(file, text);
        let document = document(text, &mut found);
        let is_whole = found.is_empty();
        found.report(problems);
        // Where tags do not fit, nothing is known of what stands between them.
        if is_whole { slots(text, &document) } else { Vec::new() }
    }

    fn in_language(&self, text: &str, language: &str) -> Vec<(Range<usize>, String)> {
        let document = document(text, &mut Located::new("", text));
        let Ok(language) = attribute(language) else { return Vec::new() };
        let files = document.files.iter().filter(|file| file.target_language.trim().is_empty());
        files.map(|file| target_language(text, &file.tag, &language)).collect()
    }

    fn compose(&self, records: &[Json], with: &Composing, problems: &mut Problems) -> String {
        compose::compose(records, with, problems)
    }
}

/// Returns where a `file` says which language it is translated into, and what is written there.
fn target_language(text: &str, tag: &Tag, language: &str) -> (Range<usize>, String) {
    if let Some(value) = tag.value(text, "target-language") {
        return (value, language.to_owned());
    }
    // Behind the closing quote of what it is translated from, or behind the name of the element.
    let behind = tag.value(text, "source-language").map_or(tag.name.end, |value| value.end + 1);
    (behind..behind, format!(" target-language=\"{language}\""))
}

fn slots(text: &str, document: &Document) -> Vec<Slot> {
    let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let shared = shared(text, document);
    let mut positions = Positions::new(text);
    let mut slots = Vec::with_capacity(document.units.len());
    for unit in &document.units {
        let Some(source) = &unit.source else { continue };
        let unknown = unit::FileInfo::default();
        let info = document.files.get(unit.file).unwrap_or(&unknown);
        let mut slot = unit.slot(text, source, info, line_break, positions.line(unit.at));
        if let Some(id) = slot.id.as_mut().filter(|id| shared.get(*id) == Some(&None)) {
            *id = format!("{}:{id}", info.original);
        }
        slots.push(slot);
    }
    slots
}

/// Returns the file of each id; nothing for those that several files have.
fn shared(text: &str, document: &Document) -> HashMap<String, Option<usize>> {
    let mut files = HashMap::new();
    for unit in &document.units {
        if let Some(id) = unit.id(text) {
            let file = files.entry(id).or_insert(Some(unit.file));
            *file = file.filter(|file| *file == unit.file);
        }
    }
    files
}
