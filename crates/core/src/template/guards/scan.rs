//! Finds the places for guards: reads the signs of an expression with what they are to the operands beside them.

use std::ops::Range;

use super::super::TemplateError;
use super::super::blocks::refused;
use super::level::{Level, Place, Side, is_text};
use super::{FEW_TIMES, PLUS, SHORT, SLICES};

/// Returns the token behind another; nothing where there is none.
fn next<'s>(source: &'s str, tokens: &[Range<usize>], n: usize) -> &'s str {
    tokens.get(n + 1).map_or("", |next| &source[next.clone()])
}

/// Finds the places for guards among tokens; returns how many operators, brackets and filters there are.
pub(super) fn scan(
    source: &str,
    tokens: &[Range<usize>],
    marks: &mut Vec<(usize, &'static str)>,
) -> Result<usize, TemplateError> {
    let mut levels = vec![Level::new(Place::Plain)];
    let mut operators = 0;
    // The sign or word before, which makes names of the words `in`, `if` and so on.
    let mut before = "";
    // Whether that is the name of a filter or test.
    let mut is_filter = false;
    for (n, token) in tokens.iter().enumerate() {
        let text = &source[token.clone()];
        let depth = levels.len();
        let Some(level) = levels.last_mut() else { break };
        let is_name = matches!(before, "." | "|" | "is") || (before == "is not");
        let side = if is_name { None } else { side(text, before, level.end.is_some()) };
        match (text, side) {
            ("(" | "[" | "{", _) => {
                operators += 1;
                level.begin(token.start);
                if text == "[" && is_slice(source, &tokens[n + 1..]) && !level.slice(marks) {
                    let message = format!("at most {SLICES} slices are taken of one value");
                    return Err(refused(source, token.clone(), message));
                }
                let ends = tokens.get(n + 1).is_some_and(|next| &source[next.clone()] == ")");
                if before == "cycle" && ends {
                    let message = "`cycle` takes turns among its arguments: it has none";
                    return Err(refused(source, token.clone(), message.to_owned()));
                }
                let place = match text {
                    "{" => Place::Key,
                    _ if level.end.is_some() && !is_filter => Place::Compared,
                    _ => Place::Plain,
                };
                levels.push(Level::new(place));
            }
            (")" | "]" | "}", _) => {
                level.close(Side::Free, marks);
                if depth > 1 {
                    levels.pop();
                }
                if let Some(outer) = levels.last_mut() {
                    outer.extend("", token.end);
                }
            }
            ("+", _) if level.end.is_none() && !is_text(next(source, tokens, n)) => {
                marks.push((token.start, PLUS));
            }
            // The second word of `not in`.
            ("in", _) if before == "not" && level.left == Side::Seeks && level.end.is_none() => {}
            // The name of an argument.
            ("=", Some(_)) => {
                operators += 1;
                level.end = None;
            }
            (sign, Some(_)) if level.refuses(sign, before).is_some() => {
                let message = level.refuses(sign, before).unwrap_or_default();
                return Err(refused(source, token.clone(), message.to_owned()));
            }
            ("*", Some(side)) => {
                operators += 1;
                let (left, right) = factors(source, level, before, &tokens[n + 1..]).unwrap_or((side, side));
                level.close(left, marks);
                level.left = right;
            }
            (_, Some(side)) => {
                operators += 1;
                level.close(side, marks);
                level.turn(text);
            }
            // It belongs to no operand: it stands in front of one with all of its slices.
            ("not", _) if level.end.is_none() => {}
            _ => {
                operators += usize::from(matches!(text, "|" | "."));
                level.begin(token.start);
                level.slices = level.slices.filter(|_| !matches!(text, "|" | "is"));
                level.extend(text, token.end);
            }
        }
        is_filter = is_name && before != ".";
        before = if before == "is" && text == "not" { "is not" } else { text };
    }
    while let Some(mut level) = levels.pop() {
        level.close(Side::Free, marks);
    }
    // Operands end in the order in which they are closed, inner ones first.
    marks.sort_by_key(|(at, _)| *at);
    Ok(operators)
}

/// Says what a `*` is to the operands on either side, where one of them is written out and so small that the other may be a
/// text, a list, or how often that is repeated; `before` is the last word of the left one.
fn factors(source: &str, level: &Level, before: &str, after: &[Range<usize>]) -> Option<(Side, Side)> {
    let is_alone = level.is_literal && matches!(level.left, Side::Free | Side::Reads);
    if is_alone && is_text(before) && before.len() <= SHORT {
        return Some((Side::Free, Side::Repeats));
    }
    let is_few = |word: &str| word.parse::<u64>().is_ok_and(|times| times <= FEW_TIMES);
    if is_alone && is_few(before) {
        return Some((Side::Free, Side::Few));
    }
    let mut after = after.iter().map(|token| &source[token.clone()]);
    let (number, next) = (after.next()?, after.next());
    let goes_on = next.is_some_and(|next| matches!(next, "*" | "**" | "." | "[" | "(" | "|"));
    let is_product = matches!(level.left, Side::Multiplies | Side::Repeats | Side::Few);
    (is_few(number) && !goes_on && !is_product).then_some((Side::Few, Side::Free))
}

/// Whether what follows a bracket is a slice: there is a colon before the bracket ends.
fn is_slice(source: &str, tokens: &[Range<usize>]) -> bool {
    let mut depth = 0_usize;
    for token in tokens {
        match &source[token.clone()] {
            ":" if depth == 0 => return true,
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => return false,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
    }
    false
}

/// Returns what a sign or word is to the operands beside it; nothing where it is part of one.
fn side(text: &str, before: &str, has_operand: bool) -> Option<Side> {
    Some(match text {
        "~" | "==" | "!=" | "<" | ">" | "<=" | ">=" | "+" if has_operand => Side::Reads,
        "*" => Side::Multiplies,
        "in" if has_operand => Side::Seeks,
        "not" if has_operand && before != "not" => Side::Seeks,
        "/" | "//" | "%" | "**" => Side::Scales,
        "-" | "and" | "or" | "if" | "else" | "," | ":" | "=" => Side::Free,
        _ => return None,
    })
}
