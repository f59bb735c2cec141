//! What `sim --json` prints: what a project would go through, many times over or once in full.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::PhaseName;
use crate::report::{RunReport, UnitCounts};
use crate::scope::Scope;

/// What became of a project in many stories, each of which a seed tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Simulation {
    /// The version of this document; 1.
    pub schema_version: u32,
    /// How bad the weather was: `calm`, `flaky`, `storm`, `crash`, `hostile`.
    pub profile: String,
    /// The first seed.
    pub from: u64,
    /// How many seeds were asked for.
    pub asked: u64,
    /// How many seeds were told; fewer than were asked for where somebody interrupted, and none where the project does not
    /// run even undisturbed.
    pub seeds: u64,
    /// Whether somebody interrupted.
    pub interrupted: bool,
    /// What comes of the project with nothing going wrong.
    pub undisturbed: Undisturbed,
    /// The share of seeds whose first run completed, from 0 to 1; null where there is no seed.
    pub completion_odds: Option<f64>,
    /// How the first runs ended, by status; those that were killed or lost their store as `interrupted`.
    pub first_runs: BTreeMap<String, u64>,
    /// How the last runs ended, by status.
    pub last_runs: BTreeMap<String, u64>,
    /// How many seeds were done after how many runs.
    pub runs: BTreeMap<u32, u64>,
    /// How many crashes were survived in all.
    pub crashes: u64,
    /// How many calls it took until all was there; null where there is no seed.
    pub calls: Option<SimulatedSpread>,
    /// How many dollars it would have cost; null where no agent has a price.
    pub cost_usd: Option<SimulatedSpread>,
    /// How many seconds of virtual time it took, pauses between runs not counted; null where there is no seed.
    pub seconds: Option<SimulatedSpread>,
    /// What went wrong how often.
    pub faults: BTreeMap<String, u64>,
    /// How many units failed in runs that ended, by target; later runs asked about them again.
    pub failed_units: BTreeMap<String, u64>,
    /// The seeds in which something was found that must never be, in order.
    pub findings: Vec<SimulatedSeed>,
    /// The seed that went worst; null where there is none.
    pub worst: Option<SimulatedSeed>,
    /// The runs of the one seed of `--seed`, in order; empty otherwise.
    pub story: Vec<SimulatedRun>,
}

/// A project with nothing going wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Undisturbed {
    /// How many seconds of virtual time it takes.
    pub seconds: f64,
    /// The report of the run.
    pub report: RunReport,
}

/// How a number is spread over many seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulatedSpread {
    /// The least.
    pub least: f64,
    /// One in twenty is below.
    pub p5: f64,
    /// Half are below.
    pub p50: f64,
    /// One in twenty is above.
    pub p95: f64,
    /// The most.
    pub most: f64,
}

/// What came of one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulatedSeed {
    /// The seed.
    pub seed: u64,
    /// The command that tells it again.
    pub replay: String,
    /// How the last run ended; null where none came to its end.
    pub status: Option<String>,
    /// How many runs it took.
    pub runs: u32,
    /// How many of them were killed.
    pub crashes: u32,
    /// How many calls there were in all.
    pub calls: u64,
    /// What they would have cost; null where no agent has a price.
    pub cost_usd: Option<f64>,
    /// How many seconds of virtual time it took.
    pub seconds: f64,
    /// What was found that must never be.
    pub findings: Vec<SimulatedFinding>,
}

/// Something that must never be: a defect of Refrain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulatedFinding {
    /// Which promise is broken, as a stable word.
    pub kind: String,
    /// What was found, for people.
    pub message: String,
}

/// One run of a story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulatedRun {
    /// How it ended: the status of a run, or `killed`, `store_failed`, `stuck`.
    pub end: String,
    /// Why, where the engine gave up.
    pub message: Option<String>,
    /// How many seconds of virtual time it took.
    pub seconds: f64,
    /// How many calls it made.
    pub calls: u64,
    /// What went wrong in it how often.
    pub faults: BTreeMap<String, u64>,
    /// What became of each phase that it looked at.
    pub phases: Vec<SimulatedPhase>,
    /// Calls that failed, agents that died, units that were given up, in the order of time.
    pub incidents: Vec<SimulatedIncident>,
}

/// What became of a phase in one run of a story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulatedPhase {
    /// The phase.
    pub phase: PhaseName,
    /// The scope.
    pub scope: Scope,
    /// What became of it: the status of a phase, or `cut_short` where the run ended in the middle of it.
    pub end: String,
    /// Its units, as far as they were known.
    pub units: UnitCounts,
    /// The calls that it made.
    pub calls: u64,
    /// Why it made no revision.
    pub message: Option<String>,
}

/// Something that went wrong in a run of a story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulatedIncident {
    /// Seconds of virtual time since the run began.
    pub seconds: f64,
    /// The name of the event.
    pub event: String,
    /// What happened, for people.
    pub message: String,
}
