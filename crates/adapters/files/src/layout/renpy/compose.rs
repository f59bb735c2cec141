//! Records as a `translate` file of a language.
//!
//! Dialogue becomes a block under the identifier that is its id; everything else becomes a pair of `old` and `new`,
//! whose id stands in a comment above. Ren'Py takes each `old` once: of lines that say the same the first has the pair,
//! the others a comment.

use std::collections::BTreeMap;

use refrain_schemas::json::Json;

use crate::layout::composed::{Entry, entries};
use crate::layout::renpy::identifier::encoded;
use crate::layout::renpy::literal::{Monologue, PythonQuoting, SayQuoting};
use crate::layout::renpy::logical::statement_in;
use crate::layout::renpy::say::{Say, say};
use crate::layout::renpy::script::SAME_AS;
use crate::layout::{Composing, Quoting};
use crate::problems::{Problems, problem};

pub(super) fn compose(records: &[Json], with: &Composing, problems: &mut Problems) -> String {
    let Some(language) = language(with, problems) else { return String::new() };
    let entries = entries(records, with, problems);
    let shared = shared(&entries, problems);
    let mut out = String::new();
    let mut in_strings = false;
    for entry in &entries {
        if is_dialogue(entry) {
            match dialogue(entry, &language) {
                Ok(block) => out.push_str(&block),
                Err(message) => entry.refuse(message, problems),
            }
            in_strings = false;
            continue;
        }
        let first = shared.get(entry.source.as_str()).copied().unwrap_or(entry);
        if !is_one_line(&entry.id) {
            entry.refuse("has an id with line breaks, or blanks around it", problems);
        } else if first.number == entry.number {
            if !std::mem::replace(&mut in_strings, true) {
                out.push_str(&format!("translate {language} strings:\n\n"));
            }
            out.push_str(&pair(entry));
        } else if !entry.id.is_empty() {
            out.push_str(&format!("    # id: {}{SAME_AS}{}\n\n", entry.id, first.id));
        }
    }
    out
}

/// Returns the language as a name that Ren'Py takes.
fn language(with: &Composing, problems: &mut Problems) -> Option<String> {
    let name = with.language.as_deref().unwrap_or_default().replace('-', "_");
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_name {
        return Some(name);
    }
    let mut told =
        problem("E0720", "a `translate` file names its language, of letters, digits and underscores", None);
    told.hint = Some("say which with `language:`".to_owned());
    problems.add(told);
    None
}

/// Whether a record is found by its identifier rather than by what it says.
fn is_dialogue(entry: &Entry) -> bool {
    let is_name = entry.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80);
    match entry.text("kind") {
        Some("say") => is_name && entry.id.contains('_'),
        Some(_) => false,
        None => {
            is_name
                && (is_identifier(&entry.id) || (entry.text("speaker").is_some() && entry.id.contains('_')))
        }
    }
}

/// Whether an id ends as Ren'Py's identifiers do: `_`, eight hexadecimal digits, and perhaps a number.
fn is_identifier(id: &str) -> bool {
    let is_hash =
        |part: &str| part.len() == 8 && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let Some((before, last)) = id.rsplit_once('_') else { return false };
    is_hash(last) || before.rsplit_once('_').is_some_and(|(_, hash)| is_hash(hash))
}

/// Returns the first pair of each that translates the same; another translation of it is refused.
fn shared<'a>(entries: &'a [Entry], problems: &mut Problems) -> BTreeMap<&'a str, &'a Entry> {
    let mut shared: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !is_dialogue(entry)) {
        let first = *shared.entry(&entry.source).or_insert(entry);
        if first.target != entry.target {
            let message = format!(
                "is translated otherwise than record {}, which says the same; Ren'Py has one translation for equal \
                 strings, or a tag such as `{{#menu}}` to tell them apart",
                first.number
            );
            entry.refuse(&message, problems);
        }
    }
    shared
}

fn pair(entry: &Entry) -> String {
    let id = if entry.id.is_empty() { String::new() } else { format!("    # id: {}\n", entry.id) };
    let quoted = |text: &str| PythonQuoting { quote: '"', paragraphs: false }.quote(text).unwrap_or_default();
    let target = entry.target.as_deref().unwrap_or(&entry.source);
    let (old, new) = (quoted(&entry.source), quoted(target));
    format!("{id}{}    old {old}\n    new {new}\n\n", remarks(entry))
}

fn dialogue(entry: &Entry, language: &str) -> Result<String, &'static str> {
    let target = entry.target.as_deref().unwrap_or(&entry.source);
    let source = statement(entry, &entry.source)?;
    let said = statement(entry, target)?;
    let mut out = format!("translate {language} {}:\n\n", entry.id);
    out.push_str(&remarks(entry));
    let before = entry.list("before");
    for line in &before {
        out.push_str(&format!("    # {line}\n"));
    }
    out.push_str(&format!("    # {source}\n"));
    for line in &before {
        out.push_str(&format!("    {line}\n"));
    }
    out.push_str(&format!("    {said}\n\n"));
    Ok(out)
}

fn remarks(entry: &Entry) -> String {
    let state = entry.state.as_deref().or(entry.target.is_none().then_some("new"));
    state.map_or_else(String::new, |state| format!("    # state: {state}\n"))
}

/// Writes a say statement and looks whether it is read as what is meant.
fn statement(entry: &Entry, text: &str) -> Result<String, &'static str> {
    let quoted = SayQuoting { quotes: true, quote: '"' }.quote(text).unwrap_or_else(|_| encoded(text));
    let who = entry.text("speaker").map(speaker).unwrap_or_default();
    let parts = [who.as_str(), entry.text("attributes").unwrap_or_default(), &quoted];
    let parts = parts.into_iter().chain(entry.text("clauses")).filter(|part| !part.is_empty());
    let statement = parts.collect::<Vec<_>>().join(" ");
    let is_whole = !statement.contains('\n')
        && statement_in(&statement, 0..statement.len())
            .as_ref()
            .and_then(|line| say(&statement, line))
            .is_some_and(|said| says(&said, text));
    is_whole.then_some(statement).ok_or("has a speaker, attributes or clauses that make no statement")
}

fn says(said: &Say<'_>, text: &str) -> bool {
    said.parts(Monologue::Double).first().is_some_and(|part| part.plain.as_deref() == Ok(text))
}

/// Returns a speaker as an expression; a name that is none is put in quotes.
fn speaker(name: &str) -> String {
    let probe = format!("{name} \"\"");
    let line = statement_in(&probe, 0..probe.len());
    let is_expression =
        line.as_ref().and_then(|line| say(&probe, line)).is_some_and(|said| said.who == Some(name));
    if is_expression { name.to_owned() } else { encoded(name) }
}

fn is_one_line(id: &str) -> bool {
    id.trim() == id && !id.contains(['\n', '\r']) && !id.contains(SAME_AS)
}
