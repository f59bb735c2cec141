//! What records say of themselves: issues, changes, texts that are still their source.

use std::collections::BTreeMap;

use refrain_schemas::digest::Digest;
use refrain_schemas::json::scalar_text;
use refrain_schemas::overview::{ChangeSums, IssueSums, RuleSum};
use refrain_schemas::phase_spec::MergeSpec;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::model::{Phase, Work};
use crate::ports::store::{Store, StoreError};
use crate::tree::walk::walk;

/// Sums over the records of an artifact.
#[derive(Debug, Clone, Default)]
pub(super) struct RecordSums {
    /// By rule, and then by severity, the worst first.
    rules: BTreeMap<(String, u8, String), u64>,
    has_issues: bool,
    /// Records that say what was changed; `None` where none could.
    pub(super) changes: Option<ChangeSums>,
    /// Records whose text is their source; `None` where no record has both.
    pub(super) untranslated: Option<u64>,
}

/// The fields that are looked at, as canonical text.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    rule: Option<&'a RawValue>,
    #[serde(borrow)]
    severity: Option<&'a RawValue>,
    #[serde(borrow)]
    changes: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
}

impl RecordSums {
    /// Goes through the records of an artifact of a phase.
    pub(super) async fn of(store: &dyn Store, artifact: Digest, phase: &Phase) -> Result<Self, StoreError> {
        // Where nothing was found, no record tells that it would have been an issue.
        let mut sums = Self { has_issues: tells_rules_apart(phase), ..Self::default() };
        walk(store, artifact, |entry| {
            if !entry.hole {
                sums.add(entry.text());
            }
        })
        .await?;
        Ok(sums)
    }

    fn add(&mut self, record: &str) {
        let Ok(fields) = serde_json::from_str::<Fields<'_>>(record) else { return };
        if let (Some(rule), Some(severity)) = (text(fields.rule), text(fields.severity)) {
            self.has_issues = true;
            *self.rules.entry((rule, rank(&severity), severity)).or_default() += 1;
        }
        if let Some(changes) =
            fields.changes.and_then(|raw| serde_json::from_str::<Vec<IgnoredAny>>(raw.get()).ok())
        {
            let sums = self.changes.get_or_insert_default();
            sums.changes += changes.len() as u64;
            sums.records += u64::from(!changes.is_empty());
        }
        if let (Some(now), Some(source)) = (string(fields.text), string(fields.source)) {
            let is_blank = || scalar_text(source).is_none_or(|text| text.trim().is_empty());
            *self.untranslated.get_or_insert_default() += u64::from(now == source && !is_blank());
        }
    }

    /// Returns the issues, where the records are some.
    pub(super) fn issues(&self) -> Option<IssueSums> {
        let rule = |((rule, _, severity), count): (&(String, u8, String), &u64)| RuleSum {
            rule: rule.clone(),
            severity: severity.clone(),
            count: *count,
        };
        let rules: Vec<RuleSum> = self.rules.iter().map(rule).collect();
        self.has_issues.then(|| IssueSums { total: rules.iter().map(|rule| rule.count).sum(), rules })
    }
}

/// Whether records of a phase are the same only where their rules are.
pub(in crate::queries) fn tells_rules_apart(phase: &Phase) -> bool {
    match &phase.work {
        Work::Ask(work) => {
            matches!(&work.merge, MergeSpec::Union(fields) if fields.iter().any(|field| field == "rule"))
        }
        Work::Read(_) | Work::Write(_) | Work::Loop(_) => false,
    }
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    Some(scalar_text(raw?.get())?.into_owned())
}

/// Returns the canonical text of a string.
fn string(raw: Option<&RawValue>) -> Option<&str> {
    raw.map(RawValue::get).filter(|text| text.starts_with('"'))
}

/// Returns how bad a severity is; 0 for the worst.
pub(super) fn rank(severity: &str) -> u8 {
    match severity {
        "error" => 0,
        "warning" => 1,
        "info" => 2,
        _ => 3,
    }
}
