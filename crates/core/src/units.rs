//! From records to units.

use indexmap::IndexMap;
use refrain_schemas::json::{field, scalar_text};
use refrain_schemas::name::UnitId;

use crate::model::Split;
use crate::tree::sequence::Sequence;

/// The id of the one unit of `whole: true`, and of a document.
pub const ALL: &str = "all";

/// One unit of a phase and the source records it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its id.
    pub id: UnitId,
    /// Its records.
    pub members: Members,
}

/// The source records of a unit, by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// One record; it may be a hole.
    One(u64),
    /// Records in source order, holes left out.
    Many(Vec<u64>),
}

impl Members {
    /// Returns how many records there are, if they are several and stand next to each other.
    #[must_use]
    pub fn run(&self) -> Option<u64> {
        let Self::Many(places) = self else { return None };
        let n = places.len() as u64;
        (places.last()? - places.first()? + 1 == n).then_some(n)
    }
}

/// A record cannot become part of a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record `{record}` has no text or number in `{field}`")]
pub struct SplitError {
    /// The record.
    pub record: String,
    /// The field that is missing or is no scalar.
    pub field: String,
}

/// Returns the one unit of a phase whose input is written in it.
#[must_use]
pub fn given() -> Unit {
    Unit { id: UnitId::new(ALL), members: Members::Many(Vec::new()) }
}

/// Splits a source that has been read into units, in source order.
///
/// # Errors
/// Fails where a record lacks the field it is to be grouped by.
pub fn split(source: &Sequence, split: &Split) -> Result<Vec<Unit>, SplitError> {
    match split {
        Split::Record => Ok(source.iter().map(|(position, entry)| record_unit(position, entry.id)).collect()),
        Split::By(field) => by_field(source, field),
        Split::Chunk(n) => Ok(chunks(source, *n)),
        Split::Given => Ok(vec![given()]),
        Split::Whole => Ok(vec![Unit { id: UnitId::new(ALL), members: Members::Many(present(source)) }]),
    }
}

/// Returns the unit of one record.
#[must_use]
pub fn record_unit(position: u64, id: &str) -> Unit {
    Unit { id: UnitId::new(id), members: Members::One(position) }
}

fn by_field(source: &Sequence, name: &str) -> Result<Vec<Unit>, SplitError> {
    let mut groups: IndexMap<String, Vec<u64>> = IndexMap::new();
    for (position, entry) in source.iter().filter(|(_, entry)| !entry.hole) {
        let value = field(entry.text(), name).and_then(scalar_text);
        let value =
            value.ok_or_else(|| SplitError { record: entry.id.to_owned(), field: name.to_owned() })?;
        match groups.get_mut(value.as_ref()) {
            Some(members) => members.push(position),
            None => {
                groups.insert(value.into_owned(), vec![position]);
            }
        }
    }
    Ok(groups
        .into_iter()
        .map(|(id, members)| Unit { id: UnitId::new(&id), members: Members::Many(members) })
        .collect())
}

fn chunks(source: &Sequence, n: usize) -> Vec<Unit> {
    let positions = present(source);
    let unit = |members: &[u64]| {
        let first = members.first().and_then(|position| source.entry(*position));
        Unit {
            id: UnitId::new(first.map_or(ALL, |entry| entry.id)),
            members: Members::Many(members.to_vec()),
        }
    };
    positions.chunks(n.max(1)).map(unit).collect()
}

fn present(source: &Sequence) -> Vec<u64> {
    source.iter().filter(|(_, entry)| !entry.hole).map(|(position, _)| position).collect()
}
