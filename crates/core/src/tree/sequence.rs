//! Reading trees.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use refrain_schemas::digest::Digest;

use super::page::{Entry, Leaf, NodeRef, Page, PageError};
use crate::ports::store::{Store, StoreError};

/// How many pages are asked of the store at once.
const BATCH: usize = 256;
/// The most pages of a level, of about 64 entries each where they are leaves. Few pages that name each other over and over may
/// stand for more than anybody can hold, and nobody made them.
const MOST_NODES: usize = 1 << 22;

/// A sequence in the store: the list of its leaves, of which some have been read.
#[derive(Debug, Clone)]
pub struct Sequence {
    root: Digest,
    leaves: Vec<LeafSlot>,
    /// Where each leaf ends, close together: this is what every look at an entry searches.
    ends: Vec<u64>,
    count: u64,
    weight: u64,
}

#[derive(Debug, Clone)]
struct LeafSlot {
    node: NodeRef,
    start: u64,
    weight_start: u64,
    leaf: Option<Arc<Leaf>>,
}

impl Sequence {
    /// Reads the inner pages of a tree.
    ///
    /// # Errors
    /// Fails where the store does, or a page is damaged.
    pub async fn open(store: &dyn Store, root: Digest) -> Result<Self, StoreError> {
        let mut sequence = Self { root, leaves: Vec::new(), ends: Vec::new(), count: 0, weight: 0 };
        let top = NodeRef { digest: root, count: 0, weight: 0 };
        let (mut above, mut nodes) = match read_pages(store, &[top]).await?.pop() {
            Some(Page::Leaf(leaf)) => {
                sequence.push_only_leaf(leaf);
                return Ok(sequence);
            }
            Some(Page::Inner { level, children }) => (level, children),
            None => return Ok(sequence),
        };
        while above > 1 {
            let pages = read_distinct(store, &nodes).await?;
            let mut below = Vec::new();
            for node in &nodes {
                let children = pages.get(&node.digest).and_then(|page| page.below(node, above));
                below.extend_from_slice(children.ok_or_else(|| malformed(node.digest))?);
                if below.len() > MOST_NODES {
                    return Err(malformed(root));
                }
            }
            (above, nodes) = (above - 1, below);
        }
        nodes.into_iter().for_each(|node| sequence.push_slot(node, None));
        Ok(sequence)
    }

    /// A tree of one page: its root is a leaf that nobody lists.
    fn push_only_leaf(&mut self, leaf: Leaf) {
        let node = NodeRef { digest: self.root, count: leaf.len() as u64, weight: leaf.weight() };
        self.push_slot(node, Some(Arc::new(leaf)));
    }

    /// Makes a sequence without entries, which no store has.
    #[must_use]
    pub const fn empty() -> Self {
        Self { root: Digest::from_bytes([0; 32]), leaves: Vec::new(), ends: Vec::new(), count: 0, weight: 0 }
    }

