//! `refrain qc`

use clap::Args;
use refrain_core::engine::RunRequest;
use refrain_core::quality::{Examined, borne_out, judged};
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::money::Budget;
use refrain_schemas::name::RunId;
use refrain_schemas::quality::QualityReport;

use crate::args::Globals;
use crate::args::work::dollars;
use crate::output::Output;
use crate::report::CliError;
use crate::wiring::Opened;
use crate::{render, runtime, wiring};

/// Look for what is wrong with what a run made
///
/// Rules look at everything that the run made: what is empty, cut off or not filled in, what reads like a refusal or looks
/// like a secret, what does not fit its schema, what took nearly too long or was tried again and again, files that are gone.
/// Each finding names the step and shows the evidence. From 100 points, a critical finding takes 40, an error 15, a warning 5
/// and a mere note 1.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain qc                        the last run
  refrain qc --fail-under 75        exit code 5 below that
  refrain qc --no-model             by the rules alone
  refrain qc --json | jq .findings")]
pub(crate) struct QcArgs {
    /// The run, as `refrain history` names it; the last one that ended where none is named
    #[arg(value_name = "RUN")]
    run: Option<RunId>,
    /// Ask no model: go by the rules alone
    #[arg(long)]
    no_model: bool,
    /// Ask nobody either, but go by what the model said of the same run before
    #[arg(long, conflicts_with = "no_model")]
    offline: bool,
    /// Ask the model only within this many calls
    #[arg(long, value_name = "N", conflicts_with = "no_model")]
    max_calls: Option<u64>,
    /// Ask the model only where that cannot cost more than this
    #[arg(long, value_name = "DOLLARS", value_parser = dollars, allow_negative_numbers = true, conflicts_with = "no_model")]
    max_cost: Option<f64>,
    /// Exit with 5 where the score is less
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    fail_under: Option<u32>,
}

/// Looks at a run.
pub(crate) fn run(args: &QcArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let found = runtime::on_this_thread(async { Ok(opened.engine.quality(args.run).await?) })?;
    let Some(mut found) = found else {
        let message = args.run.map_or_else(
            || "no run has come to its end yet".to_owned(),
            |run| format!("there is no run {run} that came to its end"),
        );
        return Err(CliError::usage(message).hint("`refrain history` lists the runs"));
    };
    found.report.fail_under = args.fail_under;
    if !args.no_model {
        ask(&opened, &mut found, args, globals)?;
    }
    let report = finished(judged(found.report));
    if output.wants_json() {
        output.json(&report)?;
    } else {
        let mut page = output.page();
        render::quality::write(&mut page, &report);
        output.show(&page)?;
    }
    Ok(code(&report))
}

/// Asks the orchestrator of a steps file as well; of what it says, what nothing bears out is left out. A model that does not answer
/// is no reason to keep what the rules found.
fn ask(opened: &Opened, found: &mut Examined, args: &QcArgs, globals: &Globals) -> Result<(), CliError> {
    let Some(asking) = opened.about_results(&found.subjects)? else { return Ok(()) };
    let mut known = asking.on_record()?;
    let mut why = None;
    if known.is_empty() {
        let request = RunRequest {
            offline: args.offline,
            budget: Budget { usd: args.max_cost, tokens: None, calls: args.max_calls },
            ..RunRequest::of_everything(opened.holder())
        };
        let asked = asking.ask(&request, &opened.log_of(globals))?;
        why = asked.failure.or_else(|| Some(format!("asking ended as {}", asked.report.status.as_str())));
        known = asking.on_record()?;
    }
    let model = opened.steps().and_then(|map| map.orchestrator.clone());
    let report = &mut found.report;
    match known.get("qc") {
        Some(answer) => {
            let (findings, notes) = borne_out(answer, &found.subjects);
            report.findings.extend(findings);
            report.notes.extend(notes);
            report.model = model;
        }
        None => {
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            report.notes.push(format!("{} did not answer{why}", model.unwrap_or_default()));
        }
    }
    Ok(())
}

fn finished(report: QualityReport) -> QualityReport {
    QualityReport { exit_code: code(&report).number(), ..report }
}

const fn code(report: &QualityReport) -> ExitCode {
    if report.passed { ExitCode::Ok } else { ExitCode::Gate }
}
