//! Terms of a glossary that have two entries: which of them counts is for no machine to say.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use refrain_schemas::problem::{Place, Problem};

use super::code::Code;
use super::columns::{Row, Rows};
use super::problems::problem;

/// The column with what a term is to be called.
const TRANSLATION: &str = "translation";
/// Tables with more rows than this are no glossaries.
const ROWS_SEEN: usize = 50_000;
/// How many terms are told.
const TOLD: usize = 20;

/// Returns a warning for each term that a table has twice with other translations.
pub(super) fn terms(file: &str, text: &str, delimiter: char, field: &str, path: &str) -> Vec<Problem> {
    let mut rows = Rows::of(text, delimiter);
    let names = rows.next().map(|row| row.cells).unwrap_or_default();
    let place = |name: &str| names.iter().position(|column| column.trim() == name);
    let (Some(term_at), Some(translation_at)) = (place(field), place(TRANSLATION)) else { return Vec::new() };
    let mut first: BTreeMap<String, (u32, String)> = BTreeMap::new();
    let mut problems = Vec::new();
    for Row { line, cells } in rows.take(ROWS_SEEN) {
        let cell = |at: usize| cells.get(at).map(|cell| cell.trim()).filter(|cell| !cell.is_empty());
        let (Some(term), Some(translation)) = (cell(term_at), cell(translation_at)) else { continue };
        match first.entry(term.to_owned()) {
            Entry::Vacant(free) => drop(free.insert((line, translation.to_owned()))),
            Entry::Occupied(known) if known.get().1 != translation => {
                let (before, other) = known.get();
                let message =
                    format!("`{term}` is `{other}` in line {before} and `{translation}` in line {line}");
                let place = |line| Place { file: file.to_owned(), line, column: 1, length: 1 };
                let found = problem(Code::TermTwice, path, message);
                problems.push(Problem { place: Some(place(line)), related: vec![place(*before)], ..found });
            }
            Entry::Occupied(_) => {}
        }
    }
    problems.truncate(TOLD);
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_translations_of_one_term_are_told_with_both_lines() {
        let text =
            "note;term;translation\n;Wren;リン\n;Ivo;イヴォ\n;Wren ;レン\n;Ivo;イヴォ\n;Mia;\n;Mia;ミア\n";
        let found = terms("g.csv", text, ';', "term", "phases.t.context.glossary");
        let told: Vec<_> = found.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(told, ["`Wren` is `リン` in line 2 and `レン` in line 4"]);
        let lines = |places: &[Place]| places.iter().map(|place| place.line).collect::<Vec<_>>();
        assert_eq!((lines(found[0].place.as_slice()), lines(&found[0].related)), (vec![4], vec![2]));
        assert_eq!(terms("g.csv", text, ';', "note", ""), []);
        assert_eq!(terms("g.csv", "term,note\na,1\na,2\n", ',', "term", ""), []);
    }
}
