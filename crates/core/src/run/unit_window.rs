//! The units of a target that a run holds in memory: a window over all of them that moves from the first to the last.

use std::collections::VecDeque;
use std::ops::{Index, IndexMut};

use super::unit_state::UnitState;

/// The states of the units that have been begun and not been handed over for publishing; units keep their places.
#[derive(Debug, Default)]
pub struct UnitWindow {
    /// The place of the first unit that is held.
    first: usize,
    held: VecDeque<UnitState>,
}

impl UnitWindow {
    /// Returns the place behind the last unit that was begun.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first + self.held.len()
    }

    /// Whether no unit was begun.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the place of the first unit that is held.
    #[must_use]
    pub const fn first(&self) -> usize {
        self.first
    }

    /// Adds the next unit.
    pub fn push(&mut self, state: UnitState) {
        self.held.push_back(state);
    }

    /// Takes out the first unit that is held, if it is over, and its place.
    pub fn pop_over(&mut self) -> Option<(usize, UnitState)> {
        let state = self.held.front()?.is_over().then(|| self.held.pop_front())??;
        self.first += 1;
        Some((self.first - 1, state))
    }

    /// Takes out all that are held, with their places.
    pub fn take(&mut self) -> impl Iterator<Item = (usize, UnitState)> {
        let (first, held) = (self.first, std::mem::take(&mut self.held));
        self.first += held.len();
        (first..).zip(held)
    }

    /// Returns the state of a unit, if it is held.
    #[must_use]
    pub fn get(&self, unit: usize) -> Option<&UnitState> {
        self.held.get(unit.checked_sub(self.first)?)
    }

    /// Returns the state of a unit, if it is held.
    pub fn get_mut(&mut self, unit: usize) -> Option<&mut UnitState> {
        self.held.get_mut(unit.checked_sub(self.first)?)
    }

    /// Iterates over the units that are held.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &UnitState)> {
        (self.first..).zip(&self.held)
    }
}

impl Index<usize> for UnitWindow {
    type Output = UnitState;

    fn index(&self, unit: usize) -> &UnitState {
        &self.held[unit - self.first]
    }
}

impl IndexMut<usize> for UnitWindow {
    fn index_mut(&mut self, unit: usize) -> &mut UnitState {
        &mut self.held[unit - self.first]
    }
}
