//! Pipelines of all shapes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Draft, REFUSED};
use crate::sim::seed::Chance;

/// Words of the pipeline file that invented pipelines have to have between them.
#[cfg(test)]
pub(super) const SHAPES: [&str; 25] = [
    "\"per\"",
    "\"gather\"",
    "\"by\"",
    "\"chunk\"",
    "\"whole\"",
    "\"window\"",
    "\"within\"",
    "\"match\"",
    "\"on\"",
    "\"panel\"",
    "\"chain\"",
    "\"cascade\"",
    "\"samples\"",
    "\"vote\"",
    "\"first\"",
    "\"union\"",
    "\"aligned\"",
    "\"document\"",
    "\"quorum\"",
    "\"continue\"",
    "\"wants\"",
    "\"write\"",
    "\"concurrency\"",
    "\"model\"",
    "\"prompt\"",
];

/// What later phases can make of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Records under `id`.
    Lines,
    /// Records under `scene`.
    Scenes,
    /// Records under something else.
    Other,
    /// A document.
    Document,
}

/// A phase that was made up.
struct Made {
    name: String,
    kind: Kind,
    per: bool,
}

/// Makes a project up.
pub(super) fn draft(chance: &mut Chance) -> Draft {
    let mut phases = Map::new();
    let mut made = vec![Made { name: "ingest".to_owned(), kind: Kind::Lines, per: false }];
    phases.insert("ingest".to_owned(), read("lines.csv", "id"));
    if chance.happens(0.4) {
        phases.insert("scenes".to_owned(), read("scenes.csv", "scene"));
        made.push(Made { name: "scenes".to_owned(), kind: Kind::Scenes, per: false });
    }
    for n in 0..1 + chance.below(3) {
        let (phase, next) = ask(&format!("p{n}"), &made, chance);
        phases.insert(next.name.clone(), phase);
        made.push(next);
    }
    if chance.happens(0.4)
        && let Some(last) = made.iter().rev().find(|made| made.kind != Kind::Document)
    {
        phases.insert("out".to_owned(), export(last));
    }
    let mut pipeline = json!({
        "refrain": 1, "name": "invented", "dimensions": {"language": ["ja", "fr"]}, "agents": agents(&phases, chance),
        "prices": {"sim/m": {"input": 1.0, "output": 4.0}},
        "endpoints": {"sim": {"base_url": "http://sim"}}, "phases": phases,
    });
    if chance.happens(0.3) {
        pipeline["limits"] = json!({"concurrency": 1 + chance.below(4)});
    }
    if chance.happens(0.15) {
        pipeline["endpoints"]["sim"]["limits"] = json!({"requests_per_minute": 20 + chance.below(200)});
    }
    Draft { pipeline, files: files(chance) }
}

fn read(path: &str, key: &str) -> Value {
    json!({"agent": {"builtin": "read", "params": {"files": path}}, "output": {"key": key}})
}

fn export(of: &Made) -> Value {
    let (path, per) =
        if of.per { ("out/{{ scope.language }}.csv", json!(["language"])) } else { ("out.csv", json!([])) };
    json!({"per": per, "units": {"of": of.name}, "agent": {"builtin": "write", "params": {"path": path}}})
}

/// Declares the agents that phases name.
fn agents(phases: &Map<String, Value>, chance: &mut Chance) -> Value {
    let named = phases.values().filter_map(|phase| phase["agents"].as_object()).flat_map(Map::keys);
    let declared = named.map(|name| {
        let is_model = name.starts_with('m');
        let spec =
            if is_model { json!({"model": "sim/m"}) } else { json!({"builtin": name, "version": "1"}) };
        (name.clone(), spec)
    });
    let mut agents: Map<String, Value> = declared.collect();
    for agent in agents.values_mut() {
        if chance.happens(0.6) {
            let backoff = ["none", "exponential"][chance.below(2) as usize];
            agent["retry"] = json!({"attempts": 1 + chance.below(5), "backoff": backoff});
        }
        if chance.happens(0.2) {
            agent["limits"] = json!({"concurrency": 1 + chance.below(3)});
        }
    }
    Value::Object(agents)
}

