//! Entries as records.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use crate::layout::located::{Located, Positions};
use crate::layout::po::entry::{Entry, Flags};
use crate::layout::po::escape::PoQuoting;
use crate::layout::states::known_state;
use crate::layout::{Place, Quoting, Slot, TEXT};

/// What begins a note that is a field of its own, and the field.
pub(super) const NAMED: [(&str, &str); 4] =
    [("speaker:", "speaker"), ("scene:", "scene_id"), ("route:", "route_id"), ("note:", "note")];

/// Turns entries into slots; entries that are there twice go to the problems.
pub(super) fn slots(text: &str, entries: &[Entry], found: &mut Located<'_>) -> Vec<Slot> {
    let messages: Vec<&Entry> = entries.iter().filter(|entry| !is_header(entry)).collect();
    let forms = entries.iter().find(|entry| is_header(entry)).and_then(|header| forms(target(header, 0)));
    twice(&messages, found);
    let contexts = contexts(&messages);
    let making =
        Making { line_break: if text.contains("\r\n") { "\r\n" } else { "\n" }, one_form: forms == Some(1) };
    let mut positions = Positions::new(text);
    let mut slots = Vec::with_capacity(messages.len());
    for entry in messages {
        let shares = context(entry).is_some_and(|context| contexts.get(context).is_some_and(|n| *n > 1));
        let line = positions.line(entry.at);
        slots.extend(entry.targets.iter().enumerate().map(|(n, _)| making.slot(entry, n, shares, line)));
    }
    slots
}

/// Whether an entry is the header of its file.
pub(super) fn is_header(entry: &Entry) -> bool {
    entry.context.is_none() && source(entry).is_empty()
}

fn source(entry: &Entry) -> &str {
    entry.source.as_ref().map_or("", |strings| &strings.plain)
}

fn context(entry: &Entry) -> Option<&str> {
    entry.context.as_ref().map(|strings| strings.plain.as_str())
}

fn target(entry: &Entry, n: usize) -> &str {
    entry.targets.get(n).map_or("", |(_, strings)| &strings.plain)
}

/// Returns the number of plural forms that a header tells.
fn forms(header: &str) -> Option<usize> {
    let line =
        header.lines().find(|line| line.trim_start().to_ascii_lowercase().starts_with("plural-forms:"))?;
    let number = line.split("nplurals").nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn twice(entries: &[&Entry], found: &mut Located<'_>) {
    let mut seen = HashMap::new();
    for entry in entries {
        let first = *seen.entry((context(entry), source(entry))).or_insert(entry.at);
        if first != entry.at {
            let excerpt: String = source(entry).chars().take(40).collect();
            found.add_beside(entry.at, "E0754", format!("the entry {excerpt:?} a second time"), first);
        }
    }
}

/// Counts the entries of each context.
fn contexts<'a>(entries: &[&'a Entry]) -> HashMap<&'a str, usize> {
    let mut contexts = HashMap::new();
    for context in entries.iter().filter_map(|entry| context(entry)) {
        *contexts.entry(context).or_default() += 1;
    }
    contexts
}

struct Making {
    line_break: &'static str,
    /// Whether the language has one form for every number.
    one_form: bool,
}

impl Making {
    fn slot(&self, entry: &Entry, n: usize, shares: bool, line: u64) -> Slot {
        let (form, strings) = &entry.targets[n];
        let mut fields = Vec::new();
        let mut set = |name: &str, value: Value| fields.push((name.to_owned(), value));
        let plural = entry.plural.as_ref().map(|strings| strings.plain.as_str());
        let text = plural.filter(|_| *form > 0 || self.one_form).unwrap_or(source(entry));
        set("text", text.into());
        set("translation", strings.plain.as_str().into());
        set("state", state(entry, &strings.plain).into());
        if let Some(plural) = plural {
            set("plural_form", (*form).into());
            set("singular", source(entry).into());
            set("plural", plural.into());
        }
        about(entry, &mut set);
        let mut places = vec![Place {
            field: TEXT.to_owned(),
            span: strings.span.clone(),
            now: strings.plain.clone(),
            quoting: Arc::new(PoQuoting { line_break: self.line_break }),
        }];
        if n == 0 {
            places.extend(self.state_places(entry, &strings.plain));
        }
        Slot { fields, id: id(entry, shares, plural.is_some().then_some(*form)), line, places }
    }

    /// Where the state goes: the flags, and the note that holds it if there is one.
    fn state_places(&self, entry: &Entry, target: &str) -> Vec<Place> {
        let now = state(entry, target);
        let place = |span: Range<usize>, quoting: Arc<dyn Quoting>| Place {
            field: "state".to_owned(),
            span,
            now: now.to_owned(),
            quoting,
        };
        let flags = entry.flags.iter().find(|line| is_fuzzy(line)).or(entry.flags.first());
        let quoting = self.flags(flags.map_or(&[][..], |line| &line.flags));
        let span = flags.map_or(entry.before..entry.before, |line| line.span.clone());
        let noted = noted_state(entry).map(|(_, span)| place(span, Arc::new(StateQuoting)));
        noted.into_iter().chain([place(span, Arc::new(quoting))]).collect()
    }

