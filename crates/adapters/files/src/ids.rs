//! Ids for lines that have none in their file, from what they say and what stands around them.
//!
//! A line's id is a short hash of its speaker and its text. Of several lines that say the same the first keeps that id;
//! the others add a hash of the lines before and behind, and where even that is the same, a number. So a line that is
//! moved, or whose file is renamed, keeps its id, and a new line shifts no other: what may change is the id of a
//! repetition right beside it, and the numbers of repetitions that stood between the same lines as that one.

use std::collections::{HashMap, HashSet};

/// What a line says, as a hash.
pub(crate) type Seed = u64;

/// Returns the seed of a line.
pub(crate) fn seed(speaker: &str, text: &str) -> Seed {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&u64::try_from(speaker.len()).unwrap_or(0).to_le_bytes());
    hasher.update(speaker.as_bytes()).update(text.as_bytes());
    first_eight(&hasher)
}

/// The lines of some files, each with what makes its id.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    seeds: Vec<Seed>,
    marks: Vec<Mark>,
    first: HashSet<u64>,
    /// How many repetitions there are of one line between the same lines.
    tied: HashMap<(u64, u32), u32>,
}

/// What a line's id has behind the hash of what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Nothing: the first that says so.
    First,
    /// The hash of what stands around it, and which of those that have the same it is, from 1.
    Again { around: u32, nth: u32 },
    /// It has an id of its own.
    Own,
}

impl Ids {
    /// Adds the lines of one file: their seeds, and whether they have ids of their own.
    pub(crate) fn add_file(&mut self, lines: &[(Seed, bool)]) {
        let seed_at = |at: Option<usize>| at.and_then(|at| lines.get(at)).map(|(seed, _)| *seed);
        for (n, (seed, own)) in lines.iter().enumerate() {
            let mark = if *own {
                Mark::Own
            } else if self.first.insert(short(*seed)) {
                Mark::First
            } else {
                let around = around(seed_at(n.checked_sub(1)), seed_at(Some(n + 1)));
                let nth = self.tied.entry((short(*seed), around)).or_default();
                *nth += 1;
                Mark::Again { around, nth: *nth }
            };
            self.seeds.push(*seed);
            self.marks.push(mark);
        }
    }

    /// Returns the id of a line, given what it says now; nothing where that is not what it was, or it has its own.
    pub(crate) fn id(&self, n: usize, seed: Seed) -> Option<String> {
        if self.seeds.get(n) != Some(&seed) {
            return None;
        }
        let base = short(seed);
        match self.marks[n] {
            Mark::Own => None,
            Mark::First => Some(format!("t{base:012x}")),
            Mark::Again { around, nth: 1 } => Some(format!("t{base:012x}-{around:06x}")),
            Mark::Again { around, nth } => Some(format!("t{base:012x}-{around:06x}-{nth}")),
        }
    }
}

/// Returns the 48 bits of a seed that an id shows: enough for millions of lines, and what has the same is told apart
/// like lines that say the same.
const fn short(seed: Seed) -> u64 {
    seed >> 16
}

fn around(before: Option<Seed>, behind: Option<Seed>) -> u32 {
    let mut hasher = blake3::Hasher::new();
    for seed in [before, behind] {
        hasher.update(&[u8::from(seed.is_some())]).update(&seed.unwrap_or(0).to_le_bytes());
    }
    u32::try_from(first_eight(&hasher) >> 40).unwrap_or(0)
}

fn first_eight(hasher: &blake3::Hasher) -> u64 {
    u64::from_be_bytes(hasher.finalize().as_bytes().first_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn ids(files: &[&[&str]]) -> Vec<String> {
        let mut ids = Ids::default();
        let seeds: Vec<Vec<Seed>> =
            files.iter().map(|lines| lines.iter().map(|line| seed("", line)).collect()).collect();
        for lines in &seeds {
            ids.add_file(&lines.iter().map(|seed| (*seed, false)).collect::<Vec<_>>());
        }
        seeds.concat().iter().enumerate().map(|(n, seed)| ids.id(n, *seed).unwrap()).collect()
    }

    #[test]
    fn ids_come_from_what_lines_say() {
        let found = ids(&[&["a", "b", "a", "c", "a", "c", "a", "c"]]);
        assert!(found[0].len() == 13 && found[0].starts_with('t'), "{found:?}");
        assert!(found[2].starts_with(&format!("{}-", found[0])), "{found:?}");
        assert_eq!(found[6], format!("{}-2", found[4]), "the same between the same");
        assert_ne!(seed("ann", "a"), seed("", "anna"));
        assert_ne!(seed("ann", "a"), seed("bob", "a"));
        let moved = ids(&[&["c", "x"], &["b", "a"]]);
        assert_eq!((&moved[2], &moved[3]), (&found[1], &found[0]), "other places, other files, the same ids");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_further_line_changes_at_most_the_ids_of_repetitions_beside_it(
            lines in proptest::collection::vec(proptest::sample::select(vec!["a", "b", "c", "d"]), 0..14),
            further in proptest::sample::select(vec!["new", "a", "b"]),
            at in 0_usize..15,
        ) {
            let at = at.min(lines.len());
            // One that says what a later line says first would take that one's id.
            let further = if lines[..at].contains(&further) { further } else { "new" };
            let before = ids(&[&lines]);
            let mut more = lines.clone();
            more.insert(at, further);
            let mut after = ids(&[&more]);
            prop_assert_eq!(after.iter().collect::<BTreeSet<_>>().len(), more.len(), "ids are distinct");
            after.remove(at);

            type Around<'a> = (&'a str, Option<&'a str>, Option<&'a str>);
            fn around<'a>(lines: &[&'a str], n: usize) -> Around<'a> {
                (lines[n], n.checked_sub(1).map(|n| lines[n]), lines.get(n + 1).copied())
            }
            // What stood, or stands, between the same lines as the further one or those beside it may change its number.
            let touched: Vec<Around<'_>> = (at.saturating_sub(1)..=at)
                .filter(|n| *n < lines.len())
                .map(|n| around(&lines, n))
                .chain((at.saturating_sub(1)..=at + 1).filter(|n| *n < more.len()).map(|n| around(&more, n)))
                .collect();
            for n in 0..lines.len() {
                let tied = touched.contains(&around(&lines, n));
                let repeats = lines[..n].contains(&lines[n]);
                prop_assert!(before[n] == after[n] || (repeats && tied), "{lines:?}, {further} at {at}: {n}");
            }
        }
    }
}
