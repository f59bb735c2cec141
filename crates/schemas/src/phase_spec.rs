//! Phases as they are written in a pipeline file.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agent_spec::{AgentSpec, RetrySpec, SchemaRef};
use crate::duration::Span;
use crate::loop_spec::LoopSpec;
use crate::money::Budget;
use crate::name::{AgentName, DimensionName, PhaseName};
use crate::on_failure::{HandlesSpec, OnFailure, RecoverSpec};
use crate::pipeline::Limits;

/// A phase: a named step of the work.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseSpec {
    /// What the phase is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `false` takes the phase out of everyone's needs and wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// An expression over `params`, `scope` and `phases`; where it is false the phase is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Phases that must be there first, besides those that `units` and `context` read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<PhaseName>,
    /// `true` skips the phase where something that it needs failed, although others go on with the document of the failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_made: bool,
    /// Phases that are used if they are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wants: Vec<PhaseName>,
    /// The dimensions of the phase; it exists once per combination of their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per: Vec<DimensionName>,
    /// Dimensions whose scopes are all read at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gather: Vec<DimensionName>,
    /// How the input is split into units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<UnitsSpec>,
    /// Later phases whose records people edit: units that they locked there are not asked about here either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locked_by: Vec<PhaseName>,
    /// How many units one call carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<PackSpec>,
    /// What each unit sees besides its own input.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub context: IndexMap<String, ContextSpec>,
    /// The one agent of the phase: a name, or an agent written here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentRef>,
    /// The pool: agents by name, in the order that decides ties.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub agents: IndexMap<AgentName, PoolEntry>,
    /// How units and agents meet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fan: Option<Fan>,
    /// What a reply must fulfil in a cascade; an expression over `reply`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// What happens to two records with one key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<MergeSpec>,
    /// What happens to the phase when a unit fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_unit_failure: Option<OnUnitFailure>,
    /// What the phase makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputSpec>,
    /// The second layer of its models' system prompts, behind the project's: a template, or the path of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The first layer of its models' prompts, before the agent's own: a template, or the path of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// `true` asks nothing before everything that the phase comes after is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub barrier: bool,
    /// Ceilings for this phase over all its scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What this phase may spend in one run, over all its scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Any JSON: the input of the one unit of the phase, which then splits nothing. Its strings are templates over `params`,
    /// `scope`, `phases`, the names of `let` and, in a loop, `loop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// Short names for what the texts of the phase see: `NAME: phases.P.document.FIELD`. A phase that is named is read.
    #[serde(default, rename = "let", skip_serializing_if = "IndexMap::is_empty")]
    pub names: IndexMap<String, String>,
    /// Phases that come before. One that was skipped is settled like one that made something; one that failed blocks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<PhaseName>,
    /// The later phase that this one makes something ready for: routes pass both of them over, or neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepares: Option<PhaseName>,
    /// The loop that the phase is in; it exists once per turn.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub within: Option<PhaseName>,
    /// The phase goes round: what is `in:` it exists once per turn.
    #[serde(default, rename = "loop", skip_serializing_if = "Option::is_none")]
    pub turns: Option<LoopSpec>,
    /// What a failure means: `fail`, `continue`, `skip`, `retry`, or the phase to go on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// The phase to go on with after a success; what stands between is passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_success: Option<PhaseName>,
    /// The phase to go on with where `when` is false; what stands between is passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_false: Option<PhaseName>,
    /// The phase to go on with after a success: its name, or a template that gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goto: Option<String>,
    /// Values that stand in for what the phase would have made, where it fails; the first that fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recover: Vec<RecoverSpec>,
    /// Failures that the phase is for: it runs where one of them happened, else it is skipped. It reads the document of the
    /// failure, whatever the failure means to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handles: Vec<HandlesSpec>,
    /// How failed calls of this phase are tried again; the agent's own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetrySpec>,
    /// How long one call of this phase may take; the agent's own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
}

/// One name or a list of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One phase.
    One(PhaseName),
    /// The first of these that is present.
    Many(Vec<PhaseName>),
}

