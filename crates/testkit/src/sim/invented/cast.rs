//! Who the agents of invented pipelines are.

use std::sync::Arc;
use std::time::Duration;

use refrain_core::ports::agent::{
    Agent, AgentError, AgentFactory, AgentRole, AgentTraits, Blueprint, Draft, GateSpec, ModelTraits,
    SpecProblem,
};
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::failure::FailureKind;

/// Describes agents; who answers for them is the simulator's business.
#[derive(Debug)]
pub(super) struct Cast;

impl AgentFactory for Cast {
    fn handles(&self, _: &AgentSpec) -> bool {
        true
    }

    fn check(&self, _: &Draft<'_>) -> Vec<SpecProblem> {
        Vec::new()
    }

    fn describe(&self, draft: &Draft<'_>) -> AgentTraits {
        if let Some(name) = &draft.spec.model {
            return model(name, draft);
        }
        let name = draft.spec.builtin.as_deref().unwrap_or_default();
        let role = match name {
            "read" => AgentRole::Read,
            "write" => AgentRole::Write,
            _ => AgentRole::Answer,
        };
        let default_timeout = (role == AgentRole::Answer).then_some(Duration::from_secs(30));
        AgentTraits { role, default_timeout, ..AgentTraits::plain(format!("{name}@1")) }
    }

    fn make(&self, _: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
        Err(AgentError::new(FailureKind::Permanent, "nobody answers here"))
    }
}

fn model(name: &str, Draft { spec, declared }: &Draft<'_>) -> AgentTraits {
    let endpoint = name.split('/').next().and_then(|endpoint| declared.endpoints.get(endpoint));
    let limits = endpoint.and_then(|endpoint| endpoint.limits);
    let traits = ModelTraits {
        name: name.to_owned(),
        price: declared.prices.get(name).copied(),
        dearest: None,
        max_output: spec.max_tokens.map(u64::from),
        requests: 1,
        round_bytes: 0,
        tools: Vec::new(),
    };
    let gate = GateSpec { name: name.to_owned(), limits: limits.unwrap_or_default(), within: None };
    AgentTraits {
        model: Some(traits),
        gate: Some(gate),
        default_timeout: Some(Duration::from_secs(60)),
        ..AgentTraits::plain(format!("model {name}"))
    }
}
