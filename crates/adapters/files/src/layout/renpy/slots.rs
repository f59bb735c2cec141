//! Records of a script in the making.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use crate::layout::located::Positions;
use crate::layout::{Place, Quoting, Slot, TEXT};

/// A text and the place where its translation goes.
#[derive(Debug)]
pub(super) struct Spoken {
    pub(super) text: String,
    pub(super) place: Place,
}

pub(super) fn spoken_place(span: Range<usize>, now: &str, quoting: Arc<dyn Quoting>) -> Place {
    Place { field: TEXT.to_owned(), span, now: now.to_owned(), quoting }
}

/// Collects slots in any order.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<(usize, Slot)>,
    /// Ids of lines that are translated with another, each with where that is said and with which.
    same: Vec<(usize, String, String)>,
}

impl Slots {
    pub(super) fn add(&mut self, at: usize, id: Option<String>, fields: Fields, places: Vec<Place>) {
        self.slots.push((at, Slot { fields: fields.0, id, line: 0, places }));
    }

    /// Notes that a line is translated with another.
    pub(super) fn add_same(&mut self, at: usize, id: &str, other: &str) {
        self.same.push((at, id.to_owned(), other.to_owned()));
    }

    /// Adds the lines that are translated with others; they have no places of their own.
    fn resolve(&mut self) {
        if self.same.is_empty() {
            return;
        }
        let by_id: HashMap<&str, &Slot> =
            self.slots.iter().filter_map(|(_, slot)| Some((slot.id.as_deref()?, slot))).collect();
        let resolved = self.same.iter().filter_map(|(at, id, other)| {
            let slot = (*by_id.get(other.as_str())?).clone();
            Some((*at, Slot { id: Some(id.clone()), places: Vec::new(), ..slot }))
        });
        let resolved: Vec<(usize, Slot)> = resolved.collect();
        self.slots.extend(resolved);
    }

    /// Returns them in the order of the text, with their lines.
    pub(super) fn in_order(mut self, text: &str) -> Vec<Slot> {
        self.resolve();
        self.slots.sort_by_key(|(at, _)| *at);
        let mut positions = Positions::new(text);
        let with_line = |(at, slot): (usize, Slot)| Slot { line: positions.line(at), ..slot };
        self.slots.into_iter().map(with_line).collect()
    }
}

/// The fields of a record; those that nothing is known of are left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(String, Value)>);

impl Fields {
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn with_some<V: Into<Value>>(self, name: &str, value: Option<V>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(super) fn with_text(self, name: &str, value: &str) -> Self {
        if value.is_empty() { self } else { self.with(name, value) }
    }
}
