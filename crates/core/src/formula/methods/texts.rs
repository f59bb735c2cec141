//! The methods of texts.

use super::super::error::{FormulaErrorKind, Outcome};
use super::super::int::Int;
use super::super::value::{List, Text, Value};
use super::super::words::Method;
use super::super::work::Work;
use super::{format, split, unknown};

/// Calls a method of a text.
pub(super) fn call<'v>(
    method: Method,
    text: &Text<'v>,
    arguments: &[Value<'v>],
    work: &mut Work,
) -> Outcome<Value<'v>> {
    match (method, arguments) {
        (Method::Upper, []) => changed(text, work, str::to_uppercase),
        (Method::Lower, []) => changed(text, work, str::to_lowercase),
        (Method::Title, []) => changed(text, work, title),
        (Method::Capitalize, []) => changed(text, work, capitalized),
        (Method::Strip | Method::Lstrip | Method::Rstrip, arguments) => strip(method, text, arguments, work),
        (Method::Split | Method::Rsplit, arguments) => split::split(method, text, arguments, work),
        (Method::Splitlines, []) => split::lines(text, work),
        (Method::Join, [Value::List(list)]) => join(text, list, work),
        (Method::Join, [other]) => {
            let items = other.items(work)?;
            join(text, &List::Made(items.into()), work)
        }
        (Method::Replace, [old, new, rest @ ..]) => replace(text, as_text(old)?, as_text(new)?, rest, work),
        (Method::Startswith | Method::Endswith, [affix]) => has_affix(method, text, affix, work),
        (Method::Find, [sought]) => find(text, as_text(sought)?, work),
        (Method::Rfind, [sought]) => rfind(text, as_text(sought)?, work),
        (Method::Index, [sought]) => match find(text, as_text(sought)?, work)? {
            Value::Int(at) if at == (-1).into() => {
                Err(FormulaErrorKind::value("the text is not in the other"))
            }
            found => Ok(found),
        },
        (Method::Count, [sought]) => {
            work.read(text.len())?;
            Ok(Value::Int(Int::count(text.matches(&**as_text(sought)?).count())))
        }
        (Method::Isdigit, []) => all(text, work, |c| c.is_ascii_digit()),
        (Method::Isalpha, []) => all(text, work, char::is_alphabetic),
        (Method::Isalnum, []) => all(text, work, char::is_alphanumeric),
        (Method::Zfill, [width]) => fill(text, as_whole(width)?, work),
        (Method::Swapcase, []) => changed(text, work, swapped),
        (Method::Casefold, []) => changed(text, work, str::to_lowercase),
        (Method::Removeprefix, [affix]) => {
            let affix = as_text(affix)?;
            changed(text.strip_prefix(&**affix).unwrap_or(text), work, str::to_owned)
        }
        (Method::Removesuffix, [affix]) => {
            let affix = as_text(affix)?;
            changed(text.strip_suffix(&**affix).unwrap_or(text), work, str::to_owned)
        }
        (Method::Ljust | Method::Rjust | Method::Center, [width, rest @ ..]) => {
            just(method, text, as_whole(width)?, rest.first(), work)
        }
        (Method::Format, values) => format::formatted(text, values, &[], work),
        (Method::Partition, [separator]) => split::partition(text, as_text(separator)?, work),
        (Method::Islower, []) => cased(text, work, char::is_lowercase, char::is_uppercase),
        (Method::Isupper, []) => cased(text, work, char::is_uppercase, char::is_lowercase),
        (Method::Isspace, []) => all(text, work, char::is_whitespace),
        _ => Err(unknown(method, "a text")),
    }
}

pub(super) fn as_text<'a, 'v>(value: &'a Value<'v>) -> Outcome<&'a Text<'v>> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(FormulaErrorKind::mismatch(format!("expected a text, found {}", other.kind()))),
    }
}

pub(super) fn as_whole(value: &Value<'_>) -> Outcome<i64> {
    let whole = value.whole();
    let mismatch = || FormulaErrorKind::mismatch(format!("expected a whole number, found {}", value.kind()));
    whole.map(|whole| whole.clamped()).ok_or_else(mismatch)
}

fn changed<'v>(text: &str, work: &mut Work, change: impl Fn(&str) -> String) -> Outcome<Value<'v>> {
    work.write(text)?;
    Ok(Value::text(change(text)))
}

fn all<'v>(text: &str, work: &mut Work, wanted: impl Fn(char) -> bool) -> Outcome<Value<'v>> {
    work.read(text.len())?;
    Ok(Value::Bool(!text.is_empty() && text.chars().all(wanted)))
}

/// Whether some letters are of a case, and none of the other.
fn cased<'v>(
    text: &str,
    work: &mut Work,
    wanted: impl Fn(char) -> bool,
    other: impl Fn(char) -> bool,
) -> Outcome<Value<'v>> {
    work.read(text.len())?;
    Ok(Value::Bool(text.chars().any(wanted) && !text.chars().any(other)))
}

