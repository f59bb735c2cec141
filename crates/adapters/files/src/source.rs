//! The records of several files, one after the other.

use std::collections::{HashMap, VecDeque};

use refrain_core::ports::files::{FileError, RecordSource};
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::json::{Json, scalar_text};

use crate::ids::{Ids, Seed};
use crate::lines::Lines;
use crate::problems::{Problems, place, problem};
use crate::root::Root;
use crate::rows::{KeyHash, Row, RowSpec, Rows, hash};

/// How many records come at once.
const BATCH: usize = 1_000;
/// How many bytes of records come at once; long records come in smaller numbers.
const BATCH_BYTES: usize = 8 << 20;

/// Reads files in order.
#[derive(Debug)]
pub(crate) struct Source {
    root: Root,
    key: String,
    waiting: VecDeque<(String, RowSpec)>,
    open: Option<(Lines, Rows)>,
    content: ContentIds,
    /// Whether some line got its id from its content.
    gives_ids: bool,
    /// Where each key was seen; only looked up, never walked through.
    seen: HashMap<KeyHash, (usize, u64)>,
    read: Vec<String>,
    problems: Problems,
    stamps: Vec<FileStamp>,
}

/// Gives the lines of files ids from their content. The files are read once for the ids alone.
#[derive(Debug, Default)]
pub(crate) struct ContentIds {
    ids: Option<Ids>,
    /// How many lines got theirs, or had one.
    given: usize,
}

impl ContentIds {
    /// Reads the files of which some lines may need ids.
    pub(crate) fn find(root: &Root, files: &[(String, RowSpec)]) -> Result<Self, FileError> {
        if !files.iter().any(|(_, spec)| spec.needs_ids()) {
            return Ok(Self::default());
        }
        let mut ids = Ids::default();
        for (path, spec) in files {
            let mut lines = Lines::open(root, path, spec.encoding)?;
            let mut rows = Rows::new(&RowSpec { column: None, ..spec.clone() }, path);
            let (mut seeds, mut told_later): (Vec<(Seed, bool)>, _) = (Vec::new(), Problems::default());
            while let Some(row) = rows.next(&mut lines, &mut told_later)? {
                seeds.push((row.seed, row.key.is_some()));
            }
            ids.add_file(&seeds);
        }
        Ok(Self { ids: Some(ids), given: 0 })
    }

    /// Returns the id of the next line, if it is to get one from its content.
    pub(crate) fn next(&mut self, row: &Row, file: &str) -> Result<Option<String>, FileError> {
        let Some(ids) = &self.ids else { return Ok(None) };
        let n = self.given;
        self.given += 1;
        if row.key.is_some() {
            return Ok(None);
        }
        ids.id(n, row.seed).map(Some).ok_or_else(|| FileError::Io {
            action: format!("read {file}"),
            source: std::io::Error::other("it changed meanwhile"),
        })
    }
}

impl Source {
    pub(crate) fn new(root: Root, key: &str, files: Vec<(String, RowSpec)>) -> Result<Self, FileError> {
        Ok(Self {
            content: ContentIds::find(&root, &files)?,
            root,
            key: key.to_owned(),
            waiting: files.into(),
            open: None,
            gives_ids: false,
            seen: HashMap::new(),
            read: Vec::new(),
            problems: Problems::default(),
            stamps: Vec::new(),
        })
    }

    fn row(&mut self) -> Result<Option<Row>, FileError> {
        loop {
            if let Some((lines, rows)) = &mut self.open
                && let Some(row) = rows.next(lines, &mut self.problems)?
            {
                return self.with_id(row).map(Some);
            }
            if let Some((lines, _)) = self.open.take() {
                self.stamps.push(lines.finish()?);
            }
            let Some((path, spec)) = self.waiting.pop_front() else { return Ok(None) };
            self.open = Some((Lines::open(&self.root, &path, spec.encoding)?, Rows::new(&spec, &path)));
            self.read.push(path);
        }
    }

    fn with_id(&mut self, row: Row) -> Result<Row, FileError> {
        let file = self.read.last().map_or("", String::as_str);
        let Some(id) = self.content.next(&row, file)? else { return Ok(row) };
        self.gives_ids = true;
        let record = row.record.with_field(&self.key, &Json::string(&id)).unwrap_or(row.record);
        Ok(Row { record, key: Some(hash(&id)), ..row })
    }

    /// Notes the key of a row, and says where it was before if it was.
    fn note(&mut self, row: &Row) {
        // Without a key column there is one problem, not one for every row.
        let Some(key) = row.key else { return };
        let file = self.read.len() - 1;
        let (first_file, first_line) = *self.seen.entry(key).or_insert((file, row.line));
        if (first_file, first_line) == (file, row.line) {
            return;
        }
        let key = row.record.field(&self.key).and_then(scalar_text).unwrap_or_default();
        let first = &self.read[first_file];
        let message = format!("`{}` is `{key}` again; first in {first} at line {first_line}", self.key);
        let mut problem = problem("E0704", message, Some(place(&self.read[file], row.line, 1)));
        problem.related.push(place(first, first_line, 1));
        self.problems.add(problem);
    }

    fn batch(&mut self) -> Result<Vec<Json>, FileError> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Some(row) = self.row()? else {
                std::mem::take(&mut self.problems).into_result()?;
                break;
            };
            self.note(&row);
            if self.problems.any() {
                // What was built is not handed out any more; the rest is read for its problems alone.
                (batch, bytes) = (Vec::new(), 0);
            } else {
                bytes += row.record.as_str().len();
                batch.push(row.record);
            }
        }
        Ok(batch)
    }
}

impl RecordSource for Source {
    fn next_batch(&mut self) -> Result<Vec<Json>, FileError> {
        let batch = self.batch();
        if batch.is_err() {
            self.waiting.clear();
            self.open = None;
        }
        batch
    }

    fn stamps(&self) -> Vec<FileStamp> {
        self.stamps.clone()
    }

    fn has_own_ids(&self) -> bool {
        !self.gives_ids
    }
}
