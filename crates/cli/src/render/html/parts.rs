//! The parts of the page, in order; one that has nothing to say is left out.

use refrain_schemas::freshness::Freshness;
use refrain_schemas::overview::{Overview, PhaseOverview, Place, TrendPoint};

use super::chart::{Bar, bars, curve};
use super::write::{Cell, Html, Table, cell, stressed};
use crate::render::numbers::{count, counted, money, percent, seconds, some, time, usage_and_doubts};
use crate::render::report::{failures, name, share, sums, wasted};
use crate::render::words;

/// Writes the name of the project and what everything came to.
pub(super) fn summary(html: &mut Html, report: &Overview) {
    html.element("h1", "", &report.project);
    if report.under_way {
        html.element("p", "class=\"warn\"", "A run is under way; figures are those of the moment.");
    }
    let calls = &report.calls;
    let fresh = report.phases.iter().filter(|phase| phase.freshness == Freshness::Fresh).count();
    html.open("ul", "class=\"tiles\"");
    tile(html, &format!("{fresh} of {}", report.phases.len()), "phases are fresh");
    tile(html, &count(calls.done), "calls");
    tile(html, &calls.usage.cost_usd.map_or_else(|| "unknown".to_owned(), money), "cost");
    tile(html, &count(calls.usage.tokens()), "tokens");
    tile(html, &seconds(calls.seconds), "of agents’ time");
    tile(html, &share(calls).unwrap_or_else(|| "nothing".to_owned()), "wasted");
    html.close("ul").element("p", "class=\"faint\"", &format!("In all: {}.", sums(calls)));
    if let Some(gone) = report.gone.as_ref().filter(|gone| gone.done + gone.in_doubt > 0) {
        let text =
            format!("Besides: {} for phases and scopes that are no longer in the pipeline.", sums(gone));
        html.element("p", "class=\"faint\"", &text);
    }
}

fn tile(html: &mut Html, figure: &str, what: &str) {
    html.open("li", "").element("b", "", figure).text(what).close("li");
}

/// Writes how much of every phase is there.
pub(super) fn state(html: &mut Html, report: &Overview) {
    html.element("h2", "", "What there is");
    let rows: Vec<Bar> = report.phases.iter().map(coverage_bar).collect();
    bars(html, "Share of the units of each phase and scope that are there", &rows, 100.0);
    let columns =
        ["phase", "state", "#revision", "#units", "#covered", "#missing", "#records", "#conflicts", "why"];
    let mut table = Table::new("Every phase and scope, in the order of the pipeline", &columns);
    for phase in &report.phases {
        let coverage = phase.coverage;
        table.row([
            cell(name(phase)),
            stressed(class(phase.freshness), phase.freshness.as_str()),
            cell(phase.revision.map(|revision| revision.to_string()).unwrap_or_default()),
            cell(coverage.map(|coverage| count(coverage.units)).unwrap_or_default()),
            cell(coverage.map(|coverage| percent(coverage.percent)).unwrap_or_default()),
            stressed("bad", some(coverage.map_or(0, |coverage| coverage.holes))),
            cell(coverage.map(|coverage| count(coverage.records)).unwrap_or_default()),
            stressed("warn", some(phase.conflicts)),
            stressed("faint", words::causes(&phase.causes)),
        ]);
    }
    table.write(html);
}

fn coverage_bar(phase: &PhaseOverview) -> Bar {
    let there = phase.coverage.map(|coverage| coverage.percent);
    let figure = match (there, phase.freshness) {
        (Some(there), Freshness::Fresh) => percent(there),
        (Some(there), word) => format!("{}, {word}", percent(there)),
        (None, word) => word.to_string(),
    };
    Bar { name: name(phase), value: there.unwrap_or(0.0), part: 0.0, figure }
}

const fn class(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::Fresh => "good",
        Freshness::Skipped => "faint",
        Freshness::Failed | Freshness::Blocked => "bad",
        Freshness::Waiting | Freshness::Missing | Freshness::Stale | Freshness::Partial => "warn",
    }
}

