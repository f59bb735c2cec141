//! Finds the pieces of a text that are code: what stands in `{{ … }}` and `{% … %}`, or all of a bare formula.

use std::collections::HashMap;
use std::ops::Range;

/// A name that begins something: not an attribute, not in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) range: Range<usize>,
    /// Whether `$` stands before it.
    pub(super) has_dollar: bool,
}

/// Returns every name of a text; `is_bare` makes all of the text code where it has no braces.
pub(super) fn words(text: &str, is_bare: bool) -> Vec<Word> {
    let blocks = blocks(text);
    if is_bare && blocks.is_empty() {
        return words_in(text, 0..text.len());
    }
    blocks.into_iter().flat_map(|block| words_in(text, block)).collect()
}

fn blocks(text: &str) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('{') {
        at += found + 1;
        let end = match text.as_bytes().get(at) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            Some(b'#') => "#}",
            _ => continue,
        };
        let start = at + 1;
        let length = length_of(&text[start..], end);
        if end != "#}" {
            blocks.push(start..start + length);
        }
        at = start + length;
    }
    blocks
}

/// Says whether a text ends within code, and which quote is open there; `is_formula` makes code of what is not in braces, too.
pub(super) fn open_quote(text: &str, is_formula: bool) -> Option<Option<char>> {
    // A block that is closed ends before its braces.
    let block = blocks(text).pop().filter(|block| block.end == text.len());
    let start = block.map(|block| block.start).or(is_formula.then_some(0))?;
    let mut quotes = Quotes::default();
    for c in text[start..].chars() {
        quotes.pass(c);
    }
    Some(quotes.open)
}

fn length_of(rest: &str, end: &str) -> usize {
    let mut quotes = Quotes::default();
    for (at, c) in rest.char_indices() {
        if !quotes.is_inside() && rest[at..].starts_with(end) {
            return at;
        }
        if end != "#}" {
            quotes.pass(c);
        }
    }
    rest.len()
}

/// Whether a place is inside of quotes.
#[derive(Debug, Default)]
struct Quotes {
    open: Option<char>,
    is_escaped: bool,
}

impl Quotes {
    const fn is_inside(&self) -> bool {
        self.open.is_some()
    }

    /// Returns whether the character belongs to something quoted.
    fn pass(&mut self, c: char) -> bool {
        match self.open {
            Some(_) if self.is_escaped => self.is_escaped = false,
            Some(_) if c == '\\' => self.is_escaped = true,
            Some(open) if c == open => {
                self.open = None;
            }
            Some(_) => {}
            None if matches!(c, '\'' | '"') => self.open = Some(c),
            None => return false,
        }
        true
    }
}

fn words_in(text: &str, block: Range<usize>) -> Vec<Word> {
    let mut words = Vec::new();
    let mut quotes = Quotes::default();
    let mut before = ' ';
    let mut at = block.start;
    while let Some(c) = text[at..block.end].chars().next() {
        if quotes.pass(c) {
            before = c;
        } else if is_letter(c) {
            let length = text[at..block.end].find(|c| !is_letter(c)).unwrap_or(block.end - at);
            let is_number = c.is_ascii_digit();
            if before != '.' && !is_number {
                words.push(Word { range: at..at + length, has_dollar: before == '$' });
            }
            before = c;
            at += length;
            continue;
        } else if !c.is_whitespace() {
            before = c;
        }
        at += c.len_utf8();
    }
    words
}

/// Returns the arguments of a call behind a name, one empty one where there is nothing, and where the call ends.
pub(super) fn arguments(text: &str, at: usize) -> Option<(Vec<&str>, usize)> {
    let open = text.len() - text[at..].trim_start().len();
    if !text[open..].starts_with('(') {
        return None;
    }
    let (mut quotes, mut closing, mut start) = (Quotes::default(), Vec::new(), open + 1);
    let mut found = Vec::new();
    for (n, c) in text[open..].char_indices() {
        let here = open + n;
        if quotes.pass(c) {
            continue;
        }
        match c {
            '(' => closing.push(')'),
            '[' => closing.push(']'),
            '{' => closing.push('}'),
            ')' | ']' | '}' => {
                closing.pop().filter(|expected| *expected == c)?;
                if closing.is_empty() {
                    found.push(text[start..here].trim());
                    return Some((found, here + 1));
                }
            }
            ',' if closing.len() == 1 => {
                found.push(text[start..here].trim());
                start = here + 1;
            }
            _ => {}
        }
    }
    None
}

/// Whether a name is one of the text itself: of an argument, whose `=` is behind it, or of a `for` or `set` somewhere.
pub(super) fn binds(text: &str, name: &str, at: usize) -> bool {
    let behind = text[at..].trim_start();
    (behind.starts_with('=') && !behind.starts_with("==")) || bound(text, false).0.contains_key(name)
}

