//! Which turns a loop has, one after the other.

use std::sync::Arc;

use refrain_schemas::name::DimensionName;
use refrain_schemas::scope::Scope;
use serde_json::Value;

use crate::condition::Condition;
use crate::engine::EngineError;
use crate::execution::Execution;
use crate::fill::Pattern;
use crate::judge::UpstreamNow;
use crate::model::{Asked, LoopKind, LoopWork, Model, OutputSchema, Phase};
use crate::ports::store::Store;
use crate::sight::Seen;
use crate::template::Context;

use super::document::documents;
use super::{Bindings, Round, Told, is_bad};

/// How far a loop has gone.
#[derive(Debug, Clone, Default)]
pub struct Rounds {
    items: Option<Arc<[Value]>>,
    n: usize,
    /// The first turn that has started since it was last made out what comes next.
    row: usize,
    /// How many turns may have started before that is made out again.
    open: usize,
    /// How long the calls of the turns took that are over.
    took_ms: u64,
}

/// What comes next.
#[derive(Debug, Clone)]
pub enum Next {
    /// A turn.
    Turn(Arc<Round>),
    /// No further one.
    Over(LoopEnd),
}

/// Why a loop has no further turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopEnd {
    /// It has gone round as often as it should.
    Completed,
    /// It has gone round as often as it may.
    MaxIterations,
    /// A turn failed, or waits for a person.
    Broken,
    /// Its time was up before the next turn.
    TimeUp,
}

impl LoopEnd {
    /// Returns the word for it.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Completed => "condition",
            Self::MaxIterations => "max_iterations",
            Self::Broken => "error",
            Self::TimeUp => "timeout",
        }
    }
}

/// What a loop sees while it goes round.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// Its phase.
    pub phase: &'a Phase,
    /// How it goes round.
    pub work: &'a LoopWork,
    /// The project.
    pub model: &'a Model,
    /// Its scope.
    pub scope: &'a Scope,
    /// What comes before it.
    pub upstream: &'a [UpstreamNow],
    /// The turns that it is in itself.
    pub bindings: &'a Bindings,
    /// The execution that the run belongs to.
    pub execution: Option<&'a Execution>,
    /// Where documents are.
    pub store: &'a dyn Store,
}

/// Why a loop cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TurnsError {
    /// What it reads does not fit.
    #[error("{0}")]
    Data(String),
    /// Something is broken.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Rounds {
    /// Returns what comes next, where nothing has to be looked at for it.
    pub fn ready(&mut self, phase: &Phase, work: &LoopWork) -> Option<Next> {
        let items = self.items.as_ref()?;
        if self.n >= items.len() {
            return Some(Next::Over(LoopEnd::Completed));
        }
        if self.n >= self.open {
            return None;
        }
        let round = round(phase, work, self.n, self.took_ms, Told::Items(items.clone()))?;
        self.n += 1;
        Some(Next::Turn(round))
    }

    /// Whether there is a turn that may start whatever becomes of those before it.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        self.items.as_ref().is_some_and(|items| self.n < items.len().min(self.open))
    }

    /// Whether the list goes on, and it hangs on conditions how.
    fn is_behind_a_row(&self) -> bool {
        self.items.as_ref().is_some_and(|items| self.n < items.len() && self.n >= self.open)
    }

    /// Returns the number of the first turn that has started since it was last made out what comes next.
    #[must_use]
    pub const fn row(&self) -> usize {
        self.row
    }

    /// Makes out what comes next; `last` is what became of the turns since it was last made out.
    ///
    /// # Errors
    /// Fails where a text does, where there is no list or a longer one than there may be, and where the store does.
    pub async fn next(&mut self, around: &Around<'_>, last: &[Vec<UpstreamNow>]) -> Result<Next, TurnsError> {
        let Around { phase, work, .. } = *around;
        match &work.kind {
            LoopKind::Each { list, asked } => {
                if self.items.is_none() {
                    self.items = Some(around.items(list).await?);
                    self.open = if asked.is_some() { 0 } else { usize::MAX };
                }
                // Within a row nothing is asked, and nothing behind the last one.
                let is_asked = self.is_behind_a_row();
                if let Some(asked) = asked.as_ref().filter(|_| is_asked)
                    && !self.next_row(around, asked, last).await?
                {
                    return Ok(Next::Over(LoopEnd::Completed));
                }
                Ok(self.ready(phase, work).unwrap_or(Next::Over(LoopEnd::Completed)))
            }
            LoopKind::Once { with, takes } => {
                if self.n > 0 {
                    return Ok(Next::Over(LoopEnd::Completed));
                }
                let with = around.fill(with, &around.context(None, &[]).await?)?;
                if let Some(takes) = takes {
                    held(takes, &with)?;
                }
                Ok(self.turn(around, Told::With(Arc::new(with))))
            }
            LoopKind::While(asked) => {
                let last = last.last().map_or(&[][..], Vec::as_slice);
                self.next_while(around, asked, last).await
            }
        }
    }

    /// Makes out how many turns of a list start at once; tells whether there are any. Those that a condition lets start do so
    /// together and are all over before it is asked again, so that it does not hang on timing which turns there are.
    async fn next_row(
        &mut self,
        around: &Around<'_>,
        asked: &Asked,
        last: &[Vec<UpstreamNow>],
    ) -> Result<bool, TurnsError> {
        let items = self.items.clone().unwrap_or_default();
        let told = |made: &Arc<Value>| Told::Between(items.clone(), made.clone());
        let at = |number: usize, made: &Arc<Value>| round(around.phase, around.work, number, 0, told(made));
        let mut made = Arc::new(documents(around, &[]).await?);
        for (number, turn) in (self.row..).zip(last) {
            made = Arc::new(documents(around, turn).await?);
            // One that failed says nothing.
            let is_asked = !turn.iter().any(|inner| is_bad(around.model, inner));
            if let Some(after) = asked.after.as_deref().filter(|_| is_asked)
                && around.holds(after, "until", at(number, &made), turn).await?
            {
                return Ok(false);
            }
        }
        self.row = self.n;
        self.open = self.n.saturating_add(around.work.max_parallel).min(items.len());
        let Some(before) = &asked.before else { return Ok(self.open > self.n) };
        for number in self.n..self.open {
            if !around.holds(before, "while", at(number, &made), &[]).await? {
                self.open = number;
                break;
            }
        }
        Ok(self.open > self.n)
    }

    async fn next_while(
        &mut self,
        around: &Around<'_>,
        asked: &Asked,
        last: &[UpstreamNow],
    ) -> Result<Next, TurnsError> {
        let Asked { before, after } = asked;
        self.took_ms = last.iter().fold(self.took_ms, |sum, inner| sum.saturating_add(inner.took_ms));
        let took_ms = self.took_ms;
        let documents = Arc::new(documents(around, last).await?);
        let told = || Told::Last(documents.clone());
        let at = |number: usize| round(around.phase, around.work, number, took_ms, told());
        if let (Some(after), Some(number)) = (after, self.n.checked_sub(1))
            && around.holds(after, "until", at(number), last).await?
        {
            return Ok(Next::Over(LoopEnd::Completed));
        }
        if let Some(before) = before
            && !around.holds(before, "while", at(self.n), &[]).await?
        {
            return Ok(Next::Over(LoopEnd::Completed));
        }
        if self.n >= around.work.max {
            return Ok(Next::Over(LoopEnd::MaxIterations));
        }
        Ok(self.turn(around, told()))
    }

    fn turn(&mut self, around: &Around<'_>, told: Told) -> Next {
        let Some(round) = round(around.phase, around.work, self.n, self.took_ms, told) else {
            return Next::Over(LoopEnd::Completed);
        };
        self.row = self.n;
        self.n += 1;
        Next::Turn(round)
    }
}