    fn flags(&self, flags: &[String]) -> FlagQuoting {
        let others: Vec<&str> = flags.iter().map(String::as_str).filter(|flag| *flag != "fuzzy").collect();
        let line = |flags: &[&str]| {
            let line = format!("#, {}{}", flags.join(", "), self.line_break);
            if flags.is_empty() { String::new() } else { line }
        };
        FlagQuoting { draft: line(&[&["fuzzy"], &others[..]].concat()), other: line(&others) }
    }
}

fn is_fuzzy(line: &Flags) -> bool {
    line.flags.iter().any(|flag| flag == "fuzzy")
}

/// Returns the state of a translation: fuzzy ones are drafts, whatever a note says.
fn state<'a>(entry: &'a Entry, target: &str) -> &'a str {
    if entry.flags.iter().any(is_fuzzy) {
        return "draft";
    }
    let plain = if target.is_empty() { "new" } else { "translated" };
    noted_state(entry).map(|(state, _)| state).filter(|state| *state != "draft").unwrap_or(plain)
}

fn noted_state(entry: &Entry) -> Option<(&str, Range<usize>)> {
    entry.notes.iter().find_map(|(note, span)| {
        let state = note.strip_prefix("state:")?.trim();
        known_state(state).ok()?;
        Some((state, span.end - state.len()..span.end))
    })
}

fn about(entry: &Entry, set: &mut impl FnMut(&str, Value)) {
    let (mut note, mut known) = (Vec::new(), Vec::new());
    for (line, _) in &entry.notes {
        if line.starts_with("id:") || noted_state_of(line) {
            continue;
        }
        match NAMED.iter().find_map(|(prefix, field)| Some((*field, line.strip_prefix(prefix)?.trim()))) {
            Some(("note", rest)) => note.push(rest),
            Some((field, value)) if !known.contains(&field) && !value.is_empty() => {
                known.push(field);
                set(field, value.into());
            }
            _ => note.push(line),
        }
    }
    let mut set_lines = |name: &str, lines: &[&str]| {
        if !lines.is_empty() {
            set(name, lines.join("\n").into());
        }
    };
    set_lines("note", &note);
    set_lines("translator_note", &entry.remarks.iter().map(String::as_str).collect::<Vec<_>>());
    if let Some(context) = context(entry) {
        set("msgctxt", context.into());
    }
    if !entry.previous.is_empty() {
        set("previous", entry.previous.as_str().into());
    }
    if !entry.references.is_empty() {
        set("reference", entry.references.join(" ").into());
    }
    let flags: Vec<&str> = entry.flags.iter().flat_map(|line| &line.flags).map(String::as_str).collect();
    let flags: Vec<&str> = flags.into_iter().filter(|flag| *flag != "fuzzy").collect();
    if !flags.is_empty() {
        set("flags", flags.into());
    }
}

fn noted_state_of(line: &str) -> bool {
    line.strip_prefix("state:").is_some_and(|state| known_state(state.trim()).is_ok())
}

fn id(entry: &Entry, shares: bool, form: Option<usize>) -> Option<String> {
    let noted = entry.notes.iter().find_map(|(note, _)| note.strip_prefix("id:"));
    let noted = noted.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty());
    let base = noted.or_else(|| match context(entry) {
        Some(context) if shares => Some(format!("{context}#{}", hash(entry))),
        Some("") | None => None,
        Some(context) => Some(context.to_owned()),
    });
    match form {
        // Forms of one entry say nearly the same; what tells them apart is their number.
        Some(form) => Some(format!("{}[{form}]", base.unwrap_or_else(|| hash(entry)))),
        None => base,
    }
}

fn hash(entry: &Entry) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(context(entry).unwrap_or_default().as_bytes()).update(b"\x04");
    hasher.update(source(entry).as_bytes());
    hasher.finalize().to_hex().chars().take(8).collect()
}

/// Writes a line of flags.
#[derive(Debug)]
struct FlagQuoting {
    draft: String,
    other: String,
}

impl Quoting for FlagQuoting {
    fn quote(&self, plain: &str) -> Result<String, String> {
        Ok(if known_state(plain)? == "draft" { self.draft.clone() } else { self.other.clone() })
    }
}

#[derive(Debug)]
struct StateQuoting;

impl Quoting for StateQuoting {
    fn quote(&self, plain: &str) -> Result<String, String> {
        known_state(plain).map(str::to_owned)
    }
}
