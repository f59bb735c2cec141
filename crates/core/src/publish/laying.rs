//! People's edits laid over what machines made.

use refrain_schemas::edit::{EditsLaid, ReviewKind};
use refrain_schemas::json::Json;

use super::Published;
use crate::artifact::reference;
use crate::edits::Layer;
use crate::ports::store::{Batch, Store, StoreError};
use crate::tree::build::TreeBuilder;
use crate::tree::page::Entry;
use crate::tree::sequence::Sequence;

/// How many leaves are held at once.
const LEAF_BATCH: usize = 256;

/// Lays edits over what has been published, and stores the tree with them.
///
/// The tree is that which its records would make one by one: leaves without an edit are taken whole only where the builder
/// says that this is the same.
pub(super) async fn lay_over(
    store: &dyn Store,
    layer: Option<Layer<'_>>,
    mut published: Published,
) -> Result<Published, StoreError> {
    let Some(mut layer) = layer else { return Ok(published) };
    let machine = published.artifact.clone();
    let mut laid = EditsLaid { machine, applied: 0, conflicts: 0, source_changed: 0, orphans: 0 };
    let tree = Sequence::open(store, laid.machine.digest).await?;
    let mut out = TreeBuilder::new();
    for first in (0..tree.n_leaves()).step_by(LEAF_BATCH) {
        let leaves = first..(first + LEAF_BATCH).min(tree.n_leaves());
        // Leaves that have been seen are let go of with the part.
        let mut part = tree.clone();
        part.load(store, leaves.clone()).await?;
        leaves.for_each(|leaf| lay_leaf(&part, leaf, &mut layer, &mut out, &mut laid));
        store.commit(Batch { pages: out.take_pages(), ..Batch::default() }).await?;
    }
    laid.orphans = layer.orphans().count() as u64;
    let (root, pages) = out.finish();
    store.commit(Batch { pages, ..Batch::default() }).await?;
    published.artifact = reference(laid.machine.kind, &root);
    published.edits = Some(laid);
    Ok(published)
}

fn lay_leaf(
    part: &Sequence,
    leaf: usize,
    layer: &mut Layer<'_>,
    out: &mut TreeBuilder,
    laid: &mut EditsLaid,
) {
    let Some(entries) = part.leaf(leaf) else { return };
    let is_touched = entries.iter().any(|entry| layer.touches(entry.id));
    if !is_touched && out.push_leaf(part.node(leaf), leaf + 1 == part.n_leaves()) {
        return;
    }
    for entry in entries.iter() {
        lay_entry(&entry, layer, out, laid);
    }
}

fn lay_entry(entry: &Entry<'_>, layer: &mut Layer<'_>, out: &mut TreeBuilder, laid: &mut EditsLaid) {
    if entry.hole {
        layer.hole(entry.id);
        return out.push(entry);
    }
    let Some(over) = layer.lay(entry.id, &Json::from_canonical(entry.text())) else { return out.push(entry) };
    laid.applied += 1;
    match over.review {
        Some((ReviewKind::Conflict, _)) => laid.conflicts += 1,
        Some(_) => laid.source_changed += 1,
        None => {}
    }
    out.push(&Entry { body: over.record.as_str().as_bytes(), ..*entry });
}
