//! The report on a terminal: what there is, how good it is, what it cost, where that went, and how it came about.

use refrain_schemas::overview::{CallSums, Overview, PhaseOverview, Place};

use crate::render::numbers::{count, counted, money, percent, seconds, some, time, usage_and_doubts};
use crate::render::page::{Page, Tone};
use crate::render::table::{Align, Table, cell, toned};
use crate::render::words;

/// How many revisions of each phase are shown.
const REVISIONS_SHOWN: usize = 3;

/// Writes a report.
pub(crate) fn write(page: &mut Page, report: &Overview) {
    if report.under_way {
        let text = "a run is under way; figures are those of this moment";
        page.wrapped(&[(Tone::Warn, "note:")], text);
        page.gap();
    }
    page.table(&state(report));
    part(page, "texts", texts(report));
    part(page, "issues", issues(report));
    part(page, "calls", costs(report));
    part(page, "slowest", places(report, |phase| &phase.places.slowest));
    part(page, "dearest", places(report, |phase| &phase.places.dearest));
    part(page, "revisions", revisions(report));
    page.gap();
    page.wrapped(&[(Tone::Strong, "in all:")], &sums(&report.calls));
    if let Some(gone) = report.gone.as_ref().filter(|gone| gone.done + gone.in_doubt > 0) {
        let text = format!("{} for phases and scopes that are no longer in the pipeline", sums(gone));
        page.wrapped(&[(Tone::Faint, "besides:")], &text);
    }
}

/// Writes a part with a heading, unless there is nothing in it.
fn part(page: &mut Page, heading: &str, table: Table) {
    if !table.is_empty() {
        page.gap();
        page.line(&[(Tone::Strong, heading)]);
        page.table(&table.without_empty_columns());
    }
}

/// Returns the name of a phase in its scope.
pub(crate) fn name(phase: &PhaseOverview) -> String {
    words::target(&phase.phase, &phase.scope)
}

fn state(report: &Overview) -> Table {
    let mut table = Table::new(&[
        ("PHASE", Align::Left),
        ("STATE", Align::Left),
        ("REV", Align::Right),
        ("UNITS", Align::Right),
        ("COVERED", Align::Right),
        ("MISSING", Align::Right),
        ("RECORDS", Align::Right),
        ("CONFLICTS", Align::Right),
    ]);
    for phase in &report.phases {
        let coverage = phase.coverage;
        let there = coverage.map(|coverage| (coverage.holes, percent(coverage.percent)));
        table.row([
            cell(name(phase)),
            toned(words::freshness_tone(phase.freshness), phase.freshness.as_str()),
            cell(phase.revision.map(|revision| revision.to_string()).unwrap_or_default()),
            cell(coverage.map(|coverage| count(coverage.units)).unwrap_or_default()),
            match there {
                Some((0, there)) => cell(there),
                Some((_, there)) => toned(Tone::Warn, there),
                None => cell(""),
            },
            toned(Tone::Bad, some(coverage.map_or(0, |coverage| coverage.holes))),
            cell(coverage.map(|coverage| count(coverage.records)).unwrap_or_default()),
            toned(Tone::Warn, some(phase.conflicts)),
        ]);
    }
    table.without_empty_columns()
}

fn texts(report: &Overview) -> Table {
    let mut table = Table::new(&[
        ("PHASE", Align::Left),
        ("CHANGED", Align::Right),
        ("UNTRANSLATED", Align::Right),
        ("EDITED BY PEOPLE", Align::Right),
        ("EDIT CONFLICTS", Align::Right),
        ("ORPHANS", Align::Right),
    ]);
    for phase in &report.phases {
        if phase.changes.is_none() && phase.untranslated.is_none() && phase.edits.is_none() {
            continue;
        }
        let edits = phase.edits.unwrap_or_default();
        table.row([
            cell(name(phase)),
            cell(phase.changes.map(|changes| count(changes.records)).unwrap_or_default()),
            cell(phase.untranslated.map(count).unwrap_or_default()),
            cell(some(edits.applied)),
            toned(Tone::Warn, some(edits.conflicts)),
            toned(Tone::Warn, some(edits.orphans)),
        ]);
    }
    table
}

fn issues(report: &Overview) -> Table {
    let mut table = Table::new(&[
        ("PHASE", Align::Left),
        ("RULE", Align::Left),
        ("SEVERITY", Align::Left),
        ("ISSUES", Align::Right),
    ]);
    for phase in &report.phases {
        let Some(issues) = &phase.issues else { continue };
        if issues.rules.is_empty() {
            table.row([cell(name(phase)), cell(""), cell(""), toned(Tone::Good, "none")]);
        }
        for rule in &issues.rules {
            let tone = severity_tone(&rule.severity);
            table.row([
                cell(name(phase)),
                cell(&rule.rule),
                toned(tone, &rule.severity),
                cell(count(rule.count)),
            ]);
        }
    }
    table
}

fn severity_tone(severity: &str) -> Tone {
    match severity {
        "error" => Tone::Bad,
        "warning" => Tone::Warn,
        _ => Tone::Plain,
    }
}