    /// Adds records at the end, in memory alone; the sequence is no longer the one that its root names.
    pub fn push_records<'a>(&mut self, records: impl Iterator<Item = (&'a str, &'a str)>) {
        let leaf = Leaf::of_records(records);
        let count = leaf.len() as u64;
        if count > 0 {
            let node = NodeRef { digest: self.root, count, weight: count };
            self.push_slot(node, Some(Arc::new(leaf)));
        }
    }

    /// Makes a sequence of a tree that has just been built, without a store. Of `root`, only the digest is looked at.
    ///
    /// # Errors
    /// Fails where a page of the tree is not among `pages`.
    pub fn built(root: NodeRef, pages: &[(Digest, Vec<u8>)]) -> Result<Self, StoreError> {
        let pages: BTreeMap<Digest, &[u8]> =
            pages.iter().map(|(digest, bytes)| (*digest, bytes.as_slice())).collect();
        let mut sequence =
            Self { root: root.digest, leaves: Vec::new(), ends: Vec::new(), count: 0, weight: 0 };
        let mut nodes = vec![root];
        while let Some(node) = nodes.pop() {
            let bytes = pages.get(&node.digest).ok_or(StoreError::Missing { digest: node.digest })?;
            match Page::parse(&node.digest, &Arc::from(*bytes)).map_err(|error| damaged(&error))? {
                Page::Leaf(leaf) => {
                    let (count, weight) = (leaf.len() as u64, leaf.weight());
                    let node = NodeRef { digest: node.digest, count, weight };
                    sequence.push_slot(node, Some(Arc::new(leaf)));
                }
                Page::Inner { children, .. } => nodes.extend(children.into_iter().rev()),
            }
        }
        Ok(sequence)
    }

    fn push_slot(&mut self, node: NodeRef, leaf: Option<Arc<Leaf>>) {
        self.leaves.push(LeafSlot { node, start: self.count, weight_start: self.weight, leaf });
        self.count += node.count;
        self.weight += node.weight;
        self.ends.push(self.count);
    }

    /// Opens a tree and reads all of it.
    ///
    /// # Errors
    /// Fails where the store does, or a page is damaged.
    pub async fn open_whole(store: &dyn Store, root: Digest) -> Result<Self, StoreError> {
        let mut sequence = Self::open(store, root).await?;
        sequence.load(store, 0..sequence.n_leaves()).await?;
        Ok(sequence)
    }

    /// Reads the leaves of a range.
    ///
    /// # Errors
    /// Fails where the store does, or a page is damaged.
    pub async fn load(&mut self, store: &dyn Store, leaves: Range<usize>) -> Result<(), StoreError> {
        let wanted: Vec<usize> = leaves.filter(|n| self.leaves[*n].leaf.is_none()).collect();
        self.load_each(store, &wanted).await
    }

    /// Lets go of the leaves of a range; they can be read again.
    pub fn unload(&mut self, leaves: Range<usize>) {
        self.leaves[leaves].iter_mut().for_each(|slot| slot.leaf = None);
    }

    /// Reads the leaves that hold the given entries.
    ///
    /// # Errors
    /// Fails where the store does, or a page is damaged.
    pub async fn load_positions(&mut self, store: &dyn Store, positions: &[u64]) -> Result<(), StoreError> {
        let mut wanted: Vec<usize> = positions.iter().map(|position| self.leaf_of(*position)).collect();
        wanted.dedup();
        wanted.retain(|n| self.leaves.get(*n).is_some_and(|slot| slot.leaf.is_none()));
        wanted.sort_unstable();
        wanted.dedup();
        self.load_each(store, &wanted).await
    }

    async fn load_each(&mut self, store: &dyn Store, wanted: &[usize]) -> Result<(), StoreError> {
        for batch in wanted.chunks(BATCH) {
            let nodes: Vec<NodeRef> = batch.iter().map(|n| self.leaves[*n].node).collect();
            for (n, leaf) in batch.iter().zip(read_leaves(store, &nodes).await?) {
                self.leaves[*n].leaf = Some(Arc::new(leaf));
            }
        }
        Ok(())
    }

    /// Returns the digest of the root page.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.root
    }

    /// Returns how many entries there are, holes included.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Returns the sum of the weights.
    #[must_use]
    pub const fn weight(&self) -> u64 {
        self.weight
    }

    /// Returns how many leaves there are.
    #[must_use]
    pub const fn n_leaves(&self) -> usize {
        self.leaves.len()
    }

    /// Returns a leaf as its parent names it.
    #[must_use]
    pub fn node(&self, leaf: usize) -> NodeRef {
        self.leaves[leaf].node
    }

    /// Returns the positions of the entries of a leaf.
    #[must_use]
    pub fn span(&self, leaf: usize) -> Range<u64> {
        let slot = &self.leaves[leaf];
        slot.start..slot.start + slot.node.count
    }

    /// Returns a leaf that has been read.
    #[must_use]
    pub fn leaf(&self, leaf: usize) -> Option<&Arc<Leaf>> {
        self.leaves.get(leaf)?.leaf.as_ref()
    }

    /// Returns which leaf holds the entry at a position.
    #[must_use]
    pub fn leaf_of(&self, position: u64) -> usize {
        self.ends.partition_point(|end| *end <= position)
    }

    /// Returns which leaf holds the given share of the weight, and the weight before that leaf.
    #[must_use]
    pub fn leaf_of_weight(&self, weight: u64) -> (usize, u64) {
        let n = self.leaves.partition_point(|slot| slot.weight_start + slot.node.weight <= weight);
        (n, self.leaves.get(n).map_or(self.weight, |slot| slot.weight_start))
    }

    /// Returns the weight of all entries before a leaf.
    #[must_use]
    pub fn weight_before(&self, leaf: usize) -> u64 {
        self.leaves.get(leaf).map_or(self.weight, |slot| slot.weight_start)
    }

    /// Returns the entry at a position, where its leaf has been read.
    #[must_use]
    pub fn entry(&self, position: u64) -> Option<Entry<'_>> {
        let slot = self.leaves.get(self.leaf_of(position))?;
        slot.leaf.as_ref()?.entry(usize::try_from(position - slot.start).ok()?)
    }

    /// Iterates over the entries of all leaves that have been read, with their positions.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Entry<'_>)> {
        self.leaves.iter().flat_map(|slot| {
            let entries = slot.leaf.iter().flat_map(|leaf| leaf.iter());
            (slot.start..).zip(entries)
        })
    }
}

