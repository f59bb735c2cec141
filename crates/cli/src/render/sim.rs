//! What a project would go through: many stories summed up, or one of them run by run.

use std::collections::BTreeMap;

use refrain_schemas::report::RunStatus;
use refrain_schemas::simulation::{SimulatedRun, SimulatedSeed, SimulatedSpread, Simulation};

use crate::render::numbers::{count, counted, money, seconds, some};
use crate::render::page::{Page, Tone};
use crate::render::table::{Align, Table, cell, toned};
use crate::render::words;

/// How many names of what failed are shown.
const NAMES_SHOWN: usize = 6;
/// How many seeds with findings are shown, and how many findings of each.
const SEEDS_SHOWN: usize = 5;
const FINDINGS_SHOWN: usize = 3;
/// How many incidents of a run are shown.
const INCIDENTS_SHOWN: usize = 12;

/// Writes what became of a project.
pub(crate) fn write(page: &mut Page, report: &Simulation) {
    write_head(page, report);
    write_undisturbed(page, report);
    if !report.story.is_empty() {
        report.story.iter().zip(1..).for_each(|(run, n)| write_run(page, run, n));
        page.gap();
    } else if report.seeds > 0 {
        write_odds(page, report);
        write_spreads(page, report);
        write_most(page, "faults:", &report.faults);
        write_most(page, "failed most:", &report.failed_units);
    }
    write_worst(page, report);
    write_findings(page, report);
}

fn write_head(page: &mut Page, report: &Simulation) {
    let what =
        if report.story.is_empty() { counted(report.seeds, "seed") } else { format!("seed {}", report.from) };
    let of = match report.seeds == report.asked {
        true => String::new(),
        false => format!(" of {}", count(report.asked)),
    };
    let text = format!("{what}{of}, {} weather; nothing was asked, written or paid", report.profile);
    page.line(&[(Tone::Strong, &text)]);
    if report.interrupted {
        page.wrapped(&[(Tone::Warn, "interrupted:")], "this is what there was time for");
    }
}

/// Says what comes of the project anyway, where that is not all.
fn write_undisturbed(page: &mut Page, report: &Simulation) {
    let run = &report.undisturbed.report;
    let calls = counted(run.calls, "call");
    let cost = run.cost_usd.map_or_else(String::new, |dollars| format!(", {}", money(dollars)));
    let text = format!("{}, {calls}{cost}, {}", run.status.as_str(), seconds(report.undisturbed.seconds));
    let is_whole = run.status == RunStatus::Completed;
    let tone = if is_whole { Tone::Strong } else { Tone::Warn };
    page.wrapped(&[(tone, "undisturbed:")], &text);
    if run.calls > 0 && report.undisturbed.seconds == 0.0 && report.faults.is_empty() {
        let text = "all agents of this project are part of refrain: nothing goes wrong with them; `--profile crash` shows what \
                    a machine in trouble does";
        page.wrapped(&[(Tone::Faint, "note:")], text);
    }
    if is_whole {
        return;
    }
    for phase in &run.phases {
        let target = words::target(&phase.phase, &phase.scope);
        if let Some(error) = &phase.error {
            words::phase_error(page, &target, error);
        } else if phase.units.failed > 0 {
            let name = format!("{target}:");
            page.wrapped(&[(Tone::Warn, &name)], &format!("{} fail", counted(phase.units.failed, "unit")));
        }
    }
    let text = "where a phase has rules or conditions that made-up answers do not meet, its units fail here and in every \
                story, and real ones need not";
    page.wrapped(&[(Tone::Faint, "note:")], text);
}

fn write_odds(page: &mut Page, report: &Simulation) {
    page.gap();
    let share = |n: u64| format!("{} {}", share(n, report.seeds), count(n));
    let mut table = Table::new(&[("FIRST RUN", Align::Left), ("SEEDS", Align::Right)]);
    let mut ends: Vec<(&String, &u64)> = report.first_runs.iter().collect();
    ends.sort_by_key(|(word, n)| (*word != "completed", std::cmp::Reverse(**n)));
    for (word, n) in ends {
        let tone = if word == "completed" { Tone::Good } else { Tone::Warn };
        table.row([toned(tone, word), cell(share(*n))]);
    }
    page.table(&table);
    page.gap();
    let runs: Vec<String> = report
        .runs
        .iter()
        .map(|(runs, n)| format!("{} {}", counted(u64::from(*runs), "run"), self::share(*n, report.seeds)))
        .collect();
    page.wrapped(&[(Tone::Strong, "all there after:")], &runs.join(", "));
    if report.last_runs.keys().any(|word| word != "completed") {
        let last: Vec<String> = report
            .last_runs
            .iter()
            .map(|(word, n)| format!("{word} {}", self::share(*n, report.seeds)))
            .collect();
        page.wrapped(&[(Tone::Strong, "in the end:")], &last.join(", "));
    }
    page.wrapped(&[(Tone::Strong, "crashes survived:")], &count(report.crashes));
}

/// Returns a share as a percentage; only what is whole is 100%, and only nothing is 0%.
#[expect(clippy::cast_precision_loss, reason = "numbers of seeds are far below 2^53")]
fn share(n: u64, of: u64) -> String {
    match 100.0 * n as f64 / of.max(1) as f64 {
        _ if n == 0 => "0%".to_owned(),
        _ if n == of => "100%".to_owned(),
        percent => format!("{:.1}%", percent.clamp(0.1, 99.9)),
    }
}

