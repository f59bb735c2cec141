//! `refrain status`

use std::time::Duration;

use clap::Args;
use refrain_core::ports::store::CallFilter;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::ledger::AskResult;
use refrain_schemas::scope::Target;
use refrain_schemas::status::StatusReport;
use refrain_schemas::steps::StepsMap;

use crate::address::PhaseAddress;
use crate::args::{Globals, ScopeArgs};
use crate::output::Output;
use crate::render::{self, noun::Noun, page::Page};
use crate::report::CliError;
use crate::{runtime, steps_words, turn_name, wiring};

/// How often `--watch` looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Show where every phase stands
///
/// One word per phase and scope — skipped, failed, blocked, waiting, missing, stale, partial or fresh — with all its
/// causes beside it. Works while a run is under way, and then shows how far it is.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain status           everything
  refrain status translate --scope language=ja
  refrain status --watch   follow a run from another terminal
  refrain status --json | jq '.phases[] | select(.freshness != \"fresh\")'")]
pub(crate) struct StatusArgs {
    /// The phases; all where none is named
    #[arg(value_name = "PHASE[@SCOPE]")]
    phases: Vec<PhaseAddress>,
    #[command(flatten)]
    scopes: ScopeArgs,
    /// Look again and again, until Ctrl-C; with --json, one line for each change
    #[arg(short, long)]
    watch: bool,
}

/// Shows the status.
pub(crate) fn run(args: &StatusArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    args.scopes.check(opened.engine.model())?;
    let mut targets: Vec<Target> = Vec::new();
    for phase in &args.phases {
        let meant = turn_name::meant(&phase.0, opened.steps());
        targets.extend(opened.engine.select(&meant).map_err(|error| opened.in_own_words(error.into()))?);
    }
    runtime::on_this_thread(async {
        let mut screen = Screen::default();
        loop {
            let mut report = opened.engine.status().await?;
            if report.run.is_none() {
                report.run = report.holder.as_ref().and_then(|holder| opened.progress_of(holder));
            }
            narrow(&mut report, &targets, &args.scopes.scopes);
            let kept = if report.holder.is_none() { kept_by_killed(&opened).await? } else { None };
            report.leftovers = opened.leftovers().await;
            // Looking at every error again and again would take more than it tells.
            if !args.watch {
                (report.open_errors, report.idle_edits) = opened.remarks().await;
            }
            screen.show(&report, kept, opened.steps(), args.watch, output)?;
            if !args.watch {
                return Ok(ExitCode::Ok);
            }
            output.flush_to_reader()?;
            tokio::time::sleep(PAUSE).await;
        }
    })
}

/// Returns how many replies the last run left, if it was killed: if its end is not on record and nobody writes.
async fn kept_by_killed(opened: &wiring::Opened) -> Result<Option<u64>, CliError> {
    let mut killed = None;
    for entry in opened.engine.ports().store.history().await? {
        match entry {
            HistoryEntry::RunStarted(start) => killed = Some(start.run_id),
            HistoryEntry::RunEnded(_) => killed = None,
            _ => {}
        }
    }
    let Some(run_id) = killed else { return Ok(None) };
    let filter = CallFilter { run_id: Some(run_id), without_replies: true, ..CallFilter::default() };
    let calls = opened.engine.ledger(&filter, None).await?.calls;
    let asks = calls.iter().flat_map(|call| &call.asks);
    let replies = asks.filter(|ask| matches!(ask.result, Some(AskResult::Reply(_))));
    Ok(Some(replies.count() as u64))
}

/// Leaves only what was asked for.
fn narrow(report: &mut StatusReport, targets: &[Target], scopes: &[(String, String)]) {
    report.phases.retain(|state| {
        let named =
            targets.is_empty() || targets.iter().any(|t| t.phase == state.phase && t.scope == state.scope);
        // A phase that is not per the dimension belongs to every one of its values.
        let within =
            scopes.iter().all(|(dimension, value)| state.scope.get(dimension).is_none_or(|v| v == value));
        named && within
    });
}

/// What was shown last; only changes are shown again.
#[derive(Debug, Default)]
struct Screen {
    last: String,
    n_lines: usize,
}

impl Screen {
    fn show(
        &mut self,
        report: &StatusReport,
        kept_by_killed: Option<u64>,
        steps: Option<&StepsMap>,
        watch: bool,
        output: &mut Output,
    ) -> Result<(), CliError> {
        if output.wants_json() {
            let text = serde_json::to_string(report).map_err(|e| CliError::internal(e.to_string()))?;
            if text != self.last {
                output.json_line(&text)?;
                self.last = text;
            }
            return output.flush();
        }
        let mut page = output.page();
        match steps {
            Some(map) => render::status::write(&mut page, Noun::Steps, &steps_words::status(map, report)),
            None => render::status::write(&mut page, Noun::Phases, report),
        }
        if let Some(kept) = kept_by_killed {
            render::status::write_killed(&mut page, kept);
        }
        render::words::leftovers(&mut page, &report.leftovers);
        render::words::open_errors(&mut page, &report.open_errors);
        render::words::idle_edits(&mut page, &report.idle_edits);
        if page.as_str() != self.last {
            self.replace(&page, watch, output)?;
            self.last = page.as_str().to_owned();
        }
        output.flush()
    }

    /// Puts a page in the place of the last one, on a terminal; elsewhere one follows the other.
    fn replace(&mut self, page: &Page, watch: bool, output: &mut Output) -> Result<(), CliError> {
        if watch && output.on_terminal && self.n_lines > 0 {
            output.write(&format!("\u{1b}[{}A\u{1b}[J", self.n_lines))?;
        } else if self.n_lines > 0 {
            output.write("\n")?;
        }
        self.n_lines = page.n_lines();
        output.show(page)
    }
}
