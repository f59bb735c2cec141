//! Why a phase, or one unit of it, would run.

use refrain_schemas::digest::Digest;
use refrain_schemas::failure::PhaseError;
use refrain_schemas::json::Json;
use refrain_schemas::why::{PartChange, UnitChange, UnitWhy, WhyReport};

use crate::render::diff::{self, Words};
use crate::render::noun::Noun;
use crate::render::numbers::counted;
use crate::render::page::{Page, Tone, cut};
use crate::render::words;

/// How much of a value is shown.
const VALUE_WIDTH: usize = 400;

/// Writes the reasons. `one` says that one unit was asked about.
pub(crate) fn write(page: &mut Page, noun: Noun, report: &WhyReport, error: Option<&PhaseError>, one: bool) {
    let target = words::target(&report.phase, &report.scope);
    let freshness = (words::freshness_tone(report.freshness), report.freshness.as_str());
    page.line(&[(Tone::Strong, &target), (Tone::Plain, " is "), freshness]);
    if let Some(error) = error {
        words::phase_error(page, "the last attempt", error);
    }
    for cause in &report.causes {
        page.wrapped(&[(Tone::Plain, " "), (Tone::Plain, "-")], &cause.to_string());
        if let Some(marks) = marks(cause.old.as_deref(), cause.new.as_deref()) {
            page.line(&[(Tone::Plain, "    "), (Tone::Faint, &marks)]);
        }
    }
    if let Some(heading) = heading(noun, report).filter(|_| !one) {
        page.gap();
        page.plain(&heading);
    }
    for unit in &report.units {
        page.gap();
        write_unit(page, unit, one);
    }
    let shown = report.units.len() as u64;
    if let Some(more) = report.n_units.and_then(|n| words::and_more(n.saturating_sub(shown))).filter(|_| !one)
    {
        page.gap();
        page.line(&[(Tone::Faint, &more), (Tone::Faint, " (`--limit` shows more)")]);
    }
}

/// Writes how a unit that the ledger has no reply for differs from the nearest request on record: its own, in the latest
/// revision.
pub(crate) fn write_nearest(page: &mut Page, report: &WhyReport) {
    let target = words::target(&report.phase, &report.scope);
    for unit in &report.units {
        let subject = format!("{target}/{}", unit.unit);
        let nearest = match unit.change {
            UnitChange::Changed => "differs from the nearest request on record in",
            UnitChange::Refused => "has a reply on record that is refused now",
            _ => "has no request on record",
        };
        page.gap();
        page.line(&[(Tone::Strong, &subject), (Tone::Plain, " "), (Tone::Plain, nearest)]);
        if unit.change == UnitChange::Changed {
            unit.parts.iter().for_each(|part| write_part(page, part, true));
        }
    }
}

/// Says how many units differ. A step has one, which stands below where it does.
fn heading(noun: Noun, report: &WhyReport) -> Option<String> {
    if noun == Noun::Steps {
        let is_open = report.n_units.is_none();
        return is_open.then(|| "what it is asked hangs on what is not there yet".to_owned());
    }
    let open = |part: &PartChange| part.old.is_none() && part.new.is_none() && !unknown(part).is_empty();
    let may = report.units.iter().any(|unit| unit.parts.iter().any(open));
    Some(match report.n_units {
        Some(n) if may => format!("up to {} may differ:", counted(n, "unit")),
        Some(0) => "no unit differs".to_owned(),
        Some(n) => format!("{} differ{}:", counted(n, "unit"), if n == 1 { "s" } else { "" }),
        None => "which units differ hangs on replies that are not there yet".to_owned(),
    })
}

fn write_unit(page: &mut Page, unit: &UnitWhy, one: bool) {
    let (tone, word) = match unit.change {
        UnitChange::Same => (Tone::Good, "is the same"),
        UnitChange::Added => (Tone::Added, "is new"),
        UnitChange::Removed => (Tone::Removed, "is gone"),
        UnitChange::Changed => (Tone::Warn, "changed"),
        UnitChange::Hole => (Tone::Bad, "was not made"),
        UnitChange::Refused => (Tone::Warn, "has a reply that is refused now"),
    };
    page.line(&[(Tone::Strong, unit.unit.as_str()), (Tone::Plain, " "), (tone, word)]);
    for part in &unit.parts {
        write_part(page, part, one || unit.change == UnitChange::Changed);
    }
    if let Some(failure) = &unit.failure {
        let text = format!("{} ({})", failure.message, failure.kind);
        page.wrapped(&[(Tone::Plain, " "), (Tone::Bad, "failed:")], &text);
    }
    if let Some(by) = &unit.locked_by {
        page.line(&[
            (Tone::Plain, "  locked by "),
            (Tone::Strong, by),
            (Tone::Plain, ": nobody is asked about it"),
        ]);
    }
    if one {
        write_asks(page, unit);
    }
}

