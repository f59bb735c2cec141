//! A script of 50,000 lines in 2,500 scenes through the localisation template into three languages, with programs that
//! translate and proofread: how long it takes, how much memory, and whether a change does again exactly what it must.
//!
//! `REFRAIN_BENCH_LINES` sets the number of lines. What has to be done again is worked out from files and artifacts, without the
//! engine; where something else was done, the benchmark fails.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark reports and gives up"
)]

#[path = "localisation/project.rs"]
mod project;

use std::fmt::Write as _;

use project::{Figures, Project};
use refrain_testkit::script::{self, SPEAKERS};
use refrain_testkit::sight::changed;

/// The most memory that the process may have, in bytes.
const MOST: u64 = 500_000_000;

fn main() {
    let lines = std::env::var("REFRAIN_BENCH_LINES").ok().and_then(|n| n.parse().ok()).unwrap_or(50_000);
    let project = Project::new(lines);
    let mut rows = vec![("everything", project.run())];
    rows.push(("nothing to do", project.run()));
    rows.push(("one line edited", exact(&project, || edit_line(&project))));
    rows.push(("one name of one glossary edited", exact(&project, || edit_name(&project))));
    let report = report(lines, &rows);
    println!("{report}");
    if let Ok(path) = std::env::var("REFRAIN_BENCH_REPORT") {
        std::fs::write(path, &report).unwrap();
    }
    assert_eq!((rows[0].1.status.as_str(), rows[1].1.calls), ("completed", 0));
    let peak = rows.iter().map(|(_, figures)| figures.memory).max().unwrap_or_default();
    assert!(peak < MOST, "{} MB are too much", peak / 1_000_000);
}

/// Makes a change and runs; fails where other units were asked about than those that see something else.
fn exact(project: &Project, change: impl FnOnce()) -> Figures {
    let before = project.sights();
    change();
    let plan = project.plan();
    let figures = project.run();
    let after = project.sights();
    let expected = after.iter().map(|(name, seen)| (name.clone(), changed(&before[name], seen)));
    let expected = expected.filter(|(_, units)| !units.is_empty()).collect();
    assert_eq!(project.asked(&figures), expected);
    project.assert_within(&plan, &figures);
    figures
}

fn edit_line(project: &Project) {
    project.change("script/coast.csv", |text| {
        let row = text.lines().nth(text.lines().count() / 2).expect("a script has lines");
        let (head, _) = row.split_once(",\"").expect("texts are quoted");
        text.replace(row, &format!("{head},\"It was quiet, and then it was not.\","))
    });
}

fn edit_name(project: &Project) {
    let name = SPEAKERS[3];
    let old = format!("\n{name},{}fr,", name.to_uppercase());
    project.change("glossary/fr.csv", |text| text.replace(&old, &format!("\n{name},Autrement,")));
}

fn report(lines: usize, rows: &[(&str, Figures)]) -> String {
    let scenes = lines.div_ceil(script::SCENE);
    let mut out = format!("# {lines} lines, {scenes} scenes, 3 languages\n\n");
    out.push_str("The template `localisation`, with a program that translates and one that proofreads beside the rules. Memory is that of\n");
    out.push_str("the `refrain` process alone. What was done again was just what had to be, worked out without the engine.\n\n");
    let profile = if cfg!(debug_assertions) { "without optimisations" } else { "with optimisations" };
    let _infallible = writeln!(out, "Built {profile}.\n");
    out.push_str("| run | units asked | calls | seconds | peak MB | state MB |\n|---|---|---|---|---|---|\n");
    for (name, figures) in rows {
        let _infallible = writeln!(
            out,
            "| {name} | {} | {} | {:.1} | {:.0} | {:.0} |",
            figures.units,
            figures.calls,
            figures.seconds,
            figures.memory as f64 / 1e6,
            figures.state as f64 / 1e6
        );
    }
    out
}
