//! What the language promises, as tables.

use std::borrow::Cow;
use std::cell::RefCell;

use serde_json::{Map, Value as Json, json};

use super::*;

mod conditions;
mod limits;
mod properties;
mod refused;
mod values;

fn context() -> Map<String, Json> {
    let context = json!({
        "n": 5, "x": 2.5, "name": "Ann Lee", "empty": "", "none": null, "yes": true,
        "list": [3, 1, 2], "rows": [{"price": 2, "tag": "a"}, {"price": 3, "tag": "b"}],
        "state": {"n": 7, "items": [1], "_secret": 1}, "data": "{\"items\": [{\"price\": 2}, {\"price\": 3}]}",
        "steps": {"my-step": {"size": 5}}, "$item": "it", "large": 9_007_199_254_740_992_u64,
    });
    match context {
        Json::Object(context) => context,
        _ => Map::new(),
    }
}

fn eval(text: &str) -> Result<Json, FormulaError> {
    Formula::parse(text)?.eval(&context())
}

/// Checks the value of a formula.
fn gives(text: &str, expect: Json) {
    assert_eq!(eval(text), Ok(expect), "{text}");
}

/// Checks many formulas that are true.
fn all_true(texts: &[&str]) {
    for text in texts {
        gives(text, json!(true));
    }
}

/// Checks that a formula is refused or fails, at a place and with these words.
fn fails(text: &str, at: usize, words: &str) {
    let error = eval(text).expect_err(text);
    assert!(error.to_string().contains(words), "{text}: {error}");
    assert_eq!(error.at, at, "{text}: {error}");
}

fn variables(text: &str) -> Vec<String> {
    Formula::parse(text).unwrap().variables().iter().cloned().collect()
}

#[test]
fn variables_are_what_is_read_from_outside() {
    assert_eq!(variables("phases.qa.records > 0 and params.x"), ["params.x", "phases.qa.records"]);
    assert_eq!(variables("steps['my-step'].size + list[0]"), ["list", "steps.my-step.size"]);
    assert_eq!(variables("rows[n].price"), ["n", "rows"]);
    assert_eq!(variables("[r.price * x for r in rows if r.tag == n]"), ["n", "rows", "x"]);
    assert_eq!(variables("{k: v for k, v in d.items() if k in keys}"), ["d", "keys"]);
    // What a comprehension goes over does not see its names; what is behind it neither.
    assert_eq!(variables("[a for a in a.b] + [a]"), ["a", "a.b"]);
    assert_eq!(variables("[[y for y in x] for x in xs]"), ["xs"]);
    assert_eq!(
        variables("state.get('n', 0) if json.loads(data)['items'] else $item.x"),
        ["$item.x", "data", "state"]
    );
    assert_eq!(variables("len('a') + 1"), Vec::<String>::new());
}

/// Counts what it is asked for.
struct Counted(RefCell<Vec<String>>);

impl Names for Counted {
    fn get(&self, name: &str) -> Option<Cow<'_, Json>> {
        self.0.borrow_mut().push(name.to_owned());
        Some(Cow::Owned(json!({"b": 1})))
    }
}

#[test]
fn names_are_looked_up_once_and_only_when_needed() {
    let names = Counted(RefCell::default());
    let formula = Formula::parse("a.b == 1 and a['b'] < 2 or c.b").unwrap();
    assert_eq!(formula.eval(&names), Ok(json!(true)));
    assert_eq!(*names.0.borrow(), ["a"]);
}

#[test]
fn values_print_as_python_prints_them() {
    let value = json!([null, true, 1, 1.0, 1e16, 1.5e-7, "it's", "a\n'\"", {"a": []}]);
    let printed = r#"[None, True, 1, 1.0, 1e+16, 1.5e-07, "it's", 'a\n\'"', {'a': []}]"#;
    assert_eq!(python_text(&value).unwrap(), printed);
    assert_eq!(python_text(&json!("it's")).unwrap(), "it's");
}

#[test]
fn methods_can_be_called_from_elsewhere() {
    let called = |value, name, arguments: &[Json]| call_method(&value, name, arguments);
    assert_eq!(called(json!("a,b"), "split", &[json!(",")]), Some(Ok(json!(["a", "b"]))));
    assert!(called(json!("a"), "split", &[json!(1)]).is_some_and(|result| result.is_err()));
    assert!(called(json!("a"), "upper", &[json!(1)]).is_some_and(|result| result.is_err()));
    assert_eq!(called(json!("a"), "__class__", &[]), None);
}
