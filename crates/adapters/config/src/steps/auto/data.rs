//! What a model said, put into a file: it is data there, whatever it looks like.

use serde_json::Value;

use crate::node::{Entry, Kind, Node, Span};

/// What means something in the texts of steps, with how it is written where it is to come out as it is.
const MARKS: [(&str, &str); 5] = [
    ("{{", "{{ '{{' }}"),
    ("{%", "{{ '{%' }}"),
    ("{#", "{{ '{#' }}"),
    ("$results.", "{{ '$' }}results."),
    ("<AUTO", "{{ '<' }}AUTO"),
];

/// Returns a text that comes out as it is where it is rendered.
pub(super) fn as_data(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match MARKS.iter().find(|(mark, _)| rest.starts_with(mark)) {
            Some((mark, written)) => {
                out.push_str(written);
                rest = &rest[mark.len()..];
            }
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

/// Returns a value as it stands in a formula; within quotes that are open there, as a part of that text. What means something in
/// texts is written by its number: around a formula without braces nothing else would keep it from being filled in.
pub(super) fn as_literal(value: &Value, quote: Option<char>) -> String {
    match (value, quote) {
        (Value::String(text), Some(_)) => escaped(text),
        (Value::String(text), None) => format!("'{}'", escaped(text)),
        (Value::Number(number), None) => format!("({number})"),
        (other, _) => other.to_string(),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '{' | '}' | '<' | '$' | '\\' | '\'' | '"' | '\0'..=' ' if c != ' ' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// Returns a value as it stands in a file.
pub(super) fn as_node(value: &Value, span: Span) -> Node {
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(value) => Kind::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), ..) => Kind::Integer(number),
            (None, Some(number), _) => Kind::Unsigned(number),
            (None, None, Some(number)) => Kind::Float(number),
            (None, None, None) => Kind::Null,
        },
        Value::String(text) => Kind::Text(as_data(text)),
        Value::Array(items) => Kind::List(items.iter().map(|item| as_node(item, span)).collect()),
        Value::Object(fields) => {
            let entry = |(key, value): (&String, &Value)| Entry {
                key: key.clone(),
                key_span: span,
                value: as_node(value, span),
            };
            Kind::Map(fields.iter().map(entry).collect())
        }
    };
    Node { span, kind }
}

#[cfg(test)]
mod tests {
    use refrain_core::condition::Condition;
    use refrain_core::fill::Pattern;
    use refrain_core::template::{Context, Dialect};
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_is_said_comes_out_as_it_is() {
        let context = Context::of(&json!({"a": "FILLED", "s": 1}));
        for text in [
            "plain",
            "{{ a }}",
            "  {{ a }} ",
            "{{{{ a }}}}",
            "{%- if a %}x{% endif %}",
            "{# gone #}",
            "a {{{% b",
            "}} %} #}",
            "{{ '{{' }}",
            "$results.a <AUTO>b</AUTO>",
            "{\n{ a }}",
            "{{ ''.__class__ }}",
            "日本 {{ a }}\n",
        ] {
            let written = Value::String(as_data(text));
            let filled = Pattern::compile_in(Dialect::Steps, &written, "").unwrap().fill(&context).unwrap();
            assert_eq!(filled, Value::from(text), "{written}");
        }
    }

    #[test]
    fn whatever_is_said_is_a_text_in_a_formula() {
        let context = Context::of(&json!({"a": "FILLED", "s": 1}));
        for text in [
            "{{ a }}",
            "it's \"so\"",
            "\\u007b\\",
            "{% if a %}{# b #}",
            "$results.a <AUTO>b</AUTO>",
            "x\n\ty\0",
        ] {
            let said = Value::from(text);
            let context = context.clone().with("said", &said);
            for formula in [
                format!("said == {}", as_literal(&said, None)),
                format!("said == \"{}\"", as_literal(&said, Some('"'))),
                format!("{{{{ said == {} }}}}", as_literal(&said, None)),
                format!(
                    "{{{{ 1 }}}} == 1 and len('{}') == {}",
                    as_literal(&said, Some('\'')),
                    text.chars().count()
                ),
            ] {
                let holds = Condition::compile(Dialect::Steps, &formula).unwrap().holds(&context);
                assert_eq!(holds.map_err(|error| error.to_string()), Ok(true), "{formula}");
            }
        }
    }
}
