//! Taking texts apart.

use super::super::error::{FormulaErrorKind, Outcome};
use super::super::value::{Text, Value};
use super::super::words::Method;
use super::super::work::Work;
use super::texts::{as_text, as_whole};

/// Splits at a separator, or at white space where there is none.
pub(super) fn split<'v>(
    method: Method,
    text: &Text<'v>,
    arguments: &[Value<'v>],
    work: &mut Work,
) -> Outcome<Value<'v>> {
    let most = arguments.get(1).map(as_whole).transpose()?;
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    // There are at most as many pieces as characters and one more.
    work.write(text)?;
    let pieces = match arguments.first() {
        None | Some(Value::None) if method == Method::Rsplit => back_words(text, most),
        None | Some(Value::None) => words(text, most),
        Some(separator) => at(method, text, as_text(separator)?, most)?,
    };
    work.make(pieces.len())?;
    Ok(Value::list(pieces.into_iter().map(Value::text).collect()))
}

/// Returns what stands before a separator, the separator, and what stands behind it; without one, the text and nothing.
pub(super) fn partition<'v>(text: &str, separator: &str, work: &mut Work) -> Outcome<Value<'v>> {
    if separator.is_empty() {
        return Err(FormulaErrorKind::value("the separator is empty"));
    }
    work.write(text)?;
    work.make(3)?;
    let pieces =
        text.split_once(separator).map_or([text, "", ""], |(before, behind)| [before, separator, behind]);
    Ok(Value::list(pieces.into_iter().map(Value::text).collect()))
}

fn at<'t>(method: Method, text: &'t str, separator: &str, most: usize) -> Outcome<Vec<&'t str>> {
    if separator.is_empty() {
        return Err(FormulaErrorKind::value("the separator is empty"));
    }
    let n_pieces = most.saturating_add(1);
    if method == Method::Rsplit {
        let mut pieces: Vec<&str> = text.rsplitn(n_pieces, separator).collect();
        pieces.reverse();
        return Ok(pieces);
    }
    Ok(text.splitn(n_pieces, separator).collect())
}

fn words(text: &str, most: usize) -> Vec<&str> {
    let mut rest = text.trim_start();
    let mut words = Vec::new();
    while !rest.is_empty() {
        if words.len() == most {
            words.push(rest);
            break;
        }
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        words.push(word);
        rest = after.trim_start();
    }
    words
}

fn back_words(text: &str, most: usize) -> Vec<&str> {
    let mut rest = text.trim_end();
    let mut words = Vec::new();
    while !rest.is_empty() {
        if words.len() == most {
            words.push(rest);
            break;
        }
        let (before, word) = rest.rsplit_once(char::is_whitespace).unwrap_or(("", rest));
        words.push(word);
        rest = before.trim_end();
    }
    words.reverse();
    words
}

/// Splits into lines, without their ends.
pub(super) fn lines<'v>(text: &Text<'v>, work: &mut Work) -> Outcome<Value<'v>> {
    const ENDS: [char; 9] =
        ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{2028}', '\u{2029}'];
    work.write(text)?;
    let text: &str = text;
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| ENDS.contains(&c) || c == '\u{85}').unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        lines.push(Value::text(line));
        let mut after_end = after.chars();
        after_end.next();
        rest = after.strip_prefix("\r\n").unwrap_or(after_end.as_str());
    }
    work.make(lines.len())?;
    Ok(Value::list(lines))
}
