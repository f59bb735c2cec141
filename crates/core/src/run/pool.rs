//! The agents of one phase: who is free, and what waits for them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use refrain_schemas::ledger::Rung;

use crate::ports::agent::Repair;

use super::input::{AskRef, Asks, TargetNo};

/// Whether asks may come that could join a pack which is not full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// None will.
    Over,
    /// Some may be on their way.
    Open,
    /// None will before the turn of the target, which may ask about more units that belong together with these.
    Deferred,
}

/// The clones of one agent in one phase, shared by the scopes of the phase.
#[derive(Debug, Default)]
pub struct Pool {
    /// Clones that are free, the lowest number last.
    free: Vec<u32>,
    /// How often the agent is asked about each unit.
    samples: u32,
    /// What waits, by target and then by group; asks stand in source order.
    waiting: BTreeMap<TargetNo, Groups>,
    /// Packs that are to be tried again.
    again: VecDeque<Pack>,
    /// The target that was served last; the next one is served next.
    last: TargetNo,
}

type Groups = BTreeMap<u32, VecDeque<AskRef>>;

/// Asks that travel in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// The target.
    pub target: TargetNo,
    /// The agent, by its place in the pool of the phase.
    pub member: usize,
    /// The asks, in source order.
    pub asks: Asks,
    /// Which attempt at them it is, from 1; those that the provider had no room for are not among them.
    pub attempt: u32,
    /// How often the provider had no room for them.
    pub limited: u32,
    /// Why they are asked.
    pub rung: Rung,
    /// What was wrong with the replies to them before, where the agent is told.
    pub repairs: Vec<Repair>,
}

impl Pack {
    /// Returns asks that nobody has been asked.
    #[must_use]
    pub const fn new(target: TargetNo, member: usize, asks: Asks) -> Self {
        Self { target, member, asks, attempt: 1, limited: 0, rung: Rung::First, repairs: Vec::new() }
    }
}

impl Pool {
    /// Makes a pool of free clones of an agent that is asked so often about each unit.
    #[must_use]
    pub fn new(clones: u32, samples: u32) -> Self {
        Self { free: (0..clones).rev().collect(), samples, ..Self::default() }
    }

    /// Adds an ask that waits.
    pub fn wait(&mut self, group: u32, ask: AskRef) {
        self.waiting.entry(ask.target).or_default().entry(group).or_default().push_back(ask);
    }

    /// Adds a pack that is to be tried again.
    pub fn wait_again(&mut self, pack: Pack) {
        self.again.push_back(pack);
    }

    /// Puts a pack back that could not leave after all.
    pub fn put_back(&mut self, pack: Pack) {
        self.again.push_front(pack);
    }

    /// Whether a clone is free.
    #[must_use]
    pub const fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Takes a free clone.
    pub fn take_clone(&mut self) -> Option<u32> {
        self.free.pop()
    }

    /// Gives a clone back.
    pub fn give_clone(&mut self, clone: u32) {
        let place = self.free.partition_point(|other| *other > clone);
        self.free.insert(place, clone);
    }

