//! From YAML events to a tree, noting everything that a pipeline file may not hold.

use std::collections::HashMap;
use std::collections::hash_map::Entry::Vacant;

use refrain_core::check::code::Code;
use refrain_schemas::problem::Problem;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as RawSpan};

use crate::node::{Entry, Kind, Node, Span};
use crate::scalar;
use crate::source::{Source, behind, placed, point};
use crate::syntax;

/// The deepest nesting.
pub(crate) const DEPTH: usize = 64;
/// The most values that aliases may add.
const ALIASED: usize = 20_000;

/// Reads a file; there is no tree where its syntax is broken.
pub(crate) fn read(source: &Source<'_>) -> (Option<Node>, Vec<Problem>) {
    if let Some(at) = source.text.find('\0') {
        let place = behind(&source.file, &source.text[..at]);
        // The parser would take it for the end of the file.
        return (None, vec![placed(Code::Syntax, "a NUL byte stands here", place)]);
    }
    let mut builder = Builder::new(source);
    let tree = builder.run();
    (tree, builder.problems)
}

/// A collection that is still open.
enum Frame {
    List { span: Span, anchor: usize, items: Vec<Node> },
    Map { span: Span, anchor: usize, entries: Vec<Entry>, merged: Vec<Node>, key: Option<(Key, Span)> },
}

enum Key {
    Text(String),
    /// What is behind it becomes part of the map.
    Merge,
    /// Reported; its value is dropped.
    Bad,
}

struct Builder<'s, 't> {
    source: &'s Source<'t>,
    problems: Vec<Problem>,
    stack: Vec<Frame>,
    anchors: HashMap<usize, (Node, usize)>,
    aliased: usize,
    root: Option<Node>,
    documents: usize,
}

impl<'s, 't> Builder<'s, 't> {
    fn new(source: &'s Source<'t>) -> Self {
        Self {
            source,
            problems: Vec::new(),
            stack: Vec::new(),
            anchors: HashMap::new(),
            aliased: 0,
            root: None,
            documents: 0,
        }
    }

    fn run(&mut self) -> Option<Node> {
        let mut parser = Parser::new_from_str(self.source.text);
        while let Some(event) = parser.next_event() {
            let done = match event {
                Ok((event, span)) => self.event(event, span),
                Err(error) => {
                    self.syntax(&error);
                    Err(())
                }
            };
            if done.is_err() {
                return None;
            }
        }
        self.root.take()
    }

