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

/// What is wrong with a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    Open,
    Empty,
    Nested,
    /// It closes nothing.
    Stray,
    /// It has an attribute that there is not.
    Attribute(String),
    /// It is not written in capital letters.
    Small(String),
}

impl Flaw {
    pub(super) fn message(&self) -> String {
        match self {
            Self::Open => "`<AUTO>` is not closed".to_owned(),
            Self::Empty => "`<AUTO>` does not say what is wanted".to_owned(),
            Self::Nested => "an `<AUTO>` stands in another one".to_owned(),
            Self::Stray => "`</AUTO>` closes nothing".to_owned(),
            Self::Attribute(name) => format!("`<AUTO>` has no attribute `{name}`, only `task`"),
            Self::Small(tag) => format!("`{tag}` is no tag that leaves something to a model"),
        }
    }

    pub(super) const fn hint(&self) -> &'static str {
        match self {
            Self::Small(_) => {
                "write `<AUTO>…</AUTO>` in capital letters; where the tag is meant as it is, `{{ '<' }}` is its `<`"
            }
            _ => "write `<AUTO>what is wanted</AUTO>`",
        }
    }
}

const OPEN: &str = "<AUTO";
const CLOSE: &str = "</AUTO>";

/// Whether a text may have tags in it, also such as are not written in capital letters.
pub(super) fn may_have(text: &str) -> bool {
    text.contains(OPEN) || small(text).is_some()
}

/// Returns a tag that would be one in capital letters: it is closed, or says what is wanted.
fn small(text: &str) -> Option<Flaw> {
    if !text.contains('<') {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let last = ["</auto>", "task="].into_iter().filter_map(|mark| lower.rfind(mark)).max()?;
    let is_tag = |at: &usize| {
        let is_head = lower[at + OPEN.len()..].starts_with(['>', ' ', '\t', '\n']);
        is_head && *at < last && !text[*at..].starts_with(OPEN)
    };
    let (at, _) = lower.match_indices("<auto").find(|(at, _)| is_tag(at))?;
    Some(Flaw::Small(format!("{}>", &text[at..at + OPEN.len()])))
}

/// Returns the pieces of a text; spaces around a single tag do not count.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Flaw> {
    if let Some(flaw) = small(text) {
        return Err(flaw);
    }
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
    if pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains(CLOSE))) {
        return Err(Flaw::Stray);
    }
    let is_space = |piece: &Piece<'_>| matches!(piece, Piece::Text(text) if text.trim().is_empty());
    let n_tags = pieces.iter().filter(|piece| matches!(piece, Piece::Tag { .. })).count();
    if n_tags == 1 && pieces.iter().filter(|piece| !is_space(piece)).count() == 1 {
        pieces.retain(|piece| !is_space(piece));
    }
    Ok(pieces)
}

/// Reads the tag that begins at a place; returns what is wanted, and where it ends.
fn tag(text: &str, at: usize) -> Result<(String, usize), Flaw> {
    let inside = &text[at + OPEN.len()..];
    let head = head(inside).ok_or(Flaw::Open)?;
    let (attributes, start) = (inside[..head].trim(), at + OPEN.len() + head + 1);
    let (attributes, is_closed) =
        attributes.strip_suffix('/').map_or((attributes, false), |rest| (rest, true));
    let told = task(attributes.trim())?;
    let close = text[start..].find(CLOSE).filter(|_| !is_closed);
    let Some(length) = close else {
        return told.map(|told| (told.to_owned(), start)).ok_or(if is_closed {
            Flaw::Empty
        } else {
            Flaw::Open
        });
    };
    let words = text[start..start + length].trim();
    if words.contains(OPEN) {
        // One that says what is wanted by its attribute alone may stand before another one.
        return told.map(|told| (told.to_owned(), start)).ok_or(Flaw::Nested);
    }
    let task = match told {
        Some(told) if words.is_empty() => told.to_owned(),
        Some(told) => format!("{told}: {words}"),
        None => words.to_owned(),
    };
    if task.is_empty() { Err(Flaw::Empty) } else { Ok((task, start + length + CLOSE.len())) }
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

/// Returns what `task="…"` says, the one attribute that there is.
fn task(attributes: &str) -> Result<Option<&str>, Flaw> {
    if attributes.is_empty() {
        return Ok(None);
    }
    let unknown = |rest: &str| {
        let name = rest.split(['=', ' ']).next().unwrap_or(rest);
        Flaw::Attribute(name.to_owned())
    };
    let value = attributes.strip_prefix("task").and_then(|rest| rest.trim_start().strip_prefix('='));
    let value = value.ok_or_else(|| unknown(attributes))?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or(Flaw::Empty)?;
    let (told, rest) = value[1..].split_once(quote).ok_or(Flaw::Open)?;
    let rest = rest.trim();
    if rest.is_empty() { Ok(Some(told.trim()).filter(|told| !told.is_empty())) } else { Err(unknown(rest)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, Flaw>) {
        let shown = |piece: &Piece<'_>| match piece {
            Piece::Text(text) => format!("'{text}'"),
            Piece::Tag { task } => format!("[{task}]"),
        };
        let found = pieces(text).map(|pieces| pieces.iter().map(shown).collect::<Vec<_>>().join(""));
        assert_eq!(found.as_deref().map_err(Clone::clone), expect, "{text}");
    }

    #[test]
    fn tags_are_found() {
        check(" <AUTO>a topic</AUTO>\n", Ok("[a topic]"));
        check("About <AUTO> a > b </AUTO>, now", Ok("'About '[a > b]', now'"));
        check("<AUTO task=\"x > y\">more</AUTO>", Ok("[x > y: more]"));
        check("<AUTO task='x'/>", Ok("[x]"));
        check("<AUTO task='x'> and on", Ok("[x]' and on'"));
        check("<AUTO>a</AUTO><AUTO>b</AUTO>", Ok("[a][b]"));
        check("<AUTO task='x'> and <AUTO>y</AUTO>", Ok("[x]' and '[y]"));
        check("an <automatic> or <auto> thing", Ok("'an <automatic> or <auto> thing'"));
        for text in ["<AUTO>a", "<AUTO", "<AUTO <AUTO>a</AUTO>"] {
            check(text, Err(Flaw::Open));
        }
        for text in ["<AUTO></AUTO>", "<AUTO/>", "<AUTO task=''/>", "<AUTO task=x>y</AUTO>"] {
            check(text, Err(Flaw::Empty));
        }
        check("<AUTO>a <AUTO>b</AUTO></AUTO>", Err(Flaw::Nested));
        check("<AUTO>a</AUTO></AUTO>", Err(Flaw::Stray));
        check("<AUTO task='a'>b <AUTO>c</AUTO></AUTO>", Err(Flaw::Stray));
        check("<AUTO model=\"x\">a</AUTO>", Err(Flaw::Attribute("model".to_owned())));
        check("<AUTO task='a' as='b'/>", Err(Flaw::Attribute("as".to_owned())));
        for text in ["<auto>a</auto>", "x <Auto>a</AUTO>", "<auto task=\"a\"/>"] {
            assert!(matches!(pieces(text), Err(Flaw::Small(_))) && may_have(text), "{text}");
        }
    }
}
