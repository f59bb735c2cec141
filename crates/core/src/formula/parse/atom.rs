//! Names, constants and texts.

use super::super::lex::Token;
use super::super::tree::{Kind, Literal, Piece};
use super::super::words::Function;
use super::{Parsed, Parser, RESERVED};

impl Parser<'_> {
    pub(super) fn atom(&mut self) -> Parsed {
        let at = self.at();
        let kind = match self.token() {
            Token::Word(word) => return self.named(word),
            Token::Sign(sign @ ("(" | "[" | "{")) => return self.bracket(sign),
            Token::Sign("*" | "**") => {
                return Err(self.refused("stars before a value are not part of the language"));
            }
            Token::Number(literal) => Kind::Literal(literal.clone()),
            Token::Text(pieces) => Kind::Quoted(filled(pieces)),
            Token::Hole(number) => Kind::Hole(*number),
            Token::Sign(_) | Token::End => return Err(self.unexpected("a value")),
        };
        self.next += 1;
        self.node(at, kind)
    }

    fn named(&mut self, word: &str) -> Parsed {
        let at = self.at();
        let literal = match word {
            "None" | "null" => Some(Literal::None),
            "True" | "true" => Some(Literal::Bool(true)),
            "False" | "false" => Some(Literal::Bool(false)),
            _ => None,
        };
        if let Some(literal) = literal {
            self.next += 1;
            return self.node(at, Kind::Literal(literal));
        }
        self.usable(word)?;
        self.next += 1;
        if self.is_sign("(") {
            return self.call(at, word);
        }
        if word == "json" && self.is_loads() {
            self.next += 2;
            return self.call(at, Function::Loads.name());
        }
        self.node(at, Kind::Name(word.to_owned()))
    }

    /// Whether `.loads(` comes next: a fixed pattern, for there is no value that has this method.
    fn is_loads(&self) -> bool {
        let mut tokens = self.lexemes.iter().skip(self.next).map(|lexeme| &lexeme.token);
        matches!(tokens.next(), Some(Token::Sign(".")))
            && matches!(tokens.next(), Some(Token::Word(word)) if word == "loads")
            && matches!(tokens.next(), Some(Token::Sign("(")))
    }

    /// Fails where a word cannot be the name of a value.
    pub(super) fn usable(&self, word: &str) -> Parsed<()> {
        if word == "lambda" {
            return Err(self.refused("`lambda` is not part of the language"));
        }
        if RESERVED.contains(&word) {
            return Err(self.unexpected("a value"));
        }
        self.public(word)
    }

    /// Fails where a word begins like a private name.
    pub(super) fn public(&self, word: &str) -> Parsed<()> {
        if word.trim_start_matches('$').starts_with('_') {
            return Err(
                self.refused(format!("`{word}`: names that begin with `_` are not part of the language"))
            );
        }
        Ok(())
    }
}

/// Leaves out the empty pieces around holes.
fn filled(pieces: &[Piece]) -> Vec<Piece> {
    let is_filled = |piece: &&Piece| !matches!(piece, Piece::Text(text) if text.is_empty());
    pieces.iter().filter(is_filled).cloned().collect()
}
