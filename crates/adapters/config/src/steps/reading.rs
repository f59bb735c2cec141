//! Reads values of a steps file one by one, and says where one does not have its shape.

use refrain_core::check::code::Code;
use refrain_core::check::suggest::nearest;
use refrain_core::check::{is_inside, problem};
use refrain_schemas::duration::Span as Duration;
use refrain_schemas::problem::Problem;
use serde_json::{Map, Number, Value};

use crate::node::{Entry, Kind, Node, Span};
use crate::source::Source;

/// The longest name that is quoted whole.
const NAME: usize = 64;

/// A value with the key that it stands under.
#[derive(Debug, Clone)]
pub(super) struct Item<'n> {
    pub(super) node: &'n Node,
    pub(super) key: Option<Span>,
    pub(super) path: String,
}

/// An item that is kept for later.
#[derive(Debug, Clone)]
pub(super) struct OwnItem {
    pub(super) node: Node,
    key: Option<Span>,
    path: String,
}

impl OwnItem {
    pub(super) fn of(item: &Item<'_>) -> Self {
        Self { node: item.node.clone(), key: item.key, path: item.path.clone() }
    }

    pub(super) fn item(&self) -> Item<'_> {
        Item { node: &self.node, key: self.key, path: self.path.clone() }
    }
}

/// The fields of a map.
#[derive(Debug, Clone)]
pub(super) struct Fields<'n> {
    pub(super) entries: &'n [Entry],
    pub(super) span: Span,
    pub(super) path: String,
}

impl<'n> Item<'n> {
    /// The place that a problem about it is shown at: the value where it is short, else the key.
    pub(super) fn span(&self) -> Span {
        let is_short = self.node.is_scalar() && !matches!(self.node.kind, Kind::Null);
        self.key.filter(|_| !is_short).unwrap_or(self.node.span)
    }

    pub(super) fn key_span(&self) -> Span {
        self.key.unwrap_or(self.node.span)
    }

    /// The last name of its path.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }

    pub(super) fn text(&self) -> Option<&'n str> {
        match &self.node.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn items(&self) -> Vec<Self> {
        let Kind::List(items) = &self.node.kind else { return Vec::new() };
        let item = |(n, node)| Self { node, key: None, path: format!("{}[{n}]", self.path) };
        items.iter().enumerate().map(item).collect()
    }
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, name: &str) -> Option<Item<'n>> {
        self.iter().find(|(key, _)| *key == name).map(|(_, item)| item)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'n str, Item<'n>)> + '_ {
        self.entries.iter().map(|entry| {
            let dot = if self.path.is_empty() { "" } else { "." };
            let path = format!("{}{dot}{}", self.path, entry.key);
            (entry.key.as_str(), Item { node: &entry.value, key: Some(entry.key_span), path })
        })
    }
}

/// What was found so far.
pub(super) struct Reading<'s> {
    /// The file, and those that it is being left for.
    sources: Vec<Source<'s>>,
    pub(super) problems: Vec<Problem>,
}

impl<'s> Reading<'s> {
    pub(super) fn new(source: &Source<'s>) -> Self {
        Self { sources: vec![source.clone()], problems: Vec::new() }
    }

    /// Turns to another file, until it is left.
    pub(super) fn enter(&mut self, source: Source<'s>) {
        self.sources.push(source);
    }

    /// Turns back to the file before.
    pub(super) fn leave(&mut self) {
        self.sources.pop();
    }

    /// How many problems there are so far.
    pub(super) fn n_problems(&self) -> usize {
        self.problems.len()
    }

    pub(super) fn report(
        &mut self,
        code: Code,
        path: &str,
        span: Span,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let found = problem(code, path, message);
        let hint = hint.or_else(|| found.hint.clone());
        let place = self.sources.last().map(|source| source.place(span));
        self.problems.push(Problem { hint, place, ..found });
    }

    /// Reports a problem with a value.
    pub(super) fn at(
        &mut self,
        code: Code,
        item: &Item<'_>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.report(code, &item.path, item.span(), message, hint);
    }

