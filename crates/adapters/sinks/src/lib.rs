//! Where events and progress go: log file, progress file, console, progress bars.
//!
//! A sink takes what the engine hands it and knows nothing of the run. [`JsonlLog`] and [`JsonlProgress`] write the files
//! of a run, [`log_folder`] finds them and [`log_file`] reads them; [`ConsoleLog`] and [`TerminalSink`] are for people;
//! [`TracingLog`] is for programs that embed the engine; [`Redacting`] keeps secrets out of any of them.

mod console_log;
mod human;
mod jsonl_log;
mod jsonl_progress;
pub mod log_file;
pub mod log_folder;
mod own_file;
mod redacting;
mod terminal;
mod tracing_log;

pub use crate::console_log::{ConsoleLog, stderr_has_colour};
pub use crate::jsonl_log::JsonlLog;
pub use crate::jsonl_progress::JsonlProgress;
pub use crate::redacting::Redacting;
pub use crate::terminal::TerminalSink;
pub use crate::tracing_log::TracingLog;
