//! Reads other files in: `{{ file:PATH }}` and `<< PATH >>`, and `include_file('PATH')` as a value within a template.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use refrain_core::check::code::Code;
use refrain_core::check::problem;
use refrain_schemas::problem::Problem;

use super::code::{Word, words};
use crate::node::{Kind, Node};
use crate::source::Source;

/// What reads a file in as a value.
const FUNCTION: &str = "include_file";
/// The deepest that files may read each other in.
const DEPTH: usize = 10;
/// The most bytes of one file, and of all that one value reads in.
const LARGEST: usize = 10 << 20;
/// The most bytes that all values of a file read in.
const LARGEST_IN_ALL: usize = 64 << 20;
/// The longest text that is kept, to be read in again.
const KEPT: usize = 1 << 16;

/// What was found out about the files that a file reads in.
#[derive(Debug, Default)]
pub(crate) struct Included {
    /// Files that are needed and were not given.
    pub(crate) wanted: BTreeSet<String>,
    pub(crate) problems: Vec<Problem>,
}

/// Puts the text of files where they are named. `None` for a file says that it cannot be read.
pub(crate) fn include(
    tree: &mut Node,
    source: &Source<'_>,
    files: &BTreeMap<String, Option<Vec<u8>>>,
) -> Included {
    let mut work = Work { source, files, found: Included::default(), known: BTreeMap::new(), total: 0 };
    work.node(tree, "");
    work.found
}

struct Work<'s, 'f> {
    source: &'s Source<'s>,
    files: &'f BTreeMap<String, Option<Vec<u8>>>,
    found: Included,
    /// What became of files that were read in already, so that those that are named again and again cost no more than once.
    known: BTreeMap<String, Filled>,
    /// How many bytes the whole file has read in.
    total: usize,
}

/// A file with the files that it reads in.
#[derive(Clone)]
enum Filled {
    /// Its text, and how deep files read each other in for it.
    Text(String, usize),
    /// Something in it is not known yet.
    Waiting,
}

impl<'f> Work<'_, 'f> {
    fn node(&mut self, node: &mut Node, path: &str) {
        let span = node.span;
        match &mut node.kind {
            Kind::Text(text) => {
                if find(text).is_none() && !text.contains(FUNCTION) {
                    return;
                }
                let filled = self.text(text, &mut Vec::new()).and_then(|(text, _)| self.values(text));
                let filled = filled.and_then(|text| self.counted(text));
                match filled {
                    Ok(filled) => *text = filled,
                    Err(Some(message)) => {
                        let found = problem(Code::StepInclude, path, message);
                        self.found.problems.push(Problem { place: Some(self.source.place(span)), ..found });
                    }
                    Err(None) => {}
                }
            }
            Kind::List(items) => {
                for (n, item) in items.iter_mut().enumerate() {
                    self.node(item, &format!("{path}[{n}]"));
                }
            }
            Kind::Map(entries) => {
                for entry in entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    self.node(&mut entry.value, &format!("{path}{dot}{}", entry.key));
                }
            }
            _ => {}
        }
    }

    /// Counts what a value has read in.
    fn counted(&mut self, text: String) -> Result<String, Option<String>> {
        self.total = self.total.saturating_add(text.len());
        if self.total > LARGEST_IN_ALL {
            return Err(Some("the file reads more than 64 MiB in".to_owned()));
        }
        Ok(text)
    }

    /// Returns a text with what it reads in, and how deep that is. Fails without a message where a file is only not there yet.
    fn text(&mut self, text: &str, within: &mut Vec<String>) -> Result<(String, usize), Option<String>> {
        let mut out = String::new();
        let mut rest = text;
        let (mut is_waiting, mut deepest) = (false, 0);
        while let Some((start, end, path)) = find(rest) {
            out.push_str(&rest[..start]);
            match self.file(path, within) {
                Ok((inner, depth)) => {
                    out.push_str(&inner);
                    deepest = deepest.max(depth + 1);
                }
                Err(Some(message)) => return Err(Some(message)),
                Err(None) => is_waiting = true,
            }
            if out.len() > LARGEST {
                return Err(Some("more than 10 MiB are read in".to_owned()));
            }
            rest = &rest[end..];
        }
        out.push_str(rest);
        if is_waiting { Err(None) } else { Ok((out, deepest)) }
    }

    /// Puts the text of a file, as a text and not as a template, where `include_file('PATH')` stands.
    fn values(&mut self, mut text: String) -> Result<String, Option<String>> {
        if !text.contains(FUNCTION) {
            return Ok(text);
        }
        let mut is_waiting = false;
        // From the end, so that what stands before stays where it is.
        let calls = words(&text, false).into_iter().rev();
        let calls: Vec<Word> = calls.filter(|word| &text[word.range.clone()] == FUNCTION).collect();
        for word in calls {
            let Some((range, path)) = call(&text, &word.range) else {
                return Err(Some(format!(
                    "`{FUNCTION}` takes the path of a file, written out: `{FUNCTION}('a.txt')`"
                )));
            };
            match self.bytes(&path, &[]) {
                Ok(content) => text.replace_range(range, &serde_json::Value::from(content).to_string()),
                Err(Some(message)) => return Err(Some(message)),
                Err(None) => is_waiting = true,
            }
            if text.len() > LARGEST {
                return Err(Some("more than 10 MiB are read in".to_owned()));
            }
        }
        if is_waiting { Err(None) } else { Ok(text) }
    }

    fn file(&mut self, path: &str, within: &mut Vec<String>) -> Result<(String, usize), Option<String>> {
        match self.known.get(path) {
            Some(Filled::Waiting) => return Err(None),
            Some(Filled::Text(_, depth)) if within.len() + depth >= DEPTH => {
                return Err(Some(format!("files are read in more than {DEPTH} deep")));
            }
            Some(Filled::Text(text, depth)) => return Ok((text.clone(), *depth)),
            None => {}
        }
        let text = self.bytes(path, within)?;
        within.push(path.to_owned());
        let filled = self.text(text.strip_suffix('\n').unwrap_or(text), within);
        within.pop();
        match &filled {
            Err(None) => drop(self.known.insert(path.to_owned(), Filled::Waiting)),
            // What is long meets the limit of a value before it can be read in often.
            Ok((text, depth)) if text.len() <= KEPT => {
                self.known.insert(path.to_owned(), Filled::Text(text.clone(), *depth));
            }
            _ => {}
        }
        filled
    }

    /// Returns the text of a file, if it may be read in.
    fn bytes(&mut self, path: &str, within: &[String]) -> Result<&'f str, Option<String>> {
        let fail = |message: String| Err(Some(message));
        if path.starts_with('/') || path.split('/').any(|part| part == "..") || path.contains('\\') {
            return fail(format!("`{path}` leads out of the project"));
        }
        if within.iter().any(|known| known == path) {
            return fail(format!("`{path}` reads itself in"));
        }
        if within.len() >= DEPTH {
            return fail(format!("files are read in more than {DEPTH} deep"));
        }
        let bytes = match self.files.get(path) {
            None => {
                self.found.wanted.insert(path.to_owned());
                return Err(None);
            }
            Some(None) => return fail(format!("there is no file `{path}`")),
            Some(Some(bytes)) if bytes.len() > LARGEST => {
                return fail(format!("`{path}` has more than 10 MiB"));
            }
            Some(Some(bytes)) => bytes,
        };
        std::str::from_utf8(bytes).map_err(|_| Some(format!("`{path}` is no text")))
    }
}