    /// Reports a problem with a key.
    pub(super) fn at_key(
        &mut self,
        code: Code,
        item: &Item<'_>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.report(code, &item.path, item.key_span(), message, hint);
    }

    /// Reports a problem with a place of a text: of one on several lines, at its line.
    pub(super) fn within(
        &mut self,
        code: Code,
        item: &Item<'_>,
        at: Option<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let span = at.and_then(|at| self.line_within(item, at)).unwrap_or_else(|| item.span());
        self.report(code, &item.path, span, message, hint);
    }

    /// Returns the line of the file where a place of a text stands; nothing where the text is not written line by line.
    fn line_within(&self, item: &Item<'_>, at: usize) -> Option<Span> {
        let text = item.text().filter(|text| text.contains('\n'))?;
        let n = text.get(..at)?.matches('\n').count();
        let shown = text.lines().nth(n)?.trim();
        let number = item.node.span.line + u32::try_from(n).ok()?;
        let line = self.sources.last()?.line(number);
        let before = line.find(shown).filter(|_| !shown.is_empty())?;
        let column = u32::try_from(line[..before].chars().count() + 1).ok()?;
        let length = u32::try_from(shown.chars().count()).ok()?;
        Some(Span { line: number, column, end_line: number, end_column: column + length })
    }

    /// Returns what stands in the file, quotes included.
    pub(super) fn written(&self, span: Span) -> String {
        let from = span.column.saturating_sub(1) as usize;
        let length = span.end_column.saturating_sub(span.column) as usize;
        let line = self.sources.last().map(|source| source.line(span.line)).unwrap_or_default();
        line.chars().skip(from).take(length).collect()
    }

    fn wrong(&mut self, item: &Item<'_>, expected: &str) {
        let message = format!("`{}` is {}, and {expected} is expected", item.name(), item.node.describe());
        if !matches!(item.node.kind, Kind::Broken) {
            self.at(Code::WrongType, item, message, None);
        }
    }

