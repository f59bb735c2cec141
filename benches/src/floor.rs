//! The floor: what nothing can go below that appends, fans out or hashes.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};

/// Appends two small entries per unit, an intent and an outcome, in groups of 64: as many as there are clones.
pub(crate) fn append(dir: &Path, n: usize) {
    let mut file = std::fs::File::create(dir.join("floor.log")).unwrap();
    let entry = [7_u8; 100];
    let mut group = Vec::with_capacity(200 * 64);
    for unit in 0..n {
        group.extend_from_slice(&entry);
        group.extend_from_slice(&entry);
        if unit % 64 == 63 || unit + 1 == n {
            file.write_all(&group).unwrap();
            group.clear();
        }
    }
}

/// Spawns one task per unit that does nothing, 64 at a time.
pub(crate) async fn fan_out(n: usize) {
    let mut tasks = FuturesUnordered::new();
    for unit in 0..n {
        tasks.push(tokio::spawn(async move { unit }));
        if tasks.len() == 64 {
            tasks.next().await;
        }
    }
    while tasks.next().await.is_some() {}
}

/// Waits so many times, so many at a time.
pub(crate) async fn sleep(n: usize, pause: Duration, lanes: usize) {
    let mut tasks = FuturesUnordered::new();
    for _ in 0..n {
        tasks.push(tokio::time::sleep(pause));
        if tasks.len() == lanes {
            tasks.next().await;
        }
    }
    while tasks.next().await.is_some() {}
}

/// Hashes 200 bytes per unit.
pub(crate) fn hash(n: usize) {
    let mut bytes = [7_u8; 200];
    for unit in 0..n {
        bytes[..8].copy_from_slice(&(unit as u64).to_le_bytes());
        std::hint::black_box(blake3::hash(&bytes));
    }
}
