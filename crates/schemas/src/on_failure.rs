//! What a failed phase means to what comes after it, as it is written in a pipeline file.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::{NameError, PhaseName};

/// What a failure means: a policy by its word, or the phase to go on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "PhaseName")]
pub enum OnFailure {
    /// A policy.
    Policy(Policy),
    /// What comes after the phase is dropped, but for this one and what comes after that.
    Go(PhaseName),
}

/// What a failure means to what comes after the phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// It is blocked.
    #[default]
    Fail,
    /// It goes on, and reads the document of the failure.
    Continue,
    /// It is dropped, with all that comes after it.
    Skip,
    /// A failure that the agent reports is tried again like one that may pass; then as `fail`.
    Retry,
}

impl Policy {
    /// Returns the word used in pipeline files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Continue => "continue",
            Self::Skip => "skip",
            Self::Retry => "retry",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Fail, Self::Continue, Self::Skip, Self::Retry]
            .into_iter()
            .find(|policy| policy.as_str() == word)
    }
}

impl FromStr for OnFailure {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Policy::of(text).map_or_else(|| text.parse().map(Self::Go), |policy| Ok(Self::Policy(policy)))
    }
}

impl TryFrom<String> for OnFailure {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<OnFailure> for String {
    fn from(on_failure: OnFailure) -> Self {
        match on_failure {
            OnFailure::Policy(policy) => policy.as_str().to_owned(),
            OnFailure::Go(phase) => phase.to_string(),
        }
    }
}

/// A value that stands in for what a failed phase would have made. A failure must fit each of the lists that are given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoverSpec {
    /// The kinds of failures that it is for, such as `reported` or `timed_out`; all where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Regular expressions, one of which must be found in the failure's message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
    /// The codes that it is for: the `return_code` or `code` of the failure's document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    /// The document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Whether the phase has failed all the same: what comes after it goes by its policy, and reads the value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub propagate: bool,
    /// Of everything with a rank that is for failures of the phase, what has the lowest one that fits acts alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
}

/// A phase whose failure another one is for. A failure must fit each of the lists that are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlesSpec {
    /// The phase.
    pub phase: PhaseName,
    /// The kinds of failures, such as `reported` or `timed_out`; all where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Regular expressions, one of which must be found in the failure's message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
    /// The codes: the `return_code` or `code` of the failure's document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    /// Of everything with a rank that is for failures of the phase, what has the lowest one that fits acts alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// Whether it leaves the failure to what comes behind it by rank where it fails itself. A value comes in at once, and does
    /// not wait for that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub yields: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_policies_and_names_are_phases() {
        let read = |text: &str| serde_json::from_value::<OnFailure>(Value::from(text)).unwrap();
        assert_eq!(read("continue"), OnFailure::Policy(Policy::Continue));
        assert_eq!(read("mend"), OnFailure::Go("mend".parse().unwrap()));
        assert_eq!(serde_json::to_value(read("skip")).unwrap(), Value::from("skip"));
        assert!(serde_json::from_value::<OnFailure>(Value::from("no name")).is_err());
    }
}
