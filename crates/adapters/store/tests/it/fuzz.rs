//! State folders that anybody may have written: whatever the bytes are, there is what was committed or an error.

use std::fs;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use refrain_core::ports::store::{CallFilter, Store};
use refrain_schemas::json::Json;
use refrain_testkit::contract::store::fixture::{holder, key};
use refrain_testkit::fuzz;

use crate::project::{Project, write};

const BATCHES: u64 = 3;

/// Reads whatever there is; a page or reply that comes is the one that was written.
async fn read(store: &dyn Store) {
    for n in 0..BATCHES {
        let page = format!("page {n}");
        if let Ok(found) = store.pages(&[key(&page)]).await {
            assert_eq!(&*found[0], page.as_bytes());
        }
        if let Ok(found) = store.replies(&[key(&format!("unit {n}"))]).await {
            let is_right = |reply: &Json| *reply == Json::string(&format!("reply {n}"));
            assert!(found[0].as_ref().is_none_or(is_right), "{found:?}");
        }
        let _ = store.exchanges(refrain_schemas::name::CallId(n)).await;
    }
    let _ = store.history().await;
    let _ = store.ledger_summary().await;
    let _ = store.recorded().await;
    let _ = store.calls(&CallFilter::default()).await;
}

#[tokio::test]
async fn any_state_folder_is_read_or_refused() {
    let project = Project::new();
    let store = project.open();
    write(&store, BATCHES).await;
    store.end_writing().await.unwrap();
    drop(store);
    let config = fuzz::config(40);
    let cases = config.cases;
    let mut runner = TestRunner::new(config);
    for _ in 0..cases {
        for name in project.names() {
            let bytes = fs::read(project.state().join(&name)).unwrap();
            let changed = fuzz::changed(bytes).new_tree(&mut runner).unwrap().current();
            let copy = project.copy();
            fs::write(copy.state().join(&name), changed).unwrap();
            // Opening is where a damaged folder may be refused.
            if let Ok(store) = refrain_store::FileStore::open(copy.0.path(), copy.1) {
                read(&store).await;
                let _ = store.begin_writing(&holder("refrain run")).await;
                read(&store).await;
            }
        }
    }
}
