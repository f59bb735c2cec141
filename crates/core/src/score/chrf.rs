//! chrF: the character n-gram F-score (Popović 2015).
//!
//! Precision and recall of character n-grams are averaged over the orders 1 to 6, whitespace removed, and combined by an
//! F-score that gives recall twice the weight. Over many texts, n-grams are counted over all of them first.

use std::collections::HashMap;

/// The longest n-grams.
const ORDERS: usize = 6;
/// The square of how much more recall weighs than precision.
const BETA_SQUARED: f64 = 4.0;
/// How many numbers the counts of a text are.
pub const COUNTS: usize = 3 * ORDERS;

/// The n-grams of a text, of its reference, and of both, for each order. Counts of several texts can be added.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counts(pub [f64; COUNTS]);

impl Counts {
    /// Counts the n-grams of a text and of its reference.
    #[must_use]
    pub fn of(text: &str, reference: &str) -> Self {
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<char>>();
        let (text, reference) = (letters(text), letters(reference));
        let mut counts = [0.0; COUNTS];
        for order in 1..=ORDERS {
            let slot = &mut counts[3 * (order - 1)..3 * order];
            slot[0] = amount(n_grams(&text, order));
            slot[1] = amount(n_grams(&reference, order));
            let is_same = text == reference;
            slot[2] = if is_same { slot[0] } else { amount(matches(&text, &reference, order)) };
        }
        Self(counts)
    }

    /// Adds the counts of another text.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(&other.0) {
            *sum += more;
        }
    }

    /// Returns the counts with text and reference in each other's place.
    #[must_use]
    pub fn turned(mut self) -> Self {
        self.0.chunks_exact_mut(3).for_each(|order| order.swap(0, 1));
        self
    }

    /// Returns chrF, from 0 to 100.
    #[must_use]
    pub fn score(&self) -> f64 {
        score(&self.0)
    }
}

/// Returns chrF of counts, from 0 to 100. Orders that either side is too short for are left out; two empty texts are alike.
#[must_use]
pub fn score(counts: &[f64]) -> f64 {
    let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0.0);
    for order in counts.chunks_exact(3) {
        if order[0] > 0.0 && order[1] > 0.0 {
            precision += order[2] / order[0];
            recall += order[2] / order[1];
            orders += 1.0;
        }
    }
    if orders == 0.0 {
        let is_empty = counts.iter().all(|count| *count == 0.0);
        return if is_empty { 100.0 } else { 0.0 };
    }
    let (precision, recall) = (precision / orders, recall / orders);
    let weighted = BETA_SQUARED * precision + recall;
    if weighted == 0.0 { 0.0 } else { 100.0 * (1.0 + BETA_SQUARED) * precision * recall / weighted }
}

const fn n_grams(letters: &[char], order: usize) -> usize {
    (letters.len() + 1).saturating_sub(order)
}

/// Counts the n-grams that both have, each as often as both have it.
fn matches(text: &[char], reference: &[char], order: usize) -> usize {
    let mut open: HashMap<&[char], usize> = HashMap::new();
    for n_gram in reference.windows(order) {
        *open.entry(n_gram).or_default() += 1;
    }
    let is_match = |n_gram: &&[char]| match open.get_mut(*n_gram) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    };
    text.windows(order).filter(is_match).count()
}

#[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2^53 letters")]
const fn amount(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, reference: &str, expect: f64) {
        let score = Counts::of(text, reference).score();
        assert!((score - expect).abs() < 1e-9, "{text:?} against {reference:?}: {score} and not {expect}");
    }

    #[test]
    fn values_that_were_worked_out_by_hand() {
        check("", "", 100.0);
        check("abc", "", 0.0);
        check("", "abc", 0.0);
        check("the cat", "the cat", 100.0);
        check("a b c", "abc", 100.0);
        check("abc", "xyz", 0.0);
        // Order 1: 2 of 3 and of 3; order 2: 1 of 2 and of 2; order 3: none of 1. Both averages are (2/3 + 1/2) / 3.
        check("abc", "abd", 100.0 * (2.0 / 3.0 + 0.5) / 3.0);
        // Order 1: 2 of 2 and of 4; order 2: 1 of 1 and of 3; longer ones are not in the text. P = 1, R = (1/2 + 1/3) / 2.
        let recall = (0.5 + 1.0 / 3.0) / 2.0;
        check("ab", "abcd", 100.0 * 5.0 * recall / (4.0 + recall));
        // The other way about: P = 5/12, R = 1.
        check("abcd", "ab", 100.0 * 5.0 * recall / (4.0 * recall + 1.0));
        // A letter counts as often as both have it: order 1: 2 of 3 and of 2; order 2: 1 of 2 and of 1.
        let precision = (2.0 / 3.0 + 0.5) / 2.0;
        check("aaa", "aa", 100.0 * 5.0 * precision / (4.0 * precision + 1.0));
        // Letters, not bytes.
        check("日本語", "日本人", 100.0 * (2.0 / 3.0 + 0.5) / 3.0);
        check("Abc", "abc", 100.0 * (2.0 / 3.0 + 0.5) / 3.0);
    }

    #[test]
    fn n_grams_are_counted_over_all_texts() {
        let mut sum = Counts::of("ab", "ab");
        sum.add(&Counts::of("cd", "ce"));
        // Order 1: 3 of 4 and of 4; order 2: 1 of 2 and of 2.
        assert!((sum.score() - 100.0 * (0.75 + 0.5) / 2.0).abs() < 1e-9, "{}", sum.score());
    }
}
