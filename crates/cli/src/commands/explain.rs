//! `refrain explain`

use clap::{Args, Subcommand};
use refrain_core::engine::RunRequest;
use refrain_core::explain::{explain, planned};
use refrain_schemas::exit_code::ExitCode;

use crate::args::Globals;
use crate::mind::{self, MindArgs, Minded, Terms};
use crate::output::Output;
use crate::project::Project;
use crate::report::CliError;
use crate::{render, runtime, wiring};

/// Explain what a pipeline does
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain explain pipeline                    the project in this folder
  refrain explain pipeline -f pipeline.yaml   a steps file")]
pub(crate) struct ExplainArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Explain the whole pipeline: its inputs, what runs when, what goes from where to where, what a run would do now
    ///
    /// All of it is made out from the file and from what is on record. Where a steps file names an `orchestrator`, that is asked
    /// what the pipeline means, once for all; nothing else is run or stored.
    #[command(after_help = "\
Examples:
  refrain explain pipeline                    the project in this folder
  refrain explain pipeline -f pipeline.yaml   a steps file
  refrain explain pipeline --json | jq .data_flow")]
    Pipeline(PipelineArgs),
}

#[derive(Debug, Args)]
struct PipelineArgs {
    /// Ask no model: say what is on record
    #[arg(long)]
    no_model: bool,
}

/// Explains the pipeline.
pub(crate) fn run(args: &ExplainArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let What::Pipeline(args) = &args.what;
    let project = Project::find(globals)?;
    let checked = wiring::check(&project, globals)?;
    // A model that is asked about the pipeline is asked about the one that runs.
    let asks = !args.no_model && checked.steps.as_ref().is_some_and(|map| map.orchestrator.is_some());
    let (checked, unset) = match asks {
        true => (checked, Vec::new()),
        false => wiring::with_stand_ins(&project, globals, checked)?,
    };
    let Minded { checked, meaning, .. } = if args.no_model {
        mind::recall(&project, checked)?
    } else {
        // What is wrong with the pipeline is to be explained as well.
        let terms =
            Terms { args: MindArgs { allow_misaligned: true, ..MindArgs::default() }, ..Terms::default() };
        mind::ask(&project, checked, &terms, globals, output)?
    };
    let opened = wiring::opened(project, checked, globals)?;
    opened.warn(output)?;
    let registry = wiring::registry(Some(&opened.project));
    let mut told = explain(opened.engine.model(), opened.pipeline(), Some(&registry));
    told.meaning = meaning;
    // What cannot be planned, for want of a source for instance, can be explained all the same.
    let request = RunRequest::of_everything(opened.holder());
    if unset.is_empty() {
        match runtime::on_this_thread(async { Ok(opened.engine.plan(&request).await) })? {
            Ok(plan) => told.now = Some(planned(&plan)),
            Err(error) => output.note(&format!("what a run would do now is not known: {error}")),
        }
    } else {
        let unset = unset.join(", ");
        output.note(&format!("what a run would do now hangs on what is not set: {unset}"));
    }
    if output.wants_json() {
        output.json(&told)?;
    } else {
        let mut page = output.page();
        render::explain::write(&mut page, &told);
        output.show(&page)?;
    }
    Ok(ExitCode::Ok)
}
