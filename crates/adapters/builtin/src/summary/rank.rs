//! Ranks sentences.

use std::collections::{BTreeMap, BTreeSet};

use unicode_segmentation::UnicodeSegmentation as _;

use crate::words::is_unspaced;

/// Returns the positions of the best sentences, in their own order.
///
/// A term weighs more each time the number of sentences with it doubles; one that is in more than half of them (of four
/// or more) says nothing. A sentence is worth the weight of its terms per term, the first one a quarter more. Short
/// sentences do not win by being short: three empty terms are added to each. Ties go to the earlier sentence.
///
/// Doublings, and not numbers, because whoever reads the best sentences hangs on them: a sentence more in a scene seldom
/// makes others the best.
pub(crate) fn best(sentences: &[&str], count: usize) -> Vec<usize> {
    let terms: Vec<BTreeSet<String>> = sentences.iter().map(|sentence| terms(sentence)).collect();
    let mut frequency: BTreeMap<&str, u64> = BTreeMap::new();
    for term in terms.iter().flatten() {
        *frequency.entry(term).or_default() += 1;
    }
    let all = sentences.len() as u64;
    let weight = |term: &String| {
        let with = frequency.get(term.as_str()).copied().unwrap_or(0);
        if all >= 4 && with * 2 > all { 0 } else { 1 + 4 * u64::from(with.max(1).ilog2()) }
    };
    let worth = |position: usize| {
        let sum: u64 = terms[position].iter().map(weight).sum();
        let worth = sum * 1000 / (terms[position].len() as u64 + 3);
        if position == 0 { worth + worth / 4 } else { worth }
    };
    let mut ranked: Vec<(u64, usize)> =
        (0..sentences.len()).map(|position| (worth(position), position)).collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut best: Vec<usize> = ranked.into_iter().take(count).map(|(_, position)| position).collect();
    best.sort_unstable();
    best
}

/// Returns what a sentence is about: its words of four letters and more in small letters, and pairs of neighbouring
/// characters where the script has no spaces.
fn terms(sentence: &str) -> BTreeSet<String> {
    let words = sentence.unicode_words().filter(|word| !word.contains(is_unspaced));
    let words = words.filter(|word| word.chars().count() > 3).map(str::to_lowercase);
    let runs = sentence.split(|c| !is_unspaced(c));
    let pairs = runs.flat_map(|run| {
        let ends = run.char_indices().map(|(at, c)| at + c.len_utf8()).skip(1);
        run.char_indices().zip(ends).map(|((at, _), end)| run[at..end].to_owned())
    });
    words.chain(pairs).collect()
}

#[cfg(test)]
mod tests {
    use refrain_testkit::script::{SCENE, line};

    use super::*;

    #[test]
    fn terms_are_words_or_pairs() {
        let check = |text: &str, expect: &[&str]| {
            assert_eq!(terms(text).iter().map(String::as_str).collect::<Vec<_>>(), expect, "{text}");
        };
        check("The CATS, these cats!", &["cats", "these"]);
        check("竜は山", &["は山", "竜は"]);
        check("竜", &[]);
        check("Dragon竜退治 ok", &["dragon", "竜退", "退治"]);
        check("", &[]);
    }

    /// Lines that a writer may put anywhere.
    const NEUTRAL: [&str; 4] =
        ["Nothing at all.", "Well, that is how it is.", "Mind your step.", "What did you say?"];

    #[test]
    fn a_line_more_seldom_makes_other_sentences_the_best() {
        let (mut tries, mut same) = (0, 0);
        for scene in 0..40 {
            let texts: Vec<String> = (scene * SCENE..(scene + 1) * SCENE).map(|n| line(n).text).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let said =
                |texts: &[&str]| best(texts, 2).iter().map(|n| texts[*n].to_owned()).collect::<Vec<_>>();
            for (text, at) in NEUTRAL.iter().flat_map(|text| (1..=SCENE).map(move |at| (text, at))) {
                let mut more = texts.clone();
                more.insert(at, text);
                tries += 1;
                same += usize::from(said(&more) == said(&texts));
            }
        }
        assert!(same * 100 >= tries * 95, "{same} of {tries}");
    }

    #[test]
    fn the_order_is_the_texts_own_and_ties_go_to_the_first() {
        assert_eq!(best(&["x", "the dragon flies", "b", "a dragon flies high"], 2), [1, 3]);
        assert_eq!(best(&["aaa", "bbb", "ccc"], 2), [0, 1]);
        assert_eq!(best(&["aaa"], 5), [0]);
        assert_eq!(best(&[], 2), [0; 0]);
    }
}
