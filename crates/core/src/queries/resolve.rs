//! A person's word on edits: whose text it is to be, and whether a unit is asked again.

use std::collections::BTreeSet;

use refrain_schemas::digest::Digest;
use refrain_schemas::edit::{EditReport, EditsRecord, ReviewItem, ReviewKind};
use refrain_schemas::json::Json;
use refrain_schemas::scope::Target;
use refrain_schemas::status::Holder;

use super::edits::editor::{Editor, Stamp};
use super::edits::subject::Subject;
use super::edits::{Imported, Outcome, Signature, alone, commit, is_edited};
use crate::edits::EditTable;
use crate::engine::{Engine, EngineError};
use crate::history::History;

/// What is to become of edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The machine is right: what is in conflict is its again, or this field, or all of the edit where it is to be looked
    /// at for another reason. An edit that has no field left goes, its lock with it.
    Accept {
        /// Only this field.
        field: Option<String>,
    },
    /// The person is right, though the machine or the input has changed.
    Keep {
        /// Only this field.
        field: Option<String>,
    },
    /// Neither is: a field is to be this.
    Set {
        /// The field.
        field: String,
        /// What it is to be.
        value: Json,
    },
    /// The edit goes, or this field of it.
    Undo {
        /// Only this field.
        field: Option<String>,
    },
    /// The unit is not asked again while the edit stands.
    Lock,
    /// The unit is asked again when something it is made from changes; the edit stays.
    Prefer,
}

/// Which edits are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// Those of these records.
    Named(Vec<String>),
    /// Those that are to be looked at, or those of them that are so for one reason.
    Reviewed(Option<ReviewKind>),
    /// All there are.
    Edited,
}

/// Resolves edits of several targets: all that are named, or none.
pub(crate) async fn resolve(
    engine: &Engine,
    wanted: &[(Target, Keys)],
    resolution: &Resolution,
    signature: &Signature,
    holder: &Holder,
) -> Result<Vec<EditReport>, EngineError> {
    alone(engine, holder, signature.dry_run, async {
        let store = &*engine.ports().store;
        let history = History::fold(store.history().await?);
        let mut outcomes = Vec::new();
        for (target, keys) in wanted {
            // All of a project is some of what there may be: a target without edits has nothing to say.
            if !matches!(keys, Keys::Named(_)) && !is_edited(engine, &history, target) {
                continue;
            }
            let subject = Subject::load(engine, &history, target).await?;
            outcomes.push(resolved(engine, &subject, keys, resolution, signature)?);
        }
        commit(store, outcomes, signature.dry_run).await
    })
    .await
}

/// Puts the edits of a target back to what they were before they were changed last.
pub(crate) async fn undo_last(
    engine: &Engine,
    target: &Target,
    signature: &Signature,
    holder: &Holder,
) -> Result<EditReport, EngineError> {
    let reports = alone(engine, holder, signature.dry_run, async {
        let store = &*engine.ports().store;
        let history = History::fold(store.history().await?);
        let subject = Subject::load(engine, &history, target).await?;
        let past = history.target(target).map_or(&[][..], |past| past.edits.as_slice());
        // To take a file back in which nobody changed anything is nothing to undo.
        let changes = past.iter().rposition(|record| record.changed > 0);
        let Some((last, before)) = changes.and_then(|at| past[..=at].split_last()) else {
            let (target, reason) = (target.to_string(), "nobody has edited it".to_owned());
            return Err(EngineError::NotEditable { target, reason });
        };
        let table = before.last().and_then(|record| record.edits.as_ref());
        let mut editor = Editor::new(&subject, Stamp::new(engine, signature));
        editor.replace(&EditTable::load(store, table).await?);
        // What is undone was taken over from files: these are not taken over any more, and what is done again is.
        let is_whole = |digest: &Digest| past.iter().any(|record| record.imported == Some(*digest));
        let again = last.withdrawn.first();
        let again = again.map(|digest| Imported { digest: *digest, is_whole: is_whole(digest) });
        let mut outcome = editor.finish(&format!("undo {}", last.what), again)?;
        if let Some((record, _)) = &mut outcome.entry {
            let at = changes.unwrap_or_default();
            record.withdrawn = past[at..].iter().flat_map(files_of).collect();
        }
        commit(store, vec![outcome], signature.dry_run).await
    });
    Ok(reports.await?.pop().unwrap_or_default())
}

/// Returns the contents of the files that changes were found in.
fn files_of(record: &EditsRecord) -> impl Iterator<Item = Digest> + use<> {
    record.imported.into_iter().chain(record.imported_in_part)
}

fn resolved(
    engine: &Engine,
    subject: &Subject,
    keys: &Keys,
    resolution: &Resolution,
    signature: &Signature,
) -> Result<Outcome, EngineError> {
    let items = subject.reviewed();
    let mut editor = Editor::new(subject, Stamp::new(engine, signature));
    let chosen = chosen(subject, &editor, &items, keys, resolution)?;
    refuse_unknown_field(subject, &editor, &chosen, keys, resolution)?;
    for key in chosen {
        let item = items.iter().find(|item| item.key == key);
        apply(&mut editor, &key, item, resolution)?;
    }
    let mut outcome = editor.finish(what(resolution), None)?;
    // What was taken over from files is not any more, whichever file it was.
    if let (Resolution::Undo { .. }, Some((record, _))) = (resolution, &mut outcome.entry) {
        record.withdrawn = subject.imported.union(&subject.imported_in_part).copied().collect();
    }
    Ok(outcome)
}

