//! What a loop makes: a document about its turns.

use std::sync::Arc;

use refrain_schemas::json::Json;
use serde_json::{Map, Value, json};

use crate::judge::UpstreamNow;
use crate::model::LoopKind;
use crate::sight::load;

use super::next::round;
use super::{Around, LoopEnd, Told, TurnsError};

/// How a loop ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// What became of its turns, in their order.
    pub turns: Vec<Vec<UpstreamNow>>,
    /// How many of them failed.
    pub n_bad: usize,
    /// Why there was no further turn.
    pub end: LoopEnd,
    /// What went wrong.
    pub failure: Option<String>,
}

/// Makes the document of a loop.
///
/// # Errors
/// Fails where a text does, and where the store does.
pub async fn close(around: &Around<'_>, ending: &Ending) -> Result<Json, TurnsError> {
    let mut results = Vec::with_capacity(ending.turns.len());
    for turn in &ending.turns {
        results.push(documents(around, turn).await?);
    }
    let document = match (&around.work.result, &ending.failure) {
        (Some(result), None) => {
            let summary = Arc::new(summary(ending, results));
            let last = ending.turns.last().map_or(&[][..], Vec::as_slice);
            let number = ending.turns.len().saturating_sub(1);
            let round = round(around.phase, around.work, number, 0, Told::Summary(summary));
            around.fill(result, &around.context(round, last).await?)?
        }
        _ => written(around, ending, results),
    };
    Json::of(&document).map_err(|error| TurnsError::Data(error.to_string()))
}

/// Returns the documents of the phases of a turn, by what they are called there; those that made nothing are left out.
pub(super) async fn documents(around: &Around<'_>, turn: &[UpstreamNow]) -> Result<Value, TurnsError> {
    let mut documents = Map::new();
    for inner in &around.work.body {
        let found = turn.iter().find(|now| now.target.phase == inner.phase);
        let Some((_, artifact)) = found.and_then(|now| now.artifact.as_ref()) else { continue };
        documents.insert(inner.id.clone(), load(around.store, artifact).await?);
    }
    Ok(Value::Object(documents))
}

/// Returns the document where nothing is written about it.
fn written(around: &Around<'_>, ending: &Ending, results: Vec<Value>) -> Value {
    let mut document = summary(ending, results);
    document["success"] = json!(ending.failure.is_none());
    // Those who write the document themselves may want to know; else the status says it.
    let left_out: &[&str] = match &around.work.kind {
        LoopKind::Each { .. } => &["last"],
        LoopKind::While(_) => &["results"],
        LoopKind::Once { .. } => {
            document["result"] = document["last"].take();
            &["results", "last", "iterations", "completed"]
        }
    };
    if let Some(fields) = document.as_object_mut() {
        fields.retain(|name, _| name != "reason" && !left_out.contains(&name.as_str()));
    }
    if let Some(failure) = &ending.failure {
        document["error"] = json!(failure);
    }
    document
}

fn summary(ending: &Ending, results: Vec<Value>) -> Value {
    let status = match ending.end {
        _ if ending.failure.is_some() => "failed",
        LoopEnd::Completed | LoopEnd::Broken | LoopEnd::TimeUp => "completed",
        LoopEnd::MaxIterations => "max_iterations",
    };
    json!({
        "iterations": results.len(),
        "completed": results.len() - ending.n_bad,
        "status": status,
        "reason": ending.end.reason(),
        "last": results.last().cloned().unwrap_or_else(|| json!({})),
        "results": results,
    })
}
