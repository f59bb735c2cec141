//! `refrain plan`

use std::path::{Path, PathBuf};

use clap::Args;
use refrain_core::engine::RunRequest;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::plan::PlanReport;

use crate::args::work::WorkArgs;
use crate::args::{self, Globals};
use crate::output::Output;
use crate::project::Project;
use crate::render::noun::Noun;
use crate::render::outlay::Allowed;
use crate::report::CliError;
use crate::{choices, mind, plan_file, render, runtime, steps_words, wiring};

/// Show what a run would do and what it would cost
///
/// For every phase and scope: whether it is fresh or why not, how many units would be asked and how many reused, and
/// how many calls that takes. Counts are exact, or a minimum and a maximum where they hang on replies that are not
/// there yet; `?` where even the number of units does. Retries are not in them. Tokens and dollars are guessed: from
/// what earlier calls of the same agent came to, else from the length of the prompts. Nothing is run or stored.
///
/// With -o the plan is written down as well; `refrain run --plan FILE` runs just that, refuses where a source, a
/// definition, a param or a price has changed since, and stops at the planned ceiling.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain plan                       the whole pipeline
  refrain plan translate@ja          one scope, and what it needs
  refrain plan -o plan.json          written down, for run --plan
  refrain plan --max-cost 5          whether five dollars will do
  refrain plan --detailed-exitcode   10 if anything is to be done
  refrain plan --json | jq .outlay")]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    /// Write the plan to a file
    #[arg(short = 'o', long = "output", value_name = "FILE", value_parser = args::file())]
    pub(crate) output: Option<PathBuf>,
    /// Exit with 10 if a run would do anything
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

/// Plans a run.
pub(crate) fn run(args: &PlanArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let project = Project::find(globals)?;
    let minded = mind::recall(&project, wiring::check(&project, globals)?)?;
    mind::say_what_is_open(&minded, output);
    let opened = wiring::opened(project, minded.checked, globals)?;
    opened.warn(output)?;
    choices::note(opened.choices(), output);
    let request = args.work.request(&opened)?;
    if let Some(path) = &args.output {
        plan_file::may_write(path, globals)?;
    }
    let report = match &args.output {
        Some(path) => write(&opened, &request, path, globals, output)?,
        None => look_ahead(&opened, &request)?,
    };
    show(&opened, &request, report, args.detailed_exitcode, output)
}

/// Plans a run and shows the plan.
pub(crate) fn dry_run(
    opened: &wiring::Opened,
    request: &RunRequest,
    output: &mut Output,
) -> Result<ExitCode, CliError> {
    let report = look_ahead(opened, request)?;
    show(opened, request, report, false, output)
}

fn look_ahead(opened: &wiring::Opened, request: &RunRequest) -> Result<PlanReport, CliError> {
    runtime::on_this_thread(async { opened.engine.plan(request).await.map_err(CliError::planning) })
}

/// Plans a run and writes the plan down.
fn write(
    opened: &wiring::Opened,
    request: &RunRequest,
    path: &Path,
    globals: &Globals,
    output: &Output,
) -> Result<PlanReport, CliError> {
    let file = runtime::on_this_thread(async {
        opened.engine.plan_file(request).await.map_err(CliError::planning)
    })?;
    plan_file::write(path, &file, globals)?;
    // A run of this plan asks the models that it was made with.
    opened.keep_choices()?;
    let path = path.display();
    output.note(&format!("the plan is in {path}: `refrain run --plan {path}` runs it"));
    Ok(file.plan)
}

fn show(
    opened: &wiring::Opened,
    request: &RunRequest,
    mut report: PlanReport,
    detailed_exitcode: bool,
    output: &mut Output,
) -> Result<ExitCode, CliError> {
    report.choices = opened.choices().to_vec();
    if output.wants_json() {
        output.json(&report)?;
    } else {
        // The calls of a run under way are not those of an earlier one.
        let live = runtime::on_this_thread(async { Ok(opened.engine.ports().store.holder().await?) })?;
        report.in_doubt = if live.is_some() { 0 } else { report.in_doubt };
        let allowed = Allowed::of(opened.engine.model(), &request.budget);
        let mut page = output.page();
        match opened.steps() {
            Some(map) => {
                let shown = steps_words::plan(map, &report);
                render::plan::write(&mut page, Noun::Steps, &report, &shown, &allowed);
            }
            None => render::plan::write(&mut page, Noun::Phases, &report, &report, &allowed),
        }
        choices::show(&mut page, &report.choices);
        output.show(&page)?;
    }
    Ok(if detailed_exitcode && report.changes { ExitCode::Changes } else { ExitCode::Ok })
}
