//! Puts guards into templates and expressions before they are compiled.
//!
//! Operators of the language can neither be replaced nor counted by what they work on. What stands on either side of one
//! that may work on much is therefore led through a filter, as if the author had written `a|_operand ~ b|_operand`; the
//! places of mistakes are those of the text without guards. Statements that would let a template build something up
//! without end are refused.

use std::borrow::Cow;
use std::ops::Range;

use super::TemplateError;
use super::blocks::{blocks, refused, tokens};

/// The filter for what an operator reads.
pub(super) const OPERAND: &str = "_operand";
/// The filter for what entries are looked for in.
pub(super) const ENTRY: &str = "_entries";
/// The filter for what is multiplied.
pub(super) const FACTOR: &str = "_factor";
/// The filter for how often a short text that is written out is repeated.
pub(super) const COUNT: &str = "_count";
/// The filter for what is repeated a few times.
pub(super) const FEW: &str = "_few";
/// The longest text, written out with its quotes, that may be repeated as often as a value says.
pub(super) const SHORT: usize = 100;
/// The largest number, written out, by which any text or list may be multiplied.
pub(super) const FEW_TIMES: u64 = 100;
/// The filter for what a slice is taken of.
pub(super) const SLICED: &str = "_sliced";
/// Takes out a plus that stands before a number alone, which the engine does not know.
const PLUS: &str = "+";
/// What stands before and behind a value that a slice is taken of.
const SLICE: [&str; 2] = ["(", "|_sliced)"];
/// The most slices of slices.
const SLICES: usize = 16;

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
    /// Where signs were taken out of the source.
    taken_out: Vec<usize>,
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
        let blocks = blocks(source);
        super::depth::check_template(source, &blocks)?;
        let mut marks = Vec::new();
        let mut assigned = 0;
        for block in blocks {
            let tokens = tokens(source, block.range)?;
            let words = if block.is_statement { statement(source, &tokens)? } else { 0 };
            let operators = scan(source, &tokens[words..], &mut marks)?;
            let assigns = block.is_statement
                && tokens.first().is_some_and(|word| matches!(&source[word.clone()], "set" | "with" | "for"));
            assigned += if assigns { operators } else { 0 };
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
        scan(source, &tokens(source, 0..source.len())?, &mut marks)?;
        Ok(Self::with(source, &marks))
    }

    fn with(source: &str, marks: &[(usize, &'static str)]) -> Self {
        let mut text = String::with_capacity(source.len() + marks.len() * 10);
        let (mut guards, mut from) = (Vec::with_capacity(marks.len()), 0);
        let mut taken_out = Vec::new();
        for (at, filter) in marks {
            text.push_str(&source[from..*at]);
            from = *at;
            if *filter == PLUS {
                text.push(' ');
                taken_out.push(from);
                from += PLUS.len();
                continue;
            }
            let start = text.len();
            if !SLICE.contains(filter) {
                text.push('|');
            }
            text.push_str(filter);
            guards.push((start, text.len() - start));
        }
        text.push_str(&source[from..]);
        Self { text, guards, taken_out }
    }

    /// Returns the source as the engine can read it, without guards.
    pub(super) fn unguarded<'s>(&self, source: &'s str) -> Cow<'s, str> {
        if self.taken_out.is_empty() {
            return Cow::Borrowed(source);
        }
        let mut text = source.to_owned();
        self.taken_out.iter().for_each(|at| text.replace_range(*at..at + PLUS.len(), " "));
        Cow::Owned(text)
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

/// The statements of templates. Those that capture what they make are not among them: a capture has no limit.
const STATEMENTS: [&str; 13] = [
    "if", "elif", "else", "endif", "for", "endfor", "set", "with", "endwith", "do", "break", "continue",
    "raw",
];

/// Checks a statement; returns how many words stand before its expressions.
fn statement(source: &str, tokens: &[Range<usize>]) -> Result<usize, TemplateError> {
    let Some(word) = tokens.first() else { return Ok(0) };
    let text = |token: &Range<usize>| &source[token.clone()];
    let refuse = |at: &Range<usize>, message: String| Err(refused(source, at.clone(), message));
    match text(word) {
        "set" if !assigns(tokens[1..].iter().map(text)) => {
            refuse(word, "`set` without `=` is not part of templates; write `{% set x = … %}`".to_owned())
        }
        "for" => {
            if let Some(at) = tokens.iter().find(|token| text(token) == "recursive") {
                return refuse(at, "`recursive` is not part of templates".to_owned());
            }
            Ok(tokens.iter().position(|token| text(token) == "in").map_or(1, |at| at + 1))
        }
        name if STATEMENTS.contains(&name) => Ok(1),
        name => refuse(word, format!("`{name}` is not part of templates")),
    }
}

/// Whether names and a `=` follow: the engine takes anything else for the beginning of a captured block.
fn assigns<'a>(mut tokens: impl Iterator<Item = &'a str>) -> bool {
    let is_target = |token: &&str| {
        matches!(*token, "." | "," | "(" | ")") || token.starts_with(|c: char| c.is_alphabetic() || c == '_')
    };
    tokens.find(|token| !is_target(token)) == Some("=")
}

