//! How a run ended: what ran, what was reused, what failed, and what to try next.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::failure::{PhaseError, UnitFailure};
use refrain_schemas::report::{KeptFile, PhaseReport, PhaseStatus, RunReport, RunStatus};

use crate::again::Again;
use crate::args::people::signed;
use crate::render::next::next;
use crate::render::noun::Noun;
use crate::render::numbers::{count, counted, money, some, usage};
use crate::render::page::{Page, Tone, cut};
use crate::render::table::{Align, Table, cell, toned};
use crate::render::words;
use crate::shell::quoted;

/// How much of a failure is shown beside its phase; the whole stands below.
const WHY_WIDTH: usize = 60;
/// How much of an output is shown; `--json` has the whole.
const OUTPUT_WIDTH: usize = 100;

/// Units that failed in a phase that made a revision without them.
#[derive(Debug)]
pub(crate) struct Holes {
    /// The phase and scope.
    pub(crate) target: String,
    /// The first of them.
    pub(crate) units: Vec<UnitFailure>,
}

/// Writes the end of a run. `again` is the command that goes on with it.
pub(crate) fn write(page: &mut Page, noun: Noun, report: &RunReport, holes: &[Holes], again: &Again) {
    page.table(&table(noun, report));
    for Holes { target, units } in holes {
        page.gap();
        page.line(&[(Tone::Warn, target), (Tone::Plain, " lacks units:")]);
        words::failed_units(page, units);
    }
    errors(page, report, again);
    kept(page, report);
    outputs(page, report);
    page.gap();
    summary(page, report);
    words::to_review(
        page,
        report.phases.iter().filter_map(|phase| phase.edits).map(|edits| edits.to_review()).sum(),
    );
    if let Some(left) = left(report) {
        page.wrapped(&[(Tone::Strong, "left:")], &left);
    }
    if let Some(next) = next(report, holes, again) {
        page.wrapped(&[(Tone::Strong, "next:")], &next);
    }
}

fn table(noun: Noun, report: &RunReport) -> Table {
    let mut table = Table::new(&[
        (noun.heading(), Align::Left),
        ("STATUS", Align::Left),
        ("REV", Align::Right),
        ("RAN", Align::Right),
        ("REUSED", Align::Right),
        ("FAILED", Align::Right),
        ("CALLS", Align::Right),
        ("COST", Align::Right),
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
            toned(Tone::Bad, some(units.failed.saturating_sub(waiting(phase)))),
            cell(some(phase.calls)),
            cell(phase.usage.cost_usd.map(money).unwrap_or_default()),
            toned(Tone::Faint, why(phase)),
        ]);
    }
    table.without_empty_columns()
}

/// Returns how many units a person is to answer for.
fn waiting(phase: &PhaseReport) -> u64 {
    if phase.status == PhaseStatus::Waiting { phase.units.failed } else { 0 }
}

fn why(phase: &PhaseReport) -> String {
    match &phase.error {
        Some(error) if error.code == phase.status.as_str() => String::new(),
        Some(error) => {
            let head = if phase.status == PhaseStatus::Completed { "a value stands in: " } else { "" };
            let first = words::error_message(error).lines().next().unwrap_or_default();
            cut(&format!("{head}{first}"), WHY_WIDTH)
        }
        None => words::few_causes(&phase.causes),
    }
}

/// Writes every failure once; phases that only wait for a failed one are counted.
fn errors(page: &mut Page, report: &RunReport, again: &Again) {
    let mut roots: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut waiting: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let stops = stops(report);
    let mut told: BTreeSet<String> = BTreeSet::new();
    for phase in &report.phases {
        let Some(error) = &phase.error else { continue };
        let error = &with_program(error, again);
        let target = words::target(&phase.phase, &phase.scope);
        let mut of = BTreeSet::from([target.clone()]);
        if phase.status == PhaseStatus::Blocked && !error.missing.is_empty() {
            of.clear();
            for missing in error.missing.iter().map(ToString::to_string) {
                // What is needed stands above; what does not is missing for a reason of its own.
                of.extend(roots.get(&missing).cloned().unwrap_or_else(|| BTreeSet::from([missing])));
            }
        }
        let same =
            stops.get(error.message.as_str()).filter(|_| is_stop(phase)).map_or(&[][..], Vec::as_slice);
        let root = of.first().filter(|root| of.len() == 1 && **root != target && roots.contains_key(*root));
        if let Some(root) = root {
            waiting.entry(root.clone()).or_default().push(target.clone());
        } else if same.len() < 2 {
            page.gap();
            words::phase_error(page, &target, error);
        } else if told.insert(error.message.clone()) {
            page.gap();
            words::phase_error(page, &words::named_briefly(same), error);
        }
        roots.insert(target, of);
    }
    if !waiting.is_empty() {
        page.gap();
    }
    for (root, targets) in &waiting {
        match targets.as_slice() {
            [target] => page.plain(&format!("{target} waits for {root}")),
            _ => page.plain(&format!("{} wait for {root}", counted(targets.len() as u64, "phase"))),
        }
    }
}

