//! Reads lines of other files in, before a steps file is read as YAML: `<< PATH >>` or `{{ file:PATH }}` on a line of its own
//! stands for what the file has, be it some steps or some keys. What is read in stands, for all that is said of it, where it
//! is named.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use refrain_core::check::code::Code;
use refrain_core::check::problem;
use refrain_schemas::problem::Problem;

use super::include::{Included, LARGEST_IN_ALL, Work, whole};
use super::{id_of, is_steps};
use crate::node::{Entry, Kind, Node, Span};
use crate::source::Source;
use crate::yaml;

/// The keys whose value or whose items may be named by a file.
const STRUCTURED: [&str; 4] = ["steps", "inputs", "outputs", "parameters"];

/// What stands around the number of a line that became a key, so that nothing that somebody wrote is taken for one.
const AS_KEY: char = '\u{E000}';
/// The same, where the key stands in an item of a list.
const AS_ITEM: char = '\u{E001}';

/// What reading a file costs, however short it is.
const LEAST: usize = 1 << 12;

/// A file as it was read.
pub(crate) struct Whole {
    pub(crate) tree: Option<Node>,
    pub(crate) problems: Vec<Problem>,
    /// Files that are needed and were not given.
    pub(crate) wanted: Vec<String>,
}

/// Reads a file with the lines of others in it. `None` for a file says that it cannot be read.
pub(crate) fn read(source: &Source<'_>, files: &BTreeMap<String, Option<Vec<u8>>>) -> Whole {
    let (tree, problems) = yaml::read(source);
    if !source.text.contains("<<") && !source.text.contains("{{") {
        return Whole { tree, problems, wanted: Vec::new() };
    }
    let mut blocks = Blocks { work: Work::new(source, files), within: Vec::new(), lines: Vec::new() };
    let rewritten = match blocks.lines(source.text, None) {
        Cow::Owned(text) => Some(yaml::read(&Source::new(source.file.clone(), &text))),
        Cow::Borrowed(_) => None,
    };
    // Within quotes a line is no key, and what can be read as it is stays as it is then.
    let is_better = |read: &(_, Vec<Problem>)| read.1.is_empty() || !problems.is_empty();
    let (mut tree, mut problems) = rewritten.filter(is_better).unwrap_or((tree, problems));
    if let Some(tree) = tree.as_mut().filter(|_| problems.is_empty()) {
        blocks.root(tree);
    }
    let Included { wanted, problems: found, .. } = blocks.work.found;
    problems.extend(found);
    Whole { tree, problems, wanted: wanted.into_iter().collect() }
}

struct Blocks<'s, 'f> {
    work: Work<'s, 'f>,
    /// The files that are being read in.
    within: Vec<String>,
    /// The lines that became keys, as they are written, by their numbers.
    lines: Vec<String>,
}

impl Blocks<'_, '_> {
    /// Puts what files have where the pipeline names them.
    fn root(&mut self, tree: &mut Node) {
        if let Kind::Text(text) = &tree.kind
            && whole(text.trim()).is_some()
        {
            let value = Node { span: tree.span, kind: Kind::Null };
            let key = self.key_of(&text.clone(), AS_KEY);
            tree.kind = Kind::Map(vec![Entry { key, key_span: tree.span, value }]);
        }
        if !is_steps(tree) {
            return;
        }
        let (span, named) = (first_named(tree), id_of(tree));
        self.node(tree, false);
        let Some(span) = span.filter(|_| self.work.found.wanted.is_empty()) else { return };
        if !is_steps(tree) {
            self.fail(span, "the files that are read in have no `steps`".to_owned());
        } else if id_of(tree) != named {
            // It is where the state of the pipeline is, which does not hang on other files.
            self.fail(span, "what a pipeline is called stands in its own file: `id`, or `name`".to_owned());
        }
    }

