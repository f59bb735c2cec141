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
    pub(super) missing: Vec<Missing>,
}

/// What the text lacks.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) name: String,
    /// How many are missing.
    pub(super) times: usize,
    /// Of how many.
    of: usize,
    /// Where the first one that is missing stands in the source, if the text has those before it.
    at: usize,
}

/// Compares two bags; of equal things the later ones are too much, or missing.
pub(super) fn compare(text: Vec<Named>, source: Vec<Named>) -> Difference {
    let mut wanted: BTreeMap<String, (Vec<usize>, usize)> = BTreeMap::new();
    for (range, name) in source {
        wanted.entry(name).or_default().0.push(range.start);
    }
    let mut difference = Difference::default();
    for (range, name) in text {
        match wanted.get_mut(&name) {
            Some((asked, seen)) if *seen < asked.len() => *seen += 1,
            _ => difference.extra.push((range, name)),
        }
    }
    let missing = wanted.into_iter().filter_map(|(name, (asked, seen))| {
        let at = *asked.get(seen)?;
        Some(Missing { name, times: asked.len() - seen, of: asked.len(), at })
    });
    difference.missing = missing.collect();
    difference
}

impl Difference {
    /// Returns the findings; `say` names a thing.
    pub(super) fn findings(self, say: impl Fn(&str) -> String) -> Vec<Finding> {
        let extra = self.extra.into_iter();
        let mut findings: Vec<Finding> = extra
            .map(|(range, name)| Finding::new(range, format!("{} is not in the source", say(&name))))
            .collect();
        for Missing { name, times, of, at } in self.missing {
            let many = if of > 1 { format!(" ({times} of {of})") } else { String::new() };
            let message = format!("{} of the source is missing{many}", say(&name));
            findings.push(Finding::missing(at, times, message));
        }
        findings
    }
}
