//! Where a kill lands.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::kill;
use crate::numbers::Numbers;
use crate::project::TestProject;

/// What a process was doing, or was just about to do next, when it was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Aim {
    /// Anything.
    AnyMoment,
    /// Taking the writer's place, recovering what was left, judging what is fresh.
    Start,
    /// An intent or outcome was just committed.
    Ledger,
    /// A call was just made.
    Call,
    /// A merge just stored pages.
    Pages,
    /// A beginning, a revision or an end was just recorded.
    History,
    /// The end of a turn: indexes and the checkpoint are being written.
    Checkpoint,
    /// A file is being exported.
    Export,
    /// The log was just told of a call or of a phase.
    Told,
    /// Logs are being written anew.
    Collection,
    /// A write that the system stopped in its middle, by a limit on the size of files.
    HalfAWrite,
}

/// What a run is killed at, and how often such a thing happens before at most.
pub(super) const OF_RUNS: [(Aim, u64); 10] = [
    (Aim::AnyMoment, 120_000),
    (Aim::Start, 1),
    (Aim::Ledger, 30),
    (Aim::Call, 30),
    (Aim::Pages, 5),
    (Aim::History, 8),
    (Aim::Checkpoint, 1),
    (Aim::Export, 3),
    (Aim::Told, 60),
    (Aim::HalfAWrite, 90),
];

/// What a collection is killed at.
pub(super) const OF_COLLECTIONS: [(Aim, u64); 3] =
    [(Aim::AnyMoment, 40_000), (Aim::Start, 1), (Aim::Collection, 5)];

/// A kill to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strike {
    pub(super) aim: Aim,
    /// For any moment, microseconds; for half a write, how many blocks too long a file is; otherwise how many times.
    after: u64,
    /// How much longer the process lives.
    pause: Duration,
}

/// How a process ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Struck {
    /// Whether it was killed, or stopped in the middle of a write.
    pub(super) is_dead: bool,
    /// How long it took until the beginning of its run was on record, where it came so far.
    pub(super) started: Option<Duration>,
}

impl Strike {
    /// Chooses one of these aims.
    pub(super) fn choose(aims: &[(Aim, u64)], numbers: &mut Numbers) -> Self {
        let (aim, most) = aims[numbers.below(aims.len() as u64) as usize];
        let after = 1 + numbers.below(most);
        // Every third at once; otherwise what comes next is hit.
        let pause = if numbers.below(3) == 0 { 0 } else { numbers.below(1_500) };
        let pause = match aim {
            Aim::Start => numbers.below(15_000),
            Aim::AnyMoment => 0,
            _ => pause,
        };
        Self { aim, after, pause: Duration::from_micros(pause) }
    }

    /// Runs the binary until this kills it or it ends.
    pub(super) fn at(self, project: &TestProject, arguments: &[&str]) -> Struck {
        let logs = logs(project);
        let begun = Instant::now();
        let mut child = self.command(project, arguments).spawn().unwrap();
        let mut watch = Watch::new(self, project);
        let mut started = None;
        for look in 0_u64.. {
            if started.is_none() && look % 4 == 0 && has_begun(project, &logs) {
                started = Some(begun.elapsed());
            }
            if let Some(status) = child.try_wait().unwrap() {
                let is_dead = status.signal().is_some();
                let is_cut = self.aim == Aim::HalfAWrite;
                assert!(is_dead || is_cut || status.success(), "{self:?} {arguments:?}: {}", said(child));
                return Struck { is_dead, started };
            }
            if watch.is_hit(begun) {
                thread::sleep(self.pause);
                let is_dead = child.try_wait().unwrap().is_none();
                kill(child);
                return Struck { is_dead, started };
            }
            thread::sleep(Duration::from_micros(200));
        }
        unreachable!("nobody looks so often")
    }

    fn command(self, project: &TestProject, arguments: &[&str]) -> Command {
        if self.aim != Aim::HalfAWrite {
            return project.command(&[&["--log-level", "debug"], arguments].concat());
        }
        // A log of every call would be the file that becomes too long.
        let plain = project.command(arguments);
        let limit = format!("ulimit -c 0; ulimit -f {}; exec \"$0\" \"$@\"", 32 + self.after);
        let mut limited = Command::new("sh");
        limited.args(["-c", &limit]).arg(plain.get_program()).args(plain.get_args()).env_clear();
        limited.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        limited.current_dir(plain.get_current_dir().unwrap()).stdin(Stdio::null());
        limited.stdout(Stdio::piped()).stderr(Stdio::piped());
        limited
    }
}

fn said(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Looks at the files of a project until something happened for a certain time.
struct Watch<'a> {
    strike: Strike,
    project: &'a TestProject,
    seen: String,
    changes: u64,
}

impl<'a> Watch<'a> {
    fn new(strike: Strike, project: &'a TestProject) -> Self {
        Self { strike, project, seen: view(strike.aim, project), changes: 0 }
    }

    fn is_hit(&mut self, begun: Instant) -> bool {
        match self.strike.aim {
            Aim::AnyMoment => return begun.elapsed() >= Duration::from_micros(self.strike.after),
            Aim::HalfAWrite => return false,
            _ => {}
        }
        let now = view(self.strike.aim, self.project);
        if now != self.seen {
            self.seen = now;
            self.changes += 1;
        }
        self.changes >= self.strike.after
    }
}

/// Returns what changes when such a thing happens.
fn view(aim: Aim, project: &TestProject) -> String {
    let of_state = |wanted: &dyn Fn(&str) -> bool| listing(&project.path(".refrain"), wanted);
    match aim {
        Aim::AnyMoment | Aim::HalfAWrite => String::new(),
        Aim::Start => of_state(&|name| name == "lock"),
        Aim::Ledger => of_state(&|name| name.starts_with("ledger-")),
        Aim::Pages => of_state(&|name| name.starts_with("pages-")),
        Aim::History => of_state(&|name| name.starts_with("history-")),
        Aim::Checkpoint => of_state(&|name| name.starts_with("checkpoint") || name.contains(".idx")),
        Aim::Collection => of_state(&|name| name.contains(".log")),
        Aim::Export => listing(&project.path("out"), |_| true),
        Aim::Told => listing(&project.path(".refrain/logs"), |_| true),
        Aim::Call => {
            let size = fs::metadata(project.outside("asked")).map_or(0, |metadata| metadata.len());
            size.to_string()
        }
    }
}

fn listing(folder: &Path, wanted: impl Fn(&str) -> bool) -> String {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut lines: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok().filter(|name| wanted(name))?;
            let metadata = entry.metadata().ok()?;
            Some(format!("{name} {} {:?}", metadata.len(), metadata.modified().ok()?))
        })
        .collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn logs(project: &TestProject) -> BTreeSet<String> {
    let logs = fs::read_dir(project.path(".refrain/logs")).into_iter().flatten().flatten();
    let begun = logs.filter(|log| log.metadata().is_ok_and(|metadata| metadata.len() > 0));
    begun.filter_map(|log| log.file_name().into_string().ok()).collect()
}

/// Whether a run that was not there before has something in its log: the first line is its beginning.
fn has_begun(project: &TestProject, before: &BTreeSet<String>) -> bool {
    logs(project).iter().any(|log| !before.contains(log))
}
