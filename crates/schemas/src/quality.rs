//! What `qc --json` prints: what is wrong with what a run made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::RunId;

/// What is wrong with what a run made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QualityReport {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// The project.
    pub project: String,
    /// The run that was looked at.
    pub run_id: RunId,
    /// 100 less what each finding weighs, and never less than 0.
    pub score: u32,
    /// The word for it.
    pub grade: Grade,
    /// The least score that passes, where one was asked for.
    pub fail_under: Option<u32>,
    /// Whether it passes.
    pub passed: bool,
    /// How many steps were looked at.
    pub steps: u64,
    /// How many records of them.
    pub records: u64,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// The model that was asked as well; null where none was.
    pub model: Option<String>,
    /// What people should know of how it was looked at: what was left out, what the model said that nothing bears out.
    pub notes: Vec<String>,
    /// The exit code of the command.
    pub exit_code: u8,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub category: Category,
    /// The rule that found it; `model` where a model did.
    pub rule: String,
    /// The step, with its scope: `translate@ja`.
    pub step: String,
    /// The record, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The words that show it, with stars in place of secrets.
    pub evidence: Option<String>,
    /// How often it was found in this step.
    pub count: u64,
}

/// How much a finding matters, and what it weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 40: nobody should use the result.
    Critical,
    /// 15: something is wrong.
    Error,
    /// 5: something may be wrong.
    Warning,
    /// 1: worth knowing.
    Info,
}

impl Severity {
    /// Returns what a finding of it weighs.
    #[must_use]
    pub const fn weight(self) -> u32 {
        match self {
            Self::Critical => 40,
            Self::Error => 15,
            Self::Warning => 5,
            Self::Info => 1,
        }
    }

    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// What was made.
    Content,
    /// The form that it has.
    Format,
    /// How large it is.
    Size,
    /// Whether all of it is there, in the shape that was declared.
    Structure,
    /// How long it took, and how often it was tried.
    Performance,
    /// What should not be in it.
    Security,
    /// What was to be kept to.
    Compliance,
}

impl Category {
    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Format => "format",
            Self::Size => "size",
            Self::Structure => "structure",
            Self::Performance => "performance",
            Self::Security => "security",
            Self::Compliance => "compliance",
        }
    }
}

/// The word for a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// 90 and more.
    Excellent,
    /// 75 and more.
    Good,
    /// 60 and more.
    Fair,
    /// 40 and more.
    Poor,
    /// 25 and more.
    Bad,
    /// Less.
    Unusable,
}

impl Grade {
    /// Returns the word for a score.
    #[must_use]
    pub const fn of(score: u32) -> Self {
        match score {
            90.. => Self::Excellent,
            75.. => Self::Good,
            60.. => Self::Fair,
            40.. => Self::Poor,
            25.. => Self::Bad,
            _ => Self::Unusable,
        }
    }

    /// Returns the word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Excellent => "excellent",
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Poor => "poor",
            Self::Bad => "bad",
            Self::Unusable => "unusable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_has_the_word_of_the_bound_that_it_reaches() {
        let words = [100, 90, 89, 75, 74, 60, 59, 40, 39, 25, 24, 0].map(|score| Grade::of(score).as_str());
        let expect = ["excellent", "excellent", "good", "good", "fair", "fair", "poor", "poor", "bad", "bad"];
        assert_eq!(words[..10], expect);
        assert_eq!(words[10..], ["unusable", "unusable"]);
    }
}
