//! Compares what is in a text with what is in its source, regardless of order.

use std::collections::BTreeMap;
use std::ops::Range;

use super::issue::Finding;

/// Something that is found in a text, under the name by which it is compared.
pub(super) type Named = (Range<usize>, String);

/// What one has and the other has not.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// What the text has too much.
    pub(super) extra: Vec<Named>,
    /// What it lacks: the name, how many are missing, of how many.
    pub(super) missing: Vec<(String, usize, usize)>,
}

/// Compares two bags; of equal things in the text the later ones are too much.
pub(super) fn compare(text: Vec<Named>, source: impl IntoIterator<Item = String>) -> Difference {
    let mut wanted: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for name in source {
        wanted.entry(name).or_default().0 += 1;
    }
    let mut difference = Difference::default();
    for (range, name) in text {
        match wanted.get_mut(&name) {
            Some((asked, seen)) if *seen < *asked => *seen += 1,
            _ => difference.extra.push((range, name)),
        }
    }
    let missing = wanted.into_iter().filter(|(_, (asked, seen))| seen < asked);
    difference.missing = missing.map(|(name, (asked, seen))| (name, asked - seen, asked)).collect();
    difference
}

impl Difference {
    /// Returns the findings; `say` names a thing.
    pub(super) fn findings(self, say: impl Fn(&str) -> String) -> Vec<Finding> {
        let extra = self.extra.into_iter();
        let mut findings: Vec<Finding> = extra
            .map(|(range, name)| Finding::new(range, format!("{} is not in the source", say(&name))))
            .collect();
        for (name, missing, asked) in self.missing {
            let many = if asked > 1 { format!(" ({missing} of {asked})") } else { String::new() };
            findings.push(Finding::new(0..0, format!("{} of the source is missing{many}", say(&name))));
        }
        findings
    }
}
