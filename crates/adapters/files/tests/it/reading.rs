//! Reading sources.

use refrain_core::ports::files::{FileError, SourceReader as _};
use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::Digest;
use serde_json::json;

use crate::folder::{Folder, ageless, block_on, lines, map};

fn check(file: &str, contents: &[u8], expect: &[&str]) {
    let folder = Folder::new(&[(file, contents)]);
    let (records, stamps) = folder.read(json!({"files": file}), "id").unwrap();
    let records: Vec<&str> = records.iter().map(|record| record.as_str()).collect();
    assert_eq!(records, expect, "{file}");
    assert_eq!(stamps[0].digest, Digest::of_content(contents), "hashed from the very bytes");
    assert_eq!(stamps[0].size, contents.len() as u64);
    let again = block_on(folder.reader().stamps(&map(json!({"files": file})), &[])).unwrap();
    assert_eq!(ageless(stamps), ageless(again));
}

fn check_bad(files: &[(&str, &[u8])], expect: &[&str]) {
    let folder = Folder::new(files);
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let mut source = folder.open(json!({ "files": names }), "id").unwrap();
    let Err(FileError::Bad { problems }) = source.next_batch() else { panic!("must fail") };
    assert_eq!(lines(&problems), expect);
    assert!(source.next_batch().unwrap().is_empty(), "nothing more comes");
}

