//! The pieces of an XML text, each with where it stands.
//!
//! No document type with declarations is read, so no entity stands for anything but a character; nothing is fetched.

use std::ops::Range;

use crate::layout::located::Located;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Open(Tag),
    Close(Range<usize>),
    Text,
    /// What stands between the marks of a CDATA section.
    Data(Range<usize>),
    /// A comment, an instruction, the document type.
    Aside,
}

/// An opening tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) name: Range<usize>,
    pub(super) attributes: Vec<Attribute>,
    /// Whether it is closed at once.
    pub(super) is_empty: bool,
}

/// An attribute: its name, and its value between the quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
}

impl Tag {
    /// Returns where the value of an attribute stands.
    pub(super) fn value(&self, text: &str, name: &str) -> Option<Range<usize>> {
        let attribute = self.attributes.iter().find(|attribute| text[attribute.name.clone()] == *name);
        attribute.map(|attribute| attribute.value.clone())
    }

    /// Returns what an attribute says.
    pub(super) fn says(&self, text: &str, name: &str) -> Option<String> {
        self.value(text, name).map(|span| attribute_text(&text[span]))
    }
}

/// Cuts a text into pieces.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    text: &'a str,
    at: usize,
    end: usize,
}

/// What is wrong, and where; reading goes on at another place, or not at all.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) at: usize,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
    pub(super) hint: Option<&'static str>,
}

impl<'a> Pieces<'a> {
    pub(super) const fn new(text: &'a str, span: Range<usize>) -> Self {
        Self { text, at: span.start, end: span.end }
    }

    /// Returns the next piece; none at the end, and after what makes the rest unintelligible.
    pub(super) fn next(&mut self) -> Option<Result<Piece, Wrong>> {
        let start = self.at;
        let rest = self.text.get(start..self.end).filter(|rest| !rest.is_empty())?;
        if !rest.starts_with('<') {
            self.at = start + rest.find('<').unwrap_or(rest.len());
            return Some(Ok(Piece { span: start..self.at, kind: Kind::Text }));
        }
        let found = match rest.as_bytes().get(1..) {
            Some([b'!', b'-', b'-', ..]) => self.until(start, 4, "-->", "the comment is never closed"),
            Some([b'!', b'[', ..]) if rest.starts_with("<![CDATA[") => self.data(start),
            Some([b'!', ..]) => self.doctype(start),
            Some([b'?', ..]) => self.until(start, 2, "?>", "the instruction is never closed"),
            Some([b'/', ..]) => self.close(start),
            _ => self.open(start),
        };
        Some(found)
    }

    /// Passes everything up to a mark.
    fn until(
        &mut self,
        start: usize,
        skip: usize,
        mark: &str,
        message: &'static str,
    ) -> Result<Piece, Wrong> {
        let from = (start + skip).min(self.end);
        match self.text[from..self.end].find(mark) {
            Some(length) => {
                self.at = from + length + mark.len();
                Ok(Piece { span: start..self.at, kind: Kind::Aside })
            }
            None => {
                self.at = self.end;
                Err(wrong(start, message))
            }
        }
    }

    fn data(&mut self, start: usize) -> Result<Piece, Wrong> {
        let piece = self.until(start, 9, "]]>", "the CDATA section is never closed")?;
        let inner = start + 9..piece.span.end - 3;
        Ok(Piece { kind: Kind::Data(inner), ..piece })
    }

    fn doctype(&mut self, start: usize) -> Result<Piece, Wrong> {
        let rest = &self.text[start..self.end];
        let end = rest.find(['[', '>']).unwrap_or(rest.len());
        if rest[end..].starts_with('>') && rest.starts_with("<!DOCTYPE") {
            self.at = start + end + 1;
            return Ok(Piece { span: start..self.at, kind: Kind::Aside });
        }
        self.at = self.end;
        Err(Wrong {
            at: start,
            code: "E0762",
            message: "a document type with declarations; the file is not read",
            hint: Some(
                "take the `<!DOCTYPE …>` out; entities are not needed but `&lt;`, `&gt;`, `&amp;`, `&quot;`, `&apos;`",
            ),
        })
    }

    fn close(&mut self, start: usize) -> Result<Piece, Wrong> {
        let name = self.name(start + 2);
        let end = self.blanks(name.end);
        self.finish(start, end, name.is_empty(), ">", Kind::Close(name))
    }

