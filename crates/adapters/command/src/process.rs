//! One process from its start to its end.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use refrain_core::ports::agent::{Remarks, Reply};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::group::Group;
use crate::lines::{Line, Lines, Overlong};
use crate::stderr::{Tail, listen};
use crate::wire::{Heard, hear};

/// The longest answer, in bytes.
pub(crate) const ANSWER_LIMIT: usize = 64 << 20;
/// How long a process may take to end by itself once its standard input is closed.
const GRACE: Duration = Duration::from_secs(2);
/// How long to wait for what is in the pipes of a process that ended.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// How many answers to other calls are passed over before a process counts as mad.
const STRAYS: usize = 1000;

/// A running process. Dropped, its group is killed.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Group,
    deaths: Signal,
    stdin: Option<ChildStdin>,
    stdout: Lines<ChildStdout>,
    stderr: JoinHandle<()>,
    tail: Tail,
    remarks: Arc<dyn Remarks>,
}

/// Why a call has no reply.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The process ended, or closed its output, and has to be replaced.
    Ended(String),
    /// The process is in an unknown state and has to be replaced.
    Lost(String),
    /// The process answered, but not in the shape of an answer; it goes on living.
    Misshapen(String),
}

/// A reply, and whether the process read its request to the end.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) reply: Reply,
    pub(crate) in_step: bool,
}

impl Process {
    /// Starts a process as the leader of a group of its own.
    pub(crate) fn start(mut command: Command, remarks: Arc<dyn Remarks>) -> io::Result<Self> {
        // Subscribed before the start, so that no death goes unnoticed.
        let deaths = signal(SignalKind::child())?;
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.process_group(0).kill_on_drop(true).spawn()?;
        let group = child.id().and_then(Group::led_by);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(group), Some(stdout), Some(stderr)) = (group, stdout, stderr) else {
            return Err(io::Error::other("the process has no pipes"));
        };
        let tail = Tail::default();
        let stderr = tokio::spawn(listen(stderr, remarks.clone(), tail.clone()));
        let stdout = Lines::new(stdout, ANSWER_LIMIT, Overlong::Refuse);
        Ok(Self { child, group, deaths, stdin, stdout, stderr, tail, remarks })
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.group.leader_ended()
    }

    /// Sends a request and waits for its answer; with `last`, standard input ends behind the request.
    ///
    /// Reading and writing go on side by side: an agent may answer while a request that is larger than the pipe is
    /// still on its way.
    pub(crate) async fn talk(&mut self, request: &[u8], call: &str, last: bool) -> Result<Answered, Trouble> {
        let mut stdin = self.stdin.take();
        let write = async {
            let mut pipe = stdin.take()?;
            // A process that does not read to the end says more by its answer or its death than by a broken pipe.
            let written = pipe.write_all(request).await.is_ok() && pipe.flush().await.is_ok();
            (written && !last).then_some(pipe)
        };
        let mut hearing = Hearing {
            stdout: &mut self.stdout,
            deaths: &mut self.deaths,
            group: self.group,
            remarks: &*self.remarks,
        };
        let read = hearing.answer(call);
        tokio::pin!(write, read);
        let (reply, pipe) = tokio::select! {
            reply = &mut read => (reply, timeout(GRACE, write).await.ok().flatten()),
            pipe = &mut write => (read.await, pipe),
        };
        self.stdin = pipe;
        Ok(Answered { reply: reply?, in_step: self.stdin.is_some() })
    }

    /// Kills the group and reaps the leader.
    pub(crate) async fn kill(mut self) -> Option<ExitStatus> {
        self.group.kill();
        let status = timeout(GRACE, self.child.wait()).await;
        self.let_stderr_end().await;
        status.ok().and_then(Result::ok)
    }

    /// Ends the process in good order: its input is closed, it has a while to end, and then its group is killed.
    pub(crate) async fn end(mut self) -> Option<ExitStatus> {
        drop(self.stdin.take());
        let _too_slow = timeout(GRACE, self.run_dry()).await;
        self.kill().await
    }

    /// Says how a process ended and what it said last, and kills what is left of it.
    pub(crate) async fn bury(mut self, trouble: &str) -> String {
        // It closed its output, so it is about to end with a status worth telling, if it has not.
        let by_itself = timeout(GRACE, ended(&mut self.deaths, self.group)).await.is_ok();
        let tail = self.tail.clone();
        let status = self.kill().await.filter(|_| by_itself);
        let status = status.map_or(String::new(), |status| format!(" ({status})"));
        format!("{trouble}{status}{}", last_words(&tail))
    }

    /// Kills the process and says what it said last.
    pub(crate) async fn put_down(self, trouble: &str) -> String {
        let tail = self.tail.clone();
        self.kill().await;
        format!("{trouble}{}", last_words(&tail))
    }

    /// Reads what nobody waits for any more, so that the process can end, until it has.
    async fn run_dry(&mut self) {
        while let Ok(Some(line)) = next_line(&mut self.stdout, &mut self.deaths, self.group).await {
            let size = line.bytes.len();
            self.remarks.say(&format!("a line of {size} bytes that answers no call was dropped"));
        }
        ended(&mut self.deaths, self.group).await;
    }

    async fn let_stderr_end(&mut self) {
        if timeout(LAST_WORDS, &mut self.stderr).await.is_err() {
            self.stderr.abort();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After the leader was reaped the group's number may be somebody else's.
        if self.child.id().is_some() {
            self.group.kill();
        }
        self.stderr.abort();
    }
}

