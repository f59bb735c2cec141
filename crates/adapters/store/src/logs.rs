//! The logs of a store and which generation of each is in force.

use refrain_core::ports::store::StoreError;
use refrain_schemas::history::HistoryEntry;

use crate::checkpoint::{Checkpoint, Mark, resume};
use crate::error::{cut_off, damaged, failed_to};
use crate::exchange_log::ExchangeLog;
use crate::folder::Folder;
use crate::frame::FrameBuilder;
use crate::keyed_log::{KeyedLog, scan_patiently};
use crate::ledger_log::LedgerLog;
use crate::page_log;
use crate::record_log::{Frame, Position, RecordLog, Scanned};

pub(crate) const HISTORY: &str = "history";
pub(crate) const LEDGER: &str = "ledger";
pub(crate) const PAGES: &str = "pages";
pub(crate) const EXCHANGES: &str = "exchanges";
const KINDS: [&str; 4] = [HISTORY, LEDGER, PAGES, EXCHANGES];
/// How often a reader looks again for a log that a collection has just replaced.
const LOOKS: usize = 16;

/// The names of the logs in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogNames {
    pub(crate) history: String,
    pub(crate) ledger: String,
    pub(crate) pages: String,
    pub(crate) exchanges: String,
}

impl LogNames {
    /// Returns the newest generation of each log; the first where there is none yet.
    fn among(names: &[String]) -> Self {
        Self {
            history: newest(names, HISTORY),
            ledger: newest(names, LEDGER),
            pages: newest(names, PAGES),
            exchanges: newest(names, EXCHANGES),
        }
    }

    /// Whether a file belongs to one of these logs.
    fn owns(&self, name: &str) -> bool {
        // `ledger-1.log` owns everything that begins with `ledger-1.`.
        [&self.history, &self.ledger, &self.pages, &self.exchanges]
            .iter()
            .any(|log| name.starts_with(log.trim_end_matches("log")))
    }
}

/// Returns the name of a generation of a log.
fn log_name(kind: &str, generation: u64) -> String {
    format!("{kind}-{generation}.log")
}

/// Returns the generation in the name of a log or of something that belongs to it.
fn generation(kind: &str, name: &str) -> Option<u64> {
    let rest = name.strip_prefix(kind)?.strip_prefix('-')?;
    rest.split('.').next()?.parse().ok()
}

fn newest(names: &[String], kind: &str) -> String {
    let logs = names.iter().filter(|name| name.ends_with(".log"));
    log_name(kind, logs.filter_map(|name| generation(kind, name)).max().unwrap_or(1))
}

/// Returns the name of the generation after this one.
pub(crate) fn next_generation(kind: &str, name: &str) -> String {
    log_name(kind, generation(kind, name).unwrap_or(0) + 1)
}

/// The logs.
#[derive(Debug)]
pub(crate) struct Logs {
    pub(crate) history: RecordLog,
    pub(crate) ledger: LedgerLog,
    pub(crate) pages: KeyedLog,
    pub(crate) exchanges: ExchangeLog,
}

impl Logs {
    /// Opens the logs that are in force.
    pub(crate) fn open(folder: &Folder) -> Result<Self, StoreError> {
        let mut names = folder.names()?;
        for _ in 0..LOOKS {
            let logs = Self::open_named(folder, &LogNames::among(&names))?;
            names = folder.names()?;
            // A log that was listed and is gone was replaced in between.
            if logs.are_in_force(&names) {
                return Ok(logs);
            }
        }
        Err(failed_to("open the logs of", "")(std::io::ErrorKind::ResourceBusy.into()))
    }

    fn open_named(folder: &Folder, names: &LogNames) -> Result<Self, StoreError> {
        Ok(Self {
            history: RecordLog::open(folder, &names.history)?,
            ledger: LedgerLog::open(folder, &names.ledger)?,
            pages: KeyedLog::open(folder, &names.pages, page_log::read_items)?,
            exchanges: ExchangeLog::open(folder, &names.exchanges)?,
        })
    }

    /// Returns the names of the logs.
    pub(crate) fn names(&self) -> LogNames {
        LogNames {
            history: self.history.name().to_owned(),
            ledger: self.ledger.log().name().to_owned(),
            pages: self.pages.log().name().to_owned(),
            exchanges: self.exchanges.log().name().to_owned(),
        }
    }

    fn are_in_force(&self, names: &[String]) -> bool {
        let all = [&self.history, self.ledger.log(), self.pages.log(), self.exchanges.log()];
        LogNames::among(names) == self.names()
            && all.iter().all(|log| log.exists() || names.iter().all(|name| name != log.name()))
    }