/// Writes what became of texts.
pub(super) fn texts(html: &mut Html, report: &Overview) {
    let columns = [
        "phase",
        "#changed",
        "#changes",
        "#untranslated",
        "#edited by people",
        "#edit conflicts",
        "#orphaned edits",
    ];
    let mut table = Table::new("Records, by what was done to their texts", &columns);
    for phase in &report.phases {
        if phase.changes.is_none() && phase.untranslated.is_none() && phase.edits.is_none() {
            continue;
        }
        let edits = phase.edits.unwrap_or_default();
        table.row([
            cell(name(phase)),
            cell(phase.changes.map(|changes| count(changes.records)).unwrap_or_default()),
            cell(phase.changes.map(|changes| count(changes.changes)).unwrap_or_default()),
            cell(phase.untranslated.map(count).unwrap_or_default()),
            cell(some(edits.applied)),
            stressed("warn", some(edits.conflicts)),
            stressed("warn", some(edits.orphans)),
        ]);
    }
    part(html, "Texts", &table);
}

fn part(html: &mut Html, heading: &str, table: &Table) {
    if !table.is_empty() {
        html.element("h2", "", heading);
        table.write(html);
    }
}

/// Writes what was found, by rule and severity.
pub(super) fn issues(html: &mut Html, report: &Overview) {
    let critics = || report.phases.iter().filter_map(|phase| Some((phase, phase.issues.as_ref()?)));
    if critics().next().is_none() {
        return;
    }
    html.element("h2", "", "Issues");
    let bar = |(phase, issues): (&PhaseOverview, &refrain_schemas::overview::IssueSums)| {
        let errors = issues.rules.iter().filter(|rule| rule.severity == "error");
        let errors: u64 = errors.map(|rule| rule.count).sum();
        let errors_of = if errors > 0 { format!(", {}", counted(errors, "error")) } else { String::new() };
        Bar {
            name: name(phase),
            value: number(issues.total),
            part: number(errors),
            figure: format!("{}{errors_of}", count(issues.total)),
        }
    };
    let rows: Vec<Bar> = critics().map(bar).collect();
    bars(html, "Issues that each phase and scope found; errors are set off", &rows, most(&rows));
    let mut table = Table::new("Issues by rule and severity", &["phase", "rule", "severity", "#issues"]);
    for (phase, issues) in critics() {
        if issues.rules.is_empty() {
            table.row([cell(name(phase)), Cell::default(), Cell::default(), stressed("good", "none")]);
        }
        for rule in &issues.rules {
            let class = match rule.severity.as_str() {
                "error" => "bad",
                "warning" => "warn",
                _ => "",
            };
            table.row([
                cell(name(phase)),
                cell(&rule.rule),
                stressed(class, &rule.severity),
                cell(count(rule.count)),
            ]);
        }
    }
    table.write(html);
}

/// Writes what calls cost.
pub(super) fn calls(html: &mut Html, report: &Overview) {
    let asked = || report.phases.iter().filter(|phase| phase.calls.done + phase.calls.in_doubt > 0);
    if asked().next().is_none() {
        return;
    }
    html.element("h2", "", "Calls");
    let in_dollars = asked().any(|phase| phase.calls.usage.cost_usd.is_some_and(|dollars| dollars > 0.0));
    let bar = |phase: &PhaseOverview| {
        let (usage, waste) = (&phase.calls.usage, &phase.calls.waste.usage);
        let (value, part, figure) = if in_dollars {
            let value = usage.cost_usd.unwrap_or(0.0);
            (value, waste.cost_usd.unwrap_or(0.0), money(value))
        } else {
            (number(usage.tokens()), number(waste.tokens()), counted(usage.tokens(), "token"))
        };
        Bar { name: name(phase), value, part, figure }
    };
    let rows: Vec<Bar> = asked().map(bar).collect();
    bars(html, "What the calls of each phase and scope cost; what was wasted is set off", &rows, most(&rows));
    let columns = [
        "phase",
        "#calls",
        "#again",
        "#time",
        "#tokens in",
        "#tokens out",
        "#cost",
        "#wasted",
        "wasted on",
        "in doubt",
    ];
    let mut table = Table::new(
        "All calls of all runs; what was wasted went into replies that could not be used",
        &columns,
    );
    for phase in asked() {
        let (calls, usage) = (&phase.calls, &phase.calls.usage);
        let doubts = match (calls.in_doubt, usage_and_doubts(&Default::default(), &calls.doubtful)) {
            (0, _) => String::new(),
            (n, None) => counted(n, "call"),
            (n, Some(most)) => format!("{}, {most}", counted(n, "call")),
        };
        table.row([
            cell(name(phase)),
            cell(count(calls.done)),
            cell(some(calls.retries)),
            cell(seconds(calls.seconds)),
            cell(some(usage.input_tokens)),
            cell(some(usage.output_tokens)),
            cell(usage.cost_usd.map(money).unwrap_or_default()),
            stressed("warn", wasted(calls).unwrap_or_default()),
            cell(failures(calls)),
            stressed("warn", doubts),
        ]);
    }
    table.write(html);
}

