//! Numbers as in the source, and in the digits that are wanted.
//!
//! `numbers: true`: the same numbers, whatever their digits and separators look like; `digits: half | full`: how ASCII
//! digits are written.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::bags::{Named, compare};
use super::issue::Finding;
use super::patterns::compile;
use super::rule::Rule;
use super::subject::Subject;
use crate::params::Params;

static NUMBER: LazyLock<Regex> = LazyLock::new(|| compile(r"\p{Nd}+(?:[.,\x{a0}\x{202f}'’．，٫٬]\p{Nd}+)*"));
static HALF: LazyLock<Regex> = LazyLock::new(|| compile("[0-9]+"));
static FULL: LazyLock<Regex> = LazyLock::new(|| compile("[０-９]+"));
/// How many digits stand between separators of thousands.
const GROUP: usize = 3;

/// The same numbers as the source.
#[derive(Debug)]
pub(super) struct Numbers;

impl Rule for Numbers {
    fn needs_source(&self) -> bool {
        true
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let (text, source) = (subject.masked(), subject.masked_source());
        let mut difference = compare(numbers(&text), numbers(&source));
        difference.extra.retain(|(_, number)| !is_written(&source, number));
        difference.missing.retain(|missing| !is_written(&text, &missing.name));
        difference.findings(|number| format!("the number {number}"))
    }
}

/// Returns the numbers of a text in their plain form.
fn numbers(text: &str) -> Vec<Named> {
    NUMBER.find_iter(text).flat_map(|found| plain(found.range(), found.as_str())).collect()
}

/// Returns what a run of digits and separators stands for: one number, its thousands and its fraction told apart, or
/// several, as in a date.
fn plain(range: Range<usize>, text: &str) -> Vec<Named> {
    let parts: Vec<(usize, &str)> = parts(text);
    let digits = |part: &str| part.chars().filter_map(ascii_digit).collect::<String>();
    let separators: Vec<&str> =
        parts.windows(2).map(|pair| &text[pair[0].0 + pair[0].1.len()..pair[1].0]).collect();
    let lengths: Vec<usize> = parts.iter().map(|(_, part)| part.chars().count()).collect();
    let (Some(last), Some(separator)) = (lengths.last(), separators.last()) else {
        return vec![(range, digits(text))];
    };
    let same = separators.iter().all(|other| other == separator);
    let groups = &lengths[1..lengths.len() - 1];
    // Thousands in groups of three, or in Indian groups of two with three at the end.
    let grouped = lengths[0] <= GROUP && groups.iter().all(|length| (2..=GROUP).contains(length));
    if same && grouped && *last == GROUP {
        return vec![(range, digits(text))];
    }
    let head_is_one = separators.len() == 1
        || grouped && separators[..separators.len() - 1].iter().all(|other| other != separator);
    if head_is_one {
        let (at, fraction) = parts[parts.len() - 1];
        let fraction = digits(fraction);
        return vec![(range, format!("{}.{fraction}", digits(&text[..at])))];
    }
    let each = |(at, part): (usize, &str)| (range.start + at..range.start + at + part.len(), digits(part));
    parts.into_iter().map(each).collect()
}

/// Returns the runs of digits of a number, with where they begin.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        match (c.is_numeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                parts.push((from, &text[from..at]));
                start = None;
            }
            _ => {}
        }
    }
    parts.extend(start.map(|from| (from, &text[from..])));
    parts
}

/// Returns the ASCII digit of a decimal digit of any script: they stand in rows of ten, from 0 to 9.
fn ascii_digit(c: char) -> Option<char> {
    const ZEROS: [u32; 22] = [
        0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50,
        0xed0, 0xf20, 0x1040, 0x17e0, 0x1810, 0xa9d0, 0xabf0, 0xff10,
    ];
    let digit =
        ZEROS.iter().find_map(|zero| (u32::from(c)).checked_sub(*zero).filter(|digit| *digit < 10))?;
    char::from_digit(digit, 10)
}

/// Whether a number is written in Chinese characters, as in 三回.
fn is_written(text: &str, number: &str) -> bool {
    let Ok(number) = number.parse::<u32>() else { return false };
    number < 10_000 && text.chars().any(|c| HAN.contains(c)) && text.contains(&han(number))
}

const HAN: &str = "〇一二三四五六七八九十百千";

/// Returns a number up to 9999 in Chinese characters.
fn han(number: u32) -> String {
    let digit = |n: u32| HAN.chars().nth(n as usize).unwrap_or('〇');
    if number == 0 {
        return digit(0).to_string();
    }
    let mut out = String::new();
    for (worth, name) in [(1000, '千'), (100, '百'), (10, '十')] {
        match number / worth % 10 {
            0 => {}
            1 => out.push(name),
            n => out.extend([digit(n), name]),
        }
    }
    match number % 10 {
        0 => {}
        n => out.push(digit(n)),
    }
    out
}

/// ASCII digits as they are, or all of them full-width.
#[derive(Debug)]
pub(super) struct Digits {
    full: bool,
}

impl Digits {
    pub(super) fn read(params: &Params<'_>) -> Option<Self> {
        let full = params.word("digits", &["any", "half", "full"]);
        (full != "any").then_some(Self { full: full == "full" })
    }
}

impl Rule for Digits {
    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let (pattern, is, should) = if self.full { (&HALF, "half", "full") } else { (&FULL, "full", "half") };
        let masked = subject.masked();
        let say = |found: regex::Match<'_>| {
            let message =
                format!("`{}` is in {is}-width digits, they should be {should}-width", found.as_str());
            Finding::new(found.range(), message)
        };
        pattern.find_iter(&masked).map(say).collect()
    }

    fn mend(&self, subject: &Subject<'_>) -> Option<String> {
        let masked = subject.masked();
        let pairs = subject.text.char_indices();
        let mended: String =
            pairs.map(|(at, c)| if masked[at..].starts_with(c) { self.digit(c) } else { c }).collect();
        (mended != subject.text).then_some(mended)
    }
}

impl Digits {
    fn digit(&self, c: char) -> char {
        let moved = match c {
            '0'..='9' if self.full => u32::from(c) + 0xfee0,
            '０'..='９' if !self.full => u32::from(c) - 0xfee0,
            other => u32::from(other),
        };
        char::from_u32(moved).unwrap_or(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let found: Vec<String> = numbers(text).into_iter().map(|(_, number)| number).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn separators_of_all_languages_are_understood() {
        check("1,000 1.000 1'000 1\u{202f}000 ١٬٠٠٠", &["1000"; 5]);
        check("3,5 3.5 ３．５ 3.50", &["3.5", "3.5", "3.5", "3.50"]);
        check("1,000.50 1.000,50 12,34,567 1.234.567,8", &["1000.50", "1000.50", "1234567", "1234567.8"]);
        check("10.5.2024 1.2.3", &["10", "5", "2024", "1", "2", "3"]);
        check("12:30 no. 7", &["12", "30", "7"]);
        check("१२ ๑๒ 十二", &["12", "12"]);
    }

    #[test]
    fn chinese_numbers_are_numbers() {
        for (number, expect) in [(0, "〇"), (3, "三"), (10, "十"), (21, "二十一"), (1905, "千九百五")]
        {
            assert_eq!(han(number), expect);
        }
        assert!(is_written("三回まわる", "3") && !is_written("三回", "4") && !is_written("3", "3.5"));
    }
}
