//! The unit table of a revision: which asks each unit came from. It is kept beside the artifact, as a tree of its own.

use refrain_schemas::digest::Digest;
use refrain_schemas::failure::Failure;
use serde::{Deserialize, Serialize};

use crate::request::redo_key;
use crate::tree::page::{Entry, read_number, write_number};

/// More refusals of its replies than any ask has seen: a row that tells of them was written by somebody else, and to reckon all
/// of their keys would take for ever.
const MOST_REDOS: u32 = 1 << 16;

/// One row: how a unit was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnitRow {
    /// The asks whose replies it was made from; none of a unit that people locked.
    pub asks: Vec<AskRow>,
    /// How it failed, if it did; a unit that is a hole because of another one has no failure of its own.
    pub failure: Option<Failure>,
    /// Of a group whose records stand next to each other in its source, how many these are.
    #[serde(skip)]
    pub run: Option<u64>,
}

/// One ask of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskRow {
    /// The place of the agent in the pool.
    pub member: u32,
    /// The sample.
    pub sample: u32,
    /// How often a recorded reply was refused since.
    pub redo: u32,
    /// The key.
    pub key: Digest,
    /// The key before the first such refusal; `None` where there was none.
    pub first: Option<Digest>,
}

impl AskRow {
    /// Returns the row of an ask that nobody has refused a reply to.
    #[must_use]
    pub const fn new(member: u32, sample: u32, key: Digest) -> Self {
        Self { member, sample, redo: 0, key, first: None }
    }

    /// Returns the row after one more refusal.
    #[must_use]
    pub fn again(&self) -> Self {
        let (first, redo) = (self.first.unwrap_or(self.key), self.redo + 1);
        Self { redo, key: redo_key(&first, redo), first: Some(first), ..*self }
    }

    /// Returns every key that the ask has had: without the earlier ones, the present one could not be found again.
    pub fn keys(&self) -> impl Iterator<Item = Digest> {
        let first = self.first.unwrap_or(self.key);
        std::iter::once(first).chain((1..=self.redo).map(move |n| redo_key(&first, n)))
    }
}

/// Appends the bytes of a row, which are those that `postcard` makes of it: most rows have nothing but one ask, and are
/// written a million at a time.
pub fn encode_row(out: &mut Vec<u8>, asks: &[AskRow], failure: Option<&Failure>, run: Option<u64>) {
    write_number(out, asks.len() as u64);
    for ask in asks {
        for number in [ask.member, ask.sample, ask.redo] {
            write_number(out, u64::from(number));
        }
        out.extend_from_slice(ask.key.as_bytes());
        out.push(u8::from(ask.first.is_some()));
        ask.first.iter().for_each(|first| out.extend_from_slice(first.as_bytes()));
    }
    match failure {
        None => out.push(0),
        // Encoding plain data into a growing buffer cannot fail.
        Some(_) => out.extend(postcard::to_allocvec(&failure).unwrap_or_default()),
    }
    run.into_iter().for_each(|run| write_number(out, run));
}

impl UnitRow {
    /// Returns the bytes of the row.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_row(&mut bytes, &self.asks, self.failure.as_ref(), self.run);
        bytes
    }

    /// Whether the unit was locked, if it is no hole: nobody was asked about it.
    #[must_use]
    pub const fn is_locked(&self) -> bool {
        self.asks.is_empty() && self.failure.is_none()
    }

    /// Reads a row.
    #[must_use]
    pub fn decode(entry: &Entry<'_>) -> Option<Self> {
        let (row, rest) = postcard::take_from_bytes::<Self>(entry.body).ok()?;
        if row.asks.iter().any(|ask| ask.redo > MOST_REDOS) {
            return None;
        }
        Some(Self { run: read_number(rest).map(|(run, _)| run), ..row })
    }
}

#[cfg(test)]
mod tests {
    use refrain_schemas::failure::FailureKind;

    use super::*;

    #[test]
    fn rows_are_written_as_they_are_read() {
        let ask = AskRow::new(300, 2, Digest::of_content(b"a"));
        let failure = Failure { kind: FailureKind::Refused, message: "no".to_owned() };
        for asks in [vec![], vec![ask], vec![ask, ask.again().again()]] {
            for (failure, run) in [(None, None), (Some(failure.clone()), Some(200))] {
                let row = UnitRow { asks: asks.clone(), failure, run };
                let body = row.encode();
                assert!(body.starts_with(&postcard::to_allocvec(&row).unwrap()));
                let entry = Entry { id: "a", hole: false, weight: 1, body: &body };
                assert_eq!(UnitRow::decode(&entry), Some(row));
            }
        }
    }
}