/// What stands beside an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Nothing that costs by the size of the operand.
    Free,
    /// Another sign of arithmetic that binds as `*` does or closer.
    Scales,
    /// An operator that reads the whole operand.
    Reads,
    /// `in`.
    Seeks,
    /// `*`.
    Multiplies,
    /// `*`, with a short text on the other side that is written out.
    Repeats,
    /// `*`, with a small number on the other side that is written out.
    Few,
}

/// What the operands between two brackets are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Groups, lists, and arguments of filters and tests, which charge for them.
    Plain,
    /// An index, or arguments of a function: they may be compared.
    Compared,
    /// The keys of a map, which are compared.
    Key,
    /// The values of a map.
    Value,
}

/// One operand after the other, between two brackets.
struct Level {
    place: Place,
    left: Side,
    /// Where the operand begins.
    start: usize,
    /// Where the operand ends, as far as it is read.
    end: Option<usize>,
    /// How many slices were taken of the operand; nothing where a filter or test follows, of which none can be.
    slices: Option<usize>,
    /// Whether the operand is a number or a text, as far as it is read.
    is_literal: bool,
}

impl Level {
    const fn new(place: Place) -> Self {
        Self { place, left: Side::Free, start: 0, end: None, slices: Some(0), is_literal: false }
    }

    /// Begins to read an operand, where none has been begun.
    fn begin(&mut self, start: usize) {
        if self.end.is_none() {
            (self.start, self.slices) = (start, Some(0));
        }
    }

