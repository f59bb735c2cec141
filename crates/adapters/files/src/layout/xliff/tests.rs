use proptest::prelude::*;
use quick_xml::events::Event;
use serde_json::{Value, json};

use crate::layout::testing::{
    all, cases, composed, composing, patched, patched_text, read, record, sound, told, translations, wrong,
};
use crate::layout::xliff::Xliff;
use crate::layout::{Layout as _, TEXT};
use crate::problems::Problems;

const GAME: &str = include_str!("samples/game.xlf");

fn check(text: &str, expect: &[Value]) {
    let found: Vec<Value> = read(&Xliff, text).iter().map(record).collect();
    assert_eq!(found, expect, "{found:#?}");
}

/// A file with one unit.
fn unit(inner: &str) -> String {
    format!(
        "<xliff version=\"1.2\"><file original=\"o\"><body>\n  <trans-unit id=\"u\">{inner}</trans-unit></body></file></xliff>"
    )
}

#[test]
fn a_file_is_read() {
    let from = |original: &str, more: Value| {
        let mut record = more;
        record["original"] = original.into();
        record["source_language"] = "en".into();
        if original == "game.csv" {
            record["target_language"] = "fr".into();
        }
        record
    };
    check(
        GAME,
        &[
            from(
                "game.csv",
                json!({"id": "mira_001", "text": "Hello <g1>there</g1>,<x2/> <you> & <ph3/>!",
                "translation": "Bonjour <x2/>!", "state": "new", "speaker": "Mira", "note": "She is \"tired\".",
                "resname": "hello", "maxwidth": "40", "size_unit": "char", "group": "lighthouse"}),
            ),
            from(
                "game.csv",
                json!({"id": "two", "text": "a < b あ", "translation": "", "state": "new", "group": "lighthouse"}),
            ),
            from("game.csv", json!({"id": "game.csv:three", "text": "C", "translation": "", "state": "new"})),
            from("game.csv", json!({"id": "five", "text": "E", "translation": "É", "state": "final"})),
            from("b", json!({"id": "b:three", "text": "", "translation": "", "state": "new"})),
            from(
                "b",
                json!({"id": "six", "text": "literal <x1/> and <x1~/>", "translation": "t", "state": "translated"}),
            ),
        ],
    );
}

#[test]
fn a_translation_is_put_where_it_belongs() {
    let check = |inner: &str, new: &str, state: Option<&str>, expect: &str| {
        let text = unit(inner);
        let values =
            |field: &str| if field == TEXT { Some(new.to_owned()) } else { state.map(str::to_owned) };
        let after = patched(&Xliff, &text, |_, field| values(field)).unwrap();
        assert_eq!(after.split_once("<trans-unit").unwrap().1.split_once("</trans-unit>").unwrap().0, expect);
    };
    check("<source>a</source>", "b<&>", None, " id=\"u\"><source>a</source><target>b&lt;&amp;&gt;</target>");
    check(
        "\n    <source>a</source>\n  ",
        "b",
        Some("draft"),
        " id=\"u\">\n    <source>a</source>\n    <target state=\"needs-review-translation\">b</target>\n  ",
    );
    check(
        "<source>a</source><target/>",
        "b",
        Some("final"),
        " approved=\"yes\" id=\"u\"><source>a</source><target state=\"final\">b</target>",
    );
    check(
        "<source>a</source><target state='new' x='y'>c</target>",
        "b",
        Some("reviewed"),
        " id=\"u\"><source>a</source><target state='signed-off' x='y'>b</target>",
    );
    check(
        "<source><g id='1'>a</g><bpt id='2'>&lt;i></bpt>b</source><target><g id='1' z=''>c</g></target>",
        "<bpt2/><g1>d</g1>< <g2>",
        None,
        " id=\"u\"><source><g id='1'>a</g><bpt id='2'>&lt;i></bpt>b</source><target><bpt id='2'>&lt;i></bpt><g id='1' z=''>d</g>&lt; &lt;g2&gt;</target>",
    );
    let spaced = "<x:xliff version='1.2' xmlns:x='urn:oasis:names:tc:xliff:document:1.2'><x:file><x:body><x:trans-unit id='1'>\
                  <x:source>a</x:source></x:trans-unit></x:body></x:file></x:xliff>";
    assert!(
        patched_text(&Xliff, spaced, "b")
            .unwrap()
            .contains("</x:source><x:target>b</x:target></x:trans-unit>")
    );
}

