//! One clone of a command agent.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use refrain_core::ports::agent::{Agent, AgentError, Blueprint, Remarks, Reply, Request};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::secrets::{Secrets, process_environment};
use refrain_core::protocol::request_line;
use refrain_schemas::failure::FailureKind;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::process::{Process, Trouble};

/// One clone of a command agent: a process that is kept alive, or one process per call.
///
/// - A process that dies, prints garbage, breaks off or answers with more than 64 MiB fails its call as transient and
///   is replaced at the next call.
/// - A cancelled call kills the process group, because nobody knows how far the call went.
/// - Answers to other calls are dropped with a remark.
/// - The process gets the variables that are always passed and those its spec lists, and no other.
pub struct CommandAgent {
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    env: Vec<String>,
    secrets: Arc<dyn Secrets>,
    oneshot: bool,
    remarks: Arc<dyn Remarks>,
    seat: Mutex<Seat>,
}

/// Where the process sits while no call is under way.
#[derive(Debug, Default)]
struct Seat {
    process: Option<Process>,
    /// Why the process before had to go, until its successor starts.
    vacated: Option<String>,
}

impl CommandAgent {
    /// Returns a clone that will run the command of its spec in a folder; a program with a slash in it is looked for from
    /// there.
    pub(crate) fn new(folder: PathBuf, secrets: Arc<dyn Secrets>, blueprint: &Blueprint) -> Option<Self> {
        let spec = &blueprint.spec;
        let (program, arguments) = spec.command.as_deref()?.split_first()?;
        Some(Self {
            program: program_path(program, &folder),
            arguments: arguments.to_vec(),
            folder,
            env: spec.env.clone(),
            secrets,
            oneshot: spec.oneshot,
            remarks: blueprint.remarks.clone(),
            seat: Mutex::default(),
        })
    }

    fn start(&self) -> Result<Process, AgentError> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder);
        command.env_clear().envs(process_environment(&self.env, &*self.secrets)?);
        let process = Process::start(command, self.remarks.clone());
        let process = process.map_err(|error| self.not_started(&error).of_agent())?;
        self.remarks.started();
        Ok(process)
    }

    fn not_started(&self, error: &io::Error) -> AgentError {
        let program = self.program.display();
        let permanent =
            |why: &str| AgentError::new(FailureKind::Permanent, format!("cannot start `{program}`: {why}"));
        match error.kind() {
            io::ErrorKind::NotFound if !self.folder.is_dir() => permanent("the folder it runs in is gone"),
            io::ErrorKind::NotFound if self.program.is_file() => {
                permanent("the interpreter in its first line was not found")
            }
            io::ErrorKind::NotFound if self.program.is_absolute() => permanent("there is no such file"),
            io::ErrorKind::NotFound => permanent(
                "no such program on PATH; install it, or write the path from the project folder with a slash, as in `./agent`",
            ),
            io::ErrorKind::PermissionDenied => permanent("it may not be executed; try `chmod +x`"),
            io::ErrorKind::InvalidInput
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::ArgumentListTooLong => permanent(&error.to_string()),
            _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
                permanent("it is no program and has no `#!` line")
            }
            _ => AgentError::new(FailureKind::Transient, format!("cannot start `{program}`: {error}")),
        }
    }

    /// Takes the process that sits there, or starts one where there is none or it has died.
    async fn take(&self, seat: &mut Seat) -> Result<Process, AgentError> {
        if let Some(process) = seat.process.take() {
            if !process.has_ended() {
                return Ok(process);
            }
            seat.vacated = Some(process.bury("ended between two calls").await);
        }
        let process = self.start()?;
        if let Some(reason) = seat.vacated.take().filter(|_| !self.oneshot) {
            self.remarks.restarted(&reason);
        }
        Ok(process)
    }

    /// Judges how a call went and what becomes of the process.
    async fn settle(
        &self,
        seat: &mut Seat,
        process: Process,
        outcome: Option<Result<(Reply, bool), Trouble>>,
    ) -> Result<Reply, AgentError> {
        match outcome {
            None => {
                process.kill().await;
                seat.vacated = Some("it was killed because its call was cancelled or timed out".to_owned());
                Err(AgentError::new(FailureKind::Cancelled, "the call was cancelled"))
            }
            Some(Ok((reply, in_step))) => {
                self.keep(seat, process, in_step).await;
                Ok(reply)
            }
            Some(Err(Trouble::Misshapen(message))) => {
                self.keep(seat, process, true).await;
                Err(AgentError::new(
                    FailureKind::Invalid,
                    format!("the answer has the wrong shape: {message}"),
                ))
            }
            Some(Err(Trouble::Ended(trouble))) => Err(vacate(seat, process.bury(&trouble).await)),
            Some(Err(Trouble::Lost(trouble))) => Err(vacate(seat, process.put_down(&trouble).await)),
        }
    }

    async fn keep(&self, seat: &mut Seat, process: Process, in_step: bool) {
        if self.oneshot {
            process.end().await;
        } else if in_step {
            seat.process = Some(process);
        } else {
            seat.vacated = Some(process.put_down("answered without reading its request").await);
        }
    }
}

#[async_trait]
impl Agent for CommandAgent {
    async fn open(&self) -> Result<(), AgentError> {
        if !self.oneshot {
            let mut seat = self.seat.lock().await;
            seat.process = Some(self.take(&mut seat).await?);
        }
        Ok(())
    }

    async fn answer(&self, request: Request, cancel: &Cancel) -> Result<Reply, AgentError> {
        if cancel.is_fired() {
            return Err(AgentError::new(FailureKind::Cancelled, "the call was cancelled"));
        }
        let mut seat = self.seat.lock().await;
        let mut process = self.take(&mut seat).await?;
        let (line, call) = (request_line(&request), request.call.to_string());
        drop(request);
        let outcome = tokio::select! {
            biased;
            () = cancel.fired() => None,
            outcome = process.talk(&line, &call, self.oneshot) => Some(outcome),
        };
        let outcome = outcome.map(|result| result.map(|answered| (answered.reply, answered.in_step)));
        self.settle(&mut seat, process, outcome).await
    }

    async fn close(&self) {
        if let Some(process) = self.seat.lock().await.process.take() {
            process.end().await;
        }
    }
}

impl fmt::Debug for CommandAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments stay out: people put secrets there.
        f.debug_struct("CommandAgent").field("program", &self.program).finish_non_exhaustive()
    }
}

/// Notes why a process had to go, and returns its call's error.
fn vacate(seat: &mut Seat, reason: String) -> AgentError {
    let error = AgentError::new(FailureKind::Transient, format!("the agent {reason}"));
    seat.vacated = Some(reason);
    error
}

/// Returns the program to start: a bare name is looked for on `PATH`, anything with a slash from the folder.
pub(crate) fn program_path(program: &str, folder: &Path) -> PathBuf {
    if program.contains('/') { folder.join(program) } else { PathBuf::from(program) }
}
