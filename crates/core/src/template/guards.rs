//! Puts guards into templates and expressions before they are compiled.
//!
//! Operators of the language can neither be replaced nor counted by what they work on. What stands on either side of one
//! that may work on much is therefore led through a filter, as if the author had written `a|_operand ~ b|_operand`; the
//! places of mistakes are those of the text without guards. Statements that would let a template build something up
//! without end are refused.

use std::borrow::Cow;
use std::ops::Range;

use super::TemplateError;
use super::blocks::{blocks, refused, tokens};
use scan::scan;

mod level;
mod scan;
#[cfg(test)]
mod tests;

/// The filter for what an operator reads.
pub(super) const OPERAND: &str = "_operand";
/// The filter for what entries are looked for in.
pub(super) const ENTRY: &str = "_entries";
/// The filter for what is multiplied.
pub(super) const FACTOR: &str = "_factor";
/// The filter for how often a short text that is written out is repeated.
pub(super) const COUNT: &str = "_count";
/// The filter for what is repeated a few times.
pub(super) const FEW: &str = "_few";
/// The longest text, written out with its quotes, that may be repeated as often as a value says.
pub(super) const SHORT: usize = 100;
/// The largest number, written out, by which any text or list may be multiplied.
pub(super) const FEW_TIMES: u64 = 100;
/// The filter for what a slice is taken of.
pub(super) const SLICED: &str = "_sliced";
/// Takes out a plus that stands before a number alone, which the engine does not know.
const PLUS: &str = "+";
/// What stands before and behind a value that a slice is taken of.
const SLICE: [&str; 2] = ["(", "|_sliced)"];
/// The most slices of slices.
const SLICES: usize = 16;

/// The most operators, brackets and filters of all assignments and loops of a template: what is made of what was made may
/// nest as deep.
const ASSIGNED: usize = 600;
/// The longest template.
const LONGEST: usize = 1 << 20;

/// A text with guards in it.
#[derive(Debug, Clone)]
pub struct Guarded {
    text: String,
    /// Where guards stand in `text`, and how long each is.
    guards: Vec<(usize, usize)>,
    /// Where signs were taken out of the source.
    taken_out: Vec<usize>,
}

impl Guarded {
    /// Puts guards into a template.
    ///
    /// # Errors
    /// Fails where the template is too long, too deep, or has statements that templates have not.
    pub fn template(source: &str) -> Result<Self, TemplateError> {
        if source.len() > LONGEST {
            return Err(TemplateError::plain(format!("a template has at most {LONGEST} bytes")));
        }
        let blocks = blocks(source);
        super::depth::check_template(source, &blocks)?;
        let mut marks = Vec::new();
        let mut assigned = 0;
        for block in blocks {
            let tokens = tokens(source, block.range)?;
            let words = if block.is_statement { statement(source, &tokens)? } else { 0 };
            let operators = scan(source, &tokens[words..], &mut marks)?;
            let assigns = block.is_statement
                && tokens.first().is_some_and(|word| matches!(&source[word.clone()], "set" | "with" | "for"));
            assigned += if assigns { operators } else { 0 };
        }
        if assigned > ASSIGNED {
            let message =
                format!("the assignments and loops of a template have at most {ASSIGNED} operators");
            return Err(TemplateError::plain(message));
        }
        Ok(Self::with(source, &marks))
    }

    /// Puts guards into an expression.
    ///
    /// # Errors
    /// Fails where the expression is too deep.
    pub fn expression(source: &str) -> Result<Self, TemplateError> {
        super::depth::check_expression(source)?;
        let mut marks = Vec::new();
        scan(source, &tokens(source, 0..source.len())?, &mut marks)?;
        Ok(Self::with(source, &marks))
    }

    fn with(source: &str, marks: &[(usize, &'static str)]) -> Self {
        let mut text = String::with_capacity(source.len() + marks.len() * 10);
        let (mut guards, mut from) = (Vec::with_capacity(marks.len()), 0);
        let mut taken_out = Vec::new();
        for (at, filter) in marks {
            text.push_str(&source[from..*at]);
            from = *at;
            if *filter == PLUS {
                text.push(' ');
                taken_out.push(from);
                from += PLUS.len();
                continue;
            }
            let start = text.len();
            if !SLICE.contains(filter) {
                text.push('|');
            }
            text.push_str(filter);
            guards.push((start, text.len() - start));
        }
        text.push_str(&source[from..]);
        Self { text, guards, taken_out }
    }

    /// Returns the source as the engine can read it, without guards.
    pub(super) fn unguarded<'s>(&self, source: &'s str) -> Cow<'s, str> {
        if self.taken_out.is_empty() {
            return Cow::Borrowed(source);
        }
        let mut text = source.to_owned();
        self.taken_out.iter().for_each(|at| text.replace_range(*at..at + PLUS.len(), " "));
        Cow::Owned(text)
    }

    /// Returns the text to compile.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns where a place of the text to compile is in the text without guards.
    #[must_use]
    pub fn place(&self, at: usize) -> usize {
        let before = self.guards.iter().take_while(|(start, _)| *start < at);
        at - before.map(|(start, length)| (*length).min(at - start)).sum::<usize>()
    }
}

/// The statements of templates. Those that capture what they make are not among them: a capture has no limit.
const STATEMENTS: [&str; 13] = [
    "if", "elif", "else", "endif", "for", "endfor", "set", "with", "endwith", "do", "break", "continue",
    "raw",
];

/// Checks a statement; returns how many words stand before its expressions.
fn statement(source: &str, tokens: &[Range<usize>]) -> Result<usize, TemplateError> {
    let Some(word) = tokens.first() else { return Ok(0) };
    let text = |token: &Range<usize>| &source[token.clone()];
    let refuse = |at: &Range<usize>, message: String| Err(refused(source, at.clone(), message));
    match text(word) {
        "set" if !assigns(tokens[1..].iter().map(text)) => {
            refuse(word, "`set` without `=` is not part of templates; write `{% set x = … %}`".to_owned())
        }
        "for" => {
            if let Some(at) = tokens.iter().find(|token| text(token) == "recursive") {
                return refuse(at, "`recursive` is not part of templates".to_owned());
            }
            Ok(tokens.iter().position(|token| text(token) == "in").map_or(1, |at| at + 1))
        }
        name if STATEMENTS.contains(&name) => Ok(1),
        name @ ("macro" | "call" | "block" | "filter") => {
            let instead = "name values with `{% set x = … %}`, and repeat with `{% for %}`";
            refuse(word, format!("`{name}` is not part of templates; {instead}"))
        }
        name @ ("include" | "import" | "from" | "extends") => {
            refuse(word, format!("`{name}` is not part of templates; one template reads no other"))
        }
        name => refuse(word, format!("`{name}` is not part of templates")),
    }
}

/// Whether names and a `=` follow: the engine takes anything else for the beginning of a captured block.
fn assigns<'a>(mut tokens: impl Iterator<Item = &'a str>) -> bool {
    let is_target = |token: &&str| {
        matches!(*token, "." | "," | "(" | ")") || token.starts_with(|c: char| c.is_alphabetic() || c == '_')
    };
    tokens.find(|token| !is_target(token)) == Some("=")
}
