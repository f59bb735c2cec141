//! `refrain logs`

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use refrain_schemas::event::Level;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::log_line::LogLine;
use refrain_schemas::name::RunId;

use crate::address::PhaseAddress;
use crate::args::{Globals, LevelChoice};
use crate::output::Output;
use crate::project::Project;
use crate::render::numbers::time;
use crate::render::page::{Page, Tone};
use crate::report::CliError;
use crate::wiring::{Follow, LogFolder};
use crate::{runtime, wiring};

/// How often `--follow` looks.
const PAUSE: Duration = Duration::from_millis(250);

/// Show the log
///
/// Every run writes its events to .refrain/logs/ as JSON lines. Without options the lines of the last run from `info`
/// up are shown, oldest first; `--json` prints them as they are. Needs no valid pipeline.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain logs -f                       follow the run under way
  refrain logs --all --level warn       what to look at, of every run
  refrain logs --phase translate@ja --json | jq .data
  refrain logs --run 0195c3f0-7a5e-7cc0-8000-000000000000")]
pub(crate) struct LogsArgs {
    /// Go on with what is written from now on, until Ctrl-C
    #[arg(short = 'f', long)]
    follow: bool,
    /// The pipeline file; `-f` means something else here
    // It has the id of the global option and takes its place in this command, so its value arrives in the globals.
    #[arg(id = "file", long = "file", value_name = "FILE", help_heading = "Options of every command")]
    _file: Option<PathBuf>,
    /// The least level shown
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LevelChoice::Info)]
    level: LevelChoice,
    /// Only lines about this phase
    #[arg(long, value_name = "PHASE[@SCOPE]")]
    phase: Option<PhaseAddress>,
    /// The lines of this run instead of the last one
    #[arg(long, value_name = "ID")]
    run: Option<RunId>,
    /// The lines of all runs
    #[arg(long, conflicts_with = "run")]
    all: bool,
    /// Only the latest so many lines
    #[arg(long, value_name = "N")]
    last: Option<usize>,
}

/// Shows the log.
pub(crate) fn run(args: &LogsArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let project = Project::find(globals)?;
    check_phase(args, &project)?;
    let mut tail = Tail::new(&project.state());
    let lines = tail.read(args)?;
    let skip = args.last.map_or(0, |last| lines.len().saturating_sub(last));
    show(&lines[skip..], output)?;
    if lines.is_empty() && !args.follow {
        output.note("no such lines in the log");
    }
    if !args.follow {
        return Ok(ExitCode::Ok);
    }
    runtime::on_this_thread(async {
        loop {
            output.flush_to_reader()?;
            tokio::time::sleep(PAUSE).await;
            show(&tail.read(args)?, output)?;
        }
    })
}

/// Refuses a phase that neither the pipeline nor the log knows. A pipeline that cannot be read knows none and refuses
/// none.
fn check_phase(args: &LogsArgs, project: &Project) -> Result<(), CliError> {
    let Some(PhaseAddress(selection)) = &args.phase else { return Ok(()) };
    let Some(pipeline) = wiring::pipeline(project)? else { return Ok(()) };
    let folder = LogFolder::new(project.state());
    let runs = folder.runs().map_err(|error| CliError::io("list the logs", &error))?;
    let mut logged = false;
    for run in runs {
        let lines = Follow::open(folder.log(run))?.poll()?;
        logged = logged || lines.iter().any(|line| line.phase.as_ref() == Some(&selection.phase));
    }
    if logged || pipeline.phases.contains_key(&selection.phase) {
        return Ok(());
    }
    Err(CliError::unknown_phase(selection.phase.as_str(), pipeline.phases.keys().map(|name| name.as_str())))
}

fn wanted(args: &LogsArgs, line: &LogLine) -> bool {
    let phase = args.phase.as_ref().is_none_or(|PhaseAddress(selection)| {
        let values = || line.scope.iter().flat_map(|scope| scope.iter().map(|(_, value)| value));
        line.phase.as_ref() == Some(&selection.phase)
            && (selection.values.is_empty() || values().eq(selection.values.iter().map(String::as_str)))
    });
    phase && line.level >= Level::from(args.level) && args.run.is_none_or(|run| run == line.run_id)
}

fn show(lines: &[LogLine], output: &mut Output) -> Result<(), CliError> {
    for line in lines {
        if output.wants_json() {
            output.json(line)?;
        } else {
            let mut page = output.page();
            write(&mut page, line);
            output.show(&page)?;
        }
    }
    Ok(())
}

fn write(page: &mut Page, line: &LogLine) {
    let tone = match line.level {
        Level::Debug => Tone::Faint,
        Level::Info => Tone::Plain,
        Level::Warn => Tone::Warn,
        Level::Error => Tone::Bad,
    };
    let at = time(line.timestamp);
    let level = format!("{:5}", line.level);
    page.wrapped(&[(Tone::Faint, &at), (tone, &level)], &line.message);
}

/// Reads the logs of a project's runs as they grow.
#[derive(Debug)]
struct Tail {
    folder: LogFolder,
    /// The last run there was at first sight; runs that begin later belong to what is followed.
    first: Option<RunId>,
    runs: BTreeMap<RunId, Follow>,
}