fn pick<'a, T>(items: &'a [T], chance: &mut Chance) -> &'a T {
    &items[chance.below(items.len() as u64) as usize]
}

fn ask(name: &str, made: &[Made], chance: &mut Chance) -> (Value, Made) {
    let sources: Vec<&Made> = made.iter().filter(|made| made.kind != Kind::Document).collect();
    // The latest phase as often as all others: chains are what goes wrong.
    let source = if chance.happens(0.5) { sources[sources.len() - 1] } else { *pick(&sources, chance) };
    let mut phase = json!({});
    let is_gathered = source.per && chance.happens(0.2);
    let per = !is_gathered && (source.per || chance.happens(0.3));
    if is_gathered {
        phase["gather"] = json!(["language"]);
    }
    if per {
        phase["per"] = json!(["language"]);
    }
    let kind = split(&mut phase, source, is_gathered, chance);
    let is_by_record = phase["units"].as_object().is_some_and(|units| units.len() == 1);
    fan(&mut phase, kind, if is_by_record { "" } else { name }, chance);
    if chance.happens(0.6) && kind != Kind::Document {
        phase["pack"] = json!({"max": 1 + chance.below(4)});
        if chance.happens(0.3) && is_by_record && source.kind == Kind::Lines {
            phase["pack"]["within"] = json!("scene");
        }
    }
    context(&mut phase, source, made, per, is_by_record && !is_gathered, chance);
    if phase["agents"].get("m").is_some() && is_by_record && chance.happens(0.5) {
        let prompt = *pick(&["Say {{ unit.text }}", "{{ unit.id }} {{ unit.text }} {{ context }}"], chance);
        phase["prompt"] = json!(prompt);
    }
    phase["on_unit_failure"] = match chance.below(20) {
        0..8 => json!("stop"),
        8..17 => json!("continue"),
        _ => json!({"quorum": 0.4}),
    };
    (phase, Made { name: name.to_owned(), kind, per })
}

/// Says how the source is split, and what becomes of it.
fn split(phase: &mut Value, source: &Made, is_gathered: bool, chance: &mut Chance) -> Kind {
    let of = &source.name;
    let lines = source.kind == Kind::Lines;
    let roll = chance.below(100);
    if !lines || is_gathered || roll < 60 {
        phase["units"] = json!({"of": of});
        let key = match source.kind {
            Kind::Scenes => "scene",
            Kind::Lines => "id",
            Kind::Other | Kind::Document => "note",
        };
        let output =
            if chance.happens(0.3) { json!({"key": key, "aligned": true}) } else { json!({"key": key}) };
        phase["output"] = output;
        return if is_gathered { Kind::Other } else { source.kind };
    }
    let (units, own) = match roll {
        60..78 => (json!({"of": of, "by": "scene"}), Some(("scene", Kind::Scenes))),
        78..90 => (json!({"of": of, "chunk": 1 + chance.below(3)}), Some(("note", Kind::Other))),
        _ => (json!({"of": of, "whole": true}), None),
    };
    phase["units"] = units;
    match own {
        _ if chance.happens(0.35) => {
            phase["output"] = json!({"key": "id", "aligned": true});
            Kind::Lines
        }
        Some((key, kind)) => {
            phase["output"] = json!({"key": key});
            kind
        }
        None => {
            phase["output"] = json!({"document": "d"});
            Kind::Document
        }
    }
}

