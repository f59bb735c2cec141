//! The names of characters that are defined in the script itself.

use std::collections::BTreeMap;

use crate::layout::renpy::cursor::Cursor;
use crate::layout::renpy::literal::{Literal, python_text};
use crate::layout::renpy::logical::Logical;

/// Finds `define e = Character("Eileen")` and its kin: names by variable.
pub(super) fn characters(text: &str, lines: &[Logical]) -> BTreeMap<String, String> {
    lines.iter().filter(|line| !line.is_comment).filter_map(|line| character(text, line)).collect()
}

fn character(text: &str, line: &Logical) -> Option<(String, String)> {
    let literal = line.literals.first()?;
    let mut cursor = Cursor::new(text, line);
    if cursor.passes_word("define") || cursor.passes_word("default") {
        // A priority may stand before the name.
        cursor.skip();
        cursor.run(|byte| byte.is_ascii_digit() || byte == b'-');
    } else {
        cursor.passes("$");
    }
    let variable = cursor.dotted()?;
    let value = text.get(cursor.at..literal.whole.start)?.trim().strip_prefix('=')?;
    let callee: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    let is_character =
        matches!(callee.as_str(), "Character(" | "Character(_(" | "Character(name=" | "Character(name=_(");
    let name = is_character.then(|| python_text(text, literal).ok().flatten())??;
    Some((variable.to_owned(), name))
}

/// Finds the statements that the script itself registers: they say nothing.
pub(super) fn registered<'a>(text: &'a str, lines: &[Logical]) -> Vec<&'a str> {
    let first_word = |literal: &Literal| text[literal.inner.clone()].split(' ').next().unwrap_or_default();
    let registers = |line: &&Logical| {
        let statement = &text[line.span.clone()];
        statement.contains("register_statement(") || statement.contains("statements.register(")
    };
    let registering =
        lines.iter().filter(|line| !line.is_comment && !line.literals.is_empty()).filter(registers);
    registering.filter_map(|line| line.literals.first()).map(first_word).collect()
}
