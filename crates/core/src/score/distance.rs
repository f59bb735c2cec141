//! How many characters have to be inserted, deleted or replaced to make one text of another.

use std::collections::HashMap;

/// How many rows of the table one word of bits holds.
const BITS: usize = 64;

/// The edit distance of two texts and the length of the longer one, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Edited {
    /// Characters to insert, delete or replace.
    pub distance: usize,
    /// Characters of the longer text.
    pub longer: usize,
}

impl Edited {
    /// Compares two texts.
    #[must_use]
    pub fn of(a: &str, b: &str) -> Self {
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let longer = a.len().max(b.len());
        let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
        let (a, b) = (&a[head..], &b[head..]);
        let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
        let distance = distance(&a[..a.len() - tail], &b[..b.len() - tail]);
        Self { distance, longer }
    }

    /// Returns the share of the text that differs, from 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2^53 letters")]
    pub const fn ratio(&self) -> f64 {
        if self.longer == 0 { 0.0 } else { self.distance as f64 / self.longer as f64 }
    }
}

/// One word of a column of the table, as the differences between its rows: which go up by one, which go down.
#[derive(Debug, Clone, Copy)]
struct Rows {
    up: u64,
    down: u64,
}

/// Works out a column of the table at once, 64 rows to a word (Myers 1999, in the form of Hyyrö 2003).
fn distance(a: &[char], b: &[char]) -> usize {
    if a.is_empty() || b.is_empty() {
        return a.len().max(b.len());
    }
    let n_words = a.len().div_ceil(BITS);
    let mut places: HashMap<char, Vec<u64>> = HashMap::new();
    for (row, letter) in a.iter().enumerate() {
        places.entry(*letter).or_insert_with(|| vec![0; n_words])[row / BITS] |= 1 << (row % BITS);
    }
    let nowhere = vec![0; n_words];
    let mut column = vec![Rows { up: u64::MAX, down: 0 }; n_words];
    let last_row = 1_u64 << ((a.len() - 1) % BITS);
    let mut distance = a.len();
    for letter in b {
        let places = places.get(letter).unwrap_or(&nowhere);
        // Above the table, every column is one more than the one before.
        let (mut right_up, mut right_down) = (1, 0);
        for (n, rows) in column.iter_mut().enumerate() {
            let end = if n + 1 == n_words { last_row } else { 1 << (BITS - 1) };
            (right_up, right_down) = advance(rows, places[n], right_up, right_down, end);
        }
        distance = distance + right_up as usize - right_down as usize;
    }
    distance
}

/// Moves a word one column to the right. Takes and returns whether the row above it, and its last row, go up or down
/// between the two columns.
const fn advance(rows: &mut Rows, same: u64, up: u64, down: u64, end: u64) -> (u64, u64) {
    let vertical = same | rows.down;
    let same = same | down;
    let diagonal = ((same & rows.up).wrapping_add(rows.up) ^ rows.up) | same;
    let right_up = rows.down | !(diagonal | rows.up);
    let right_down = rows.up & diagonal;
    let out = ((right_up & end != 0) as u64, (right_down & end != 0) as u64);
    let (right_up, right_down) = (right_up << 1 | up, right_down << 1 | down);
    rows.up = right_down | !(vertical | right_up);
    rows.down = right_up & vertical;
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, cell by cell.
    fn plain(a: &str, b: &str) -> usize {
        let b: Vec<char> = b.chars().collect();
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, letter) in a.chars().enumerate() {
            let mut corner = std::mem::replace(&mut row[0], i + 1);
            for j in 0..b.len() {
                let replaced = corner + usize::from(letter != b[j]);
                corner = row[j + 1];
                row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
            }
        }
        row[b.len()]
    }

    #[test]
    fn known_distances() {
        for (a, b, expect) in [
            ("", "", 0),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("水を飲む", "薬を飲む", 1),
            ("ab", "ba", 2),
        ] {
            assert_eq!(Edited::of(a, b).distance, expect, "{a} {b}");
        }
        assert_eq!(Edited::of("abcd", "abxd").ratio(), 0.25);
        assert_eq!(Edited::of("", "").ratio(), 0.0);
    }

    proptest! {
        #[test]
        fn it_is_what_the_definition_says(a in "[ab日 ]{0,200}", b in "[ab日 ]{0,200}") {
            prop_assert_eq!(Edited::of(&a, &b).distance, plain(&a, &b));
        }
    }
}
