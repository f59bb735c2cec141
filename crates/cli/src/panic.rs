//! What happens when the command itself is wrong.

use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::process::ExitCode;

use refrain_schemas::exit_code::ExitCode as Code;

use crate::output;
use refrain_core::escape::escape;

/// Runs the command; a panic becomes a short message and exit code 1, the code of everything that failed.
pub(crate) fn guard(command: impl FnOnce() -> ExitCode) -> ExitCode {
    std::panic::set_hook(Box::new(|info| output::complain(&message(info))));
    std::panic::catch_unwind(AssertUnwindSafe(command))
        .unwrap_or_else(|_| ExitCode::from(Code::Failed.number()))
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let what = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    format!(
        "\nerror: this is a bug in refrain: {} ({place})\n  hint: the project is safe: every reply that came back is \
         in its ledger\n  hint: please report this with the command you ran at {}/issues (refrain {}, {} {})\n",
        escape(what),
        env!("CARGO_PKG_REPOSITORY"),
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}
