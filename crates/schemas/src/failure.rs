//! How a call, a unit or a phase failed.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::UnitId;

/// What kind of failure it was; the engine's policy decides from this alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// It may work next time: a crash, a broken connection, garbage.
    Transient,
    /// The agent wants fewer calls.
    RateLimited,
    /// The reply does not have the shape that was asked for.
    Invalid,
    /// The reply was cut off at a limit on its length.
    Truncated,
    /// The agent will not answer this.
    Refused,
    /// A filter of the provider withheld the reply.
    Filtered,
    /// It will never work.
    Permanent,
    /// A ceiling on calls or money is reached.
    Budget,
    /// Credentials are missing or wrong.
    Credentials,
    /// `--offline` and the ledger has no reply.
    Offline,
    /// The run was cancelled.
    Cancelled,
    /// The agent did its work and says that it failed; what it found is in the failure's document.
    Reported,
    /// A call took longer than it may; it may work next time.
    TimedOut,
    /// A person has not answered yet.
    Waiting,
}

impl FailureKind {
    /// Returns the name used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited => "rate_limited",
            Self::Invalid => "invalid",
            Self::Truncated => "truncated",
            Self::Refused => "refused",
            Self::Filtered => "filtered",
            Self::Permanent => "permanent",
            Self::Budget => "budget",
            Self::Credentials => "credentials",
            Self::Offline => "offline",
            Self::Cancelled => "cancelled",
            Self::Reported => "reported",
            Self::TimedOut => "timed_out",
            Self::Waiting => "waiting",
        }
    }

    /// Whether it may be gone the next time, though nothing is changed.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        // A call that was cancelled although nobody cancelled it here may work next time.
        matches!(self, Self::Transient | Self::TimedOut | Self::RateLimited | Self::Cancelled)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure: its kind and what the agent or the engine said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The kind.
    pub kind: FailureKind,
    /// The message, for people.
    pub message: String,
}

/// A unit that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitFailure {
    /// The unit.
    pub unit: UnitId,
    /// How it failed.
    pub failure: Failure,
}

/// Why a phase made no revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseError {
    /// A stable code such as `unit_failed`, `blocked`, `conflict`, `source`, `output`, `agent`, `budget`.
    pub code: String,
    /// What happened, as a sentence fragment.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The first failed units, in unit order.
    #[serde(default)]
    pub units: Vec<UnitFailure>,
    /// For a blocked phase: what is missing.
    #[serde(default)]
    pub missing: Vec<crate::scope::Target>,
}

impl PhaseError {
    /// Returns what kind of failure it was: that of the first unit, else the code.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.units.first().map_or(self.code.as_str(), |unit| unit.failure.kind.as_str())
    }
}
