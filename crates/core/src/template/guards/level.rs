//! The operands of an expression, one after the other: what stands on either side of each, and which guard that asks for.

use super::{COUNT, ENTRY, FACTOR, FEW, OPERAND, SLICE, SLICES};

/// What stands beside an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Nothing that costs by the size of the operand.
    Free,
    /// Another sign of arithmetic that binds as `*` does or closer.
    Scales,
    /// An operator that reads the whole operand.
    Reads,
    /// `in`.
    Seeks,
    /// `*`.
    Multiplies,
    /// `*`, with a short text on the other side that is written out.
    Repeats,
    /// `*`, with a small number on the other side that is written out.
    Few,
}

/// What the operands between two brackets are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Groups, lists, and arguments of filters and tests, which charge for them.
    Plain,
    /// An index, or arguments of a function: they may be compared.
    Compared,
    /// The keys of a map, which are compared.
    Key,
    /// The values of a map.
    Value,
}

/// One operand after the other, between two brackets.
pub(super) struct Level {
    place: Place,
    pub(super) left: Side,
    /// Where the operand begins.
    start: usize,
    /// Where the operand ends, as far as it is read.
    pub(super) end: Option<usize>,
    /// How many slices were taken of the operand; nothing where a filter or test follows, of which none can be.
    pub(super) slices: Option<usize>,
    /// Whether the operand is a number or a text, as far as it is read.
    pub(super) is_literal: bool,
}

impl Level {
    pub(super) const fn new(place: Place) -> Self {
        Self { place, left: Side::Free, start: 0, end: None, slices: Some(0), is_literal: false }
    }

    /// Begins to read an operand, where none has been begun.
    pub(super) fn begin(&mut self, start: usize) {
        if self.end.is_none() {
            (self.start, self.slices) = (start, Some(0));
        }
    }

    /// Takes a slice of the operand; tells whether it may have one more.
    pub(super) fn slice(&mut self, marks: &mut Vec<(usize, &'static str)>) -> bool {
        if let (Some(end), Some(slices)) = (self.end, &mut self.slices) {
            let [open, close] = SLICE;
            marks.extend([(self.start, open), (end, close)]);
            *slices += 1;
            return *slices <= SLICES;
        }
        true
    }

    /// Reads on in the operand.
    pub(super) fn extend(&mut self, token: &str, end: usize) {
        self.is_literal = token.starts_with(['\'', '"', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
            && self.end.is_none();
        self.end = Some(end);
    }

    /// Ends the operand that was read.
    pub(super) fn close(&mut self, right: Side, marks: &mut Vec<(usize, &'static str)>) {
        let is_compared = matches!(self.place, Place::Compared | Place::Key) && !self.is_literal;
        if let Some(end) = self.end.take() {
            let filter = match (self.left, right) {
                (Side::Repeats, _) => Some(COUNT),
                (Side::Multiplies, _) | (_, Side::Multiplies) => Some(FACTOR),
                (Side::Few, _) | (_, Side::Few) => Some(FEW),
                (Side::Reads, _) | (_, Side::Reads | Side::Seeks) => Some(OPERAND),
                (Side::Seeks, _) => Some(ENTRY),
                _ => is_compared.then_some(OPERAND),
            };
            marks.extend(filter.map(|filter| (end, filter)));
        }
        self.left = right;
    }

    /// Says why a sign cannot stand behind what was read, if it cannot.
    pub(super) fn refuses(&self, sign: &str, before: &str) -> Option<&'static str> {
        match sign {
            "%" if self.is_literal && is_text(before) => {
                Some("`%` is for numbers; write `'…' | format(VALUE)`")
            }
            "*" | "**" | "-" if self.left == Side::Repeats && (sign != "-" || self.end.is_none()) => {
                Some("a text is repeated once, as often as one value says; put that in brackets")
            }
            _ => None,
        }
    }

    /// Goes from a key to its value, or on to the next key.
    pub(super) fn turn(&mut self, sign: &str) {
        self.place = match (self.place, sign) {
            (Place::Key, ":") => Place::Value,
            (Place::Value, ",") => Place::Key,
            (place, _) => place,
        };
    }
}

/// Whether a word is a text that is written out.
pub(super) fn is_text(word: &str) -> bool {
    word.starts_with(['\'', '"'])
}
