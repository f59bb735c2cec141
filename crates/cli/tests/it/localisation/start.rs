//! From nothing to patched files, offline.

use serde_json::Value;

use super::setup::{SCRIPT, records, start, started, table};
use crate::demo::assert_within;
use crate::project::{TestProject, phase};

/// What a line of the script may hold that no translation may lose.
const CODES: [&str; 9] = ["{w}", "{w=0.5}", "{i}", "{/i}", "{b}", "[player]", "%s", "%d", "\\n"];

#[test]
fn the_sample_goes_through_all_phases_and_a_second_run_has_nothing_to_do() {
    let project = started(&[]);
    let said = project.run(&["check"]).expect(0);
    assert_eq!(said.stderr, "", "{}", said.stdout);
    let plan = project.json(&["plan"], 0);
    assert!(!project.path(".refrain").exists(), "a plan stores nothing");
    let begun = std::time::Instant::now();
    let first = project.run_json(&[], 0);
    let took = begun.elapsed();
    // Far more than it takes, so that only what is wrong by its nature fails on a busy machine.
    assert!(took.as_secs() < 60, "{took:?}");
    assert_eq!(first["status"], "completed", "{first}");
    assert_within(&plan, &first);
    let ran = |name: &str| phase(&first, name)["units"]["ran"].as_u64().unwrap();
    assert_eq!(
        (ran("context"), ran("pretranslation"), ran("translate@ja"), ran("edit@fr")),
        (12, 12, 375, 375)
    );
    assert_eq!(phase(&first, "export@fr")["status"], "completed");

    let second = project.run_json(&[], 0);
    assert_eq!((&second["calls"], &second["units"]["ran"]), (&0.into(), &0.into()));
    assert!(second["phases"].as_array().unwrap().iter().all(|phase| phase["status"] == "fresh"), "{second}");
    assert_eq!(project.not_fresh(), [""; 0]);
    assert_eq!(project.json(&["plan", "--detailed-exitcode"], 0)["changes"], false);
}

#[test]
fn exports_have_every_line_in_its_place_with_everything_else_as_it_was() {
    let project = started(&[]);
    project.run_json(&[], 0);
    let mut n = 0;
    for language in ["ja", "fr"] {
        for path in SCRIPT {
            let source = table(&project.read(path));
            let target = table(&project.read(&path.replace("script/", &format!("out/{language}/"))));
            assert_eq!(source.0, target.0, "the columns of {path}");
            assert_eq!(source.1.len(), target.1.len());
            for (line, translated) in source.1.iter().zip(&target.1) {
                assert_translated(line, translated);
                n += 1;
            }
        }
    }
    assert_eq!(n, 750);
}

#[track_caller]
fn assert_translated(line: &Value, translated: &Value) {
    let said = |record: &Value| record["text"].as_str().unwrap().to_owned();
    for field in ["line_id", "scene_id", "route_id", "speaker", "note"] {
        assert_eq!(line[field], translated[field]);
    }
    let (source, text) = (said(line), said(translated));
    assert_ne!(source, text, "{line}");
    for code in CODES {
        assert_eq!(source.matches(code).count(), text.matches(code).count(), "{code} in {text}");
    }
    let ends = |text: &str| {
        let inner = text.trim();
        (text.len() - text.trim_start().len(), text.len() - text.trim_end().len(), inner.is_empty())
    };
    assert_eq!(ends(&source), ends(&text), "the spaces at the ends of {text:?}");
}

