use serde_json::{Value, json};

use super::*;

/// A text that tries everything.
const HOSTILE: &str = "</td><script>alert('x')</script>\" onload=\"y\u{202e}\u{1b}&amp;";

fn calls(cost: f64) -> Value {
    let usage = json!({"input_tokens": 900, "output_tokens": 100, "cost_usd": cost});
    let waste = json!({"input_tokens": 90, "output_tokens": 10, "cost_usd": cost / 10.0});
    json!({
        "done": 12, "in_doubt": 1, "retries": 2, "repairs": 1, "seconds": 61.5, "usage": usage, "doubtful": {"cost_usd": 0.5},
        "waste": {"asks": 3, "usage": waste, "kinds": [{"kind": "invalid", "asks": 3, "usage": waste}]}
    })
}

fn report(text: &str) -> Overview {
    let place = |name: &str, seconds: f64| json!({"name": name, "asks": 4, "seconds": seconds, "usage": {"cost_usd": 0.1}});
    let point = |revision: u32| {
        json!({
            "revision": revision, "run_id": uuid::Uuid::nil(), "at": "2026-03-01T12:00:00.000000Z",
            "units": {"total": 10, "ran": 4, "reused": 6, "failed": 0}, "records": 10 * revision, "holes": 1,
            "conflicts": 0, "edited": 2, "usage": {"cost_usd": 0.25}
        })
    };
    let phase = json!({
        "phase": "qa", "scope": {"language": text}, "freshness": "stale",
        "causes": [{"kind": "context_file", "subject": text, "old": null, "new": null}], "revision": 2,
        "coverage": {"units": 10, "holes": 1, "percent": 90.0, "records": 9},
        "issues": {"total": 3, "rules": [{"rule": text, "severity": "error", "count": 1}, {"rule": "b", "severity": text, "count": 2}]},
        "changes": {"records": 2, "changes": 3}, "untranslated": 1,
        "edits": {"standing": 3, "applied": 2, "conflicts": 1, "orphans": 0}, "conflicts": 4, "calls": calls(1.0),
        "places": {"by": text, "total": 9, "dearest": [place(text, 1.0)], "slowest": [place(text, 30.0), place("s2", 1.0)]},
        "trend": [point(1), point(2)]
    });
    let report = json!({
        "schema_version": 1, "project": text, "under_way": true, "calls": calls(1.0), "gone": calls(0.5), "phases": [phase]
    });
    serde_json::from_value(report).unwrap()
}

/// Fails where an element is not closed, or closed in another order.
fn check_nesting(page: &str) {
    let body = &page[page.find("<body").unwrap()..];
    let mut open: Vec<&str> = Vec::new();
    for tag in body.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        if let Some(name) = tag.strip_prefix('/') {
            if name != "html" {
                assert_eq!(open.pop(), Some(name), "after {open:?}");
            }
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
}

#[test]
fn the_page_is_whole_and_needs_nothing_else() {
    let page = page(&report("ja"));
    check_nesting(&page);
    assert!(page.starts_with("<!doctype html>") && page.find(MARK).unwrap() < 512);
    for outside in ["http:", "https:", "//", "src=", "url(", "@import", "<link", "<script", "<img"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for shown in [
        "prefers-color-scheme: dark",
        "@media print",
        "<caption>",
        "scope=\"col\"",
        "role=\"img\"",
        "aria-label",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    for shown in ["$1.00", "10.0%", "qa@ja", "3 invalid", "A run is under way", "#2: 20 records"] {
        assert!(page.contains(shown), "{shown}");
    }
    assert_eq!(page, super::page(&report("ja")), "the same report makes the same bytes");
}

#[test]
fn no_text_becomes_markup() {
    let page = page(&report(HOSTILE));
    check_nesting(&page);
    assert!(!page.contains("<script") && !page.contains("onload=\"y") && !page.contains("alert('"), "{page}");
    assert!(!page.contains(['\u{202e}', '\u{1b}']), "nothing reorders or steers");
    assert!(page.contains("&lt;/td&gt;&lt;script&gt;") && page.contains("&amp;amp;"));
}

#[test]
fn an_empty_project_has_a_page() {
    let none = json!({
        "done": 0, "in_doubt": 0, "retries": 0, "repairs": 0, "seconds": 0.0, "usage": {}, "doubtful": {},
        "waste": {"asks": 0, "usage": {}, "kinds": []}
    });
    let report = json!({"schema_version": 1, "project": "x", "under_way": false, "calls": none, "gone": none, "phases": []});
    let page = page(&serde_json::from_value(report).unwrap());
    check_nesting(&page);
    assert!(page.contains("What there is") && !page.contains("<h2>Issues"), "{page}");
}
