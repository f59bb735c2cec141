//! The process of a server, from its start to its end.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use refrain_core::ports::cancel::Cancel;
use refrain_core::redactor::Redactor;
use refrain_schemas::endpoint::ServerSpec;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::ears::Ears;
use crate::group::Group;
use crate::trouble::Trouble;

/// How long a process may take to end by itself once its standard input is closed.
const GRACE: Duration = Duration::from_secs(2);
/// How long to wait for what is in the pipes of a process that ended.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A running process and those that it started. Dropped, its group is killed.
#[derive(Debug)]
pub(crate) struct Process {
    child: Mutex<Child>,
    group: Group,
    dead: Cancel,
    watcher: JoinHandle<()>,
    stderr: JoinHandle<()>,
}

/// What a process is talked to through.
pub(crate) type Pipes = (ChildStdout, ChildStdin);

impl Process {
    /// Starts the command of a server as the leader of a group of its own.
    pub(crate) fn start(
        spec: &ServerSpec,
        project: &Path,
        variables: &BTreeMap<String, String>,
        heard: (Arc<Ears>, Redactor),
    ) -> Result<(Self, Pipes), Trouble> {
        let command = spec.command.as_deref().unwrap_or_default();
        let (program, arguments) =
            command.split_first().ok_or_else(|| Trouble::permanent("it has no command"))?;
        let folder = folder(spec, project)?;
        // What is written with a slash is a path of the project, wherever the program then runs.
        let program = if program.contains('/') { project.join(program) } else { PathBuf::from(program) };
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(&folder).env_clear().envs(variables);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Subscribed before the start, so that no death goes unnoticed.
        let deaths = signal(SignalKind::child()).map_err(|error| Trouble::transient(error.to_string()))?;
        let child = command.process_group(0).kill_on_drop(true).spawn();
        let child = child.map_err(|error| not_started(&program, &error))?;
        Self::watched(child, deaths, heard).map_err(|error| Trouble::transient(error.to_string()))
    }

    fn watched(
        mut child: Child,
        deaths: Signal,
        (ears, scrub): (Arc<Ears>, Redactor),
    ) -> io::Result<(Self, Pipes)> {
        let group = child.id().and_then(Group::led_by);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(group), Some(stdin), Some(stdout), Some(stderr)) = (group, stdin, stdout, stderr) else {
            return Err(io::Error::other("the process has no pipes"));
        };
        ears.forget();
        let dead = Cancel::new();
        let watcher = tokio::spawn(watch(group, deaths, dead.clone()));
        let stderr = tokio::spawn(async move { ears.listen(stderr, &scrub).await });
        Ok((Self { child: Mutex::new(child), group, dead, watcher, stderr }, (stdout, stdin)))
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.group.leader_ended()
    }

    /// Returns when the process has ended and had time to be heard out.
    pub(crate) async fn ended(&self) {
        self.dead.fired().await;
    }

    /// Kills the group, so that nobody waits for it any more.
    pub(crate) fn kill(&self) {
        if !self.has_ended() || self.dead.is_fired() {
            self.group.kill();
        }
    }

    /// Ends the process: with its input closed it has a while, and then its group is killed. Returns how it ended.
    pub(crate) async fn end(&self) -> Option<String> {
        let by_itself = timeout(GRACE, self.ended()).await.is_ok();
        let mut child = self.child.lock().await;
        // After the leader was reaped the group's number may be somebody else's.
        if child.id().is_some() {
            self.group.kill();
        }
        let status = timeout(GRACE, child.wait()).await.ok().and_then(Result::ok);
        status.filter(|_| by_itself).map(|status| status.to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.get_mut().id().is_some() {
            self.group.kill();
        }
        self.watcher.abort();
        self.stderr.abort();
    }
}

async fn watch(group: Group, mut deaths: Signal, dead: Cancel) {
    while !group.leader_ended() {
        if deaths.recv().await.is_none() {
            return;
        }
    }
    tokio::time::sleep(LAST_WORDS).await;
    dead.fire();
}

/// Returns the folder a server runs in, which MUST be within the project.
fn folder(spec: &ServerSpec, project: &Path) -> Result<PathBuf, Trouble> {
    let Some(cwd) = &spec.cwd else { return Ok(project.to_owned()) };
    let folder = project.join(cwd);
    let real = folder.canonicalize();
    let real = real.map_err(|_| Trouble::permanent(format!("there is no folder `{cwd}` in the project")))?;
    let within = project.canonicalize().is_ok_and(|project| real.starts_with(project));
    if within { Ok(real) } else { Err(Trouble::permanent(format!("`{cwd}` leads out of the project"))) }
}

fn not_started(program: &Path, error: &io::Error) -> Trouble {
    let shown = program.display();
    match error.kind() {
        io::ErrorKind::NotFound if program.is_absolute() => {
            Trouble::permanent(format!("there is no file `{shown}`"))
        }
        io::ErrorKind::NotFound => Trouble::permanent(format!("there is no program `{shown}` on PATH")),
        io::ErrorKind::PermissionDenied => Trouble::permanent(format!("`{shown}` may not be executed")),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename | io::ErrorKind::ArgumentListTooLong => {
            Trouble::permanent(format!("`{shown}`: {error}"))
        }
        _ => Trouble::transient(format!("cannot start `{shown}`: {error}")),
    }
}
