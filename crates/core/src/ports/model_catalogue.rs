//! The models there are, as far as anybody knows who asks none of them.

use std::collections::BTreeMap;
use std::fmt::Debug;

use refrain_schemas::choice::ModelEntry;
use refrain_schemas::money::PriceSpec;
use refrain_schemas::pipeline::Declarations;

/// Knows models; it asks none.
pub trait ModelCatalogue: Debug + Send + Sync {
    /// Returns the models that may be chosen where a pipeline names none of its own, by `endpoint/name`.
    fn shipped(&self) -> &BTreeMap<String, ModelEntry>;

    /// Returns what a model costs where it is asked.
    fn price(&self, declared: &Declarations, model: &str) -> Option<PriceSpec>;

    /// Whether the endpoint of a model is known and its key, where it wants one, is at hand.
    fn is_reachable(&self, declared: &Declarations, model: &str) -> bool;
}
