//! A statement that says something: who, with which attributes, what, and with what clauses.

use std::ops::Range;
use std::sync::Arc;

use crate::layout::Quoting;
use crate::layout::renpy::cursor::Cursor;
use crate::layout::renpy::identifier::encoded;
use crate::layout::renpy::literal::{
    BadEscape, Literal, Monologue, SayQuoting, is_word, paragraph_text, paragraphs, say_text,
};
use crate::layout::renpy::logical::Logical;

/// A say statement as it stands in the script.
#[derive(Debug)]
pub(super) struct Say<'a> {
    text: &'a str,
    pub(super) who: Option<&'a str>,
    attributes: Vec<String>,
    temporary: Vec<String>,
    /// The attributes as they are written.
    pub(super) manner: &'a str,
    pub(super) literal: &'a Literal,
    pub(super) clauses: Clauses<'a>,
}

/// One text of a statement.
#[derive(Debug)]
pub(super) struct Part {
    /// What is replaced where the text is.
    pub(super) span: Range<usize>,
    pub(super) plain: Result<String, BadEscape>,
    pub(super) quoting: Arc<dyn Quoting>,
}

/// What stands behind the text of a statement.
#[derive(Debug, Default)]
pub(super) struct Clauses<'a> {
    /// All of it as it is written.
    pub(super) written: &'a str,
    pub(super) id: Option<&'a str>,
    nointeract: bool,
    arguments: Option<&'a str>,
    with: Option<&'a str>,
}

/// Reads a say statement; none if the line is something else.
pub(super) fn say<'a>(text: &'a str, line: &'a Logical) -> Option<Say<'a>> {
    narration(text, line).or_else(|| speech(text, line))
}

fn narration<'a>(text: &'a str, line: &'a Logical) -> Option<Say<'a>> {
    let mut cursor = Cursor::new(text, line);
    let literal = spoken(cursor.literal()?)?;
    let clauses = clauses(&mut cursor)?;
    let nobody =
        Say { text, who: None, attributes: Vec::new(), temporary: Vec::new(), manner: "", literal, clauses };
    Some(nobody)
}

fn speech<'a>(text: &'a str, line: &'a Logical) -> Option<Say<'a>> {
    let mut cursor = Cursor::new(text, line);
    let who = cursor.simple_expression()?;
    let from = cursor.at;
    let attributes = attributes(&mut cursor);
    let temporary = if cursor.passes("@") { self::attributes(&mut cursor) } else { Vec::new() };
    let to = cursor.at.max(from);
    let literal = spoken(cursor.literal()?)?;
    let manner = text[from..to].trim();
    let clauses = clauses(&mut cursor)?;
    Some(Say { text, who: Some(text[who].trim()), attributes, temporary, manner, literal, clauses })
}

/// Dialogue has no prefix but `r`.
fn spoken(literal: &Literal) -> Option<&Literal> {
    (literal.prefix.is_none() || literal.is_raw()).then_some(literal)
}

fn attributes(cursor: &mut Cursor<'_>) -> Vec<String> {
    let mut attributes = Vec::new();
    loop {
        let before = cursor.clone();
        let sign = if cursor.passes("-") { "-" } else { "" };
        cursor.skip();
        let start = cursor.at;
        cursor.run(|byte| is_word(byte) || byte == b'-');
        let name = &cursor.text[start..cursor.at];
        if name.is_empty() || is_quoted(cursor, name) {
            *cursor = before;
            return attributes;
        }
        attributes.push(format!("{sign}{name}"));
    }
}

/// Whether what was passed is the prefix of a string.
fn is_quoted(cursor: &Cursor<'_>, name: &str) -> bool {
    name.len() == 1 && cursor.rest().starts_with(['"', '\'', '`'])
}

fn clauses<'a>(cursor: &mut Cursor<'a>) -> Option<Clauses<'a>> {
    let mut clauses = Clauses { written: cursor.rest().trim(), ..Clauses::default() };
    while !cursor.is_over() {
        if cursor.passes_word("nointeract") {
            clauses.nointeract = true;
        } else if cursor.passes_word("with") {
            let expression = cursor.simple_expression()?;
            clauses.with = Some(cursor.text[expression].trim());
        } else if cursor.passes_word("id") {
            clauses.id = Some(cursor.word()?);
        } else if cursor.rest().starts_with('(') && clauses.arguments.is_none() {
            let inside = cursor.bracketed()?;
            clauses.arguments = Some(&cursor.text[inside.start - 1..inside.end + 1]);
        } else {
            return None;
        }
    }
    Some(clauses)
}

impl Say<'_> {
    /// Returns the statement as Ren'Py writes it down to make its identifier; none where its way to write it down is not
    /// sure from here: private names, which are written with the name of the file, and arguments in an unusual form.
    pub(super) fn code(&self, what: &str, in_menu: bool) -> Option<String> {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.who.map(str::to_owned));
        parts.extend(self.attributes.iter().cloned());
        if !self.temporary.is_empty() {
            parts.push("@".to_owned());
            parts.extend(self.temporary.iter().cloned());
        }
        parts.push(encoded(what));
        if in_menu || self.clauses.nointeract {
            parts.push("nointeract".to_owned());
        }
        parts.extend(self.clauses.id.map(|id| format!("id {id}")));
        if let Some(arguments) = self.clauses.arguments {
            parts.push(is_plain(arguments).then(|| arguments.to_owned())?);
        }
        parts.extend(self.clauses.with.map(|with| format!("with {with}")));
        let code = parts.join(" ");
        (!has_private_name(&code)).then_some(code)
    }

    /// Returns what stands behind the text; in a menu Ren'Py adds a word of its own.
    pub(super) fn written_clauses(&self, in_menu: bool) -> String {
        let added = if in_menu && !self.clauses.nointeract { "nointeract " } else { "" };
        format!("{added}{}", self.clauses.written).trim().to_owned()
    }

    /// Returns what is said, statement by statement, each with where it stands: several where three quotes hold
    /// several paragraphs.
    pub(super) fn parts(&self, mode: Monologue) -> Vec<Part> {
        let literal = self.literal;
        if !literal.triple || literal.is_raw() {
            let quoting = SayQuoting::shared(true, if literal.triple { '"' } else { literal.quote });
            return vec![Part { span: literal.whole.clone(), plain: say_text(self.text, literal), quoting }];
        }
        let part = |span: Range<usize>| Part {
            plain: paragraph_text(&self.text[span.clone()], mode),
            quoting: SayQuoting::shared(false, literal.quote),
            span,
        };
        paragraphs(self.text, literal, mode).into_iter().map(part).collect()
    }
}

/// Whether arguments are written as they are always written down: `(a, b=1)`.
fn is_plain(arguments: &str) -> bool {
    let inside = arguments.trim_matches(['(', ')']);
    let plain = |byte: u8| is_word(byte) || matches!(byte, b'.' | b'"' | b'\'' | b'#' | b'-');
    inside.split(", ").all(|argument| {
        let (name, value) = argument.split_once('=').unwrap_or(("_", argument));
        !name.is_empty() && name.bytes().all(is_word) && !value.is_empty() && value.bytes().all(plain)
    })
}

/// Whether there is a name such as `__count`, which Ren'Py keeps to its file.
fn has_private_name(code: &str) -> bool {
    let is_private = |(at, _): (usize, &str)| {
        if at > 0 && is_word(code.as_bytes()[at - 1]) {
            return false;
        }
        let name = &code[at + 2..];
        let length = name.bytes().take_while(|byte| is_word(*byte)).count();
        length > 0 && !name[..length].ends_with("__")
    };
    code.match_indices("__").any(is_private)
}