#[test]
fn csv_rows_become_records_of_strings() {
    check(
        "a.csv",
        b"id,b,a\n1,x,\n2,,y\n",
        &[r#"{"a":"","b":"x","id":"1"}"#, r#"{"a":"y","b":"","id":"2"}"#],
    );
    check(
        "a.csv",
        b"id,a\r\n1,x\r\n\r\n2,\"y\r\nz\"",
        &[r#"{"a":"x","id":"1"}"#, r#"{"a":"y\r\nz","id":"2"}"#],
    );
    check("a.csv", b"\xef\xbb\xbfid\n1\n", &[r#"{"id":"1"}"#]);
    check(
        "a.csv",
        b"id,a\n1,\"a \"\"b\"\", c\"\n2,5\" pipe\n3,a\rb\0\n",
        &[r#"{"a":"a \"b\", c","id":"1"}"#, r#"{"a":"5\" pipe","id":"2"}"#, r#"{"a":"a\rb\u0000","id":"3"}"#],
    );
    check("a.tsv", b"id\ta\n1\tx,y\n", &[r#"{"a":"x,y","id":"1"}"#]);
    check("a.csv", b"id,a\n", &[]);
    check("a.csv", b"\n\nid\n\"\"\"\"\n", &[r#"{"id":"\""}"#]);
}

#[test]
fn json_keeps_its_types() {
    let expect: &[&str] = &[r#"{"a":[1,null],"id":1}"#, r#"{"id":"x"}"#];
    check("a.jsonl", b"{\"id\": 1.0, \"a\": [1, null]}\r\n \n\n{\"id\":\"x\"}", expect);
    check("a.json", b"\xef\xbb\xbf [ {\"id\": 1, \"a\": [1, null]},\n {\"id\":\"x\"} ]\n", expect);
    check("a.json", b"[]", &[]);
    check("a.json", b"", &[]);
    check("a.jsonl", b"", &[]);
}

#[test]
fn lines_of_text_get_ids_from_what_they_say() {
    let folder =
        Folder::new(&[("s/a.txt", b"one\r\n\ntwo\none"), ("s/b.txt", b"two\nthree"), ("one.txt", b"three")]);
    let ids = |files: &str| -> Vec<String> {
        let (records, _) = folder.read(json!({ "files": files }), "id").unwrap();
        records.iter().map(|record| record.field("id").unwrap().to_owned()).collect()
    };
    let (records, _) = folder.read(json!({"files": "s/*.txt"}), "id").unwrap();
    let texts: Vec<&str> = records.iter().map(|record| record.field("text").unwrap()).collect();
    assert_eq!(texts, ["\"one\"", "\"two\"", "\"one\"", "\"two\"", "\"three\""]);
    assert_eq!(records[3].field("file"), Some("\"s/b.txt\""));
    let found = ids("s/*.txt");
    assert!(found[2].starts_with(found[0].trim_end_matches('"')), "{found:?}");
    assert_eq!(ids("one.txt"), [found[4].clone()], "the file is not part of the id");
    assert!(matches!(folder.open(json!({"files": "s/*.txt"}), "text"), Err(FileError::Params { .. })));
    let error = folder.open(json!({"files": "s/*.txt", "ids": "file"}), "id").err().unwrap();
    assert_eq!(error.to_string(), "params.ids: `s/a.txt` is a text file, which has no ids; leave `ids` out");
}

#[test]
fn all_problems_of_all_files_come_at_once() {
    check_bad(
        &[
            ("a.csv", b"id,text\n1,a\n\n2\n3,\"x\ny\",z\n,b\n4,\"a\"b\n1,again\n"),
            ("b.csv", b"id,text\n1,other file\n5,\xff\n6,\"never\nclosed\n"),
            ("c.csv", b"name,name\nx,y\nz\n"),
        ],
        &[
            "E0702 a.csv:4:1 the row has 1 cells, the header has 2",
            "E0702 a.csv:5:1 the row has 3 cells, the header has 2",
            "E0703 a.csv:7:1 the key `id` is empty",
            "E0712 a.csv:8:6 text behind a closing quote",
            "E0704 a.csv:9:1 `id` is `1` again; first in a.csv at line 2",
            "E0704 b.csv:2:1 `id` is `1` again; first in a.csv at line 2",
            "E0701 b.csv:3:3 byte 0xff is not UTF-8",
            "E0711 b.csv:4:3 this quote is never closed",
            "E0707 c.csv:1:1 two columns are named `name`",
            "E0703 c.csv:1:1 there is no column `id`; there are name, name",
            "E0702 c.csv:3:1 the row has 1 cells, the header has 2",
        ],
    );
}

#[test]
fn rows_that_a_spreadsheet_left_empty_are_none() {
    let folder = Folder::new(&[("a.csv", b"id,text\n1,a\n,\n2,b\n,\n,,\n")]);
    let (records, _) = folder.read(json!({"files": "a.csv"}), "id").unwrap();
    assert_eq!(records.len(), 2);
    check_bad(&[("a.csv", b"id,text\n,b\n")], &["E0703 a.csv:2:1 the key `id` is empty"]);
}

#[test]
fn what_a_file_seems_to_be_is_said() {
    let hint = |bytes: &[u8], params: serde_json::Value| {
        let folder = Folder::new(&[("a.csv", bytes)]);
        match folder.read(params, "id") {
            Err(FileError::Bad { problems }) => problems[0].hint.clone().unwrap_or_default(),
            other => panic!("{other:?}"),
        }
    };
    let check = |bytes: &[u8], encoding: &str, part: &str| {
        let hint = hint(bytes, json!({"files": "a.csv", "encoding": encoding}));
        assert!(hint.contains(part), "{hint}");
    };
    check("id,text\n1,あ\n".as_bytes(), "shift_jis", "it seems to be UTF-8 (`utf-8`)");
    check(b"id,text\n1,\x82\xa0\n", "utf-8", "it seems to be Shift-JIS (`shift_jis`)");
    check(b"id,text\n1,caf\xe9 noir\n", "utf-8", "it seems to be Windows-1252 or Latin-1");
    check(b"PK\x03\x04\x14\0\x06\0\x08\0", "mark", "save it as \"CSV UTF-8\"");
    let header = |bytes: &[u8], charset: &str| {
        let head = format!("msgid \"\"\nmsgstr \"Content-Type: text/plain; charset={charset}\\n\"\n\n");
        [head.as_bytes(), b"msgid \"", bytes, b"\"\nmsgstr \"\"\n"].concat()
    };
    let po = |bytes: &[u8], charset: &str, encoding: &str, part: &str| {
        let folder = Folder::new(&[("a.po", &header(bytes, charset))]);
        let mut source = folder.open(json!({"files": "a.po", "encoding": encoding}), "id").unwrap();
        let Err(FileError::Bad { problems }) = source.next_batch() else { panic!("it is read") };
        let hint = problems[0].hint.clone().unwrap_or_default();
        assert!(hint.contains(&format!("`charset={charset}`: {part}")), "{hint}");
    };
    po(b"\x82\xa0", "Shift_JIS", "mark", "declare `encoding: shift_jis`, or save the file as UTF-8 with");
    po(b"caf\xe9", "ISO-8859-1", "mark", "save it as UTF-8 and write `charset=UTF-8` there");
    po("あ".as_bytes(), "UTF-8", "shift_jis", "declare `encoding: utf-8`");
    let semicolon = json!({"files": "a.csv", "delimiter": ";"});
    let hint = hint(b"\"id\",\"text\"\n\"1\",\"a\"\n", semicolon);
    assert!(hint.contains("say `delimiter: \",\"`"), "{hint}");
}

#[test]
fn a_table_that_lost_its_header_is_no_empty_table() {
    check_bad(
        &[("a.csv", b""), ("b.csv", b"id\n"), ("c.tsv", b"\n\n")],
        &["E0713 a.csv:1:1 the file has no header", "E0713 c.tsv:1:1 the file has no header"],
    );
}

#[test]
fn bad_json_is_placed() {
    check_bad(
        &[("a.jsonl", "{\"id\":1}\n\n{\"é\":}\n[1]\n{\"id\":9007199254740993}\n{\"x\":1}\n{\"id\":null}\n{\"id\":\"\"}\n{\"id\":\"1\"}\n".as_bytes())],
        &[
            "E0705 a.jsonl:3:6 not JSON: expected value",
            "E0708 a.jsonl:4:1 the record is not an object",
            "E0706 a.jsonl:5:7 the integer 9007199254740993 is beyond 2^53 and would be rounded; write it as a string",
            "E0703 a.jsonl:6:1 the record has no `id`",
            "E0703 a.jsonl:7:1 the key `id` is null, not a text or a number",
            "E0703 a.jsonl:8:1 the key `id` is empty",
            "E0704 a.jsonl:9:1 `id` is `1` again; first in a.jsonl at line 1",
        ],
    );
    check_bad(
        &[
            ("a.json", b"[{\"id\":1},\n  2,\n  {\"x\":\n 123456789012345678901}]"),
            ("b.json", b"{\"id\":1}"),
            ("c.json", b"[1,\n 2"),
            ("d.json", b"what"),
        ],
        &[
            "E0708 a.json:2:3 the record is not an object",
            "E0706 a.json:3:3 the integer 1.2345678901234568e+20 is beyond 2^53 and would be rounded; write it as a string",
            "E0708 b.json:1:1 the file is not a list of objects",
            "E0705 c.json:2:2 not JSON: EOF while parsing a list",
            "E0705 d.json:1:1 not JSON: expected value",
        ],
    );
}

#[test]
fn encodings_are_declared_or_found_out() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    check(
        "a.csv",
        &[b"\xff\xfe", &utf16("id,a\r\n1,\u{30a}\u{a0a}\n2,x")[..]].concat(),
        &["{\"a\":\"\u{30a}\u{a0a}\",\"id\":\"1\"}", r#"{"a":"x","id":"2"}"#],
    );
    check_bad(
        &[("a.csv", b"i\0d\0"), ("b.json", b"\xfe\xff\0["), ("c.csv", b"\xff\xfei\0d\0\n\0a\0\x00\xd8\n\0")],
        &[
            "E0709 a.csv:1:1 the file looks like UTF-16, but has no byte order mark",
            "E0705 b.json:1:1 not JSON: EOF while parsing a list",
            "E0701 c.csv:2:2 bytes 0x00 0xd8 are not UTF-16LE",
        ],
    );
    let check_told = |bytes: &[u8], encoding: &str, expect: Result<&str, &str>| {
        let folder = Folder::new(&[("a.txt", bytes)]);
        let found = match folder.read(json!({"files": "a.txt", "encoding": encoding}), "id") {
            Ok((records, _)) => Ok(records[0].field("text").unwrap().to_owned()),
            Err(FileError::Bad { problems }) => Err(lines(&problems).join("; ")),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(found.as_deref().map_err(String::as_str), expect, "{encoding}");
    };
    check_told(b"\x93\xfa\x96{\n", "shift_jis", Ok("\"日本\""));
    check_told(b"\x93\xfa\x96{\n", "auto", Ok("\"日本\""));
    check_told(b"\x93\xfa\x96{\n", "utf-8", Err("E0701 a.txt:1:1 byte 0x93 is not UTF-8"));
    check_told(b"\x93\xfa\n\x96\x20", "shift_jis", Err("E0701 a.txt:2:1 byte 0x96 is not Shift-JIS"));
    check_told("日本語\n".as_bytes(), "auto", Ok("\"日本語\""));
    check_told("é\n".as_bytes(), "auto", Err("E0714 a.txt:1:1 the file is valid as UTF-8 and as Shift-JIS"));
    check_told(
        b"a\0b\0",
        "utf-16",
        Err("E0714 a.txt:1:1 the file is declared as utf-16 and has no byte order mark"),
    );
    check_told(b"a\0b", "utf-16le", Err("E0701 a.txt:1:2 byte 0x62 is not UTF-16LE"));
}

#[test]
fn a_file_too_large_for_its_format_is_told() {
    let folder = Folder::new(&[("a.json", b"[]")]);
    std::fs::File::options()
        .write(true)
        .open(folder.path("a.json"))
        .unwrap()
        .set_len((64 << 20) + 1)
        .unwrap();
    let Err(FileError::Bad { problems }) = folder.read(json!({"files": "a.json", "format": "table"}), "id")
    else {
        panic!("must be bad")
    };
    assert_eq!(
        lines(&problems),
        ["E0716 a.json:1:1 the file is larger than 64 MiB, too large for its format"]
    );
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = format!("{{\"id\":1,\"x\":{}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
    for (file, contents) in [("a.jsonl", deep.clone()), ("a.json", format!("[{deep}]"))] {
        let folder = Folder::new(&[(file, contents.as_bytes())]);
        let Err(FileError::Bad { problems }) = folder.read(json!({"files": file}), "id") else { panic!() };
        assert_eq!((problems[0].code.as_str(), problems.len()), ("E0705", 1));
        assert!(problems[0].message.contains("recursion limit"), "{}", problems[0].message);
    }
}

#[test]
fn problems_beyond_the_first_hundred_are_counted() {
    let rows = "x\n".repeat(250);
    let folder = Folder::new(&[("a.csv", format!("id,b\n{rows}").as_bytes())]);
    let Err(FileError::Bad { problems }) = folder.read(json!({"files": "a.csv"}), "id") else { panic!() };
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100].message, "and 150 more problems");
}

#[test]
fn records_come_in_batches_and_long_lines_whole() {
    let mut text = "id,text\n".to_owned();
    (0..2_500).for_each(|n| text.push_str(&format!("{n},x\n")));
    let folder = Folder::new(&[("a.csv", text.as_bytes())]);
    let mut source = folder.open(json!({"files": "a.csv"}), "id").unwrap();
    let sizes: Vec<usize> = (0..4).map(|_| source.next_batch().unwrap().len()).collect();
    assert_eq!(sizes, [1_000, 1_000, 500, 0]);

    let long = "é".repeat(5 << 20);
    let folder = Folder::new(&[("a.csv", format!("id,text\n1,{long}\n2,{long}\n").as_bytes())]);
    let mut source = folder.open(json!({"files": "a.csv"}), "id").unwrap();
    assert_eq!(source.next_batch().unwrap().len(), 1, "long records do not come by the thousand");
    assert_eq!(source.next_batch().unwrap()[0].as_str().len(), long.len() + 20);
}

#[test]
fn known_stamps_save_reading() {
    let folder = Folder::new(&[("a.csv", b"id\n1\n"), ("b.csv", b"id\n2\n")]);
    folder.age("a.csv");
    let params = map(json!({"files": "*.csv"}));
    let stamps = block_on(folder.reader().stamps(&params, &[])).unwrap();
    let forged = FileStamp { digest: Digest::of_content(b"forged"), ..stamps[0].clone() };
    let known = [forged.clone(), FileStamp { digest: forged.digest, young: true, ..stamps[1].clone() }];
    let again = block_on(folder.reader().stamps(&params, &known)).unwrap();
    assert_eq!(again[0], forged, "old and unchanged: not read");
    assert_eq!(again[1].digest, stamps[1].digest, "young: read again");
}

#[test]
fn lines_that_end_with_a_carriage_return_alone_are_no_empty_script() {
    let old = "E0719 f.@:1:1 the lines of the file end with a carriage return alone";
    for (ending, text) in [
        ("csv", "id,text\ra,one\r"),
        ("txt", "one\rtwo\r"),
        ("po", "# a\rmsgid \"one\"\rmsgstr \"\"\r"),
        ("rpy", "label start:\r    \"One.\"\r"),
    ] {
        let path = format!("f.{ending}");
        let folder = Folder::new(&[(&path, text.as_bytes())]);
        let Err(FileError::Bad { problems }) = folder.read(json!({"files": path}), "id") else {
            panic!("{ending} must fail")
        };
        assert_eq!(lines(&problems), [old.replace('@', ending)]);
    }
    let list = Folder::new(&[("a.json", b"[{\"id\": 1},\r{\"id\": 2}]\r")]);
    assert_eq!(list.read(json!({"files": "a.json"}), "id").unwrap().0.len(), 2, "JSON does not mind");
}

#[test]
fn another_delimiter_is_thought_of() {
    for (header, hint) in [("id;text", "\";\""), ("id\ttext", "tab")] {
        let folder = Folder::new(&[("a.csv", format!("{header}\n").as_bytes())]);
        let Err(FileError::Bad { problems }) = folder.read(json!({"files": "a.csv"}), "id") else {
            panic!("must fail")
        };
        let hint = format!("if that is what stands between the cells, say `delimiter: {hint}`");
        assert_eq!(problems[0].hint.as_deref(), Some(hint.as_str()));
    }
}