/// Says who is asked, and how. What is asked about a group does not say what is to become of it, so those who are asked are
/// nobody else's; and a model that is asked for a text makes one record of it.
fn fan(phase: &mut Value, kind: Kind, suffix: &str, chance: &mut Chance) {
    let is_list = !suffix.is_empty() && phase["output"]["aligned"] == true;
    let names = ["a", "b", "c", "m"];
    let n = if is_list { 3 } else { 4 };
    let at = chance.below(n);
    let named = |at: u64| format!("{}{suffix}", names[at as usize]);
    let (one, two) = (named(at), named((at + 1 + chance.below(n - 1)) % n));
    let (one, two) = (one.as_str(), two.as_str());
    let (some, more) = (1 + chance.below(3), 1 + chance.below(2));
    phase["agents"] = json!({one: some});
    let merge = *pick(&["vote", "first", "last"], chance);
    match chance.below(100) {
        0..50 => {}
        50..62 => phase["agents"][two] = json!(more),
        62..76 if kind != Kind::Document => {
            phase["agents"][two] = json!(more);
            phase["fan"] = json!("panel");
            phase["merge"] = json!(merge);
            if kind == Kind::Other && chance.happens(0.7) {
                phase["merge"] = json!({"union": ["text"]});
            }
        }
        76..84 if kind != Kind::Document => {
            phase["agents"] = json!({one: {"samples": 2, "clones": some}});
            phase["merge"] = json!(merge);
        }
        84..92 => {
            phase["agents"][two] = json!(more);
            phase["fan"] = json!("chain");
        }
        92..100 if kind != Kind::Document => {
            phase["agents"][two] = json!(more);
            phase["fan"] = json!("cascade");
            phase["accept"] = json!("reply.text | length > 12");
        }
        _ => {}
    }
}

fn context(phase: &mut Value, source: &Made, made: &[Made], per: bool, is_plain: bool, chance: &mut Chance) {
    let mut entries = Map::new();
    for n in 0..chance.below(3) {
        if let Some(entry) = entry(source, made, per, is_plain, chance) {
            entries.insert(format!("c{n}"), entry);
        }
    }
    let from = entries.values().filter_map(|entry| entry["from"].as_str());
    let wants: Vec<&str> = from.filter(|from| *from != source.name && chance.happens(0.4)).collect();
    if !wants.is_empty() {
        phase["wants"] = json!(wants);
    }
    if !entries.is_empty() {
        phase["context"] = Value::Object(entries);
    }
}

fn entry(source: &Made, made: &[Made], per: bool, is_plain: bool, chance: &mut Chance) -> Option<Value> {
    let lines = source.kind == Kind::Lines;
    let others: Vec<&Made> = made.iter().filter(|made| per || !made.per).collect();
    Some(match chance.below(7) {
        0 if is_plain => json!({"from": source.name, "window": 1 + chance.below(2)}),
        1 if is_plain && lines => json!({"from": source.name, "window": 1, "within": "scene"}),
        2 if lines => json!({"file": "terms.csv", "match": {"field": "term", "in": "text"}}),
        3 if lines && per => {
            json!({"file": "terms/{{ scope.language }}.csv", "match": {"field": "term", "in": "text"}})
        }
        4 => json!({"file": "style.json"}),
        5 if lines => {
            json!({"from": others.iter().find(|made| made.kind == Kind::Scenes)?.name, "on": "scene"})
        }
        6 => json!({"from": pick(&others, chance).name}),
        _ => return None,
    })
}

fn files(chance: &mut Chance) -> BTreeMap<String, Value> {
    let lines: Vec<Value> = (0..2 + chance.below(4)).map(|n| line(&format!("l{n}"), chance)).collect();
    let scene = |n: usize| json!({"scene": format!("s{n}"), "text": format!("scene {n}"), "sum": n});
    let term = |term: &str| json!({"term": term, "to": format!("<{term}>"), "scene": "s1"});
    BTreeMap::from([
        ("lines.csv".to_owned(), json!(lines)),
        ("scenes.csv".to_owned(), json!([scene(0), scene(1), scene(2)])),
        ("terms.csv".to_owned(), json!([term("red"), term("blue")])),
        ("terms/ja.csv".to_owned(), json!([term("red")])),
        ("terms/fr.csv".to_owned(), json!([term("blue")])),
        ("terms/de.csv".to_owned(), json!([term("green")])),
        ("style.json".to_owned(), json!({"tone": 0})),
    ])
}

/// Returns a line; one in thirty is refused by everybody, and many say the same.
pub(super) fn line(id: &str, chance: &mut Chance) -> Value {
    json!({"id": id, "text": text(chance), "scene": format!("s{}", chance.below(3))})
}

pub(super) fn text(chance: &mut Chance) -> String {
    if chance.happens(1.0 / 30.0) {
        return format!("{REFUSED} {}", chance.below(3));
    }
    let word = *pick(&["red", "blue", "green", "grey"], chance);
    format!("a {word} thing {}", chance.below(4))
}
