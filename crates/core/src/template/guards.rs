//! Puts guards into templates and expressions before they are compiled.
//!
//! Operators of the language can neither be replaced nor counted by what they work on. What stands on either side of one
//! that may work on much is therefore led through a filter, as if the author had written `a|_operand ~ b|_operand`; the
//! places of mistakes are those of the text without guards. Statements that would let a template build something up
//! without end are refused.

use std::ops::Range;

use super::{TemplateError, position};

/// The filter for what an operator reads.
pub(super) const OPERAND: &str = "_operand";
/// The filter for what entries are looked for in.
pub(super) const ENTRY: &str = "_entries";
/// The filter for what is multiplied.
pub(super) const FACTOR: &str = "_factor";

/// The most operators, brackets and filters of all assignments and loops of a template: what is made of what was made may
/// nest as deep.
const ASSIGNED: usize = 600;
/// The longest template.
const LONGEST: usize = 1 << 20;

/// A text with guards in it.
#[derive(Debug, Clone)]
pub struct Guarded {
    text: String,
    /// Where guards stand in `text`, and how long each is.
    guards: Vec<(usize, usize)>,
}

impl Guarded {
    /// Puts guards into a template.
    ///
    /// # Errors
    /// Fails where the template is too long, too deep, or has statements that templates have not.
    pub fn template(source: &str) -> Result<Self, TemplateError> {
        if source.len() > LONGEST {
            return Err(TemplateError::plain(format!("a template has at most {LONGEST} bytes")));
        }
        super::depth::check_template(source)?;
        let mut marks = Vec::new();
        let mut assigned = 0;
        for block in blocks(source) {
            let start = block.expression(source)?;
            let operators = scan(source, start..block.range.end, &mut marks);
            assigned += if block.assigns(source) { operators } else { 0 };
        }
        if assigned > ASSIGNED {
            let message =
                format!("the assignments and loops of a template have at most {ASSIGNED} operators");
            return Err(TemplateError::plain(message));
        }
        Ok(Self::with(source, &marks))
    }

    /// Puts guards into an expression.
    ///
    /// # Errors
    /// Fails where the expression is too deep.
    pub fn expression(source: &str) -> Result<Self, TemplateError> {
        super::depth::check_expression(source)?;
        let mut marks = Vec::new();
        scan(source, 0..source.len(), &mut marks);
        Ok(Self::with(source, &marks))
    }

    fn with(source: &str, marks: &[(usize, &'static str)]) -> Self {
        let mut text = String::with_capacity(source.len() + marks.len() * 10);
        let (mut guards, mut from) = (Vec::with_capacity(marks.len()), 0);
        for (at, filter) in marks {
            text.push_str(&source[from..*at]);
            guards.push((text.len(), filter.len() + 1));
            text.push('|');
            text.push_str(filter);
            from = *at;
        }
        text.push_str(&source[from..]);
        Self { text, guards }
    }

    /// Returns the text to compile.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns where a place of the text to compile is in the text without guards.
    #[must_use]
    pub fn place(&self, at: usize) -> usize {
        let before = self.guards.iter().take_while(|(start, _)| *start < at);
        at - before.map(|(start, length)| (*length).min(at - start)).sum::<usize>()
    }
}

/// What stands between `{{` and `}}`, or `{%` and `%}`.
struct Block {
    range: Range<usize>,
    is_statement: bool,
}

impl Block {
    /// Returns where the expressions of the block begin: behind the words and names of its statement.
    fn expression(&self, source: &str) -> Result<usize, TemplateError> {
        if !self.is_statement {
            return Ok(self.range.start);
        }
        let text = &source[self.range.clone()];
        let (at, word) = first_word(text);
        let behind = self.range.start + at + word.len();
        let refuse = |what: &str, instead: &str| {
            let (line, column) = position(source, self.range.start + at);
            let message = format!("{what} is not part of templates{instead}");
            Err(TemplateError { message, line, column, range: Some(self.range.start + at..behind) })
        };
        match word {
            "macro" | "call" | "include" | "import" | "from" | "extends" | "block" | "filter"
            | "autoescape" => refuse(&format!("`{word}`"), ""),
            "set" if !assigns(&source[behind..self.range.end]) => {
                refuse("`set` without `=`", "; write `{% set x = … %}`")
            }
            "for" => match loop_source(&source[behind..self.range.end]) {
                Some(at)
                    if !source[behind..self.range.end]
                        .trim_end_matches(['-', '+', ' '])
                        .ends_with(" recursive") =>
                {
                    Ok(behind + at)
                }
                Some(_) => refuse("`recursive`", ""),
                None => Ok(behind),
            },
            _ => Ok(behind),
        }
    }

    /// Whether what is made here has a name.
    fn assigns(&self, source: &str) -> bool {
        let (_, word) = first_word(&source[self.range.clone()]);
        self.is_statement && matches!(word, "set" | "with" | "for")
    }
}

fn first_word(text: &str) -> (usize, &str) {
    let at =
        text.len() - text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '+')).len();
    let end = text[at..].find(|c| !is_word(c)).map_or(text.len(), |length| at + length);
    (at, &text[at..end])
}

