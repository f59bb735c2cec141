//! The rules.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::issue::Finding;

/// What rules look at.
pub(crate) struct Texts<'a> {
    pub(crate) text: &'a str,
    pub(crate) source: &'a str,
}

/// How the length of a text is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// Characters as readers see them.
    Characters,
    /// Bytes of UTF-8.
    Bytes,
    /// Columns of a terminal.
    Width,
}

impl Count {
    pub(crate) fn of(word: &str) -> Self {
        match word {
            "bytes" => Self::Bytes,
            "width" => Self::Width,
            _ => Self::Characters,
        }
    }

    fn size(self, grapheme: &str) -> usize {
        match self {
            Self::Characters => 1,
            Self::Bytes => grapheme.len(),
            Self::Width => grapheme.width(),
        }
    }

    fn say(self, length: usize, max: usize) -> String {
        match self {
            Self::Characters => format!("the text has {length} characters, {max} are allowed"),
            Self::Bytes => format!("the text has {length} bytes, {max} are allowed"),
            Self::Width => format!("the text has a width of {length}, {max} is allowed"),
        }
    }
}

/// One rule with its settings.
#[derive(Debug)]
pub(crate) enum Rule {
    NotEmpty,
    MaxLength { max: usize, count: Count },
    Untouched,
    Whitespace,
    Placeholders,
    Numbers,
    Allowed(Regex),
    Forbid(Regex),
}

impl Rule {
    /// Whether the rule compares a text with its source.
    pub(crate) const fn needs_source(&self) -> bool {
        matches!(self, Self::Untouched | Self::Placeholders | Self::Numbers)
    }

    /// Returns every place where the rule is broken.
    pub(crate) fn find(&self, texts: &Texts<'_>) -> Vec<Finding> {
        let text = texts.text;
        match self {
            Self::NotEmpty if text.trim().is_empty() => {
                vec![Finding::new(0..text.len(), "the text is empty")]
            }
            Self::NotEmpty => Vec::new(),
            Self::MaxLength { max, count } => too_long(text, *max, *count).into_iter().collect(),
            Self::Untouched => untouched(texts).into_iter().collect(),
            Self::Whitespace => whitespace(text),
            Self::Placeholders => differences(texts, &PLACEHOLDER, "", str::to_owned),
            Self::Numbers => differences(texts, &NUMBER, "the number ", plain_number),
            Self::Allowed(pattern) => not_allowed(text, pattern),
            Self::Forbid(pattern) => {
                let say = |found: regex::Match<'_>| format!("`{}` is not wanted", found.as_str());
                pattern.find_iter(text).map(|found| Finding::new(found.range(), say(found))).collect()
            }
        }
    }
}

fn too_long(text: &str, max: usize, count: Count) -> Option<Finding> {
    let (mut length, mut fits) = (0, 0);
    for (at, grapheme) in text.grapheme_indices(true) {
        length += count.size(grapheme);
        if length <= max {
            fits = at + grapheme.len();
        }
    }
    (length > max).then(|| Finding::new(fits..text.len(), count.say(length, max)))
}

fn untouched(texts: &Texts<'_>) -> Option<Finding> {
    let same = texts.text.trim() == texts.source.trim() && texts.text.chars().any(char::is_alphabetic);
    same.then(|| Finding::new(0..texts.text.len(), "the text is the same as its source"))
}

fn whitespace(text: &str) -> Vec<Finding> {
    let inner = text.trim();
    if inner.is_empty() {
        // That is an empty text, which has a rule of its own.
        return Vec::new();
    }
    let start = text.len() - text.trim_start().len();
    let end = start + inner.len();
    let mut findings = Vec::new();
    let mut add = |span: Range<usize>, message: &str| findings.push(Finding::new(span, message));
    if start > 0 {
        add(0..start, "there is a space at the start");
    }
    for found in SPACES.find_iter(inner) {
        add(start + found.start()..start + found.end(), "there are several spaces in a row");
    }
    for found in CONTROL.find_iter(inner) {
        add(start + found.start()..start + found.end(), "there is a control character");
    }
    if end < text.len() {
        add(end..text.len(), "there is a space at the end");
    }
    let mended = CONTROL.replace_all(inner, "");
    let mended = SPACES.replace_all(mended.trim(), " ");
    findings.into_iter().map(|finding| finding.suggest(&mended)).collect()
}

