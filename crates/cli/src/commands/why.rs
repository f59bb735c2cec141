//! `refrain why`

use clap::Args;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::failure::PhaseError;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::why::WhyReport;

use crate::address::UnitAddress;
use crate::args::Globals;
use crate::output::Output;
use crate::render::noun::Noun;
use crate::report::CliError;
use crate::{render, runtime, steps_words, turn_name, wiring};

/// Explain why a phase, or one unit of it, would run
///
/// Names every cause with its old and new digest, and the units that differ: which part of their request changed —
/// the agent, its params, the unit itself, an entry of its context — and what it was before, where that is on record.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain why translate@ja               why it is stale and which units differ
  refrain why translate@ja/line_17       one unit: its asks and what changed
  refrain why translate@ja --limit 100   name more units
  refrain why translate@ja --json | jq '.units[].parts[].part'")]
pub(crate) struct WhyArgs {
    /// The phase; its scope may be left out where there is only one
    #[arg(value_name = "PHASE[@SCOPE][/UNIT]")]
    address: UnitAddress,
    /// Name at most this many units
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
}

/// Returns how the last attempt ended, where it made no revision.
fn last_error(opened: &wiring::Opened, report: &WhyReport) -> Result<Option<PhaseError>, CliError> {
    if !matches!(report.freshness, Freshness::Failed | Freshness::Blocked | Freshness::Waiting) {
        return Ok(None);
    }
    let status = runtime::on_this_thread(async { Ok(opened.engine.status().await?) })?;
    let mut phases = status.phases.into_iter();
    let state = phases.find(|state| state.phase == report.phase && state.scope == report.scope);
    Ok(state.and_then(|state| state.error))
}

/// Explains.
pub(crate) fn run(args: &WhyArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    explain(args, &opened, output).map_err(|error| opened.in_own_words(error))?;
    Ok(ExitCode::Ok)
}

fn explain(args: &WhyArgs, opened: &wiring::Opened, output: &mut Output) -> Result<(), CliError> {
    let target = opened.engine.target(&turn_name::meant(&args.address.selection, opened.steps()))?;
    let unit = args.address.unit.as_deref();
    let report = runtime::on_this_thread(async { Ok(opened.engine.why(&target, unit, args.limit).await?) })?;
    if output.wants_json() {
        return output.json(&report);
    }
    let mut page = output.page();
    let error = last_error(opened, &report)?;
    let one = unit.is_some();
    match opened.steps() {
        Some(map) => {
            let (told, error) = steps_words::why(map, &report, error.as_ref());
            render::why::write(&mut page, Noun::Steps, &told, error.as_ref(), one);
        }
        None => render::why::write(&mut page, Noun::Phases, &report, error.as_ref(), one),
    }
    output.show(&page)
}
