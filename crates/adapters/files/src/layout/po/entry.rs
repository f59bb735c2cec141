//! The entries of a PO file as they stand there.

use std::ops::Range;

use crate::layout::located::Located;
use crate::layout::po::escape::unescaped;

/// One message with all that is said of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    /// Where its first string begins.
    pub(super) at: usize,
    /// Comments of translators (`# `).
    pub(super) remarks: Vec<String>,
    /// Comments from the program (`#.`), each with where it stands.
    pub(super) notes: Vec<(String, Range<usize>)>,
    pub(super) references: Vec<String>,
    pub(super) flags: Vec<Flags>,
    /// What the source was when it was translated (`#| msgid`).
    pub(super) previous: String,
    pub(super) context: Option<Strings>,
    pub(super) source: Option<Strings>,
    pub(super) plural: Option<Strings>,
    pub(super) targets: Vec<(usize, Strings)>,
    /// Where a line of flags can be put in.
    pub(super) before: usize,
    is_obsolete: bool,
    /// Whether something of it was not understood.
    is_broken: bool,
    previous_is_open: bool,
}

/// A line of flags.
#[derive(Debug, Clone)]
pub(super) struct Flags {
    /// The whole line with its line break.
    pub(super) span: Range<usize>,
    pub(super) flags: Vec<String>,
}

/// Strings that stand one behind the other, and mean one text.
#[derive(Debug, Clone)]
pub(super) struct Strings {
    /// From the first quote to the last.
    pub(super) span: Range<usize>,
    pub(super) plain: String,
    /// Whether there is none yet: a keyword may stand on a line of its own.
    is_none: bool,
}

/// What a string continues.
#[derive(Debug, Clone, Copy)]
enum Last {
    Nothing,
    Context,
    Source,
    Plural,
    Target,
}

/// Reads entries.
#[derive(Debug)]
struct Reader<'a, 'b> {
    found: &'b mut Located<'a>,
    entries: Vec<Entry>,
    entry: Entry,
    last: Last,
}

/// Returns the entries of a file without the obsolete ones; what is malformed goes to the problems.
pub(super) fn entries<'a>(text: &'a str, found: &mut Located<'a>) -> Vec<Entry> {
    let mut reader = Reader { found, entries: Vec::new(), entry: Entry::default(), last: Last::Nothing };
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        reader.line(at, line);
        at += line.len();
    }
    reader.finish();
    reader.entries
}

impl Reader<'_, '_> {
    fn line(&mut self, at: usize, line: &str) {
        let said = line.trim();
        let start = at + (line.len() - line.trim_start().len());
        match said.as_bytes() {
            [] => {}
            [b'#', b'~', ..] => self.obsolete(),
            [b'#', ..] => self.comment(at, start, line, said),
            [b'"', ..] => self.continued(start, said),
            _ => self.keyword(at, start, said),
        }
    }

    fn obsolete(&mut self) {
        if self.entry.source.is_some() {
            self.finish();
        }
        self.entry.is_obsolete = true;
    }

    fn comment(&mut self, at: usize, start: usize, line: &str, said: &str) {
        if self.entry.source.is_some() || self.entry.is_obsolete {
            self.finish();
        }
        let rest = said.get(2..).unwrap_or_default();
        let trimmed = rest.trim();
        match said.as_bytes().get(1) {
            Some(b'.') => {
                let from = start + 2 + (rest.len() - rest.trim_start().len());
                self.entry.notes.push((trimmed.to_owned(), from..from + trimmed.len()));
            }
            Some(b':') => self.entry.references.extend(trimmed.split_whitespace().map(str::to_owned)),
            Some(b',') => {
                let flags = trimmed.split(',').map(|flag| flag.trim().to_owned());
                let flags = flags.filter(|flag| !flag.is_empty()).collect();
                self.entry.flags.push(Flags { span: at..at + line.len(), flags });
            }
            Some(b'|') => self.previous(trimmed),
            _ => self.entry.remarks.push(said[1..].trim().to_owned()),
        }
    }

    /// Takes what the source was before; it is only told, never needed.
    fn previous(&mut self, said: &str) {
        let (word, rest) = said.split_at(said.find('"').unwrap_or(said.len()));
        if !word.trim().is_empty() {
            self.entry.previous_is_open = word.trim() == "msgid";
        }
        let inner = rest.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        if let Some(Ok(text)) = inner.filter(|_| self.entry.previous_is_open).map(unescaped) {
            self.entry.previous.push_str(&text);
        }
    }

