//! One translation unit as it stands, and the record that it makes.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use crate::layout::xliff::inline::{Frame, Inline, TargetQuoting, inline};
use crate::layout::xliff::state::{ApprovedQuoting, StateQuoting, read};
use crate::layout::xliff::xml::Tag;
use crate::layout::{Place, Quoting, Slot, TEXT};

/// A `trans-unit`.
#[derive(Debug)]
pub(super) struct Unit {
    /// Where its tag begins.
    pub(super) at: usize,
    pub(super) tag: Tag,
    /// Which `file` it is in.
    pub(super) file: usize,
    pub(super) source: Option<Element>,
    /// Where a target can be put in.
    pub(super) behind: usize,
    pub(super) target: Option<Element>,
    /// Notes, each with who it is from.
    pub(super) notes: Vec<(String, String)>,
    pub(super) group: Option<String>,
}

/// An element with text in it.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) tag: Tag,
    /// The whole of it.
    pub(super) span: Range<usize>,
    /// What stands in it.
    pub(super) content: Range<usize>,
}

/// What the `file` element says.
#[derive(Debug, Default)]
pub(super) struct FileInfo {
    pub(super) original: String,
    pub(super) source_language: String,
    pub(super) target_language: String,
    /// Its tag.
    pub(super) tag: Tag,
}

/// Who a note is from where it is a field of its own, and the field.
pub(super) const NAMED: [(&str, &str); 3] =
    [("speaker", "speaker"), ("scene", "scene_id"), ("route", "route_id")];

impl Unit {
    pub(super) fn id(&self, text: &str) -> Option<String> {
        self.tag.says(text, "id").filter(|id| !id.is_empty())
    }

    /// Makes the record of a unit that has a source.
    pub(super) fn slot(
        &self,
        text: &str,
        source: &Element,
        info: &FileInfo,
        line_break: &'static str,
        line: u64,
    ) -> Slot {
        let said = inline(text, source.content.clone());
        let target = self.target.as_ref().map(|target| inline(text, target.content.clone()));
        let target = target.unwrap_or_default();
        let guard = Inline::guard(&[&said, &target]);
        let (plain, now) = (said.plain(&guard), target.plain(&guard));
        let state = self.state(text, &now);
        let mut fields = Vec::new();
        let mut set = |name: &str, value: &str| {
            if !value.is_empty() {
                fields.push((name.to_owned(), Value::from(value)));
            }
        };
        set("state", state);
        set("original", &info.original);
        set("source_language", &info.source_language);
        set("target_language", &info.target_language);
        set("group", self.group.as_deref().unwrap_or_default());
        for (name, field) in [("resname", "resname"), ("maxwidth", "maxwidth"), ("size-unit", "size_unit")] {
            set(field, &self.tag.says(text, name).unwrap_or_default());
        }
        self.notes_into(&mut set);
        fields.push(("text".to_owned(), plain.into()));
        fields.push(("translation".to_owned(), now.as_str().into()));
        let (span, frame) = self.frame(text, source, line_break);
        let quoting = TargetQuoting::shared(&said, &target, &guard, line_break, frame);
        let mut places = vec![Place { field: TEXT.to_owned(), span, now, quoting }];
        places.extend(self.state_places(text, state));
        Slot { fields, id: self.id(text), line, places }
    }

    fn notes_into(&self, set: &mut impl FnMut(&str, &str)) {
        let mut known = Vec::new();
        let mut note = Vec::new();
        for (from, said) in &self.notes {
            match NAMED.iter().find(|(name, _)| name == from) {
                Some((_, field)) if !known.contains(field) => {
                    known.push(*field);
                    set(field, said);
                }
                _ => note.push(said.as_str()),
            }
        }
        set("note", &note.join("\n"));
    }

    /// Returns where the text goes, and what is written around it.
    fn frame(&self, text: &str, source: &Element, line_break: &str) -> (Range<usize>, Frame) {
        let Some(target) = &self.target else {
            let name = &text[source.tag.name.clone()];
            let prefix = name.strip_suffix("source").unwrap_or_default();
            let before =
                indent(text, source.span.start).map_or_else(String::new, |at| format!("{line_break}{at}"));
            return (self.behind..self.behind, Frame::Missing { before, name: format!("{prefix}target") });
        };
        if target.tag.is_empty {
            let name = text[target.tag.name.clone()].to_owned();
            return (target.span.end - 2..target.span.end, Frame::Empty { name });
        }
        (target.content.clone(), Frame::There)
    }

    fn state(&self, text: &str, target: &str) -> &'static str {
        if self.tag.says(text, "approved").as_deref() == Some("yes") {
            return "final";
        }
        let said = self.target.as_ref().and_then(|target| target.tag.says(text, "state"));
        match said {
            Some(word) => read(&word),
            None if target.is_empty() => "new",
            None => "translated",
        }
    }

    fn state_places(&self, text: &str, now: &str) -> Vec<Place> {
        let place = |span: Range<usize>, quoting: Arc<dyn Quoting>| Place {
            field: "state".to_owned(),
            span,
            now: now.to_owned(),
            quoting,
        };
        let behind_name = |tag: &Tag| tag.name.end..tag.name.end;
        let approved = match self.tag.value(text, "approved") {
            Some(span) => place(span, Arc::new(ApprovedQuoting { whole: false })),
            None => place(behind_name(&self.tag), Arc::new(ApprovedQuoting { whole: true })),
        };
        let state = self.target.as_ref().map(|target| match target.tag.value(text, "state") {
            Some(span) => place(span, Arc::new(StateQuoting { whole: false })),
            None => place(behind_name(&target.tag), Arc::new(StateQuoting { whole: true })),
        });
        [approved].into_iter().chain(state).collect()
    }
}

/// Returns the blanks before an element that begins its line.
fn indent(text: &str, at: usize) -> Option<&str> {
    let line = &text[text[..at].rfind('\n')? + 1..at];
    line.bytes().all(|byte| matches!(byte, b' ' | b'\t')).then_some(line)
}
