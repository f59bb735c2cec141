//! Comprehensions.

use std::collections::BTreeSet;

use super::super::error::{FormulaErrorKind, Outcome};
use super::super::functions::insert;
use super::super::tree::{Each, Node, Shape};
use super::super::value::{Entries, Value};
use super::{At, Evaluated, Evaluation};

impl<'s> Evaluation<'s, '_> {
    pub(super) fn each(&mut self, node: &'s Node, each: &'s Each) -> Evaluated<Value<'s>> {
        let over = self.eval(&each.over)?;
        let items = over.items(&mut self.work).at(each.over.at)?;
        self.work.go_through(items.len()).at(node.at)?;
        match &each.shape {
            Shape::List => self.list_of(node, each, items),
            Shape::Set => self.set_of(node, each, items),
            Shape::Dict(value) => self.dict_of(node, each, items, value),
        }
    }

    fn list_of(&mut self, node: &'s Node, each: &'s Each, items: Vec<Value<'s>>) -> Evaluated<Value<'s>> {
        let mut made = Vec::new();
        self.turns(each, items, |evaluation| {
            evaluation.work.make(1).at(node.at)?;
            made.push(evaluation.eval(&each.element)?);
            Ok(())
        })?;
        Ok(Value::list(made))
    }

    fn set_of(&mut self, node: &'s Node, each: &'s Each, items: Vec<Value<'s>>) -> Evaluated<Value<'s>> {
        let mut made = BTreeSet::new();
        self.turns(each, items, |evaluation| {
            let element = evaluation.eval(&each.element)?;
            insert(&mut made, element, &mut evaluation.work).at(node.at)
        })?;
        Ok(Value::set(made))
    }

    fn dict_of(
        &mut self,
        node: &'s Node,
        each: &'s Each,
        items: Vec<Value<'s>>,
        value: &'s Node,
    ) -> Evaluated<Value<'s>> {
        let mut made = Entries::default();
        self.turns(each, items, |evaluation| {
            let (key, value) = (evaluation.eval(&each.element)?, evaluation.eval(value)?);
            made.insert(key, value, &mut evaluation.work).at(node.at)
        })?;
        Ok(made.finish())
    }

    /// Takes a turn for every item for which the conditions hold.
    fn turns(
        &mut self,
        each: &'s Each,
        items: Vec<Value<'s>>,
        mut turn: impl FnMut(&mut Self) -> Evaluated<()>,
    ) -> Evaluated<()> {
        let n_bound = self.bound.len();
        for item in items {
            self.bind(&each.names, item).at(each.over.at)?;
            if self.all_hold(&each.conditions)? {
                turn(self)?;
            }
            self.bound.truncate(n_bound);
        }
        Ok(())
    }

    /// Binds the item to the name, or its parts to as many names.
    fn bind(&mut self, names: &'s [String], item: Value<'s>) -> Outcome<()> {
        if let [name] = names {
            self.bound.push((name, item));
            return Ok(());
        }
        let parts = item.items(&mut self.work)?;
        if parts.len() != names.len() {
            let message = format!("an item has {} parts for {} names", parts.len(), names.len());
            return Err(FormulaErrorKind::value(message));
        }
        self.bound.extend(names.iter().map(String::as_str).zip(parts));
        Ok(())
    }

    fn all_hold(&mut self, conditions: &'s [Node]) -> Evaluated<bool> {
        for condition in conditions {
            if !self.truth(condition)?.1 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