    /// Returns the text with each line that only names a file as a key without a value, in a list where the file begins
    /// with one. A file that is not there is left out; `around` is where that is told, if not at its line.
    fn lines<'t>(&mut self, text: &'t str, around: Option<Span>) -> Cow<'t, str> {
        let is_named = |line: &str| whole(line.trim()).is_some();
        if !text.lines().any(is_named) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        for (n, line) in text.split_inclusive('\n').enumerate() {
            let Some(path) = whole(line.trim()) else {
                out.push_str(line);
                continue;
            };
            let indent = &line[..line.len() - line.trim_start().len()];
            match self.work.bytes(path, &self.within).map(first_line) {
                Ok(None) => out.push_str(&format!("{indent}#\n")),
                Ok(Some(first)) if begins_a_list(first) => {
                    out.push_str(&format!("{indent}- \"{}\":\n", self.key_of(line, AS_ITEM)));
                }
                Ok(Some(_)) => out.push_str(&format!("{indent}\"{}\":\n", self.key_of(line, AS_KEY))),
                // What a file has that is not known yet may be steps.
                Err(None) if indent.is_empty() => {
                    out.push_str(&format!("\"{}\":\n", self.key_of(line, AS_KEY)));
                }
                Err(message) => {
                    out.push_str(&format!("{indent}#\n"));
                    let span = around.unwrap_or_else(|| span_of(n, line));
                    message.into_iter().for_each(|message| self.fail(span, message));
                }
            }
        }
        Cow::Owned(out)
    }

    /// Puts what files have where they are named; `is_structured` where a text cannot be meant.
    fn node(&mut self, node: &mut Node, is_structured: bool) {
        if let Kind::Text(text) = &mut node.kind
            && text.contains([AS_KEY, AS_ITEM])
        {
            *text = self.as_written(text);
        }
        match &mut node.kind {
            Kind::Text(text) if is_structured => {
                let Some(path) = whole(text.trim()).map(str::to_owned) else { return };
                let broken = Node { span: node.span, kind: Kind::Broken };
                *node = self.read(&path, node.span).unwrap_or(broken);
            }
            Kind::List(items) => {
                let items = std::mem::take(items);
                node.kind =
                    Kind::List(items.into_iter().flat_map(|item| self.item(item, is_structured)).collect());
            }
            Kind::Map(entries) => {
                let entries = std::mem::take(entries);
                node.kind = self.entries(entries);
            }
            _ => {}
        }
    }

    /// Returns what stands for a line that names a file.
    fn key_of(&mut self, line: &str, mark: char) -> String {
        self.lines.push(line.trim().to_owned());
        format!("{mark}{}{mark}", self.lines.len() - 1)
    }

    /// Returns the line that a key stands for.
    fn line_of(&self, key: &str) -> Option<&str> {
        let number = key.trim_matches([AS_KEY, AS_ITEM]).parse::<usize>().ok()?;
        self.lines.get(number).map(String::as_str)
    }

    /// Returns the file that an entry stands for.
    fn named(&self, entry: &Entry) -> Option<String> {
        let line = self.line_of(&entry.key).filter(|_| is_line(entry))?;
        whole(line).map(str::to_owned)
    }

    /// Returns a text with its lines as they were before they became keys.
    fn as_written(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find([AS_KEY, AS_ITEM]) {
            let (before, key) = rest.split_at(at);
            let end = key[AS_KEY.len_utf8()..].find([AS_KEY, AS_ITEM]).map(|n| n + 2 * AS_KEY.len_utf8());
            let line =
                end.and_then(|end| Some((self.line_of(&key[..end])?, key[end..].strip_prefix("\":")?)));
            let opened = if key.starts_with(AS_ITEM) { "- \"" } else { "\"" };
            match line.zip(before.strip_suffix(opened)) {
                Some(((line, behind), before)) => {
                    out.push_str(before);
                    out.push_str(line);
                    rest = behind;
                }
                None => {
                    let (known, behind) = rest.split_at(at + AS_KEY.len_utf8());
                    out.push_str(known);
                    rest = behind;
                }
            }
        }
        out.push_str(rest);
        out
    }

    /// A list in the place of an item is the items of that list.
    fn item(&mut self, mut item: Node, is_structured: bool) -> Vec<Node> {
        let is_named = match &item.kind {
            Kind::Text(text) => is_structured && whole(text.trim()).is_some(),
            Kind::Map(entries) => entries.len() == 1 && is_line(&entries[0]),
            _ => false,
        };
        self.node(&mut item, is_structured);
        match item.kind {
            Kind::List(items) if is_named => items,
            _ => vec![item],
        }
    }

    fn entries(&mut self, entries: Vec<Entry>) -> Kind {
        let n_entries = entries.len();
        let mut known: HashSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        let mut out = Vec::with_capacity(n_entries);
        for mut entry in entries {
            let Some(path) = self.named(&entry) else {
                let is_structured = STRUCTURED.contains(&entry.key.as_str());
                if let Kind::Map(inner) = &entry.value.kind
                    && !is_structured
                    && let [line] = inner.as_slice()
                    && let Some(written) = self.line_of(&line.key).filter(|_| is_line(line))
                {
                    // A text that stands below its key.
                    entry.value.kind = Kind::Text(written.to_owned());
                }
                self.node(&mut entry.value, is_structured);
                out.push(entry);
                continue;
            };
            match self.read(&path, entry.key_span).map(|found| found.kind) {
                Some(Kind::Map(inner)) => {
                    for inner in inner {
                        if !known.insert(inner.key.clone()) {
                            self.fail(
                                entry.key_span,
                                format!("`{}` is there twice, once in `{path}`", inner.key),
                            );
                        }
                        out.push(inner);
                    }
                }
                Some(list @ Kind::List(_)) if n_entries == 1 => return list,
                Some(_) => self.fail(entry.key_span, format!("`{path}` has no keys, which are wanted here")),
                None if self.work.found.wanted.contains(&path) => out.push(entry),
                None => {}
            }
        }
        Kind::Map(out)
    }

    /// Returns what a file has, as if all of it stood in one place.
    fn read(&mut self, path: &str, span: Span) -> Option<Node> {
        let text = match self.work.bytes(path, &self.within) {
            Ok(text) => text,
            Err(message) => {
                message.into_iter().for_each(|message| self.fail(span, message));
                return None;
            }
        };
        if self.work.found.bytes > LARGEST_IN_ALL {
            return None;
        }
        self.work.found.bytes += LEAST;
        if let Err(message) = self.work.count(text) {
            message.into_iter().for_each(|message| self.fail(span, message));
            return None;
        }
        let text = self.lines(text, Some(span));
        let (tree, problems) = yaml::read(&Source::new(path, &text));
        let is_clean = problems.is_empty();
        self.work.found.problems.extend(problems);
        let mut tree = tree.filter(|_| is_clean)?;
        tree.put_at(span);
        self.within.push(path.to_owned());
        self.node(&mut tree, true);
        self.within.pop();
        Some(tree)
    }

    fn fail(&mut self, span: Span, message: String) {
        let found = problem(Code::StepInclude, "", message);
        self.work.found.problems.push(Problem { place: Some(self.work.source.place(span)), ..found });
    }
}

/// Whether lines of other files stand among the keys of a pipeline.
pub(crate) fn reads_lines(tree: &Node) -> bool {
    first_named(tree).is_some()
}

fn first_named(tree: &Node) -> Option<Span> {
    let Kind::Map(entries) = &tree.kind else { return None };
    entries.iter().find(|entry| is_line(entry)).map(|entry| entry.key_span)
}

/// Whether an entry is a line that names a file.
fn is_line(entry: &Entry) -> bool {
    matches!(entry.value.kind, Kind::Null) && entry.key.starts_with([AS_KEY, AS_ITEM])
}

fn span_of(line: usize, text: &str) -> Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
    let start = text.chars().take_while(|c| c.is_whitespace()).count();
    let (line, end) = (number(line), number(text.trim_end().chars().count()));
    Span { line, column: number(start), end_line: line, end_column: end }
}

/// Returns the first line of a text of YAML that says something.
fn first_line(text: &str) -> Option<&str> {
    let is_empty = |line: &&str| line.is_empty() || line.starts_with('#') || *line == "---";
    text.lines().map(str::trim).find(|line| !is_empty(line))
}

fn begins_a_list(line: &str) -> bool {
    line == "-" || line.starts_with("- ") || line.starts_with('[')
}
