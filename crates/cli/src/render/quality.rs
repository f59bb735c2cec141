//! What is wrong with what a run made.

use refrain_schemas::quality::{Finding, Grade, QualityReport, Severity};

use crate::render::numbers::counted;
use crate::render::page::{Page, Tone};

/// Writes the findings, the worst first, and the score.
pub(crate) fn write(page: &mut Page, report: &QualityReport) {
    for found in &report.findings {
        finding(page, found);
    }
    for note in &report.notes {
        page.wrapped(&[(Tone::Faint, "note:")], note);
    }
    if !report.findings.is_empty() || !report.notes.is_empty() {
        page.gap();
    }
    let tone = match report.grade {
        _ if !report.passed => Tone::Bad,
        Grade::Excellent | Grade::Good => Tone::Good,
        Grade::Fair | Grade::Poor => Tone::Warn,
        Grade::Bad | Grade::Unusable => Tone::Bad,
    };
    let score = format!("{} of 100", report.score);
    let looked = format!(
        ": {}; {} and {} looked at{}",
        report.grade.as_str(),
        counted(report.steps, "step"),
        counted(report.records, "record"),
        report.model.as_ref().map_or_else(String::new, |model| format!(", {model} asked")),
    );
    page.line(&[(tone, &score), (Tone::Plain, &looked)]);
    if let Some(least) = report.fail_under.filter(|_| !report.passed) {
        page.line(&[(Tone::Bad, "failed"), (Tone::Plain, &format!(": at least {least} was asked for"))]);
    }
}

fn finding(page: &mut Page, found: &Finding) {
    let tone = match found.severity {
        Severity::Critical | Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warn,
        Severity::Info => Tone::Faint,
    };
    let place = match &found.record {
        Some(record) => format!("{}/{record}", found.step),
        None => found.step.clone(),
    };
    let times = if found.count > 1 { format!(" ({} times)", found.count) } else { String::new() };
    let text = format!("{} [{}]{times}", found.message, found.rule);
    page.wrapped(&[(tone, found.severity.as_str()), (Tone::Strong, &format!("{place}:"))], &text);
    if let Some(evidence) = &found.evidence {
        page.wrapped(&[(Tone::Plain, "   ")], evidence);
    }
}
