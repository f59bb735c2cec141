//! What people say of what machines made: edits, and what becomes of them.

use refrain_schemas::edit::{EditList, EditReport, ReviewReport};
use refrain_schemas::problem::Problem;
use refrain_schemas::scope::Target;
use refrain_schemas::status::Holder;

use super::{Bench, EditRequest, Engine, EngineError, Keys, Resolution, Returned, Signature};

impl Engine {
    /// Returns the edits that people made of some targets, in pipeline order; targets without any are left out.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn edits(&self, targets: &[Target]) -> Result<EditList, EngineError> {
        crate::queries::edits::edits(self, targets).await
    }

    /// Returns the targets that people edited: in pipeline order, then those that do not take part any more.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn edited(&self) -> Result<Vec<Target>, EngineError> {
        crate::queries::edits::idle::edited(self).await
    }

    /// Returns a warning for each target whose edits do not come out, because its phase does not take part: how many these
    /// are, and why.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn idle_edits(&self) -> Result<Vec<Problem>, EngineError> {
        crate::queries::edits::idle::idle_edits(self).await
    }

    /// Records changes that a person made to the records of a target: all of them, or none. The next run lays them over
    /// what machines make.
    ///
    /// # Errors
    /// Fails where the target has no records to edit, where one of them would not fit its schema any more, where the
    /// store does, or where it is held.
    pub async fn record_edits(
        &self,
        request: &EditRequest,
        holder: &Holder,
    ) -> Result<EditReport, EngineError> {
        crate::queries::edits::record_edits(self, request, holder).await
    }

    /// Makes edits of what a person changed in a file that an export wrote.
    ///
    /// # Errors
    /// Fails as [`Engine::record_edits`] does, and where the file has problems, all of which are told.
    pub async fn import_edits(
        &self,
        returned: &Returned,
        bench: &Bench,
        holder: &Holder,
    ) -> Result<EditReport, EngineError> {
        crate::queries::edits::import::import(self, returned, bench, holder).await
    }

    /// Returns the edits that people are to look at, by the latest revision of each target.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn review(&self, targets: &[Target]) -> Result<ReviewReport, EngineError> {
        crate::queries::review::review(self, targets).await
    }

    /// Resolves edits of several targets, all that are named or none; tells for each target what became of its edits.
    ///
    /// # Errors
    /// Fails where a key has no edit, where that cannot be done to one, where the store does, or where it is held.
    pub async fn resolve(
        &self,
        wanted: &[(Target, Keys)],
        resolution: &Resolution,
        signature: &Signature,
        holder: &Holder,
    ) -> Result<Vec<EditReport>, EngineError> {
        crate::queries::resolve::resolve(self, wanted, resolution, signature, holder).await
    }

    /// Puts the edits of a target back to what they were before they were changed last.
    ///
    /// # Errors
    /// Fails where nobody has edited it, where the store does, or where it is held.
    pub async fn undo_last(
        &self,
        target: &Target,
        signature: &Signature,
        holder: &Holder,
    ) -> Result<EditReport, EngineError> {
        crate::queries::resolve::undo_last(self, target, signature, holder).await
    }
}
