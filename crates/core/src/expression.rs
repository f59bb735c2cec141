//! Expressions: the conditions of `when:` and `accept:`.
//!
//! The language is that of templates with one rule more. Its engine has a total order over all values, so that
//! `"high" > 1` would silently be true; here comparing values of different types is an error. The rule holds for every
//! comparison that stands by itself or under `and`, `or`, `not` and brackets, which is how conditions are written; a
//! comparison inside a call, a filter's argument, a list or an `… if … else …` is the engine's own. `null` may be
//! compared with anything by `==` and `!=`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use minijinja::value::ValueKind;
use minijinja::{ErrorKind, Expression as Compiled, Value};

use crate::template::defined::json_of;
use crate::template::{
    Context, Dialect, Guarded, TemplateError, environment_of, expression_without_slices, own,
};

mod split;

use split::{Operator, Outline};

/// The longest expression.
const LONGEST: usize = 10_000;

/// An expression, compiled once and evaluated as often as wanted.
pub struct Expression {
    text: String,
    node: Node,
    variables: BTreeSet<String>,
}

enum Node {
    Leaf(Leaf),
    Compare(Box<Leaf>, Operator, Box<Leaf>),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

struct Leaf {
    dialect: Dialect,
    text: String,
    guarded: Guarded,
    compiled: Compiled<'static, 'static>,
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// Fails where the text is no expression.
    pub fn compile(text: &str) -> Result<Self, TemplateError> {
        Self::compile_in(Dialect::Refrain, text)
    }

    /// Compiles an expression of a dialect.
    ///
    /// # Errors
    /// Fails where the text is no expression.
    pub fn compile_in(dialect: Dialect, text: &str) -> Result<Self, TemplateError> {
        if text.len() > LONGEST {
            return Err(TemplateError::plain(format!("an expression has at most {LONGEST} bytes")));
        }
        let whole = Leaf::compile(dialect, text)?;
        let unsliced = expression_without_slices(text);
        let unsliced = unsliced.and_then(|text| environment_of(dialect).compile_expression_owned(text).ok());
        let variables =
            own(unsliced.as_ref().unwrap_or(&whole.compiled).undeclared_variables(true).into_iter());
        let node = Node::of(dialect, Outline::of(text), whole);
        Ok(Self { text: text.to_owned(), node, variables })
    }

    /// Evaluates the expression.
    ///
    /// # Errors
    /// Fails where something is undefined, where values of different types are compared, or where it takes too long.
    pub fn eval(&self, context: &Context) -> Result<serde_json::Value, TemplateError> {
        let value = self.node.eval(&context.value(), false)?;
        json_of(&value).map_err(|error| match error.kind() {
            ErrorKind::UndefinedError => {
                TemplateError::plain(format!("something in `{}` is undefined", short(&self.text)))
            }
            _ => TemplateError::plain(error.to_string()),
        })
    }

    /// Evaluates the expression as a condition: it, and every part of an `and`, `or` and `not` in it, MUST be true or
    /// false; there are no truthy texts or lists.
    ///
    /// # Errors
    /// Fails as [`Expression::eval`] does, and where a part is neither true nor false.
    pub fn eval_bool(&self, context: &Context) -> Result<bool, TemplateError> {
        let value = self.node.eval(&context.value(), true)?;
        as_bool(&value, &self.text)
    }

    /// Returns what the expression reads from its context, as paths such as `reply.confidence`.
    #[must_use]
    pub const fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// Returns the expression as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl Node {
    /// Falls back on the whole where a part of the outline does not compile by itself.
    fn of(dialect: Dialect, outline: Outline<'_>, whole: Leaf) -> Self {
        Self::outlined(dialect, outline).unwrap_or(Self::Leaf(whole))
    }

