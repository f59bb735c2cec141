//! What tools ask of the web.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use super::agent::AgentError;
use super::cancel::Cancel;

/// Sends requests of tools.
///
/// - A request MUST NOT reach this machine, or the network that it is in, unless that is allowed.
/// - It leads to the host that it names: a redirection to another one is an answer, and not followed.
#[async_trait]
pub trait Fetch: Debug + Send + Sync + 'static {
    /// Sends a request. Any status is an answer; an error is that there is none.
    async fn fetch(&self, request: WebRequest, cancel: &Cancel) -> Result<WebResponse, AgentError>;
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebRequest {
    /// The method, such as `GET`.
    pub method: String,
    /// Where it goes.
    pub url: String,
    /// What is sent along.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebResponse {
    /// The status.
    pub status: u16,
    /// What was sent along, by name in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}
