//! How many calls left lately, and how many of them were refused.

use std::collections::VecDeque;
use std::time::Duration;

/// How long is remembered, in slots.
const SLOTS: usize = 240;
/// How long a slot is.
const SLOT: Duration = Duration::from_millis(250);

/// How many calls left in each moment of the last minute, and how many of them were refused.
#[derive(Debug, Clone, Default)]
pub(super) struct Tide {
    slots: VecDeque<Slot>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    no: u128,
    left: u32,
    refused: u32,
}

const fn slot_no(at: Duration) -> u128 {
    at.as_millis() / SLOT.as_millis()
}

impl Tide {
    /// Takes note of a call that leaves.
    pub(super) fn left(&mut self, now: Duration) {
        let no = slot_no(now);
        if self.slots.back().is_none_or(|last| last.no < no) {
            self.slots.push_back(Slot { no, left: 0, refused: 0 });
        }
        if self.slots.len() > SLOTS {
            self.slots.pop_front();
        }
        if let Some(last) = self.slots.back_mut() {
            last.left += 1;
        }
    }

    /// Takes note that a call was refused, which left then.
    pub(super) fn refused(&mut self, left: Duration) {
        let no = slot_no(left);
        let place = self.slots.partition_point(|slot| slot.no < no);
        if let Some(slot) = self.slots.get_mut(place).filter(|slot| slot.no == no) {
            slot.refused += 1;
        }
    }

    /// Returns how many calls left in a stretch of time and were not refused, as far as is known.
    pub(super) fn admitted(&self, since: Duration, until: Duration) -> u32 {
        let (first, last) = (slot_no(since), slot_no(until));
        let late = self.slots.iter().rev().skip_while(|slot| slot.no > last);
        late.take_while(|slot| slot.no >= first).map(|slot| slot.left.saturating_sub(slot.refused)).sum()
    }

    /// Returns when the first call left of those that are remembered.
    pub(super) fn first(&self) -> Option<Duration> {
        let slot = self.slots.front()?;
        let millis = slot.no.saturating_mul(SLOT.as_millis());
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_what_was_not_refused() {
        let mut tide = Tide::default();
        let at = Duration::from_secs;
        (0..5).for_each(|second| tide.left(at(second)));
        tide.refused(at(3));
        assert_eq!(
            (tide.admitted(at(0), at(9)), tide.admitted(at(2), at(3)), tide.admitted(at(9), at(9))),
            (4, 1, 0)
        );
        assert_eq!(tide.first(), Some(at(0)));
    }
}
