//! Losses of power: every commit that was acknowledged under `power` is found again, whatever the disk made of the rest.

mod disk;
mod loss;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use refrain_core::ports::store::{Batch, CallFilter, Keep, Store, StoreError};
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::ledger::LedgerEntry;
use refrain_schemas::name::CallId;
use refrain_store::{Durability, FileStore, SegmentSizes};
use refrain_testkit::contract::store::fixture::{
    begin, history, holder, key, lane, pages, run, target, waiver,
};

use self::disk::{Contents, Disk, Op};
use self::loss::{LUCKS, Luck, Numbers, after_loss};
use crate::project::{Held, Project, batch, held, write};

/// How many lives of a store are lived where the environment does not say.
const LIVES: u64 = 2;
/// Indexes of a few keys, so that segments are written, merged and removed all the time.
const SIZES: SegmentSizes = SegmentSizes { least: 2, most: 4, segments: 3 };
/// The digest of a page that every batch has.
const COMMON: &str = "what every batch says";

fn open(disk: &Disk, project: &Project, durability: Durability) -> Arc<dyn Store> {
    // The lock is on the real disk.
    fs::create_dir_all(project.state()).unwrap();
    Arc::new(FileStore::open_on(Arc::new(disk.clone()), project.0.path(), durability, SIZES).unwrap())
}

/// Returns the batch of this number with pages that fill some sectors and are not kept by a collection.
fn padded(n: u64, numbers: &mut Numbers) -> Batch {
    let mut batch = batch(n);
    let filler: String = (0..numbers.below(700)).map(|_| format!("{} ", numbers.below(1 << 30))).collect();
    batch.pages.extend(pages(&[COMMON, &filler]).pages);
    batch
}

/// What a store holds for certain from some operation of the disk on.
#[derive(Debug, Clone, Copy)]
struct Floor {
    n_ops: usize,
    batches: u64,
    /// Whether the writer that is at work syncs.
    synced: bool,
}

/// The life of a store: some turns of writers on a disk that now and then fails.
struct Life {
    disk: Disk,
    project: Project,
    numbers: Numbers,
    batches: u64,
    floors: Vec<Floor>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let floor = Floor { n_ops: 0, batches: 0, synced: true };
        let (disk, project) = (Disk::new(&None), Project::new());
        Self { disk, project, numbers: Numbers(seed), batches: 0, floors: vec![floor] }
    }

    /// Lives some turns; returns the disk and what it held for certain at which time.
    async fn live(mut self) -> (Disk, Vec<Floor>) {
        for turn in 0..4 {
            let durability =
                if turn == 0 || self.numbers.below(3) > 0 { Durability::Power } else { Durability::Process };
            self.turn(durability).await;
        }
        (self.disk, self.floors)
    }

    async fn turn(&mut self, durability: Durability) {
        let store = open(&self.disk, &self.project, durability);
        let synced = durability == Durability::Power;
        if !synced {
            self.floor(false);
        }
        begin(&store).await;
        if synced {
            // What is there is synced when the writer's place is taken.
            self.batches = held(&store, self.batches + 1).await.history;
            self.floor(true);
        }
        for _ in 0..=self.numbers.below(3) {
            self.commit(&store, synced).await;
        }
        if self.numbers.below(3) == 0 {
            store.collect(everything(self.batches)).await.unwrap();
        }
        // A writer that does not end was killed.
        if self.numbers.below(2) == 0 {
            store.end_writing().await.unwrap();
        }
    }

    async fn commit(&mut self, store: &Arc<dyn Store>, synced: bool) {
        if self.numbers.below(3) == 0 {
            self.disk.fail_after(self.numbers.below(40));
        }
        let mut rest = padded(self.batches, &mut self.numbers);
        if self.batches == 0 {
            rest.ledger.insert(0, lane_of_batches());
        }
        while let Err(error) = store.commit(rest.clone()).await {
            assert!(matches!(error, StoreError::Io { .. }), "{error}");
            self.disk.work();
            let found = held(store, self.batches + 1).await;
            if found.replies > self.batches {
                rest = history(rest.history);
            }
        }
        self.disk.work();
        self.batches += 1;
        if synced {
            self.floor(true);
        }
    }

    fn floor(&mut self, synced: bool) {
        self.floors.push(Floor { n_ops: self.disk.n_ops(), batches: self.batches, synced });
    }
}

fn lane_of_batches() -> LedgerEntry {
    lane(0, run(1), target("translate", "ja"))
}

/// Keeps all of some batches; what fills their sectors goes.
fn everything(batches: u64) -> Keep {
    let pages = (0..batches).map(|n| key(&format!("page {n}"))).chain([key(COMMON)]).collect();
    Keep { pages, replies: None, history: None, dry_run: false }
}

