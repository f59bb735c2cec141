//! Strings that code marks for translation: `_("…")`, `__("…")` and `_p("…")`.

use std::sync::Arc;

use crate::layout::located::Located;
use crate::layout::renpy::literal::{Literal, PythonQuoting, is_word, joined, python_text};
use crate::layout::renpy::logical::Logical;
use crate::layout::renpy::slots::{Spoken, spoken_place};

/// Finds the marked strings of a statement.
pub(super) fn marked(text: &str, line: &Logical, found: &mut Located<'_>) -> Vec<Spoken> {
    let mut marked = Vec::new();
    for literal in &line.literals {
        let Some(mark) = mark(text, line.span.start, literal) else { continue };
        if !text[literal.whole.end..line.span.end].trim_start().starts_with(')') {
            continue;
        }
        marked.extend(string(text, literal, mark == "_p", found));
    }
    marked
}

/// Returns the name of the function that a literal is the only argument of, if it is one that marks.
fn mark<'a>(text: &'a str, start: usize, literal: &Literal) -> Option<&'a str> {
    let before = text[start..literal.whole.start].trim_end().strip_suffix('(')?.trim_end();
    let name = before.bytes().rev().take_while(|byte| is_word(*byte)).count();
    let name = &before[before.len() - name..];
    matches!(name, "_" | "__" | "_p").then_some(name)
}

/// Reads a literal of Python as a text that can be translated in its place.
pub(super) fn string(
    text: &str,
    literal: &Literal,
    paragraphs: bool,
    found: &mut Located<'_>,
) -> Option<Spoken> {
    let plain = match python_text(text, literal) {
        Ok(plain) => plain?,
        Err(_) => {
            found.add(literal.whole.start, "E0745", "an escape in the string stands for no character");
            return None;
        }
    };
    let plain = if paragraphs { joined(&plain) } else { plain };
    let quoting = Arc::new(PythonQuoting { quote: literal.quote, paragraphs });
    Some(Spoken { place: spoken_place(literal.whole.clone(), &plain, quoting), text: plain })
}
