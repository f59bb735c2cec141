//! The outline of an expression: what stands under `or`, `and` and `not`, and the comparisons there.

use std::fmt;

use minijinja::Value;

/// How an expression is put together.
pub(super) enum Outline<'a> {
    Leaf(&'a str),
    Compare(&'a str, Operator, &'a str),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Ne,
    Le,
    Ge,
    Lt,
    Gt,
}

// Longer ones first, so that `<=` is not read as `<`.
const OPERATORS: [(&str, Operator); 6] = [
    ("==", Operator::Eq),
    ("!=", Operator::Ne),
    ("<=", Operator::Le),
    (">=", Operator::Ge),
    ("<", Operator::Lt),
    (">", Operator::Gt),
];

impl Operator {
    pub(super) const fn is_equality(self) -> bool {
        matches!(self, Self::Eq | Self::Ne)
    }

    pub(super) fn holds(self, a: &Value, b: &Value) -> bool {
        match self {
            Self::Eq => a == b,
            Self::Ne => a != b,
            Self::Le => a <= b,
            Self::Ge => a >= b,
            Self::Lt => a < b,
            Self::Gt => a > b,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OPERATORS.iter().find(|(_, operator)| operator == self).map_or("", |(text, _)| text);
        f.write_str(text)
    }
}

/// A word or an operator outside all brackets and texts.
struct Mark<'a> {
    start: usize,
    end: usize,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Word(&'a str),
    Operator(Operator),
}

impl<'a> Outline<'a> {
    /// Outlines an expression; what it cannot see through is a leaf.
    pub(super) fn of(text: &'a str) -> Self {
        let text = text.trim();
        let marks = marks(text);
        let word = |wanted: &str| marks.iter().any(|mark| matches!(mark.kind, Kind::Word(w) if w == wanted));
        if word("if") || word("else") {
            return Self::Leaf(text);
        }
        if word("or") {
            return Self::Or(parts(text, &marks, "or"));
        }
        if word("and") {
            return Self::And(parts(text, &marks, "and"));
        }
        if let Some(rest) = negated(text, &marks) {
            return Self::Not(Box::new(Self::of(rest)));
        }
        match bracketed(text) {
            Some(inner) => Self::of(inner),
            None => compared(text, &marks),
        }
    }
}

fn parts<'a>(text: &'a str, marks: &[Mark<'a>], wanted: &str) -> Vec<Outline<'a>> {
    let mut parts = Vec::new();
    let mut from = 0;
    for mark in marks.iter().filter(|mark| matches!(mark.kind, Kind::Word(w) if w == wanted)) {
        parts.push(Outline::of(&text[from..mark.start]));
        from = mark.end;
    }
    parts.push(Outline::of(&text[from..]));
    parts
}

fn negated<'a>(text: &'a str, marks: &[Mark<'a>]) -> Option<&'a str> {
    let first = marks.first()?;
    matches!(first.kind, Kind::Word("not") if first.start == 0).then(|| &text[first.end..])
}

/// Returns what is inside a pair of brackets around the whole text.
fn bracketed(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    let mut depth = 0_i32;
    let mut outside = false;
    let mut comma = false;
    scan(inner, |_, c, _| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => comma = true,
            _ => {}
        }
        outside |= depth < 0;
    });
    // A comma makes it a tuple, which is a value of its own.
    (!outside && !comma && !inner.trim().is_empty()).then_some(inner)
}

fn compared<'a>(text: &'a str, marks: &[Mark<'a>]) -> Outline<'a> {
    let comparisons: Vec<(&Mark<'a>, Operator)> = marks
        .iter()
        .filter_map(|mark| match mark.kind {
            Kind::Operator(operator) => Some((mark, operator)),
            Kind::Word(_) => None,
        })
        .collect();
    // `a in b` is a comparison to the language, too; a chain with it is left alone.
    let other = marks.iter().any(|mark| matches!(mark.kind, Kind::Word("in")));
    if comparisons.is_empty() || other {
        return Outline::Leaf(text);
    }
    let mut pairs: Vec<Outline<'a>> = Vec::new();
    for (n, (mark, operator)) in comparisons.iter().enumerate() {
        let from = if n == 0 { 0 } else { comparisons[n - 1].0.end };
        let to = comparisons.get(n + 1).map_or(text.len(), |(next, _)| next.start);
        pairs.push(Outline::Compare(&text[from..mark.start], *operator, &text[mark.end..to]));
    }
    if pairs.len() == 1 { pairs.remove(0) } else { Outline::And(pairs) }
}

fn marks(text: &str) -> Vec<Mark<'_>> {
    let mut marks: Vec<Mark<'_>> = Vec::new();
    let mut depth = 0_usize;
    let mut taken = 0;
    scan(text, |at, c, previous| match c {
        '(' | '[' | '{' => depth += 1,
        ')' | ']' | '}' => depth = depth.saturating_sub(1),
        _ if depth > 0 || at < taken => {}
        '<' | '>' | '=' | '!' => {
            if let Some((operator, kind)) = OPERATORS.iter().find(|(o, _)| text[at..].starts_with(o)) {
                taken = at + operator.len();
                marks.push(Mark { start: at, end: taken, kind: Kind::Operator(*kind) });
            }
        }
        _ if is_word(c) && !previous.is_some_and(|p| is_word(p) || p == '.') => {
            let end = text[at..].find(|c| !is_word(c)).map_or(text.len(), |n| at + n);
            taken = end;
            marks.push(Mark { start: at, end, kind: Kind::Word(&text[at..end]) });
        }
        _ => {}
    });
    marks
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Calls `see` with every character outside quoted texts, its offset and the character before it.
fn scan(text: &str, mut see: impl FnMut(usize, char, Option<char>)) {
    let mut quote: Option<char> = None;
    let mut escaped = false;
    let mut previous = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None => see(at, c, previous),
        }
        previous = Some(c);
    }
}
