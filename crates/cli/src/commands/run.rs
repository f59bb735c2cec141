//! `refrain run`

use clap::Args;
use refrain_core::engine::{Control, RunRequest};
use refrain_schemas::exit_code::{ExitCode, PRECEDENCE};
use refrain_schemas::failure::{FailureKind, UnitFailure};
use refrain_schemas::money::Budget;
use refrain_schemas::name::UnitId;
use refrain_schemas::report::{PhaseReport, PhaseStatus, RunReport};
use refrain_schemas::scope::Target;

use crate::address::PhaseAddress;
use crate::args::{Globals, ScopeArgs};
use crate::interrupt::Watch;
use crate::output::{Output, complain};
use crate::render::numbers::counted;
use crate::render::page::Page;
use crate::render::run::Holes;
use crate::report::CliError;
use crate::wiring::Opened;
use crate::{commands, render, runtime, wiring};

/// How many partial phases name units, how many units each names, and among how many it looks for them.
const PARTIAL_SHOWN: usize = 5;
const UNITS_SHOWN: usize = 3;
const UNITS_SEEN: usize = 20;
/// Of how many requests that `--offline` missed in each phase the nearest is shown.
const MISSES_SHOWN: usize = 3;

/// Bring phases up to date
///
/// Without phases the whole plan runs; with phases, those and all they need and want. A phase whose inputs are
/// unchanged is left alone, and in the others only units that depend on a change are asked again: every reply that
/// ever came back is reused.
///
/// The first Ctrl-C finishes and keeps the calls in flight, the second cancels them; after either, and after a kill,
/// the next run goes on where this one stopped. Progress goes to standard error, the result to standard output.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain run                      everything that is not fresh
  refrain run translate@ja qa@ja   these, and what they need
  refrain run translate --scope language=ja --max-calls 100
  refrain run export --only        this phase alone
  refrain run --offline            from the ledger alone
  refrain run --json | jq .units   one JSON object")]
pub(crate) struct RunArgs {
    /// The phases; everything where none is named
    #[arg(value_name = "PHASE[@SCOPE]")]
    pub(crate) phases: Vec<PhaseAddress>,
    #[command(flatten)]
    pub(crate) scopes: ScopeArgs,
    /// Run exactly these phases, against the latest artifacts of what they need, stale ones included
    #[arg(long, requires = "phases")]
    pub(crate) only: bool,
    /// Ask the phases named (all, if none is) anew even if they are fresh; this is the way to pay twice
    #[arg(long)]
    pub(crate) force: bool,
    /// Answer from the ledger only; a reply that is not there fails the run with exit code 11
    #[arg(long, conflicts_with = "force")]
    pub(crate) offline: bool,
    /// Show what would run and stop: the same as `refrain plan`
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Stop with exit code 3 after this many calls, retries included
    #[arg(long, value_name = "N")]
    pub(crate) max_calls: Option<u64>,
}

/// Runs the plan.
pub(crate) fn run(args: RunArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let again = again(&args, globals);
    let mut opened = wiring::open(globals)?;
    opened.warn(output);
    args.scopes.check(opened.engine.model())?;
    let request = RunRequest {
        targets: args.phases.into_iter().map(|phase| phase.0).collect(),
        scopes: args.scopes.scopes,
        only: args.only,
        force: args.force,
        offline: args.offline,
        budget: Budget { calls: args.max_calls, ..Budget::default() },
        holder: opened.holder(),
    };
    if args.dry_run {
        return commands::plan::show(&opened, &request, false, output);
    }
    opened.attach_sinks(globals, output);
    let control = Control::default();
    let report = runtime::with_workers(async {
        let _watch = Watch::start(&control);
        Ok(opened.engine.run(&request, &control).await?)
    });
    let report = report.inspect_err(|_| opened.discard_empty_logs())?;
    show(&opened, &report, &again, output)?;
    show_misses(&opened, &report, output)?;
    Ok(code(&report))
}

fn show(opened: &Opened, report: &RunReport, again: &str, output: &mut Output) -> Result<(), CliError> {
    if output.wants_json() {
        return output.json(report);
    }
    let holes = holes(opened, report)?;
    let mut page = output.page();
    render::run::write(&mut page, report, &holes, again);
    output.show(&page)
}

/// Returns the first units that the partial phases of a run failed at. A phase that lacks units only because one before it
/// does has none of its own.
fn holes(opened: &Opened, report: &RunReport) -> Result<Vec<Holes>, CliError> {
    let partial = report.phases.iter().filter(|phase| phase.status == PhaseStatus::Partial);
    let mut holes = Vec::new();
    for phase in partial.take(PARTIAL_SHOWN) {
        let target = Target { phase: phase.phase.clone(), scope: phase.scope.clone() };
        let why = runtime::on_this_thread(async { Ok(opened.engine.why(&target, None, UNITS_SEEN).await?) })?;
        let failed = why.units.into_iter().filter_map(|unit| {
            let failure = unit.failure?;
            Some(UnitFailure { unit: unit.unit, failure })
        });
        let units: Vec<UnitFailure> = failed.take(UNITS_SHOWN).collect();
        if !units.is_empty() {
            holes.push(Holes { target: target.to_string(), units });
        }
    }
    Ok(holes)
}

