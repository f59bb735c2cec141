//! A store in memory that refuses what an engine must never do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use refrain_core::ports::store::{
    Batch, CallFilter, Collected, InDoubt, Keep, LedgerSummary, Opening, PageBytes, Store, StoreError,
};
use refrain_schemas::digest::Digest;
use refrain_schemas::exchange::Exchange;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{
    AskResult, AskView, CallState, CallView, Imported, Intent, Lane, LaneSum, LedgerEntry, Outcome, Rung,
};
use refrain_schemas::name::{CallId, RunId};
use refrain_schemas::status::Holder;
use refrain_schemas::usage::Usage;

/// Keeps everything in memory, for tests.
///
/// It is stricter than a store has to be: it refuses an intent in a lane that was not declared, a call number used
/// twice, an outcome or an abandonment without an open intent, an outcome for what was not asked, an alias of nothing,
/// and a page under a digest that is not its own. What stood before the refused entry in its batch is kept: a refusal is
/// a defect of the engine, not something to go on from. Handles made with [`MemoryStore::reopen`] stand for other processes;
/// dropping one that writes stands for its death.
#[derive(Debug)]
pub struct MemoryStore {
    shared: Arc<Mutex<Shared>>,
    handle: u64,
}

#[derive(Debug, Default)]
struct Shared {
    handles: u64,
    writer: Option<(u64, Holder)>,
    kept: Kept,
}

#[derive(Debug, Clone, Default)]
struct Kept {
    history: Vec<HistoryEntry>,
    lanes: BTreeMap<u32, Lane>,
    calls: BTreeMap<CallId, CallView>,
    order: Vec<CallId>,
    lane_of: BTreeMap<CallId, u32>,
    exchanges: BTreeMap<CallId, Vec<Exchange>>,
    replies: BTreeMap<Digest, Reply>,
    pages: BTreeMap<Digest, PageBytes>,
}

