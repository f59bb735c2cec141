//! Bounded fuzzing of every reader: whatever the bytes are, there are records or problems, and what is patched is what was
//! read with other texts in it. The cases are the same in every run.

use proptest::prelude::*;
use refrain_core::ports::files::FileError;
use refrain_schemas::json::Json;
use serde_json::json;

use super::samples::{Sample, samples};
use super::{KEY, field, with};
use crate::folder::Folder;

/// What formats stumble over.
const PARTS: [&[u8]; 38] = [
    b"\"",
    b"'",
    b",",
    b";",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"\\",
    b"\\\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"#",
    b"<",
    b">",
    b"&",
    b"&#0;",
    b"&lol;",
    b"<!DOCTYPE x [<!ENTITY a \"b\">]>",
    b"<![CDATA[",
    b"-->",
    b"\\ud800",
    b"\\u0000",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc3",
    b"\xe3\x81\x82",
    b"\xf0\x9f\x92\xa1",
    b"msgid \"",
    b"msgstr",
    b"translate ja x:",
    b"    ",
    b"\xe2\x80\xa8",
];

/// A change of a file: where, how much goes, and what comes instead.
type Change = (prop::sample::Index, usize, Vec<u8>);

fn part() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::sample::select(PARTS.to_vec()).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, part()), 1..5)
}

fn mutated(text: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = text.to_vec();
    for (at, gone, new) in changes {
        let at = at.index(bytes.len() + 1);
        let end = (at + gone).min(bytes.len());
        bytes.splice(at..end, new.iter().copied());
    }
    bytes
}

/// Reads a file, and patches it where it can be read.
fn is_sound(sample: &Sample, bytes: &[u8]) -> Result<(), TestCaseError> {
    let folder = Folder::new(&[(sample.file, bytes)]);
    let records = match sample.read(&folder, None, sample.file) {
        Ok(records) => records,
        Err(FileError::Bad { problems }) => {
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 2;
            let inside = |line: u32| line >= 1 && (line as usize) <= lines;
            prop_assert!(
                problems.iter().all(|p| p.place.as_ref().is_none_or(|p| inside(p.line) && p.column >= 1))
            );
            return Ok(());
        }
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    };
    prop_assert!(records.iter().all(|record| Json::parse(record.as_str()).as_ref() == Ok(record)));
    match sample.patch(&folder, None, json!({"missing": "keep"}), &[]) {
        Ok(kept) => prop_assert_eq!(kept, bytes),
        // A table can be read without the column that would be patched.
        Err(FileError::Bad { problems }) if problems[0].code == "E0717" => return Ok(()),
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    }
    let changed: Vec<Json> = records.iter().map(|record| with(record, "done", "done 済")).collect();
    match sample.patch(&folder, None, json!({"field": "done", "missing": "keep"}), &changed) {
        Err(FileError::Bad { .. }) => Ok(()),
        Err(error) => Err(TestCaseError::fail(error.to_string())),
        Ok(patched) => {
            folder.put(sample.file, &patched);
            let back = sample
                .read(&folder, None, sample.file)
                .map_err(|e| TestCaseError::fail(format!("{e}: {:?}", String::from_utf8_lossy(&patched))))?;
            prop_assert_eq!(back.len(), changed.len());
            for (back, changed) in back.iter().zip(&changed) {
                // A script may have lines of both kinds.
                let came = field(back, sample.stands()).or_else(|| field(back, "text"));
                prop_assert_eq!(came, field(changed, "done"), "{:?}", String::from_utf8_lossy(&patched));
            }
            let own = back
                .iter()
                .zip(&changed)
                .filter(|(_, changed)| field(changed, KEY).is_some_and(|id| !id.starts_with('t')))
                .filter(|_| !sample.file.ends_with(".rpy"));
            for (back, changed) in own {
                prop_assert_eq!(field(back, KEY), field(changed, KEY));
            }
            Ok(())
        }
    }
}

proptest! {
    #![proptest_config(refrain_testkit::fuzz::config(96))]

    #[test]
    fn files_with_mistakes_are_records_or_problems(changes in changes()) {
        for sample in samples() {
            is_sound(&sample, &mutated(sample.text.as_bytes(), &changes))?;
        }
    }

    #[test]
    fn any_bytes_are_records_or_problems(parts in prop::collection::vec(part(), 0..24)) {
        for sample in samples() {
            is_sound(&sample, &parts.concat())?;
        }
    }
}

/// Files that were made to harm: deep, endless, half or nothing at all.
#[test]
fn hostile_files_are_told_of_in_time() {
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000)).into_bytes();
    let entities = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">\
                    <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d SYSTEM \"file:///etc/passwd\">]>\
                    <xliff version=\"1.2\"><file original=\"x\"><body><trans-unit id=\"1\"><source>&c;&d;</source></trans-unit></body></file></xliff>";
    let files: Vec<Vec<u8>> = vec![
        deep("[", "]"),
        deep("{\"a\":", "}"),
        deep("<g>", "</g>"),
        entities.as_bytes().to_vec(),
        b"\0".repeat(20_000),
        b"\r".repeat(20_000),
        b"\"".repeat(20_001),
        b"\\".repeat(20_001),
        b"\xff\xfe\x00\xd8\x00\xd8".to_vec(),
        b"\xfe\xff\xd8".to_vec(),
        b"\xef\xbb\xbf\xef\xbb\xbf".to_vec(),
        "line_id,text\n".bytes().chain(b"1,\"\n".repeat(1_000)).collect(),
        b"msgid \"\n".repeat(1_000),
        b"label x:\n    \"\n".repeat(1_000),
    ];
    for sample in samples() {
        for (n, bytes) in files.iter().enumerate() {
            is_sound(&sample, bytes).unwrap_or_else(|e| panic!("{} {n}: {e}", sample.file));
        }
    }
}
