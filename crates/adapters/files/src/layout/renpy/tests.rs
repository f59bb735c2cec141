use proptest::prelude::*;
use serde_json::{Value, json};

use crate::layout::renpy::Renpy;
use crate::layout::testing::{
    all, cases, composed, patched, patched_text, read, record, sound, told, translations, wrong,
};
use crate::layout::{Layout as _, TEXT};
use crate::problems::Problems;

const SCRIPT: &str = include_str!("samples/script.rpy");
const FRENCH: &str = include_str!("samples/french.rpy");

fn check(text: &str, expect: &[Value]) {
    let slots = read(&Renpy, text);
    let found: Vec<Value> = slots.iter().map(record).collect();
    let kept = |found: &Value, expect: &Value| {
        let names = expect.as_object().unwrap().keys();
        Value::Object(names.map(|name| (name.clone(), found[name.as_str()].clone())).collect())
    };
    assert_eq!(found.len(), expect.len(), "{found:#?}");
    for (found, expect) in found.iter().zip(expect) {
        assert_eq!(&kept(found, expect), expect, "{found:#}");
    }
}

/// The texts of a script that is one label with these lines.
fn said(lines: &str) -> Vec<Value> {
    all(&read(&Renpy, &format!("label start:\n    {}\n", lines.replace('\n', "\n    "))), "text")
}

#[test]
fn a_script_is_read() {
    let slots = read(&Renpy, SCRIPT);
    let told = |slot: &crate::layout::Slot| {
        let record = record(slot);
        let field = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
        format!("{} {} {} {}: {}", slot.line, field("id"), field("kind"), field("speaker"), field("text"))
    };
    assert_eq!(
        slots.iter().map(told).collect::<Vec<_>>(),
        [
            "2 - string -: Mira",
            "7 start_54e52fc5 say m: Hello there.",
            "8 start_8e8f5915 say m: You are \"late\",\n[player]. {b}Very{/b} late.",
            "9 start_0dd6cb6a say extend:  I waited for hours.",
            "10 start_d39a11db say -: The lamp turns.",
            "11 start_dde2b512 say \"Old man\": Go away! I said go.",
            "14 start_760a4859 say m: 100%% sure? {{smile} [[no]",
            "17 start_424d812d say -: First it rained all day.",
            "20 start_4413b6e4 say -: Then it \"snowed\".",
            "24 start_18f1a188 say m: Where to?",
            "26 - choice -: Up the stairs",
            "29 - choice -: Back home",
            "30 start_f5465052 say m: It's over.",
            "33 start_stairs_0a102b15 say m: 日本語も大丈夫。",
            "34 - string -: Map",
            "34 - string -: Where you are",
            "38 start_stairs_392e6704 say m: שלום",
            "43 - string -: Press {i}M{/i} to close",
        ]
    );
    let field = |n: usize, name: &str| record(&slots[n])[name].clone();
    assert_eq!(field(2, "attributes"), "happy -worried @ blush");
    assert_eq!(field(2, "clauses"), "with vpunch");
    assert_eq!((field(3, "speaker_name"), field(5, "speaker_name")), (json!("Mira"), json!("Old man")));
    assert_eq!(
        (field(6, "before"), field(7, "before")),
        (json!(["voice \"mira_004.ogg\""]), json!(["nvl clear"]))
    );
    let scenes: Vec<Value> = (0..slots.len()).map(|n| field(n, "scene_id")).collect();
    let expect =
        [vec!["unlabelled"], vec!["start"; 12], vec!["start.stairs"; 4], vec!["unlabelled"]].concat();
    assert_eq!(scenes, expect);
    assert_eq!(field(9, "clauses"), "nointeract");
}

