//! Whether what is opened is closed.

use std::collections::BTreeSet;
use std::ops::Range;

use super::super::markup::Token;

/// What a token does.
enum Role<'a> {
    Opens(&'a str),
    Closes(&'a str),
}

/// Returns the first thing that is wrong with the nesting of some markup.
pub(super) fn problem(tokens: &[Token<'_>]) -> Option<(Range<usize>, String)> {
    let closed: BTreeSet<(u8, &str)> = tokens
        .iter()
        .filter_map(|token| match role(token.text)? {
            Role::Closes(name) => Some((kind(token.text), name)),
            Role::Opens(_) => None,
        })
        .collect();
    let mut open: Vec<(u8, &str, &Token<'_>)> = Vec::new();
    for token in tokens {
        let kind = kind(token.text);
        match role(token.text) {
            // What is closed nowhere stands alone, such as `<br>` and `{w}`.
            Some(Role::Opens(name)) if closed.contains(&(kind, name)) => open.push((kind, name, token)),
            Some(Role::Closes(name)) => match open.pop() {
                Some((other, opened, _)) if (other, opened) == (kind, name) => {}
                Some((.., opened)) => {
                    let message = format!("`{}` comes before `{}` is closed", token.text, opened.text);
                    return Some((token.range.clone(), message));
                }
                None => return Some((token.range.clone(), format!("`{}` closes nothing", token.text))),
            },
            _ => {}
        }
    }
    let (.., token) = open.pop()?;
    Some((token.range.clone(), format!("`{}` is not closed", token.text)))
}

fn kind(token: &str) -> u8 {
    token.bytes().next().unwrap_or_default()
}

fn role(token: &str) -> Option<Role<'_>> {
    if let Some(code) = token.strip_prefix("\\C[").or_else(|| token.strip_prefix("\\c[")) {
        return Some(if code == "0]" { Role::Closes("C") } else { Role::Opens("C") });
    }
    let inner = token.strip_prefix(['<', '{', '['])?.strip_suffix(['>', '}', ']'])?;
    if inner.ends_with('/') {
        return None;
    }
    let name = |text: &'_ str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    Some(match inner.strip_prefix('/') {
        Some(closed) => Role::Closes(&closed[..name(closed)]),
        None => Role::Opens(&inner[..name(inner)]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::markup::Markup;

    fn check(text: &str, expect: Option<&str>) {
        let markup = Markup::default();
        let problem = problem(&markup.tokens(text)).map(|(_, message)| message);
        assert_eq!(problem.as_deref(), expect, "{text}");
    }

    #[test]
    fn what_is_opened_is_closed() {
        check("<b>x <i>y</i></b> <br> {w}", None);
        check("<b>x <i>y</b></i>", Some("`</b>` comes before `<i>` is closed"));
        check("x</b>", Some("`</b>` closes nothing"));
        check("{color=#f00}a{/color}", None);
        check("{/color}a{color=#f00}", Some("`{/color}` closes nothing"));
        check("<b>a</b><b>", Some("`<b>` is not closed"));
        check(r"\C[2]a\C[0] \C[3]b\C[0]", None);
        check(r"\C[0]a\C[2]", Some(r"`\C[0]` closes nothing"));
        check("[b]a[/b] [name]", None);
        check("<br/><b>a</b>", None);
    }
}
