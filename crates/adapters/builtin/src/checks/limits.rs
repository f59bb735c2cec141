//! Settings that differ by speaker, scene or any other field.

use std::collections::BTreeMap;

use serde_json::Value;

use super::subject::Subject;
use crate::params::Params;

/// A setting, and what it is instead where a field has a certain value.
#[derive(Debug)]
pub(super) struct Limits<T> {
    usual: Option<T>,
    field: String,
    table: BTreeMap<String, T>,
}

impl<T: Clone> Limits<T> {
    /// Returns one setting for all.
    pub(super) fn same(usual: T) -> Self {
        Self { usual: Some(usual), field: String::new(), table: BTreeMap::new() }
    }

    /// Reads `per` and `table` of some params; `one` reads an entry of the table, `usual` is for all others.
    pub(super) fn read(usual: Option<T>, own: &Params<'_>, one: impl Fn(&Value) -> Option<T>) -> Self {
        let field = own.text("per").unwrap_or("speaker").to_owned();
        let mut table = BTreeMap::new();
        for (value, setting) in own.object("table").into_iter().flatten() {
            match one(setting) {
                Some(setting) => drop(table.insert(value.clone(), setting)),
                None => {
                    let message = format!("{setting} is no limit");
                    let hint = Some("write a whole number of at least 1, or the settings by name".to_owned());
                    own.problem(&format!("table.{value}"), &message, hint);
                }
            }
        }
        if own.has("per") && !own.has("table") {
            let hint = format!("for instance `table: {{ VALUE OF {field}: 30 }}`");
            own.problem("table", "is missing", Some(hint));
        }
        Self { usual, field, table }
    }

    /// Whether there is no limit for anybody.
    pub(super) fn is_empty(&self) -> bool {
        self.usual.is_none() && self.table.is_empty()
    }

    pub(super) fn of(&self, subject: &Subject<'_>) -> Option<T> {
        let own = (!self.table.is_empty()).then(|| self.table.get(&subject.field(&self.field)?));
        own.flatten().or(self.usual.as_ref()).cloned()
    }
}
