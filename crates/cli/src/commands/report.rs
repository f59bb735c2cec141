//! `refrain report`

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::overview::Overview;
use refrain_schemas::scope::Target;

use crate::address::PhaseAddress;
use crate::args::{Globals, ScopeArgs};
use crate::output::Output;
use crate::render::page::Tone;
use crate::report::CliError;
use crate::{overwrite, project, redaction, render, runtime, whole_file, wiring};

/// Show how good everything is and what it cost
///
/// For every phase and scope: how many of its units are there; issues by rule and severity, wherever records have `rule`
/// and `severity`; records that say what was changed (`changes`), that are still their source (`text` and `source`), that
/// people edited; conflicts; calls, time, tokens and dollars, and what of these went into replies that could not be used;
/// the scenes (`scene_id`) or units that took longest and cost most; and how all that came about, revision by revision.
///
/// With --html the report is written to a file instead, with charts, that opens in any browser without a network. The same state gives
/// the same file. Reading never disturbs a run: while one is under way, figures are those of the moment.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain report                              the whole project
  refrain report qa edit                      some phases
  refrain report --scope language=ja          one language
  refrain report --html report.html           a file with charts
  refrain report --json | jq .calls.waste     what was paid for nothing")]
pub(crate) struct ReportArgs {
    /// The phases; all where none is named
    #[arg(value_name = "PHASE[@SCOPE]")]
    phases: Vec<PhaseAddress>,
    #[command(flatten)]
    scopes: ScopeArgs,
    /// Write the report to a file, as one HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How many scenes or units of each phase are named
    #[arg(long, value_name = "N", default_value_t = 5)]
    limit: usize,
}

/// Reports.
pub(crate) fn run(args: &ReportArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let targets = args.targets(&opened)?;
    if let Some(path) = &args.html {
        may_write(path, globals)?;
    }
    let report = runtime::on_this_thread(async { Ok(opened.engine.overview(&targets, args.limit).await?) })?;
    if let Some(path) = &args.html {
        write(path, &report, globals)?;
    }
    if output.wants_json() {
        output.json(&report)?;
        return Ok(ExitCode::Ok);
    }
    let mut page = output.page();
    match &args.html {
        Some(path) => page.line(&[(Tone::Good, "wrote "), (Tone::Plain, &path.display().to_string())]),
        None => render::report::write(&mut page, &report),
    }
    output.show(&page)?;
    Ok(ExitCode::Ok)
}

impl ReportArgs {
    /// Returns the targets that are asked about; none where all are.
    fn targets(&self, opened: &wiring::Opened) -> Result<Vec<Target>, CliError> {
        let model = opened.engine.model();
        self.scopes.check(model)?;
        if self.phases.is_empty() && self.scopes.scopes.is_empty() {
            return Ok(Vec::new());
        }
        let mut targets = if self.phases.is_empty() { model.targets() } else { Vec::new() };
        for phase in &self.phases {
            targets.extend(opened.engine.select(&phase.0)?);
        }
        // A phase that is not per the dimension belongs to every one of its values.
        let within = |target: &Target| {
            let mut wanted = self.scopes.scopes.iter();
            wanted.all(|(dimension, value)| target.scope.get(dimension).is_none_or(|own| own == value))
        };
        targets.retain(within);
        if targets.is_empty() {
            return Err(CliError::usage("none of the phases named is in the scope of `--scope`"));
        }
        Ok(targets)
    }
}

fn may_write(path: &Path, globals: &Globals) -> Result<(), CliError> {
    overwrite::refuse(&project::start(globals)?.join(path), "report", is_report)
}

fn is_report(file: File) -> bool {
    let mut head = Vec::new();
    let read = file.take(1024).read_to_end(&mut head);
    read.is_ok() && String::from_utf8_lossy(&head).contains(render::html::MARK)
}

/// Writes the report as a page: the file is there with all of it, or as it was.
fn write(path: &Path, report: &Overview, globals: &Globals) -> Result<(), CliError> {
    may_write(path, globals)?;
    let path = project::start(globals)?.join(path);
    let text = render::html::page(report);
    whole_file::replace(&path, &redaction::text(&text))
        .map_err(|error| CliError::io(&format!("write {}", path.display()), &error))
}