/// Checks that a store that lost its power holds what it must, goes on, and holds that, too.
async fn check(contents: &Contents, floor: u64, place: &str) -> Disk {
    let (disk, project) = (Disk::new(contents), Project::new());
    let store = open(&disk, &project, Durability::Power);
    store.begin_writing(&holder("refrain run")).await.unwrap_or_else(|error| panic!("{place}: {error}"));
    let found = held(&store, floor + 2).await;
    assert!(found.history >= floor, "{place}: {found:?} of {floor}");
    assert!(found.pages >= found.exchanges && found.exchanges >= found.replies, "{place}: {found:?}");
    assert!(found.replies >= found.history, "{place}: {found:?}");
    if found.history > 0 {
        assert_eq!(*store.pages(&[key(COMMON)]).await.unwrap()[0], *COMMON.as_bytes(), "{place}");
    }
    let mut rest = batch(found.history);
    rest.pages.extend(pages(&[COMMON]).pages);
    if found.replies > found.history {
        rest.ledger.clear();
    } else if store.calls(&CallFilter::default()).await.unwrap().is_empty() {
        rest.ledger.insert(0, lane_of_batches());
    }
    if found.exchanges > found.history {
        rest.exchanges.clear();
    }
    store.commit(rest).await.unwrap();
    let n = found.history + 1;
    let again = held(&store, n + 1).await;
    assert!(again.history == n && again.replies >= n && again.pages >= n, "{place}: {again:?}");
    store.end_writing().await.unwrap();
    // Another process has to do with the indexes that are on the disk.
    assert_eq!(held(&open(&disk, &project, Durability::Power), n + 1).await, again, "{place}");
    disk
}

#[tokio::test]
async fn whatever_a_loss_of_power_leaves_every_acknowledged_commit_is_found() {
    let setting = |name| std::env::var(name).ok();
    let lives = setting("REFRAIN_POWER_LIVES").and_then(|n| n.parse().ok()).unwrap_or(LIVES);
    let mut tried = Tried { lives, ..Tried::default() };
    for seed in 0..lives {
        let (disk, floors) = Life::new(seed).live().await;
        let ops = disk.ops();
        tried.count(&ops);
        let mut numbers = Numbers(!seed);
        for n_ops in 0..=ops.len() {
            let floor = floors.iter().rev().find(|floor| floor.n_ops <= n_ops).unwrap();
            if !floor.synced {
                // Nobody promised anything.
                continue;
            }
            let luck = LUCKS[numbers.below(LUCKS.len())];
            let place = format!("seed {seed}, {n_ops} of {} operations, {luck:?}", ops.len());
            let contents = after_loss(&None, &ops[..n_ops], luck, &mut numbers);
            let recovered = check(&contents, floor.batches, &place).await;
            tried.losses += 1;
            if numbers.below(4) == 0 {
                // The power goes again while the next writer is at work.
                let ops = recovered.ops();
                let second = &ops[..=numbers.below(ops.len())];
                let contents = after_loss(&contents, second, Luck::Anything, &mut numbers);
                check(&contents, floor.batches, &format!("{place}, and again after {}", second.len())).await;
                tried.second += 1;
            }
        }
    }
    assert!(tried.losses > 150 && tried.segments > 5 * lives && tried.removed > 3 * lives, "{tried:?}");
    if let Some(path) = setting("REFRAIN_CERTIFICATE") {
        tried.certify(Path::new(&path));
    }
}

/// What was tried.
#[derive(Debug, Default)]
struct Tried {
    lives: u64,
    losses: u64,
    /// Losses while the store recovered from one.
    second: u64,
    /// Segments of indexes that were written.
    segments: u64,
    /// Segments that were removed, merged into others or with their log.
    removed: u64,
}

impl Tried {
    fn count(&mut self, ops: &[Op]) {
        for op in ops {
            match op {
                Op::Rename { to, .. } if to.ends_with(".idx") => self.segments += 1,
                Op::Remove { name } if name.ends_with(".idx") => self.removed += 1,
                _ => {}
            }
        }
    }

