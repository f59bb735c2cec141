//! The report, as Markdown.

use std::fmt::Write as _;

use crate::measure::Measured;

/// Writes the report.
pub(crate) fn report(
    n: usize,
    units: usize,
    files: &Measured,
    scenarios: &[(&str, Measured)],
    floors: &[(&str, Measured)],
) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# W({n}): {units} units\n");
    let _ = writeln!(
        out,
        "CPU is user and system time of the whole process; \"beyond files\" leaves out the time that reading and"
    );
    let _ = writeln!(out, "writing the same files takes by itself ({:.2} s).\n", files.cpu);
    let _ = writeln!(
        out,
        "| scenario | asks | CPU s | beyond files, s | µs per unit | wall s | peak MB | written MB |"
    );
    let _ = writeln!(out, "|---|---|---|---|---|---|---|---|");
    for (name, measured) in scenarios {
        let reads = measured.counted > 0;
        let beyond = if reads { (measured.cpu - files.cpu).max(0.0) } else { measured.cpu };
        let per_unit = beyond * 1e6 / units as f64;
        let _ = writeln!(
            out,
            "| {name} | {} | {:.3} | {beyond:.3} | {per_unit:.2} | {:.2} | {:.0} | {:.2} |",
            measured.counted,
            measured.cpu,
            measured.wall,
            mb(measured.memory),
            mb(measured.written)
        );
    }
    let cold = scenarios.first().map_or(0.0, |(_, cold)| (cold.cpu - files.cpu).max(0.0));
    let _ = writeln!(out, "\n| floor | CPU s | µs per unit | cold run is so many times that |");
    let _ = writeln!(out, "|---|---|---|---|");
    for (name, measured) in floors {
        let per_unit = measured.cpu * 1e6 / units as f64;
        let _ = writeln!(
            out,
            "| {name} | {:.3} | {per_unit:.2} | {:.1} |",
            measured.cpu,
            cold / measured.cpu.max(1e-9)
        );
    }
    out
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
