//! `'{} of {:>5}'.format(…)`: values put into a text, as Python does.

use super::super::error::{FormulaErrorKind, Outcome};
use super::super::print;
use super::super::value::Value;
use super::super::work::Work;

/// The widest that a value is made, and the most places of a number.
const WIDEST: usize = 10_000;
const PLACES: usize = 300;

/// Returns a text with the values in it.
pub(super) fn formatted<'v>(
    text: &str,
    values: &[Value<'v>],
    named: &[(&str, Value<'v>)],
    work: &mut Work,
) -> Outcome<Value<'v>> {
    self::text(text, values, named, work).map(Value::text)
}

/// Returns a text with the values in it.
pub(in super::super) fn text(
    pattern: &str,
    values: &[Value<'_>],
    named: &[(&str, Value<'_>)],
    work: &mut Work,
) -> Outcome<String> {
    let mut out = String::new();
    let mut n_taken = 0;
    let mut rest = pattern;
    work.write(pattern)?;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let (brace, behind) = rest[at..].split_at(1);
        if let Some(behind) = behind.strip_prefix(brace) {
            out.push_str(brace);
            rest = behind;
            continue;
        }
        let field = behind.split_once('}').filter(|(field, _)| brace == "{" && !field.contains('{'));
        let Some((field, behind)) = field else {
            return Err(FormulaErrorKind::value(format!("a `{brace}` stands alone; write it twice")));
        };
        put(field, values, named, &mut n_taken, &mut out, work)?;
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

/// Puts in what stands between two braces: which value, and how it is written.
fn put(
    field: &str,
    values: &[Value<'_>],
    named: &[(&str, Value<'_>)],
    n_taken: &mut usize,
    out: &mut String,
    work: &mut Work,
) -> Outcome<()> {
    let (head, spec) = field.split_once(':').unwrap_or((field, ""));
    let (name, conversion) = head.split_once('!').map_or((head, None), |(name, how)| (name, Some(how)));
    let found = if name.is_empty() {
        *n_taken += 1;
        values.get(*n_taken - 1)
    } else if let Ok(number) = name.parse::<usize>() {
        values.get(number)
    } else {
        if !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Err(FormulaErrorKind::value(format!("`{name}` cannot be put in; give the value itself")));
        }
        named.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    };
    let missing = || {
        let name = if name.is_empty() { (*n_taken - 1).to_string() } else { name.to_owned() };
        FormulaErrorKind::value(format!("there is no value {name} to put in"))
    };
    let value = found.ok_or_else(missing)?;
    let spec = Spec::of(spec)?;
    let written = match conversion {
        None => spec.value(value, work)?,
        Some("s") => spec.text(&print::printed(value, work)?)?,
        Some("r") => spec.text(&quoted(value, work)?)?,
        Some(other) => {
            return Err(FormulaErrorKind::value(format!("`!{other}` is not part of texts; there is `!r`")));
        }
    };
    work.write(&written)?;
    out.push_str(&written);
    Ok(())
}

/// Returns a value as it stands within a list.
fn quoted(value: &Value<'_>, work: &mut Work) -> Outcome<String> {
    let listed = print::printed(&Value::list(vec![value.clone()]), work)?;
    let inner = listed.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    Ok(inner.unwrap_or(&listed).to_owned())
}

/// How a value is written: `[[fill]align][sign][#][0][width][,][.places][type]`.
#[derive(Debug, Clone, Copy, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    has_prefix: bool,
    width: usize,
    group: Option<char>,
    places: Option<usize>,
    kind: Option<char>,
}

impl Spec {
    fn of(text: &str) -> Outcome<Self> {
        let mut spec = Self::default();
        let is_align = |c: &char| matches!(c, '<' | '>' | '^' | '=');
        let mut chars = text.chars().peekable();
        let second = text.chars().nth(1).filter(is_align);
        if second.is_some() {
            (spec.fill, spec.align) = (chars.next(), chars.next());
        } else {
            spec.align = chars.next_if(is_align);
        }
        spec.sign = chars.next_if(|c| matches!(c, '+' | '-' | ' '));
        spec.has_prefix = chars.next_if_eq(&'#').is_some();
        if chars.next_if_eq(&'0').is_some() && spec.align.is_none() {
            (spec.fill, spec.align) = (Some('0'), Some('='));
        }
        spec.width = number(&mut chars, WIDEST)?.unwrap_or(0);
        spec.group = chars.next_if(|c| matches!(c, ',' | '_'));
        if chars.next_if_eq(&'.').is_some() {
            spec.places = number(&mut chars, PLACES)?;
        }
        spec.kind = chars.next();
        if chars.next().is_some() || spec.kind.is_some_and(|kind| !"sdxXobeEfFgG%n".contains(kind)) {
            return Err(FormulaErrorKind::value(format!("`{text}` does not say how a value is written")));
        }
        Ok(spec)
    }

    fn value(self, value: &Value<'_>, work: &mut Work) -> Outcome<String> {
        match value {
            Value::Text(text) => self.text(text),
            Value::Float(number) => self.float(*number),
            Value::Bool(_) if self.kind.is_none() => self.text(&print::printed(value, work)?),
            Value::Bool(_) | Value::Int(_) => {
                let whole = value.whole().and_then(|whole| whole.small());
                self.whole(whole.ok_or_else(|| FormulaErrorKind::value("the number is too large"))?)
            }
            other => Self { kind: self.kind.or(Some('s')), ..self }.text(&print::printed(other, work)?),
        }
    }

    fn text(self, text: &str) -> Outcome<String> {
        if let Some(kind) = self.kind.filter(|kind| *kind != 's') {
            return Err(FormulaErrorKind::mismatch(format!("`{kind}` is not for a text")));
        }
        let text: String = text.chars().take(self.places.unwrap_or(usize::MAX)).collect();
        Ok(self.padded("", &text, '<'))
    }

    fn whole(self, number: i128) -> Outcome<String> {
        let digits = number.unsigned_abs();
        let (prefix, digits) = match self.kind {
            None | Some('d' | 'n') => ("", digits.to_string()),
            Some('x') => ("0x", format!("{digits:x}")),
            Some('X') => ("0X", format!("{digits:X}")),
            Some('o') => ("0o", format!("{digits:o}")),
            Some('b') => ("0b", format!("{digits:b}")),
            Some('s') => return Err(FormulaErrorKind::mismatch("`s` is not for a number")),
            Some(_) => return self.float(number as f64),
        };
        let prefix = if self.has_prefix { prefix } else { "" };
        let sign = [self.sign_of(number < 0), prefix].concat();
        Ok(self.padded(&sign, &self.grouped(&digits), '>'))
    }

    fn float(self, number: f64) -> Outcome<String> {
        let size = number.abs();
        let places = self.places.unwrap_or(6);
        let digits = match self.kind {
            None if self.places.is_none() => super::super::float_text(size),
            None => {
                let text = general(size, places);
                if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
            }
            Some('f' | 'F') => format!("{size:.places$}"),
            Some('%') => format!("{:.places$}%", size * 100.0),
            Some('e') => scientific(size, places),
            Some('E') => scientific(size, places).to_uppercase(),
            Some('g' | 'n') => general(size, places),
            Some('G') => general(size, places).to_uppercase(),
            Some(kind) => return Err(FormulaErrorKind::mismatch(format!("`{kind}` is not for a fraction"))),
        };
        let is_negative = number.is_sign_negative();
        Ok(self.padded(self.sign_of(is_negative), &self.grouped(&digits), '>'))
    }

    const fn sign_of(self, is_negative: bool) -> &'static str {
        match (is_negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            (false, _) => "",
        }
    }

    /// Puts a sign between each three digits before the point.
    fn grouped(self, digits: &str) -> String {
        let Some(group) = self.group else { return digits.to_owned() };
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (whole, rest) = digits.split_at(end);
        let mut out = String::new();
        for (n, c) in whole.chars().enumerate() {
            if n > 0 && (whole.len() - n).is_multiple_of(3) {
                out.push(group);
            }
            out.push(c);
        }
        out + rest
    }

    fn padded(self, sign: &str, text: &str, usual: char) -> String {
        let missing = self.width.saturating_sub(sign.chars().count() + text.chars().count());
        let row = |n: usize| std::iter::repeat_n(self.fill.unwrap_or(' '), n).collect::<String>();
        match self.align.unwrap_or(usual) {
            '<' => [sign, text, &row(missing)].concat(),
            '^' => [&row(missing / 2), sign, text, &row(missing - missing / 2)].concat(),
            '=' => [sign, &row(missing), text].concat(),
            _ => [&row(missing), sign, text].concat(),
        }
    }
}

fn number(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, most: usize) -> Outcome<Option<usize>> {
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    if digits.is_empty() {
        return Ok(None);
    }
    let number = digits.parse().ok().filter(|number| *number <= most);
    let limit = FormulaErrorKind::Limit { most: most as u64, what: "characters of one value" };
    number.map(Some).ok_or(limit)
}

/// Writes a number with its power of ten, of two digits at least.
fn scientific(size: f64, places: usize) -> String {
    let text = format!("{size:.places$e}");
    let (number, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(("+", power), |power| ("-", power));
    format!("{number}e{sign}{power:0>2}")
}

/// Writes a number with so many digits, and with its power of ten where it is very small or large.
fn general(size: f64, digits: usize) -> String {
    let digits = digits.max(1);
    let text = scientific(size, digits - 1);
    let (number, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i64 = power.parse().unwrap_or(0);
    let trimmed = |text: &str| {
        let is_fraction = text.contains('.');
        let text = if is_fraction { text.trim_end_matches('0').trim_end_matches('.') } else { text };
        text.to_owned()
    };
    let is_plain = (-4..i64::try_from(digits).unwrap_or(i64::MAX)).contains(&power);
    if !is_plain {
        let (sign, power) = if power < 0 { ('-', -power) } else { ('+', power) };
        return format!("{}e{sign}{power:0>2}", trimmed(number));
    }
    let places = usize::try_from(i64::try_from(digits).unwrap_or(i64::MAX) - 1 - power).unwrap_or(0);
    trimmed(&format!("{size:.places$}"))
}