    fn keyword(&mut self, at: usize, start: usize, said: &str) {
        let length =
            said.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'[' | b']')).count();
        let (word, rest) = said.split_at(length);
        let Some(last) = self.turn(word) else {
            let expected = "expected a comment, a string, or `msgctxt`, `msgid`, `msgid_plural`, `msgstr`";
            self.found.add(start, "E0750", expected);
            self.entry.is_broken = true;
            self.last = Last::Nothing;
            return;
        };
        if self.entry.context.is_none() && self.entry.source.is_none() {
            (self.entry.at, self.entry.before) = (start, at);
        }
        let strings = self.strings(start + length, rest);
        self.place(start, last, word, strings);
    }

    /// Says what a keyword begins; a new entry is begun with it where the last one is over.
    fn turn(&mut self, word: &str) -> Option<Last> {
        let last = match word {
            "msgctxt" => Last::Context,
            "msgid" => Last::Source,
            "msgid_plural" => Last::Plural,
            "msgstr" => Last::Target,
            _ if form(word).is_some() => Last::Target,
            _ => return None,
        };
        let begins = match last {
            Last::Context => self.entry.context.is_some() || self.entry.source.is_some(),
            Last::Source => self.entry.source.is_some(),
            _ => false,
        };
        if begins || self.entry.is_obsolete {
            self.finish();
        }
        Some(last)
    }

    fn place(&mut self, start: usize, last: Last, word: &str, strings: Option<Strings>) {
        self.last = last;
        let Some(strings) = strings else {
            self.entry.is_broken = true;
            return;
        };
        let misplaced = match last {
            Last::Plural => self.entry.source.is_none() || self.entry.plural.is_some(),
            Last::Target => self.entry.source.is_none() && !self.entry.is_broken,
            _ => false,
        };
        if misplaced {
            self.found.add(start, "E0753", format!("`{word}` without the `msgid` that it belongs to"));
            self.entry.is_broken = true;
            return;
        }
        match last {
            Last::Nothing => {}
            Last::Context => self.entry.context = Some(strings),
            Last::Source => self.entry.source = Some(strings),
            Last::Plural => self.entry.plural = Some(strings),
            Last::Target => self.target(start, word, strings),
        }
    }

    fn target(&mut self, start: usize, word: &str, strings: Strings) {
        let form = form(word).unwrap_or(0);
        if self.entry.targets.iter().any(|(number, _)| *number == form) {
            self.found.add(start, "E0753", format!("`{word}` a second time"));
        } else if self.entry.plural.is_some() != word.ends_with(']') {
            let message =
                "`msgstr[0]`, `msgstr[1]` and so on stand behind `msgid_plural`, `msgstr` without it";
            self.found.add(start, "E0753", message);
        } else {
            self.entry.targets.push((form, strings));
        }
    }

    fn continued(&mut self, start: usize, said: &str) {
        let Some(more) = self.strings(start, said) else {
            self.entry.is_broken = true;
            return;
        };
        let entry = &mut self.entry;
        let before = match self.last {
            Last::Nothing => None,
            Last::Context => entry.context.as_mut(),
            Last::Source => entry.source.as_mut(),
            Last::Plural => entry.plural.as_mut(),
            Last::Target => entry.targets.last_mut().map(|(_, strings)| strings),
        };
        match before {
            Some(before) => {
                if std::mem::take(&mut before.is_none) {
                    before.span.start = more.span.start;
                }
                before.plain.push_str(&more.plain);
                before.span.end = more.span.end;
            }
            None if entry.is_broken => {}
            None => self.found.add(start, "E0750", "a string that continues nothing"),
        }
    }

    /// Reads the strings of a line.
    fn strings(&mut self, at: usize, said: &str) -> Option<Strings> {
        let mut strings: Option<Strings> = None;
        let mut pos = 0;
        loop {
            pos += said[pos..].len() - said[pos..].trim_start().len();
            let Some(rest) = said.get(pos..).filter(|rest| !rest.is_empty()) else { break };
            let Some(length) = string(rest) else {
                let message = if rest.starts_with('"') {
                    "the string is not closed"
                } else {
                    "expected a string in quotes"
                };
                self.found.add(at + pos, "E0751", message);
                return None;
            };
            let plain = match unescaped(&rest[1..length - 1]) {
                Ok(plain) => plain,
                Err(bad) => {
                    let hint = "a backslash itself is written `\\\\`";
                    self.found.add_with_hint(at + pos + 1 + bad.at, "E0752", "an escape that is none", hint);
                    return None;
                }
            };
            let span = at + pos..at + pos + length;
            match &mut strings {
                Some(strings) => {
                    strings.plain.push_str(&plain);
                    strings.span.end = span.end;
                }
                None => strings = Some(Strings { span, plain, is_none: false }),
            }
            pos += length;
        }
        strings.or(Some(Strings { span: at..at, plain: String::new(), is_none: true }))
    }

    fn finish(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        self.last = Last::Nothing;
        if entry.is_broken || entry.is_obsolete {
            return;
        }
        if entry.context.is_none() && entry.source.is_none() {
            return;
        }
        match entry.lacks() {
            None => self.entries.push(entry),
            Some((at, code, message)) => self.found.add(at, code, message),
        }
    }
}

impl Entry {
    /// Returns what an entry lacks, and where that is told.
    fn lacks(&self) -> Option<(usize, &'static str, &'static str)> {
        let all = [&self.context, &self.source, &self.plural].into_iter().flatten();
        let mut all = all.chain(self.targets.iter().map(|(_, strings)| strings));
        if let Some(none) = all.find(|strings| strings.is_none) {
            return Some((none.span.start, "E0751", "expected a string in quotes"));
        }
        match (&self.source, &self.targets[..]) {
            (None, _) => Some((self.at, "E0753", "the entry has no `msgid`")),
            (Some(_), []) => Some((self.at, "E0753", "the entry has no `msgstr`")),
            _ => None,
        }
    }
}

/// Returns the number in `msgstr[2]`.
fn form(word: &str) -> Option<usize> {
    word.strip_prefix("msgstr[")?.strip_suffix(']')?.parse().ok().filter(|number| *number < 100)
}

/// Returns the length of the string that a line begins with.
fn string(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}
