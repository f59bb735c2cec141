//! What of a run may move: targets whose turn has come, those that ask, pools in which something waits. A turn of the loop
//! looks at these and not at everything there is, so that what a run costs grows with its work and not with its square.

use std::collections::BTreeSet;

use crate::model::Model;

use super::forerunner::Forerunner;
use super::input::TargetNo;
use super::roster::Targets;
use super::state::PoolNo;

/// What of a run may move.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    /// The targets that wait for each, by its number.
    followers: Vec<Vec<TargetNo>>,
    /// How many that are not over each waits for.
    n_before: Vec<usize>,
    /// Targets that wait for nothing and have not been started.
    ready: BTreeSet<TargetNo>,
    /// How many targets are not over.
    n_open: usize,
    /// Targets that have a forerunner, or had one.
    ahead: Vec<TargetNo>,
    /// Whatever asks about units, forerunners included; some may have ended since.
    asking: BTreeSet<TargetNo>,
    /// Those among them that have more units than a run holds.
    wide: BTreeSet<TargetNo>,
    /// Those among them that may start no new call although the run goes on.
    stopped: BTreeSet<TargetNo>,
    /// Pools in which something waits; in some it may wait no longer.
    pools: BTreeSet<PoolNo>,
    /// The phases that read each phase, by their places in the model.
    readers: Vec<Vec<usize>>,
}

impl Agenda {
    /// Makes the agenda of a run that has not begun.
    pub(super) fn new(model: &Model, targets: &Targets, forerunners: &[Option<Forerunner>]) -> Self {
        let has_one = |no: &TargetNo| forerunners[*no].is_some();
        let mut agenda = Self {
            ahead: (0..targets.n_planned()).filter(has_one).collect(),
            readers: readers(model),
            ..Self::default()
        };
        for no in 0..targets.n_planned() {
            agenda.add(no, &targets[no].after);
        }
        agenda
    }

    /// Adds a target that waits for others, none of which is over.
    pub(super) fn add(&mut self, no: TargetNo, before: &[TargetNo]) {
        let len = self.n_before.len().max(no + 1);
        self.n_before.resize(len, 0);
        self.followers.resize(len.max(self.followers.len()), Vec::new());
        self.n_open += 1;
        self.n_before[no] = before.len();
        if before.is_empty() {
            self.ready.insert(no);
        }
        for before in before {
            if *before >= self.followers.len() {
                self.followers.resize(before + 1, Vec::new());
            }
            self.followers[*before].push(no);
        }
    }

    /// Takes out the first target that waits for nothing.
    pub(super) fn next_ready(&mut self) -> Option<TargetNo> {
        self.ready.pop_first()
    }

    /// Takes note that a target has ended.
    pub(super) fn has_ended(&mut self, no: TargetNo) {
        self.n_open = self.n_open.saturating_sub(1);
        self.asking.remove(&no);
        self.wide.remove(&no);
        self.stopped.remove(&no);
        for follower in std::mem::take(&mut self.followers[no]) {
            self.n_before[follower] = self.n_before[follower].saturating_sub(1);
            if self.n_before[follower] == 0 {
                self.ready.insert(follower);
            }
        }
    }

    /// Whether every target has ended.
    pub(super) const fn is_over(&self) -> bool {
        self.n_open == 0
    }

    /// Returns the targets that have a forerunner, or had one.
    pub(super) fn ahead(&self) -> Vec<TargetNo> {
        self.ahead.clone()
    }

    /// Returns whatever has a forerunner that is of a kind.
    pub(super) fn any_ahead(&self, is_of: impl Fn(TargetNo) -> bool) -> bool {
        self.ahead.iter().any(|no| is_of(*no))
    }

    /// Takes note that units of a target are being asked about.
    pub(super) fn asks(&mut self, no: TargetNo, is_wide: bool) {
        self.asking.insert(no);
        if is_wide {
            self.wide.insert(no);
        }
    }

    /// Returns what asks about units, as far as it still does, in order.
    pub(super) fn asking(&mut self, is_asking: impl Fn(TargetNo) -> bool) -> Vec<TargetNo> {
        self.asking.retain(|no| is_asking(*no));
        self.asking.iter().copied().collect()
    }

    /// Takes note that a target that asks may start no new call.
    pub(super) fn stops(&mut self, no: TargetNo) {
        self.stopped.insert(no);
    }

    /// Returns the targets that ask and may start no new call, in order.
    pub(super) fn stopped(&self) -> Vec<TargetNo> {
        self.stopped.iter().copied().collect()
    }

    /// Returns the targets that ask and have more units than a run holds, in order.
    pub(super) fn wide(&self) -> Vec<TargetNo> {
        self.wide.iter().copied().collect()
    }

    /// Takes note that something waits in a pool.
    pub(super) fn waits(&mut self, pool: PoolNo) {
        self.pools.insert(pool);
    }

    /// Returns the pools in which something waits, in order.
    pub(super) fn pools(&mut self, has_waiting: impl Fn(PoolNo) -> bool) -> Vec<PoolNo> {
        self.pools.retain(|no| has_waiting(*no));
        self.pools.iter().copied().collect()
    }

    /// Returns the phases that read a phase, in order.
    pub(super) fn readers(&self, phase: usize) -> &[usize] {
        &self.readers[phase]
    }
}

fn readers(model: &Model) -> Vec<Vec<usize>> {
    let mut readers = vec![Vec::new(); model.phases.len()];
    for (no, phase) in model.phases.iter().enumerate().filter(|(_, phase)| phase.enabled) {
        let read: BTreeSet<usize> = phase
            .edges()
            .filter(|edge| edge.read)
            .filter_map(|edge| model.places.get(&edge.phase).copied())
            .collect();
        read.into_iter().for_each(|earlier| readers[earlier].push(no));
    }
    readers
}
