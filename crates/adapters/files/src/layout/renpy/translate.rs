//! `translate` blocks: what is there already in another language.

use std::collections::BTreeMap;

use crate::layout::Place;
use crate::layout::located::Located;
use crate::layout::renpy::cursor::Cursor;
use crate::layout::renpy::literal::{Literal, Monologue};
use crate::layout::renpy::logical::{Logical, statement_in};
use crate::layout::renpy::say::{Say, say};
use crate::layout::renpy::script::UNLABELLED;
use crate::layout::renpy::slots::{Fields, Slots, Spoken, spoken_place};
use crate::layout::renpy::state::{State, state_in};
use crate::layout::renpy::strings::string;

/// A `translate LANGUAGE IDENTIFIER:` block.
#[derive(Debug)]
pub(super) struct Translated {
    language: String,
    id: String,
    reference: Option<String>,
    monologue: Monologue,
    sources: Vec<String>,
    state: Option<State>,
    said: Vec<Logical>,
}

impl Translated {
    pub(super) fn new(
        text: &str,
        language: &str,
        id: &str,
        comments: &[Logical],
        monologue: Monologue,
    ) -> Self {
        Self {
            language: language.to_owned(),
            id: id.to_owned(),
            reference: reference(text, comments),
            monologue,
            sources: Vec::new(),
            state: None,
            said: Vec::new(),
        }
    }

    /// Takes a statement of the block, and the comments before it, which hold what it translates.
    pub(super) fn line(&mut self, text: &str, line: &Logical, comments: &[Logical]) {
        for comment in comments {
            self.state = state_in(text, comment).or(self.state.take());
            self.sources.extend(commented(text, comment, self.monologue));
        }
        self.said.push(line.clone());
    }

    pub(super) fn finish(
        self,
        text: &str,
        characters: &BTreeMap<String, String>,
        found: &mut Located<'_>,
        slots: &mut Slots,
    ) {
        let mut sources = self.sources.iter();
        let mut number = 0;
        for line in &self.said {
            let Some(said) = dialogue(text, line) else { continue };
            for part in said.parts(self.monologue) {
                number += 1;
                let source = sources.next();
                match part.plain {
                    Ok(plain) => {
                        let place = spoken_place(part.span.clone(), &plain, part.quoting);
                        self.slot(&Told { said: &said, source, plain, number, characters }, place, slots);
                    }
                    Err(_) => {
                        found.add(part.span.start, "E0745", "an escape in the text stands for no character");
                    }
                }
            }
        }
    }

    fn slot(&self, told: &Told<'_>, place: Place, slots: &mut Slots) {
        let Told { said, number, .. } = told;
        let id = if *number == 1 { self.id.clone() } else { format!("{}#{number}", self.id) };
        let name = said.who.and_then(|speaker| told.characters.get(speaker));
        let fields = Fields::default()
            .with("text", told.source.map_or("", String::as_str))
            .with("translation", told.plain.as_str())
            .with("kind", "say")
            .with("language", self.language.as_str())
            .with_some("speaker", said.who)
            .with_some("speaker_name", name.cloned())
            .with("scene_id", scene_of(&self.id).unwrap_or(UNLABELLED))
            .with_text("attributes", said.manner)
            .with_text("clauses", &said.written_clauses(false))
            .with_some("reference", self.reference.as_deref());
        let state = self.state.as_ref().filter(|_| *number == 1);
        let fields = fields.with_some("state", state.map(|state| state.now.as_str()));
        let places = [place].into_iter().chain(state.map(State::place)).collect();
        slots.add(said.literal.whole.start, Some(id), fields, places);
    }
}

struct Told<'a> {
    said: &'a Say<'a>,
    source: Option<&'a String>,
    plain: String,
    number: usize,
    characters: &'a BTreeMap<String, String>,
}

/// Reads a line as dialogue; `voice` says nothing.
fn dialogue<'a>(text: &'a str, line: &'a Logical) -> Option<Say<'a>> {
    say(text, line).filter(|said| said.who != Some("voice"))
}

