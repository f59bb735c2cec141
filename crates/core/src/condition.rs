//! Conditions of `when:` and of loops, in the dialect of the pipeline.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value as Json;

use crate::expression::Expression;
use crate::formula::{self, FormulaError};
use crate::template::{Context, Dialect, Template, TemplateError};

/// A condition, compiled once and decided as often as wanted.
#[derive(Debug)]
pub enum Condition {
    /// An expression of Refrain's own templates: true or false.
    Expression(Box<Expression>),
    /// A condition of a steps file: a word, a template or a formula.
    Formula(Box<Formula>),
}

/// A condition of a steps file.
pub struct Formula {
    text: String,
    condition: formula::Condition,
    holes: Vec<Filling>,
    variables: BTreeSet<String>,
}

/// What gives a template inside of a condition its value.
enum Filling {
    Value(Box<Expression>),
    Text(Template),
}

impl Condition {
    /// Compiles a condition of a dialect.
    ///
    /// # Errors
    /// Fails where the text is none.
    pub fn compile(dialect: Dialect, text: &str) -> Result<Self, TemplateError> {
        match dialect {
            Dialect::Refrain => Expression::compile(text).map(|it| Self::Expression(Box::new(it))),
            Dialect::Steps => Formula::compile(text).map(|it| Self::Formula(Box::new(it))),
        }
    }

    /// Whether the condition holds.
    ///
    /// # Errors
    /// Fails where something is undefined, where values do not fit, where it takes too much, and where the value is
    /// neither true nor false: never because it is false.
    pub fn holds(&self, context: &Context) -> Result<bool, TemplateError> {
        match self {
            Self::Expression(expression) => expression.eval_bool(context),
            Self::Formula(formula) => formula.holds(context),
        }
    }

    /// Returns what the condition reads from its context, as paths such as `reply.confidence`.
    #[must_use]
    pub const fn variables(&self) -> &BTreeSet<String> {
        match self {
            Self::Expression(expression) => expression.variables(),
            Self::Formula(formula) => &formula.variables,
        }
    }

    /// Returns the condition as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Expression(expression) => expression.text(),
            Self::Formula(formula) => &formula.text,
        }
    }
}

impl Formula {
    fn compile(text: &str) -> Result<Self, TemplateError> {
        let condition = formula::Condition::parse(text).map_err(|error| placed(&error, text))?;
        let holes: Vec<Filling> = condition.holes().iter().map(Filling::compile).collect::<Result<_, _>>()?;
        let mut variables = condition.variables().clone();
        for hole in &holes {
            variables.extend(hole.variables());
        }
        Ok(Self { text: text.to_owned(), condition, holes, variables })
    }

    fn holds(&self, context: &Context) -> Result<bool, TemplateError> {
        let fill = |number: usize| {
            let filling = self.holes.get(number).ok_or_else(|| "there is no such template".to_owned())?;
            filling.value(context).map_err(|error| error.message)
        };
        self.condition.holds(context, &fill).map_err(|error| placed(&error, &self.text))
    }
}

impl Filling {
    fn compile(hole: &formula::Hole) -> Result<Self, TemplateError> {
        if hole.is_template {
            return Template::compile_in(Dialect::Steps, "", &hole.text).map(Self::Text);
        }
        Expression::compile_in(Dialect::Steps, &hole.text).map(|it| Self::Value(Box::new(it)))
    }

    fn value(&self, context: &Context) -> Result<Json, TemplateError> {
        match self {
            Self::Value(expression) => expression.eval(context),
            Self::Text(template) => template.render(context).map(Json::String),
        }
    }

    fn variables(&self) -> BTreeSet<String> {
        match self {
            Self::Value(expression) => expression.variables().clone(),
            Self::Text(template) => template.variables(),
        }
    }
}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Formula").field(&self.text).finish()
    }
}

/// Brings the place of a mistake into lines and columns.
fn placed(error: &FormulaError, text: &str) -> TemplateError {
    let before: String = text.chars().take(error.at).collect();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    TemplateError {
        message: error.kind.to_string(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
        range: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(dialect: Dialect, text: &str, expect: Result<bool, &str>) {
        let context = Context::of(
            &json!({"n": 5, "word": "yes", "evil": "1) or (1", "rd": {"result": {"size": 5, "content": "hello"}}}),
        );
        let found = Condition::compile(dialect, text).and_then(|condition| condition.holds(&context));
        match (found, expect) {
            (Ok(holds), Ok(wanted)) => assert_eq!(holds, wanted, "{text}"),
            (Err(error), Err(wanted)) => assert!(error.message.contains(wanted), "{text}: {error}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn steps_have_words_templates_and_formulas() {
        let check = |text, expect| check(Dialect::Steps, text, expect);
        check("{{ n > 3 }}", Ok(true));
        check("n > 3 and 'ell' in rd.result.content", Ok(true));
        check("{{ rd.result.size }} == 5", Ok(true));
        check("'{{ rd.result.content }}' == 'bye'", Ok(false));
        check("{{ word }}", Ok(true));
        check("no", Ok(false));
        check("{% if n > 3 %}true{% else %}false{% endif %}", Ok(true));
        check("{{ nosuch.x }} == 1", Err("undefined"));
        check("nosuch > 1", Err("`nosuch` is undefined"));
        check("{{ evil }} == 5", Ok(false));
        check("__import__('os')", Err("_"));
        check("{{ rd.result }}", Ok(true));
        check("{{ none }}", Err("neither"));
    }

    #[test]
    fn native_conditions_stay_as_they_are() {
        check(Dialect::Refrain, "n > 3", Ok(true));
        check(Dialect::Refrain, "n == 'x'", Err("compares a number with a string"));
        check(Dialect::Refrain, "word", Err("a condition must be true or false"));
    }

    #[test]
    fn variables_are_paths_of_both() {
        let condition = Condition::compile(Dialect::Steps, "{{ a.b }} > c.d").unwrap();
        let variables: Vec<&str> = condition.variables().iter().map(String::as_str).collect();
        assert_eq!(variables, ["a.b", "c.d"]);
    }

    #[test]
    fn mistakes_have_a_place() {
        let error = Condition::compile(Dialect::Steps, "a >\n  lambda: 1").unwrap_err();
        assert_eq!((error.line, error.column), (2, 3), "{error}");
    }
}
