//! The edits of a target as they are changed: every rule of what becomes of an edit stands here, and nothing waits.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::edit::{Edit, EditClash, EditReport, EditedField, EditsRecord, FieldEdit, Settled};
use refrain_schemas::json::Json;
use refrain_schemas::problem::{Problem, Severity};
use refrain_schemas::time::Timestamp;

use super::subject::Subject;
use super::{EditChange, Imported, Outcome, Signature};
use crate::edits::{EditTable, Inputs, lay, value};
use crate::engine::{Engine, EngineError};

/// How many keys and fields a report names.
pub(super) const NAMED: usize = 100;

/// Who changes edits, and when.
#[derive(Debug, Clone)]
pub(in crate::queries) struct Stamp {
    by: String,
    at: Timestamp,
    note: Option<String>,
    locked: bool,
}

impl Stamp {
    pub(in crate::queries) fn new(engine: &Engine, signature: &Signature) -> Self {
        let Signature { by, note, locked, .. } = signature;
        Self { by: by.clone(), at: engine.ports().clock.now(), note: note.clone(), locked: *locked }
    }
}

/// What the unit of a record was made from, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Source {
    input: Option<Digest>,
    around: Option<Digest>,
}

impl Source {
    fn of(inputs: Option<&Inputs>, key: &str) -> Self {
        inputs.map_or_else(Self::default, |inputs| Self {
            input: inputs.digest(key),
            around: inputs.around(key),
        })
    }

    /// Returns what a field is marked with that was looked at for this source.
    fn mark(self) -> Option<Digest> {
        let (input, around) = (self.input?, self.around);
        let both =
            |around: Digest| Digester::new("refrain looked v1").digest(&input).digest(&around).finish();
        Some(around.map_or(input, both))
    }

    /// Whether every field of an edit was looked at for this source, by however many commands.
    fn is_looked_at(self, edit: &Edit) -> bool {
        let mark = self.mark();
        mark.is_some() && edit.set.values().all(|change| change.looked == mark)
    }

    /// Makes an edit one for this source.
    fn take(self, edit: &mut Edit) {
        if self.input.is_some() {
            (edit.source, edit.around) = (self.input, self.around);
            edit.set.values_mut().for_each(|change| change.looked = None);
        }
    }
}

/// The edits of a target while they are changed.
#[derive(Debug)]
pub(in crate::queries) struct Editor<'a> {
    subject: &'a Subject,
    stamp: Stamp,
    /// The edits by the keys of the records that they belong to.
    edits: BTreeMap<String, Edit>,
    /// The same as they were.
    before: BTreeMap<String, Edit>,
    /// The keys that records have now by those they had when they were edited.
    renamed: BTreeMap<String, String>,
    /// The fields of each record that the person has had before the eyes.
    seen: BTreeMap<String, BTreeSet<String>>,
    touched: BTreeSet<String>,
    report: EditReport,
}

impl<'a> Editor<'a> {
    pub(in crate::queries) fn new(subject: &'a Subject, stamp: Stamp) -> Self {
        let edits = subject.at_home(&subject.table);
        let locked = stamp.locked && subject.lockable;
        let target = subject.target.to_string();
        let report = EditReport { schema_version: 1, target, locked, ..EditReport::default() };
        Self {
            subject,
            stamp,
            before: edits.clone(),
            edits,
            renamed: subject.renamed(),
            seen: BTreeMap::new(),
            touched: BTreeSet::new(),
            report,
        }
    }

    /// Returns the key that a record has now, by the one it had when it was exported.
    pub(super) fn home<'k>(&'k self, key: &'k str) -> &'k str {
        self.renamed.get(key).map_or(key, String::as_str)
    }

    /// Returns the edit that belongs to a record, or that lost its record.
    pub(in crate::queries) fn edit(&self, key: &str) -> Option<&Edit> {
        self.edits.get(key)
    }

