//! The limits of a formula, and the count of what an evaluation takes.
//!
//! Every operation charges before it builds, so that what is too much never exists.

use super::error::{FormulaErrorKind, Outcome};

/// The longest formula, in characters.
pub(super) const CHARACTERS: usize = 4_096;
/// The most parts of a formula.
pub(super) const NODES: usize = 500;
/// The deepest nesting of a formula.
pub(super) const DEPTH: usize = 40;
/// The most items that all comprehensions of an evaluation go through.
pub(super) const ITEMS: u64 = 100_000;
/// The most elements and characters that an evaluation makes.
pub(super) const MADE: u64 = 1_000_000;
/// The most that an evaluation reads: parts evaluated, elements and bytes compared and searched.
pub(super) const READ: u64 = 100_000_000;
/// The largest result, in bytes, an element counting as [`ELEMENT`].
pub(super) const RESULT: u64 = 64 << 20;
/// What an element of a result counts.
pub(super) const ELEMENT: u64 = 32;
/// The longest range.
pub(super) const RANGE: u64 = 100_000;
/// The largest exponent.
pub(super) const EXPONENT: u64 = 1_024;
/// The most bits of a whole number.
pub(super) const BITS: u64 = 4_096;
/// The largest whole number that leaves a formula: beyond it JSON's readers disagree.
pub(super) const EXACT: i128 = 1 << 53;
/// The deepest nesting of values that are compared, printed or given back.
pub(super) const NESTING: usize = 200;

/// What one evaluation has taken so far.
#[derive(Debug, Default)]
pub(super) struct Work {
    items: u64,
    made: u64,
    read: u64,
    result: u64,
}

impl Work {
    /// Charges the items that a comprehension is about to go through.
    pub(super) fn go_through(&mut self, n: usize) -> Outcome<()> {
        charge(&mut self.items, wide(n), ITEMS, "items gone through")
    }

    /// Charges elements and characters that are about to be made.
    pub(super) fn make(&mut self, n: usize) -> Outcome<()> {
        charge(&mut self.made, wide(n), MADE, "elements and characters made")
    }

    /// Charges the characters of a text that is about to be made.
    pub(super) fn write(&mut self, text: &str) -> Outcome<()> {
        self.make(text.chars().count())
    }

    /// Charges elements and bytes that are about to be read.
    pub(super) fn read(&mut self, n: usize) -> Outcome<()> {
        charge(&mut self.read, wide(n), READ, "steps")
    }

    /// Charges one value of the result, and the bytes of its text.
    pub(super) fn leave(&mut self, bytes: usize) -> Outcome<()> {
        let n = ELEMENT.saturating_add(wide(bytes));
        charge(&mut self.result, n, RESULT, "bytes in the result")
    }

    /// Returns what was taken of everything, and how much there is.
    #[cfg(test)]
    pub(super) const fn taken(&self) -> [(u64, u64); 4] {
        [(self.items, ITEMS), (self.made, MADE), (self.read, READ), (self.result, RESULT)]
    }
}

fn charge(counter: &mut u64, n: u64, most: u64, what: &'static str) -> Outcome<()> {
    let total = counter.saturating_add(n);
    if total > most {
        return Err(FormulaErrorKind::Limit { most, what });
    }
    *counter = total;
    Ok(())
}

/// Fails where values nest too deep.
pub(super) fn nested(depth: usize) -> Outcome<usize> {
    let most = wide(NESTING);
    if depth >= NESTING {
        return Err(FormulaErrorKind::Limit { most, what: "levels of nested values" });
    }
    Ok(depth + 1)
}

/// Widens a count.
pub(super) fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
