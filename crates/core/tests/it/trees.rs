//! Trees: putting one together from pieces of another gives what building it from scratch gives.

use std::ops::Range;

use proptest::prelude::*;
use refrain_core::ports::store::{Batch, Store as _};
use refrain_core::tree::build::TreeBuilder;
use refrain_core::tree::diff::{Stretch, stretches};
use refrain_core::tree::page::{Entry, NodeRef};
use refrain_core::tree::sequence::Sequence;
use refrain_core::tree::walk::walk;
use refrain_testkit::memory_store::MemoryStore;

fn built(ids: &[u32]) -> (NodeRef, Sequence) {
    let mut builder = TreeBuilder::new();
    ids.iter().for_each(|id| push(&mut builder, *id));
    let (root, pages) = builder.finish();
    let sequence = Sequence::built(root, &pages).unwrap();
    (root, sequence)
}

/// Every seventh entry is a hole.
fn push(builder: &mut TreeBuilder, id: u32) {
    let id_text = format!("line_{id}");
    if id % 7 == 3 {
        builder.push(&Entry::hole(&id_text));
    } else {
        builder.push(&Entry::record(&id_text, &format!("{{\"n\":{id}}}")));
    }
}

/// Copies a stretch as publishing does: whole leaves where that is possible.
fn copy(from: &Sequence, range: Range<u64>, into: &mut TreeBuilder) {
    let mut leaf = from.leaf_of(range.start);
    while leaf < from.n_leaves() && from.span(leaf).start < range.end {
        let span = from.span(leaf);
        let whole = range.start <= span.start && span.end <= range.end;
        if !(whole && into.push_leaf(from.node(leaf), leaf + 1 == from.n_leaves())) {
            let overlap = span.start.max(range.start)..span.end.min(range.end);
            overlap.filter_map(|at| from.entry(at)).for_each(|entry| into.push(&entry));
        }
        leaf += 1;
    }
}

fn sizes() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), 2_u32..200, 3000_u32..6000]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn spliced_is_built(n in sizes(), cuts in prop::collection::vec((0.0..1.0_f64, 0.0..1.0_f64, 0_u32..5), 0..6)) {
        let old: Vec<u32> = (0..n).collect();
        let (_, before) = built(&old);
        let mut builder = TreeBuilder::new();
        let mut expect = Vec::new();
        for (k, (a, b, fresh)) in cuts.into_iter().enumerate() {
            let at = |share: f64| (share * f64::from(n)) as u64;
            let range = at(a.min(b))..at(a.max(b));
            copy(&before, range.clone(), &mut builder);
            expect.extend(range.map(|at| at as u32));
            for new in 0..fresh {
                let id = 1_000_000 + 10 * k as u32 + new;
                push(&mut builder, id);
                expect.push(id);
            }
        }
        let (root, _) = builder.finish();
        prop_assert_eq!(root, built(&expect).0);
    }

    #[test]
    fn stretches_cover_both(n in sizes(), gone in prop::collection::vec(0.0..1.0_f64, 0..4), turn in 0.0..1.0_f64) {
        let old: Vec<u32> = (0..n).collect();
        let mut new = old.clone();
        for share in gone {
            let at = (share * new.len() as f64) as usize;
            if at < new.len() {
                new.remove(at);
                new.insert(at / 2, 2_000_000 + at as u32);
            }
        }
        if turn > 0.7 && !new.is_empty() {
            let by = (turn * new.len() as f64) as usize % new.len();
            new.rotate_left(by);
        }
        let ((_, old), (_, new)) = (built(&old), built(&new));
        let (mut at_old, mut at_new) = (0, 0);
        for stretch in stretches(&old, &new) {
            let (a, b, same) = match stretch {
                Stretch::Same { old, new } => (old, new, true),
                Stretch::Changed { old, new } => (old, new, false),
            };
            prop_assert_eq!((a.start, b.start), (at_old, at_new));
            prop_assert!(!(a.is_empty() && b.is_empty()));
            if same {
                prop_assert_eq!(a.len(), b.len());
                for (left, right) in a.clone().zip(b.clone()) {
                    prop_assert_eq!(old.node(left).digest, new.node(right).digest);
                }
            }
            (at_old, at_new) = (a.end, b.end);
        }
        prop_assert_eq!((at_old, at_new), (old.n_leaves(), new.n_leaves()));
    }
}

#[test]
fn an_edit_changes_few_leaves() {
    let old: Vec<u32> = (0..20_000).collect();
    let mut new = old.clone();
    new[10_000] = 77_777;
    new.remove(500);
    let ((_, old), (_, new)) = (built(&old), built(&new));
    let changed: usize = stretches(&old, &new)
        .iter()
        .map(|stretch| if let Stretch::Changed { new, .. } = stretch { new.len() } else { 0 })
        .sum();
    assert!((1..=4).contains(&changed), "{changed} of {} leaves", new.n_leaves());
}

#[test]
fn counts_and_weights_add_up() {
    for n in [0, 1, 63, 64, 65, 5000] {
        let (root, sequence) = built(&(0..n).collect::<Vec<u32>>());
        assert_eq!(root.count, u64::from(n));
        assert_eq!(sequence.count(), u64::from(n));
        assert_eq!(root.weight, (0..n).filter(|id| id % 7 != 3).count() as u64);
        assert_eq!(sequence.iter().count() as u32, n);
    }
}

#[test]
fn a_walk_shows_every_entry_once_and_in_order() {
    use futures::FutureExt as _;

    for n in [0, 1, 20_000] {
        let mut builder = TreeBuilder::new();
        (0..n).for_each(|id| push(&mut builder, id));
        let (root, pages) = builder.finish();
        let n_leaves = Sequence::built(root, &pages).unwrap().n_leaves();
        assert!(n < 2 || n_leaves > 64, "more than are in memory at once: {n_leaves}");
        let store = MemoryStore::new();
        let holder = refrain_testkit::world::request(&[]).holder;
        store.begin_writing(&holder).now_or_never().unwrap().unwrap();
        store.commit(Batch { pages, ..Batch::default() }).now_or_never().unwrap().unwrap();
        let mut seen = Vec::new();
        let see = |entry: Entry<'_>| seen.push((entry.id.to_owned(), entry.hole));
        walk(&store, root.digest, see).now_or_never().unwrap().unwrap();
        let expect: Vec<(String, bool)> = (0..n).map(|id| (format!("line_{id}"), id % 7 == 3)).collect();
        assert_eq!(seen, expect);
    }
}
