//! People's edits: changes to records of an artifact, kept apart from replies and laid over what machines made.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::ArtifactRef;
use crate::digest::Digest;
use crate::json::Json;
use crate::name::Revision;
use crate::scope::Target;
use crate::time::Timestamp;

/// What a person made of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The key of the record.
    pub key: String,
    /// The fields that the person set.
    pub set: BTreeMap<String, FieldEdit>,
    /// Whether the unit of the record is not asked again while the edit stands.
    pub locked: bool,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What the person said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The machine's record at that time; the record of a unit that is locked.
    #[schemars(with = "serde_json::Value")]
    pub record: Json,
    /// The digest of the unit's input at that time, its key left out: an edit whose input has changed is to be looked at
    /// again, and one whose record is gone follows the same input under another key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Digest>,
    /// What stood around the line at that time, where it was one of several that say the same and have their ids from that:
    /// which of them is which may be another then, so that the edit is to be looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub around: Option<Digest>,
    /// Who said last what is to become of it, having written none of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
}

/// A person's word on an edit, whoever made it: that it is kept, locked or preferred, or that fields of it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What the person said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a person made of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldEdit {
    /// The person's value.
    #[schemars(with = "serde_json::Value")]
    pub value: Json,
    /// The machine's value that it took the place of; null where there was no such field.
    #[schemars(with = "Option<serde_json::Value>")]
    pub base: Option<Json>,
    /// For which input a person looked at this field last, where the edit as a whole was made for another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<Digest>,
}

/// The edits of a target from now on; an entry of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditsRecord {
    /// The phase and scope.
    pub target: Target,
    /// All edits that stand, as records by key; `None` where there are none any more.
    pub edits: Option<ArtifactRef>,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What was done, such as `import out/ja.csv`.
    pub what: String,
    /// How many edits are new, changed or gone.
    pub changed: u64,
    /// The contents of the file that was taken over: a run that replaces it with another one loses nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Digest>,
    /// The contents of the file of which not everything could be taken over, such as a column of somebody's own: nobody is asked
    /// to import it again, but what was left out is nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_in_part: Option<Digest>,
    /// The contents of files that were taken over before, in part or whole, and are no longer: their import was undone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<Digest>,
}

/// What edits made of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditsLaid {
    /// The artifact before they were laid over it.
    pub machine: ArtifactRef,
    /// How many records are as people want them.
    pub applied: u64,
    /// How many of these have a field that both a person and, since then, the machine changed.
    pub conflicts: u64,
    /// How many of the others were made for another input than the unit has now.
    #[serde(default)]
    pub source_changed: u64,
    /// How many edits found no record.
    pub orphans: u64,
}

impl EditsLaid {
    /// Returns how many edits are to be looked at.
    #[must_use]
    pub const fn to_review(&self) -> u64 {
        self.conflicts + self.source_changed + self.orphans
    }
}

/// How the edits of a target stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditCounts {
    /// Edits that stand now.
    pub standing: u64,
    /// Records of the latest revision that are as people want them.
    pub applied: u64,
    /// Of these, records with a field that both a person and, since then, the machine changed.
    pub conflicts: u64,
    /// Of the others, records that were edited when the input was another one.
    pub source_changed: u64,
    /// Edits that found no record.
    pub orphans: u64,
}

impl EditCounts {
    /// Counts the edits that stand and what they made of the latest revision; none where nobody edited it.
    #[must_use]
    pub fn of(standing: Option<&ArtifactRef>, laid: Option<&EditsLaid>) -> Option<Self> {
        if standing.is_none() && laid.is_none() {
            return None;
        }
        let standing = standing.map_or(0, |edits| edits.records);
        Some(laid.map_or(Self { standing, ..Self::default() }, |laid| Self {
            standing,
            applied: laid.applied,
            conflicts: laid.conflicts,
            source_changed: laid.source_changed,
            orphans: laid.orphans,
        }))
    }

    /// Returns how many edits are to be looked at.
    #[must_use]
    pub const fn to_review(&self) -> u64 {
        self.conflicts + self.source_changed + self.orphans
    }
}

/// Why an edit is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewKind {
    /// The machine changed a field since the person did, to something else.
    Conflict,
    /// The input of the unit changed since the person edited its record.
    SourceChanged,
    /// The record is gone.
    Orphan,
}

/// An edit that is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewItem {
    /// The phase and scope.
    pub target: Target,
    /// The key of the record.
    pub key: String,
    /// Why.
    pub kind: ReviewKind,
    /// The fields in conflict; all that the person set where the kind is another.
    pub fields: Vec<ReviewField>,
    /// Whether the edit is locked.
    pub locked: bool,
    /// Who edited.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What the person said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What its unit is made from now and was then, where the kind is `source_changed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ReviewSource>,
}

/// What a unit is made from, now and when a person edited its record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewSource {
    /// Whether it is known what it was then; it is forgotten with the revision.
    pub known: bool,
    /// The fields that differ; all there are now where it is not known what they were. None of a group of records.
    pub fields: Vec<SourceField>,
}

