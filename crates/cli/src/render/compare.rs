//! Two revisions, compared: what became of the lines, which side is better, and the lines that differ most.

use refrain_schemas::comparison::{Comparison, Example, Measure, MeasureKind, MeasureVerdict, Side};

use crate::render::diff::write_words;
use crate::render::numbers::{count, counted, time, usage};
use crate::render::page::{Page, Tone};
use crate::render::words;

/// Writes a comparison.
pub(crate) fn write(page: &mut Page, report: &Comparison) {
    write_side(page, "A", &report.a);
    write_side(page, "B", &report.b);
    page.gap();
    page.wrapped(&[(Tone::Strong, "records:")], &records(report));
    if report.records.same + report.records.changed > 0 {
        page.wrapped(&[(Tone::Strong, "texts:")], &texts(report));
    }
    for measure in &report.measures {
        let name = format!("{}:", name(measure.kind));
        page.wrapped(&[(Tone::Strong, &name)], &verdict(measure));
    }
    if let Some(missing) = missing(report) {
        page.wrapped(&[(Tone::Faint, "note:")], &missing);
    }
    for example in &report.examples {
        page.gap();
        write_example(page, report, example);
    }
}

fn write_side(page: &mut Page, name: &str, side: &Side) {
    let revision = format!("{} #{}", words::target(&side.phase, &side.scope), side.revision);
    let mut parts = vec![time(side.at), counted(side.records, "record")];
    if side.holes > 0 {
        parts.push(format!("{} missing", count(side.holes)));
    }
    parts.extend(usage(&side.usage));
    for found in &side.issues {
        let by = format!("{} #{}", words::target(&found.phase, &found.scope), found.revision);
        parts.push(format!(
            "{} ({}) in {by}",
            counted(found.issues, "issue"),
            counted(found.errors, "error")
        ));
    }
    page.wrapped(&[(Tone::Strong, name), (Tone::Strong, &revision)], &parts.join(", "));
}

fn records(report: &Comparison) -> String {
    let n = report.records;
    let (same, changed, added, removed) = (count(n.same), count(n.changed), count(n.added), count(n.removed));
    format!("{same} same, {changed} changed, {added} added, {removed} removed")
}

fn texts(report: &Comparison) -> String {
    let differs = percent(report.edit_ratio);
    let of = report.field.as_ref().map_or_else(String::new, |field| format!(" of `{field}`"));
    format!("{differs}{of} differs; A and B are alike to {:.1} chrF", report.likeness)
}

/// Returns a share with a decimal: what little differs is not nothing.
fn percent(share: f64) -> String {
    match 100.0 * share {
        0.0 => "0%".to_owned(),
        percent if percent < 0.1 => "<0.1%".to_owned(),
        percent => format!("{percent:.1}%"),
    }
}

const fn name(kind: MeasureKind) -> &'static str {
    match kind {
        MeasureKind::Chrf => "chrF",
        MeasureKind::Issues => "issues",
        MeasureKind::Errors => "errors",
    }
}

/// Says which side is better, by how much, and how sure that is.
fn verdict(measure: &Measure) -> String {
    let unit = match measure.kind {
        MeasureKind::Chrf => "chrF",
        MeasureKind::Issues => "issues per thousand lines",
        MeasureKind::Errors => "errors per thousand lines",
    };
    let sides = format!("A {:.1}, B {:.1}, on {}", measure.a, measure.b, counted(measure.pairs, "pair"));
    let (a, b) = (measure.low.abs(), measure.high.abs());
    let between = format!("95 % between {:.1} and {:.1}", a.min(b), a.max(b));
    let by = format!("by {:.1} {unit}, {between} ({sides})", measure.difference.abs());
    match measure.verdict {
        MeasureVerdict::BBetter => format!("B is better {by}"),
        MeasureVerdict::ABetter => format!("A is better {by}"),
        MeasureVerdict::NoDifference => format!(
            "no difference that chance would not make: B less A is {:+.1} {unit}, 95 % between {:+.1} and {:+.1} ({sides})",
            measure.difference, measure.low, measure.high
        ),
    }
}

