//! Tags within a text, and the placeholders that stand for them.
//!
//! `<g id="1">`, `</g>` become `<g1>`, `</g1>`; what holds no text to translate (`<x id="2"/>`, `<ph id="3">…</ph>`)
//! becomes `<x2/>`, `<ph3/>`. Where the text itself says such a thing, `~` behind the name keeps them apart.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::layout::Quoting;
use crate::layout::xliff::state;
use crate::layout::xliff::xml::{Kind, Pieces, Tag, escape_into, unescaped};

/// A text with tags in it.
#[derive(Debug, Default)]
pub(super) struct Inline {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    /// A tag as it is written, with its name and which of the three it is.
    Code {
        stem: String,
        role: Role,
        raw: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Begin,
    End,
    Alone,
}

/// Reads what stands between the tags of a source or a target.
pub(super) fn inline(text: &str, span: Range<usize>) -> Inline {
    let mut reader = Reader { text, inline: Inline::default(), open: Vec::new(), seen: BTreeMap::new() };
    let mut pieces = Pieces::new(text, span);
    // Depth within an element that is kept as it is, and where it begins.
    let mut kept: Option<(usize, usize, String)> = None;
    while let Some(piece) = pieces.next() {
        let Ok(piece) = piece else { continue };
        if let Some((start, depth, stem)) = &mut kept {
            match &piece.kind {
                Kind::Open(tag) if !tag.is_empty => *depth += 1,
                Kind::Close(_) => *depth -= 1,
                _ => {}
            }
            if *depth == 0 {
                let (start, stem) = (*start, std::mem::take(stem));
                kept = None;
                reader.code(stem, Role::Alone, start..piece.span.end);
            }
            continue;
        }
        match piece.kind {
            Kind::Text => reader.say(&unescaped(&text[piece.span])),
            Kind::Data(inner) => reader.say(&text[inner].replace("\r\n", "\n")),
            Kind::Aside => {}
            Kind::Close(_) => reader.close(piece.span),
            Kind::Open(tag) => {
                let stem = reader.stem(&tag);
                if tag.is_empty {
                    reader.code(stem, Role::Alone, piece.span);
                } else if holds_text(&text[tag.name]) {
                    reader.open.push(stem.clone());
                    reader.code(stem, Role::Begin, piece.span);
                } else {
                    kept = Some((piece.span.start, 1, stem));
                }
            }
        }
    }
    reader.inline
}

/// Whether what stands in an element is to be translated.
fn holds_text(name: &str) -> bool {
    matches!(local(name), "g" | "mrk")
}

/// Returns a name without its prefix.
pub(super) fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

struct Reader<'a> {
    text: &'a str,
    inline: Inline,
    open: Vec<String>,
    seen: BTreeMap<String, usize>,
}

impl Reader<'_> {
    fn say(&mut self, said: &str) {
        match self.inline.parts.last_mut() {
            Some(Part::Text(text)) => text.push_str(said),
            _ => self.inline.parts.push(Part::Text(said.to_owned())),
        }
    }

    fn code(&mut self, stem: String, role: Role, span: Range<usize>) {
        self.inline.parts.push(Part::Code { stem, role, raw: self.text[span].to_owned() });
    }

    fn close(&mut self, span: Range<usize>) {
        if let Some(stem) = self.open.pop() {
            self.code(stem, Role::End, span);
        }
    }

    /// Names a tag by its kind and id; of those with one name the later ones get a number.
    fn stem(&mut self, tag: &Tag) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let id = tag.says(self.text, "id").or_else(|| tag.says(self.text, "mid")).unwrap_or_default();
        let id = if id.len() <= 40 && id.chars().all(is_plain) { id } else { String::new() };
        let stem = format!("{}{id}", local(&self.text[tag.name.clone()]));
        let times = self.seen.entry(stem.clone()).or_insert(0);
        *times += 1;
        if *times == 1 { stem } else { format!("{stem}_{times}") }
    }
}

impl Inline {
    /// Returns what has to stand behind the names of placeholders so that the texts say none of them.
    pub(super) fn guard(all: &[&Self]) -> String {
        let codes: Vec<&Part> = all.iter().flat_map(|inline| &inline.parts).collect();
        let tokens: Vec<String> = codes.iter().filter_map(|part| part.token("")).collect();
        let texts = || codes.iter().filter_map(|part| part.text());
        let clashes = !tokens.is_empty() && texts().any(|text| says_any(text, &tokens));
        if !clashes {
            return String::new();
        }
        "~".repeat(texts().map(longest_run).max().unwrap_or(0) + 1)
    }

