//! Patterns: JSON whose strings are templates, such as an agent's params, a tool's arguments or the body of a request.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::expression::Expression;
use crate::template::{Context, Template, TemplateError, is_template};

/// JSON whose strings are templates, compiled once and filled as often as wanted.
///
/// A string that is a single `{{ … }}` becomes the value itself, with its type; any other template becomes text.
#[derive(Debug)]
pub struct Pattern(Node);

#[derive(Debug)]
enum Node {
    Fixed(Value),
    Value { expression: Box<Expression>, path: String },
    Text { template: Template, path: String },
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
        Node::of(value, path).map(Self)
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
}

/// Fills a pattern that is needed only once.
///
/// # Errors
/// Fails where a template does not parse or fails.
pub fn fill(value: &Value, context: &Context, path: &str) -> Result<Value, FillError> {
    Pattern::compile(value, path)?.fill(context)
}

impl Node {
    fn of(value: &Value, path: &str) -> Result<Self, FillError> {
        Ok(match value {
            Value::String(text) if is_template(text) => Self::of_text(text, path)?,
            Value::Array(items) => {
                let nodes = items.iter().enumerate().map(|(n, item)| Self::of(item, &format!("{path}[{n}]")));
                Self::List(nodes.collect::<Result<_, _>>()?)
            }
            Value::Object(map) => {
                let nodes = map
                    .iter()
                    .map(|(key, item)| Ok((key.clone(), Self::of(item, &format!("{path}.{key}"))?)));
                Self::Object(nodes.collect::<Result<_, FillError>>()?)
            }
            other => Self::Fixed(other.clone()),
        })
    }

    fn of_text(text: &str, path: &str) -> Result<Self, FillError> {
        let at = |error| FillError { path: path.to_owned(), error };
        let path = path.to_owned();
        Ok(match lone(text) {
            Some(inner) => {
                Self::Value { expression: Box::new(Expression::compile(inner).map_err(at)?), path }
            }
            None => Self::Text { template: Template::compile("", text).map_err(at)?, path },
        })
    }

    fn fill(&self, context: &Context) -> Result<Value, FillError> {
        let at = |path: &String| {
            let path = path.clone();
            |error| FillError { path, error }
        };
        Ok(match self {
            Self::Fixed(value) => value.clone(),
            Self::Value { expression, path } => expression.eval(context).map_err(at(path))?,
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
}

/// Returns the inside of a text that is a single `{{ … }}`.
fn lone(text: &str) -> Option<&str> {
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
