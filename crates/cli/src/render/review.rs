//! What people are to look at: the sides of each edit, word by word.

use refrain_schemas::edit::{ReviewField, ReviewItem, ReviewKind, ReviewReport, ReviewSource};
use refrain_schemas::json::Json;

use crate::render::diff::{shown, write_words};
use crate::render::numbers::{count, counted, time};
use crate::render::page::{Page, Tone};
use crate::render::words;
use crate::shell::quoted;

/// Writes what is to be looked at, at most `limit` edits of it. `signed` is what the commands that settle them end with.
pub(crate) fn write(page: &mut Page, report: &ReviewReport, limit: usize, signed: &str) {
    if report.items.is_empty() {
        return page.line(&[(Tone::Good, "nothing to review")]);
    }
    for item in report.items.iter().take(limit) {
        write_item(page, item);
        page.gap();
    }
    if let Some(more) = words::and_more(report.items.len().saturating_sub(limit) as u64) {
        page.line(&[(Tone::Faint, &more)]);
    }
    page.wrapped(&[(Tone::Warn, "to review:")], &summary(&report.items));
    page.line(&[(Tone::Strong, "next:")]);
    for (command, what) in next(&report.items, signed) {
        page.line(&[(Tone::Plain, "  "), (Tone::Plain, &command), (Tone::Faint, &format!("   # {what}"))]);
    }
}

fn summary(items: &[ReviewItem]) -> String {
    let parts = [
        (ReviewKind::Conflict, "changed by the machine as well"),
        (ReviewKind::SourceChanged, "made for another source"),
        (ReviewKind::Orphan, "without a record"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(kind, text)| (items.iter().filter(|item| item.kind == kind).count() as u64, text))
        .filter(|(n, _)| *n > 0)
        .map(|(n, text)| format!("{} {text}", count(n)))
        .collect();
    format!("{}: {}", counted(items.len() as u64, "edit"), parts.join(", "))
}

/// Returns commands that can be pasted, and what they do: those for the first edit, and one for all of its kind.
fn next(items: &[ReviewItem], signed: &str) -> Vec<(String, &'static str)> {
    let Some(first) = items.first() else { return Vec::new() };
    let name = quoted(&format!("{}/{}", first.target, first.key));
    let command = |verb: &str, rest: &str| format!("refrain review {verb} {rest}{signed}");
    if first.kind == ReviewKind::Orphan {
        return vec![
            (command("accept", &name), "drop it"),
            (command("accept", "--all --kind orphan"), "drop all of these"),
        ];
    }
    let field = first.fields.first().map_or("text", |field| field.field.as_str());
    let field = if field == "text" { String::new() } else { format!(" --field {}", quoted(field)) };
    let kind = if first.kind == ReviewKind::Conflict { "conflict" } else { "source-changed" };
    vec![
        (command("keep", &name), "the person is right"),
        (command("accept", &name), "the machine is right"),
        (command("set", &format!("{name}{field} --text \"…\"")), "neither is"),
        (command("keep", &format!("--all --kind {kind}")), "the person is, in all of these"),
    ]
}

fn write_item(page: &mut Page, item: &ReviewItem) {
    let name = format!("{}/{}", item.target, item.key);
    let lock = if item.locked { ", locked" } else { "" };
    let about = format!("  {}, {}{lock}", item.by, time(item.at));
    page.line(&[
        (Tone::Strong, &name),
        (Tone::Warn, &format!("  {}", why(item.kind))),
        (Tone::Faint, &about),
    ]);
    if let Some(note) = &item.note {
        page.line(&[(Tone::Faint, "  note     "), (Tone::Plain, note)]);
    }
    if let Some(source) = &item.source {
        write_source(page, source);
    }
    if item.fields.is_empty() {
        let text = "no field was changed: the text was locked as it is";
        page.line(&[(Tone::Faint, "  lock     "), (Tone::Plain, text)]);
    }
    for field in &item.fields {
        let label = format!("  {}", field.field);
        page.line(&[(Tone::Faint, &label)]);
        write_sides(page, field, item);
    }
}

/// Writes what the record is made from: as it was when the person edited it, and as it is.
fn write_source(page: &mut Page, source: &ReviewSource) {
    for field in &source.fields {
        page.line(&[(Tone::Faint, &format!("  source, {}", field.field))]);
        let before = field.before.as_ref().map(text_of);
        let now = field.now.as_ref().map_or_else(|| "(nothing)".to_owned(), text_of);
        match (&before, source.known) {
            (Some(before), _) => {
                page.line(&[(Tone::Faint, "    before   "), (Tone::Plain, before)]);
                write_words(page, &[(Tone::Faint, "    now      ")], before, &now);
            }
            (None, true) => {
                page.line(&[(Tone::Faint, "    before   (nothing)")]);
                page.line(&[(Tone::Faint, "    now      "), (Tone::Plain, &now)]);
            }
            (None, false) => page.line(&[(Tone::Faint, "    now      "), (Tone::Plain, &now)]),
        }
    }
    if !source.known {
        let text = "what it was then is forgotten with the revision";
        page.line(&[(Tone::Faint, "    before   "), (Tone::Faint, text)]);
    }
}

fn text_of(value: &Json) -> String {
    shown(value.as_str())
}

const fn why(kind: ReviewKind) -> &'static str {
    match kind {
        ReviewKind::Conflict => "the machine changed it as well",
        ReviewKind::SourceChanged => "its source changed",
        ReviewKind::Orphan => "its record is gone",
    }
}

