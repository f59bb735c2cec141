//! From words and signs to the parts of a formula.
//!
//! ```text
//! expr    := or ('if' or 'else' expr)?        or := and ('or' and)*       and := not ('and' not)*
//! not     := 'not' not | compare              compare := sum (op sum)*    op  := == != < <= > >= in 'not in' is 'is not'
//! sum     := term (('+' | '-') term)*         term := factor (('*' | '/' | '//' | '%') factor)*
//! factor  := ('-' | '+') factor | power       power := post ('**' factor)?
//! post    := atom ('.' NAME args? | '[' expr ']' | '[' expr? ':' expr? (':' expr?)? ']')* | FUNCTION args
//! atom    := NAME | NUMBER | STRING | True | False | None | true | false | null | '(' … ')' | list | dict | set | HOLE
//! args    := '(' (expr (',' expr)*)? ')' | '(' expr each ')'
//! each    := 'for' names 'in' or ('if' or)*
//! ```

use super::error::{FormulaError, FormulaErrorKind};
use super::lex::{Lexeme, Token};
use super::tree::{Arithmetic, Choice, Comparison, Kind, Literal, Node, Sign};
use super::work::{DEPTH, NODES, wide};

mod atom;
mod bracket;
mod post;

/// What parsing a part gives.
type Parsed<T = Node> = Result<T, FormulaError>;

/// Words that are never names.
const RESERVED: [&str; 9] = ["and", "or", "not", "in", "is", "if", "else", "for", "lambda"];

/// Parses all of a formula.
pub(super) fn parse(lexemes: &[Lexeme]) -> Parsed {
    let mut parser = Parser { lexemes, next: 0, n_nodes: 0, depth: 0 };
    let node = parser.expression()?;
    match parser.token() {
        Token::End => Ok(node),
        _ => Err(parser.unexpected("the end")),
    }
}

struct Parser<'l> {
    lexemes: &'l [Lexeme],
    next: usize,
    n_nodes: usize,
    depth: usize,
}