    /// Returns what a field is now: as a person wants it, else as the machine has it.
    pub(super) fn current(&self, key: &str, field: &str) -> Option<Json> {
        let key = self.home(key);
        let set = self.edits.get(key).and_then(|edit| edit.set.get(field));
        set.map_or_else(|| self.machine(key, field), |change| Some(change.value.clone()))
    }

    /// Returns what the machine says now.
    pub(super) fn machine(&self, key: &str, field: &str) -> Option<Json> {
        value(self.subject.record(key)?, field)
    }

    /// Takes a change that a person made to what was exported. `inputs` are those of the units at that time.
    ///
    /// # Errors
    /// Refuses a change of the key.
    pub(in crate::queries) fn take(
        &mut self,
        change: &EditChange,
        inputs: &Option<Inputs>,
        signature: &Signature,
    ) -> Result<(), EngineError> {
        let EditChange { key: exported, field, base, value } = change;
        self.refuse_key(field)?;
        let source = Source::of(inputs.as_ref(), exported);
        let key = &self.home(exported).to_owned();
        if let Some((by, theirs)) = self.clash(key, change).filter(|_| !signature.replace) {
            let (key, field, yours) = (key.clone(), field.clone(), value.clone());
            self.note_clash(EditClash { key, field, by, theirs, yours });
            return Ok(());
        }
        self.set(key, field, base.clone(), value, source);
        if self.stamp.locked && self.subject.lockable && self.subject.record(key).is_some() {
            // An edit that went because the machine's text was put back leaves no lock behind.
            let stands = self.touched.contains(key) && self.edits.contains_key(key);
            stands.then(|| self.lock(key)).transpose()?;
        }
        Ok(())
    }

    /// Returns who else edited the field since the export, and what it is now.
    fn clash(&self, key: &str, change: &EditChange) -> Option<(String, Json)> {
        let edit = self.edits.get(key)?;
        let theirs = &edit.set.get(&change.field)?.value;
        let unseen = Some(theirs) != change.base.as_ref() && *theirs != change.value;
        (unseen && edit.by != self.stamp.by).then(|| (edit.by.clone(), theirs.clone()))
    }

    /// Sets a field. An edit that is there keeps what it was based on; the machine's own text put back ends it.
    fn set(&mut self, key: &str, field: &str, base: Option<Json>, value: &Json, source: Source) {
        let was = self.edits.get(key).and_then(|edit| edit.set.get(field)).cloned();
        self.seen.entry(key.to_owned()).or_default().insert(field.to_owned());
        if was.as_ref().is_some_and(|was| was.value == *value) {
            return;
        }
        let old = self.current(key, field);
        if was.is_some() && self.machine(key, field).as_ref() == Some(value) {
            return self.drop_fields(key, &[field.to_owned()]);
        }
        let mut edit = self.edits.remove(key).unwrap_or_else(|| self.blank(key));
        let base = was.map_or(base, |was| was.base);
        edit.set.insert(field.to_owned(), FieldEdit { value: value.clone(), base, looked: None });
        self.look(key, &mut edit, source);
        self.note_field(key, field, old, Some(value.clone()));
        self.put(key, edit);
    }

    /// Notes for which input a person has looked at an edit. That of fields which the person had not before the eyes stays to
    /// be looked at: as long as there are any, the input that is not the present one counts.
    fn look(&self, key: &str, edit: &mut Edit, source: Source) {
        let known = Source { input: edit.source, around: edit.around };
        let seen = self.seen.get(key).filter(|_| known != source);
        for (field, change) in &mut edit.set {
            if seen.is_some_and(|seen| seen.contains(field)) {
                change.looked = source.mark();
            }
        }
        if known.input.is_none() || known == self.source(key) || source.is_looked_at(edit) {
            source.take(edit);
        }
    }