impl Tail {
    fn new(state: &Path) -> Self {
        Self { folder: LogFolder::new(state), first: None, runs: BTreeMap::new() }
    }

    /// Returns the lines that are new and wanted, run by run in the order in which the runs began.
    fn read(&mut self, args: &LogsArgs) -> Result<Vec<LogLine>, CliError> {
        let mut lines = Vec::new();
        let mut runs = self.folder.runs().map_err(|error| CliError::io("list the logs", &error))?;
        self.first = self.first.or_else(|| runs.last().copied());
        runs.retain(|run| match args.run {
            Some(wanted) => wanted == *run,
            None => args.all || self.first.is_none_or(|first| *run >= first),
        });
        for run in runs {
            let follow = match self.runs.entry(run) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(Follow::open(self.folder.log(run))?),
            };
            lines.extend(follow.poll()?.into_iter().filter(|line| wanted(args, line)));
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser as _;
    use serde_json::json;
    use std::fs::{self, File};
    use std::io::Write as _;

    const RUN: &str = "0195c3f0-7a5e-7cc0-8000-000000000000";

    /// Returns an empty state folder and the log of its one run.
    fn state_folder() -> (tempfile::TempDir, PathBuf) {
        let state = tempfile::tempdir().unwrap();
        let log = LogFolder::new(state.path()).log(RUN.parse().unwrap());
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        (state, log)
    }

    fn args(words: &[&str]) -> LogsArgs {
        let cli = Cli::parse_from(["refrain", "logs"].iter().chain(words));
        let Command::Logs(args) = cli.command else { panic!("not logs") };
        args
    }

    fn line(level: &str, phase: Option<&str>, message: &str) -> String {
        let scope = phase.map(|_| json!({"language": "ja"}));
        let line = json!({
            "timestamp": "2026-03-01T12:00:00.000000Z", "level": level, "event": "phase_started",
            "run_id": RUN, "phase": phase, "scope": scope, "message": message, "data": null
        });
        format!("{line}\n")
    }

    fn messages(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| line.message.as_str()).collect()
    }

    #[test]
    fn lines_are_narrowed_by_level_phase_and_run() {
        let (dir, log) = state_folder();
        let text =
            [line("debug", None, "a"), line("info", Some("qa"), "b"), line("error", Some("edit"), "c")];
        fs::write(log, text.concat()).unwrap();
        let read = |words: &[&str]| {
            let lines = Tail::new(dir.path()).read(&args(words)).unwrap();
            lines.into_iter().map(|line| line.message).collect::<String>()
        };
        assert_eq!(read(&[]), "bc");
        assert_eq!(read(&["--level", "debug"]), "abc");
        assert_eq!(read(&["--level", "warn"]), "c");
        assert_eq!(read(&["--phase", "qa"]), "b");
        assert_eq!(read(&["--phase", "qa@ja"]), "b");
        assert_eq!(read(&["--phase", "qa@fr"]), "");
        assert_eq!(read(&["--run", RUN]), "bc");
        assert_eq!(read(&["--run", "00000000-0000-7000-8000-000000000001"]), "");
    }

    #[test]
    fn the_last_run_is_shown_unless_others_are_asked_for() {
        let (dir, log) = state_folder();
        fs::write(&log, line("info", None, "old")).unwrap();
        let later = LogFolder::new(dir.path()).log("0195c3f0-7a5e-7cc0-8000-000000000001".parse().unwrap());
        fs::write(later, line("info", None, "new")).unwrap();
        let read = |words: &[&str]| {
            let lines = Tail::new(dir.path()).read(&args(words)).unwrap();
            lines.into_iter().map(|line| line.message).collect::<Vec<_>>()
        };
        assert_eq!(read(&[]), ["new"]);
        assert_eq!(read(&["--all"]), ["old", "new"]);
        assert_eq!(read(&["--run", RUN]), ["old"]);
    }

    #[test]
    fn a_growing_file_is_read_line_by_line() {
        let (dir, log) = state_folder();
        let args = args(&[]);
        let mut tail = Tail::new(&dir.path().join("missing"));
        assert!(tail.read(&args).unwrap().is_empty());
        let mut tail = Tail::new(dir.path());
        let mut file = File::create(log).unwrap();
        let second = line("info", None, "second");
        let (head, rest) = second.split_at(20);
        file.write_all(format!("{}{head}", line("info", None, "first")).as_bytes()).unwrap();
        assert_eq!(messages(&tail.read(&args).unwrap()), ["first"]);
        assert!(tail.read(&args).unwrap().is_empty());
        file.write_all(rest.as_bytes()).unwrap();
        assert_eq!(messages(&tail.read(&args).unwrap()), ["second"]);
    }

    #[test]
    fn short_f_follows_here_and_names_the_file_elsewhere() {
        assert!(args(&["-f"]).follow);
        let cli = Cli::parse_from(["refrain", "logs", "--file", "other.yaml", "-f"]);
        assert_eq!(cli.globals.file.as_deref(), Some(Path::new("other.yaml")));
        let cli = Cli::parse_from(["refrain", "check", "-f", "other.yaml"]);
        assert_eq!(cli.globals.file.as_deref(), Some(Path::new("other.yaml")));
    }
}
