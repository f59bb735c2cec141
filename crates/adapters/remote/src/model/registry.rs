//! What is known of models before anybody asks them: a small list that ships, prices and addresses.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use refrain_core::ports::model_catalogue::ModelCatalogue;
use refrain_core::ports::secrets::Secrets;
use refrain_schemas::choice::ModelEntry;
use refrain_schemas::money::PriceSpec;
use refrain_schemas::pipeline::Declarations;
use serde::Deserialize;

use super::endpoint::{resolve, split_model};
use super::price::{self, KnownPrice};

/// The list that ships, as it was on its date. Its figures are rough, and for choosing alone.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Registry {
    date: String,
    models: BTreeMap<String, ModelEntry>,
}

static SHIPPED: LazyLock<Registry> =
    LazyLock::new(|| serde_json::from_str(include_str!("registry.json")).unwrap_or_default());

/// Returns the day of the list of models that ships, as `2026-11-21`.
#[must_use]
pub fn registry_date() -> &'static str {
    &SHIPPED.date
}

/// Knows the models that ship, their prices, and whether their keys are at hand.
#[derive(Debug, Clone)]
pub struct KnownModels {
    secrets: Arc<dyn Secrets>,
}

impl KnownModels {
    /// Returns what is known with these keys.
    #[must_use]
    pub fn new(secrets: Arc<dyn Secrets>) -> Self {
        Self { secrets }
    }
}

impl ModelCatalogue for KnownModels {
    fn shipped(&self) -> &BTreeMap<String, ModelEntry> {
        &SHIPPED.models
    }

    fn price(&self, declared: &Declarations, model: &str) -> Option<PriceSpec> {
        let endpoint = resolve(declared, split_model(model)?.0).ok()?;
        price::of(declared, &endpoint, model).map(KnownPrice::spec)
    }

    fn is_reachable(&self, declared: &Declarations, model: &str) -> bool {
        let endpoint = split_model(model).and_then(|(endpoint, _)| resolve(declared, endpoint).ok());
        endpoint.is_some_and(|endpoint| endpoint.key.is_none_or(|key| self.secrets.get(&key).is_some()))
    }
}

#[cfg(test)]
mod tests {
    use refrain_core::ports::secrets::NoSecrets;
    use refrain_schemas::endpoint::EndpointSpec;

    use super::*;

    #[test]
    fn the_list_is_whole_and_priced() {
        assert!(registry_date().parse::<jiff::civil::Date>().is_ok());
        let known = KnownModels::new(Arc::new(NoSecrets));
        assert!(known.shipped().len() >= 15);
        for (name, entry) in known.shipped() {
            assert!(known.price(&Declarations::default(), name).is_some(), "{name}");
            assert!(entry.quality.is_some_and(|quality| (0.0..=1.0).contains(&quality)), "{name}");
            let says_all =
                entry.capabilities.is_some() && entry.modalities.is_some() && entry.context.is_some();
            assert!(says_all && entry.speed.is_some() && entry.latency_ms.is_some(), "{name}");
        }
    }

    #[derive(Debug)]
    struct One;

    impl Secrets for One {
        fn get(&self, name: &str) -> Option<String> {
            (name == "OPENAI_API_KEY").then(|| "k".to_owned())
        }
    }

    #[test]
    fn a_model_is_reachable_where_its_key_is_at_hand() {
        let known = KnownModels::new(Arc::new(One));
        let mut declared = Declarations::default();
        let local =
            EndpointSpec { base_url: Some("http://localhost:1/v1".into()), ..EndpointSpec::default() };
        declared.endpoints.insert("local".to_owned(), local);
        let check = |model: &str, expect: bool| {
            assert_eq!(known.is_reachable(&declared, model), expect, "{model}");
        };
        check("openai/gpt-5", true);
        check("anthropic/claude-haiku-4-5", false);
        check("local/any", true);
        check("ollama/any", true);
        check("nobody/any", false);
    }
}