fn write_part(page: &mut Page, part: &PartChange, values: bool) {
    let old = part.old.map(|digest| short(&digest));
    let new = part.new.map(|digest| short(&digest));
    let marks = marks(old.as_deref(), new.as_deref()).unwrap_or_else(|| unknown(part).to_owned());
    if old.is_none() && new.is_none() && !marks.is_empty() {
        return page.line(&[
            (Tone::Plain, "  "),
            (Tone::Plain, &part.part),
            (Tone::Faint, " "),
            (Tone::Faint, &marks),
        ]);
    }
    page.line(&[(Tone::Plain, "  "), (Tone::Plain, &part.part), (Tone::Plain, "  "), (Tone::Faint, &marks)]);
    if !values {
        return;
    }
    match (&part.old_value, &part.new_value) {
        (Some(old), Some(new)) => diff::write_values(page, "    ", &value(old), &value(new)),
        (Some(old), None) => diff::write_side(page, "    ", Words::Removed, &value(old)),
        (None, Some(new)) => diff::write_side(page, "    ", Words::Added, &value(new)),
        (None, None) => {}
    }
}

/// Returns what is said of a part without digests: one that may change once what it is made from is there.
fn unknown(part: &PartChange) -> &'static str {
    let is_known = part.old_value.is_some() || part.new_value.is_some();
    if is_known { "" } else { "(may change: what it comes from is to be asked first)" }
}

fn write_asks(page: &mut Page, unit: &UnitWhy) {
    for ask in &unit.asks {
        let key = ask.key.map_or_else(|| "not known yet".to_owned(), |key| short(&key));
        let (tone, word) = if ask.recorded { (Tone::Good, "recorded") } else { (Tone::Warn, "to be asked") };
        let sample = if ask.sample > 0 { format!(" sample {}", ask.sample) } else { String::new() };
        page.line(&[
            (Tone::Plain, "  ask "),
            (Tone::Strong, ask.agent.as_str()),
            (Tone::Plain, &sample),
            (Tone::Faint, " key "),
            (Tone::Faint, &key),
            (Tone::Plain, " "),
            (tone, word),
        ]);
        if let Some(refused) = &ask.refused {
            page.wrapped(&[(Tone::Plain, "    "), (Tone::Warn, "refused now:")], refused);
        }
    }
}

fn marks(old: Option<&str>, new: Option<&str>) -> Option<String> {
    let side = |mark: Option<&str>| mark.map_or_else(|| "nothing".to_owned(), shortened);
    (old.is_some() || new.is_some()).then(|| format!("{} → {}", side(old), side(new)))
}

/// Returns a digest shortened as everywhere, and any other mark as far as there is room.
fn shortened(mark: &str) -> String {
    let parsed: Result<Digest, _> = mark.parse();
    parsed.map_or_else(|_| cut(mark, 32), |digest| short(&digest))
}

fn short(digest: &Digest) -> String {
    digest.short()
}

fn value(json: &Json) -> String {
    cut(&diff::shown(json.as_str()), VALUE_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use refrain_schemas::digest::Digest;
    use serde_json::json;

    fn rendered(report: &WhyReport, one: bool) -> String {
        let mut page = Page::new(Theme { color: false, width: 80 });
        write(&mut page, Noun::Phases, report, None, one);
        page.as_str().to_owned()
    }

    fn sample() -> WhyReport {
        let digest = |n: u8| Digest::from_bytes([n; 32]);
        serde_json::from_value(json!({
            "schema_version": 1, "phase": "translate", "scope": {"language": "ja"}, "freshness": "stale",
            "causes": [{"kind": "context_file", "subject": "glossary.csv", "old": digest(1), "new": digest(2)}],
            "units": [{
                "unit": "line_1", "change": "changed",
                "parts": [{
                    "part": "context.glossary", "old": digest(1), "new": digest(2),
                    "old_value": [{"term": "potion", "to": "potion"}], "new_value": [{"term": "potion", "to": "elixir"}]
                }],
                "asks": [{"agent": "translator", "sample": 0, "key": digest(3), "recorded": false}], "failure": null
            }],
            "n_units": 3
        }))
        .unwrap()
    }

    #[test]
    fn the_part_that_changed_is_named() {
        insta::assert_snapshot!(rendered(&sample(), false));
    }

    #[test]
    fn one_unit_shows_its_asks() {
        insta::assert_snapshot!(rendered(&sample(), true));
    }

    #[test]
    fn a_unit_that_somebody_locked_is_asked_of_nobody() {
        let mut report = sample();
        (report.units[0].asks, report.units[0].locked_by) = (Vec::new(), Some("ana".to_owned()));
        assert!(rendered(&report, true).contains("  locked by ana: nobody is asked about it\n"));
    }
}
