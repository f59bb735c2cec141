//! Comparisons, and what a template's text is in them.
//!
//! The text of a template is read as a number or a word, but beside a text it stays one: `{{ n }} > 3` and
//! `{{ version }} == '1.10'` both mean what they say.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::super::compare::{contains, equal, order};
use super::super::error::Outcome;
use super::super::tree::{Comparison, Kind, Node};
use super::super::value::{Text, Value};
use super::{At, Evaluated, Evaluation};

/// A side of a comparison.
struct Operand<'s> {
    value: Value<'s>,
    /// The text of a template that was read as something else.
    text: Option<&'s str>,
}

impl<'s> Evaluation<'s, '_> {
    pub(super) fn compare(&mut self, first: &'s Node, rest: &'s [(Comparison, Node)]) -> Evaluated<bool> {
        let mut left = self.operand(first)?;
        for (comparison, node) in rest {
            let right = self.operand(node)?;
            if !self.compared(*comparison, &left, &right).at(node.at)? {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    fn operand(&mut self, node: &'s Node) -> Evaluated<Operand<'s>> {
        if let Kind::Hole(number) = node.kind
            && let Json::String(text) = self.store.hole(number).at(node.at)?
        {
            let value = self.hole(number).at(node.at)?;
            let was_read = !matches!(value, Value::Text(_));
            return Ok(Operand { value, text: was_read.then_some(text) });
        }
        Ok(Operand { value: self.eval(node)?, text: None })
    }

    fn compared(&mut self, comparison: Comparison, a: &Operand<'s>, b: &Operand<'s>) -> Outcome<bool> {
        let ordered = |wanted: &[Ordering], evaluation: &mut Self| {
            let ordering = order(&a.beside(b), &b.beside(a), &mut evaluation.work, 0)?;
            Ok(wanted.contains(&ordering))
        };
        match comparison {
            Comparison::Equal => equal(&a.beside(b), &b.beside(a), &mut self.work, 0),
            Comparison::Unequal => Ok(!equal(&a.beside(b), &b.beside(a), &mut self.work, 0)?),
            Comparison::Less => ordered(&[Ordering::Less], self),
            Comparison::AtMost => ordered(&[Ordering::Less, Ordering::Equal], self),
            Comparison::Greater => ordered(&[Ordering::Greater], self),
            Comparison::AtLeast => ordered(&[Ordering::Greater, Ordering::Equal], self),
            Comparison::In => self.held(a, b),
            Comparison::NotIn => Ok(!self.held(a, b)?),
            Comparison::Is => Ok(is_same(&a.value, &b.value)),
            Comparison::IsNot => Ok(!is_same(&a.value, &b.value)),
        }
    }

    /// Whether the first is in the second; a template's text also as what it was read as.
    fn held(&mut self, sought: &Operand<'s>, holder: &Operand<'s>) -> Outcome<bool> {
        let holder = holder.text.map_or_else(|| holder.value.clone(), |text| Value::Text(Text::Given(text)));
        if let Some(text) = sought.text
            && contains(&holder, &Value::Text(Text::Given(text)), &mut self.work)?
        {
            return Ok(true);
        }
        if sought.text.is_some() && matches!(holder, Value::Text(_)) {
            return Ok(false);
        }
        contains(&holder, &sought.value, &mut self.work)
    }
}

impl<'s> Operand<'s> {
    /// Returns what the side is beside another one.
    fn beside(&self, other: &Self) -> Value<'s> {
        match self.text {
            Some(text) if matches!(other.value, Value::Text(_)) => Value::Text(Text::Given(text)),
            _ => self.value.clone(),
        }
    }
}

/// Whether both are None, both true or both false.
fn is_same(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::None, Value::None) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        _ => false,
    }
}
