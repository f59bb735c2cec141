//! What was told, as a document.

use refrain_schemas::simulation::{
    SimulatedFinding, SimulatedSeed, SimulatedSpread, Simulation, Undisturbed,
};
use refrain_testkit::sim::{SeedResult, Spread};

use super::play::Played;
use super::{SimArgs, story};
use crate::args::Globals;
use crate::shell::quoted;

/// Returns what was told, as a document.
pub(super) fn of(args: &SimArgs, globals: &Globals, played: &Played) -> Simulation {
    let Played { undisturbed, summary, tale, interrupted } = played;
    let seed = |result: &SeedResult| seed(args, globals, result);
    let seeds = summary.seeds();
    let range = args.range();
    Simulation {
        schema_version: 1,
        profile: args.profile.to_string(),
        from: range.start,
        asked: range.end - range.start,
        seeds,
        interrupted: *interrupted,
        undisturbed: Undisturbed { seconds: undisturbed.seconds, report: undisturbed.report.clone() },
        completion_odds: (seeds > 0).then(|| summary.completion_odds()),
        first_runs: summary.first_runs().clone(),
        last_runs: summary.last_runs().clone(),
        runs: summary.runs().clone(),
        crashes: summary.crashes(),
        calls: summary.calls().map(spread),
        cost_usd: summary.costs().map(spread),
        seconds: summary.seconds().map(spread),
        faults: summary.faults().clone(),
        failed_units: summary.failed().clone(),
        findings: summary.findings().map(seed).collect(),
        worst: summary.worst().map(seed),
        story: tale.iter().flat_map(|tale| &tale.runs).map(story::run).collect(),
    }
}

const fn spread(spread: Spread) -> SimulatedSpread {
    let Spread { least, p5, p50, p95, most } = spread;
    SimulatedSpread { least, p5, p50, p95, most }
}

fn seed(args: &SimArgs, globals: &Globals, result: &SeedResult) -> SimulatedSeed {
    let found = result.findings.iter();
    let found = found.map(|found| SimulatedFinding {
        kind: found.kind.as_str().to_owned(),
        message: found.message.clone(),
    });
    SimulatedSeed {
        seed: result.seed.0,
        replay: replay(args, globals, result),
        status: result.status.map(|status| status.as_str().to_owned()),
        runs: result.runs,
        crashes: result.crashes,
        calls: result.calls,
        cost_usd: result.cost_usd,
        seconds: result.seconds,
        findings: found.collect(),
    }
}

/// Returns the command that tells a seed again. Values of params may be nobody's business; they are left out.
fn replay(args: &SimArgs, globals: &Globals, result: &SeedResult) -> String {
    let mut words = vec!["refrain".to_owned()];
    words.extend(globals.directory.iter().map(|dir| format!("-C {}", quoted(&dir.to_string_lossy()))));
    words.extend(globals.file.iter().map(|file| format!("-f {}", quoted(&file.to_string_lossy()))));
    words.push(format!("sim {}", result.replay()));
    words.extend(args.units.map(|units| format!("--units {units}")));
    let outside = globals.allow_outside.iter();
    words.extend(outside.map(|dir| format!("--allow-outside {}", quoted(&dir.to_string_lossy()))));
    words.extend(globals.set.iter().map(|(name, _)| format!("--set {}", quoted(&format!("{name}=…")))));
    words.join(" ")
}
