//! Patterns: JSON whose strings are templates, such as an agent's params, a tool's arguments or the body of a request.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::expression::Expression;
use crate::template::{Context, Dialect, Template, TemplateError, is_template};

/// JSON whose strings are templates, compiled once and filled as often as wanted.
///
/// A string that is a single `{{ … }}` becomes the value itself, with its type; any other template becomes text.
#[derive(Debug)]
pub struct Pattern(Node);

#[derive(Debug)]
enum Node {
    Fixed(Value),
    Value {
        expression: Box<Expression>,
        /// What stands before and behind it, which a text keeps.
        around: (String, String),
        path: String,
    },
    Text {
        template: Template,
        path: String,
    },
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// A template within a pattern that does not parse, or that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {error}")]
pub struct FillError {
    /// Where the template stands, such as `agents.critic.params.names[2]`.
    pub path: String,
    /// What is wrong with it.
    pub error: TemplateError,
}

impl Pattern {
    /// Compiles a pattern; `path` says in errors where it stands.
    ///
    /// # Errors
    /// Fails where a string is a template that does not parse.
    pub fn compile(value: &Value, path: &str) -> Result<Self, FillError> {
        Self::compile_in(Dialect::Refrain, value, path)
    }

    /// Compiles a pattern of a dialect; `path` says in errors where it stands.
    ///
    /// # Errors
    /// Fails where a string is a template that does not parse.
    pub fn compile_in(dialect: Dialect, value: &Value, path: &str) -> Result<Self, FillError> {
        Node::of(dialect, value, path).map(Self)
    }

    /// Fills every template in.
    ///
    /// # Errors
    /// Fails where a template does.
    pub fn fill(&self, context: &Context) -> Result<Value, FillError> {
        self.0.fill(context)
    }

    /// Returns what its templates read from their context, as paths such as `unit.text`.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<String> {
        let mut variables = BTreeSet::new();
        self.0.add_variables(&mut variables);
        variables
    }

    /// Whether it is filled the same way in every context.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.0.is_fixed()
    }

    /// Returns what its templates read, each with the place of the template.
    #[must_use]
    pub fn located_variables(&self) -> BTreeSet<(String, String)> {
        let mut located = BTreeSet::new();
        self.0.add_located(&mut located);
        located
    }
}

/// Fills a pattern that is needed only once.
///
/// # Errors
/// Fails where a template does not parse or fails.
pub fn fill(value: &Value, context: &Context, path: &str) -> Result<Value, FillError> {
    Pattern::compile(value, path)?.fill(context)
}

impl Node {
    fn of(dialect: Dialect, value: &Value, path: &str) -> Result<Self, FillError> {
        Ok(match value {
            Value::String(text) if is_template(text) => Self::of_text(dialect, text, path)?,
            Value::Array(items) => {
                let nodes = items
                    .iter()
                    .enumerate()
                    .map(|(n, item)| Self::of(dialect, item, &format!("{path}[{n}]")));
                Self::List(nodes.collect::<Result<_, _>>()?)
            }
            Value::Object(map) => {
                let nodes = map
                    .iter()
                    .map(|(key, item)| Ok((key.clone(), Self::of(dialect, item, &format!("{path}.{key}"))?)));
                Self::Object(nodes.collect::<Result<_, FillError>>()?)
            }
            other => Self::Fixed(other.clone()),
        })
    }

    fn of_text(dialect: Dialect, text: &str, path: &str) -> Result<Self, FillError> {
        let at = |error| FillError { path: path.to_owned(), error };
        let path = path.to_owned();
        Ok(match lone(text) {
            Some(inner) => {
                let expression = Box::new(Expression::compile_in(dialect, inner).map_err(at)?);
                Self::Value { expression, around: around(dialect, text), path }
            }
            None => Self::Text { template: Template::compile_in(dialect, "", text).map_err(at)?, path },
        })
    }

    fn fill(&self, context: &Context) -> Result<Value, FillError> {
        let at = |path: &String| {
            let path = path.clone();
            |error| FillError { path, error }
        };
        Ok(match self {
            Self::Fixed(value) => value.clone(),
            Self::Value { expression, around: (before, behind), path } => {
                match expression.eval(context).map_err(at(path))? {
                    Value::String(text) => Value::String(format!("{before}{text}{behind}")),
                    value => value,
                }
            }
            Self::Text { template, path } => Value::String(template.render(context).map_err(at(path))?),
            Self::List(nodes) => {
                Value::Array(nodes.iter().map(|node| node.fill(context)).collect::<Result<_, _>>()?)
            }
            Self::Object(nodes) => {
                let filled = nodes.iter().map(|(key, node)| Ok((key.clone(), node.fill(context)?)));
                Value::Object(filled.collect::<Result<Map<_, _>, FillError>>()?)
            }
        })
    }

