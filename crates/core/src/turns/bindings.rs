//! What the texts of a turn see of the loops around them.

use std::collections::BTreeMap;
use std::sync::Arc;

use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::name::DimensionName;
use serde_json::{Map, Value, json};

use crate::sight::Sight;

/// What the turns of a loop over a list see of it.
pub const EACH: [&str; 12] = [
    "item",
    "index",
    "position",
    "is_first",
    "is_last",
    "length",
    "remaining",
    "has_next",
    "has_prev",
    "items",
    "loop_id",
    "loop_name",
];
/// What the turns of a loop with conditions see of it, and its conditions.
pub const WHILE: [&str; 9] = [
    "iteration",
    "index",
    "position",
    "is_first",
    "has_prev",
    "loop_id",
    "loop_name",
    "loop_state",
    "seconds",
];
/// What the conditions of a loop over a list see besides what its turns do.
pub const BETWEEN: &str = "loop_state";
/// What the one turn of a loop sees of it.
pub const ONCE: [&str; 3] = ["with", "loop_id", "loop_name"];
/// What the document of a loop may be made from.
pub const SUMMARY: [&str; 6] = ["iterations", "completed", "status", "reason", "results", "last"];

/// The turns that something is in, of the outermost loop first.
#[derive(Debug, Clone, Default)]
pub struct Bindings(Vec<Arc<Round>>);

/// A turn of a loop.
#[derive(Debug, Clone)]
pub struct Round {
    /// The loop.
    pub of: DimensionName,
    /// What the loop is called in its turns.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Another name for the item.
    pub item: Option<String>,
    /// The number of the turn, from 0.
    pub number: usize,
    /// How long the calls took of the turns before, as it was measured when they were made; of a loop with conditions.
    pub took_ms: u64,
    /// What it is told besides.
    pub told: Told,
}

/// What a turn is told besides its number.
#[derive(Debug, Clone)]
pub enum Told {
    /// The list that is gone over; the item is the one at the number of the turn.
    Items(Arc<[Value]>),
    /// The list, and the documents of the turn that was last over: what the conditions of a list are told.
    Between(Arc<[Value]>, Arc<Value>),
    /// The documents of the turn that was last over.
    Last(Arc<Value>),
    /// What the one turn is given.
    With(Arc<Value>),
    /// What became of all turns; nothing but the document of the loop is told.
    Summary(Arc<Value>),
}

impl Bindings {
    /// Returns the same with one more turn within.
    #[must_use]
    pub fn with(&self, round: Arc<Round>) -> Self {
        Self(self.0.iter().cloned().chain(std::iter::once(round)).collect())
    }

    /// Returns what some texts read of the loops around them, as one object by loop and name.
    #[must_use]
    pub fn seen(&self, sight: &Sight) -> Map<String, Value> {
        let mut seen: Map<String, Value> = Map::new();
        for (round, field) in self.read(sight) {
            if let Some(value) = round.field(field) {
                let entry = seen.entry(round.of.as_str()).or_insert_with(|| json!({}));
                match field.split_once('.') {
                    Some((outer, inner)) => entry[outer][inner] = value,
                    None => entry[field] = value,
                }
            }
        }
        seen
    }

    /// Returns the digests of what some texts read of the loops around them, by its path.
    #[must_use]
    pub fn parts(&self, sight: &Sight) -> BTreeMap<String, Digest> {
        let digest = |(round, field): (&Round, &str)| {
            let json = Json::of(&round.field(field)?).ok()?;
            Some((format!("loop.{}.{field}", round.of), Digest::of_content(json.as_str().as_bytes())))
        };
        self.read(sight).filter_map(digest).collect()
    }

    fn read<'a>(&'a self, sight: &'a Sight) -> impl Iterator<Item = (&'a Round, &'a str)> {
        let reads = move |round: &'a Arc<Round>| {
            let fields = sight.loops().filter(move |(name, _)| *name == round.of.as_str());
            fields.map(move |(_, field)| (&**round, field))
        };
        self.0.iter().flat_map(reads)
    }
}

impl Round {
    /// Returns something of the turn by its name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Value> {
        let number = self.number;
        match (name, &self.told) {
            ("loop_id", _) => return Some(json!(self.id)),
            ("loop_name", _) => return Some(json!(self.title)),
            ("with", Told::With(value)) => return Some((**value).clone()),
            (_, Told::With(value)) => return value.get(name.strip_prefix("with.")?).cloned(),
            (field, Told::Summary(summary)) => return summary.get(field).cloned(),
            ("index", _) => return Some(json!(number)),
            ("position", _) => return Some(json!(number + 1)),
            ("is_first", _) => return Some(json!(number == 0)),
            ("has_prev", _) => return Some(json!(number > 0)),
            _ => {}
        }
        let state = |documents: &Value| Some(json!({ "iteration": number, "results": documents }));
        match &self.told {
            Told::Between(_, documents) if name == BETWEEN => state(documents),
            Told::Items(items) | Told::Between(items, _) => self.of_list(name, items),
            Told::Last(documents) => match name {
                "iteration" => Some(json!(number)),
                "loop_state" => state(documents),
                "seconds" => Some(json!(self.took_ms as f64 / 1000.0)),
                _ => None,
            },
            Told::With(_) | Told::Summary(_) => None,
        }
    }

    fn of_list(&self, name: &str, items: &[Value]) -> Option<Value> {
        let left = items.len().saturating_sub(self.number + 1);
        Some(match name {
            "item" => items.get(self.number)?.clone(),
            "is_last" => json!(left == 0),
            "length" => json!(items.len()),
            "remaining" => json!(left),
            "has_next" => json!(left > 0),
            "items" => json!(items),
            other if self.item.as_deref() == Some(other) => items.get(self.number)?.clone(),
            _ => return None,
        })
    }
}
