use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use refrain_core::ports::store::{Batch, Store, StoreError};
use refrain_store::storage::{Access, DiskStorage, Storage, StorageFile};
use refrain_store::{Durability, FileStore, SegmentSizes};
use refrain_testkit::contract::store::fixture::{history, lane, pages, run, run_started, target};

use crate::project::{Held, Project, batch, held, write};

/// A disk with so many bytes left; a write that does not fit leaves what did.
#[derive(Debug, Clone)]
struct FullDisk(Arc<AtomicI64>);

#[derive(Debug)]
struct FullFile(Arc<dyn StorageFile>, Arc<AtomicI64>);

impl Storage for FullDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StorageFile>> {
        Ok(Arc::new(FullFile(DiskStorage.open(path, access)?, self.0.clone())))
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        DiskStorage.names(folder)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        DiskStorage.make_folder(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        DiskStorage.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        DiskStorage.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        DiskStorage.sync_folder(folder)
    }
}

impl StorageFile for FullFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let left = self.1.fetch_sub(bytes.len() as i64, Ordering::SeqCst).max(0) as usize;
        self.0.write_at(&bytes[..left.min(bytes.len())], offset)?;
        if left < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.truncate(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

#[tokio::test]
async fn a_commit_that_does_not_fit_leaves_a_prefix_and_the_next_one_stands() {
    let mut stages = [false; 4];
    for left in (0..1400).step_by(9) {
        let project = Project::new();
        let bytes = Arc::new(AtomicI64::new(i64::MAX));
        let (disk, sizes) = (Arc::new(FullDisk(bytes.clone())), SegmentSizes::default());
        let store: Arc<dyn Store> =
            Arc::new(FileStore::open_on(disk, project.0.path(), Durability::Process, sizes).unwrap());
        write(&store, 2).await;
        bytes.store(left, Ordering::SeqCst);
        stages[failing_log(store.commit(large_batch()).await)] = true;
        let found = held(&store, 3).await;
        assert_eq!(held(&project.open(), 3).await, found);
        assert!(found.pages >= found.exchanges && found.exchanges >= found.replies);
        assert!(found.replies >= found.history && found.history == 2);
        bytes.store(i64::MAX, Ordering::SeqCst);
        // What is committed now is shorter than what did not fit, of which nothing may stay behind it.
        let rest = if found.replies == 2 { batch(2) } else { history(batch(2).history) };
        store.commit(rest).await.unwrap();
        assert_eq!(held(&project.open(), 3).await, Held { pages: 3, exchanges: 3, replies: 3, history: 3 });
    }
    assert_eq!(stages, [true; 4], "each log was the one that did not fit");
}

/// A batch with everything of the third and more; its history alone is longer than what is left of the disk.
fn large_batch() -> Batch {
    let mut batch = batch(2);
    batch.pages.extend(pages(&[&"filler ".repeat(40)]).pages);
    batch.ledger.extend((1..9).map(|n| lane(n, run(2), target("translate", "ja"))));
    batch.history.extend((0..20).map(run_started));
    batch
}

fn failing_log(committed: Result<(), StoreError>) -> usize {
    let Err(StoreError::Io { action, .. }) = committed else { panic!("{committed:?}") };
    let logs = ["pages", "exchanges", "ledger", "history"];
    logs.iter().position(|log| action == format!("write .refrain/{log}-1.log")).unwrap()
}