fn assigns(text: &str) -> bool {
    text.contains('=')
}

/// Returns where the list of a loop begins.
fn loop_source(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + text[at..].find("in")?;
        let before = text[..found].chars().next_back().is_some_and(is_word);
        let after = text[found + 2..].chars().next().is_some_and(is_word);
        if !before && !after {
            return Some(found + 2);
        }
        at = found + 2;
    }
}

/// Returns the blocks of a template; comments and raw texts have none.
fn blocks(source: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(found) = source[at..].find('{') {
        at += found + 1;
        let (end, is_statement) = match source.as_bytes().get(at) {
            Some(b'{') => ("}}", false),
            Some(b'%') => ("%}", true),
            Some(b'#') => {
                at = source[at..].find("#}").map_or(source.len(), |length| at + length);
                continue;
            }
            _ => continue,
        };
        let range = at + 1..block_end(source, at + 1, end);
        at = range.end;
        if is_statement && first_word(&source[range.clone()]).1 == "raw" {
            at = raw_end(source, at);
        } else {
            blocks.push(Block { range, is_statement });
        }
    }
    blocks
}

fn raw_end(source: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(found) = source[at..].find("{%") {
        at += found + 2;
        if first_word(&source[at..]).1 == "endraw" {
            return at;
        }
    }
    source.len()
}

