//! The evaluation of a formula.

use serde_json::Value as Json;

use super::arithmetic;
use super::error::{FormulaError, FormulaErrorKind, Outcome};
use super::functions;
use super::int::Int;
use super::methods;
use super::paths;
use super::print;
use super::sequence;
use super::store::Store;
use super::tree::{Choice, Kind, Literal, Node, Piece};
use super::truth;
use super::value::{Entries, Text, Value};
use super::work::Work;

mod each;
mod operand;

/// What evaluating a part gives.
type Evaluated<T> = Result<T, FormulaError>;

/// Gives an outcome its place.
pub(super) trait At<T> {
    fn at(self, at: usize) -> Evaluated<T>;
}

impl<T> At<T> for Outcome<T> {
    fn at(self, at: usize) -> Evaluated<T> {
        self.map_err(|kind| kind.at(at))
    }
}

/// One evaluation: what it can see, what it has bound, what it has taken.
pub(super) struct Evaluation<'s, 'v> {
    store: &'s Store<'v>,
    bound: Vec<(&'s str, Value<'s>)>,
    pub(super) work: Work,
}

impl<'s, 'v> Evaluation<'s, 'v> {
    pub(super) fn new(store: &'s Store<'v>) -> Self {
        Self { store, bound: Vec::new(), work: Work::default() }
    }

    /// Returns the value of a formula.
    pub(super) fn value(&mut self, root: &'s Node) -> Evaluated<Json> {
        self.eval(root)?.leave(&mut self.work, 0).at(root.at)
    }

    /// Whether a formula holds as a condition.
    pub(super) fn holds(&mut self, root: &'s Node) -> Evaluated<bool> {
        if let Kind::Hole(number) = root.kind {
            return self.hole_holds(number).at(root.at);
        }
        truth::holds(&self.eval(root)?).at(root.at)
    }

