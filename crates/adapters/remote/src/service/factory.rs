//! Makes service agents.

use std::sync::Arc;
use std::time::Duration;

use refrain_core::ports::agent::{
    Agent, AgentError, AgentFactory, AgentTraits, Blueprint, Draft, SpecProblem,
};
use refrain_schemas::agent_spec::{AgentSpec, HttpSpec};
use refrain_schemas::failure::FailureKind;

use super::agent::ServiceAgent;
use super::spec::{Service, identity};
use crate::RemoteAgents;

/// How long a call may take where neither the spec nor the endpoint says.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// Makes the agents of specs that say `http:`.
#[derive(Debug, Clone)]
pub struct ServiceAgents {
    remote: RemoteAgents,
}

impl ServiceAgents {
    pub(crate) const fn new(remote: RemoteAgents) -> Self {
        Self { remote }
    }
}

impl AgentFactory for ServiceAgents {
    fn handles(&self, spec: &AgentSpec) -> bool {
        spec.http.is_some()
    }

    fn check(&self, draft: &Draft<'_>) -> Vec<SpecProblem> {
        let Some(http) = &draft.spec.http else { return Vec::new() };
        Service::of(http, draft.declared).err().unwrap_or_default()
    }

    fn describe(&self, draft: &Draft<'_>) -> AgentTraits {
        let none = HttpSpec::default();
        let http = draft.spec.http.as_ref().unwrap_or(&none);
        let service = Service::of(http, draft.declared).ok();
        let endpoint = service.as_ref().and_then(|service| service.endpoint.as_ref());
        AgentTraits {
            default_timeout: Some(endpoint.map_or(DEFAULT_TIMEOUT, |endpoint| endpoint.timeout)),
            gate: service.as_ref().and_then(Service::gate),
            ..AgentTraits::plain(identity(http))
        }
    }

    fn make(&self, blueprint: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
        let wrong = |what: &str| {
            let message = format!("agent `{}` cannot be asked over HTTP: {what}", blueprint.name);
            AgentError::new(FailureKind::Permanent, message)
        };
        let http = blueprint.spec.http.as_ref().ok_or_else(|| wrong("it has no address"))?;
        let service = Service::of(http, &blueprint.declared);
        let service = service.map_err(|problems| {
            wrong(problems.first().map_or("its spec is wrong", |problem| problem.message.as_str()))
        })?;
        Ok(Arc::new(ServiceAgent { remote: self.remote.clone(), service }))
    }
}
