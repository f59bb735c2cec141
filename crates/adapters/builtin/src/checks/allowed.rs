//! Which characters may be in a text.
//!
//! `allowed: PATTERN`, or `{ pattern: PATTERN, ranges: [RANGE], replace: { CHARACTERS: CHARACTERS } }`; a range is
//! `a-z`, `U+3040-U+309F`, one character, or the name of a script such as `Hiragana`.

use std::ops::Range;

use regex::Regex;
use serde_json::Value;

use super::issue::Finding;
use super::patterns::last_line;
use super::rule::Rule;
use super::subject::Subject;
use crate::params::Params;

/// The text is made of matches of a pattern alone.
#[derive(Debug)]
pub(super) struct Allowed {
    pattern: Regex,
    /// What stands for what is not allowed, the longest first.
    replace: Vec<(String, String)>,
}

impl Allowed {
    pub(super) fn read(params: &Params<'_>) -> Option<Self> {
        if !params.get("allowed").is_some_and(Value::is_object) {
            let pattern = compile("allowed", params.text("allowed")?, params)?;
            return Some(Self { pattern, replace: Vec::new() });
        }
        let own = params.within("allowed")?;
        let pattern = pattern(&own);
        let mut replace = Vec::new();
        for (from, to) in own.object("replace").into_iter().flatten() {
            match to.as_str() {
                Some(to) if !from.is_empty() => replace.push((from.clone(), to.to_owned())),
                _ => own.problem(&format!("replace.{from}"), "must be text for text", None),
            }
        }
        replace.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        params.end(own);
        Some(Self { pattern: pattern?, replace })
    }

    /// Returns the stretches that are not allowed.
    fn gaps(&self, subject: &Subject<'_>) -> Vec<Range<usize>> {
        let text = subject.text;
        let mut allowed: Vec<Range<usize>> =
            self.pattern.find_iter(text).map(|found| found.range()).collect();
        if !subject.markup.counts {
            allowed.extend(subject.tokens().into_iter().map(|token| token.range));
            allowed.sort_by_key(|range| (range.start, range.end));
        }
        let mut at = 0;
        let mut gaps = Vec::new();
        for range in allowed.into_iter().chain(std::iter::once(text.len()..text.len())) {
            if range.start > at {
                gaps.push(at..range.start);
            }
            at = at.max(range.end);
        }
        gaps
    }
}

fn pattern(own: &Params<'_>) -> Option<Regex> {
    let given = own.text("pattern").map(str::to_owned);
    let mut parts: Vec<String> = Vec::new();
    for (n, range) in own.texts("ranges").unwrap_or_default().into_iter().enumerate() {
        match class(range) {
            Some(class) => parts.push(class),
            None => {
                let hint = "write `a-z`, `U+3040-U+309F`, one character, or a script such as `Hiragana`";
                own.problem(
                    &format!("ranges[{n}]"),
                    &format!("`{range}` is no range"),
                    Some(hint.to_owned()),
                );
            }
        }
    }
    if given.is_none() && parts.is_empty() {
        if own.has("ranges") {
            return None;
        }
        let hint = "for instance `ranges: [\" -~\", Hiragana, Katakana, Han]`".to_owned();
        own.problem("", "neither `pattern` nor `ranges` is there", Some(hint));
        return None;
    }
    let ranges = (!parts.is_empty()).then(|| format!("[{}]+", parts.concat()));
    let all: Vec<String> = given.into_iter().chain(ranges).collect();
    compile("pattern", &all.join("|"), own)
}

fn compile(name: &'static str, source: &str, params: &Params<'_>) -> Option<Regex> {
    Regex::new(source).map_err(|error| params.problem(name, &last_line(&error), None)).ok()
}

/// Returns a range as a part of a character class.
fn class(range: &str) -> Option<String> {
    let literal = |c: char| format!("\\x{{{:x}}}", u32::from(c));
    if let Some(c) = character(range) {
        return Some(literal(c));
    }
    // The dash may be the first or the last character itself.
    let dashes = range.match_indices('-').map(|(at, _)| at);
    let ends = dashes.filter_map(|at| Some((character(&range[..at])?, character(&range[at + 1..])?)));
    if let Some((first, last)) = ends.into_iter().find(|(first, last)| first <= last) {
        return Some(format!("{}-{}", literal(first), literal(last)));
    }
    let script = format!("\\p{{{range}}}");
    let is_name = range.len() > 1 && range.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    (is_name && Regex::new(&script).is_ok()).then_some(script)
}

/// Reads a character as it is or as `U+XXXX`.
fn character(text: &str) -> Option<char> {
    let mut all = text.chars();
    match (all.next(), all.next()) {
        (Some(c), None) => Some(c),
        _ => char::from_u32(u32::from_str_radix(text.strip_prefix("U+")?, 16).ok()?),
    }
}

impl Rule for Allowed {
    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let say = |gap: Range<usize>| {
            let message = format!("`{}` is not allowed", &subject.text[gap.clone()]);
            Finding::new(gap, message)
        };
        self.gaps(subject).into_iter().map(say).collect()
    }

    fn mend(&self, subject: &Subject<'_>) -> Option<String> {
        let gaps = if self.replace.is_empty() { Vec::new() } else { self.gaps(subject) };
        let mut mended = subject.text.to_owned();
        for gap in gaps.into_iter().rev() {
            let replaced = self.replaced(&subject.text[gap.clone()]);
            mended.replace_range(gap, &replaced);
        }
        (mended != subject.text).then_some(mended)
    }
}

impl Allowed {
    fn replaced(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some((from, to)) = self.replace.iter().find(|(from, _)| rest.starts_with(from.as_str())) {
                out.push_str(to);
                rest = &rest[from.len()..];
            } else {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let check =
            |range: &str, expect: Option<&str>| assert_eq!(class(range).as_deref(), expect, "{range}");
        check("a-z", Some("\\x{61}-\\x{7a}"));
        check("U+3040-U+309F", Some("\\x{3040}-\\x{309f}"));
        check("é", Some("\\x{e9}"));
        check("-", Some("\\x{2d}"));
        check(" --", Some("\\x{20}-\\x{2d}"));
        check("Hiragana", Some("\\p{Hiragana}"));
        check("z-a", None);
        check("Hirogana", None);
        check("", None);
    }
}
