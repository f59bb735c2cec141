//! `refrain review`

use clap::{Args, Subcommand, ValueEnum};
use refrain_core::engine::{Keys, Resolution};
use refrain_schemas::edit::ReviewKind;
use refrain_schemas::exit_code::ExitCode;

use crate::address::PhaseAddress;
use crate::args::Globals;
use crate::args::people::{RecordArgs, WhoArgs, signed};
use crate::commands::edit;
use crate::output::Output;
use crate::report::CliError;
use crate::{render, runtime, wiring};

/// List the edits that people are to look at, and settle them
///
/// There are three reasons to look at an edit. Conflict: the machine has changed a text since the person did, to something
/// else. Source changed: what the record is made from is not what the person saw. Orphan: the record is gone. In the first
/// two the person's text stands until somebody decides otherwise.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  refrain review                                   all there is to look at
  refrain review edit@ja --kind conflict           of one phase, for one reason
  refrain review keep edit@ja/line_3               the person is right
  refrain review accept edit@ja/line_4             the machine is right
  refrain review set edit@ja/line_5 --text \"Doch!\"  neither is
  refrain review accept --all --kind orphan        drop what lost its record
  refrain review --json | jq '.items[].key'"
)]
pub(crate) struct ReviewArgs {
    #[command(subcommand)]
    action: Option<Action>,
    /// The phases; all where none is named
    #[arg(value_name = "PHASE[@SCOPE]")]
    phases: Vec<PhaseAddress>,
    /// Only what is to be looked at for this reason
    #[arg(long, value_name = "REASON")]
    kind: Option<KindChoice>,
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

/// How edits are settled.
#[derive(Debug, Subcommand)]
enum Action {
    Accept(AcceptArgs),
    Keep(KeepArgs),
    Set(edit::SetArgs),
}

/// The machine is right: its text takes the place of the person's
///
/// Of a conflict, the fields that are in it go back to the machine; of what is listed for another reason, all of the
/// edit does. An edit that has no field left goes, its lock with it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain review accept edit@ja/line_4
  refrain review accept edit@ja --all --kind conflict
  refrain review accept --all --kind orphan   what lost its record")]
struct AcceptArgs {
    #[command(flatten)]
    settle: SettleArgs,
}

/// The person is right, whatever changed
///
/// The edit stands as it is and counts as made of what the machine says now: it is listed again only when that changes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain review keep edit@ja/line_3 edit@ja/line_9
  refrain review keep edit@ja --all
  refrain review keep --all --kind source-changed")]
struct KeepArgs {
    #[command(flatten)]
    settle: SettleArgs,
}

/// What `accept` and `keep` have in common.
#[derive(Debug, Args)]
struct SettleArgs {
    #[command(flatten)]
    records: RecordArgs,
    /// With `--all`: only what is listed for this reason
    #[arg(long, value_name = "REASON", requires = "all")]
    kind: Option<KindChoice>,
    /// Only this field
    #[arg(long, value_name = "FIELD")]
    field: Option<String>,
    #[command(flatten)]
    who: WhoArgs,
}

/// Why an edit is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindChoice {
    /// The machine has changed a field since the person did, to something else
    Conflict,
    /// What the record is made from is not what the person saw
    SourceChanged,
    /// The record is gone
    Orphan,
}

impl From<KindChoice> for ReviewKind {
    fn from(choice: KindChoice) -> Self {
        match choice {
            KindChoice::Conflict => Self::Conflict,
            KindChoice::SourceChanged => Self::SourceChanged,
            KindChoice::Orphan => Self::Orphan,
        }
    }
}

/// Lists what is to be looked at, or settles it.
pub(crate) fn run(args: &ReviewArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    match &args.action {
        Some(Action::Accept(AcceptArgs { settle })) => {
            let resolution = Resolution::Accept { field: settle.field.clone() };
            self::settle(settle, &resolution, globals, output)
        }
        Some(Action::Keep(KeepArgs { settle })) => {
            let resolution = Resolution::Keep { field: settle.field.clone() };
            self::settle(settle, &resolution, globals, output)
        }
        Some(Action::Set(args)) => edit::set(args, globals, output),
        None => list(args, globals, output),
    }
}

fn settle(
    args: &SettleArgs,
    resolution: &Resolution,
    globals: &Globals,
    output: &mut Output,
) -> Result<ExitCode, CliError> {
    let every = Keys::Reviewed(args.kind.map(ReviewKind::from));
    edit::resolve(&args.records, &every, resolution, &args.who, globals, output)
}

fn list(args: &ReviewArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let mut targets = Vec::new();
    for phase in &args.phases {
        targets.extend(opened.engine.select(&phase.0)?);
    }
    if args.phases.is_empty() {
        targets = opened.engine.model().targets();
    }
    let mut report = runtime::on_this_thread(async { Ok(opened.engine.review(&targets).await?) })?;
    let kind = args.kind.map(ReviewKind::from);
    report.items.retain(|item| kind.is_none_or(|kind| kind == item.kind));
    if output.wants_json() {
        output.json(&report)?;
    } else {
        let mut page = output.page();
        render::review::write(&mut page, &report, args.limit, signed());
        output.show(&page)?;
    }
    Ok(ExitCode::Ok)
}
