//! A file that an export wrote and a person changed: what was changed in it becomes edits.
//!
//! The export is made again apart from the project, from the very records that it was made of, and read back like the
//! person's file. What differs is the person's. Where it is not known which revision of the export the person worked on,
//! it is the one that leaves the fewest changes.

mod search;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use refrain_schemas::digest::Digest;
use refrain_schemas::edit::{EditBasis, EditReport};
use refrain_schemas::json::Json;
use refrain_schemas::name::{PhaseName, Revision};
use refrain_schemas::scope::Target;
use refrain_schemas::status::Holder;
use serde_json::{Map, Value};

use self::search::Found;
use super::editor::{NAMED, problem};
use super::rows::{Basis, BasisRow, FileRows, ids_stay, is_state, key_of, read, reading, say_the_same};
use super::written::{Exported, exported};
use super::{EditRequest, Imported, Outcome, Signature, alone, changed, commit};
use crate::engine::{Engine, EngineError};
use crate::facts;
use crate::history::History;
use crate::model::{Work, WriteWork};
use crate::ports::files::{FileError, Replaceable, SourceReader, TargetWriter, Written};
use crate::tree::sequence::Sequence;

/// How many records are written at once.
const BATCH: usize = 1000;

/// A place apart from the project in which an export is made again, beside what a person made of it.
#[derive(Debug, Clone)]
pub struct Bench {
    /// Writes the export again. Where it is a changed copy of files, those are there as well.
    pub writer: Arc<dyn TargetWriter>,
    /// Reads it back.
    pub reader: Arc<dyn SourceReader>,
    /// Reads the person's file, which has the name that the export wrote.
    pub theirs: Arc<dyn SourceReader>,
}

/// A file that a person brings back.
#[derive(Debug, Clone, PartialEq)]
pub struct Returned {
    /// The target that wrote it.
    pub export: Target,
    /// The revision that it was made from, where that is known.
    pub revision: Option<Revision>,
    /// The name under which it was written.
    pub path: String,
    /// Whether it holds rows of other files of that export as well.
    pub joined: bool,
    /// Whether it lies where it was written: it is what was written there last, and what somebody made of that.
    pub in_place: bool,
    /// How the person names it.
    pub file: String,
    /// Its contents.
    pub digest: Digest,
    /// Only these fields, though the export may not have them; all that the export has where none is named.
    pub fields: Vec<String>,
    /// What is different about how it is read, such as its `delimiter`.
    pub reading: Map<String, Value>,
    /// Who, and how.
    pub signature: Signature,
}

/// Makes edits of what a person changed in a file.
pub(crate) async fn import(
    engine: &Engine,
    returned: &Returned,
    bench: &Bench,
    holder: &Holder,
) -> Result<EditReport, EngineError> {
    let dry_run = returned.signature.dry_run;
    let reports = alone(engine, holder, dry_run, async {
        let history = History::fold(engine.ports().store.history().await?);
        let outcome = Import::prepare(engine, &history, returned, bench)?.outcome().await?;
        commit(&*engine.ports().store, vec![outcome], dry_run).await
    });
    Ok(reports.await?.pop().unwrap_or_default())
}

/// One file on its way to edits.
struct Import<'a> {
    engine: &'a Engine,
    history: &'a History,
    returned: &'a Returned,
    bench: &'a Bench,
    params: Map<String, Value>,
    /// The revisions that it may have been made from, newest first.
    candidates: Vec<Exported>,
}

impl<'a> Import<'a> {
    fn prepare(
        engine: &'a Engine,
        history: &'a History,
        returned: &'a Returned,
        bench: &'a Bench,
    ) -> Result<Self, EngineError> {
        let work = write_work(engine, &returned.export)?;
        let mut params = facts::params(engine.model(), &work.agent, &returned.export)?;
        // How many records there are to be today is nothing to older exports.
        params.remove("expected");
        let candidates = exported(history, work, returned);
        if candidates.is_empty() {
            return Err(no_basis(history, returned));
        }
        Ok(Self { engine, history, returned, bench, params, candidates })
    }

