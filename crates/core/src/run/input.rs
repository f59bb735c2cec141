//! What goes into the run loop and what comes out of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use refrain_schemas::artifact::{ArtifactRef, FileStamp};
use refrain_schemas::digest::Digest;
use refrain_schemas::event::EventKind;
use refrain_schemas::failure::PhaseError;
use refrain_schemas::json::Json;
use refrain_schemas::name::{CallId, PhaseName};
use refrain_schemas::report::KeptFile;
use refrain_schemas::scope::Target;
use smallvec::SmallVec;

use crate::engine::EngineError;
use crate::execution::Execution;
use crate::facts::Known;
use crate::history::Prior;
use crate::judge::UpstreamNow;
use crate::ports::agent::{AgentError, Reply};
use crate::ports::executor::Call;
use crate::prepare::Prepared;
use crate::publish::{Published, Publisher, UnitOutcome};
use crate::survey::Standing;
use crate::turns::{Bindings, Ending, Next, Rounds};

use super::forerunner::Foresight;
use super::pool::Pack;

/// The place of a target in the plan.
pub type TargetNo = usize;

/// One ask of the run: which target, which of its units, which of that unit's asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskRef {
    /// The target.
    pub target: TargetNo,
    /// The unit, by its place among those to be made.
    pub unit: usize,
    /// The ask, by its place among the unit's.
    pub ask: usize,
}

/// Some asks, of which there is mostly one.
pub type Asks = SmallVec<[AskRef; 1]>;

/// Something that has happened.
#[derive(Debug)]
pub enum Input {
    /// A target has been looked at.
    Judged(TargetNo, Result<Box<Standing>, EngineError>),
    /// A target has been looked at before its turn; nothing where it has to wait for it.
    Foreseen(TargetNo, Option<Box<Foresight>>),
    /// A target's units are known.
    Prepared(TargetNo, Result<Box<Prepared>, Trouble>),
    /// The ledger has been looked into for asks under these keys.
    Found(Vec<(AskRef, Digest)>, Result<Vec<Option<Json>>, EngineError>),
    /// A call came back.
    Called(CallId, Result<Reply, AgentError>),
    /// A pause is over.
    Rested(Pack),
    /// Source files were read, or exports written.
    Transferred(TargetNo, Result<Box<Transferred>, Trouble>),
    /// What was over of a target's units is stored, and the rest may follow.
    Settled(TargetNo, Result<Box<Publisher>, EngineError>),
    /// A target's artifact is stored; `None` where all of its units have to be looked at after all.
    Published(TargetNo, Result<Box<Option<Published>>, EngineError>),
    /// It is known what comes next in a loop.
    Advanced(TargetNo, Result<Box<(Rounds, Next)>, Trouble>),
    /// The document of a loop is made.
    Closed(TargetNo, Result<Json, Trouble>),
    /// A person wants the run to end.
    Drain,
    /// A person wants it to end now.
    Abort,
}

/// A target, as something is done for it.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its number.
    pub no: TargetNo,
    /// Which.
    pub target: Arc<Target>,
    /// Its phase, by its place in the model.
    pub phase: usize,
    /// The turns that it is in.
    pub bindings: Bindings,
    /// The execution that the run belongs to.
    pub execution: Option<Execution>,
}

/// How far a loop has gone, while it is made out what comes next.
#[derive(Debug)]
pub struct Advance {
    /// What the loop was found to be.
    pub standing: Arc<Standing>,
    /// The turns that there were.
    pub rounds: Rounds,
    /// What became of those since it was last made out.
    pub last: Vec<Vec<UpstreamNow>>,
}

/// Something that is to be done.
#[derive(Debug)]
pub enum Effect {
    /// Look at a target.
    Judge(Place, Box<Known>),
    /// Look at a target before its turn, while these phases are under way.
    Foresee(Place, Box<Known>, BTreeSet<PhaseName>),
    /// Make out what comes next in a loop.
    Advance(Place, Box<Advance>),
    /// Make the document of a loop.
    Close(Place, Box<Standing>, Box<Ending>),
    /// Get a target's units.
    Prepare(Place, Box<Standing>, Option<Box<Prior>>, Whole),
    /// Look into the ledger.
    LookUp(Vec<(AskRef, Digest)>),
    /// Make a call.
    Call(Box<Call>),
    /// Wait, then try again.
    Rest(Duration, Pack),
    /// Read source files, or write exports.
    Transfer(Place, Box<Standing>),
    /// Store what came of the next units of a target, while others are being asked about.
    Settle(Place, Box<Publisher>, Vec<UnitOutcome>),
    /// Merge and store; on top of what was stored before, if anything was.
    Publish(Place, Box<Prepared>, Vec<UnitOutcome>, Option<Box<Publisher>>),
    /// Cancel all calls.
    CancelCalls,
}

/// Whether every unit is to be looked at, even where nothing seems to have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// Units of the revision before may be kept.
    No,
    /// Every unit is looked at.
    Yes,
}

/// What reading or writing files came to.
#[derive(Debug)]
pub struct Transferred {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// The files.
    pub files: Vec<FileStamp>,
    /// Whether some records that were read have ids that come from what they say.
    pub content_ids: Option<bool>,
    /// The source files that were patched.
    pub patched: Vec<FileStamp>,
    /// What to tell.
    pub event: EventKind,
    /// Files that somebody had changed, kept under another name before they were replaced.
    pub kept: Vec<KeptFile>,
}

/// Why a step of a target did not succeed.
#[derive(Debug)]
pub enum Trouble {
    /// The phase fails; the run goes on.
    Phase(PhaseError),
    /// The store is gone; the run ends.
    Engine(EngineError),
}

/// An event about a target, or about the run.
pub type Told = (Option<Arc<Target>>, EventKind);