/// A field of what a unit is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceField {
    /// The field.
    pub field: String,
    /// What it was when the person edited; null where there was none, or where it is forgotten.
    #[schemars(with = "Option<serde_json::Value>")]
    pub before: Option<Json>,
    /// What it is now; null where there is none.
    #[schemars(with = "Option<serde_json::Value>")]
    pub now: Option<Json>,
}

/// The three sides of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewField {
    /// The field.
    pub field: String,
    /// What the person saw.
    #[schemars(with = "Option<serde_json::Value>")]
    pub base: Option<Json>,
    /// What the person wrote.
    #[schemars(with = "serde_json::Value")]
    pub human: Json,
    /// What the machine says now; null where it says nothing.
    #[schemars(with = "Option<serde_json::Value>")]
    pub machine: Option<Json>,
}

/// What `review --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewReport {
    /// The version of this format.
    pub schema_version: u32,
    /// What is to be looked at, in the order of targets and records.
    pub items: Vec<ReviewItem>,
}

/// What `edit list --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditList {
    /// The version of this format.
    pub schema_version: u32,
    /// The targets that have edits, in pipeline order.
    pub targets: Vec<TargetEdits>,
}

/// The edits of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetEdits {
    /// The phase and scope.
    pub target: Target,
    /// Its edits, in the order of their keys.
    pub edits: Vec<Edit>,
    /// Why nothing is made of them for now, such as that the phase is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<String>,
}

/// What became of one target's edits: `edit import --json` prints one, other commands that change edits a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditReport {
    /// The version of this format.
    pub schema_version: u32,
    /// The target whose records were edited.
    pub target: String,
    /// The export that the file was made from; absent where there was no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<EditBasis>,
    /// Whether nothing was recorded, because it was only asked what would be.
    pub dry_run: bool,
    /// Edits that are new.
    pub added: u64,
    /// Edits that were there and are others now.
    pub changed: u64,
    /// Edits that are gone, because the machine's text was put back.
    pub removed: u64,
    /// Records of the file that are as they were exported.
    pub unchanged: u64,
    /// Whether units of new edits are kept from being asked again.
    pub locked: bool,
    /// The fields that are others now, the first hundred.
    pub fields: Vec<EditedField>,
    /// Fields that somebody else has edited since the export and that were left so, the first hundred.
    pub clashes: Vec<EditClash>,
    /// How many these are.
    pub n_clashes: u64,
    /// The keys that new edits have because their lines are called so since the export, by those in the file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub moved: BTreeMap<String, String>,
    /// Keys in the file that the export does not have, the first hundred.
    pub unknown: Vec<String>,
    /// How many these are.
    pub n_unknown: u64,
    /// Keys of the export that the file does not have, the first hundred.
    pub absent: Vec<String>,
    /// How many these are.
    pub n_absent: u64,
    /// Keys whose text is empty in the file, or marked there as not translated, the first hundred: left as before.
    #[serde(default)]
    pub blank: Vec<String>,
    /// How many these are.
    #[serde(default)]
    pub n_blank: u64,
    /// Keys of entries of a file in two languages whose source is another one there, the first hundred: left as it is in the
    /// script.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_source: Vec<String>,
    /// How many these are; absent where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_other_source: u64,
    /// Keys of edits whose record is gone since the export, the first hundred.
    pub gone: Vec<String>,
    /// Fields of the file that the export does not have; nothing was made of them.
    pub left_out: Vec<String>,
    /// Fields of the export that the file does not have, in some rows or all; left as before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<String>,
    /// Fields that were changed in the file and that the export does not take from the records it writes, with how often:
    /// nothing was made of them, since it could never be seen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unwritten: BTreeMap<String, u64>,
}

const fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// The export that a file was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditBasis {
    /// The target that wrote the file.
    pub target: Target,
    /// Its revision.
    pub revision: Revision,
    /// Its latest revision.
    pub latest: Revision,
    /// The newest revision that is forgotten, where the file may have been made from it or one before: what machines said since
    /// is then among the changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten: Option<Revision>,
    /// Why the file was not compared with the newest revision that wrote it; absent where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<String>,
}

/// A field before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditedField {
    /// The key of the record.
    pub key: String,
    /// The field.
    pub field: String,
    /// What it was; null where it was not there.
    #[schemars(with = "Option<serde_json::Value>")]
    pub old: Option<Json>,
    /// What it is; null where it is not there any more.
    #[schemars(with = "Option<serde_json::Value>")]
    pub new: Option<Json>,
}

/// A field that two people edited without knowing of each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditClash {
    /// The key of the record.
    pub key: String,
    /// The field.
    pub field: String,
    /// Who edited it first.
    pub by: String,
    /// What that person wrote; it stands.
    #[schemars(with = "serde_json::Value")]
    pub theirs: Json,
    /// What the file has.
    #[schemars(with = "serde_json::Value")]
    pub yours: Json,
}
