//! From characters to words, numbers, texts and signs.

use super::error::{FormulaError, FormulaErrorKind};
use super::int::Int;
use super::tree::{Literal, Piece};
use super::work::{CHARACTERS, wide};

/// A stretch of what is read, with its place.
#[derive(Debug, Clone)]
pub(super) struct Lexeme {
    pub(super) at: usize,
    pub(super) token: Token,
}

/// What a stretch is.
#[derive(Debug, Clone)]
pub(super) enum Token {
    Word(String),
    Number(Literal),
    Text(Vec<Piece>),
    Hole(usize),
    Sign(&'static str),
    End,
}

/// A character, or a hole between characters, with its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    pub(super) at: usize,
    pub(super) glyph: Glyph,
}

/// A character or a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glyph {
    Char(char),
    Hole(usize),
}

/// The signs of the language, longer ones first.
const SIGNS: [&str; 25] = [
    "**", "//", "==", "!=", "<=", ">=", ":=", "->", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]",
    "{", "}", ",", ":", ".", "=",
];

/// Reads all of a text.
pub(super) fn lexemes(symbols: &[Symbol], end: usize) -> Result<Vec<Lexeme>, FormulaError> {
    if end > CHARACTERS {
        return Err(too_long());
    }
    Reader { symbols, next: 0, end }.all()
}

pub(super) fn too_long() -> FormulaError {
    FormulaErrorKind::Limit { most: wide(CHARACTERS), what: "characters" }.at(CHARACTERS)
}

struct Reader<'s> {
    symbols: &'s [Symbol],
    next: usize,
    end: usize,
}

