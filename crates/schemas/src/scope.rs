//! Where in the dimensions of a pipeline a piece of work stands.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::{DimensionName, PhaseName};

/// One value per dimension, in the order in which the phase names its dimensions.
///
/// A phase that is not `per:` any dimension has the empty scope. Serialised as an object; printed as the values
/// joined by commas.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Scope(Vec<(DimensionName, String)>);

impl Scope {
    /// Returns the scope of a phase without dimensions.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Builds a scope from its values.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = (DimensionName, String)>) -> Self {
        Self(values.into_iter().collect())
    }

    /// Whether no dimension is bound.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value of a dimension.
    #[must_use]
    pub fn get(&self, dimension: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name.as_str() == dimension).map(|(_, value)| value.as_str())
    }

    /// Iterates over the bound dimensions in order.
    pub fn iter(&self) -> impl Iterator<Item = (&DimensionName, &str)> {
        self.0.iter().map(|(name, value)| (name, value.as_str()))
    }

    /// Returns this scope with only the given dimensions, in their order.
    #[must_use]
    pub fn project(&self, dimensions: &[DimensionName]) -> Self {
        Self(
            dimensions
                .iter()
                .filter_map(|name| self.get(name.as_str()).map(|value| (name.clone(), value.to_owned())))
                .collect(),
        )
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (_, value)) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(",")?;
            }
            f.write_str(value)?;
        }
        Ok(())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(IndexMap::<DimensionName, String>::deserialize(deserializer)?.into_iter().collect()))
    }
}

impl schemars::JsonSchema for Scope {
    fn schema_name() -> Cow<'static, str> {
        "Scope".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "additionalProperties": { "type": "string" } })
    }
}

/// A phase in one scope: what has revisions, freshness and progress. Printed as `translate@ja`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The phase.
    pub phase: PhaseName,
    /// The scope; empty where the phase is not per any dimension.
    pub scope: Scope,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.phase)?;
        if self.scope.is_none() { Ok(()) } else { write!(f, "@{}", self.scope) }
    }
}
