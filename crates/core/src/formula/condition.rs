//! Conditions: a boolean, a word, a template or a formula, and what its value means.
//!
//! | the text | what holds |
//! |---|---|
//! | `true yes 1 on`, `false no 0 off` in any case, or nothing | what the word says; nothing says no |
//! | one `{{ … }}`, or a text with `{% … %}` | the truth of the template's value |
//! | without braces | the truth of the formula |
//! | with `{{ … }}` somewhere | the truth of the formula, in which each of them is a value |
//!
//! The value of a template is never read as a piece of formula. Its text is a number or a word where it is one, and
//! stays a text beside texts; inside of quotes it becomes a part of what is quoted.
//!
//! A value is true by itself where it is a boolean, a number other than 0, a list, dict or set with elements, or a text
//! that is such a number or word. Anything else is an error, never false.

use std::collections::BTreeSet;

use super::error::FormulaError;
use super::evaluate::{At, Evaluation};
use super::lex::{Glyph, Symbol, lexemes, too_long};
use super::store::{Holes, Names, Store};
use super::truth;
use super::value::Value;
use super::work::CHARACTERS;
use super::{Formula, symbols};
pub use split::{Hole, Part, split};

mod split;

/// A condition, parsed once and decided as often as wanted.
#[derive(Debug)]
pub struct Condition {
    form: Form,
    holes: Vec<Hole>,
    variables: BTreeSet<String>,
}

#[derive(Debug)]
enum Form {
    Fixed(bool),
    Value,
    Formula(Formula),
}

impl Condition {
    /// Makes the condition that always or never holds.
    #[must_use]
    pub const fn fixed(holds: bool) -> Self {
        Self { form: Form::Fixed(holds), holes: Vec::new(), variables: BTreeSet::new() }
    }

    /// Parses a condition.
    ///
    /// What is in its templates is left to the caller, who MUST give their values by [`Holes`].
    ///
    /// # Errors
    /// Fails where a template does not end, and where what is around it is no formula.
    pub fn parse(text: &str) -> Result<Self, FormulaError> {
        if text.chars().nth(CHARACTERS).is_some() {
            return Err(too_long());
        }
        Self::of(split(text)?, text.chars().count())
    }

    /// Makes a condition of parts that somebody else has split, whose text has `n_characters`.
    ///
    /// # Errors
    /// Fails where what is around the templates is no formula.
    pub fn of(parts: Vec<Part>, n_characters: usize) -> Result<Self, FormulaError> {
        let is_blank = |part: &Part| matches!(part, Part::Text { text, .. } if text.trim().is_empty());
        let is_bare = parts.iter().all(|part| matches!(part, Part::Text { .. }));
        let is_one = parts.iter().filter(|part| !is_blank(part)).count() == 1 && !is_bare;
        if is_bare && let Some(holds) = truth::word(&plain(&parts)) {
            return Ok(Self::fixed(holds));
        }
        let (symbols, holes) = laid_out(parts);
        let form =
            if is_one { Form::Value } else { Form::Formula(Formula::of(&lexemes(&symbols, n_characters)?)?) };
        let variables = match &form {
            Form::Formula(formula) => formula.variables().clone(),
            _ => BTreeSet::new(),
        };
        Ok(Self { form, holes, variables })
    }

    /// Returns the templates, in the order of their numbers.
    #[must_use]
    pub fn holes(&self) -> &[Hole] {
        &self.holes
    }

    /// Returns what the condition reads outside of its templates, as paths such as `reply.confidence`.
    #[must_use]
    pub const fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// Whether the condition holds.
    ///
    /// # Errors
    /// Fails where something is undefined, where values do not fit, where it takes too much, and where the value is
    /// neither true nor false.
    pub fn holds(&self, names: &dyn Names, holes: &dyn Holes) -> Result<bool, FormulaError> {
        let store = Store::new(names, &self.variables, holes, self.holes.len());
        match &self.form {
            Form::Fixed(answer) => Ok(*answer),
            Form::Formula(formula) => Evaluation::new(&store).holds(&formula.root),
            Form::Value => {
                let place = self.holes.first().map_or(0, |hole| hole.at);
                store.hole(0).and_then(Value::given).and_then(|value| truth::holds(&value)).at(place)
            }
        }
    }
}

fn plain(parts: &[Part]) -> String {
    let texts = parts.iter().map(|part| match part {
        Part::Text { text, .. } | Part::Hole(Hole { text, .. }) => text.as_str(),
    });
    texts.collect()
}

/// Lays texts and templates out in one row, and numbers the templates.
fn laid_out(parts: Vec<Part>) -> (Vec<Symbol>, Vec<Hole>) {
    let (mut row, mut holes) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Part::Text { at, text } => row.extend(symbols(&text, at)),
            Part::Hole(hole) => {
                row.push(Symbol { at: hole.at, glyph: Glyph::Hole(holes.len()) });
                holes.push(hole);
            }
        }
    }
    (row, holes)
}
