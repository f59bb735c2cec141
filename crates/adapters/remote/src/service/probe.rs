//! Whether services can be reached, found out without asking them for anything.

use futures::future::join_all;
use refrain_schemas::agent_spec::HttpSpec;
use refrain_schemas::pipeline::Declarations;

use super::spec::Service;
use crate::RemoteAgents;
use crate::client::{Outgoing, public};

/// What was found out about a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceProbe {
    /// Its address.
    pub address: String,
    /// What of its keys and headers has no value.
    pub missing: Option<String>,
    /// Whether something answers there, or why nothing does.
    pub reached: Result<(), String>,
}

impl RemoteAgents {
    /// Finds out whether something answers at the addresses of services: by `HEAD`, which asks for nothing, without a body
    /// and without a key. Whatever is answered shows that somebody is there. All are asked at once; nobody is waited for
    /// longer than five seconds. A service whose spec is wrong has an error that says why.
    pub async fn reach(
        &self,
        specs: &[HttpSpec],
        declared: &Declarations,
    ) -> Vec<Result<ServiceProbe, String>> {
        join_all(specs.iter().map(|spec| self.reach_one(spec, declared))).await
    }

    async fn reach_one(&self, spec: &HttpSpec, declared: &Declarations) -> Result<ServiceProbe, String> {
        let mut service = Service::of(spec, declared).map_err(|problems| {
            problems.first().map_or_else(|| "its spec is wrong".to_owned(), |problem| problem.message.clone())
        })?;
        let missing = service.headers(self.secrets.as_ref()).err().map(|error| error.message);
        let address = public(&service.url);
        service.url.set_query(None);
        let method = "HEAD".to_owned();
        let outgoing = Outgoing { method, url: service.url, headers: Vec::new(), body: None };
        let reached = self.told(outgoing).await.map(|_| ());
        Ok(ServiceProbe { address, missing, reached })
    }
}
