//! Whether what a phase made is still true, and why not.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// One word for a phase in a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// Its `when:` is false, or a phase it needs is skipped.
    Skipped,
    /// The last attempt at the present inputs failed.
    Failed,
    /// The last attempt at the present inputs lacked a need.
    Blocked,
    /// The last attempt at the present inputs waits for a person.
    Waiting,
    /// There is no revision.
    Missing,
    /// Something that the revision was made from has changed.
    Stale,
    /// The revision lacks units.
    Partial,
    /// The revision is what a run would make.
    Fresh,
}

impl Freshness {
    /// Returns the name used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Partial => "partial",
            Self::Fresh => "fresh",
        }
    }
}

impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What kind of change makes a phase stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CauseKind {
    /// There is no revision yet.
    NeverRun,
    /// There is no revision yet, for it failed.
    Failed,
    /// The phase is written differently now (units, context, fan, merge, output, …).
    Definition,
    /// An agent of the phase is another one now.
    Agent,
    /// The agent's settings, or a parameter they use, have changed.
    Params,
    /// A file that is part of the definition (a schema, a template) has changed.
    DefinitionFile,
    /// A file that units see as context has changed.
    ContextFile,
    /// A source file of `read` has changed, come or gone.
    SourceFile,
    /// An output file of `write` is missing or was altered.
    OutputFile,
    /// An upstream artifact has other contents now.
    Upstream,
    /// An upstream phase is not fresh itself.
    UpstreamStale,
    /// A wanted phase that was absent has arrived.
    WantArrived,
    /// A wanted phase that was used is gone.
    WantGone,
    /// A forced generation is unfinished, or the agent is volatile.
    Generation,
    /// The revision lacks units.
    Holes,
    /// The scope's artifact is no longer part of what is gathered, or a new one is.
    Gathered,
    /// People edited its records.
    Edits,
}

/// One reason why a phase is not fresh.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// The kind of change.
    pub kind: CauseKind,
    /// What changed: a phase, a file, an agent, a field.
    pub subject: String,
    /// The digest, or other mark, that the revision was made from; null where there was none.
    pub old: Option<String>,
    /// The digest, or other mark, of now; null where there is none.
    pub new: Option<String>,
}

impl Cause {
    /// Returns a cause without marks.
    #[must_use]
    pub fn new(kind: CauseKind, subject: impl Into<String>) -> Self {
        Self { kind, subject: subject.into(), old: None, new: None }
    }
}

impl Cause {
    /// Says which part of the definition is another one. Whether a context entry has to be there is no part that anybody wrote:
    /// it hangs on the phase that the entry is from, which may be disabled, or wanted rather than needed.
    fn definition(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = self.subject.strip_prefix("context.").and_then(|entry| entry.strip_suffix(".need"));
        let Some(entry) = entry else { return write!(f, "`{}` is written differently", self.subject) };
        let needed = Digest::of_content(&[1]).to_string();
        if self.new.as_ref() == Some(&needed) {
            write!(f, "context `{entry}` has to be there now")
        } else {
            write!(f, "context `{entry}` no longer has to be there")
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &self.subject;
        match self.kind {
            CauseKind::NeverRun => f.write_str("never run"),
            CauseKind::Failed => f.write_str("failed when it was run last"),
            CauseKind::Definition => self.definition(f),
            CauseKind::Agent => write!(f, "agent {subject} changed"),
            CauseKind::Params => write!(f, "params of {subject} changed"),
            CauseKind::DefinitionFile => write!(f, "{subject} changed"),
            CauseKind::ContextFile => write!(f, "context file {subject} changed"),
            CauseKind::SourceFile => write!(f, "source {subject} changed"),
            CauseKind::OutputFile => write!(f, "output {subject} is missing or was altered"),
            CauseKind::Upstream => write!(f, "{subject} has other contents"),
            CauseKind::UpstreamStale => write!(f, "{subject} is not fresh"),
            CauseKind::WantArrived => write!(f, "{subject} has arrived"),
            CauseKind::WantGone => write!(f, "{subject} is gone"),
            CauseKind::Generation => write!(f, "{subject} is to be asked again"),
            CauseKind::Holes => write!(f, "{subject} lacks units"),
            CauseKind::Gathered if self.old.is_some() => write!(f, "{subject} is no longer part of it"),
            CauseKind::Gathered => write!(f, "{subject} is new"),
            CauseKind::Edits => write!(f, "people edited {subject}"),
        }
    }
}
