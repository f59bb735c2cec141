//! Programs that tools run to their end.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use refrain_core::ports::agent::AgentError;
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::runner::{Finished, Invocation, Program, RunLimits, Runner};
use refrain_core::ports::secrets::{Secrets, process_environment};
use refrain_schemas::digest::Digest;
use refrain_schemas::failure::FailureKind;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::group::Group;
use crate::measure::Meter;
use crate::process::ended;
use crate::traces::{MARK, sweep, sweep_others};

/// How long to wait for what is in the pipes of a program that ended.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// The longest program that is handed over as an argument.
const ARGUMENT: usize = 100_000;
/// How long a program is left alone before it is measured first.
const FIRST_LOOK: Duration = Duration::from_millis(2);
/// How long at most between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// How long the processes of a run that was killed may take to end.
const LEFTOVERS: Duration = Duration::from_secs(5);
/// How many letters tell a project from others.
const PROJECT: usize = 32;

/// What tells the programs that this process starts from those that an earlier one left, which may have had its number.
static OWN: LazyLock<String> = LazyLock::new(|| {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{}.{}", std::process::id(), since.as_nanos())
});

/// Runs programs below a folder. What an earlier one left running, because its process was killed, is ended before the first
/// program is started, where the system shows environments.
#[derive(Debug)]
pub struct ProcessRunner {
    folder: PathBuf,
    secrets: Arc<dyn Secrets>,
    state: PathBuf,
    /// What tells the processes of this project from those of others, once none of an earlier run is left.
    project: OnceCell<String>,
}

