//! Lines of a width, links and attributes, as Jinja2's filters make them.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, State, Value};

use super::{refused, text_of, texts};
use crate::template::work::{charge, charge_bytes};

/// The names of the filters in this file.
pub(super) const NAMES: [&str; 3] = ["urlize", "wordwrap", "xmlattr"];
/// How wide lines are where nothing is said.
const WIDTH: usize = 79;
/// What a link costs besides its text.
const LINK: usize = 128;
/// What the names of hosts end with that are links without `www.`.
const HOSTS: [&str; 3] = [".org", ".net", ".com"];

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("wordwrap", wordwrap);
    environment.add_filter("urlize", |state: &mut State<'_, '_>, value: Value| {
        let text = text_of(state, &value)?;
        let n_words = text.split_whitespace().count();
        charge_bytes(state, text.len().saturating_mul(12).saturating_add(n_words.saturating_mul(LINK)))?;
        Ok::<_, Error>(text.split_inclusive(char::is_whitespace).map(linked).collect::<String>())
    });
    environment.add_filter("xmlattr", xmlattr);
}

/// Breaks the lines of a text at spaces and hyphens, and words that are wider than a line anywhere.
fn wordwrap(
    state: &mut State<'_, '_>,
    value: Value,
    width: Option<usize>,
    breaks_words: Option<bool>,
    options: Kwargs,
) -> Result<String, Error> {
    let text = text_of(state, &value)?;
    let named: Option<usize> = options.get("width")?;
    let breaks: Option<bool> = options.get("break_long_words")?;
    let (newline, hyphens): (Option<String>, Option<bool>) =
        (options.get("wrapstring")?, options.get("break_on_hyphens")?);
    options.assert_all_used()?;
    let wrap = Wrap {
        width: width.or(named).unwrap_or(WIDTH).max(1),
        breaks_words: breaks_words.or(breaks).unwrap_or(true),
        at_hyphens: hyphens.unwrap_or(true),
    };
    let newline = newline.unwrap_or_else(|| "\n".to_owned());
    charge_bytes(state, text.len().saturating_mul(newline.len().saturating_add(32)))?;
    let lines = text.lines().map(|line| wrap.lines(line).join(&newline));
    Ok(lines.collect::<Vec<_>>().join(&newline))
}

struct Wrap {
    width: usize,
    breaks_words: bool,
    at_hyphens: bool,
}

impl Wrap {
    fn lines(&self, line: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let (mut current, mut length) = (String::new(), 0);
        for chunk in self.chunks(line) {
            let chars: Vec<char> = chunk.chars().collect();
            let mut chunk = chars.as_slice();
            let is_space = chunk.iter().all(|c| c.is_whitespace());
            while !chunk.is_empty() {
                if length + chunk.len() <= self.width {
                    if !(is_space && current.is_empty() && !lines.is_empty()) {
                        length += chunk.len();
                        current.extend(chunk);
                    }
                    break;
                }
                if !is_space && chunk.len() > self.width && self.breaks_words {
                    let room = self.width - length;
                    current.extend(&chunk[..room]);
                    chunk = &chunk[room..];
                } else if current.is_empty() && !is_space {
                    current.extend(chunk);
                    chunk = &[];
                }
                push_line(&mut lines, &mut current);
                length = 0;
                if is_space {
                    break;
                }
            }
        }
        push_line(&mut lines, &mut current);
        lines
    }

    /// Returns the words of a line, the parts of those with hyphens, and what stands between them.
    fn chunks<'t>(&self, line: &'t str) -> Vec<&'t str> {
        let mut chunks = Vec::new();
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let end = |c: char| c.is_whitespace() != first.is_whitespace();
            let (mut word, behind) = rest.split_at(rest.find(end).unwrap_or(rest.len()));
            while let Some(at) = hyphen(word).filter(|_| self.at_hyphens) {
                let (part, other) = word.split_at(at);
                chunks.push(part);
                word = other;
            }
            chunks.push(word);
            rest = behind;
        }
        chunks
    }
}

fn push_line(lines: &mut Vec<String>, current: &mut String) {
    let line = std::mem::take(current);
    let is_blank = line.trim().is_empty();
    if !is_blank {
        lines.push(line.trim_end().to_owned());
    }
}

/// Returns where a word may be broken: behind a hyphen with two letters on either side.
fn hyphen(word: &str) -> Option<usize> {
    let are_letters =
        |text: &mut dyn Iterator<Item = char>| text.take(2).filter(|c| c.is_alphabetic()).count() == 2;
    word.match_indices('-')
        .map(|(at, _)| at + 1)
        .find(|at| are_letters(&mut word[..at - 1].chars().rev()) && are_letters(&mut word[*at..].chars()))
}

/// Makes a link of a word that is an address, with the space behind it; what HTML takes for its own is written out.
fn linked(piece: &str) -> String {
    let word = piece.trim_end();
    let space = &piece[word.len()..];
    let start = word.len() - word.trim_start_matches(['(', '<', '[']).len();
    let middle = word[start..].trim_end_matches(['.', ',', ')', '>', ']', ';', ':', '!', '?']);
    let end = start + middle.len();
    let is_host = |text: &str| {
        let name = text.split(['/', ':', '?', '#']).next().unwrap_or(text);
        HOSTS.iter().any(|ending| name.len() > ending.len() && name.ends_with(ending))
    };
    let address = if middle.starts_with("https://") || middle.starts_with("http://") {
        Some(middle.to_owned())
    } else if middle.starts_with("www.") || (is_host(middle) && !middle.contains('@')) {
        Some(format!("https://{middle}"))
    } else {
        None
    };
    let shown = texts::escaped(middle);
    let is_mail = || {
        middle
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'))
    };
    let link = match address {
        Some(address) => format!("<a href=\"{}\" rel=\"noopener\">{shown}</a>", texts::escaped(&address)),
        None if is_mail() => format!("<a href=\"mailto:{shown}\">{shown}</a>"),
        None => shown,
    };
    [&texts::escaped(&word[..start]), &link, &texts::escaped(&word[end..]), space].concat()
}

/// Writes a map as attributes of an element, those that are none left out.
fn xmlattr(state: &mut State<'_, '_>, value: Value, space: Option<bool>) -> Result<String, Error> {
    if value.kind() != ValueKind::Map {
        return Err(refused(format!("attributes are a map, and this is {}", value.kind())));
    }
    charge(state, &[&value])?;
    let mut written: Vec<String> = Vec::new();
    for key in value.try_iter()? {
        let item = value.get_item(&key)?;
        if item.is_none() || item.is_undefined() {
            continue;
        }
        let name = text_of(state, &key)?;
        if name.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '>' | '=')) {
            return Err(refused(format!("`{name}` cannot be the name of an attribute")));
        }
        let text = text_of(state, &item)?;
        charge_bytes(state, text.len().saturating_mul(6))?;
        written.push(format!("{}=\"{}\"", texts::escaped(&name), texts::escaped(&text)));
    }
    let before = if space.unwrap_or(true) && !written.is_empty() { " " } else { "" };
    Ok(format!("{before}{}", written.join(" ")))
}
