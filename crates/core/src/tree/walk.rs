//! Going through a tree once, with a few of its pages in memory at a time.

use refrain_schemas::digest::Digest;

use super::page::{Entry, Page};
use super::sequence::Sequence;
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
    let leaves: Vec<Digest> = (0..sequence.n_leaves()).map(|leaf| sequence.node(leaf).digest).collect();
    for digests in leaves.chunks(AT_ONCE) {
        for (digest, bytes) in digests.iter().zip(store.pages(digests).await?) {
            match Page::parse(digest, &bytes) {
                Ok(Page::Leaf(leaf)) => leaf.iter().for_each(&mut visit),
                _ => return Err(damaged(digest)),
            }
        }
    }
    Ok(())
}

fn damaged(digest: &Digest) -> StoreError {
    StoreError::Damaged { what: "the page store".to_owned(), message: format!("page {digest} is malformed") }
}