#[test]
fn what_cannot_stand_in_a_target_is_said() {
    let text = unit("<source><g id='1'>a</g><g id='2'>b</g></source>");
    let why = |new: &str| patched_text(&Xliff, &text, new).unwrap_err();
    assert_eq!(why("<g1>x"), "has `<g1>` without `</g1>`");
    assert_eq!(why("x</g1>"), "has `</g1>` where nothing that it closes is open");
    assert_eq!(why("<g1><g2></g1></g2>"), "has `</g1>` where nothing that it closes is open");
    assert_eq!(why("a\u{1}"), "has the character U+0001, which XML cannot hold");
}

#[test]
fn nothing_translated_leaves_every_byte() {
    for text in [GAME.to_owned(), GAME.replace('\n', "\r\n")] {
        let same = patched(&Xliff, &text, |slot, field| {
            Some(slot.places.iter().find(|place| place.field == field)?.now.clone())
        });
        assert_eq!(same, Ok(text));
    }
}

#[test]
fn problems_are_told_together() {
    assert_eq!(
        wrong(
            &Xliff,
            &unit("<source>a & b &nbsp; <b></source><note>\n</note></source><target a='1' a='2'/>")
        ),
        [
            "E0761 2:32 an entity that is not known",
            "E0761 2:36 an entity that is not known",
            "E0760 2:43 `<b>` is never closed",
            "E0760 3:8 `</source>` closes nothing",
            "E0760 3:31 an attribute that the tag has already",
        ]
    );
    assert_eq!(wrong(&Xliff, &unit("<target>x</target>")), ["E0764 2:3 a unit without a source"]);
    assert_eq!(wrong(&Xliff, "<xliff version='2.0'/>"), ["E0763 1:1 XLIFF of a version that is not read"]);
    assert_eq!(wrong(&Xliff, "<html/>"), ["E0763 1:1 the file is not XLIFF"]);
    assert_eq!(wrong(&Xliff, "hello"), ["E0760 1:1 text outside of the one element that the file is"]);
    assert_eq!(wrong(&Xliff, "<xliff version='1.2'><file></xliff>"), ["E0760 1:22 `<file>` is never closed"]);
    assert_eq!(wrong(&Xliff, "<xliff version='1.2'"), ["E0760 1:1 the tag is not well-formed"]);
    assert_eq!(
        wrong(&Xliff, "<xliff version='1.2'><!-- x"),
        ["E0760 1:1 `<xliff>` is never closed", "E0760 1:22 the comment is never closed",]
    );
}

#[test]
fn entity_bombs_are_refused() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><xliff version=\"1.2\">&b;</xliff>";
    assert_eq!(wrong(&Xliff, bomb)[0], "E0762 1:1 a document type with declarations; the file is not read");
    let deep = format!("<xliff version='1.2'>{}", "<g>".repeat(100_000));
    assert!(wrong(&Xliff, &deep).iter().any(|told| told.contains("too deep")));
}

