//! Whether what the binary prints fits the schemas that are checked in.

use std::path::Path;

use serde_json::Value;

/// Fails where a document does not fit the schema of this name.
#[track_caller]
pub(crate) fn check(name: &str, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../schemas/{name}.schema.json"));
    let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(problems.is_empty(), "{name} does not fit its schema: {problems:#?}");
}
