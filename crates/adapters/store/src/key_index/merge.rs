//! Writing a segment from older ones and the keys in memory.

use std::sync::Arc;

use refrain_core::ports::store::StoreError;

use crate::error::{damaged, failed_to};
use crate::folder::Folder;
use crate::key_index::DigestMap;
use crate::key_index::Place;
use crate::key_index::block::{self, BLOCK, Entry, PER_BLOCK};
use crate::key_index::filter::Filter;
use crate::key_index::segment::{Lost, Segment, header};
use crate::record_log::Position;
use crate::storage::StorageFile;

/// How much is written at once.
const CHUNK: usize = 64 * BLOCK;

/// Writes a segment, and tells what is in it; readers see it whole or not at all.
pub(super) fn write(
    folder: &Folder,
    name: &str,
    from: u64,
    to: Position,
    older: &[Segment],
    tail: &DigestMap<Place>,
) -> Result<Filter, StoreError> {
    let mut newest: Vec<Entry> = tail.iter().map(|(key, place)| (*key, *place)).collect();
    newest.sort_unstable_by_key(|(key, _)| *key);
    let mut sources: Vec<Source<'_>> = vec![Source::new(Box::new(newest.into_iter().map(Ok)))];
    sources.extend(older.iter().rev().map(|segment| Source::new(Box::new(segment.entries()))));
    let temporary = format!("{name}.tmp");
    let mut writer = Writer::create(folder, &temporary)?;
    let mut filter = Filter::new(tail.len() + older.iter().map(Segment::count).sum::<usize>());
    while let Some(entry) =
        least(&mut sources).map_err(|Lost| damaged(name, 0, "an older index is damaged"))?
    {
        filter.insert(&entry.0);
        writer.push(entry)?;
    }
    writer.finish(|count| header(from, to, count))?;
    if folder.syncs() {
        writer.file.sync().map_err(failed_to("sync", &temporary))?;
    }
    folder.rename(&temporary, name)?;
    Ok(filter)
}

/// Sorted entries, the first of which can be looked at.
struct Source<'a> {
    entries: Box<dyn Iterator<Item = Result<Entry, Lost>> + 'a>,
    first: Option<Entry>,
    started: bool,
}

impl<'a> Source<'a> {
    fn new(entries: Box<dyn Iterator<Item = Result<Entry, Lost>> + 'a>) -> Self {
        Self { entries, first: None, started: false }
    }

    fn peek(&mut self) -> Result<Option<Entry>, Lost> {
        if !self.started {
            self.started = true;
            self.advance()?;
        }
        Ok(self.first)
    }

    fn advance(&mut self) -> Result<(), Lost> {
        self.first = self.entries.next().transpose()?;
        Ok(())
    }
}

/// Takes the least key; where several sources have it, the entry of the first, which is the newest.
fn least(sources: &mut [Source<'_>]) -> Result<Option<Entry>, Lost> {
    let mut least: Option<Entry> = None;
    for source in sources.iter_mut() {
        if let Some(entry) = source.peek()?
            && least.is_none_or(|(key, _)| entry.0 < key)
        {
            least = Some(entry);
        }
    }
    let Some((key, _)) = least else { return Ok(None) };
    for source in sources {
        if source.first.is_some_and(|(other, _)| other == key) {
            source.advance()?;
        }
    }
    Ok(least)
}

/// Writes blocks behind a header that is written last.
struct Writer<'a> {
    file: Arc<dyn StorageFile>,
    name: &'a str,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    offset: u64,
    count: usize,
}

impl<'a> Writer<'a> {
    fn create(folder: &Folder, name: &'a str) -> Result<Self, StoreError> {
        let file = folder.create(name)?;
        file.truncate(0).map_err(failed_to("write", name))?;
        let (entries, bytes) = (Vec::with_capacity(PER_BLOCK), Vec::with_capacity(CHUNK));
        Ok(Self { file, name, entries, bytes, offset: BLOCK as u64, count: 0 })
    }

    fn push(&mut self, entry: Entry) -> Result<(), StoreError> {
        self.entries.push(entry);
        self.count += 1;
        if self.entries.len() == PER_BLOCK { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), StoreError> {
        block::write(&self.entries, &mut self.bytes);
        self.entries.clear();
        if self.bytes.len() >= CHUNK { self.drain() } else { Ok(()) }
    }

    fn drain(&mut self) -> Result<(), StoreError> {
        self.file.write_at(&self.bytes, self.offset).map_err(failed_to("write", self.name))?;
        self.offset += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }

    fn finish(&mut self, header: impl FnOnce(usize) -> Vec<u8>) -> Result<(), StoreError> {
        if !self.entries.is_empty() {
            self.end_block()?;
        }
        self.drain()?;
        self.file.write_at(&header(self.count), 0).map_err(failed_to("write", self.name))
    }
}