impl ProcessRunner {
    /// Returns what runs programs in this folder, for the one who may write to this state folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, state: &Path, secrets: Arc<dyn Secrets>) -> Self {
        Self { folder: folder.into(), secrets, state: state.to_owned(), project: OnceCell::new() }
    }

    /// Ends what a run that was killed left running: it would go on beside what is started now, and do the same. Returns what tells
    /// the processes of the project from those of others.
    async fn end_leftovers(&self) -> Result<String, AgentError> {
        let state = self.state.canonicalize().unwrap_or_else(|_| self.state.clone());
        let project = Digest::of_content(state.as_os_str().as_encoded_bytes()).to_string();
        let project: String = project.chars().filter(char::is_ascii_alphanumeric).take(PROJECT).collect();
        let until = Instant::now() + LEFTOVERS;
        while sweep_others(&project, &OWN) > 0 {
            if Instant::now() > until {
                let message = "a command of a run that was killed does not end; end it yourself";
                return Err(AgentError::new(FailureKind::Transient, message).settled());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(project)
    }

    fn command(&self, work: &Invocation, mark: &str) -> Result<Command, AgentError> {
        let mut command = match &work.program {
            Program::Shell(line) => with("sh", &["-c", line]),
            Program::Python(code) if code.len() > ARGUMENT => with("python3", &["-"]),
            Program::Python(code) => with("python3", &["-c", code]),
            Program::Arguments(arguments) => {
                let (program, rest) = arguments.split_first().ok_or_else(|| wrong("no program is named"))?;
                let mut command = Command::new(program);
                command.args(rest);
                command
            }
        };
        command.env_clear().envs(process_environment(&[], &*self.secrets)?);
        command.envs(work.environment.iter().map(|(name, value)| (name, value))).env(MARK, mark);
        command.current_dir(work.folder.as_ref().unwrap_or(&self.folder));
        Ok(command)
    }
}

fn with(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn wrong(message: impl Into<String>) -> AgentError {
    AgentError::new(FailureKind::Permanent, message).settled()
}

/// Returns what tells the processes of one program from all others.
fn mark(project: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{project}-{}-{}", *OWN, COUNT.fetch_add(1, Ordering::Relaxed))
}

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Ended,
    TimedOut,
    Cancelled,
}

#[async_trait]
impl Runner for ProcessRunner {
    async fn run(&self, work: Invocation, cancel: &Cancel) -> Result<Finished, AgentError> {
        let project = self.project.get_or_try_init(|| self.end_leftovers()).await?;
        let mark = mark(project);
        let mut command = self.command(&work, &mark)?;
        let name = match &work.program {
            Program::Shell(_) => "sh",
            Program::Python(_) => "python3",
            Program::Arguments(arguments) => arguments.first().map_or("", String::as_str),
        };
        let failed = |error: io::Error| wrong(format!("`{name}` cannot be started: {error}"));
        // Subscribed before the start, so that no death goes unnoticed.
        let mut deaths = signal(SignalKind::child()).map_err(failed)?;
        let begun = Instant::now();
        let mut running = Running::start(&mut command, &work, mark).map_err(failed)?;
        let over = running.watch(&mut deaths, work.timeout.map(|limit| begun + limit), cancel).await;
        let finished = running.end(over == Over::TimedOut, begun).await;
        if over == Over::Cancelled {
            return Err(AgentError::new(FailureKind::Cancelled, "the call was cancelled"));
        }
        Ok(finished)
    }
}

/// A program that runs. Dropped, all of it is killed.
struct Running {
    child: Child,
    group: Group,
    mark: String,
    meter: Meter,
    stdout: JoinHandle<Kept>,
    stderr: JoinHandle<Kept>,
}

impl Running {
    fn start(command: &mut Command, work: &Invocation, mark: String) -> io::Result<Self> {
        let input = match &work.program {
            Program::Python(code) if code.len() > ARGUMENT => code.clone().into_bytes(),
            _ => work.input.clone(),
        };
        command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
        let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.process_group(0).kill_on_drop(true).spawn()?;
        let pid = child.id().unwrap_or_default();
        let (Some(group), Some(stdout), Some(stderr)) =
            (Group::led_by(pid), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("the process has no pipes"));
        };
        limit(pid, &work.limits);
        if let Some(mut stdin) = child.stdin.take() {
            tokio::spawn(async move {
                // A program need not read what it is given.
                let _unread = stdin.write_all(&input).await;
            });
        }
        let most = work.limits.output_bytes;
        let (stdout, stderr) = (tokio::spawn(read(stdout, most)), tokio::spawn(read(stderr, most)));
        Ok(Self { child, group, mark, meter: Meter::new(pid), stdout, stderr })
    }

    /// Waits for the end, and looks now and then at what it uses.
    async fn watch(
        &mut self,
        deaths: &mut tokio::signal::unix::Signal,
        deadline: Option<Instant>,
        cancel: &Cancel,
    ) -> Over {
        let mut pause = FIRST_LOOK;
        loop {
            let late = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = cancel.fired() => return Over::Cancelled,
                () = ended(deaths, self.group) => return Over::Ended,
                () = late => return Over::TimedOut,
                () = sleep(pause) => self.meter.look(),
            }
            pause = (pause * 2).min(LOOK);
        }
    }

    /// Kills what is left, and says how it ended.
    async fn end(&mut self, timed_out: bool, begun: Instant) -> Finished {
        let wall = begun.elapsed();
        if timed_out {
            self.meter.look();
        }
        // The leader is not reaped yet: its books are open, and the group is its own.
        self.group.kill();
        sweep(&self.mark);
        let _gone = timeout(LAST_WORDS, gone(self.group)).await;
        let resources = self.meter.total(wall);
        let status = timeout(LAST_WORDS, self.child.wait()).await.ok().and_then(Result::ok);
        let (stdout, stderr) = (kept(&mut self.stdout).await, kept(&mut self.stderr).await);
        Finished {
            code: status.filter(|_| !timed_out).map(code),
            is_cut: stdout.is_cut || stderr.is_cut,
            stdout: String::from_utf8_lossy(&stdout.bytes).into_owned(),
            stderr: String::from_utf8_lossy(&stderr.bytes).into_owned(),
            timed_out,
            resources,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After the leader was reaped the group's number may be somebody else's.
        if self.child.id().is_some() {
            self.group.kill();
            sweep(&self.mark);
        }
        self.stdout.abort();
        self.stderr.abort();
    }
}

/// Waits until the leader of a group that was killed is dead; it is left unreaped.
async fn gone(group: Group) {
    while !group.leader_ended() {
        sleep(Duration::from_millis(1)).await;
    }
}

/// Sets what a program and those that it starts may use.
fn limit(pid: u32, limits: &RunLimits) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    let set = |resource: Resource, most: Option<u64>| {
        if most.is_some() {
            // Where the system has no such limit the time-out remains.
            let _unlimited = prlimit(Some(pid), resource, Rlimit { current: most, maximum: most });
        }
    };
    set(Resource::Cpu, limits.cpu_seconds);
    set(Resource::As, limits.memory_bytes);
    set(Resource::Core, Some(0));
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().unwrap_or(1))
}

/// An output, as far as it is kept.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    is_cut: bool,
}

/// Reads to the end, and keeps the beginning.
async fn read(mut from: impl AsyncRead + Unpin, most: usize) -> Kept {
    let mut kept = Kept::default();
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n) = from.read(&mut buffer).await {
        if n == 0 {
            break;
        }
        let room = most - kept.bytes.len();
        kept.is_cut |= n > room;
        kept.bytes.extend_from_slice(&buffer[..n.min(room)]);
    }
    kept
}

async fn kept(reading: &mut JoinHandle<Kept>) -> Kept {
    match timeout(LAST_WORDS, reading).await {
        Ok(kept) => kept.unwrap_or_default(),
        Err(_) => Kept { is_cut: true, ..Kept::default() },
    }
}
