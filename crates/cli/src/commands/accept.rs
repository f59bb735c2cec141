//! `refrain accept`

use clap::Args;
use refrain_schemas::exit_code::ExitCode;
use serde::Serialize;

use crate::address::PhaseAddress;
use crate::args::Globals;
use crate::output::Output;
use crate::render::page::Tone;
use crate::report::CliError;
use crate::{runtime, wiring};

/// Declare the present output good for the present definition
///
/// For a change that cannot matter, such as a typo in a prompt: nothing runs, the phase is fresh again, and the waiver
/// with its reason is in the history. Each present reply also counts for its new request, so that the next edit of one
/// line asks about one line. Without a scope, every scope of the phase is accepted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain accept translate --reason \"fixed a typo in the prompt\"
  refrain accept translate@ja --reason \"reviewed by Mika\"
  refrain why translate@ja   see first what would be waived")]
pub(crate) struct AcceptArgs {
    /// The phase, perhaps in one scope
    #[arg(value_name = "PHASE[@SCOPE]")]
    phase: PhaseAddress,
    /// Why; it is kept in the history
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
}

/// One waiver, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Waived {
    target: String,
    waived: Vec<String>,
}

/// Accepts.
pub(crate) fn run(args: &AcceptArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let targets = opened.engine.select(&args.phase.0)?;
    let holder = opened.holder();
    let waived =
        runtime::on_this_thread(async { Ok(opened.engine.accept(&targets, &args.reason, &holder).await?) })?;
    let waived: Vec<Waived> =
        waived.into_iter().map(|(target, waived)| Waived { target: target.to_string(), waived }).collect();
    if output.wants_json() {
        output.json(&waived)?;
        return Ok(ExitCode::Ok);
    }
    let mut page = output.page();
    for entry in &waived {
        let causes =
            if entry.waived.is_empty() { "it was fresh already".to_owned() } else { entry.waived.join("; ") };
        page.wrapped(&[(Tone::Strong, &entry.target), (Tone::Good, "accepted:")], &causes);
    }
    output.show(&page)?;
    Ok(ExitCode::Ok)
}
