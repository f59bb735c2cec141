//! Collection: the logs are written anew with what is kept, and the new ones take the place of the old by a rename.
//!
//! Each log is switched by itself: the history first, which refers to the others, so that nothing ever refers to what
//! is gone.

use std::collections::{BTreeSet, HashMap};

use refrain_core::ports::store::{Collected, Keep, StoreError};
use refrain_schemas::digest::Digest;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::name::{CallId, RunId};

use crate::error::damaged;
use crate::exchange_log;
use crate::folder::Folder;
use crate::frame::FrameBuilder;
use crate::key_index::DigestMap;
use crate::ledger_log::{LedgerLog, each, place_of};
use crate::logs::{EXCHANGES, HISTORY, LEDGER, Logs, PAGES, next_generation, read_history, write_history};
use crate::page_log;
use crate::record_log::{Position, RecordLog, Scanned};
use crate::wire::{self, Entry, OutcomeWire, ResultWire};

/// How large a frame of the new log grows: one reply is read with all of its frame.
const FRAME: usize = 32 << 10;

/// Removes what is not kept, or counts it. The logs must be opened again afterwards, also where this fails.
pub(crate) fn collect(folder: &Folder, logs: &mut Logs, keep: &Keep) -> Result<Collected, StoreError> {
    let dry = keep.dry_run;
    let history = match &keep.history {
        Some(kept) => collect_history(folder, &logs.history, kept, dry)?,
        None => Removed::default(),
    };
    let (replies, exchanges) = match &keep.replies {
        Some(kept) => {
            let (replies, silent) = collect_replies(folder, &mut logs.ledger, kept, dry)?;
            let spoken = |call: &Digest| !silent.contains_key(call);
            (replies, collect_records(folder, EXCHANGES, logs.exchanges.log(), spoken, dry)?)
        }
        None => Default::default(),
    };
    let kept = |page: &Digest| keep.pages.contains(page);
    let pages = collect_records(folder, PAGES, logs.pages.log(), kept, dry)?;
    let bytes = history.bytes + replies.bytes + exchanges.bytes + pages.bytes;
    Ok(Collected { pages: pages.count, replies: replies.count, history: history.count, bytes })
}

/// What went from one log, or would go.
#[derive(Default)]
struct Removed {
    count: u64,
    bytes: u64,
}

/// The next generation of a log, under a temporary name; in a dry run, its size alone.
struct Successor<'a> {
    folder: &'a Folder,
    kind: &'static str,
    old: &'a RecordLog,
    temporary: String,
    log: Option<RecordLog>,
    frame: FrameBuilder,
    size: u64,
}

impl<'a> Successor<'a> {
    fn new(
        folder: &'a Folder,
        kind: &'static str,
        old: &'a RecordLog,
        dry: bool,
    ) -> Result<Self, StoreError> {
        let temporary = format!("{}.tmp", next_generation(kind, old.name()));
        let log = if dry { None } else { Some(Self::start(folder, &temporary)?) };
        Ok(Self { folder, kind, old, temporary, log, frame: FrameBuilder::new(), size: 0 })
    }

    fn start(folder: &Folder, temporary: &str) -> Result<RecordLog, StoreError> {
        folder.remove(temporary)?;
        // It is synced once, at its end.
        let mut log = RecordLog::open(&folder.without_sync(), temporary)?;
        log.start_writing(Scanned { end: Position::START, torn: 0 })?;
        Ok(log)
    }

    /// Ends a frame that has grown large enough.
    fn settle(&mut self) -> Result<(), StoreError> {
        if self.frame.payload().len() >= FRAME { self.end_frame() } else { Ok(()) }
    }

