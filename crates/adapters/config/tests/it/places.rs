//! Where things stand, and what good files mean.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use refrain_core::model::{Select, Split, Work};
use refrain_schemas::phase_spec::Fan;
use serde_json::json;

use crate::fake::{load_text, load_with};

const BASE: &str =
    "refrain: 1\nname: x\nphases:\n  a:\n    agent: { builtin: read }\n    output: { key: id }\n";

/// Checks the codes and places of what is found in a file that starts like every other.
fn check(rest: &str, expect: &[&str]) {
    let text = format!("{BASE}{rest}");
    let found: Vec<String> = load_text(&text)
        .problems
        .iter()
        .map(|problem| {
            let place = problem.place.as_ref().unwrap();
            format!("{} {}:{}+{}", problem.code, place.line, place.column, place.length)
        })
        .collect();
    assert_eq!(found, expect, "{rest}");
}

#[test]
fn items_fields_and_missing_fields_have_places() {
    check("  b:\n    agent: { builtin: raw }\n    needs: [a, cc]\n    units: { of: a }\n", &["E0601 9:16+2"]);
    check("  b:\n    agent: { builtin: raw }\n    units: { of: aa }\n", &["E0601 9:18+2"]);
    check("  b:\n    agent: { builtin: raw }\n", &["E0606 7:3+1"]);
    check("  b:\n    agents: { nobody: 4 }\n    units: { of: a }\n", &["E0308 8:15+6"]);
    check(
        "  b:\n    agent: { builtin: raw }\n    units: { of: a }\n    limits: { calls: 0 }\n",
        &["E0206 10:22+1"],
    );
}

