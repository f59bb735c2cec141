//! The `refrain` command: arguments, wiring and rendering around `refrain-core`.
//!
//! Nothing here decides what a run does; that is the engine's. Start at [`args`] for what can be typed, at
//! [`commands`] for what each command does, and at [`wiring`] for how the engine gets its adapters.

mod address;
mod args;
mod commands;
mod environment;
mod holder;
mod interrupt;
mod output;
mod overwrite;
mod panic;
mod plan_file;
mod project;
mod redaction;
mod render;
mod report;
mod runtime;
mod shell;
mod suggest;
mod whole_file;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    panic::guard(|| {
        let cli = args::Cli::parse();
        let mut output = output::Output::new(&cli.globals);
        let result = commands::run(cli, &mut output);
        report::finish(result, &mut output)
    })
}