/// Returns what a comment would say if it were none.
fn commented(text: &str, comment: &Logical, monologue: Monologue) -> Vec<String> {
    let start = comment.span.start + 1;
    let start =
        start + text[start..comment.span.end].len() - text[start..comment.span.end].trim_start().len();
    let Some(line) = statement_in(text, start..comment.span.end) else { return Vec::new() };
    let Some(said) = dialogue(text, &line) else { return Vec::new() };
    said.parts(monologue).into_iter().filter_map(|part| part.plain.ok()).collect()
}

/// Returns `game/script.rpy:26` of the last comment that says it.
fn reference(text: &str, comments: &[Logical]) -> Option<String> {
    comments.iter().rev().find_map(|comment| {
        let said = text[comment.span.clone()].trim_start_matches('#').trim();
        let (path, line) = said.rsplit_once(':')?;
        let is_one =
            !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()) && !path.contains(' ');
        is_one.then(|| said.to_owned())
    })
}

/// Returns the label that an identifier begins with.
fn scene_of(id: &str) -> Option<&str> {
    let (label, hash) = id.rsplit_once('_')?;
    let is_hash = |hash: &str| hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash(hash) {
        return Some(label).filter(|label| !label.is_empty());
    }
    let (label, before) = label.rsplit_once('_')?;
    (is_hash(before) && !label.is_empty()).then_some(label)
}

/// A `translate LANGUAGE strings:` block.
#[derive(Debug)]
pub(super) struct Pairs {
    language: String,
    old: Option<Old>,
}

/// What a `new` behind it translates.
#[derive(Debug)]
struct Old {
    at: usize,
    text: String,
    id: Option<String>,
    reference: Option<String>,
    state: Option<State>,
}

impl Pairs {
    pub(super) fn new(language: &str) -> Self {
        Self { language: language.to_owned(), old: None }
    }

    pub(super) fn line(
        &mut self,
        text: &str,
        line: &Logical,
        comments: &[Logical],
        found: &mut Located<'_>,
        slots: &mut Slots,
    ) {
        let mut cursor = Cursor::new(text, line);
        let word = cursor.word();
        let literal = cursor.literal().filter(|_| cursor.is_over());
        match (word, literal) {
            (Some("old"), Some(literal)) => {
                self.finish(found);
                self.old = old(text, literal, comments, found);
            }
            (Some("new"), Some(literal)) => {
                let spoken = string(text, literal, false, found);
                self.new_string(literal.whole.start, spoken, found, slots);
            }
            _ => {
                let message = "expected `old` or `new` and one string";
                found.add(line.span.start, "E0744", message);
            }
        }
    }

    fn new_string(&mut self, at: usize, new: Option<Spoken>, found: &mut Located<'_>, slots: &mut Slots) {
        let Some(old) = self.old.take() else {
            found.add(at, "E0744", "`new` without the `old` that it translates");
            return;
        };
        let Some(new) = new else { return };
        let fields = Fields::default()
            .with("text", old.text)
            .with("translation", new.text.as_str())
            .with("kind", "string")
            .with("scene_id", UNLABELLED)
            .with("language", self.language.as_str())
            .with_some("reference", old.reference)
            .with_some("state", old.state.as_ref().map(|state| state.now.as_str()));
        let places = [new.place].into_iter().chain(old.state.as_ref().map(State::place)).collect();
        slots.add(at, old.id, fields, places);
    }

    pub(super) fn finish(&mut self, found: &mut Located<'_>) {
        if let Some(old) = self.old.take() {
            found.add(old.at, "E0744", "`old` without the `new` that translates it");
        }
    }
}

fn old(text: &str, literal: &Literal, comments: &[Logical], found: &mut Located<'_>) -> Option<Old> {
    let spoken = string(text, literal, false, found)?;
    let id = |comment: &Logical| {
        let said = text[comment.span.clone()].trim_start_matches('#').trim();
        said.strip_prefix("id:").map(|id| id.trim().to_owned())
    };
    Some(Old {
        at: literal.whole.start,
        text: spoken.text,
        id: comments.iter().rev().find_map(id),
        reference: reference(text, comments),
        state: comments.iter().rev().find_map(|comment| state_in(text, comment)),
    })
}
