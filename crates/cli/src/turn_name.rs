//! Steps of turns by the names that results have for them: `LOOP_0_STEP` is `LOOP_STEP@0`.

use refrain_core::engine::Selection;
use refrain_schemas::name::PhaseName;
use refrain_schemas::scope::{Scope, Target};
use refrain_schemas::steps::StepsMap;

/// Returns what the result of a run calls a step in a turn.
pub(crate) fn of(map: &StepsMap, target: &Target) -> Option<String> {
    let mut entry = map.entries.iter().find(|entry| entry.phase == target.phase)?;
    let mut name = entry.id.clone();
    while let Some(around) = &entry.within {
        entry = map.entries.iter().find(|outer| outer.phase == *around)?;
        name = match target.scope.get(around.as_str()) {
            Some(turn) => format!("{}_{turn}_{name}", entry.id),
            None => name,
        };
    }
    Some(name)
}

/// Returns a text with the steps of turns that it names called as results call them.
pub(crate) fn in_text(map: &StepsMap, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let start = rest[..at]
            .rfind(|c: char| !is_of_name(c))
            .map_or(0, |before| before + rest[before..].chars().next().map_or(1, char::len_utf8));
        let is_of_turn = |c: char| c.is_ascii_digit() || c == ',';
        let end = rest[at + 1..].find(|c| !is_of_turn(c)).map_or(rest.len(), |len| at + 1 + len);
        let end = at + 1 + rest[at + 1..end].trim_end_matches(',').len();
        let turns: Vec<&str> = rest[at + 1..end].split(',').collect();
        out.push_str(&rest[..start]);
        match turn(map, &rest[start..at], &turns) {
            Some(name) => out.push_str(&name),
            None => out.push_str(&rest[start..end]),
        }
        rest = &rest[end..];
    }
    out + rest
}

const fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn turn(map: &StepsMap, phase: &str, turns: &[&str]) -> Option<String> {
    let phase: PhaseName = phase.parse().ok()?;
    let mut around = Vec::new();
    let mut entry = map.entries.iter().find(|entry| entry.phase == phase)?;
    while let Some(outer) = &entry.within {
        around.push(outer.as_str().parse().ok()?);
        entry = map.entries.iter().find(|entry| entry.phase == *outer)?;
    }
    let values = turns.iter().map(|turn| (*turn).to_owned());
    let is_whole = around.len() == turns.len();
    let scope = Scope::new(around.into_iter().rev().zip(values));
    is_whole.then(|| of(map, &Target { phase, scope })).flatten()
}

/// Returns what an address means, whose phase is that of a step or its name in a result.
pub(crate) fn meant(selection: &Selection, map: Option<&StepsMap>) -> Selection {
    let Some(map) = map.filter(|_| selection.values.is_empty()) else { return selection.clone() };
    let name = selection.phase.as_str();
    if map.entries.iter().any(|entry| entry.phase == selection.phase) {
        return selection.clone();
    }
    let found = in_turn(map, None, name, Vec::new());
    found.map_or_else(|| selection.clone(), |(phase, values)| Selection { phase, values })
}

fn in_turn(
    map: &StepsMap,
    within: Option<&PhaseName>,
    name: &str,
    turns: Vec<String>,
) -> Option<(PhaseName, Vec<String>)> {
    map.entries.iter().filter(|entry| entry.within.as_ref() == within).find_map(|entry| {
        let rest = name.strip_prefix(entry.id.as_str())?;
        if rest.is_empty() {
            return Some((entry.phase.clone(), turns.clone()));
        }
        let (turn, inner) = rest.strip_prefix('_')?.split_once('_')?;
        let is_number = !turn.is_empty() && turn.bytes().all(|digit| digit.is_ascii_digit());
        let turns = [turns.clone(), vec![turn.to_owned()]].concat();
        is_number.then(|| in_turn(map, Some(&entry.phase), inner, turns)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use refrain_schemas::steps::{StepEntry, StepKind};

    use super::*;

    fn entry(id: &str, phase: &str, within: Option<&str>) -> StepEntry {
        StepEntry {
            id: id.to_owned(),
            phase: phase.parse().unwrap(),
            within: within.map(|within| within.parse().unwrap()),
            kind: StepKind::Step,
            tool: None,
            action: None,
            model: None,
            dependencies: Vec::new(),
        }
    }

    #[test]
    fn turns_are_found_in_names() {
        let entries = vec![
            entry("shelf", "shelf", None),
            entry("book", "shelf_book", Some("shelf")),
            entry("save_it", "shelf_book_save_it", Some("shelf_book")),
            entry("a_1_b", "a_1_b", None),
        ];
        let map = StepsMap { entries, ..StepsMap::default() };
        let check = |name: &str, expect: &str| {
            let selection = Selection { phase: name.parse().unwrap(), values: Vec::new() };
            let Selection { phase, values } = meant(&selection, Some(&map));
            assert_eq!(format!("{phase}@{}", values.join(",")), expect, "{name}");
        };
        check("shelf_2_book_10_save_it", "shelf_book_save_it@2,10");
        check("shelf_2_book", "shelf_book@2");
        check("a_1_b", "a_1_b@");
        check("shelf_x_book", "shelf_x_book@");
        check("shelf_2_result", "shelf_2_result@");
        let text =
            "é@1 1 of 2: shelf_book@2: shelf_book_save_it@2,10, and `shelf@`, a_1_b@1, shelf_book@1,2 @";
        let expect =
            "é@1 1 of 2: shelf_2_book: shelf_2_book_10_save_it, and `shelf@`, a_1_b@1, shelf_book@1,2 @";
        assert_eq!(in_text(&map, text), expect);
    }
}
