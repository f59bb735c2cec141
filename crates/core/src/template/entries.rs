//! A long list that is searched by many renderings, such as a glossary.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, Value};

use crate::terms::{Finder, Matching, Term};

/// A list that remembers how to find the terms of its entries: looking for thousands of them one by one in every line of
/// a script would take longer than everything else.
#[derive(Debug)]
pub(crate) struct Entries {
    items: Vec<Value>,
    searches: Mutex<BTreeMap<Wanted, Option<Arc<Search>>>>,
}

/// Which entries of a list are wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    /// The field whose text is looked for.
    pub(super) field: String,
    /// How.
    pub(super) how: Matching,
}

/// Finds the terms of a list.
#[derive(Debug)]
struct Search {
    finder: Finder,
    /// The places of the entries, in the order of the terms.
    places: Vec<usize>,
}

impl Entries {
    /// Makes a list.
    pub(crate) const fn new(items: Vec<Value>) -> Self {
        Self { items, searches: Mutex::new(BTreeMap::new()) }
    }

    /// Returns the wanted entries that occur in any of some texts.
    pub(super) fn occurring(&self, texts: &[String], wanted: &Wanted) -> Result<Value, Error> {
        let mut searches = self.searches.lock().unwrap_or_else(PoisonError::into_inner);
        let search = match searches.get(wanted) {
            Some(search) => search.clone(),
            None => {
                let search = Search::of(&self.items, wanted).ok().map(Arc::new);
                searches.insert(wanted.clone(), search.clone());
                search
            }
        };
        drop(searches);
        search.map(|search| search.among(&self.items, texts)).ok_or_else(too_many)
    }
}

impl Search {
    fn of(items: &[Value], wanted: &Wanted) -> Result<Self, Error> {
        let terms = items.iter().enumerate().filter_map(|(n, item)| Some((n, term(item, wanted)?)));
        let (places, terms): (Vec<usize>, Vec<Term>) = terms.unzip();
        let finder = Finder::new(&terms, wanted.how.words).map_err(|_| too_many())?;
        Ok(Self { finder, places })
    }

    fn among(&self, items: &[Value], texts: &[String]) -> Value {
        let found: BTreeSet<usize> = texts.iter().flat_map(|text| self.finder.find(text)).collect();
        let places = found.into_iter().filter_map(|n| self.places.get(n).copied());
        places.filter_map(|n| items.get(n).cloned()).collect()
    }
}

fn too_many() -> Error {
    Error::new(ErrorKind::InvalidOperation, "the list has too many entries to look for")
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

/// Returns the wanted entries of a list that is searched this once.
pub(super) fn occur_in(
    list: impl Iterator<Item = Value>,
    texts: &[String],
    wanted: &Wanted,
) -> Result<Value, Error> {
    let items: Vec<Value> = list.collect();
    Ok(Search::of(&items, wanted)?.among(&items, texts))
}

/// Returns what is looked for: by the rule of `match:` in a context, a scalar that is not empty.
fn term(entry: &Value, wanted: &Wanted) -> Option<Term> {
    let text = scalar(entry, &wanted.field)?;
    let said = wanted.how.case.as_deref().and_then(|name| scalar(entry, name));
    wanted.how.term(text, said.as_deref())
}

fn scalar(entry: &Value, field: &str) -> Option<String> {
    let value = entry.get_attr(field).ok()?;
    if value.is_undefined() {
        return None;
    }
    let json = refrain_schemas::json::Json::from_serialize(&value).ok()?;
    refrain_schemas::json::scalar_text(json.as_str()).map(std::borrow::Cow::into_owned)
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
            terms in proptest::collection::vec("[abB]{0,3}", 0..8), text in "[abcB' ]{0,12}",
            words: bool, ignore_case: bool,
        ) {
            let items: Vec<Value> = terms.iter().map(|term| Value::from(Serde(json!({"term": term})))).collect();
            let wanted =
                Wanted { field: "term".to_owned(), how: Matching { words, ignore_case, case: None } };
            let texts = [text];
            let alone = |item: &&Value| {
                let found = occur_in(std::iter::once((*item).clone()), &texts, &wanted).unwrap();
                found.len() == Some(1)
            };
            let one_by_one: Value = items.iter().filter(alone).cloned().collect();
            let entries = Value::from_object(Entries::new(items));
            let entries = entries.downcast_object_ref::<Entries>().unwrap();
            prop_assert_eq!(entries.occurring(&texts, &wanted).unwrap().to_string(), one_by_one.to_string());
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
