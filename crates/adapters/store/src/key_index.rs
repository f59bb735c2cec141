//! Where in a log the latest record under each key lies.
//!
//! The newest keys are in memory; the others are in sorted, immutable segment files, each of which says for which
//! stretch of which log it is valid. An index is never needed: one that is missing, stale or damaged is read again
//! from its log.
//!
//! ```text
//! log      |---------------------------------|------------|-----|
//! segments |             oldest              |   newer    | (tail, in memory)
//! ```

mod block;
mod filter;
mod merge;
mod segment;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use refrain_core::ports::store::StoreError;
use refrain_schemas::digest::Digest;

use crate::folder::Folder;
use crate::key_index::segment::{Lost, Segment};
use crate::record_log::{Position, RecordLog};

/// A tail over this many bytes of log is not left to be read from the log again, however few its keys are.
const WORTH_READING: u64 = 4 << 20;
/// A tail grows over no more bytes of log than this while the store is written to.
const MOST_BYTES: u64 = 32 << 20;

/// How many keys make a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentSizes {
    /// A tail shorter than this is left to be read from the log again.
    pub least: usize,
    /// A tail grows no longer than this while the store is written to.
    pub most: usize,
    /// There are no more segments than this, however small a change was.
    pub segments: usize,
}

impl Default for SegmentSizes {
    fn default() -> Self {
        Self { least: 4096, most: 1 << 16, segments: 32 }
    }
}

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where in the log its frame or, for what can be checked by itself, the record starts.
    pub(crate) offset: u64,
    /// How long that is.
    pub(crate) length: u32,
    /// Where in that the record lies.
    pub(crate) at: u32,
}

/// Hashes digests, which are hashes already.
#[derive(Debug, Default)]
pub(crate) struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(Ok(word)) = bytes.get(..8).map(<[u8; 8]>::try_from) {
            self.0 = u64::from_le_bytes(word);
        }
    }

    fn write_usize(&mut self, _length: usize) {}
}

/// A map by digest.
pub(crate) type DigestMap<V> = HashMap<Digest, V, BuildHasherDefault<DigestHasher>>;

/// The index of one log.
#[derive(Debug)]
pub(crate) struct KeyIndex {
    folder: Folder,
    stem: String,
    segments: Vec<Segment>,
    tail: DigestMap<Place>,
    cursor: Position,
    flush_at: usize,
    written: usize,
}

impl KeyIndex {
    /// Loads what there is of the index of a log.
    pub(crate) fn load(folder: &Folder, log: &RecordLog) -> Result<Self, StoreError> {
        let stem = log.name().trim_end_matches(".log").to_owned();
        let segments = segment::chain(folder, &stem, log)?;
        let cursor = segments.last().map_or(Position::START, |segment| segment.to());
        Ok(Self {
            folder: folder.clone(),
            stem,
            segments,
            tail: DigestMap::default(),
            cursor,
            flush_at: folder.sizes().most,
            written: 0,
        })
    }

    /// Returns an index that knows nothing, because what there was turned out to be damaged.
    pub(crate) fn empty(folder: &Folder, log: &RecordLog) -> Self {
        let stem = log.name().trim_end_matches(".log").to_owned();
        Self {
            folder: folder.clone(),
            stem,
            segments: Vec::new(),
            tail: DigestMap::default(),
            cursor: Position::START,
            flush_at: folder.sizes().most,
            written: 0,
        }
    }

    /// Returns up to where the log has been read into the index.
    pub(crate) const fn cursor(&self) -> Position {
        self.cursor
    }

    /// Says that the log has been read up to here.
    pub(crate) const fn advance(&mut self, cursor: Position) {
        self.cursor = cursor;
    }

    /// Adds a key, in place of an earlier record under it.
    pub(crate) fn insert(&mut self, key: Digest, place: Place) {
        self.written += 1;
        self.tail.insert(key, place);
    }

    /// Returns the places of the latest records under some keys.
    pub(crate) fn find(&self, keys: &[Digest]) -> Result<Vec<Option<Place>>, Lost> {
        let mut found: Vec<Option<Place>> = keys.iter().map(|key| self.tail.get(key).copied()).collect();
        if self.segments.is_empty() {
            return Ok(found);
        }
        let mut open: Vec<usize> = (0..keys.len()).filter(|n| found[*n].is_none()).collect();
        open.sort_unstable_by_key(|n| keys[*n]);
        for segment in self.segments.iter().rev() {
            segment.find(keys, &open, &mut found)?;
            open.retain(|n| found[*n].is_none());
        }
        Ok(found)
    }

    /// Returns all keys, each once, in their order.
    pub(crate) fn keys(&self) -> Result<Vec<Digest>, Lost> {
        let mut keys: Vec<Digest> = self.tail.keys().copied().collect();
        for segment in &self.segments {
            for entry in segment.entries() {
                keys.push(entry?.0);
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// Writes a segment where the tail has grown too long to be kept in memory.
    pub(crate) fn flush_long_tail(&mut self) -> Result<bool, StoreError> {
        if self.tail.len() < self.flush_at && self.tail_bytes() < MOST_BYTES {
            return Ok(false);
        }
        // Where the disk is full, the next attempt comes after as many keys again.
        self.flush_at = self.tail.len() + self.folder.sizes().most;
        self.flush()?;
        Ok(true)
    }

    /// Writes a segment where reading the tail again would cost the next process too much.
    pub(crate) fn flush_worthwhile(&mut self) -> Result<(), StoreError> {
        if self.tail.len() < self.folder.sizes().least && self.tail_bytes() < WORTH_READING {
            return Ok(());
        }
        self.flush()
    }

    fn tail_bytes(&self) -> u64 {
        self.cursor.end - self.segments.last().map_or(0, |segment| segment.to().end)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let kept = self.segments.len() - self.merged_segments();
        let from = self.segments.get(kept).map_or(self.covered(), Segment::from);
        let name = segment::file_name(&self.stem, from, self.cursor.end);
        let filter =
            merge::write(&self.folder, &name, from, self.cursor, &self.segments[kept..], &self.tail)?;
        let segment = Segment::open(&self.folder, &name)?
            .ok_or_else(|| crate::error::damaged(&name, 0, "what was just written cannot be read back"))?;
        self.segments.truncate(kept);
        self.segments.push(segment.filtered(filter));
        self.tail = DigestMap::default();
        self.flush_at = self.folder.sizes().most;
        segment::remove_others(&self.folder, &self.stem, &self.segments)
    }

    fn covered(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.to().end)
    }

    /// Returns how many of the newest segments are merged with the tail: those that are not much larger than what they
    /// are merged with, as long as that is in proportion to what was written, so that a small change stays one.
    fn merged_segments(&self) -> usize {
        let sizes = self.folder.sizes();
        let allowed = self.written * 16 + sizes.least;
        let mut sum = self.tail.len();
        let mut merged = 0;
        for segment in self.segments.iter().rev() {
            let crowded = self.segments.len() - merged >= sizes.segments;
            if !crowded && (segment.count() > sum * 2 || sum + segment.count() > allowed) {
                break;
            }
            sum += segment.count();
            merged += 1;
        }
        merged
    }
}