#[test]
fn phases_make_what_the_next_ones_read() {
    let project = started(&[]);
    project.run_json(&[], 0);
    let kinds = |address: &str| {
        let mut kinds: Vec<String> = records(&project, address)
            .iter()
            .map(|record| record["kind"].as_str().unwrap().to_owned())
            .collect();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    assert_eq!(kinds("context"), ["character", "summary"]);
    assert_eq!(kinds("pretranslation"), ["idiom", "reference", "term"]);
    let terms = records(&project, "terms@ja");
    let term = |name: &str| {
        terms.iter().find(|record| record["term"] == name).unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!(term("Wren")["translation"], "レン", "what the glossary has stands");
    let lines = records(&project, "translate@ja");
    assert!(lines.iter().all(|line| line["source"].is_string() && line["scene_id"].is_string()));
    let mention = lines.iter().find(|line| {
        line["source"] == "You're the new one. I'm Wren. I do telegrams, kites and terrible ideas."
    });
    assert!(mention.unwrap()["text"].as_str().unwrap().contains("レン"), "{mention:?}");
    for language in ["ja", "fr"] {
        for line in records(&project, &format!("edit@{language}")) {
            assert_changes_explain_the_text(&project, language, &line);
        }
    }
}

/// The changes of a line, one after the other, lead from its translation to its text.
fn assert_changes_explain_the_text(project: &TestProject, language: &str, line: &Value) {
    let changes = line["changes"].as_array().unwrap();
    if changes.is_empty() {
        return;
    }
    let id = line["line_id"].as_str().unwrap();
    let translated = project.run(&["show", &format!("translate@{language}"), "--key", id]).expect(0).json();
    let mut text = translated["text"].clone();
    for change in changes {
        assert_eq!(change["before"], text, "{line}");
        text = change["after"].clone();
    }
    assert_eq!(text, line["text"]);
}

#[test]
fn any_phase_but_the_first_two_ends_can_be_left_out() {
    for (left_out, expect) in
        [("context", 0), ("pretranslation", 0), ("qa", 0), ("edit", 0), ("consistency", 0)]
    {
        let project = started(&["--languages", "fr"]);
        project.edit(
            "refrain.yaml",
            &format!("\n  {left_out}:\n"),
            &format!("\n  {left_out}:\n    enabled: false\n"),
        );
        let also: &[&str] = match left_out {
            // What is split into units has to be there.
            "pretranslation" => &["names", "terms"],
            _ => &[],
        };
        for name in also {
            project.edit(
                "refrain.yaml",
                &format!("\n  {name}:\n"),
                &format!("\n  {name}:\n    enabled: false\n"),
            );
        }
        project.run(&["check"]).expect(expect);
        let report = project.run_json(&[], 0);
        assert_eq!(report["status"], "completed", "without {left_out}: {report}");
        assert!(report["phases"].as_array().unwrap().iter().all(|phase| phase["phase"] != left_out));
        assert_eq!(
            table(&project.read("out/fr/main.csv")).1.len(),
            table(&project.read("script/main.csv")).1.len()
        );
    }
}

#[test]
fn answers_are_given_as_flags_and_the_next_steps_are_told() {
    let project = TestProject::empty();
    let flags = [
        "init",
        "--template",
        "localisation",
        "--no-input",
        "--languages",
        "de,pt-BR",
        "--provider",
        "openai",
        "--base-url",
        "http://localhost:8000/v1",
        "--key-env",
        "MY_KEY",
        "--model",
        "tiny",
        "game",
    ];
    let said = project.run(&flags).expect(0).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["MY_KEY", "`refrain -C game doctor`", "`refrain -C game plan`", "`refrain -C game run`"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    let pipeline = project.read("game/refrain.yaml");
    for part in [
        "language: [de, pt-BR]",
        "base_url: http://localhost:8000/v1",
        "api_key_env: MY_KEY",
        "main/tiny",
        "models: { default: true }",
    ] {
        assert!(pipeline.contains(part), "no {part} in {pipeline}");
    }
    assert!(project.read("game/glossary/de.csv").contains("\nWren,,"));
    assert!(project.read("game/style/pt-BR.md").contains("Portuguese (BR)"));
    project.run(&["-C", "game", "check"]).expect(0);
    let again = project.run(&flags).expect(2).stderr;
    assert!(again.contains("refrain.yaml is there already; nothing was written"), "{again}");
}

#[test]
fn wrong_answers_are_refused_before_anything_is_written() {
    for (flags, expect) in [
        (&["--languages", "fr,fr"][..], "`fr` is there twice"),
        (&["--languages", "en"], "both the language of the script and one it goes into"),
        (&["--languages", "../x"], "is not the code of a language"),
        (&["--key-env", "sk-123-very-secret"], "is not the name of a variable"),
        (&["--base-url", "localhost"], "is no address"),
        (&["--source", "../script.csv"], "is no file of the project"),
        (&["--provider", "nobody"], "possible values: none, openai, anthropic, gemini"),
        (&["--template", "hello", "--languages", "fr"], "--languages is for the template localisation"),
    ] {
        let project = TestProject::empty();
        let said = project.run(&[&["init", "--yes"], flags].concat()).expect(2).stderr;
        assert!(said.contains(expect), "no `{expect}` in {said}");
        assert_eq!(project.files(), [""; 0]);
    }
}

#[test]
fn a_script_of_ones_own_in_another_format_takes_its_place() {
    let script = include_str!("../../../templates/localisation/samples/bottle.rpy");
    let project = TestProject::empty().file("game/bottle.rpy", script);
    start(&project, &["--source", "game/*.rpy", "--languages", "fr"]);
    assert!(!project.path("script").exists(), "the sample is not in the way");
    project.run(&["check"]).expect(0);
    assert_eq!(project.run_json(&[], 0)["status"], "completed");
    let (source, target) = (project.read("game/bottle.rpy"), project.read("out/fr/bottle.rpy"));
    assert_eq!(source.lines().count(), target.lines().count());
    let differ = source.lines().zip(target.lines()).filter(|(a, b)| a != b).count();
    assert_eq!(differ, records(&project, "ingest").len(), "{target}");
    assert!(differ >= 15);
    assert!(target.contains("jump bottle_open") && target.contains("%s"), "{target}");
}

/// A script as others write them: with other names, other separators, another encoding.
const SHEET: &str = "String ID;日本語;発話者;Map;Note\nq1;「おはよう、ミラ」;Mira;港;\nq2;だめだ。;Ivo;港;x\nq3;さようなら、世界。;Mira;塔;\n";

#[test]
fn columns_and_encoding_of_a_script_are_found_and_come_back() {
    let project = TestProject::empty();
    let encoded = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let decoded = |bytes: &[u8]| {
        let units: Vec<u16> = bytes.chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
        String::from_utf16(&units).unwrap()
    };
    std::fs::create_dir_all(project.path("text")).unwrap();
    std::fs::write(project.path("text/quest.csv"), encoded(SHEET)).unwrap();
    let flags = ["init", "--yes", "--source", "text/*.csv", "--source-language", "ja", "--languages", "en"];
    let said = project.run(&flags).expect(0).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = "1 file, 3 lines: encoding `utf-16le`, delimiter `;`, id `String ID`, text `日本語`, speaker `発話者`, \
         scene `Map`";
    assert!(said.contains(found), "{said}");
    let pipeline = project.read("refrain.yaml");
    assert!(pipeline.contains("id: \"String ID\" # the column that tells lines apart"), "{pipeline}");
    assert!(pipeline.contains("encoding: { default: utf-16le,"), "{pipeline}");
    assert_eq!(project.run_json(&[], 0)["status"], "completed");
    let lines = records(&project, "ingest");
    assert_eq!(
        (&lines[1]["line_id"], &lines[1]["text"], &lines[2]["scene_id"]),
        (&"q2".into(), &"だめだ。".into(), &"塔".into())
    );
    let back = decoded(&std::fs::read(project.path("out/en/quest.csv")).unwrap());
    let rest = |text: &str| {
        text.lines()
            .map(|row| {
                row.split(';')
                    .enumerate()
                    .filter(|(n, _)| *n != 1)
                    .map(|(_, cell)| cell.to_owned())
                    .collect::<Vec<_>>()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(rest(&back), rest(SHEET), "all but the text is as it was");
    assert_ne!(back, SHEET);

    // A person's copy comes back by the same names.
    let text = back.replacen("q2;", "q2;No.<", 1);
    std::fs::write(project.path("out/en/quest.csv"), encoded(&text)).unwrap();
    let report =
        project.run(&["edit", "import", "out/en/quest.csv", "--by", "ana", "--json"]).expect(0).json();
    assert_eq!((&report["added"], &report["fields"][0]["key"]), (&1.into(), &"q2".into()), "{report}");
}

#[test]
fn a_script_that_cannot_be_one_is_refused_before_anything_is_written() {
    for (path, text, source, code, expect) in [
        ("a.csv", "id,text\n1,Hello.\n", "script/*.csv", 2, "there is no file"),
        ("a.csv", "id,text\n1,Hello.\n", "b.csv", 2, "put the script there first"),
        (
            "a.csv",
            "id,price\n1,7\n",
            "a.csv",
            2,
            "no column of a.csv holds a text to translate: there are id, price",
        ),
        ("a.csv", "id,text\n1\n2,\"x\n", "a.csv", 9, "a.csv:2:1: the row has 1 cell"),
        ("a.csv", "id,text\n1,\n", "a.csv", 2, "no column of a.csv holds a text"),
        ("a.doc", "x", "a.doc", 9, "does not tell the format"),
        ("a.jsonl", "{\"text\": 1\n", "a.jsonl", 9, "a.jsonl:1:"),
    ] {
        let project = TestProject::empty().file(path, text);
        let said = project.run(&["init", "--yes", "--source", source]).expect(code).stderr;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(expect), "no `{expect}` in {said}");
        assert_eq!(project.files(), [path]);
    }
}

/// "id,scene_id,speaker,text", and two lines of Japanese, in Shift-JIS.
const JAPANESE: &[u8] = b"line_id,scene_id,speaker,text\r\na1,a,\x8aC,\x82\xcd\x82\xa2{w}\r\na2,a,,OK?\r\n";

#[test]
fn a_script_in_shift_jis_gets_copies_that_it_can_hold() {
    let project = TestProject::empty();
    std::fs::create_dir_all(project.path("game")).unwrap();
    std::fs::write(project.path("game/a.csv"), JAPANESE).unwrap();
    let flags = ["init", "--yes", "--source", "game/*.csv", "--source-language", "ja", "--languages", "fr"];
    project.run(&flags).expect(0);
    assert_eq!(project.run_json(&[], 0)["status"], "completed");
    let copy = std::fs::read(project.path("out/fr/a.csv")).unwrap();
    let expect = b"line_id,scene_id,speaker,text\r\na1,a,\x8aC,\x81\x79\x82\xcd\x82\xa2";
    assert!(copy.starts_with(expect), "{}", copy.escape_ascii());

    project.edit("refrain.yaml", "encoding: { default: shift_jis,", "encoding: { default: mark,");
    let said = project.run(&["run"]).expect(1).stderr;
    assert!(said.contains("game/a.csv:2:6: byte 0x8a is not UTF-8"), "{said}");

    project.edit("refrain.yaml", "encoding: { default: mark,", "encoding: { default: shift_jis,");
    project.edit("refrain.yaml", ", encoding: \"{{ params.encoding }}\" } }", " } }");
    let said = project.run(&["run"]).expect(1).stderr;
    for part in ["game/a.csv:2:8", "`a1`", "`⟦` (U+27E6)", "game/a.csv:3:7", "`a2`", "`Ö` (U+00D6)"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
}

#[test]
fn a_copy_with_another_name_is_told_by_what_is_in_it() {
    let project = started(&["--languages", "fr"]);
    project.run_json(&[], 0);
    let exported = project.read("out/fr/wren.csv");
    let line = exported.lines().nth(3).unwrap();
    let (id, _) = line.split_once(',').unwrap();
    project.write("inbox/mika 2.csv", &exported.replace(line, &line.replace('⟦', "Non ")));
    let import = ["edit", "import", "inbox/mika 2.csv", "--from", "export@fr", "--by", "Mika"];
    let report = project.run(&[&import[..], &["--dry-run", "--json"]].concat()).expect(0).json();
    assert_eq!((&report["n_unknown"], &report["fields"][0]["key"]), (&0.into(), &id.into()), "{report}");

    project.write("inbox/mika 2.csv", exported.lines().next().unwrap());
    let said = project.run(&import).expect(2).stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for file in ["main", "wren", "ivo"] {
        let command =
            format!("`refrain edit import 'inbox/mika 2.csv' --copy-of out/fr/{file}.csv --by Mika`");
        assert!(said.contains(&command), "{said}");
    }
    project.write("inbox/mika 2.csv", &exported.replace(line, &line.replace('⟦', "Non ")));
    let named =
        ["edit", "import", "inbox/mika 2.csv", "--copy-of", "out/fr/wren.csv", "--by", "Mika", "--json"];
    assert_eq!(project.run(&named).expect(0).json()["added"], 1);
}

#[test]
fn a_line_whose_source_changed_is_shown_with_its_source_and_commands_that_work() {
    let project = started(&["--languages", "fr"]);
    project.run_json(&[], 0);
    let lines = records(&project, "ingest");
    let [first, second] =
        [&lines[0], &lines[1]].map(|line| format!("edit@fr/{}", line["line_id"].as_str().unwrap()));
    project.run(&["edit", "set", &first, "--text", "Mine.", "--by", "ana"]).expect(0);
    project.run(&["edit", "lock", &second, "--by", "ana"]).expect(0);
    project.run_json(&[], 0);
    for line in &lines[..2] {
        let text = line["text"].as_str().unwrap().replace('"', "\"\"");
        let file = line["file"].as_str().map_or("script/ivo.csv", |file| file);
        let old = project.read(file);
        assert!(old.contains(&text), "{text} in {file}");
        project.write(file, &old.replacen(&text, "Something else now.", 1));
    }
    project.run_json(&[], 0);
    let report = project.json(&["review"], 0);
    assert_eq!(report["items"].as_array().map(Vec::len), Some(2), "{report}");
    let source = &report["items"][0]["source"];
    assert_eq!(
        (&source["known"], &source["fields"][0]["now"]),
        (&true.into(), &"Something else now.".into()),
        "{report}"
    );
    assert_eq!(source["fields"][0]["before"], lines[0]["text"]);
    let said = project.run(&["review"]).expect(0).stdout;
    for part in ["source, text", "{+Something+}", "(not asked again: locked)", "the text was locked as it is"]
    {
        assert!(said.contains(part), "no {part} in {said}");
    }
    let command = said.lines().find(|line| line.contains("review keep") && line.contains(&first)).unwrap();
    let (command, _) = command.split_once('#').unwrap();
    assert!(command.contains("--by"), "{command}");
    let shell = format!(
        "PATH=\"{}:$PATH\"; {command}",
        std::path::Path::new(env!("CARGO_BIN_EXE_refrain")).parent().unwrap().display()
    );
    let mut pasted = std::process::Command::new("sh");
    assert!(
        pasted.args(["-c", &shell]).current_dir(project.path("")).output().unwrap().status.success(),
        "{shell}"
    );
    assert_eq!(project.json(&["review"], 0)["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn files_of_a_source_that_was_renamed_are_named_and_removed_on_purpose_alone() {
    let project = started(&["--languages", "fr"]);
    project.run_json(&[], 0);
    let read = |path: &str| project.read(path);
    for (old, new) in [("script/wren.csv", "script/north.csv"), ("script/ivo.csv", "script/south.csv")] {
        project.write(new, &read(old));
        std::fs::remove_file(project.path(old)).unwrap();
    }
    project.write("out/fr/ivo.csv", "mine\n");
    let note = "out/fr/wren.csv was written by an earlier revision and is no longer written";
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for command in ["run", "status"] {
        let said = words(project.run(&[command]).expect(0).stdout);
        assert!(said.contains(note) && !said.contains("out/fr/ivo.csv,"), "{said}");
    }
    project.run(&["gc", "--exports", "--dry-run"]).expect(0);
    project.run(&["gc"]).expect(0);
    assert!(project.path("out/fr/wren.csv").exists(), "nothing goes that was not asked for");
    let report = project.run(&["gc", "--exports", "--json"]).expect(0).json();
    assert_eq!(report["exports"], serde_json::json!(["out/fr/wren.csv"]));
    assert!(!project.path("out/fr/wren.csv").exists());
    assert_eq!(read("out/fr/ivo.csv"), "mine\n", "a person's file stays");
    assert!(!project.run(&["status"]).expect(0).stdout.contains("earlier revision"));
}

#[test]
fn what_is_missing_or_broken_is_said_once_and_in_words() {
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let project = started(&[]);
    project.run_json(&[], 0);
    let plan = words(project.run(&["plan", "--set", "models=true"]).expect(0).stdout);
    assert!(plan.contains("… and") && !plan.contains("`project.system`"), "{plan}");

    let glossary = project.read("glossary/ja.csv");
    std::fs::remove_file(project.path("glossary/ja.csv")).unwrap();
    let said = words(project.run(&["plan"]).expect(2).stderr);
    assert!(
        said.contains("create `glossary/ja.csv`; its first line `term,translation,forbidden,case,note`"),
        "{said}"
    );
    assert!(!said.contains("did you mean"), "{said}");
    project.write("glossary/ja.csv", &glossary);

    let script = project.read("script/ivo.csv");
    project.write("script/ivo.csv", &format!("{script}a,b\n"));
    for said in [project.run(&["run"]).expect(1).stdout, project.run(&["status"]).expect(0).stdout] {
        assert_eq!(said.matches("hint: give every row as many cells").count(), 1, "{said}");
    }
    project.write("script/ivo.csv", &script);
    project.edit("refrain.yaml", "  context:\n    units:", "  context:\n    enabled: false\n    units:");
    let plan = words(project.run(&["plan"]).expect(0).stdout);
    assert!(
        plan.contains("context `background` no longer has to be there") && !plan.contains(".need"),
        "{plan}"
    );
}
