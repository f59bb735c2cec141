//! Ids that are the same every time.

use std::sync::atomic::{AtomicU64, Ordering};

use refrain_core::ports::clock::Ids;
use refrain_schemas::name::RunId;

/// Makes the ids 1, 2, 3 and so on, in the shape of UUIDs of version 7.
#[derive(Debug, Default)]
pub struct SeqIds(AtomicU64);

impl SeqIds {
    /// Returns ids that start at 1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Ids for SeqIds {
    fn run_id(&self) -> RunId {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        RunId::new(uuid::Builder::from_unix_timestamp_millis(number, &random).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_up() {
        let (a, b) = (SeqIds::new(), SeqIds::new());
        let ids: Vec<RunId> = (0..300).map(|_| a.run_id()).collect();
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(b.run_id(), ids[0]);
        assert_eq!(ids[0].to_string(), "00000000-0001-7000-8000-000000000001");
    }
}