#[test]
fn dialogue_in_all_its_forms() {
    assert_eq!(said("\"a\""), ["a"]);
    assert_eq!(said("e \"a\""), ["a"]);
    assert_eq!(said("e happy -sad @ blush \"a\""), ["a"]);
    assert_eq!(said("\"Eileen\" \"a\""), ["a"]);
    assert_eq!(said("crew[\"first\"].voice \"a\" with dissolve"), ["a"]);
    assert_eq!(said("extend \" b\" (multiple=2)"), [" b"]);
    assert_eq!(said("e 'it\\'s' nointeract"), ["it's"]);
    assert_eq!(said("e `a` id my_line"), ["a"]);
    assert_eq!(said("e r\"a\\n\""), ["a\\n"]);
    assert_eq!(said("e \"a\n     b  c\""), ["a b c"]);
    assert_eq!(said("e \\\n \"a\"  # \"not this\""), ["a"]);
    assert_eq!(
        said("e \"\"\"\n  One\n  line.\n\n  Two \\\"x\\\".\n\n\n  {clear}\n  \"\"\""),
        ["One line.", "Two \"x\"."]
    );
    assert_eq!(said("rpy monologue single\n\"\"\"a\nb\"\"\""), ["a", "b"]);
    assert_eq!(said("rpy monologue none\n\"\"\"a \n\n b\"\"\""), ["a\n\nb"]);
    assert_eq!(said("e \"\""), Vec::<Value>::new());
}

