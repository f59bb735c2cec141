//! The agents whose rules replies must fulfil.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use refrain_schemas::name::{AgentName, PhaseName};
use refrain_schemas::phase_spec::PhaseSpec;
use refrain_schemas::scope::Target;

use super::Checker;
use super::code::Code;
use crate::define::agent_params;
use crate::model::{AgentModel, RulesAgent, scopes};
use crate::ports::agent::Draft;

impl Checker<'_> {
    /// Returns whose rules the replies of a phase must fulfil; what is wrong with that is said.
    pub(super) fn reply_rules(
        &mut self,
        phase: &PhaseName,
        spec: &PhaseSpec,
        agents: &IndexMap<AgentName, AgentModel>,
    ) -> Option<RulesAgent> {
        let name = spec.output.as_ref()?.rules.as_ref()?;
        let path = format!("phases.{phase}.output.rules");
        self.named_agent(name, &path);
        // Who takes no part has no say either.
        let agent = agents.get(name).filter(|agent| agent.takes_part)?;
        let around = self.around;
        let factory = around.factories.iter().find(|factory| factory.handles(&agent.spec))?;
        let rules = RulesAgent { agent: name.clone(), factory: factory.clone() };
        // What is wrong with its params has been said of the agent itself.
        if self.problems.is_wrong(&format!("agents.{name}")) {
            return Some(rules);
        }
        let declared = self.pipeline.declarations();
        let draft = Draft { spec: &agent.spec, declared: &declared };
        let mut seen = BTreeSet::new();
        for scope in scopes(&self.pipeline.dimensions, &spec.per) {
            // A template that fails is told where it stands.
            let Ok(filled) = agent_params(&self.params, agent, &scope) else { continue };
            if !seen.insert(filled.clone()) {
                continue;
            }
            let target = Target { phase: phase.clone(), scope };
            match rules.factory.rules(&draft, &filled) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    let message = format!("agent `{name}` offers no rules for replies");
                    self.problems.add(Code::NoRules, &path, message);
                    break;
                }
                Err(error) => {
                    let message = format!("no rules for `{target}`: {error}");
                    self.problems.add(Code::AgentParams, &path, message);
                }
            }
        }
        Some(rules)
    }
}
