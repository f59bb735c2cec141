//! A segment: the sorted keys of one stretch of a log.
//!
//! The first block is the header; see [`Block`] for the others. The name says the stretch, the header repeats it
//! together with the last frame's checksum, by which a segment is told from one of another log of the same name.

use std::sync::Arc;

use refrain_core::ports::store::StoreError;
use refrain_schemas::digest::Digest;

use crate::error::failed_to;
use crate::folder::Folder;
use crate::key_index::Place;
use crate::key_index::block::{BLOCK, Block, Entry, PER_BLOCK, number};
use crate::key_index::filter::Filter;
use crate::record_log::{Position, RecordLog};
use crate::storage::StorageFile;

const MAGIC: &[u8; 8] = b"refridx1";
/// How many blocks are read at once when a whole segment is.
const SWEEP: usize = 64;

/// An index cannot be read; its log can.
#[derive(Debug)]
pub(crate) struct Lost;

/// An open segment.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    file: Arc<dyn StorageFile>,
    name: String,
    from: u64,
    to: Position,
    count: usize,
    /// Which keys it may have, where this process wrote it.
    filter: Option<Arc<Filter>>,
}

/// Returns the name of the segment of a stretch.
pub(super) fn file_name(stem: &str, from: u64, to: u64) -> String {
    format!("{stem}.{from}-{to}.idx")
}

/// Returns the stretch in a segment's name.
fn stretch(stem: &str, name: &str) -> Option<(u64, u64)> {
    let numbers = name.strip_prefix(stem)?.strip_prefix('.')?.strip_suffix(".idx")?;
    let (from, to) = numbers.split_once('-')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// Opens the segments that lead from the beginning of a log without a gap as far as they go.
pub(super) fn chain(folder: &Folder, stem: &str, log: &RecordLog) -> Result<Vec<Segment>, StoreError> {
    let mut names: Vec<(u64, u64)> = folder.names()?.iter().filter_map(|name| stretch(stem, name)).collect();
    // Of segments with the same beginning the longest was merged from the others.
    names.sort_unstable_by_key(|(from, to)| (*from, std::cmp::Reverse(*to)));
    let mut segments = Vec::new();
    let mut at = 0;
    for (from, to) in names {
        if from != at {
            continue;
        }
        let Some(segment) = Segment::open(folder, &file_name(stem, from, to))? else { continue };
        if segment.from == from && segment.to.end == to && log.holds(&segment.to)? {
            segments.push(segment);
            at = to;
        }
    }
    Ok(segments)
}

/// Removes the segments that are not in use.
pub(super) fn remove_others(folder: &Folder, stem: &str, used: &[Segment]) -> Result<(), StoreError> {
    for name in folder.names()? {
        if stretch(stem, &name).is_some() && used.iter().all(|segment| segment.name != name) {
            folder.remove(&name)?;
        }
    }
    Ok(())
}

/// Returns the header block of a segment.
pub(super) fn header(from: u64, to: Position, count: usize) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for field in [from, to.end, to.last, u64::from(to.sum), count as u64] {
        bytes.extend_from_slice(&field.to_le_bytes());
    }
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes.resize(BLOCK, 0);
    bytes
}

impl Segment {
    /// Opens a segment; `None` where it is gone or not whole.
    pub(super) fn open(folder: &Folder, name: &str) -> Result<Option<Self>, StoreError> {
        let Some(file) = folder.open(name)? else { return Ok(None) };
        let mut bytes = [0; 52];
        let n = file.read_at(&mut bytes, 0).map_err(failed_to("read", name))?;
        let size = file.size().map_err(failed_to("read", name))?;
        if n < bytes.len()
            || &bytes[..8] != MAGIC
            || u64::from(crc32fast::hash(&bytes[..48])) != number(&bytes[48..])
        {
            return Ok(None);
        }
        let field = |n: usize| number(&bytes[8 + n * 8..16 + n * 8]);
        let to = Position { end: field(1), last: field(2), sum: field(3) as u32 };
        let count = usize::try_from(field(4)).unwrap_or(usize::MAX);
        let segment = Self { file, name: name.to_owned(), from: field(0), to, count, filter: None };
        Ok((size == (1 + segment.blocks() as u64) * BLOCK as u64).then_some(segment))
    }

    /// Returns the segment with what tells quickly which keys it has.
    pub(super) fn filtered(self, filter: Filter) -> Self {
        Self { filter: Some(Arc::new(filter)), ..self }
    }

    /// Returns where its stretch begins.
    pub(super) const fn from(&self) -> u64 {
        self.from
    }

    /// Returns where its stretch ends.
    pub(super) const fn to(&self) -> Position {
        self.to
    }

