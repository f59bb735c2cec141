//! Builds phases.

use std::time::Duration;

use refrain_schemas::agent_spec::RetrySpec;
use refrain_schemas::duration::Span;
use refrain_schemas::on_failure::{HandlesSpec, OnFailure, RecoverSpec};
use refrain_schemas::phase_spec::{
    AgentRef, ContextSpec, Fan, FieldNames, MatchSpec, MergeSpec, OnUnitFailure, OneOrMany, OutputSpec,
    PackSpec, PhaseSpec, PoolDetail, PoolEntry, UnitsSpec,
};
use refrain_schemas::pipeline::Limits;
use serde_json::Value;

use super::Mistakes;
use super::agent::AgentBuilder;

/// Builds a [`PhaseSpec`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct PhaseBuilder {
    spec: PhaseSpec,
    mistakes: Mistakes,
}

/// Builds a [`UnitsSpec`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct UnitsBuilder {
    of: Vec<String>,
    by: Option<String>,
    chunk: Option<u32>,
    whole: bool,
}

/// Builds a [`ContextSpec`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ContextBuilder {
    from: Option<String>,
    spec: ContextSpec,
}

/// Starts a phase.
pub fn phase() -> PhaseBuilder {
    PhaseBuilder::default()
}

/// Starts units from the records of a phase.
pub fn of(phase: &str) -> UnitsBuilder {
    UnitsBuilder { of: vec![phase.to_owned()], ..UnitsBuilder::default() }
}

/// Starts a context entry from a phase.
pub fn from(phase: &str) -> ContextBuilder {
    ContextBuilder { from: Some(phase.to_owned()), ..ContextBuilder::default() }
}

/// Starts a context entry from a project file.
pub fn file(path: &str) -> ContextBuilder {
    let spec = ContextSpec { file: Some(path.to_owned()), ..ContextSpec::default() };
    ContextBuilder { from: None, spec }
}

/// Takes part in a pool with this many clones.
#[must_use]
pub const fn clones(clones: u32) -> PoolEntry {
    PoolEntry::Clones(clones)
}

/// Takes part in a pool with this many samples of each unit.
#[must_use]
pub const fn samples(samples: u32) -> PoolEntry {
    PoolEntry::Detailed(PoolDetail { clones: None, samples: Some(samples) })
}

impl UnitsBuilder {
    /// Names another phase to split where those before are not there.
    pub fn or(mut self, phase: &str) -> Self {
        self.of.push(phase.to_owned());
        self
    }

    /// Makes one unit per value of a field.
    pub fn by(mut self, field: &str) -> Self {
        self.by = Some(field.to_owned());
        self
    }

    /// Makes one unit per run of records.
    pub const fn chunk(mut self, records: u32) -> Self {
        self.chunk = Some(records);
        self
    }

    /// Makes one unit in all.
    pub const fn whole(mut self) -> Self {
        self.whole = true;
        self
    }
}

impl ContextBuilder {
    /// Says what stands between the cells of a CSV file: one character, or `tab`.
    pub fn delimiter(mut self, delimiter: &str) -> Self {
        self.spec.delimiter = Some(delimiter.to_owned());
        self
    }

    /// Lets in records with the unit's value of a field.
    pub fn on(mut self, field: &str) -> Self {
        self.spec.on = Some(field.to_owned());
        self
    }

    /// Lets in entries whose `field` occurs in the unit's field `within`.
    pub fn matching(mut self, field: &str, within: &str) -> Self {
        let within = FieldNames::One(within.to_owned());
        let (field, case) = (field.to_owned(), None);
        self.spec.matching = Some(MatchSpec { field, within, words: false, ignore_case: false, case });
        self
    }

    /// Of what [`matching`](Self::matching) lets in, takes only what stands as a word.
    pub const fn words(mut self) -> Self {
        if let Some(matching) = &mut self.spec.matching {
            matching.words = true;
        }
        self
    }

    /// Lets [`matching`](Self::matching) take large and small letters for the same.
    pub const fn ignore_case(mut self) -> Self {
        if let Some(matching) = &mut self.spec.matching {
            matching.ignore_case = true;
        }
        self
    }