/// Returns an error whose hint names commands as they are to be written for this file.
fn with_program(error: &PhaseError, again: &Again) -> PhaseError {
    let rest = error.hint.as_deref().and_then(|hint| hint.strip_prefix("refrain "));
    let hint = rest.map(|rest| format!("{} {rest}", again.program()));
    PhaseError { hint: hint.or_else(|| error.hint.clone()), ..error.clone() }
}

/// Writes which files of people were replaced, and where they are now.
fn kept(page: &mut Page, report: &RunReport) {
    let by = signed();
    for KeptFile { path, copy, imported } in report.phases.iter().flat_map(|phase| &phase.kept) {
        page.gap();
        let text = if *imported {
            format!("{path} was imported, but not all that is in it; as it was, it is in {copy}")
        } else {
            format!(
                "{path} was not as a run here wrote it; what it was is in {copy}, and `refrain edit import {}{by}` takes it over",
                quoted(copy)
            )
        };
        page.wrapped(&[(Tone::Warn, "kept:")], &text);
    }
}

/// Writes what the run gives: the beginning of each value, and why there is none.
fn outputs(page: &mut Page, report: &RunReport) {
    if report.outputs.is_empty() && report.output_errors.is_empty() {
        return;
    }
    page.gap();
    for (name, value) in &report.outputs {
        let whole = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let first = whole.lines().next().unwrap_or_default();
        let text =
            if first.len() < whole.trim_end().len() { format!("{first} …") } else { first.to_owned() };
        page.line(&[(Tone::Strong, name), (Tone::Plain, ": "), (Tone::Plain, &cut(&text, OUTPUT_WIDTH))]);
    }
    for (name, why) in &report.output_errors {
        page.wrapped(&[(Tone::Bad, &format!("{name}:"))], &format!("not made: {why}"));
    }
}

/// Whether the run ended a phase early, for a reason that is its own and not the phase's.
fn is_stop(phase: &PhaseReport) -> bool {
    // A blocked phase waits for something of its own; anything else that is said of several is one thing, such as a bad row of
    // a file that all of them read.
    let is_one =
        |error: &PhaseError| error.units.is_empty() && error.missing.is_empty() && error.code != "blocked";
    phase.error.as_ref().is_some_and(is_one)
}

/// Returns the phases that ended for a reason that is not their own, by the reason.
fn stops(report: &RunReport) -> BTreeMap<&str, Vec<String>> {
    let mut stops: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for phase in report.phases.iter().filter(|phase| is_stop(phase)) {
        if let Some(error) = &phase.error {
            stops.entry(&error.message).or_default().push(words::target(&phase.phase, &phase.scope));
        }
    }
    stops
}

fn summary(page: &mut Page, report: &RunReport) {
    let tone = match report.status {
        RunStatus::Completed => Tone::Good,
        RunStatus::Failed | RunStatus::Blocked => Tone::Bad,
        RunStatus::Partial | RunStatus::Waiting | RunStatus::Stopped | RunStatus::Cancelled => Tone::Warn,
    };
    let mut parts = vec![counted(report.calls, "call")];
    if report.retries > 0 {
        parts.push(format!("{} of them {}", some(report.retries), retries(report)));
    }
    let units = report.units;
    if units.total > 0 {
        parts.push(format!("{} asked", counted(units.ran, "unit")));
        parts.push(format!("{} reused", counted(units.reused, "unit")));
    }
    let waiting: u64 = report.phases.iter().map(waiting).sum();
    let told = [(units.failed.saturating_sub(waiting), "failed"), (waiting, "for a person to answer")];
    for (n, what) in told.into_iter().filter(|(n, _)| *n > 0) {
        parts.push(format!("{} {what}", counted(n, "unit")));
    }
    if report.in_doubt > 0 {
        parts.push(format!("{} of earlier runs in doubt", counted(report.in_doubt, "call")));
    }
    parts.extend(usage(&report.usage));
    let status = format!("{}:", report.status.as_str());
    page.wrapped(&[(tone, &status)], &parts.join(", "));
}

/// Returns what calls were made again for.
fn retries(report: &RunReport) -> String {
    match report.repairs {
        0 => "retries".to_owned(),
        n if n == report.retries => "repairs".to_owned(),
        n => format!("retries, {} to repair a reply", count(n)),
    }
}

