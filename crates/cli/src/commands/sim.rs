//! `refrain sim`

use std::ops::Range;

use clap::Args;
use refrain_schemas::exit_code::{ExitCode, PRECEDENCE};
use refrain_schemas::simulation::Simulation;
use refrain_testkit::sim::{Profile, Seed};

use crate::args::Globals;
use crate::output::Output;
use crate::report::CliError;
use crate::{render, runtime, wiring};

mod document;
mod play;
mod progress;
mod story;

use play::Task;
use progress::Progress;

/// Rehearse bad days: faults, crashes and runs that go on afterwards, at no cost
///
/// Takes the project as it is through many stories. In each of them the real engine runs on the real sources; agents are
/// played by doubles that make up answers which fit the schema, and time is virtual. Things go wrong, the run is killed or
/// stopped, and it is run again until all is there. Nothing is connected to, started, stored or written, and no key is
/// needed; agents that are part of Refrain (`builtin:`) answer for themselves.
///
/// What comes of it: how likely a run completes, how many calls, dollars and hours it may take, what fails most, and which
/// story went worst. A seed tells the same story every time. Where a promise of Refrain is broken, the seed is named as a
/// finding and the exit code is 1; please report it.
#[derive(Debug, Args)]
#[command(after_help = "\
Profiles:
  calm      nothing goes wrong
  flaky     now and then errors, garbage, refusals and hangs
  storm     providers in trouble: 429 storms, outages, slow starts
  crash     a machine in trouble: kills, failed writes, a full disk, clock jumps
  hostile   all of it at once

Examples:
  refrain sim                                  a hundred ordinary weeks
  refrain sim --seeds 1000 --profile hostile   a thousand bad ones
  refrain sim --seed 47 --profile hostile      one of them, run by run
  refrain sim --seeds 20 --units 200           a taste of a big project
  refrain sim --json | jq .completion_odds     for a program")]
pub(crate) struct SimArgs {
    /// How many seeds; each tells one story
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed
    #[arg(long, value_name = "S", default_value_t = 0)]
    from: u64,
    /// Tell this seed alone, run by run
    #[arg(long, value_name = "S", conflicts_with_all = ["seeds", "from", "threads"])]
    seed: Option<u64>,
    /// How bad the weather is
    #[arg(long, value_name = "NAME", default_value_t = Profile::Flaky, value_parser = profile)]
    profile: Profile,
    /// Take only the first N records of each source
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    units: Option<u32>,
    /// How many stories are told side by side; otherwise one per core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

/// Parses the name of a profile.
fn profile(text: &str) -> Result<Profile, String> {
    text.parse().map_err(|error: refrain_testkit::sim::UnknownProfile| error.to_string())
}

impl SimArgs {
    /// Returns the seeds that are asked for.
    fn range(&self) -> Range<u64> {
        match self.seed {
            Some(seed) => seed..seed.saturating_add(1),
            None => self.from..self.from.saturating_add(self.seeds),
        }
    }

    fn task(&self) -> Task {
        match self.seed {
            Some(seed) => Task::One(Seed(seed)),
            None => Task::Many(self.range(), self.threads()),
        }
    }

    fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(cores, usize::from)
    }
}

/// Simulates the project.
pub(crate) fn run(args: &SimArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let most = args.units.and_then(|most| usize::try_from(most).ok());
    let subject = wiring::subject(globals, most, output)?;
    let mut progress = Progress::new(args, globals, output);
    let played = play::play(subject, args.profile, args.task(), &mut progress);
    let Some(played) = runtime::on_this_thread(played)? else {
        output.note("interrupted before there was anything to tell");
        return Ok(ExitCode::Interrupted);
    };
    let document = document::of(args, globals, &played);
    if output.wants_json() {
        output.json(&document)?;
    } else {
        let mut page = output.page();
        render::sim::write(&mut page, &document);
        output.show(&page)?;
    }
    Ok(code(&document))
}

fn code(document: &Simulation) -> ExitCode {
    let of_run = |number: u8| PRECEDENCE.into_iter().find(|code| code.number() == number);
    match document {
        _ if document.interrupted => ExitCode::Interrupted,
        _ if !document.findings.is_empty() => ExitCode::Failed,
        _ if document.seeds == 0 => of_run(document.undisturbed.report.exit_code).unwrap_or(ExitCode::Failed),
        _ => ExitCode::Ok,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn help_names_every_profile_and_what_it_is_like() {
        let mut command = Cli::command();
        let help = command.find_subcommand_mut("sim").unwrap().render_long_help().to_string();
        for profile in Profile::ALL {
            assert!(help.contains(&format!("{profile:<9} {}", profile.about())), "{profile}: {help}");
        }
    }
}
