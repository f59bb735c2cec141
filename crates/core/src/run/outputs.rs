//! The values of a whole run.

use refrain_schemas::exit_code::{ExitCode, PRECEDENCE};
use refrain_schemas::freshness::Freshness;
use refrain_schemas::json::Json;
use refrain_schemas::report::{RunReport, RunStatus};
use refrain_schemas::scope::{Scope, Target};
use serde_json::Value;

use crate::check::{article, fits};
use crate::end::{End, Word};
use crate::engine::Ports;
use crate::facts::before_all;
use crate::judge::UpstreamNow;
use crate::model::RunOutput;
use crate::sight::Seen;
use crate::turns::Bindings;

use super::state::RunState;

/// The most characters of a value that a message quotes.
const QUOTED: usize = 80;

/// Adds the values of the run to its report. One that cannot be made is told of by name, and where nothing else went
/// wrong the run has failed for it.
pub(super) async fn with_outputs(
    state: &RunState,
    ports: &Ports,
    mut report: RunReport,
    is_fatal: bool,
) -> RunReport {
    if state.model.outputs.is_empty() || is_fatal {
        return report;
    }
    for output in &state.model.outputs {
        match value(state, ports, output).await {
            Ok(value) => drop(report.outputs.insert(output.name.clone(), value)),
            Err(message) => drop(report.output_errors.insert(output.name.clone(), message)),
        }
    }
    if !report.output_errors.is_empty() {
        if report.status == RunStatus::Completed {
            report.status = RunStatus::Failed;
        }
        let code = PRECEDENCE.into_iter().find(|code| code.number() == report.exit_code);
        report.exit_code = code.unwrap_or(ExitCode::Ok).stronger(ExitCode::Failed).number();
    }
    report
}

async fn value(state: &RunState, ports: &Ports, output: &RunOutput) -> Result<Value, String> {
    let sight = &output.given.sight;
    let word = |target: &Target| {
        let word = state.word(target);
        let is_known = state.by_target.contains_key(target) || is_good(word.freshness);
        if is_known { word } else { Word::MISSING }
    };
    let mut upstream = before_all(&state.model, sight.phases(), &state.history, &word);
    let is_all_there = upstream.iter().all(is_of_now);
    // What was not made has no value, even if an earlier run made one.
    for before in upstream.iter_mut().filter(|before| !is_of_now(before)) {
        before.artifact = None;
    }
    let (model, execution) = (&*state.model, state.history.execution());
    let seen = Seen {
        model,
        scope: &Scope::none(),
        upstream: &upstream,
        store: &*ports.store,
        bindings: &Bindings::default(),
        execution: execution.as_ref(),
    };
    let context = sight.context(&seen).await.map_err(|error| error.to_string())?;
    let value = match output.given.input.fill(&context) {
        Ok(value) => value,
        // That something was not made is no mistake of the output that reads it.
        Err(_) if !is_all_there => return Ok(Value::Null),
        Err(error) => return Err(error.error.to_string()),
    };
    Json::of(&value).map_err(|error| error.to_string())?;
    match output.kind.filter(|kind| !fits(&value, *kind)) {
        Some(kind) => Err(format!("{} is not {}", shortened(&value), article(kind))),
        None => Ok(value),
    }
}

/// Returns a value as it is quoted in a message.
fn shortened(value: &Value) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(QUOTED).collect();
    if short.len() < text.len() { format!("{short}…") } else { text }
}

/// Whether what there is of a phase is what this run found good or made, be it the document of a failure.
fn is_of_now(before: &UpstreamNow) -> bool {
    let Some((revision, _)) = &before.artifact else { return false };
    match before.freshness {
        Freshness::Failed => revision.0 == 0,
        _ => before.end == End::Made,
    }
}

const fn is_good(freshness: Freshness) -> bool {
    matches!(freshness, Freshness::Fresh | Freshness::Partial)
}
