//! The JSON Schemas of the repository are what the types say. `REFRAIN_UPDATE=1` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use refrain_schemas::catalogue::documents;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

fn wanted() -> BTreeMap<String, String> {
    documents().iter().map(|document| (format!("{}.schema.json", document.name), document.text())).collect()
}

fn found() -> BTreeMap<String, String> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap());
    files.map(|file| (name(&file), fs::read_to_string(file.path()).unwrap())).collect()
}

fn name(file: &fs::DirEntry) -> String {
    file.file_name().into_string().unwrap()
}

fn update() {
    fs::create_dir_all(folder()).unwrap();
    for stray in found().keys().filter(|name| !wanted().contains_key(*name)) {
        fs::remove_file(folder().join(stray)).unwrap();
    }
    for (name, text) in wanted() {
        fs::write(folder().join(name), text).unwrap();
    }
}

#[test]
fn schemas_are_up_to_date() {
    if std::env::var_os("REFRAIN_UPDATE").is_some() {
        update();
    }
    let (wanted, found) = (wanted(), found());
    let differs = |name: &&String| wanted.get(*name) != found.get(*name);
    let names: Vec<&String> = wanted.keys().chain(found.keys()).filter(differs).collect();
    assert!(names.is_empty(), "run `make schemas` and commit: missing, changed or stray are {names:?}");
}

#[test]
fn documents_are_sorted_and_titled() {
    let documents = documents();
    assert!(documents.is_sorted_by(|a, b| a.name < b.name));
    for document in &documents {
        assert_eq!(document.schema.get("title").and_then(|title| title.as_str()), Some(document.title));
        assert!(document.text().ends_with("}\n"), "{}", document.name);
    }
}
