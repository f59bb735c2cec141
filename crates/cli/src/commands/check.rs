//! `refrain check`

use clap::Args;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::problem::CheckReport;

use crate::args::Globals;
use crate::output::Output;
use crate::project::Project;
use crate::render::numbers::counted;
use crate::render::page::Tone;
use crate::render::words::named_briefly;
use crate::report::CliError;
use crate::{choices, wiring};

/// Check the pipeline file and everything it names
///
/// Finds every problem at once, with file, line, column and what to do about it: unknown fields, phases that do not
/// exist, circles, templates that do not parse, schemas that do not compile, missing files. Nothing is run or stored.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain check          exit code 0 if it may run, 2 if not
  refrain check --json   the problems for an editor or a CI job
  refrain check -f other.yaml --set language=ja")]
pub(crate) struct CheckArgs {}

/// Checks the project.
pub(crate) fn run(_: &CheckArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let project = Project::find(globals)?;
    let mut checked = wiring::check(&project, globals)?;
    let file_name = project.file_name.clone();
    if checked.model.is_some() {
        checked = wiring::opened(project, checked, globals)?.with_warnings()?;
    }
    let choices = checked.steps.as_ref().map(|map| map.choices.clone()).unwrap_or_default();
    let code = if checked.model.is_some() { ExitCode::Ok } else { ExitCode::Usage };
    if output.wants_json() {
        let report = CheckReport {
            schema_version: 1,
            ok: checked.model.is_some(),
            problems: checked.problems,
            choices,
        };
        output.json(&report)?;
        return Ok(code);
    }
    let mut page = output.page();
    page.rendered(&checked.rendered(page.theme().color));
    match &checked.model {
        Some(model) => {
            let phases = counted(model.phases.len() as u64, "phase");
            let agents = counted(model.agents.len() as u64, "agent");
            let text = format!(": {file_name} has {phases} and {agents}");
            page.line(&[(Tone::Good, "ok"), (Tone::Plain, &text)]);
            choices::show(&mut page, &choices);
        }
        None => {
            let errors = counted(checked.n_errors() as u64, "error");
            let files = named_briefly(&checked.files_with_errors(&file_name));
            page.line(&[(Tone::Bad, &errors), (Tone::Plain, " in "), (Tone::Plain, &files)]);
        }
    }
    output.show(&page)?;
    Ok(code)
}
