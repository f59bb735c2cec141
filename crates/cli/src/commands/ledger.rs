//! `refrain ledger`

use clap::Args;
use refrain_core::ports::store::CallFilter;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::name::{PhaseName, RunId};

use crate::args::Globals;
use crate::output::Output;
use crate::report::CliError;
use crate::{render, runtime, wiring};

/// Show calls: what was asked, what came back, what it cost
///
/// Every call has an intent, written before it left, and an outcome, written after it came back. A call that has only
/// the first is in doubt: it may have been answered and paid before the process was killed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain ledger                                    the last 20 calls
  refrain ledger --in-doubt                         calls without outcome
  refrain ledger --phase translate --unit line_17   all about one unit
  refrain ledger --last 0 --json | jq .usage        the sums alone")]
pub(crate) struct LedgerArgs {
    /// Only calls of this run
    #[arg(long, value_name = "ID")]
    run: Option<RunId>,
    /// Only calls of this phase
    #[arg(long, value_name = "PHASE")]
    phase: Option<PhaseName>,
    /// Only calls about this unit
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
    /// Only calls that are in doubt
    #[arg(long)]
    in_doubt: bool,
    /// At most this many calls, the latest ones
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
}

/// Refuses a phase or a unit that neither the pipeline nor the ledger knows; the calls of a phase that is gone stay.
async fn known(opened: &wiring::Opened, args: &LedgerArgs) -> Result<(), CliError> {
    let engine = &opened.engine;
    let calls = async |phase: Option<String>, unit: Option<String>| {
        let filter = CallFilter { phase, unit, last: Some(1), ..CallFilter::default() };
        engine.ledger(&filter).await.map(|report| report.calls.is_empty())
    };
    if let Some(phase) = &args.phase {
        let phases = || engine.model().phases.iter().map(|phase| phase.name.as_str());
        if !phases().any(|known| known == phase.as_str()) && calls(Some(phase.to_string()), None).await? {
            return Err(CliError::unknown_phase(phase.as_str(), phases()));
        }
    }
    match &args.unit {
        Some(unit) if calls(None, Some(unit.clone())).await? => {
            Err(CliError::usage(format!("no call was ever about a unit `{unit}`")))
        }
        _ => Ok(()),
    }
}

/// Shows calls.
pub(crate) fn run(args: &LedgerArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let filter = CallFilter {
        run_id: args.run,
        phase: args.phase.as_ref().map(ToString::to_string),
        unit: args.unit.clone(),
        in_doubt: args.in_doubt,
        last: Some(args.last),
        ..CallFilter::default()
    };
    let report = runtime::on_this_thread(async {
        let report = opened.engine.ledger(&filter).await?;
        if report.calls.is_empty() {
            known(&opened, args).await?;
        }
        Ok(report)
    })?;
    let filtered = args.run.is_some() || args.phase.is_some() || args.unit.is_some() || args.in_doubt;
    if output.wants_json() {
        output.json(&report)?;
    } else {
        let mut page = output.page();
        if filtered {
            let count = CallFilter { last: None, ..filter };
            let calls = runtime::on_this_thread(async { Ok(opened.engine.ledger(&count).await?.calls) })?;
            render::ledger::write_filtered(&mut page, &report, calls.len() as u64, args.in_doubt);
        } else {
            render::ledger::write(&mut page, &report);
        }
        output.show(&page)?;
    }
    Ok(ExitCode::Ok)
}
