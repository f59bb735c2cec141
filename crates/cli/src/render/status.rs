//! Where every phase stands, and the run under way.

use refrain_schemas::failure::PhaseError;
use refrain_schemas::freshness::CauseKind;
use refrain_schemas::progress::{PhaseProgress, RunProgress};
use refrain_schemas::status::{PhaseState, StatusReport};

use crate::args::people::signed;
use crate::render::noun::Noun;
use crate::render::numbers::{count, counted, money, percent, seconds, some, time, usage};
use crate::render::page::{Page, Tone};
use crate::render::table::{Align, Cell, Table, cell, toned};
use crate::render::words;
use crate::shell::quoted;

/// Writes a status.
pub(crate) fn write(page: &mut Page, noun: Noun, report: &StatusReport) {
    if let Some(holder) = &report.holder {
        let since = time(holder.since);
        let text = format!("process {} on {} since {since}: {}", holder.pid, holder.host, holder.command);
        page.wrapped(&[(Tone::Warn, "held by")], &text);
    }
    if let Some(run) = &report.run {
        progress(page, noun, run);
        page.gap();
    }
    // While a run is under way, a call without outcome is simply on its way.
    let is_idle = report.holder.is_none();
    page.table(&table(noun, &report.phases, is_idle));
    errors(page, &report.phases);
    // What was settled since the last run is no longer to be looked at; that run will tell.
    let told = report.phases.iter().filter(|phase| !has_cause(phase, CauseKind::Edits));
    let to_review = told.filter_map(|phase| phase.edits).map(|edits| edits.to_review()).sum();
    if to_review > 0 {
        page.gap();
        words::to_review(page, to_review);
    }
    if let Some(file) = report.to_import.first() {
        page.gap();
        let by = signed();
        let name = quoted(file);
        let text = format!("if somebody changed {file}, `refrain edit import {name}{by}` takes that over");
        page.wrapped(&[(Tone::Warn, "note:")], &text);
    }
    if report.in_doubt > 0 && is_idle {
        page.gap();
        let text = format!("{} in doubt (`refrain ledger --in-doubt`)", counted(report.in_doubt, "call"));
        page.wrapped(&[(Tone::Warn, "note:")], &text);
    }
}

/// Adds why phases made no revision; what is said of several, such as of a bad row that all of them read, is said once.
fn errors(page: &mut Page, phases: &[PhaseState]) {
    let mut told: Vec<(&PhaseError, Vec<String>)> = Vec::new();
    for phase in phases {
        let Some(error) = phase.error.as_ref().filter(|_| !phase.recovered) else { continue };
        let target = words::target(&phase.phase, &phase.scope);
        let same = told.iter_mut().find(|(other, _)| {
            let is_one = error.units.is_empty() && error.missing.is_empty();
            is_one && (&other.message, &other.hint) == (&error.message, &error.hint)
        });
        match same {
            Some((_, targets)) => targets.push(target),
            None => told.push((error, vec![target])),
        }
    }
    for (error, targets) in told {
        page.gap();
        words::phase_error(page, &words::named_briefly(&targets), error);
    }
}

/// Adds that the last run was killed, and what it left.
pub(crate) fn write_killed(page: &mut Page, kept: u64) {
    let (noun, verb) = if kept == 1 { ("reply", "is") } else { ("replies", "are") };
    let text = format!("the last run was killed; {} {noun} {verb} kept: `refrain run` goes on", count(kept));
    page.gap();
    page.wrapped(&[(Tone::Warn, "note:")], &text);
}

/// Returns the word for where a phase stands. One that failed and that a value stands in for is no trouble.
fn state(phase: &PhaseState) -> Cell {
    if phase.recovered {
        return toned(Tone::Good, "recovered");
    }
    toned(words::freshness_tone(phase.freshness), phase.freshness.as_str())
}

fn has_cause(phase: &PhaseState, kind: CauseKind) -> bool {
    phase.causes.iter().any(|cause| cause.kind == kind)
}

fn table(noun: Noun, phases: &[PhaseState], doubts: bool) -> Table {
    let mut table = Table::new(&[
        (noun.heading(), Align::Left),
        ("STATE", Align::Left),
        ("REV", Align::Right),
        ("RECORDS", Align::Right),
        ("FAILED", Align::Right),
        ("CONFLICTS", Align::Right),
        ("EDITS", Align::Right),
        ("COST", Align::Right),
        ("IN DOUBT", Align::Right),
        ("WHY", Align::Left),
    ]);
    for phase in phases {
        let doubtful = phase.doubtful.cost_usd.filter(|_| doubts);
        table.row([
            cell(words::target(&phase.phase, &phase.scope)),
            state(phase),
            cell(phase.revision.map(|revision| revision.to_string()).unwrap_or_default()),
            cell(phase.records.map(count).unwrap_or_default()),
            toned(
                Tone::Bad,
                some(phase.units.filter(|_| noun == Noun::Phases).map_or(0, |units| units.failed)),
            ),
            toned(Tone::Warn, some(phase.conflicts)),
            cell(some(phase.edits.map_or(0, |edits| edits.standing))),
            cell(phase.usage.cost_usd.map(money).unwrap_or_default()),
            toned(Tone::Warn, doubtful.map(|most| format!("+ up to {}", money(most))).unwrap_or_default()),
            toned(Tone::Faint, words::few_causes(&phase.causes)),
        ]);
    }
    table.without_empty_columns()
}

