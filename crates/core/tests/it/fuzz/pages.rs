//! Trees of pages that anybody may have written: whatever they say, there is an answer or an error, and it comes soon.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::executor::block_on;
use proptest::prelude::*;
use refrain_core::ports::store::{Batch, Store as _};
use refrain_core::tree::build::TreeBuilder;
use refrain_core::tree::page::{Entry, Page};
use refrain_core::tree::search::find;
use refrain_core::tree::sequence::{Sequence, all_pages};
use refrain_core::tree::walk::walk;
use refrain_schemas::digest::Digest;
use refrain_schemas::scope::Target;
use refrain_testkit::contract::store::fixture::holder;
use refrain_testkit::fuzz;
use refrain_testkit::memory_store::MemoryStore;
use refrain_testkit::world::{World, request};
use serde_json::json;

use crate::pieces::{lines, selection, world};

/// The pages of a tree, and which is its root.
struct Tree {
    root: Digest,
    pages: BTreeMap<Digest, Vec<u8>>,
}

fn tree(n: usize) -> Tree {
    let mut builder = TreeBuilder::new();
    for at in 0..n {
        builder.push(&Entry::record(&format!("line_{at}"), &format!("{{\"n\":{at}}}")));
    }
    let (root, pages) = builder.finish();
    Tree { root: root.digest, pages: pages.into_iter().collect() }
}

/// Puts pages into a store and reads them in every way there is.
fn read(tree: Tree) -> Result<u64, String> {
    block_on(async {
        let store = MemoryStore::new();
        store.begin_writing(&holder("refrain run")).await.unwrap();
        let pages = tree.pages.values().map(|bytes| (Digest::of_content(bytes), bytes.clone())).collect();
        store.commit(Batch { pages, ..Batch::default() }).await.unwrap();
        // What a page says is under its digest, whoever wrote it: those that name it are told of the new one below.
        let shown = |error: refrain_core::ports::store::StoreError| error.to_string();
        let mut sequence = Sequence::open(&store, tree.root).await.map_err(shown)?;
        let count = sequence.count();
        for at in [0, 1, count / 2, count.saturating_sub(1), count, u64::MAX] {
            let _ = sequence.load_positions(&store, &[at]).await;
            let _ = (sequence.entry(at), sequence.leaf_of_weight(at));
        }
        let _ = find(&store, &mut sequence, "line_7").await;
        let _ = find(&store, &mut sequence, "nobody").await;
        let mut n = 0;
        let walked = walk(&store, tree.root, |_| n += 1).await;
        let _ = all_pages(&store, tree.root, &mut Default::default()).await;
        walked.map_err(shown)?;
        // Whoever can walk through it finds as many entries as it says.
        assert_eq!(n, count);
        Ok(n)
    })
}

/// Puts a page in the place of another one, and lets all pages above name it.
fn replaced(mut tree: Tree, old: Digest, bytes: Vec<u8>) -> Tree {
    let new = Digest::of_content(&bytes);
    tree.pages.remove(&old);
    tree.pages.insert(new, bytes);
    if tree.root == old {
        return Tree { root: new, ..tree };
    }
    let names = |page: &Vec<u8>| page.windows(32).position(|window| window == old.as_bytes());
    let above = tree.pages.iter().find_map(|(digest, page)| Some((*digest, page.clone(), names(page)?)));
    let Some((digest, mut page, at)) = above else { return tree };
    page[at..at + 32].copy_from_slice(new.as_bytes());
    replaced(tree, digest, page)
}

/// An inner page that names another one so many times.
fn inner(level: u8, child: Digest, times: usize, count: u64) -> Vec<u8> {
    let mut bytes = vec![level];
    for _ in 0..times {
        bytes.extend_from_slice(child.as_bytes());
        for mut number in [count, count] {
            while number >= 0x80 {
                bytes.push((number as u8) | 0x80);
                number >>= 7;
            }
            bytes.push(number as u8);
        }
    }
    bytes
}

#[test]
fn a_whole_tree_is_read() {
    assert_eq!(read(tree(9_000)), Ok(9_000));
}

/// A list may have the same entry over and over, and then the same pages.
#[test]
fn equal_rows_are_equal_pages() {
    let mut builder = TreeBuilder::new();
    // One whose id ends a leaf makes the most pages of all.
    let id = (0..).map(|n: u32| n.to_string()).find(|id| {
        let mut alone = TreeBuilder::new();
        (0..2).for_each(|_| alone.push(&Entry::record(id, "{}")));
        alone.take_pages().len() == 2
    });
    (0..40_000).for_each(|_| builder.push(&Entry::record(id.as_deref().unwrap(), "{}")));
    let (root, pages) = builder.finish();
    assert_eq!(read(Tree { root: root.digest, pages: pages.into_iter().collect() }), Ok(40_000));
}

