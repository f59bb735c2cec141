//! What people do to a project between runs.

use serde_json::{Map, Value, json};

use super::Draft;
use super::pipeline::{line, text};
use crate::sim::seed::Chance;

/// Changes a project in one to three places; `n` tells one edit from another.
pub(super) fn edit(draft: &mut Draft, n: u64, chance: &mut Chance) {
    for m in 0..1 + chance.below(3) {
        once(draft, 10 * n + m, chance);
    }
}

fn once(draft: &mut Draft, n: u64, chance: &mut Chance) {
    match chance.below(20) {
        0..6 => change_lines(draft, chance, |line, chance| line["text"] = json!(text(chance))),
        6 => {
            change_lines(draft, chance, |line, chance| {
                line["scene"] = json!(format!("s{}", chance.below(3)));
            });
        }
        7..9 => rows(draft, "lines.csv", |lines| {
            let at = chance.below(lines.len() as u64 + 1) as usize;
            let new = line(&format!("new{n}"), chance);
            lines.insert(at, new);
        }),
        9 => rows(draft, "lines.csv", |lines| {
            if lines.len() > 1 {
                let at = chance.below(lines.len() as u64) as usize;
                lines.remove(at);
            }
        }),
        10 => rows(draft, "lines.csv", |lines| {
            let (from, to) = (chance.below(lines.len() as u64), chance.below(lines.len() as u64));
            let moved = lines.remove(from as usize);
            lines.insert(to as usize, moved);
        }),
        11..13 => rows(draft, "terms.csv", |terms| {
            let at = chance.below(terms.len() as u64) as usize;
            terms[at]["to"] = json!(format!("<<{n}>>"));
        }),
        13 => rows(draft, "terms/ja.csv", |terms| terms.push(json!({"term": "grey", "to": n}))),
        14 => rows(draft, "scenes.csv", |scenes| scenes[1]["sum"] = json!(100 + n)),
        15 => drop(draft.files.insert("style.json".to_owned(), json!({"tone": 1 + n}))),
        16 => {
            let agents = draft.pipeline["agents"].as_object_mut();
            let mut versioned =
                agents.into_iter().flat_map(Map::values_mut).filter(|agent| agent["version"].is_string());
            if let Some(agent) = versioned.next() {
                agent["version"] = json!(format!("2.{n}"));
            }
        }
        17 => draft.pipeline["dimensions"]["language"] = json!(["de", "ja", "fr"]),
        18 => {
            change_phase(draft, chance, |phase, chance| phase["pack"] = json!({"max": 1 + chance.below(4)}));
        }
        _ => change_phase(draft, chance, |phase, _| {
            if phase.get("prompt").is_some() {
                phase["prompt"] = json!(format!("Say it again, {n}: {{{{ unit.text }}}}"));
            }
        }),
    }
}

fn rows(draft: &mut Draft, path: &str, edit: impl FnOnce(&mut Vec<Value>)) {
    if let Some(Value::Array(rows)) = draft.files.get_mut(path) {
        edit(rows);
    }
}

fn change_lines(draft: &mut Draft, chance: &mut Chance, change: impl FnOnce(&mut Value, &mut Chance)) {
    rows(draft, "lines.csv", |lines| {
        let at = chance.below(lines.len() as u64) as usize;
        change(&mut lines[at], chance);
    });
}

/// Changes one of the phases that ask somebody.
fn change_phase(draft: &mut Draft, chance: &mut Chance, change: impl FnOnce(&mut Value, &mut Chance)) {
    let phases = draft.pipeline["phases"].as_object_mut();
    let mut asking: Vec<&mut Value> = phases
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.starts_with('p'))
        .map(|(_, phase)| phase)
        .collect();
    let at = chance.below(asking.len() as u64) as usize;
    if let Some(phase) = asking.get_mut(at) {
        change(phase, chance);
    }
}
