//! Templates and expressions.
//!
//! The language is that of prompts, with its limits, but the end of a text is part of the text.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind};
use refrain_core::template::{Guarded, TemplateError, environment, render};
use serde_json::Value;

/// How many steps one evaluation may take.
const FUEL: u64 = 5_000_000;
const NAME: &str = "template";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = environment();
    // The end of a text is part of the text.
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_fuel(Some(FUEL));
    environment
});

/// What templates and expressions see.
pub(crate) type View = minijinja::Value;

/// Turns JSON into something to see.
pub(crate) fn see(value: &Value) -> View {
    View::from(Serde(value))
}

/// Returns names to see; of two of one name the later one counts.
pub(crate) fn names(names: impl IntoIterator<Item = (String, View)>) -> View {
    View::from_object(names.into_iter().collect::<BTreeMap<String, View>>())
}

/// An expression such as `unit.n > 3`.
#[derive(Debug)]
pub(crate) struct Expression {
    source: String,
    guarded: Guarded,
    compiled: minijinja::Expression<'static, 'static>,
}

impl Expression {
    /// Compiles an expression; the error says where it is wrong.
    pub(crate) fn new(source: &str) -> Result<Self, String> {
        let guarded = Guarded::expression(source).map_err(|error| error.to_string())?;
        let compiled = ENVIRONMENT.compile_expression_owned(guarded.text().to_owned());
        let compiled = compiled.map_err(|error| explain(&error, source, &guarded))?;
        Ok(Self { source: source.to_owned(), guarded, compiled })
    }

    /// Evaluates it.
    pub(crate) fn eval(&self, view: &View) -> Result<Value, String> {
        let value = self.compiled.eval(view.clone());
        let value = value.map_err(|error| explain(&error, &self.source, &self.guarded))?;
        if value.is_undefined() {
            return Err(format!("`{}` is not defined", self.source));
        }
        serde_json::to_value(&value).map_err(|error| format!("`{}` gives no JSON: {error}", self.source))
    }

    /// Evaluates it to `true` or `false`.
    pub(crate) fn holds(&self, view: &View) -> Result<bool, String> {
        let value = self.eval(view)?;
        value.as_bool().ok_or_else(|| format!("`{}` gives {value}, not true or false", self.source))
    }
}

/// A template: text with `{{ … }}` and `{% … %}` in it.
#[derive(Debug)]
pub(crate) enum Template {
    /// Nothing but one expression, whose value keeps its type.
    Value(Expression),
    /// Text.
    Text {
        /// As written.
        source: String,
        /// With the guards of its limits in it.
        guarded: Guarded,
        /// The environment that holds its compiled form.
        environment: Box<Environment<'static>>,
    },
}

impl Template {
    /// Compiles a template; the error says where it is wrong.
    pub(crate) fn new(source: &str) -> Result<Self, String> {
        if let Some(expression) = whole_expression(source) {
            return Expression::new(expression).map(Self::Value);
        }
        let guarded = Guarded::template(source).map_err(|error| told(&error))?;
        let mut environment = Box::new(ENVIRONMENT.clone());
        let added = environment.add_template_owned(NAME, guarded.text().to_owned());
        added.map_err(|error| explain(&error, source, &guarded))?;
        Ok(Self::Text { source: source.to_owned(), guarded, environment })
    }

    /// Fills it.
    pub(crate) fn fill(&self, view: &View) -> Result<Value, String> {
        match self {
            Self::Value(expression) => expression.eval(view),
            Self::Text { source, guarded, environment } => {
                let filled = environment.get_template(NAME).and_then(|t| render(&t, view.clone()));
                filled.map(Value::String).map_err(|error| explain(&error, source, guarded))
            }
        }
    }
}

/// Returns the expression of a template that is nothing else.
fn whole_expression(source: &str) -> Option<&str> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let plain = !["{{", "}}", "{%", "{#"].iter().any(|mark| inner.contains(mark));
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    plain.then(|| inner.strip_suffix('-').unwrap_or(inner).trim())
}

/// Says what is wrong with a template as it is written.
fn told(error: &TemplateError) -> String {
    match (error.line, error.column) {
        (0, _) => error.to_string(),
        (line, column) => format!("{error} at line {line}, column {column}"),
    }
}

/// Says what is wrong and where.
fn explain(error: &Error, source: &str, guarded: &Guarded) -> String {
    let detail = error.detail().map_or(String::new(), |detail| format!(": {detail}"));
    let what = match error.kind() {
        ErrorKind::OutOfFuel => "takes too many steps".to_owned(),
        kind => format!("{kind}{detail}"),
    };
    let place = error.range().map(|range| place(source, guarded.place(range.start)));
    let place = place.or_else(|| error.line().map(|line| format!(" at line {line}"))).unwrap_or_default();
    let cause = std::error::Error::source(error).map_or(String::new(), |cause| format!(" ({cause})"));
    format!("{what}{place}{cause}")
}

fn place(source: &str, at: usize) -> String {
    let before = source.get(..at).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
    format!(" at line {line}, column {column}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(template: &str, expect: Result<Value, &str>) {
        let view = see(&json!({"n": 2, "unit": {"text": "<b>", "list": [1, {"a": null}]}}));
        let filled = Template::new(template).and_then(|template| template.fill(&view));
        match (&filled, expect) {
            (Err(message), Err(part)) => assert!(message.contains(part), "{template}: {message}"),
            (filled, expect) => assert_eq!(*filled, expect.map_err(str::to_owned), "{template}"),
        }
    }

    #[test]
    fn whole_expressions_keep_their_type() {
        check("{{ n }}", Ok(json!(2)));
        check(" {{- unit.list -}} ", Ok(json!([1, {"a": null}])));
        check("{{ n }}{{ n }}", Ok(json!("22")));
        check("{{ n }}\n", Ok(json!(2)));
        check("n={{ n }}\n", Ok(json!("n=2\n")));
        check("{{ unit.text }}!", Ok(json!("<b>!")));
        check("", Ok(json!("")));
    }

    #[test]
    fn errors_say_where() {
        check("a\n é{{ n", Err("syntax error: unexpected end of input"));
        check("a\n{% if %}", Err("at line 2"));
        check("{{ n + }}", Err("column"));
        check("{{ unit.missing }}", Err("not defined"));
        check("x{{ unit.missing }}", Err("undefined"));
        check("{{ missing }}x", Err("undefined"));
        check("x{% set a = 'a' * 2 %}{{ a }}", Ok(json!("xaa")));
        check("x{% set a = 'a' * 99999999 %}", Err("a whole number of times"));
        check("x{% set a = unit.list * unit.text %}", Err("multiplies numbers"));
        check("x\n{% macro a() %}", Err("repeat with `{% for %}` at line 2, column 4"));
        check("{{ (1, 2) | join('x' | indent(99999999)) }}", Err("a width is at most"));
        check(
            "{% for i in range(9999) %}{% for j in range(9999) %}{{ i }}{% endfor %}{% endfor %}",
            Err("too many steps"),
        );
    }

    #[test]
    fn conditions_are_true_or_false() {
        let holds = |text: &str| Expression::new(text).and_then(|e| e.holds(&see(&json!({"n": 2}))));
        assert_eq!(holds("n == 2 and n > 1"), Ok(true));
        assert_eq!(holds("n"), Err("`n` gives 2, not true or false".to_owned()));
        assert!(holds("m == 2").is_err() && holds("n ==").is_err());
    }
}
