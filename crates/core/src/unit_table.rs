//! The unit table of a revision: which asks each unit came from. It is kept beside the artifact, as a tree of its own.

use refrain_schemas::digest::Digest;
use refrain_schemas::failure::Failure;
use serde::{Deserialize, Serialize};

use crate::tree::page::Entry;

/// One row: how a unit was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnitRow {
    /// The asks whose replies it was made from.
    pub asks: Vec<AskRow>,
    /// How it failed, if it did; a unit that is a hole because of another one has no failure of its own.
    pub failure: Option<Failure>,
}

/// One ask of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskRow {
    /// The place of the agent in the pool.
    pub member: u32,
    /// The sample.
    pub sample: u32,
    /// How often a recorded reply was refused since.
    pub redo: u32,
    /// The key.
    pub key: Digest,
}

impl UnitRow {
    /// Returns the bytes of the row.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Encoding plain data into a growing buffer cannot fail.
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// Reads a row.
    #[must_use]
    pub fn decode(entry: &Entry<'_>) -> Option<Self> {
        postcard::from_bytes(entry.body).ok()
    }
}
