//! Comparing two sequences at the cost of their difference.

use std::collections::HashMap;
use std::ops::Range;

use refrain_schemas::digest::Digest;

use super::sequence::Sequence;

/// A stretch of two sequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stretch {
    /// Leaves that both have.
    Same {
        /// The leaves in the old sequence.
        old: Range<usize>,
        /// The leaves in the new sequence.
        new: Range<usize>,
    },
    /// Leaves that differ.
    Changed {
        /// The leaves in the old sequence.
        old: Range<usize>,
        /// The leaves in the new sequence.
        new: Range<usize>,
    },
}

/// Compares two sequences leaf by leaf; the stretches cover both in order, and `Same` ones are as long as they can be.
#[must_use]
pub fn stretches(old: &Sequence, new: &Sequence) -> Vec<Stretch> {
    let (n_old, n_new) = (old.n_leaves(), new.n_leaves());
    let head = (0..n_old.min(n_new)).take_while(|n| old.node(*n).digest == new.node(*n).digest).count();
    let tail_most = n_old.min(n_new) - head;
    let tail = (0..tail_most)
        .take_while(|n| old.node(n_old - 1 - n).digest == new.node(n_new - 1 - n).digest)
        .count();
    let mut out = Stretches::default();
    out.same(0..head, 0..head);
    middle(old, new, head..n_old - tail, head..n_new - tail, &mut out);
    out.same(n_old - tail..n_old, n_new - tail..n_new);
    out.0
}

/// Aligns equal leaves between the common head and tail, first come first served.
fn middle(
    old: &Sequence,
    new: &Sequence,
    old_range: Range<usize>,
    new_range: Range<usize>,
    out: &mut Stretches,
) {
    let places: HashMap<Digest, usize> = old_range.clone().rev().map(|n| (old.node(n).digest, n)).collect();
    let (mut at_old, mut at_new) = (old_range.start, new_range.start);
    for n in new_range.clone() {
        let Some(place) = places.get(&new.node(n).digest).copied().filter(|place| *place >= at_old) else {
            continue;
        };
        out.changed(at_old..place, at_new..n);
        out.same(place..place + 1, n..n + 1);
        (at_old, at_new) = (place + 1, n + 1);
    }
    out.changed(at_old..old_range.end, at_new..new_range.end);
}

#[derive(Default)]
struct Stretches(Vec<Stretch>);

impl Stretches {
    fn same(&mut self, old: Range<usize>, new: Range<usize>) {
        if old.is_empty() {
            return;
        }
        if let Some(Stretch::Same { old: before_old, new: before_new }) = self.0.last_mut()
            && before_old.end == old.start
            && before_new.end == new.start
        {
            (before_old.end, before_new.end) = (old.end, new.end);
            return;
        }
        self.0.push(Stretch::Same { old, new });
    }

    fn changed(&mut self, old: Range<usize>, new: Range<usize>) {
        if !(old.is_empty() && new.is_empty()) {
            self.0.push(Stretch::Changed { old, new });
        }
    }
}
