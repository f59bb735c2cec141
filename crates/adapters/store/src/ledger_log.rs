//! The log of the ledger: entries, the look-up of replies, and the account.

use refrain_core::ports::store::{InDoubt, StoreError};
use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{LaneSum, LedgerEntry};

use crate::checkpoint::{Checkpoint, resume};
use crate::error::damaged;
use crate::folder::Folder;
use crate::frame::{FrameBuilder, HEADER};
use crate::key_index::Place;
use crate::keyed_log::{Item, KeyedLog, scan_patiently};
use crate::record_log::{Frame, Position, RecordLog, Scanned};
use crate::tally::{NoLane, Tally};
use crate::wire::{self, Entry, NewEntry, ResultWire};

/// The ledger.
#[derive(Debug)]
pub(crate) struct LedgerLog {
    keyed: KeyedLog,
    tally: Tally,
    counted: Position,
    /// Where frames are put together.
    buffer: Vec<u8>,
}

impl LedgerLog {
    /// Opens a ledger for reading.
    pub(crate) fn open(folder: &Folder, name: &str) -> Result<Self, StoreError> {
        let keyed = KeyedLog::open(folder, name, read_items)?;
        Ok(Self { keyed, tally: Tally::default(), counted: Position::START, buffer: Vec::new() })
    }

    /// Returns the log.
    pub(crate) const fn log(&self) -> &RecordLog {
        self.keyed.log()
    }

    /// Returns the log with its index.
    pub(crate) const fn keyed(&mut self) -> &mut KeyedLog {
        &mut self.keyed
    }

    /// Brings the account up to date, from a checkpoint where that is further.
    pub(crate) fn count(&mut self, checkpoint: Option<&Checkpoint>) -> Result<Scanned, StoreError> {
        if !self.log().holds(&self.counted)? {
            (self.tally, self.counted) = (Tally::default(), Position::START);
        }
        let resumed = resume(checkpoint.map(|checkpoint| &checkpoint.ledger), self.log())?;
        if let Some(checkpoint) = checkpoint.filter(|_| resumed.end > self.counted.end) {
            (self.tally, self.counted) = (checkpoint.tally.clone(), resumed);
        }
        let name = self.log().name();
        let visit = |tally: &mut Tally, frame: Frame<'_>| each(name, frame, |entry| tally.add(&entry));
        let (tally, scanned) = scan_patiently(self.log(), self.counted, || self.tally.clone(), visit)?;
        (self.tally, self.counted) = (tally, scanned.end);
        Ok(scanned)
    }

    /// Returns the account as of the last count and the commits since.
    pub(crate) const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Returns the sums of each lane, as of the account.
    pub(crate) fn lane_sums(&self) -> Result<Vec<LaneSum>, StoreError> {
        self.tally.lane_sums().map_err(|NoLane| self.no_lane())
    }

    /// Returns the calls in doubt, as of the account.
    pub(crate) fn in_doubt(&self) -> Result<Vec<InDoubt>, StoreError> {
        self.tally.in_doubt().map_err(|NoLane| self.no_lane())
    }

    fn no_lane(&self) -> StoreError {
        damaged(self.log().name(), self.counted.end, "an intent has no lane")
    }

    /// Commits entries.
    pub(crate) fn append(&mut self, entries: &[LedgerEntry]) -> Result<(), StoreError> {
        let entries = || entries.iter().map(NewEntry::from);
        let mut frame = FrameBuilder::within(std::mem::take(&mut self.buffer));
        for entry in entries() {
            wire::write(&entry, frame.payload())?;
        }
        self.buffer = self.keyed.append(frame)?;
        entries().for_each(|entry| self.tally.add(&entry));
        self.counted = self.log().end();
        Ok(())
    }

    /// Returns the latest reply under each key.
    pub(crate) fn replies(&mut self, keys: &[Digest]) -> Result<Vec<Option<Json>>, StoreError> {
        let places = self.keyed.find(keys)?;
        let mut order: Vec<(usize, Place)> =
            places.into_iter().enumerate().filter_map(|(n, place)| Some((n, place?))).collect();
        // Each frame is read and checked once, in the order of the file.
        order.sort_unstable_by_key(|(_, place)| place.offset);
        let mut replies = vec![None; keys.len()];
        let mut frame = Vec::new();
        let mut at = None;
        for (n, place) in order {
            if at != Some(place.offset) {
                self.log().payload(place.offset, place.length, &mut frame)?;
                at = Some(place.offset);
            }
            let text = wire::text(&frame[HEADER..], place.at);
            let lost = || damaged(self.log().name(), place.offset, "a reply is not understood");
            replies[n] = Some(Json::from_canonical(text.ok_or_else(lost)?));
        }
        Ok(replies)
    }
}

/// Visits the entries of a frame.
pub(crate) fn each<'a>(
    name: &str,
    frame: Frame<'a>,
    mut visit: impl FnMut(Entry<'a>),
) -> Result<(), StoreError> {
    for entry in wire::entries(frame.payload) {
        visit(entry.ok_or_else(|| damaged(name, frame.offset, "an entry is not understood"))?);
    }
    Ok(())
}

/// Returns where the text of a reply lies.
pub(crate) fn place_of(frame: Frame<'_>, text: &str) -> Place {
    Place {
        offset: frame.offset,
        length: u32::try_from(frame.payload.len()).unwrap_or(u32::MAX),
        at: wire::text_at(frame.payload, text),
    }
}

/// Lists the replies of a frame for the index; failures are not among them.
fn read_items(frame: Frame<'_>, found: &mut dyn FnMut(Item)) -> bool {
    wire::answers(frame.payload).all(|entry| {
        match entry {
            Some(Entry::Outcome(outcome)) => {
                for (key, result) in &outcome.asks {
                    if let ResultWire::Reply(text) = result {
                        found(Item::Put(key.0, place_of(frame, text)));
                    }
                }
            }
            Some(Entry::Kept { key, reply }) => found(Item::Put(key, place_of(frame, reply))),
            Some(Entry::Alias { key, of }) => found(Item::Alias { key, of }),
            Some(_) => {}
            None => return false,
        }
        true
    })
}
