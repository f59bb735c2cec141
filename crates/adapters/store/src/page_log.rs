//! The log of pages.
//!
//! A frame holds the pages of one commit; each has a checksum of its own, so that one can be read without the others.
//!
//! ```text
//! | digest 32 | length u32 | checksum u32 | bytes ... |
//! ```

use std::sync::Arc;

use refrain_core::ports::store::{PageBytes, StoreError};
use refrain_schemas::digest::Digest;

use crate::error::damaged;
use crate::frame::{FrameBuilder, HEADER};
use crate::key_index::{DigestMap, Place};
use crate::keyed_log::{Item, KeyedLog};
use crate::record_log::{Frame, RecordLog};

const HEAD: usize = 40;

/// One page within a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its contents.
    pub(crate) bytes: &'a [u8],
    /// Where in the frame's payload it starts.
    pub(crate) start: usize,
}

/// Returns the pages of a frame; stops with `None` where it is not understood.
pub(crate) fn pages(payload: &[u8]) -> impl Iterator<Item = Option<Page<'_>>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = payload.get(start..).filter(|rest| !rest.is_empty())?;
        let page = read(rest).map(|(digest, bytes)| Page { digest, bytes, start });
        start = page.map_or(payload.len(), |page| start + HEAD + page.bytes.len());
        Some(page)
    })
}

/// Lists the pages of a frame for the index.
pub(crate) fn read_items(frame: Frame<'_>, found: &mut dyn FnMut(Item)) -> bool {
    pages(frame.payload).all(|page| {
        let Some(page) = page else { return false };
        let offset = frame.offset + (HEADER + page.start) as u64;
        let length = u32::try_from(HEAD + page.bytes.len()).unwrap_or(u32::MAX);
        found(Item::Put(page.digest, Place { offset, length, at: 0 }));
        true
    })
}

/// Appends a page to a payload.
pub(crate) fn write(digest: &Digest, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), StoreError> {
    let length = u32::try_from(bytes.len()).map_err(|error| StoreError::Io {
        action: "write a page of more than 4 GB".to_owned(),
        source: std::io::Error::other(error),
    })?;
    out.extend_from_slice(digest.as_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// Appends the pages that are not there yet.
pub(crate) fn append(log: &mut KeyedLog, batch: &[(Digest, Vec<u8>)]) -> Result<(), StoreError> {
    let digests: Vec<Digest> = batch.iter().map(|(digest, _)| *digest).collect();
    let places = log.find(&digests)?;
    let mut frame = FrameBuilder::new();
    let mut fresh: DigestMap<()> = DigestMap::default();
    for ((digest, bytes), place) in batch.iter().zip(places) {
        if place.is_none() && fresh.insert(*digest, ()).is_none() {
            write(digest, bytes, frame.payload())?;
        }
    }
    if frame.is_empty() { Ok(()) } else { log.append(frame).map(|_| ()) }
}

/// Reads pages in the order of their digests.
pub(crate) fn fetch(log: &mut KeyedLog, digests: &[Digest]) -> Result<Vec<PageBytes>, StoreError> {
    let places = log.find(digests)?;
    let pairs = digests.iter().zip(places);
    pairs
        .map(|(digest, place)| {
            fetch_one(log.log(), digest, place.ok_or(StoreError::Missing { digest: *digest })?)
        })
        .collect()
}

/// Reads one page, checking it.
pub(crate) fn fetch_one(log: &RecordLog, digest: &Digest, place: Place) -> Result<PageBytes, StoreError> {
    let mut bytes = vec![0; place.length as usize];
    let n = log.read_at(&mut bytes, place.offset)?;
    match read(&bytes[..n]) {
        Some((found, page)) if found == *digest => Ok(Arc::from(page)),
        _ => Err(damaged(log.name(), place.offset, "the checksum of a page is wrong")),
    }
}

/// Reads the page that bytes begin with, checking it.
fn read(bytes: &[u8]) -> Option<(Digest, &[u8])> {
    let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let digest = Digest::from_bytes(bytes.get(..32)?.try_into().ok()?);
    let page = bytes.get(HEAD..HEAD + word(32)? as usize)?;
    (crc32fast::hash(page) == word(36)?).then_some((digest, page))
}
