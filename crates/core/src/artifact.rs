//! Artifacts: what phases make, as trees.

use refrain_schemas::artifact::{ArtifactKind, ArtifactRef, FileStamp};
use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::scope::Scope;
use serde_json::Value;

use crate::ports::files::Loaded;
use crate::ports::store::StoreError;
use crate::tree::build::TreeBuilder;
use crate::tree::page::{Entry, NodeRef};
use crate::tree::sequence::Sequence;
use crate::units::ALL;

/// Pages that are to be stored.
pub type Pages = Vec<(Digest, Vec<u8>)>;

/// Returns the reference to an artifact by its root.
#[must_use]
pub const fn reference(kind: ArtifactKind, root: &NodeRef) -> ArtifactRef {
    // A record counts 1 and a hole 0, unless somebody else wrote the pages that it was taken over from.
    let holes = root.count.saturating_sub(root.weight);
    ArtifactRef { kind, digest: root.digest, records: root.weight, holes }
}

/// Makes an artifact of the contents of a context file; its records are told apart by their place.
#[must_use]
pub fn of_loaded(loaded: &Loaded) -> (ArtifactRef, Pages) {
    match loaded {
        Loaded::Document(json) => of_document(json),
        Loaded::Records(records) => {
            let mut builder = TreeBuilder::new();
            for record in records {
                // The id only has to spread the pages; a hash of the record keeps insertions local.
                builder.push(&Entry::record(
                    &Digest::of_content(record.as_str().as_bytes()).short(),
                    record.as_str(),
                ));
            }
            let (root, pages) = builder.finish();
            (reference(ArtifactKind::Records, &root), pages)
        }
    }
}

/// Makes an artifact of a document.
#[must_use]
pub fn of_document(json: &Json) -> (ArtifactRef, Pages) {
    let mut builder = TreeBuilder::new();
    builder.push(&Entry::record(ALL, json.as_str()));
    let (root, pages) = builder.finish();
    (reference(ArtifactKind::Document, &root), pages)
}

/// Makes an artifact of written files.
#[must_use]
pub fn of_files(stamps: &[FileStamp]) -> (ArtifactRef, Pages) {
    let mut builder = TreeBuilder::new();
    for stamp in stamps {
        let digest = Json::string(&stamp.digest.to_string());
        let path = Json::string(&stamp.path);
        let record = Json::object([("digest", digest.as_str()), ("path", path.as_str())]);
        builder.push(&Entry::record(&stamp.path, record.as_str()));
    }
    let (root, pages) = builder.finish();
    (reference(ArtifactKind::Files, &root), pages)
}

/// Returns all of an artifact that has been read as one value: the list of its records, or the document.
#[must_use]
pub fn whole(sequence: &Sequence, is_records: bool) -> Json {
    let mut texts = sequence.iter().filter(|(_, entry)| !entry.hole).map(|(_, entry)| entry.text());
    if is_records { Json::array(texts) } else { texts.next().map_or_else(Json::null, Json::from_canonical) }
}

/// Puts the artifacts of several scopes into one sequence: each record with a `scope` field, ids as `line_1@ja`.
///
/// # Errors
/// Fails where a page is malformed.
pub fn gather(parts: &[(&Scope, Sequence)]) -> Result<Sequence, StoreError> {
    let mut builder = TreeBuilder::new();
    for (scope, sequence) in parts {
        let fields: serde_json::Map<String, Value> =
            scope.iter().map(|(name, value)| (name.to_string(), Value::from(value))).collect();
        let scope_json = Json::of(&Value::Object(fields)).unwrap_or_else(|_| Json::null());
        for (_, entry) in sequence.iter() {
            let id = format!("{}@{scope}", entry.id);
            if entry.hole {
                builder.push(&Entry::hole(&id));
            } else {
                let record = Json::from_canonical(entry.text());
                let record = record.with_field("scope", &scope_json).unwrap_or(record);
                builder.push(&Entry::record(&id, record.as_str()));
            }
        }
    }
    let (root, pages) = builder.finish();
    Sequence::built(root, &pages)
}
