//! Patching copies of source files.

use refrain_core::ports::files::{FileError, Replaceable, TargetWriter as _};
use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use serde_json::{Value, json};

use crate::folder::{Folder, ageless, block_on, lines, map};

fn texts(texts: &[(&str, &str)]) -> Vec<Json> {
    texts.iter().map(|(id, text)| Json::of(&json!({"id": id, "text": text})).unwrap()).collect()
}

fn check(file: &str, contents: &str, more: Value, records: &[Json], expect: Result<&str, &[&str]>) {
    let folder = Folder::new(&[(file, contents.as_bytes())]);
    let mut params = json!({"patch": file, "path": "out/{file}"});
    params.as_object_mut().unwrap().extend(map(more));
    match (folder.patch(params, "id", records), expect) {
        (Ok(_), Ok(expect)) => assert_eq!(folder.text(&format!("out/{file}")), expect),
        (Err(FileError::Bad { problems }), Err(expect)) => {
            assert_eq!(lines(&problems), expect);
            assert_eq!(folder.everything().len(), 1, "nothing is left behind");
        }
        (Err(error), _) => panic!("{error}"),
        (Ok(_), Err(expect)) => panic!("must fail: {expect:?}"),
    }
}

#[test]
fn texts_go_where_they_are_to_go() {
    let ja = texts(&[("1", "はい"), ("2", "a,\"b\"")]);
    check(
        "a.csv",
        "id,text,ja\n1,yes,\n2,no,x\n",
        json!({"column": "ja"}),
        &ja,
        Ok("id,text,ja\n1,yes,はい\n2,no,\"a,\"\"b\"\"\"\n"),
    );
    check(
        "a.csv",
        "id;text\r\n1;\"yes\"\r\n2;a,\"b\"",
        json!({"delimiter": ";"}),
        &ja,
        Ok("id;text\r\n1;\"はい\"\r\n2;a,\"b\""),
    );
    check(
        "a.jsonl",
        "{\"id\": 1, \"text\": \"yes\"}\n{\"id\":2}\n",
        json!({"column": "ja"}),
        &ja,
        Ok("{\"id\": 1, \"text\": \"yes\", \"ja\": \"はい\"}\n{\"id\":2,\"ja\":\"a,\\\"b\\\"\"}\n"),
    );
    check(
        "a.json",
        "[\n  {\n    \"id\": \"1\", \"text\": 3\n  },\n  {\"id\": \"2\"}\n]\n",
        json!({}),
        &ja,
        Ok(
            "[\n  {\n    \"id\": \"1\", \"text\": \"はい\"\n  },\n  {\"id\": \"2\", \"text\": \"a,\\\"b\\\"\"}\n]\n",
        ),
    );
    let named = [Json::of(&json!({"id": "1", "text": "はい", "speaker": "海"})).unwrap()];
    check(
        "a.json",
        "{\"1\": {\"name\": \"Mira\", \"message\": \"yes\"}}",
        json!({"format": "table"}),
        &named,
        Ok("{\"1\": {\"name\": \"海\", \"message\": \"はい\"}}"),
    );
    check(
        "a.json",
        "{\"1\": {\"name\": \"Mira\", \"message\": \"yes\"}}",
        json!({"format": "table", "column": "ja"}),
        &named,
        Ok("{\"1\": {\"name\": \"Mira\", \"message\": \"yes\", \"ja\": \"はい\"}}"),
    );
    let english = "[{\"id\": 1, \"message\": \"\\u306f\\u3044\"}]";
    check(
        "a.json",
        english,
        json!({"format": "table"}),
        &texts(&[("1", "é")]),
        Ok("[{\"id\": 1, \"message\": \"\\u00e9\"}]"),
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let records = [
        texts(&[("1", "x\ny"), ("9", "lost"), ("2", "a"), ("2", "b")]),
        vec![Json::parse("{\"id\":\"3\"}").unwrap()],
    ];
    check(
        "a.jsonl",
        "{\"id\":1,\"text\":\"a\"}\n{\"id\":2}\n{\"id\":3,\"text\":\"c\"}\n{\"id\":4}\n",
        json!({"expected": 7, "encoding": "utf-8"}),
        &records.concat(),
        Err(&[
            "E0720 - record 4 has the `id` of another: {\"id\":\"2\",\"text\":\"b\"}",
            "E0720 - record 5 has no `text`: {\"id\":\"3\"}",
            "E0722 a.jsonl:3:1 there is no record for `3`: c",
            "E0722 a.jsonl:4:1 there is no record for `4`: ",
            "E0723 - no patched file has the line `9`: lost",
            "E0724 - 2 lines have a record, expected 7",
        ]),
    );
    let mut ids = Vec::new();
    let folder = Folder::new(&[("a.txt", b"one\ntwo\n")]);
    for record in folder.read(json!({"files": "a.txt"}), "id").unwrap().0 {
        ids.push(record.value()["id"].as_str().unwrap().to_owned());
    }
    check(
        "a.txt",
        "one\ntwo\n",
        json!({}),
        &texts(&[(&ids[0], "a\nb"), (&ids[1], " ")]),
        Err(&[
            &format!(
                "E0725 a.txt:1:1 the `text` of `{}` has a line break, which a line of a text file cannot hold: a\nb",
                ids[0]
            ),
            &format!(
                "E0725 a.txt:2:1 the `text` of `{}` is blank, and blank lines of a text file are no lines:  ",
                ids[1]
            ),
        ]),
    );
    check(
        "a.csv",
        "id,text\n1,a\n",
        json!({"encoding": "shift_jis"}),
        &texts(&[("1", "caf\u{e9}")]),
        Err(&[
            "E0725 a.csv:2:3 the `text` of `1` has `é` (U+00E9), which Shift-JIS cannot hold, first as its character 4: café",
        ]),
    );
    check(
        "a.csv",
        "id,text\n1,a\n",
        json!({"column": "ja"}),
        &texts(&[("1", "b")]),
        Err(&["E0717 a.csv:1:1 there is no column `ja`; there are id, text"]),
    );
}

#[test]
fn lines_are_counted_where_that_is_wanted() {
    let some = texts(&[("1", "x")]);
    let (source, keep) = ("id,text\n1,a\n2,b\n", json!({"missing": "keep", "expected": 1}));
    check("a.csv", source, keep, &some, Ok("id,text\n1,x\n2,b\n"));
    let short = json!({"missing": "keep", "expected": "source"});
    check("a.csv", source, short, &some, Err(&["E0724 - 1 lines have a record, expected 2"]));
    let folder = Folder::new(&[]);
    let Err(FileError::Bad { problems }) = folder.patch(json!({"path": "x.csv", "expected": 2}), "id", &some)
    else {
        panic!("must fail")
    };
    assert_eq!(lines(&problems), ["E0724 - x.csv: 1 records, expected 2"]);
}

#[test]
fn the_codes_of_shift_jis_are_kept() {
    // Two codes of one character, of which only one would be written.
    let source = b"id,text\n1,\x81\xe0\x87\x90\n2,\xfa\x40\n";
    let folder = Folder::new(&[("a.csv", source)]);
    let params = json!({"patch": "a.csv", "path": "out.csv", "encoding": "shift_jis", "missing": "keep"});
    folder.patch(params, "id", &texts(&[("2", "\u{2252}")])).unwrap();
    assert_eq!(std::fs::read(folder.path("out.csv")).unwrap(), b"id,text\n1,\x81\xe0\x87\x90\n2,\x81\xe0\n");
}

#[test]
fn several_files_appear_together_or_not_at_all() {
    let folder = Folder::new(&[("s/a.csv", b"id,text\n1,a\n"), ("s/t/b.csv", b"id,text\n2,b\n")]);
    let params = json!({"patch": "s/**/*.csv", "path": "o/ja/{file}"});
    let before = folder.everything();
    assert!(folder.patch(params.clone(), "id", &texts(&[("1", "x")])).is_err());
    assert_eq!(folder.everything(), before, "one line is missing, so no file is there");

    let written = folder.patch(params.clone(), "id", &texts(&[("2", "y"), ("1", "x")])).unwrap();
    assert_eq!(folder.text("o/ja/a.csv"), "id,text\n1,x\n");
    assert_eq!(folder.text("o/ja/t/b.csv"), "id,text\n2,y\n");
    let paths: Vec<&str> = written.files.iter().map(|stamp| stamp.path.as_str()).collect();
    assert_eq!(paths, ["o/ja/a.csv", "o/ja/t/b.csv"]);
    assert_eq!(written.patched[1].digest, Digest::of_content(b"id,text\n2,b\n"));
    let inputs = block_on(folder.writer().inputs(&map(params), &[])).unwrap();
    assert_eq!(ageless(inputs), ageless(written.patched), "what is patched is what is watched");
    assert_eq!(block_on(folder.writer().inputs(&map(json!({"path": "x.csv"})), &[])).unwrap(), []);
}

#[test]
fn what_a_killed_writer_left_is_swept_away() {
    let folder = Folder::new(&[
        ("a.csv", b"id,text\n1,a\n"),
        ("out/.refrain-1a.2b-XyZ.tmp", b"half"),
        ("out/.refrain-keep", b"mine"),
        ("out/notes.tmp", b"mine"),
    ]);
    let writer = folder.writer();
    let params = map(json!({"patch": "a.csv", "path": "out/{file}", "missing": "keep"}));
    let other = map(json!({"path": "out/other.csv"}));
    let mut running = block_on(writer.open(&other, "id")).unwrap();
    running.write(&texts(&[("1", "x")])).unwrap();
    block_on(writer.open(&params, "id")).unwrap().finish(&Replaceable::anything()).unwrap();
    running.finish(&Replaceable::anything()).unwrap();
    let mut left: Vec<String> = std::fs::read_dir(folder.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, [".refrain-keep", "a.csv", "notes.tmp", "other.csv"], "what is being written stays");
}

#[test]
fn a_large_table_is_patched_in_pieces() {
    use std::fmt::Write as _;
    let (mut source, mut expect) = ("id,text\n".to_owned(), "id,text\n".to_owned());
    let mut records = Vec::new();
    for n in 0..20_000 {
        writeln!(source, "{n},line {n}\r").unwrap();
        writeln!(expect, "{n},行 {n}\r").unwrap();
        records.push(Json::of(&json!({"id": n, "text": format!("行 {n}")})).unwrap());
    }
    check("a.csv", &source, json!({"expected": "source"}), &records, Ok(&expect));
}

#[test]
fn every_character_that_an_encoding_lacks_is_told_at_once() {
    let table = "id,who,text\n1,Bo,\"two\nlines\"\n\n2,Bo,b\n3,Bo,c\n";
    let lacking = texts(&[("1", "⟦é⟧"), ("2", "ok"), ("3", "a¥😀é")]);
    let told = |line: u32, id: u32, all: &str, at: u32, text: &str| {
        format!(
            "E0725 a.csv:{line}:6 the `text` of `{id}` has {all}, which Shift-JIS cannot hold, first as its \
             character {at}: {text}"
        )
    };
    check(
        "a.csv",
        table,
        json!({"encoding": "shift_jis"}),
        &lacking,
        Err(&[
            &told(2, 1, "`⟦` (U+27E6), `é` (U+00E9), `⟧` (U+27E7)", 1, "⟦é⟧"),
            &told(6, 3, "`¥` (U+00A5), `😀` (U+1F600), `é` (U+00E9)", 2, "a¥😀é"),
        ]),
    );
    let po = "E0725 a.po:3:8 the `text` of `1` has `é` (U+00E9), which Shift-JIS cannot hold, first as its character 1: é";
    check(
        "a.po",
        "msgctxt \"1\"\nmsgid \"a\"\nmsgstr \"\"\n",
        json!({"encoding": "shift_jis"}),
        &texts(&[("1", "é")]),
        Err(&[po]),
    );
}

#[test]
fn a_patched_unit_file_says_which_language_it_is_in() {
    let hello = texts(&[("1", "Salut")]);
    let language = json!({"language": "pt-BR"});
    let unit = "<body><trans-unit id=\"1\"><source>Hi</source><target>";
    let file = |about: &str, text: &str| {
        format!(
            "<xliff version=\"1.2\"><file {about}>{unit}{text}</target></trans-unit></body></file></xliff>"
        )
    };
    let rest = "original=\"a\"  source-language='en'\tdatatype=\"x\"";
    for (before, after) in [
        (rest, "original=\"a\"  source-language='en' target-language=\"pt-BR\"\tdatatype=\"x\""),
        ("target-language='' a=\"\"", "target-language='pt-BR' a=\"\""),
        ("target-language=\"fr\"", "target-language=\"fr\""),
        ("original=\"a\"", "target-language=\"pt-BR\" original=\"a\""),
    ] {
        check("a.xlf", &file(before, "x"), language.clone(), &hello, Ok(&file(after, "Salut")));
    }
    let same = file(rest, "Salut");
    check("a.xlf", &same, language, &hello, Ok(&same));
}

#[test]
fn a_patched_message_file_says_which_language_it_is_in() {
    let hello = texts(&[("1", "Salut")]);
    let language = json!({"language": "pt-BR"});
    let po = |header: &str, text: &str| format!("{header}msgctxt \"1\"\nmsgid \"Hi\"\nmsgstr \"{text}\"\n");
    let header = |lines: &[&str]| {
        let lines: String = lines.iter().map(|line| format!("\"{line}\\n\"\n")).collect();
        format!("msgid \"\"\nmsgstr \"\"\n{lines}\n")
    };
    let forms = "Plural-Forms: nplurals=2; plural=(n > 1);";
    let known = header(&["Language: fr", "Plural-Forms: nplurals=3; plural=n;"]);
    for (before, after) in [
        (String::new(), header(&["Language: pt_BR", forms])),
        (header(&["A: b"]), header(&["A: b", "Language: pt_BR", forms])),
        (
            header(&["Language: ", "Plural-Forms: nplurals=INTEGER; plural=EXPRESSION;", "A: b"]),
            header(&["Language: pt_BR", forms, "A: b"]),
        ),
        (known.clone(), known),
    ] {
        check("a.po", &po(&before, "x"), language.clone(), &hello, Ok(&po(&after, "Salut")));
        let same = po(&before, "Salut");
        check("a.po", &same, language.clone(), &hello, Ok(&same));
    }
    let one_line = "# Mine\nmsgid \"\"\nmsgstr \"A: b\"\n\n";
    let more = "# Mine\nmsgid \"\"\nmsgstr \"A: b\"\n\"\\n\"\n\"Language: xx\\n\"\n\n";
    let unknown = json!({"language": "xx"});
    check("a.po", &po(one_line, "x"), unknown, &hello, Ok(&po(more, "Salut")));
    // Japanese has one form; a file with two keeps its own rule, whatever that is.
    let two = |more: &str, one: &str, other: &str| {
        format!(
            "msgid \"\"\nmsgstr \"\"\n{more}\nmsgctxt \"1\"\nmsgid \"a\"\nmsgid_plural \"b\"\nmsgstr[0] \"{one}\"\nmsgstr[1] \"{other}\"\n"
        )
    };
    let after = two("\"Language: ja\\n\"\n", "い", "ろ");
    let records = texts(&[("1[0]", "い"), ("1[1]", "ろ")]);
    check("a.po", &two("", "x", "y"), json!({"language": "ja"}), &records, Ok(&after));
}