    /// Lets in this many records on each side of the unit's.
    pub const fn window(mut self, records: u32) -> Self {
        self.spec.window = Some(records);
        self
    }

    /// Keeps the window among records with the unit's value of a field.
    pub fn within(mut self, field: &str) -> Self {
        self.spec.within = Some(field.to_owned());
        self
    }
}

impl PhaseBuilder {
    /// Says what the phase is for.
    pub fn description(mut self, text: &str) -> Self {
        self.spec.description = Some(text.to_owned());
        self
    }

    /// Takes the phase out of everyone's needs and wants.
    pub const fn disabled(mut self) -> Self {
        self.spec.enabled = Some(false);
        self
    }

    /// Runs the phase only where an expression is true.
    pub fn when(mut self, expression: &str) -> Self {
        self.spec.when = Some(expression.to_owned());
        self
    }

    /// Adds a phase that must be there first.
    pub fn needs(mut self, phase: &str) -> Self {
        let name = self.mistakes.name(phase);
        self.spec.needs.extend(name);
        self
    }

    /// Adds a phase that is used if it is there.
    pub fn wants(mut self, phase: &str) -> Self {
        let name = self.mistakes.name(phase);
        self.spec.wants.extend(name);
        self
    }

    /// Adds a later phase whose records people edit: units that they lock there are not asked about here either.
    pub fn locked_by(mut self, phase: &str) -> Self {
        let name = self.mistakes.name(phase);
        self.spec.locked_by.extend(name);
        self
    }

    /// Adds a dimension of the phase.
    pub fn per(mut self, dimension: &str) -> Self {
        let name = self.mistakes.name(dimension);
        self.spec.per.extend(name);
        self
    }

    /// Adds a dimension whose scopes are all read at once.
    pub fn gather(mut self, dimension: &str) -> Self {
        let name = self.mistakes.name(dimension);
        self.spec.gather.extend(name);
        self
    }

    /// Says how the input is split.
    pub fn units(mut self, units: UnitsBuilder) -> Self {
        let names: Vec<_> = units.of.iter().filter_map(|name| self.mistakes.name(name)).collect();
        let of = match <[_; 1]>::try_from(names) {
            Ok([one]) => OneOrMany::One(one),
            Err(many) => OneOrMany::Many(many),
        };
        self.spec.units = Some(UnitsSpec { of, by: units.by, chunk: units.chunk, whole: units.whole });
        self
    }

    /// Lets one call carry this many units.
    pub fn pack(mut self, max: u32) -> Self {
        let within = self.spec.pack.and_then(|pack| pack.within);
        self.spec.pack = Some(PackSpec { max, within });
        self
    }

    /// Lets one call carry this many units with the same value of a field.
    pub fn pack_within(mut self, max: u32, field: &str) -> Self {
        self.spec.pack = Some(PackSpec { max, within: Some(field.to_owned()) });
        self
    }

    /// Adds a context entry.
    pub fn context(mut self, name: &str, entry: ContextBuilder) -> Self {
        let from = entry.from.and_then(|from| self.mistakes.name(&from));
        self.spec.context.insert(name.to_owned(), ContextSpec { from, ..entry.spec });
        self
    }

    /// Sets the one agent, written here.
    pub fn agent(mut self, agent: AgentBuilder) -> Self {
        self.spec.agent = Some(AgentRef::Inline(Box::new(agent.spec())));
        self
    }

    /// Sets the one agent, by name.
    pub fn agent_named(mut self, name: &str) -> Self {
        self.spec.agent = self.mistakes.name(name).map(AgentRef::Name);
        self
    }

    /// Adds an agent to the pool.
    pub fn pool(mut self, name: &str, entry: PoolEntry) -> Self {
        if let Some(name) = self.mistakes.name(name) {
            self.spec.agents.insert(name, entry);
        }
        self
    }

    /// Says how units and agents meet.
    pub const fn fan(mut self, fan: Fan) -> Self {
        self.spec.fan = Some(fan);
        self
    }

