//! Maps by ask keys.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use refrain_schemas::digest::Digest;

/// A map by ask keys, which are hashes already.
pub(super) type KeyMap<V> = HashMap<Digest, V, BuildHasherDefault<KeyHasher>>;

/// Takes the first eight bytes of a digest for its hash.
#[derive(Debug, Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(head) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*head);
        }
    }

    // The length of the digest, which is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
