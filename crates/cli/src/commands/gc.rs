//! `refrain gc`

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;
use refrain_core::engine::{GcReport, GcRequest};
use refrain_schemas::exit_code::ExitCode;
use serde::Serialize;

use crate::args::Globals;
use crate::output::{Output, complain};
use crate::render::numbers::{bytes, counted, replies};
use crate::render::page::Tone;
use crate::report::CliError;
use crate::{runtime, wiring};

/// Forget old revisions
///
/// Keeps the latest revisions of every phase and scope, and those that wrote files which are left over, and removes the
/// others with what only they held. Replies are kept: they are what was paid for. `--replies` removes those that no
/// kept revision came from as well, with what was said in their calls; asking for them again costs again.
///
/// In a copy of an export whose revision is forgotten, what people changed can no longer be told from what machines have
/// changed since: `edit import` such copies before, or keep more revisions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain gc --dry-run         what would go
  refrain gc --keep 10         keep ten revisions of everything
  refrain gc --exports         drop files of sources that were renamed
  refrain gc --replies --yes   drop replies that nothing kept came from")]
pub(crate) struct GcArgs {
    /// How many revisions of each phase and scope stay
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    keep: u32,
    /// Remove replies that no kept revision came from
    #[arg(long)]
    replies: bool,
    /// Remove exported files as well that no present revision writes and that are as they were written
    #[arg(long)]
    exports: bool,
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
}

/// What was removed, as `--json` prints it.
#[derive(Debug, Serialize)]
struct GcDocument {
    schema_version: u32,
    dry_run: bool,
    revisions: Vec<String>,
    pages: u64,
    replies: u64,
    history: u64,
    bytes: u64,
    /// The exported files.
    exports: Vec<String>,
}

/// Collects.
pub(crate) fn run(args: &GcArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    if args.exports && !opened.project.is_usual() {
        // The history does not say which pipeline file a revision is of.
        let message = format!(
            "`--exports` is not for {}: another pipeline file of its folder shares its history",
            opened.project.file_name
        );
        return Err(CliError::usage(message)
            .hint("remove the files by hand, or give the pipeline a folder of its own"));
    }
    if args.replies && !args.dry_run && !args.yes {
        confirm(globals)?;
    }
    let holder = opened.holder();
    let GcArgs { keep, replies, exports, dry_run, .. } = *args;
    let request = GcRequest { keep, replies, exports, dry_run };
    let report = runtime::on_this_thread(async { Ok(opened.engine.gc(request, &holder).await?) })?;
    show(args, &report, output)?;
    Ok(ExitCode::Ok)
}

fn show(args: &GcArgs, report: &GcReport, output: &mut Output) -> Result<(), CliError> {
    let (removed, exports) = (report.collected, &report.exports);
    let revisions: Vec<String> =
        report.revisions.iter().map(|(target, revision)| format!("{target}#{revision}")).collect();
    if output.wants_json() {
        return output.json(&GcDocument {
            schema_version: 1,
            dry_run: args.dry_run,
            revisions,
            pages: removed.pages,
            replies: removed.replies,
            history: removed.history,
            bytes: removed.bytes,
            exports: exports.clone(),
        });
    }
    let mut page = output.page();
    let n_revisions = counted(revisions.len() as u64, "revision");
    if !revisions.is_empty() {
        page.wrapped(&[(Tone::Faint, "revisions:")], &revisions.join(", "));
    }
    for file in exports {
        page.line(&[(Tone::Faint, "file: "), (Tone::Plain, file)]);
    }
    let pages = counted(removed.pages, "page");
    let replies = replies(removed.replies);
    let verb = if args.dry_run { "would remove" } else { "removed" };
    let files =
        if args.exports { format!("{}, ", counted(exports.len() as u64, "file")) } else { String::new() };
    let text = format!("{files}{n_revisions}, {pages}, {replies}: {}", bytes(removed.bytes));
    page.wrapped(&[(Tone::Strong, verb)], &text);
    output.show(&page)
}

/// Asks whether replies may go; without a person to ask, they may not.
fn confirm(globals: &Globals) -> Result<(), CliError> {
    let stdin = std::io::stdin();
    if globals.no_input || !stdin.is_terminal() {
        return Err(CliError::usage("`--replies` removes what was paid for and wants a confirmation")
            .hint("add `--yes`, or look first with `--dry-run`"));
    }
    complain("remove replies that no kept revision came from? asking for them again costs again [y/N] ");
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(|error| CliError::io("read the answer", &error))?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::usage("nothing was removed")),
    }
}
