//! Equal lines.

use std::collections::BTreeMap;

use super::Line;
use crate::checks::Finding;
use crate::params::Params;
use crate::words::fold;

/// Lines with equal sources are translated alike.
pub(super) struct Duplicates {
    /// Fields that must be equal as well.
    by: Vec<String>,
    ignore_case: bool,
}

impl Duplicates {
    pub(super) fn read(params: &Params<'_>) -> Option<Self> {
        let own = params.switch("duplicates", true)?;
        let by = own.texts("by").unwrap_or_default().into_iter().map(str::to_owned).collect();
        let duplicates = Self { by, ignore_case: own.flag("ignore_case", false) };
        params.end(own);
        Some(duplicates)
    }

    pub(super) fn find(&self, lines: &[Line<'_>]) -> Vec<(usize, Finding)> {
        let mut same: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
        for (n, line) in lines.iter().enumerate().filter(|(_, line)| !line.source.trim().is_empty()) {
            same.entry(self.what(line)).or_default().push(n);
        }
        let groups = same.into_values().filter(|group| group.len() > 1);
        groups.flat_map(|group| differing(lines, &group)).collect()
    }

    fn what(&self, line: &Line<'_>) -> Vec<String> {
        let by = self.by.iter().map(|name| line.record.get(name).unwrap_or_default().to_owned());
        std::iter::once(fold(line.source.trim(), !self.ignore_case)).chain(by).collect()
    }
}

fn differing(lines: &[Line<'_>], group: &[usize]) -> Vec<(usize, Finding)> {
    let mut ways: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for n in group {
        ways.entry(lines[*n].text.trim()).or_default().push(*n);
    }
    if ways.len() < 2 {
        return Vec::new();
    }
    let Some((usual, users)) = usual(ways) else { return Vec::new() };
    let others = group.iter().filter(|n| lines[**n].text.trim() != usual);
    others
        .map(|n| {
            let text = &lines[*n].text;
            let message = format!("the same source is `{usual}` in {}", places(lines, &users));
            (*n, Finding::new(0..text.len(), message))
        })
        .collect()
}

/// Returns what most use, of equally many what is used first, and where.
pub(super) fn usual<T: Ord>(ways: BTreeMap<T, Vec<usize>>) -> Option<(T, Vec<usize>)> {
    let rank = |users: &[usize]| (users.len(), std::cmp::Reverse(users.first().copied()));
    ways.into_iter().max_by_key(|(_, users)| rank(users))
}

/// Names the first of some lines.
pub(super) fn places(lines: &[Line<'_>], users: &[usize]) -> String {
    let first = users.first().and_then(|n| lines.get(*n)).map_or("", |line| &*line.id);
    match users.len() {
        0 | 1 => first.to_owned(),
        n => format!("{first} and {} more", n - 1),
    }
}
