//! `refrain ledger export`

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use refrain_core::engine::Export;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::ledger::ExportHeader;
use serde::Serialize;

use crate::address::PhaseAddress;
use crate::args::Globals;
use crate::output::Output;
use crate::render::numbers;
use crate::report::CliError;
use crate::{overwrite, runtime, wiring};

/// A first line that is longer is that of something else.
const LONGEST_HEADER: u64 = 65_536;

/// Write replies to a file, for another project or for CI
///
/// The file has one reply per line with its key, in the order of the keys: the same replies make the same bytes. A
/// project that imports it answers from it whatever it would have asked in the very same words; `refrain run --offline`
/// then needs no agent at all. What was said on the wire, who asked and what it cost stay here.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain ledger export replies.jsonl                 every reply
  refrain ledger export - --phase translate@ja | gzip > ja.gz
  refrain ledger import replies.jsonl                 in the other project")]
pub(super) struct ExportArgs {
    /// Where to; `-` is standard output
    #[arg(value_name = "FILE", default_value = "-")]
    path: PathBuf,
    /// Only replies that this phase was made from or asked for; may be repeated
    #[arg(long, value_name = "PHASE[@SCOPE]")]
    phase: Vec<PhaseAddress>,
}

/// Exports.
pub(super) fn run(args: &ExportArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    if args.path != Path::new("-") {
        overwrite::refuse(&args.path, "export", is_export)?;
    }
    let opened = wiring::open(globals)?;
    let mut targets = Vec::new();
    for address in &args.phase {
        targets.extend(opened.engine.select(&address.0)?);
    }
    let mut export = runtime::on_this_thread(async { Ok(opened.engine.export(&targets).await?) })?;
    let header = export.header();
    if args.path == Path::new("-") {
        lines(&mut export, &header, |line| output.json_line(line))?;
        return Ok(ExitCode::Ok);
    }
    to_file(&mut export, &header, &args.path)?;
    if output.wants_json() {
        output.json(&header)?;
    } else {
        let replies = numbers::replies(header.replies);
        output.note(&format!("{replies} written to {}", args.path.display()));
    }
    Ok(ExitCode::Ok)
}

/// Whether the first line of a file is that of an export.
fn is_export(file: File) -> bool {
    let mut first = String::new();
    let mut lines = BufReader::new(file.take(LONGEST_HEADER));
    lines.read_line(&mut first).is_ok() && serde_json::from_str::<ExportHeader>(&first).is_ok()
}

/// Writes beside the file and takes its place in the end: nobody finds half of it.
fn to_file(export: &mut Export, header: &ExportHeader, file: &Path) -> Result<(), CliError> {
    let mut temporary = file.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let failed = |error: &io::Error| CliError::io(&format!("write {}", file.display()), error);
    let mut out = BufWriter::new(File::create(&temporary).map_err(|error| failed(&error))?);
    let written = lines(export, header, |line| writeln!(out, "{line}").map_err(|error| failed(&error)))
        .and_then(|()| out.flush().map_err(|error| failed(&error)))
        .and_then(|()| std::fs::rename(&temporary, file).map_err(|error| failed(&error)));
    if written.is_err() {
        let _stays_there = std::fs::remove_file(&temporary);
    }
    written
}

fn lines(
    export: &mut Export,
    header: &ExportHeader,
    mut write: impl FnMut(&str) -> Result<(), CliError>,
) -> Result<(), CliError> {
    write(&text(header)?)?;
    loop {
        let replies = runtime::on_this_thread(async { Ok(export.next().await?) })?;
        if replies.is_empty() {
            return Ok(());
        }
        for reply in &replies {
            write(&text(reply)?)?;
        }
    }
}

fn text(line: &impl Serialize) -> Result<String, CliError> {
    serde_json::to_string(line).map_err(|error| CliError::internal(error.to_string()))
}
