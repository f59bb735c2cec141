//! The execution that a run belongs to: it, and the runs before that it goes on with.

use refrain_schemas::name::RunId;
use refrain_schemas::time::Timestamp;
use serde_json::{Value, json};

/// What texts see of an execution.
pub(crate) const OF_AN_EXECUTION: [&str; 6] = ["id", "timestamp", "started_at", "date", "time", "pipeline"];

/// Runs up to the last one that came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execution {
    /// The id of its first run.
    pub id: RunId,
    /// When that began.
    pub started_at: Timestamp,
}

impl Execution {
    /// Returns what texts see of it, in a pipeline of this name.
    #[must_use]
    pub fn seen(&self, pipeline: &str) -> Value {
        let (id, started) = (self.id.to_string(), self.started_at.to_string());
        let (date, time) = started.split_once('T').unwrap_or((&started, ""));
        // To the second.
        let time = time.get(..8).unwrap_or(time);
        json!({
            "id": id, "timestamp": started, "started_at": started, "date": date, "time": time,
            "pipeline": pipeline,
        })
    }
}
