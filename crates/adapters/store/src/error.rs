//! How failures of the system become errors of the port.

use std::io;

use refrain_core::ports::store::StoreError;

/// Wraps what the system said with what was tried.
pub(crate) fn failed_to(action: &str, name: &str) -> impl FnOnce(io::Error) -> StoreError {
    let action = format!("{action} .refrain/{name}");
    move |source| StoreError::Io { action, source }
}

/// Says that the contents of a file are not what was written.
pub(crate) fn damaged(name: &str, offset: u64, message: &str) -> StoreError {
    StoreError::Damaged { what: format!(".refrain/{name}"), message: format!("{message} at byte {offset}") }
}