fn progress(page: &mut Page, noun: Noun, run: &RunProgress) {
    let status = run.status.map_or("running", |status| status.as_str());
    let mut parts = vec![
        percent(run.percent),
        counted(run.calls, "call"),
        format!("{} since it began", seconds(run.elapsed_seconds)),
    ];
    parts.extend(run.eta_seconds.map(|eta| format!("{} left", seconds(eta))));
    parts.extend(usage(&run.usage));
    page.wrapped(&[(Tone::Strong, status)], &parts.join(", "));
    for phase in run.phases.iter().filter(|phase| phase.started && phase.status.is_none()) {
        let target = words::target(&phase.phase, &phase.scope);
        page.wrapped(&[(Tone::Plain, " "), (Tone::Strong, &target)], &phase_progress(noun, phase));
    }
}

fn phase_progress(noun: Noun, phase: &PhaseProgress) -> String {
    let units = phase.units;
    let done = units.ran + units.reused + units.failed;
    if !phase.locked {
        return "finding out what there is to do".to_owned();
    }
    let mut parts = match noun {
        Noun::Phases => vec![format!("{} of {}", count(done), counted(units.total, "unit"))],
        Noun::Steps => vec!["under way".to_owned()],
    };
    parts.extend(phase.percent.map(percent));
    parts.extend(phase.rate.map(|rate| format!("{rate:.1}/s")));
    parts.extend(phase.eta_seconds.map(|eta| format!("{} left", seconds(eta))));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use serde_json::{Value, json};

    fn rendered(report: Value) -> String {
        let report: StatusReport = serde_json::from_value(report).unwrap();
        let mut page = Page::new(Theme { color: false, width: 80 });
        write(&mut page, Noun::Phases, &report);
        page.as_str().to_owned()
    }

    fn state_of(name: &str, freshness: &str) -> Value {
        json!({
            "phase": name, "scope": {"language": "ja"}, "freshness": freshness, "causes": [], "revision": 3,
            "digest": null, "records": 1000, "units": {"total": 1000, "ran": 1, "reused": 999, "failed": 0},
            "conflicts": 0, "error": null
        })
    }

    #[test]
    fn one_word_and_the_causes_beside_it() {
        let mut stale = state_of("translate", "stale");
        stale["causes"] = json!([
            {"kind": "context_file", "subject": "glossary.csv", "old": null, "new": null},
            {"kind": "agent", "subject": "translator", "old": null, "new": null}
        ]);
        let mut partial = state_of("qa", "partial");
        partial["units"]["failed"] = json!(2);
        partial["conflicts"] = json!(4);
        partial["edits"] =
            json!({"standing": 40, "applied": 38, "conflicts": 2, "source_changed": 1, "orphans": 2});
        partial["usage"] = json!({"input_tokens": 12_000, "output_tokens": 900, "cost_usd": 1.234});
        let report = json!({
            "schema_version": 1, "holder": null, "run": null, "in_doubt": 1,
            "phases": [state_of("ingest", "fresh"), stale, partial]
        });
        insta::assert_snapshot!(rendered(report));
    }

    #[test]
    fn what_a_value_stands_in_for_is_no_trouble() {
        let mut stood_in = state_of("ask", "failed");
        stood_in["recovered"] = json!(true);
        stood_in["error"] =
            json!({"code": "unit_failed", "message": "no", "hint": null, "units": [], "missing": []});
        let report = json!({
            "schema_version": 1, "holder": null, "run": null, "in_doubt": 0, "phases": [stood_in]
        });
        let text = rendered(report);
        assert!(text.contains("recovered") && !text.contains("failed") && !text.contains("no\n"), "{text}");
    }

    #[test]
    fn a_run_under_way_is_shown_with_its_holder() {
        let units = json!({"total": 1000, "ran": 400, "reused": 20, "failed": 0});
        let report = json!({
            "schema_version": 1,
            "holder": {"pid": 42, "host": "box", "command": "refrain run", "since": "2026-03-01T12:00:00.000000Z"},
            "run": {
                "schema_version": 1, "run_id": uuid::Uuid::nil(), "at": "2026-03-01T12:01:00.000000Z",
                "status": null, "percent": 42.9, "units": units, "calls": 40, "usage": {}, "elapsed_seconds": 61.0,
                "phases": [{
                    "phase": "translate", "scope": {"language": "ja"}, "revision": 4, "status": null,
                    "started": true, "locked": true, "units": units, "calls": 40, "usage": {},
                    "percent": 42.0, "rate": 6.7, "eta_seconds": 86.0
                }]
            },
            "in_doubt": 0, "phases": [state_of("translate", "stale")]
        });
        insta::assert_snapshot!(rendered(report));
    }
}
