//! Comparing two revisions, at the cost of their difference.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::name::Revision;
use refrain_schemas::scope::Target;
use refrain_schemas::why::{DiffReport, RecordChange};

use super::{named, no_revision};
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::ports::store::{Store, StoreError};
use crate::tree::diff::{Stretch, stretches};
use crate::tree::sequence::Sequence;

/// Compares two revisions; the last two where none are named. A hole counts as no record.
pub(crate) async fn diff(
    engine: &Engine,
    target: &Target,
    revisions: Option<(Revision, Revision)>,
) -> Result<DiffReport, EngineError> {
    let store = &*engine.ports().store;
    let history = History::fold(store.history().await?);
    let (from, to) = match revisions {
        Some(revisions) => revisions,
        None => last_two(&history, target)?,
    };
    let old = named(&history, target, Some(from))?.artifact.digest;
    let new = named(&history, target, Some(to))?.artifact.digest;
    let changes = changes(store, old, new).await?;
    let (phase, scope) = (target.phase.clone(), target.scope.clone());
    Ok(DiffReport { schema_version: 1, phase, scope, from, to, changes })
}

pub(super) fn last_two(history: &History, target: &Target) -> Result<(Revision, Revision), EngineError> {
    let to = named(history, target, None)?.revision;
    let revisions = history.target(target).map_or(&[][..], |target| &target.revisions);
    let from = revisions.len().checked_sub(2).and_then(|n| revisions.get(n));
    let from = from.ok_or_else(|| no_revision(target, &format!("before {to}")))?;
    Ok((from.1.revision, to))
}

async fn changes(store: &dyn Store, old: Digest, new: Digest) -> Result<Vec<RecordChange>, StoreError> {
    if old == new {
        return Ok(Vec::new());
    }
    let mut old = Sequence::open(store, old).await?;
    let mut new = Sequence::open(store, new).await?;
    let mut changed = Vec::new();
    for stretch in stretches(&old, &new) {
        if let Stretch::Changed { old: a, new: b } = stretch {
            old.load(store, a.clone()).await?;
            new.load(store, b.clone()).await?;
            changed.push((a, b));
        }
    }
    let stretches: Vec<(Records<'_>, Records<'_>)> =
        changed.into_iter().map(|(a, b)| (records(&old, a), records(&new, b))).collect();
    let mut comparison = Comparison::of(&stretches);
    for (was, is) in &stretches {
        comparison.stretch(was, is);
    }
    Ok(comparison.changes)
}

/// Keys and texts of records, in order.
type Records<'a> = Vec<(&'a str, &'a str)>;

fn records(sequence: &Sequence, leaves: Range<usize>) -> Records<'_> {
    let entries = leaves.filter_map(|n| sequence.leaf(n)).flat_map(|leaf| leaf.iter());
    entries.filter(|entry| !entry.hole).map(|entry| (entry.id, entry.text())).collect()
}

/// All records of the stretches that differ: one that is in both revisions may have moved from one to another.
struct Comparison<'a> {
    was: HashMap<&'a str, &'a str>,
    is: HashMap<&'a str, &'a str>,
    changes: Vec<RecordChange>,
}

impl<'a> Comparison<'a> {
    fn of(stretches: &[(Records<'a>, Records<'a>)]) -> Self {
        Self {
            was: stretches.iter().flat_map(|(was, _)| was.iter().copied()).collect(),
            is: stretches.iter().flat_map(|(_, is)| is.iter().copied()).collect(),
            changes: Vec::new(),
        }
    }

    /// Tells the changes of one stretch in the order of the new records, removed ones behind the record they followed.
    fn stretch(&mut self, was: &[(&'a str, &'a str)], is: &[(&'a str, &'a str)]) {
        let places: BTreeMap<&str, usize> = was.iter().enumerate().map(|(n, (key, _))| (*key, n)).collect();
        let mut next = 0;
        for (key, text) in is {
            match places.get(key) {
                Some(place) => {
                    self.removed(was.get(next..*place).unwrap_or_default());
                    next = next.max(place + 1);
                }
                None => next += self.removed_here(was.get(next..).unwrap_or_default()),
            }
            self.compare(key, Some(text));
        }
        self.removed(was.get(next..).unwrap_or_default());
    }

    /// Tells the removed records that stand at the very start of `was`, and how many they are.
    fn removed_here(&mut self, was: &[(&'a str, &'a str)]) -> usize {
        let n = was.iter().take_while(|(key, _)| !self.is.contains_key(key)).count();
        self.removed(&was[..n]);
        n
    }

    fn removed(&mut self, was: &[(&'a str, &'a str)]) {
        for (key, _) in was.iter().filter(|(key, _)| !self.is.contains_key(key)).copied().collect::<Vec<_>>()
        {
            self.compare(key, None);
        }
    }

    fn compare(&mut self, key: &str, new: Option<&str>) {
        let old = self.was.get(key).copied();
        if old != new {
            let json = |text: &str| Json::from_canonical(text);
            self.changes.push(RecordChange { key: key.to_owned(), old: old.map(json), new: new.map(json) });
        }
    }
}
