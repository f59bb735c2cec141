//! The ledger as a report.

use refrain_schemas::ledger::LedgerReport;

use crate::engine::{Engine, EngineError};
use crate::ports::store::CallFilter;

/// Returns the calls that are wanted, and the sums over all of them.
pub(crate) async fn ledger(engine: &Engine, filter: &CallFilter) -> Result<LedgerReport, EngineError> {
    let store = &*engine.ports().store;
    let sums = store.ledger_summary().await?;
    Ok(LedgerReport {
        schema_version: 1,
        done: sums.done,
        in_doubt: sums.in_doubt,
        abandoned: sums.abandoned,
        usage: sums.usage,
        groups: Vec::new(),
        calls: store.calls(filter).await?,
    })
}
