//! What each command does, one file per command: its options, and how they become a question to the engine and an answer.

pub(crate) mod accept;
pub(crate) mod answer;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod edit;
pub(crate) mod explain;
pub(crate) mod gc;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod ledger;
pub(crate) mod logs;
pub(crate) mod plan;
pub(crate) mod qc;
pub(crate) mod report;
pub(crate) mod review;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod show;
pub(crate) mod sim;
pub(crate) mod status;
pub(crate) mod tools;
pub(crate) mod why;

use refrain_schemas::exit_code::ExitCode;

use crate::args::{Cli, Command};
use crate::output::Output;
use crate::report::CliError;

/// Runs a command.
pub(crate) fn run(cli: Cli, output: &mut Output) -> Result<ExitCode, CliError> {
    let globals = &cli.globals;
    match cli.command {
        Command::Init(args) => init::run(&args, globals, output),
        Command::Check(args) => check::run(&args, globals, output),
        Command::Doctor(args) => doctor::run(&args, globals, output),
        Command::Plan(args) => plan::run(&args, globals, output),
        Command::Run(args) => run::run(&args, globals, output),
        Command::Sim(args) => sim::run(&args, globals, output),
        Command::Status(args) => status::run(&args, globals, output),
        Command::Why(args) => why::run(&args, globals, output),
        Command::History(args) => history::run(&args, globals, output),
        Command::Show(args) => show::run(&args, globals, output),
        Command::Diff(args) => diff::run(&args, globals, output),
        Command::Compare(args) => compare::run(&args, globals, output),
        Command::Qc(args) => qc::run(&args, globals, output),
        Command::Report(args) => report::run(&args, globals, output),
        Command::Logs(args) => logs::run(&args, globals, output),
        Command::Ledger(args) => ledger::run(&args, globals, output),
        Command::Edit(args) => edit::run(&args, globals, output),
        Command::Review(args) => review::run(&args, globals, output),
        Command::Accept(args) => accept::run(&args, globals, output),
        Command::Answer(args) => answer::run(&args, globals, output),
        Command::Explain(args) => explain::run(&args, globals, output),
        Command::Gc(args) => gc::run(&args, globals, output),
        Command::Tools(args) => tools::run(&args, globals, output),
        Command::Schema(args) => schema::run(&args, output),
        Command::Convert(args) => convert::run(&args, globals, output),
        Command::Completions(args) => completions::run(&args, output),
    }
}
