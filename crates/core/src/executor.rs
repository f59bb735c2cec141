//! Runs calls in this process.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::{Either, select};
use futures::lock::Mutex as AsyncMutex;
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;
use refrain_schemas::event::EventKind;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::name::AgentName;
use refrain_schemas::scope::{Scope, Target};

use crate::model::Model;
use crate::ports::agent::{Agent, AgentError, AgentFactory, Blueprint, Remarks, Reply};
use crate::ports::cancel::Cancel;
use crate::ports::clock::Clock;
use crate::ports::executor::{Call, Executor, Slot};
use crate::ports::files::ProjectFiles;

/// How long an agent that was told to stop may take to do so.
const GRACE: Duration = Duration::from_secs(5);

/// Runs calls in this process, on clones that it opens when they are first needed.
#[derive(Debug)]
pub struct LocalExecutor {
    model: Arc<Model>,
    factories: Vec<Arc<dyn AgentFactory>>,
    clock: Arc<dyn Clock>,
    files: Arc<dyn ProjectFiles>,
    remarks: RemarkBox,
    clones: Mutex<HashMap<Slot, Arc<Clone>>>,
}

/// One clone of an agent and whether it is open.
#[derive(Debug)]
struct Clone {
    identity: Digest,
    agent: Arc<dyn Agent>,
    is_open: AsyncMutex<bool>,
    /// Whether what answers was started since its files were looked at.
    is_new: Arc<AtomicBool>,
}

impl LocalExecutor {
    /// Makes an executor without clones.
    #[must_use]
    pub fn new(
        model: Arc<Model>,
        factories: Vec<Arc<dyn AgentFactory>>,
        clock: Arc<dyn Clock>,
        files: Arc<dyn ProjectFiles>,
        remarks: RemarkBox,
    ) -> Self {
        Self { model, factories, clock, files, remarks, clones: Mutex::default() }
    }

    /// Returns the clone that a call is for. One of an agent that has become another one since makes room for it, unless
    /// that is gone as well.
    async fn clone_for(&self, call: &Call) -> Result<Arc<Clone>, AgentError> {
        let known = self.clones().get(&call.slot).cloned();
        if let Some(known) = known.filter(|known| known.identity == call.identity) {
            return Ok(known);
        }
        self.check_files(&call.files).await?;
        self.dismiss(&call.slot).await;
        let is_new = Arc::new(AtomicBool::new(true));
        let agent = self.make(&call.slot, is_new.clone()).map_err(AgentError::of_agent)?;
        let (identity, is_open) = (call.identity, AsyncMutex::new(false));
        let clone = Arc::new(Clone { identity, agent, is_open, is_new });
        self.clones().insert(call.slot.clone(), clone.clone());
        Ok(clone)
    }

    fn clones(&self) -> MutexGuard<'_, HashMap<Slot, Arc<Clone>>> {
        self.clones.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails where the files of an agent are not what they were when its target was judged.
    async fn check_files(&self, judged: &[FileStamp]) -> Result<(), AgentError> {
        for judged in judged {
            let now = self.files.stamp(&judged.path, Some(judged)).await;
            if now.map_or(true, |now| now.digest != judged.digest) {
                let message = format!("`{}` changed while the run was under way; run again", judged.path);
                return Err(AgentError::new(FailureKind::Permanent, message).of_agent());
            }
        }
        Ok(())
    }

    fn make(&self, slot: &Slot, is_new: Arc<AtomicBool>) -> Result<Arc<dyn Agent>, AgentError> {
        let unknown =
            || AgentError::new(FailureKind::Permanent, format!("nothing answers for agent `{}`", slot.agent));
        let model = self.model.agents.get(slot.agent.as_str()).ok_or_else(unknown)?;
        let factory =
            self.factories.iter().find(|factory| factory.handles(&model.spec)).ok_or_else(unknown)?;
        let remarks = Arc::new(SlotRemarks { slot: slot.clone(), is_new, remarks: self.remarks.clone() });
        let (name, spec) = (model.name.clone(), model.spec.clone());
        factory.make(&Blueprint {
            name,
            spec,
            declared: self.model.declared.clone(),
            clone: slot.clone,
            remarks,
        })
    }

    async fn answer(&self, clone: &Clone, call: Call, cancel: &Cancel) -> Result<Reply, AgentError> {
        match call.timeout {
            None => self.open_and_answer(clone, call, cancel).await,
            // Apart, so that calls that may take any time do not need the room for this.
            Some(timeout) => self.answer_in_time(clone, call, cancel, timeout).boxed().await,
        }
    }