/// Writes where time and money went.
pub(super) fn places(html: &mut Html, report: &Overview) {
    // One place is not slower than others.
    let phases = || report.phases.iter().filter(|phase| phase.places.total > 1);
    if phases().next().is_none() {
        return;
    }
    html.element("h2", "", "Where time and money went");
    for phase in phases() {
        let places = &phase.places;
        html.element("h3", "", &format!("{} by {}", name(phase), places.by));
        let bar = |place: &Place| Bar {
            name: place.name.clone(),
            value: place.seconds,
            part: 0.0,
            figure: seconds(place.seconds),
        };
        let rows: Vec<Bar> = places.slowest.iter().map(bar).collect();
        bars(html, "What took longest", &rows, most(&rows));
        place_table(html, "What took longest", &places.slowest);
        place_table(html, "What cost most", &places.dearest);
        let shown = places.slowest.len().max(places.dearest.len()) as u64;
        if shown < places.total {
            html.element("p", "class=\"faint\"", &format!("{} of {}.", count(shown), count(places.total)));
        }
    }
}

fn place_table(html: &mut Html, caption: &'static str, places: &[Place]) {
    let mut table = Table::new(caption, &["name", "#time", "#tokens in", "#tokens out", "#cost", "#asks"]);
    for place in places {
        table.row([
            cell(&place.name),
            cell(seconds(place.seconds)),
            cell(some(place.usage.input_tokens)),
            cell(some(place.usage.output_tokens)),
            cell(place.usage.cost_usd.map(money).unwrap_or_default()),
            cell(count(place.asks)),
        ]);
    }
    if !table.is_empty() {
        table.write(html);
    }
}

/// Writes how it came about, revision by revision.
pub(super) fn revisions(html: &mut Html, report: &Overview) {
    let phases = || report.phases.iter().filter(|phase| !phase.trend.is_empty());
    if phases().next().is_none() {
        return;
    }
    html.element("h2", "", "Revisions");
    for phase in phases() {
        html.element("h3", "", &name(phase));
        let of = |value: fn(&TrendPoint) -> f64| -> Vec<(String, f64)> {
            phase.trend.iter().map(|point| (format!("#{}", point.revision), value(point))).collect()
        };
        let dollars = of(|point| point.usage.cost_usd.unwrap_or(0.0));
        curve(html, "Records of each revision", &of(|point| number(point.records)), |n| {
            format!("{n:.0} records")
        });
        curve(html, "Cost of each revision", &dollars, money);
        trend_table(html, &phase.trend);
    }
}

fn trend_table(html: &mut Html, trend: &[TrendPoint]) {
    let columns = [
        "revision",
        "made (UTC)",
        "#asked",
        "#reused",
        "#missing",
        "#records",
        "#conflicts",
        "#edited by people",
        "#tokens",
        "#cost",
    ];
    let mut table = Table::new("Oldest first", &columns);
    for point in trend {
        table.row([
            cell(format!("#{}", point.revision)),
            cell(time(point.at)),
            cell(count(point.units.ran)),
            cell(count(point.units.reused)),
            stressed("bad", some(point.holes)),
            cell(count(point.records)),
            stressed("warn", some(point.conflicts)),
            cell(some(point.edited)),
            cell(some(point.usage.tokens())),
            cell(point.usage.cost_usd.map(money).unwrap_or_default()),
        ]);
    }
    table.write(html);
}

fn most(bars: &[Bar]) -> f64 {
    bars.iter().map(|bar| bar.value).fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "no chart shows the last digits of 2^53")]
const fn number(n: u64) -> f64 {
    n as f64
}
