//! `refrain history`

use clap::Args;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::scope::Target;
use refrain_schemas::status::HistoryReport;

use crate::address::PhaseAddress;
use crate::args::Globals;
use crate::output::Output;
use crate::report::CliError;
use crate::{render, runtime, wiring};

/// Show runs and revisions
///
/// Every run, every revision with why it was made and whether it still holds, every attempt that made none, and every
/// waiver of `refrain accept`, in the order in which they happened.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain history                everything
  refrain history translate@ja   one phase in one scope
  refrain history --json | jq '.runs[-1]'")]
pub(crate) struct HistoryArgs {
    /// The phase; all where none is named
    #[arg(value_name = "PHASE[@SCOPE]")]
    phase: Option<PhaseAddress>,
}

/// Shows the history.
pub(crate) fn run(args: &HistoryArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let selection = args.phase.as_ref().map(|phase| &phase.0);
    let targets = selection.map(|selection| opened.engine.select(selection)).transpose()?;
    let phase = selection.map(|selection| &selection.phase);
    let mut report = runtime::on_this_thread(async { Ok(opened.engine.history(phase).await?) })?;
    // A phase without scope may have had other scopes once; only a scope that was named narrows the history.
    if let Some(targets) = targets.filter(|_| selection.is_some_and(|selection| !selection.values.is_empty()))
    {
        narrow(&mut report, &targets);
    }
    if output.wants_json() {
        output.json(&report)?;
    } else {
        let mut page = output.page();
        render::history::write(&mut page, &report, selection.is_none());
        output.show(&page)?;
    }
    Ok(ExitCode::Ok)
}

fn narrow(report: &mut HistoryReport, targets: &[Target]) {
    report.revisions.retain(|revision| targets.contains(&revision.record.target));
    report.attempts.retain(|attempt| targets.contains(&attempt.target));
    report.waivers.retain(|waiver| targets.contains(&waiver.target));
}
