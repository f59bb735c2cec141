//! `refrain show`

use clap::{Args, ValueEnum};
use refrain_core::engine::Shown;
use refrain_core::model::{Model, OutputShape, Work};
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::json::{Json, scalar_text};
use refrain_schemas::name::{CallId, PhaseName, Revision};
use refrain_schemas::scope::Target;

use crate::address::RevisionAddress;
use crate::args::Globals;
use crate::output::Output;
use crate::report::CliError;
use crate::wiring::Opened;
use crate::{render, runtime, turn_name, wiring};
use refrain_core::escape::escape;

/// Show what a phase made, or what was said in a call
///
/// Records are printed as JSON lines in artifact order, a document as JSON, files as their paths, one per line. The
/// latest revision where none is named.
///
/// `--call` shows one call of the ledger: who was asked about what, what came of it, what it cost, and every request that
/// went over the wire with its response, secrets taken out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain show translate@ja                 the latest revision
  refrain show translate@ja#2 --limit 10    the start of revision 2
  refrain show translate@ja --key line_17   one record
  refrain show qa@ja --format table         for reading
  refrain show qa@ja --conflicts            who disagreed, and who won
  refrain show --call c17                   one call of the ledger")]
pub(crate) struct ShowArgs {
    /// The phase; its scope may be left out where there is only one
    #[arg(value_name = "PHASE[@SCOPE][#REVISION]", required_unless_present = "call")]
    address: Option<RevisionAddress>,
    /// Show this call instead
    #[arg(
        long,
        value_name = "ID",
        value_parser = call_id,
        conflicts_with_all = ["address", "limit", "offset", "key", "conflicts", "format"]
    )]
    call: Option<CallId>,
    /// Print at most this many records
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Leave out this many records first
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u64,
    /// Print only the record with this key
    #[arg(long, value_name = "KEY", conflicts_with_all = ["limit", "offset"])]
    key: Option<String>,
    /// Show the conflicts that the merge recorded instead
    #[arg(long, conflicts_with_all = ["limit", "offset", "key", "format"])]
    conflicts: bool,
    /// How records are printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Jsonl)]
    format: Format,
}

/// How records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object per line
    Jsonl,
    /// Aligned columns for people, cut to the width of the terminal
    Table,
}

/// Reads the id of a call as it is shown: `c17`.
fn call_id(text: &str) -> Result<CallId, String> {
    let number = text.strip_prefix('c').unwrap_or(text);
    number.parse().map(CallId).map_err(|_| "a call has an id such as c17".to_owned())
}

/// Shows an artifact, or a call.
pub(crate) fn run(args: &ShowArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    match (&args.address, args.call) {
        (Some(address), _) => {
            show_artifact(args, address, &opened, output).map_err(|error| opened.in_own_words(error))?;
        }
        (None, Some(call)) => show_call(call, &opened, output)?,
        (None, None) => return Err(CliError::usage("name a phase or a call")),
    }
    Ok(ExitCode::Ok)
}

fn show_call(call: CallId, opened: &Opened, output: &mut Output) -> Result<(), CliError> {
    let report = runtime::on_this_thread(async { Ok(opened.engine.call(call).await?) })?;
    if output.wants_json() {
        return output.json(&report);
    }
    let mut page = output.page();
    render::call::write(&mut page, &report);
    output.show(&page)
}

fn show_artifact(
    args: &ShowArgs,
    address: &RevisionAddress,
    opened: &Opened,
    output: &mut Output,
) -> Result<(), CliError> {
    let target = opened.engine.target(&turn_name::meant(&address.selection, opened.steps()))?;
    let revision = address.revision;
    if args.conflicts {
        return show_conflicts(revision, opened, &target, output);
    }
    let shown = runtime::on_this_thread(async {
        Ok(opened.engine.show(&target, revision, args.offset, args.limit).await?)
    })?;
    match shown {
        Shown::Records(records) => {
            let key = key_field(opened.engine.model(), &target.phase);
            show_records(args, records, key.as_deref(), &target, output)?;
        }
        Shown::Document(document) if output.wants_json() => output.json_line(document.as_str())?,
        Shown::Document(document) => show_document(&document, output)?,
        Shown::Files(files) if output.wants_json() => {
            files.iter().try_for_each(|file| output.json_line(Json::string(file).as_str()))?;
        }
        Shown::Files(files) => {
            files.iter().try_for_each(|file| output.write(&format!("{}\n", escape(file))))?;
        }
    }
    Ok(())
}

fn show_records(
    args: &ShowArgs,
    mut records: Vec<Json>,
    key: Option<&str>,
    target: &Target,
    output: &mut Output,
) -> Result<(), CliError> {
    if let Some(wanted) = &args.key {
        let matches = |record: &Json| {
            let value = key.and_then(|key| record.field(key)).and_then(scalar_text);
            value.as_deref() == Some(wanted)
        };
        records.retain(matches);
        if records.is_empty() {
            return Err(CliError::usage(format!("{target} has no record `{wanted}`")));
        }
    }
    if args.format == Format::Table && !output.wants_json() {
        let mut page = output.page();
        render::records::write(&mut page, &records, key);
        return output.show(&page);
    }
    records.iter().try_for_each(|record| output.json_line(record.as_str()))
}

fn show_document(document: &Json, output: &mut Output) -> Result<(), CliError> {
    let pretty =
        serde_json::to_string_pretty(&document.value()).map_err(|e| CliError::internal(e.to_string()))?;
    pretty.lines().try_for_each(|line| output.json_line(line))
}

fn show_conflicts(
    revision: Option<Revision>,
    opened: &Opened,
    target: &Target,
    output: &mut Output,
) -> Result<(), CliError> {
    let conflicts = runtime::on_this_thread(async { Ok(opened.engine.conflicts(target, revision).await?) })?;
    if output.wants_json() {
        return conflicts.iter().try_for_each(|conflict| output.json(conflict));
    }
    let mut page = output.page();
    render::conflicts::write(&mut page, &target.to_string(), &conflicts);
    output.show(&page)
}

/// Returns the field that tells the records of a phase apart.
fn key_field(model: &Model, phase: &PhaseName) -> Option<String> {
    match &model.phase(phase.as_str())?.work {
        Work::Read(read) => Some(read.key.clone()),
        Work::Ask(ask) => match &ask.output.shape {
            OutputShape::Records { key } => Some(key.clone()),
            OutputShape::Document => None,
        },
        Work::Write(_) | Work::Loop(_) => None,
    }
}
