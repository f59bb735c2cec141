//! The async runtimes: made after the arguments are parsed, and only by commands that need one.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

use crate::report::CliError;

/// Runs a reading command: everything on this thread, as it is over in a moment.
pub(crate) fn on_this_thread<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    build(&mut Builder::new_current_thread())?.block_on(work)
}

/// Runs a run: the engine's loop keeps one thread busy while processes, signals and bars are served by another.
pub(crate) fn with_workers<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    build(Builder::new_multi_thread().worker_threads(2))?.block_on(work)
}

fn build(builder: &mut Builder) -> Result<Runtime, CliError> {
    builder.enable_all().build().map_err(|error| CliError::io("start the runtime", &error))
}
