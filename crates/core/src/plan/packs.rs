//! How many calls it takes to ask what is to be asked.

use std::collections::BTreeMap;

use refrain_schemas::name::UnitId;

use crate::model::AskWork;
use crate::run::job::stage_of;

/// How many asks are looked up at once where nothing runs. A run looks up more, and those become packs together: bounds that hold
/// for these hold for it.
pub(crate) const LOOK_UPS: u64 = 4096;

/// Asks that would be made.
#[derive(Debug, Clone, Default)]
pub(super) struct Packs {
    /// By agent and group; asks whose group is not known stand under `None`.
    groups: BTreeMap<(u32, Option<u32>), Asks>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Asks {
    asks: u64,
    units: u64,
}

impl Packs {
    /// Adds asks of one unit to one agent.
    pub(super) fn add(&mut self, member: u32, group: Option<u32>, asks: u64) {
        let sum = self.groups.entry((member, group)).or_default();
        (sum.asks, sum.units) = (sum.asks + asks, sum.units + 1);
    }

    /// Adds every ask that a unit could need.
    pub(super) fn add_unit(&mut self, work: &AskWork, unit: &UnitId, group: Option<u32>) {
        let stages = (0..).map(|stage| stage_of(work, unit, stage)).take_while(|asks| !asks.is_empty());
        for (member, _) in stages.flatten() {
            self.add(member, group, 1);
        }
    }

    /// Adds what others add up to.
    pub(super) fn merge(&mut self, other: &Self) {
        for (key, more) in &other.groups {
            let sum = self.groups.entry(*key).or_default();
            (sum.asks, sum.units) = (sum.asks + more.asks, sum.units + more.units);
        }
    }

    /// Returns those to one agent.
    pub(super) fn of(&self, member: u32) -> Self {
        let own = self.groups.iter().filter(|((of, _), _)| *of == member);
        Self { groups: own.map(|(key, asks)| (*key, *asks)).collect() }
    }

    /// Returns how many there are.
    pub(super) fn asks(&self) -> u64 {
        self.groups.values().map(|asks| asks.asks).sum()
    }

    /// Returns the fewest calls; asks whose group is not known share them with their like.
    pub(super) fn fewest(&self, work: &AskWork) -> u64 {
        let max = max(work);
        self.groups.values().map(|asks| asks.asks.div_ceil(max)).sum()
    }

    /// Returns the most calls that these asks could take; `is_sure` where none of them may fall away.
    pub(super) fn most(&self, work: &AskWork, is_sure: bool) -> u64 {
        let (max, is_sure) = (max(work), is_sure && self.is_grouped());
        let most = |(key, asks): (&(u32, Option<u32>), &Asks)| match key.1 {
            None => asks.asks,
            Some(_) => {
                let samples = work.pool.get(key.0 as usize).map_or(1, |member| u64::from(member.samples));
                asks.most(max, samples, is_sure)
            }
        };
        self.groups.iter().map(most).sum()
    }

    /// Whether the group of every ask is known.
    pub(super) fn is_grouped(&self) -> bool {
        self.groups.keys().all(|(_, group)| group.is_some())
    }
}

impl Asks {
    /// Returns the most calls; samples of one unit never share one.
    fn most(&self, max: u64, samples: u64, is_sure: bool) -> u64 {
        if samples <= 1 || max == 1 {
            self.asks.div_ceil(max)
        } else if is_sure && self.asks == self.units * samples && self.asks <= LOOK_UPS {
            samples * self.units.div_ceil(max)
        } else {
            // Packs are short only where fewer than `max` units are left, and each of these is in every such pack.
            let rounds = if self.asks <= LOOK_UPS { 1 } else { self.asks / LOOK_UPS + 2 };
            self.asks.min(self.asks / max + samples * rounds)
        }
    }
}

fn max(work: &AskWork) -> u64 {
    u64::try_from(work.pack).unwrap_or(u64::MAX).max(1)
}
