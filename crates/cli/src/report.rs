//! How commands fail: one kind of error with hints, and the exit code that goes with it.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use refrain_core::engine::EngineError;
use refrain_core::plan::drift::Drift;
use refrain_core::ports::files::FileError;
use refrain_core::ports::store::StoreError;
use refrain_schemas::digest::Digest;
use refrain_schemas::exit_code::ExitCode as Code;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::problem::Problem;

use crate::output::{self, Output};
use crate::project;
use crate::render::numbers::counted;
use crate::render::page::{Page, Tone};
use crate::render::words::named_briefly;
use crate::suggest::did_you_mean;
use crate::wiring::LogFileError;
use refrain_core::escape::escape;

/// A command that could not be carried out.
#[derive(Debug)]
pub(crate) struct CliError {
    kind: Kind,
    message: String,
    hints: Vec<String>,
    /// What is shown before the message: rendered problems.
    body: Option<String>,
}

/// What kind of failure it is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The command line or the pipeline is wrong.
    Usage,
    /// Another process writes to the project.
    Held,
    /// Something that is needed is missing.
    Blocked,
    /// Credentials are missing or wrong.
    Credentials,
    /// The store or a file failed.
    Store,
    /// A plan does not hold any more.
    Drift,
    /// Something failed that has no code of its own.
    Failed,
    /// The reader of standard output has left.
    NobodyReads,
}

impl Kind {
    const fn code(self) -> Code {
        match self {
            Self::Usage => Code::Usage,
            Self::Held => Code::Held,
            Self::Blocked => Code::Blocked,
            Self::Credentials => Code::Credentials,
            Self::Store => Code::Store,
            Self::Drift => Code::Drift,
            Self::Failed => Code::Failed,
            Self::NobodyReads => Code::Ok,
        }
    }
}

impl CliError {
    const fn new(kind: Kind, message: String) -> Self {
        Self { kind, message, hints: Vec::new(), body: None }
    }

    /// Returns an error of the command line or the pipeline.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message.into())
    }

    /// Returns the error of a phase that is not there; names what was probably meant, or what there is.
    pub(crate) fn unknown_phase<'a>(phase: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let known = known.map(str::to_owned).collect();
        EngineError::UnknownPhase { phase: phase.to_owned(), known }.into()
    }

    /// Returns an error of refrain itself.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message.into()).hint("this is a bug in refrain; please report it")
    }

    /// Returns the error of something that another process is at.
    pub(crate) fn held(message: impl Into<String>) -> Self {
        Self::new(Kind::Held, message.into())
    }

    /// Returns the error of something that failed, as a phase of a run does.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message.into())
    }

    /// Returns the error of a plan. What cannot be read fails its phase in a run, and the plan says the same.
    pub(crate) fn planning(error: EngineError) -> Self {
        let is_source = matches!(error, EngineError::File(_));
        let error = Self::from(error);
        if !is_source {
            return error;
        }
        let error = Self { kind: Kind::Failed, ..error };
        error.hint("a run would fail in the phase that reads it")
    }

    /// Returns an error of the system.
    pub(crate) fn io(action: &str, error: &io::Error) -> Self {
        Self::new(Kind::Store, format!("failed to {action}: {error}"))
    }

    /// Returns an error of the system at a file of the state.
    pub(crate) fn state(action: &str, error: &io::Error) -> Self {
        Self::io(action, error).hint_if(what_helps(error))
    }

    /// Returns the error of a state that is not as it was written.
    fn damaged(message: String, folder: &Path) -> Self {
        let folder = folder.display();
        Self::new(Kind::Store, message)
            .hint("`refrain doctor` says what else is wrong")
            .hint(format!("restore `{folder}/` from a copy, or move it away and run again"))
    }

    /// Returns an error of writing to standard output; a reader that has left is none.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Kind::NobodyReads, String::new());
        }
        Self::io("write to standard output", error)
    }

    /// Returns the error of a pipeline that may not run; `rendered` shows its problems.
    pub(crate) fn pipeline(files: &[String], n_errors: usize, rendered: String) -> Self {
        let count = counted(n_errors as u64, "error");
        let (files, verb) = (named_briefly(files), if files.len() == 1 { "has" } else { "have" });
        let mut error = Self::usage(format!("{files} {verb} {count}; nothing was run"));
        error.body = Some(rendered);
        error
    }

    /// Returns the error of a plan that does not hold any more; names everything that has changed.
    fn drifted(drifts: &[Drift]) -> Self {
        let count = counted(drifts.len() as u64, "thing");
        let mut error = Self::new(
            Kind::Drift,
            format!("the plan does not hold any more: {count} changed since it was made; nothing was run"),
        );
        error.body = Some(drifts.iter().map(drift_line).collect());
        error.hint("`refrain plan -o FILE` plans anew")
    }

    /// Adds a hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds a hint where there is one.
    #[must_use]
    pub(crate) fn hint_if(mut self, hint: Option<String>) -> Self {
        self.hints.extend(hint);
        self
    }

    /// Returns the same error in other words.
    #[must_use]
    pub(crate) fn said_as(self, words: impl Fn(&str) -> String) -> Self {
        let hints = self.hints.iter().map(|hint| words(hint)).collect();
        Self { message: words(&self.message), hints, ..self }
    }

    /// Returns the exit code.
    pub(crate) const fn code(&self) -> Code {
        self.kind.code()
    }

    /// Returns what happened, without the hints.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Returns what happened with all that is shown before it, for a question that is asked again.
    pub(crate) fn told(&self) -> String {
        let body = self.body.iter().flat_map(|body| body.lines()).collect::<Vec<_>>().join("\n  ");
        if body.is_empty() { self.message.clone() } else { format!("{}\n  {body}", self.message) }
    }

    /// Returns what to do about it.
    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Writes the error as it is shown.
    fn write(&self, page: &mut Page) {
        if let Some(body) = &self.body {
            page.rendered(body);
        }
        page.wrapped(&[(Tone::Bad, "error:")], &self.message);
        for hint in &self.hints {
            page.wrapped(&[(Tone::Plain, " "), (Tone::Strong, "hint:")], hint);
        }
    }
}

