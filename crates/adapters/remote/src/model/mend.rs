//! Finds the JSON in what a model said.
//!
//! What can be mended without guessing is mended: fences and prose around, trailing commas, one missing bracket at the
//! end of an answer that was finished. Nothing is ever made of prose, of nothing, or of a text whose quotes do not match.

use serde_json::Value;

/// JSON that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The value.
    pub value: Value,
    /// Whether the text was not simply this value.
    pub mended: bool,
}

/// Returns the JSON in a text; `finished` says that its author had no more to say.
#[must_use]
pub fn find(text: &str, finished: bool) -> Option<Found> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if let Ok(value) = serde_json::from_str(text) {
        return Some(Found { value, mended: false });
    }
    let value = fenced(text).and_then(|inner| parse(inner, finished)).or_else(|| parse(text, finished));
    let value = value.or_else(|| embedded(text))?;
    Some(Found { value, mended: true })
}

/// Returns the items of the list `units` that are whole in a text that was cut off.
#[must_use]
pub fn whole_items(text: &str) -> Vec<Value> {
    let Some(list) = text.find("\"units\"").map(|at| &text[at + "\"units\"".len()..]) else {
        return Vec::new();
    };
    let list = list.trim_start().strip_prefix(':').map(str::trim_start);
    let Some(mut rest) = list.and_then(|list| list.strip_prefix('[')) else { return Vec::new() };
    let mut items = Vec::new();
    // Only objects end where they seem to; a number may have had more digits.
    while let Some(start) = rest.trim_start_matches([' ', '\n', '\r', '\t', ',']).strip_prefix('{') {
        let object = &rest[rest.len() - start.len() - 1..];
        let mut values = serde_json::Deserializer::from_str(object).into_iter::<Value>();
        let Some(Ok(value)) = values.next() else { break };
        rest = &object[values.byte_offset()..];
        items.push(value);
    }
    items
}

/// Parses a text as it is, without trailing commas, or with the one bracket that is missing.
fn parse(text: &str, finished: bool) -> Option<Value> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let parsed = serde_json::from_str(text).ok();
    parsed.or_else(|| {
        let scan = scan(text);
        let tidy = without_commas(text, &scan.commas);
        let closed = match scan.open.as_slice() {
            [] => tidy,
            [open] if finished && !scan.in_string => format!("{}{}", tidy.trim_end(), closer(*open)),
            _ => return None,
        };
        serde_json::from_str(&closed).ok()
    })
}

/// Returns what is inside the one fenced block of a text.
fn fenced(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("```")?;
    let (first, block) = rest.split_once('\n')?;
    // What follows the opening fence on its line names a language, and is no content.
    let block = if first.trim().chars().all(char::is_alphanumeric) { block } else { rest };
    let (inner, after) = block.rsplit_once("```").unwrap_or((block, ""));
    // With another block behind it, nobody can tell which one is meant.
    (!inner.contains("```") && !after.contains('{')).then_some(inner)
}

/// Returns the one object or list that stands in prose.
fn embedded(text: &str) -> Option<Value> {
    let mut found = None;
    let mut rest = text;
    while let Some(at) = rest.find(['{', '[']) {
        rest = &rest[at..];
        // What is never closed is no JSON, and what stands inside it is not the whole of what was said.
        let length = scan(rest).first_end?;
        let value = parse(&rest[..length], false).filter(|value| !is_bare(value));
        if value.is_some() && found.is_some() {
            return None;
        }
        found = found.or(value);
        rest = &rest[length..];
    }
    found
}

/// `[1]` in prose is a footnote, and `{}` is a manner of speaking.
fn is_bare(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => !items.iter().any(Value::is_object),
        _ => true,
    }
}

/// What a look at brackets, strings and commas tells.
#[derive(Default)]
struct Scan {
    /// The brackets that are open at the end.
    open: Vec<u8>,
    in_string: bool,
    /// Where commas stand with nothing but a bracket behind them.
    commas: Vec<usize>,
    /// Where the first bracket is closed.
    first_end: Option<usize>,
}

