//! The files that a definition names.

use proptest::prelude::*;
use refrain_core::ports::files::{FileError, Loaded, ProjectFiles as _};
use refrain_files::FsProjectFiles;
use refrain_schemas::json::Json;
use refrain_schemas::problem::Place;
use refrain_testkit::fuzz;

use crate::folder::{Folder, block_on};

fn check(file: &str, contents: &[u8], expect: Result<&[&str], &str>) {
    let folder = Folder::new(&[(file, contents)]);
    let loaded = block_on(FsProjectFiles::new(folder.path("")).load(file, None));
    let records = match loaded.as_ref().map_err(ToString::to_string) {
        Ok(Loaded::Records(records)) => Ok(records.iter().map(|record| record.as_str()).collect::<Vec<_>>()),
        Ok(Loaded::Document(document)) => Err(document.to_string()),
        Err(message) => Err(message),
    };
    assert_eq!(records, expect.map(<[&str]>::to_vec).map_err(str::to_owned), "{file}");
}

#[test]
fn context_files_are_understood_by_their_names() {
    check(
        "a.csv",
        b"term,note\nx,y\nx,z\n",
        Ok(&[r#"{"note":"y","term":"x"}"#, r#"{"note":"z","term":"x"}"#]),
    );
    check("a.jsonl", b"{\"b\":1}\n", Ok(&[r#"{"b":1}"#]));
    check("a.json", b"[{\"b\":1}, {}]", Ok(&[r#"{"b":1}"#, "{}"]));
    check("a.json", b"[]", Ok(&[]));
    check("a.json", b"{\"b\": 1}", Err(r#"{"b":1}"#));
    check("a.json", b"[1, {}]", Err("[1,{}]"));
    check("a.md", b"\xef\xbb\xbfHello\n", Err("\"Hello\\n\""));
    check("a.txt", b"a\nb\n", Err("\"a\\nb\\n\""));
    check("a.json", b"{", Err("a.json:1:1: not JSON: EOF while parsing an object"));
    check("a.md", b"ok\nb\xc3d", Err("a.md:2:2: byte 0xc3 is not UTF-8"));
}

#[test]
fn files_outside_are_refused() {
    let folder = Folder::new(&[("p/a", b"x"), ("b", b"secret")]);
    let files = FsProjectFiles::new(folder.path("p"));
    assert_eq!(block_on(files.read("./a")).unwrap(), b"x");
    assert!(matches!(block_on(files.read("../b")), Err(FileError::Outside { .. })));
    assert!(matches!(block_on(files.stamp("/etc/hosts", None)), Err(FileError::Outside { .. })));
    assert!(matches!(block_on(files.load("c", None)), Err(FileError::Missing { .. })));
    let exists = |path: &str| block_on(files.exists(path));
    assert_eq!([exists("a"), exists("../b"), exists("."), exists("c")], [true, false, false, false]);
}

const CONTEXT: [(&str, &str); 4] = [
    ("a.csv", "term,ja,forbidden,note\nlamp,ランプ,,\"a, \"\"b\"\"\nc\"\nAnn Lee,アン,アンヌ,\n"),
    (
        "a.jsonl",
        "{\"term\":\"lamp\",\"ja\":\"ランプ\"}\n\n{\"term\":\"x\",\"n\":[1,null,{\"a\":\"\\u00e9\"}]}\n",
    ),
    ("a.json", "[{\"term\": \"lamp\", \"ja\": \"ランプ\"}, {\"term\": \"\\ud83d\\ude00\"}]\n"),
    ("a.md", "\u{feff}# Style\r\n\nShort.\n"),
];

/// Loads a context file: it is understood, or every place that is wrong lies in it.
fn is_sound(file: &str, bytes: &[u8]) -> Result<(), TestCaseError> {
    let folder = Folder::new(&[(file, bytes)]);
    match block_on(FsProjectFiles::new(folder.path("")).load(file, None)) {
        Ok(Loaded::Records(records)) => {
            prop_assert!(records.iter().all(|record| Json::parse(record.as_str()).as_ref() == Ok(record)));
        }
        Ok(Loaded::Document(document)) => {
            prop_assert!(Json::parse(document.as_str()).as_ref() == Ok(&document), "{document}");
        }
        Err(FileError::Bad { problems }) => {
            let lines = bytes.iter().filter(|byte| [b'\n', b'\r'].contains(byte)).count() + 2;
            let is_inside =
                |place: &Place| place.line >= 1 && place.line as usize <= lines && place.column >= 1;
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.iter().all(|problem| problem.place.as_ref().is_some_and(is_inside)));
        }
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    }
    Ok(())
}

fn context_file() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    prop::sample::select(CONTEXT.to_vec()).prop_flat_map(|(file, text)| {
        let bytes = prop_oneof![3 => fuzz::changed(text.as_bytes().to_vec()), 1 => fuzz::bytes()];
        bytes.prop_map(move |bytes| (file, bytes))
    })
}

proptest! {
    #![proptest_config(fuzz::config(192))]

    #[test]
    fn glossaries_and_other_context_with_mistakes_are_loaded_or_told_of((file, bytes) in context_file()) {
        is_sound(file, &bytes)?;
    }
}
