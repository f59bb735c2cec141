//! What a parser says, in words that help.

use refrain_core::check::code::Code;
use refrain_schemas::problem::{Place, Problem};

use crate::node::Span;
use crate::source::{Source, placed};
use crate::yaml::DEPTH;

/// Makes a problem of a parser's complaint; `open` is where the innermost collection started.
pub(crate) fn problem(source: &Source<'_>, said: &str, at: Place, open: Option<Span>) -> Problem {
    let at = at_tab(source, at);
    // It looks ahead, and stops before anybody counts.
    if said.contains("recursion limit") {
        return placed(Code::TooLarge, format!("values nest more than {DEPTH} deep"), at);
    }
    let line = source.line(at.line);
    let bracket = open.and_then(|span| {
        let c = source.line(span.line).chars().nth(span.column.saturating_sub(1) as usize)?;
        matches!(c, '[' | '{').then_some((c, span))
    });
    let mut problem = placed(Code::Syntax, said.to_owned(), at);
    if said.contains("quoted scalar") {
        "the quoted text that starts here does not end, or goes on with too little indentation"
            .clone_into(&mut problem.message);
        problem.hint = Some("close the quote".to_owned());
    } else if has_tab(line) {
        "a tab is used where YAML wants spaces".clone_into(&mut problem.message);
        problem.hint = Some("indent with spaces".to_owned());
    } else if let Some((c, span)) = bracket {
        problem.message = format!("`{c}` is not closed before this");
        let close = if c == '[' { ']' } else { '}' };
        problem.hint = Some(format!("add `{close}`, or quote the text that has brackets in it"));
        problem.related.push(Place { length: 1, ..source.place(span) });
    }
    if let Some(hint) = quoting(line) {
        problem.hint = Some(hint);
    }
    problem
}

/// Parsers may complain at the end of what comes before the tab.
fn at_tab(source: &Source<'_>, at: Place) -> Place {
    let next = source.line(at.line + 1);
    if has_tab(source.line(at.line)) || !has_tab(next) {
        return at;
    }
    let before = next.chars().take_while(|c| *c != '\t').count();
    Place { line: at.line + 1, column: u32::try_from(before + 1).unwrap_or(1), length: 1, ..at }
}

fn has_tab(line: &str) -> bool {
    line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t')
}

fn quoting(line: &str) -> Option<String> {
    let (_, value) = line.split_once(": ")?;
    let value = value.trim_start();
    if value.starts_with("{{") || value.starts_with("{%") {
        return Some("quote the template: \"{{ … }}\"".to_owned());
    }
    let plain = !value.starts_with(['"', '\'', '[', '{', '|', '>']);
    (plain && (value.contains(": ") || value.starts_with(['@', '`', '%', '*', '&', '!'])))
        .then(|| "quote the text".to_owned())
}
