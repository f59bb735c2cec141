//! Formulas: a small language of expressions, whose every evaluation ends soon and takes little.
//!
//! It is what Python's expressions are without anything that reaches out of them: arithmetic, comparisons, `and`, `or`,
//! `not`, conditional expressions, texts, lists, dicts, sets, comprehensions, and the functions and methods of a list
//! that is fixed. There are no names but those given, no attributes that begin with `_`, no assignments. Everything
//! that is not part of it is refused when it is parsed; everything that fails is an error, and never false.
//!
//! - Several values in parentheses are a list, for there are no tuples; a generator is the list of its items.
//! - `a.b` is the value under the key `b`; `a.b()` is always a method, also of a dict that has a key of this name.
//! - Keys of dicts are texts. Numbers are finite, and whole ones leave a formula up to 2 ** 53.
//! - `json.loads(…)` is one word.
//!
//! [`Condition`] adds the words and templates of conditions.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value as Json;

pub use condition::{Condition, Hole, Part, split};
pub use error::{FormulaError, FormulaErrorKind};
use evaluate::Evaluation;
use lex::{Glyph, Lexeme, Symbol, lexemes, too_long};
pub(crate) use print::{float as float_text, push_quoted};
pub use store::{Holes, Names};
use store::{NoHoles, Store};
use tree::Node;
use value::Value;
use words::Method;
use work::{CHARACTERS, Work};

mod arithmetic;
mod compare;
mod condition;
mod error;
mod evaluate;
mod functions;
mod int;
mod lex;
mod methods;
mod parse;
mod paths;
mod print;
mod sequence;
mod store;
#[cfg(test)]
mod tests;
mod tree;
mod truth;
mod value;
mod words;
mod work;

/// A formula, parsed once and evaluated as often as wanted.
pub struct Formula {
    root: Node,
    variables: BTreeSet<String>,
}

impl Formula {
    /// Parses a formula.
    ///
    /// # Errors
    /// Fails where the text is no formula, where it is one of a larger language, and where it is too large.
    pub fn parse(text: &str) -> Result<Self, FormulaError> {
        if text.chars().nth(CHARACTERS).is_some() {
            return Err(too_long());
        }
        let symbols: Vec<Symbol> = symbols(text, 0).collect();
        Self::of(&lexemes(&symbols, symbols.len())?)
    }

    fn of(lexemes: &[Lexeme]) -> Result<Self, FormulaError> {
        let root = parse::parse(lexemes)?;
        let variables = paths::paths(&root);
        Ok(Self { root, variables })
    }

    /// Returns what the formula reads from its context, as paths such as `reply.confidence`.
    ///
    /// Names that it binds itself are left out; a path goes as far as names and quoted keys say it.
    #[must_use]
    pub const fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// Evaluates the formula.
    ///
    /// # Errors
    /// Fails where something is undefined, where values do not fit, and where it takes too much.
    pub fn eval(&self, names: &dyn Names) -> Result<Json, FormulaError> {
        let store = Store::new(names, &self.variables, &NoHoles, 0);
        Evaluation::new(&store).value(&self.root)
    }

    /// Evaluates the formula as a condition.
    ///
    /// # Errors
    /// Fails as [`Formula::eval`] does, and where the value is neither true nor false.
    pub fn holds(&self, names: &dyn Names) -> Result<bool, FormulaError> {
        let store = Store::new(names, &self.variables, &NoHoles, 0);
        Evaluation::new(&store).holds(&self.root)
    }
}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Formula").field("variables", &self.variables).finish_non_exhaustive()
    }
}

fn symbols(text: &str, at: usize) -> impl Iterator<Item = Symbol> {
    text.chars().enumerate().map(move |(n, c)| Symbol { at: at + n, glyph: Glyph::Char(c) })
}

/// Returns a value as Python prints it; a text is itself.
///
/// # Errors
/// Fails where the value nests too deep, or has more characters than a formula may make.
pub fn python_text(value: &Json) -> Result<Cow<'_, str>, FormulaErrorKind> {
    if let Json::String(text) = value {
        return Ok(Cow::Borrowed(text));
    }
    let text = print::printed(&Value::given(value)?, &mut Work::default())?;
    Ok(Cow::Owned(text.to_string()))
}

/// Calls a method as a formula does; `None` where there is no method of this name.
///
/// # Errors
/// Fails where the value does not have the method, where the arguments do not fit, and where it takes too much.
#[must_use]
pub fn call_method(value: &Json, name: &str, arguments: &[Json]) -> Option<Result<Json, FormulaErrorKind>> {
    Method::of(name).map(|method| called(method, value, arguments))
}

/// Puts values into a text as Python's `format` does, those with names included.
///
/// # Errors
/// Fails where the text is no pattern for the values, and where it takes too much.
pub fn format_text(
    text: &str,
    values: &[Json],
    named: &[(String, Json)],
) -> Result<String, FormulaErrorKind> {
    let mut work = Work::default();
    let values: Vec<Value<'_>> = values.iter().map(Value::given).collect::<Result<_, _>>()?;
    let named: Vec<(&str, Value<'_>)> = named
        .iter()
        .map(|(name, value)| Ok((name.as_str(), Value::given(value)?)))
        .collect::<Result<_, _>>()?;
    methods::format::text(text, &values, &named, &mut work)
}

fn called(method: Method, value: &Json, arguments: &[Json]) -> Result<Json, FormulaErrorKind> {
    words::check(method.name(), &method.arity(), arguments.len())?;
    let mut work = Work::default();
    let arguments: Vec<Value<'_>> = arguments.iter().map(Value::given).collect::<Result<_, _>>()?;
    methods::call(method, &Value::given(value)?, &arguments, &mut work)?.leave(&mut work, 0)
}