/// Shows how a command ended and returns the exit code of the process.
pub(crate) fn finish(result: Result<Code, CliError>, output: &mut Output) -> ExitCode {
    let result = result.and_then(|code| output.flush().map(|()| code));
    let code = result.unwrap_or_else(|error| {
        // What was shown before the failure belongs before its message.
        let _already_failed = output.flush();
        if error.kind != Kind::NobodyReads {
            let mut page = output.error_page();
            error.write(&mut page);
            output::complain(page.as_str());
        }
        error.code()
    });
    ExitCode::from(code.number())
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::File(error) => error.into(),
            EngineError::CutShort { why, .. } => Self::from(*why),
            EngineError::UnknownPhase { phase, known } => {
                Self::usage(message).hint_if(did_you_mean(&phase, known.iter().map(String::as_str)))
            }
            EngineError::UnknownScope { phase, scope, known } => {
                let hint = did_you_mean(&scope, known.iter().map(String::as_str));
                Self::usage(message).hint_if(hint.map(|hint| hint.replacen('`', &format!("`{phase}@"), 1)))
            }
            EngineError::Turn { phase, of } => {
                let turns = vec!["0"; of.len()].join(",");
                Self::usage(message).hint(format!("name the turn, such as `{phase}@{turns}`, counted from 0"))
            }
            EngineError::Disabled { .. } => {
                Self::usage(message).hint("remove `enabled: false` from the pipeline file to run it")
            }
            EngineError::NoRevision { target, revision } if revision == "yet" => {
                Self::usage(format!("{target} has no revision yet"))
                    .hint(format!("make one with `refrain run {target}`"))
            }
            EngineError::NoRevision { target, .. } => {
                Self::usage(message).hint(format!("`refrain history {target}` lists those there are"))
            }
            EngineError::NoCall { .. } => {
                Self::usage(message).hint("`refrain ledger` lists the latest calls")
            }
            EngineError::NoUnit { target, .. } => {
                Self::usage(message).hint(format!("`refrain show {target}` lists what there is"))
            }
            EngineError::Tools { kind: FailureKind::Credentials, .. } => {
                Self::new(Kind::Credentials, message).hint("`refrain doctor` says which variables are set")
            }
            EngineError::Tools { .. } => {
                Self::new(Kind::Failed, message).hint("`refrain doctor` says whether it can be reached")
            }
            EngineError::Drifted { drifts } => Self::drifted(&drifts),
            EngineError::NotAcceptable { .. } => Self::new(Kind::Blocked, message),
            EngineError::NoEdit { target, key, is_record, known } => {
                let meant = did_you_mean(&key, known.iter().map(String::as_str)).filter(|_| !is_record);
                Self::usage(message)
                    .hint_if(meant.map(|hint| hint.replacen('`', &format!("`{target}/"), 1)))
                    .hint(format!("`refrain edit list {target}` lists what people edited"))
            }
            EngineError::BadEdits { problems } => {
                let count = counted(problems.len() as u64, "problem");
                let mut error = Self::usage(format!("{count} in what was edited; nothing was recorded"));
                error.body = Some(problems.iter().map(line_of).collect());
                error
            }
            _ => Self::usage(message),
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::Held { .. } => Self::new(Kind::Held, escape(&message).into_owned())
                .hint("`refrain status --watch` follows that run; reading commands work meanwhile"),
            StoreError::Newer { .. } => Self::new(Kind::Store, message),
            StoreError::Damaged { what, .. } => {
                let folder = Path::new(&what).parent().unwrap_or_else(|| Path::new(project::STATE));
                Self::damaged(message, folder)
            }
            StoreError::Missing { .. } => Self::damaged(message, Path::new(project::STATE)),
            StoreError::Io { source, .. } => Self::new(Kind::Store, message).hint_if(what_helps(&source)),
            _ => Self::new(Kind::Store, message),
        }
    }
}

