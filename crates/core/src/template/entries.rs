//! A long list that is searched by many renderings, such as a glossary.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::AhoCorasick;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, Value};

/// A list that remembers how to find the terms of its entries: looking for thousands of them one by one in every line of
/// a script would take longer than everything else.
#[derive(Debug)]
pub(crate) struct Entries {
    items: Vec<Value>,
    finders: Mutex<BTreeMap<String, Option<Arc<Finder>>>>,
}

/// Finds the terms of one field.
#[derive(Debug)]
struct Finder {
    automaton: AhoCorasick,
    /// The places of the entries, in the order of the patterns.
    places: Vec<usize>,
}

impl Entries {
    /// Makes a list.
    pub(crate) const fn new(items: Vec<Value>) -> Self {
        Self { items, finders: Mutex::new(BTreeMap::new()) }
    }

    /// Returns the entries whose field occurs in a text.
    pub(super) fn occurring(&self, text: &str, field: &str) -> Value {
        let mut finders = self.finders.lock().unwrap_or_else(PoisonError::into_inner);
        let finder = finders.entry(field.to_owned()).or_insert_with(|| self.finder(field)).clone();
        drop(finders);
        let Some(finder) = finder else {
            return occur_in(self.items.iter().cloned(), text, field).unwrap_or_default();
        };
        let found = finder.automaton.find_overlapping_iter(text).map(|found| found.pattern().as_usize());
        let mut places: Vec<usize> = found.filter_map(|n| finder.places.get(n).copied()).collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|n| self.items.get(n).cloned()).collect()
    }

    /// Fails only where there are too many terms for it.
    fn finder(&self, field: &str) -> Option<Arc<Finder>> {
        let terms = self.items.iter().enumerate().filter_map(|(n, item)| Some((n, term(item, field)?)));
        let (places, terms): (Vec<usize>, Vec<String>) = terms.unzip();
        Some(Arc::new(Finder { automaton: AhoCorasick::new(terms).ok()?, places }))
    }
}

impl Object for Entries {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.items.get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items.len())
    }
}

/// Returns the entries of a list whose field occurs in a text.
pub(super) fn occur_in(list: impl Iterator<Item = Value>, text: &str, field: &str) -> Result<Value, Error> {
    Ok(list.filter(|entry| term(entry, field).is_some_and(|term| text.contains(&term))).collect())
}

/// Returns the text that is looked for: by the rule of `match:` in a context, a scalar that is not empty.
fn term(entry: &Value, field: &str) -> Option<String> {
    let value = entry.get_attr(field).ok()?;
    if value.is_undefined() {
        return None;
    }
    let json = refrain_schemas::json::Json::from_serialize(&value).ok()?;
    let text = refrain_schemas::json::scalar_text(json.as_str())?;
    (!text.is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use minijinja::value::Serde;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn searching_all_at_once_finds_what_searching_one_by_one_does(
            terms in proptest::collection::vec("[ab]{0,3}", 0..8), text in "[abc]{0,12}",
        ) {
            let items: Vec<Value> = terms.iter().map(|term| Value::from(Serde(json!({"term": term})))).collect();
            let one_by_one = occur_in(items.iter().cloned(), &text, "term").unwrap();
            let entries = Value::from_object(Entries::new(items));
            let entries = entries.downcast_object_ref::<Entries>().unwrap();
            prop_assert_eq!(entries.occurring(&text, "term").to_string(), one_by_one.to_string());
        }
    }

    #[test]
    fn it_is_a_list_like_any_other() {
        let items: Vec<Value> = (1..4).map(|n| Value::from(Serde(json!({"n": n})))).collect();
        let mut context = crate::template::Context::new();
        context.put("list", Value::from_object(Entries::new(items)));
        let text = "{{ list | length }} {{ list[1].n }} {{ list | json }} {{ list | map(attribute='n') | sum }}{% for x in list[1:] %} {{ x.n }}{% endfor %} {{ list is sequence }} {{ list | last | json }}";
        let template = crate::template::Template::compile("", text).unwrap();
        let expect = r#"3 2 [{"n":1},{"n":2},{"n":3}] 6 2 3 True {"n":3}"#;
        assert_eq!(template.render(&context).unwrap(), expect);
    }
}
