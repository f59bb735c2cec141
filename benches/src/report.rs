//! The report, as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::measure::Measured;

/// What was measured of one size of the workload.
#[derive(Debug)]
pub(crate) struct Size {
    pub(crate) n: usize,
    pub(crate) units: usize,
    pub(crate) files: Measured,
    pub(crate) scenarios: Vec<(&'static str, Measured)>,
    pub(crate) floor: [(&'static str, Measured); 3],
}

/// Agents that take their time.
#[derive(Debug)]
pub(crate) struct Paced {
    pub(crate) n: usize,
    pub(crate) wall: f64,
    /// What a program takes that only waits as often.
    pub(crate) bare: f64,
    /// All of the work by 64, and the longest way of one line.
    pub(crate) ideal: f64,
}

/// The widest bar of the chart.
const WIDTH: usize = 60;

impl Size {
    /// Returns the CPU seconds of a scenario beyond reading and writing the same files, which only runs do that find
    /// something to do.
    fn beyond(&self, measured: &Measured) -> f64 {
        let files = if measured.counted.asks > 0 { self.files.cpu } else { 0.0 };
        (measured.cpu - files).max(0.0)
    }

    fn per_unit(&self, seconds: f64) -> f64 {
        seconds * 1e6 / self.units as f64
    }

    /// Returns the CPU seconds of the floor.
    fn floor(&self) -> f64 {
        self.floor.iter().map(|(_, measured)| measured.cpu).sum()
    }
}

/// Writes the report; `before` is the report before it.
pub(crate) fn report(sizes: &[Size], paced: &Paced, before: &str) -> String {
    let mut out = String::from(INTRODUCTION);
    for size in sizes {
        figures(&mut out, size);
    }
    work(&mut out, sizes);
    chart(&mut out, sizes);
    out.push_str(&self::paced(paced));
    comparison(&mut out, sizes, before);
    out
}

/// Writes what agents that take their time came to.
pub(crate) fn paced(paced: &Paced) -> String {
    let Paced { n, wall, bare, ideal } = paced;
    let over = |than: f64| (wall / than - 1.0) * 100.0;
    format!(
        "\n## Agents of 50 ms, 64 at a time, {n} lines\n\n{wall:.3} s. All of the work by 64 and the longest way of one line: {ideal:.3} s, \
         {:+.1} %. A program that does nothing but wait as often, 64 at a time: {bare:.3} s, {:+.1} %.\n",
        over(*ideal),
        over(*bare)
    )
}

const INTRODUCTION: &str = "\
# What a run costs

W(N) is a script of N lines in scenes of 20, through five phases, with agents that do nothing: see `benches/src/main.rs`. CPU is
user and system time of the whole process; \"beyond files\" leaves out the time that reading and writing the same files takes
by itself. The floor is what is needed by whatever appends an intent and an outcome per unit, in groups of 64, hashes its
request and fans it out over tokio; it was measured in the same run. Machines differ, and so does one machine from hour to
hour: what compares is the last column.
";

fn figures(out: &mut String, size: &Size) {
    let _ = writeln!(out, "\n## W({}): {} units\n", size.n, size.units);
    let _ = writeln!(
        out,
        "Files alone: {:.3} s. Floor: {:.3} s, {:.2} µs per unit ({}).\n",
        size.files.cpu,
        size.floor(),
        size.per_unit(size.floor()),
        size.floor.map(|(name, measured)| format!("{name} {:.2}", size.per_unit(measured.cpu))).join(", ")
    );
    out.push_str("| scenario | asks | CPU s | beyond files, s | µs per unit | wall s | peak MB | written MB | times the floor |\n");
    out.push_str("|---|---|---|---|---|---|---|---|---|\n");
    for (name, measured) in &size.scenarios {
        let beyond = size.beyond(measured);
        let _ = writeln!(
            out,
            "| {name} | {} | {:.3} | {beyond:.3} | {:.2} | {:.3} | {:.0} | {:.3} | {:.2} |",
            measured.counted.asks,
            measured.cpu,
            size.per_unit(beyond),
            measured.wall,
            mb(measured.memory),
            mb(measured.written),
            beyond / size.floor().max(1e-9),
        );
    }
}

/// Writes what was counted, of which the machine has no part: what should cost as much as its change does not grow with N.
fn work(out: &mut String, sizes: &[Size]) {
    out.push_str("\n## Counted work\n\nPages read / pages written / keys rendered / ledger entries, by N.\n\n| scenario |");
    for size in sizes {
        let _ = write!(out, " {} |", size.n);
    }
    out.push_str("\n|---|");
    sizes.iter().for_each(|_| out.push_str("---|"));
    out.push('\n');
    let names: Vec<&str> = sizes.first().into_iter().flat_map(|size| &size.scenarios).map(|s| s.0).collect();
    for (row, name) in names.iter().enumerate() {
        let _ = write!(out, "| {name} |");
        for size in sizes {
            let counted = size.scenarios[row].1.counted;
            let _ = write!(
                out,
                " {} / {} / {} / {} |",
                counted.pages_read, counted.pages_written, counted.keys, counted.entries
            );
        }
        out.push('\n');
    }
}

/// Draws the CPU time of every scenario, each ten times as much a fixed step further.
fn chart(out: &mut String, sizes: &[Size]) {
    out.push_str("\n## CPU beyond files, by N\n\nEach step of ten characters is ten times as much; the first is 0.1 ms.\n\n```text\n");
    let names: Vec<&str> = sizes.first().into_iter().flat_map(|size| &size.scenarios).map(|s| s.0).collect();
    for (row, name) in names.iter().enumerate() {
        for size in sizes {
            let seconds = size.beyond(&size.scenarios[row].1);
            let steps = ((seconds / 1e-4).max(1.0).log10() * 10.0).round();
            let bar = "█".repeat((steps as usize).min(WIDTH));
            let _ = writeln!(out, "{name:<22} {:>8} {bar} {}", size.n, duration(seconds));
        }
    }
    out.push_str("```\n");
}

fn duration(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

/// Compares with the report before: CPU per unit and memory, by size and scenario.
fn comparison(out: &mut String, sizes: &[Size], before: &str) {
    let before = read(before);
    let mut rows = Vec::new();
    for size in sizes {
        for (name, measured) in &size.scenarios {
            let Some((micros, memory)) = before.get(&(size.n, (*name).to_owned())) else { continue };
            let now = size.per_unit(size.beyond(measured));
            rows.push(format!(
                "| {} | {name} | {micros:.2} → {now:.2} | {} | {memory:.0} → {:.0} | {} |",
                size.n,
                ratio(now, *micros),
                mb(measured.memory),
                ratio(mb(measured.memory), *memory),
            ));
        }
    }
    if rows.is_empty() {
        return;
    }
    out.push_str("\n## Against the report before\n\n| N | scenario | µs per unit | ratio | peak MB | ratio |\n|---|---|---|---|---|---|\n");
    out.push_str(&rows.join("\n"));
    out.push('\n');
}

fn ratio(now: f64, before: f64) -> String {
    if before > 0.0 { format!("{:.2}", now / before) } else { "-".to_owned() }
}

/// Reads the CPU per unit and the memory of each scenario out of a report.
fn read(report: &str) -> BTreeMap<(usize, String), (f64, f64)> {
    let (mut found, mut n, mut columns) = (BTreeMap::new(), 0, Vec::new());
    for line in report.lines() {
        if let Some(size) = line.trim_start_matches('#').trim().strip_prefix("W(") {
            n = size.split(')').next().and_then(|size| size.parse().ok()).unwrap_or(0);
        } else if line.starts_with('#') {
            columns.clear();
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if cells[0] == "scenario" {
            columns = cells.iter().map(|cell| (*cell).to_owned()).collect();
            continue;
        }
        let cell = |name: &str| -> Option<f64> {
            cells.get(columns.iter().position(|column| column == name)?)?.parse().ok()
        };
        if let (Some(micros), Some(memory)) = (cell("µs per unit"), cell("peak MB")) {
            found.insert((n, cells[0].to_owned()), (micros, memory));
        }
    }
    found
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
