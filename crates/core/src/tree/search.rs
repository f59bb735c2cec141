//! Finding an entry by its id.
//!
//! Entries stand in the order of their data, so an id says nothing certain about its place. Where ids rise, as line
//! numbers do, a handful of pages is enough; where they do not, every page is looked at, a few at a time. The answer is
//! the same either way: an entry is found only by its whole id.

use std::cmp::Ordering;

use super::page::NodeRef;
use super::sequence::{Sequence, read_leaves};
use crate::ports::store::{Store, StoreError};

/// How many leaves are in memory at once.
const AT_ONCE: usize = 64;

/// Returns the position of the first entry with an id.
///
/// # Errors
/// Fails where the store does, or a page is damaged.
pub async fn find(store: &dyn Store, sequence: &mut Sequence, id: &str) -> Result<Option<u64>, StoreError> {
    match find_rising(store, sequence, id).await? {
        Some(found) => Ok(Some(found)),
        None => find_anywhere(store, sequence, id).await,
    }
}

/// Looks where an id would be if ids rose.
async fn find_rising(
    store: &dyn Store,
    sequence: &mut Sequence,
    id: &str,
) -> Result<Option<u64>, StoreError> {
    let (mut low, mut high) = (0, sequence.n_leaves());
    while low < high {
        let middle = low + (high - low) / 2;
        sequence.load(store, middle..middle + 1).await?;
        let leaf = sequence.leaf(middle);
        if let Some(n) = leaf.and_then(|leaf| leaf.iter().position(|entry| entry.id == id)) {
            return Ok(Some(sequence.span(middle).start + n as u64));
        }
        let first = leaf.and_then(|leaf| leaf.entry(0));
        match first.map(|entry| natural(id, entry.id)) {
            Some(Ordering::Less) => high = middle,
            _ => low = middle + 1,
        }
    }
    Ok(None)
}

async fn find_anywhere(store: &dyn Store, sequence: &Sequence, id: &str) -> Result<Option<u64>, StoreError> {
    let leaves: Vec<usize> = (0..sequence.n_leaves()).collect();
    for batch in leaves.chunks(AT_ONCE) {
        let nodes: Vec<NodeRef> = batch.iter().map(|leaf| sequence.node(*leaf)).collect();
        for (leaf, page) in batch.iter().zip(read_leaves(store, &nodes).await?) {
            if let Some(n) = page.iter().position(|entry| entry.id == id) {
                return Ok(Some(sequence.span(*leaf).start + n as u64));
            }
        }
    }
    Ok(None)
}

/// Compares as people count: `line_9` comes before `line_10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        match (number(a), number(b)) {
            (Some((x, rest_a)), Some((y, rest_b))) => {
                let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
                if order != Ordering::Equal {
                    return order;
                }
                (a, b) = (rest_a, rest_b);
            }
            _ => match (a.split_first(), b.split_first()) {
                (Some((x, rest_a)), Some((y, rest_b))) if x == y => (a, b) = (rest_a, rest_b),
                (x, y) => return x.map(|x| x.0).cmp(&y.map(|y| y.0)),
            },
        }
    }
}

/// Splits off the digits that a text begins with, without leading zeros.
fn number(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let n = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(n);
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    (n > 0).then_some((&digits[zeros..], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_by_their_value() {
        let rising = ["", "a", "line_9", "line_10", "line_10_b", "line_011", "line_x"];
        for pair in rising.windows(2) {
            assert_eq!(natural(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(natural(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(natural("line_007", "line_7"), Ordering::Equal);
    }
}
