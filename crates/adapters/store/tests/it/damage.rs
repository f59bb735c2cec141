use std::fs::{self, OpenOptions};

use refrain_core::ports::store::{CallFilter, StoreError};
use refrain_schemas::digest::Digest;
use refrain_schemas::name::CallId;
use refrain_testkit::contract::store::fixture::{begin, holder, key};

use crate::project::{Held, Project, batch, flip, held, write};

const BATCHES: u64 = 3;
const WHOLE: Held = Held { pages: BATCHES, exchanges: BATCHES, replies: BATCHES, history: BATCHES };

async fn written(ended: bool) -> Project {
    let project = Project::new();
    let store = project.open();
    write(&store, BATCHES).await;
    if ended {
        store.end_writing().await.unwrap();
    }
    project
}

/// Returns where each frame of a log ends.
fn ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![0];
    while let Some(length) = bytes.get(ends[ends.len() - 1]..).and_then(|rest| rest.first_chunk::<4>()) {
        ends.push(ends[ends.len() - 1] + 12 + u32::from_le_bytes(*length) as usize);
    }
    ends
}

#[tokio::test]
async fn a_store_that_was_cut_anywhere_opens_with_every_earlier_commit() {
    for ended in [true, false] {
        let project = written(ended).await;
        for name in project.names().into_iter().filter(|name| ended || name == "ledger-1.log") {
            let bytes = fs::read(project.state().join(&name)).unwrap();
            for length in 0..bytes.len() {
                check_cut(&project, &name, &bytes[..length], &ends(&bytes)).await;
            }
        }
    }
}

async fn check_cut(project: &Project, name: &str, bytes: &[u8], ends: &[usize]) {
    let cut = project.copy();
    fs::write(cut.state().join(name), bytes).unwrap();
    let whole = ends.iter().filter(|end| **end <= bytes.len()).count() as u64 - 1;
    let expected = match name {
        "history-1.log" => Held { history: whole, ..WHOLE },
        // The first commit of the ledger is a lane alone.
        "ledger-1.log" => Held { replies: whole.saturating_sub(1), ..WHOLE },
        "pages-1.log" => Held { pages: whole, ..WHOLE },
        "exchanges-1.log" => Held { exchanges: whole, ..WHOLE },
        _ => WHOLE,
    };
    assert_eq!(held(&cut.open(), BATCHES).await, expected, "{name} cut at {}", bytes.len());
    let store = cut.open();
    let opening = store.begin_writing(&holder("refrain run")).await.unwrap();
    let torn = name.ends_with(".log") && !ends.contains(&bytes.len());
    assert_eq!(opening.recovered.len(), usize::from(torn), "{:?}", opening.recovered);
    assert!(opening.recovered.iter().all(|text| text.contains(name)));
    if whole > 0 {
        store.commit(batch(BATCHES)).await.unwrap();
        assert_eq!(*cut.open().pages(&[key("page 3")]).await.unwrap()[0], *b"page 3");
    }
}

#[tokio::test]
async fn zeros_behind_the_last_commit_are_cut_off() {
    let project = written(false).await;
    let path = project.state().join("ledger-1.log");
    let size = fs::metadata(&path).unwrap().len();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(size + 5000).unwrap();
    assert_eq!(held(&project.open(), BATCHES).await, WHOLE);
    assert_eq!(project.open().begin_writing(&holder("refrain run")).await.unwrap().recovered.len(), 1);
    assert_eq!(fs::metadata(&path).unwrap().len(), size);
}

#[tokio::test]
async fn a_flipped_byte_in_a_log_is_noticed_with_its_place() {
    let project = written(true).await;
    for name in ["history-1.log", "ledger-1.log", "pages-1.log", "exchanges-1.log"] {
        let bytes = fs::read(project.state().join(name)).unwrap();
        let ends = ends(&bytes);
        // What is flipped in the last commit is taken for one that did not finish.
        for at in 0..ends[ends.len() - 2] {
            let damaged = project.copy();
            flip(&damaged.state().join(name), at);
            let error = first_error(&damaged).await;
            let start = ends.iter().rev().find(|end| **end <= at).unwrap();
            let expected = format!(".refrain/{name} is damaged: the checksum is wrong at byte {start}");
            assert_eq!(error.map(|error| error.to_string()), Some(expected), "byte {at}");
        }
    }
}

/// Reads everything there is until something fails.
async fn first_error(project: &Project) -> Option<StoreError> {
    let store = project.open();
    let keys: Vec<Digest> = (0..BATCHES).map(|n| key(&format!("unit {n}"))).collect();
    let digests: Vec<Digest> = (0..BATCHES).map(|n| key(&format!("page {n}"))).collect();
    let errors = [
        store.history().await.err(),
        store.replies(&keys).await.err(),
        store.calls(&CallFilter::default()).await.err(),
        store.pages(&digests).await.err(),
        store.exchanges(CallId(BATCHES - 1)).await.err(),
    ];
    errors.into_iter().flatten().next()
}

#[tokio::test]
async fn an_index_that_is_lost_or_damaged_is_made_again() {
    const MANY: u64 = 4200;
    let project = Project::new();
    let store = project.open();
    write(&store, MANY).await;
    store.end_writing().await.unwrap();
    let whole = Held { pages: MANY, exchanges: MANY, replies: MANY, history: MANY };
    let names: Vec<String> = project.names().into_iter().filter(|name| name.ends_with(".idx")).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    for name in names {
        let size = fs::metadata(project.state().join(&name)).unwrap().len() as usize;
        for damage in [None, Some(3), Some(30), Some(4096), Some(4200), Some(size / 2), Some(size - 3000)] {
            let copy = project.copy();
            let path = copy.state().join(&name);
            damage.map_or_else(|| fs::remove_file(&path).unwrap(), |at| flip(&path, at));
            assert_eq!(held(&copy.open(), MANY).await, whole, "{name} {damage:?}");
            let store = copy.open();
            begin(&store).await;
            assert_eq!(held(&store, MANY).await, whole);
            store.commit(batch(MANY)).await.unwrap();
            store.end_writing().await.unwrap();
            let sound = copy.open();
            assert_eq!(
                held(&sound, MANY + 1).await,
                Held { pages: MANY + 1, exchanges: MANY + 1, replies: MANY + 1, history: MANY + 1 }
            );
        }
    }
}

#[tokio::test]
async fn an_index_of_another_log_is_not_believed() {
    const MANY: u64 = 4200;
    let project = Project::new();
    let store = project.open();
    write(&store, MANY).await;
    store.end_writing().await.unwrap();
    // An older ledger is put back beside the newer index and checkpoint.
    let older = written(true).await;
    let path = project.state().join("ledger-1.log");
    fs::copy(older.state().join("ledger-1.log"), path).unwrap();
    let expected = Held { pages: MANY, exchanges: MANY, replies: BATCHES, history: MANY };
    assert_eq!(held(&project.open(), MANY).await, expected);
    let store = project.open();
    let opening = store.begin_writing(&holder("refrain run")).await.unwrap();
    assert_eq!(opening.next_call.0, BATCHES);
    assert_eq!(held(&store, MANY).await, expected);
}
