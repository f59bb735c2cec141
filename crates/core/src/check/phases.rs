//! Phases: everything that is checked of them, and the order in which it is.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;
use refrain_schemas::name::{AgentName, PhaseName};
use refrain_schemas::on_failure::{OnFailure, Policy};
use refrain_schemas::phase_spec::PhaseSpec;

use super::Checker;
use super::claims;
use super::code::Code;
use super::links::Links;
use super::pool::Pool;
use super::written::written;
use crate::model::{AgentModel, AskWork, Edge, OutputShape, Phase, ReadWork, Work, WriteWork};
use crate::ports::agent::AgentRole;

/// What is known of what a phase makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Made {
    /// Records, told apart by this field.
    Records(String),
    /// A document.
    Document,
    /// Files.
    Files,
    /// A mistake that was reported stands in the way.
    Unknown,
}

/// What the phases before make.
pub(super) type MadeBy = HashMap<PhaseName, Made>;

impl Checker<'_> {
    /// Returns the phases in order, as far as they can be told.
    pub(super) fn phases(&mut self, agents: &IndexMap<AgentName, AgentModel>) -> Vec<Phase> {
        let pipeline = self.pipeline;
        let specs: Vec<(&PhaseName, &PhaseSpec)> = pipeline.phases.iter().collect();
        let mut pools: Vec<Pool> = specs.iter().map(|(name, spec)| self.pool(name, spec, agents)).collect();
        for ((name, spec), pool) in specs.iter().zip(&mut pools) {
            self.raise_clones(name, spec, &mut pool.members);
        }
        let mut links: Vec<Links> =
            specs.iter().zip(&pools).map(|((name, spec), pool)| self.links(name, spec, pool.role)).collect();
        let names: Vec<&PhaseName> = specs.iter().map(|(name, _)| *name).collect();
        self.yields(&specs, &mut links);
        self.nests(&specs, &mut links);
        let mut passed = self.routes(&specs, &mut links);
        let mut order = self.order(&names, &links);
        // Phases in a circle are judged as well, by what is known without an order.
        let ordered: BTreeSet<usize> = order.iter().copied().collect();
        order.extend((0..specs.len()).filter(|n| !ordered.contains(n)));
        let mut made = MadeBy::new();
        let mut phases = Vec::new();
        for n in order {
            let (name, spec) = specs[n];
            let mut checked = self.phase(name, spec, &pools[n], &links[n], &mut made, agents);
            if let Some(phase) = &mut checked {
                phase.course.passed_by = std::mem::take(&mut passed[n]);
            }
            phases.extend(checked);
        }
        claims::claims(&mut phases);
        self.locks(&mut phases);
        phases
    }

    fn phase(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        pool: &Pool,
        links: &Links,
        made: &mut MadeBy,
        agents: &IndexMap<AgentName, AgentModel>,
    ) -> Option<Phase> {
        self.scopes(name, spec, links);
        self.conditions(name, spec, links);
        self.unaided(name, spec, !matches!(pool.role, Some(AgentRole::Read | AgentRole::Write)));
        self.limits(spec.limits.as_ref(), &format!("phases.{name}.limits"));
        self.readable(links, made);
        let work = match pool.role {
            _ if spec.turns.is_some() => self.loop_work(name, spec, made),
            Some(role @ (AgentRole::Read | AgentRole::Write)) if spec.input.is_some() => {
                let does = if role == AgentRole::Read { "reads" } else { "writes" };
                let message = format!("`input` does not fit a phase that {does} files");
                self.problems.add(Code::GivenField, format!("phases.{name}.input"), message);
                None
            }
            Some(AgentRole::Read) => self.read_work(name, spec, pool, made),
            Some(AgentRole::Write) => self.write_work(name, spec, pool, links, made),
            Some(AgentRole::Answer) | None => self.ask_work(name, spec, pool, links, made).map(|mut work| {
                self.prompts(name, spec, &mut work, agents);
                self.touching(name, spec, &mut work, agents);
                work.output.rules = self.reply_rules(name, spec, agents);
                Work::Ask(Box::new(work))
            }),
        }?;
        let loops = self.loops_around(name);
        Some(Phase {
            name: name.clone(),
            enabled: self.is_enabled(name),
            loops: loops.iter().filter_map(|name| name.as_str().parse().ok()).collect(),
            when: self.when(spec),
            after: self.enabled_edges(&links.after),
            course: self.course(name, spec, pool, agents),
            needs: self.enabled_edges(&links.needs),
            wants: self.enabled_edges(&links.wants),
            per: spec.per.clone(),
            gather: spec.gather.clone(),
            locked_by: Vec::new(),
            written: written(spec, &work)?,
            work,
            barrier: spec.barrier,
            limits: spec.limits.unwrap_or_default(),
            budget: spec.budget.unwrap_or_default(),
        })
    }

    fn readable(&mut self, links: &Links, made: &MadeBy) {
        for (source, path) in links.reads() {
            if made.get(source) == Some(&Made::Files) {
                let message = format!("phase `{source}` writes files, which no phase can read");
                self.problems.add(Code::ReadsFiles, path, message);
            }
        }
    }

    /// Whether a phase takes part: what is in a loop does so with it.
    pub(super) fn is_enabled(&self, name: &PhaseName) -> bool {
        let takes_part =
            |name: &PhaseName| self.pipeline.phases.get(name).is_none_or(|spec| spec.enabled.unwrap_or(true));
        takes_part(name) && self.loops_around(name).iter().all(takes_part)
    }

    fn enabled_edges(&self, edges: &[Edge]) -> Vec<Edge> {
        edges.iter().filter(|edge| self.is_enabled(&edge.phase)).cloned().collect()
    }

    fn read_work(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        pool: &Pool,
        made: &mut MadeBy,
    ) -> Option<Work> {
        self.unfit(name, &unfit_to_read(spec), Code::ReadField, "reads files");
        let output = spec.output.clone().unwrap_or_default();
        let path = format!("phases.{name}.output");
        let schema = output.schema.as_ref().map(|schema| self.schema(schema, &format!("{path}.schema")));
        self.field_name(output.key.as_deref(), &format!("{path}.key"));
        if output.key.is_none() {
            let message = format!("phase `{name}` does not say what tells its records apart");
            self.problems.add(Code::NoKey, path, message);
        }
        let records = output.key.clone().map_or(Made::Unknown, Made::Records);
        made.insert(name.clone(), records);
        let agent = pool.members.first()?.agent.clone();
        Some(Work::Read(ReadWork { agent, key: output.key?, schema: schema.flatten() }))
    }

    fn write_work(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        pool: &Pool,
        links: &Links,
        made: &mut MadeBy,
    ) -> Option<Work> {
        self.unfit(name, &unfit_to_write(spec), Code::WriteField, "writes files");
        made.insert(name.clone(), Made::Files);
        let of = self.present_sources(name, links);
        Some(Work::Write(WriteWork { agent: pool.members.first()?.agent.clone(), of }))
    }

    fn unfit(&mut self, name: &PhaseName, fields: &[(&str, bool)], code: Code, what: &str) {
        for (field, _) in fields.iter().filter(|(_, given)| *given) {
            let message = format!("`{field}` does not fit a phase that {what}");
            let field = field.split(':').next().unwrap_or(field);
            self.problems.add(code, format!("phases.{name}.{field}"), message);
        }
    }

    fn ask_work(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        pool: &Pool,
        links: &Links,
        made: &mut MadeBy,
    ) -> Option<AskWork> {
        if spec.input.is_some() {
            return self.given_work(name, spec, pool, made);
        }
        let source = self.source(links, made);
        let units = self.units(name, spec, links, &source);
        let context = self.context(name, spec, links, &units, made);
        self.pack(name, spec);
        self.fan(name, spec, pool);
        let output = self.output(name, spec, pool, &units, &source);
        let shape = match output.as_ref().map(|output| &output.shape) {
            Some(OutputShape::Records { key }) => Made::Records(key.clone()),
            Some(OutputShape::Document) => Made::Document,
            None => Made::Unknown,
        };
        made.insert(name.clone(), shape);
        let pack = spec.pack.as_ref();
        Some(AskWork {
            units,
            context,
            pack: pack.map_or(1, |pack| pack.max as usize),
            pack_within: pack.and_then(|pack| pack.within.clone()),
            pool: pool.members.clone(),
            fan: spec.fan.unwrap_or_default(),
            accept: spec.accept.clone(),
            merge: spec.merge.clone().unwrap_or_default(),
            on_unit_failure: spec.on_unit_failure.unwrap_or_default(),
            output: output?,
            given: None,
        })
    }

    fn pack(&mut self, name: &PhaseName, spec: &PhaseSpec) {
        let Some(pack) = &spec.pack else { return };
        self.at_least_one(Some(u64::from(pack.max)), &format!("phases.{name}.pack.max"));
        self.field_name(pack.within.as_deref(), &format!("phases.{name}.pack.within"));
    }
}