    /// Returns how many keys it has.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    const fn blocks(&self) -> usize {
        self.count.div_ceil(PER_BLOCK)
    }

    /// Looks up the keys with these numbers, which are in the order of their keys.
    pub(super) fn find(
        &self,
        keys: &[Digest],
        open: &[usize],
        found: &mut [Option<Place>],
    ) -> Result<(), Lost> {
        let may_be_here = |n: &usize| self.filter.as_ref().is_none_or(|filter| filter.may_have(&keys[*n]));
        let open: Vec<usize> = open.iter().copied().filter(may_be_here).collect();
        if open.len() * 2 > self.blocks() {
            return self.sweep(keys, &open, found);
        }
        for n in open {
            found[n] = self.search(&keys[n])?;
        }
        Ok(())
    }

    /// Walks through all blocks beside the keys.
    fn sweep(&self, keys: &[Digest], open: &[usize], found: &mut [Option<Place>]) -> Result<(), Lost> {
        let (mut bytes, mut open) = (Vec::new(), open);
        for first in (0..self.blocks()).step_by(SWEEP) {
            if open.is_empty() {
                break;
            }
            self.read_blocks(first, &mut bytes)?;
            for bytes in bytes.chunks(BLOCK) {
                let block = Block::read(bytes).ok_or(Lost)?;
                let last = block.key(block.len() - 1);
                let n = open.partition_point(|n| keys[*n].as_bytes().as_slice() <= last);
                let (here, behind) = open.split_at(n);
                here.iter().for_each(|n| found[*n] = block.find(&keys[*n]));
                open = behind;
            }
        }
        Ok(())
    }

    /// Reads the next blocks, as many as are read at once.
    fn read_blocks(&self, first: usize, bytes: &mut Vec<u8>) -> Result<(), Lost> {
        bytes.resize(SWEEP.min(self.blocks() - first) * BLOCK, 0);
        let offset = ((1 + first) * BLOCK) as u64;
        let n = self.file.read_at(bytes, offset).map_err(|_| Lost)?;
        if n == bytes.len() { Ok(()) } else { Err(Lost) }
    }

    /// Finds one key. Keys are hashes, so a guess by proportion is nearly right; bisection makes sure it ends.
    fn search(&self, key: &Digest) -> Result<Option<Place>, Lost> {
        let mut bytes = vec![0; BLOCK];
        let (mut low, mut high) = (0, self.blocks());
        let (mut low_key, mut high_key) = (0.0, 2f64.powi(64));
        let mut guesses = 0;
        while low < high {
            let share = (leading(key.as_bytes()) - low_key) / (high_key - low_key);
            let guess = low + (share * (high - low) as f64) as usize;
            let n = if guesses < 4 { guess.clamp(low, high - 1) } else { usize::midpoint(low, high) };
            guesses += 1;
            let block = self.block(n, &mut bytes)?;
            let (first, last) = (block.key(0), block.key(block.len() - 1));
            if key.as_bytes().as_slice() < first {
                (high, high_key) = (n, leading(first));
            } else if key.as_bytes().as_slice() > last {
                (low, low_key) = (n + 1, leading(last));
            } else {
                return Ok(block.find(key));
            }
        }
        Ok(None)
    }

    fn block<'a>(&self, n: usize, bytes: &'a mut [u8]) -> Result<Block<'a>, Lost> {
        self.file.read_at(bytes, ((1 + n) * BLOCK) as u64).map_err(|_| Lost)?;
        Block::read(bytes).ok_or(Lost)
    }

    /// Iterates over all entries in the order of the keys.
    pub(super) const fn entries(&self) -> Entries<'_> {
        Entries { segment: self, bytes: Vec::new(), first: 0, block: 0, entry: 0 }
    }
}

/// The first bytes of a key as a number.
fn leading(key: &[u8]) -> f64 {
    key.iter().take(8).fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte))
}

/// The entries of a segment.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    segment: &'a Segment,
    bytes: Vec<u8>,
    first: usize,
    block: usize,
    entry: usize,
}

impl Entries<'_> {
    fn fill(&mut self) -> Result<(), Lost> {
        self.segment.read_blocks(self.block, &mut self.bytes)?;
        self.first = self.block;
        if self.bytes.chunks(BLOCK).all(|block| Block::read(block).is_some()) { Ok(()) } else { Err(Lost) }
    }

    fn step(&mut self) -> Result<Option<Entry>, Lost> {
        if self.block >= self.segment.blocks() {
            return Ok(None);
        }
        if self.entry == 0 && (self.block - self.first) * BLOCK >= self.bytes.len() {
            self.fill()?;
        }
        let at = (self.block - self.first) * BLOCK;
        let block = Block::unchecked(&self.bytes[at..at + BLOCK]);
        let entry = block.entry(self.entry);
        self.entry += 1;
        if self.entry == block.len() {
            self.entry = 0;
            self.block += 1;
        }
        Ok(Some(entry))
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, Lost>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
