//! An agent around a pure function.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use async_trait::async_trait;
use refrain_core::ports::agent::{Agent, AgentError, AnsweredUnit, AskedUnit, Reply, Request, SpecProblem};
use refrain_core::ports::cancel::Cancel;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use serde_json::{Map, Value};

use crate::record::permanent;

/// Answers one unit of a call.
pub(crate) type AnswerUnit<'a> = Box<dyn Fn(&AskedUnit) -> Result<Value, Failure> + Send + 'a>;

/// What a built-in does, with its params read.
pub(crate) trait Work: Send + Sync {
    /// Gets ready for the units of one call.
    fn prepare<'a>(&'a self, request: &'a Request) -> AnswerUnit<'a>;
}

/// Reads the params of a built-in.
pub(crate) type ReadParams = fn(&Map<String, Value>) -> Result<Box<dyn Work>, Vec<SpecProblem>>;

/// How many readings of params an agent keeps; scopes have params of their own.
const KEPT: usize = 16;

/// An agent that computes its answers.
pub(crate) struct PureAgent {
    name: &'static str,
    read: ReadParams,
    /// Params that were read, the latest one last: to compile their patterns costs more than most answers.
    kept: Mutex<Vec<(Json, Arc<dyn Work>)>>,
}

impl PureAgent {
    pub(crate) const fn new(name: &'static str, read: ReadParams) -> Self {
        Self { name, read, kept: Mutex::new(Vec::new()) }
    }

    /// Returns what the params of a call ask for; they may differ from call to call, because they were filled from
    /// scope and params.
    fn work(&self, request: &Request) -> Result<Arc<dyn Work>, AgentError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, work)) = kept.iter().find(|(params, _)| *params == request.params) {
            return Ok(Arc::clone(work));
        }
        let work: Arc<dyn Work> = Arc::from(self.read(request)?);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((request.params.clone(), Arc::clone(&work)));
        Ok(work)
    }

    fn read(&self, request: &Request) -> Result<Box<dyn Work>, AgentError> {
        let params = request.params.value();
        let none = Map::new();
        (self.read)(params.as_object().unwrap_or(&none)).map_err(|problems| wrong(&problems))
    }
}

/// Returns the failure of an agent whose params are wrong once they are filled.
pub(crate) fn wrong(problems: &[SpecProblem]) -> AgentError {
    let lines = problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message));
    AgentError::new(FailureKind::Permanent, lines.collect::<Vec<_>>().join("; "))
}

#[async_trait]
impl Agent for PureAgent {
    async fn answer(&self, request: Request, cancel: &Cancel) -> Result<Reply, AgentError> {
        let work = self.work(&request)?;
        let answer = work.prepare(&request);
        let mut units = Vec::with_capacity(request.units.len());
        for unit in &request.units {
            if cancel.is_fired() {
                return Err(AgentError::new(FailureKind::Cancelled, "the call was cancelled"));
            }
            let result =
                answer(unit).and_then(|value| Json::of(&value).map_err(|error| permanent(error.to_string())));
            units.push(AnsweredUnit::new(unit.id.clone(), result));
            yield_now().await;
        }
        Ok(Reply { units, ..Reply::default() })
    }
}

impl fmt::Debug for PureAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PureAgent").field(&self.name).finish()
    }
}

/// Lets others run.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
