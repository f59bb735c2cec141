use proptest::prelude::*;
use serde_json::{Value, json};

use crate::layout::po::Po;
use crate::layout::testing::{
    all, cases, composed, composing, patched, patched_text, read, record, sound, told, translations, wrong,
};
use crate::layout::{Layout as _, TEXT};
use crate::problems::Problems;

const GAME: &str = include_str!("samples/game.po");

fn check(text: &str, expect: &[Value]) {
    let found: Vec<Value> = read(&Po, text).iter().map(record).collect();
    assert_eq!(found, expect, "{found:#?}");
}

#[test]
fn a_file_is_read() {
    check(
        GAME,
        &[
            json!({"id": "mira_001", "text": "Hello there.", "translation": "Bonjour.", "state": "draft",
                "speaker": "Mira", "scene_id": "lighthouse", "note": "She is tired.\nsee: the intro",
                "translator_note": "tu or vous?", "reference": "script.rpy:7 script.rpy:9", "flags": ["python-brace-format"],
                "msgctxt": "mira_001", "previous": "Hello."}),
            json!({"id": "t0123456789ab", "text": "One\ntwo \"three\"\\", "translation": "", "state": "new"}),
            json!({"id": "menu#90dc1683", "text": "Open", "translation": "Ouvrir", "state": "reviewed", "msgctxt": "menu"}),
            json!({"id": "menu#2e9de3d6", "text": "Close", "translation": "Fermer", "state": "translated", "msgctxt": "menu"}),
            json!({"id": "243b2c96[0]", "text": "%d coin", "translation": "%d pièce", "state": "translated",
                "plural_form": 0, "singular": "%d coin", "plural": "%d coins"}),
            json!({"id": "243b2c96[1]", "text": "%d coins", "translation": "%d pièces", "state": "translated",
                "plural_form": 1, "singular": "%d coin", "plural": "%d coins"}),
            json!({"id": null, "text": "Bye", "translation": "Salut", "state": "translated"}),
        ],
    );
}

#[test]
fn a_language_with_one_form_is_told_the_plural() {
    let text = "msgid \"\"\nmsgstr \"Plural-Forms: nplurals=1; plural=0;\\n\"\n\nmsgid \"a\"\nmsgid_plural \"b\"\nmsgstr[0] \"\"\n";
    assert_eq!(all(&read(&Po, text), "text"), ["b"]);
}

#[test]
fn a_translation_sets_text_and_flag() {
    let text = "msgid \"a\"\nmsgstr \"\"\n\n#, fuzzy, c-format\nmsgid \"b\"\nmsgstr \"\"\n\"x\"\n";
    let set = |state: &'static str| {
        patched(&Po, text, move |_, field| Some(if field == TEXT { "y" } else { state }.to_owned())).unwrap()
    };
    assert_eq!(
        set("draft"),
        "#, fuzzy\nmsgid \"a\"\nmsgstr \"y\"\n\n#, fuzzy, c-format\nmsgid \"b\"\nmsgstr \"y\"\n"
    );
    assert_eq!(set("final"), "msgid \"a\"\nmsgstr \"y\"\n\n#, c-format\nmsgid \"b\"\nmsgstr \"y\"\n");
    let odd = patched(&Po, text, |_, field| (field != TEXT).then(|| "done".to_owned()));
    assert!(odd.unwrap_err().contains("no state"));
    let dos = text.replace('\n', "\r\n");
    assert_eq!(
        patched_text(&Po, &dos, "1\n2").unwrap(),
        "msgid \"a\"\r\nmsgstr \"\"\r\n\"1\\n\"\r\n\"2\"\r\n\r\n#, fuzzy, c-format\r\nmsgid \"b\"\r\nmsgstr \"\"\r\n\"1\\n\"\r\n\"2\"\r\n"
    );
    let noted = "#. state: reviewed\nmsgid \"a\"\nmsgstr \"b\"\n";
    let again = patched(&Po, noted, |_, field| (field == "state").then(|| "draft".to_owned())).unwrap();
    assert_eq!(again, "#. state: draft\n#, fuzzy\nmsgid \"a\"\nmsgstr \"b\"\n");
    assert_eq!(all(&read(&Po, &again), "state"), ["draft"]);
}

