//! `refrain plan`

use clap::Args;
use refrain_core::engine::RunRequest;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::money::Budget;

use crate::address::PhaseAddress;
use crate::args::{Globals, ScopeArgs};
use crate::output::Output;
use crate::render;
use crate::report::CliError;
use crate::{runtime, wiring};

/// Show what a run would do
///
/// For every phase and scope: whether it is fresh or why not, how many units would be asked and how many reused, and
/// how many calls that takes. Counts are exact, or a minimum and a maximum where they hang on replies that are not
/// there yet; `?` where even the number of units does. Retries are not in them. Nothing is run or stored.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain plan                       the whole pipeline
  refrain plan translate@ja          one scope, and what it needs
  refrain plan --detailed-exitcode   10 if anything is to be done
  refrain plan --json | jq .calls")]
pub(crate) struct PlanArgs {
    /// The phases; everything where none is named
    #[arg(value_name = "PHASE[@SCOPE]")]
    pub(crate) phases: Vec<PhaseAddress>,
    #[command(flatten)]
    pub(crate) scopes: ScopeArgs,
    /// Plan exactly these phases, without what they need
    #[arg(long)]
    pub(crate) only: bool,
    /// Plan as if the phases were stale
    #[arg(long)]
    pub(crate) force: bool,
    /// Exit with 10 if a run would do anything
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

/// Plans a run.
pub(crate) fn run(args: PlanArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    opened.warn(output);
    args.scopes.check(opened.engine.model())?;
    let request = RunRequest {
        targets: args.phases.into_iter().map(|phase| phase.0).collect(),
        scopes: args.scopes.scopes,
        only: args.only,
        force: args.force,
        offline: false,
        budget: Budget::default(),
        holder: opened.holder(),
    };
    show(&opened, &request, args.detailed_exitcode, output)
}

/// Plans a run and shows the plan.
pub(crate) fn show(
    opened: &wiring::Opened,
    request: &RunRequest,
    detailed_exitcode: bool,
    output: &mut Output,
) -> Result<ExitCode, CliError> {
    let mut report = runtime::on_this_thread(async { Ok(opened.engine.plan(request).await?) })?;
    if output.wants_json() {
        output.json(&report)?;
    } else {
        // The calls of a run under way are not those of an earlier one.
        let live = runtime::on_this_thread(async { Ok(opened.engine.ports().store.holder().await?) })?;
        report.in_doubt = if live.is_some() { 0 } else { report.in_doubt };
        let mut page = output.page();
        render::plan::write(&mut page, &report);
        output.show(&page)?;
    }
    Ok(if detailed_exitcode && report.changes { ExitCode::Changes } else { ExitCode::Ok })
}
