//! What the filters of the steps dialect do with texts.

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use minijinja::Error;
use regex::{Regex, RegexBuilder};

use super::refused;

/// The longest regular expression.
const PATTERN: usize = 1_000;
/// The most memory that a regular expression may take.
const COMPILED: usize = 1 << 20;

/// Returns the last part of a path.
pub(super) fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Returns a text that is fit to be a part of an address or of the name of a file.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() || c == '_' {
            slug.push(c);
        } else if (c.is_whitespace() || c == '-') && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_matches('-').to_owned()
}

/// Cuts a text that is longer than `length`, and more than `leeway` longer, at the end of a word.
pub(super) fn truncated(text: &str, length: usize, kill_words: bool, end: &str, leeway: usize) -> String {
    let n_chars = text.chars().count();
    if n_chars <= length.saturating_add(leeway) {
        return text.to_owned();
    }
    let kept = length.saturating_sub(end.chars().count());
    let kept: String = text.chars().take(kept).collect();
    let kept = if kill_words {
        kept.as_str()
    } else {
        kept.rsplit_once(' ').map_or(kept.as_str(), |(kept, _)| kept)
    };
    format!("{kept}{end}")
}

/// Returns the first words of a text.
pub(super) fn first_words(text: &str, n: usize, end: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.get(..n) {
        Some(kept) if words.len() > n => format!("{}{end}", kept.join(" ")),
        _ => text.to_owned(),
    }
}

/// Leaves tags and comments of HTML out, and makes one space of several.
pub(super) fn without_tags(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, behind)) = rest.split_once('<') {
        let end = if behind.starts_with("!--") { "-->" } else { ">" };
        let Some((_, behind)) = behind.split_once(end) else { break };
        out.push_str(before);
        rest = behind;
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes what HTML would take for its own otherwise.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// Writes a number of bytes for people.
pub(super) fn size(bytes: f64, is_binary: bool) -> String {
    const DECIMAL: [&str; 8] = ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
    const BINARY: [&str; 8] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];
    let (base, units) = if is_binary { (1024.0, BINARY) } else { (1000.0, DECIMAL) };
    if bytes == 1.0 {
        return "1 Byte".to_owned();
    }
    if bytes < base {
        return format!("{bytes:.0} Bytes");
    }
    let (mut rest, mut unit) = (bytes / base, units[0]);
    for larger in &units[1..] {
        if rest < base {
            break;
        }
        (rest, unit) = (rest / base, *larger);
    }
    format!("{rest:.1} {unit}")
}

/// Compiles a regular expression whose matching takes time in proportion to the text.
pub(super) fn pattern(text: &str) -> Result<Regex, Error> {
    if text.len() > PATTERN {
        return Err(refused(format!("a pattern has at most {PATTERN} bytes")));
    }
    let built = RegexBuilder::new(text).size_limit(COMPILED).dfa_size_limit(COMPILED).build();
    built.map_err(|error| {
        let error = error.to_string();
        let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let why = match last {
            _ if last.starts_with("look-around") => "patterns do not look ahead or behind",
            _ if last.starts_with("backreferences") => "patterns do not refer back to what they found",
            other => other,
        };
        refused(format!("`{text}` is no pattern: {why}"))
    })
}

/// Brings `\1` and `\g<name>` of a replacement into the spelling of the matcher, in which `$` has a meaning.
pub(super) fn replacement(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '$']) {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let digits = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let named = tail.strip_prefix("g<").and_then(|named| named.split_once('>'));
        rest = match named {
            _ if rest.as_bytes()[at] == b'$' => {
                out.push_str("$$");
                tail
            }
            _ if digits > 0 => {
                out.push_str(&format!("${{{}}}", &tail[..digits]));
                &tail[digits..]
            }
            Some((name, behind)) => {
                out.push_str(&format!("${{{name}}}"));
                behind
            }
            None => {
                out.push('\\');
                tail
            }
        };
    }
    out.push_str(rest);
    out
}

/// Formats a point in time, or a date, by the letters of `strftime`.
pub(super) fn date(text: &str, format: &str) -> Result<String, Error> {
    let stamp = text.parse::<jiff::Timestamp>().map(|stamp| stamp.to_zoned(TimeZone::UTC).datetime());
    let moment = stamp.or_else(|_| text.trim().replacen(' ', "T", 1).parse::<jiff::civil::DateTime>());
    let moment = moment.or_else(|_| text.trim().parse::<jiff::civil::Date>().map(|date| date.at(0, 0, 0, 0)));
    let moment = moment.map_err(|_| refused(format!("`{text}` is no date")))?;
    let zoned = moment.to_zoned(TimeZone::UTC).map_err(|error| refused(error.to_string()))?;
    strtime::format(format, &zoned).map_err(|error| refused(format!("`{format}`: {error}")))
}

/// Encodes a text for a place in an address; in its query slashes are written out as well, and a space is `+`.
pub(super) fn encoded(text: &str, is_in_query: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b'/' if !is_in_query => out.push('/'),
            b' ' if is_in_query => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
