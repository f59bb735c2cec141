//! The walk through an XLIFF file: which units there are, and what is said of them.

use std::collections::HashMap;
use std::ops::Range;

use crate::layout::located::Located;
use crate::layout::xliff::inline::local;
use crate::layout::xliff::unit::{Element, FileInfo, Unit};
use crate::layout::xliff::xml::{Kind, Piece, Pieces, Tag, check_entities, unescaped};

/// How deep elements may stand in each other.
const DEEPEST: usize = 256;

/// The namespaces of XLIFF 1.
const SPACES: [&str; 3] =
    ["", "urn:oasis:names:tc:xliff:document:1.2", "urn:oasis:names:tc:xliff:document:1.1"];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) files: Vec<FileInfo>,
    pub(super) units: Vec<Unit>,
}

/// An element that is open.
#[derive(Debug)]
struct Open {
    tag: Tag,
    /// Where its tag begins and ends.
    span: Range<usize>,
    /// Its name without prefix, if it is XLIFF's own.
    name: String,
    /// The prefixes that it gives a meaning.
    prefixes: Vec<String>,
    translate: bool,
}

/// Walks through a file.
#[derive(Debug)]
struct Reader<'a, 'b> {
    text: &'a str,
    found: &'b mut Located<'a>,
    open: Vec<Open>,
    /// What each prefix means, the latest last.
    spaces: HashMap<String, Vec<String>>,
    document: Document,
    unit: Option<Unit>,
    had_root: bool,
    stopped: bool,
}

/// Reads a file.
pub(super) fn document<'a>(text: &'a str, found: &mut Located<'a>) -> Document {
    let mut reader = Reader {
        text,
        found,
        open: Vec::new(),
        spaces: HashMap::new(),
        document: Document::default(),
        unit: None,
        had_root: false,
        stopped: false,
    };
    let mut pieces = Pieces::new(text, 0..text.len());
    while let Some(piece) = pieces.next().filter(|_| !reader.stopped) {
        match piece {
            Ok(piece) => reader.piece(piece),
            Err(wrong) => match wrong.hint {
                Some(hint) => reader.found.add_with_hint(wrong.at, wrong.code, wrong.message, hint),
                None => reader.found.add(wrong.at, wrong.code, wrong.message),
            },
        }
    }
    reader.finish();
    reader.document
}

impl Reader<'_, '_> {
    fn piece(&mut self, piece: Piece) {
        match piece.kind {
            Kind::Open(tag) => self.begin(tag, piece.span),
            Kind::Close(name) => self.end(&name, piece.span),
            Kind::Text => self.said(piece.span),
            Kind::Data(_) if self.open.is_empty() => self.outside(piece.span.start),
            Kind::Data(_) | Kind::Aside => {}
        }
    }

    fn said(&mut self, span: Range<usize>) {
        if self.open.is_empty() && !self.text[span.clone()].trim().is_empty() {
            return self.outside(span.start);
        }
        check_entities(self.text, span, self.found);
    }

    fn outside(&mut self, at: usize) {
        self.found.add(at, "E0760", "text outside of the one element that the file is");
        self.stopped = true;
    }

    fn begin(&mut self, tag: Tag, span: Range<usize>) {
        for attribute in &tag.attributes {
            check_entities(self.text, attribute.value.clone(), self.found);
        }
        self.check_names(&tag);
        if self.open.is_empty() && self.had_root {
            return self.outside(span.start);
        }
        if self.open.len() == DEEPEST {
            self.found.add(
                span.start,
                "E0760",
                "elements stand too deep in each other; the rest is not read",
            );
            self.stopped = true;
            return;
        }
        let prefixes = self.declare(&tag);
        let name = self.own_name(&tag);
        if !self.had_root {
            self.had_root = true;
            self.root(&tag, &name, span.start);
        }
        let inherited = self.open.last().is_none_or(|open| open.translate);
        let translate = inherited && tag.says(self.text, "translate").as_deref() != Some("no");
        let is_empty = tag.is_empty;
        self.enter(&tag, &name, &span, translate);
        self.open.push(Open { tag, span: span.clone(), name, prefixes, translate });
        if is_empty {
            self.leave(span.end..span.end, span.end);
        }
    }

    fn check_names(&mut self, tag: &Tag) {
        let mut names: Vec<&Range<usize>> = tag.attributes.iter().map(|attribute| &attribute.name).collect();
        names.sort_by_key(|name| &self.text[(*name).clone()]);
        let twice = names.windows(2).find(|two| self.text[two[0].clone()] == self.text[two[1].clone()]);
        if let Some(twice) = twice {
            self.found.add(twice[1].start, "E0760", "an attribute that the tag has already");
        }
    }