    /// Says what a reply must fulfil in a cascade.
    pub fn accept(mut self, expression: &str) -> Self {
        self.spec.accept = Some(expression.to_owned());
        self
    }

    /// Says what happens to two records with one key.
    pub fn merge(mut self, merge: MergeSpec) -> Self {
        self.spec.merge = Some(merge);
        self
    }

    /// Says what happens to the phase when a unit fails.
    pub const fn on_unit_failure(mut self, policy: OnUnitFailure) -> Self {
        self.spec.on_unit_failure = Some(policy);
        self
    }

    /// Gives the phase an input of its own; its strings are templates.
    pub fn input(mut self, input: impl Into<Value>) -> Self {
        self.spec.input = Some(input.into());
        self
    }

    /// Calls what a path leads to by a short name.
    pub fn calls(mut self, name: &str, path: &str) -> Self {
        self.spec.names.insert(name.to_owned(), path.to_owned());
        self
    }

    /// Comes after a phase, be it skipped or not.
    pub fn after(mut self, phase: &str) -> Self {
        let name = self.mistakes.name(phase);
        self.spec.after.extend(name);
        self
    }

    /// Says what a failure means to what comes after.
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.spec.on_failure = Some(on_failure);
        self
    }

    /// Goes on with a phase after a success.
    pub fn on_success(mut self, phase: &str) -> Self {
        self.spec.on_success = self.mistakes.name(phase);
        self
    }

    /// Goes on with a phase where the condition is false.
    pub fn on_false(mut self, phase: &str) -> Self {
        self.spec.on_false = self.mistakes.name(phase);
        self
    }

    /// Lets a value stand in for what the phase would have made, where it fails.
    pub fn recover(mut self, recover: RecoverSpec) -> Self {
        self.spec.recover.push(recover);
        self
    }

    /// Skips the phase where something that it needs failed, although others go on.
    pub const fn needs_made(mut self) -> Self {
        self.spec.needs_made = true;
        self
    }

    /// Makes something ready for a later phase: routes pass both of them over, or neither.
    pub fn prepares(mut self, phase: &str) -> Self {
        self.spec.prepares = self.mistakes.name(phase);
        self
    }

    /// Runs the phase where another one failed.
    pub fn handles(mut self, handles: HandlesSpec) -> Self {
        self.spec.handles.push(handles);
        self
    }

    /// Says how failed calls of the phase are tried again.
    pub const fn retry(mut self, retry: RetrySpec) -> Self {
        self.spec.retry = Some(retry);
        self
    }

    /// Says how long one call of the phase may take.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.spec.timeout = Some(Span(timeout));
        self
    }

    /// Sets ceilings over all scopes of the phase.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.spec.limits = Some(limits);
        self
    }

    /// Names the records that the phase makes.
    pub fn records(mut self, name: &str) -> Self {
        self.output().records = Some(name.to_owned());
        self
    }

    /// Makes a document of this name.
    pub fn document(mut self, name: &str) -> Self {
        self.output().document = Some(name.to_owned());
        self
    }

    /// Names the field that tells records apart.
    pub fn key(mut self, field: &str) -> Self {
        self.output().key = Some(field.to_owned());
        self
    }

    /// Demands exactly one output record per input record.
    pub fn aligned(mut self) -> Self {
        self.output().aligned = true;
        self
    }

    /// Lets records take a field over from their unit's input where a reply does not have it.
    pub fn carry(mut self, field: &str, from: &str) -> Self {
        self.output().carry.insert(field.to_owned(), from.to_owned());
        self
    }

    /// Demands that every record, or the document, fulfils a JSON Schema.
    pub fn schema(mut self, path: &str) -> Self {
        self.output().schema = Some(path.into());
        self
    }

    /// Demands that every record fulfils the rules of an agent.
    pub fn rules(mut self, agent: &str) -> Self {
        let name = self.mistakes.name(agent);
        self.output().rules = name;
        self
    }

    fn output(&mut self) -> &mut OutputSpec {
        self.spec.output.get_or_insert_default()
    }

    pub(super) fn finish(self) -> (PhaseSpec, Mistakes) {
        (self.spec, self.mistakes)
    }
}
