//! Units that are never kept unseen, because people lock them or did: what stands for them is no reply, and which they are
//! may change although nothing that they see has changed.

use super::Map;
use crate::edits::Editing;
use crate::ports::store::{Store, StoreError};
use crate::tree::sequence::Sequence;
use crate::unit_table::UnitRow;

impl Map {
    /// Forgets the units that people had locked, so that what stands for them is no reply.
    pub(super) async fn drop_unlocked(
        &mut self,
        store: &dyn Store,
        units: &mut Sequence,
    ) -> Result<(), StoreError> {
        units.load(store, 0..units.n_leaves()).await?;
        let was_locked = |at: u64| {
            let row = units.entry(at).and_then(|entry| (!entry.hole).then(|| UnitRow::decode(&entry))?);
            row.is_none_or(|row| row.is_locked())
        };
        for place in &mut self.places {
            *place = place.filter(|at| !was_locked(*at));
        }
        Ok(())
    }

    /// Forgets the units that people lock.
    pub(super) async fn drop_locked(
        &mut self,
        store: &dyn Store,
        new: &mut Sequence,
        editing: &Editing,
    ) -> Result<(), StoreError> {
        new.load(store, 0..new.n_leaves()).await?;
        for (at, entry) in new.iter() {
            if editing.locked(entry.id).is_some() {
                self.forget(at);
            }
        }
        Ok(())
    }
}
