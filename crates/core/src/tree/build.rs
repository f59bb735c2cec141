//! Building trees.
//!
//! A leaf ends behind an entry whose id hashes to a multiple of `LEAF_FAN`, or when it is `LEAF_BYTES` long; an
//! inner page ends behind a child whose digest is a multiple of `INNER_FAN`, or when it has `INNER_MOST` children.
//! Both rules look at the page so far and at nothing else, so a stretch that two sequences share falls into the same
//! pages, but for a page at either end of it.

use refrain_schemas::digest::Digest;

use super::page::{Entry, Leaf, NodeRef, start_leaf, write_entry, write_inner};

/// One leaf ends in so many entries, on average.
const LEAF_FAN: u64 = 64;
/// A leaf this long ends, whatever its entries hash to.
const LEAF_BYTES: usize = 64 * 1024;
/// The most entries of a leaf: each has three bytes at least.
pub(super) const LEAF_MOST: u64 = LEAF_BYTES as u64 / 3 + 1;
/// One inner page ends in so many children, on average.
const INNER_FAN: u16 = 32;
/// An inner page with so many children ends, whatever they hash to.
pub(super) const INNER_MOST: usize = 512;

/// Builds the tree of a sequence, entry by entry; finished pages are handed out by [`TreeBuilder::take_pages`].
#[derive(Debug, Default)]
pub struct TreeBuilder {
    leaf: Vec<u8>,
    leaf_count: u64,
    leaf_weight: u64,
    levels: Vec<Level>,
    pages: Vec<(Digest, Vec<u8>)>,
}

#[derive(Debug, Default)]
struct Level {
    /// The children of the page that is being filled.
    open: Vec<NodeRef>,
    /// How many nodes this level has had, the open ones included.
    n_nodes: u64,
}

impl TreeBuilder {
    /// Starts an empty sequence.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: &Entry<'_>) {
        if self.leaf.is_empty() {
            start_leaf(&mut self.leaf);
        }
        write_entry(&mut self.leaf, entry);
        self.leaf_count += 1;
        self.leaf_weight += u64::from(entry.weight);
        if id_hash(entry.id).is_multiple_of(LEAF_FAN) || self.leaf.len() >= LEAF_BYTES {
            self.end_leaf();
        }
    }

    /// Adds a whole leaf of another tree without reading it, where that gives the same tree as adding its entries:
    /// when a leaf would begin here, and the leaf is not the last of its tree (which may end early).
    pub fn push_leaf(&mut self, node: NodeRef, is_last: bool) -> bool {
        let fits = self.leaf.is_empty() && !is_last;
        if fits {
            self.push_node(0, node);
        }
        fits
    }

    /// Adds the entries of a leaf.
    pub fn push_entries(&mut self, leaf: &Leaf) {
        leaf.iter().for_each(|entry| self.push(&entry));
    }

    /// Returns the pages that are finished; their order is that in which they can be stored.
    pub fn take_pages(&mut self) -> Vec<(Digest, Vec<u8>)> {
        std::mem::take(&mut self.pages)
    }

    /// Ends the sequence and returns its root; an empty sequence is one empty leaf.
    #[must_use = "the last pages are only in the returned value"]
    pub fn finish(mut self) -> (NodeRef, Vec<(Digest, Vec<u8>)>) {
        if self.leaf.is_empty() && self.levels.is_empty() {
            start_leaf(&mut self.leaf);
        }
        if !self.leaf.is_empty() {
            self.end_leaf();
        }
        let mut level = 0;
        loop {
            let (single, n_nodes) = (self.levels[level].open.first().copied(), self.levels[level].n_nodes);
            if let (Some(root), 1) = (single, n_nodes) {
                return (root, self.pages);
            }
            if !self.levels[level].open.is_empty() {
                self.end_inner(level);
            }
            level += 1;
        }
    }

    fn end_leaf(&mut self) {
        // The next one will be about as long.
        let next = Vec::with_capacity(self.leaf.len());
        let bytes = std::mem::replace(&mut self.leaf, next);
        let digest = Digest::of_content(&bytes);
        let node = NodeRef { digest, count: self.leaf_count, weight: self.leaf_weight };
        (self.leaf_count, self.leaf_weight) = (0, 0);
        self.pages.push((digest, bytes));
        self.push_node(0, node);
    }

    /// Adds a node to the inner page that is being filled above `level`.
    fn push_node(&mut self, level: usize, node: NodeRef) {
        if self.levels.len() == level {
            self.levels.push(Level::default());
        }
        let filled = &mut self.levels[level];
        // The first node stays open alone until a second one comes: a page above a single node would be no tree.
        filled.open.push(node);
        filled.n_nodes += 1;
        let ends = ends_inner(&node.digest) || filled.open.len() >= INNER_MOST;
        if ends && filled.n_nodes > 1 {
            self.end_inner(level);
        }
    }

    fn end_inner(&mut self, level: usize) {
        let children = std::mem::take(&mut self.levels[level].open);
        let bytes = write_inner(u8::try_from(level + 1).unwrap_or(u8::MAX), &children);
        let digest = Digest::of_content(&bytes);
        let count = children.iter().map(|child| child.count).sum();
        let weight = children.iter().map(|child| child.weight).sum();
        self.pages.push((digest, bytes));
        self.push_node(level + 1, NodeRef { digest, count, weight });
    }
}

fn ends_inner(digest: &Digest) -> bool {
    let bytes = digest.as_bytes();
    u16::from_le_bytes([bytes[0], bytes[1]]).is_multiple_of(INNER_FAN)
}

/// A small, fixed hash: it only spreads the ends of pages, and `LEAF_BYTES` bounds what a crafted id can do.
fn id_hash(id: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in id.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}