    fn end_frame(&mut self) -> Result<(), StoreError> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let mut frame = std::mem::replace(&mut self.frame, FrameBuilder::new());
        self.size += frame.payload().len() as u64;
        match &mut self.log {
            Some(log) => log.append(frame).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Ends the new log, of which `removed` entries were left out. It takes the place of the old one, unless it is the
    /// same, or a dry run's.
    fn end(mut self, removed: u64) -> Result<Removed, StoreError> {
        if removed == 0 {
            if self.log.is_some() {
                self.folder.remove(&self.temporary)?;
            }
            return Ok(Removed::default());
        }
        self.end_frame()?;
        let bytes = self.old.size()?.saturating_sub(self.size);
        if let Some(log) = self.log.take() {
            self.succeed(&log)?;
        }
        Ok(Removed { count: removed, bytes })
    }

    /// Puts the new log in the place of the old one. It is synced first, whatever the durability: the old one goes.
    fn succeed(&self, log: &RecordLog) -> Result<(), StoreError> {
        if !log.exists() {
            self.folder.create(&self.temporary)?;
        }
        log.sync()?;
        self.folder.rename(&self.temporary, &next_generation(self.kind, self.old.name()))?;
        self.folder.sync_names()?;
        self.folder.remove(self.old.name())
    }
}

fn collect_history(
    folder: &Folder,
    log: &RecordLog,
    keep: &BTreeSet<usize>,
    dry: bool,
) -> Result<Removed, StoreError> {
    let mut entries = read_history(log)?;
    let before = entries.len();
    let forgotten: BTreeSet<RunId> = entries
        .iter()
        .enumerate()
        .filter(|(n, _)| !keep.contains(n))
        .filter_map(|(_, entry)| ended(entry))
        .collect();
    let mut n = 0;
    entries.retain(|entry| {
        n += 1;
        is_kept(entry, keep.contains(&(n - 1)), &forgotten)
    });
    if entries.len() == before {
        return Ok(Removed::default());
    }
    let mut new = Successor::new(folder, HISTORY, log, dry)?;
    if !entries.is_empty() {
        write_history(new.frame.payload(), &entries)?;
    }
    new.end((before - entries.len()) as u64)
}

fn ended(entry: &HistoryEntry) -> Option<RunId> {
    match entry {
        HistoryEntry::RunEnded(end) => Some(end.report.run_id),
        _ => None,
    }
}

/// Whether an entry survives. The beginning of a run goes with its end: alone it would tell of a run that was killed.
fn is_kept(entry: &HistoryEntry, named: bool, forgotten: &BTreeSet<RunId>) -> bool {
    match entry {
        HistoryEntry::RunStarted(start) => !forgotten.contains(&start.run_id),
        HistoryEntry::RunEnded(_)
        | HistoryEntry::Revision(_)
        | HistoryEntry::Attempt(_)
        | HistoryEntry::Waiver(_)
        | HistoryEntry::Stamps(_) => named,
        HistoryEntry::Generation(_) | HistoryEntry::Edits(_) => true,
    }
}

/// Removes pages, or what has their form.
fn collect_records(
    folder: &Folder,
    kind: &'static str,
    log: &RecordLog,
    keep: impl Fn(&Digest) -> bool,
    dry: bool,
) -> Result<Removed, StoreError> {
    let mut new = Successor::new(folder, kind, log, dry)?;
    let mut removed: u64 = 0;
    log.scan(Position::START, &mut |frame| {
        for page in page_log::pages(frame.payload) {
            let page = page.ok_or_else(|| damaged(log.name(), frame.offset, "a record is not understood"))?;
            if keep(&page.digest) {
                page_log::write(&page.digest, page.bytes, new.frame.payload())?;
                new.settle()?;
            } else {
                removed += 1;
            }
        }
        Ok(())
    })?;
    new.end(removed)
}

/// The keys in the log of exchanges of calls of which no result is on record any more.
type Silent = DigestMap<()>;

/// Removes replies. Calls stay on record with what they cost; only what they answered goes, and with it what was said.
fn collect_replies(
    folder: &Folder,
    ledger: &mut LedgerLog,
    keep: &BTreeSet<Digest>,
    dry: bool,
) -> Result<(Removed, Silent), StoreError> {
    let owners = owners(ledger, keep)?;
    let log = ledger.log();
    let mut rewriting = Rewriting {
        new: Successor::new(folder, LEDGER, log, dry)?,
        keep,
        owners,
        gone: DigestMap::default(),
        emptied: Silent::default(),
        empty: Silent::default(),
    };
    log.scan(Position::START, &mut |frame| {
        let mut result = Ok(());
        each(log.name(), frame, |entry| {
            if result.is_ok() {
                let place = |text: &str| {
                    let place = place_of(frame, text);
                    (place.offset, place.at)
                };
                result = rewriting.entry(&entry, &place);
            }
        })?;
        result
    })?;
    let removed = rewriting.gone.len() as u64;
    // Where nothing goes, the ledger stays as it is.
    let silent = if removed > 0 { rewriting.emptied } else { rewriting.empty };
    Ok((rewriting.new.end(removed)?, silent))
}

/// The kept keys by the place of their reply, which under an alias belongs to another key.
type Owners = HashMap<(u64, u32), Vec<Digest>>;

fn owners(ledger: &mut LedgerLog, keep: &BTreeSet<Digest>) -> Result<Owners, StoreError> {
    let keys: Vec<Digest> = keep.iter().copied().collect();
    let mut owners = Owners::new();
    for (key, place) in keys.iter().zip(ledger.keyed().find(&keys)?) {
        if let Some(place) = place {
            owners.entry((place.offset, place.at)).or_default().push(*key);
        }
    }
    Ok(owners)
}

struct Rewriting<'a> {
    new: Successor<'a>,
    keep: &'a BTreeSet<Digest>,
    owners: Owners,
    gone: DigestMap<()>,
    /// Calls that have no result in the new ledger.
    emptied: Silent,
    /// Calls that have none in the old one; a collection that was killed may have left their exchanges.
    empty: Silent,
}