    /// Reads a map; a key with nothing behind it has an empty one.
    pub(super) fn fields<'n>(&mut self, item: &Item<'n>) -> Option<Fields<'n>> {
        match &item.node.kind {
            Kind::Null if item.key.is_some() => {
                Some(Fields { entries: &[], span: item.key_span(), path: item.path.clone() })
            }
            Kind::Map(entries) => Some(Fields { entries, span: item.key_span(), path: item.path.clone() }),
            _ => {
                self.wrong(item, "a mapping");
                None
            }
        }
    }

    /// Reads a list.
    pub(super) fn list<'n>(&mut self, item: &Item<'n>) -> Option<Vec<Item<'n>>> {
        if !matches!(item.node.kind, Kind::List(_)) {
            self.wrong(item, "a list");
            return None;
        }
        Some(item.items())
    }

    /// Reads a text.
    pub(super) fn text<'n>(&mut self, item: &Item<'n>) -> Option<&'n str> {
        let text = item.text();
        if text.is_none() {
            self.wrong(item, "a text");
        }
        text
    }

    /// Reads names: a list, one text, or several with commas between them; nothing is none.
    pub(super) fn names<'n>(&mut self, item: &Item<'n>) -> Vec<(String, Item<'n>)> {
        if matches!(item.node.kind, Kind::Null) {
            return Vec::new();
        }
        if let Some(text) = item.text() {
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            return names.map(|name| (name.to_owned(), item.clone())).collect();
        }
        let items = self.list(item).unwrap_or_default();
        items.into_iter().filter_map(|item| Some((self.text(&item)?.trim().to_owned(), item))).collect()
    }

    /// Reads `true` or `false`.
    pub(super) fn flag(&mut self, item: &Item<'_>) -> Option<bool> {
        let flag = flag_of(item.node);
        if flag.is_none() {
            self.wrong(item, "`true` or `false`");
        }
        flag
    }

    /// Reads a whole number.
    pub(super) fn whole(&mut self, item: &Item<'_>) -> Option<u32> {
        match item.node.kind {
            Kind::Integer(number) if u32::try_from(number).is_ok() => u32::try_from(number).ok(),
            _ => {
                self.wrong(item, "a whole number");
                None
            }
        }
    }

    /// Reads a whole number, which may be negative.
    pub(super) fn number(&mut self, item: &Item<'_>) -> Option<i64> {
        if let Kind::Integer(number) = item.node.kind {
            return Some(number);
        }
        self.wrong(item, "a whole number");
        None
    }

    /// Reads a length of time: seconds, or a duration.
    pub(super) fn time(&mut self, item: &Item<'_>) -> Option<Duration> {
        let seconds = |seconds: f64| std::time::Duration::try_from_secs_f64(seconds).ok().map(Duration);
        let time = match &item.node.kind {
            Kind::Integer(number) => {
                u64::try_from(*number).ok().map(|n| Duration(std::time::Duration::from_secs(n)))
            }
            Kind::Float(number) => seconds(*number),
            Kind::Text(text) => text.parse().ok().or_else(|| text.trim().parse().ok().and_then(seconds)),
            _ => None,
        };
        match time {
            None => self.at(
                Code::BadDuration,
                item,
                format!("`{}` cannot be {}", item.name(), item.node.describe()),
                Some("write seconds, or a duration such as `30s`".to_owned()),
            ),
            Some(time) if time.0.is_zero() => {
                self.at(Code::Zero, item, format!("`{}` is 0", item.name()), None);
            }
            Some(time) => return Some(time),
        }
        None
    }

    /// Reads one of several words.
    pub(super) fn word<'w>(&mut self, item: &Item<'_>, words: &[&'w str]) -> Option<&'w str> {
        let written = self.text(item)?;
        let found = words.iter().find(|word| **word == written).copied();
        if found.is_none() {
            let meant =
                nearest(written, words.iter().copied()).map(|word| format!("did you mean `{word}`? "));
            let hint = format!("{}use one of {}", meant.unwrap_or_default(), listed(words));
            self.at(Code::NotAChoice, item, format!("`{}` cannot be {written:?}", item.name()), Some(hint));
        }
        found
    }

    /// Refuses keys that are not known. `refused` says of some what to write instead.
    pub(super) fn known(
        &mut self,
        fields: &Fields<'_>,
        what: &str,
        known: &[&str],
        refused: &[(&str, &str)],
    ) {
        for (key, item) in fields.iter() {
            if known.contains(&key) {
                continue;
            }
            if let Some((_, instead)) = refused.iter().find(|(name, _)| *name == key) {
                let message = format!("`{key}` is not part of the language");
                self.at_key(Code::StepRefused, &item, message, Some((*instead).to_owned()));
                continue;
            }
            let hint = match nearest(key, known.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("it has {}", listed(known)),
            };
            self.at_key(Code::StepUnknown, &item, format!("{what} has no key `{key}`"), Some(hint));
        }
    }
}

/// Returns what is quoted in a message, cut where it is longer than any name.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(NAME) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

pub(super) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Returns a value as JSON.
pub(super) fn json(node: &Node) -> Value {
    match &node.kind {
        Kind::Null | Kind::Broken => Value::Null,
        Kind::Bool(value) => Value::Bool(*value),
        Kind::Integer(value) => Value::from(*value),
        Kind::Unsigned(value) => Value::from(*value),
        Kind::Float(value) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
        Kind::Text(text) => Value::String(text.clone()),
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Map(entries) => {
            let fields = entries.iter().map(|entry| (entry.key.clone(), json(&entry.value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

/// Whether a path leads out of its folder; those of steps files have `/` between their parts.
pub(super) fn leads_out(path: &str) -> bool {
    !is_inside(path) || path.contains('\\')
}

/// Returns what is meant where `true` or `false` has to stand: other readers of YAML know more words for them.
pub(super) fn flag_of(node: &Node) -> Option<bool> {
    match &node.kind {
        Kind::Bool(flag) => Some(*flag),
        Kind::Text(text) => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" => Some(true),
            "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_their_folder() {
        for path in ["/etc/x", "../x", "a/../../x", "a\\b"] {
            assert!(leads_out(path), "{path}");
        }
        for path in ["a/b", "a..b", "./a"] {
            assert!(!leads_out(path), "{path}");
        }
    }
}