/// Returns the keys that are meant, and refuses those that mean nothing.
fn chosen(
    subject: &Subject,
    editor: &Editor<'_>,
    items: &[ReviewItem],
    keys: &Keys,
    resolution: &Resolution,
) -> Result<Vec<String>, EngineError> {
    // There is nothing to keep of an edit whose record is gone: in bulk it is passed over.
    let keeps = matches!(resolution, Resolution::Keep { .. });
    match keys {
        Keys::Reviewed(kind) => Ok(items
            .iter()
            .filter(|item| kind.is_none_or(|kind| kind == item.kind))
            .filter(|item| !(keeps && item.kind == ReviewKind::Orphan))
            .map(|item| item.key.clone())
            .collect()),
        Keys::Edited => Ok(subject.at_home(&subject.table).into_keys().collect()),
        Keys::Named(names) => {
            let records = matches!(resolution, Resolution::Set { .. } | Resolution::Lock);
            let known =
                |key: &&String| editor.edit(key).is_some() || (records && subject.records.contains_key(*key));
            if let Some(key) = names.iter().find(|key| !known(key)) {
                return Err(unknown(subject, key, records));
            }
            let reviewed = matches!(resolution, Resolution::Accept { .. } | Resolution::Keep { .. });
            let settled = |key: &&String| reviewed && !items.iter().any(|item| item.key == **key);
            if let Some(key) = names.iter().find(settled) {
                let reason = format!("`{key}` is not to be reviewed; `refrain edit undo` takes an edit back");
                return Err(EngineError::NotEditable { target: subject.target.to_string(), reason });
            }
            let distinct: BTreeSet<&String> = names.iter().collect();
            Ok(distinct.into_iter().cloned().collect())
        }
    }
}

/// Refuses a field that a named edit has not, or that no edit has where all of them are meant.
fn refuse_unknown_field(
    subject: &Subject,
    editor: &Editor<'_>,
    chosen: &[String],
    keys: &Keys,
    resolution: &Resolution,
) -> Result<(), EngineError> {
    let (Resolution::Accept { field: Some(field) }
    | Resolution::Keep { field: Some(field) }
    | Resolution::Undo { field: Some(field) }) = resolution
    else {
        return Ok(());
    };
    let edits = || chosen.iter().filter_map(|key| Some((key, editor.edit(key)?)));
    let mut lacking = edits().filter(|(_, edit)| !edit.set.contains_key(field));
    let is_known = !matches!(keys, Keys::Named(_)) && edits().any(|(_, edit)| edit.set.contains_key(field));
    match lacking.next() {
        Some((key, edit)) if !is_known => {
            let known: Vec<String> = edit.set.keys().map(|name| format!("`{name}`")).collect();
            let of = if known.is_empty() {
                "it is only locked".to_owned()
            } else {
                format!("it is of {}", known.join(", "))
            };
            let reason = format!("the edit of `{key}` is not of the field `{field}`: {of}");
            Err(EngineError::NotEditable { target: subject.target.to_string(), reason })
        }
        _ => Ok(()),
    }
}

fn unknown(subject: &Subject, key: &str, records: bool) -> EngineError {
    let edited = subject.at_home(&subject.table);
    let known =
        if records { subject.records.keys().cloned().collect() } else { edited.into_keys().collect() };
    EngineError::NoEdit {
        target: subject.target.to_string(),
        key: key.to_owned(),
        is_record: subject.records.contains_key(key),
        known,
    }
}

fn apply(
    editor: &mut Editor<'_>,
    key: &str,
    item: Option<&ReviewItem>,
    resolution: &Resolution,
) -> Result<(), EngineError> {
    let all = |editor: &Editor<'_>| -> Vec<String> {
        editor.edit(key).map(|edit| edit.set.keys().cloned().collect()).unwrap_or_default()
    };
    let meant = |editor: &Editor<'_>, field: &Option<String>| match (field, item) {
        (Some(field), _) => vec![field.clone()],
        (None, Some(item)) => item.fields.iter().map(|field| field.field.clone()).collect(),
        (None, None) => all(editor),
    };
    match resolution {
        Resolution::Accept { field } => editor.drop_fields(key, &meant(editor, field)),
        Resolution::Keep { field } => editor.keep(key, &meant(editor, field))?,
        Resolution::Set { field, value } => editor.write(key, field, value)?,
        Resolution::Undo { field: Some(field) } => editor.drop_fields(key, std::slice::from_ref(field)),
        Resolution::Undo { field: None } => editor.drop_fields(key, &all(editor)),
        Resolution::Lock => editor.lock(key)?,
        Resolution::Prefer => editor.prefer(key),
    }
    Ok(())
}

/// Returns how the history names what was done.
const fn what(resolution: &Resolution) -> &'static str {
    match resolution {
        Resolution::Accept { .. } => "review accept",
        Resolution::Keep { .. } => "review keep",
        Resolution::Set { .. } => "edit set",
        Resolution::Undo { .. } => "edit undo",
        Resolution::Lock => "edit lock",
        Resolution::Prefer => "edit prefer",
    }
}