    /// Whether anything waits.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        !self.again.is_empty() || !self.waiting.is_empty()
    }

    /// Cuts the next pack of the targets that are due: one that is tried again, else the first of the next target in turn.
    /// `growth` tells of a target and group whether asks could come that join; an incomplete pack waits for them. Where they
    /// only come with the target's turn, the pack is put among those `left` to it.
    pub fn next_pack(
        &mut self,
        member: usize,
        max: usize,
        is_due: impl Fn(TargetNo) -> bool,
        growth: impl Fn(TargetNo, u32) -> Growth,
        left: &mut Vec<AskRef>,
    ) -> Option<Pack> {
        if let Some(at) = self.again.iter().position(|pack| is_due(pack.target)) {
            return self.again.remove(at);
        }
        let mut deferred: Vec<(TargetNo, u32)> = Vec::new();
        let mut is_ready = |target: TargetNo, group: u32, asks: &VecDeque<AskRef>| {
            self.is_full(asks, max)
                || match growth(target, group) {
                    Growth::Over => true,
                    Growth::Open => false,
                    Growth::Deferred => {
                        deferred.push((target, group));
                        false
                    }
                }
        };
        let mut after = self.waiting.range(self.last + 1..).chain(self.waiting.range(..=self.last));
        let first = after.find_map(|(target, groups)| {
            let mut groups = is_due(*target).then(|| groups.iter())?;
            groups.find(|(group, asks)| is_ready(*target, **group, asks)).map(|(group, _)| (*target, *group))
        });
        for (target, group) in deferred {
            left.extend(self.take_group(target, group));
        }
        let (target, group) = first?;
        self.last = target;
        let queue = self.waiting.get_mut(&target)?.get_mut(&group)?;
        let asks = take_pack(queue, max);
        if queue.is_empty() {
            self.take_group(target, group);
        }
        Some(Pack::new(target, member, asks))
    }

    /// Whether asks suffice for a full pack. Those about one unit travel apart.
    fn is_full(&self, asks: &VecDeque<AskRef>, max: usize) -> bool {
        if self.samples <= 1 || max == 1 || asks.len() < max {
            return asks.len() >= max;
        }
        let mut units = BTreeSet::new();
        asks.iter().any(|ask| units.insert(ask.unit) && units.len() == max)
    }

    fn take_group(&mut self, target: TargetNo, group: u32) -> VecDeque<AskRef> {
        let Some(groups) = self.waiting.get_mut(&target) else { return VecDeque::new() };
        let asks = groups.remove(&group).unwrap_or_default();
        if groups.is_empty() {
            self.waiting.remove(&target);
        }
        asks
    }

    /// Whether anything waits for a target.
    #[must_use]
    pub fn awaits(&self, target: TargetNo) -> bool {
        self.waiting.contains_key(&target) || self.again.iter().any(|pack| pack.target == target)
    }

    /// Whether a pack of a target only waits for a clone and for leave to go. `may_grow` tells of a group whether asks that
    /// are still on their way could join.
    pub fn has_ready(&self, target: TargetNo, max: usize, may_grow: impl Fn(u32) -> bool) -> bool {
        let mut groups = self.waiting.get(&target).into_iter().flatten();
        self.again.iter().any(|pack| pack.target == target)
            || groups.any(|(group, asks)| self.is_full(asks, max) || !may_grow(*group))
    }

    /// Returns the targets for which something waits.
    #[must_use]
    pub fn waiting(&self) -> BTreeSet<TargetNo> {
        self.waiting.keys().copied().chain(self.again.iter().map(|pack| pack.target)).collect()
    }

    /// Takes out everything that waits for a target, in no particular order.
    pub fn take_waiting(&mut self, target: TargetNo) -> Vec<AskRef> {
        let fresh = self.take_fresh(target);
        let is_of = |pack: &Pack| pack.target == target;
        let (again, others): (VecDeque<Pack>, VecDeque<Pack>) = self.again.drain(..).partition(is_of);
        self.again = others;
        fresh.into_iter().chain(again.into_iter().flat_map(|pack| pack.asks)).collect()
    }

    /// Takes out what waits for a target and has been in no pack.
    pub fn take_fresh(&mut self, target: TargetNo) -> Vec<AskRef> {
        let groups = self.waiting.remove(&target).unwrap_or_default();
        groups.into_values().flatten().collect()
    }

    /// Forgets everything that waits for a target.
    pub fn forget(&mut self, target: TargetNo) {
        self.waiting.remove(&target);
        self.again.retain(|pack| pack.target != target);
    }
}

