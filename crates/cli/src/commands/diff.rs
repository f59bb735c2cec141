//! `refrain diff`

use clap::Args;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::name::Revision;

use crate::address::PhaseAddress;
use crate::args::Globals;
use crate::output::Output;
use crate::report::CliError;
use crate::{render, runtime, wiring};

/// Show how two revisions of a phase differ
///
/// Record by record, field by field and word by word: the last two revisions, or two that are named. Costs what
/// differs, not what there is.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain diff translate@ja       the last two revisions
  refrain diff translate@ja 2 5   revision 2 against revision 5
  refrain diff translate@ja --json | jq '.changes[].key'")]
pub(crate) struct DiffArgs {
    /// The phase; its scope may be left out where there is only one
    #[arg(value_name = "PHASE[@SCOPE]")]
    phase: PhaseAddress,
    /// The earlier revision
    #[arg(value_name = "A", value_parser = clap::value_parser!(u32).range(1..), requires = "to")]
    from: Option<u32>,
    /// The later revision
    #[arg(value_name = "B", value_parser = clap::value_parser!(u32).range(1..))]
    to: Option<u32>,
}

/// Compares two revisions.
pub(crate) fn run(args: &DiffArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let target = opened.engine.target(&args.phase.0)?;
    let revisions = args.from.map(Revision).zip(args.to.map(Revision));
    let report = runtime::on_this_thread(async { Ok(opened.engine.diff(&target, revisions).await?) })?;
    if output.wants_json() {
        output.json(&report)?;
    } else {
        let mut page = output.page();
        render::diff::write(&mut page, &report);
        output.show(&page)?;
    }
    Ok(ExitCode::Ok)
}
