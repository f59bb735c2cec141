//! People's edits: which there are, and what became of them.

use refrain_schemas::edit::{Edit, EditClash, EditList, EditReport, EditedField, FieldEdit, Settled};
use refrain_schemas::json::Json;

use crate::render::diff::{shown, write_words};
use crate::render::numbers::{count, counted, time};
use crate::render::page::{Page, Tone};
use crate::render::words;
use crate::shell::quoted;
use crate::suggest::nearest;

/// How many fields are shown of what was taken over.
const FIELDS_SHOWN: usize = 8;
/// How many keys are named.
const KEYS_SHOWN: usize = 5;

/// Writes the edits that stand.
pub(crate) fn write_list(page: &mut Page, list: &EditList, limit: usize) {
    if list.targets.is_empty() {
        return page.line(&[(Tone::Faint, "nobody has edited anything: `refrain edit import FILE`")]);
    }
    for target in &list.targets {
        page.gap();
        let name = target.target.to_string();
        let n = format!(": {}", counted(target.edits.len() as u64, "edit"));
        page.line(&[(Tone::Strong, &name), (Tone::Plain, &n)]);
        if let Some(reason) = &target.idle {
            page.wrapped(&[(Tone::Warn, "  nothing is made of them:")], reason);
        }
        target.edits.iter().take(limit).for_each(|edit| write_edit(page, edit));
        if let Some(more) = words::and_more(target.edits.len().saturating_sub(limit) as u64) {
            page.line(&[(Tone::Plain, "  "), (Tone::Faint, &more)]);
        }
    }
}

fn write_edit(page: &mut Page, edit: &Edit) {
    let lock = if edit.locked { "locked" } else { "preferred" };
    let mut about = format!("  {}, {}, {lock}", edit.by, time(edit.at));
    if let Some(note) = &edit.note {
        about.push_str(&format!(": {note}"));
    }
    if let Some(Settled { by, at, note }) = &edit.settled {
        let note = note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
        about.push_str(&format!("; settled by {by}, {}{note}", time(*at)));
    }
    page.line(&[(Tone::Plain, "  "), (Tone::Strong, &edit.key), (Tone::Faint, &about)]);
    for (field, FieldEdit { value, base, .. }) in &edit.set {
        write_field(page, field, base.as_ref(), Some(value));
    }
}

/// Writes how a field changes, word by word.
fn write_field(page: &mut Page, field: &str, old: Option<&Json>, new: Option<&Json>) {
    let text = |value: Option<&Json>| value.map_or_else(String::new, |value| shown(value.as_str()));
    let label = format!("{field}: ");
    write_words(page, &[(Tone::Plain, "    "), (Tone::Faint, &label)], &text(old), &text(new));
}

/// Writes what became of a file that a person changed.
pub(crate) fn write_imported(page: &mut Page, report: &EditReport, file: &str) {
    headline(page, report);
    write_fields(page, &report.fields);
    page.gap();
    notes(page, report, file);
    if changed(report) > 0 && !report.dry_run {
        let next = format!("`refrain run` lays them over what machines make; {}", asks(report));
        page.wrapped(&[(Tone::Strong, "next:")], &next);
    }
}

const fn asks(report: &EditReport) -> &'static str {
    if report.locked {
        "nobody is asked about these again"
    } else {
        "they are asked about again when need be"
    }
}

/// Writes what became of the edits of some targets.
pub(crate) fn write_changed(page: &mut Page, reports: &[EditReport]) {
    if reports.iter().all(|report| changed(report) == 0) {
        return page.line(&[(Tone::Faint, "nothing changed")]);
    }
    for report in reports.iter().filter(|report| changed(report) > 0) {
        page.gap();
        headline(page, report);
        write_fields(page, &report.fields);
    }
    if !reports.iter().any(|report| report.dry_run) {
        page.gap();
        page.wrapped(&[(Tone::Strong, "next:")], "`refrain run` brings everything up to date");
    }
}

const fn changed(report: &EditReport) -> u64 {
    report.added + report.changed + report.removed
}

fn headline(page: &mut Page, report: &EditReport) {
    let mut parts = Vec::new();
    let mut part = |n: u64, word: &str| {
        if n > 0 {
            parts.push(format!("{} {word}", count(n)));
        }
    };
    part(report.added, "new");
    part(report.changed, "changed");
    part(report.removed, "taken back");
    let n = changed(report);
    let mut text = match n {
        0 => "no edits".to_owned(),
        n => format!("{} ({})", counted(n, "edit"), parts.join(", ")),
    };
    if report.unchanged > 0 {
        text.push_str(&format!(", {} as exported", counted(report.unchanged, "record")));
    }
    if report.dry_run {
        text.push_str("; nothing was recorded");
    }
    let target = format!("{}:", report.target);
    page.wrapped(&[(if n > 0 { Tone::Good } else { Tone::Strong }, &target)], &text);
}

