//! One file or more of every format, and what is known of them.

use serde_json::{Map, Value, json};

/// A valid file of a format, all of whose characters Shift-JIS has.
pub(crate) struct Sample {
    /// Its name, below no folder.
    pub(crate) file: &'static str,
    /// What `read` and `write` are told of it.
    pub(crate) params: Value,
    /// Its contents, with `\n` at the ends of lines and one at the end.
    pub(crate) text: &'static str,
    /// Its lines: their ids, empty where they come from content, and their texts.
    pub(crate) lines: &'static [(&'static str, &'static str)],
    /// Whether an id is made of the text, so that another text in its place has another.
    pub(crate) text_in_id: bool,
    /// Whether texts and translations stand beside each other.
    pub(crate) bilingual: bool,
    /// Whether new files of the format can be made, and whether they have the ids of their records.
    pub(crate) composes: bool,
    pub(crate) keeps_ids: bool,
    /// What the format may stumble over at the end of a text.
    pub(crate) nasty: &'static str,
    /// Files that are wrong, and what is wrong with them.
    pub(crate) bad: &'static [(&'static str, &'static [&'static str])],
}

impl Sample {
    /// Returns the params to compose a new file with: those that are about reading fall away.
    pub(crate) fn compose_params(&self, more: Value) -> Value {
        let told =
            self.params.as_object().into_iter().flatten().chain(more.as_object().into_iter().flatten());
        let of_use = |name: &str| !matches!(name, "ids" | "scene" | "at");
        let told = told.filter(|(name, _)| of_use(name));
        Value::Object(told.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
    }
}

const NASTY: &str = "\"',;<&>\\{}[]%s\t、\u{3000}";

pub(crate) fn samples() -> Vec<Sample> {
    vec![
        csv(),
        csv_without_ids(),
        tsv(),
        jsonl(),
        jsonl_without_ids(),
        json_list(),
        text(),
        table(),
        table_by_ids(),
        renpy(),
        renpy_translation(),
        po(),
        xliff(),
    ]
}

fn csv() -> Sample {
    Sample {
        file: "a.csv",
        params: json!({}),
        text: "line_id,speaker,text,note\n1,海,\"He said \"\"no\"\",\nand left.\",\n\n2,,こんにちは,x\n3,\"\",  spaces  ,\"\"\n",
        lines: &[("1", "He said \"no\",\nand left."), ("2", "こんにちは"), ("3", "  spaces  ")],
        text_in_id: false,
        bilingual: false,
        composes: true,
        keeps_ids: true,
        nasty: NASTY,
        bad: &[
            (
                "line_id,text\n1\n2,\"x\ny\",z\n,e\n2,a\n3,\"b\"c\n2,d\n4,\"open\n",
                &[
                    "E0702 a.csv:2:1 the row has 1 cells, the header has 2",
                    "E0702 a.csv:3:1 the row has 3 cells, the header has 2",
                    "E0703 a.csv:5:1 the key `line_id` is empty",
                    "E0712 a.csv:7:6 text behind a closing quote",
                    "E0704 a.csv:8:1 `line_id` is `2` again; first in a.csv at line 6",
                    "E0711 a.csv:9:3 this quote is never closed",
                ],
            ),
            ("id,text\n1,a\n", &["E0703 a.csv:1:1 there is no column `line_id`; there are id, text"]),
        ],
    }
}

fn csv_without_ids() -> Sample {
    Sample {
        file: "b.csv",
        params: json!({"ids": "content", "text": "Japanese", "speaker": "Who", "delimiter": ";", "scene": "Map"}),
        text: "Map;Who;Japanese\nm1;海;はい\nm1;山;はい\nm2;海;はい\nm2;海;\"いいえ;\"\n",
        lines: &[("", "はい"), ("", "はい"), ("", "はい"), ("", "いいえ;")],
        text_in_id: false,
        bilingual: false,
        composes: false,
        keeps_ids: false,
        nasty: NASTY,
        bad: &[(
            "Map,Who\nx\n",
            &[
                "E0717 b.csv:1:1 there is no column `Japanese`; there are Map,Who",
                "E0717 b.csv:1:1 there is no column `Who`; there are Map,Who",
                "E0717 b.csv:1:1 there is no column `Map`; there are Map,Who",
            ],
        )],
    }
}

fn tsv() -> Sample {
    Sample {
        file: "c.tsv",
        params: json!({}),
        text: "text\tline_id\na, b\tx1\n\"tab\there\"\tx2\n\tx3\n",
        lines: &[("x1", "a, b"), ("x2", "tab\there"), ("x3", "")],
        text_in_id: false,
        bilingual: false,
        composes: true,
        keeps_ids: true,
        nasty: NASTY,
        bad: &[],
    }
}

fn jsonl() -> Sample {
    Sample {
        file: "d.jsonl",
        params: json!({}),
        text: "{\"line_id\": 1, \"text\": \"one\\nline\", \"n\": [1, {\"text\": \"not this\"}]}\n\n{ \"text\" : \"\\u3042\\/い\",\"line_id\":\"b\" }\n{\"line_id\":3,\"text\":\"\",\"speaker\":\"海\"}\n",
        lines: &[("1", "one\nline"), ("b", "あ/い"), ("3", "")],
        text_in_id: false,
        bilingual: false,
        composes: true,
        keeps_ids: true,
        nasty: "\"',;<&>\\{}[]%s\t\n\r、\u{3000}",
        bad: &[(
            "{\"line_id\":1}\n{\"line_id\":}\n[1]\n{\"x\":1}\n{\"line_id\":9007199254740993}\n{\"line_id\":\"\\ud800\"}\n",
            &[
                "E0705 d.jsonl:2:12 not JSON: expected value",
                "E0708 d.jsonl:3:1 the record is not an object",
                "E0703 d.jsonl:4:1 the record has no `line_id`",
                "E0706 d.jsonl:5:12 the integer 9007199254740993 is beyond 2^53 and would be rounded; write it as a string",
                "E0705 d.jsonl:6:19 not JSON: unexpected end of hex escape",
            ],
        )],
    }
}

fn jsonl_without_ids() -> Sample {
    Sample {
        file: "e.jsonl",
        params: json!({"ids": "content", "text": "ja", "speaker": "who", "scene": "file"}),
        text: "{\"who\": \"海\", \"ja\": \"はい\"}\n{\"ja\": \"はい\"}\n{\"ja\": \"はい\", \"x\": null}\n",
        lines: &[("", "はい"), ("", "はい"), ("", "はい")],
        text_in_id: false,
        bilingual: false,
        composes: false,
        keeps_ids: false,
        nasty: NASTY,
        bad: &[],
    }
}

fn json_list() -> Sample {
    Sample {
        file: "f.json",
        params: json!({}),
        text: "[\n  {\"line_id\": 1, \"text\": \"one\",\n   \"list\": [[1], {\"text\": \"no\"}]},\n  {\n    \"text\": \"二\",\n    \"line_id\": \"b\"\n  } ]\n",
        lines: &[("1", "one"), ("b", "二")],
        text_in_id: false,
        bilingual: false,
        composes: true,
        keeps_ids: true,
        nasty: NASTY,
        bad: &[
            (
                "[{\"line_id\":1},\n  2,\n {\"x\":1}, {\"line_id\":1}]",
                &[
                    "E0708 f.json:2:3 the record is not an object",
                    "E0703 f.json:3:2 the record has no `line_id`",
                    "E0704 f.json:3:1 `line_id` is `1` again; first in f.json at line 1",
                ],
            ),
            ("{\"line_id\":1}", &["E0708 f.json:1:1 the file is not a list of objects"]),
        ],
    }
}

fn text() -> Sample {
    Sample {
        file: "g.txt",
        params: json!({"scene": "file"}),
        text: "First line.\n\n  Second, indented.\nFirst line.\n \nはい\nFirst line.\n",
        lines: &[
            ("", "First line."),
            ("", "  Second, indented."),
            ("", "First line."),
            ("", "はい"),
            ("", "First line."),
        ],
        text_in_id: false,
        bilingual: false,
        composes: true,
        keeps_ids: false,
        nasty: NASTY,
        bad: &[],
    }
}

fn table() -> Sample {
    Sample {
        file: "h.json",
        params: json!({"format": "table"}),
        text: "[\n\t{ \"name\": \"海\", \"message\": \"Hello.\\n\" , \"face\": 2.50 },\n\t{\"message\":\"Hello.\\n\",\"line_id\":\"own\"},\n\t[ \"alone\", null, 3 ]\n]\n",
        lines: &[("", "Hello.\n"), ("own", "Hello.\n"), ("", "alone")],
        text_in_id: false,
        bilingual: false,
        composes: true,
        keeps_ids: true,
        nasty: NASTY,
        bad: &[
            (
                "[{\"message\": 1},\n {\"message\": [\"a\"]}, {\"message\": \"\\udc00\"}]",
                &[
                    "E0718 h.json:1:14 `message` is not a text",
                    "E0718 h.json:2:14 `message` is not a text",
                    "E0705 h.json:2:34 the value has half of a character, or a number that is too large",
                ],
            ),
            ("\"x\"", &["E0708 h.json:1:1 the file is not a list or an object"]),
            ("[\"a\",\n]", &["E0705 h.json:2:1 not JSON: expected value"]),
        ],
    }
}

fn table_by_ids() -> Sample {
    Sample {
        file: "i.json",
        params: json!({"format": "table", "text": "ja", "speaker": "who"}),
        text: "{ \"z\": \"最後\", \"a\" : {\"ja\": \"はい\", \"who\": \"海\"},\n  \"scene 1\": {\"b\": \"いいえ\", \"deep\": {\"c\": [ \"はい\" ]}}, \"n\": 1 }\n",
        lines: &[("z", "最後"), ("a", "はい"), ("scene 1/b", "いいえ"), ("", "はい")],
        text_in_id: false,
        bilingual: false,
        composes: false,
        keeps_ids: false,
        nasty: NASTY,
        bad: &[(
            "{\"a\": \"x\",\n \"a\": \"y\"}",
            &["E0704 i.json:2:1 `line_id` is `a` again; first in i.json at line 1"],
        )],
    }
}

fn renpy() -> Sample {
    Sample {
        file: "j.rpy",
        params: json!({}),
        text: "define m = Character(_(\"海\"))\nlabel start:\n    m happy \"Hello,\n       [player].  {b}海{/b}\" with fade  # \"x\"\n    'It\\'s me.'\n    menu:\n        \"行く\" if brave:\n            \"\"\"One.\n\n            Two.\"\"\"\n    play music \"a.ogg\"\n",
        lines: &[
            ("", "海"),
            ("start_4916f1db", "Hello, [player]. {b}海{/b}"),
            ("start_b348119e", "It's me."),
            ("", "行く"),
            ("start_bef6a526", "One."),
            ("start_d2d50c6e", "Two."),
        ],
        text_in_id: true,
        bilingual: false,
        composes: false,
        keeps_ids: false,
        nasty: NASTY,
        bad: &[(
            "label a:\n    e \"one\n    e \"two\"\n\te \"three\"\n    \"x\" y \"z\" w\n    e \"\\ud800\"\n    $ f(\nlabel:\n",
            &[
                "E0740 j.rpy:2:7 the string is not closed on its line",
                "E0743 j.rpy:4:1 a tab in the indentation",
                "E0742 j.rpy:5:8 not understood as dialogue",
                "E0745 j.rpy:6:7 an escape in the text stands for no character",
                "E0741 j.rpy:7:8 the bracket is never closed",
                "E0742 j.rpy:8:6 a label has a name",
            ],
        )],
    }
}

fn renpy_translation() -> Sample {
    Sample {
        file: "k.rpy",
        params: json!({}),
        text: "# game/a.rpy:3\ntranslate ja start_0123abcd:\n\n    # voice \"a\"\n    # m \"Hello.\"\n    voice \"a\"\n    m \"やあ。\"\n\ntranslate ja strings:\n\n    # id: yes\n    old \"Yes\\n\"\n    new \"はい\\n\"\n\n    old \"No\"\n    new \"\"\n",
        lines: &[("start_0123abcd", "Hello."), ("yes", "Yes\n"), ("", "No")],
        text_in_id: false,
        bilingual: true,
        composes: true,
        keeps_ids: true,
        nasty: NASTY,
        bad: &[(
            "translate ja strings:\n    new \"x\"\n    old \"y\"\n    odd\ntranslate ja:\n    pass\n",
            &[
                "E0744 k.rpy:2:9 `new` without the `old` that it translates",
                "E0744 k.rpy:3:9 `old` without the `new` that translates it",
                "E0744 k.rpy:4:5 expected `old` or `new` and one string",
                "E0744 k.rpy:5:1 `translate` names a language and an identifier, or `strings`",
            ],
        )],
    }
}

fn po() -> Sample {
    Sample {
        file: "l.po",
        params: json!({}),
        text: "msgid \"\"\nmsgstr \"Language: ja\\n\"\n\n#. speaker: 海\n#, fuzzy\nmsgctxt \"a\"\nmsgid \"\"\n\"One\\n\"\n\"two\"\nmsgstr \"い\\tち\"\n\n#~ msgid \"gone\"\n#~ msgstr \"x\"\n\n#. id: b\nmsgid \"%d day\"\nmsgid_plural \"%d days\"\nmsgstr[0] \"\"\n\nmsgid \"End\"\nmsgstr \"\"\n",
        lines: &[("a", "One\ntwo"), ("b[0]", "%d day"), ("", "End")],
        text_in_id: false,
        bilingual: true,
        composes: true,
        keeps_ids: true,
        nasty: "\"',;<&>\\{}[]%s\t\n\r、\u{3000}",
        bad: &[(
            "msgid \"a\"\nmsgstr \"open\nmsgid \"b\"\nmsgstr \"\\q\"\nmsgid \"c\"\n\nwhat\nmsgid \"e\"\nmsgstr \"x\"\nmsgid \"e\"\nmsgstr \"x\"\n",
            &[
                "E0751 l.po:2:8 the string is not closed",
                "E0752 l.po:4:9 an escape that is none",
                "E0750 l.po:7:1 expected a comment, a string, or `msgctxt`, `msgid`, `msgid_plural`, `msgstr`",
                "E0754 l.po:10:1 the entry \"e\" a second time",
            ],
        )],
    }
}

fn xliff() -> Sample {
    Sample {
        file: "m.xlf",
        params: json!({}),
        text: "<?xml version=\"1.0\"?>\n<xliff version=\"1.2\" xmlns=\"urn:oasis:names:tc:xliff:document:1.2\">\n<file original=\"x\" source-language=\"en\">\n<body>\n  <trans-unit id=\"a\" x=\"1\">\n    <source>A <g id=\"1\">海</g>&amp;<x id=\"2\"/></source>\n    <note from=\"speaker\">海</note>\n  </trans-unit>\n  <trans-unit id=\"b\"><source>B</source><target state=\"final\"><![CDATA[い]]></target></trans-unit>\n  <trans-unit id=\"c\"><source/><target/></trans-unit>\n</body></file></xliff>\n",
        lines: &[("a", "A <g1>海</g1>&<x2/>"), ("b", "B"), ("c", "")],
        text_in_id: false,
        bilingual: true,
        composes: true,
        keeps_ids: true,
        nasty: "\"',;<&>\\{}[]%s\t\n\r、\u{3000}",
        bad: &[
            (
                "<xliff version=\"1.2\"><file><body>\n<trans-unit id=\"a\"><source>a & &b;</source><target>x</trans-unit>\n<trans-unit/>\n</body></file></xliff>",
                &[
                    "E0761 m.xlf:2:30 an entity that is not known",
                    "E0761 m.xlf:2:32 an entity that is not known",
                    "E0760 m.xlf:2:44 `<target>` is never closed",
                    "E0764 m.xlf:3:1 a unit without a source",
                ],
            ),
            ("<xliff version=\"2.0\"></xliff>", &["E0763 m.xlf:1:1 XLIFF of a version that is not read"]),
            (
                "<!DOCTYPE x [<!ENTITY a \"b\">]>\n<xliff version=\"1.2\"/>",
                &["E0762 m.xlf:1:1 a document type with declarations; the file is not read"],
            ),
        ],
    }
}