type PlaceOf<'a> = &'a dyn Fn(&str) -> (u64, u32);

impl Rewriting<'_> {
    fn entry(&mut self, entry: &Entry<'_>, place: PlaceOf<'_>) -> Result<(), StoreError> {
        match entry {
            Entry::Outcome(outcome) => self.outcome(outcome, place),
            Entry::Kept { key, reply } => self.answered(*key, reply, true, place),
            // What an alias gave is written beside the reply that it refers to.
            Entry::Alias { key, .. } => {
                self.note(*key);
                Ok(())
            }
            Entry::Lane(_) | Entry::Intent(_) | Entry::Abandoned { .. } => self.write(entry),
        }
    }

    fn outcome(&mut self, outcome: &OutcomeWire<'_>, place: PlaceOf<'_>) -> Result<(), StoreError> {
        let mut kept = OutcomeWire { asks: Vec::new(), served: outcome.served.clone(), ..*outcome };
        for (key, result) in &outcome.asks {
            let stays = match result {
                ResultWire::Reply(text) => {
                    self.owners.get(&place(text)).is_some_and(|owners| owners.contains(&key.0))
                }
                ResultWire::Failed(..) => true,
            };
            if stays {
                kept.asks.push((*key, result.clone()));
            }
        }
        if kept.asks.is_empty() {
            self.emptied.insert(exchange_log::key(CallId(outcome.call)), ());
        }
        if outcome.asks.is_empty() {
            self.empty.insert(exchange_log::key(CallId(outcome.call)), ());
        }
        self.write(&Entry::Outcome(kept))?;
        for (key, result) in &outcome.asks {
            if let ResultWire::Reply(text) = result {
                self.answered(key.0, text, false, place)?;
            }
        }
        Ok(())
    }

    /// Writes what other keys have of a reply, and, where `alone`, what its own key has.
    fn answered(
        &mut self,
        key: Digest,
        text: &str,
        alone: bool,
        place: PlaceOf<'_>,
    ) -> Result<(), StoreError> {
        self.note(key);
        let owners = self.owners.get(&place(text)).cloned().unwrap_or_default();
        let own = owners.contains(&key);
        if own && alone {
            self.write(&Entry::Kept { key, reply: text })?;
        }
        for other in owners.into_iter().filter(|other| *other != key) {
            let alias = Entry::Alias { key: other, of: key };
            self.write(&if own { alias } else { Entry::Kept { key: other, reply: text } })?;
        }
        Ok(())
    }

    fn note(&mut self, key: Digest) {
        if !self.keep.contains(&key) {
            self.gone.insert(key, ());
        }
    }

    fn write(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        wire::write(entry, self.new.frame.payload())?;
        self.new.settle()
    }
}