/// The names that a text has of its own, each with where it is one.
#[derive(Debug, Default)]
pub(super) struct Bound<'t>(HashMap<&'t str, Vec<Range<usize>>>);

impl Bound<'_> {
    /// Whether a name is one of the text's own at a place.
    pub(super) fn is_own(&self, name: &str, at: usize) -> bool {
        self.0.get(name).is_some_and(|ranges| ranges.iter().any(|range| range.contains(&at)))
    }
}

/// Returns the names of the `for` and `set` of a text. What is gone over, or set, is not yet one of its own.
pub(super) fn bound(text: &str, is_bare: bool) -> Bound<'_> {
    let mut bound = Bound::default();
    if !text.contains("for") && !text.contains("set") {
        return bound;
    }
    // The names of the loops that are open, and in front those of no loop.
    let mut open: Vec<Vec<(&str, usize)>> = vec![Vec::new()];
    for word in words(text, is_bare) {
        let Range { start, end } = word.range;
        let tag = &text[end..end + text[end..].find('%').unwrap_or(text.len() - end)];
        let is_tag = text[..start].trim_end_matches(['-', '+', ' ', '\n']).ends_with("{%");
        let names = match &text[start..end] {
            "for" if is_tag || is_bare => tag.split(" in ").next(),
            "set" if is_tag => tag.split('=').next(),
            "endfor" if is_tag && open.len() > 1 => {
                for (name, from) in open.pop().into_iter().flatten() {
                    bound.0.entry(name).or_default().push(from..start);
                }
                continue;
            }
            _ => continue,
        };
        let names = names.into_iter().flat_map(|names| names.split(|c| !is_letter(c)));
        let names = names.filter(|name| !name.is_empty()).map(|name| (name, end + tag.len()));
        if !is_tag {
            names.for_each(|(name, _)| bound.0.entry(name).or_default().push(0..text.len()));
        } else if text[start..end].starts_with('f') {
            open.push(names.collect());
        } else if let Some(inner) = open.last_mut() {
            inner.extend(names);
        }
    }
    for (name, from) in open.into_iter().flatten() {
        bound.0.entry(name).or_default().push(from..text.len());
    }
    bound
}

/// Returns where the operand begins that stands before a place: a text, or a name with what is behind it, and with the filters
/// that it goes through.
pub(super) fn operand(text: &str, at: usize) -> usize {
    let mut start = last_operand(text, at);
    while start < at
        && let Some(before) = text[..start].trim_end().strip_suffix('|')
    {
        let value = last_operand(text, before.len());
        // There is nothing that could be filtered.
        if value >= before.trim_end().len() {
            return at;
        }
        start = value;
    }
    start
}

fn last_operand(text: &str, at: usize) -> usize {
    let before = text[..at].trim_end();
    if let Some(quote) = before.chars().next_back().filter(|c| matches!(c, '\'' | '"')) {
        return before[..before.len() - 1].rfind(quote).unwrap_or(at);
    }
    let mut start = before.len();
    while let Some(c) = text[..start].chars().next_back() {
        start = match c {
            ')' | ']' => match opening(&text[..start]) {
                Some(open) => open,
                None => return at,
            },
            '.' => start - 1,
            _ if is_letter(c) => start - c.len_utf8(),
            _ => break,
        };
    }
    start
}