#[test]
fn a_translation_is_composed_and_read_back() {
    let text = composed(
        &Xliff,
        &[
            json!({"line_id": "a\"<", "source": "Hi <g1>", "text": "Salut\n<g1>", "state": "draft", "speaker": "Mira", "note": "n"}),
            json!({"line_id": 2, "source": " b", "text": "b ", "state": "final"}),
            json!({"line_id": "c", "text": "new"}),
        ],
    );
    assert!(text.contains(
        "<file original=\"refrain\" datatype=\"plaintext\" source-language=\"en\" target-language=\"fr\">"
    ));
    assert!(text.contains("<trans-unit id=\"a&quot;&lt;\" xml:space=\"preserve\">"), "{text}");
    assert!(text.contains("<target state=\"needs-review-translation\">Salut\n&lt;g1&gt;</target>"), "{text}");
    let slots = read(&Xliff, &text);
    assert_eq!(all(&slots, "id"), ["a\"<", "2", "c"]);
    assert_eq!(all(&slots, "state"), ["draft", "final", "new"]);
    assert_eq!(all(&slots, "text"), ["Hi <g1>", " b", "new"]);
    assert_eq!(all(&slots, "speaker")[0], "Mira");
    let mut problems = Problems::default();
    let bad = [refrain_schemas::json::Json::of(&json!({"line_id": 1, "text": "\u{0}"})).unwrap()];
    Xliff.compose(&bad, &composing(), &mut problems);
    assert!(told(problems)[0].contains("U+0000"));
}

fn text() -> impl Strategy<Value = String> {
    let parts = vec![
        "<",
        ">",
        "&",
        "\"",
        "'",
        "]]>",
        "&amp;",
        "&#1;",
        "\n",
        "\r\n",
        "\r",
        "\t",
        " ",
        "a",
        "é",
        "日本",
        "שלום",
        "<x2/>",
        "<ph3/>",
        "<g1>b</g1>",
        "</g1",
        "<g1",
        "~",
        "\u{85}",
        "\u{2028}",
        "💡",
    ];
    let holds = |text: &String| {
        !text.chars().any(|c| (c < ' ' && !"\t\n\r".contains(c)) || "\u{fffe}\u{ffff}".contains(c))
    };
    prop_oneof![
        proptest::collection::vec(proptest::sample::select(parts), 0..8).prop_map(|parts| parts.concat()),
        any::<String>().prop_filter("XML cannot hold it", holds),
    ]
}

