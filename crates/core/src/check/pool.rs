//! The agents of a phase.

use indexmap::IndexMap;
use refrain_schemas::name::{AgentName, PhaseName};
use refrain_schemas::phase_spec::{AgentRef, Fan, PhaseSpec, PoolEntry};

use super::code::Code;
use super::{Checker, suggest};
use crate::model::{AgentModel, PoolMember};
use crate::ports::agent::AgentRole;

/// The agents of a phase, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub(super) members: Vec<PoolMember>,
    /// How many agents the phase names that take no part at present.
    pub(super) idle: usize,
    /// What the phase does; `None` where a mistake that was reported stands in the way.
    pub(super) role: Option<AgentRole>,
}

impl Pool {
    /// Returns how many replies there are about one unit.
    pub(super) fn asks_per_unit(&self, fan: Fan) -> u32 {
        let samples = self.members.iter().map(|member| member.samples);
        match fan {
            Fan::Split => samples.max().unwrap_or(0),
            Fan::Panel => samples.fold(0, u32::saturating_add),
            Fan::Cascade | Fan::Chain => 1,
        }
    }
}

impl Checker<'_> {
    /// Resolves the agents of a phase.
    pub(super) fn pool(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        agents: &IndexMap<AgentName, AgentModel>,
    ) -> Pool {
        let path = format!("phases.{name}");
        match (&spec.agent, spec.agents.is_empty()) {
            (Some(_), false) => {
                let message = format!("phase `{name}` has both `agent` and `agents`");
                self.problems.add(Code::AgentAndAgents, format!("{path}.agents"), message);
                Pool::default()
            }
            // A loop asks nobody itself.
            (None, true) if spec.turns.is_some() => Pool::default(),
            (None, true) => {
                self.problems.add(Code::NoAgent, path, format!("phase `{name}` has no agent"));
                Pool::default()
            }
            (Some(AgentRef::Inline(_)), true) => self.single(name, name.as_str(), spec, agents),
            (Some(AgentRef::Name(agent)), true) => {
                self.named_agent(agent, &format!("{path}.agent"));
                self.single(name, agent.as_str(), spec, agents)
            }
            (None, false) => self.members(name, spec, agents),
        }
    }

    fn members(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        agents: &IndexMap<AgentName, AgentModel>,
    ) -> Pool {
        let mut members = Vec::new();
        let mut roles = Vec::new();
        for (agent, entry) in &spec.agents {
            let path = format!("phases.{name}.agents.{agent}");
            self.named_agent(agent, &path);
            let member = self.member(agent, *entry, &path);
            if !is_enabled(spec) || agents.get(agent).is_none_or(|agent| agent.takes_part) {
                members.push(member);
            }
            roles.push(agents.get(agent).map(|agent| agent.traits.role));
        }
        let idle = spec.agents.len() - members.len();
        if members.is_empty() {
            self.all_idle(name, spec);
        }
        if let [Some(role)] = roles[..] {
            return Pool { members, idle, role: Some(role) };
        }
        for (agent, role) in spec.agents.keys().zip(&roles) {
            if matches!(role, Some(AgentRole::Read | AgentRole::Write)) {
                let message = format!("agent `{agent}` reads or writes files and cannot be one of several");
                self.problems.add(Code::RoleInPool, format!("phases.{name}.agents.{agent}"), message);
            }
        }
        // A pool of several answers, even where some of its agents are not known.
        Pool { members, idle, role: Some(AgentRole::Answer) }
    }

    /// A phase that is taken out needs nobody.
    fn all_idle(&mut self, name: &PhaseName, spec: &PhaseSpec) {
        if is_enabled(spec) {
            let message = format!("no agent of phase `{name}` takes part");
            let hint = "see `when:` of its agents, or take the phase out: `enabled: false`".to_owned();
            self.problems.add_with(Code::NoAgent, format!("phases.{name}"), message, Some(hint));
        }
    }

    fn single(
        &mut self,
        phase: &PhaseName,
        name: &str,
        spec: &PhaseSpec,
        agents: &IndexMap<AgentName, AgentModel>,
    ) -> Pool {
        let Some(agent) = agents.get(name) else { return Pool::default() };
        if !agent.takes_part {
            self.all_idle(phase, spec);
        }
        let member = PoolMember { agent: agent.name.clone(), clones: 1, samples: 1, prompt: None };
        Pool { members: vec![member], idle: 0, role: Some(agent.traits.role) }
    }

    fn member(&mut self, agent: &AgentName, entry: PoolEntry, path: &str) -> PoolMember {
        let (clones, samples) = match entry {
            PoolEntry::Clones(clones) => {
                if clones == 0 {
                    self.problems.add(Code::Zero, path, format!("agent `{agent}` has 0 clones"));
                }
                (clones, 1)
            }
            PoolEntry::Detailed(detail) => {
                self.at_least_one(detail.clones.map(u64::from), &format!("{path}.clones"));
                self.at_least_one(detail.samples.map(u64::from), &format!("{path}.samples"));
                (detail.clones.unwrap_or(1), detail.samples.unwrap_or(1))
            }
        };
        PoolMember { agent: agent.clone(), clones, samples, prompt: None }
    }

    /// Looks an agent up that is named at `path`; says so if there is none.
    pub(super) fn named_agent(&mut self, name: &AgentName, path: &str) {
        let pipeline = self.pipeline;
        let known = pipeline.agents.contains_key(name)
            || self.broken.may_have("agents", &self.broken.agents, name.as_str());
        if !known {
            let names = pipeline.agents.keys().map(AgentName::as_str);
            let hint = suggest::suggestion(
                name.as_str(),
                names.chain(self.broken.agents.iter().map(String::as_str)),
            );
            self.problems.add_with(Code::UnknownAgent, path, format!("there is no agent `{name}`"), hint);
        }
    }
}

fn is_enabled(spec: &PhaseSpec) -> bool {
    spec.enabled.unwrap_or(true)
}
