//! `outputs:`: what a pipeline gives, by names.

use std::collections::HashSet;

use refrain_core::check::code::Code;
use refrain_core::check::fits;
use refrain_core::check::suggest::nearest;

use super::reading::{Fields, Item, OwnItem, json};
use super::texts::{Read, has_template};
use super::{Lowering, inputs};
use crate::node::{Entry, Kind, Node};

/// The keys of an output that is declared in a list.
const KEYS: [&str; 4] = ["name", "type", "value", "description"];
/// What an output says of itself.
const OUTPUT_KEYS: [&str; 3] = ["type", "value", "description"];

impl Lowering<'_, '_> {
    /// Reads `outputs:`, which see every step.
    pub(super) fn outputs(&mut self, fields: &Fields<'_>) {
        let Some(section) = fields.get("outputs").map(|section| self.by_names(&section)) else { return };
        let Some(outputs) = self.reading.fields(&section.item()) else { return };
        for (name, item) in outputs.iter() {
            let Some(item) = self.declared_output(name, item) else { continue };
            let mut texts = self.texts(None, Read::default());
            let value = texts.value(&item);
            let names = texts.read.names;
            self.pipeline.names.extend(names);
            self.place(format!("outputs.{name}"), &item);
            self.pipeline.outputs.insert(name.to_owned(), value);
        }
    }

    /// Returns the value of an output, which may be written with its type.
    pub(super) fn declared_output<'n>(&mut self, name: &str, item: Item<'n>) -> Option<Item<'n>> {
        let Kind::Map(entries) = &item.node.kind else { return Some(item) };
        let has = |key: &str| entries.iter().any(|entry| entry.key == key);
        // A key that is nearly one of a declaration beside one that is makes one; any other makes a map of data.
        let is_near = |entry: &Entry| nearest(&entry.key, OUTPUT_KEYS).is_some();
        let is_exact = |entry: &Entry| OUTPUT_KEYS.contains(&entry.key.as_str());
        let says_something =
            has("value") || has("type") || (has("description") && !entries.iter().all(is_exact));
        if !(says_something && entries.iter().all(is_near)) {
            return Some(item);
        }
        let fields = self.reading.fields(&item)?;
        if !entries.iter().all(is_exact) {
            self.reading.known(&fields, "an output", &OUTPUT_KEYS, &[]);
            return None;
        }
        let Some(value) = fields.get("value") else {
            self.says_no_value(name, &item);
            return None;
        };
        if let Some(item) = fields.get("type")
            && let Some(kind) = inputs::kind(&mut self.reading, &item)
        {
            let literal = json(value.node);
            if !has_template(&literal) && !fits(&literal, kind) {
                let message =
                    format!("the output `{name}` is {}, and not of its type", value.node.describe());
                self.reading.at(Code::WrongType, &value, message, None);
            }
            if self.names.base.is_none() {
                self.place(format!("output_types.{name}"), &item);
                self.pipeline.output_types.insert(name.to_owned(), kind);
            } else {
                self.types_of_other.insert(name.to_owned(), kind);
            }
        }
        Some(value)
    }

    /// Returns a section as a map of names; it may be written as a list: `- NAME: VALUE`, or `- { name: NAME, value: … }`.
    pub(super) fn by_names(&mut self, section: &Item<'_>) -> OwnItem {
        let mut own = OwnItem::of(section);
        if matches!(section.node.kind, Kind::List(_)) {
            let mut known = HashSet::new();
            let mut entries = Vec::new();
            for item in section.items() {
                let Some(entry) = self.named_entry(&item) else { continue };
                if known.insert(entry.key.clone()) {
                    entries.push(entry);
                } else {
                    self.reading.at(
                        Code::DuplicateKey,
                        &item,
                        format!("`{}` is there twice", entry.key),
                        None,
                    );
                }
            }
            own.node.kind = Kind::Map(entries);
        }
        own
    }

    fn named_entry(&mut self, item: &Item<'_>) -> Option<Entry> {
        let fields = self.reading.fields(item)?;
        if let Some(name) = fields.get("name") {
            let key = self.reading.text(&name)?.to_owned();
            let before = self.reading.n_problems();
            self.reading.known(&fields, "an output", &KEYS, &[]);
            if self.reading.n_problems() > before {
                return None;
            }
            if fields.get("value").is_none() {
                self.says_no_value(&key, item);
                return None;
            }
            let rest = fields.entries.iter().filter(|entry| entry.key != "name").cloned().collect();
            let value = Node { span: item.node.span, kind: Kind::Map(rest) };
            return Some(Entry { key, key_span: name.node.span, value });
        }
        let [entry] = fields.entries else {
            let hint = Some("write `- NAME: VALUE`, or `- { name: NAME, value: … }`".to_owned());
            self.reading.at(Code::WrongType, item, "an output of a list has one key, or a `name`", hint);
            return None;
        };
        Some(entry.clone())
    }

    fn says_no_value(&mut self, name: &str, item: &Item<'_>) {
        let hint = Some("add `value: \"{{ … }}\"`".to_owned());
        self.reading.at_key(Code::MissingField, item, format!("the output `{name}` says no value"), hint);
    }
}