fn write_fields(page: &mut Page, fields: &[EditedField]) {
    for field in fields.iter().take(FIELDS_SHOWN) {
        let head = format!("  {} ", field.key);
        page.line(&[(Tone::Strong, &head)]);
        write_field(page, &field.field, field.old.as_ref(), field.new.as_ref());
    }
    if let Some(more) = words::and_more(fields.len().saturating_sub(FIELDS_SHOWN) as u64) {
        let all = if fields.len() >= 100 { "  … and more" } else { &format!("  {more}") };
        page.line(&[(Tone::Faint, all)]);
    }
}

/// Writes what a person should know besides.
fn notes(page: &mut Page, report: &EditReport, file: &str) {
    let mut note = |text: &str| page.wrapped(&[(Tone::Warn, "note:")], text);
    if let Some(from) = report.from.as_ref().filter(|from| from.revision != from.latest) {
        note(&format!(
            "the file was made from {}#{}, and the latest is #{}: what changed in between stays; where the same text \
             was changed, the person's stands (`refrain review` after the next run)",
            from.target, from.revision, from.latest
        ));
    }
    if let Some((from, why)) = report.from.as_ref().and_then(|from| Some((from, from.passed_over.as_ref()?)))
    {
        note(&format!("the file could not be compared with the newest export of {}: {why}", from.target));
    }
    if let Some((from, last)) = report.from.as_ref().and_then(|from| Some((from, from.forgotten?))) {
        note(&format!(
            "revisions of {0} up to #{last} are forgotten (`refrain gc`): if the file was made from one of these, what the              machine has changed since counts as the person's; look at `refrain edit list`, and `refrain edit undo {1}              --last` takes it back",
            from.target, report.target
        ));
    }
    if report.n_unknown > 0 {
        note(&unknown(report, file));
    }
    if report.n_absent > 0 {
        let keys = named(&report.absent, report.n_absent);
        let n = counted(report.n_absent, "exported record");
        note(&format!("{n} not in the file, left as before ({keys})"));
    }
    if !report.moved.is_empty() {
        let pairs: Vec<String> = report.moved.iter().map(|(was, is)| format!("{was} is {is} now")).collect();
        note(&format!("edited, and renamed in the script since: {}", named(&pairs, pairs.len() as u64)));
    }
    if report.n_blank > 0 {
        note(&blank(report));
    }
    if report.n_other_source > 0 {
        let n = report.n_other_source;
        note(&format!(
            "the source of {} is another one in the file than in the script, and stays as it is in the script: {}",
            counted(n, "record"),
            named(&report.other_source, n)
        ));
    }
    if !report.gone.is_empty() {
        note(&format!(
            "edited, but gone from the script since: {}",
            named(&report.gone, report.gone.len() as u64)
        ));
    }
    if !report.left_out.is_empty() {
        note(&format!(
            "the export has no {}; nothing was made of it (`--field` takes it over)",
            report.left_out.join(", ")
        ));
    }
    if !report.lacking.is_empty() {
        note(&format!("{file} lacks {} in some rows or all, left as before", report.lacking.join(", ")));
    }
    for (field, n) in &report.unwritten {
        note(&format!(
            "{} of {field} left out: the export does not take it from {}, so that it would never be seen; change it where \
             it comes from",
            counted(*n, "change"),
            report.target
        ));
    }
    if report.n_clashes > 0 {
        note(&clashes(&report.clashes, report.n_clashes));
    }
}

/// What is empty is no translation; who wants it so says that of each.
fn blank(report: &EditReport) -> String {
    let n = report.n_blank;
    let texts = if n == 1 { "one text is".to_owned() } else { format!("{} texts are", count(n)) };
    let first = report.blank.first().map_or("", String::as_str);
    let address = quoted(&format!("{}/{first}", report.target));
    format!(
        "{texts} empty or marked as not translated in the file, left as before: {} (`refrain edit set {address} --text ''` \
         really empties one)",
        named(&report.blank, n)
    )
}

fn unknown(report: &EditReport, file: &str) -> String {
    let n = report.n_unknown;
    let first = report.unknown.first().map_or("", String::as_str);
    let meant = nearest(first, report.absent.iter().map(String::as_str));
    let meant = meant.map_or_else(String::new, |meant| format!("; is `{first}` meant to be `{meant}`?"));
    let record = if n == 1 { "a record that was" } else { "records that were" };
    format!("{file} has {record} not exported, left out: {}{meant}", named(&report.unknown, n))
}

fn clashes(clashes: &[EditClash], n: u64) -> String {
    let first: Vec<String> =
        clashes.iter().take(KEYS_SHOWN).map(|clash| format!("{} by {}", clash.key, clash.by)).collect();
    let more = words::and_more(n.saturating_sub(first.len() as u64))
        .map_or_else(String::new, |more| format!(" {more}"));
    let texts = if n == 1 { "one text was" } else { &format!("{} texts were", count(n)) };
    format!(
        "{texts} edited by somebody else since the export and left so: {}{more} (`--replace` takes the file's)",
        first.join(", ")
    )
}

fn named(keys: &[String], n: u64) -> String {
    let first: Vec<&str> = keys.iter().take(KEYS_SHOWN).map(String::as_str).collect();
    let more = words::and_more(n.saturating_sub(first.len() as u64));
    more.map_or_else(|| first.join(", "), |more| format!("{} {more}", first.join(", ")))
}
