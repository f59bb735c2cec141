//! A project as it is meant: the pipeline file after every check, with defaults filled in and names resolved.
//!
//! [`check`](crate::check) is the only way to one. Nothing in here can be wrong any more: every phase that is named
//! exists, phases stand in an order in which they can run, templates and expressions parse, schemas compile.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use jsonschema::Validator;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::money::Budget;
use refrain_schemas::name::{AgentName, DimensionName, PhaseName};
use refrain_schemas::pipeline::{Declarations, Durability, Limits, ParamType};
use refrain_schemas::scope::{Scope, Target};
use serde_json::{Map, Value};

use crate::condition::Condition;
use crate::fill::Pattern;
use crate::ports::agent::{AgentFactory, AgentTraits};
use crate::sight::Sight;

mod asks;
mod course;
mod rounds;

pub use asks::{
    AskWork, Context, ContextSource, Output, OutputSchema, OutputShape, PoolMember, RulesAgent, ScopedFile,
    Select, Split, Units,
};
pub use course::{Claim, Course, Failures, Goto, Handled, Heading, Later, PassedBy, Recover, RouteOn};
pub use rounds::{Asked, InTurn, LoopKind, LoopWork};

/// A project as it is meant.
#[derive(Debug, Clone)]
pub struct Model {
    /// The project's name.
    pub name: String,
    /// The params with their values: defaults, changed by `--set`.
    pub params: Map<String, Value>,
    /// The dimensions and their values.
    pub dimensions: IndexMap<DimensionName, Vec<String>>,
    /// The agents, those written inside phases included (they are named after their phase).
    pub agents: IndexMap<AgentName, AgentModel>,
    /// All phases, disabled ones included, in an order in which each comes after those it needs and wants, and
    /// otherwise as in the file.
    pub phases: Vec<Phase>,
    /// Ceilings of a run.
    pub limits: Limits,
    /// What a run may spend.
    pub budget: Budget,
    /// What agents refer to by name.
    pub declared: Arc<Declarations>,
    /// What a commit survives.
    pub durability: Durability,
    /// The values of a whole run, in file order.
    pub outputs: Vec<RunOutput>,
    /// The places of the phases, by name.
    pub places: HashMap<PhaseName, usize>,
}

/// A value of a whole run.
#[derive(Debug, Clone)]
pub struct RunOutput {
    /// Its type, where it must have one.
    pub kind: Option<ParamType>,
    /// Its name.
    pub name: String,
    /// What it is made from.
    pub given: Given,
}

impl Model {
    /// Returns a phase by name.
    #[must_use]
    pub fn phase(&self, name: &str) -> Option<&Phase> {
        self.phases.get(*self.places.get(name)?)
    }

    /// Whether a phase may go on with another one that a template names: it comes later.
    #[must_use]
    pub fn may_go_to(&self, from: &PhaseName, to: &PhaseName) -> bool {
        let is_named = |route: &Arc<PassedBy>| route.on == RouteOn::Goto && route.source == *from;
        self.phase(to.as_str()).is_some_and(|phase| phase.course.passed_by.iter().any(is_named))
    }

    /// Returns the field that tells the records of a phase apart, if it makes records.
    #[must_use]
    pub fn key_of(&self, name: &str) -> Option<&str> {
        match &self.phase(name)?.work {
            Work::Read(work) => Some(&work.key),
            Work::Ask(work) => match &work.output.shape {
                OutputShape::Records { key } => Some(key),
                OutputShape::Document => None,
            },
            Work::Write(_) | Work::Loop(_) => None,
        }
    }

    /// Returns every phase in every scope, in phase order; disabled phases are left out, and so are those of the turns of a
    /// loop, which come into being in a run.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        let enabled = self.phases.iter().filter(|phase| phase.enabled);
        enabled.flat_map(|phase| self.scopes(phase).into_iter().map(|scope| phase.target(scope))).collect()
    }

    /// Returns the scopes of a phase: every combination of its dimensions' values, the last one varying fastest; none of a
    /// phase that exists once per turn.
    #[must_use]
    pub fn scopes(&self, phase: &Phase) -> Vec<Scope> {
        if phase.loops.is_empty() { scopes(&self.dimensions, &phase.per) } else { Vec::new() }
    }
}

