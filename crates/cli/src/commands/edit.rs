//! `refrain edit`

mod change;
mod import;
mod list;

use clap::{Args, Subcommand};
use refrain_schemas::exit_code::ExitCode;

use crate::args::Globals;
use crate::output::Output;
use crate::report::CliError;

/// Take over what people changed, and say what becomes of it
///
/// An edit says of single fields of a record what a person wrote and what the machine had said there. Edits are kept
/// apart from replies and laid over what machines make, in every run: the person's text stays, whatever the machine says
/// later. Where both changed, `refrain review` lists it.
///
/// A locked edit keeps its unit from being asked again, which costs nothing; a preferred one lets it be asked, and the
/// person's text is laid over the answer.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain edit import out/ja.csv                   an export, changed in place
  refrain edit import ana.csv --from export@ja     a copy of one
  refrain edit list edit@ja                        who changed what
  refrain edit set edit@ja/line_7 --text \"Doch!\"   one text, without a file
  refrain edit undo edit@ja/line_3                 back to the machine's text
  refrain edit undo edit@ja --last                 back by one import
  refrain edit prefer edit@ja --all                let the machine try again")]
pub(crate) struct EditArgs {
    #[command(subcommand)]
    action: Action,
}

/// What is done with edits.
#[derive(Debug, Subcommand)]
enum Action {
    Import(import::ImportArgs),
    List(list::ListArgs),
    Set(change::SetArgs),
    Undo(change::UndoArgs),
    Lock(change::LockArgs),
    Prefer(change::PreferArgs),
}

/// Does something with edits.
pub(crate) fn run(args: &EditArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    match &args.action {
        Action::Import(args) => import::run(args, globals, output),
        Action::List(args) => list::run(args, globals, output),
        Action::Set(args) => change::set(args, globals, output),
        Action::Undo(args) => change::undo(args, globals, output),
        Action::Lock(args) => change::lock(args, globals, output),
        Action::Prefer(args) => change::prefer(args, globals, output),
    }
}

pub(crate) use change::{SetArgs, resolve, set};