/// Shows on standard error what the first requests that `--offline` missed are nearest to, and how many more there are.
fn show_misses(opened: &Opened, report: &RunReport, output: &Output) -> Result<(), CliError> {
    let mut page = Page::new(output.error_theme);
    for phase in &report.phases {
        let target = Target { phase: phase.phase.clone(), scope: phase.scope.clone() };
        let missed = missed(opened, phase, &target)?;
        for unit in missed.iter().take(MISSES_SHOWN) {
            show_miss(opened, &target, unit, &mut page)?;
        }
        let more = phase.units.failed.saturating_sub(MISSES_SHOWN as u64);
        if missed.len() > MISSES_SHOWN && more > 0 {
            page.gap();
            page.plain(&format!("{} more of {target} were not made", counted(more, "unit")));
        }
    }
    complain(page.as_str());
    Ok(())
}

/// Returns the first units of a phase that failed for want of a reply on record; a phase that goes on without them has
/// them in its revision.
fn missed(opened: &Opened, phase: &PhaseReport, target: &Target) -> Result<Vec<UnitId>, CliError> {
    let mut failed: Vec<UnitFailure> = phase.error.iter().flat_map(|error| error.units.clone()).collect();
    if phase.status == PhaseStatus::Partial {
        let why = runtime::on_this_thread(async { Ok(opened.engine.why(target, None, UNITS_SEEN).await?) })?;
        let holes = why.units.into_iter();
        failed.extend(holes.filter_map(|unit| Some(UnitFailure { unit: unit.unit, failure: unit.failure? })));
    }
    failed.retain(|unit| unit.failure.kind == FailureKind::Offline);
    Ok(failed.into_iter().map(|unit| unit.unit).collect())
}

/// Of a model, what it would be told beside what it was; of others, the parts of the unit's request that differ from
/// those in the latest revision.
fn show_miss(opened: &Opened, target: &Target, unit: &UnitId, page: &mut Page) -> Result<(), CliError> {
    let id = unit.as_str();
    let nearest = runtime::on_this_thread(async { Ok(opened.engine.nearest(target, id).await?) })?;
    match nearest {
        Some(nearest) => render::nearest::write(page, &format!("{target}/{unit}"), &nearest),
        None => {
            let why = runtime::on_this_thread(async { Ok(opened.engine.why(target, Some(id), 1).await?) })?;
            render::why::write_nearest(page, &why);
        }
    }
    Ok(())
}

fn code(report: &RunReport) -> ExitCode {
    let known = PRECEDENCE.into_iter().chain([ExitCode::Ok]);
    known.into_iter().find(|code| code.number() == report.exit_code).unwrap_or(ExitCode::Failed)
}

/// Returns the command that goes on with an unfinished run. It has no `--force`: the forced generation is on record
/// and every run goes on with it; asking for another one would pay twice.
fn again(args: &RunArgs, globals: &Globals) -> String {
    let mut words = vec!["refrain".to_owned()];
    words.extend(globals.directory.iter().map(|dir| format!("-C {}", quoted(&dir.to_string_lossy()))));
    words.extend(globals.file.iter().map(|file| format!("-f {}", quoted(&file.to_string_lossy()))));
    words.push("run".to_owned());
    for phase in &args.phases {
        let values = phase.0.values.join(",");
        let at = if values.is_empty() { "" } else { "@" };
        words.push(quoted(&format!("{}{at}{values}", phase.0.phase)));
    }
    words.extend(
        args.scopes
            .scopes
            .iter()
            .map(|(name, value)| format!("--scope {}", quoted(&format!("{name}={value}")))),
    );
    words.extend(args.only.then(|| "--only".to_owned()));
    words.extend(args.offline.then(|| "--offline".to_owned()));
    words.extend(args.max_calls.map(|n| format!("--max-calls {n}")));
    words.extend(globals.set.iter().map(|(name, _)| format!("--set {}", quoted(&format!("{name}=…")))));
    words.join(" ")
}

/// Quotes a word for a shell where it needs it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./@=,+:…".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser as _;

    fn resumed(words: &[&str]) -> String {
        let cli = Cli::parse_from(["refrain", "run"].iter().chain(words));
        let Command::Run(args) = cli.command else { panic!("not a run") };
        again(&args, &cli.globals)
    }

    #[test]
    fn the_way_on_repeats_what_was_asked_for() {
        assert_eq!(resumed(&[]), "refrain run");
        assert_eq!(resumed(&["qa@ja", "--force"]), "refrain run qa@ja");
        let words =
            ["-C", "my game", "tone@ja,formal", "--only", "--max-calls", "5", "--scope", "language=ja"];
        assert_eq!(
            resumed(&words),
            "refrain -C 'my game' run tone@ja,formal --scope language=ja --only --max-calls 5"
        );
        assert_eq!(resumed(&["--set", "token=secret"]), "refrain run --set token=…");
    }
}
