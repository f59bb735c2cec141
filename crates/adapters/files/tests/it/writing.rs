//! Writing exports.

use refrain_core::ports::files::{FileError, Replaceable, TargetWriter as _};
use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use serde_json::{Value, json};

use crate::folder::{Folder, ageless, block_on, lines, map};

fn records(texts: &[&str]) -> Vec<Json> {
    texts.iter().map(|text| Json::parse(text).unwrap()).collect()
}

fn check(params: Value, texts: &[&str], expect: &str) {
    let folder = Folder::new(&[]);
    let path = params["path"].as_str().unwrap().to_owned();
    let stamps = folder.write(params, &records(texts)).unwrap();
    assert_eq!(folder.text(&path), expect);
    assert_eq!(stamps[0].digest, Digest::of_content(expect.as_bytes()));
    let again = block_on(folder.writer().stamps(&stamps)).unwrap();
    assert_eq!(ageless(again), ageless(stamps));
}

#[test]
fn every_format_has_its_text() {
    let some: &[&str] = &[r#"{"id":1,"b":"x,\"y\""}"#, r#"{"id":2,"a":[1,{"k":null}],"b":null}"#];
    check(json!({"path": "o/x.csv"}), some, "b,id,a\n\"x,\"\"y\"\"\",1,\n,2,\"[1,{\"\"k\"\":null}]\"\n");
    check(json!({"path": "x.csv", "columns": ["id", "c"]}), some, "id,c\n1,\n2,\n");
    check(json!({"path": "x.csv", "columns": ["b"], "delimiter": ";"}), some, "b\n\"x,\"\"y\"\"\"\n\"\"\n");
    check(json!({"path": "x.tsv", "columns": ["b", "id"]}), some, "b\tid\n\"x,\"\"y\"\"\"\t1\n\t2\n");
    check(
        json!({"path": "x.jsonl"}),
        some,
        "{\"b\":\"x,\\\"y\\\"\",\"id\":1}\n{\"a\":[1,{\"k\":null}],\"b\":null,\"id\":2}\n",
    );
    check(json!({"path": "x.jsonl", "columns": ["id"]}), some, "{\"id\":1}\n{\"id\":2}\n");
    check(
        json!({"path": "x", "format": "json", "columns": ["id"]}),
        some,
        "[\n  {\n    \"id\": 1\n  },\n  {\n    \"id\": 2\n  }\n]\n",
    );
    check(json!({"path": "x.txt", "columns": ["id"]}), some, "1\n2\n");
    check(json!({"path": "x.txt"}), &[r#"{"text":"é"}"#], "é\n");
}

#[test]
fn nothing_makes_a_file_too() {
    check(json!({"path": "x.csv"}), &[], "");
    check(json!({"path": "x.csv", "columns": ["id"]}), &[], "id\n");
    check(json!({"path": "x.jsonl"}), &[], "");
    check(json!({"path": "x.json"}), &[], "[]\n");
}

#[test]
fn records_that_do_not_fit_are_named() {
    let folder = Folder::new(&[]);
    let texts = records(&[r#"{"text":"a"}"#, r#"{"text":"a\nb"}"#, r#"{"x":1}"#]);
    let Err(FileError::Bad { problems }) = folder.write(json!({"path": "x.txt"}), &texts) else { panic!() };
    assert_eq!(
        lines(&problems),
        [
            "E0720 - x.txt: record 2 has a line break in `text`, which a text file cannot hold; use csv or jsonl: \
         {\"text\":\"a\\nb\"}",
            "E0720 - x.txt: record 3 has no `text`: {\"x\":1}",
        ]
    );
    assert!(folder.everything().is_empty());
}

#[test]
fn an_unfinished_file_leaves_nothing_behind() {
    let folder = Folder::new(&[("o/there.csv", b"old")]);
    let before = folder.everything();
    for path in ["o/there.csv", "o/new/deep/x.csv", "x.jsonl"] {
        let mut target = block_on(folder.writer().open(&map(json!({ "path": path })), "id")).unwrap();
        target.write(&records(&[r#"{"id":1}"#])).unwrap();
        assert_eq!(folder.path(path).exists(), path == "o/there.csv", "nothing is seen before the end");
        drop(target);
        assert_eq!(folder.everything(), before);
        assert_eq!(folder.text("o/there.csv"), "old");
    }
}

#[test]
fn an_export_that_did_not_change_keeps_its_time() {
    let folder = Folder::new(&[]);
    let params = json!({"path": "x.jsonl"});
    folder.write(params.clone(), &records(&[r#"{"id":1}"#])).unwrap();
    let then = folder.age("x.jsonl");
    let time = |folder: &Folder| std::fs::metadata(folder.path("x.jsonl")).unwrap().modified().unwrap();
    let stamps = folder.write(params.clone(), &records(&[r#"{"id":1}"#])).unwrap();
    assert_eq!((time(&folder), stamps[0].young), (then, false));
    folder.write(params, &records(&[r#"{"id":2}"#])).unwrap();
    assert_ne!(time(&folder), then);
    assert_eq!(folder.everything().len(), 1);
}

#[test]
fn some_places_are_refused() {
    let folder = Folder::new(&[("p/out/x", b"")]);
    let writer = refrain_files::FsWriter::new(folder.path("p"));
    let check = |path: &str, expect: &str| {
        let params = map(json!({"path": path, "format": "csv"}));
        let error = block_on(writer.open(&params, "id")).err().unwrap();
        assert_eq!(error.to_string(), expect);
    };
    check("../x.csv", "../x.csv leads out of the project");
    check("/x.csv", "/x.csv leads out of the project");
    check("out", "params.path: `out` is a folder");
    check(".", "params.path: `` is a folder");
    check(
        ".refrain/x.csv",
        ".refrain/x.csv is not for pipelines: it is the folder that keeps the project's state",
    );
    let params = map(json!({"path": "x.txt", "columns": ["a", "b"]}));
    let error = block_on(writer.open(&params, "id")).err().unwrap();
    assert_eq!(error.to_string(), "params.columns: a text file has one column; name just that one");
    assert_eq!(folder.everything().len(), 3);
}

#[test]
fn a_writer_that_syncs_writes_the_same() {
    let folder = Folder::new(&[("p/a.csv", b"edited")]);
    let writer = refrain_files::FsWriter::synced(folder.path("p"));
    let write = |path: &str| {
        let mut target = block_on(writer.open(&map(json!({"path": path})), "id")).unwrap();
        target.write(&records(&[r#"{"id":1}"#])).unwrap();
        target.finish(&Replaceable::default()).unwrap()
    };
    for (path, copies) in [("a.csv", &["a.csv.edited-1"][..]), ("new/folders/b.csv", &[])] {
        let first = write(path);
        let kept: Vec<&str> = first.kept.iter().map(|kept| kept.copy.as_str()).collect();
        assert_eq!(kept, copies);
        let again = write(path);
        assert_eq!(again.files[0].digest, first.files[0].digest, "also where it is there already");
        assert_eq!(again.kept, []);
    }
    assert_eq!(
        folder.everything().len(),
        6,
        "two files, a copy and three folders: {:?}",
        folder.everything()
    );
}

/// The file is looked at when it is replaced, and not when writing began.
#[test]
fn what_somebody_saves_while_an_export_is_written_is_kept() {
    let folder = Folder::new(&[]);
    let first = folder.write(json!({"path": "o/x.csv"}), &records(&[r#"{"id":1}"#])).unwrap();
    let mut replaceable = Replaceable::default();
    replaceable.add_written(&first[0]);
    let write = |id: &str, save: Option<&[u8]>| {
        let params = map(json!({"path": "o/x.csv"}));
        let mut target = block_on(folder.writer().open(&params, "id")).unwrap();
        target.write(&records(&[id])).unwrap();
        if let Some(bytes) = save {
            folder.put("o/x.csv", bytes);
        }
        target.finish(&replaceable).unwrap().kept
    };
    assert_eq!(write(r#"{"id":22}"#, Some(b"by hand"))[0].copy, "o/x.csv.edited-1");
    assert_eq!(std::fs::read(folder.path("o/x.csv.edited-1")).unwrap(), b"by hand");
    folder.put("o/x.csv", b"id\n1\n");
    assert_eq!(write(r#"{"id":22}"#, None), [], "a run wrote just that here before");
    assert_eq!(write(r#"{"id":3}"#, Some(b"id\n3\n")), [], "it is what is written now, but nobody knew");
}

#[test]
fn files_that_are_gone_have_no_stamp() {
    let folder = Folder::new(&[]);
    let stamps = folder.write(json!({"path": "o/x.csv"}), &records(&[r#"{"id":1}"#])).unwrap();
    folder.put("o/x.csv", b"altered");
    assert_ne!(block_on(folder.writer().stamps(&stamps)).unwrap()[0].digest, stamps[0].digest);
    std::fs::remove_file(folder.path("o/x.csv")).unwrap();
    assert_eq!(block_on(folder.writer().stamps(&stamps)).unwrap(), []);
    std::fs::create_dir(folder.path("o/x.csv")).unwrap();
    assert_eq!(block_on(folder.writer().stamps(&stamps)).unwrap(), []);
}

#[test]
fn records_that_an_encoding_cannot_hold_are_told_of_one_by_one() {
    let records = [
        json!({"id": "a", "source": "Hi", "text": "はい"}),
        json!({"id": "b", "source": "Hé", "text": "⟦é⟧"}),
        json!({"id": "c", "source": "Ho", "text": "😀"}),
    ];
    let records: Vec<Json> = records.iter().map(|record| Json::of(record).unwrap()).collect();
    let told = |path: &str| {
        let folder = Folder::new(&[]);
        let written = folder.write(json!({"path": path, "encoding": "shift_jis"}), &records);
        let Err(FileError::Bad { problems }) = written else { panic!("must fail") };
        assert!(!folder.path(path).exists());
        lines(&problems)
    };
    let what = |name: &str, id: &str, n: u32, all: &str, at: u32| {
        format!(
            "E0720 - x.po: the `{name}` of `{id}` (record {n}) has {all}, which Shift-JIS cannot hold, first as its \
             character {at}"
        )
    };
    assert_eq!(
        told("x.po"),
        [
            what("text", "b", 2, "`⟦` (U+27E6), `é` (U+00E9), `⟧` (U+27E7)", 1),
            what("source", "b", 2, "`é` (U+00E9)", 2),
            what("text", "c", 3, "`😀` (U+1F600)", 1),
        ]
    );
    for path in ["x.csv", "x.jsonl", "x.json"] {
        let rows = told(path);
        assert!(rows.len() == 2 && rows[0].contains("record 2 has `é` (U+00E9), `⟦` (U+27E6)"), "{rows:?}");
        assert!(rows[1].contains("\"id\":\"c\""), "{rows:?}");
    }

    let folder = Folder::new(&[]);
    folder.write(json!({"path": "x.po", "encoding": "shift_jis"}), &records[..1]).unwrap();
    let said = std::fs::read(folder.path("x.po")).unwrap();
    assert!(said.windows(17).any(|part| part == b"charset=Shift_JIS"), "it says how it is encoded");
}