/// Returns what a run that was stopped has not come to; nothing where there is nothing left.
fn left(report: &RunReport) -> Option<String> {
    let stopped = report.phases.iter().filter(|phase| phase.status == PhaseStatus::Stopped);
    let mut parts = Vec::new();
    let mut n_unbegun = 0;
    for phase in stopped {
        let units = phase.units;
        match units.total.saturating_sub(units.ran + units.reused + units.failed) {
            0 => n_unbegun += 1,
            n => {
                let target = words::target(&phase.phase, &phase.scope);
                parts.push(format!("{} of {target}", counted(n, "unit")));
            }
        }
    }
    if n_unbegun > 0 {
        parts.push(format!("{} behind", counted(n_unbegun, "phase")));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use serde_json::{Value, json};

    fn rendered(report: Value) -> String {
        let report: RunReport = serde_json::from_value(report).unwrap();
        let mut page = Page::new(Theme { color: false, width: 80 });
        let unit = json!({"unit": "line_1", "failure": {"kind": "refused", "message": "no way"}});
        let units = vec![serde_json::from_value(unit).unwrap()];
        let partial = report.status == RunStatus::Partial;
        let holes: Vec<Holes> =
            partial.then(|| Holes { target: "qa".to_owned(), units }).into_iter().collect();
        write(&mut page, Noun::Phases, &report, &holes, &Again::plain(&["run"]));
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
        translate["edits"] =
            json!({"standing": 40, "applied": 40, "conflicts": 3, "source_changed": 0, "orphans": 0});
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
    fn what_a_run_gives_is_shown_by_its_beginning() {
        let mut report = report("failed", &[phase("qa", "completed", 1, 0, 0)]);
        report["outputs"] = json!({"count": 2, "names": ["ann", "bob"], "text": "one\ntwo\n", "line": "one\n", "long": "x".repeat(200)});
        report["output_errors"] = json!({"size": "out/a.txt is no whole number"});
        insta::assert_snapshot!(rendered(report));
    }

    #[test]
    fn phases_that_wait_for_a_failed_one_are_counted() {
        let blocked = |name: &str, missing: &str| {
            let mut blocked = phase(name, "blocked", 0, 0, 0);
            blocked["error"] = json!({
                "code": "blocked", "message": format!("{missing} has no revision"), "hint": null, "units": [],
                "missing": [{"phase": missing, "scope": {}}]
            });
            blocked
        };
        let mut failed = phase("ingest", "failed", 0, 0, 0);
        failed["error"] = json!({
            "code": "source", "message": "1 problem in the files\na.csv:2:1 bad", "hint": null, "units": [],
            "missing": []
        });
        let phases = [failed, blocked("edit", "ingest"), blocked("qa", "edit"), blocked("other", "gone")];
        insta::assert_snapshot!(rendered(report("failed", &phases)));
    }

    #[test]
    fn failed_units_of_a_partial_run_are_named() {
        insta::assert_snapshot!(rendered(report("partial", &[phase("qa", "partial", 1, 0, 1)])));
    }

    #[test]
    fn a_run_that_its_budget_stopped_says_what_is_left() {
        let mut translate = phase("translate", "stopped", 400, 100, 0);
        translate["units"]["total"] = json!(912);
        translate["usage"] = json!({"input_tokens": 90_000, "output_tokens": 8_000, "cost_usd": 0.097});
        translate["error"] = json!({
            "code": "budget", "message": "the budget of the run is $0.10: $0.097 spent, the next call may take $0.005",
            "hint": "raise `--max-cost` or `budget:`, and run again to go on where it stopped", "units": [], "missing": []
        });
        let mut report = report("stopped", &[translate, phase("qa", "stopped", 0, 0, 0)]);
        report["retries"] = json!(3);
        report["repairs"] = json!(2);
        insta::assert_snapshot!(rendered(report));
    }

    #[test]
    fn one_reason_is_told_once_and_no_call_is_no_beginning() {
        let stopped = |name: &str| {
            let mut phase = phase(name, "stopped", 0, 0, 0);
            phase["error"] = json!({
                "code": "budget", "message": "the budget of the run is $0.01: the next call may take $0.0234",
                "hint": "raise `--max-cost`", "units": [], "missing": []
            });
            phase
        };
        let mut report = report("stopped", &[stopped("a"), stopped("b")]);
        report["calls"] = json!(0);
        let text = rendered(report);
        assert_eq!(text.matches("may take $0.0234").count(), 1, "{text}");
        assert!(text.contains("a, b: the budget"), "{text}");
        assert!(text.contains("next: the ceiling is below what one call may cost ($0.0234)"), "{text}");
    }

    #[test]
    fn failures_with_one_cause_are_told_together() {
        let mut failed = phase("t", "failed", 0, 0, 2);
        let unit = |id: &str| json!({"unit": id, "failure": {"kind": "refused", "message": "no"}});
        failed["error"] = json!({
            "code": "unit_failed", "message": "2 of 2 units failed", "hint": null,
            "units": [unit("l001"), unit("l002")], "missing": []
        });
        let text = rendered(report("failed", &[failed]));
        assert!(text.contains("2 units: no (refused), first `l001`"), "{text}");
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