/// Returns every combination of the values of some dimensions, the last one varying fastest.
pub(crate) fn scopes(dimensions: &IndexMap<DimensionName, Vec<String>>, per: &[DimensionName]) -> Vec<Scope> {
    let mut combinations: Vec<Vec<(DimensionName, String)>> = vec![Vec::new()];
    for dimension in per {
        let values = dimensions.get(dimension.as_str()).map_or(&[][..], Vec::as_slice);
        combinations = combinations
            .iter()
            .flat_map(|head| {
                values.iter().map(move |value| {
                    let mut scope = head.clone();
                    scope.push((dimension.clone(), value.clone()));
                    scope
                })
            })
            .collect();
    }
    combinations.into_iter().map(Scope::new).collect()
}

/// An agent as it is meant.
#[derive(Debug, Clone)]
pub struct AgentModel {
    /// Its name.
    pub name: AgentName,
    /// What was written.
    pub spec: AgentSpec,
    /// What its factory says of it.
    pub traits: AgentTraits,
    /// Whether its `when:` lets it take part; where not, no pool has it.
    pub takes_part: bool,
    /// Project files whose contents are part of its identity, sorted: those of `files` and those that `command` names.
    pub files: Vec<String>,
    /// How failed calls are tried again.
    pub retry: RetryPolicy,
    /// How long one call may take.
    pub timeout: Option<Duration>,
    /// What it says of the inputs that it takes.
    pub accepts: Option<Arc<Accepts>>,
}

/// What an agent says of the inputs that it takes.
#[derive(Debug)]
pub struct Accepts {
    /// The schema, compiled.
    pub validator: Arc<Validator>,
    /// Its digest: it is a part of what phases with an input of their own are defined by.
    pub digest: Digest,
}

/// How failed calls are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a call is tried in all.
    pub attempts: u32,
    /// The first pause.
    pub initial: Duration,
    /// The longest pause.
    pub max: Duration,
    /// By how much each pause is longer than the one before: 0 for no pause at all, 1 for the same, 2 for twice.
    pub factor: u32,
}

/// A phase as it is meant.
#[derive(Debug, Clone)]
pub struct Phase {
    /// Its name.
    pub name: PhaseName,
    /// Whether it takes part.
    pub enabled: bool,
    /// The condition under which it runs.
    pub when: Option<When>,
    /// Phases that must be there; disabled ones are left out.
    pub needs: Vec<Edge>,
    /// Phases that are used if they are there; disabled ones are left out.
    pub wants: Vec<Edge>,
    /// Phases that come before, skipped or not; disabled ones are left out.
    pub after: Vec<Edge>,
    /// What its end means to what comes after it, and theirs to it.
    pub course: Course,
    /// Its dimensions.
    pub per: Vec<DimensionName>,
    /// The loops around it, the outermost first, by their names: the number of the turn of each is part of its scope.
    pub loops: Vec<DimensionName>,
    /// Dimensions whose scopes are all read at once.
    pub gather: Vec<DimensionName>,
    /// Later phases in which people lock units of this one, in file order; disabled ones are left out.
    pub locked_by: Vec<PhaseName>,
    /// What it does.
    pub work: Work,
    /// Whether nothing is asked before everything that it comes after is over.
    pub barrier: bool,
    /// Ceilings over all its scopes.
    pub limits: Limits,
    /// What it may spend in one run, over all its scopes.
    pub budget: Budget,
    /// Digest-relevant settings as written, part by part: `units`, `context.NAME`, `fan`, `accept`, `merge`,
    /// `output`, `when`, `gather`, `on_unit_failure`, `course`, `input`, `let.NAME`. Wants, needs, packing, limits and descriptions are not in it.
    pub written: IndexMap<String, Json>,
}

impl Phase {
    /// Returns this phase in a scope.
    #[must_use]
    pub fn target(&self, scope: Scope) -> Target {
        Target { phase: self.name.clone(), scope }
    }

