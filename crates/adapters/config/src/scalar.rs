//! What unquoted text means: the core schema of YAML 1.2, in which `on`, `yes` and `no` are texts.

use crate::node::Kind;

/// Reads unquoted text.
pub(crate) fn read(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => number(text).unwrap_or_else(|| Kind::Text(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Kind> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    integer(text).or_else(|| float(text))
}

fn integer(text: &str) -> Option<Kind> {
    let radix = |prefix: &str, radix: u32| {
        let digits = text.strip_prefix(prefix).filter(|digits| !digits.starts_with(['+', '-']))?;
        i64::from_str_radix(digits, radix).ok()
    };
    if let Some(number) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(Kind::Integer(number));
    }
    let number = text.parse::<i64>().ok().map(Kind::Integer);
    number.or_else(|| text.parse::<u64>().ok().map(Kind::Unsigned))
}

/// Rust also reads `inf`, `nan` and the like, which are texts here; JSON has no infinity, so `.inf` is one too.
fn float(text: &str) -> Option<Kind> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plausible = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if !plausible {
        return None;
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(format!("{:?}", read(text)), expect, "{text}");
    }

    #[test]
    fn the_core_schema() {
        for text in [
            "on",
            "off",
            "yes",
            "no",
            "y",
            "n",
            "1m30s",
            "1_000",
            "0b1",
            "inf",
            "nan",
            ".nan",
            "-",
            ".",
            "1.2.3",
            "2026-01-01",
            "0x-1",
            "1e",
            "12:30",
        ] {
            check(text, &format!("Text({text:?})"));
        }
        check("~", "Null");
        check("True", "Bool(true)");
        check("010", "Integer(10)");
        check("0x1F", "Integer(31)");
        check("-3", "Integer(-3)");
        check("18446744073709551615", "Unsigned(18446744073709551615)");
        check("1.10", "Float(1.1)");
        check(".5", "Float(0.5)");
        check("1e3", "Float(1000.0)");
        check("1e999", "Text(\"1e999\")");
    }
}
