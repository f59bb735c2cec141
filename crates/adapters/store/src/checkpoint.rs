//! The checkpoint: how the logs stood when a writer last looked, so that the next need only read what came after.

use refrain_core::ports::store::StoreError;
use serde::{Deserialize, Serialize};

use crate::folder::Folder;
use crate::frame::{FrameBuilder, only_payload};
use crate::record_log::{Position, RecordLog};
use crate::tally::Tally;

const NAME: &str = "checkpoint";
/// The form of a checkpoint; one of any other is not needed. The first had no number, and began with the length of a name.
const FORM: u8 = 3;

/// A place in a log that was read up to there and found whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    log: String,
    position: Position,
}

impl Mark {
    /// Marks the end of a writer's log.
    pub(crate) fn end_of(log: &RecordLog) -> Self {
        Self { log: log.name().to_owned(), position: log.end() }
    }

    /// Returns the position, where it is one of this very log.
    fn position_in(&self, log: &RecordLog) -> Result<Option<Position>, StoreError> {
        let same = self.log == log.name() && log.holds(&self.position)?;
        Ok(same.then_some(self.position))
    }
}

/// How the logs stood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// The history.
    pub(crate) history: Mark,
    /// The ledger.
    pub(crate) ledger: Mark,
    /// The pages.
    pub(crate) pages: Mark,
    /// The exchanges.
    pub(crate) exchanges: Mark,
    /// The account of the ledger up to its mark.
    pub(crate) tally: Tally,
}

impl Checkpoint {
    /// Reads the checkpoint; one that is missing or damaged is not needed.
    pub(crate) fn read(folder: &Folder) -> Result<Option<Self>, StoreError> {
        let bytes = folder.read(NAME)?;
        let numbered = bytes.as_deref().and_then(only_payload).and_then(|payload| payload.split_first());
        // The number comes before anything else: one of another form would not fail to decode for certain.
        let ours = numbered.filter(|(form, _)| **form == FORM);
        Ok(ours.and_then(|(_, rest)| postcard::from_bytes(rest).ok()))
    }

    /// Replaces the checkpoint.
    pub(crate) fn write(&self, folder: &Folder) -> Result<(), StoreError> {
        let mut frame = FrameBuilder::new();
        frame.payload().push(FORM);
        let buffer = std::mem::take(frame.payload());
        // A checkpoint is plain numbers and names: encoding it does not fail, and it may always be missing.
        let Ok(buffer) = postcard::to_extend(self, buffer) else { return Ok(()) };
        *frame.payload() = buffer;
        frame.finish().map_or(Ok(()), |bytes| folder.replace(NAME, &bytes))
    }
}

/// Returns where to go on reading a log, which is at its beginning where the checkpoint is not of this log.
pub(crate) fn resume(mark: Option<&Mark>, log: &RecordLog) -> Result<Position, StoreError> {
    let position = mark.map_or(Ok(None), |mark| mark.position_in(log))?;
    Ok(position.unwrap_or(Position::START))
}