    /// Sets a field to what a person says now, with the machine's record before the eyes.
    ///
    /// # Errors
    /// Refuses the key, and a record that is gone.
    pub(in crate::queries) fn write(
        &mut self,
        key: &str,
        field: &str,
        value: &Json,
    ) -> Result<(), EngineError> {
        self.refuse_key(field)?;
        self.refuse_gone(key, "drop it with `refrain review accept`")?;
        let (now, source) = (self.machine(key, field), self.source(key));
        if now.as_ref() == Some(value) {
            self.drop_fields(key, &[field.to_owned()]);
            return Ok(());
        }
        self.set(key, field, now.clone(), value, source);
        let Some(mut edit) = self.edits.remove(key) else { return Ok(()) };
        if let Some(change) = edit.set.get_mut(field) {
            change.base = now;
        }
        self.look(key, &mut edit, source);
        self.place(key, edit);
        Ok(())
    }

    /// Gives fields back to the machine; an edit that has none left goes, its lock with it. An edit that has none of the
    /// fields named stays as it is.
    pub(in crate::queries) fn drop_fields(&mut self, key: &str, fields: &[String]) {
        let Some(mut edit) = self.edits.remove(key) else { return };
        if !fields.is_empty() && !fields.iter().any(|field| edit.set.contains_key(field)) {
            self.edits.insert(key.to_owned(), edit);
            return;
        }
        for field in fields {
            if let Some(change) = edit.set.remove(field) {
                self.note_field(key, field, Some(change.value), self.machine(key, field));
            }
        }
        self.touched.insert(key.to_owned());
        if !edit.set.is_empty() {
            // The field that went may have been the last to be decided.
            let source = self.source(key);
            if source.is_looked_at(&edit) {
                source.take(&mut edit);
            }
            self.settle(key, edit);
        }
    }

    /// Keeps what a person wrote, now that the machine says something else.
    ///
    /// # Errors
    /// Refuses an edit whose record is gone.
    pub(in crate::queries) fn keep(&mut self, key: &str, fields: &[String]) -> Result<(), EngineError> {
        self.refuse_gone(
            key,
            "it waits, in case the record comes back, until `refrain review accept` drops it",
        )?;
        let Some(mut edit) = self.edits.remove(key) else { return Ok(()) };
        if !fields.is_empty() && !fields.iter().any(|field| edit.set.contains_key(field)) {
            self.edits.insert(key.to_owned(), edit);
            return Ok(());
        }
        for field in fields {
            if let Some(change) = edit.set.get_mut(field) {
                change.base = self.machine(key, field);
            }
        }
        self.seen.entry(key.to_owned()).or_default().extend(fields.iter().cloned());
        self.look(key, &mut edit, self.source(key));
        self.settle(key, edit);
        Ok(())
    }

    /// Locks a record, edited or not.
    ///
    /// # Errors
    /// Refuses where units cannot be locked, and a record that is gone.
    pub(in crate::queries) fn lock(&mut self, key: &str) -> Result<(), EngineError> {
        if !self.subject.lockable {
            return Err(self.refused(
                "its records are not told apart by its units, so that none can be kept from being asked again",
            ));
        }
        if self.edits.get(key).is_some_and(|edit| edit.locked) {
            return Ok(());
        }
        self.refuse_gone(key, "drop it with `refrain review accept`")?;
        let was = self.edits.remove(key);
        let is_new = was.is_none() || self.touched.contains(key);
        let mut edit = was.unwrap_or_else(|| self.blank(key));
        edit.locked = true;
        edit.record = self.subject.record(key).cloned().unwrap_or(edit.record);
        if edit.source.is_none() {
            let source = self.source(key);
            (edit.source, edit.around) = (source.input, source.around);
        }
        if is_new {
            self.place(key, edit);
        } else {
            self.settle(key, edit);
        }
        Ok(())
    }

    /// Lets the unit of a record be asked again; what the person wrote stays.
    pub(in crate::queries) fn prefer(&mut self, key: &str) {
        if let Some(mut edit) = self.edits.remove(key) {
            self.touched.insert(key.to_owned());
            edit.locked = false;
            if !edit.set.is_empty() {
                self.settle(key, edit);
            }
        }
    }

