//! What people are to look at: the sides of each edit, word by word.

use refrain_schemas::edit::{ReviewField, ReviewItem, ReviewKind, ReviewReport};
use refrain_schemas::json::Json;

use crate::render::diff::{shown, write_words};
use crate::render::numbers::{count, counted, time};
use crate::render::page::{Page, Tone};
use crate::render::words;

/// Writes what is to be looked at, at most `limit` edits of it.
pub(crate) fn write(page: &mut Page, report: &ReviewReport, limit: usize) {
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
    page.wrapped(&[(Tone::Strong, "next:")], &next(&report.items));
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

fn next(items: &[ReviewItem]) -> String {
    let Some(first) = items.first() else { return String::new() };
    let name = format!("{}/{}", first.target, first.key);
    match first.kind {
        ReviewKind::Orphan => {
            format!("`refrain review accept {name}` drops it; `--all --kind orphan` drops all of these")
        }
        _ => format!(
            "`refrain review keep {name}` (the person's), `accept` (the machine's) or `set … --text` (neither); \
             `--all` for all"
        ),
    }
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
    for field in &item.fields {
        let label = format!("  {}", field.field);
        page.line(&[(Tone::Faint, &label)]);
        write_sides(page, field, item.kind);
    }
}

const fn why(kind: ReviewKind) -> &'static str {
    match kind {
        ReviewKind::Conflict => "the machine changed it as well",
        ReviewKind::SourceChanged => "its source changed",
        ReviewKind::Orphan => "its record is gone",
    }
}

fn write_sides(page: &mut Page, field: &ReviewField, kind: ReviewKind) {
    let text = |value: Option<&Json>| value.map_or_else(String::new, |value| shown(value.as_str()));
    let base = text(field.base.as_ref());
    let mut side = |name: &str, value: Option<&Json>| match (value, &field.base) {
        (None, _) => page.line(&[(Tone::Faint, name), (Tone::Faint, "(nothing)")]),
        (Some(_), None) => page.line(&[(Tone::Faint, name), (Tone::Plain, &text(value))]),
        (Some(_), Some(_)) => write_words(page, &[(Tone::Faint, name)], &base, &text(value)),
    };
    side("    before   ", field.base.as_ref());
    side("    person   ", Some(&field.human));
    if kind != ReviewKind::Orphan {
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
        ]});
        let report: ReviewReport = serde_json::from_value(report).unwrap();
        let mut page = Page::new(Theme { color, width: 80 });
        write(&mut page, &report, limit);
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
            text.contains("… and 2 more\n") && text.contains("3 edits: 1 changed by the machine"),
            "{text}"
        );
        assert!(rendered(true, 1).contains("\u{1b}[32m"));
    }
}