/// A reply and the ask it came from, which under an alias is not the one it is found by.
#[derive(Debug, Clone)]
struct Reply {
    json: Json,
    call: CallId,
    key: Digest,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self { shared: Arc::default(), handle: 0 }
    }

    /// Opens the same store as another process would.
    #[must_use]
    pub fn reopen(&self) -> Self {
        let mut shared = self.lock();
        shared.handles += 1;
        Self { shared: self.shared.clone(), handle: shared.handles }
    }

    /// Changes pages under digests that stay, as somebody does who writes a state folder of their own; `None` leaves one as it is.
    pub fn tamper(&self, mut change: impl FnMut(&[u8]) -> Option<Vec<u8>>) {
        for bytes in self.lock().kept.pages.values_mut() {
            if let Some(changed) = change(bytes) {
                *bytes = changed.into();
            }
        }
    }

    /// Makes a store that holds the same.
    #[must_use]
    pub fn copy(&self) -> Self {
        let kept = self.lock().kept.clone();
        Self { shared: Arc::new(Mutex::new(Shared { kept, ..Shared::default() })), handle: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writes(&self, shared: &Shared) -> bool {
        shared.writer.as_ref().is_some_and(|(handle, _)| *handle == self.handle)
    }

    fn free(&self) {
        let mut shared = self.lock();
        if self.writes(&shared) {
            shared.writer = None;
        }
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.free();
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn begin_writing(&self, holder: &Holder) -> Result<Opening, StoreError> {
        let mut shared = self.lock();
        if let Some((_, holder)) = &shared.writer {
            return Err(StoreError::Held { holder: Box::new(holder.clone()) });
        }
        shared.writer = Some((self.handle, holder.clone()));
        Ok(shared.kept.opening())
    }

    async fn end_writing(&self) -> Result<(), StoreError> {
        self.free();
        Ok(())
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        Ok(self.lock().writer.as_ref().map(|(_, holder)| holder.clone()))
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut shared = self.lock();
        if !self.writes(&shared) {
            return Err(StoreError::ReadOnly);
        }
        shared.kept.commit(batch)
    }

    async fn history(&self) -> Result<Vec<HistoryEntry>, StoreError> {
        Ok(self.lock().kept.history.clone())
    }

    async fn replies(&self, keys: &[Digest]) -> Result<Vec<Option<Json>>, StoreError> {
        let shared = self.lock();
        Ok(keys.iter().map(|key| shared.kept.replies.get(key).map(|reply| reply.json.clone())).collect())
    }

    async fn pages(&self, digests: &[Digest]) -> Result<Vec<PageBytes>, StoreError> {
        let shared = self.lock();
        let page = |digest: &Digest| {
            shared.kept.pages.get(digest).cloned().ok_or(StoreError::Missing { digest: *digest })
        };
        digests.iter().map(page).collect()
    }

    async fn calls(&self, filter: &CallFilter) -> Result<Vec<CallView>, StoreError> {
        Ok(self.lock().kept.calls(filter))
    }

    async fn ledger_summary(&self) -> Result<LedgerSummary, StoreError> {
        Ok(self.lock().kept.summary())
    }

    async fn lane_sums(&self) -> Result<Vec<LaneSum>, StoreError> {
        Ok(self.lock().kept.lane_sums())
    }

    async fn recorded(&self) -> Result<Vec<Digest>, StoreError> {
        Ok(self.lock().kept.replies.keys().copied().collect())
    }

    async fn exchanges(&self, call: CallId) -> Result<Vec<Exchange>, StoreError> {
        Ok(self.lock().kept.exchanges.get(&call).cloned().unwrap_or_default())
    }

    async fn collect(&self, keep: Keep) -> Result<Collected, StoreError> {
        let mut shared = self.lock();
        if !self.writes(&shared) {
            return Err(StoreError::ReadOnly);
        }
        Ok(if keep.dry_run { shared.kept.clone().collect(&keep) } else { shared.kept.collect(&keep) })
    }
}

fn refuse<T>(message: String) -> Result<T, StoreError> {
    Err(StoreError::Damaged { what: "the batch".to_owned(), message })
}

impl Kept {
    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        for (digest, bytes) in batch.pages {
            if Digest::of_content(&bytes) != digest {
                return refuse(format!("page {digest} does not have this digest"));
            }
            self.pages.entry(digest).or_insert_with(|| Arc::from(bytes));
        }
        self.exchanges.extend(batch.exchanges.into_iter().filter(|(_, exchanges)| !exchanges.is_empty()));
        for entry in batch.ledger {
            self.enter(entry)?;
        }
        self.history.extend(batch.history);
        Ok(())
    }

    fn enter(&mut self, entry: LedgerEntry) -> Result<(), StoreError> {
        match entry {
            LedgerEntry::Lane(lane) => match self.lanes.insert(lane.lane, lane) {
                Some(lane) => refuse(format!("lane {} is declared twice", lane.lane)),
                None => Ok(()),
            },
            LedgerEntry::Intent(intent) => self.intend(&intent),
            LedgerEntry::Outcome(outcome) => self.end(outcome),
            LedgerEntry::Abandoned(abandoned) => {
                let view = self.in_doubt(abandoned.call)?;
                (view.state, view.counted_against) = (CallState::Abandoned, Some(abandoned.run_id));
                Ok(())
            }
            LedgerEntry::Alias(alias) => {
                let Some(reply) = self.replies.get(&alias.of).cloned() else {
                    return refuse(format!("the alias {} is of nothing", alias.key));
                };
                self.replies.insert(alias.key, reply);
                Ok(())
            }
            LedgerEntry::Imported(imported) => {
                let Imported { key, reply } = imported;
                self.replies.insert(key, Reply { json: reply, call: CallId(u64::MAX), key });
                Ok(())
            }
        }
    }

    fn intend(&mut self, intent: &Intent) -> Result<(), StoreError> {
        let Some(lane) = self.lanes.get(&intent.lane) else {
            return refuse(format!(
                "call {} is in lane {}, which was not declared",
                intent.call, intent.lane
            ));
        };
        let asks =
            intent.asks.iter().map(|ask| AskView { key: ask.key, unit: ask.unit.clone(), result: None });
        let view = CallView {
            call: intent.call,
            run_id: lane.run_id,
            target: lane.target.clone(),
            agent: lane.agent.clone(),
            model: lane.model.clone(),
            attempt: intent.attempt,
            rung: intent.rung,
            intended_at: intent.at,
            ended_at: None,
            state: CallState::InDoubt,
            usage: Usage::default(),
            ceiling: intent.ceiling,
            served: None,
            counted_against: None,
            asks: asks.collect(),
        };
        self.order.push(intent.call);
        self.lane_of.insert(intent.call, intent.lane);
        match self.calls.insert(intent.call, view) {
            Some(_) => refuse(format!("call {} is intended twice", intent.call)),
            None => Ok(()),
        }
    }

    fn in_doubt(&mut self, call: CallId) -> Result<&mut CallView, StoreError> {
        match self.calls.get_mut(&call).filter(|view| view.state == CallState::InDoubt) {
            Some(view) => Ok(view),
            None => refuse(format!("call {call} has no open intent")),
        }
    }

    fn end(&mut self, outcome: Outcome) -> Result<(), StoreError> {
        let view = self.in_doubt(outcome.call)?;
        view.state = CallState::Done;
        view.ended_at = Some(outcome.at);
        view.usage = outcome.usage;
        view.served = outcome.served;
        let mut replies = Vec::new();
        for ask in outcome.asks {
            let open = view.asks.iter_mut().find(|asked| asked.key == ask.key && asked.result.is_none());
            let Some(asked) = open else {
                return refuse(format!(
                    "call {} has an outcome for {}, which it did not ask",
                    outcome.call, ask.key
                ));
            };
            if let AskResult::Reply(json) = &ask.result {
                replies.push(Reply { json: json.clone(), call: outcome.call, key: ask.key });
            }
            asked.result = Some(ask.result);
        }
        self.replies.extend(replies.into_iter().map(|reply| (reply.key, reply)));
        Ok(())
    }

    fn opening(&self) -> Opening {
        let in_doubt = self.calls.values().filter(|view| view.state == CallState::InDoubt);
        Opening {
            recovered: Vec::new(),
            next_call: self.calls.last_key_value().map_or(CallId(0), |(call, _)| call.next()),
            next_lane: self.lanes.last_key_value().map_or(0, |(lane, _)| lane + 1),
            in_doubt: in_doubt.map(InDoubt::from).collect(),
        }
    }

    fn calls(&self, filter: &CallFilter) -> Vec<CallView> {
        let wanted = |view: &&CallView| {
            filter.call.is_none_or(|call| call == view.call)
                && filter.run_id.is_none_or(|run_id| run_id == view.run_id)
                && filter.agent.as_ref().is_none_or(|agent| *agent == view.agent)
                && filter.phase.as_deref().is_none_or(|phase| phase == view.target.phase.as_str())
                && filter
                    .unit
                    .as_deref()
                    .is_none_or(|unit| view.asks.iter().any(|ask| ask.unit.as_str() == unit))
                && (!filter.in_doubt || view.state != CallState::Done)
        };
        let calls: Vec<&CallView> =
            self.order.iter().filter_map(|call| self.calls.get(call)).filter(wanted).collect();
        let surplus = filter.last.map_or(0, |last| calls.len().saturating_sub(last));
        let view = |view: &CallView| {
            let mut view = view.clone();
            let results = view.asks.iter_mut().filter_map(|ask| ask.result.as_mut());
            for result in
                results.filter(|result| filter.without_replies && matches!(result, AskResult::Reply(_)))
            {
                *result = AskResult::Reply(Json::null());
            }
            view
        };
        calls.into_iter().skip(surplus).map(view).collect()
    }

    fn summary(&self) -> LedgerSummary {
        let mut summary = LedgerSummary::default();
        for view in self.calls.values() {
            match view.state {
                CallState::Done => summary.done += 1,
                CallState::InDoubt => summary.in_doubt += 1,
                CallState::Abandoned => summary.abandoned += 1,
            }
            summary.usage.add(&view.usage);
        }
        summary
    }

    fn lane_sums(&self) -> Vec<LaneSum> {
        let mut sums: BTreeMap<(u32, Rung), LaneSum> = BTreeMap::new();
        for (call, view) in &self.calls {
            let Some(lane) = self.lane_of.get(call).and_then(|lane| self.lanes.get(lane)) else { continue };
            let sum =
                sums.entry((lane.lane, view.rung)).or_insert_with(|| LaneSum::new(lane.clone(), view.rung));
            sum.add(view.state, view.asks.len() as u64, &view.usage, view.ceiling.as_ref());
        }
        sums.into_values().collect()
    }

    fn collect(&mut self, keep: &Keep) -> Collected {
        let before = self.pages.len();
        self.pages.retain(|digest, _| keep.pages.contains(digest));
        let replies = keep.replies.as_ref().map_or(0, |keep| self.collect_replies(keep));
        let history = keep.history.as_ref().map_or(0, |keep| self.collect_history(keep));
        Collected { pages: (before - self.pages.len()) as u64, replies, history, bytes: 0 }
    }

    /// Removes replies; the calls stay on record.
    fn collect_replies(&mut self, keep: &BTreeSet<Digest>) -> u64 {
        let before = self.replies.len();
        self.replies.retain(|key, _| keep.contains(key));
        if self.replies.len() == before {
            return 0;
        }
        for view in self.calls.values_mut() {
            for ask in &mut view.asks {
                let latest = self.replies.get(&ask.key);
                let stays = latest.is_some_and(|latest| latest.call == view.call && latest.key == ask.key);
                if matches!(ask.result, Some(AskResult::Reply(_))) && !stays {
                    ask.result = None;
                }
            }
            if view.state == CallState::Done && view.asks.iter().all(|ask| ask.result.is_none()) {
                self.exchanges.remove(&view.call);
            }
        }
        (before - self.replies.len()) as u64
    }

    fn collect_history(&mut self, keep: &BTreeSet<usize>) -> u64 {
        let ended = |entry: &HistoryEntry| match entry {
            HistoryEntry::RunEnded(end) => Some(end.report.run_id),
            _ => None,
        };
        let removed = self.history.iter().enumerate().filter(|(n, _)| !keep.contains(n));
        let forgotten: BTreeSet<RunId> = removed.filter_map(|(_, entry)| ended(entry)).collect();
        let before = self.history.len();
        let mut n = 0;
        self.history.retain(|entry| {
            n += 1;
            match entry {
                HistoryEntry::RunStarted(start) => !forgotten.contains(&start.run_id),
                HistoryEntry::Generation(_) | HistoryEntry::Edits(_) => true,
                _ => keep.contains(&(n - 1)),
            }
        });
        (before - self.history.len()) as u64
    }
}
