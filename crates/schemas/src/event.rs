//! Events: facts about a run, in one closed list.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::failure::{Failure, FailureKind, PhaseError};
use crate::freshness::Cause;
use crate::name::{AgentName, CallId, PhaseName, Revision, RunId, UnitId};
use crate::report::UnitCounts;
use crate::scope::{Scope, Target};
use crate::time::Timestamp;
use crate::usage::{Resources, Usage};

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One per unit or call.
    Debug,
    /// What happens.
    Info,
    /// What a person should look at.
    Warn,
    /// What went wrong.
    Error,
}

impl Level {
    /// Returns the name used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One fact about a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// Seconds since the run began, by a clock that never goes back.
    pub elapsed: f64,
    /// The run.
    pub run_id: RunId,
    /// The phase it is about, if it is about one.
    pub phase: Option<PhaseName>,
    /// The scope of that phase.
    pub scope: Option<Scope>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened. One name has one meaning and one shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A run began.
    RunStarted {
        /// What was asked for; empty for the whole plan.
        targets: Vec<String>,
        /// Calls of earlier runs that are in doubt.
        in_doubt: u64,
    },
    /// What the run will look at is known.
    RunPlanned {
        /// Every phase and scope, in order.
        targets: Vec<Target>,
    },
    /// Everything that was asked for is there.
    RunCompleted(RunEnded),
    /// Everything is there, but some revisions lack units.
    RunPartial(RunEnded),
    /// A phase failed.
    RunFailed(RunEnded),
    /// A phase lacked something it needs.
    RunBlocked(RunEnded),
    /// A phase waits for a person.
    RunWaiting(RunEnded),
    /// A ceiling was reached.
    RunStopped(RunEnded),
    /// A person stopped the run.
    RunCancelled(RunEnded),

    /// Work on a phase began.
    PhaseStarted {
        /// The revision that it is to make.
        revision: Revision,
        /// Why.
        causes: Vec<Cause>,
    },
    /// Units of a phase are asked about before its turn, as soon as what they are made from is final.
    PhaseStreaming {
        /// The phases that are under way and from which units flow.
        upstream: Vec<Target>,
    },
    /// A turn of a loop began.
    TurnStarted {
        /// Its number, from 0.
        turn: u64,
        /// The phases of the turn.
        targets: Vec<Target>,
    },
    /// The units of a phase are known; its totals are final.
    PhasePlanned {
        /// All units.
        total: u64,
        /// Units whose replies are all there already, or that did not change.
        reused: u64,
        /// Units that are holes because something they need is one.
        holes: u64,
    },
    /// Units of a phase were done since the last such event.
    PhaseProgressed {
        /// All counts so far.
        units: UnitCounts,
        /// Calls so far.
        calls: u64,
        /// What they consumed.
        usage: Usage,
        /// What they used of the machine; absent where it is not measured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resources: Option<Resources>,
    },
    /// A phase made a complete revision.
    PhaseCompleted(PhaseEnded),
    /// A phase made a revision that lacks units.
    PhasePartial(PhaseEnded),
    /// A phase had nothing to do.
    PhaseFresh {
        /// The latest revision.
        revision: Revision,
    },
    /// A phase failed.
    PhaseFailed(PhaseError),
    /// A phase made no revision, and a value stands in for what it would have made.
    PhaseRecovered(PhaseError),
    /// A phase lacked something it needs.
    PhaseBlocked(PhaseError),
    /// A phase waits for a person.
    PhaseWaiting(PhaseError),
    /// A phase was skipped.
    PhaseSkipped {
        /// Why.
        reason: String,
    },
    /// A ceiling was reached before the phase ended.
    PhaseStopped(PhaseError),
    /// A person stopped the run before the phase ended.
    PhaseCancelled(PhaseError),
    /// A revision that was fresh no longer is.
    PhaseInvalidated {
        /// The revision.
        revision: Revision,
        /// Why.
        cause: Cause,
    },

    /// A call is about to leave; its intent is durable.
    CallIntended {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentName,
        /// The units it carries.
        units: Vec<UnitId>,
    },
    /// A call came back; its outcome is durable.
    CallCompleted {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentName,
        /// How many of its units have a reply.
        replies: u64,
        /// What it consumed.
        usage: Usage,
        /// How long it took, in seconds.
        seconds: f64,
    },
    /// A call failed and will be tried again.
    CallRetried {
        /// The call that failed.
        call: CallId,
        /// The agent.
        agent: AgentName,
        /// Which attempt comes next.
        attempt: u32,
        /// The pause before it, in seconds.
        pause_seconds: f64,
        /// How it failed.
        failure: Failure,
    },
    /// A call failed for good.
    CallFailed {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentName,
        /// How it failed.
        failure: Failure,
    },
    /// A reply cost more than the most that its call was reckoned to cost.
    CeilingPassed {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentName,
        /// The most that it was reckoned to consume.
        ceiling: Usage,
        /// What it consumed.
        usage: Usage,
    },
    /// An endpoint answers in the place of another one that is down; told once per endpoint and run.
    EndpointFellBack {
        /// The call in which it did so first.
        call: CallId,
        /// The agent.
        agent: AgentName,
        /// The endpoint that answered.
        endpoint: String,
    },
    /// A unit failed for good.
    UnitFailed {
        /// The unit.
        unit: UnitId,
        /// How it failed.
        failure: Failure,
    },

