//! Splitting a condition into its templates and what is around them.

use super::super::error::{FormulaError, FormulaErrorKind};

/// A part of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A piece of formula.
    Text {
        /// The place of its first character, from 0.
        at: usize,
        /// The piece.
        text: String,
    },
    /// A template.
    Hole(Hole),
}

/// A template inside of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// The place of its first character, from 0.
    pub at: usize,
    /// The expression between the braces, or all of a template that has blocks.
    pub text: String,
    /// Whether the text is a whole template, whose value is the text that it renders to, and not an expression.
    pub is_template: bool,
}

/// Splits a condition at `{{` and `}}`; braces and quotes inside of a template belong to it.
///
/// A text with blocks, such as `{% if … %}`, is one template.
///
/// # Errors
/// Fails where a template does not end.
pub fn split(text: &str) -> Result<Vec<Part>, FormulaError> {
    if text.contains("{%") || text.contains("{#") {
        return Ok(vec![Part::Hole(Hole { at: 0, text: text.to_owned(), is_template: true })]);
    }
    let chars: Vec<char> = text.chars().collect();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let begin = find(&chars, at, "{{").unwrap_or(chars.len());
        if begin > at {
            parts.push(Part::Text { at, text: slice(&chars, at, begin) });
        }
        if begin == chars.len() {
            break;
        }
        let end = end(&chars, begin + 2)
            .ok_or_else(|| FormulaErrorKind::syntax("a `{{` without its `}}`").at(begin))?;
        parts.push(Part::Hole(hole(&chars, begin + 2, end)));
        at = end + 2;
    }
    Ok(parts)
}

fn slice(chars: &[char], from: usize, to: usize) -> String {
    chars.iter().take(to).skip(from).collect()
}

fn is_at(chars: &[char], at: usize, sought: &str) -> bool {
    sought.chars().enumerate().all(|(ahead, c)| chars.get(at + ahead) == Some(&c))
}

fn find(chars: &[char], from: usize, sought: &str) -> Option<usize> {
    (from..chars.len()).find(|at| is_at(chars, *at, sought))
}

/// Leaves out the signs that trim white space, and the white space.
fn hole(chars: &[char], from: usize, to: usize) -> Hole {
    let is_trim = |at: usize, sign: &[char]| from < to && chars.get(at).is_some_and(|c| sign.contains(c));
    let from = from + usize::from(is_trim(from, &['-', '+']));
    let to = to - usize::from(is_trim(to.saturating_sub(1), &['-', '+']));
    let text = slice(chars, from, to);
    let leading = text.chars().take_while(|c| c.is_whitespace()).count();
    Hole { at: from + leading, text: text.trim().to_owned(), is_template: false }
}

/// Finds the `}}` that ends a template.
fn end(chars: &[char], from: usize) -> Option<usize> {
    let mut at = from;
    let mut depth = 0_usize;
    while let Some(c) = chars.get(at) {
        match c {
            '\'' | '"' => at = quote_end(chars, at)?,
            '(' | '[' | '{' => depth += 1,
            '}' if depth == 0 && is_at(chars, at, "}}") => return Some(at),
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

fn quote_end(chars: &[char], from: usize) -> Option<usize> {
    let quote = chars.get(from)?;
    let mut at = from + 1;
    while let Some(c) = chars.get(at) {
        match c {
            '\\' => at += 2,
            c if c == quote => return Some(at),
            _ => at += 1,
        }
    }
    None
}