    /// Adds it to the certificate.
    fn certify(&self, path: &Path) {
        let Self { lives, losses, second, segments, removed } = self;
        let text = format!(
            "\n## Losses of power\n\nIn memory, under `durability: power`, at every operation of the disk of {lives} lives of a store.\n\n\
             | | |\n|---|---:|\n| losses of power | {losses} |\n| losses while the store recovered from one | {second} |\n\
             | segments of indexes that were written in these lives | {segments} |\n| segments that were merged into others, or went with their log | {removed} |\n\
             | acknowledged commits lost | 0 |\n| stores that did not open | 0 |\n"
        );
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}

#[tokio::test]
async fn a_collection_that_loses_power_loses_nothing_that_is_kept() {
    const ALL: u64 = 5;
    const KEPT: Range<u64> = 3..ALL;
    let (disk, project) = (Disk::new(&None), Project::new());
    let store = open(&disk, &project, Durability::Power);
    write(&store, ALL).await;
    store.commit(history(vec![waiver(1)])).await.unwrap();
    let before = disk.n_ops();
    let keep = Keep {
        pages: KEPT.map(|n| key(&format!("page {n}"))).collect(),
        replies: Some(KEPT.map(|n| key(&format!("unit {n}"))).collect()),
        // Runs that have no end stay, and so do generations.
        history: Some(BTreeSet::new()),
        dry_run: false,
    };
    let collected = store.collect(keep).await.unwrap();
    assert_eq!((collected.pages, collected.replies, collected.history), (3, 3, 1));
    let ops = disk.ops();
    let mut outcomes = BTreeSet::new();
    for n_ops in before..=ops.len() {
        for (luck, seed) in LUCKS.into_iter().flat_map(|luck| (0..6).map(move |seed| (luck, seed))) {
            let mut numbers = Numbers(seed);
            let contents = after_loss(&None, &ops[..n_ops], luck, &mut numbers);
            let (disk, project) = (Disk::new(&contents), Project::new());
            let store = open(&disk, &project, Durability::Power);
            begin(&store).await;
            let place = format!("{n_ops} of {}, {luck:?}, seed {seed}", ops.len());
            outcomes.insert(holds(&store, KEPT, &place).await);
            store.commit(batch(ALL)).await.unwrap();
            holds(&store, KEPT.start..ALL + 1, &place).await;
        }
    }
    assert_eq!(outcomes.len(), 5, "before, and with one more log each: {outcomes:?}");
}

/// Checks that a range of batches is there; returns how many replies, exchanges and pages of those before it are, and
/// waivers.
async fn holds(store: &Arc<dyn Store>, range: Range<u64>, place: &str) -> [usize; 4] {
    let entries = store.history().await.unwrap();
    let runs: Vec<HistoryEntry> = (0..range.end).flat_map(|n| batch(n).history).collect();
    let is_waiver = |entry: &HistoryEntry| matches!(entry, HistoryEntry::Waiver(_));
    assert_eq!(
        entries.iter().filter(|entry| !is_waiver(entry)).cloned().collect::<Vec<_>>(),
        runs,
        "{place}"
    );
    let (mut counts, start) = ([0, 0, 0, entries.len() - runs.len()], range.start);
    for n in 0..range.end {
        let found = [
            store.replies(&[key(&format!("unit {n}"))]).await.unwrap()[0].is_some(),
            !store.exchanges(CallId(n)).await.unwrap().is_empty(),
            store.pages(&[key(&format!("page {n}"))]).await.is_ok(),
        ];
        if n >= start {
            assert_eq!(found, [true; 3], "{place}: batch {n}");
        } else {
            counts.iter_mut().zip(found).for_each(|(count, found)| *count += usize::from(found));
        }
    }
    assert_eq!(store.ledger_summary().await.unwrap().done, range.end, "{place}");
    counts
}

#[tokio::test]
async fn what_a_writer_that_does_not_sync_left_is_synced_before_anything_refers_to_it() {
    let (disk, project) = (Disk::new(&None), Project::new());
    let store = open(&disk, &project, Durability::Process);
    write(&store, 2).await;
    drop(store);
    let store = open(&disk, &project, Durability::Power);
    begin(&store).await;
    let contents = after_loss(&None, &disk.ops(), Luck::Nothing, &mut Numbers(0));
    let (disk, project) = (Disk::new(&contents), Project::new());
    let whole = Held { pages: 2, exchanges: 2, replies: 2, history: 2 };
    assert_eq!(held(&open(&disk, &project, Durability::Power), 2).await, whole);
    assert_eq!(contents.unwrap()["format"], b"refrain store 2\n");
}

#[tokio::test]
async fn holes_in_the_last_commit_are_cut_off_and_holes_before_a_whole_one_are_damage() {
    let project = Project::new();
    write(&project.open(), 3).await;
    let path = project.state().join("pages-1.log");
    let bytes = fs::read(&path).unwrap();
    let length = bytes.len() / 3;
    let lose = |path: &Path, range: Range<usize>| {
        let mut holed = bytes.clone();
        holed[range].fill(0);
        fs::write(path, holed).unwrap();
    };
    // Its header is gone, and what lies behind is there.
    lose(&path, 2 * length..2 * length + 20);
    assert_eq!(project.open().begin_writing(&holder("refrain run")).await.unwrap().recovered.len(), 1);
    assert_eq!(held(&project.open(), 3).await.pages, 2);
    lose(&path, length..length + 20);
    let refused = project.open().begin_writing(&holder("refrain run")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
}
