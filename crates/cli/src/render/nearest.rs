//! How a request that is not on record differs from the nearest one that is.

use refrain_core::engine::{Nearest, Recorded};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::render::page::{Page, Tone};

/// How many lines around a difference are shown.
const AROUND: usize = 2;
/// How many lines of a difference are shown at most.
const MOST: usize = 60;

/// Writes the nearest request of a unit, which is named by its address such as `translate@ja/line_1`.
pub(crate) fn write(page: &mut Page, subject: &str, nearest: &Nearest) {
    page.gap();
    let Some(recorded) = &nearest.recorded else {
        let text = format!("is not on record, and nothing else that `{}` was told is", nearest.agent);
        return page.line(&[(Tone::Strong, subject), (Tone::Plain, " "), (Tone::Plain, &text)]);
    };
    let text = format!(
        "is not on record; nearest is what `{}` was told about {} in call {}",
        nearest.agent, recorded.unit, recorded.call
    );
    page.line(&[(Tone::Strong, subject), (Tone::Plain, " "), (Tone::Plain, &text)]);
    write_settings(page, recorded);
    if recorded.told != nearest.now {
        write_diff(page, recorded, &nearest.now);
    } else if recorded.settings.is_empty() {
        let text = "it is told the same; the shape of its answer, its tools, its version or a forced generation differ";
        page.line(&[(Tone::Plain, "  "), (Tone::Faint, text)]);
    }
}

fn write_settings(page: &mut Page, recorded: &Recorded) {
    let text = |value: &Option<Value>| value.as_ref().map_or_else(|| "none".to_owned(), plain);
    for (name, then, now) in &recorded.settings {
        let head = format!("{name}: ");
        page.line(&[
            (Tone::Plain, "  "),
            (Tone::Plain, &head),
            (Tone::Removed, &text(then)),
            (Tone::Plain, " → "),
            (Tone::Added, &text(now)),
        ]);
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn write_diff(page: &mut Page, recorded: &Recorded, now: &str) {
    let head = format!("--- on record ({})", recorded.call);
    page.line(&[(Tone::Plain, "  "), (Tone::Removed, &head)]);
    page.line(&[(Tone::Plain, "  "), (Tone::Added, "+++ now")]);
    let diff = TextDiff::from_lines(recorded.told.as_str(), now);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(AROUND).iter_hunks() {
        lines.push((Tone::Faint, hunk.header().to_string()));
        lines.extend(hunk.iter_changes().map(|change| {
            let (tone, sign) = match change.tag() {
                ChangeTag::Equal => (Tone::Plain, ' '),
                ChangeTag::Delete => (Tone::Removed, '-'),
                ChangeTag::Insert => (Tone::Added, '+'),
            };
            (tone, format!("{sign}{}", change.value().trim_end_matches(['\n', '\r'])))
        }));
    }
    for (tone, line) in lines.iter().take(MOST) {
        page.line(&[(Tone::Plain, "  "), (*tone, line)]);
    }
    if lines.len() > MOST {
        let more = format!("… and {} more lines", lines.len() - MOST);
        page.line(&[(Tone::Plain, "  "), (Tone::Faint, &more)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use refrain_schemas::name::{CallId, UnitId};
    use serde_json::json;

    fn rendered(recorded: Option<Recorded>, now: &str) -> String {
        let mut page = Page::new(Theme { color: false, width: 80 });
        let nearest = Nearest { agent: "critic".parse().unwrap(), now: now.to_owned(), recorded };
        write(&mut page, "qa@ja/line_1", &nearest);
        page.as_str().to_owned()
    }

    fn recorded(told: &str) -> Recorded {
        Recorded {
            call: CallId(17),
            unit: UnitId::new("line_1"),
            told: told.to_owned(),
            settings: Vec::new(),
        }
    }

    #[test]
    fn the_difference_is_shown_line_by_line() {
        let told =
            "You are a critic.\n\nGlossary:\n- potion: elixir\n- sword: blade\n\nLine:\nDrink\u{1b}[2J it!";
        let now = told.replace("elixir", "draught");
        let mut nearest = recorded(told);
        nearest.settings =
            vec![("model", Some(json!("small")), Some(json!("large"))), ("seed", Some(json!(7)), None)];
        insta::assert_snapshot!(rendered(Some(nearest), &now));
    }

    #[test]
    fn a_long_difference_is_cut() {
        let text = |word: &str| (0..100).map(|n| format!("{word} {n}\n")).collect::<String>();
        let shown = rendered(Some(recorded(&text("old"))), &text("new"));
        assert_eq!(shown.lines().count(), 3 + MOST + 1);
        assert!(shown.ends_with("… and 141 more lines\n"), "{shown}");
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        assert!(rendered(None, "now").contains("nothing else that `critic` was told is"));
        assert!(rendered(Some(recorded("now")), "now").contains("it is told the same"));
    }
}
