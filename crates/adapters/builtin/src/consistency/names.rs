//! One name, one rendering.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::Line;
use super::duplicates::{places, usual};
use crate::checks::{Finding, Markup};
use crate::glossary::{Entry, Glossary};
use crate::nearest::distance;
use crate::words::{Phrase, Searched};

/// A word that may be a rendering of a name.
type Word = (Range<usize>, String);

/// Returns the lines in which a name is not rendered as it usually is.
pub(super) fn find(lines: &[Line<'_>], glossary: &Glossary, markup: &Markup) -> Vec<(usize, Finding)> {
    let mut of_names: BTreeMap<&str, (&Entry, Vec<usize>)> = BTreeMap::new();
    for (n, line) in lines.iter().enumerate() {
        for (entry, _) in glossary.terms_in(&markup.mask(&line.source), 0) {
            of_names.entry(&entry.term).or_insert((entry, Vec::new())).1.push(n);
        }
    }
    let repeated = of_names.into_values().filter(|(_, own)| own.len() > 1);
    let words = std::cell::LazyCell::new(|| {
        lines.iter().map(|line| words(&markup.mask(&line.text))).collect::<Vec<_>>()
    });
    repeated
        .flat_map(|(entry, own)| match entry.renderings.len() {
            0 => unknown(lines, entry, &own, &words),
            1 => Vec::new(),
            _ => agreed(lines, entry, &own),
        })
        .collect()
}

/// Of several renderings that are agreed on, one is used.
fn agreed(lines: &[Line<'_>], entry: &Entry, own: &[usize]) -> Vec<(usize, Finding)> {
    // The longest first: `Anna Lee` is not also `Anna`.
    let mut renderings: Vec<&String> = entry.renderings.iter().collect();
    renderings.sort_by_key(|text| std::cmp::Reverse(text.chars().count()));
    let mut used: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut hits: BTreeMap<usize, (&str, Range<usize>)> = BTreeMap::new();
    for n in own {
        let text = Searched::new(&lines[*n].text);
        let found = renderings.iter().find_map(|rendering| {
            let hit = Phrase::new(rendering, entry.cased).hits(&text, 0).into_iter().next()?;
            Some((rendering.as_str(), hit))
        });
        if let Some((rendering, hit)) = found {
            used.entry(rendering).or_default().push(*n);
            hits.insert(*n, (rendering, hit));
        }
    }
    let Some((usual, users)) = usual(used) else { return Vec::new() };
    let others = hits.into_iter().filter(|(_, (rendering, _))| *rendering != usual);
    others.map(|(n, (_, hit))| (n, said(lines, entry, usual, &users, hit))).collect()
}

/// Of a name whose rendering nobody told, the word that most of its lines share, and few others have, is taken for it.
fn unknown(lines: &[Line<'_>], entry: &Entry, own: &[usize], words: &[Vec<Word>]) -> Vec<(usize, Finding)> {
    let mut users: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for n in own {
        let distinct: BTreeSet<&str> = words[*n].iter().map(|(_, word)| word.as_str()).collect();
        distinct.into_iter().for_each(|word| users.entry(word).or_default().push(*n));
    }
    let elsewhere = |word: &str| {
        let others = words.iter().enumerate().filter(|(n, _)| own.binary_search(n).is_err());
        others.filter(|(_, all)| all.iter().any(|(_, other)| other == word)).count()
    };
    users.retain(|word, users| {
        users.len() > 1 && users.len() * 2 > own.len() && elsewhere(word) <= users.len() / 4
    });
    let Some((usual, users)) = usual(users) else { return Vec::new() };
    let without = own.iter().filter(|n| !users.contains(n));
    let nearly = without
        .filter_map(|n| Some((*n, words[*n].iter().find(|(_, word)| is_near(usual, word))?.0.clone())));
    nearly.map(|(n, hit)| (n, said(lines, entry, usual, &users, hit))).collect()
}

fn said(lines: &[Line<'_>], entry: &Entry, usual: &str, users: &[usize], hit: Range<usize>) -> Finding {
    Finding::new(hit, format!("`{}` is `{usual}` in {}", entry.term, places(lines, users)))
}

/// Whether a word looks like a slip of the pen for another.
fn is_near(usual: &str, word: &str) -> bool {
    let long = usual.chars().count();
    word != usual && distance(usual, word) <= long.div_ceil(4).max(1) && word.chars().count() * 2 > long
}

/// Returns the words that may be names: those with a capital letter, and runs of katakana.
fn words(text: &str) -> Vec<Word> {
    let words = text.unicode_word_indices();
    let names = words.filter(|(_, word)| {
        word.chars().count() > 1
            && word.starts_with(|c: char| c.is_uppercase() || matches!(c, '\u{30a1}'..='\u{30fa}'))
    });
    names.map(|(at, word)| (at..at + word.len(), word.to_owned())).collect()
}
