//! Copies of source files with other texts in them.

mod apply;
mod places;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use refrain_core::ports::files::{FileError, RecordTarget, Replaceable, Written};
use refrain_schemas::json::{Json, scalar_text};

use crate::encode::plain;
use crate::encoding::Coding;
use crate::fresh::{Fresh, Together, Workshop};
use crate::layout::{self, TEXT};
use crate::lines::Lines;
use crate::params::{Expected, PatchParams, WriteParams};
use crate::problems::{Problems, place, problem};
use crate::root::{Root, failed};
use crate::rows::{KeyHash, Row, RowSpec, Rows, hash};
use crate::source::ContentIds;
use crate::target::excerpt;

use self::apply::{Edit, apply};
pub(crate) use self::places::{Pair, pairs, sources};

/// Patches files when all records are there.
#[derive(Debug)]
pub(crate) struct Patch {
    root: Root,
    workshop: Workshop,
    key: String,
    field: String,
    keep_missing: bool,
    /// The language that is written, for files that have room for it.
    language: Option<String>,
    expected: Option<Expected>,
    /// What is patched, how it is understood, and where the copy goes.
    files: Vec<(Pair, RowSpec)>,
    /// Whether some place may take another field of a record than its text.
    wants_records: bool,
    /// Which of the held records has a key; only looked up, never walked through.
    by_key: HashMap<KeyHash, usize>,
    held: Vec<Held>,
    /// How many records came.
    records: u64,
    /// How many lines were seen, and how many of them got a record.
    lines: u64,
    written: u64,
    problems: Problems,
}

/// What the rows read so far change in what was kept of their file.
#[derive(Debug, Default)]
struct Changes {
    edits: Vec<Edit>,
    refused: Vec<Refused>,
}

/// A text that cannot stand in its place.
#[derive(Debug)]
struct Refused {
    /// Where the place begins in what was kept.
    at: usize,
    message: String,
}

/// A record that waits for its line.
#[derive(Debug)]
struct Held {
    key: Box<str>,
    text: Box<str>,
    /// The whole record, where that may be wanted.
    record: Option<Json>,
    used: bool,
}

impl Patch {
    pub(crate) fn open(
        root: &Root,
        workshop: &Workshop,
        params: &WriteParams,
        patch: &PatchParams,
        key: &str,
    ) -> Result<Self, FileError> {
        let mut files = Vec::new();
        for pair in pairs(root, &patch.files, &params.path)? {
            let spec = spec(params, patch, &pair.from, key)?;
            files.push((pair, spec));
        }
        Ok(Self {
            root: root.clone(),
            workshop: workshop.clone(),
            key: key.to_owned(),
            field: params.field.clone(),
            keep_missing: patch.keep_missing,
            language: params.language.clone(),
            expected: params.expected,
            wants_records: files.iter().any(|(_, spec)| spec.layout.is_some()),
            files,
            by_key: HashMap::new(),
            held: Vec::new(),
            records: 0,
            lines: 0,
            written: 0,
            problems: Problems::default(),
        })
    }

    fn hold(&mut self, record: &Json) {
        self.records += 1;
        let wrong = match (record.field(&self.key).and_then(scalar_text), record.field(&self.field)) {
            (None, _) => format!("has no `{}`", self.key),
            (_, None) => format!("has no `{}`", self.field),
            (Some(key), Some(text)) => match self.by_key.entry(hash(&key)) {
                Entry::Occupied(_) => format!("has the `{}` of another", self.key),
                Entry::Vacant(entry) => {
                    entry.insert(self.held.len());
                    let record = self.wants_records.then(|| record.clone());
                    let (key, text) = (key.as_ref().into(), plain(text).into());
                    return self.held.push(Held { key, text, record, used: false });
                }
            },
        };
        let message = format!("record {} {wrong}: {}", self.records, excerpt(record.as_str()));
        self.problems.add(problem("E0720", message, None));
    }

    /// Makes the copy of one file.
    fn file(&mut self, pair: &Pair, spec: &RowSpec, ids: &mut ContentIds) -> Result<Finished, FileError> {
        let mut lines = Lines::open(&self.root, &pair.from, spec.encoding)?.keeping();
        let mut rows = Rows::new(spec, &pair.from);
        let mut fresh = Fresh::open(&self.root, &self.workshop, &pair.to)?;
        let mut coding = lines.coding();
        let mut changes = Changes::default();
        loop {
            let row = rows.next(&mut lines, &mut self.problems)?;
            if let Some(row) = &row {
                self.row(row, &pair.from, coding, ids, &mut changes)?;
            }
            if row.is_some() && rows.is_whole() {
                continue;
            }
            let kept = lines.take_kept();
            let Changes { mut edits, refused } = std::mem::take(&mut changes);
            self.locate(refused, &pair.from, &kept.text, (!rows.is_whole()).then(|| lines.number()));
            if !edits.is_empty() {
                self.say_language(spec, &kept.text, coding, &mut edits);
            }
            apply(&kept, coding, edits, &mut fresh.out).map_err(|e| failed("write", &pair.to, e))?;
            if row.is_none() {
                return Ok(Finished { made: fresh.finish()?, from: lines.finish()? });
            }
            coding.mark = 0;
        }
    }