    /// Fails where nothing more can be read.
    fn event(&mut self, event: Event<'_>, raw: RawSpan) -> Result<(), ()> {
        let span = span(raw);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.report(Code::SeveralDocuments, "a second document starts here", span);
                    return Err(());
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.tag(tag.is_some(), span);
                let kind = match style {
                    _ if tag.is_some() => Kind::Broken,
                    ScalarStyle::Plain => scalar::read(&text),
                    _ => Kind::Text(text.into_owned()),
                };
                self.scalar(Node { span, kind }, anchor);
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.is_some(), span);
                self.open(Frame::List { span, anchor, items: Vec::new() }, span)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.is_some(), span);
                let (entries, merged) = (Vec::new(), Vec::new());
                self.open(Frame::Map { span, anchor, entries, merged, key: None }, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => self.alias(anchor, span)?,
            _ => {}
        }
        Ok(())
    }

    fn report(&mut self, code: Code, message: &str, span: Span) {
        self.problems.push(placed(code, message, self.source.place(span)));
    }

    fn tag(&mut self, given: bool, span: Span) {
        if given {
            self.report(Code::Tag, "tags have no meaning in a pipeline file", span);
        }
    }

    fn open(&mut self, frame: Frame, span: Span) -> Result<(), ()> {
        if self.stack.len() >= DEPTH {
            self.report(Code::TooLarge, &format!("values nest more than {DEPTH} deep"), span);
            return Err(());
        }
        self.stack.push(frame);
        Ok(())
    }

    fn scalar(&mut self, node: Node, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), 1));
        }
        self.add(node);
    }

    fn close(&mut self, end: Span) {
        let Some(frame) = self.stack.pop() else { return };
        let (start, anchor, kind) = match frame {
            Frame::List { span, anchor, items } => (span, anchor, Kind::List(items)),
            Frame::Map { span, anchor, entries, merged, .. } => (span, anchor, self.map(entries, merged)),
        };
        let span = Span { end_line: end.end_line, end_column: end.end_column, ..start };
        let node = Node { span, kind };
        if anchor > 0 {
            let size = size(&node);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        self.add(node);
    }

    /// Puts a finished value where it belongs.
    fn add(&mut self, node: Node) {
        let is_key = matches!(self.stack.last(), Some(Frame::Map { key: None, .. }));
        if is_key {
            let span = node.span;
            let text = self.key(node);
            if let Some(Frame::Map { key, .. }) = self.stack.last_mut() {
                *key = Some((text, span));
            }
            return;
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Map { entries, merged, key, .. }) => match key.take() {
                None => {}
                Some((Key::Merge, span)) => merged.push(Node { span, ..node }),
                Some((Key::Text(key), key_span)) => entries.push(Entry { key, key_span, value: node }),
                Some((Key::Bad, key_span)) => {
                    let value = Node { span: node.span, kind: Kind::Broken };
                    entries.push(Entry { key: String::new(), key_span, value });
                }
            },
        }
    }

    fn key(&mut self, node: Node) -> Key {
        let span = node.span;
        match node.kind {
            Kind::Text(text) if text == "<<" && self.written(span) == "<<" => Key::Merge,
            Kind::Text(text) => Key::Text(text),
            // An unquoted number or word is a name all the same.
            Kind::Bool(_) | Kind::Integer(_) | Kind::Unsigned(_) | Kind::Float(_) => {
                Key::Text(self.written(span))
            }
            _ => {
                self.complex_key(span);
                Key::Bad
            }
        }
    }

    fn complex_key(&mut self, span: Span) {
        let line = self.source.line(span.line);
        let from = span.column.saturating_sub(2) as usize;
        let around: String = line.chars().skip(from).take(3).collect();
        if around.contains("{{") {
            self.report(Code::KeyNotText, "a template must be quoted: `{{` starts a mapping in YAML", span);
        } else {
            self.report(Code::KeyNotText, "a key must be a text", span);
        }
    }

    /// Returns the text of a span on one line as it is written.
    fn written(&self, span: Span) -> String {
        let line = self.source.line(span.line);
        let length = span.end_column.saturating_sub(span.column) as usize;
        line.chars()
            .skip(span.column.saturating_sub(1) as usize)
            .take(length)
            .collect::<String>()
            .trim()
            .to_owned()
    }

    /// Leaves the first of duplicate keys, and marks the map where a key could not be read.
    fn map(&mut self, entries: Vec<Entry>, merged: Vec<Node>) -> Kind {
        let mut seen: HashMap<String, Span> = HashMap::with_capacity(entries.len());
        let mut kept = Vec::with_capacity(entries.len());
        let mut bad = false;
        for entry in entries {
            if matches!(entry.value.kind, Kind::Broken) && entry.key.is_empty() {
                bad = true;
            } else if let Some(first) = seen.get(&entry.key) {
                let message = format!("`{}` is there twice", entry.key);
                let related = vec![self.source.place(*first)];
                let problem = placed(Code::DuplicateKey, message, self.source.place(entry.key_span));
                self.problems.push(Problem { related, ..problem });
            } else {
                seen.insert(entry.key.clone(), entry.key_span);
                kept.push(entry);
            }
        }
        for node in merged {
            bad |= !self.merge(node, &mut seen, &mut kept);
        }
        // A map with an unreadable key is unknown as a whole, except for the file itself.
        if bad && !self.stack.is_empty() { Kind::Broken } else { Kind::Map(kept) }
    }

    /// Adds the fields of a map, or of several, that are not there yet; tells whether there are such.
    fn merge(&mut self, node: Node, seen: &mut HashMap<String, Span>, kept: &mut Vec<Entry>) -> bool {
        match node.kind {
            Kind::Map(entries) => {
                for entry in entries {
                    if let Vacant(place) = seen.entry(entry.key.clone()) {
                        place.insert(node.span);
                        kept.push(Entry { key_span: node.span, ..entry });
                    }
                }
                true
            }
            Kind::List(items) if items.iter().all(|item| matches!(item.kind, Kind::Map(_))) => {
                items.into_iter().all(|item| self.merge(Node { span: node.span, ..item }, seen, kept))
            }
            Kind::Broken => false,
            _ => {
                self.report(Code::MergeKey, "a merge key `<<` is given no mapping", node.span);
                false
            }
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), ()> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            self.report(Code::Syntax, "an alias stands inside of what it names", span);
            return Err(());
        };
        self.aliased += size;
        if self.aliased > ALIASED {
            self.report(Code::TooLarge, &format!("aliases add more than {ALIASED} values"), span);
            return Err(());
        }
        let kind = node.kind.clone();
        if self.stack.len() + depth(&kind) > DEPTH {
            self.report(Code::TooLarge, &format!("values nest more than {DEPTH} deep"), span);
            return Err(());
        }
        self.add(Node { span, kind });
        Ok(())
    }

    fn syntax(&mut self, error: &ScanError) {
        let marker = error.marker();
        let (line, column) = (number(marker.line()), number(marker.col() + 1));
        let at = point(&self.source.file, line, column);
        let open = self.stack.last().map(|frame| match frame {
            Frame::List { span, .. } | Frame::Map { span, .. } => *span,
        });
        // What an unquoted template leads to was said at its start.
        let said = self.problems.iter().any(|problem| {
            problem.code == Code::KeyNotText.as_str()
                && problem.place.as_ref().is_some_and(|p| p.line == line)
        });
        if !said {
            self.problems.push(syntax::problem(self.source, error.info(), at, open));
        }
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::List(items) => items.iter().map(size).sum(),
        Kind::Map(entries) => entries.iter().map(|entry| size(&entry.value)).sum(),
        _ => 0,
    }
}

fn depth(kind: &Kind) -> usize {
    match kind {
        Kind::List(items) => 1 + items.iter().map(|item| depth(&item.kind)).max().unwrap_or(0),
        Kind::Map(entries) => 1 + entries.iter().map(|entry| depth(&entry.value.kind)).max().unwrap_or(0),
        _ => 0,
    }
}

fn span(raw: RawSpan) -> Span {
    Span {
        line: number(raw.start.line()).max(1),
        column: number(raw.start.col()) + 1,
        end_line: number(raw.end.line()).max(1),
        end_column: number(raw.end.col()) + 1,
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX - 1)
}