    /// Returns the text with placeholders.
    pub(super) fn plain(&self, guard: &str) -> String {
        self.parts
            .iter()
            .map(|part| part.token(guard).or(part.text().map(str::to_owned)).unwrap_or_default())
            .collect()
    }

    /// Adds what each placeholder stands for.
    fn codes_into(&self, guard: &str, codes: &mut BTreeMap<String, (Role, String)>) {
        for part in &self.parts {
            if let (Part::Code { role, raw, .. }, Some(token)) = (part, part.token(guard)) {
                codes.insert(token, (*role, raw.clone()));
            }
        }
    }
}

impl Part {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Code { .. } => None,
        }
    }

    fn token(&self, guard: &str) -> Option<String> {
        match self {
            Self::Text(_) => None,
            Self::Code { stem, role: Role::Begin, .. } => Some(format!("<{stem}{guard}>")),
            Self::Code { stem, role: Role::End, .. } => Some(format!("</{stem}{guard}>")),
            Self::Code { stem, role: Role::Alone, .. } => Some(format!("<{stem}{guard}/>")),
        }
    }
}

/// Whether a text has any of these; looks at each `<` once.
fn says_any(text: &str, tokens: &[String]) -> bool {
    let longest = tokens.iter().map(String::len).max().unwrap_or(0);
    let known: std::collections::BTreeSet<&str> = tokens.iter().map(String::as_str).collect();
    text.match_indices('<')
        .any(|(at, _)| token_at(&text[at..], longest).is_some_and(|token| known.contains(token)))
}

/// Returns what stands between a `<` and the next `>`, if that is not too far.
fn token_at(rest: &str, longest: usize) -> Option<&str> {
    let end = rest.bytes().take(longest).position(|byte| byte == b'>')?;
    Some(&rest[..=end])
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '~').map(str::len).max().unwrap_or(0)
}

/// Writes a text with placeholders as the content of a target.
#[derive(Debug)]
pub(super) struct TargetQuoting {
    codes: BTreeMap<String, (Role, String)>,
    longest: usize,
    line_break: &'static str,
    frame: Frame,
}

/// What stands around a text.
#[derive(Debug, Clone)]
pub(super) enum Frame {
    /// The tags of the target, which stay.
    There,
    /// The end of a tag that was closed at once: `/>` becomes `>`, the text and `</target>`.
    Empty { name: String },
    /// Nothing: the whole target with what stands before it.
    Missing { before: String, name: String },
}

impl TargetQuoting {
    pub(super) fn shared(
        source: &Inline,
        target: &Inline,
        guard: &str,
        line_break: &'static str,
        frame: Frame,
    ) -> Arc<dyn Quoting> {
        let mut codes = BTreeMap::new();
        source.codes_into(guard, &mut codes);
        target.codes_into(guard, &mut codes);
        let longest = codes.keys().map(String::len).max().unwrap_or(0);
        Arc::new(Self { codes, longest, line_break, frame })
    }

    fn content(&self, plain: &str) -> Result<String, String> {
        let mut out = String::with_capacity(plain.len());
        let mut open: Vec<&str> = Vec::new();
        let mut rest = plain;
        while let Some(at) = rest.find('<') {
            escape_into(&mut out, &rest[..at], self.line_break)?;
            rest = &rest[at..];
            let token = token_at(rest, self.longest).filter(|token| self.codes.contains_key(*token));
            let Some((token, (role, raw))) = token.and_then(|token| Some((token, self.codes.get(token)?)))
            else {
                out.push_str("&lt;");
                rest = &rest[1..];
                continue;
            };
            match role {
                Role::Alone => {}
                Role::Begin => open.push(&token[1..]),
                Role::End if open.last() == Some(&&token[2..]) => drop(open.pop()),
                Role::End => return Err(format!("has `{token}` where nothing that it closes is open")),
            }
            out.push_str(raw);
            rest = &rest[token.len()..];
        }
        escape_into(&mut out, rest, self.line_break)?;
        match open.last() {
            Some(name) => Err(format!("has `<{name}` without `</{name}`")),
            None => Ok(out),
        }
    }
}

impl Quoting for TargetQuoting {
    fn quote(&self, plain: &str) -> Result<String, String> {
        self.quote_beside(plain, &|_| None)
    }

    fn quote_beside(&self, plain: &str, field: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
        let content = self.content(plain)?;
        Ok(match &self.frame {
            Frame::There => content,
            Frame::Empty { name } => format!(">{content}</{name}>"),
            Frame::Missing { before, name } => {
                let state = field("state").map(|state| state::written(&state)).transpose()?;
                let state = state.map_or_else(String::new, |state| format!(" state=\"{state}\""));
                format!("{before}<{name}{state}>{content}</{name}>")
            }
        })
    }
}