    /// Finds the record of a row, and notes what it changes.
    fn row(
        &mut self,
        row: &Row,
        file: &str,
        coding: Coding,
        ids: &mut ContentIds,
        changes: &mut Changes,
    ) -> Result<(), FileError> {
        let id = ids.next(row, file)?;
        let key = id.as_deref().map(hash).or(row.key);
        self.lines += u64::from(!row.places.is_empty());
        let Some(held) = key.and_then(|key| self.by_key.get(&key)).copied() else {
            if !self.keep_missing && !row.places.is_empty() {
                self.missing(row, file, id.as_deref());
            }
            return Ok(());
        };
        self.written += u64::from(!row.places.is_empty());
        let Some(held) = self.held.get_mut(held) else { return Ok(()) };
        held.used = true;
        for at in &row.places {
            let other;
            let text = if at.field == TEXT {
                &*held.text
            } else {
                let value = held.record.as_ref().and_then(|record| record.field(&at.field));
                let Some(value) = value.and_then(scalar_text) else { continue };
                other = value;
                &*other
            };
            if text == at.now {
                continue;
            }
            let field = |name: &str| Some(scalar_text(held.record.as_ref()?.field(name)?)?.into_owned());
            match Edit::new(at, text, &field, coding.encoding) {
                Ok(edit) => changes.edits.push(edit),
                Err(why) => {
                    let message = format!("the `{}` of `{}` {why}: {}", at.field, held.key, excerpt(text));
                    changes.refused.push(Refused { at: at.span.start, message });
                }
            }
        }
        Ok(())
    }

    /// Tells of texts that cannot stand in their places, with where these are. `last` is the number of the last line that
    /// was kept; nothing where the whole file was.
    fn locate(&mut self, refused: Vec<Refused>, file: &str, text: &str, last: Option<u64>) {
        let breaks = |text: &str| text.matches('\n').count() as u64;
        for Refused { at, message } in refused {
            let (before, behind) = text.split_at_checked(at).unwrap_or((text, ""));
            let behind = behind.strip_suffix('\n').unwrap_or(behind);
            let line = last.map_or_else(|| breaks(before) + 1, |last| last.saturating_sub(breaks(behind)));
            let column = before.rsplit('\n').next().map_or(0, |start| start.chars().count()) + 1;
            self.problems.add(problem("E0725", message, Some(place(file, line, column))));
        }
    }

    /// Lets a file in which texts change say which language they are in, where it has room for that and says nothing.
    fn say_language(&self, spec: &RowSpec, text: &str, coding: Coding, edits: &mut Vec<Edit>) {
        let Some((layout, language)) = spec.layout.as_ref().zip(self.language.as_deref()) else { return };
        let said = layout.in_language(text, language).into_iter();
        let said: Vec<Edit> =
            said.filter_map(|(span, new)| Edit::raw(span, &new, coding.encoding).ok()).collect();
        // What is put in at the very beginning goes before everything else there.
        edits.splice(0..0, said);
    }

    fn missing(&mut self, row: &Row, file: &str, id: Option<&str>) {
        let own = row.record.field(&self.key).and_then(scalar_text).unwrap_or_default();
        let id = id.unwrap_or(&own);
        let text = row.record.field("text").and_then(scalar_text).unwrap_or_default();
        let message = format!("there is no record for `{id}`: {}", excerpt(&text));
        let mut problem = problem("E0722", message, Some(place(file, row.line, 1)));
        problem.hint = Some("a line that is new is there once all before this phase has run (without `--only`); `missing: keep` leaves such lines as they are".to_owned());
        self.problems.add(problem);
    }

    fn check_counts(&mut self) {
        for held in self.held.iter().filter(|held| !held.used) {
            let message = format!("no patched file has the line `{}`: {}", held.key, excerpt(&held.text));
            let mut problem = problem("E0723", message, None);
            problem.hint =
                Some("`patch`, `encoding`, `ids`, `text` and `speaker` must be those of `read`".to_owned());
            self.problems.add(problem);
        }
        let expected = match self.expected {
            None => return,
            Some(Expected::Just(expected)) => expected,
            Some(Expected::Source) => self.lines,
        };
        if expected != self.written {
            let message = format!("{} lines have a record, expected {expected}", self.written);
            self.problems.add(problem("E0724", message, None));
        }
    }
}

/// A copy that is made, and the stamp of what it was made from.
struct Finished {
    made: crate::fresh::Made,
    from: refrain_schemas::artifact::FileStamp,
}

fn spec(params: &WriteParams, patch: &PatchParams, path: &str, key: &str) -> Result<RowSpec, FileError> {
    let mut spec = RowSpec::new(&params.file, "patch", path, key)?;
    let column = patch.column.as_ref().or(params.file.names.text.as_ref());
    spec.layout = layout::for_patching(spec.format, &params.file, key, column.map(String::as_str));
    spec.column = Some(column.map_or_else(|| TEXT.to_owned(), Clone::clone));
    Ok(spec)
}

impl RecordTarget for Patch {
    fn write(&mut self, records: &[Json]) -> Result<(), FileError> {
        records.iter().for_each(|record| self.hold(record));
        Ok(())
    }

    fn finish(mut self: Box<Self>, replaceable: &Replaceable) -> Result<Written, FileError> {
        let files = std::mem::take(&mut self.files);
        let specs: Vec<_> = files.iter().map(|(pair, spec)| (pair.from.clone(), spec.clone())).collect();
        let mut ids = ContentIds::find(&self.root, &specs)?;
        let (mut together, mut patched) = (Together::default(), Vec::new());
        for (pair, spec) in &files {
            let finished = self.file(pair, spec, &mut ids)?;
            together.add(finished.made);
            patched.push(finished.from);
        }
        self.check_counts();
        std::mem::take(&mut self.problems).into_result()?;
        Ok(Written { patched, ..together.put(replaceable)? })
    }
}
