//! One target on its way through a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use refrain_schemas::artifact::ArtifactRef;
use refrain_schemas::digest::Digest;
use refrain_schemas::failure::Failure;
use refrain_schemas::freshness::{Cause, Freshness};
use refrain_schemas::name::UnitId;
use refrain_schemas::report::{PhaseReport, PhaseStatus, UnitCounts};
use refrain_schemas::scope::Target;

use crate::end::{End, Word};
use crate::survey::Standing;

use super::input::TargetNo;
use super::job::{Job, Tally};
use super::purse::Amount;

/// One target of the plan.
#[derive(Debug)]
pub struct TargetState {
    /// Which.
    pub target: Arc<Target>,
    /// Its phase, by its place in the model.
    pub phase: usize,
    /// The targets of the plan that it comes after.
    pub after: Vec<TargetNo>,
    /// Whether it is to run even if it is fresh.
    pub is_forced: bool,
    /// How far it is.
    pub stage: Stage,
    /// How fresh it is, as far as the run knows.
    pub freshness: Freshness,
    /// How it ended, to what comes after it.
    pub end: End,
    /// What it lacks to go on, and what could be done.
    pub shortage: Option<(String, String)>,
    /// What its calls came to.
    pub tally: Tally,
    /// The most that any of its calls may have taken.
    pub(super) dearest: Amount,
    /// What had been told of its progress when progress was told last.
    pub told: u64,
    /// Units that were called about in this run.
    pub called: BTreeSet<UnitId>,
    /// Asks that failed for good before the target's turn, by key; they are not tried a second time.
    pub failed_ahead: BTreeMap<Digest, Failure>,
    /// The artifacts of its context files.
    pub context_artifacts: BTreeMap<String, ArtifactRef>,
    /// What the run will report of it.
    pub report: PhaseReport,
}

/// How far a target is.
///
/// | from | on | to |
/// |---|---|---|
/// | `Waiting` | everything before it is over | `Judging` |
/// | `Judging` | fresh, skipped, blocked | `Over` |
/// | `Judging` | to run | `Preparing`, `Transferring` |
/// | `Preparing` | units known | `Asking` |
/// | `Asking` | all units over | `Publishing`, or `Over` where too many failed |
/// | `Asking` | stopped and nothing in flight | `Over` |
/// | `Publishing` | units cannot be kept | `Preparing` |
/// | `Publishing`, `Transferring` | stored | `Over` |
#[derive(Debug)]
pub enum Stage {
    /// Something before it is not over.
    Waiting,
    /// It is being looked at.
    Judging,
    /// Its units are being made out.
    Preparing(Box<Standing>),
    /// Its files are being read or written.
    Transferring(Box<Standing>),
    /// Its units are being asked about.
    Asking(Box<Job>),
    /// Its artifact is being stored.
    Publishing(Box<Standing>, UnitCounts),
    /// It has ended.
    Over,
}

impl TargetState {
    /// Makes a target that waits.
    #[must_use]
    pub fn new(target: Target, phase: usize, after: Vec<TargetNo>, is_forced: bool) -> Self {
        let report = PhaseReport {
            phase: target.phase.clone(),
            scope: target.scope.clone(),
            status: PhaseStatus::Cancelled,
            revision: None,
            calls: 0,
            retries: 0,
            earlier_retries: 0,
            repairs: 0,
            units: UnitCounts::default(),
            edits: None,
            digest: None,
            usage: refrain_schemas::usage::Usage::default(),
            resources: None,
            started_at: None,
            ended_at: None,
            causes: Vec::new(),
            error: None,
            document: None,
            kept: Vec::new(),
        };
        Self {
            target: Arc::new(target),
            phase,
            after,
            is_forced,
            stage: Stage::Waiting,
            freshness: Freshness::Missing,
            end: End::Open,
            shortage: None,
            tally: Tally::default(),
            dearest: Amount::default(),
            told: 0,
            called: BTreeSet::new(),
            failed_ahead: BTreeMap::new(),
            context_artifacts: BTreeMap::new(),
            report,
        }
    }

    /// Makes the place of this target's forerunner, which does nothing yet.
    #[must_use]
    pub fn forerunner(&self) -> Self {
        let mut forerunner = Self::new((*self.target).clone(), self.phase, Vec::new(), false);
        forerunner.target = self.target.clone();
        forerunner.stage = Stage::Over;
        forerunner
    }

    /// Whether the target's turn to ask has not come.
    #[must_use]
    pub const fn is_before_asking(&self) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::Judging | Stage::Preparing(_))
    }

    /// Returns what is known of it to those after it.
    #[must_use]
    pub const fn word(&self) -> Word {
        Word { freshness: self.freshness, end: self.end }
    }

    /// Whether the target has ended.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Whether the target has ended without an artifact of this run or an earlier one that is fresh.
    #[must_use]
    pub const fn has_ended_badly(&self) -> bool {
        use PhaseStatus as S;
        self.is_over()
            && matches!(self.report.status, S::Failed | S::Blocked | S::Waiting | S::Stopped | S::Cancelled)
    }

    /// Returns the job, where units are being asked about.
    #[must_use]
    pub fn job(&self) -> Option<&Job> {
        match &self.stage {
            Stage::Asking(job) => Some(job),
            _ => None,
        }
    }

    /// Returns the job, where units are being asked about.
    pub fn job_mut(&mut self) -> Option<&mut Job> {
        match &mut self.stage {
            Stage::Asking(job) => Some(job),
            _ => None,
        }
    }

    /// Returns why the target runs.
    #[must_use]
    pub fn causes(&self) -> &[Cause] {
        &self.report.causes
    }
}
