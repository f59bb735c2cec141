//! Where a template reads something.

use std::ops::Range;

/// Returns where a path such as `context.glossary` is read first: the bytes of as much of it as stands there.
pub(super) fn place_of(source: &str, path: &str) -> Option<Range<usize>> {
    let parts: Vec<&str> = path.split('.').collect();
    blocks(source).into_iter().find_map(|block| {
        let words = words(source, block);
        (0..words.len()).find_map(|at| starts(source, &words[at..], &parts))
    })
}

/// Returns the filters that a template names, each where it is named first.
pub(super) fn filters(source: &str) -> Vec<(&str, Range<usize>)> {
    let mut found: Vec<(&str, Range<usize>)> = Vec::new();
    for word in blocks(source).into_iter().flat_map(|block| words(source, block)) {
        let name = &source[word.range.clone()];
        if word.is_filter && !found.iter().any(|(known, _)| *known == name) {
            found.push((name, word.range));
        }
    }
    found
}

/// Returns the texts, with their quotes, that filters of some names are given first and that are written out.
pub(super) fn first_texts<'s>(source: &'s str, names: &[&str]) -> Vec<&'s str> {
    let words = blocks(source).into_iter().flat_map(|block| words(source, block));
    let named = words.filter(|word| word.is_filter && names.contains(&&source[word.range.clone()]));
    let text = |word: Word| {
        let given = source[word.range.end..].trim_start().strip_prefix('(')?.trim_start();
        let quote = given.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let mut is_escaped = false;
        let end = given.char_indices().skip(1).find(|(_, c)| {
            let is_end = *c == quote && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            is_end
        });
        let (text, behind) = given.split_at(end?.0 + 1);
        behind.trim_start().starts_with([',', ')']).then_some(text)
    };
    named.filter_map(text).collect()
}

/// Returns the tests that a template names behind `is`, each where it is named first.
pub(super) fn tests(source: &str) -> Vec<(&str, Range<usize>)> {
    let mut found: Vec<(&str, Range<usize>)> = Vec::new();
    for block in blocks(source) {
        let words = words(source, block);
        let text = |word: &Word| &source[word.range.clone()];
        let is = |word: &Word| text(word) == "is" && !word.is_attribute && !word.is_filter;
        for (n, word) in words.iter().enumerate() {
            let before = &words[..n];
            let is_test = match before {
                [.., is_it, not] if text(not) == "not" && is(is_it) => true,
                [.., is_it] => is(is_it) && text(word) != "not",
                [] => false,
            };
            if is_test && !found.iter().any(|(known, _)| *known == text(word)) {
                found.push((text(word), word.range.clone()));
            }
        }
    }
    found
}

/// A word of an expression.
struct Word {
    range: Range<usize>,
    /// Whether it is the attribute of what stands before it.
    is_attribute: bool,
    /// Whether it is a filter of what stands before it.
    is_filter: bool,
}

fn starts(source: &str, words: &[Word], parts: &[&str]) -> Option<Range<usize>> {
    let first = words.first().filter(|word| !word.is_attribute && source[word.range.clone()] == *parts[0])?;
    let mut end = first.range.end;
    for (n, part) in parts.iter().enumerate().skip(1) {
        let word = words.get(n).filter(|word| word.is_attribute && source[word.range.clone()] == **part)?;
        end = word.range.end;
    }
    Some(first.range.start..end)
}

/// Returns what stands between `{{` and `}}`, and between `{%` and `%}`; comments are passed over.
fn blocks(source: &str) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(found) = source[at..].find('{') {
        at += found + 1;
        let end = match source.as_bytes().get(at) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            Some(b'#') => "#}",
            _ => continue,
        };
        let start = at + 1;
        let length = length_of(&source[start..], end);
        if end != "#}" {
            blocks.push(start..start + length);
        }
        at = start + length;
    }
    blocks
}

/// Returns how long a block is; what stands in quotes ends none, but in comments there are no quotes.
fn length_of(rest: &str, end: &str) -> usize {
    let mut quote: Option<char> = None;
    let mut is_escaped = false;
    for (at, c) in rest.char_indices() {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(_) if c == '\\' => is_escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if rest[at..].starts_with(end) => return at,
            None if end != "#}" && matches!(c, '\'' | '"') => quote = Some(c),
            None => {}
        }
    }
    rest.len()
}

fn words(source: &str, block: Range<usize>) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut quote: Option<char> = None;
    let mut before = ' ';
    let mut chars = source[block.clone()].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match quote {
            Some(_) if c == '\\' => drop(chars.next()),
            Some(open) => quote = quote.filter(|_| c != open),
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None if is_letter(c) => {
                let mut end = at + c.len_utf8();
                while let Some((next, c)) = chars.next_if(|(_, c)| is_letter(*c)) {
                    end = next + c.len_utf8();
                }
                let range = block.start + at..block.start + end;
                words.push(Word { range, is_attribute: before == '.', is_filter: before == '|' });
            }
            None => {}
        }
        if !c.is_whitespace() {
            before = c;
        }
    }
    words
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, path: &str, expect: Option<(usize, &str)>) {
        let found = place_of(source, path);
        let shown = found.map(|range| (range.start, &source[range]));
        assert_eq!(shown, expect, "{source}");
    }

    #[test]
    fn filters_are_found_where_they_are_named() {
        let source = "{{ a | upper|json }}{% set b = 'x | y' | upper %} | z {# | c #}";
        let found: Vec<&str> = filters(source).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, ["upper", "json"]);
    }

    #[test]
    fn texts_that_filters_are_given_first_are_found() {
        let source = "{{ a | f('x\\'y', 1) | g('z') | f ( \"u\" ) ~ f('v') | f('w' ~ a) | f(b) | f }}";
        assert_eq!(first_texts(source, &["f"]), ["'x\\'y'", "\"u\""]);
    }

    #[test]
    fn tests_are_found_where_they_are_named() {
        let source = "{{ a is defined and b is not odd or c.is or 'x is y' }}{% if d is in [e] is even %}";
        let found: Vec<&str> = tests(source).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, ["defined", "odd", "in", "even"]);
    }

    #[test]
    fn paths_are_found_where_they_are_read() {
        check("{{ unit.id }} {{ context.gloss }}", "context.gloss", Some((17, "context.gloss")));
        check(
            "{{ unit.context }} {{ context . gloss | json }}",
            "context.gloss",
            Some((22, "context . gloss")),
        );
        check("{# unti #}{{ 'unti }} ' ~ unti }}", "unti", Some((26, "unti")));
        check("unti {% if a and unti.text %}", "unti", Some((17, "unti")));
        check("{{ été.x }}", "été", Some((3, "été")));
        check("{{ unit }}", "units", None);
        check("{{ \"\\\" unti\" }}", "unti", None);
    }
}
