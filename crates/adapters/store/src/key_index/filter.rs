//! What tells that a key is surely not in a segment, without reading the segment.
//!
//! A run asks about every new unit once, and most of them are new: without this, each would cost a block of each segment.

use refrain_schemas::digest::Digest;

/// So many bits for each key, at least.
const BITS: usize = 10;
/// So many of them are set by each key.
const MARKS: usize = 4;

/// The keys of a segment, with about one error in a hundred: a key that is not there may seem to be.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    words: Vec<u64>,
}

impl Filter {
    /// Makes room for so many keys.
    pub(super) fn new(keys: usize) -> Self {
        Self { words: vec![0; (keys * BITS).div_ceil(64).next_power_of_two()] }
    }

    /// Adds a key.
    pub(super) fn insert(&mut self, key: &Digest) {
        for bit in self.bits(key) {
            self.words[bit / 64] |= 1 << (bit % 64);
        }
    }

    /// Whether a key may be there.
    pub(super) fn may_have(&self, key: &Digest) -> bool {
        self.bits(key).into_iter().all(|bit| self.words[bit / 64] & (1 << (bit % 64)) != 0)
    }

    /// Keys are hashes: their own bytes say which bits are theirs.
    fn bits(&self, key: &Digest) -> [usize; MARKS] {
        let bytes = key.as_bytes();
        let mask = self.words.len() * 64 - 1;
        // Not the first bytes: these are what keys are sorted by.
        std::array::from_fn(|n| {
            let word =
                bytes[8 + n * 6..14 + n * 6].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
            usize::try_from(word).unwrap_or(usize::MAX) & mask
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_there_are_found_and_few_others_seem_to_be() {
        let key = |n: u32| Digest::of_content(&n.to_le_bytes());
        let mut filter = Filter::new(1000);
        (0..1000).for_each(|n| filter.insert(&key(n)));
        assert!((0..1000).all(|n| filter.may_have(&key(n))));
        let wrong = (1000..11_000).filter(|n| filter.may_have(&key(*n))).count();
        assert!(wrong < 300, "{wrong} of 10,000");
    }
}