    /// Takes a slice of the operand; tells whether it may have one more.
    fn slice(&mut self, marks: &mut Vec<(usize, &'static str)>) -> bool {
        if let (Some(end), Some(slices)) = (self.end, &mut self.slices) {
            let [open, close] = SLICE;
            marks.extend([(self.start, open), (end, close)]);
            *slices += 1;
            return *slices <= SLICES;
        }
        true
    }

    /// Reads on in the operand.
    fn extend(&mut self, token: &str, end: usize) {
        self.is_literal = token.starts_with(['\'', '"', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
            && self.end.is_none();
        self.end = Some(end);
    }

    /// Ends the operand that was read.
    fn close(&mut self, right: Side, marks: &mut Vec<(usize, &'static str)>) {
        let is_compared = matches!(self.place, Place::Compared | Place::Key) && !self.is_literal;
        if let Some(end) = self.end.take() {
            let filter = match (self.left, right) {
                (Side::Repeats, _) => Some(COUNT),
                (Side::Multiplies, _) | (_, Side::Multiplies) => Some(FACTOR),
                (Side::Few, _) | (_, Side::Few) => Some(FEW),
                (Side::Reads, _) | (_, Side::Reads | Side::Seeks) => Some(OPERAND),
                (Side::Seeks, _) => Some(ENTRY),
                _ => is_compared.then_some(OPERAND),
            };
            marks.extend(filter.map(|filter| (end, filter)));
        }
        self.left = right;
    }

    /// Says why a sign cannot stand behind what was read, if it cannot.
    fn refuses(&self, sign: &str, before: &str) -> Option<&'static str> {
        match sign {
            "%" if self.is_literal && is_text(before) => {
                Some("`%` is for numbers; write `'…' | format(VALUE)`")
            }
            "*" | "**" | "-" if self.left == Side::Repeats && (sign != "-" || self.end.is_none()) => {
                Some("a text is repeated once, as often as one value says; put that in brackets")
            }
            _ => None,
        }
    }

    /// Goes from a key to its value, or on to the next key.
    fn turn(&mut self, sign: &str) {
        self.place = match (self.place, sign) {
            (Place::Key, ":") => Place::Value,
            (Place::Value, ",") => Place::Key,
            (place, _) => place,
        };
    }
}

/// Returns the token behind another; nothing where there is none.
fn next<'s>(source: &'s str, tokens: &[Range<usize>], n: usize) -> &'s str {
    tokens.get(n + 1).map_or("", |next| &source[next.clone()])
}

/// Finds the places for guards among tokens; returns how many operators, brackets and filters there are.
fn scan(
    source: &str,
    tokens: &[Range<usize>],
    marks: &mut Vec<(usize, &'static str)>,
) -> Result<usize, TemplateError> {
    let mut levels = vec![Level::new(Place::Plain)];
    let mut operators = 0;
    // The sign or word before, which makes names of the words `in`, `if` and so on.
    let mut before = "";
    // Whether that is the name of a filter or test.
    let mut is_filter = false;
    for (n, token) in tokens.iter().enumerate() {
        let text = &source[token.clone()];
        let depth = levels.len();
        let Some(level) = levels.last_mut() else { break };
        let is_name = matches!(before, "." | "|" | "is") || (before == "is not");
        let side = if is_name { None } else { side(text, before, level.end.is_some()) };
        match (text, side) {
            ("(" | "[" | "{", _) => {
                operators += 1;
                level.begin(token.start);
                if text == "[" && is_slice(source, &tokens[n + 1..]) && !level.slice(marks) {
                    let message = format!("at most {SLICES} slices are taken of one value");
                    return Err(refused(source, token.clone(), message));
                }
                let ends = tokens.get(n + 1).is_some_and(|next| &source[next.clone()] == ")");
                if before == "cycle" && ends {
                    let message = "`cycle` takes turns among its arguments: it has none";
                    return Err(refused(source, token.clone(), message.to_owned()));
                }
                let place = match text {
                    "{" => Place::Key,
                    _ if level.end.is_some() && !is_filter => Place::Compared,
                    _ => Place::Plain,
                };
                levels.push(Level::new(place));
            }
            (")" | "]" | "}", _) => {
                level.close(Side::Free, marks);
                if depth > 1 {
                    levels.pop();
                }
                if let Some(outer) = levels.last_mut() {
                    outer.extend("", token.end);
                }
            }
            ("+", _) if level.end.is_none() && !is_text(next(source, tokens, n)) => {
                marks.push((token.start, PLUS))
            }
            // The second word of `not in`.
            ("in", _) if before == "not" && level.left == Side::Seeks && level.end.is_none() => {}
            // The name of an argument.
            ("=", Some(_)) => {
                operators += 1;
                level.end = None;
            }
            (sign, Some(_)) if level.refuses(sign, before).is_some() => {
                let message = level.refuses(sign, before).unwrap_or_default();
                return Err(refused(source, token.clone(), message.to_owned()));
            }
            ("*", Some(side)) => {
                operators += 1;
                let (left, right) = factors(source, level, before, &tokens[n + 1..]).unwrap_or((side, side));
                level.close(left, marks);
                level.left = right;
            }
            (_, Some(side)) => {
                operators += 1;
                level.close(side, marks);
                level.turn(text);
            }
            // It belongs to no operand: it stands in front of one with all of its slices.
            ("not", _) if level.end.is_none() => {}
            _ => {
                operators += usize::from(matches!(text, "|" | "."));
                level.begin(token.start);
                level.slices = level.slices.filter(|_| !matches!(text, "|" | "is"));
                level.extend(text, token.end);
            }
        }
        is_filter = is_name && before != ".";
        before = if before == "is" && text == "not" { "is not" } else { text };
    }
    while let Some(mut level) = levels.pop() {
        level.close(Side::Free, marks);
    }
    // Operands end in the order in which they are closed, inner ones first.
    marks.sort_by_key(|(at, _)| *at);
    Ok(operators)
}

/// Says what a `*` is to the operands on either side, where one of them is written out and so small that the other may be a
/// text, a list, or how often that is repeated; `before` is the last word of the left one.
fn factors(source: &str, level: &Level, before: &str, after: &[Range<usize>]) -> Option<(Side, Side)> {
    let is_alone = level.is_literal && matches!(level.left, Side::Free | Side::Reads);
    if is_alone && is_text(before) && before.len() <= SHORT {
        return Some((Side::Free, Side::Repeats));
    }
    let is_few = |word: &str| word.parse::<u64>().is_ok_and(|times| times <= FEW_TIMES);
    if is_alone && is_few(before) {
        return Some((Side::Free, Side::Few));
    }
    let mut after = after.iter().map(|token| &source[token.clone()]);
    let (number, next) = (after.next()?, after.next());
    let goes_on = next.is_some_and(|next| matches!(next, "*" | "**" | "." | "[" | "(" | "|"));
    let is_product = matches!(level.left, Side::Multiplies | Side::Repeats | Side::Few);
    (is_few(number) && !goes_on && !is_product).then_some((Side::Few, Side::Free))
}

fn is_text(word: &str) -> bool {
    word.starts_with(['\'', '"'])
}

/// Whether what follows a bracket is a slice: there is a colon before the bracket ends.
fn is_slice(source: &str, tokens: &[Range<usize>]) -> bool {
    let mut depth = 0_usize;
    for token in tokens {
        match &source[token.clone()] {
            ":" if depth == 0 => return true,
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => return false,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
    }
    false
}

/// Returns what a sign or word is to the operands beside it; nothing where it is part of one.
fn side(text: &str, before: &str, has_operand: bool) -> Option<Side> {
    Some(match text {
        "~" | "==" | "!=" | "<" | ">" | "<=" | ">=" | "+" if has_operand => Side::Reads,
        "*" => Side::Multiplies,
        "in" if has_operand => Side::Seeks,
        "not" if has_operand && before != "not" => Side::Seeks,
        "/" | "//" | "%" | "**" => Side::Scales,
        "-" | "and" | "or" | "if" | "else" | "," | ":" | "=" => Side::Free,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, expect: &str) {
        let guarded = Guarded::expression(expression).unwrap();
        let short = guarded
            .text
            .replace("|_operand", "°")
            .replace("|_entries", "§")
            .replace("|_factor", "×")
            .replace("|_count", "#");
        let short = short.replace("|_sliced", "^").replace("|_few", "+");
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
        check("'-' * n | length ~ x", "'-' * n | length# ~ x°");
        check("x * 3 - 3 * x", "x+ * 3 - 3 * x+");
        check("x * 3 * y", "x× * 3× * y×");
        check("3 * x * y", "3 * x× * y×");
        check("x * y * 3", "x× * y× * 3×");
        check("x * 300", "x× * 300×");
        check("-a < 1.5 and not b", "-a° < 1.5° and not b");
        check("a in b and c not in [d, e]", "a° in b§ and c° not in [d, e]§");
        check("f(a ~ b, in=c) == 'a'", "f(a° ~ b°, in=c°)° == 'a'°");
        check("(a ~ b) | length > 3", "(a° ~ b°) | length° > 3°");
        check("a is in(b) or a is not in b", "a is in(b) or a is not in b");
        check(
            "a is defined and a.in == 'q\\'~' if b else c",
            "a is defined and a.in° == 'q\\'~'° if b else c",
        );
        check("{'a': b ~ c}[d:e ~ f]", "({'a': b° ~ c°}^)[d°:e° ~ f°]");
        check("a.b[1:][0].c[:x] ~ d", "((a.b^)[1:][0].c^)[:x°]° ~ d°");
        check("a[b[1:2]] + [c[::2], 'd'[1:]]", "a[(b^)[1:2]°]° + [(c^)[::2], ('d'^)[1:]]°");
        check("(a | f)[1:] in b[1:]", "((a | f)^)[1:]° in (b^)[1:]§");
        check("not a[1:] and -b[1:] == not c", "not (a^)[1:] and -(b^)[1:]° == not c°");
        check("a | f[1:]", "a | f[1:]");
        check("a ** 2 // 3 % 4", "a ** 2 // 3 % 4");
        check("not not a in b", "not not a° in b§");
        check("]a ~ b)", "]a° ~ b°)");
        check("loop.changed(a or b, (c), 1)", "loop.changed(a° or b°, (c)°, 1)");
        check("{a: b, 'c': d, (e or f): g}", "{a°: b, 'c': d, (e or f)°: g}");
        check("a[0][b]['c'] | map(d) | join(e)", "a[0][b°]['c'] | map(d) | join(e)");
        check("a ~ 1.5e-5", "a° ~ 1.5e-5°");
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
        for captured in [
            "{% set a|default('=') %}{{ a }}{{ a }}{% endset %}",
            "{% set a %}{{ b == c }}{% endset %}",
            "{% set (a, b)|x('=') %}{% endset %}",
            "{%-\nset\na\n|\nx(b='=') %}{% endset %}",
        ] {
            let error = Guarded::template(captured).unwrap_err();
            assert!(error.message.contains("`set` without `=`"), "{captured}: {error}");
        }
        check_template("{% set a, b = c ~ d %}", Ok("{% set a, b = c° ~ d° %}"));
        check_template("{% set (a, b) = c %}", Ok("{% set (a, b) = c %}"));
        check_template("{% for x in y recursive %}", Err((1, 15, "`recursive`")));
        check_template("{% for x in y\nrecursive\n%}", Err((2, 1, "`recursive`")));
        check_template("{% for x in [y]recursive-%}", Err((1, 16, "`recursive`")));
        check_template("{% for x in y if 1recursive %}", Err((1, 18, "a number is followed")));
        check_template("{% raw %}{% endraw x %}{{ ) {% endraw %}{% set x %}", Err((1, 44, "`set`")));
        check_template("{#} {% raw %} #}{% set x %}", Err((1, 20, "`set`")));
        check_template("{# {{ ' #}{% set x %}", Err((1, 14, "`set`")));
        check_template("{{ loop.cycle() }}", Err((1, 14, "`cycle`")));
        check_template("{%- filter upper %}", Err((1, 5, "`filter`")));
        let sets = "{% set a = [[[a]]] %}".repeat(200);
        check_template(&sets, Err((0, 0, "at most 600 operators")));
    }
}
