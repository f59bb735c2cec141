//! What follows a value: keys, indexes, slices and calls.

use super::super::error::FormulaErrorKind;
use super::super::lex::Token;
use super::super::tree::{Kind, Node, Slice};
use super::super::words::{Function, Method, check};
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn post(&mut self) -> Parsed {
        let mut node = self.atom()?;
        loop {
            let at = self.at();
            node = if self.sign(".") {
                self.member(at, node)?
            } else if self.sign("[") {
                self.subscript(at, node)?
            } else if self.is_sign("(") {
                return Err(self.refused("only functions and methods can be called"));
            } else {
                return Ok(node);
            };
        }
    }

    fn member(&mut self, at: usize, node: Node) -> Parsed {
        let Token::Word(name) = self.token() else {
            return Err(self.unexpected("a name"));
        };
        self.public(name)?;
        if name.starts_with('$') {
            return Err(self.unexpected("a name without `$`"));
        }
        let method = Method::of(name);
        let place = self.at();
        self.next += 1;
        if !self.is_sign("(") {
            return self.node(at, Kind::Key(Box::new(node), name.clone()));
        }
        let method = method.ok_or_else(|| unknown("method", name, Method::names()).at(place))?;
        let arguments = self.arguments()?;
        check(method.name(), &method.arity(), arguments.len()).map_err(|kind| kind.at(place))?;
        self.node(at, Kind::Method(method, Box::new(node), arguments))
    }

    pub(super) fn call(&mut self, at: usize, name: &str) -> Parsed {
        let function =
            Function::of(name).ok_or_else(|| unknown("function", name, Function::names()).at(at))?;
        let arguments = self.arguments()?;
        check(name, &function.arity(), arguments.len()).map_err(|kind| kind.at(at))?;
        self.node(at, Kind::Call(function, arguments))
    }

    fn arguments(&mut self) -> Parsed<Vec<Node>> {
        self.expect_sign("(")?;
        let mut arguments = Vec::new();
        while !self.sign(")") {
            let at = self.at();
            let argument = self.expression()?;
            if arguments.is_empty() && self.is_word("for") {
                let list = self.each(at, argument, None, ")")?;
                return Ok(vec![list]);
            }
            arguments.push(argument);
            if !self.is_sign(")") {
                self.expect_sign(",")?;
            }
        }
        Ok(arguments)
    }

    fn subscript(&mut self, at: usize, node: Node) -> Parsed {
        let from = if self.is_sign(":") { None } else { Some(self.expression()?) };
        if !self.sign(":") {
            self.expect_sign("]")?;
            let Some(index) = from else { return Err(self.unexpected("an index")) };
            return self.node(at, Kind::Index(Box::new([node, index])));
        }
        let is_end = self.is_sign(":") || self.is_sign("]");
        let to = if is_end { None } else { Some(self.expression()?) };
        let has_step = self.sign(":") && !self.is_sign("]");
        let step = if has_step { Some(self.expression()?) } else { None };
        self.expect_sign("]")?;
        let slice = Slice { from, to, step };
        self.node(at, Kind::Slice(Box::new(node), Box::new(slice)))
    }
}

fn unknown(what: &str, name: &str, names: impl Iterator<Item = &'static str>) -> FormulaErrorKind {
    let names: Vec<&str> = names.collect();
    FormulaErrorKind::refused(format!("no {what} `{name}`: there are {}", names.join(", ")))
}
