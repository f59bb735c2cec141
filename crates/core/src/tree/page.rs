//! How pages look in bytes.

use refrain_schemas::digest::Digest;

use crate::ports::store::PageBytes;

use super::build::{INNER_MOST, LEAF_MOST};

/// One entry of a sequence, borrowed from its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What tells it apart: a record's key, a unit's id.
    pub id: &'a str,
    /// Whether it stands for something that is missing.
    pub hole: bool,
    /// How much it counts: 1 for a record and 0 for a hole; for a unit, how many entries of the artifact are its own.
    pub weight: u32,
    /// Its contents.
    pub body: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Returns an entry for a record.
    #[must_use]
    pub const fn record(id: &'a str, text: &'a str) -> Self {
        Self { id, hole: false, weight: 1, body: text.as_bytes() }
    }

    /// Returns an entry for a missing record.
    #[must_use]
    pub const fn hole(id: &'a str) -> Self {
        Self { id, hole: true, weight: 0, body: b"" }
    }

    /// Returns the contents as text; bodies of records always are.
    #[must_use]
    pub fn text(&self) -> &'a str {
        std::str::from_utf8(self.body).unwrap_or("null")
    }
}

/// A page as its parent names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeRef {
    /// The digest of the page.
    pub digest: Digest,
    /// How many entries are below it.
    pub count: u64,
    /// The sum of their weights.
    pub weight: u64,
}

/// A page is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("page {digest} is malformed")]
pub struct PageError {
    /// The page.
    pub digest: Digest,
}

/// A leaf page that has been read.
#[derive(Debug, Clone)]
pub struct Leaf {
    bytes: PageBytes,
    starts: Vec<u32>,
}

/// A page that has been read.
#[derive(Debug, Clone)]
pub enum Page {
    /// Entries.
    Leaf(Leaf),
    /// Pages one level further down.
    Inner {
        /// How far above the leaves this page is; 1 where its children are leaves.
        level: u8,
        /// The pages below.
        children: Vec<NodeRef>,
    },
}

/// The first byte of a page is its level; leaves are at level 0.
const LEAF: u8 = 0;

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// Fails where the bytes are not a page.
    pub fn parse(digest: &Digest, bytes: &PageBytes) -> Result<Self, PageError> {
        let page = match bytes.first() {
            Some(&LEAF) => Leaf::parse(bytes).map(Self::Leaf),
            Some(&level) => parse_inner(level, &bytes[1..]).map(|children| Self::Inner { level, children }),
            None => None,
        };
        page.ok_or(PageError { digest: *digest })
    }

    /// Returns what is below an inner page, where it is on the level below the one of its parent and as its parent says.
    pub(super) fn below(&self, node: &NodeRef, above: u8) -> Option<&[NodeRef]> {
        let Self::Inner { level, children } = self else { return None };
        let sum = |of: fn(&NodeRef) -> u64| children.iter().map(of).sum::<u64>();
        let is_as_told = sum(|child| child.count) == node.count && sum(|child| child.weight) == node.weight;
        (level.checked_add(1)? == above && is_as_told).then_some(children.as_slice())
    }
}

impl Leaf {
    /// Makes a leaf of records, which need not be stored anywhere.
    pub(super) fn of_records<'a>(records: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        start_leaf(&mut bytes);
        for (id, text) in records {
            starts.extend(u32::try_from(bytes.len()));
            write_entry(&mut bytes, &Entry::record(id, text));
        }
        Self { bytes: PageBytes::from(bytes), starts }
    }

    fn parse(bytes: &PageBytes) -> Option<Self> {
        let mut starts = Vec::new();
        let mut at = 1;
        while at < bytes.len() {
            starts.push(u32::try_from(at).ok()?);
            at += read_entry(bytes.get(at..)?)?.1;
        }
        Some(Self { bytes: bytes.clone(), starts })
    }

    /// Whether the page is what its parent says of it.
    pub(super) fn is_told_of_by(&self, node: &NodeRef) -> bool {
        self.len() as u64 == node.count && self.weight() == node.weight
    }

    /// Returns the sum of the weights of the entries.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.iter().map(|entry| u64::from(entry.weight)).sum()
    }

    /// Returns how many entries the page has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether the page has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Returns one entry.
    #[must_use]
    pub fn entry(&self, n: usize) -> Option<Entry<'_>> {
        let at = *self.starts.get(n)? as usize;
        Some(read_entry(self.bytes.get(at..)?)?.0)
    }

    /// Iterates over the entries.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.len()).filter_map(|n| self.entry(n))
    }
}

/// Starts the bytes of a leaf page.
pub(super) fn start_leaf(out: &mut Vec<u8>) {
    out.push(LEAF);
}

/// Adds an entry to the bytes of a leaf page.
pub(super) fn write_entry(out: &mut Vec<u8>, entry: &Entry<'_>) {
    write_number(out, (u64::from(entry.weight) << 1) | u64::from(entry.hole));
    write_number(out, entry.id.len() as u64);
    write_number(out, entry.body.len() as u64);
    out.extend_from_slice(entry.id.as_bytes());
    out.extend_from_slice(entry.body);
}

/// Returns the bytes of an inner page.
pub(super) fn write_inner(level: u8, children: &[NodeRef]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + children.len() * 40);
    out.push(level);
    for child in children {
        out.extend_from_slice(child.digest.as_bytes());
        write_number(&mut out, child.count);
        write_number(&mut out, child.weight);
    }
    out
}

/// Reads the children of an inner page. What it says of them has to be possible, so that nobody reckons with what is not there.
fn parse_inner(level: u8, mut bytes: &[u8]) -> Option<Vec<NodeRef>> {
    let mut children = Vec::with_capacity(INNER_MOST.min(bytes.len() / 34));
    let (mut entries, mut weights) = (0_u64, 0_u64);
    while !bytes.is_empty() {
        let (digest, rest) = bytes.split_at_checked(32)?;
        let (count, used) = read_number(rest)?;
        let (weight, more) = read_number(rest.get(used..)?)?;
        if children.len() == INNER_MOST || (level == 1 && count > LEAF_MOST) {
            return None;
        }
        (entries, weights) = (entries.checked_add(count)?, weights.checked_add(weight)?);
        children.push(NodeRef { digest: Digest::from_bytes(digest.try_into().ok()?), count, weight });
        bytes = rest.get(used + more..)?;
    }
    Some(children)
}

fn read_entry(bytes: &[u8]) -> Option<(Entry<'_>, usize)> {
    let (mark, a) = read_number(bytes)?;
    let (id_len, b) = read_number(bytes.get(a..)?)?;
    let (body_len, c) = read_number(bytes.get(a + b..)?)?;
    let id_at = a + b + c;
    let body_at = id_at.checked_add(usize::try_from(id_len).ok()?)?;
    let end = body_at.checked_add(usize::try_from(body_len).ok()?)?;
    let id = std::str::from_utf8(bytes.get(id_at..body_at)?).ok()?;
    let body = bytes.get(body_at..end)?;
    let weight = u32::try_from(mark >> 1).ok()?;
    Some((Entry { id, hole: mark & 1 == 1, weight, body }, end))
}

/// Writes a number in seven bits a byte, the lowest first.
pub(crate) fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads what [`write_number`] wrote, and how many bytes it took.
pub(crate) fn read_number(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0_u64;
    for (n, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Some((number, n + 1));
        }
    }
    None
}