fn write_sides(page: &mut Page, field: &ReviewField, item: &ReviewItem) {
    let text = |value: Option<&Json>| value.map_or_else(String::new, text_of);
    let base = text(field.base.as_ref());
    let mut side = |name: &str, value: Option<&Json>| match (value, &field.base) {
        (None, _) => page.line(&[(Tone::Faint, name), (Tone::Faint, "(nothing)")]),
        (Some(_), None) => page.line(&[(Tone::Faint, name), (Tone::Plain, &text(value))]),
        (Some(_), Some(_)) => write_words(page, &[(Tone::Faint, name)], &base, &text(value)),
    };
    side("    before   ", field.base.as_ref());
    side("    person   ", Some(&field.human));
    // What a machine said of another source is not what it says of this one.
    if item.kind == ReviewKind::SourceChanged && item.locked && field.machine == field.base {
        page.line(&[(Tone::Faint, "    machine  "), (Tone::Faint, "(not asked again: locked)")]);
    } else if item.kind != ReviewKind::Orphan {
        side("    machine  ", field.machine.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use serde_json::{Value, json};

    fn item(key: &str, kind: &str, fields: &Value) -> Value {
        json!({
            "target": {"phase": "edit", "scope": {"language": "ja"}}, "key": key, "kind": kind, "fields": fields,
            "locked": kind == "orphan", "by": "ana", "at": "2026-03-01T12:00:00.000000Z"
        })
    }

    fn sourced(key: &str, source: &Value, fields: &Value) -> Value {
        let mut item = item(key, "source_changed", fields);
        (item["source"], item["locked"]) = (source.clone(), json!(true));
        item
    }

    fn rendered(color: bool, limit: usize) -> String {
        let text = |base: Value, human: &str, machine: Value| json!([{"field": "text", "base": base, "human": human, "machine": machine}]);
        let mut first = item(
            "line_1",
            "conflict",
            &text(json!("Drink the potion"), "Drink it", json!("Drink the elixir")),
        );
        first["note"] = json!("too long for the box\u{1b}[2J");
        let report = json!({"schema_version": 1, "items": [
            first,
            item("line_2", "source_changed", &text(json!("old"), "mine", json!("old"))),
            item("line_3", "orphan", &text(Value::Null, "mine", Value::Null)),
            sourced("line 4", &json!({"known": true, "fields": [{"field": "text", "before": "Hello.", "now": "Hello there."}]}), &text(json!("old"), "mine", json!("old"))),
            sourced("line_5", &json!({"known": false, "fields": [{"field": "text", "before": null, "now": "Hello."}]}), &json!([])),
        ]});
        let report: ReviewReport = serde_json::from_value(report).unwrap();
        let mut page = Page::new(Theme { color, width: 80 });
        write(&mut page, &report, limit, " --by \"$(whoami)\"");
        page.as_str().to_owned()
    }

    #[test]
    fn every_side_is_shown_against_what_the_person_saw() {
        insta::assert_snapshot!(rendered(false, 20));
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let text = rendered(false, 1);
        assert!(
            text.contains("… and 4 more\n") && text.contains("5 edits: 1 changed by the machine"),
            "{text}"
        );
        assert!(rendered(true, 1).contains("\u{1b}[32m"));
    }
}
