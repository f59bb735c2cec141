//! What was found so far: one entry for each rule in each step.

use refrain_schemas::quality::{Category, Finding, Severity};

use crate::check::masked_words;

/// How long words are that show something.
const SHOWN: usize = 160;

/// Findings and notes.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Vec<String>,
}

/// A rule that something broke.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    pub(super) category: Category,
}

/// What a step made, for a model to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The step, with its scope.
    pub step: String,
    /// How it ended.
    pub status: String,
    /// Who made it.
    pub made_by: MadeBy,
    /// What it made, or why it failed; cut where it is long, with stars in place of secrets.
    pub text: String,
    /// Whether something was cut off.
    pub is_cut: bool,
}

/// Who made something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeBy {
    /// A model.
    Model,
    /// A tool, a program or a service.
    Tool,
    /// It was read.
    Source,
}

impl Tally {
    /// Notes that a rule was broken; again in the same step counts.
    pub(super) fn add(
        &mut self,
        rule: Rule,
        step: &str,
        record: Option<&str>,
        message: String,
        evidence: Option<&str>,
    ) {
        let known = self.findings.iter_mut().find(|found| found.step == step && found.rule == rule.name);
        if let Some(known) = known {
            known.count += 1;
            return;
        }
        self.findings.push(Finding {
            severity: rule.severity,
            category: rule.category,
            rule: rule.name.to_owned(),
            step: step.to_owned(),
            record: record.map(str::to_owned),
            message,
            evidence: evidence.map(shown),
            count: 1,
        });
    }

    pub(super) fn note(&mut self, text: String) {
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}

/// Returns words that show something: cut, and without secrets.
pub(super) fn shown(text: &str) -> String {
    let text = masked_words(text);
    let mut cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}
