//! What every unit of the localisation pipeline sees, worked out without the engine from the files of a project and from
//! what its phases made. Two of these, from before and after a change, tell which units a run has to ask about again.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;

/// By unit, a hash of everything it sees.
pub type Seen = BTreeMap<String, u64>;

/// The files of a project, and what its phases made, for one language.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// The records of each phase, in order.
    pub records: BTreeMap<&'static str, Vec<Value>>,
    /// The glossary of the language: one record per term.
    pub glossary: Vec<Value>,
    /// The lexicon.
    pub lexicon: Vec<Value>,
}

/// Returns the units that see something else than before, or were not there.
#[must_use]
pub fn changed(before: &Seen, after: &Seen) -> BTreeSet<String> {
    let differs = |(unit, sight): &(&String, &u64)| before.get(*unit) != Some(*sight);
    after.iter().filter(differs).map(|(unit, _)| unit.clone()).collect()
}

impl Made {
    /// Returns what the units of a phase see.
    ///
    /// # Panics
    /// Where the pipeline has no such phase.
    #[must_use]
    #[expect(clippy::panic, reason = "a test cannot go on with a phase that is none")]
    pub fn seen(&self, phase: &str) -> Seen {
        match phase {
            "context" => self.groups("ingest", "scene_id", |_, _| Vec::new()),
            "pretranslation" => {
                let background = Joined::new(self.of("context"), "scene_id");
                self.groups("ingest", "scene_id", |scene, records| {
                    let texts: Vec<&str> = records.iter().map(|record| text(record, "text")).collect();
                    let mut seen = background.of(scene);
                    seen.extend(occurring(&self.lexicon, "phrase", &texts.join("\n"), false));
                    seen
                })
            }
            "names" => self.each("pretranslation", "note_id", |_, _, _| Vec::new()),
            "terms" => {
                self.groups("names", "subject", |subject, _| occurring(&self.glossary, "term", subject, true))
            }
            "translate" => {
                let background = Joined::new(self.of("context"), "scene_id");
                let notes = Joined::new(self.of("pretranslation"), "line_id");
                let scenes = Joined::new(self.of("ingest"), "scene_id");
                self.each("ingest", "line_id", |id, record, _| {
                    let mut seen = self.terms_in(text(record, "text"));
                    seen.extend(background.of(text(record, "scene_id")));
                    seen.extend(notes.of(id));
                    seen.extend(neighbours(&scenes.of(text(record, "scene_id")), id));
                    seen
                })
            }
            "qa" => {
                let background = Joined::new(self.of("context"), "scene_id");
                self.each("translate", "line_id", |_, record, _| {
                    let mut seen = self.terms_in(text(record, "source"));
                    seen.extend(background.of(text(record, "scene_id")));
                    seen
                })
            }
            "edit" => {
                let issues = Joined::new(self.of("qa"), "line_id");
                self.each("translate", "line_id", |id, _, _| issues.of(id))
            }
            other => panic!("the pipeline has no phase `{other}` with units that see something"),
        }
    }

    fn of(&self, phase: &str) -> &[Value] {
        self.records.get(phase).map_or(&[], Vec::as_slice)
    }

    /// The glossary's and the agreed terms that occur in a text.
    fn terms_in(&self, text: &str) -> Vec<&Value> {
        let mut seen = occurring(&self.glossary, "term", text, true);
        seen.extend(self.of("terms").iter().filter(|entry| is_word(text, &entry["term"], true)));
        seen
    }

    fn each<'a>(
        &'a self,
        phase: &str,
        key: &str,
        besides: impl Fn(&str, &Value, usize) -> Vec<&'a Value>,
    ) -> Seen {
        let records = self.of(phase).iter().enumerate();
        let seen = records.map(|(n, record)| {
            let id = text(record, key);
            (id.to_owned(), hash(std::iter::once(record).chain(besides(id, record, n))))
        });
        seen.collect()
    }

    fn groups<'a>(
        &'a self,
        phase: &str,
        by: &str,
        besides: impl Fn(&str, &[&'a Value]) -> Vec<&'a Value>,
    ) -> Seen {
        let mut groups: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for record in self.of(phase) {
            groups.entry(text(record, by)).or_default().push(record);
        }
        let seen = groups.into_iter().map(|(id, records)| {
            let more = besides(id, &records);
            (id.to_owned(), hash(records.into_iter().chain(more)))
        });
        seen.collect()
    }
}