fn not_allowed(text: &str, pattern: &Regex) -> Vec<Finding> {
    let mut at = 0;
    let mut findings = Vec::new();
    let mut gap = |span: Range<usize>| {
        if !span.is_empty() {
            let message = format!("`{}` is not allowed", &text[span.clone()]);
            findings.push(Finding::new(span, message));
        }
    };
    for found in pattern.find_iter(text) {
        gap(at..found.start());
        at = found.end();
    }
    gap(at..text.len());
    findings
}

/// Compares what matches a pattern in a text with what matches it in the source, as bags.
fn differences(texts: &Texts<'_>, pattern: &Regex, what: &str, plain: fn(&str) -> String) -> Vec<Finding> {
    let mut wanted: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for found in pattern.find_iter(texts.source) {
        wanted.entry(plain(found.as_str())).or_default().0 += 1;
    }
    let mut findings = Vec::new();
    for found in pattern.find_iter(texts.text) {
        let name = plain(found.as_str());
        let message = format!("{what}{} is not in the source", quote(&name, what));
        match wanted.get_mut(&name) {
            Some((asked, seen)) if *seen < *asked => *seen += 1,
            _ => findings.push(Finding::new(found.range(), message)),
        }
    }
    for (name, (asked, seen)) in wanted.into_iter().filter(|(_, (asked, seen))| seen < asked) {
        let many = if asked > 1 { format!(" ({} of {asked})", asked - seen) } else { String::new() };
        let name = quote(&name, what);
        findings.push(Finding::new(0..0, format!("{what}{name} of the source is missing{many}")));
    }
    findings
}

/// Quotes what is not introduced by a word.
fn quote(name: &str, what: &str) -> String {
    if what.is_empty() { format!("`{name}`") } else { name.to_owned() }
}

/// Returns a number in ASCII digits, without what separates them: these differ between languages.
fn plain_number(text: &str) -> String {
    text.chars().filter_map(ascii_digit).collect()
}

/// Returns the ASCII digit of a decimal digit of any script: they stand in rows of ten, from 0 to 9.
fn ascii_digit(c: char) -> Option<char> {
    const ZEROS: [u32; 10] = [0x30, 0x660, 0x6f0, 0x966, 0x9e6, 0xe50, 0xed0, 0xf20, 0x17e0, 0xff10];
    let digit =
        ZEROS.iter().find_map(|zero| (u32::from(c)).checked_sub(*zero).filter(|digit| *digit < 10))?;
    char::from_digit(digit, 10)
}

/// Compiles a pattern of this file; a wrong one never matches, which the tests would show.
fn pattern(source: &str) -> Regex {
    Regex::new(source).unwrap_or_else(|_| NEVER.clone())
}

#[expect(clippy::expect_used, reason = "BUG: the simplest pattern there is does not compile")]
static NEVER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[^\s\S]").expect("BUG: a constant pattern"));
static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\{\{[^{}]*\}\}|\{[^{}\s]*\}|%(?:\d+\$)?[-+#0]*\d*(?:\.\d+)?[sdifuxXc@]|%\([A-Za-z_]+\)s|</?[A-Za-z][^<>]*>",
    )
});
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    let digit = "[0-9٠-٩۰-۹०-९০-৯๐-๙໐-໙༠-༩០-៩０-９]";
    pattern(&format!("{digit}+(?:[.,\u{a0}\u{202f}'’．，]{digit}+)*"))
});
static SPACES: LazyLock<Regex> = LazyLock::new(|| pattern("[ \u{a0}]{2,}"));
static CONTROL: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\p{Cc}&&[^\n\t]]+"));
