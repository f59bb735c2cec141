//! Asks that wait for a reply under a key: one of them is asked, and when it is given up another one asks.

use refrain_schemas::digest::Digest;

use crate::model::Work;

use super::input::{AskRef, Asks, TargetNo};
use super::roster::Targets;
use super::state::RunState;
use super::unit_state::AskState;

/// Asks with one key: one of them is asked, the others wait for its reply.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) asks: Asks,
    pub(super) asked: Option<AskRef>,
    /// Whether that one is in a call.
    pub(super) is_flying: bool,
}

impl Waiting {
    /// Lets the first that is left ask, one whose turn has come before others.
    pub(super) fn inherit(&mut self, targets: &Targets) -> Option<AskRef> {
        let ready: Vec<AskRef> = self.asks.iter().copied().filter(|ask| may_ask(targets, *ask)).collect();
        let due = ready.iter().find(|ask| !targets.is_early(ask.target));
        (self.asked, self.is_flying) = (due.or(ready.first()).copied(), false);
        self.asked
    }
}

/// Whether an ask that waits may ask for itself. One that the ledger is still being looked into for asks, if it has to, when
/// that is over.
fn may_ask(targets: &Targets, ask: AskRef) -> bool {
    !is_looking(targets, ask) && !is_relieved(targets, ask)
}

/// Whether the ledger is being looked into for an ask.
pub(super) fn is_looking(targets: &Targets, ask: AskRef) -> bool {
    let job = targets[ask.target].job();
    let state = job.and_then(|job| job.units.get(ask.unit)?.asks.get(ask.ask));
    state.is_some_and(|ask| matches!(ask.state, AskState::Looking))
}

/// Whether somebody else asks in the stead of an ask's target.
fn is_relieved(targets: &Targets, ask: AskRef) -> bool {
    targets.is_forerunner(ask.target) && targets[ask.target].job().is_some_and(|job| job.is_relieved)
}

impl RunState {
    /// Whether an ask is the one that asks for its key: nobody else does, or only one that may have to wait for this one.
    pub(super) fn is_to_ask(&self, ask: AskRef, key: Digest) -> bool {
        let Some(waiting) = self.by_key.get(&key) else { return false };
        let yields =
            |owner: AskRef| !waiting.is_flying && self.is_early(owner.target) && !self.is_early(ask.target);
        !is_relieved(&self.targets, ask) && waiting.asked.is_none_or(yields)
    }

    /// Lets an ask be the one that asks for its key.
    pub(super) fn entrust(&mut self, ask: AskRef, key: Digest) {
        if let Some(waiting) = self.by_key.get_mut(&key) {
            (waiting.asked, waiting.is_flying) = (Some(ask), false);
            self.enqueue(ask);
        }
    }

    /// Lets others whose turn has come ask for themselves what a call ahead of its turn did not bring.
    pub(super) fn hand_over(&mut self, asks: &[AskRef]) {
        for ask in asks.iter().copied().filter(|ask| self.is_early(ask.target)).collect::<Vec<_>>() {
            let Some(key) = self.open_key(ask) else { continue };
            let waiting = self.by_key.get(&key).filter(|waiting| waiting.asked == Some(ask));
            let is_due = |other: &&AskRef| may_ask(&self.targets, **other) && !self.is_early(other.target);
            let heir = waiting.and_then(|waiting| waiting.asks.iter().find(is_due).copied());
            if let Some(heir) = heir {
                self.entrust(heir, key);
            }
        }
    }

    /// Takes note of which asks are in a call, or are no more.
    pub(super) fn note_flying(&mut self, asks: &[AskRef], is_flying: bool) {
        for ask in asks {
            let Some(key) = self.open_key(*ask) else { continue };
            if let Some(waiting) = self.by_key.get_mut(&key).filter(|waiting| waiting.asked == Some(*ask)) {
                waiting.is_flying = is_flying;
            }
        }
    }

    /// Whether an ask that waits is still the one that asks for its key, and in no call.
    pub(super) fn is_still_to_ask(&self, ask: AskRef) -> bool {
        let waiting = self.open_key(ask).and_then(|key| self.by_key.get(&key));
        waiting.is_some_and(|waiting| waiting.asked == Some(ask) && !waiting.is_flying)
    }

    /// Lets an ask wait for a call of its own.
    pub(super) fn enqueue(&mut self, ask: AskRef) {
        let Some(job) = self.targets[ask.target].job() else { return };
        let (group, row) = (job.units[ask.unit].group, job.units[ask.unit].asks[ask.ask].row);
        let member = row.member as usize;
        if let Some(failure) = job.why_unable(member) {
            return self.refuse_key(self.targets[ask.target].phase, row.key, &failure);
        }
        let no = self.pool_no(ask.target, member);
        self.agenda.waits(no);
        self.pools[no].pool.wait(group, ask);
    }

    /// Takes note that an ask does not wait for a reply under a key any more.
    pub(super) fn leave_key(&mut self, ask: AskRef, key: Digest) {
        if let Some(waiting) = self.by_key.get_mut(&key) {
            waiting.asks.retain(|other| *other != ask);
            if waiting.asks.is_empty() {
                self.by_key.remove(&key);
            }
        }
    }

    /// Forgets the packs that wait for a target.
    pub(super) fn forget_packs(&mut self, no: TargetNo) {
        let Work::Ask(work) = &self.model.phases[self.targets[no].phase].work else { return };
        let first = self.first_pool[self.targets[no].phase];
        let own = &mut self.pools[first..first + work.pool.len()];
        own.iter_mut().for_each(|seat| seat.pool.forget(no));
    }

    /// Forgets the asks of a target that has ended; another target that waits for one of them asks it itself.
    pub(super) fn forget_waiting(&mut self, no: TargetNo) {
        self.forget_packs(no);
        let (mut heirs, targets) = (Vec::new(), &self.targets);
        self.by_key.retain(|_, waiting| {
            waiting.asks.retain(|ask| ask.target != no);
            if waiting.asked.is_some_and(|asked| asked.target == no) {
                heirs.extend(waiting.inherit(targets));
            }
            !waiting.asks.is_empty()
        });
        heirs.sort_unstable();
        heirs.into_iter().for_each(|ask| self.enqueue(ask));
    }
}
