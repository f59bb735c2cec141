//! Agents behind HTTP: models and plain services.
//!
//! [`model`] speaks to providers of language models: pure wires (encode and decode, no I/O), one function that says what
//! each failure is, and the agent that puts them together. [`service`] asks anything else that speaks JSON. [`client`] is the one HTTP client of all of them. Nothing in
//! here retries, waits for limits or counts money: the engine does.

pub mod client;
mod fetch;
pub mod model;
pub mod service;

use std::fmt;
use std::sync::Arc;

use refrain_core::ports::secrets::Secrets;
use refrain_core::ports::tools::Tools;

use crate::client::Client;
use crate::model::breaker::Breakers;
use crate::model::factory::ModelAgents;
use crate::service::factory::ServiceAgents;

pub use crate::fetch::WebFetch;
pub use crate::model::price::{KnownPrice, prices_age, prices_date};
pub use crate::model::probe::{KeyFound, Probe, Question, Reached, SchemaWay};
pub use crate::model::registry::{KnownModels, registry_date};
pub use crate::service::probe::ServiceProbe;

/// What all agents behind HTTP share: one client, the secrets, the tools and the state of the endpoints.
#[derive(Clone)]
pub struct RemoteAgents {
    pub(crate) client: Client,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) tools: Arc<dyn Tools>,
    pub(crate) breakers: Breakers,
}

impl fmt::Debug for RemoteAgents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nobody knows what the secrets would say of themselves.
        f.debug_struct("RemoteAgents").field("breakers", &self.breakers).finish_non_exhaustive()
    }
}

impl RemoteAgents {
    /// Returns what makes agents that know these secrets and may use these tools. Nothing is opened or read yet.
    #[must_use]
    pub fn new(secrets: Arc<dyn Secrets>, tools: Arc<dyn Tools>) -> Self {
        Self { client: Client::default(), secrets, tools, breakers: Breakers::default() }
    }

    /// Returns the factory of model agents.
    #[must_use]
    pub fn models(&self) -> ModelAgents {
        ModelAgents::new(self.clone())
    }

    /// Returns the factory of agents that are plain services.
    #[must_use]
    pub fn services(&self) -> ServiceAgents {
        ServiceAgents::new(self.clone())
    }
}