    fn outlined(dialect: Dialect, outline: Outline<'_>) -> Option<Self> {
        let leaf = |text| Leaf::compile(dialect, text).ok();
        let all = |parts: Vec<Outline<'_>>| {
            parts.into_iter().map(|part| Self::outlined(dialect, part)).collect::<Option<Vec<_>>>()
        };
        Some(match outline {
            Outline::Leaf(text) => Self::Leaf(leaf(text)?),
            Outline::Compare(left, operator, right) => {
                Self::Compare(Box::new(leaf(left)?), operator, Box::new(leaf(right)?))
            }
            Outline::Not(inner) => Self::Not(Box::new(Self::outlined(dialect, *inner)?)),
            Outline::And(parts) => Self::And(all(parts)?),
            Outline::Or(parts) => Self::Or(all(parts)?),
        })
    }

    fn eval(&self, context: &Value, strict: bool) -> Result<Value, TemplateError> {
        match self {
            Self::Leaf(leaf) => leaf.eval(context),
            Self::Compare(left, operator, right) => compare(left, *operator, right, context),
            Self::Not(inner) => Ok(Value::from(!inner.truth(context, strict)?.1)),
            Self::And(parts) => Self::fold(parts, context, strict, false),
            Self::Or(parts) => Self::fold(parts, context, strict, true),
        }
    }

    /// Returns the first part whose truth is `stop`, else the last part.
    fn fold(parts: &[Self], context: &Value, strict: bool, stop: bool) -> Result<Value, TemplateError> {
        let mut last = Value::from(!stop);
        for part in parts {
            let (value, truth) = part.truth(context, strict)?;
            if truth == stop {
                return Ok(value);
            }
            last = value;
        }
        Ok(last)
    }

    fn truth(&self, context: &Value, strict: bool) -> Result<(Value, bool), TemplateError> {
        let value = self.eval(context, strict)?;
        let truth = if strict { as_bool(&value, self.name())? } else { value.is_true() };
        Ok((value, truth))
    }

    fn name(&self) -> &str {
        match self {
            Self::Leaf(leaf) => &leaf.text,
            _ => "the condition",
        }
    }
}

impl Leaf {
    fn compile(dialect: Dialect, text: &str) -> Result<Self, TemplateError> {
        let text = text.trim();
        let guarded = Guarded::expression(text)?;
        let compiled = environment_of(dialect)
            .compile_expression_owned(guarded.text().to_owned())
            .map_err(|error| TemplateError::of(&error, text, &guarded))?;
        Ok(Self { dialect, text: text.to_owned(), guarded, compiled })
    }

    fn eval(&self, context: &Value) -> Result<Value, TemplateError> {
        let value = self.compiled.eval(context.clone());
        let value = value.map_err(|error| TemplateError::of(&error, &self.text, &self.guarded))?;
        if value.is_undefined() {
            return Err(TemplateError::plain(format!("`{}` is undefined", short(&self.text))));
        }
        Ok(value)
    }
}

fn as_bool(value: &Value, text: &str) -> Result<bool, TemplateError> {
    match value.kind() {
        ValueKind::Bool => Ok(value.is_true()),
        kind => Err(TemplateError::plain(format!(
            "`{}` is a {kind}; a condition must be true or false",
            short(text)
        ))),
    }
}

/// Cuts what is quoted in messages.
fn short(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(60) {
        Some((at, _)) => Cow::Owned(format!("{}…", &text[..at])),
        None => Cow::Borrowed(text),
    }
}

fn compare(left: &Leaf, operator: Operator, right: &Leaf, context: &Value) -> Result<Value, TemplateError> {
    let (a, b) = (left.eval(context)?, right.eval(context)?);
    // Values of different types are not equal in the steps dialect, as in Python.
    let is_told_apart = left.dialect == Dialect::Steps && operator.is_equality();
    if !is_told_apart && !comparable(&a, operator, &b) {
        return Err(TemplateError::plain(format!(
            "`{} {operator} {}` compares a {} with a {}",
            short(&left.text),
            short(&right.text),
            a.kind(),
            b.kind()
        )));
    }
    Ok(Value::from(operator.holds(&a, &b)))
}

