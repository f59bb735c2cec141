//! What `refrain doctor` found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What `refrain doctor --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DoctorReport {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// Whether nothing is wrong; warnings do not count.
    pub ok: bool,
    /// The version of Refrain.
    pub version: String,
    /// Every check, in the order they were made.
    pub checks: Vec<DoctorCheck>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DoctorCheck {
    /// What was looked at, such as `store` or `variable`; several checks may have one name.
    pub name: String,
    /// How it ended.
    pub status: DoctorStatus,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoctorStatus {
    /// All is well.
    Ok,
    /// Worth a look.
    Warn,
    /// Wrong.
    Fail,
}