#[test]
fn nothing_translated_leaves_every_byte() {
    for text in [GAME.to_owned(), GAME.replace('\n', "\r\n")] {
        let same = patched(&Po, &text, |slot, field| {
            Some(slot.places.iter().find(|place| place.field == field)?.now.clone())
        });
        assert_eq!(same, Ok(text));
    }
}

#[test]
fn problems_are_told_together() {
    assert_eq!(
        wrong(
            &Po,
            "msgid \"a\"\nmsgstr \"open\nmsgid \"b\"\nmsgstr \"\\q\"\nmsgid \"c\"\n\nmsgid \"d\"\nmsgstr \"x\"\nwhat\n\"y\"\n\nmsgid \"e\"\n\
             msgstr \"x\"\n\nmsgid \"e\"\nmsgstr \"x\"\n\nmsgid \"f\"\nmsgstr[0] \"x\"\n\nmsgid \"g\"\nmsgid_plural \"h\"\nmsgstr[0] \"\"\n\
             msgstr[0] \"\"\n\nmsgctxt \"i\"\nmsgstr \"x\"\n\n\"loose\"\nmsgid\nmsgid_plural \"x\" y\n",
        ),
        [
            "E0751 2:8 the string is not closed",
            "E0752 4:9 an escape that is none",
            "E0753 5:1 the entry has no `msgstr`",
            "E0750 9:1 expected a comment, a string, or `msgctxt`, `msgid`, `msgid_plural`, `msgstr`",
            "E0754 15:1 the entry \"e\" a second time",
            "E0753 18:1 the entry has no `msgstr`",
            "E0753 19:1 `msgstr[0]`, `msgstr[1]` and so on stand behind `msgid_plural`, `msgstr` without it",
            "E0753 24:1 `msgstr[0]` a second time",
            "E0753 27:1 `msgstr` without the `msgid` that it belongs to",
            "E0751 31:18 expected a string in quotes",
        ]
    );
    assert_eq!(
        wrong(&Po, "\"loose\"\nmsgid\n\nmsgstr \"x\"\n"),
        ["E0750 1:1 a string that continues nothing", "E0751 2:6 expected a string in quotes",]
    );
}

#[test]
fn a_translation_is_composed_and_read_back() {
    let text = composed(
        &Po,
        &[
            json!({"line_id": "a", "source": "Hi\nyou", "text": "Salut\ntoi", "state": "draft", "speaker": "Mira", "scene_id": "s",
                "note": "id: not an id\nplain", "file": "script.csv", "flags": ["c-format"]}),
            json!({"line_id": 7, "source": "No", "text": "Non", "state": "final"}),
            json!({"line_id": "n[0]", "source": "%d day", "text": "%d jour", "plural_form": 0, "singular": "%d day", "plural": "%d days"}),
            json!({"line_id": "n[1]", "source": "%d days", "text": "%d jours", "plural_form": 1, "singular": "%d day", "plural": "%d days"}),
            json!({"line_id": "b", "text": "Nobody has translated this."}),
        ],
    );
    assert_eq!(
        text,
        "msgid \"\"\nmsgstr \"\"\n\"MIME-Version: 1.0\\n\"\n\"Content-Type: text/plain; charset=UTF-8\\n\"\n\
         \"Content-Transfer-Encoding: 8bit\\n\"\n\"Language: fr\\n\"\n\"Plural-Forms: nplurals=2; plural=(n > 1);\\n\"\n\n\
         #. speaker: Mira\n#. scene: s\n#. note: id: not an id\n#. plain\n#: script.csv\n#, fuzzy, c-format\nmsgctxt \"a\"\n\
         msgid \"\"\n\"Hi\\n\"\n\"you\"\nmsgstr \"\"\n\"Salut\\n\"\n\"toi\"\n\n\
         #. state: final\nmsgctxt \"7\"\nmsgid \"No\"\nmsgstr \"Non\"\n\n\
         msgctxt \"n\"\nmsgid \"%d day\"\nmsgid_plural \"%d days\"\nmsgstr[0] \"%d jour\"\nmsgstr[1] \"%d jours\"\n\n\
         msgctxt \"b\"\nmsgid \"Nobody has translated this.\"\nmsgstr \"\"\n"
    );
    let slots = read(&Po, &text);
    assert_eq!(all(&slots, "id"), ["a", "7", "n[0]", "n[1]", "b"]);
    assert_eq!(all(&slots, "state"), ["draft", "final", "translated", "translated", "new"]);
    assert_eq!(all(&slots, "note")[0], "id: not an id\nplain");
}

