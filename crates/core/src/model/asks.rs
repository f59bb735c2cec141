//! What phases ask: about which units, who of whom, what these see, and what comes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonschema::Validator;
use refrain_schemas::json::Json;
use refrain_schemas::name::{AgentName, PhaseName};
use refrain_schemas::phase_spec::{Fan, MergeSpec, OnUnitFailure};
use refrain_schemas::scope::Scope;

use crate::ports::agent::AgentFactory;
use crate::prompt::Prompt;
use crate::terms::Matching;

use super::Given;

/// Asks agents about units.
#[derive(Debug, Clone)]
pub struct AskWork {
    /// How the input is split into units.
    pub units: Units,
    /// What units see besides their input, in file order.
    pub context: Vec<Context>,
    /// The most units of one call.
    pub pack: usize,
    /// Only units with the same value of this field share a call.
    pub pack_within: Option<String>,
    /// The agents, in file order.
    pub pool: Vec<PoolMember>,
    /// How units and agents meet.
    pub fan: Fan,
    /// What a reply must fulfil in a cascade, as an expression.
    pub accept: Option<String>,
    /// What happens to two records with one key.
    pub merge: MergeSpec,
    /// What happens when a unit fails.
    pub on_unit_failure: OnUnitFailure,
    /// What it makes.
    pub output: Output,
    /// What the input of its one unit is made from, where it splits nothing.
    pub given: Option<Given>,
}

/// How the input of a phase is split into units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Units {
    /// The phases that are split: the first that is present.
    pub of: Vec<PhaseName>,
    /// How.
    pub split: Split,
    /// The field that a unit's id comes from, if there is one: the source's key, or the field of `by`.
    pub id_field: Option<String>,
}

/// How records become units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Split {
    /// One unit per record.
    Record,
    /// One unit per value of a field.
    By(String),
    /// One unit per run of so many records.
    Chunk(usize),
    /// One unit.
    Whole,
    /// One unit, whose input is written in the phase.
    Given,
}

/// Something units see besides their input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Its name in requests and templates.
    pub name: String,
    /// Where it comes from.
    pub source: ContextSource,
    /// Which part of it a unit sees.
    pub select: Select,
}

/// Where a context entry comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextSource {
    /// The artifact of a phase.
    Phase(PhaseName),
    /// A file of the project.
    File(ScopedFile),
}

/// A file of the project, which may be another one in each scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopedFile {
    /// The path as written.
    pub written: String,
    /// The paths of the scopes in which it differs from what is written.
    pub by_scope: BTreeMap<Scope, String>,
    /// What stands between its cells, where that is not what its name says.
    pub delimiter: Option<char>,
}

impl ScopedFile {
    /// Returns the path in a scope.
    #[must_use]
    pub fn path(&self, scope: &Scope) -> &str {
        self.by_scope.get(scope).unwrap_or(&self.written)
    }

    /// Returns the paths of all scopes.
    pub fn paths(&self) -> impl Iterator<Item = &String> {
        let written = self.by_scope.is_empty().then_some(&self.written);
        self.by_scope.values().chain(written)
    }
}

/// Which part of a context entry a unit sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Select {
    /// All of it; shared by all units.
    Whole,
    /// Records with the unit's value of a field; `unique` where the field is the source's key.
    On {
        /// The field, in the unit and in the source.
        field: String,
        /// One record rather than a list.
        unique: bool,
    },
    /// Entries that occur in a text of the unit.
    Match {
        /// The field of the entry.
        field: String,
        /// The fields of the unit.
        within: Vec<String>,
        /// How it is looked for.
        how: Matching,
    },
    /// Records on each side of the unit's own.
    Window {
        /// How many on each side.
        n: usize,
        /// The field whose value they share.
        within: Option<String>,
    },
}

/// One agent of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolMember {
    /// The agent.
    pub agent: AgentName,
    /// How many clones of it answer at once.
    pub clones: u32,
    /// How often it is asked about each unit.
    pub samples: u32,
    /// For a model: what it is told in this phase.
    pub prompt: Option<Arc<Prompt>>,
}

/// What a phase makes.
#[derive(Debug, Clone)]
pub struct Output {
    /// Records with a key, or one document.
    pub shape: OutputShape,
    /// Exactly one output record per input record.
    pub aligned: bool,
    /// Fields that records take over from their unit, with the field of its input each comes from.
    pub carry: Vec<(String, String)>,
    /// What every record, or the document, must fulfil.
    pub schema: Option<OutputSchema>,
    /// Whose rules every record must fulfil.
    pub rules: Option<RulesAgent>,
}

/// An agent whose rules the replies of a phase must fulfil.
#[derive(Debug, Clone)]
pub struct RulesAgent {
    /// The agent.
    pub agent: AgentName,
    /// What makes its rules.
    pub factory: Arc<dyn AgentFactory>,
}

/// Whether a phase makes records or a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputShape {
    /// Records, told apart by this field.
    Records {
        /// The field.
        key: String,
    },
    /// One document. Of several units, a list of their outputs in unit order.
    Document,
}

/// How many of the ways in which something does not fulfil a schema are told.
const TOLD: usize = 3;

/// A compiled JSON Schema.
#[derive(Debug, Clone)]
pub struct OutputSchema {
    /// The file it was read from, or the field of the pipeline that it is written in.
    pub path: String,
    /// The schema.
    pub json: Json,
    /// Its compiled form.
    pub validator: Arc<Validator>,
}

impl OutputSchema {
    /// Says how something does not fulfil it, if it does not.
    #[must_use]
    pub fn misfit(&self, made: &Json) -> Option<String> {
        let value = made.value();
        let errors = self.validator.iter_errors(&value).take(TOLD);
        let told = errors.map(|error| match error.instance_path().to_string() {
            path if path.is_empty() => error.to_string(),
            path => format!("at {path}: {error}"),
        });
        let told: Vec<String> = told.collect();
        (!told.is_empty()).then(|| format!("{}: {}", self.path, told.join("; ")))
    }
}
