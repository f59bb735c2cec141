//! Spaces and control characters.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::issue::Finding;
use super::patterns::compile;
use super::rule::Rule;
use super::subject::Subject;

static SPACES: LazyLock<Regex> = LazyLock::new(|| compile("[ \u{a0}\u{3000}]{2,}"));
static CONTROL: LazyLock<Regex> = LazyLock::new(|| compile(r"[\p{Cc}\x{feff}&&[^\n\t]]+"));

/// Spaces at the ends as the source has them, none where there is no source; no doubled spaces and no control
/// characters that the source does not have.
#[derive(Debug)]
pub(super) struct Whitespace;

impl Rule for Whitespace {
    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let text = subject.text;
        if text.trim().is_empty() {
            // That is an empty text, which has a rule of its own.
            return Vec::new();
        }
        let (start, end) = inner(text);
        let (before, behind) = ends(subject);
        let mut findings: Vec<Finding> =
            at_end(&text[..start], before, 0..start, "start").into_iter().collect();
        findings.extend(within(subject, start..end));
        findings.extend(at_end(&text[end..], behind, end..text.len(), "end"));
        findings
    }

    fn mend(&self, subject: &Subject<'_>) -> Option<String> {
        let text = subject.text;
        if text.trim().is_empty() {
            return None;
        }
        let (before, behind) = ends(subject);
        let source = subject.origin();
        let shown = CONTROL.replace_all(text, |found: &regex::Captures<'_>| kept(&found[0], source));
        let mut inner = Cow::Borrowed(shown.trim());
        if !SPACES.is_match(source.trim()) {
            inner = SPACES.replace_all(shown.trim(), |found: &regex::Captures<'_>| first(&found[0]));
        }
        let mended = format!("{before}{inner}{behind}");
        (mended != text).then_some(mended)
    }
}

/// Returns where the text without the spaces at its ends is.
fn inner(text: &str) -> (usize, usize) {
    let start = text.len() - text.trim_start().len();
    (start, start + text.trim().len())
}

/// Returns the spaces that should be at the ends.
fn ends<'a>(subject: &Subject<'a>) -> (&'a str, &'a str) {
    let source = subject.origin();
    if source.trim().is_empty() {
        return ("", "");
    }
    let (start, end) = inner(source);
    (&source[..start], &source[end..])
}

fn at_end(found: &str, wanted: &str, span: Range<usize>, which: &str) -> Option<Finding> {
    let message = match (found.is_empty(), wanted.is_empty()) {
        _ if found == wanted => return None,
        (false, true) => format!("there is a space at the {which}"),
        (true, _) => format!("the space at the {which} of the source is missing"),
        (false, false) => format!("the space at the {which} is not that of the source"),
    };
    Some(Finding::new(span, message))
}

fn within(subject: &Subject<'_>, range: Range<usize>) -> Vec<Finding> {
    let (text, source) = (&subject.text[range.clone()], subject.origin());
    let at = |found: Range<usize>| range.start + found.start..range.start + found.end;
    let mut findings = Vec::new();
    if !SPACES.is_match(source.trim()) {
        let several = "there are several spaces in a row";
        findings.extend(SPACES.find_iter(text).map(|found| Finding::new(at(found.range()), several)));
    }
    let stray = CONTROL.find_iter(text).filter(|found| kept(found.as_str(), source) != found.as_str());
    findings.extend(stray.map(|found| Finding::new(at(found.range()), "there is a control character")));
    findings
}

/// Returns the control characters that the source has, too.
fn kept(found: &str, source: &str) -> String {
    found.chars().filter(|c| source.contains(*c)).collect()
}

fn first(found: &str) -> String {
    found.chars().take(1).collect()
}