/// Returns where a file is read in as a value, and its path: `include_file('PATH')` or `'PATH' | include_file`.
fn call(text: &str, word: &Range<usize>) -> Option<(Range<usize>, String)> {
    let behind = text[word.end..].trim_start();
    if let Some(inner) = behind.strip_prefix('(') {
        let inner = inner.trim_start();
        let quote = inner.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (path, rest) = inner[1..].split_once(quote)?;
        let rest = rest.trim_start().strip_prefix(')')?;
        return Some((word.start..text.len() - rest.len(), path.to_owned()));
    }
    let before = text[..word.start].trim_end().strip_suffix('|')?.trim_end();
    let quote = before.chars().next_back().filter(|c| matches!(c, '\'' | '"'))?;
    let inner = &before[..before.len() - 1];
    let start = inner.rfind(quote)?;
    Some((start..word.end, inner[start + 1..].to_owned()))
}

/// Returns where the first file is read in, and its path.
fn find(text: &str) -> Option<(usize, usize, &str)> {
    let braces = text.match_indices("{{").find_map(|(start, _)| {
        let inner = &text[start + 2..];
        let length = inner.find("}}")?;
        let path = inner[..length].trim().strip_prefix("file:")?;
        Some((start, start + 2 + length + 2, path.trim()))
    });
    let arrows = text.match_indices("<<").find_map(|(start, _)| {
        let inner = &text[start + 2..];
        let length = inner.find(">>")?;
        let path = inner[..length].trim();
        let is_path = !path.is_empty()
            && !path.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '"' | '\''));
        (is_path && path.contains(['.', '/'])).then_some((start, start + 2 + length + 2, path))
    });
    match (braces, arrows) {
        (Some(a), Some(b)) => Some(if a.0 < b.0 { a } else { b }),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<(usize, usize, &str)>) {
        assert_eq!(find(text), expect, "{text}");
    }

    #[test]
    fn values_of_files_are_found() {
        let found = |text: &str| {
            let word =
                words(text, false).into_iter().find(|word| &text[word.range.clone()] == FUNCTION).unwrap();
            call(text, &word.range).map(|(range, path)| (text[range].to_owned(), path))
        };
        let expect = |call: &str| Some((call.to_owned(), "a b.txt".to_owned()));
        assert_eq!(found("x {{ include_file( 'a b.txt' ) | upper }}"), expect("include_file( 'a b.txt' )"));
        assert_eq!(found("{{ \"a b.txt\" | include_file }}"), expect("\"a b.txt\" | include_file"));
        assert_eq!(found("{{ include_file(name) }}"), None);
        assert_eq!(found("{{ name | include_file }}"), None);
    }

    #[test]
    fn files_are_found() {
        check("a {{ file:b/c.txt }} d", Some((2, 20, "b/c.txt")));
        check("<< b.txt >>", Some((0, 11, "b.txt")));
        check("{{ a }} << b.txt >> {{ file:c }}", Some((8, 19, "b.txt")));
        check("1 << 2 >> 3", None);
        check("cat <<EOF\nx >> y.txt", None);
        check("{{ file_exists('a') }}", None);
    }
}
