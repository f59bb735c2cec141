//! Content addresses.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A blake3 hash; the name of a page, an artifact, a definition or an ask.
///
/// Printed and serialised as 64 lower-case hexadecimal digits. Digests of different kinds of things never collide
/// because each kind is hashed in a domain of its own (see [`Digester`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Ord for Digest {
    fn cmp(&self, other: &Self) -> Ordering {
        // Hashes hardly ever have their beginning in common, and numbers are compared at once.
        self.head().cmp(&other.head()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Digest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Digest {
    /// Wraps the 32 bytes of a hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn head(&self) -> u64 {
        self.0.first_chunk().map_or(0, |head| u64::from_be_bytes(*head))
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hashes some bytes in the domain of file contents.
    #[must_use]
    pub fn of_content(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Returns the first twelve digits, enough for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

/// Hashes a sequence of parts within a domain; each part is framed by its length, so no two sequences run together.
///
/// Parts are gathered first: hashing some hundred bytes at once costs less than a few at a time.
#[derive(Debug, Clone)]
pub struct Digester {
    gathered: Vec<u8>,
    /// What was hashed before, once there was more than is gathered.
    hashed: Option<Box<blake3::Hasher>>,
}

/// How many bytes are gathered.
const GATHERED: usize = 1 << 14;

impl Digester {
    /// Starts a hash in the named domain.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        let mut digester = Self { gathered: Vec::with_capacity(512), hashed: None };
        digester.part(domain.as_bytes());
        digester
    }

    /// Adds one part.
    pub fn part(&mut self, bytes: &[u8]) -> &mut Self {
        if self.gathered.len() + bytes.len() > GATHERED {
            let hasher = self.hashed.get_or_insert_default();
            hasher.update(&self.gathered).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
            self.gathered.clear();
        } else {
            self.gathered.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            self.gathered.extend_from_slice(bytes);
        }
        self
    }

    /// Adds a digest as a part.
    pub fn digest(&mut self, digest: &Digest) -> &mut Self {
        self.part(&digest.0)
    }

    /// Adds a number as a part.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.part(&number.to_le_bytes())
    }

    /// Returns the hash of the parts so far.
    #[must_use]
    pub fn finish(&self) -> Digest {
        let hash = match &self.hashed {
            None => blake3::hash(&self.gathered),
            Some(hasher) => hasher.as_ref().clone().update(&self.gathered).finalize(),
        };
        Digest(*hash.as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 hexadecimal digits")]
pub struct DigestError;

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes())).map_err(|_| DigestError)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            Ok(Self(<[u8; 32]>::deserialize(deserializer)?))
        }
    }
}

impl schemars::JsonSchema for Digest {
    fn schema_name() -> Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_print_and_parse() {
        let digest = Digest::of_content(b"x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!("xyz".parse::<Digest>(), Err(DigestError));
    }

    #[test]
    fn long_and_short_parts_are_hashed_alike() {
        for lengths in [[0, 0, 0], [7, GATHERED, 3], [GATHERED - 30, 9, 9], [3, 2 * GATHERED, GATHERED]] {
            let parts = lengths.map(|n| vec![7_u8; n]);
            let (mut digester, mut hasher) = (Digester::new("test"), blake3::Hasher::new());
            hasher.update(&4_u64.to_le_bytes()).update(b"test");
            for part in &parts {
                digester.part(part);
                hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
            }
            assert_eq!(digester.finish().as_bytes(), hasher.finalize().as_bytes(), "{lengths:?}");
        }
    }

    #[test]
    fn parts_do_not_run_together() {
        let hash = |parts: &[&str]| {
            let mut digester = Digester::new("test");
            parts.iter().for_each(|part| {
                digester.part(part.as_bytes());
            });
            digester.finish()
        };
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }
}