#[test]
fn what_cannot_be_composed_is_told() {
    let records = [
        json!({"line_id": " a", "text": "x"}),
        json!({"text": "x"}),
        json!({"line_id": "b", "text": "x", "state": "odd"}),
    ];
    let records: Vec<_> =
        records.iter().map(|record| refrain_schemas::json::Json::of(record).unwrap()).collect();
    let mut problems = Problems::default();
    Po.compose(&records, &composing(), &mut problems);
    assert_eq!(told(problems).len(), 3);
}

fn text() -> impl Strategy<Value = String> {
    let parts = vec![
        "\"", "\\", "\n", "\r\n", "\r", "\t", "a", " ", "é", "日本", "שלום", "%s", "#", "\u{0}", "\u{1b}",
        "\u{7f}", "7", "\u{85}", "💡", "\\n",
    ];
    prop_oneof![
        proptest::collection::vec(proptest::sample::select(parts), 0..8).prop_map(|parts| parts.concat()),
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn any_text_stands_in_any_place(new in text(), breaks in proptest::sample::select(vec!["\n", "\r\n"])) {
        let base = GAME.replace('\n', breaks);
        let after = patched_text(&Po, &base, &new).unwrap();
        let slots = read(&Po, &after);
        sound(&slots, &after);
        prop_assert_eq!(slots.len(), read(&Po, &base).len());
        prop_assert!(all(&slots, "translation").iter().all(|found| *found == json!(new)));
    }

    #[test]
    fn what_is_composed_comes_back(texts in proptest::collection::vec((text(), text()), 0..5)) {
        let records = translations(&texts);
        let slots = read(&Po, &composed(&Po, &records));
        prop_assert_eq!(slots.len(), records.len());
        for (slot, record) in slots.iter().map(record).zip(&records) {
            prop_assert_eq!(&slot["id"], &record["line_id"]);
            prop_assert_eq!(&slot["text"], &record["source"]);
            prop_assert_eq!(&slot["translation"], &record["text"]);
            prop_assert_eq!(&slot["state"], &record["state"]);
        }
    }

    #[test]
    fn any_text_is_slots_or_problems(parts in proptest::collection::vec(proptest::sample::select(vec![
        "msgid ", "msgstr ", "msgctxt ", "msgid_plural ", "msgstr[0] ", "msgstr[99999999999999999999] ", "\"a\"", "\"", "\\", "\n", "#, fuzzy\n",
        "#. id: x\n", "#. state: draft\n", "#| msgid \"x\"\n", "#~ msgid \"x\"\n", "# x\n", "#:", "\"\\x\"", "\"\\777\"", "é", "\r\n", "\u{3000}", "#",
        "\"\\xff\"", "\"nplurals=\"",
    ]), 0..40)) {
        let text = parts.concat();
        let mut problems = Problems::default();
        sound(&Po.slots("f", &text, &mut problems), &text);
    }
}

#[test]
fn hostile_files_take_no_time() {
    let n = 50_000;
    let hostile = [
        "msgid \"a\"\nmsgstr \"b\"\n".repeat(n),
        "\"".repeat(n),
        "\"\"\n".repeat(n),
        format!("msgid {}", "\"a\" ".repeat(n)),
        "#, fuzzy\n".repeat(n),
        "#. note\n".repeat(n) + "msgid \"a\"\nmsgstr \"b\"\n",
        format!("msgid \"a\"\nmsgid_plural \"b\"\n{}", "msgstr[1] \"x\"\n".repeat(n)),
        "\\".repeat(n),
    ];
    let begun = std::time::Instant::now();
    for text in &hostile {
        let mut problems = Problems::default();
        sound(&Po.slots("f", text, &mut problems), text);
    }
    // Minutes, were any of it quadratic.
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