    /// Notes which prefixes a tag gives a meaning.
    fn declare(&mut self, tag: &Tag) -> Vec<String> {
        let mut prefixes = Vec::new();
        for attribute in &tag.attributes {
            let name = &self.text[attribute.name.clone()];
            let prefix = match name.strip_prefix("xmlns") {
                Some("") => "",
                Some(prefix) if prefix.starts_with(':') => &prefix[1..],
                _ => continue,
            };
            let space = unescaped(&self.text[attribute.value.clone()]);
            self.spaces.entry(prefix.to_owned()).or_default().push(space);
            prefixes.push(prefix.to_owned());
        }
        prefixes
    }

    /// Returns the name of an element of XLIFF; nothing for others.
    fn own_name(&self, tag: &Tag) -> String {
        let name = &self.text[tag.name.clone()];
        let prefix = name.split_once(':').map_or("", |(prefix, _)| prefix);
        let space = self.spaces.get(prefix).and_then(|meanings| meanings.last()).map_or("", String::as_str);
        if SPACES.contains(&space) { local(name).to_owned() } else { String::new() }
    }

    fn root(&mut self, tag: &Tag, name: &str, at: usize) {
        let version = tag.says(self.text, "version").unwrap_or_default();
        if name == "xliff" && version.starts_with('1') {
            return;
        }
        let is_other = local(&self.text[tag.name.clone()]) == "xliff";
        let message = if is_other { "XLIFF of a version that is not read" } else { "the file is not XLIFF" };
        self.found.add_with_hint(
            at,
            "E0763",
            message,
            "files of XLIFF 1.2 are read: `<xliff version=\"1.2\" …>`",
        );
        self.stopped = true;
    }

    /// Takes note of an element of XLIFF that begins.
    fn enter(&mut self, tag: &Tag, name: &str, span: &Range<usize>, translate: bool) {
        let says = |name: &str| tag.says(self.text, name).unwrap_or_default();
        match name {
            "file" if self.unit.is_none() => self.document.files.push(FileInfo {
                original: says("original"),
                source_language: says("source-language"),
                target_language: says("target-language"),
                tag: tag.clone(),
            }),
            "trans-unit" if self.unit.is_none() && translate => {
                self.unit = Some(Unit {
                    at: span.start,
                    tag: tag.clone(),
                    file: self.document.files.len().saturating_sub(1),
                    source: None,
                    behind: span.end,
                    target: None,
                    notes: Vec::new(),
                    group: self.group(),
                });
            }
            _ => {}
        }
    }

    /// Returns the name of the innermost group.
    fn group(&self) -> Option<String> {
        let group = self.open.iter().rev().find(|open| open.name == "group")?;
        group.tag.says(self.text, "resname").or_else(|| group.tag.says(self.text, "id"))
    }

    fn end(&mut self, name: &Range<usize>, span: Range<usize>) {
        let is_it = |open: &Open| self.text[open.tag.name.clone()] == self.text[name.clone()];
        let Some(depth) = self.open.iter().rposition(is_it) else {
            let message = format!("`</{}>` closes nothing", &self.text[name.clone()]);
            self.found.add(span.start, "E0760", message);
            return;
        };
        while self.open.len() > depth + 1 {
            self.unclosed();
            self.leave(span.start..span.start, span.start);
        }
        self.leave(span.clone(), span.end);
    }

    fn unclosed(&mut self) {
        if let Some(open) = self.open.last() {
            let message = format!("`<{}>` is never closed", &self.text[open.tag.name.clone()]);
            self.found.add(open.span.start, "E0760", message);
        }
    }

    /// Takes note that the innermost element is over.
    fn leave(&mut self, close: Range<usize>, end: usize) {
        let Some(open) = self.open.pop() else { return };
        for prefix in &open.prefixes {
            self.spaces.get_mut(prefix).and_then(Vec::pop);
        }
        if open.name == "trans-unit" && self.unit.as_ref().is_some_and(|unit| unit.at == open.span.start) {
            if let Some(unit) = self.unit.take() {
                if unit.source.is_none() {
                    self.found.add(unit.at, "E0764", "a unit without a source");
                }
                self.document.units.push(unit);
            }
            return;
        }
        let in_unit = self.open.last().is_some_and(|parent| parent.name == "trans-unit");
        let Some(unit) = self.unit.as_mut().filter(|_| in_unit) else { return };
        let content = open.span.end..close.start.max(open.span.end);
        let element = Element { tag: open.tag, span: open.span.start..end, content };
        match open.name.as_str() {
            "source" if unit.source.is_none() => {
                unit.behind = end;
                unit.source = Some(element);
            }
            "seg-source" if unit.target.is_none() => unit.behind = end,
            "target" if unit.target.is_none() => unit.target = Some(element),
            "note" => {
                let from = element.tag.says(self.text, "from").unwrap_or_default();
                unit.notes.push((from, unescaped(&self.text[element.content])));
            }
            _ => {}
        }
    }

    fn finish(&mut self) {
        if self.stopped {
            return;
        }
        if !self.had_root && self.found.is_empty() && !self.text.trim().is_empty() {
            self.found.add(0, "E0763", "the file is not XLIFF");
        }
        while !self.open.is_empty() {
            self.unclosed();
            self.leave(self.text.len()..self.text.len(), self.text.len());
        }
    }
}
