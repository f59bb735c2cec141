//! Records as a PO file of a language.

use refrain_schemas::json::Json;

use crate::layout::Composing;
use crate::layout::composed::{Entry, entries};
use crate::layout::po::escape::quoted;
use crate::layout::po::plurals::plural_forms;
use crate::layout::po::slots::NAMED;
use crate::problems::Problems;

pub(super) fn compose(records: &[Json], with: &Composing, problems: &mut Problems) -> String {
    let entries = entries(records, with, problems);
    let mut out = header(with);
    let mut rest = &entries[..];
    while let Some(first) = rest.first() {
        let forms = forms(rest);
        message(&mut out, first, &rest[..forms], problems);
        rest = &rest[forms..];
    }
    out
}

fn header(with: &Composing) -> String {
    let mut lines = vec![
        "MIME-Version: 1.0".to_owned(),
        format!("Content-Type: text/plain; charset={}", with.charset),
        "Content-Transfer-Encoding: 8bit".to_owned(),
    ];
    if let Some(language) = &with.language {
        lines.push(format!("Language: {}", language_name(language)));
        lines.extend(plural_forms(language).map(|forms| format!("Plural-Forms: {forms}")));
    }
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    format!("msgid \"\"\nmsgstr {}\n", quoted(&text, "\n"))
}

/// Returns a language as PO files name it.
pub(super) fn language_name(language: &str) -> String {
    one_line(&language.replace('-', "_"))
}

/// Returns how many records are the forms of one entry: those of one base id that count up from 0.
fn forms(entries: &[Entry]) -> usize {
    let Some(base) = base(&entries[0], 0) else { return 1 };
    let more = entries.iter().enumerate().take_while(|(n, entry)| self::base(entry, *n) == Some(base));
    more.count()
}

/// Returns the id without the number of its form, where a record is that form.
fn base(entry: &Entry, form: usize) -> Option<&str> {
    entry.text("plural")?;
    entry.text("singular")?;
    (entry.number_in("plural_form") == Some(form)).then_some(())?;
    entry.id.strip_suffix(&format!("[{form}]"))
}

fn message(out: &mut String, first: &Entry, forms: &[Entry], problems: &mut Problems) {
    let is_plural = base(first, 0).is_some();
    let id = base(first, 0).unwrap_or(&first.id);
    if id.trim() != id || id.contains(['\n', '\r']) {
        first.refuse("has an id with line breaks, or blanks around it", problems);
        return;
    }
    if id.is_empty() && first.source.is_empty() {
        first.refuse("has neither an id nor a source text, as only the header has", problems);
        return;
    }
    out.push('\n');
    about(out, first);
    if !id.is_empty() {
        out.push_str(&format!("msgctxt {}\n", quoted(id, "\n")));
    }
    let target = |entry: &Entry| quoted(entry.target.as_deref().unwrap_or_default(), "\n");
    if is_plural {
        let text = |name| quoted(first.text(name).unwrap_or_default(), "\n");
        out.push_str(&format!("msgid {}\nmsgid_plural {}\n", text("singular"), text("plural")));
        for (n, entry) in forms.iter().enumerate() {
            out.push_str(&format!("msgstr[{n}] {}\n", target(entry)));
        }
    } else {
        out.push_str(&format!("msgid {}\nmsgstr {}\n", quoted(&first.source, "\n"), target(first)));
    }
}

/// Writes the comments of an entry, in the order that gettext has them.
fn about(out: &mut String, entry: &Entry) {
    let mut comment = |mark: &str, text: &str| {
        out.push('#');
        out.push_str(mark);
        out.push(' ');
        out.push_str(text.trim());
        out.push('\n');
    };
    for line in entry.text("translator_note").unwrap_or_default().lines() {
        comment("", line);
    }
    for (prefix, field) in NAMED.iter().filter(|(_, field)| *field != "note") {
        if let Some(value) = entry.text(field) {
            comment(".", &format!("{prefix} {}", one_line(value)));
        }
    }
    for line in entry.text("note").unwrap_or_default().lines() {
        let is_taken = line.trim_start().split_once(':').is_some_and(|(word, _)| is_named(word));
        comment(".", &if is_taken { format!("note: {line}") } else { line.to_owned() });
    }
    if let Some(state) = noted_state(entry) {
        comment(".", &format!("state: {state}"));
    }
    if let Some(reference) = entry.text("reference").or(entry.text("file")) {
        comment(":", &one_line(reference));
    }
    let flags = entry.is_draft().then_some("fuzzy").into_iter().chain(entry.list("flags"));
    let flags = flags.collect::<Vec<_>>().join(", ");
    if !flags.is_empty() {
        comment(",", &flags);
    }
    if let Some(previous) = entry.text("previous") {
        comment("|", &format!("msgid {}", quoted(previous, "\n#| ")));
    }
}

/// Whether a note that begins with this word would be read as something else.
fn is_named(word: &str) -> bool {
    matches!(word, "id" | "state") || NAMED.iter().any(|(prefix, _)| prefix.strip_suffix(':') == Some(word))
}

/// Returns the state where flags and text do not tell it.
fn noted_state(entry: &Entry) -> Option<&str> {
    let state = entry.state.as_deref()?;
    let told = match entry.target.as_deref() {
        _ if entry.is_draft() => "draft",
        None | Some("") => "new",
        Some(_) => "translated",
    };
    (state != told).then_some(state)
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