/// Returns where the bracket is opened which a text ends with.
fn opening(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices().rev() {
        match c {
            ')' | ']' => depth += 1,
            '(' | '[' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the key that stands behind a name, as `.KEY` or `['KEY']`, and where it ends.
pub(super) fn key_behind(text: &str, at: usize) -> Option<(&str, usize)> {
    let rest = text[at..].trim_start();
    if let Some(rest) = rest.strip_prefix('.') {
        let key = rest.trim_start();
        let start = text.len() - key.len();
        let length = key.find(|c| !is_letter(c)).unwrap_or(key.len());
        return (length > 0).then(|| (&text[start..start + length], start + length));
    }
    let inner = rest.strip_prefix('[')?.trim_start();
    let quote = inner.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let length = inner[1..].find(quote)?;
    let tail = inner[1 + length + 1..].trim_start();
    let end = tail.strip_prefix(']')?;
    Some((&inner[1..=length], text.len() - end.len()))
}

/// Whether what stands behind a name says what to do where it is not there.
pub(super) fn is_guarded(text: &str, mut at: usize) -> bool {
    while let Some((_, end)) = key_behind(text, at) {
        at = end;
    }
    let rest = text[at..].trim_start();
    let filter = rest.strip_prefix('|').map(str::trim_start);
    let is_default = filter.is_some_and(|rest| matches!(first_word(rest).0, "default" | "d"));
    let is_test = match first_word(rest) {
        ("is", rest) => match first_word(rest) {
            ("defined" | "undefined", _) => true,
            ("not", rest) => first_word(rest).0 == "defined",
            _ => false,
        },
        _ => false,
    };
    is_default || is_test
}

/// Returns the word that a text begins with, and what stands behind it.
fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_at(text.find(|c| !is_letter(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, is_bare: bool, expect: &str) {
        let found: Vec<&str> = words(text, is_bare).into_iter().map(|word| &text[word.range]).collect();
        assert_eq!(found.join(" "), expect, "{text}");
    }

    #[test]
    fn names_are_found_in_code_alone() {
        check("a {{ b.c['d'] | e(f) }} g {% if h %}", false, "b e f if h");
        check("{{ '{{ x }}' }} {# y #}", false, "");
        check("a.b > 2 and 'c' in d", true, "a and in d");
        check("{{ $item.x }}", false, "item");
    }

    #[test]
    fn quotes_that_are_open_where_a_text_ends() {
        for (text, is_formula, expect) in [
            ("a ", false, None),
            ("{{ b }} ", false, None),
            ("{{ b + ", false, Some(None)),
            ("{{ 'b' ~ 'c ", false, Some(Some('\''))),
            ("x > ", true, Some(None)),
            ("{{ a['b'] }} == \"", true, Some(Some('"'))),
        ] {
            assert_eq!(open_quote(text, is_formula), expect, "{text}");
        }
    }

    #[test]
    fn keys_behind_names() {
        assert_eq!(key_behind("steps.a.b", 5), Some(("a", 7)));
        assert_eq!(key_behind("steps['my-step'].b", 5), Some(("my-step", 16)));
        assert_eq!(key_behind("steps | x", 5), None);
    }

    #[test]
    fn arguments_of_a_call() {
        assert_eq!(arguments("f('a, b', g(1, 2)) + 1", 1), Some((vec!["'a, b'", "g(1, 2)"], 18)));
        assert_eq!(arguments("f ()", 1), Some((vec![""], 4)));
        assert_eq!(arguments("f.x()", 1), None);
        assert_eq!(arguments("f(a]", 1), None);
    }

    #[test]
    fn names_of_the_text_itself() {
        for text in [
            "{{ f(e=1) }}",
            "{% for e in e.x %}",
            "{% for a, e in b %}",
            "{% set e = 1 %}",
            "{% set e %}x{% endset %}",
        ] {
            assert!(binds(text, "e", text.find('e').unwrap() + 1), "{text}");
        }
        for text in ["{{ e == 1 }}", "{% for a in e %}", "{% set a = e %}", "for e in x", "{{ e }}"] {
            assert!(!binds(text, "e", text.find('e').unwrap() + 1), "{text}");
        }
    }

    #[test]
    fn names_are_bound_behind_what_binds_them() {
        let text =
            "{{ e }}{%- for e in e.x %}{{ e }}{% set a = a %}{{ a }}{% endfor %}{{ e }} {{ a }} {{ set }}";
        let found = bound(text, false);
        let at = |what: &str| text.find(what).unwrap();
        assert!(found.is_own("e", at("e }}{% set")) && found.is_own("a", at("a }}{% endfor")));
        assert!(
            !found.is_own("e", at("e }}{%-"))
                && !found.is_own("e", at("e.x"))
                && !found.is_own("e", at("e }} {{ a"))
        );
        assert!(!found.is_own("a", at("a %}{{ a")) && !found.is_own("a", at("a }} {{ set")));
        assert!(bound("any(e for e in x)", true).is_own("e", 4));
        assert!(!bound("{{ a }} for e in x", false).is_own("e", 12));
    }

    #[test]
    fn operands() {
        for (text, expect) in [
            ("1 + 'a b' ", "'a b'"),
            ("x ~ a.b[0]['c'].d", "a.b[0]['c'].d"),
            ("not f(a, (b))", "f(a, (b))"),
            ("(a ~ 'x')", "(a ~ 'x')"),
            ("1 ~ a.b | lower", "a.b | lower"),
            ("x ~ 'a b' | replace('|', 'c') | trim ", "'a b' | replace('|', 'c') | trim"),
            ("x)", ""),
            ("| lower", ""),
            ("", ""),
        ] {
            assert_eq!(text[operand(text, text.len())..].trim(), expect, "{text}");
        }
    }

    #[test]
    fn guards() {
        for text in ["a | default('x')", "a.b|d(1)", "a['k'] is defined", "a is not defined %}"] {
            assert!(is_guarded(text, 1), "{text}");
        }
        for text in ["a | upper", "a.default", "a is none", "a"] {
            assert!(!is_guarded(text, 1), "{text}");
        }
    }
}
