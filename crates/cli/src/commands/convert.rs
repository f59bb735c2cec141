//! `refrain convert`

use clap::Args;
use refrain_schemas::exit_code::ExitCode;

use crate::args::Globals;
use crate::mind::{self, MindArgs, Terms};
use crate::output::Output;
use crate::project::Project;
use crate::report::CliError;
use crate::wiring;

/// Write a steps file as a native pipeline file
///
/// Prints the pipeline that a steps file is turned into, with the files that it reads in. It does the same and keeps a state of
/// its own: what was done under the steps file is done again once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain convert -f pipeline.yaml                  what it becomes
  refrain convert -f pipeline.yaml > refrain.yaml   into a file")]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    mind: MindArgs,
}

/// Prints the native form of a pipeline that may run.
pub(crate) fn run(args: &ConvertArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let project = Project::find(globals)?;
    let checked = wiring::check(&project, globals)?;
    let terms = Terms { args: args.mind, ..Terms::default() };
    let mut minded = mind::ask(&project, checked, &terms, globals, output)?;
    let text = wiring::converted(&mut minded.checked, &project, globals)?;
    output.write(&text)?;
    Ok(ExitCode::Ok)
}
