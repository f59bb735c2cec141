//! `refrain ledger`

mod export;
mod import;

use clap::{Args, Subcommand, ValueEnum};
use refrain_core::engine::By;
use refrain_core::ports::store::CallFilter;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::ledger::LedgerReport;
use refrain_schemas::name::{AgentName, PhaseName, RunId};

use crate::args::Globals;
use crate::output::Output;
use crate::report::CliError;
use crate::suggest::did_you_mean;
use crate::{render, runtime, wiring};

/// Show calls: what was asked, what came back, what it cost
///
/// Every call has an intent, written before it left, and an outcome, written after it came back. A call that has only
/// the first is in doubt: it may have been answered and paid before the process was killed. Of a call in doubt the most
/// that it can have cost is known where its agent has a price and a limit on its answers.
///
/// `--by` shows sums instead of calls. They are over all calls that the other options let through, `--last` aside.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  refrain ledger                                    the last 20 calls
  refrain ledger --by model                         what each model cost
  refrain ledger --by unit --phase translate        what each unit cost
  refrain ledger --in-doubt                         calls without outcome
  refrain ledger --phase translate --unit line_17   all about one unit
  refrain ledger --last 0 --json | jq .usage        the sums alone
  refrain ledger export replies.jsonl               for elsewhere, or CI
  refrain show --call c17                           what one call said"
)]
pub(crate) struct LedgerArgs {
    #[command(subcommand)]
    action: Option<Action>,
    /// Show sums, by this
    #[arg(long, value_name = "WHAT")]
    by: Option<ByChoice>,
    /// Only calls of this run
    #[arg(long, value_name = "ID")]
    run: Option<RunId>,
    /// Only calls of this phase
    #[arg(long, value_name = "PHASE")]
    phase: Option<PhaseName>,
    /// Only calls to this agent
    #[arg(long, value_name = "AGENT")]
    agent: Option<AgentName>,
    /// Only calls about this unit
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
    /// Only calls that are in doubt, counted against a run or not
    #[arg(long)]
    in_doubt: bool,
    /// At most this many calls, the latest ones
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
}

/// What else can be done with the ledger.
#[derive(Debug, Subcommand)]
enum Action {
    Export(export::ExportArgs),
    Import(import::ImportArgs),
}

/// What calls are summed up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ByChoice {
    /// The phase, in all scopes
    Phase,
    /// The scope, such as a language
    Scope,
    /// The phase in each scope
    Target,
    /// The agent
    Agent,
    /// The model
    Model,
    /// The run
    Run,
    /// Why the call was made: first, retry, repair, split or cascade
    Rung,
    /// The unit; the cost of a call about several is shared evenly among them
    Unit,
}

impl From<ByChoice> for By {
    fn from(choice: ByChoice) -> Self {
        match choice {
            ByChoice::Phase => Self::Phase,
            ByChoice::Scope => Self::Scope,
            ByChoice::Target => Self::Target,
            ByChoice::Agent => Self::Agent,
            ByChoice::Model => Self::Model,
            ByChoice::Run => Self::Run,
            ByChoice::Rung => Self::Rung,
            ByChoice::Unit => Self::Unit,
        }
    }
}

/// Shows calls, or does something else with the ledger.
pub(crate) fn run(args: &LedgerArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    match &args.action {
        Some(Action::Export(args)) => export::run(args, globals, output),
        Some(Action::Import(args)) => import::run(args, globals, output),
        None => show(args, globals, output),
    }
}

fn show(args: &LedgerArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let filter = args.filter();
    let report = runtime::on_this_thread(async {
        let report = opened.engine.ledger(&filter, args.by.map(By::from)).await?;
        if report.calls.is_empty() && report.groups.is_empty() {
            known(&opened, args).await?;
        }
        Ok(report)
    })?;
    if output.wants_json() {
        output.json(&report)?;
    } else {
        let n = if args.is_filtered() && args.by.is_none() { Some(count(&opened, &filter)?) } else { None };
        let mut page = output.page();
        write(&mut page, args, &report, n);
        output.show(&page)?;
    }
    Ok(ExitCode::Ok)
}

fn write(page: &mut render::page::Page, args: &LedgerArgs, report: &LedgerReport, n: Option<u64>) {
    match (args.by, n) {
        (Some(by), _) => render::groups::write(page, report, by.into(), args.is_filtered()),
        (None, Some(n)) if args.in_doubt => render::ledger::write_in_doubt(page, report, n),
        (None, Some(n)) => render::ledger::write_filtered(page, report, n),
        (None, None) => render::ledger::write(page, report),
    }
}

/// Returns how many calls a filter lets through in all.
fn count(opened: &wiring::Opened, filter: &CallFilter) -> Result<u64, CliError> {
    let all = CallFilter { last: None, ..filter.clone() };
    runtime::on_this_thread(async { Ok(opened.engine.ledger(&all, None).await?.calls.len() as u64) })
}

impl LedgerArgs {
    fn filter(&self) -> CallFilter {
        CallFilter {
            call: None,
            run_id: self.run,
            phase: self.phase.as_ref().map(ToString::to_string),
            agent: self.agent.clone(),
            unit: self.unit.clone(),
            in_doubt: self.in_doubt,
            // Where sums are shown, the calls themselves are not wanted.
            last: Some(if self.by.is_some() { 0 } else { self.last }),
            without_replies: false,
        }
    }

    const fn is_filtered(&self) -> bool {
        self.run.is_some()
            || self.phase.is_some()
            || self.agent.is_some()
            || self.unit.is_some()
            || self.in_doubt
    }
}

/// Refuses a phase, an agent, a run or a unit that neither the pipeline nor the ledger knows; the calls of a phase that is gone stay.
async fn known(opened: &wiring::Opened, args: &LedgerArgs) -> Result<(), CliError> {
    let engine = &opened.engine;
    let calls = async |phase: Option<String>, unit: Option<String>| {
        let filter = CallFilter { phase, unit, last: Some(1), ..CallFilter::default() };
        engine.ledger(&filter, None).await.map(|report| report.calls.is_empty())
    };
    if let Some(phase) = &args.phase {
        let phases = || engine.model().phases.iter().map(|phase| phase.name.as_str());
        if !phases().any(|known| known == phase.as_str()) && calls(Some(phase.to_string()), None).await? {
            return Err(CliError::unknown_phase(phase.as_str(), phases()));
        }
    }
    if let Some(agent) = &args.agent {
        let known = || engine.model().agents.keys().map(AgentName::as_str);
        let filter = CallFilter { agent: Some(agent.clone()), last: Some(1), ..CallFilter::default() };
        let is_there = known().any(|known| known == agent.as_str())
            || !engine.ledger(&filter, None).await?.calls.is_empty();
        if !is_there {
            let all: Vec<&str> = known().collect();
            let message = format!("there is no agent `{agent}`; there are {}", all.join(", "));
            return Err(CliError::usage(message).hint_if(did_you_mean(agent.as_str(), known())));
        }
    }
    if let Some(run) = args.run {
        let filter = CallFilter { run_id: Some(run), last: Some(1), ..CallFilter::default() };
        if engine.ledger(&filter, None).await?.calls.is_empty() {
            return Err(CliError::usage(format!("no call was ever made by a run `{run}`"))
                .hint("`refrain ledger --by run` names the runs there are"));
        }
    }
    match &args.unit {
        Some(unit) if calls(None, Some(unit.clone())).await? => {
            Err(CliError::usage(format!("no call was ever about a unit `{unit}`")))
        }
        _ => Ok(()),
    }
}