    async fn outcome(self) -> Result<Outcome, EngineError> {
        let (mut found, passed_over) = self.find().await?;
        self.refuse_textless(&found)?;
        let unwritten = self.leave_unwritten(&mut found).await;
        let is_whole = found.compared.is_whole() && unwritten.is_empty();
        let Returned { signature, file, digest, export, .. } = self.returned;
        let latest = self.history.latest(export).map(|record| record.revision);
        let request = EditRequest {
            target: found.exported.of.clone(),
            changes: found.compared.changes.clone(),
            seen: Some(found.exported.of_revision),
            signature: signature.clone(),
            what: format!("import {file}"),
            // What was not taken over is still nowhere but in the file.
            imported: self.is_news().then_some(Imported { digest: *digest, is_whole }),
        };
        let mut outcome = changed(self.engine, self.history, &found.subject, &request)
            .await
            .map_err(|error| self.renamed(error))?;
        let revision = found.exported.revision;
        let latest = latest.unwrap_or(revision);
        let forgotten = self.forgotten(latest).filter(|_| !request.changes.is_empty());
        let basis = EditBasis { target: export.clone(), revision, latest, forgotten, passed_over };
        tell(&mut outcome.report, &found, basis);
        outcome.report.unwritten = unwritten;
        Ok(outcome)
    }

    /// Refuses a file in which nothing is found because what holds the texts is called otherwise.
    fn refuse_textless(&self, found: &Found) -> Result<(), EngineError> {
        let compared = &found.compared;
        let Some(name) = compared.textless.as_ref().filter(|_| compared.changes.is_empty()) else {
            return Ok(());
        };
        let mut problem = problem("", "");
        problem.code = "E0795".to_owned();
        problem.message = format!("{}: there is no `{name}`, which holds the texts", self.returned.file);
        let there: Vec<String> = compared.left_out.iter().map(|name| format!("`{name}`")).collect();
        problem.hint = Some(match there.as_slice() {
            [] => format!("call it `{name}` again, as it was exported"),
            [one] => format!("is it {one} now? call it `{name}` again"),
            several => format!("is it one of {}? call it `{name}` again", several.join(", ")),
        });
        Err(EngineError::BadEdits { problems: vec![problem] })
    }

    /// Returns the newest revision that is not on record, where the file may have been made from it.
    fn forgotten(&self, latest: Revision) -> Option<Revision> {
        let Returned { export, revision, in_place, .. } = self.returned;
        let is_known = *in_place || revision.is_some();
        let on_record = |revision: &Revision| self.history.revision(export, *revision).is_some();
        (1..latest.0).rev().map(Revision).find(|revision| !is_known && !on_record(revision))
    }

    /// Whether the file differs from what a run may replace anyway: in its place from what was written there last, elsewhere
    /// from everything that the export wrote.
    fn is_news(&self) -> bool {
        let Returned { export, path, in_place, digest, .. } = self.returned;
        let past = self.history.target(export);
        let records = past.into_iter().flat_map(|past| &past.revisions).map(|(_, record)| record);
        let mut files = records.rev().flat_map(|record| &record.files);
        if *in_place {
            return files.find(|file| file.path == *path).is_none_or(|file| file.digest != *digest);
        }
        !files.any(|file| file.digest == *digest)
    }

    /// Leaves out what could never be seen: changes with which the export, made once more, says in their column what it said
    /// without them. Returns how many these are, by column.
    async fn leave_unwritten(&self, found: &mut Found) -> BTreeMap<String, u64> {
        let mut unwritten = BTreeMap::new();
        let Some((mut records, before)) = found.made.take().filter(|_| !found.compared.changes.is_empty())
        else {
            return unwritten;
        };
        for change in &found.compared.changes {
            let record = records.get_mut(&change.key);
            let laid =
                record.and_then(|record| Some((record.with_field(&change.field, &change.value)?, record)));
            laid.into_iter().for_each(|(laid, record)| *record = laid);
        }
        // What cannot be written at all is for the schema and the export to refuse.
        let Ok(after) = self.basis(&records, &found.subject.key).await else { return unwritten };
        let (before, after) = (by_key(&before), by_key(&after));
        let is_seen = |key: &str, column: &str| match (before.get(key), after.get(key)) {
            (Some(before), Some(after)) => !say_the_same(before, after, column),
            _ => true,
        };
        let has = |column: &str| before.values().any(|row| row.field(column).is_some());
        let compared = &mut found.compared;
        let pairs =
            std::mem::take(&mut compared.changes).into_iter().zip(std::mem::take(&mut compared.columns));
        for (change, column) in pairs {
            let is_wanted = self.returned.fields.contains(&column) || (is_state(&column) && !has(&column));
            if is_wanted || is_seen(&change.key, &column) {
                compared.changes.push(change);
                compared.columns.push(column);
            } else {
                *unwritten.entry(column).or_default() += 1;
            }
        }
        unwritten
    }