/// Records by the value of a field.
struct Joined<'a>(BTreeMap<&'a str, Vec<&'a Value>>);

impl<'a> Joined<'a> {
    fn new(records: &'a [Value], field: &str) -> Self {
        let mut joined: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for record in records {
            joined.entry(text(record, field)).or_default().push(record);
        }
        Self(joined)
    }

    fn of(&self, value: &str) -> Vec<&'a Value> {
        self.0.get(value).cloned().unwrap_or_default()
    }
}

/// The line before and the line behind.
fn neighbours<'a>(scene: &[&'a Value], id: &str) -> Vec<&'a Value> {
    let at = scene.iter().position(|record| text(record, "line_id") == id).unwrap_or_default();
    let before = at.checked_sub(1).and_then(|n| scene.get(n));
    before.into_iter().chain(scene.get(at + 1)).copied().collect()
}

fn occurring<'a>(entries: &'a [Value], field: &str, within: &str, words: bool) -> Vec<&'a Value> {
    let is_there = |entry: &&Value| {
        let is_cased = text(entry, "case") == "yes";
        if words { is_word(within, &entry[field], is_cased) } else { is_part(within, &entry[field]) }
    };
    entries.iter().filter(is_there).collect()
}

fn is_part(within: &str, what: &Value) -> bool {
    what.as_str().is_some_and(|what| within.to_lowercase().contains(&what.to_lowercase()))
}

/// Whether something stands in a text with no letter or digit right beside it.
#[must_use]
pub fn is_word(within: &str, what: &Value, is_cased: bool) -> bool {
    let Some(what) = what.as_str().filter(|what| !what.is_empty()) else { return false };
    let (within, what) = match is_cased {
        true => (within.to_owned(), what.to_owned()),
        false => (within.to_lowercase(), what.to_lowercase()),
    };
    within.match_indices(&what).any(|(at, _)| {
        let before = within[..at].chars().next_back();
        let behind = within[at + what.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !behind.is_some_and(char::is_alphanumeric)
    })
}

fn text<'a>(record: &'a Value, field: &str) -> &'a str {
    record[field].as_str().unwrap_or_default()
}

fn hash<'a>(records: impl Iterator<Item = &'a Value>) -> u64 {
    let mut hasher = DefaultHasher::new();
    records.for_each(|record| record.to_string().hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_end_where_letters_do() {
        for (within, what, is_cased, expect) in [
            ("Wren, now", "Wren", true, true),
            ("Wrens", "Wren", true, false),
            ("the wren", "Wren", true, false),
            ("the wren", "Wren", false, true),
            ("レンさん", "レン", true, false),
        ] {
            assert_eq!(is_word(within, &json!(what), is_cased), expect, "{what} in {within}");
        }
    }

    #[test]
    fn a_line_sees_its_neighbours_and_its_terms() {
        let line = |n: usize, text: &str| json!({"line_id": format!("l{n}"), "scene_id": "s", "text": text});
        let made = |second: &str, translation: &str| Made {
            records: BTreeMap::from([(
                "ingest",
                vec![line(1, "A"), line(2, second), line(3, "Wren"), line(4, "B")],
            )]),
            glossary: vec![json!({"term": "Wren", "translation": translation, "case": "yes"})],
            lexicon: Vec::new(),
        };
        let before = made("x", "レン").seen("translate");
        let of = |made: &Made| changed(&before, &made.seen("translate")).into_iter().collect::<Vec<_>>();
        assert_eq!(of(&made("x", "レン")), [""; 0]);
        assert_eq!(of(&made("y", "レン")), ["l1", "l2", "l3"]);
        assert_eq!(of(&made("x", "レーン")), ["l3"]);
    }
}
