//! Steps of turns by the names that results have for them: `LOOP_0_STEP` is `LOOP_STEP@0`.

use std::collections::HashMap;

use refrain_core::engine::Selection;
use refrain_schemas::name::PhaseName;
use refrain_schemas::scope::{Scope, Target};
use refrain_schemas::steps::{StepEntry, StepKind, StepsMap};

use crate::wiring::in_words_of_steps;

/// The steps of a file by their phases: what a result calls each of them in each turn.
#[derive(Debug)]
pub(crate) struct Names<'m> {
    map: &'m StepsMap,
    entries: HashMap<&'m PhaseName, &'m StepEntry>,
}

impl<'m> Names<'m> {
    /// Returns the names of a file's steps.
    pub(crate) fn of(map: &'m StepsMap) -> Self {
        Self { map, entries: map.entries.iter().map(|entry| (&entry.phase, entry)).collect() }
    }

    /// Returns the step that a phase is.
    pub(crate) fn entry(&self, phase: &PhaseName) -> Option<&'m StepEntry> {
        self.entries.get(phase).copied()
    }

    /// Returns what the result of a run calls a step in a turn.
    pub(crate) fn name(&self, target: &Target) -> Option<String> {
        let mut entry = self.entry(&target.phase)?;
        let mut name = self.own_name(entry);
        while let Some(around) = &entry.within {
            entry = self.entry(around)?;
            name = match target.scope.get(around.as_str()) {
                Some(turn) => format!("{}_{turn}_{name}", entry.id),
                None => name,
            };
        }
        Some(name)
    }

    /// Returns the name of a step in a result for that of its target; anything else as it is.
    pub(crate) fn called(&self, text: &str) -> String {
        let entry = text.parse().ok().and_then(|phase| self.entry(&phase));
        entry.map_or_else(|| self.in_text(text), |entry| entry.id.clone())
    }

    /// Whether a target is what was made for a step, such as a file of its.
    pub(crate) fn is_made_for_a_step(&self, target: &str) -> bool {
        let phase = target.split('@').next().unwrap_or(target);
        let entry = phase.parse().ok().and_then(|phase| self.entry(&phase));
        entry.is_some_and(|entry| entry.kind == StepKind::Hidden)
    }

    /// Returns the name of a phase in the list that it stands in: what is made for a step is called after that.
    fn own_name(&self, entry: &StepEntry) -> String {
        let phase = entry.phase.as_str();
        let dashes = phase.match_indices('-').filter(|_| entry.kind == StepKind::Hidden);
        let step = |at: usize| Some((self.entry(&phase[..at].parse().ok()?)?, &phase[at..]));
        let found = dashes.rev().find_map(|(at, _)| step(at));
        found.map_or_else(|| entry.id.clone(), |(step, rest)| format!("{}{rest}", step.id))
    }

    /// Returns a message of the engine in words of the file and of the result.
    pub(crate) fn words(&self, text: &str) -> String {
        self.in_text(&in_words_of_steps(self.map, text))
    }

    /// Returns a text with the steps of turns that it names called as results call them.
    fn in_text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('@') {
            let start = rest[..at].trim_end_matches(is_of_name).len();
            let turns = rest[at + 1..].trim_start_matches(|c: char| c.is_ascii_digit() || c == ',');
            let end = rest[..rest.len() - turns.len()].trim_end_matches(',').len();
            out.push_str(&rest[..start]);
            match self.turn(&rest[start..at], &rest[at + 1..end]) {
                Some(name) => out.push_str(&name),
                None => out.push_str(&rest[start..end]),
            }
            rest = &rest[end..];
        }
        out + rest
    }

    /// Returns the name of a step in turns that are written one behind the other, from the outer loop to the inner one.
    fn turn(&self, phase: &str, turns: &str) -> Option<String> {
        let phase: PhaseName = phase.parse().ok()?;
        let mut around = Vec::new();
        let mut entry = self.entry(&phase)?;
        while let Some(outer) = &entry.within {
            around.push(outer.as_str().parse().ok()?);
            entry = self.entry(outer)?;
        }
        let turns: Vec<String> = turns.split(',').map(str::to_owned).collect();
        let is_whole = around.len() == turns.len();
        let scope = Scope::new(around.into_iter().rev().zip(turns));
        is_whole.then(|| self.name(&Target { phase, scope })).flatten()
    }
}

const fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
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
        assert_eq!(Names::of(&map).in_text(text), expect);
    }
}
