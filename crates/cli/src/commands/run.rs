//! `refrain run`

use std::path::PathBuf;

use clap::Args;
use refrain_core::engine::{Control, EngineError, RunRequest};
use refrain_schemas::exit_code::{ExitCode, PRECEDENCE};
use refrain_schemas::failure::{FailureKind, UnitFailure};
use refrain_schemas::name::UnitId;
use refrain_schemas::plan_file::{PlanFile, PlannedRequest};
use refrain_schemas::report::{PhaseReport, PhaseStatus, RunReport};
use refrain_schemas::scope::Target;
use refrain_schemas::time::Timestamp;

use crate::again::Again;
use crate::args::work::WorkArgs;
use crate::args::{self, Globals};
use crate::interrupt::Watch;
use crate::mind::{self, MindArgs, Minded, Terms};
use crate::output::{Output, complain};
use crate::project::Project;
use crate::render::noun::Noun;
use crate::render::numbers::counted;
use crate::render::page::Page;
use crate::render::run::Holes;
use crate::report::CliError;
use crate::result_file::ResultFile;
use crate::shell::quoted;
use crate::wiring::{Checked, Opened};
use crate::{choices, commands, plan_file, render, runtime, steps_document, steps_words, wiring};

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
  refrain run translate --scope language=ja --max-cost 2.50
  refrain run --plan plan.json     what was planned, or nothing
  refrain run export --only        this phase alone
  refrain run --offline            from the ledger alone
  refrain run --json | jq .units   one JSON object
  refrain run -o result.json       the same, as a file")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    #[command(flatten)]
    pub(crate) mind: MindArgs,
    /// Answer from the ledger only; a reply that is not there fails the run with exit code 11
    #[arg(long, conflicts_with = "force")]
    pub(crate) offline: bool,
    /// Choose models anew for steps that leave them open
    #[arg(long, hide_short_help = true)]
    pub(crate) choose: bool,
    /// Write the result to a file as well, as `--json` prints it
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FILE",
        value_parser = args::file(),
        conflicts_with = "dry_run",
        hide_short_help = true
    )]
    pub(crate) output: Option<PathBuf>,
    /// Show what would run and stop: the same as `refrain plan`
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Run what `refrain plan -o FILE` wrote down, within its ceiling; if anything it was made from has changed, nothing,
    /// with exit code 11
    #[arg(long, value_name = "FILE", conflicts_with_all = ["phases", "scopes", "only", "force", "dry_run"])]
    pub(crate) plan: Option<PathBuf>,
}

/// Runs the plan.
pub(crate) fn run(args: &RunArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let project = Project::find(globals)?;
    let project = Project { chooses_anew: args.choose, ..project };
    let mut file = ResultFile::new(args.output.as_ref(), globals)?;
    let ended = carry_out(args, &project, &mut file, globals, output);
    if let Err(error) = &ended
        && !args.dry_run
        && !file.is_told()
        && let Err(untold) = tell_of_failure(&project, error, &mut file, output)
    {
        output.note(&format!("warning: {}", untold.message()));
    }
    ended
}

/// There is a document for every outcome of a steps file; of other files that did not run there is none, and none of an
/// earlier run that would pass for it.
fn tell_of_failure(
    project: &Project,
    error: &CliError,
    file: &mut ResultFile,
    output: &mut Output,
) -> Result<(), CliError> {
    match project.steps_name() {
        Some(id) => file.tell(&steps_document::not_begun(&id, error), output),
        None => file.remove(),
    }
}

