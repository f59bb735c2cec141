//! How a run ended: what ran, what was reused, what failed, and what to try next.

use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::report::{PhaseReport, PhaseStatus, RunReport, RunStatus};

use crate::render::numbers::{counted, some, usage};
use crate::render::page::{Page, Tone};
use crate::render::table::{Align, Table, cell, toned};
use crate::render::words;

/// Writes the end of a run. `again` is the command that goes on with it.
pub(crate) fn write(page: &mut Page, report: &RunReport, again: &str) {
    page.table(&table(report));
    errors(page, report);
    page.gap();
    summary(page, report);
    if let Some(next) = next(report, again) {
        page.wrapped(&[(Tone::Strong, "next:")], &next);
    }
}

fn table(report: &RunReport) -> Table {
    let mut table = Table::new(&[
        ("PHASE", Align::Left),
        ("STATUS", Align::Left),
        ("REV", Align::Right),
        ("RAN", Align::Right),
        ("REUSED", Align::Right),
        ("FAILED", Align::Right),
        ("CALLS", Align::Right),
        ("WHY", Align::Left),
    ]);
    for phase in &report.phases {
        let units = phase.units;
        table.row([
            cell(words::target(&phase.phase, &phase.scope)),
            toned(words::status_tone(phase.status), phase.status.as_str()),
            cell(phase.revision.map(|revision| revision.to_string()).unwrap_or_default()),
            cell(some(units.ran)),
            cell(some(units.reused)),
            toned(Tone::Bad, some(units.failed)),
            cell(some(phase.calls)),
            toned(Tone::Faint, why(phase)),
        ]);
    }
    table.without_empty_columns()
}

fn why(phase: &PhaseReport) -> String {
    match &phase.error {
        Some(error) if error.code == phase.status.as_str() => String::new(),
        Some(error) => error.code.replace('_', " "),
        None => words::causes(&phase.causes),
    }
}

fn errors(page: &mut Page, report: &RunReport) {
    for phase in &report.phases {
        if let Some(error) = &phase.error {
            page.gap();
            words::phase_error(page, &words::target(&phase.phase, &phase.scope), error);
        }
    }
}

fn summary(page: &mut Page, report: &RunReport) {
    let tone = match report.status {
        RunStatus::Completed => Tone::Good,
        RunStatus::Failed | RunStatus::Blocked => Tone::Bad,
        RunStatus::Partial | RunStatus::Waiting | RunStatus::Stopped | RunStatus::Cancelled => Tone::Warn,
    };
    let mut parts = vec![counted(report.calls, "call")];
    if report.retries > 0 {
        parts.push(format!("{} of them retries", some(report.retries)));
    }
    let units = report.units;
    if units.total > 0 {
        parts.push(format!("{} asked", counted(units.ran, "unit")));
        parts.push(format!("{} reused", counted(units.reused, "unit")));
    }
    if units.failed > 0 {
        parts.push(format!("{} failed", counted(units.failed, "unit")));
    }
    if report.in_doubt > 0 {
        parts.push(format!("{} of earlier runs in doubt", counted(report.in_doubt, "call")));
    }
    parts.extend(usage(&report.usage));
    let status = format!("{}:", report.status.as_str());
    page.wrapped(&[(tone, &status)], &parts.join(", "));
}

/// Returns what a person would do next.
fn next(report: &RunReport, again: &str) -> Option<String> {
    let first = |status: PhaseStatus| {
        let phase = report.phases.iter().find(|phase| phase.status == status)?;
        Some(words::target(&phase.phase, &phase.scope))
    };
    if report.exit_code == ExitCode::Drift.number() {
        return Some("a run without `--offline` asks for what is not on record".to_owned());
    }
    match report.status {
        RunStatus::Completed => {
            let made = report.phases.iter().rev().find(|phase| phase.status == PhaseStatus::Completed)?;
            let target = words::target(&made.phase, &made.scope);
            Some(format!("`refrain show {target}` shows what was made"))
        }
        RunStatus::Partial => {
            let target = first(PhaseStatus::Partial)?;
            Some(format!("`refrain why {target}` names the units; `{again}` asks only them again"))
        }
        RunStatus::Failed => {
            let target = first(PhaseStatus::Failed)?;
            Some(format!("mend {target}, then `{again}`: every reply that came back is kept"))
        }
        RunStatus::Blocked => Some(format!("see to what is missing, then `{again}`")),
        RunStatus::Waiting => Some("see to what the phase waits for, then run again".to_owned()),
        RunStatus::Stopped => Some(format!("`{again}` goes on where this run stopped, with a new budget")),
        RunStatus::Cancelled => Some(format!("`{again}` goes on where this run stopped")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use serde_json::{Value, json};

    fn rendered(report: Value) -> String {
        let report: RunReport = serde_json::from_value(report).unwrap();
        let mut page = Page::new(Theme { color: false, width: 80 });
        write(&mut page, &report, "refrain run");
        page.as_str().to_owned()
    }

    fn phase(name: &str, status: &str, ran: u64, reused: u64, failed: u64) -> Value {
        json!({
            "phase": name, "scope": {}, "status": status, "revision": 2, "calls": ran, "retries": 0,
            "units": {"total": ran + reused + failed, "ran": ran, "reused": reused, "failed": failed},
            "digest": null, "usage": {}, "causes": [], "error": null
        })
    }

    fn report(status: &str, phases: &[Value]) -> Value {
        json!({
            "schema_version": 1, "run_id": uuid::Uuid::nil(), "status": status, "exit_code": 0, "calls": 3,
            "retries": 1, "in_doubt": 0, "units": {"total": 2050, "ran": 3, "reused": 2047, "failed": 0},
            "usage": {"input_tokens": 1200, "output_tokens": 300, "cost_usd": 0.0042}, "cost_usd": 0.0042,
            "phases": phases
        })
    }

    #[test]
    fn a_completed_run_is_a_short_table() {
        let mut translate = phase("translate", "completed", 1, 999, 0);
        translate["scope"] = json!({"language": "ja"});
        translate["causes"] = json!([
            {"kind": "context_file", "subject": "glossary.csv", "old": null, "new": null},
            {"kind": "upstream", "subject": "ingest", "old": null, "new": null}
        ]);
        insta::assert_snapshot!(rendered(report(
            "completed",
            &[phase("ingest", "fresh", 0, 0, 0), translate]
        )));
    }

    #[test]
    fn a_failed_run_names_the_units_and_the_way_on() {
        let mut failed = phase("translate", "failed", 1, 0, 2);
        failed["error"] = json!({
            "code": "unit_failed", "message": "2 units failed", "hint": "see `refrain ledger --phase translate`",
            "units": [{"unit": "line_1", "failure": {"kind": "refused", "message": "no\u{1b}[2J way"}}],
            "missing": []
        });
        let mut blocked = phase("qa", "blocked", 0, 0, 0);
        blocked["error"] = json!({
            "code": "blocked", "message": "translate has no revision", "hint": null, "units": [],
            "missing": [{"phase": "translate", "scope": {"language": "ja"}}]
        });
        insta::assert_snapshot!(rendered(report("failed", &[failed, blocked])));
    }

    #[test]
    fn every_other_end_says_how_to_go_on() {
        for status in ["partial", "blocked", "waiting", "stopped", "cancelled"] {
            let text = rendered(report(status, &[phase("qa", "partial", 1, 0, 1)]));
            assert!(text.contains(&format!("{status}: 3 calls, 1 of them retries")), "{text}");
            assert!(text.contains("next: "), "{text}");
        }
    }
}