    fn add_variables(&self, into: &mut BTreeSet<String>) {
        match self {
            Self::Fixed(_) => {}
            Self::Value { expression, .. } => into.extend(expression.variables().iter().cloned()),
            Self::Text { template, .. } => into.extend(template.variables()),
            Self::List(nodes) => nodes.iter().for_each(|node| node.add_variables(into)),
            Self::Object(nodes) => nodes.iter().for_each(|(_, node)| node.add_variables(into)),
        }
    }

    fn is_fixed(&self) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Value { .. } | Self::Text { .. } => false,
            Self::List(nodes) => nodes.iter().all(Self::is_fixed),
            Self::Object(nodes) => nodes.iter().all(|(_, node)| node.is_fixed()),
        }
    }

    fn add_located(&self, into: &mut BTreeSet<(String, String)>) {
        match self {
            Self::Fixed(_) => {}
            Self::Value { path, .. } | Self::Text { path, .. } => {
                let mut variables = BTreeSet::new();
                self.add_variables(&mut variables);
                into.extend(variables.into_iter().map(|variable| (variable, path.clone())));
            }
            Self::List(nodes) => nodes.iter().for_each(|node| node.add_located(into)),
            Self::Object(nodes) => nodes.iter().for_each(|(_, node)| node.add_located(into)),
        }
    }
}

/// Returns the white space around a single `{{ … }}`: in the steps dialect a text is written as it stands there.
fn around(dialect: Dialect, text: &str) -> (String, String) {
    if dialect == Dialect::Refrain {
        return Default::default();
    }
    let (start, end) = (text.len() - text.trim_start().len(), text.trim_end().len());
    (text[..start].to_owned(), text[end..].to_owned())
}

/// Returns the inside of a text that is a single `{{ … }}`.
pub(crate) fn lone(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    inner.filter(|inner| !inner.contains("{{") && !inner.contains("}}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(pattern: Value, expect: Result<Value, &str>) {
        let context = Context::of(&json!({"unit": {"id": "a", "n": 3, "tags": ["x", "y"]}}));
        let filled = fill(&pattern, &context, "args").map_err(|error| error.to_string());
        assert_eq!(filled, expect.map_err(str::to_owned), "{pattern}");
    }

    #[test]
    fn patterns_are_filled() {
        check(json!({"a": 1, "b": [null, true]}), Ok(json!({"a": 1, "b": [null, true]})));
        check(json!({"n": "{{ unit.n }}", "t": " {{ unit.tags }} "}), Ok(json!({"n": 3, "t": ["x", "y"]})));
        check(json!("{{ unit.id }}-{{ unit.n }}"), Ok(json!("a-3")));
        check(json!(["no. {{ unit.n + 1 }}"]), Ok(json!(["no. 4"])));
        check(json!({"{{ unit.id }}": 1}), Ok(json!({"{{ unit.id }}": 1})));
    }

    #[test]
    fn in_the_steps_dialect_a_text_keeps_the_space_around_it() {
        let context = Context::of(&json!({"t": "a", "n": 3, "xs": [1, "b"]}));
        let fill = |text: &str| {
            Pattern::compile_in(Dialect::Steps, &json!(text), "").unwrap().fill(&context).unwrap()
        };
        assert_eq!(fill("{{ t }}\n"), json!("a\n"));
        assert_eq!(fill("{{ n }}\n"), json!(3));
        assert_eq!(fill("{{ xs }}"), json!([1, "b"]));
        assert_eq!(fill("{{ xs }} {{ n == 'x' }}"), json!("[1, 'b'] False"));
        assert_eq!(fill("{{ n == 'x' }}"), json!(false));
        assert_eq!(fill("{{ t.upper() }}"), json!("A"));
    }

    #[test]
    fn errors_say_where() {
        check(json!({"a": [1, "{{ unit.x }}"]}), Err("args.a[1]: `unit.x` is undefined"));
        check(json!({"a": "x {{ unit.x }}"}), Err("args.a: `unit.x` is undefined"));
        assert!(Pattern::compile(&json!("{{ a +"), "args").is_err());
    }

    #[test]
    fn variables_are_collected() {
        let pattern = Pattern::compile(&json!({"a": "{{ unit.n }}", "b": ["x {{ scope.language }}"]}), "");
        let variables: Vec<String> = pattern.unwrap().variables().into_iter().collect();
        assert_eq!(variables, ["scope.language", "unit.n"]);
    }
}
