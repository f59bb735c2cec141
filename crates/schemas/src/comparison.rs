//! What `compare --json` prints: two revisions, line by line.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{PhaseName, Revision};
use crate::scope::Scope;
use crate::time::Timestamp;
use crate::usage::Usage;

/// Two revisions, A and B, compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// The field whose texts are compared; null where records are compared as a whole.
    pub field: Option<String>,
    /// The first one.
    pub a: Side,
    /// The second one.
    pub b: Side,
    /// What became of the records, paired by their keys.
    pub records: PairCounts,
    /// How much of the text of all pairs differs, from 0 to 1: characters to insert, delete or replace, over the
    /// characters of the longer text of each pair.
    pub edit_ratio: f64,
    /// How alike the texts of all pairs are, in chrF from 0 to 100; which of the two is better it does not say.
    pub likeness: f64,
    /// What was measured on both sides, as far as it could be.
    pub measures: Vec<Measure>,
    /// How many pairs have a reference; null where there are no references.
    pub referenced: Option<u64>,
    /// The pairs that differ most, the most different first.
    pub examples: Vec<Example>,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// The phase.
    pub phase: PhaseName,
    /// The scope.
    pub scope: Scope,
    /// The revision.
    pub revision: Revision,
    /// When it was made.
    pub at: Timestamp,
    /// Its records.
    pub records: u64,
    /// Units that it lacks.
    pub holes: u64,
    /// What the calls of this revision consumed; what it kept of earlier ones is not in it.
    pub usage: Usage,
    /// What was found in it, by each phase that looked at just this artifact.
    pub issues: Vec<SideIssues>,
}

/// What one phase found in a revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SideIssues {
    /// The phase that looked.
    pub phase: PhaseName,
    /// Its scope.
    pub scope: Scope,
    /// Its revision.
    pub revision: Revision,
    /// How many issues it found.
    pub issues: u64,
    /// Of these, how many are errors.
    pub errors: u64,
}

/// What became of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairCounts {
    /// Pairs with the same text.
    pub same: u64,
    /// Pairs whose texts differ.
    pub changed: u64,
    /// Records that only B has.
    pub added: u64,
    /// Records that only A has.
    pub removed: u64,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MeasureKind {
    /// chrF against references, from 0 to 100; more is better.
    Chrf,
    /// Issues per thousand lines; fewer is better.
    Issues,
    /// Issues of severity `error` per thousand lines; fewer is better.
    Errors,
}

/// A measure on both sides, over the pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// What is measured.
    pub kind: MeasureKind,
    /// How many pairs it was measured on.
    pub pairs: u64,
    /// Its value for A.
    pub a: f64,
    /// Its value for B.
    pub b: f64,
    /// B less A.
    pub difference: f64,
    /// The lower end of the 95 % confidence interval of the difference.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// What that says.
    pub verdict: MeasureVerdict,
}

/// What a difference says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MeasureVerdict {
    /// A is better than chance would make it.
    ABetter,
    /// B is better than chance would make it.
    BBetter,
    /// There is no difference that chance would not make.
    NoDifference,
}

/// One pair that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The key.
    pub key: String,
    /// How much of the text differs, from 0 to 1.
    pub edit_ratio: f64,
    /// The text of A.
    pub a: String,
    /// The text of B.
    pub b: String,
    /// The reference, where there is one.
    pub reference: Option<String>,
}