    /// An artifact was stored.
    ArtifactWritten {
        /// Its digest.
        digest: Digest,
        /// Its records.
        records: u64,
        /// Its holes.
        holes: u64,
        /// Conflicts that its merge recorded.
        conflicts: u64,
    },
    /// A new revision has the contents of the one before.
    ArtifactReused {
        /// The digest.
        digest: Digest,
    },

    /// A clone of an agent was set up.
    AgentOpened {
        /// The agent.
        agent: AgentName,
        /// The clone, from 0.
        clone: u32,
    },
    /// A clone of an agent was torn down.
    AgentClosed {
        /// The agent.
        agent: AgentName,
        /// The clone, from 0.
        clone: u32,
    },
    /// A clone of an agent died and was started again.
    AgentRestarted {
        /// The agent.
        agent: AgentName,
        /// The clone, from 0.
        clone: u32,
        /// Why it died.
        reason: String,
    },
    /// An agent said something, on stderr for instance.
    AgentLogged {
        /// The agent.
        agent: AgentName,
        /// The clone, from 0.
        clone: u32,
        /// What it said.
        line: String,
    },
    /// Source files were read.
    SourceRead {
        /// How many files.
        files: u64,
        /// How many records.
        records: u64,
    },
    /// Files were written.
    ExportWritten {
        /// The files.
        files: Vec<String>,
        /// How many records.
        records: u64,
    },
    /// A file that no run wrote, or that somebody changed since, was replaced; what it was is kept beside it.
    ExportKept {
        /// The file.
        file: String,
        /// Where what it was is now.
        copy: String,
        /// Whether it was imported before, and the import left something out; absent where it was not imported.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        imported: bool,
    },
    /// The store had to mend itself, for instance after a kill in the middle of a write.
    StoreRecovered {
        /// What was mended.
        message: String,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunEnded {
    /// Calls made, retries included.
    pub calls: u64,
    /// All units of all phases.
    pub units: UnitCounts,
    /// What the calls consumed.
    pub usage: Usage,
}

/// A phase that made a revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseEnded {
    /// The revision.
    pub revision: Revision,
    /// The digest of its artifact.
    pub digest: Digest,
    /// Its units.
    pub units: UnitCounts,
    /// Calls made, retries included.
    pub calls: u64,
    /// What they consumed.
    pub usage: Usage,
    /// What they used of the machine; absent where it is not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

impl EventKind {
    /// Returns how much the event matters.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self {
            Self::PhaseProgressed { .. }
            | Self::CallIntended { .. }
            | Self::CallCompleted { .. }
            | Self::AgentOpened { .. }
            | Self::AgentClosed { .. } => Level::Debug,
            Self::RunStarted { .. }
            | Self::RunPlanned { .. }
            | Self::RunCompleted(_)
            | Self::PhaseStarted { .. }
            | Self::PhaseStreaming { .. }
            | Self::TurnStarted { .. }
            | Self::PhasePlanned { .. }
            | Self::PhaseCompleted(_)
            | Self::PhaseFresh { .. }
            | Self::PhaseSkipped { .. }
            | Self::PhaseInvalidated { .. }
            | Self::ArtifactWritten { .. }
            | Self::ArtifactReused { .. }
            | Self::AgentLogged { .. }
            | Self::SourceRead { .. }
            | Self::ExportWritten { .. } => Level::Info,
            Self::RunPartial(_)
            | Self::RunBlocked(_)
            | Self::RunWaiting(_)
            | Self::RunStopped(_)
            | Self::RunCancelled(_)
            | Self::PhasePartial(_)
            | Self::PhaseRecovered(_)
            | Self::PhaseBlocked(_)
            | Self::PhaseWaiting(_)
            | Self::PhaseStopped(_)
            | Self::PhaseCancelled(_)
            | Self::CallRetried { .. }
            | Self::CeilingPassed { .. }
            | Self::EndpointFellBack { .. }
            | Self::AgentRestarted { .. }
            | Self::ExportKept { .. }
            | Self::StoreRecovered { .. } => Level::Warn,
            Self::UnitFailed { failure, .. } if matches!(failure.kind, FailureKind::Waiting) => Level::Info,
            Self::RunFailed(_) | Self::PhaseFailed(_) | Self::CallFailed { .. } | Self::UnitFailed { .. } => {
                Level::Error
            }
        }
    }
}