    async fn theirs(&self, key: &str) -> Result<Vec<Json>, EngineError> {
        let mut params = reading(&self.params, self.path());
        params.extend(self.returned.reading.clone());
        let found = read(&*self.bench.theirs, &params, key).await;
        found.map(|found| found.rows).map_err(|error| self.renamed(EngineError::File(error)))
    }

    async fn records(&self, exported: &Exported) -> Result<IndexMap<String, Json>, EngineError> {
        let store = &*self.engine.ports().store;
        let records = Sequence::open_whole(store, exported.artifact.digest).await?;
        let present = records.iter().filter(|(_, entry)| !entry.hole);
        Ok(present.map(|(_, entry)| (entry.id.to_owned(), Json::from_canonical(entry.text()))).collect())
    }

    /// Makes the export of some records again and reads it back.
    async fn basis(&self, records: &IndexMap<String, Json>, key: &str) -> Result<Basis, EngineError> {
        if self.params.contains_key("patch") {
            return self.patched_basis(records, key).await;
        }
        self.write(&self.params, key, records.values()).await?;
        let found = self.ours(self.path(), key).await?;
        let keys = records.keys().map(Some);
        let keys = keys.chain(std::iter::repeat(None));
        let row = |(row, key_by_place): (Json, Option<&String>)| {
            let by_place = key_by_place.filter(|_| !found.own_ids).cloned();
            let key = by_place.or_else(|| key_of(&row, key)).unwrap_or_default();
            let record = records.get(&key).cloned();
            BasisRow { row, key, record }
        };
        let rows = found.rows.into_iter().zip(keys).map(row).collect();
        Ok(Basis { rows, own_ids: found.own_ids, lines: None })
    }

    /// The same where the export is a changed copy. Its rows stand where those of the file do that it is a copy of, and have
    /// their ids, which may hang on what other files say: so all of these are read as `read` reads them.
    async fn patched_basis(&self, records: &IndexMap<String, Json>, key: &str) -> Result<Basis, EngineError> {
        let sources = self.ours(self.params.get("patch").cloned().unwrap_or_default(), key).await?.rows;
        let lines: BTreeSet<String> = sources.iter().filter_map(|row| key_of(row, key)).collect();
        let mut params = self.params.clone();
        params.insert("missing".to_owned(), Value::from("keep"));
        let there = records.iter().filter(|(key, _)| lines.contains(*key)).map(|(_, record)| record);
        let written = self.write(&params, key, there).await?;
        let mut basis = Basis { rows: Vec::new(), own_ids: true, lines: Some(lines) };
        let mut first = 0;
        for file in &written.files {
            let is_meant = self.returned.joined || file.path == self.returned.path;
            let found = self.ours(Value::from(file.path.as_str()), key).await?;
            let sources = sources.get(first..).unwrap_or_default();
            first += found.rows.len();
            if is_meant {
                basis.own_ids &= found.own_ids && ids_stay(&found.rows, sources, key);
                let row = |(row, source): (Json, &Json)| {
                    let key = key_of(source, key).unwrap_or_default();
                    let record = records.get(&key).cloned();
                    BasisRow { row, key, record }
                };
                basis.rows.extend(found.rows.into_iter().zip(sources).map(row));
            }
            if is_meant && !self.returned.joined {
                break;
            }
        }
        Ok(basis)
    }

    async fn write(
        &self,
        params: &Map<String, Value>,
        key: &str,
        records: impl Iterator<Item = &Json>,
    ) -> Result<Written, EngineError> {
        let records: Vec<Json> = records.cloned().collect();
        let mut target = self.bench.writer.open(params, key).await?;
        records.chunks(BATCH).try_for_each(|batch| target.write(batch))?;
        Ok(target.finish(&Replaceable::anything())?)
    }

    fn path(&self) -> Value {
        Value::from(self.returned.path.as_str())
    }

