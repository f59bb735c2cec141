//! Models that may be chosen, and what was chosen.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::money::PriceSpec;

/// What is known of a model; what is not said is not known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// What it can do besides answering with a text, such as `tools`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<String>>,
    /// What it reads: `text`, `vision`, `code`, `audio`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modalities: Option<Vec<String>>,
    /// How many tokens it can be told, its answer included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    /// How many billions of parameters it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<f64>,
    /// How good it is, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<f64>,
    /// How many tokens a second it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// How long it takes to begin, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// What it knows about, in words of whoever asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expertise: Option<Vec<String>>,
    /// What it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<PriceSpec>,
}

impl ModelEntry {
    /// Returns what is known by this entry, and by another one where this one says nothing.
    #[must_use]
    pub fn over(self, other: &Self) -> Self {
        let other = other.clone();
        Self {
            capabilities: self.capabilities.or(other.capabilities),
            modalities: self.modalities.or(other.modalities),
            context: self.context.or(other.context),
            size: self.size.or(other.size),
            quality: self.quality.or(other.quality),
            speed: self.speed.or(other.speed),
            latency_ms: self.latency_ms.or(other.latency_ms),
            expertise: self.expertise.or(other.expertise),
            cost: self.cost.or(other.cost),
        }
    }
}

/// Which models were chosen for the steps of a pipeline: they stay with these until what was asked for changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChoicesOnRecord {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// What was chosen, by phase.
    pub phases: BTreeMap<String, ChoiceOnRecord>,
}

/// A choice that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChoiceOnRecord {
    /// The models that are asked, one after the other: the chosen one, and those that stand in for it.
    pub models: Vec<String>,
    /// The digest of what was asked for: prices are no part of it.
    pub asked: Digest,
}

/// A choice as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelChoice {
    /// The step; of one in a loop, its phase.
    pub step: String,
    /// The model.
    pub model: String,
    /// Models that are asked where it fails, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<String>,
    /// Why this one.
    pub reason: String,
    /// The models that it was preferred to, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// The models that do not fit, with what each lacks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lacking: BTreeMap<String, Vec<String>>,
    /// Whether it was chosen by an earlier run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// The model that an earlier run chose, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
}