fn write_spreads(page: &mut Page, report: &Simulation) {
    page.gap();
    let mut table = Table::new(&[
        ("UNTIL ALL IS THERE", Align::Left),
        ("P5", Align::Right),
        ("P50", Align::Right),
        ("P95", Align::Right),
        ("MOST", Align::Right),
    ]);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are whole and positive"
    )]
    let whole = |n: f64| count(n as u64);
    let mut row = |name: &str, spread: Option<SimulatedSpread>, shown: &dyn Fn(f64) -> String| {
        let Some(spread) = spread else { return };
        let numbers = [spread.p5, spread.p50, spread.p95, spread.most].map(|n| cell(shown(n)));
        table.row([cell(name)].into_iter().chain(numbers));
    };
    row("calls", report.calls, &whole);
    row("cost", report.cost_usd, &money);
    row("time", report.seconds, &seconds);
    page.table(&table);
    page.gap();
    if report.cost_usd.is_none() && report.undisturbed.report.usage.tokens() > 0 {
        page.wrapped(&[(Tone::Faint, "note:")], "what it costs is not known: no model has a price");
    }
}

/// Writes names with their counts, the greatest first.
fn write_most(page: &mut Page, head: &str, counts: &BTreeMap<String, u64>) {
    if counts.is_empty() {
        return;
    }
    let mut most: Vec<(&String, &u64)> = counts.iter().collect();
    most.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let shown = most.iter().take(NAMES_SHOWN);
    let mut names: Vec<String> = shown.map(|(name, n)| format!("{name} {}", count(**n))).collect();
    names.extend(words::and_more(most.len().saturating_sub(NAMES_SHOWN) as u64));
    page.wrapped(&[(Tone::Strong, head)], &names.join(", "));
}

fn write_run(page: &mut Page, run: &SimulatedRun, n: usize) {
    page.gap();
    let tone = if run.end == "completed" { Tone::Good } else { Tone::Warn };
    let head = format!("run {n}:");
    let text = format!("{}, {}, {}", said(&run.end), seconds(run.seconds), counted(run.calls, "call"));
    page.wrapped(&[(tone, &head)], &text);
    if let Some(message) = &run.message {
        page.wrapped(&[(Tone::Plain, " ")], message);
    }
    write_most(page, "  faults:", &run.faults);
    let shown = run.incidents.iter().take(INCIDENTS_SHOWN);
    for incident in shown {
        page.wrapped(&[(Tone::Faint, &format!("  {:>7.1}s", incident.seconds))], &incident.message);
    }
    if let Some(more) = words::and_more(run.incidents.len().saturating_sub(INCIDENTS_SHOWN) as u64) {
        page.plain(&format!("  {more}"));
    }
    write_phases(page, run);
}

/// Returns how a run or a phase ended, in words.
fn said(end: &str) -> String {
    match end {
        "store_failed" => "its store failed".to_owned(),
        end => end.replace('_', " "),
    }
}

fn write_phases(page: &mut Page, run: &SimulatedRun) {
    let mut table = Table::new(&[
        ("  PHASE", Align::Left),
        ("BECAME", Align::Left),
        ("UNITS", Align::Right),
        ("ASKED", Align::Right),
        ("FAILED", Align::Right),
        ("CALLS", Align::Right),
        ("WHY", Align::Left),
    ]);
    for phase in &run.phases {
        let tone = match phase.end.as_str() {
            "completed" | "fresh" => Tone::Good,
            "failed" | "blocked" => Tone::Bad,
            _ => Tone::Warn,
        };
        let units = phase.units;
        table.row([
            cell(format!("  {}", words::target(&phase.phase, &phase.scope))),
            toned(tone, said(&phase.end)),
            cell(some(units.total)),
            cell(some(units.ran)),
            cell(some(units.failed)),
            cell(some(phase.calls)),
            cell(phase.message.clone().unwrap_or_default()),
        ]);
    }
    if !table.is_empty() {
        page.table(&table.without_empty_columns());
    }
}

fn write_worst(page: &mut Page, report: &Simulation) {
    let Some(worst) = &report.worst else { return };
    let text = summed_up(worst);
    if report.story.is_empty() {
        page.wrapped(&[(Tone::Strong, "worst seed:")], &format!("{}: {text}", worst.seed));
        page.plain(&format!("  `{}` tells it again", worst.replay));
    } else {
        page.wrapped(&[(Tone::Strong, "in all:")], &text);
    }
}

fn summed_up(seed: &SimulatedSeed) -> String {
    let mut parts = vec![counted(u64::from(seed.runs), "run")];
    if seed.crashes > 0 {
        parts.push(counted(u64::from(seed.crashes), "crash").replace("crashs", "crashes"));
    }
    parts.push(counted(seed.calls, "call"));
    parts.extend(seed.cost_usd.map(money));
    parts.push(seconds(seed.seconds));
    parts.push(seed.status.clone().unwrap_or_else(|| "no run came to its end".to_owned()));
    parts.join(", ")
}

/// Writes what must never be.
fn write_findings(page: &mut Page, report: &Simulation) {
    if report.findings.is_empty() {
        if report.seeds > 0 {
            page.line(&[
                (Tone::Good, "no findings"),
                (Tone::Plain, ": nothing was lost, bought twice or stale"),
            ]);
        }
        return;
    }
    page.gap();
    for seed in report.findings.iter().take(SEEDS_SHOWN) {
        for found in seed.findings.iter().take(FINDINGS_SHOWN) {
            let text = format!("seed {}: {} ({})", seed.seed, found.message, found.kind);
            page.wrapped(&[(Tone::Bad, "finding:")], &text);
        }
        page.plain(&format!("  `{}` tells it again", seed.replay));
    }
    if let Some(more) = words::and_more(report.findings.len().saturating_sub(SEEDS_SHOWN) as u64) {
        page.plain(&format!("  {more}"));
    }
    let text = "a finding is a defect of refrain; please report it with the pipeline file and the seed";
    page.wrapped(&[(Tone::Strong, "hint:")], text);
}
