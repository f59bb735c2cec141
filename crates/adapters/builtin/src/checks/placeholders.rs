//! Markup as in the source.
//!
//! `placeholders: true`, or `{ order: pairs | strict | any }`: with `pairs` what is opened is closed and nothing crosses,
//! where that is so in the source; with `strict` everything is in the order of the source. Plain `printf` placeholders
//! always keep their order, because they take their values by it; numbered ones may move.

mod loose;
mod nesting;

use super::bags::{Difference, Missing, Named, compare};
use super::issue::Finding;
use super::markup::Token;
use super::rule::Rule;
use super::subject::Subject;
use crate::params::Params;

/// What counts about the order of markup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Pairs,
    Strict,
    Any,
}

/// The same markup as the source, in an order that means the same.
#[derive(Debug)]
pub(super) struct Placeholders(Order);

impl Placeholders {
    pub(super) fn read(own: &Params<'_>) -> Self {
        Self(match own.word("order", &["pairs", "strict", "any"]) {
            "strict" => Order::Strict,
            "any" => Order::Any,
            _ => Order::Pairs,
        })
    }

    fn order(self, text: &[Token<'_>], source: &[Token<'_>]) -> Option<Finding> {
        let misplaced = match self.0 {
            Order::Strict => first_misplaced(text.iter(), source.iter()),
            _ => first_misplaced(positional(text), positional(source)),
        };
        let nested = || {
            let wanted = self.0 == Order::Pairs && nesting::problem(source).is_none();
            nesting::problem(text).filter(|_| wanted)
        };
        misplaced.or_else(nested).map(|(range, message)| Finding::new(range, message))
    }
}

impl Rule for Placeholders {
    fn needs_source(&self) -> bool {
        true
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let (text, source) = (subject.tokens(), subject.source_tokens());
        let difference = difference(&text, &source);
        if difference.extra.is_empty() && difference.missing.is_empty() {
            return Self(self.0).order(&text, &source).into_iter().collect();
        }
        difference.findings(|name| format!("`{name}`"))
    }

    fn mend(&self, subject: &Subject<'_>) -> Option<String> {
        let mended = line_breaks(subject).unwrap_or_else(|| subject.text.to_owned());
        let (text, source) = (subject.markup.tokens(&mended), subject.source_tokens());
        let Difference { extra, missing } = difference(&text, &source);
        let good = text.iter().filter(|token| extra.iter().all(|(range, _)| *range != token.range));
        let mut good: Vec<_> = good.map(|token| token.range.clone()).collect();
        let mut edits = Vec::new();
        for Missing { name, times, .. } in missing {
            for range in loose::find(&mended, &name, times, &good) {
                good.push(range.clone());
                edits.push((range, name.clone()));
            }
        }
        edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        let mut mended = mended.clone();
        edits.into_iter().for_each(|(range, name)| mended.replace_range(range, &name));
        (mended != subject.text).then_some(mended)
    }
}

fn difference(text: &[Token<'_>], source: &[Token<'_>]) -> Difference {
    let named = |tokens: &[Token<'_>], other: &[Token<'_>]| -> Vec<Named> {
        // `%1$s` says in so many words what the first `%s` says by its place.
        let number = other.iter().any(|token| is_numbered(token.text)) && tokens.iter().any(is_positional);
        let mut place = 0;
        let mut name = |token: &Token<'_>| {
            if !is_positional(token) || !number {
                return token.text.to_owned();
            }
            place += 1;
            token.text.replacen('%', &format!("%{place}$"), 1)
        };
        tokens.iter().map(|token| (token.range.clone(), name(token))).collect()
    };
    compare(named(text, source), named(source, text))
}

/// Whether a token is a `printf` placeholder that takes its value by its place.
fn is_positional(token: &Token<'_>) -> bool {
    token.text.starts_with('%')
        && token.text != "%%"
        && !token.text.starts_with("%(")
        && !is_numbered(token.text)
}

fn is_numbered(token: &str) -> bool {
    token.starts_with('%') && token.contains('$')
}

fn positional<'a, 't>(tokens: &'a [Token<'t>]) -> impl Iterator<Item = &'a Token<'t>> {
    tokens.iter().filter(|token| is_positional(token))
}

fn first_misplaced<'a, 't: 'a>(
    text: impl Iterator<Item = &'a Token<'t>>,
    source: impl Iterator<Item = &'a Token<'t>>,
) -> Option<(std::ops::Range<usize>, String)> {
    let (token, wanted) = text.zip(source).find(|(token, wanted)| token.text != wanted.text)?;
    let message = format!("`{}` stands where `{}` should: their order counts", token.text, wanted.text);
    Some((token.range.clone(), message))
}

/// Writes line breaks as the source does: as characters, or as `\n`.
fn line_breaks(subject: &Subject<'_>) -> Option<String> {
    let written = |tokens: &[Token<'_>]| tokens.iter().any(|token| token.text == "\\n");
    let (text, source) = (subject.tokens(), subject.source_tokens());
    let real = |text: &str| text.trim_matches('\n').contains('\n');
    if written(&source) && !real(subject.origin()) && real(subject.text) {
        let inner = subject.text.trim_matches('\n');
        let start = subject.text.len() - subject.text.trim_start_matches('\n').len();
        let (before, behind) = (&subject.text[..start], &subject.text[start + inner.len()..]);
        return Some(format!("{before}{}{behind}", inner.replace("\r\n", "\n").replace('\n', "\\n")));
    }
    if !written(&source) && real(subject.origin()) && written(&text) {
        let mut mended = subject.text.to_owned();
        for token in text.iter().rev().filter(|token| token.text == "\\n") {
            mended.replace_range(token.range.clone(), "\n");
        }
        return Some(mended);
    }
    None
}