/// A few pages that stand for more entries than there is memory for.
#[test]
fn pages_that_name_one_page_over_and_over_are_refused() {
    let mut tree = tree(1);
    let mut count = 1;
    for level in 1..8 {
        let page = inner(level, tree.root, 500, count);
        tree.root = Digest::of_content(&page);
        tree.pages.insert(tree.root, page);
        count *= 500;
    }
    assert!(read(tree).unwrap_err().contains("malformed"));
}

#[test]
fn what_a_page_says_of_those_below_has_to_be_so() {
    for (level, times, count) in [(1, 1, 2), (2, 2, 1), (1, 1, u64::MAX), (2, 1, 1), (255, 1, 1), (1, 513, 1)]
    {
        let mut tree = tree(1);
        let page = inner(level, tree.root, times, count);
        tree.root = Digest::of_content(&page);
        tree.pages.insert(tree.root, page);
        assert!(read(tree).is_err(), "{level} {times} {count}");
    }
}

proptest! {
    #![proptest_config(fuzz::config(120))]

    #[test]
    fn any_bytes_are_a_page_or_an_error(bytes in prop_oneof![fuzz::bytes(), fuzz::changed(inner(1, Digest::from_bytes([7; 32]), 3, 300))], level in 0..3_u8) {
        let mut page = vec![level];
        page.extend(bytes);
        let digest = Digest::of_content(&page);
        if let Ok(Page::Leaf(leaf)) = Page::parse(&digest, &Arc::from(page.as_slice())) {
            prop_assert_eq!(leaf.iter().count(), leaf.len());
            leaf.iter().for_each(|entry| drop(entry.text().to_owned()));
        }
    }

    #[test]
    fn any_tree_is_read_or_refused(
        n in prop_oneof![1..80_usize, 4_000..5_000_usize], at in any::<prop::sample::Index>(), seed in fuzz::changed(vec![0; 4]), cut in any::<prop::sample::Index>(),
    ) {
        let tree = tree(n);
        let (digest, bytes) = tree.pages.iter().nth(at.index(tree.pages.len())).map(|(d, b)| (*d, b.clone())).unwrap();
        let mut bytes = bytes;
        let from = cut.index(bytes.len());
        let to = (from + seed.len()).min(bytes.len());
        bytes.splice(from..to, seed);
        let _ = read(replaced(tree, digest, bytes));
    }
}

/// Asks everything there is to ask of a project, and runs it again.
fn ask(world: &mut World) {
    let target: Target = world.engine(false).target(&selection("b")).unwrap();
    let engine = world.engine(false);
    block_on(async {
        let _ = engine.status().await;
        let _ = engine.why(&target, Some("s1"), 5).await;
        let _ = engine.why(&target, None, 5).await;
        let _ = engine.show(&target, None, 0, Some(5)).await;
        let _ = engine.diff(&target, None).await;
    });
    drop(engine);
    world.edit("lines.csv", |lines| lines[4]["text"] = json!("another"));
    let _ = world.try_run(&request(&[]), &refrain_core::engine::Control::default());
}

proptest! {
    #![proptest_config(fuzz::config(60))]

    #[test]
    fn a_project_whose_pages_somebody_wrote_is_read_or_refused(
        which in any::<prop::sample::Index>(), from in any::<prop::sample::Index>(), new in fuzz::bytes(), gone in 0..6_usize,
    ) {
        let mut world = world(json!({
            "a": {"units": {"of": "ingest"}, "agents": {"mark": 3}, "output": {"records": "a", "key": "id", "carry": {"scene": "scene"}}},
            "b": {"units": {"of": "a", "by": "scene"}, "agents": {"mark": 3}, "context": {"near": {"from": "ingest"}}, "output": {"records": "b", "key": "scene"}},
        }));
        world.redefine(|file| file["agents"] = json!({"mark": {"builtin": "mark"}}));
        world.set("lines.csv", lines(9));
        world.run();
        world.edit("lines.csv", |lines| lines[0]["text"] = json!("other"));
        world.run();
        let mut n = 0;
        drop(world.tampered(|_| {
            n += 1;
            None
        }));
        let (which, mut at) = (which.index(n), 0);
        let mut tampered = world.tampered(|bytes| {
            at += 1;
            if at != which + 1 {
                return None;
            }
            let mut bytes = bytes.to_vec();
            let from = from.index(bytes.len());
            let to = (from + gone).min(bytes.len());
            bytes.splice(from..to, new.iter().copied());
            Some(bytes)
        });
        ask(&mut tampered);
    }
}