fn carry_out(
    args: &RunArgs,
    project: &Project,
    file: &mut ResultFile,
    globals: &Globals,
    output: &mut Output,
) -> Result<ExitCode, CliError> {
    let checked = wiring::check(project, globals)?;
    let Minded { checked, spent, .. } = about(args, project, checked, globals, output)?;
    if let (None, Some(map), true) = (&checked.model, &checked.steps, file.is_wanted(output)) {
        file.tell(&steps_document::refused(map, &checked.problems), output)?;
    }
    let mut opened = wiring::opened(project.clone(), checked, globals)?;
    let idle = opened.warn(output)?;
    choices::note(opened.choices(), output);
    if args.dry_run {
        return commands::plan::dry_run(&opened, &args.work.request(&opened)?, output);
    }
    let (mut request, plan) = asked_for(args, &opened, globals)?;
    request.budget = spent.left_of(request.budget, opened.pipeline().budget.unwrap_or_default());
    let again = again(args, plan.as_ref(), globals);
    opened.keep_choices()?;
    opened.attach_sinks(globals, output);
    let control = Control::default();
    let started = wiring::now();
    let report = runtime::with_workers(async {
        let _watch = Watch::start(&control);
        let report = match &plan {
            Some(plan) => opened.engine.run_plan(&request, plan, &control).await,
            None => opened.engine.run(&request, &control).await,
        };
        opened.engine.ports().tools.close().await;
        Ok(report)
    })?;
    let mut report = match report {
        Ok(report) => report,
        Err(EngineError::CutShort { report, why }) => {
            let error = CliError::from(*why);
            if let Err(untold) = tell_of_part(&opened, &report, started, &error, file, output) {
                output.note(&format!("warning: {}", untold.message()));
            }
            return Err(error);
        }
        Err(error) => {
            opened.discard_empty_logs();
            return Err(error.into());
        }
    };
    opened.conclude(&report);
    opened.warn_again(&idle, output)?;
    (report.leftovers, (report.open_errors, report.idle_edits)) =
        runtime::on_this_thread(async { Ok((opened.leftovers().await, opened.remarks().await)) })?;
    let written = match opened.steps().filter(|_| file.is_wanted(output)) {
        Some(map) => {
            let times = (started, wiring::now());
            file.tell(&steps_document::of_run(&opened, map, &report, times)?, output)
        }
        None => file.write(&report),
    };
    if opened.steps().is_none() || !output.wants_json() {
        show(&opened, &report, &again, output)?;
    }
    written?;
    show_misses(&opened, &report, output)?;
    Ok(code(&report))
}

/// Tells what a run had done that could not go on.
fn tell_of_part(
    opened: &Opened,
    report: &RunReport,
    started: Timestamp,
    error: &CliError,
    file: &mut ResultFile,
    output: &mut Output,
) -> Result<(), CliError> {
    match opened.steps().filter(|_| file.is_wanted(output)) {
        Some(map) => {
            let document = steps_document::of_run(opened, map, report, (started, wiring::now()))?;
            file.tell(&steps_document::cut_short(document, error), output)
        }
        None => file.tell(report, output),
    }
}

/// Asks a model what it is to be asked before a run; a run that is only shown asks nobody.
fn about(
    args: &RunArgs,
    project: &Project,
    checked: Checked,
    globals: &Globals,
    output: &Output,
) -> Result<Minded, CliError> {
    if args.dry_run {
        let minded = mind::recall(project, checked)?;
        mind::say_what_is_open(&minded, output);
        return Ok(minded);
    }
    let terms = Terms { args: args.mind, offline: args.offline, budget: args.work.budget.budget() };
    mind::ask(project, checked, &terms, globals, output)
}

/// Makes out what is asked for: by the arguments, or by a plan that was written down.
fn asked_for(
    args: &RunArgs,
    opened: &Opened,
    globals: &Globals,
) -> Result<(RunRequest, Option<PlanFile>), CliError> {
    let (request, plan) = match &args.plan {
        Some(path) => {
            let plan = plan_file::read(path, opened, globals)?;
            (plan_file::request(&plan, args.work.budget.budget(), opened)?, Some(plan))
        }
        None => (args.work.request(opened)?, None),
    };
    Ok((RunRequest { offline: args.offline, ..request }, plan))
}

