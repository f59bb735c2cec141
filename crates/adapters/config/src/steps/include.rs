//! Reads other files in: `{{ file:PATH }}` and `<< PATH >>`, and `include_file('PATH')` as a value within a template.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use refrain_core::check::code::Code;
use refrain_core::check::problem;
use refrain_schemas::problem::Problem;

use super::code::words;
use super::reading::leads_out;
use crate::node::{Kind, Node};
use crate::source::Source;

/// What reads a file in as a value.
const FUNCTION: &str = "include_file";
/// The deepest that files may read each other in.
const DEPTH: usize = 10;
/// The most bytes of one file, and of all that one value reads in.
const LARGEST: usize = 10 << 20;
/// The most bytes that all values of a file read in.
pub(super) const LARGEST_IN_ALL: usize = 64 << 20;
/// The longest text that is kept, to be read in again.
const KEPT: usize = 1 << 16;

/// What was found out about the files that a file reads in.
#[derive(Debug, Default)]
pub(crate) struct Included {
    /// Files that are needed and were not given.
    pub(crate) wanted: BTreeSet<String>,
    pub(crate) problems: Vec<Problem>,
    /// How many bytes were looked through for that.
    pub(crate) bytes: usize,
}

/// Puts the text of files where they are named. `None` for a file says that it cannot be read.
pub(crate) fn include(
    tree: &mut Node,
    source: &Source<'_>,
    files: &BTreeMap<String, Option<Vec<u8>>>,
) -> Included {
    let mut work = Work::new(source, files);
    work.node(tree, "");
    work.found
}

pub(super) struct Work<'s, 'f> {
    pub(super) source: &'s Source<'s>,
    files: &'f BTreeMap<String, Option<Vec<u8>>>,
    pub(super) found: Included,
    /// What became of files that were read in already, so that those that are named again and again cost no more than once.
    known: BTreeMap<String, Filled>,
}

/// A file with the files that it reads in.
#[derive(Clone)]
enum Filled {
    /// Its text, and how deep files read each other in for it.
    Text(String, usize),
    /// Something in it is not known yet.
    Waiting,
}

impl<'s, 'f> Work<'s, 'f> {
    pub(super) fn new(source: &'s Source<'s>, files: &'f BTreeMap<String, Option<Vec<u8>>>) -> Self {
        Self { source, files, found: Included::default(), known: BTreeMap::new() }
    }

