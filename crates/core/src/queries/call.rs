//! One call, with what went over the wire.

use refrain_schemas::ledger::CallReport;
use refrain_schemas::name::CallId;

use crate::engine::{Engine, EngineError};
use crate::ports::store::CallFilter;

/// Returns a call and its exchanges.
pub(crate) async fn call(engine: &Engine, call: CallId) -> Result<CallReport, EngineError> {
    let store = &*engine.ports().store;
    let filter = CallFilter { call: Some(call), ..CallFilter::default() };
    let Some(view) = store.calls(&filter).await?.pop() else { return Err(EngineError::NoCall { call }) };
    Ok(CallReport { schema_version: 1, call: view, exchanges: store.exchanges(call).await? })
}
