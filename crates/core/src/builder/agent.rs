//! Builds agents.

use std::time::Duration;

use refrain_schemas::agent_spec::{AgentSpec, RetrySpec};
use refrain_schemas::duration::Span;
use refrain_schemas::pipeline::Limits;
use serde_json::Value;

/// Builds an [`AgentSpec`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct AgentBuilder(AgentSpec);

/// Starts a built-in agent, or one that the embedding program registered.
pub fn builtin(name: &str) -> AgentBuilder {
    AgentBuilder(AgentSpec { builtin: Some(name.to_owned()), ..AgentSpec::default() })
}

/// Starts an agent that is a program with arguments.
pub fn command<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> AgentBuilder {
    let argv = argv.into_iter().map(Into::into).collect();
    AgentBuilder(AgentSpec { command: Some(argv), ..AgentSpec::default() })
}

impl AgentBuilder {
    /// Sets a setting of the agent.
    pub fn param(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.params.insert(name.to_owned(), value.into());
        self
    }

    /// Makes the contents of a project file part of the agent's identity.
    pub fn file(mut self, path: &str) -> Self {
        self.0.files.push(path.to_owned());
        self
    }

    /// Sets a version, which makes everything stale where it changes.
    pub fn version(mut self, version: &str) -> Self {
        self.0.version = Some(version.to_owned());
        self
    }

    /// Runs the command once per call.
    pub fn oneshot(mut self) -> Self {
        self.0.oneshot = true;
        self
    }

    /// Asks anew in every run that reaches the phase.
    pub fn volatile(mut self) -> Self {
        self.0.volatile = true;
        self
    }

    /// Sets how long one call may take.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.0.timeout = Some(Span(time));
        self
    }

    /// Sets how often a call is tried in all.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.0.retry = Some(RetrySpec { attempts: Some(attempts), ..self.0.retry.unwrap_or_default() });
        self
    }

    /// Sets how failed calls are tried again.
    pub fn retry(mut self, retry: RetrySpec) -> Self {
        self.0.retry = Some(retry);
        self
    }

    /// Sets when the agent takes part in phases: an expression over `params`.
    pub fn when(mut self, expression: &str) -> Self {
        self.0.when = Some(expression.to_owned());
        self
    }

    /// Sets ceilings over all phases of the agent.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = Some(limits);
        self
    }

    /// Returns the spec.
    #[must_use]
    pub fn spec(self) -> AgentSpec {
        self.0
    }
}
