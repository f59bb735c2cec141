//! What of a job is final: records of units that are over, and who is still to come.

use std::collections::{BTreeSet, HashMap};

use crate::reply::Stamped;
use crate::units::Unit;

use super::job::Job;
use super::unit_state::{AskState, UnitProgress};

/// Units whose records are not final, by their value of a field.
#[derive(Debug, Default)]
pub struct Watch {
    open: HashMap<String, usize>,
    /// Those without a value, which may turn out to be anywhere.
    unknown: usize,
}

impl Watch {
    fn add(&mut self, value: Option<String>) {
        match value {
            Some(value) => *self.open.entry(value).or_default() += 1,
            None => self.unknown += 1,
        }
    }

    fn remove(&mut self, value: Option<&str>) {
        match value {
            Some(value) => {
                if let Some(n) = self.open.get_mut(value) {
                    *n = n.saturating_sub(1);
                }
            }
            None => self.unknown = self.unknown.saturating_sub(1),
        }
    }

    fn awaits(&self, value: Option<&str>) -> bool {
        let open = match value {
            Some(value) => self.open.get(value).is_some_and(|n| *n > 0),
            None => self.open.values().any(|n| *n > 0),
        };
        open || self.unknown > 0
    }
}

impl Job {
    /// Returns the records of a unit if nothing will change them; `None` where it is not over, or people had their say.
    #[must_use]
    pub fn finals(&self, unit: usize) -> Option<Vec<&Stamped>> {
        let state = self.units.get(unit)?;
        if state.progress != UnitProgress::Done || state.asks.is_empty() {
            return None;
        }
        let replies = state.asks.iter().filter_map(|ask| match &ask.state {
            AskState::Done { records, .. } => Some(records),
            _ => None,
        });
        let records: Vec<&Stamped> = replies.flatten().collect();
        let keys: BTreeSet<&str> = records.iter().map(|stamped| &*stamped.key).collect();
        let is_alone = keys.len() == records.len() && keys.iter().all(|key| !self.edited.contains(*key));
        is_alone.then_some(records)
    }

    /// Begins to count the units whose records are not final by their value of a field.
    pub fn watch(&mut self, field: &str) {
        let mut watch = Watch::default();
        for unit in (0..self.prepared.units.len()).filter(|unit| !self.is_settled(*unit)) {
            watch.add(self.value(unit, field));
        }
        self.watches.insert(field.to_owned(), watch);
    }

    /// Counts a unit that has been added.
    pub(super) fn note_open(&mut self, unit: usize) {
        let fields: Vec<String> = self.watches.keys().cloned().collect();
        for field in fields {
            let value = self.value(unit, &field);
            self.watches.entry(field).or_default().add(value);
        }
    }

    /// Notes that a unit is over.
    pub(super) fn note_end(&mut self, unit: usize) {
        self.ended.push(unit);
        if self.watches.is_empty() || !self.is_settled(unit) {
            return;
        }
        let fields: Vec<String> = self.watches.keys().cloned().collect();
        for field in fields {
            let value = self.value(unit, &field);
            self.watches.entry(field).or_default().remove(value.as_deref());
        }
    }

    /// Whether a unit with a value of a field may still bring a record; any unit where no field or no value is given.
    #[must_use]
    pub fn awaits(&self, field: Option<&str>, value: Option<&str>) -> bool {
        match field {
            Some(field) => self.watches.get(field).is_none_or(|watch| watch.awaits(value)),
            None => self.n_open > 0,
        }
    }

    /// Returns a unit's value of a field.
    #[must_use]
    pub fn value(&self, unit: usize, field: &str) -> Option<String> {
        self.prepared.requests.value(self.unit(unit), field)
    }

    /// Returns a unit.
    #[must_use]
    pub fn unit(&self, unit: usize) -> &Unit {
        &self.prepared.units[unit]
    }

    /// Whether the records of all units are final.
    #[must_use]
    pub fn is_all_settled(&self) -> bool {
        (0..self.prepared.units.len()).all(|unit| self.is_settled(unit))
    }

    fn is_settled(&self, unit: usize) -> bool {
        match self.units.get(unit).map(|state| &state.progress) {
            Some(UnitProgress::Open) => false,
            Some(UnitProgress::Hole | UnitProgress::Failed(_)) => true,
            Some(UnitProgress::Done) => self.finals(unit).is_some(),
            // One that has left the run's memory took its records with it.
            None => unit >= self.units.len() && self.prepared.requests.is_hole(self.unit(unit)),
        }
    }
}