    fn node(&mut self, node: &mut Node, path: &str) {
        let span = node.span;
        // What was too much was told where it became so.
        if self.found.bytes > LARGEST_IN_ALL {
            return;
        }
        match &mut node.kind {
            Kind::Text(text) => {
                if Places::of(text).next().is_none() && !text.contains(FUNCTION) {
                    return;
                }
                let filled = self.text(text, &mut Vec::new()).and_then(|(text, _)| self.values(text));
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

    /// Counts what is read in, whatever becomes of the value that reads it.
    pub(super) fn count(&mut self, text: &str) -> Result<(), Option<String>> {
        self.found.bytes = self.found.bytes.saturating_add(text.len());
        if self.found.bytes > LARGEST_IN_ALL {
            return Err(Some("the file reads more than 64 MiB in".to_owned()));
        }
        Ok(())
    }

    /// Returns a text with what it reads in, and how deep that is. Fails without a message where a file is only not there yet.
    fn text(&mut self, text: &str, within: &mut Vec<String>) -> Result<(String, usize), Option<String>> {
        let mut out = String::new();
        let mut done = 0;
        let (mut is_waiting, mut deepest) = (false, 0);
        for (range, path) in Places::of(text) {
            out.push_str(&text[done..range.start]);
            match self.file(path, within) {
                Ok((inner, depth)) => {
                    out.push_str(&inner);
                    deepest = deepest.max(depth + 1);
                }
                Err(Some(message)) => return Err(Some(message)),
                Err(None) => is_waiting = true,
            }
            small(&out)?;
            done = range.end;
        }
        out.push_str(&text[done..]);
        if is_waiting { Err(None) } else { Ok((out, deepest)) }
    }

    /// Puts the text of a file, as a text and not as a template, where `include_file('PATH')` stands.
    fn values(&mut self, text: String) -> Result<String, Option<String>> {
        if !text.contains(FUNCTION) {
            return Ok(text);
        }
        let mut out = String::new();
        let mut done = 0;
        let mut is_waiting = false;
        let calls = words(&text, false).into_iter().filter(|word| &text[word.range.clone()] == FUNCTION);
        for word in calls {
            let found = call(&text, &word.range).filter(|(range, _)| range.start >= done);
            let Some((range, path)) = found else {
                return Err(Some(format!(
                    "`{FUNCTION}` takes the path of a file, written out: `{FUNCTION}('a.txt')`"
                )));
            };
            out.push_str(&text[done..range.start]);
            match self.bytes(&path, &[]) {
                Ok(content) => {
                    self.count(content)?;
                    out.push_str(&serde_json::Value::from(content).to_string());
                }
                Err(Some(message)) => return Err(Some(message)),
                Err(None) => is_waiting = true,
            }
            small(&out)?;
            done = range.end;
        }
        out.push_str(&text[done..]);
        if is_waiting { Err(None) } else { Ok(out) }
    }

    fn file(&mut self, path: &str, within: &mut Vec<String>) -> Result<(String, usize), Option<String>> {
        match self.known.get(path) {
            Some(Filled::Waiting) => return Err(None),
            Some(Filled::Text(_, depth)) if within.len() + depth >= DEPTH => {
                return Err(Some(format!("files are read in more than {DEPTH} deep")));
            }
            Some(Filled::Text(text, depth)) => {
                let (text, depth) = (text.clone(), *depth);
                self.count(&text)?;
                return Ok((text, depth));
            }
            None => {}
        }
        let text = self.bytes(path, within)?;
        self.count(text)?;
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
    pub(super) fn bytes(&mut self, path: &str, within: &[String]) -> Result<&'f str, Option<String>> {
        let fail = |message: String| Err(Some(message));
        if leads_out(path) {
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

/// Fails where one value has become too long.
fn small(text: &str) -> Result<(), Option<String>> {
    if text.len() > LARGEST {
        return Err(Some("more than 10 MiB are read in".to_owned()));
    }
    Ok(())
}

/// Returns the path of the file that is all that a text reads in.
pub(super) fn whole(text: &str) -> Option<&str> {
    let (range, path) = Places::of(text).next()?;
    (range == (0..text.len())).then_some(path)
}

/// The places of a text where files are read in, with their paths. However many signs there are that begin one, the text is
/// gone through once.
struct Places<'t> {
    text: &'t str,
    at: usize,
    /// Whether no `}}` stands ahead.
    is_open: bool,
}

impl<'t> Places<'t> {
    const fn of(text: &'t str) -> Self {
        Self { text, at: 0, is_open: false }
    }

    /// Returns the path behind `{{`, and where what reads it in ends.
    fn braces(&mut self, start: usize) -> Option<(usize, &'t str)> {
        let inner = self.text[start..].trim_start().strip_prefix("file:").filter(|_| !self.is_open)?;
        let Some(length) = inner.find("}}") else {
            self.is_open = true;
            return None;
        };
        Some((self.text.len() - inner.len() + length + 2, inner[..length].trim()))
    }

    /// Returns the path behind `<<`, and where what reads it in ends.
    fn arrows(&self, start: usize) -> Option<(usize, &'t str)> {
        let inner = self.text[start..].trim_start();
        let is_end = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '"' | '\'');
        let (path, rest) = inner.split_at(inner.find(is_end)?);
        let rest = rest.trim_start().strip_prefix(">>")?;
        path.contains(['.', '/']).then_some((self.text.len() - rest.len(), path))
    }
}

impl<'t> Iterator for Places<'t> {
    type Item = (Range<usize>, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.at + self.text[self.at..].find(['{', '<'])?;
            let behind = start + 2;
            let found = match self.text.get(start..behind) {
                Some("{{") => self.braces(behind),
                Some("<<") => self.arrows(behind),
                _ => {
                    self.at = start + 1;
                    continue;
                }
            };
            self.at = behind;
            if let Some((end, path)) = found {
                self.at = end;
                return Some((start..end, path));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<(usize, usize, &str)>) {
        let found = Places::of(text).next().map(|(range, path)| (range.start, range.end, path));
        assert_eq!(found, expect, "{text}");
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
        check("{{ file:a", None);
        check("<< b.txt", None);
        check("{{ << b.txt >> }}", Some((3, 14, "b.txt")));
        check("<<< b.txt >> << c.txt >>", Some((13, 24, "c.txt")));
    }

    /// Signs that begin something and end nothing cost no more than any other sign.
    #[test]
    fn texts_are_gone_through_once() {
        let n = 2 << 20;
        for (text, expect) in [
            ("<<".repeat(n), 0),
            ("{{file:".repeat(n), 0),
            (format!("{}{}>>", "<<".repeat(n), " ".repeat(n)), 0),
            ("<<a.b>>".repeat(n / 8), n / 8),
            (format!("{}}}}}", "{{file:".repeat(n / 8)), 1),
        ] {
            assert_eq!(Places::of(&text).count(), expect, "{text:.20}");
        }
    }

    /// Reads texts in with files, and returns what is told and how many bytes were looked through.
    fn included(texts: &[String], files: &[(&str, Vec<u8>)]) -> (Vec<String>, usize) {
        let items: Vec<String> =
            texts.iter().map(|text| serde_json::Value::from(text.as_str()).to_string()).collect();
        let text = format!("[{}]", items.join(", "));
        let source = Source::new("x.yaml", &text);
        let mut tree = crate::yaml::read(&source).0.unwrap();
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), Some(text.clone()))).collect();
        let found = include(&mut tree, &source, &files);
        (found.problems.into_iter().map(|problem| problem.message).collect(), found.bytes)
    }

    /// What a value has read in before it fails counts, or many of them would copy without an end.
    #[test]
    fn what_fails_is_counted() {
        let texts: Vec<String> = (0..100).map(|_| "<< a.txt >>".repeat(3)).collect();
        let (told, bytes) = included(&texts, &[("a.txt", vec![b'a'; 5 << 20])]);
        assert_eq!(told.last().unwrap(), "the file reads more than 64 MiB in");
        assert!(told.len() < 8 && bytes < 80 << 20, "{bytes}: {told:?}");
        let long = "x{{ include_file('a.txt') }}".repeat(100_000);
        assert_eq!(included(&[long], &[("a.txt", Vec::new())]), (Vec::new(), 0));
    }
}