fn costs(report: &Overview) -> Table {
    let mut table = Table::new(&[
        ("PHASE", Align::Left),
        ("CALLS", Align::Right),
        ("AGAIN", Align::Right),
        ("TOOK", Align::Right),
        ("TOKENS", Align::Right),
        ("COST", Align::Right),
        ("WASTED", Align::Right),
        ("ON", Align::Left),
    ]);
    for phase in report.phases.iter().filter(|phase| phase.calls.done > 0) {
        let calls = &phase.calls;
        table.row([
            cell(name(phase)),
            cell(count(calls.done)),
            cell(some(calls.retries)),
            cell(seconds(calls.seconds)),
            cell(some(calls.usage.tokens())),
            cell(calls.usage.cost_usd.map(money).unwrap_or_default()),
            toned(Tone::Warn, wasted(calls).unwrap_or_default()),
            toned(Tone::Faint, failures(calls)),
        ]);
    }
    table
}

/// Returns what was consumed for nothing: dollars where they are known, else tokens.
pub(crate) fn wasted(calls: &CallSums) -> Option<String> {
    let waste = &calls.waste;
    match waste.usage.cost_usd.filter(|dollars| *dollars > 0.0) {
        Some(dollars) => Some(money(dollars)),
        None if waste.usage.tokens() > 0 => Some(counted(waste.usage.tokens(), "token")),
        None => None,
    }
}

/// Returns what asks failed of: `3 invalid, 1 transient`.
pub(crate) fn failures(calls: &CallSums) -> String {
    let kinds = calls.waste.kinds.iter();
    let parts: Vec<String> = kinds.map(|kind| format!("{} {}", count(kind.asks), kind.kind)).collect();
    parts.join(", ")
}

fn places(report: &Overview, of: impl Fn(&PhaseOverview) -> &Vec<Place>) -> Table {
    let mut table = Table::new(&[
        ("PHASE", Align::Left),
        ("BY", Align::Left),
        ("NAME", Align::Left),
        ("TOOK", Align::Right),
        ("TOKENS", Align::Right),
        ("COST", Align::Right),
        ("ASKS", Align::Right),
    ]);
    // One place is not slower than others.
    for phase in report.phases.iter().filter(|phase| phase.places.total > 1) {
        for place in of(phase) {
            table.row([
                cell(name(phase)),
                toned(Tone::Faint, &phase.places.by),
                cell(&place.name),
                cell(seconds(place.seconds)),
                cell(some(place.usage.tokens())),
                cell(place.usage.cost_usd.map(money).unwrap_or_default()),
                cell(count(place.asks)),
            ]);
        }
    }
    table
}

fn revisions(report: &Overview) -> Table {
    let mut table = Table::new(&[
        ("PHASE", Align::Left),
        ("REV", Align::Right),
        ("MADE", Align::Left),
        ("ASKED", Align::Right),
        ("REUSED", Align::Right),
        ("MISSING", Align::Right),
        ("RECORDS", Align::Right),
        ("COST", Align::Right),
    ]);
    for phase in report.phases.iter().filter(|phase| phase.trend.len() > 1) {
        let first = phase.trend.len().saturating_sub(REVISIONS_SHOWN);
        for point in phase.trend.iter().skip(first) {
            table.row([
                cell(name(phase)),
                cell(point.revision.to_string()),
                toned(Tone::Faint, time(point.at)),
                cell(count(point.units.ran)),
                cell(count(point.units.reused)),
                toned(Tone::Bad, some(point.holes)),
                cell(count(point.records)),
                cell(point.usage.cost_usd.map(money).unwrap_or_default()),
            ]);
        }
    }
    table
}

/// Returns what calls came to on one line.
pub(crate) fn sums(calls: &CallSums) -> String {
    let mut parts = vec![counted(calls.done, "call")];
    if calls.in_doubt > 0 {
        parts.push(format!("{} without an outcome", counted(calls.in_doubt, "call")));
    }
    if calls.done > 0 {
        parts.push(format!("{} of agents", seconds(calls.seconds)));
    }
    parts.extend(usage_and_doubts(&calls.usage, &calls.doubtful));
    if let Some(wasted) = wasted(calls) {
        let share = share(calls).map(|share| format!(", {share}")).unwrap_or_default();
        parts.push(format!("{wasted} of it wasted ({}{share})", failures(calls)));
    }
    parts.join(", ")
}

/// Returns which share of the dollars, or of the tokens, was wasted.
pub(crate) fn share(calls: &CallSums) -> Option<String> {
    let tokens = |n: u64| u32::try_from(n).map_or(f64::from(u32::MAX), f64::from);
    let (part, whole) = match (calls.waste.usage.cost_usd, calls.usage.cost_usd) {
        (Some(part), Some(whole)) if whole > 0.0 => (part, whole),
        _ => (tokens(calls.waste.usage.tokens()), tokens(calls.usage.tokens())),
    };
    (whole > 0.0 && part > 0.0).then(|| format!("{:.1}%", 100.0 * part / whole))
}