    fn eval(&mut self, node: &'s Node) -> Evaluated<Value<'s>> {
        self.work.read(1).at(node.at)?;
        match &node.kind {
            Kind::Literal(literal) => Ok(constant(literal)),
            Kind::Quoted(pieces) => self.quoted(pieces).at(node.at),
            Kind::Name(name) => self.name(name).at(node.at),
            Kind::Hole(number) => self.hole(*number).at(node.at),
            Kind::List(nodes) => self.list(node, nodes),
            Kind::Set(nodes) => self.set(node, nodes),
            Kind::Dict(entries) => self.dict(node, entries),
            Kind::Each(each) => self.each(node, each),
            Kind::Sign(sign, inner) => arithmetic::sign(*sign, &self.eval(inner)?).at(node.at),
            Kind::Arithmetic(operator, sides) => {
                let (left, right) = (self.eval(&sides[0])?, self.eval(&sides[1])?);
                arithmetic::apply(*operator, &left, &right, &mut self.work).at(node.at)
            }
            Kind::And(parts) => self.row(parts, false),
            Kind::Or(parts) => self.row(parts, true),
            Kind::Not(inner) => Ok(Value::Bool(!self.truth(inner)?.1)),
            Kind::Compare(first, rest) => self.compare(first, rest).map(Value::Bool),
            Kind::If(choice) => self.choice(choice),
            Kind::Key(base, key) => self.key(node, base, key),
            Kind::Index(nodes) => self.index(node, &nodes[0], &nodes[1]),
            Kind::Slice(base, slice) => {
                let base = self.eval(base)?;
                let ends = slice.ends().map(|end| self.end(end));
                let [from, to, step] = ends;
                sequence::slice(&base, [from?, to?, step?], &mut self.work).at(node.at)
            }
            Kind::Method(method, base, arguments) => {
                let base = self.eval(base)?;
                let arguments = self.all(arguments)?;
                methods::call(*method, &base, &arguments, &mut self.work).at(node.at)
            }
            Kind::Call(function, arguments) => {
                let arguments = self.all(arguments)?;
                functions::call(*function, &arguments, &mut self.work).at(node.at)
            }
        }
    }

    fn all(&mut self, nodes: &'s [Node]) -> Evaluated<Vec<Value<'s>>> {
        nodes.iter().map(|node| self.eval(node)).collect()
    }

    fn end(&mut self, node: Option<&'s Node>) -> Evaluated<Option<Value<'s>>> {
        node.map(|node| self.eval(node)).transpose()
    }

    fn quoted(&mut self, pieces: &'s [Piece]) -> Outcome<Value<'s>> {
        match pieces {
            [] => return Ok(Value::Text(Text::Given(""))),
            [Piece::Text(text)] => return Ok(Value::Text(Text::Given(text))),
            _ => {}
        }
        let mut whole = String::new();
        for piece in pieces {
            let text = match piece {
                Piece::Text(text) => Text::Given(text),
                Piece::Hole(number) => {
                    print::printed(&Value::given(self.store.hole(*number)?)?, &mut self.work)?
                }
            };
            self.work.write(&text)?;
            whole.push_str(&text);
        }
        Ok(Value::text(whole))
    }

    fn name(&self, name: &'s str) -> Outcome<Value<'s>> {
        match self.bound.iter().rev().find(|(bound, _)| *bound == name) {
            Some((_, value)) => Ok(value.clone()),
            None => Value::given(self.store.name(name)?),
        }
    }

    fn list(&mut self, node: &Node, nodes: &'s [Node]) -> Evaluated<Value<'s>> {
        self.work.make(nodes.len()).at(node.at)?;
        self.all(nodes).map(Value::list)
    }

    fn set(&mut self, node: &Node, nodes: &'s [Node]) -> Evaluated<Value<'s>> {
        let elements = self.all(nodes)?;
        functions::set(elements, &mut self.work).at(node.at)
    }

    fn dict(&mut self, node: &Node, entries: &'s [(Node, Node)]) -> Evaluated<Value<'s>> {
        let mut made = Entries::default();
        for (key, value) in entries {
            let (key, value) = (self.eval(key)?, self.eval(value)?);
            made.insert(key, value, &mut self.work).at(node.at)?;
        }
        Ok(made.finish())
    }

    /// Returns the first part whose truth is `stop`, else the last part.
    fn row(&mut self, parts: &'s [Node], stop: bool) -> Evaluated<Value<'s>> {
        let mut last = Value::Bool(!stop);
        for part in parts {
            let (value, is_true) = self.truth(part)?;
            last = value;
            if is_true == stop {
                break;
            }
        }
        Ok(last)
    }

    /// Evaluates a part whose truth is wanted; of a template's text, that is what its word says.
    fn truth(&mut self, node: &'s Node) -> Evaluated<(Value<'s>, bool)> {
        let value = self.eval(node)?;
        let is_true = match node.kind {
            Kind::Hole(number) => self.hole_holds(number).at(node.at)?,
            _ => value.is_true(),
        };
        Ok((value, is_true))
    }

    fn choice(&mut self, choice: &'s Choice) -> Evaluated<Value<'s>> {
        let taken = if self.truth(&choice.test)?.1 { &choice.then } else { &choice.other };
        self.eval(taken)
    }

    fn key(&mut self, node: &Node, base: &'s Node, key: &'s str) -> Evaluated<Value<'s>> {
        let value = self.eval(base)?;
        self.work.read(key.len()).at(node.at)?;
        let found = match &value {
            Value::Dict(dict) => dict.get(key).unwrap_or_else(|| Err(undefined(node, key))),
            other => Err(FormulaErrorKind::mismatch(format!("{} has no `{key}`", other.kind()))),
        };
        found.at(node.at)
    }

    fn index(&mut self, node: &'s Node, base: &'s Node, index: &'s Node) -> Evaluated<Value<'s>> {
        let (value, index) = (self.eval(base)?, self.eval(index)?);
        let shown =
            if let Value::Text(key) = &index { key.chars().take(60).collect() } else { String::new() };
        sequence::at(&value, &index, &mut self.work, || undefined(node, &shown)).at(node.at)
    }

    /// Returns the value of a template; a text is the number or the word that it is.
    fn hole(&mut self, number: usize) -> Outcome<Value<'s>> {
        match self.store.hole(number)? {
            Json::String(text) => {
                self.work.read(Int::reading(text))?;
                truth::read(text)
            }
            other => Value::given(other),
        }
    }

    fn hole_holds(&self, number: usize) -> Outcome<bool> {
        truth::holds(&Value::given(self.store.hole(number)?)?)
    }
}

fn constant<'s>(literal: &Literal) -> Value<'s> {
    match literal {
        Literal::None => Value::None,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Int(value) => Value::Int(value.clone()),
        Literal::Float(value) => Value::Float(*value),
    }
}

/// Tells what was looked for, by its path where it has one.
fn undefined(node: &Node, key: &str) -> FormulaErrorKind {
    FormulaErrorKind::Undefined { path: paths::path(node).unwrap_or_else(|| key.to_owned()) }
}