/// Says what could not be measured, and why.
fn missing(report: &Comparison) -> Option<String> {
    let has = |kind| report.measures.iter().any(|measure| measure.kind == kind);
    let mut parts = Vec::new();
    match report.referenced {
        None => parts.push("without --reference FILE, likeness does not say which side is better".to_owned()),
        Some(0) => parts.push("no pair has a reference".to_owned()),
        Some(_) => {}
    }
    if !has(MeasureKind::Issues) {
        parts.push("issues are not compared: no phase found issues, by record, in both".to_owned());
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn write_example(page: &mut Page, report: &Comparison, example: &Example) {
    let share = format!("  {}", percent(example.edit_ratio));
    page.line(&[(Tone::Warn, "~ "), (Tone::Strong, &example.key), (Tone::Faint, &share)]);
    let label = report.field.as_ref().map_or_else(String::new, |field| format!("{field}: "));
    write_words(page, &[(Tone::Plain, "    "), (Tone::Faint, &label)], &example.a, &example.b);
    if let Some(reference) = &example.reference {
        page.line(&[(Tone::Plain, "    "), (Tone::Faint, "reference: "), (Tone::Plain, reference)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use serde_json::{Value, json};

    fn measure(kind: &str, [a, b, low, high]: [f64; 4], verdict: &str) -> Value {
        json!({"kind": kind, "pairs": 120, "a": a, "b": b, "difference": b - a, "low": low, "high": high, "verdict": verdict})
    }

    fn side(revision: u32) -> Value {
        json!({
            "phase": "translate", "scope": {"language": "ja"}, "revision": revision, "at": "2026-03-01T12:00:00.000000Z",
            "records": 300, "holes": 1, "usage": {"input_tokens": 900, "output_tokens": 300, "cost_usd": 0.5},
            "issues": [{"phase": "qa", "scope": {"language": "ja"}, "revision": revision, "issues": 12, "errors": 1}]
        })
    }

    fn rendered(measures: &Value, referenced: &Value) -> String {
        let report: Comparison = serde_json::from_value(json!({
            "schema_version": 1, "field": "text", "a": side(1), "b": side(2),
            "records": {"same": 280, "changed": 15, "added": 5, "removed": 0}, "edit_ratio": 0.0321, "likeness": 96.12,
            "measures": measures, "referenced": referenced,
            "examples": [{"key": "line_1", "edit_ratio": 0.5, "a": "the cat\u{1b}[2J sat", "b": "the dog sat", "reference": "a dog sat"}]
        }))
        .unwrap();
        let mut page = Page::new(Theme { color: false, width: 80 });
        write(&mut page, &report);
        page.as_str().to_owned()
    }

    #[test]
    fn which_side_is_better_is_said_in_words() {
        let measures = json!([
            measure("chrf", [41.0, 42.2, 0.3, 2.0], "b_better"),
            measure("issues", [40.0, 42.0, -3.0, 7.0], "no_difference"),
            measure("errors", [1.0, 4.0, 2.0, 4.0], "a_better"),
        ]);
        insta::assert_snapshot!(rendered(&measures, &json!(120)));
    }

    #[test]
    fn what_could_not_be_measured_is_told() {
        let text = rendered(&json!([]), &Value::Null);
        assert!(
            text.contains("without --reference FILE") && text.contains("issues are not compared"),
            "{text}"
        );
        assert!(rendered(&json!([]), &json!(0)).contains("no pair has a reference"));
    }

    #[test]
    fn what_little_differs_is_not_nothing() {
        assert_eq!([0.0, 0.0001, 0.0321, 1.0].map(percent), ["0%", "<0.1%", "3.2%", "100.0%"]);
    }
}
