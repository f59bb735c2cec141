//! What kills came to, and the certificate that says so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use refrain_schemas::time::Timestamp;

use super::strike::Aim;
use super::subject::CLONES;
use crate::models::crash::ModelFigures;

/// What was counted under one durability.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Kills by the command and what it was doing.
    pub(super) kills: BTreeMap<(&'static str, Aim), u64>,
    /// Projects that were brought to their end.
    pub(super) projects: u64,
    /// Runs that had nothing left to do, and asked nothing.
    pub(super) idle_runs: u64,
    /// Unfinished commits that the next writer cut off.
    pub(super) cut_off: u64,
    /// How many calls were in doubt after how many kills.
    pub(super) in_doubt: BTreeMap<u64, u64>,
    /// How long it took until a run after a kill was on record.
    pub(super) resumes: Vec<Duration>,
    /// How long it took where there was nothing yet.
    pub(super) starts: Vec<Duration>,
}

impl Figures {
    /// Adds what was counted elsewhere.
    pub(super) fn with(mut self, other: Self) -> Self {
        for (place, n) in other.kills {
            *self.kills.entry(place).or_default() += n;
        }
        for (calls, n) in other.in_doubt {
            *self.in_doubt.entry(calls).or_default() += n;
        }
        self.projects += other.projects;
        self.idle_runs += other.idle_runs;
        self.cut_off += other.cut_off;
        self.resumes.extend(other.resumes);
        self.starts.extend(other.starts);
        self
    }

    /// Returns the kills by signal 9.
    pub(super) fn n_killed(&self) -> u64 {
        self.kills.iter().filter(|((_, aim), _)| *aim != Aim::HalfAWrite).map(|(_, n)| n).sum()
    }

    fn n_half_written(&self) -> u64 {
        self.kills.values().sum::<u64>() - self.n_killed()
    }
}

/// Writes the certificate.
pub(super) fn write(path: &Path, seed: u64, [process, power]: [&Figures; 2], models: &ModelFigures) {
    let mut text = heading(seed);
    let mut row = |name: &str, value: &dyn Fn(&Figures) -> String| {
        writeln!(text, "| {name} | {} | {} |", value(process), value(power)).unwrap();
    };
    row("`kill -9`", &|figures| figures.n_killed().to_string());
    row("writes stopped in their middle (limit on the size of files)", &|figures| {
        figures.n_half_written().to_string()
    });
    row("unfinished commits that the next writer cut off", &|figures| figures.cut_off.to_string());
    row("projects brought to their end", &|figures| figures.projects.to_string());
    for nothing in [
        "**committed calls repeated**",
        "committed replies lost",
        "calls made without an intent, or twice",
        "calls and revisions told of that were not committed",
        "projects whose artifacts are not those of an undisturbed run",
        "targets left stale",
    ] {
        row(nothing, &|_| "0".to_owned());
    }
    row("further runs, which asked nothing", &|figures| figures.idle_runs.to_string());
    row(&format!("most calls in doubt at once ({CLONES} are allowed)"), &|figures| {
        figures.in_doubt.keys().max().unwrap_or(&0).to_string()
    });
    row("time to resume, half of all / 95 % / most", &|figures| times(&figures.resumes));
    row("time to start where nothing was killed", &|figures| times(&figures.starts));
    text.push_str(LEGEND);
    places(&mut text, process, power);
    doubts(&mut text, process, power);
    text.push_str(&of_models(models));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const LEGEND: &str = "
What must be 0 is checked after every kill: the test ends at the first that is not, and there is no certificate. The time
to resume is from the start of the process until the store is open, what was left is recovered and the beginning of the
run is on record; the machine was doing other work beside.
";

fn heading(seed: u64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap());
    let said = |program: &str, arguments: &[&str]| {
        let output =
            Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
        output.map_or_else(
            || "unknown".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    };
    let folder = std::env::temp_dir();
    let file_system = said("df", &["--output=fstype", &folder.to_string_lossy()]);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "# Crash certificate\n\n\
         The `refrain` binary, killed again and again while it works on a project with packs, a panel, merges and exports \
         in two scopes. [Spec 0028](../specs/0028-crash-certificate.md) says what is checked; `make certificate` does it \
         again.\n\n\
         - date: {now}\n- version: {} ({}), commit {}\n- machine: {}, {cores} cores\n\
         - store: the embedded store, which is the only one there is, on {}\n- seed: {seed}\n\n\
         ## Commands as agents\n\n| | `process` | `power` |\n|---|---:|---:|\n",
        env!("CARGO_PKG_VERSION"),
        if cfg!(debug_assertions) { "development build" } else { "optimised build" },
        std::env::var("REFRAIN_COMMIT").unwrap_or_else(|_| "unknown".to_owned()),
        said("uname", &["-srm"]),
        file_system.lines().last().unwrap_or("unknown"),
    )
}

fn times(times: &[Duration]) -> String {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
    let text = |share| at(share).map_or_else(|| "–".to_owned(), |time| time.as_millis().to_string());
    format!("{} / {} / {} ms", text(50), text(95), text(100))
}

fn places(text: &mut String, process: &Figures, power: &Figures) {
    text.push_str("\n## Where they died\n\n| command | what it was doing, or about to do next | `process` | `power` |\n");
    text.push_str("|---|---|---:|---:|\n");
    let mut all: Vec<_> = process.kills.keys().chain(power.kills.keys()).collect();
    all.sort_unstable();
    all.dedup();
    for place in all {
        let n = |figures: &Figures| figures.kills.get(place).copied().unwrap_or_default();
        let (command, aim) = place;
        writeln!(text, "| `{command}` | {} | {} | {} |", name(*aim), n(process), n(power)).unwrap();
    }
}

fn name(aim: Aim) -> &'static str {
    match aim {
        Aim::AnyMoment => "any moment",
        Aim::Start => "taking the writer's place, recovering, judging",
        Aim::Ledger => "committing intents and outcomes",
        Aim::Call => "waiting for calls",
        Aim::Pages => "merging: storing pages",
        Aim::History => "recording a beginning, a revision, an end",
        Aim::Checkpoint => "writing the checkpoint",
        Aim::Export => "exporting a file",
        Aim::Told => "telling of a call or of a phase",
        Aim::Collection => "writing logs anew",
        Aim::HalfAWrite => "in the middle of a write",
    }
}

fn doubts(text: &mut String, process: &Figures, power: &Figures) {
    text.push_str("\n## Calls in doubt after a command, killed or not\n\n| calls | commands, `process` | commands, `power` |\n|---:|---:|---:|\n");
    for calls in 0..=CLONES {
        let n = |figures: &Figures| figures.in_doubt.get(&calls).copied().unwrap_or_default();
        writeln!(text, "| {calls} | {} | {} |", n(process), n(power)).unwrap();
    }
}

fn of_models(models: &ModelFigures) -> String {
    format!(
        "\n## Models as agents\n\nHeld against the journal of the provider itself, which is on loopback.\n\n\
         | | |\n|---|---:|\n| `kill -9` | {} |\n| projects brought to their end | {} |\n\
         | requests that were served | {} |\n| **requests repeated whose reply was committed** | 0 |\n\
         | requests served that the ledger knows nothing of | 0 |\n\
         | most calls in doubt after one kill ({} are allowed) | {} |\n",
        models.kills, models.projects, models.served, models.clones, models.most_in_doubt,
    )
}
