//! `refrain edit set`, `undo`, `lock` and `prefer`

use clap::Args;
use refrain_core::engine::{Keys, Resolution, Signature};
use refrain_schemas::edit::EditReport;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::json::Json;
use refrain_schemas::scope::Target;

use crate::address::UnitAddress;
use crate::args::Globals;
use crate::args::people::{RecordArgs, WhoArgs};
use crate::output::Output;
use crate::report::CliError;
use crate::wiring::Opened;
use crate::{render, runtime, wiring};

/// Set a field of a record
///
/// What is set stands from the next run on, whatever the machine says there. A record that nobody has edited yet is
/// locked by it, unless `--prefer` is given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain edit set edit@ja/line_7 --text \"Doch!\"
  refrain edit set edit@ja/line_7 --field state --text final
  refrain edit set qa@ja/issue_2 --field span --json-value \"[3, 9]\"")]
pub(crate) struct SetArgs {
    /// The record
    #[arg(value_name = "PHASE[@SCOPE]/KEY")]
    record: UnitAddress,
    /// The field
    #[arg(long, value_name = "FIELD", default_value = "text")]
    field: String,
    /// What it is to be
    #[arg(long, value_name = "TEXT", required_unless_present = "json_value", allow_hyphen_values = true)]
    text: Option<String>,
    /// What it is to be, as JSON: a number, a list
    #[arg(long, value_name = "JSON", conflicts_with = "text", allow_hyphen_values = true)]
    json_value: Option<String>,
    /// Let the unit be asked again; the text is laid over what it answers
    #[arg(long)]
    prefer: bool,
    #[command(flatten)]
    who: WhoArgs,
}

/// Take edits back: the machine's text stands again
///
/// The next run takes the machine's record as it is on record; only a unit that was locked while something changed that
/// it is made from is asked again. `--last` takes back what was done to the edits of a phase last, such as an import of
/// the wrong file; twice, it is done again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain edit undo edit@ja/line_3 edit@ja/line_4
  refrain edit undo edit@ja/line_3 --field state   one field of it
  refrain edit undo edit@ja --last                 the last import
  refrain edit undo edit@ja --all                  every edit of a phase")]
pub(super) struct UndoArgs {
    #[command(flatten)]
    records: RecordArgs,
    /// Only this field
    #[arg(long, value_name = "FIELD", conflicts_with = "last")]
    field: Option<String>,
    /// What was done last to the edits of a phase
    #[arg(long, conflicts_with = "all")]
    last: bool,
    #[command(flatten)]
    who: WhoArgs,
}

/// Keep units from being asked again
///
/// A record that nobody edited can be locked as well: its text is as good as a person's from now on. What it is made from
/// may change; `refrain review` tells when it did.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain edit lock edit@ja/line_3
  refrain edit lock edit@ja --all   every edit that is only preferred")]
pub(super) struct LockArgs {
    #[command(flatten)]
    records: RecordArgs,
    #[command(flatten)]
    who: WhoArgs,
}

/// Let locked units be asked again
///
/// The person's text stays: it is laid over what the machine answers. Where the answer is not what the person saw,
/// `refrain review` lists it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain edit prefer edit@ja/line_3
  refrain edit prefer edit@ja --all   every edit of a phase")]
pub(super) struct PreferArgs {
    #[command(flatten)]
    records: RecordArgs,
    #[command(flatten)]
    who: WhoArgs,
}

/// Sets a field.
pub(crate) fn set(args: &SetArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let target = opened.engine.target(&args.record.selection)?;
    let Some(key) = args.record.unit.clone() else {
        return Err(CliError::usage(format!("{target} is a phase, not a record"))
            .hint(format!("name a record, such as `{target}/KEY`")));
    };
    let value = match (&args.text, &args.json_value) {
        (_, Some(json)) => Json::parse(json).map_err(|error| CliError::usage(error.to_string()))?,
        (text, None) => Json::string(text.as_deref().unwrap_or_default()),
    };
    let resolution = Resolution::Set { field: args.field.clone(), value };
    let wanted = [(target, Keys::Named(vec![key]))];
    let signature = Signature { locked: !args.prefer, ..args.who.signature()? };
    changed(&opened, &wanted, &resolution, &signature, output)
}

/// Takes edits back.
pub(super) fn undo(args: &UndoArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    if args.last {
        return undo_last(args, &opened, output);
    }
    if args.records.names_nothing() {
        return Err(CliError::usage("no phase is named")
            .hint("name records, such as `edit@ja/line_1`, or a phase with `--all` or `--last`"));
    }
    let wanted = args.records.of(&opened.engine, &Keys::Edited)?;
    let resolution = Resolution::Undo { field: args.field.clone() };
    changed(&opened, &wanted, &resolution, &args.who.signature()?, output)
}

fn undo_last(args: &UndoArgs, opened: &Opened, output: &mut Output) -> Result<ExitCode, CliError> {
    let target = args.records.one_phase(&opened.engine)?;
    let signature = args.who.signature()?;
    let holder = opened.holder();
    let report =
        runtime::on_this_thread(async { Ok(opened.engine.undo_last(&target, &signature, &holder).await?) })?;
    show(&[report], output)
}

/// Locks records.
pub(super) fn lock(args: &LockArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    resolve(&args.records, &Keys::Edited, &Resolution::Lock, &args.who, globals, output)
}

/// Lets units be asked again.
pub(super) fn prefer(
    args: &PreferArgs,
    globals: &Globals,
    output: &mut Output,
) -> Result<ExitCode, CliError> {
    resolve(&args.records, &Keys::Edited, &Resolution::Prefer, &args.who, globals, output)
}

/// Resolves edits; `every` says which are meant by `--all`.
pub(crate) fn resolve(
    records: &RecordArgs,
    every: &Keys,
    resolution: &Resolution,
    who: &WhoArgs,
    globals: &Globals,
    output: &mut Output,
) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let wanted = records.of(&opened.engine, every)?;
    changed(&opened, &wanted, resolution, &who.signature()?, output)
}

fn changed(
    opened: &Opened,
    wanted: &[(Target, Keys)],
    resolution: &Resolution,
    signature: &Signature,
    output: &mut Output,
) -> Result<ExitCode, CliError> {
    let holder = opened.holder();
    let reports = runtime::on_this_thread(async {
        Ok(opened.engine.resolve(wanted, resolution, signature, &holder).await?)
    })?;
    show(&reports, output)
}

fn show(reports: &[EditReport], output: &mut Output) -> Result<ExitCode, CliError> {
    if output.wants_json() {
        output.json(&reports)?;
    } else {
        let mut page = output.page();
        render::edits::write_changed(&mut page, reports);
        output.show(&page)?;
    }
    Ok(ExitCode::Ok)
}
