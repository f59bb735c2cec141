//! The file as a tree in which everything knows where it stands.

/// A stretch of the text; lines and columns count from 1, columns in characters, the end is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) end_line: u32,
    pub(crate) end_column: u32,
}

impl Span {
    const fn shift(&mut self, lines: u32, columns: u32) {
        self.line = self.line.saturating_add(lines);
        self.end_line = self.end_line.saturating_add(lines);
        self.column = self.column.saturating_add(columns);
        self.end_column = self.end_column.saturating_add(columns);
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Integer(i64),
    /// Beyond `i64`.
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that was reported already.
    Broken,
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// Whether the value is neither a list nor a map.
    pub(crate) const fn is_scalar(&self) -> bool {
        !matches!(self.kind, Kind::List(_) | Kind::Map(_))
    }

    /// Returns a field of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// Puts all that is in it at one place.
    pub(crate) fn put_at(&mut self, span: Span) {
        self.span = span;
        match &mut self.kind {
            Kind::List(items) => items.iter_mut().for_each(|item| item.put_at(span)),
            Kind::Map(entries) => {
                for entry in entries {
                    entry.key_span = span;
                    entry.value.put_at(span);
                }
            }
            _ => {}
        }
    }

    /// Moves the places of all that is in it.
    pub(crate) fn shift(&mut self, lines: u32, columns: u32) {
        self.span.shift(lines, columns);
        match &mut self.kind {
            Kind::List(items) => items.iter_mut().for_each(|item| item.shift(lines, columns)),
            Kind::Map(entries) => {
                for entry in entries {
                    entry.key_span.shift(lines, columns);
                    entry.value.shift(lines, columns);
                }
            }
            _ => {}
        }
    }

    /// Says what it is, for messages.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Bool(value) => format!("`{value}`"),
            Kind::Integer(value) => format!("the number {value}"),
            Kind::Unsigned(value) => format!("the number {value}"),
            Kind::Float(value) => format!("the number {value:?}"),
            Kind::Text(text) if text.chars().count() > 40 => "a text".to_owned(),
            Kind::Text(text) => format!("the text {text:?}"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
            Kind::Broken => "something unreadable".to_owned(),
        }
    }

    /// Finds what a path names, as deep as it goes; fields that are not there end at what holds them.
    pub(crate) fn find(&self, path: &str) -> Found<'_> {
        let mut found = Found { key: None, value: self, whole: true };
        let mut rest = path;
        while !rest.is_empty() {
            let step = index(found.value, rest).or_else(|| field(found.value, rest));
            let Some((key, value, after)) = step else { return Found { whole: false, ..found } };
            found = Found { key: key.or(found.key), value, whole: true };
            rest = after.strip_prefix('.').unwrap_or(after);
        }
        found
    }
}

/// What a path led to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'n> {
    /// The nearest key on the way.
    pub(crate) key: Option<Span>,
    /// The value.
    pub(crate) value: &'n Node,
    /// Whether all of the path was there.
    pub(crate) whole: bool,
}

type Step<'n, 'p> = Option<(Option<Span>, &'n Node, &'p str)>;

fn index<'n, 'p>(node: &'n Node, path: &'p str) -> Step<'n, 'p> {
    let Kind::List(items) = &node.kind else { return None };
    let (number, rest) = path.strip_prefix('[')?.split_once(']')?;
    let item = items.get(number.parse::<usize>().ok()?)?;
    Some((Some(item.span).filter(|_| item.is_scalar()), item, rest))
}

/// Keys may have dots in them: the longest that fits is meant.
fn field<'n, 'p>(node: &'n Node, path: &'p str) -> Step<'n, 'p> {
    let Kind::Map(entries) = &node.kind else { return None };
    let fits = |entry: &&Entry| {
        let rest = path.strip_prefix(entry.key.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let entry = entries.iter().filter(fits).max_by_key(|entry| entry.key.len())?;
    Some((Some(entry.key_span), &entry.value, &path[entry.key.len()..]))
}
