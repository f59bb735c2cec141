//! What is written is read back, and no bytes at all make the reader fall over.

use std::collections::BTreeMap;

use proptest::prelude::*;
use refrain_core::ports::files::FileError;
use refrain_schemas::json::Json;
use serde_json::{Value, json};

use crate::folder::Folder;

/// Texts made of what formats stumble over.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::collection::vec(
            proptest::sample::select(vec![
                "\"", ",", "\n", "\r", "\r\n", "\t", "a", " ", "é", "\u{feff}", "\0", ";", "💡"
            ]),
            0..8
        )
        .prop_map(|parts| parts.concat()),
        any::<String>(),
    ]
}

/// Rows with the same fields each, and keys of their own.
fn rows() -> impl Strategy<Value = Vec<BTreeMap<String, String>>> {
    let names = proptest::collection::btree_set(text().prop_filter("the key", |name| name != "id"), 0..4);
    names.prop_flat_map(|names| {
        let cells = proptest::collection::vec(text(), names.len());
        let row = cells.prop_map(move |cells| names.iter().cloned().zip(cells).collect::<BTreeMap<_, _>>());
        proptest::collection::vec(row, 1..6).prop_map(|mut rows| {
            for (n, row) in rows.iter_mut().enumerate() {
                row.insert("id".to_owned(), format!("{n}"));
            }
            rows
        })
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(text(), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn comes_back(path: &str, params: Value, records: &[Json]) {
    let folder = Folder::new(&[]);
    let mut params = params;
    // Else two characters with NULs between them would look like UTF-16.
    params["encoding"] = json!("utf-8");
    let written = folder.write(params.clone(), records).unwrap();
    params["files"] = json!(path);
    params.as_object_mut().unwrap().remove("path");
    let (read, stamps) = folder.read(params, "id").unwrap();
    assert_eq!(read, records);
    assert_eq!(stamps[0].digest, written[0].digest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn csv_comes_back(rows in rows(), delimiter in proptest::sample::select(vec![",", ";", "tab", " "])) {
        let records: Vec<Json> = rows.iter().map(|row| Json::from_serialize(row).unwrap()).collect();
        comes_back("x.csv", json!({"path": "x.csv", "delimiter": delimiter}), &records);
    }

    #[test]
    fn csv_is_what_others_read(rows in rows()) {
        let folder = Folder::new(&[]);
        let records: Vec<Json> = rows.iter().map(|row| Json::from_serialize(row).unwrap()).collect();
        folder.write(json!({"path": "x.csv"}), &records).unwrap();
        let mut reader = csv::Reader::from_path(folder.path("x.csv")).unwrap();
        let others: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
        prop_assert_eq!(others, rows);
    }

    #[test]
    fn json_comes_back(fields in proptest::collection::vec(proptest::collection::btree_map(text(), any_json(), 0..4), 0..5)) {
        let with_id = |(n, mut fields): (usize, BTreeMap<String, Value>)| {
            fields.insert("id".to_owned(), json!(n));
            Json::of(&json!(fields)).unwrap()
        };
        let records: Vec<Json> = fields.into_iter().enumerate().map(with_id).collect();
        comes_back("x.jsonl", json!({"path": "x.jsonl"}), &records);
        comes_back("x.json", json!({"path": "x.json"}), &records);
    }

    #[test]
    fn any_bytes_are_records_or_problems(
        bytes in proptest::collection::vec(prop_oneof![
            proptest::sample::select(b"\"\",,\n\r{}[]:1i\xef\xbb\xbf\xff\0".to_vec()), any::<u8>()
        ], 0..200),
        start in proptest::sample::select(vec!["", "id\n", "id,a\n", "[{\"id\":1},", "{\"id\":2}\n"]),
    ) {
        let contents = [start.as_bytes(), &bytes].concat();
        for file in ["a.csv", "a.jsonl", "a.json", "a.txt"] {
            let folder = Folder::new(&[(file, &contents)]);
            match folder.read(json!({"files": file}), "id") {
                Ok((records, _)) => prop_assert!(records.iter().all(|r| Json::parse(r.as_str()).as_ref() == Ok(r))),
                Err(FileError::Bad { problems }) => {
                    let lines = contents.iter().filter(|b| **b == b'\n').count() + 1;
                    let inside = |line: u32| line >= 1 && line as usize <= lines;
                    prop_assert!(problems.iter().all(|p| p.place.as_ref().is_none_or(|p| inside(p.line))));
                }
                Err(e) => return Err(TestCaseError::fail(e.to_string())),
            }
        }
    }
}
