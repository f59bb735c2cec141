//! Two models that ship, and whose keys nobody has but for one.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use refrain_core::ports::model_catalogue::ModelCatalogue;
use refrain_schemas::choice::ModelEntry;
use refrain_schemas::money::PriceSpec;
use refrain_schemas::pipeline::Declarations;

#[derive(Debug)]
pub(crate) struct FakeModels;

static SHIPPED: LazyLock<BTreeMap<String, ModelEntry>> = LazyLock::new(|| {
    let entry = |quality| ModelEntry {
        quality: Some(quality),
        context: Some(1000),
        capabilities: Some(vec!["tools".to_owned()]),
        ..ModelEntry::default()
    };
    BTreeMap::from([("fake/shipped".to_owned(), entry(0.5)), ("keyless/better".to_owned(), entry(0.9))])
});

impl ModelCatalogue for FakeModels {
    fn shipped(&self) -> &BTreeMap<String, ModelEntry> {
        &SHIPPED
    }

    fn price(&self, declared: &Declarations, model: &str) -> Option<PriceSpec> {
        declared.prices.get(model).copied()
    }

    fn is_reachable(&self, _: &Declarations, model: &str) -> bool {
        !model.starts_with("keyless/")
    }
}
