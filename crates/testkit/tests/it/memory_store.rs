use std::sync::Arc;

use proptest::prelude::{ProptestConfig, proptest};
use refrain_core::ports::store::{Store, StoreError};
use refrain_schemas::digest::Digest;
use refrain_schemas::ledger::LedgerEntry;
use refrain_schemas::name::CallId;
use refrain_testkit::contract::store::fixture::{
    abandoned, alias, begin, intent, lane, ledger, outcome, pages, reply, run, target,
};
use refrain_testkit::contract::store::script;
use refrain_testkit::memory_store::MemoryStore;

struct Fresh(MemoryStore);

impl Fresh {
    fn new() -> Self {
        Self(MemoryStore::new())
    }

    fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.0.reopen())
    }
}

refrain_testkit::store_contract!(Fresh::new());

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_equal_the_model(script in script::scripts()) {
        let fresh = Fresh::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(script::follows_the_model(&|| fresh.open(), &script));
    }
}

#[tokio::test]
async fn what_an_engine_must_not_do_is_refused() {
    let declared = || lane(0, run(1), target("translate", "ja"));
    let cases: Vec<(&str, Vec<LedgerEntry>)> = vec![
        ("lane", vec![intent(0, 0, &["a"])]),
        ("declared twice", vec![declared(), declared()]),
        ("intended twice", vec![declared(), intent(0, 0, &["a"]), intent(0, 0, &["a"])]),
        ("no open intent", vec![declared(), outcome(0, &[("a", reply("A"))])]),
        ("no open intent", vec![declared(), abandoned(CallId(3), run(1))]),
        ("did not ask", vec![declared(), intent(0, 0, &["a"]), outcome(0, &[("b", reply("B"))])]),
        ("of nothing", vec![alias("a", "b")]),
    ];
    for (expected, entries) in cases {
        let store = Fresh::new().open();
        begin(&store).await;
        let refused = store.commit(ledger(entries)).await.unwrap_err();
        assert!(
            matches!(&refused, StoreError::Damaged { message, .. } if message.contains(expected)),
            "{refused}"
        );
    }
    let store = Fresh::new().open();
    begin(&store).await;
    let mut batch = pages(&["page"]);
    batch.pages[0].0 = Digest::of_content(b"another");
    assert!(store.commit(batch).await.is_err());
}