fn unfit_to_both(spec: &PhaseSpec) -> Vec<(&'static str, bool)> {
    vec![
        ("pack", spec.pack.is_some()),
        ("locked_by", !spec.locked_by.is_empty()),
        ("context", !spec.context.is_empty()),
        ("fan", spec.fan.is_some()),
        ("accept", spec.accept.is_some()),
        ("merge", spec.merge.is_some()),
        ("on_unit_failure", spec.on_unit_failure.is_some()),
        ("recover", !spec.recover.is_empty()),
        ("retry", spec.retry.is_some()),
        ("timeout", spec.timeout.is_some()),
        ("on_failure: retry", spec.on_failure == Some(OnFailure::Policy(Policy::Retry))),
    ]
}

fn unfit_to_read(spec: &PhaseSpec) -> Vec<(&'static str, bool)> {
    let output = spec.output.as_ref();
    let mut fields = unfit_to_both(spec);
    fields.extend([
        ("units", spec.units.is_some()),
        ("gather", !spec.gather.is_empty()),
        ("output.document", output.is_some_and(|output| output.document.is_some())),
        ("output.aligned", output.is_some_and(|output| output.aligned)),
        ("output.carry", output.is_some_and(|output| !output.carry.is_empty())),
        ("output.rules", output.is_some_and(|output| output.rules.is_some())),
    ]);
    fields
}

fn unfit_to_write(spec: &PhaseSpec) -> Vec<(&'static str, bool)> {
    let units = spec.units.as_ref();
    let mut fields = unfit_to_both(spec);
    fields.extend([
        ("units.by", units.is_some_and(|units| units.by.is_some())),
        ("units.chunk", units.is_some_and(|units| units.chunk.is_some())),
        ("units.whole", units.is_some_and(|units| units.whole)),
        ("output", spec.output.is_some()),
    ]);
    fields
}