#[test]
fn a_broken_phase_hides_nothing_else_and_makes_no_noise() {
    let rest = "  b: { agent: { builtin: raw }, untis: { of: a } }\n  c: { agent: { builtin: raw }, units: { of: b } }\n  d: { agent: { builtin: raw }, units: { of: bb } }\n";
    check(rest, &["E0101 7:33+5", "E0601 9:46+2"]);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_fine() {
    let text = format!("\u{feff}{}", BASE.replace('\n', "\r\n"));
    assert!(load_text(&text).model.is_some(), "{:?}", load_text(&text).problems);
    let bad = text.replace("key:", "kye:");
    let place = load_text(&bad).problems[0].place.clone().unwrap();
    assert_eq!((place.line, place.column, place.length), (6, 15, 3));
}

#[test]
fn json_reads_the_same() {
    let text = r#"{"refrain": 1,	"name": "\ud83d\ude00 a\/b", "phases": {"a": {"agent": {"builtin": "read"}, "output": {"key": "id"}}}}"#;
    let loaded = load_with(text.as_bytes(), "refrain.json", &BTreeMap::new());
    assert_eq!(loaded.problems, []);
    assert_eq!(loaded.model.unwrap().name, "\u{1f600} a/b");
}

#[test]
fn the_model_has_order_edges_and_defaults() {
    let text = include_str!("valid/game.yaml");
    let model = load_text(text).model.unwrap();
    let order: Vec<&str> = model.phases.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(order, ["ingest", "context", "translate", "qa", "export"]);
    let translate = model.phase("translate").unwrap();
    let wants: Vec<(&str, bool)> = translate.wants.iter().map(|e| (e.phase.as_str(), e.read)).collect();
    assert_eq!(wants, [("context", true)]);
    let needs: Vec<(&str, bool)> = translate.needs.iter().map(|e| (e.phase.as_str(), e.read)).collect();
    assert_eq!(needs, [("ingest", true)]);
    let Work::Ask(ask) = &translate.work else { panic!("{:?}", translate.work) };
    assert_eq!((ask.pack, ask.fan, &ask.units.split), (20, Fan::Split, &Split::Record));
    assert_eq!(ask.units.id_field.as_deref(), Some("line_id"));
    assert_eq!(ask.context[0].select, Select::On { field: "scene_id".into(), unique: true });
    let translator = &model.agents["translator"];
    assert_eq!(translator.files, ["agents/translate.py"]);
    assert_eq!((translator.retry.attempts, translator.retry.factor), (4, 2));
    assert_eq!(translator.timeout, Some(Duration::from_secs(60)));
    assert_eq!(model.agents["checks"].retry.attempts, 1);
    assert_eq!(model.agents["ingest"].traits.identity, "read@1");
}

#[test]
fn spelling_a_default_out_changes_no_definition() {
    let written = |phase: &str| {
        let text = format!("{BASE}agents:\n  r: {{ builtin: raw }}\n")
            .replace("agents:", &format!("  b: {phase}\nagents:"));
        let model = load_text(&text).model.unwrap_or_else(|| panic!("{:?}", load_text(&text).problems));
        model.phase("b").unwrap().written.clone()
    };
    let short = written("{ units: { of: a }, agent: r }");
    let long = "{ description: x, needs: [a], units: { of: [a], whole: false }, pack: { max: 9 }, agents: { r: { clones: 3, samples: 1 } }, fan: split, merge: error, on_unit_failure: stop, gather: [], output: { records: b, key: id, aligned: false }, limits: { calls: 3 } }";
    assert_eq!(short, written(long));
    assert_eq!(short, written("{ needs: [a], agent: r }"));
    assert_ne!(short, written("{ units: { of: a, chunk: 2 }, agent: r, output: { key: id } }"));
    assert_ne!(short, written("{ units: { of: a }, agents: { r: { samples: 2 } } }"));
}

#[test]
fn set_values_are_read_as_their_type() {
    let text = BASE.replace(
        "name: x",
        "name: x\nparams: { n: { default: 3 }, s: { type: string }, l: { type: list, default: [] } }",
    );
    let set =
        BTreeMap::from([("n".into(), json!("12")), ("s".into(), json!("12")), ("l".into(), json!("[1]"))]);
    let model = load_with(text.as_bytes(), "refrain.yaml", &set).model.unwrap();
    assert_eq!(serde_json::Value::Object(model.params), json!({"n": 12, "s": "12", "l": [1]}));
}

#[test]
fn a_disabled_phase_is_dropped_from_needs_and_wants() {
    let text = format!(
        "{BASE}  off: {{ enabled: false, agent: {{ builtin: raw }}, units: {{ of: a }} }}\n  b: {{ agent: {{ builtin: raw }}, units: {{ of: [off, a] }}, wants: [off] }}\n"
    );
    let loaded = load_text(&text);
    assert_eq!(loaded.problems, []);
    let model = loaded.model.unwrap();
    let edges: Vec<&str> = model.phase("b").unwrap().edges().map(|edge| edge.phase.as_str()).collect();
    assert_eq!(edges, ["a"]);
}

fn chain(n: usize, closed: bool) -> String {
    let mut text = BASE.to_owned();
    for i in 1..=n {
        let of = if i > 1 {
            format!("p{}", i - 1)
        } else if closed {
            format!("p{n}")
        } else {
            "a".to_owned()
        };
        writeln!(
            text,
            "  p{i}:\n    agent: {{ builtin: raw }}\n    units: {{ of: {of} }}\n    output: {{ key: id }}"
        )
        .unwrap();
    }
    text
}

#[test]
fn many_phases_are_no_trouble() {
    let start = Instant::now();
    assert_eq!(load_text(&chain(1_000, false)).model.unwrap().phases.len(), 1_001);
    let problems = load_text(&chain(1_000, true)).problems;
    assert_eq!(problems.len(), 1, "{:?}", &problems[..2]);
    assert!(
        problems[0].message.starts_with("phases wait for each other: p1 → p1000 → p999"),
        "{}",
        problems[0].message
    );
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_huge_line_and_deep_brackets_end_soon() {
    let start = Instant::now();
    assert!(load_text(&format!("{BASE}description: {}\n", "x".repeat(10_000_000))).model.is_some());
    for open in ["[", "{", "- ", "{a: "] {
        assert_eq!(load_text(&format!("a: {}", open.repeat(50_000))).problems.len(), 1, "{open}");
    }
    assert!(start.elapsed() < Duration::from_secs(30));
}
