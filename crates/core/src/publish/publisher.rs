//! Publishing while units still come: what is over is merged, built and stored, and need not be held any longer.

use super::{PAGE_BATCH, Published, Trees, UnitOutcome};
use crate::model::AskWork;
use crate::ports::store::{Store, StoreError};
use crate::prepare::{Before, Piece};

/// A revision as it grows, unit by unit; only for phases whose units' records are their own business.
///
/// What it has stored when the phase comes to no revision after all are pages that nobody refers to; the next run makes
/// the same ones.
#[derive(Debug)]
pub struct Publisher {
    out: Trees,
    before: Option<Before>,
    pieces: std::vec::IntoIter<Piece>,
    /// How many units are left of the stretch of made ones that is being filled.
    left: usize,
}

impl Publisher {
    /// Starts a revision of these units in order, with the tables that kept ones are in.
    #[must_use]
    pub fn new(pieces: Vec<Piece>, before: Option<Before>) -> Self {
        Self { out: Trees::default(), before, pieces: pieces.into_iter(), left: 0 }
    }

    /// Adds what came of the next units that were made.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn feed(
        &mut self,
        store: &dyn Store,
        work: &AskWork,
        key: &str,
        outcomes: Vec<UnitOutcome>,
    ) -> Result<(), StoreError> {
        for outcome in outcomes {
            while self.left == 0
                && let Some(piece) = self.pieces.next()
            {
                self.begin(store, piece).await?;
            }
            self.left = self.left.saturating_sub(1);
            self.out.unit(work, key, outcome);
            self.out.store_pages(store, PAGE_BATCH).await?;
        }
        Ok(())
    }

    /// Ends the revision behind the last unit.
    ///
    /// # Errors
    /// Fails where the store does.
    pub(super) async fn finish(mut self, store: &dyn Store) -> Result<Published, StoreError> {
        while let Some(piece) = self.pieces.next() {
            self.begin(store, piece).await?;
        }
        self.out.finish(store, true).await
    }

    async fn begin(&mut self, store: &dyn Store, piece: Piece) -> Result<(), StoreError> {
        match (piece, &mut self.before) {
            (Piece::Kept(range), Some(before)) => self.out.keep(store, before, range).await,
            (Piece::Kept(_), None) => Ok(()),
            (Piece::Made(n), _) => {
                self.left = n;
                Ok(())
            }
        }
    }
}
