//! `refrain check`

use clap::Args;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::problem::CheckReport;
use refrain_schemas::steps::StepKind;

use crate::args::Globals;
use crate::output::Output;
use crate::project::Project;
use crate::render::numbers::counted;
use crate::render::page::Tone;
use crate::render::words::named_briefly;
use crate::report::CliError;
use crate::{choices, mind, wiring};

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
pub(crate) struct CheckArgs {
    /// What other tools take a file by
    #[arg(hide = true, value_name = "FILE")]
    other: Option<String>,
}

/// Checks the project.
pub(crate) fn run(args: &CheckArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    if let Some(file) = &args.other {
        let error = CliError::usage(format!("`{file}` is too much here"));
        return Err(error.hint(format!("write `refrain check -f {file}`")));
    }
    let project = Project::find(globals)?;
    let minded = mind::recall(&project, wiring::check(&project, globals)?)?;
    mind::say_what_is_open(&minded, output);
    let mut checked = minded.checked;
    let file_name = project.file_name.clone();
    if checked.model.is_some() {
        checked = wiring::opened(project, checked, globals)?.with_warnings()?;
    }
    let choices = checked.steps.as_ref().map(|map| map.choices.clone()).unwrap_or_default();
    let lacks_inputs = checked.forgives_inputs();
    let is_good = checked.model.is_some() || lacks_inputs;
    let code = if is_good { ExitCode::Ok } else { ExitCode::Usage };
    if output.wants_json() {
        let report = CheckReport { schema_version: 1, ok: is_good, problems: checked.problems, choices };
        output.json(&report)?;
        return Ok(code);
    }
    let mut page = output.page();
    page.rendered(&checked.rendered(page.theme().color));
    match (&checked.model, &checked.steps) {
        (model, Some(steps)) if model.is_some() || lacks_inputs => {
            let shown = steps.entries.iter().filter(|entry| entry.kind != StepKind::Hidden);
            let steps = counted(shown.count() as u64, "step");
            let rest = if lacks_inputs { "; it runs when its inputs are set" } else { "" };
            let text = format!(": {file_name} has {steps}{rest}");
            page.line(&[(Tone::Good, "ok"), (Tone::Plain, &text)]);
            choices::show(&mut page, &choices);
        }
        (Some(model), _) => {
            let phases = counted(model.phases.len() as u64, "phase");
            let agents = counted(model.agents.len() as u64, "agent");
            let text = format!(": {file_name} has {phases} and {agents}");
            page.line(&[(Tone::Good, "ok"), (Tone::Plain, &text)]);
        }
        (None, _) => {
            let errors = counted(checked.n_errors() as u64, "error");
            let files = named_briefly(&checked.files_with_errors(&file_name));
            page.line(&[(Tone::Bad, &errors), (Tone::Plain, " in "), (Tone::Plain, &files)]);
        }
    }
    output.show(&page)?;
    Ok(code)
}