/// Reads leaves; each is what its parent says of it.
pub(super) async fn read_leaves(store: &dyn Store, nodes: &[NodeRef]) -> Result<Vec<Leaf>, StoreError> {
    let leaf = |(node, page): (&NodeRef, Page)| match page {
        Page::Leaf(leaf) if leaf.is_told_of_by(node) => Ok(leaf),
        _ => Err(malformed(node.digest)),
    };
    nodes.iter().zip(read_pages(store, nodes).await?).map(leaf).collect()
}

/// Reads pages of which some may be the same: a list of equal rows is a tree of equal pages.
async fn read_distinct(store: &dyn Store, nodes: &[NodeRef]) -> Result<BTreeMap<Digest, Page>, StoreError> {
    let distinct: BTreeMap<Digest, NodeRef> = nodes.iter().map(|node| (node.digest, *node)).collect();
    let distinct: Vec<NodeRef> = distinct.into_values().collect();
    let pages = read_pages(store, &distinct).await?;
    Ok(distinct.iter().map(|node| node.digest).zip(pages).collect())
}

async fn read_pages(store: &dyn Store, nodes: &[NodeRef]) -> Result<Vec<Page>, StoreError> {
    let mut pages = Vec::with_capacity(nodes.len());
    for batch in nodes.chunks(BATCH) {
        let digests: Vec<Digest> = batch.iter().map(|node| node.digest).collect();
        for (digest, bytes) in digests.iter().zip(store.pages(&digests).await?) {
            pages.push(Page::parse(digest, &bytes).map_err(|error| damaged(&error))?);
        }
    }
    Ok(pages)
}

fn malformed(digest: Digest) -> StoreError {
    damaged(&PageError { digest })
}

fn damaged(error: &PageError) -> StoreError {
    StoreError::Damaged { what: "the page store".to_owned(), message: error.to_string() }
}

/// Returns the digests of all pages of a tree.
///
/// # Errors
/// Fails where the store does, or a page is damaged.
pub async fn all_pages(
    store: &dyn Store,
    root: Digest,
    into: &mut std::collections::BTreeSet<Digest>,
) -> Result<(), StoreError> {
    let mut nodes = vec![NodeRef { digest: root, count: 0, weight: 0 }];
    while !nodes.is_empty() {
        nodes.retain(|node| into.insert(node.digest));
        let mut below = Vec::new();
        for page in read_pages(store, &nodes).await? {
            match page {
                // The leaves themselves need not be read to be known.
                Page::Inner { level: 1, children } => into.extend(children.iter().map(|child| child.digest)),
                Page::Inner { children, .. } => below.extend(children),
                Page::Leaf(_) => {}
            }
        }
        nodes = below;
    }
    Ok(())
}