#[test]
fn escapes_are_what_renpy_makes_of_them() {
    assert_eq!(said(r#""\"q\" \\ \n \% \{ \[ \u3042 \  x""#), ["\"q\" \\ \n %% {{ [[ あ  x"]);
    assert_eq!(said(r#""{b}x{/b} {{x [name] [[x 100%%""#), ["{b}x{/b} {{x [name] [[x 100%%"]);
}

#[test]
fn what_is_not_said_is_left_alone() {
    let quiet = [
        "play music \"a.ogg\"",
        "scene bg with dissolve",
        "show text \"x\":\n    \"y\"",
        "image a = \"b.png\"",
        "$ name = \"x\"",
        "image a:\n    \"b.png\"\n    pause 1.0\n    \"c.png\"",
        "transform t:\n    \"x\"",
        "python:\n    s = \"x\"\n    t(\"y\")",
        "init python:\n    \"x\"",
        "screen s():\n    text \"x\"\n    textbutton \"y\":\n        action None",
        "style a:\n    font \"x.ttf\"",
        "define a = \"x\"",
        "default a = [\"x\",\n\"y\"]",
        "translate fr python:\n    \"x\"",
        "strange \"thing\":\n    \"x\"",
        "jump expression \"x\"",
        "layeredimage a:\n    always \"x\"",
    ];
    for line in quiet {
        assert_eq!(said(line), Vec::<Value>::new(), "{line}");
    }
    let registered = "init python:\n    renpy.register_statement(\"notify\", parse=p)\nlabel a:\n    notify \"x\"\n    m \"y\"\n";
    assert_eq!(all(&read(&Renpy, registered), "text"), ["y"]);
}

#[test]
fn blocks_are_gone_into() {
    assert_eq!(
        said("if a == \"x\":\n    \"b\"\nelif c:\n    \"d\"\nelse:\n    \"e\"\n\"f\""),
        ["b", "d", "e", "f"]
    );
    assert_eq!(all(&read(&Renpy, "init -2:\n    label a:\n        \"x\"\n    \"y\"\n"), "text"), ["x", "y"]);
}

#[test]
fn menus_are_read() {
    let text = "label start:\n    menu where:\n        e \"Where?\"\n        \"Home\" if tired:\n            \"Zzz.\"\n        \
                \"Out\" (icon=\"x\"):\n            pass\n        \"Just a caption.\"\n";
    check(
        text,
        &[
            json!({"text": "Where?", "kind": "say", "scene_id": "start", "clauses": "nointeract"}),
            json!({"text": "Home", "kind": "choice", "id": null}),
            json!({"text": "Zzz.", "kind": "say"}),
            json!({"text": "Out", "kind": "choice"}),
            json!({"text": "Just a caption.", "kind": "caption"}),
        ],
    );
}

#[test]
fn marked_strings_are_found_everywhere() {
    let text = "define e = Character(_(\"Eileen\"), color=\"#fff\")\nscreen s:\n    text _( 'it\\'s \\x41\\u00e9' )\n    \
                text __(\"b\") size 3\n    text _(\"c\" + x)\n    text foo_(\"d\")\n    text _(f\"e\")\n    text _p(\"\"\"\n    a\n    b\n\n    c\n    \"\"\")\n";
    check(
        text,
        &[
            json!({"text": "Eileen"}),
            json!({"text": "it's Aé", "kind": "string"}),
            json!({"text": "b"}),
            json!({"text": "a b\n\nc"}),
        ],
    );
    let patched = patched_text(&Renpy, "$ x = _('a')\n", "l'\"\n").unwrap();
    assert_eq!(patched, "$ x = _('l\\'\"\\n')\n");
    assert!(patched_text(&Renpy, "$ x = _p('a')\n", "a\nb").unwrap_err().contains("_p"));
}

#[test]
fn identifiers_number_repetitions_and_take_in_what_stands_before() {
    let ids = |text: &str| all(&read(&Renpy, text), "id");
    assert_eq!(
        ids("label a.b:\n    e \"x\"\n    e \"x\"\nlabel .c:\n    e \"x\"\nlabel d hide:\n    e \"x\"\n"),
        ["a_b_a8a343a3", "a_b_a8a343a3_1", "a_c_a8a343a3", "a_c_a8a343a3_1"],
    );
    let voiced = ids("label a:\n    voice \"v.ogg\"\n    e \"x\"\n    e \"x\"\n");
    assert_ne!(voiced[0], voiced[1]);
    assert_eq!(voiced[1], "a_a8a343a3");
    assert_eq!(ids("label a:\n    e \"x\" id mine\n"), ["mine"]);
    assert_eq!(ids("label a:\n    call b from c\n    e \"x\"\n"), ["c_a8a343a3"]);
    assert_eq!(
        ids("label a:\n    e \"[__x]\"\n    __e \"x\"\n    e \"x\" (a = 1)\n"),
        [Value::Null, Value::Null, Value::Null]
    );
    assert_eq!(ids("label a:\nlabel _b:\n    e \"x\"\n"), ["a_a8a343a3"]);
    assert_eq!(ids("e \"x\"\n"), [Value::Null], "before the first label");
}

#[test]
fn identifiers_are_those_of_games_that_exist() {
    // As the translations that come with Ren'Py and its tutorial have them.
    let script = "label start:\n    e \"You've created a new Ren'Py game.\"\n    m \"Good...\"\n    \"Silence.\"\n    \
                  \"{b}Good Ending{/b}.\"\n    menu:\n        e \"What would you like to know about?\"\n        \"x\":\n            pass\n    \
                  nvl clear\n    nvle \"You use 'nvl clear' to clear the screen when that becomes necessary.\"\n";
    let ids: Vec<Value> = all(&read(&Renpy, script), "id").into_iter().filter(|id| !id.is_null()).collect();
    let hashes = ["a170b500", "f5f51c33", "16b8cb94", "2ad49007", "fef7b441", "130610c2"];
    assert_eq!(ids, hashes.map(|hash| format!("start_{hash}")));
}

#[test]
fn translations_are_read() {
    check(
        FRENCH,
        &[
            json!({"id": "start_4efa6eb0", "text": "Hello there.", "translation": "Bonjour.", "speaker": "m",
                "language": "french", "reference": "game/script.rpy:7", "scene_id": "start"}),
            json!({"id": "start_5f0a0b0c_1", "text": "You are \"late\".", "translation": "Tu es \"en retard\".",
                "attributes": "happy", "scene_id": "start"}),
            json!({"id": null, "kind": "string", "text": "Mira", "translation": "Mira", "reference": "game/script.rpy:2"}),
            json!({"id": null, "text": "Up the\nstairs", "translation": "", "state": "draft"}),
        ],
    );
    check(
        "translate fr a_12345678:\n    e \"x\"\n    e \"y\"\n",
        &[
            json!({"id": "a_12345678", "text": "", "translation": "x"}),
            json!({"id": "a_12345678#2", "translation": "y"}),
        ],
    );
}

#[test]
fn nothing_translated_leaves_every_byte() {
    for text in [SCRIPT.to_owned(), FRENCH.to_owned(), SCRIPT.replace('\n', "\r\n")] {
        let same = patched(&Renpy, &text, |slot, field| {
            let place = slot.places.iter().find(|place| place.field == field)?;
            Some(place.now.clone())
        });
        assert_eq!(same, Ok(text));
    }
}

#[test]
fn problems_are_told_together() {
    assert_eq!(
        wrong(
            &Renpy,
            "label a:\n    e \"one\n    e \"two\"\n\te \"three\"\n    \"x\" y \"z\" w\n    e \"\\ud800\"\n    $ f(\n\
             label:\n    menu:\n        \"a\" b\ntranslate fr strings:\n    new \"x\"\n    old \"y\"\n    odd\ntranslate fr:\n    pass\n",
        ),
        [
            "E0740 2:7 the string is not closed on its line",
            "E0743 4:1 a tab in the indentation",
            "E0742 5:8 not understood as dialogue",
            "E0745 6:7 an escape in the text stands for no character",
            "E0741 7:8 the bracket is never closed",
            "E0742 8:6 a label has a name",
            "E0742 10:13 a choice is a text, a condition if it has one, and a colon",
            "E0744 12:9 `new` without the `old` that it translates",
            "E0744 13:9 `old` without the `new` that translates it",
            "E0744 14:5 expected `old` or `new` and one string",
            "E0744 15:1 `translate` names a language and an identifier, or `strings`",
        ]
    );
    assert_eq!(wrong(&Renpy, "e \"abc"), ["E0740 1:3 the string is never closed"]);
}

#[test]
fn a_translation_is_composed_and_read_back() {
    let records = [
        json!({"line_id": "start_4efa6eb0", "source": "Hello  there.", "text": "Bon\n\"jour\".", "speaker": "m",
            "attributes": "happy", "clauses": "with dissolve", "before": ["voice \"a.ogg\""], "state": "draft"}),
        json!({"line_id": "t1", "source": "Yes", "text": "Oui", "kind": "choice"}),
        json!({"line_id": "t2", "source": "No", "text": "Non"}),
        json!({"line_id": "x_0123abcd_1", "source": "a", "text": "b", "speaker": "Old man"}),
        json!({"line_id": "t3", "source": "Yes", "text": "Oui"}),
    ];
    let text = composed(&Renpy, &records);
    assert!(
        text.contains("    voice \"a.ogg\"\n    m happy \"Bon\\n\\\"jour\\\".\" with dissolve\n"),
        "{text}"
    );
    assert!(text.contains("    \"Old man\" \"b\"\n"), "{text}");
    check(
        &text,
        &[
            json!({"id": "start_4efa6eb0", "text": "Hello  there.", "translation": "Bon\n\"jour\".", "state": "draft"}),
            json!({"id": "t1", "text": "Yes", "translation": "Oui"}),
            json!({"id": "t2", "text": "No", "translation": "Non"}),
            json!({"id": "x_0123abcd_1", "text": "a", "translation": "b"}),
            json!({"id": "t3", "text": "Yes", "translation": "Oui"}),
        ],
    );
    let drafted = patched(&Renpy, &text, |_, field| (field == "state").then(|| "final".to_owned())).unwrap();
    assert_eq!(drafted, text.replace("state: draft", "state: final"));
}

#[test]
fn what_cannot_be_composed_is_told() {
    let told_of = |records: &[Value], language: &str| {
        let mut problems = Problems::default();
        let records: Vec<_> = records.iter().map(|r| refrain_schemas::json::Json::of(r).unwrap()).collect();
        let with = crate::layout::Composing {
            language: Some(language.to_owned()),
            ..crate::layout::testing::composing()
        };
        Renpy.compose(&records, &with, &mut problems);
        told(problems)
    };
    assert_eq!(told_of(&[], "pt-BR"), Vec::<String>::new());
    assert_eq!(told_of(&[], "a b").len(), 1);
    let apart = [
        json!({"line_id": 1, "source": "Yes", "text": "Oui"}),
        json!({"line_id": 2, "source": "Yes", "text": "Si"}),
    ];
    assert!(told_of(&apart, "fr")[0].starts_with("E0720 record 2 is translated otherwise than record 1"));
    let odd = [
        json!({"line_id": "a_0123abcd", "source": "x", "text": "y", "speaker": "e", "clauses": "): \"z\""}),
        json!({}),
    ];
    assert_eq!(told_of(&odd, "fr").len(), 2, "{:?}", told_of(&odd, "fr"));
}

fn text() -> impl Strategy<Value = String> {
    let parts = vec![
        "\"", "'", "`", "\\", "\n", "\r\n", " ", "  ", "\t", "a", "é", "日本", "שלום", "{b}", "{{", "[x]",
        "[[", "%%", "%s", "#", "\u{0}", "\u{85}", "\u{3000}", "💡", "\"\"\"", ":", "\\u0041", "\u{2028}",
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
        for base in [SCRIPT, FRENCH] {
            let base = base.replace('\n', breaks);
            let before = read(&Renpy, &base);
            let after = patched(&Renpy, &base, |slot, field| {
                (field == TEXT && !slot.places.is_empty()).then(|| new.clone())
            });
            let after = after.unwrap();
            sound(&read(&Renpy, &after), &after);
            if !new.is_empty() {
                let after = read(&Renpy, &after);
                prop_assert_eq!(after.len(), before.len());
                prop_assert!(after.iter().all(|slot| slot.places[0].now == new), "{:?}", after);
            }
        }
    }

    #[test]
    fn what_is_composed_comes_back(texts in proptest::collection::btree_map(text(), text(), 0..5)) {
        let texts: Vec<(String, String)> = texts.into_iter().collect();
        let records = translations(&texts);
        let slots = read(&Renpy, &composed(&Renpy, &records));
        prop_assert_eq!(slots.len(), records.len());
        for (slot, record) in slots.iter().map(record).zip(&records) {
            prop_assert_eq!(&slot["id"], &record["line_id"]);
            prop_assert_eq!(&slot["text"], &record["source"]);
            prop_assert_eq!(&slot["translation"], &record["text"]);
            prop_assert_eq!(&slot["state"], &record["state"]);
        }
    }

    #[test]
    fn dialogue_that_is_composed_comes_back(source in text(), new in text()) {
        prop_assume!(!source.is_empty());
        let record_of = json!({"line_id": "start_0123abcd", "source": source, "text": new, "speaker": "e"});
        let slots = read(&Renpy, &composed(&Renpy, &[record_of]));
        prop_assert_eq!(slots.len(), 1);
        let slot = record(&slots[0]);
        prop_assert_eq!(&slot["text"], &json!(source));
        prop_assert_eq!(&slot["translation"], &json!(new));
    }

    #[test]
    fn any_script_is_slots_or_problems(parts in proptest::collection::vec(proptest::sample::select(vec![
        "label a:\n", "    ", "\n", "e ", "\"", "\"\"\"", "'", "\\", "(", ")", "{", "menu:\n", "translate fr strings:\n", "old ", "new ",
        "translate fr a_12345678:\n", "    # e \"x\"\n", "_(", "if x:\n", "voice ", "nvl clear\n", "#", "\r\n", "\t", "é", "あ", "x", ":",
        "define e = Character(", "r\"", "@", "-", "with ", "id ", "init python:\n", "\u{feff}", "__",
    ]), 0..40)) {
        let text = parts.concat();
        let mut problems = Problems::default();
        let slots = Renpy.slots("f", &text, &mut problems);
        sound(&slots, &text);
    }
}

#[test]
fn hostile_scripts_take_no_time() {
    let n = 50_000;
    let hostile = [
        "e \"x\"\n".repeat(n),
        format!("label a:\n{}", " \"...\"\n".repeat(n)),
        "\"".repeat(n),
        "\"\\".repeat(n),
        "e \"a\" (\n".repeat(n),
        "e \"a\" \\\" \\'\n".repeat(n),
        "(".repeat(n),
        "_(\"".repeat(n),
        format!("x = {}\"a\"", "_".repeat(n)),
        "label a:\n".repeat(n),
        (0..600).map(|n| format!("{}if x:\n", " ".repeat(n))).collect(),
        format!("e {}\"x\"", "a.".repeat(n)),
        format!("e {}\"x\"", "-".repeat(n)),
        format!("\"{}\"", " \n".repeat(n)),
        "## \"\n".repeat(n),
    ];
    let begun = std::time::Instant::now();
    for text in &hostile {
        let mut problems = Problems::default();
        sound(&Renpy.slots("f", text, &mut problems), text);
    }
    // Minutes, were any of it quadratic.
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