    /// Takes another table in the place of this one.
    pub(in crate::queries) fn replace(&mut self, table: &EditTable) {
        let old = std::mem::replace(&mut self.edits, self.subject.at_home(table));
        let keys: BTreeSet<String> = old.keys().chain(self.edits.keys()).cloned().collect();
        for key in keys {
            let fields = |edit: Option<&Edit>| edit.map_or_else(BTreeMap::new, |edit| edit.set.clone());
            let (was, is) = (fields(old.get(&key)), fields(self.edits.get(&key)));
            let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
            for field in names {
                let side = |set: &BTreeMap<String, FieldEdit>| {
                    set.get(field).map(|change| change.value.clone()).or_else(|| self.machine(&key, field))
                };
                let (old, new) = (side(&was), side(&is));
                if old != new {
                    self.note_field(&key, field, old, new);
                }
            }
        }
    }

    /// Locks edits of lines that have other names since the file was exported: what they say now is known, though nothing was of
    /// what they were called then.
    fn follow(&mut self) {
        if !self.stamp.locked || !self.subject.lockable {
            return;
        }
        let table = EditTable(self.edits.values().map(|edit| (edit.key.clone(), edit.clone())).collect());
        for (home, edit) in self.subject.at_home(&table) {
            let is_new =
                home != edit.key && self.touched.contains(&edit.key) && !self.edits.contains_key(&home);
            let Some(record) = self.subject.record(&home).filter(|_| is_new).cloned() else { continue };
            self.edits.remove(&edit.key);
            self.report.moved.insert(edit.key.clone(), home.clone());
            self.place(&home, Edit { key: home.clone(), locked: true, record, ..edit });
        }
    }

    /// Ends the changes: says what became of the edits, and what is to be written.
    ///
    /// # Errors
    /// Refuses records that do not fit the phase's schema any more, all of them at once, and edits that would take the place
    /// of others.
    pub(in crate::queries) fn finish(
        mut self,
        what: &str,
        imported: Option<Imported>,
    ) -> Result<Outcome, EngineError> {
        self.follow();
        self.check_schema()?;
        self.check_keys()?;
        let Self { before, edits, mut report, subject, stamp, .. } = self;
        report.added = edits.keys().filter(|key| !before.contains_key(*key)).count() as u64;
        report.removed = before.keys().filter(|key| !edits.contains_key(*key)).count() as u64;
        let differs = |(key, edit): &(&String, &Edit)| before.get(*key).is_some_and(|was| was != *edit);
        report.changed = edits.iter().filter(differs).count() as u64;
        let changed = report.added + report.removed + report.changed;
        // A file that clashes is not taken over whole.
        let (whole, in_part) = match imported {
            Some(Imported { digest, is_whole }) if is_whole && report.n_clashes == 0 => (Some(digest), None),
            Some(Imported { digest, .. }) => (None, Some(digest)),
            None => (None, None),
        };
        let imported = whole.filter(|digest| !subject.imported.contains(digest));
        let imported_in_part = in_part.filter(|digest| !subject.imported_in_part.contains(digest));
        let table = EditTable(edits.into_values().map(|edit| (edit.key.clone(), edit)).collect());
        let entry = (changed > 0 || imported.is_some() || imported_in_part.is_some()).then(|| {
            let record = EditsRecord {
                target: subject.target.clone(),
                edits: None,
                at: stamp.at,
                by: stamp.by,
                what: what.to_owned(),
                changed,
                imported,
                imported_in_part,
                withdrawn: Vec::new(),
            };
            (record, table.artifact())
        });
        Ok(Outcome { report, entry })
    }

    /// Checks that no two edits have one key, so that none is lost in the table.
    fn check_keys(&self) -> Result<(), EngineError> {
        let mut keys = BTreeSet::new();
        match self.edits.values().find(|edit| !keys.insert(edit.key.as_str())) {
            Some(edit) => Err(self.refused(&format!("two edits would be of the record `{}`", edit.key))),
            None => Ok(()),
        }
    }