fn comparable(a: &Value, operator: Operator, b: &Value) -> bool {
    let list = |kind| matches!(kind, ValueKind::Seq | ValueKind::Iterable);
    match (a.kind(), b.kind()) {
        (ValueKind::None, _) | (_, ValueKind::None) => operator.is_equality(),
        (ValueKind::Bool, ValueKind::Bool) | (ValueKind::Map, ValueKind::Map) => operator.is_equality(),
        (a, b) => a == b || (list(a) && list(b)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str, expect: Result<bool, &str>) {
        let context = Context::of(&json!({
            "reply": {"confidence": 0.9, "level": "high", "none": null, "list": [1]}, "params": {"draft": false},
        }));
        let result = Expression::compile(text).and_then(|expression| expression.eval_bool(&context));
        match (result, expect) {
            (Ok(value), Ok(wanted)) => assert_eq!(value, wanted, "{text}"),
            (Err(error), Err(wanted)) => assert!(error.message.contains(wanted), "{text}: {error}"),
            (result, _) => panic!("{text}: {result:?}"),
        }
    }

    #[test]
    fn conditions() {
        check("reply.confidence >= 0.8", Ok(true));
        check("not params.draft and reply.level == 'high'", Ok(true));
        check("(reply.confidence < 0.5 or reply.level in ['high', 'low']) and 1 < 2 < 3", Ok(true));
        check("reply.none == 1 or reply.none is none", Ok(true));
        check("reply.list | length == 1", Ok(true));
        check("reply.level is string and reply.level != 'a and b'", Ok(true));
        check("'yes' if params.draft else 2 > 1", Ok(true));
        check("reply.x is defined and reply.x > 1", Ok(false));
        check("not (1 == 1)", Ok(false));
        check("1 == 2 == false", Ok(false));
    }

    #[test]
    fn mixed_types_are_refused() {
        check("reply.level > 1", Err("`reply.level > 1` compares a string with a number"));
        check("not (params.draft or reply.level > 1)", Err("compares a string"));
        check("reply.confidence == '0.9'", Err("compares a number with a string"));
        check("reply.none > 1", Err("compares a none"));
        // What is behind a false guard is never looked at.
        check("reply.level is number and reply.level > 1", Ok(false));
    }

    #[test]
    fn only_true_and_false_are_conditions() {
        check("reply.level", Err("`reply.level` is a string"));
        check("reply.list and true", Err("`reply.list` is a sequence"));
        check("reply.missing", Err("undefined"));
        check("reply.missing > 1", Err("undefined"));
        check("1 +", Err("unexpected"));
        check("", Err(""));
    }

    #[test]
    fn values_follow_the_template_language() {
        let context = Context::of(&json!({"a": "", "b": [1, 2]}));
        let eval = |text| Expression::compile(text).unwrap().eval(&context).unwrap();
        assert_eq!(eval("a or 'none'"), json!("none"));
        assert_eq!(eval("b | map('string') | list"), json!(["1", "2"]));
        assert_eq!(eval("{'x': b | length}"), json!({"x": 2}));
    }

    #[test]
    fn variables_are_paths() {
        let expression = Expression::compile("phases.qa.records > 0 and params.x").unwrap();
        let variables: Vec<&str> = expression.variables().iter().map(String::as_str).collect();
        assert_eq!(variables, ["params.x", "phases.qa.records"]);
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(300))]
        #[test]
        fn no_text_panics(text in "[-a-z0-9 ()\\[\\]{}'\"<>=!|&.,:+*%~\u{e9}]{0,60}|((not|and|or|a|1|<|==|\\(|\\)|is|if|else) ){0,20}") {
            if let Ok(expression) = Expression::compile(&text) {
                let _ = expression.eval_bool(&Context::of(&json!({"a": 1})));
            }
        }
    }
}
