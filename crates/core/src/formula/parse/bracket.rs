//! Brackets: lists, sets, dicts, comprehensions and what is put in order by parentheses.

use super::super::lex::Token;
use super::super::tree::{Each, Kind, Node, Shape};
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn bracket(&mut self, sign: &str) -> Parsed {
        let at = self.at();
        self.next += 1;
        match sign {
            "(" => self.parentheses(at),
            "[" => self.list(at),
            _ => self.braces(at),
        }
    }

    /// Parses what is in parentheses; several values make a list, for there are no tuples.
    fn parentheses(&mut self, at: usize) -> Parsed {
        if self.sign(")") {
            return self.node(at, Kind::List(Vec::new()));
        }
        let first = self.expression()?;
        if self.is_word("for") {
            return self.each(at, first, None, ")");
        }
        if self.sign(")") {
            return Ok(first);
        }
        let items = self.items(first, ")")?;
        self.node(at, Kind::List(items))
    }

    fn list(&mut self, at: usize) -> Parsed {
        if self.sign("]") {
            return self.node(at, Kind::List(Vec::new()));
        }
        let first = self.expression()?;
        if self.is_word("for") {
            return self.each(at, first, None, "]");
        }
        let items = self.items(first, "]")?;
        self.node(at, Kind::List(items))
    }

    fn braces(&mut self, at: usize) -> Parsed {
        if self.sign("}") {
            return self.node(at, Kind::Dict(Vec::new()));
        }
        let first = self.expression()?;
        if self.sign(":") {
            return self.dict(at, first);
        }
        if self.is_word("for") {
            return self.each(at, first, Some(Shape::Set), "}");
        }
        let items = self.items(first, "}")?;
        self.node(at, Kind::Set(items))
    }

    fn dict(&mut self, at: usize, key: Node) -> Parsed {
        let value = self.expression()?;
        if self.is_word("for") {
            return self.each(at, key, Some(Shape::Dict(value)), "}");
        }
        let mut entries = vec![(key, value)];
        while !self.sign("}") {
            self.expect_sign(",")?;
            if self.sign("}") {
                break;
            }
            let key = self.expression()?;
            self.expect_sign(":")?;
            entries.push((key, self.expression()?));
        }
        self.node(at, Kind::Dict(entries))
    }

    /// Parses the items behind the first one.
    fn items(&mut self, first: Node, end: &str) -> Parsed<Vec<Node>> {
        let mut items = vec![first];
        while !self.sign(end) {
            self.expect_sign(",")?;
            if self.sign(end) {
                break;
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }

    /// Parses the rest of a comprehension, with the bracket that ends it.
    pub(super) fn each(&mut self, at: usize, element: Node, shape: Option<Shape>, end: &str) -> Parsed {
        self.expect_word("for")?;
        let names = self.names()?;
        self.expect_word("in")?;
        let over = self.or()?;
        let mut conditions = Vec::new();
        while self.word("if") {
            conditions.push(self.or()?);
        }
        if self.is_word("for") {
            return Err(self.refused("a comprehension has one `for`"));
        }
        self.expect_sign(end)?;
        let shape = shape.unwrap_or(Shape::List);
        self.node(at, Kind::Each(Box::new(Each { shape, element, names, over, conditions })))
    }

    fn names(&mut self) -> Parsed<Vec<String>> {
        let in_parentheses = self.sign("(");
        let mut names = vec![self.name()?];
        while self.sign(",") {
            names.push(self.name()?);
        }
        if in_parentheses {
            self.expect_sign(")")?;
        }
        Ok(names)
    }

    fn name(&mut self) -> Parsed<String> {
        let Token::Word(name) = self.token() else {
            return Err(self.unexpected("a name"));
        };
        self.usable(name)?;
        if matches!(name.as_str(), "None" | "null" | "True" | "true" | "False" | "false") {
            return Err(self.unexpected("a name"));
        }
        self.next += 1;
        Ok(name.clone())
    }
}