impl OneOrMany {
    /// Returns the names as a list.
    #[must_use]
    pub fn names(&self) -> Vec<PhaseName> {
        match self {
            Self::One(name) => vec![name.clone()],
            Self::Many(names) => names.clone(),
        }
    }
}

/// How the input of a phase is split into units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitsSpec {
    /// The phase whose artifact is split; of a list, the first that is present.
    pub of: OneOrMany,
    /// One unit per value of this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// One unit per run of this many records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub chunk: Option<u32>,
    /// One unit in all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
}

/// How many units one call carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackSpec {
    /// The most units of one call.
    #[schemars(range(min = 1))]
    pub max: u32,
    /// Only units with the same value of this field share a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
}

/// Something that units see besides their own input; exactly one of `from` and `file` says what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContextSpec {
    /// A phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PhaseName>,
    /// A file of the project: CSV, JSONL and JSON lists are records, other JSON is a document, the rest is text. The path
    /// may read the scope: `glossary/{{ scope.language }}.csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What stands between the cells of a CSV file: one character, or `tab`; a comma, and a tab in `.tsv`, where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// Only records whose value of this field equals the unit's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// Only entries that occur in a text of the unit.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub matching: Option<MatchSpec>,
    /// This many records on each side of the unit's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub window: Option<u32>,
    /// The window stays among records with the unit's value of this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
}

/// Lets in only the entries that occur in a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchSpec {
    /// The field of the entry that is looked for.
    pub field: String,
    /// The field of the unit it is looked for in, or several of them.
    #[serde(rename = "in")]
    pub within: FieldNames,
    /// Only where it stands as a word: no letter or digit right before or behind it. Scripts without spaces between words
    /// have no such bounds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub words: bool,
    /// Whether large and small letters are the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_case: bool,
    /// The field of the entry that says whether case counts for it: `yes` or `no`; where it says neither, `ignore_case`
    /// decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
}

/// One field or a list of fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FieldNames {
    /// One field.
    One(String),
    /// Any of these.
    Many(Vec<String>),
}

impl FieldNames {
    /// Returns the names as a list.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

/// The one agent of a phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AgentRef {
    /// An agent of the pipeline's `agents:`.
    Name(AgentName),
    /// An agent written in the phase.
    Inline(Box<AgentSpec>),
}

/// How one agent of a pool takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PoolEntry {
    /// This many clones.
    Clones(#[schemars(range(min = 1))] u32),
    /// Clones and samples.
    Detailed(PoolDetail),
}

/// How one agent of a pool takes part, in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolDetail {
    /// How many clones answer at once (1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub clones: Option<u32>,
    /// How often the agent is asked about each unit (1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub samples: Option<u32>,
}

/// How units and agents meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fan {
    /// Every unit goes to one agent.
    #[default]
    Split,
    /// Every agent is asked about every unit.
    Panel,
    /// Agents are asked in file order until a reply is good enough.
    Cascade,
    /// Each agent gets the output of the one before.
    Chain,
}

/// What happens to two records with one key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeSpec {
    /// The phase fails.
    #[default]
    Error,
    /// The first in unit and agent order stays.
    First,
    /// The last in unit and agent order stays.
    Last,
    /// The record most agents agree on stays; ties by agent order.
    Vote,
    /// These fields make two records the same; the engine makes the key from them and keeps all proposers.
    Union(Vec<String>),
}

/// What happens to the phase when a unit fails.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnitFailure {
    /// Start no new call; no revision.
    #[default]
    Stop,
    /// Try every unit; the revision is partial where some failed.
    Continue,
    /// As `continue` where at least this share of the units succeeded, else no revision.
    Quorum(#[schemars(range(min = 0.0, max = 1.0))] f64),
}

/// What a phase makes: `records` (the default) or a `document`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    /// What the records are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<String>,
    /// What the document is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The field that tells records apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Exactly one output record per input record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aligned: bool,
    /// Fields that records take over from their unit where a reply does not have them: `FIELD: FIELD OF THE INPUT`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub carry: IndexMap<String, String>,
    /// A JSON Schema that every record, or the document, must fulfil: the path of a file, or written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaRef>,
    /// The agent whose rules every record must fulfil: what is surely wrong is mended, the rest refused and asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<AgentName>,
}
