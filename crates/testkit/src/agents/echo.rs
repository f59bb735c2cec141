//! An agent that repeats.

use async_trait::async_trait;
use refrain_core::ports::agent::{Agent, AgentError, AnsweredUnit, Reply, Request};
use refrain_core::ports::cancel::Cancel;

/// Answers every unit with its own input.
#[derive(Debug, Clone, Copy, Default)]
pub struct EchoAgent;

#[async_trait]
impl Agent for EchoAgent {
    async fn answer(&self, request: Request, _: &Cancel) -> Result<Reply, AgentError> {
        let units = request.units.into_iter();
        let units = units.map(|unit| AnsweredUnit::new(unit.id, Ok(unit.input))).collect();
        Ok(Reply { units, ..Reply::default() })
    }
}