fn scan(text: &str) -> Scan {
    let mut scan = Scan::default();
    let (mut escaped, mut comma) = (false, None);
    for (at, byte) in text.bytes().enumerate() {
        if scan.in_string {
            scan.in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => scan.in_string = true,
            b'{' | b'[' => scan.open.push(byte),
            b'}' | b']' => {
                scan.commas.extend(comma);
                scan.open.pop();
                if scan.open.is_empty() {
                    scan.first_end = scan.first_end.or(Some(at + 1));
                }
            }
            _ => {}
        }
        if byte == b',' {
            comma = Some(at);
        } else if !byte.is_ascii_whitespace() {
            comma = None;
        }
    }
    // A comma before a bracket that is missing is as trailing as any.
    scan.commas.extend(comma.filter(|_| !scan.open.is_empty()));
    scan
}

fn without_commas(text: &str, commas: &[usize]) -> String {
    let is_kept = |at: &usize| commas.binary_search(at).is_err();
    text.char_indices().filter(|(at, _)| is_kept(at)).map(|(_, c)| c).collect()
}

const fn closer(open: u8) -> char {
    if open == b'{' { '}' } else { ']' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(text: &str, expect: Option<Value>) {
        let found = find(text, true).map(|found| found.value);
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn json_is_taken_as_it_is() {
        let found = find(" {\"a\": 1}\n", true).unwrap();
        assert_eq!(found, Found { value: json!({"a": 1}), mended: false });
        assert_eq!(find("\"text\"", true).map(|found| found.mended), Some(false));
    }

    #[test]
    fn fences_and_prose_are_taken_off() {
        check("```json\n{\"a\": 1}\n```", Some(json!({"a": 1})));
        check("Here you are:\n```\n[{\"a\": 1}]\n```\nAnything else?", Some(json!([{"a": 1}])));
        check("Sure! {\"a\": \"}\"} I hope [1] this helps.", Some(json!({"a": "}"})));
        check("```json\n{\"a\": \"use ``` here\"}\n```", Some(json!({"a": "use ``` here"})));
    }

    #[test]
    fn commas_and_one_bracket_are_mended() {
        check("{\"a\": [1, 2,], }", Some(json!({"a": [1, 2]})));
        check("{\"a\": \",}\", \"b\": [\"x,]\",]}", Some(json!({"a": ",}", "b": ["x,]"]})));
        check("{\"a\": [1, 2]", Some(json!({"a": [1, 2]})));
        check("{\"a\": {\"b\": 1},", Some(json!({"a": {"b": 1}})));
    }

    #[test]
    fn nothing_is_guessed() {
        check("", None);
        check("I cannot help with that.", None);
        check("{\"a\": \"he said \"hi\" ok\"}", None);
        check("{\"a\": [1, 2", None);
        check("{\"a\": \"cut of", None);
        check("{\"a\":", None);
        check("{\"a\": 1} or {\"a\": 2}", None);
        check("use {} or [1]", None);
        assert_eq!(find("{\"a\": [1, 2]", false), None, "an answer that was cut off is not closed");
    }

    #[test]
    fn whole_items_of_a_cut_list_are_found() {
        let text = r#"{"units": [{"n": 1, "output": {"t": "a]"}}, {"n": 2, "output": "b"}, {"n": 3, "out"#;
        assert_eq!(
            whole_items(text),
            [json!({"n": 1, "output": {"t": "a]"}}), json!({"n": 2, "output": "b"})]
        );
        assert!(whole_items("{\"units\": [1, 2, 3").is_empty());
        assert!(whole_items("no list").is_empty());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~é\"\\\\{}\\[\\],:`\n]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"{,]{0,4}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn valid_json_is_never_changed(value in any_json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let expect = Found { value, mended: false };
            prop_assert_eq!(find(&text.unwrap(), true), Some(expect));
        }

        #[test]
        fn a_prefix_is_never_taken_for_more_than_it_says(value in any_json(), cut in 0.0..1.0_f64) {
            let text = json!({ "a": value }).to_string();
            let at = (0..text.len()).filter(|at| text.is_char_boundary(*at)).nth((cut * text.chars().count() as f64) as usize);
            if let Some(found) = find(&text[..at.unwrap()], false) {
                // Only something whole within the text was found.
                prop_assert!(text.contains(&found.value.to_string()));
            }
        }

        #[test]
        fn any_text_is_survived(text in "[ -~é\"{}\\[\\],:`\n]{0,40}") {
            let _found = find(&text, true);
            let _items = whole_items(&text);
        }
    }
}