/// What another reader makes of the targets, tags left out.
fn others(text: &str) -> Result<Vec<String>, quick_xml::Error> {
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut depth, mut targets) = (0, Vec::new());
    loop {
        match reader.read_event()? {
            Event::Start(tag) if tag.local_name().as_ref() == "target" => {
                targets.push(String::new());
                depth = 1;
            }
            Event::End(tag) if tag.local_name().as_ref() == "target" => depth = 0,
            Event::Text(said) if depth > 0 => targets.last_mut().unwrap().push_str(&said.xml10_content()),
            Event::GeneralRef(name) if depth > 0 => {
                let known = match name.resolve_char_ref()? {
                    Some(c) => c.to_string(),
                    None => quick_xml::escape::resolve_xml_entity(&name).unwrap().to_owned(),
                };
                targets.last_mut().unwrap().push_str(&known);
            }
            Event::Eof => return Ok(targets),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn any_text_stands_in_any_place(new in text(), breaks in proptest::sample::select(vec!["\n", "\r\n"])) {
        let base = GAME.replace('\n', breaks);
        let Ok(after) = patched_text(&Xliff, &base, &new) else {
            // Only tags that do not fit are refused.
            prop_assert!(new.contains("g1"));
            return Ok(());
        };
        let slots = read(&Xliff, &after);
        sound(&slots, &after);
        let guarded = new.contains("<x1/>") || new.contains("<x2/>") || new.contains("<ph3/>") || new.contains("<g1>");
        prop_assert!(all(&slots, "translation").iter().all(|found| guarded || *found == json!(new)), "{after}");
        prop_assert!(others(&after).is_ok(), "{after}");
    }

    #[test]
    fn what_is_composed_comes_back(texts in proptest::collection::vec((text(), text()), 0..5)) {
        let records = translations(&texts);
        let text = composed(&Xliff, &records);
        let slots = read(&Xliff, &text);
        prop_assert_eq!(slots.len(), records.len());
        for (slot, record) in slots.iter().map(record).zip(&records) {
            prop_assert_eq!(&slot["id"], &record["line_id"]);
            prop_assert_eq!(&slot["text"], &record["source"]);
            prop_assert_eq!(&slot["translation"], &record["text"]);
            prop_assert_eq!(&slot["state"], &record["state"]);
        }
        let meant: Vec<String> = texts.into_iter().map(|(_, text)| text).collect();
        prop_assert_eq!(others(&text).unwrap(), meant, "as another reader has it");
    }

    #[test]
    fn tags_come_back(parts in proptest::collection::vec(proptest::sample::select(vec![
        "a", "&lt;x1/>", "&lt;g2~>", "<x id='1'/>", "<g id='2'>b</g>", "<ph id='3'>&lt;c></ph>", "<g><x/></g>", "<my:o xmlns:my='m'><g/></my:o>",
        "<![CDATA[<x1/>]]>", "<!-- c -->", "~",
    ]), 0..8)) {
        let base = unit(&format!("<source>{}</source><target/>", parts.concat()));
        let before = read(&Xliff, &base);
        let source = all(&before, "text")[0].as_str().unwrap().to_owned();
        let after = patched_text(&Xliff, &base, &source).unwrap();
        let slots = read(&Xliff, &after);
        prop_assert_eq!(all(&slots, "translation"), all(&slots, "text"), "{}", after);
        let written = after.split_once("<target>").map_or("", |(_, rest)| rest.split_once("</target>").unwrap().0);
        for tag in ["<x id='1'/>", "<ph id='3'>&lt;c></ph>", "<g id='2'>b</g>", "<my:o xmlns:my='m'><g/></my:o>"] {
            let count = parts.iter().filter(|part| **part == tag).count();
            prop_assert_eq!(written.matches(tag).count(), count, "{}", after);
        }
    }

    #[test]
    fn any_text_is_slots_or_problems(parts in proptest::collection::vec(proptest::sample::select(vec![
        "<xliff version='1.2'>", "<file original='a'>", "<body>", "<group>", "<trans-unit id='1'>", "<trans-unit>", "<source>", "</source>", "<target>",
        "</target>", "<target/>", "</trans-unit>", "</body>", "</file>", "</xliff>", "<g id='1'>", "</g>", "<x/>", "<", ">", "&", "&lt;", "&#0;", "&#x110000;",
        "<!--", "-->", "<![CDATA[", "]]>", "<?x?>", "<!DOCTYPE x>", "a", "é", "\n", "\r\n", "'", "=", "<a b='", "xmlns='x'", "/>", "\u{3000}", "<note>", "</note>",
    ]), 0..40), framed in any::<bool>()) {
        let text = if framed { unit(&parts.concat()) } else { parts.concat() };
        let mut problems = Problems::default();
        let slots = Xliff.slots("f", &text, &mut problems);
        sound(&slots, &text);
        if problems.total() == 0 && !slots.is_empty() {
            let same = patched_text(&Xliff, &text, "new").unwrap();
            prop_assert!(all(&read(&Xliff, &same), "translation").iter().all(|found| found == "new"), "{}", same);
        }
    }
}

#[test]
fn hostile_files_take_no_time() {
    let n = 50_000;
    let in_source = |inner: String| unit(&format!("<source>{inner}</source>"));
    let hostile = [
        "<".repeat(n),
        "<a b='".repeat(n),
        "<!--".repeat(n),
        in_source("<x/>".repeat(n)),
        in_source("<g>".repeat(200) + &"</g>".repeat(200)),
        in_source("&".repeat(n)),
        in_source("&lt;x1/&gt;<x id='1'/>".repeat(n / 10) + &"~".repeat(n)),
        in_source(format!("<x {}/>", (0..n).map(|n| format!("a{n}='' ")).collect::<String>())),
        unit(&"</x>".repeat(n)),
        "<xliff version='1.2'><file><body>".to_owned()
            + &"<trans-unit id='1'><source>a</source></trans-unit>".repeat(n / 4)
            + "</body></file></xliff>",
        unit(&"<source>a</source><note>x</note>".repeat(n / 4)),
        format!("<xliff version='1.2'>{}", " ".repeat(n)),
    ];
    let begun = std::time::Instant::now();
    for text in &hostile {
        let mut problems = Problems::default();
        sound(&Xliff.slots("f", text, &mut problems), text);
    }
    // Minutes, were any of it quadratic.
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