    async fn answer_in_time(
        &self,
        clone: &Clone,
        call: Call,
        cancel: &Cancel,
        timeout: Duration,
    ) -> Result<Reply, AgentError> {
        let stop = Cancel::new();
        let answer = pin!(self.open_and_answer(clone, call, &stop));
        let limit = select(cancel.fired(), self.clock.sleep(timeout));
        match select(answer, limit).await {
            Either::Left((reply, _)) => reply,
            Either::Right((ended, answer)) => {
                stop.fire();
                // The agent gets a moment to clean up; a reply that still comes was paid for and counts.
                let late = select(answer, self.clock.sleep(GRACE)).await;
                let error = match ended {
                    Either::Left(_) => AgentError::new(FailureKind::Cancelled, "cancelled"),
                    Either::Right(_) => {
                        let limit = refrain_schemas::duration::Span(timeout);
                        AgentError::new(FailureKind::TimedOut, format!("no answer within {limit}"))
                    }
                };
                match late {
                    Either::Left((Ok(reply), _)) => Ok(reply),
                    // What the call consumed until then, only the agent knows.
                    Either::Left((Err(known), _)) => {
                        Err(AgentError { usage: known.usage, trace: known.trace, ..error })
                    }
                    Either::Right(_) => Err(error),
                }
            }
        }
    }

    async fn open_and_answer(&self, clone: &Clone, call: Call, cancel: &Cancel) -> Result<Reply, AgentError> {
        let mut is_open = clone.is_open.lock().await;
        if !*is_open {
            // Nothing has been asked yet, so it does not lie with what is.
            clone.agent.open().await.map_err(AgentError::of_agent)?;
            *is_open = true;
            let agent = call.slot.agent.clone();
            self.remarks.put(&call.slot, EventKind::AgentOpened { agent, clone: call.slot.clone });
        }
        drop(is_open);
        let reply = clone.agent.answer(call.request, cancel).await?;
        if !clone.is_new.load(Ordering::Relaxed) {
            return Ok(reply);
        }
        if let Err(changed) = self.check_files(&call.files).await {
            // Which of the two programs answered, nobody knows; it was paid all the same.
            self.dismiss(&call.slot).await;
            return Err(AgentError { usage: reply.usage, trace: Box::new(reply.trace), ..changed });
        }
        clone.is_new.store(false, Ordering::Relaxed);
        Ok(reply)
    }

    /// Closes the clone of a slot, if it has one.
    async fn dismiss(&self, slot: &Slot) {
        let clone = self.clones().remove(slot);
        if let Some(clone) = clone {
            self.shut(slot, &clone).await;
        }
    }

    async fn shut(&self, slot: &Slot, clone: &Clone) {
        clone.agent.close().await;
        if *clone.is_open.lock().await {
            self.remarks.put(slot, EventKind::AgentClosed { agent: slot.agent.clone(), clone: slot.clone });
        }
    }
}

#[async_trait]
impl Executor for LocalExecutor {
    async fn execute(&self, call: Call, cancel: &Cancel) -> Result<Reply, AgentError> {
        // A panic is the agent's own; the run and the other agents go on.
        let answer = AssertUnwindSafe(async {
            let clone = self.clone_for(&call).await?;
            self.answer(&clone, call, cancel).await
        });
        let answer = answer.catch_unwind().await;
        answer.unwrap_or_else(|_| Err(AgentError::new(FailureKind::Permanent, "the agent panicked")))
    }

    async fn close(&self) {
        let mut clones: Vec<(Slot, Arc<Clone>)> = std::mem::take(&mut *self.clones()).into_iter().collect();
        clones.sort_by(|(a, _), (b, _)| a.cmp(b));
        let closing = clones.iter().map(|(slot, clone)| self.shut(slot, clone));
        futures::future::join_all(closing).await;
    }
}

/// What agents said and the run has not told yet.
#[derive(Debug, Clone, Default)]
pub struct RemarkBox(Arc<Mutex<Vec<Remark>>>);

/// Something an agent said: in the phase of its pool, about no scope in particular.
pub type Remark = (Target, EventKind);

/// The most remarks that wait; an agent that says more in between is cut short.
const MOST_REMARKS: usize = 10_000;

impl RemarkBox {
    /// Takes out what has been said.
    #[must_use]
    pub fn take(&self) -> Vec<Remark> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, slot: &Slot, kind: EventKind) {
        let mut remarks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remarks.len() < MOST_REMARKS {
            remarks.push((Target { phase: slot.phase.clone(), scope: Scope::none() }, kind));
        }
    }
}

#[derive(Debug)]
struct SlotRemarks {
    slot: Slot,
    is_new: Arc<AtomicBool>,
    remarks: RemarkBox,
}

impl SlotRemarks {
    fn agent(&self) -> AgentName {
        self.slot.agent.clone()
    }
}

impl Remarks for SlotRemarks {
    fn say(&self, line: &str) {
        let kind =
            EventKind::AgentLogged { agent: self.agent(), clone: self.slot.clone, line: line.to_owned() };
        self.remarks.put(&self.slot, kind);
    }

    fn started(&self) {
        self.is_new.store(true, Ordering::Relaxed);
    }

    fn restarted(&self, reason: &str) {
        let kind = EventKind::AgentRestarted {
            agent: self.agent(),
            clone: self.slot.clone,
            reason: reason.to_owned(),
        };
        self.remarks.put(&self.slot, kind);
    }
}
