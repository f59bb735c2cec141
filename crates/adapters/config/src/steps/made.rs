//! Phases that no step is: those that write files, handle failures, or give what another pipeline made.

use refrain_core::check::code::Code;
use refrain_schemas::agent_spec::{AgentSpec, ToolAction, ToolRef};
use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::{AgentRef, PhaseSpec};
use refrain_schemas::steps::{StepEntry, StepKind};

use super::Lowering;
use super::budget::Spent;
use super::reading::Item;

/// A phase that is made for a step.
pub(super) struct Made {
    /// A name that no step has yet.
    pub(super) phase: PhaseName,
    pub(super) by: By,
    /// The ids of the steps that it comes after.
    pub(super) dependencies: Vec<String>,
    /// Everything but the agent.
    pub(super) spec: PhaseSpec,
}

/// Who does what is made for a step.
pub(super) enum By {
    Tool(ToolAction),
    /// A model, as an agent that asks it.
    Model(Box<AgentSpec>),
}

impl Lowering<'_, '_> {
    /// Takes a name for a step or for what is made for one; tells whether nothing has it.
    pub(super) fn claim(&mut self, phase: &PhaseName) -> bool {
        self.claimed.insert(phase.clone())
    }

    /// Returns the name of what is made for a step, unless a step has it or there is no room.
    pub(super) fn made_name(&mut self, name: &str, item: &Item<'_>) -> Option<PhaseName> {
        let Ok(phase) = name.parse::<PhaseName>() else {
            let message = format!("`{name}`, which is made for the step, cannot be the name of one");
            self.reading.at(Code::BadName, item, message, Some("give the step a shorter id".to_owned()));
            return None;
        };
        if !self.claim(&phase) {
            let message = format!("`{name}`, which is made for the step, is the name of another one");
            self.reading.at(Code::StepTwice, item, message, None);
            return None;
        }
        self.has_room(Spent::Phases, 1, item).then_some(phase)
    }

    /// Adds what is made for a step.
    pub(super) fn make(&mut self, Made { phase, by, dependencies, spec }: Made, item: &Item<'_>) {
        self.place(format!("phases.{phase}"), item);
        // How often a model is asked the phase says itself: then a provider without room is a failure like others.
        let retry = spec.retry.or(match &by {
            By::Tool(_) => None,
            By::Model(agent) => agent.retry,
        });
        let (tool, action, agent) = match by {
            By::Tool(tool) => {
                let (name, action) = (tool.name.clone(), tool.action.clone());
                let agent = AgentSpec { tool: Some(ToolRef::Action(tool)), ..AgentSpec::default() };
                (Some(name), action, Box::new(agent))
            }
            By::Model(agent) => (None, Some("ask".to_owned()), agent),
        };
        self.entries.push(StepEntry {
            id: phase.to_string(),
            phase: phase.clone(),
            within: spec.within.clone(),
            kind: StepKind::Hidden,
            tool,
            action,
            model: agent.model.clone(),
            dependencies,
        });
        let agent = Some(AgentRef::Inline(agent));
        self.pipeline.phases.insert(phase, PhaseSpec { agent, retry, ..spec });
    }
}
