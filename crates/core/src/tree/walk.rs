//! Going through a tree once, with a few of its pages in memory at a time.

use refrain_schemas::digest::Digest;

use super::page::{Entry, NodeRef};
use super::sequence::{Sequence, read_leaves};
use crate::ports::store::{Store, StoreError};

/// How many leaves are in memory at once.
const AT_ONCE: usize = 64;

/// Shows every entry of a tree, holes included, in order.
///
/// # Errors
/// Fails where the store does, or a page is damaged.
pub async fn walk(
    store: &dyn Store,
    root: Digest,
    mut visit: impl FnMut(Entry<'_>),
) -> Result<(), StoreError> {
    let sequence = Sequence::open(store, root).await?;
    let leaves: Vec<NodeRef> = (0..sequence.n_leaves()).map(|leaf| sequence.node(leaf)).collect();
    for nodes in leaves.chunks(AT_ONCE) {
        for leaf in read_leaves(store, nodes).await? {
            leaf.iter().for_each(&mut visit);
        }
    }
    Ok(())
}
