//! An agent that answers from a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use refrain_core::ports::agent::{Agent, AgentError, AnsweredUnit, Reply, Request};
use refrain_core::ports::cancel::Cancel;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::json::Json;

/// What a [`ScriptedAgent`] does with one call.
#[derive(Debug, Clone)]
pub enum Script {
    /// Answers every unit with its own input.
    Echo,
    /// Answers every unit with this.
    Output(Json),
    /// Answers with exactly this.
    Reply(Reply),
    /// Fails.
    Fail(AgentError),
    /// Answers nothing until the call is cancelled.
    Hang,
}

/// Answers from a script, and by echo behind its end; remembers every request.
///
/// It is stricter than real agents: it panics where it is opened twice, asked before it is opened, after it is closed
/// or while it answers, and where it is closed without having been opened.
#[derive(Debug, Default)]
pub struct ScriptedAgent(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Script>,
    asked: Vec<Request>,
    stage: Stage,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    New,
    Open,
    Answering,
    Closed,
}

impl ScriptedAgent {
    /// Returns an agent with a script.
    #[must_use]
    pub fn new(script: impl IntoIterator<Item = Script>) -> Arc<Self> {
        let script = script.into_iter().collect();
        Arc::new(Self(Mutex::new(State { script, ..State::default() })))
    }

    /// Returns every request so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Request> {
        self.state().asked.clone()
    }

    /// Whether the agent was opened and has been closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state().stage == Stage::Closed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    fn step(&self, from: Stage, to: Stage) {
        let stage = std::mem::replace(&mut self.state().stage, to);
        assert!(stage == from, "the agent is {stage:?}, which does not go over into {to:?}");
    }
}

/// Ends an answer even where its future is dropped.
struct Answering<'a>(&'a ScriptedAgent);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if state.stage == Stage::Answering {
            state.stage = Stage::Open;
        }
    }
}

#[async_trait]
impl Agent for ScriptedAgent {
    async fn open(&self) -> Result<(), AgentError> {
        self.step(Stage::New, Stage::Open);
        Ok(())
    }

    async fn answer(&self, request: Request, cancel: &Cancel) -> Result<Reply, AgentError> {
        self.step(Stage::Open, Stage::Answering);
        let _answering = Answering(self);
        let script = {
            let mut state = self.state();
            state.asked.push(request.clone());
            state.script.pop_front().unwrap_or(Script::Echo)
        };
        match script {
            Script::Echo => Ok(reply(&request, None)),
            Script::Output(output) => Ok(reply(&request, Some(&output))),
            Script::Reply(reply) => Ok(reply),
            Script::Fail(error) => Err(error),
            Script::Hang => {
                cancel.fired().await;
                Err(AgentError::new(FailureKind::Cancelled, "the call was cancelled"))
            }
        }
    }

    async fn close(&self) {
        self.step(Stage::Open, Stage::Closed);
    }
}

fn reply(request: &Request, output: Option<&Json>) -> Reply {
    let answer = |unit: &refrain_core::ports::agent::AskedUnit| {
        AnsweredUnit::new(unit.id.clone(), Ok(output.unwrap_or(&unit.input).clone()))
    };
    Reply { units: request.units.iter().map(answer).collect(), ..Reply::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::request;
    use futures::FutureExt as _;
    use serde_json::json;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().unwrap()
    }

    #[test]
    fn the_script_is_followed_and_then_it_echoes() {
        let error = AgentError::new(FailureKind::Refused, "no");
        let agent = ScriptedAgent::new([Script::Fail(error.clone()), Script::Output(Json::null())]);
        block_on(agent.open()).unwrap();
        let ask = |call| block_on(agent.answer(request(call, &[("a", json!(1))]), &Cancel::new()));
        assert_eq!(ask(1).unwrap_err(), error);
        assert_eq!(ask(2).unwrap().units[0].result, Ok(Json::null()));
        assert_eq!(ask(3).unwrap().units[0].result.as_ref().unwrap().as_str(), "1");
        assert_eq!(agent.asked().len(), 3);
        block_on(agent.close());
        assert!(agent.is_closed());
    }

    #[test]
    fn misuse_panics() {
        let ask = |agent: &ScriptedAgent| {
            let answer = agent.answer(request(1, &[]), &Cancel::new()).now_or_never();
            drop(answer);
        };
        let panics = |f: &dyn Fn()| catch_unwind(AssertUnwindSafe(f)).is_err();
        assert!(panics(&|| ask(&ScriptedAgent::new([]))), "asked before open");
        assert!(panics(&|| block_on(ScriptedAgent::new([]).close())), "closed before open");
        let agent = ScriptedAgent::new([Script::Hang]);
        block_on(agent.open()).unwrap();
        let cancel = Cancel::new();
        let mut hanging = agent.answer(request(1, &[]), &cancel);
        assert!((&mut hanging).now_or_never().is_none());
        assert!(panics(&|| ask(&agent)), "two answers overlap");
    }
}