    /// Returns the needs, then the wants, and then what else comes before.
    pub fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.needs.iter().chain(&self.wants).chain(&self.after)
    }

    /// Whether it makes a document.
    #[must_use]
    pub fn makes_document(&self) -> bool {
        match &self.work {
            Work::Ask(work) => matches!(work.output.shape, OutputShape::Document),
            Work::Loop(_) => true,
            Work::Read(_) | Work::Write(_) => false,
        }
    }

    /// Whether a document is kept of its failures: what comes after it may read it, or it may stand in for what is missing.
    #[must_use]
    pub fn keeps_failures(&self) -> bool {
        let has_document = self.given().is_some() || self.rounds().is_some();
        has_document || self.course.goes_on() || !self.course.recover.is_empty()
    }

    /// Returns a scope of this phase without the numbers of turns.
    #[must_use]
    pub fn fixed<'a>(&self, scope: &'a Scope) -> Cow<'a, Scope> {
        if self.loops.is_empty() { Cow::Borrowed(scope) } else { Cow::Owned(scope.project(&self.per)) }
    }

    /// Returns the dimension that the numbers of its own turns are values of.
    #[must_use]
    pub fn own_dimension(&self) -> Option<DimensionName> {
        // Both are names of one shape.
        self.name.as_str().parse().ok()
    }

    /// Returns the numbers of turns in a scope of this phase.
    #[must_use]
    pub fn turns(&self, scope: &Scope) -> Scope {
        scope.project(&self.loops)
    }

    /// Returns how it goes round, if it does.
    #[must_use]
    pub fn rounds(&self) -> Option<&LoopWork> {
        match &self.work {
            Work::Loop(work) => Some(work),
            Work::Read(_) | Work::Write(_) | Work::Ask(_) => None,
        }
    }

    /// Returns the digest of what its failures mean and how they are tried again, as far as that is written.
    #[must_use]
    pub fn course_digest(&self) -> Option<Digest> {
        self.written.get("course").map(|course| Digest::of_content(course.as_str().as_bytes()))
    }

    /// Returns what the input of its one unit is made from, if it has an input of its own.
    #[must_use]
    pub fn given(&self) -> Option<&Given> {
        match &self.work {
            Work::Ask(work) => work.given.as_ref(),
            Work::Read(_) | Work::Write(_) | Work::Loop(_) => None,
        }
    }
}

/// The condition under which a phase runs.
#[derive(Debug, Clone)]
pub struct When {
    /// As it was written.
    pub text: String,
    /// The condition.
    pub condition: Arc<Condition>,
    /// What it reads.
    pub sight: Arc<Sight>,
}

/// What an input is made from.
#[derive(Debug, Clone)]
pub struct Given {
    /// The pattern.
    pub input: Arc<Pattern>,
    /// What it reads.
    pub sight: Arc<Sight>,
    /// What makes the agents of the pool, in file order; it says which files a call touches.
    pub factories: Vec<Arc<dyn AgentFactory>>,
    /// What agents of the pool say of the inputs that they take, and who says it.
    pub accepts: Vec<(AgentName, Arc<Accepts>)>,
    /// The template that names the phase to go on with.
    pub goto: Option<Goto>,
}

/// A phase that another one comes after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The earlier phase.
    pub phase: PhaseName,
    /// Whether its contents are read, or it is there for the order alone.
    pub read: bool,
}

/// What a phase does.
#[derive(Debug, Clone)]
pub enum Work {
    /// Reads source files into records.
    Read(ReadWork),
    /// Writes the records of a phase to files.
    Write(WriteWork),
    /// Asks agents about units.
    Ask(Box<AskWork>),
    /// Goes round.
    Loop(Box<LoopWork>),
}

/// Reads source files into records.
#[derive(Debug, Clone)]
pub struct ReadWork {
    /// The agent that reads.
    pub agent: AgentName,
    /// The field that tells records apart.
    pub key: String,
    /// What every record must fulfil.
    pub schema: Option<OutputSchema>,
}

/// Writes the records of a phase to files.
#[derive(Debug, Clone)]
pub struct WriteWork {
    /// The agent that writes.
    pub agent: AgentName,
    /// The phases whose records are written: the first that is present.
    pub of: Vec<PhaseName>,
}
