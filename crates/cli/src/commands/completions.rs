//! `refrain completions`

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use refrain_schemas::exit_code::ExitCode;

use crate::args::Cli;
use crate::output::Output;
use crate::report::CliError;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain completions bash > ~/.local/share/bash-completion/completions/refrain
  refrain completions zsh > ~/.zfunc/_refrain
  refrain completions fish > ~/.config/fish/completions/refrain.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs, output: &mut Output) -> Result<ExitCode, CliError> {
    // Made in memory first: the generator panics where a pipe is closed under it.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "refrain", &mut script);
    output.write(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Ok)
}