impl Reader<'_> {
    fn all(mut self) -> Result<Vec<Lexeme>, FormulaError> {
        let mut lexemes = Vec::new();
        while let Some(symbol) = self.symbols.get(self.next) {
            if matches!(symbol.glyph, Glyph::Char(c) if c.is_whitespace()) {
                self.next += 1;
                continue;
            }
            let token = self.token(symbol.glyph)?;
            lexemes.push(Lexeme { at: symbol.at, token });
        }
        lexemes.push(Lexeme { at: self.end, token: Token::End });
        Ok(lexemes)
    }

    fn token(&mut self, glyph: Glyph) -> Result<Token, FormulaError> {
        match glyph {
            Glyph::Hole(number) => {
                self.next += 1;
                Ok(Token::Hole(number))
            }
            Glyph::Char(c) if starts_word(c) => self.word(),
            Glyph::Char(c) if c.is_ascii_digit() => self.number(),
            Glyph::Char('.') if self.char(1).is_some_and(|c| c.is_ascii_digit()) => self.number(),
            Glyph::Char(quote @ ('\'' | '"')) => self.quoted(quote),
            Glyph::Char(c) => self.sign(c),
        }
    }

    /// Returns the place of what is read next.
    fn at(&self) -> usize {
        self.symbols.get(self.next).map_or(self.end, |symbol| symbol.at)
    }

    /// Returns the character that is so far ahead.
    fn char(&self, ahead: usize) -> Option<char> {
        match self.symbols.get(self.next + ahead)?.glyph {
            Glyph::Char(c) => Some(c),
            Glyph::Hole(_) => None,
        }
    }

    /// Takes characters as long as they are wanted.
    fn take(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(c) = self.char(0).filter(|c| wanted(*c)) {
            text.push(c);
            self.next += 1;
        }
        text
    }

    fn word(&mut self) -> Result<Token, FormulaError> {
        let at = self.at();
        let mut word = String::new();
        if self.char(0) == Some('$') {
            word.push('$');
            self.next += 1;
        }
        word.push_str(&self.take(|c| c == '_' || c.is_alphanumeric()));
        if word == "$" {
            return Err(FormulaErrorKind::syntax("expected a name after `$`").at(at));
        }
        if matches!(self.char(0), Some('\'' | '"')) {
            let message = format!("texts with a prefix, such as `{word}'…'`, are not part of the language");
            return Err(FormulaErrorKind::refused(message).at(at));
        }
        Ok(Token::Word(word))
    }

    fn number(&mut self) -> Result<Token, FormulaError> {
        let at = self.at();
        let mut text = self.take(|c| c.is_ascii_digit());
        let mut is_whole = true;
        if self.char(0) == Some('.') {
            is_whole = false;
            text.push('.');
            self.next += 1;
            text.push_str(&self.take(|c| c.is_ascii_digit()));
        }
        if let Some(exponent) = self.exponent() {
            is_whole = false;
            text.push_str(&exponent);
        }
        if self.char(0).is_some_and(|c| c == '_' || c.is_alphanumeric()) {
            return Err(FormulaErrorKind::syntax("a number ends in a letter").at(at));
        }
        literal(&text, is_whole).map(Token::Number).map_err(|kind| kind.at(at))
    }

    fn exponent(&mut self) -> Option<String> {
        self.char(0).filter(|c| matches!(c, 'e' | 'E'))?;
        let sign = self.char(1).filter(|c| matches!(c, '+' | '-'));
        let skipped = if sign.is_some() { 2 } else { 1 };
        self.char(skipped).filter(char::is_ascii_digit)?;
        self.next += skipped;
        let digits = self.take(|c| c.is_ascii_digit());
        Some(sign.map_or_else(|| format!("e{digits}"), |sign| format!("e{sign}{digits}")))
    }

    fn quoted(&mut self, quote: char) -> Result<Token, FormulaError> {
        let at = self.at();
        let open = || FormulaErrorKind::syntax(format!("a text that begins with {quote} never ends")).at(at);
        self.next += 1;
        let mut pieces = Vec::new();
        let mut text = String::new();
        loop {
            let symbol = *self.symbols.get(self.next).ok_or_else(open)?;
            match symbol.glyph {
                Glyph::Hole(number) => {
                    self.next += 1;
                    pieces.extend([Piece::Text(std::mem::take(&mut text)), Piece::Hole(number)]);
                }
                Glyph::Char(c) if c == quote => break self.next += 1,
                Glyph::Char('\\') => self.escaped(&mut text)?,
                Glyph::Char(c) => {
                    text.push(c);
                    self.next += 1;
                }
            }
        }
        pieces.push(Piece::Text(text));
        Ok(Token::Text(pieces))
    }

    /// Reads what follows a backslash; before a character without a meaning the backslash stands for itself.
    fn escaped(&mut self, text: &mut String) -> Result<(), FormulaError> {
        let at = self.at();
        let Some(c) = self.char(1) else {
            return Err(FormulaErrorKind::syntax("a backslash before nothing").at(at));
        };
        self.next += 2;
        match c {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            '0' => text.push('\0'),
            '\\' | '\'' | '"' => text.push(c),
            'x' => text.push(self.code(2, at)?),
            'u' => text.push(self.code(4, at)?),
            'U' => text.push(self.code(8, at)?),
            _ => text.extend(['\\', c]),
        }
        Ok(())
    }

    fn code(&mut self, n_digits: usize, at: usize) -> Result<char, FormulaError> {
        let digits: String = (0..n_digits).map_while(|ahead| self.char(ahead)).collect();
        let all_hex = digits.len() == n_digits && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(&digits, 16).ok().filter(|_| all_hex).and_then(char::from_u32);
        self.next += n_digits;
        code.ok_or_else(|| {
            FormulaErrorKind::syntax(format!("expected {n_digits} digits of a character")).at(at)
        })
    }

    fn sign(&mut self, c: char) -> Result<Token, FormulaError> {
        let at = self.at();
        let fits = |sign: &&str| sign.chars().enumerate().all(|(ahead, c)| self.char(ahead) == Some(c));
        let Some(sign) = SIGNS.into_iter().find(fits) else {
            return Err(foreign(c).at(at));
        };
        self.next += sign.len();
        match sign {
            ":=" => Err(FormulaErrorKind::refused("`:=` is not part of the language").at(at)),
            "->" => Err(FormulaErrorKind::refused("`->` is not part of the language").at(at)),
            "=" => Err(FormulaErrorKind::refused(
                "`=` is not part of the language: `==` compares, and arguments have no names",
            )
            .at(at)),
            _ => Ok(Token::Sign(sign)),
        }
    }
}

fn starts_word(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphabetic()
}

fn literal(text: &str, is_whole: bool) -> Result<Literal, FormulaErrorKind> {
    if !is_whole {
        let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
        return value.map(Literal::Float).ok_or_else(|| FormulaErrorKind::value("the number is too large"));
    }
    if text.len() > 1 && text.starts_with('0') && text.bytes().any(|byte| byte != b'0') {
        return Err(FormulaErrorKind::syntax("a number begins with 0"));
    }
    Int::parse(text)?.map(Literal::Int).ok_or_else(|| FormulaErrorKind::syntax("expected a number"))
}

fn foreign(c: char) -> FormulaErrorKind {
    let instead = match c {
        '&' => ": write `and`",
        '|' => ": write `or`; filters stand inside of `{{ … }}` only",
        '!' => ": write `not`",
        _ => "",
    };
    FormulaErrorKind::refused(format!("`{}` is not part of the language{instead}", c.escape_debug()))
}
