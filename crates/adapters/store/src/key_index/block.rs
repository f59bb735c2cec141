//! Blocks: the unit in which segments are read and checked.
//!
//! ```text
//! | checksum of the rest u32 | entries u32 | zeros 8 | entry 48 x 85 |
//! ```

use refrain_schemas::digest::Digest;

use crate::key_index::Place;

/// How long a block is.
pub(super) const BLOCK: usize = 4096;
const HEAD: usize = 16;
const ENTRY: usize = 48;
/// How many entries a block holds.
pub(super) const PER_BLOCK: usize = (BLOCK - HEAD) / ENTRY;

/// A key and its place.
pub(super) type Entry = (Digest, Place);

/// A block that was checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a>(&'a [u8]);

impl<'a> Block<'a> {
    /// Checks a block; `None` where it is damaged.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let sum = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
        let block = Self(bytes);
        let sound = bytes.len() == BLOCK
            && crc32fast::hash(&bytes[4..]) == sum
            && (1..=PER_BLOCK).contains(&block.len());
        sound.then_some(block)
    }

    /// Takes a block that was checked before.
    pub(super) const fn unchecked(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns how many entries there are.
    pub(super) fn len(&self) -> usize {
        number(&self.0[4..8]) as usize
    }

    /// Returns a key.
    pub(super) fn key(&self, n: usize) -> &'a [u8] {
        let at = HEAD + n * ENTRY;
        &self.0[at..at + 32]
    }

    /// Returns an entry.
    pub(super) fn entry(&self, n: usize) -> Entry {
        let at = HEAD + n * ENTRY;
        let mut key = [0; 32];
        key.copy_from_slice(self.key(n));
        let place = Place {
            offset: number(&self.0[at + 32..at + 40]),
            length: number(&self.0[at + 40..at + 44]) as u32,
            at: number(&self.0[at + 44..at + 48]) as u32,
        };
        (Digest::from_bytes(key), place)
    }

    /// Returns the place of a key that lies between the first and the last of the block.
    pub(super) fn find(&self, key: &Digest) -> Option<Place> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.key(middle).cmp(key.as_bytes()) {
                std::cmp::Ordering::Equal => return Some(self.entry(middle).1),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// Appends a block of at most [`PER_BLOCK`] entries.
pub(super) fn write(entries: &[Entry], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    for (key, place) in entries {
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&place.offset.to_le_bytes());
        out.extend_from_slice(&place.length.to_le_bytes());
        out.extend_from_slice(&place.at.to_le_bytes());
    }
    out.resize(start + BLOCK, 0);
    let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    out[start + 4..start + 8].copy_from_slice(&count.to_le_bytes());
    let sum = crc32fast::hash(&out[start + 4..]);
    out[start..start + 4].copy_from_slice(&sum.to_le_bytes());
}

/// Reads a number of up to eight bytes.
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
