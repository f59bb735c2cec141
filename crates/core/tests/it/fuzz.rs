//! What strangers write: templates, expressions, answers and plan files. Nothing panics, and nothing takes long.

use proptest::prelude::*;
use refrain_core::expression::Expression;
use refrain_core::protocol;
use refrain_core::template::{Context, Template, environment};
use refrain_schemas::plan_file::PlanFile;
use refrain_schemas::protocol::AnswerLine;
use refrain_testkit::fuzz;
use serde_json::json;

mod limits;
mod pages;

/// What expressions are made of.
const EXPRESSION: [&str; 53] = [
    "a",
    "b",
    "c.d",
    "list",
    "x",
    "1",
    "2.5",
    "'s'",
    "\"q\"",
    "''",
    "true",
    "none",
    "~",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "==",
    "!=",
    "<",
    ">=",
    "in",
    "not in",
    "not",
    "and",
    "or",
    "is",
    "is not",
    "defined",
    "string",
    "if",
    "else",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "|",
    "upper",
    "length",
    "join",
    "list",
    "replace('s', 't')",
    "map('upper')",
    ".d",
    "[0]",
    "[1:]",
];
/// What templates are made of besides.
const TEMPLATE: [&str; 24] = [
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "{{- ",
    " -}}",
    "{%- ",
    "{% if a %}",
    "{% elif b %}",
    "{% else %}",
    "{% endif %}",
    "{% for x in list %}",
    "{% endfor %}",
    "{% set x = ",
    "{% set x, b = ",
    "{% with x = a %}",
    "{% endwith %}",
    "{# ",
    " #}",
    "{% raw %}",
    "{% endraw %}",
    "{% do ",
    " text ~ \n",
    "}",
];

fn context() -> Context {
    Context::of(&json!({"a": "text", "b": 3, "c": {"d": [1, "two", null]}, "list": ["p", "q", "é"]}))
}

fn pieces(of: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    prop::collection::vec(prop::sample::select(of.to_vec()), 0..16).prop_map(|pieces| pieces.join(" "))
}

/// Makes expressions that mostly parse.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a",
        "b",
        "c.d",
        "list",
        "1",
        "'s'",
        "c",
        "list[0]",
        "\"x ~ y\"",
        "a|upper",
        "-b",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(4, 24, 3, |inner| {
        let operators =
            vec!["~", "+", "-", "*", "==", "<", "!=", "in", "not in", "and", "or", "%", "//", "**"];
        prop_oneof![
            4 => (inner.clone(), prop::sample::select(operators), inner.clone()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
            1 => inner.clone().prop_map(|a| format!("({a})")),
            1 => inner.clone().prop_map(|a| format!("not {a}")),
            1 => inner.clone().prop_map(|a| format!("({a}) | string | length")),
            1 => inner.clone().prop_map(|a| format!("({a})[1:]")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("list[{a}:{b}]")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{'k': {a}, 'l': {b}}}")),
            1 => (inner.clone(), inner).prop_map(|(a, b)| format!("({a} if {b} is defined else {b})")),
        ]
    })
}

/// Renders a template with its guards and without them, and compares.
fn is_guarded(source: &str) -> Result<(), TestCaseError> {
    let guarded = Template::compile("", source).and_then(|template| template.render(&context()));
    let plain = environment();
    let values = json!({"a": "text", "b": 3, "c": {"d": [1, "two", null]}, "list": ["p", "q", "é"]});
    let plain = plain
        .template_from_str(source)
        .and_then(|template| template.render(minijinja::Value::from(minijinja::value::Serde(values))));
    match (guarded, plain) {
        (Ok(guarded), Ok(plain)) => prop_assert_eq!(guarded, plain, "{}", source),
        (Ok(guarded), Err(error)) => prop_assert!(false, "{source}: {guarded:?} without {error}"),
        (Err(error), Ok(plain)) => {
            let told = [
                "multiplies numbers",
                "slices are taken",
                "not part of templates",
                "at most",
                "`set` without",
                "is repeated",
            ];
            prop_assert!(
                told.iter().any(|part| error.message.contains(part)),
                "{source}: {error} for {plain:?}"
            );
        }
        (Err(error), Err(_)) => prop_assert!(
            !["_operand", "_sliced", "_count", "_few"].iter().any(|own| error.message.contains(own)),
            "{source}: {error}"
        ),
    }
    Ok(())
}

proptest! {
    #![proptest_config(fuzz::config(250))]

    #[test]
    fn any_template_is_a_text_or_an_error(source in pieces(&[&EXPRESSION[..], &TEMPLATE[..]].concat())) {
        // A text without anything to fill in is kept as it is, its last line break included.
        is_guarded(&format!("{source}{{{{ '' }}}}"))?;
    }

    #[test]
    fn guards_change_no_result(expression in expression()) {
        is_guarded(&format!("{{{{ {expression} }}}}"))?;
        is_guarded(&format!("{{% set x = {expression} %}}{{% for y in [x] if y is defined %}}{{{{ y }}}}{{% endfor %}}"))?;
    }

    #[test]
    fn any_expression_is_a_value_or_an_error(text in pieces(&EXPRESSION)) {
        if let Ok(expression) = Expression::compile(&text) {
            let _ = expression.eval_bool(&context());
            let _ = expression.eval(&context());
        }
    }

    #[test]
    fn any_answer_is_a_reply_or_an_error(value in fuzz::json(&["call", "units", "id", "output", "error", "kind", "message", "usage", "cost_usd", "transient", "1"])) {
        for value in [value.clone(), json!({"call": "1", "units": value}), json!({"call": "1", "units": [value]})] {
            if let Ok(answer) = serde_json::from_value::<AnswerLine>(value) {
                let _ = protocol::reply(answer);
            }
        }
    }

    #[test]
    fn any_bytes_are_an_answer_or_an_error(
        line in fuzz::changed(br#"{"call":"1","units":[{"id":"a","output":{"x":[1,2.5,null]}},{"id":"b","error":{"kind":"refused","message":"m"}}],"usage":{"input_tokens":1,"cost_usd":0.5}}"#.to_vec())
    ) {
        if let Ok(answer) = serde_json::from_slice::<AnswerLine>(&line) {
            let _ = protocol::reply(answer);
        }
        let _ = serde_json::from_slice::<PlanFile>(&line);
    }
}
