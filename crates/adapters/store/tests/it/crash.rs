//! A child process commits in a loop and is killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use refrain_core::ports::store::Store;
use refrain_store::{Durability, FileStore};
use refrain_testkit::contract::store::fixture::{begin, history, holder, run_started};

use crate::project::{Project, batch, held, write};

/// Names the project; set in the child alone.
const CHILD: &str = "REFRAIN_STORE_TEST_CHILD";
const MOST: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_writer_loses_no_commit_that_returned() {
    if let Some(project) = std::env::var_os(CHILD) {
        return commit_until_killed(PathBuf::from(project)).await;
    }
    for acknowledged in [0, 1, 7, 60, 300] {
        let project = Project::new();
        let last = run_and_kill(&project, acknowledged);
        let reader = held(&project.open(), last + 2000).await;
        assert!(reader.history > last, "{reader:?} of {last}");
        let store = project.open();
        assert_eq!(store.holder().await.unwrap(), None, "its death frees the lock");
        let opening = store.begin_writing(&holder("refrain run")).await.unwrap();
        assert!(opening.recovered.len() <= 1, "{:?}", opening.recovered);
        assert_eq!(held(&store, last + 2000).await, reader);
        assert!(reader.pages >= reader.exchanges && reader.exchanges >= reader.replies, "{reader:?}");
        assert!(reader.replies >= reader.history, "{reader:?}");
        store.commit(history(vec![run_started(reader.history.into())])).await.unwrap();
        assert_eq!(project.open().history().await.unwrap().len() as u64, reader.history * 2 + 1);
    }
}

/// Runs this very test as a child, kills it after so many commits, and returns the last one that it acknowledged.
fn run_and_kill(project: &Project, acknowledged: u64) -> u64 {
    let name = "crash::a_killed_writer_loses_no_commit_that_returned";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, project.0.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledgements =
        lines.by_ref().filter_map(|line| line.strip_prefix("done ")?.parse::<u64>().ok());
    let reached = acknowledgements.find(|n| *n >= acknowledged).unwrap();
    child.kill().unwrap();
    let last = acknowledgements.last().unwrap_or(reached);
    child.wait().unwrap();
    last
}

async fn commit_until_killed(project: PathBuf) {
    let store: Arc<dyn Store> = Arc::new(FileStore::open(&project, Durability::Process).unwrap());
    write(&store, 0).await;
    for n in 0..MOST {
        store.commit(batch(n)).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "\ndone {n}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn a_lock_outlives_no_one_and_asking_takes_it_from_no_one() {
    let project = Project::new();
    begin(&project.open()).await;
    let asked: Vec<_> = (0..4).map(|_| project.open()).collect();
    let asking = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for n in 0..2_000 {
            runtime.block_on(asked[n % 4].holder()).unwrap();
        }
    });
    let mut turns = 0;
    while !asking.is_finished() || turns == 0 {
        let store = project.open();
        store.begin_writing(&holder("refrain run")).await.unwrap();
        assert_eq!(project.open().holder().await.unwrap(), Some(holder("refrain run")));
        store.end_writing().await.unwrap();
        turns += 1;
    }
    asking.await.unwrap();
}