/// Returns where a block ends: at the first end outside texts and brackets.
fn block_end(source: &str, from: usize, end: &str) -> usize {
    let mut depth = 0_isize;
    let mut texts = Texts::default();
    for (at, c) in source[from..].char_indices() {
        if texts.holds(c) {
            continue;
        }
        match c {
            _ if depth == 0 && source[from + at..].starts_with(end) => return from + at,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    source.len()
}

/// Follows the texts in quotes.
#[derive(Default)]
struct Texts {
    quote: Option<char>,
    is_escaped: bool,
}

impl Texts {
    /// Whether a character belongs to a text, its quotes included.
    fn holds(&mut self, c: char) -> bool {
        match self.quote {
            Some(_) if self.is_escaped => self.is_escaped = false,
            Some(_) if c == '\\' => self.is_escaped = true,
            Some(open) if c == open => self.quote = None,
            Some(_) => {}
            None if matches!(c, '\'' | '"') => self.quote = Some(c),
            None => return false,
        }
        true
    }
}

/// What stands beside an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Nothing that costs by the size of the operand.
    Free,
    /// An operator that reads the whole operand.
    Reads,
    /// `in`.
    Seeks,
    /// `*`.
    Multiplies,
}

/// One operand after the other, between two brackets.
struct Level {
    left: Side,
    /// Where the operand ends, as far as it is read.
    end: Option<usize>,
}

impl Level {
    const fn new() -> Self {
        Self { left: Side::Free, end: None }
    }

    /// Ends the operand that was read.
    fn close(&mut self, right: Side, marks: &mut Vec<(usize, &'static str)>) {
        if let Some(end) = self.end.take() {
            let filter = match (self.left, right) {
                (Side::Multiplies, _) | (_, Side::Multiplies) => Some(FACTOR),
                (Side::Reads, _) | (_, Side::Reads | Side::Seeks) => Some(OPERAND),
                (Side::Seeks, Side::Free) => Some(ENTRY),
                (Side::Free, Side::Free) => None,
            };
            marks.extend(filter.map(|filter| (end, filter)));
        }
        self.left = right;
    }
}

/// Finds the places for guards in a piece of a text; returns how many operators, brackets and filters it has.
fn scan(source: &str, range: Range<usize>, marks: &mut Vec<(usize, &'static str)>) -> usize {
    let mut levels = vec![Level::new()];
    let mut operators = 0;
    // The sign or word before, which makes names of the words `in`, `if` and so on.
    let mut before = "";
    for token in tokens(source, range) {
        let text = &source[token.clone()];
        let depth = levels.len();
        let Some(level) = levels.last_mut() else { break };
        let is_name = matches!(before, "." | "|" | "is") || (before == "is not");
        let side = if is_name { None } else { side(text, before, level.end.is_some()) };
        match (text, side) {
            ("(" | "[" | "{", _) => {
                operators += 1;
                levels.push(Level::new());
            }
            (")" | "]" | "}", _) => {
                level.close(Side::Free, marks);
                if depth > 1 {
                    levels.pop();
                }
                if let Some(outer) = levels.last_mut() {
                    outer.end = Some(token.end);
                }
            }
            // The second word of `not in`.
            ("in", _) if before == "not" && level.left == Side::Seeks && level.end.is_none() => {}
            (_, Some(side)) => {
                operators += 1;
                level.close(side, marks);
            }
            _ => {
                operators += usize::from(matches!(text, "|" | "."));
                level.end = Some(token.end);
            }
        }
        before = if before == "is" && text == "not" { "is not" } else { text };
    }
    while let Some(mut level) = levels.pop() {
        level.close(Side::Free, marks);
    }
    // Operands end in the order in which they are closed, inner ones first.
    marks.sort_by_key(|(at, _)| *at);
    operators
}

/// Returns what a sign or word is to the operands beside it; nothing where it is part of one.
fn side(text: &str, before: &str, has_operand: bool) -> Option<Side> {
    Some(match text {
        "~" | "==" | "!=" | "<" | ">" | "<=" | ">=" | "+" if has_operand => Side::Reads,
        "*" => Side::Multiplies,
        "in" if has_operand => Side::Seeks,
        "not" if has_operand && before != "not" => Side::Seeks,
        "-" | "/" | "//" | "%" | "**" | "and" | "or" | "if" | "else" | "," | ":" | "=" => Side::Free,
        _ => return None,
    })
}

/// Returns the words, texts and signs of a piece of a text.
fn tokens(source: &str, range: Range<usize>) -> Vec<Range<usize>> {
    const DOUBLE: [&str; 6] = ["==", "!=", "<=", ">=", "**", "//"];
    let mut tokens = Vec::new();
    let mut at = range.start;
    while let Some(c) = source[at..range.end].chars().next() {
        let rest = &source[at..range.end];
        let length = match c {
            '\'' | '"' => text_length(rest),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ if DOUBLE.iter().any(|sign| rest.starts_with(sign)) => 2,
            c => c.len_utf8(),
        };
        if !c.is_whitespace() {
            tokens.push(at..at + length);
        }
        at += length;
    }
    tokens
}

fn text_length(text: &str) -> usize {
    let mut texts = Texts::default();
    let end = text.char_indices().find(|(_, c)| !(texts.holds(*c) && texts.quote.is_some()));
    end.map_or(text.len(), |(at, c)| at + c.len_utf8())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, expect: &str) {
        let guarded = Guarded::expression(expression).unwrap();
        let short = guarded.text.replace("|_operand", "°").replace("|_entries", "§").replace("|_factor", "×");
        assert_eq!(short, expect);
        let marks: usize = guarded.guards.iter().map(|(_, length)| length).sum();
        assert_eq!(guarded.place(guarded.text.len()), guarded.text.len() - marks);
        assert_eq!(guarded.place(0), 0);
    }

    #[test]
    fn guards_stand_behind_what_operators_read() {
        check("a", "a");
        check("a | upper ~ b.c[0] ~ 'x ~ y'", "a | upper° ~ b.c[0]° ~ 'x ~ y'°");
        check("a + b * c - d", "a° + b× * c× - d");
        check("-a < 1.5 and not b", "-a° < 1.5° and not b");
        check("a in b and c not in [d, e]", "a° in b§ and c° not in [d, e]§");
        check("f(a ~ b, in=c) == 'a'", "f(a° ~ b°, in=c)° == 'a'°");
        check("(a ~ b) | length > 3", "(a° ~ b°) | length° > 3°");
        check("a is in(b) or a is not in b", "a is in(b) or a is not in b");
        check(
            "a is defined and a.in == 'q\\'~' if b else c",
            "a is defined and a.in° == 'q\\'~'° if b else c",
        );
        check("{'a': b ~ c}[d:e ~ f]", "{'a': b° ~ c°}[d:e° ~ f°]");
        check("a ** 2 // 3 % 4", "a ** 2 // 3 % 4");
        check("not not a in b", "not not a° in b§");
        check("]a ~ b)", "]a° ~ b°)");
    }

    fn check_template(template: &str, expect: Result<&str, (u32, u32, &str)>) {
        let guarded = Guarded::template(template);
        let short = guarded.map(|guarded| guarded.text.replace("|_operand", "°").replace("|_entries", "§"));
        match (short, expect) {
            (Ok(short), Ok(expect)) => assert_eq!(short, expect),
            (Err(error), Err((line, column, part))) => {
                assert_eq!((error.line, error.column), (line, column), "{error}");
                assert!(error.message.contains(part), "{error}");
            }
            (short, _) => panic!("{template}: {short:?}"),
        }
    }

    #[test]
    fn only_expressions_of_templates_have_guards() {
        check_template("a ~ b {{ a ~ b }}", Ok("a ~ b {{ a° ~ b° }}"));
        check_template("{%- set x = a ~ b -%}", Ok("{%- set x = a° ~ b° -%}"));
        check_template("{% for x in a + b if x == 1 %}", Ok("{% for x in a° + b° if x° == 1° %}"));
        check_template(
            "{# a ~ b #}{% raw %}{{ a ~ b }}{% endraw %}{{ {'a': {}} ~ b }}",
            Ok("{# a ~ b #}{% raw %}{{ a ~ b }}{% endraw %}{{ {'a': {}}° ~ b° }}"),
        );
        check_template("{% if a == '%}' %}x ~ y{% endif %}", Ok("{% if a° == '%}'° %}x ~ y{% endif %}"));
        check_template("x\n {% macro f(x) %}", Err((2, 5, "`macro` is not part of templates")));
        check_template("{% set x %}y{% endset %}", Err((1, 4, "`set` without `=`")));
        check_template("{% for x in y recursive %}", Err((1, 4, "`recursive`")));
        check_template("{%- filter upper %}", Err((1, 5, "`filter`")));
        let sets = "{% set a = [[[a]]] %}".repeat(200);
        check_template(&sets, Err((0, 0, "at most 600 operators")));
    }
}