/// The reading half of a conversation.
struct Hearing<'a> {
    stdout: &'a mut Lines<ChildStdout>,
    deaths: &'a mut Signal,
    group: Group,
    remarks: &'a dyn Remarks,
}

impl Hearing<'_> {
    async fn answer(&mut self, call: &str) -> Result<Reply, Trouble> {
        for _ in 0..STRAYS {
            let line = next_line(self.stdout, self.deaths, self.group).await.map_err(lost)?;
            let line = line.ok_or_else(|| Trouble::Ended("ended without an answer".to_owned()))?;
            match hear(&line.bytes, call) {
                Heard::Answer(reply) => return Ok(reply),
                Heard::Other(other) => self.drop_answer(&other),
                Heard::Misshapen(message) => return Err(Trouble::Misshapen(message)),
                Heard::Garbage(_) if !line.whole => return Err(broke_off(&line)),
                Heard::Garbage(message) => return Err(Trouble::Lost(format!("printed {message}"))),
            }
        }
        Err(Trouble::Lost(format!("printed {STRAYS} answers to other calls")))
    }

    fn drop_answer(&self, call: &str) {
        let call: String = crate::stderr::plain(call).chars().take(40).collect();
        self.remarks.say(&format!("an answer to call `{call}`, which is not under way, was dropped"));
    }
}

fn last_words(tail: &Tail) -> String {
    let said = tail.text();
    if said.is_empty() { said } else { format!("; it said: {said}") }
}

fn broke_off(line: &Line) -> Trouble {
    Trouble::Ended(format!("broke off in the middle of an answer, after {} bytes", line.bytes.len()))
}

fn lost(error: io::Error) -> Trouble {
    Trouble::Lost(match error.kind() {
        io::ErrorKind::FileTooLarge => format!("printed a line of more than {} MiB", ANSWER_LIMIT >> 20),
        _ => format!("cannot be read from: {error}"),
    })
}

/// Returns the next line, or `None` at the end of the output or of the process.
///
/// The end of the process counts even where a child of it still holds the pipe; what it wrote before is read first.
async fn next_line(
    stdout: &mut Lines<ChildStdout>,
    deaths: &mut Signal,
    group: Group,
) -> io::Result<Option<Line>> {
    let dead = tokio::select! {
        biased;
        line = stdout.next() => return line,
        () = ended(deaths, group) => stdout.next(),
    };
    timeout(LAST_WORDS, dead).await.unwrap_or(Ok(None))
}

/// Returns when the leader of a group has ended; it is left unreaped.
pub(crate) async fn ended(deaths: &mut Signal, group: Group) {
    while !group.leader_ended() {
        if deaths.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