impl From<FileError> for CliError {
    fn from(error: FileError) -> Self {
        let message = error.to_string();
        match error {
            FileError::Bad { problems } => {
                let mut error = Self::new(
                    Kind::Store,
                    format!("{} in the files", counted(problems.len() as u64, "problem")),
                );
                error.body = Some(problems.iter().map(line_of).collect());
                error
            }
            _ => Self::new(Kind::Store, message),
        }
    }
}

impl From<LogFileError> for CliError {
    fn from(error: LogFileError) -> Self {
        Self::new(Kind::Store, error.to_string())
    }
}

/// Returns what to do about a disk that does not take what is to be kept.
fn what_helps(error: &io::Error) -> Option<String> {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "make room and run again: what is on record stays, and is not done twice"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "a run keeps its state in the project folder, which has to be readable and writable; `refrain check`, \
             `refrain plan` and `refrain status` only read"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Returns what has changed on one line, the old digest before the new one.
fn drift_line(drift: &Drift) -> String {
    let digest = |digest: &Option<Digest>| digest.as_ref().map_or_else(|| "none".to_owned(), Digest::short);
    format!("{}: {} → {}\n", escape(&drift.name), digest(&drift.planned), digest(&drift.now))
}

/// Returns a problem of a data file on one line; data files are not quoted, as a row may be anything.
fn line_of(problem: &Problem) -> String {
    let place = problem.place.as_ref();
    let place = place.map_or(String::new(), |p| format!("{}:{}:{}: ", p.file, p.line, p.column));
    let hint = problem.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
    format!("{}\n", escape(&format!("{place}{}{hint}", problem.message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;

    fn check(error: impl Into<CliError>, code: Code, text: &str) {
        let error = error.into();
        assert_eq!(error.code(), code);
        let mut page = Page::new(Theme { color: false, width: 80 });
        error.write(&mut page);
        assert_eq!(page.as_str(), text);
    }

    #[test]
    fn errors_say_what_to_do() {
        check(
            EngineError::UnknownPhase {
                phase: "tanslate".into(),
                known: vec!["ingest".into(), "translate".into()],
            },
            Code::Usage,
            "error: there is no phase `tanslate`; there are ingest, translate\n  hint: did you mean `translate`?\n",
        );
        check(
            EngineError::UnknownScope { phase: "qa".into(), scope: "jp".into(), known: vec!["ja".into()] },
            Code::Usage,
            "error: phase `qa` has no scope `jp`; it has ja\n  hint: did you mean `qa@ja`?\n",
        );
        check(
            EngineError::Turn { phase: "save".into(), of: vec!["each".into()] },
            Code::Usage,
            "error: `save` exists once per turn of each\n  hint: name the turn, such as `save@0`, counted from 0\n",
        );
        check(
            EngineError::NoRevision { target: "qa@ja".into(), revision: "yet".into() },
            Code::Usage,
            "error: qa@ja has no revision yet\n  hint: make one with `refrain run qa@ja`\n",
        );
        let (old, new) = (Digest::of_content(b"a"), Digest::of_content(b"b"));
        let drift = |name: &str, planned, now| Drift { name: name.into(), planned, now };
        let drifts = vec![drift("source a.csv", Some(old), Some(new)), drift("param x", None, Some(new))];
        check(
            EngineError::Drifted { drifts },
            Code::Drift,
            &format!(
                "source a.csv: {} → {}\nparam x: none → {}\nerror: the plan does not hold any more: 2 things changed since \
                 it was made;\n       nothing was run\n  hint: `refrain plan -o FILE` plans anew\n",
                old.short(),
                new.short(),
                new.short()
            ),
        );
        check(
            StoreError::Newer { found: 3, supported: 1 },
            Code::Store,
            "error: the store has format 3, this version reads up to 1; use a newer refrain\n",
        );
        check(
            CliError::pipeline(&["refrain.yaml".into()], 2, "refrain.yaml:1:1: bad\n".into()),
            Code::Usage,
            "refrain.yaml:1:1: bad\nerror: refrain.yaml has 2 errors; nothing was run\n",
        );
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let error = CliError::output(&io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(error.code(), Code::Ok);
        assert_eq!(CliError::output(&io::Error::from(io::ErrorKind::StorageFull)).code(), Code::Store);
    }
}
