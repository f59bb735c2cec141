//! What the header says of the language.

use std::ops::Range;

use super::compose::language_name;
use super::entry::{Entry, Strings};
use super::escape::quoted;
use super::plurals::plural_forms;

/// What template files say where nobody has said how many forms there are.
const UNTOLD: &str = "nplurals=INTEGER; plural=EXPRESSION;";

/// Returns what has to be put into a file, so that its header tells the language: `Language`, and `Plural-Forms` where that
/// is known and the file's entries have as many forms.
pub(super) fn in_language(text: &str, entries: &[Entry], language: &str) -> Vec<(Range<usize>, String)> {
    let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let forms = plural_forms(language).filter(|forms| fits(forms, entries));
    let wanted = [("Language", Some(language_name(language))), ("Plural-Forms", forms.map(str::to_owned))];
    let wanted = wanted.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let header = entries.iter().find(|entry| super::slots::is_header(entry));
    let Some((_, header)) = header.and_then(|header| header.targets.first()) else {
        let lines: String = wanted.map(|(name, value)| format!("{name}: {value}\n")).collect();
        return vec![(
            0..0,
            format!("msgid \"\"{line_break}msgstr {}{line_break}{line_break}", lines_of(&lines, line_break)),
        )];
    };
    let (mut changes, mut added) = (Vec::new(), String::new());
    for (name, value) in wanted {
        match said(&header.plain, name) {
            None => added.push_str(&format!("{name}: {value}\n")),
            Some(there) if there.is_empty() || there == UNTOLD => {
                changes.extend(place(text, header, name, there).map(|span| (span, format!(" {value}"))));
            }
            Some(_) => {}
        }
    }
    if !added.is_empty() {
        let is_ended = header.plain.is_empty() || header.plain.ends_with('\n');
        let added = if is_ended { added } else { format!("\n{added}") };
        changes.push((header.span.end..header.span.end, beside(&added, line_break)));
    }
    changes
}

/// Whether the entries have as many forms as a rule says.
fn fits(forms: &str, entries: &[Entry]) -> bool {
    let plural = entries.iter().filter(|entry| entry.plural.is_some());
    plural.into_iter().all(|entry| forms.starts_with(&format!("nplurals={};", entry.targets.len())))
}

/// Returns what a header says under a name.
fn said<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.lines().find_map(|line| {
        let (word, rest) = line.split_once(':')?;
        word.trim().eq_ignore_ascii_case(name).then(|| rest.trim())
    })
}

/// Returns where the value stands that a header has under a name, with the blanks before it; nothing where it stands in
/// several pieces.
fn place(text: &str, header: &Strings, name: &str, there: &str) -> Option<Range<usize>> {
    let raw = &text[header.span.clone()];
    let at = raw.match_indices(':').map(|(at, _)| at).find(|at| {
        let before = &raw[..*at];
        let start = before.len().checked_sub(name.len()).filter(|start| before.is_char_boundary(*start));
        start.is_some_and(|start| {
            before[start..].eq_ignore_ascii_case(name)
                && (before[..start].ends_with('"') || before[..start].ends_with("\\n"))
        })
    })? + 1;
    let rest = &raw[at..];
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    rest[blanks..].starts_with(there).then_some(())?;
    let start = header.span.start + at;
    Some(start..start + blanks + there.len())
}

/// Returns lines as strings, each on a line of the file.
fn lines_of(lines: &str, line_break: &str) -> String {
    format!("\"\"{}", beside(lines, line_break))
}

/// Returns lines as strings that go on behind others.
fn beside(lines: &str, line_break: &str) -> String {
    lines.split_inclusive('\n').map(|line| format!("{line_break}{}", quoted(line, line_break))).collect()
}