    fn open(&mut self, start: usize) -> Result<Piece, Wrong> {
        let name = self.name(start + 1);
        let mut tag = Tag { name: name.clone(), attributes: Vec::new(), is_empty: false };
        let mut at = name.end;
        loop {
            let next = self.blanks(at);
            let rest = &self.text[next..self.end];
            if name.is_empty() || rest.is_empty() || rest.starts_with(['/', '>', '<']) {
                tag.is_empty = rest.starts_with('/');
                let mark = if tag.is_empty { "/>" } else { ">" };
                return self.finish(start, next, name.is_empty(), mark, Kind::Open(tag));
            }
            match self.attribute(next).filter(|_| next > at) {
                Some(attribute) => {
                    at = attribute.value.end + 1;
                    tag.attributes.push(attribute);
                }
                None => return self.finish(start, next, true, ">", Kind::Aside),
            }
        }
    }

    /// Ends a tag, or says that it is none and goes on at the next one.
    fn finish(
        &mut self,
        start: usize,
        end: usize,
        is_bad: bool,
        mark: &str,
        kind: Kind,
    ) -> Result<Piece, Wrong> {
        if !is_bad && self.text[end..self.end].starts_with(mark) {
            self.at = end + mark.len();
            return Ok(Piece { span: start..self.at, kind });
        }
        let behind = (start + 1).max(end);
        self.at = self.text[behind..self.end].find('<').map_or(self.end, |length| behind + length);
        let hint = Some("a `<` that begins no tag is written `&lt;`");
        Err(Wrong { hint, ..wrong(start, "the tag is not well-formed") })
    }

    fn attribute(&self, at: usize) -> Option<Attribute> {
        let name = self.name(at);
        let equals = self.blanks(name.end);
        let rest = self.text[equals..self.end].strip_prefix('=')?;
        let open = self.end - rest.trim_start_matches(is_blank).len();
        let quote = self.text[open..self.end].chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let value = &self.text[open + 1..self.end];
        let length = value.find([quote, '<']).filter(|length| value[*length..].starts_with(quote))?;
        (!name.is_empty()).then_some(Attribute { name, value: open + 1..open + 1 + length })
    }

    fn name(&self, at: usize) -> Range<usize> {
        let rest = self.text.get(at..self.end).unwrap_or_default();
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.');
        let begins = rest.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let length = if begins { rest.find(|c| !is_name(c)).unwrap_or(rest.len()) } else { 0 };
        at.min(self.end)..at.min(self.end) + length
    }

    fn blanks(&self, at: usize) -> usize {
        self.end - self.text[at..self.end].trim_start_matches(is_blank).len()
    }
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

const fn wrong(at: usize, message: &'static str) -> Wrong {
    Wrong { at, code: "E0760", message, hint: None }
}

/// Tells of every `&` in a stretch that begins no known entity.
pub(super) fn check_entities(text: &str, span: Range<usize>, found: &mut Located<'_>) {
    let stretch = &text[span.clone()];
    for (at, _) in stretch.match_indices('&') {
        if entity(&stretch[at..]).is_none() {
            let hint = "`&` itself is written `&amp;`; other entities than those of XML itself are not known";
            found.add_with_hint(span.start + at, "E0761", "an entity that is not known", hint);
        }
    }
}

/// Returns the character that a reference stands for, and its length.
fn entity(rest: &str) -> Option<(char, usize)> {
    // The longest is `&#x10FFFF;`; zeros before it would be strange.
    let length = rest.bytes().take(16).position(|byte| byte == b';')?;
    let name = &rest[1..length];
    let character = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(number).filter(|c| *c != '\0')?
        }
    };
    Some((character, length + 1))
}

/// Returns what a stretch of text says; line breaks are one character, as XML has it.
pub(super) fn unescaped(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\r']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (character, length) = match entity(rest) {
            Some(known) if rest.starts_with('&') => known,
            _ if rest.starts_with("\r\n") => ('\n', 2),
            _ if rest.starts_with('\r') => ('\n', 1),
            _ => ('&', 1),
        };
        out.push(character);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// Returns what the value of an attribute says: blanks of every kind are blanks there.
fn attribute_text(raw: &str) -> String {
    unescaped(&raw.replace("\r\n", " ").replace(['\n', '\r', '\t'], " "))
}

/// Appends a text as it stands between tags; says which character cannot stand there at all.
pub(super) fn escape_into(out: &mut String, text: &str, line_break: &str) -> Result<(), String> {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '\n' => out.push_str(line_break),
            '\t' => out.push(c),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                return Err(format!("has the character U+{:04X}, which XML cannot hold", u32::from(c)));
            }
            _ => out.push(c),
        }
    }
    Ok(())
}

/// Returns a text as the value of an attribute in double quotes.
pub(super) fn attribute(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    escape_into(&mut out, text, "&#10;")?;
    Ok(out.replace('"', "&quot;").replace('\t', "&#9;"))
}
