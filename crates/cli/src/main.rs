//! The `refrain` command: arguments, wiring and rendering around `refrain-core`.
//!
//! Nothing here decides what a run does; that is the engine's. Start at [`args`] for what can be typed, at
//! [`commands`] for what each command does, and at [`wiring`] for how the engine gets its adapters.

mod address;
mod again;
mod args;
mod choices;
mod commands;
mod environment;
mod holder;
mod interrupt;
mod mind;
mod output;
mod overwrite;
mod panic;
mod plan_file;
mod project;
mod redaction;
mod render;
mod report;
mod result_file;
mod runtime;
mod shell;
mod steps_document;
mod steps_words;
mod suggest;
mod turn_name;
mod whole_file;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    panic::guard(|| {
        let cli = match args::Cli::try_parse() {
            Ok(cli) => cli,
            Err(error) => return told(&error),
        };
        let mut output = output::Output::new(&cli.globals);
        let result = commands::run(cli, &mut output);
        report::finish(result, &mut output)
    })
}

/// Shows what the parser of arguments has to say: help as it is, and mistakes with the arguments they quote made harmless.
fn told(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    let text = error.render();
    let is_colored = output::colored_errors(args::ColorChoice::Auto);
    output::complain(&if is_colored { text.ansi().to_string() } else { text.to_string() });
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
