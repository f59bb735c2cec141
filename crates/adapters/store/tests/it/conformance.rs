use proptest::prelude::{ProptestConfig, proptest};
use refrain_store::Durability;
use refrain_testkit::contract::store::script;

use crate::project::Project;

refrain_testkit::store_contract!(Project::new());

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_equal_the_model(script in script::scripts(), power: bool) {
        let mut project = Project::new();
        project.1 = if power { Durability::Power } else { Durability::Process };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(script::follows_the_model(&|| project.open(), &script));
    }
}
