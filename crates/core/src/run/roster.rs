//! The targets of a run by their numbers: those of the plan, and behind them their forerunners in the same order.

use std::ops::{Index, IndexMut};

use super::input::TargetNo;
use super::target_state::TargetState;

/// The targets of a run. How often one of them is looked at is counted where debug assertions are on: what a run costs hangs
/// on what it has to do, and a turn that looks at all there is would show.
#[derive(Debug)]
pub(super) struct Targets {
    all: Vec<TargetState>,
    n_planned: usize,
    looks: Looks,
}

impl Targets {
    /// Takes the targets of a plan, in its order, and makes places for their forerunners.
    pub(super) fn new(planned: Vec<TargetState>) -> Self {
        let behind: Vec<TargetState> = planned.iter().map(TargetState::forerunner).collect();
        let n_planned = planned.len();
        Self { all: planned.into_iter().chain(behind).collect(), n_planned, looks: Looks::default() }
    }

    /// Returns how many targets the plan has.
    pub(super) const fn n_planned(&self) -> usize {
        self.n_planned
    }

    /// Returns how many targets there are, forerunners included.
    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns the number of a target's forerunner.
    pub(super) const fn forerunner(&self, no: TargetNo) -> TargetNo {
        no + self.n_planned
    }

    /// Whether a number is that of a forerunner.
    pub(super) const fn is_forerunner(&self, no: TargetNo) -> bool {
        no >= self.n_planned
    }

    /// Returns the number of the target that a number stands for: of a forerunner, the one it runs ahead of.
    pub(super) const fn principal(&self, no: TargetNo) -> TargetNo {
        if self.is_forerunner(no) { no - self.n_planned } else { no }
    }

    /// Whether a number is that of a forerunner whose target has not come to ask itself.
    pub(super) fn is_early(&self, no: TargetNo) -> bool {
        self.is_forerunner(no) && self[self.principal(no)].is_before_asking()
    }

    /// Returns how often one of them was looked at so far.
    pub(super) fn looks(&self) -> u64 {
        self.looks.n()
    }
}

impl Index<TargetNo> for Targets {
    type Output = TargetState;

    fn index(&self, no: TargetNo) -> &TargetState {
        self.looks.count();
        &self.all[no]
    }
}

impl IndexMut<TargetNo> for Targets {
    fn index_mut(&mut self, no: TargetNo) -> &mut TargetState {
        self.looks.count();
        &mut self.all[no]
    }
}

/// A count that costs nothing where debug assertions are off.
#[derive(Debug, Default)]
struct Looks(#[cfg(debug_assertions)] std::sync::atomic::AtomicU64);

#[cfg(debug_assertions)]
impl Looks {
    fn count(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    fn n(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

#[cfg(not(debug_assertions))]
impl Looks {
    #[expect(clippy::unused_self, reason = "nothing is counted here")]
    const fn count(&self) {}

    #[expect(clippy::unused_self, reason = "nothing is counted here")]
    const fn n(&self) -> u64 {
        0
    }
}