    async fn ours(&self, files: Value, key: &str) -> Result<FileRows, EngineError> {
        let params = reading(&self.params, files);
        read(&*self.bench.reader, &params, key).await.map_err(|error| self.unreadable(error))
    }

    /// Gives problems the name that the person has for the file.
    fn renamed(&self, error: EngineError) -> EngineError {
        let mut problems = match error {
            EngineError::File(FileError::Bad { problems }) | EngineError::BadEdits { problems } => problems,
            other => return other,
        };
        for problem in &mut problems {
            match &mut problem.place {
                Some(place) => place.file.clone_from(&self.returned.file),
                None => problem.message = format!("{}: {}", self.returned.file, problem.message),
            }
            problem.related.iter_mut().for_each(|place| place.file.clone_from(&self.returned.file));
        }
        EngineError::BadEdits { problems }
    }

    fn unreadable(&self, error: FileError) -> EngineError {
        let FileError::Bad { problems } = error else { return error.into() };
        let first = problems.first().map_or_else(String::new, |problem| problem.message.clone());
        let reason = format!("what it writes cannot be taken back: {first}");
        EngineError::NotEditable { target: self.returned.export.to_string(), reason }
    }
}

fn by_key(basis: &Basis) -> BTreeMap<&str, &Json> {
    basis.rows.iter().map(|was| (was.key.as_str(), &was.row)).collect()
}

/// Adds what the file had besides changes.
fn tell(report: &mut EditReport, found: &Found, basis: EditBasis) {
    let compared = &found.compared;
    let first = |keys: &[String]| keys.iter().take(NAMED).cloned().collect();
    let renamed = found.subject.renamed();
    let moved = std::mem::take(&mut report.moved);
    let home = |key: &String| renamed.get(key).or_else(|| moved.get(key)).unwrap_or(key).clone();
    let gone = |key: &String| !found.subject.records.contains_key(&home(key));
    let mut lost: Vec<String> =
        compared.changes.iter().map(|change| change.key.clone()).filter(gone).collect();
    lost.dedup();
    report.from = Some(basis);
    report.unchanged = compared.unchanged;
    (report.unknown, report.n_unknown) = (first(&compared.unknown), compared.unknown.len() as u64);
    (report.absent, report.n_absent) = (first(&compared.absent), compared.absent.len() as u64);
    (report.blank, report.n_blank) = (first(&compared.blank), compared.blank.len() as u64);
    (report.other_source, report.n_other_source) =
        (first(&compared.other_source), compared.other_source.len() as u64);
    report.gone = first(&lost);
    report.moved = moved;
    report.left_out = compared.left_out.iter().cloned().collect();
    report.lacking = compared.lacking.iter().cloned().collect();
}

fn write_work<'a>(engine: &'a Engine, export: &Target) -> Result<&'a WriteWork, EngineError> {
    let phase = engine.model().phase(export.phase.as_str());
    match phase.map(|phase| &phase.work) {
        Some(Work::Write(work)) => Ok(work),
        Some(_) => Err(EngineError::NotEditable {
            target: export.to_string(),
            reason: format!("it writes no files; {}", exports(engine)),
        }),
        None => Err(EngineError::UnknownPhase {
            phase: export.phase.to_string(),
            known: engine.model().phases.iter().map(|phase| phase.name.to_string()).collect(),
        }),
    }
}

fn exports(engine: &Engine) -> String {
    let writes = engine.model().phases.iter().filter(|phase| matches!(phase.work, Work::Write(_)));
    let names: Vec<&str> = writes.map(|phase| PhaseName::as_str(&phase.name)).collect();
    if names.is_empty() { "no phase does".to_owned() } else { format!("{} does", names.join(", ")) }
}

fn no_basis(history: &History, returned: &Returned) -> EngineError {
    let target = returned.export.to_string();
    let revision =
        returned.revision.filter(|revision| history.revision(&returned.export, *revision).is_none());
    match (revision, history.latest(&returned.export)) {
        (Some(revision), _) => EngineError::NoRevision { target, revision: revision.to_string() },
        (None, None) => EngineError::NoRevision { target, revision: "yet".to_owned() },
        (None, Some(_)) => EngineError::NotEditable {
            target,
            reason: format!("it did not write {} from the records of one phase and scope", returned.path),
        },
    }
}
