//! Replies from another project.
//!
//! The file is checked whole before anything is written: a bad line costs nothing but its message. A reply that is on
//! record already is never replaced: what was paid for here stays.

use std::collections::BTreeMap;
use std::io;

use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{ExportHeader, ExportedReply, ImportReport, Imported, LedgerEntry};
use refrain_schemas::status::Holder;

use super::export::VERSION;
use crate::engine::{Engine, EngineError};
use crate::ports::store::{Batch, Store};

/// How many replies are committed at once.
const CHUNK: usize = 512;
/// How many replies that differ are named.
const NAMED: usize = 20;

/// The lines of a file.
pub type Lines = Box<dyn Iterator<Item = io::Result<String>> + Send>;

/// Opens a file from its beginning; called more than once.
pub type OpenLines<'a> = &'a (dyn Fn() -> io::Result<Lines> + Send + Sync);

/// Takes over the replies of a file.
pub(crate) async fn import(
    engine: &Engine,
    open: OpenLines<'_>,
    holder: &Holder,
) -> Result<ImportReport, EngineError> {
    let mut file = Checked::open(open)?;
    while file.next()?.is_some() {}
    let store = &*engine.ports().store;
    store.begin_writing(holder).await?;
    let report = import_held(store, Checked::open(open)?).await;
    let ended = store.end_writing().await;
    let report = report?;
    ended?;
    Ok(report)
}

async fn import_held(store: &dyn Store, mut file: Checked) -> Result<ImportReport, EngineError> {
    let mut report = ImportReport {
        schema_version: 1,
        project: file.header.project.clone(),
        imported: 0,
        kept: 0,
        differing: 0,
        keys: Vec::new(),
    };
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        while chunk.len() < CHUNK
            && let Some(entry) = file.next()?
        {
            chunk.push(entry);
        }
        if chunk.is_empty() {
            return Ok(report);
        }
        take(store, chunk, &mut report).await?;
    }
}

/// Commits the replies of a chunk whose keys have none.
async fn take(
    store: &dyn Store,
    chunk: Vec<ExportedReply>,
    report: &mut ImportReport,
) -> Result<(), EngineError> {
    let keys: Vec<Digest> = chunk.iter().map(|entry| entry.key).collect();
    let recorded = store.replies(&keys).await?;
    let known = keys.iter().zip(recorded).filter_map(|(key, reply)| Some((*key, reply?)));
    let mut known: BTreeMap<Digest, Json> = known.collect();
    let mut batch = Batch::default();
    for ExportedReply { key, reply } in chunk {
        match known.get(&key) {
            Some(recorded) if *recorded == reply => report.kept += 1,
            Some(_) => {
                report.differing += 1;
                if report.keys.len() < NAMED {
                    report.keys.push(key);
                }
            }
            None => {
                report.imported += 1;
                known.insert(key, reply.clone());
                batch.ledger.push(LedgerEntry::Imported(Imported { key, reply }));
            }
        }
    }
    if !batch.is_empty() {
        store.commit(batch).await?;
    }
    Ok(())
}

/// A file whose lines are checked as they are read.
struct Checked {
    lines: Lines,
    header: ExportHeader,
    /// The number of the line that was read last.
    line: u64,
    /// How many replies were read.
    replies: u64,
}

impl Checked {
    fn open(open: OpenLines<'_>) -> Result<Self, EngineError> {
        let mut lines = open().map_err(|error| problem(1, &error.to_string()))?;
        let header = match lines.next() {
            Some(line) => header(&line.map_err(|error| problem(1, &error.to_string()))?),
            None => Err("the file is empty".to_owned()),
        };
        let header = header.map_err(|message| problem(1, &message))?;
        Ok(Self { lines, header, line: 1, replies: 0 })
    }

    /// Returns the next reply; `None` at the end, where there must have been as many as the header says.
    fn next(&mut self) -> Result<Option<ExportedReply>, EngineError> {
        let Some(line) = self.lines.next() else { return self.end() };
        self.line += 1;
        let text = line.map_err(|error| problem(self.line, &error.to_string()))?;
        let entry = serde_json::from_str(&text).map_err(|error| problem(self.line, &told(&error)))?;
        self.replies += 1;
        Ok(Some(entry))
    }

    fn end(&self) -> Result<Option<ExportedReply>, EngineError> {
        let (found, said) = (self.replies, self.header.replies);
        if found == said {
            return Ok(None);
        }
        let message = format!("the file ends after {found} replies and its first line promises {said}");
        Err(problem(self.line, &message))
    }
}

fn header(text: &str) -> Result<ExportHeader, String> {
    let header: ExportHeader = serde_json::from_str(text)
        .map_err(|error| format!("this is not the first line of an exported ledger: {}", told(&error)))?;
    match header.refrain_ledger {
        VERSION => Ok(header),
        found if found > VERSION => {
            Err(format!("the file has format {found}, this version reads {VERSION}; use a newer refrain"))
        }
        found => Err(format!("there is no format {found}")),
    }
}

/// Returns what a parser said, without the place: it read one line.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, place)) => match place.split_once(" column ") {
            Some((_, column)) if error.column() > 0 => format!("{message} at column {column}"),
            _ => message.to_owned(),
        },
        None => text,
    }
}

fn problem(line: u64, message: &str) -> EngineError {
    EngineError::Import { line, message: message.to_owned() }
}