fn show(opened: &Opened, report: &RunReport, again: &Again, output: &mut Output) -> Result<(), CliError> {
    if output.wants_json() {
        return output.json(report);
    }
    let holes = holes(opened, report)?;
    let mut page = output.page();
    match opened.steps() {
        Some(map) => {
            render::run::write(&mut page, Noun::Steps, &steps_words::told(map, report), &holes, again);
        }
        None => render::run::write(&mut page, Noun::Phases, report, &holes, again),
    }
    render::words::leftovers(&mut page, &report.leftovers);
    render::words::open_errors(&mut page, &report.open_errors);
    render::words::idle_edits(&mut page, &report.idle_edits);
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
    let mut page = output.error_page();
    for phase in &report.phases {
        let target = Target { phase: phase.phase.clone(), scope: phase.scope.clone() };
        let missed = missed(phase);
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

/// Returns the first units of a phase that failed for want of a reply on record.
fn missed(phase: &PhaseReport) -> Vec<UnitId> {
    let failed = phase.error.iter().flat_map(|error| &error.units);
    let missed = failed.filter(|unit| unit.failure.kind == FailureKind::Offline);
    missed.map(|unit| unit.unit.clone()).collect()
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
fn again(args: &RunArgs, plan: Option<&PlanFile>, globals: &Globals) -> Again {
    let mut words = vec!["run".to_owned()];
    match (&args.plan, plan) {
        (Some(path), plan) if plan.is_none_or(|plan| !plan.request.force) => {
            words.push(format!("--plan {}", quoted(&path.to_string_lossy())));
        }
        (_, Some(plan)) => words.extend(what_was_planned(&plan.request)),
        (_, None) => words.extend(what_was_named(&args.work)),
    }
    words.extend(args.offline.then(|| "--offline".to_owned()));
    words.extend(args.mind.words());
    words.extend(args.work.budget.words());
    words.extend(globals.set.iter().map(|(name, _)| format!("--set {}", quoted(&format!("{name}=…")))));
    Again::new(globals, words)
}

fn what_was_named(work: &WorkArgs) -> Vec<String> {
    let phases = work.phases.iter().map(|phase| phase.0.to_string()).collect();
    let (scopes, only) = (work.scopes.scopes.clone(), work.only);
    what_was_planned(&PlannedRequest { targets: phases, scopes, only, force: work.force })
}

fn what_was_planned(request: &PlannedRequest) -> Vec<String> {
    let scope = |(name, value): &(String, String)| format!("--scope {}", quoted(&format!("{name}={value}")));
    let phases = request.targets.iter().map(|phase| quoted(phase));
    let only = request.only.then(|| "--only".to_owned());
    phases.chain(request.scopes.iter().map(scope)).chain(only).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::again::program;
    use crate::args::{Cli, Command};
    use clap::Parser as _;
    use serde_json::json;

    fn resumed(words: &[&str]) -> String {
        let cli = Cli::parse_from(["refrain", "run"].iter().chain(words));
        let Command::Run(args) = cli.command else { panic!("not a run") };
        again(&args, None, &cli.globals).to_string()
    }

    #[test]
    fn a_forced_plan_is_not_forced_again() {
        let cli = Cli::parse_from(["refrain", "run", "--plan", "p.json"]);
        let Command::Run(args) = cli.command else { panic!("not a run") };
        let plan = json!({
            "refrain_plan": 1, "project": "x", "at": "2026-03-01T12:00:00.000000Z", "drift": {}, "ceiling": {},
            "request": {"targets": ["qa@ja"], "scopes": [["tone", "formal"]], "only": true, "force": true},
            "plan": {"schema_version": 1, "changes": true, "run": {"min": 1, "max": 1}, "reuse": {"min": 0, "max": 0},
                "calls": {"min": 1, "max": 1}, "in_doubt": 0, "phases": []}
        });
        let plan: PlanFile = serde_json::from_value(plan).unwrap();
        assert_eq!(
            again(&args, Some(&plan), &cli.globals).to_string(),
            "refrain run qa@ja --scope tone=formal --only"
        );
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
        let run = Cli::parse_from(["refrain", "-C", "my runs", "run"]);
        assert_eq!(program(&run.globals), "refrain -C 'my runs'");
        assert_eq!(resumed(&["--set", "token=secret"]), "refrain run --set token=…");
        let words = ["--plan", "my plan.json", "--max-cost", "$2.50", "--max-calls", "9"];
        assert_eq!(resumed(&words), "refrain run --plan 'my plan.json' --max-calls 9 --max-cost 2.5");
    }
}
