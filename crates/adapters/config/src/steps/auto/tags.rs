//! Finds the tags of a text: `<AUTO>task</AUTO>`, `<AUTO task="…">more</AUTO>`, `<AUTO task="…" />`, `<AUTO task="…">`.

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Text(&'t str),
    Tag {
        /// What is wanted.
        task: String,
    },
}

const OPEN: &str = "<AUTO";
const CLOSE: &str = "</AUTO>";

/// Returns the pieces of a text; spaces around a single tag do not count. `None` where a tag is not closed.
pub(super) fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut done = 0;
    while let Some(found) = text[done..].find(OPEN) {
        let at = done + found;
        let (task, end) = tag(text, at)?;
        if at > done {
            pieces.push(Piece::Text(&text[done..at]));
        }
        pieces.push(Piece::Tag { task });
        done = end;
    }
    if done < text.len() {
        pieces.push(Piece::Text(&text[done..]));
    }
    let is_space = |piece: &Piece<'_>| matches!(piece, Piece::Text(text) if text.trim().is_empty());
    let n_tags = pieces.iter().filter(|piece| matches!(piece, Piece::Tag { .. })).count();
    if n_tags == 1 && pieces.iter().filter(|piece| !is_space(piece)).count() == 1 {
        pieces.retain(|piece| !is_space(piece));
    }
    Some(pieces)
}

/// Reads the tag that begins at a place; returns what is wanted, and where it ends.
fn tag(text: &str, at: usize) -> Option<(String, usize)> {
    let inside = &text[at + OPEN.len()..];
    let head = head(inside)?;
    let (attributes, start) = (&inside[..head], at + OPEN.len() + head + 1);
    let told = attribute(attributes, "task");
    if attributes.trim_end().ends_with('/') {
        return Some((told?.to_owned(), start));
    }
    match text[start..].find(CLOSE) {
        Some(length) => {
            let words = text[start..start + length].trim();
            let task = match told {
                Some(told) if words.is_empty() => told.to_owned(),
                Some(told) => format!("{told}: {words}"),
                None => words.to_owned(),
            };
            (!task.is_empty()).then_some((task, start + length + CLOSE.len()))
        }
        None => Some((told?.to_owned(), start)),
    }
}

/// Returns where the head of a tag ends; one within quotes is no end.
fn head(inside: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in inside.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '>') => return Some(at),
            (None, '<') => return None,
            _ => {}
        }
    }
    None
}

fn attribute<'t>(attributes: &'t str, name: &str) -> Option<&'t str> {
    let rest = &attributes[attributes.find(&format!("{name}="))? + name.len() + 1..];
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let rest = &rest[1..];
    rest.find(quote).map(|end| rest[..end].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&str>) {
        let shown = |piece: &Piece<'_>| match piece {
            Piece::Text(text) => format!("'{text}'"),
            Piece::Tag { task } => format!("[{task}]"),
        };
        let found = pieces(text).map(|pieces| pieces.iter().map(shown).collect::<Vec<_>>().join(""));
        assert_eq!(found.as_deref(), expect, "{text}");
    }

    #[test]
    fn tags_are_found() {
        check(" <AUTO>a topic</AUTO>\n", Some("[a topic]"));
        check("About <AUTO> a > b </AUTO>, now", Some("'About '[a > b]', now'"));
        check("<AUTO task=\"x > y\">more</AUTO>", Some("[x > y: more]"));
        check("<AUTO task='x'/>", Some("[x]"));
        check("<AUTO task='x'> and on", Some("[x]' and on'"));
        check("<AUTO>a</AUTO><AUTO>b</AUTO>", Some("[a][b]"));
        for text in ["<AUTO>a", "<AUTO></AUTO>", "<AUTO", "<AUTO/>", "<AUTO <AUTO>a</AUTO>"] {
            check(text, None);
        }
    }
}