    /// Opens again, for a reader, the logs that were created or replaced since.
    pub(crate) fn refresh(&mut self, folder: &Folder) -> Result<(), StoreError> {
        let names = folder.names()?;
        if self.are_in_force(&names) {
            return Ok(());
        }
        let new = Self::open(folder)?;
        replace(&mut self.history, new.history, |log| log);
        replace(&mut self.ledger, new.ledger, LedgerLog::log);
        replace(&mut self.pages, new.pages, KeyedLog::log);
        replace(&mut self.exchanges, new.exchanges, ExchangeLog::log);
        Ok(())
    }

    /// Makes these the writer's logs, from the checkpoint on; returns what was cut off, for people.
    pub(crate) fn start_writing(
        &mut self,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Vec<String>, StoreError> {
        let history = verify(&self.history, checkpoint.map(|checkpoint| &checkpoint.history))?;
        let pages = verify(self.pages.log(), checkpoint.map(|checkpoint| &checkpoint.pages))?;
        let exchanges = verify(self.exchanges.log(), checkpoint.map(|checkpoint| &checkpoint.exchanges))?;
        let ledger = self.ledger.count(checkpoint)?;
        let recovered = [
            (&self.history, history),
            (self.ledger.log(), ledger),
            (self.exchanges.log(), exchanges),
            (self.pages.log(), pages),
        ]
        .iter()
        .filter(|(_, scanned)| scanned.torn > 0)
        .map(|(log, scanned)| cut_off(log.name(), scanned.torn, scanned.end.end))
        .collect();
        self.history.start_writing(history)?;
        self.pages.start_writing(pages)?;
        self.exchanges.keyed().start_writing(exchanges)?;
        self.ledger.keyed().start_writing(ledger)?;
        Ok(recovered)
    }

    /// Goes back to reading.
    pub(crate) fn stop_writing(&mut self) {
        self.pages.stop_writing();
        self.exchanges.keyed().stop_writing();
        self.ledger.keyed().stop_writing();
    }

    /// Returns how the writer's logs stand.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            history: Mark::end_of(&self.history),
            ledger: Mark::end_of(self.ledger.log()),
            pages: Mark::end_of(self.pages.log()),
            exchanges: Mark::end_of(self.exchanges.log()),
            tally: self.ledger.tally().clone(),
        }
    }
}

/// Keeps a reader's log, and what it has learnt of it, where the new one is the same file.
fn replace<L>(old: &mut L, new: L, log: impl Fn(&L) -> &RecordLog) {
    if !log(old).exists() || log(old).name() != log(&new).name() {
        *old = new;
    }
}

fn verify(log: &RecordLog, mark: Option<&Mark>) -> Result<Scanned, StoreError> {
    log.scan(resume(mark, log)?, &mut |_| Ok(()))
}

/// Appends entries to the history.
pub(crate) fn append_history(log: &mut RecordLog, entries: &[HistoryEntry]) -> Result<(), StoreError> {
    let mut frame = FrameBuilder::new();
    write_history(frame.payload(), entries)?;
    log.append(frame).map(|_| ())
}

/// Writes entries of the history into a frame.
pub(crate) fn write_history(out: &mut Vec<u8>, entries: &[HistoryEntry]) -> Result<(), StoreError> {
    let encoded = serde_json::to_writer(out, entries);
    encoded.map_err(|error| failed_to("encode an entry of", HISTORY)(error.into()))
}

/// Reads the history.
pub(crate) fn read_history(log: &RecordLog) -> Result<Vec<HistoryEntry>, StoreError> {
    let visit = |history: &mut Vec<HistoryEntry>, frame: Frame<'_>| {
        let entries: Vec<HistoryEntry> = serde_json::from_slice(frame.payload).map_err(|error| {
            damaged(log.name(), frame.offset, &format!("an entry is not understood ({error})"))
        })?;
        history.extend(entries);
        Ok(())
    };
    Ok(scan_patiently(log, Position::START, Vec::new, visit)?.0)
}

/// Removes what crashes and collections have left behind: unfinished files and older generations.
pub(crate) fn tidy(folder: &Folder) -> Result<(), StoreError> {
    let names = folder.names()?;
    let in_force = LogNames::among(&names);
    let of_a_log = |name: &String| KINDS.iter().any(|kind| generation(kind, name).is_some());
    if names.iter().any(|name| of_a_log(name) && !in_force.owns(name)) {
        // Whoever wrote the log in force may have died before its name was safe: it has to be, before the old one goes.
        folder.sync_names()?;
    }
    for name in &names {
        let ours =
            of_a_log(name) || name == "checkpoint.tmp" || name == "format.tmp" || name == ".gitignore.tmp";
        if ours && (name.ends_with(".tmp") || !in_force.owns(name)) {
            folder.remove(name)?;
        }
    }
    Ok(())
}