    fn check_schema(&self) -> Result<(), EngineError> {
        let Some(schema) = &self.subject.schema else { return Ok(()) };
        let mut problems = Vec::new();
        for key in &self.touched {
            let (Some(edit), Some(record)) = (self.edits.get(key), self.subject.record(key)) else {
                continue;
            };
            let laid = lay(record, edit, &self.subject.key).record.value();
            for error in schema.validator.iter_errors(&laid) {
                let at = error.instance_path().to_string();
                problems.push(problem(key, &format!("`{at}` does not fit {}: {error}", schema.path)));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(EngineError::BadEdits { problems }) }
    }

    /// Returns an edit of a record that has none.
    fn blank(&self, key: &str) -> Edit {
        let record = self.subject.record(key).cloned();
        Edit {
            key: key.to_owned(),
            set: BTreeMap::new(),
            // Nothing is known of a record that is gone, so that there is nothing to hold on to.
            locked: self.stamp.locked && self.subject.lockable && record.is_some(),
            by: self.stamp.by.clone(),
            at: self.stamp.at,
            note: None,
            record: record.unwrap_or_else(Json::null),
            source: None,
            around: None,
            settled: None,
        }
    }

    /// Puts an edit that the person wrote in its place.
    fn put(&mut self, key: &str, mut edit: Edit) {
        edit.by.clone_from(&self.stamp.by);
        edit.at = self.stamp.at;
        edit.note = self.stamp.note.clone().or(edit.note);
        edit.settled = None;
        self.place(key, edit);
    }

    /// Puts an edit in its place that somebody else may have written, and says who settled it.
    fn settle(&mut self, key: &str, mut edit: Edit) {
        let Stamp { by, at, note, .. } = self.stamp.clone();
        edit.settled = Some(Settled { by, at, note });
        self.place(key, edit);
    }

    fn place(&mut self, key: &str, mut edit: Edit) {
        if edit.key != key {
            let named = edit.record.with_field(&self.subject.key, &Json::string(key));
            edit.record = named.unwrap_or(edit.record);
            key.clone_into(&mut edit.key);
        }
        self.touched.insert(key.to_owned());
        self.edits.insert(key.to_owned(), edit);
    }

    fn note_clash(&mut self, clash: EditClash) {
        self.report.n_clashes += 1;
        if self.report.clashes.len() < NAMED {
            self.report.clashes.push(clash);
        }
    }

    fn note_field(&mut self, key: &str, field: &str, old: Option<Json>, new: Option<Json>) {
        if old != new && self.report.fields.len() < NAMED {
            let (key, field) = (key.to_owned(), field.to_owned());
            self.report.fields.push(EditedField { key, field, old, new });
        }
    }

    fn source(&self, key: &str) -> Source {
        Source::of(self.subject.inputs.as_ref(), key)
    }

    fn refuse_key(&self, field: &str) -> Result<(), EngineError> {
        if field != self.subject.key {
            return Ok(());
        }
        Err(self.refused(&format!("`{field}` tells its records apart and is nobody's to change")))
    }

    fn refuse_gone(&self, key: &str, instead: &str) -> Result<(), EngineError> {
        if self.subject.record(key).is_some() {
            return Ok(());
        }
        Err(self.refused(&format!("there is no record `{key}` any more; {instead}")))
    }

    fn refused(&self, reason: &str) -> EngineError {
        EngineError::NotEditable { target: self.subject.target.to_string(), reason: reason.to_owned() }
    }
}

/// Makes a problem of an edited record.
pub(super) fn problem(key: &str, message: &str) -> Problem {
    Problem {
        code: "E0790".to_owned(),
        severity: Severity::Error,
        message: format!("record `{key}`: {message}"),
        hint: Some("mend the text, or the schema".to_owned()),
        path: String::new(),
        place: None,
        related: Vec::new(),
    }
}
