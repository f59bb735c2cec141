//! Dicts: texts and their values, in the order in which they were put in.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value as Json};

use super::super::error::{FormulaErrorKind, Outcome};
use super::super::work::Work;
use super::{Text, Value};

/// A dict.
#[derive(Debug, Clone)]
pub(in super::super) enum Dict<'v> {
    Given(&'v Map<String, Json>),
    Made(Rc<Entries<'v>>),
}

/// The entries of a dict that was made.
#[derive(Debug, Default)]
pub(in super::super) struct Entries<'v> {
    entries: Vec<(Text<'v>, Value<'v>)>,
    places: BTreeMap<Word<'v>, usize>,
}

/// A key, in the order of its characters.
#[derive(Debug, Clone)]
struct Word<'v>(Text<'v>);

impl<'v> Entries<'v> {
    /// Puts a value in, in place of an earlier one of this key.
    pub(in super::super) fn put(&mut self, key: Text<'v>, value: Value<'v>) {
        let place = self.places.get(&*key).copied();
        if let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) {
            entry.1 = value;
        } else {
            self.places.insert(Word(key.clone()), self.entries.len());
            self.entries.push((key, value));
        }
    }

    /// Puts a value in, charging the element and the search for its place.
    pub(in super::super) fn insert(
        &mut self,
        key: Value<'v>,
        value: Value<'v>,
        work: &mut Work,
    ) -> Outcome<()> {
        let Value::Text(key) = key else {
            let message = format!("a key of a dict is a text, not {}", key.kind());
            return Err(FormulaErrorKind::mismatch(message));
        };
        work.make(1)?;
        work.read(key.len().saturating_mul(self.entries.len().checked_ilog2().unwrap_or(0) as usize + 1))?;
        self.put(key, value);
        Ok(())
    }

    pub(in super::super) fn finish(self) -> Value<'v> {
        Value::Dict(Dict::Made(Rc::new(self)))
    }
}

impl<'v> Dict<'v> {
    pub(super) fn made(entries: Map<String, Json>) -> Outcome<Self> {
        let mut made = Entries::default();
        for (key, value) in entries {
            made.put(Text::Made(key.into()), Value::made(value)?);
        }
        Ok(Self::Made(Rc::new(made)))
    }

    pub(in super::super) fn len(&self) -> usize {
        match self {
            Self::Given(entries) => entries.len(),
            Self::Made(made) => made.entries.len(),
        }
    }

    pub(in super::super) fn get(&self, key: &str) -> Option<Outcome<Value<'v>>> {
        match self {
            Self::Given(entries) => entries.get(key).map(Value::given),
            Self::Made(made) => {
                let place = made.places.get(key)?;
                made.entries.get(*place).map(|(_, value)| Ok(value.clone()))
            }
        }
    }

    pub(in super::super) fn keys(&self) -> Box<dyn Iterator<Item = Text<'v>> + '_> {
        match self {
            Self::Given(entries) => Box::new(entries.keys().map(|key| Text::Given(key))),
            Self::Made(made) => Box::new(made.entries.iter().map(|(key, _)| key.clone())),
        }
    }

    pub(in super::super) fn entries(&self) -> Box<dyn Iterator<Item = Outcome<(Text<'v>, Value<'v>)>> + '_> {
        match self {
            Self::Given(entries) => Box::new(
                entries.iter().map(|(key, value)| Ok((Text::Given(key.as_str()), Value::given(value)?))),
            ),
            Self::Made(made) => Box::new(made.entries.iter().cloned().map(Ok)),
        }
    }

    pub(super) fn leave(&self, work: &mut Work, depth: usize) -> Outcome<Json> {
        let mut left = Map::new();
        for entry in self.entries() {
            let (key, value) = entry?;
            work.leave(key.len())?;
            left.insert(key.to_string(), value.leave(work, depth)?);
        }
        Ok(Json::Object(left))
    }
}

impl std::borrow::Borrow<str> for Word<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Word<'_> {
    fn eq(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

impl Eq for Word<'_> {}

impl PartialOrd for Word<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Word<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (*self.0).cmp(&*other.0)
    }
}
