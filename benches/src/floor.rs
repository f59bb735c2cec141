//! The floor: what nothing can go below that appends, fans out or hashes.

use std::io::Write as _;
use std::path::Path;

use futures::stream::{FuturesUnordered, StreamExt as _};

/// Appends one small entry per unit and syncs in groups of a thousand.
pub(crate) fn append_and_sync(dir: &Path, n: usize) -> u64 {
    let mut file = std::fs::File::create(dir.join("floor.log")).unwrap();
    let entry = [7_u8; 200];
    let mut group = Vec::with_capacity(200_000);
    for unit in 0..n {
        group.extend_from_slice(&entry);
        if unit % 1000 == 999 || unit + 1 == n {
            file.write_all(&group).unwrap();
            file.sync_data().unwrap();
            group.clear();
        }
    }
    0
}

/// Spawns one task per unit that does nothing, 64 at a time.
pub(crate) async fn fan_out(n: usize) -> u64 {
    let mut tasks = FuturesUnordered::new();
    let mut done = 0_usize;
    for unit in 0..n {
        tasks.push(tokio::spawn(async move { unit }));
        if tasks.len() == 64 {
            done += usize::from(tasks.next().await.is_some());
        }
    }
    while tasks.next().await.is_some() {
        done += 1;
    }
    done as u64
}

/// Hashes 200 bytes per unit.
pub(crate) fn hash(n: usize) -> u64 {
    let mut bytes = [7_u8; 200];
    let mut sum = 0_u64;
    for unit in 0..n {
        bytes[..8].copy_from_slice(&(unit as u64).to_le_bytes());
        sum = sum.wrapping_add(u64::from(blake3::hash(&bytes).as_bytes()[0]));
    }
    sum
}
