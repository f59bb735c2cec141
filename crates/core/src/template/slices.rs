//! What slices are taken of, for the analysis of names.
//!
//! The engine's own analysis passes over what stands before the bracket of a slice. For it, and for nothing else, `x[a:b]`
//! is therefore written as the entry `x[[a, b]]`, which reads the same names.

use std::ops::Range;

use super::blocks::{blocks, tokens};

/// A place of the source, and what is written there.
type Edit = (Range<usize>, &'static str);

/// Returns a template that reads the same and has no slices; nothing where it has none.
pub(super) fn without_slices(source: &str) -> Option<String> {
    if !is_worthwhile(source) {
        return None;
    }
    let mut edits = Vec::new();
    for block in blocks(source) {
        found(source, &tokens(source, block.range).ok()?, &mut edits);
    }
    edited(source, edits)
}

/// Returns an expression that reads the same and has no slices; nothing where it has none.
pub(crate) fn expression_without_slices(source: &str) -> Option<String> {
    if !is_worthwhile(source) {
        return None;
    }
    let mut edits = Vec::new();
    found(source, &tokens(source, 0..source.len()).ok()?, &mut edits);
    edited(source, edits)
}

fn is_worthwhile(source: &str) -> bool {
    source.contains('[') && source.contains(':')
}

/// An open bracket, and the colons between it and its end.
struct Open {
    at: usize,
    colons: Vec<usize>,
}

fn found(source: &str, tokens: &[Range<usize>], edits: &mut Vec<Edit>) {
    let mut open: Vec<Open> = Vec::new();
    for (n, token) in tokens.iter().enumerate() {
        match &source[token.clone()] {
            "(" | "[" | "{" => open.push(Open { at: n, colons: Vec::new() }),
            ":" => {
                if let Some(open) = open.last_mut() {
                    open.colons.push(n);
                }
            }
            ")" | "}" => drop(open.pop()),
            "]" => {
                if let Some(open) = open.pop().filter(|open| !open.colons.is_empty()) {
                    slice(source, tokens, &open, n, edits);
                }
            }
            _ => {}
        }
    }
}

/// Writes the bounds of a slice as a list; what is left out is none of it.
fn slice(source: &str, tokens: &[Range<usize>], open: &Open, end: usize, edits: &mut Vec<Edit>) {
    edits.push((tokens[open.at].clone(), "[["));
    for colon in &open.colons {
        let is_behind_something = !matches!(&source[tokens[colon - 1].clone()], "[" | ":");
        edits.push((tokens[*colon].clone(), if is_behind_something { "," } else { " " }));
    }
    edits.push((tokens[end].clone(), "]]"));
}

fn edited(source: &str, mut edits: Vec<Edit>) -> Option<String> {
    if edits.is_empty() {
        return None;
    }
    edits.sort_by_key(|(range, _)| range.start);
    let (mut out, mut from) = (String::with_capacity(source.len() + edits.len()), 0);
    for (range, written) in edits {
        out.push_str(&source[from..range.start]);
        out.push_str(written);
        from = range.end;
    }
    out.push_str(&source[from..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::expression::Expression;
    use crate::template::Template;

    #[track_caller]
    fn check(expression: &str, expect: &[&str]) {
        let expect: BTreeSet<String> = expect.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(Expression::compile(expression).unwrap().variables(), &expect, "{expression}");
        let template = Template::compile("", &format!("a {{{{ {expression} }}}}")).unwrap();
        assert_eq!(template.variables(), expect, "{expression}");
    }

    #[test]
    fn what_a_slice_is_taken_of_is_read() {
        check("a.b.c[:3]", &["a.b.c"]);
        check("a[1:]", &["a"]);
        check("a[:]", &["a"]);
        check("a[::-1]", &["a"]);
        check("a[b:c.d:e]", &["a", "b", "c.d", "e"]);
        check("a[:b[1:]][c[:2]]", &["a", "b", "c"]);
        check("f.x(a[1:2], {'k': b[:1]})", &["a", "b", "f.x"]);
        check("'x[1:2]' ~ a.k[: 2] | length", &["a.k"]);
        check("{'a': [b]}['a']", &["b"]);
    }

    #[test]
    fn names_of_loops_are_none_of_the_project() {
        let template =
            Template::compile("", "{% for x in y.z[:3] %}{{ x[1:] }}{% endfor %}{# a[:1] #}").unwrap();
        assert_eq!(template.variables(), ["y.z".to_owned()].into());
    }
}
