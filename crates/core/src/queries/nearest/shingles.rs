//! How alike two texts are.

use std::collections::BTreeSet;

/// How many words make a shingle.
const WORDS: usize = 3;
/// Beyond this many words a text is not looked at.
const MOST: usize = 20_000;

/// The runs of words of a text.
#[derive(Debug, PartialEq)]
pub(super) struct Shingles(BTreeSet<Vec<String>>);

impl Shingles {
    /// Returns the shingles of a text. It is framed by empty words, so that a text of one word has some too.
    pub(super) fn of(text: &str) -> Self {
        let frame = || std::iter::repeat_n("", WORDS - 1);
        let words: Vec<&str> = frame().chain(text.split_whitespace().take(MOST)).chain(frame()).collect();
        Self(
            words.windows(WORDS).map(|words| words.iter().map(|word| (*word).to_owned()).collect()).collect(),
        )
    }

    /// Returns the share of shingles that both texts have, from 0 to 1.
    pub(super) fn likeness(&self, other: &Self) -> f64 {
        let shared = self.0.intersection(&other.0).count();
        let all = self.0.len() + other.0.len() - shared;
        share(shared, all)
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are few shingles")]
const fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shares_more_words_is_nearer() {
        let likeness = |a: &str, b: &str| Shingles::of(a).likeness(&Shingles::of(b));
        let text = "translate this line into Japanese please";
        assert_eq!(likeness(text, text), 1.0);
        assert_eq!(likeness(text, "nothing of the sort"), 0.0);
        let near = likeness(text, "translate this line into French please");
        let far = likeness(text, "please into line this translate French");
        assert!(near > far && near < 1.0, "{near} {far}");
        assert_eq!(likeness("", ""), 1.0);
        assert_eq!(likeness("one", "one"), 1.0);
    }
}
