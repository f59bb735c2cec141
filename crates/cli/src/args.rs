//! What can be typed: the options of every command, and the commands.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use refrain_core::model::Model;
use refrain_schemas::event::Level;

use crate::commands;
use crate::report::CliError;
use crate::suggest::did_you_mean;

pub(crate) mod people;
pub(crate) mod work;

/// make for agents
///
/// A project declares phases in refrain.yaml; each phase splits its input into units, fans them out over agents,
/// merges the replies and keeps every result with what it was made from. `refrain run` does what is missing and
/// nothing that was done before: a reply that was paid for is never bought again.
#[derive(Debug, Parser)]
#[command(
    name = "refrain",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  refrain init               start a project in this folder
  refrain plan               what would run, and how many calls that takes
  refrain run                bring everything up to date
  refrain why translate@ja   which change made it stale

Exit codes:
   0 ok                               6 waiting for a person
   1 a unit or phase failed           7 project held by another writer
   2 usage or invalid pipeline        8 blocked: something needed is missing
   3 stopped by budget                9 store or I/O failure
   4 credentials                     10 changes (plan --detailed-exitcode)
   5 gate failed                     11 offline miss or plan drift
 130 interrupted

Every command has more to say: `refrain COMMAND --help`."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Globals {
    /// Work in this folder instead of the present one
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true)]
    pub(crate) directory: Option<PathBuf>,
    /// The pipeline file; otherwise the nearest refrain.yaml, refrain.yml or refrain.json, here or above
    #[arg(short = 'f', long = "file", value_name = "FILE", global = true)]
    pub(crate) file: Option<PathBuf>,
    /// Let links of the project lead into this folder, which is not in it; may be repeated
    #[arg(long, value_name = "DIR", global = true, hide_short_help = true)]
    pub(crate) allow_outside: Vec<PathBuf>,
    /// Set a param of the pipeline; may be repeated
    #[arg(
        long,
        short_alias = 'i',
        alias = "input",
        value_name = "NAME=VALUE",
        value_parser = assignment,
        global = true
    )]
    pub(crate) set: Vec<(String, String)>,
    /// Set params of the pipeline from a JSON object; `--set` goes before it
    #[arg(short = 'c', long = "context", value_name = "FILE", global = true, hide = true)]
    pub(crate) context: Option<PathBuf>,
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How progress is shown on standard error
    #[arg(long, value_name = "HOW", default_value = "auto", hide_default_value = true, global = true)]
    pub(crate) progress: ProgressChoice,
    /// When colours are used; NO_COLOR turns them off as well
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_default_value = true, global = true)]
    pub(crate) color: ColorChoice,
    /// Never ask; fail instead
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// Say less: no progress, no notes
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: events of the run on standard error; twice for every call
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// The least level that goes into the log file
    #[arg(
        long,
        value_name = "LEVEL",
        value_enum,
        default_value = "info",
        hide_default_value = true,
        global = true
    )]
    pub(crate) log_level: LevelChoice,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ProgressChoice {
    /// Bars on a terminal, lines elsewhere
    #[default]
    Auto,
    /// A line for whatever happens
    Plain,
    /// Not at all
    None,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How much an event matters at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LevelChoice {
    /// Every unit and call
    Debug,
    /// What happens
    #[default]
    Info,
    /// What a person should look at
    Warn,
    /// What went wrong
    Error,
}

impl From<LevelChoice> for Level {
    fn from(choice: LevelChoice) -> Self {
        match choice {
            LevelChoice::Debug => Self::Debug,
            LevelChoice::Info => Self::Info,
            LevelChoice::Warn => Self::Warn,
            LevelChoice::Error => Self::Error,
        }
    }
}

/// `--scope language=ja`, on commands about many scopes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ScopeArgs {
    /// Only this value of a dimension; may be repeated
    #[arg(long = "scope", value_name = "DIMENSION=VALUE", value_parser = assignment)]
    pub(crate) scopes: Vec<(String, String)>,
}

impl ScopeArgs {
    /// Refuses dimensions and values that do not exist.
    pub(crate) fn check(&self, model: &Model) -> Result<(), CliError> {
        for (dimension, value) in &self.scopes {
            let Some(values) = model.dimensions.get(dimension.as_str()) else {
                let known: Vec<&str> = model.dimensions.keys().map(|name| name.as_str()).collect();
                return Err(CliError::usage(format!(
                    "there is no dimension `{dimension}`; there {} {}",
                    if known.len() == 1 { "is" } else { "are" },
                    known.join(", ")
                ))
                .hint_if(did_you_mean(dimension, known)));
            };
            if !values.contains(value) {
                return Err(CliError::usage(format!(
                    "dimension `{dimension}` has no value `{value}`; it has {}",
                    values.join(", ")
                ))
                .hint_if(did_you_mean(value, values.iter().map(String::as_str))));
            }
        }
        Ok(())
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(commands::init::InitArgs),
    Check(commands::check::CheckArgs),
    Doctor(commands::doctor::DoctorArgs),
    Plan(commands::plan::PlanArgs),
    Run(commands::run::RunArgs),
    Sim(commands::sim::SimArgs),
    Status(commands::status::StatusArgs),
    Why(commands::why::WhyArgs),
    History(commands::history::HistoryArgs),
    Show(commands::show::ShowArgs),
    Diff(commands::diff::DiffArgs),
    Compare(commands::compare::CompareArgs),
    Report(commands::report::ReportArgs),
    Qc(commands::qc::QcArgs),
    Logs(commands::logs::LogsArgs),
    Ledger(commands::ledger::LedgerArgs),
    Edit(commands::edit::EditArgs),
    Review(commands::review::ReviewArgs),
    Accept(commands::accept::AcceptArgs),
    Answer(commands::answer::AnswerArgs),
    Gc(commands::gc::GcArgs),
    Explain(commands::explain::ExplainArgs),
    Tools(commands::tools::ToolsArgs),
    Schema(commands::schema::SchemaArgs),
    Convert(commands::convert::ConvertArgs),
    Completions(commands::completions::CompletionsArgs),
}

/// Takes the name of a file that a result goes to. Elsewhere `-` is standard output, where results are printed anyway.
pub(crate) fn file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.as_os_str() == "-" {
        true => Err("`-` is no file; `--json` prints the result to standard output".to_owned()),
        false => Ok(path),
    })
}

/// Parses `name=value`; the value may hold further `=`.
fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn assignments_keep_what_is_behind_the_first_equals_sign() {
        assert_eq!(assignment("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(assignment("a="), Ok(("a".to_owned(), String::new())));
        assert!(assignment("=b").is_err() && assignment("a").is_err());
    }
}
