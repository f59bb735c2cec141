//! `refrain edit list`

use clap::Args;
use refrain_schemas::exit_code::ExitCode;

use crate::address::PhaseAddress;
use crate::args::Globals;
use crate::output::Output;
use crate::report::CliError;
use crate::{render, runtime, wiring};

/// List the edits that stand
///
/// Who changed which field of which record, from what to what, whether its unit is locked, and what was said of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain edit list            all of them
  refrain edit list edit@ja    those of one phase in one scope
  refrain edit list --json | jq '.targets[].edits[].by'")]
pub(super) struct ListArgs {
    /// The phase; all where none is named
    #[arg(value_name = "PHASE[@SCOPE]")]
    phase: Option<PhaseAddress>,
    /// Show at most this many of each phase
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Lists edits.
pub(super) fn run(args: &ListArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let targets = match &args.phase {
        Some(phase) => opened.engine.select(&phase.0)?,
        None => runtime::on_this_thread(async { Ok(opened.engine.edited().await?) })?,
    };
    let list = runtime::on_this_thread(async { Ok(opened.engine.edits(&targets).await?) })?;
    if output.wants_json() {
        output.json(&list)?;
    } else {
        let mut page = output.page();
        render::edits::write_list(&mut page, &list, args.limit);
        output.show(&page)?;
    }
    Ok(ExitCode::Ok)
}
