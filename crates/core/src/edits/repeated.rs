//! Lines that say the same where their ids come from what they say.
//!
//! Such an id is `t` and twelve hexadecimal digits: a hash of speaker and text. Of several lines that say the same the first
//! has just that, the others have something behind it that tells them apart. So a line that is put before the others, or
//! taken out, hands ids on, and an edit with them: nothing in an id, nor in what the line says, tells one from the other.
//! What stands around them does. Whether ids come from there at all is known from the files that were read (`Origin`): ids that
//! only look so are nobody's business here.

use std::collections::BTreeMap;

use refrain_schemas::digest::{Digest, Digester};

/// How many digits of the hash an id has.
const DIGITS: usize = 12;

/// Returns what stands around each unit that is one of several that say the same, by its id; `ids` are in order.
pub(super) fn around<'a>(ids: impl Iterator<Item = &'a str>) -> BTreeMap<String, Digest> {
    let ids: Vec<&str> = ids.collect();
    let mut said: BTreeMap<&str, usize> = BTreeMap::new();
    for base in ids.iter().filter_map(|id| base(id)) {
        *said.entry(base).or_default() += 1;
    }
    let is_repeated = |id: &str| base(id).and_then(|base| said.get(base)).is_some_and(|n| *n > 1);
    let repeated = ids.iter().enumerate().filter(|(_, id)| is_repeated(id));
    repeated.map(|(n, id)| ((*id).to_owned(), digest(&ids, n))).collect()
}

fn digest(ids: &[&str], n: usize) -> Digest {
    let mut digester = Digester::new("refrain around v1");
    for neighbour in [n.checked_sub(1), Some(n + 1)] {
        let id = neighbour.and_then(|n| ids.get(n).copied()).unwrap_or_default();
        // Which of several it is may change without anything having changed here.
        digester.part(base(id).unwrap_or(id).as_bytes());
    }
    digester.finish()
}

/// Returns the part of an id that comes from what a line says; nothing where it does not come from that.
fn base(id: &str) -> Option<&str> {
    let (base, rest) = id.split_at_checked(DIGITS + 1)?;
    let digits = base.strip_prefix('t')?;
    let is_hash = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (is_hash && (rest.is_empty() || rest.starts_with('-'))).then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_from_what_is_said_more_than_once_are_told_apart_by_what_is_around() {
        let known = |ids: &[&str]| around(ids.iter().copied()).into_keys().collect::<Vec<_>>();
        assert_eq!(known(&["t00000000000a", "x", "t00000000000a-1f"]), ["t00000000000a", "t00000000000a-1f"]);
        assert_eq!(known(&["t00000000000a", "t00000000000b"]), [""; 0]);
        assert_eq!(known(&["line_1", "line_1-b", "t00000000000g", "t00000000000g-1", "t1", "t1-1"]), [""; 0]);
        let of = |ids: &[&str]| around(ids.iter().copied())["t00000000000a"];
        let one = of(&["x", "t00000000000a", "t00000000000b", "t00000000000a-1f"]);
        assert_eq!(one, of(&["x", "t00000000000a", "t00000000000b-2e", "t00000000000a-1f"]));
        assert_ne!(one, of(&["t00000000000a", "x", "t00000000000a-1f", "t00000000000b"]));
    }
}