/// Holds what a turn is given to what it takes.
fn held(takes: &OutputSchema, with: &Value) -> Result<(), TurnsError> {
    let Some(error) = takes.validator.iter_errors(with).next() else { return Ok(()) };
    let path = error.instance_path().to_string();
    let path = path.trim_start_matches('/').replace('/', ".");
    let what = if path.is_empty() { String::new() } else { format!("`{path}`: ") };
    Err(TurnsError::Data(format!("what it is given does not fit: {what}{error}")))
}

/// A text that is a list as JSON, such as the answer of a program, is that list.
fn written_list(value: Value) -> Value {
    match &value {
        Value::String(text) if text.trim_start().starts_with('[') => match serde_json::from_str(text) {
            Ok(list @ Value::Array(_)) => list,
            _ => value,
        },
        _ => value,
    }
}

impl Around<'_> {
    async fn items(&self, list: &Pattern) -> Result<Arc<[Value]>, TurnsError> {
        let max = self.work.max;
        match written_list(self.fill(list, &self.context(None, &[]).await?)?) {
            Value::Array(items) if items.len() <= max => Ok(items.into()),
            Value::Array(items) => {
                let n = items.len();
                Err(TurnsError::Data(format!(
                    "the list has {n} items, and this loop has {max} turns at most"
                )))
            }
            other => {
                let what = match other {
                    Value::String(text) if text.contains(',') => {
                        "a text with commas; write `| split(',')` behind it"
                    }
                    Value::Null => "nothing",
                    Value::Bool(_) => "true or false",
                    Value::Number(_) => "a number",
                    Value::String(_) => "a text",
                    Value::Array(_) | Value::Object(_) => "an object",
                };
                Err(TurnsError::Data(format!("`for_each` goes over a list, and this is {what}")))
            }
        }
    }

    async fn holds(
        &self,
        condition: &Condition,
        key: &str,
        round: Option<Arc<Round>>,
        last: &[UpstreamNow],
    ) -> Result<bool, TurnsError> {
        let context = self.context(round, last).await?;
        condition.holds(&context).map_err(|error| TurnsError::Data(format!("`{key}`: {error}")))
    }

    pub(super) fn fill(&self, pattern: &Pattern, context: &Context) -> Result<Value, TurnsError> {
        pattern.fill(context).map_err(|error| TurnsError::Data(error.to_string()))
    }

    /// Returns what the texts of the loop see, in a turn of its own if there is one; `last` is what became of its phases.
    pub(super) async fn context(
        &self,
        round: Option<Arc<Round>>,
        last: &[UpstreamNow],
    ) -> Result<Context, EngineError> {
        let upstream: Vec<UpstreamNow> = self.upstream.iter().chain(last).cloned().collect();
        let bindings = round.map_or_else(|| self.bindings.clone(), |round| self.bindings.with(round));
        let scope = self.phase.fixed(self.scope);
        let seen = Seen {
            model: self.model,
            scope: &scope,
            upstream: &upstream,
            store: self.store,
            bindings: &bindings,
            execution: self.execution,
        };
        self.work.sight.context(&seen).await
    }
}

/// Returns a turn of a loop.
pub(super) fn round(
    phase: &Phase,
    work: &LoopWork,
    number: usize,
    took_ms: u64,
    told: Told,
) -> Option<Arc<Round>> {
    let of: DimensionName = phase.own_dimension()?;
    let (id, title, item) = (work.id.clone(), work.title.clone(), work.item.clone());
    Some(Arc::new(Round { of, id, title, item, number, took_ms, told }))
}
