//! What was changed between two texts.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

/// The most comparisons that are made for one pair of texts; beyond, everything between the first and the last
/// difference is one change.
const MOST: usize = 1_000_000;

/// A stretch of the old text, in words, and what stands there in the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hunk {
    pub(crate) range: Range<usize>,
    pub(crate) text: String,
}

impl Hunk {
    /// Whether two changes of one text cannot both be made.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        let (a, b) = (&self.range, &other.range);
        let overlap = a.start < b.end && b.start < a.end;
        let same_place = a.is_empty() && b.is_empty() && a.start == b.start;
        self != other && (overlap || same_place)
    }
}

/// Returns a text as words, signs and spaces: two changes within one word are never made together, for they would make
/// a word that nobody meant.
pub(crate) fn words(text: &str) -> Vec<&str> {
    text.split_word_bounds().collect()
}

/// Returns what turns the old text into the new one, in order.
pub(crate) fn hunks(old: &[&str], new: &[&str]) -> Vec<Hunk> {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old_rest[..old_rest.len() - end], &new_rest[..new_rest.len() - end]);
    if old_rest.is_empty() && new_rest.is_empty() {
        return Vec::new();
    }
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut add = |removed: Range<usize>, added: &[&str]| match hunks.last_mut() {
        Some(last) if last.range.end == removed.start => {
            last.range.end = removed.end;
            last.text.push_str(&added.concat());
        }
        _ => hunks.push(Hunk { range: removed, text: added.concat() }),
    };
    if old_rest.len().saturating_mul(new_rest.len()) > MOST {
        add(start..start + old_rest.len(), new_rest);
        return hunks;
    }
    let common = common(old_rest, new_rest);
    let (mut from, mut to) = (0, 0);
    for (old_at, new_at) in common.into_iter().chain([(old_rest.len(), new_rest.len())]) {
        if old_at > from || new_at > to {
            add(start + from..start + old_at, &new_rest[to..new_at]);
        }
        (from, to) = (old_at + 1, new_at + 1);
    }
    hunks
}

/// Returns how much it is worth to keep a word: a space is the same everywhere and worth less.
fn weight(word: &str) -> u32 {
    if word.trim().is_empty() { 1 } else { 2 }
}

/// Returns the places of a common subsequence that is worth most.
fn common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    let mut lengths = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            lengths[i * width + j] = if old[i] == new[j] {
                lengths[(i + 1) * width + j + 1] + weight(old[i])
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut places = Vec::new();
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            places.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    places
}

/// Makes changes that do not contradict each other.
pub(crate) fn patch(old: &[&str], hunks: &[Hunk]) -> String {
    let mut ordered: Vec<&Hunk> = hunks.iter().collect();
    ordered.sort_by_key(|hunk| (hunk.range.start, hunk.range.end));
    ordered.dedup();
    let mut text = String::new();
    let mut at = 0;
    for hunk in ordered {
        text.push_str(&old[at..hunk.range.start].concat());
        text.push_str(&hunk.text);
        at = hunk.range.end;
    }
    text.push_str(&old[at..].concat());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(old: &str, new: &str, expect: &[(Range<usize>, &str)]) {
        let found = hunks(&words(old), &words(new));
        let found: Vec<_> = found.iter().map(|hunk| (hunk.range.clone(), hunk.text.as_str())).collect();
        assert_eq!(found, expect, "{old} -> {new}");
    }

    #[test]
    fn changes_are_small() {
        check("a b c", "a b c", &[]);
        check(" a  b ", "a b", &[(0..1, ""), (2..3, " "), (4..5, "")]);
        check("the cat", "the cart", &[(2..3, "cart")]);
        check("竜だ", "竜よ", &[(1..2, "よ")]);
        check("", "x", &[(0..0, "x")]);
        check("e\u{301}x y", "ex y", &[(0..1, "ex")]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn changes_make_the_new_text_of_the_old(old in "[abc é\u{301}竜]{0,12}", new in "[abc é\u{301}竜]{0,12}") {
            let (from, to) = (words(&old), words(&new));
            prop_assert_eq!(patch(&from, &hunks(&from, &to)), new);
        }
    }
}
