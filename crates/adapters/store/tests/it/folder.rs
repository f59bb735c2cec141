use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use refrain_core::ports::store::{Store as _, StoreError};
use refrain_store::{Durability, FORMAT, FileStore};
use refrain_testkit::contract::store::fixture::{begin, holder};

use crate::project::{Held, Project, held, write};

#[tokio::test]
async fn reading_creates_nothing_and_writing_keeps_out_of_version_control() {
    let project = Project::new();
    let store = project.open();
    assert_eq!(held(&store, 1).await, Held { pages: 0, exchanges: 0, replies: 0, history: 0 });
    assert!(!project.state().exists());
    begin(&store).await;
    assert_eq!(fs::read_to_string(project.state().join(".gitignore")).unwrap(), "*\n");
    assert_eq!(project.names(), [".gitignore", "alive", "format", "lock"]);
    let nowhere = project.state().join("format/project");
    let elsewhere = FileStore::open(&nowhere, Durability::Process).unwrap();
    let refused = elsewhere.begin_writing(&holder("refrain run")).await;
    assert!(matches!(refused, Err(StoreError::Io { action, .. }) if action.contains(".refrain")));
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_alone() {
    let project = Project::new();
    let before = project.open();
    fs::create_dir(project.state()).unwrap();
    fs::write(project.state().join("format"), "refrain store 12\n").unwrap();
    let newer = |error: StoreError| {
        assert!(matches!(error, StoreError::Newer { found: 12, supported: FORMAT }), "{error}");
    };
    newer(FileStore::open(project.0.path(), Durability::Process).unwrap_err());
    newer(before.begin_writing(&holder("refrain run")).await.unwrap_err());
    assert_eq!(before.holder().await.unwrap(), None);
    fs::write(project.state().join("format"), "something else\n").unwrap();
    let other = FileStore::open(project.0.path(), Durability::Process).unwrap_err();
    assert_eq!(other.to_string(), ".refrain/format is damaged: this is not the format of a store at byte 0");
}

#[tokio::test]
async fn a_read_only_folder_is_read() {
    let project = Project::new();
    let store = project.open();
    write(&store, 3).await;
    store.end_writing().await.unwrap();
    let before = project.names();
    chmod(&project, "a-w");
    let seen = held(&project.open(), 3).await;
    let held_by = project.open().holder().await;
    chmod(&project, "u+w");
    assert_eq!(seen, Held { pages: 3, exchanges: 3, replies: 3, history: 3 });
    assert_eq!(held_by.unwrap(), None);
    assert_eq!(project.names(), before);
}

fn chmod(project: &Project, mode: &str) {
    assert!(Command::new("chmod").args(["-R", mode]).arg(project.state()).status().unwrap().success());
}

#[tokio::test]
async fn what_a_killed_collection_left_is_tidied_up() {
    let project = Project::new();
    let store = project.open();
    write(&store, 3).await;
    store.end_writing().await.unwrap();
    // The new pages were not finished; the new ledger was, but the old one had not been removed yet.
    fs::write(project.state().join("pages-2.log.tmp"), b"half").unwrap();
    fs::copy(project.state().join("ledger-1.log"), project.state().join("ledger-2.log")).unwrap();
    let whole = Held { pages: 3, exchanges: 3, replies: 3, history: 3 };
    assert_eq!(held(&project.open(), 3).await, whole);
    begin(&store).await;
    assert_eq!(held(&store, 3).await, whole);
    let logs: Vec<String> = project.names().into_iter().filter(|name| name.contains("-")).collect();
    assert_eq!(logs, ["exchanges-1.log", "history-1.log", "ledger-2.log", "pages-1.log"]);
}

#[tokio::test]
async fn a_small_change_writes_little() {
    let project = Project::new();
    let store = project.open();
    write(&store, 9000).await;
    store.end_writing().await.unwrap();
    let size = |project: &Project| -> u64 {
        let sizes =
            project.names().into_iter().map(|name| fs::metadata(project.state().join(name)).unwrap().len());
        sizes.sum()
    };
    let before = (size(&project), project.names());
    let store = project.open();
    begin(&store).await;
    store.commit(crate::project::batch(9000)).await.unwrap();
    store.end_writing().await.unwrap();
    assert_eq!(project.names(), before.1, "no index is written anew");
    assert!(size(&project) - before.0 < 2000);
}

/// A repository may carry links in its state folder; what they lead to is not the store's.
#[tokio::test]
async fn no_link_in_the_state_folder_is_followed() {
    for name in ["lock", "alive", "format", "format.tmp", ".gitignore.tmp", "history-1.log", "checkpoint"] {
        let (project, outside) = (Project::new(), tempfile::tempdir().unwrap());
        let (notes, later) = (outside.path().join("notes.txt"), outside.path().join("later.txt"));
        fs::create_dir(project.state()).unwrap();
        fs::write(&notes, "mine").unwrap();
        for target in [&notes, &later] {
            symlink(target, project.state().join(name)).unwrap();
            let opened = FileStore::open(project.0.path(), Durability::Process);
            let error = match opened {
                Ok(store) => store.begin_writing(&holder("refrain run")).await.unwrap_err(),
                Err(error) => error,
            };
            assert!(error.to_string().contains("it is a link"), "{name}: {error}");
            assert!(error.to_string().contains(name), "{name}: {error}");
            fs::remove_file(project.state().join(name)).unwrap();
        }
        assert_eq!(fs::read_to_string(&notes).unwrap(), "mine", "{name}");
        assert!(!later.exists(), "{name}");
    }
}