/// Takes the first asks of a queue, each about another unit: answers name units, so samples of one unit travel apart.
fn take_pack(queue: &mut VecDeque<AskRef>, max: usize) -> Asks {
    if max == 1 {
        return queue.pop_front().into_iter().collect();
    }
    let mut asks = Asks::new();
    let mut units = BTreeSet::new();
    let mut passed = VecDeque::new();
    while asks.len() < max
        && let Some(ask) = queue.pop_front()
    {
        if units.insert(ask.unit) { asks.push(ask) } else { passed.push_back(ask) }
    }
    while let Some(ask) = passed.pop_back() {
        queue.push_front(ask);
    }
    asks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(target: TargetNo, unit: usize) -> AskRef {
        AskRef { target, unit, ask: 0 }
    }

    fn next(pool: &mut Pool, max: usize, growth: Growth) -> Option<Pack> {
        pool.next_pack(0, max, |_| true, |_, _| growth, &mut Vec::new())
    }

    fn packs(pool: &mut Pool, max: usize) -> Vec<Vec<usize>> {
        let next =
            || next(pool, max, Growth::Over).map(|pack| pack.asks.iter().map(|ask| ask.unit).collect());
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn packs_are_cut_in_source_order_within_groups() {
        let mut pool = Pool::new(1, 1);
        for (group, unit) in [(0, 0), (1, 1), (0, 2), (0, 3), (1, 4)] {
            pool.wait(group, ask(0, unit));
        }
        assert_eq!(packs(&mut pool, 2), [vec![0, 2], vec![3], vec![1, 4]]);
    }

    #[test]
    fn samples_of_a_unit_travel_apart() {
        let mut pool = Pool::new(1, 2);
        for (unit, n) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            pool.wait(0, AskRef { target: 0, unit, ask: n });
        }
        assert_eq!(packs(&mut pool, 4), [vec![0, 1], vec![0, 1]]);
    }

    #[test]
    fn targets_take_turns() {
        let mut pool = Pool::new(1, 1);
        for unit in 0..2 {
            pool.wait(0, ask(1, unit));
            pool.wait(0, ask(2, 10 + unit));
        }
        assert_eq!(packs(&mut pool, 1), [vec![0], vec![10], vec![1], vec![11]]);
    }

    #[test]
    fn an_incomplete_pack_waits_for_what_may_join() {
        let mut pool = Pool::new(1, 1);
        pool.wait(0, ask(0, 0));
        assert_eq!(next(&mut pool, 2, Growth::Open), None);
        pool.wait(0, ask(0, 1));
        assert_eq!(next(&mut pool, 2, Growth::Open).map(|pack| pack.asks.len()), Some(2));
        assert!(!pool.has_waiting());
    }

    #[test]
    fn a_pack_is_full_of_units_and_not_of_samples() {
        let mut pool = Pool::new(1, 2);
        for n in 0..2 {
            pool.wait(0, AskRef { target: 0, unit: 0, ask: n });
        }
        assert_eq!(next(&mut pool, 2, Growth::Open), None);
        assert!(!pool.has_ready(0, 2, |_| true));
        for n in 0..2 {
            pool.wait(0, AskRef { target: 0, unit: 1, ask: n });
        }
        assert!(pool.has_ready(0, 2, |_| true));
        assert_eq!(packs(&mut pool, 2), [vec![0, 1], vec![0, 1]]);
    }

    #[test]
    fn what_is_left_to_a_turn_waits_no_longer() {
        let mut pool = Pool::new(1, 1);
        for (group, unit) in [(0, 0), (1, 1), (2, 2), (2, 3)] {
            pool.wait(group, ask(0, unit));
        }
        let mut left = Vec::new();
        let growth = |_, group| if group == 0 { Growth::Deferred } else { Growth::Open };
        let pack = pool.next_pack(0, 2, |_| true, growth, &mut left);
        assert_eq!(pack.map(|pack| pack.asks.to_vec()), Some(vec![ask(0, 2), ask(0, 3)]));
        assert_eq!(left, [ask(0, 0)]);
        assert_eq!(pool.take_fresh(0), [ask(0, 1)]);
        assert!(!pool.has_waiting());
    }
}