fn swapped(text: &str) -> String {
    let mut swapped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_uppercase() {
            swapped.extend(c.to_lowercase());
        } else {
            swapped.extend(c.to_uppercase());
        }
    }
    swapped
}

/// Puts spaces, or what is given, around a text until it is as wide as that.
fn just<'v>(
    method: Method,
    text: &str,
    width: i64,
    fill: Option<&Value<'v>>,
    work: &mut Work,
) -> Outcome<Value<'v>> {
    let mut fill = fill.map(as_text).transpose()?.map_or(" ", |fill| &**fill).chars();
    let (Some(fill), None) = (fill.next(), fill.next()) else {
        return Err(FormulaErrorKind::value("a text is filled up with one character"));
    };
    let width = usize::try_from(width).unwrap_or(0);
    let missing = width.saturating_sub(text.chars().count());
    work.make(missing)?;
    let before = match method {
        Method::Ljust => 0,
        Method::Rjust => missing,
        // Of an odd number, the larger half stands where the original puts it.
        _ => missing / 2 + (missing & width & 1),
    };
    let row = |n: usize| std::iter::repeat_n(fill, n).collect::<String>();
    changed(text, work, |text| [row(before).as_str(), text, &row(missing - before)].concat())
}

/// Begins every run of letters with a capital.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut within = false;
    for c in text.chars() {
        if within {
            titled.extend(c.to_lowercase());
        } else {
            titled.extend(c.to_uppercase());
        }
        within = c.is_alphabetic();
    }
    titled
}

fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest.as_str().to_lowercase().chars()).collect()
}

fn strip<'v>(method: Method, text: &str, arguments: &[Value<'v>], work: &mut Work) -> Outcome<Value<'v>> {
    let chars: Option<Vec<char>> = match arguments {
        [] | [Value::None] => None,
        [chars, ..] => {
            let chars = as_text(chars)?;
            work.write(chars)?;
            Some(chars.chars().collect())
        }
    };
    work.read(text.len().saturating_mul(chars.as_ref().map_or(1, Vec::len)))?;
    let unwanted = |c: char| chars.as_ref().map_or_else(|| c.is_whitespace(), |chars| chars.contains(&c));
    let stripped = match method {
        Method::Lstrip => text.trim_start_matches(unwanted),
        Method::Rstrip => text.trim_end_matches(unwanted),
        _ => text.trim_matches(unwanted),
    };
    changed(stripped, work, str::to_owned)
}

fn join<'v>(separator: &str, list: &List<'v>, work: &mut Work) -> Outcome<Value<'v>> {
    work.make(list.len())?;
    let items: Vec<Value<'v>> = list.iter().collect::<Outcome<_>>()?;
    let texts: Vec<&str> =
        items.iter().map(|item| as_text(item).map(|text| &**text)).collect::<Outcome<_>>()?;
    work.make(separator.chars().count().saturating_mul(texts.len().saturating_sub(1)))?;
    for text in &texts {
        work.write(text)?;
    }
    Ok(Value::text(texts.join(separator)))
}

fn replace<'v>(text: &str, old: &str, new: &str, most: &[Value<'v>], work: &mut Work) -> Outcome<Value<'v>> {
    let most = most.first().map(as_whole).transpose()?.and_then(|most| usize::try_from(most).ok());
    work.read(text.len())?;
    let n = text.matches(old).count().min(most.unwrap_or(usize::MAX));
    work.make(new.chars().count().saturating_mul(n))?;
    changed(text, work, |text| text.replacen(old, new, n))
}

fn has_affix<'v>(method: Method, text: &str, affix: &Value<'v>, work: &mut Work) -> Outcome<Value<'v>> {
    let affixes = match affix {
        Value::List(_) => affix.items(work)?,
        one => vec![one.clone()],
    };
    for affix in &affixes {
        let affix = as_text(affix)?;
        work.read(affix.len() + 1)?;
        let found =
            if method == Method::Endswith { text.ends_with(&**affix) } else { text.starts_with(&**affix) };
        if found {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn find<'v>(text: &str, sought: &str, work: &mut Work) -> Outcome<Value<'v>> {
    work.read(text.len())?;
    let before = text.split_once(sought).map(|(before, _)| before.chars().count());
    Ok(Value::Int(before.map_or_else(|| (-1).into(), Int::count)))
}

fn rfind<'v>(text: &str, sought: &str, work: &mut Work) -> Outcome<Value<'v>> {
    work.read(text.len())?;
    let before = text.rsplit_once(sought).map(|(before, _)| before.chars().count());
    Ok(Value::Int(before.map_or_else(|| (-1).into(), Int::count)))
}

fn fill<'v>(text: &str, width: i64, work: &mut Work) -> Outcome<Value<'v>> {
    let width = usize::try_from(width).unwrap_or(0);
    work.write(text)?;
    let missing = width.saturating_sub(text.chars().count());
    work.make(missing)?;
    let sign = text.len() - text.strip_prefix(['-', '+']).unwrap_or(text).len();
    let (sign, digits) = text.split_at(sign);
    Ok(Value::text([sign, &"0".repeat(missing), digits].concat()))
}