impl<'l> Parser<'l> {
    fn token(&self) -> &'l Token {
        self.lexemes.get(self.next).map_or(&Token::End, |lexeme| &lexeme.token)
    }

    fn at(&self) -> usize {
        self.lexemes.get(self.next).or(self.lexemes.last()).map_or(0, |lexeme| lexeme.at)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.token(), Token::Sign(found) if *found == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.token(), Token::Word(found) if found == word)
    }

    /// Takes a sign where it comes next.
    fn sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.next += usize::from(found);
        found
    }

    /// Takes a word where it comes next.
    fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.next += usize::from(found);
        found
    }

    fn expect_sign(&mut self, sign: &str) -> Parsed<()> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn expect_word(&mut self, word: &str) -> Parsed<()> {
        if self.word(word) { Ok(()) } else { Err(self.unexpected(&format!("`{word}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> FormulaError {
        let found = match self.token() {
            Token::Word(word) => format!("`{word}`"),
            Token::Number(_) => "a number".to_owned(),
            Token::Text(_) => "a text".to_owned(),
            Token::Hole(_) => "`{{ … }}`".to_owned(),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::End => "the end".to_owned(),
        };
        FormulaErrorKind::syntax(format!("expected {wanted}, found {found}")).at(self.at())
    }

    fn refused(&self, message: impl Into<String>) -> FormulaError {
        FormulaErrorKind::refused(message).at(self.at())
    }

    /// Makes a part, where there may be one more.
    fn node(&mut self, at: usize, kind: Kind) -> Parsed {
        self.n_nodes += 1;
        if self.n_nodes > NODES {
            return Err(FormulaErrorKind::Limit { most: wide(NODES), what: "parts" }.at(at));
        }
        let height = 1 + kind.children().iter().map(|node| node.height).max().unwrap_or(0);
        if height > DEPTH {
            return Err(too_deep(at));
        }
        Ok(Node { at, height, kind })
    }

    /// Goes one level deeper, where that is allowed.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH {
            return Err(too_deep(self.at()));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn expression(&mut self) -> Parsed {
        self.deeper(Self::choice)
    }

    fn choice(&mut self) -> Parsed {
        let at = self.at();
        let then = self.or()?;
        if !self.word("if") {
            return Ok(then);
        }
        let test = self.or()?;
        self.expect_word("else")?;
        let other = self.expression()?;
        self.node(at, Kind::If(Box::new(Choice { test, then, other })))
    }

    fn or(&mut self) -> Parsed {
        self.row("or", Self::and, Kind::Or)
    }

    fn and(&mut self) -> Parsed {
        self.row("and", Self::not, Kind::And)
    }

    fn row(&mut self, word: &str, part: fn(&mut Self) -> Parsed, kind: fn(Vec<Node>) -> Kind) -> Parsed {
        let at = self.at();
        let first = part(self)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.word(word) {
            parts.push(part(self)?);
        }
        self.node(at, kind(parts))
    }

    fn not(&mut self) -> Parsed {
        let at = self.at();
        if !self.word("not") {
            return self.compare();
        }
        let inner = self.deeper(Self::not)?;
        self.node(at, Kind::Not(Box::new(inner)))
    }

    fn compare(&mut self) -> Parsed {
        let at = self.at();
        let first = self.sum()?;
        let mut rest = Vec::new();
        while let Some(comparison) = self.comparison()? {
            let right = self.sum()?;
            if matches!(comparison, Comparison::Is | Comparison::IsNot) && !is_single(&right) {
                let message = "`is` is for None, True and False: write `==`; tests such as `is defined` stand inside of `{{ … }}` only";
                return Err(FormulaErrorKind::refused(message).at(right.at));
            }
            rest.push((comparison, right));
        }
        if rest.is_empty() { Ok(first) } else { self.node(at, Kind::Compare(Box::new(first), rest)) }
    }

    fn comparison(&mut self) -> Parsed<Option<Comparison>> {
        let comparison = match self.token() {
            Token::Sign("==") => Comparison::Equal,
            Token::Sign("!=") => Comparison::Unequal,
            Token::Sign("<") => Comparison::Less,
            Token::Sign("<=") => Comparison::AtMost,
            Token::Sign(">") => Comparison::Greater,
            Token::Sign(">=") => Comparison::AtLeast,
            Token::Word(word) if word == "in" => Comparison::In,
            Token::Word(word) if word == "is" => Comparison::Is,
            Token::Word(word) if word == "not" => Comparison::NotIn,
            _ => return Ok(None),
        };
        self.next += 1;
        match comparison {
            Comparison::NotIn => self.expect_word("in")?,
            Comparison::Is if self.word("not") => return Ok(Some(Comparison::IsNot)),
            _ => {}
        }
        Ok(Some(comparison))
    }

    fn sum(&mut self) -> Parsed {
        self.chain(Self::term, &[Arithmetic::Add, Arithmetic::Sub])
    }

    fn term(&mut self) -> Parsed {
        let operators = [Arithmetic::Mul, Arithmetic::Div, Arithmetic::FloorDiv, Arithmetic::Mod];
        self.chain(Self::factor, &operators)
    }

    /// Parses operators that bind to the left.
    fn chain(&mut self, part: fn(&mut Self) -> Parsed, operators: &[Arithmetic]) -> Parsed {
        let mut left = part(self)?;
        loop {
            let at = self.at();
            let Some(operator) = operators.iter().find(|operator| self.sign(operator.spelled())) else {
                return Ok(left);
            };
            let right = part(self)?;
            left = self.node(at, Kind::Arithmetic(*operator, Box::new([left, right])))?;
        }
    }

    fn factor(&mut self) -> Parsed {
        let at = self.at();
        let sign = match self.token() {
            Token::Sign("-") => Sign::Minus,
            Token::Sign("+") => Sign::Plus,
            _ => return self.power(),
        };
        self.next += 1;
        let inner = self.deeper(Self::factor)?;
        self.node(at, Kind::Sign(sign, Box::new(inner)))
    }

    fn power(&mut self) -> Parsed {
        let base = self.post()?;
        let at = self.at();
        if !self.sign("**") {
            return Ok(base);
        }
        let exponent = self.deeper(Self::factor)?;
        self.node(at, Kind::Arithmetic(Arithmetic::Pow, Box::new([base, exponent])))
    }
}

fn is_single(node: &Node) -> bool {
    matches!(node.kind, Kind::Literal(Literal::None | Literal::Bool(_)))
}

fn too_deep(at: usize) -> FormulaError {
    FormulaErrorKind::Limit { most: wide(DEPTH), what: "levels of nesting" }.at(at)
}
