//! Says where a tree does not have the shape of a pipeline.
//!
//! Only asked when decoding failed. It walks the tree along the generated JSON Schema of the pipeline file, of which it
//! knows the few keywords that the schema uses (a test holds it to that), because a general validator cannot say which
//! branch of a choice was meant nor what somebody probably wanted to write.

use std::sync::LazyLock;

use refrain_core::check::code::{At, Code};
use refrain_core::check::problem;
use refrain_core::check::suggest::{listing, nearest};
use refrain_schemas::problem::Problem;
use serde_json::Value;

use crate::node::{Entry, Kind, Node, Span};
use crate::source::Source;

mod words;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let documents = refrain_schemas::catalogue::documents();
    let pipeline = documents.into_iter().find(|document| document.name == "pipeline");
    pipeline.map_or(Value::Null, |pipeline| pipeline.schema.into())
});

/// Returns every place where the tree does not have its shape.
pub(crate) fn problems(tree: &Node, source: &Source<'_>) -> Vec<Problem> {
    let mut walker = Walker { source, problems: Vec::new() };
    walker.check(tree, "Pipeline", &SCHEMA, &Spot { path: String::new(), key: None });
    walker.problems
}

struct Walker<'s, 't> {
    source: &'s Source<'t>,
    problems: Vec<Problem>,
}

/// Where the walker stands.
struct Spot {
    path: String,
    key: Option<Span>,
}

impl Spot {
    fn field(&self, entry: &Entry) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{}{dot}{}", self.path, entry.key), key: Some(entry.key_span) }
    }

    fn item(&self, n: usize) -> Self {
        Self { path: format!("{}[{n}]", self.path), key: None }
    }

    /// The last name of the path.
    fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }
}

impl Walker<'_, '_> {
    fn report(&mut self, code: Code, node: &Node, spot: &Spot, message: String, hint: Option<String>) {
        let at_key = code.at() == At::Key || !node.is_scalar() || matches!(node.kind, Kind::Null);
        let span = spot.key.filter(|_| at_key).unwrap_or(node.span);
        let found = problem(code, spot.path.as_str(), message);
        let hint = hint.or_else(|| found.hint.clone());
        self.problems.push(Problem { hint, place: Some(self.source.place(span)), ..found });
    }

    fn check(&mut self, node: &Node, name: &str, schema: &Value, spot: &Spot) {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let name = reference.rsplit('/').next().unwrap_or(reference);
            return self.check(node, name, definition(name), spot);
        }
        let anything =
            schema.is_boolean() || schema.as_object().is_some_and(|s| !s.keys().any(|k| is_keyword(k)));
        if anything || matches!(node.kind, Kind::Broken) {
            return;
        }
        if matches!(node.kind, Kind::Null) {
            let message = format!("`{}` is there without a value", spot.name());
            let expected = match schema.get("anyOf").and_then(Value::as_array) {
                Some(branches) => {
                    let some = branches.iter().filter(|branch| words::types(branch)[..] != ["null"]);
                    let some: Vec<(&str, &Value)> = some.map(|branch| resolve(name, branch)).collect();
                    let name = some.first().map_or(name, |(name, _)| name);
                    words::expected(name, &some.iter().map(|(_, schema)| *schema).collect::<Vec<_>>())
                }
                None => words::expected(name, &[schema]),
            };
            let hint = Some(format!("write {expected}, or leave the field out"));
            return self.report(Code::WrongType, node, spot, message, hint);
        }
        if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
            return self.any_of(node, name, branches, spot);
        }
        if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
            return self.one_of(node, choices, spot);
        }
        match (words::types(schema)[..].first().copied(), &node.kind) {
            (Some("object"), Kind::Map(entries)) => self.object(node, entries, name, schema, spot),
            (Some("array"), Kind::List(items)) => {
                let item = schema.get("items").unwrap_or(&Value::Null);
                for (n, value) in items.iter().enumerate() {
                    self.check(value, "", item, &spot.item(n));
                }
            }
            (Some("string"), Kind::Text(text)) => self.text(node, text, name, schema, spot),
            (Some("boolean"), Kind::Bool(_)) | (Some("number"), Kind::Float(_)) => {}
            (Some("integer" | "number"), Kind::Integer(_) | Kind::Unsigned(_)) => {
                self.number(node, schema, spot);
            }
            _ => self.wrong_type(node, name, &[schema], spot),
        }
    }

    fn any_of(&mut self, node: &Node, name: &str, branches: &[Value], spot: &Spot) {
        let branches: Vec<(&str, &Value)> = branches
            .iter()
            .filter(|branch| words::types(branch)[..] != ["null"])
            .map(|branch| resolve(name, branch))
            .collect();
        let fits = branches.iter().find(|(_, schema)| words::fits(node, schema));
        match (fits, &branches[..]) {
            (Some((name, schema)), _) | (None, [(name, schema)]) => self.check(node, name, schema, spot),
            _ => {
                let schemas: Vec<&Value> = branches.iter().map(|(_, schema)| *schema).collect();
                self.wrong_type(node, name, &schemas, spot);
            }
        }
    }

    fn one_of(&mut self, node: &Node, choices: &[Value], spot: &Spot) {
        let texts: Vec<&str> = choices.iter().filter_map(|c| c.get("const")?.as_str()).collect();
        let keyed = choices.iter().filter_map(|c| c.get("properties")?.as_object()).flatten();
        let keyed: Vec<(&String, &Value)> = keyed.collect();
        match &node.kind {
            Kind::Text(text) if texts.contains(&text.as_str()) => return,
            Kind::Map(entries) if entries.len() == 1 => {
                if let Some((_, schema)) = keyed.iter().find(|(key, _)| **key == entries[0].key) {
                    return self.check(&entries[0].value, "", schema, &spot.field(&entries[0]));
                }
            }
            _ => {}
        }
        let written = match &node.kind {
            Kind::Text(text) => text.as_str(),
            Kind::Map(entries) => entries.first().map_or("", |entry| entry.key.as_str()),
            _ => "",
        };
        let all = texts.iter().map(|text| format!("`{text}`"));
        let all: Vec<String> = all.chain(keyed.iter().map(|(key, _)| format!("`{key}: …`"))).collect();
        let known = texts.iter().copied().chain(keyed.iter().map(|(key, _)| key.as_str()));
        let meant = nearest(written, known).map(|name| format!("did you mean `{name}`? "));
        let hint = format!("{}use one of {}", meant.unwrap_or_default(), all.join(", "));
        let message = format!("`{}` cannot be {}", spot.name(), node.describe());
        self.report(Code::NotAChoice, node, spot, message, Some(hint));
    }

    fn object(&mut self, node: &Node, entries: &[Entry], name: &str, schema: &Value, spot: &Spot) {
        let fields = schema.get("properties").and_then(Value::as_object);
        let pattern =
            schema.get("patternProperties").and_then(Value::as_object).and_then(|p| p.values().next());
        let more = schema.get("additionalProperties");
        let mut meant: Vec<String> = Vec::new();
        for entry in entries {
            let spot = spot.field(entry);
            if let Some(field) = fields.and_then(|fields| fields.get(&entry.key)) {
                self.check(&entry.value, "", field, &spot);
            } else if let Some(value) = pattern {
                self.name(&entry.key, &entry.value, &spot);
                self.check(&entry.value, "", value, &spot);
            } else if more == Some(&Value::Bool(false)) {
                let known: Vec<&str> = fields.into_iter().flatten().map(|(key, _)| key.as_str()).collect();
                meant.extend(nearest(&entry.key, known.iter().copied()).map(str::to_owned));
                self.unknown_field(entry, name, &known, &spot);
            } else if let Some(value) = more {
                self.check(&entry.value, "", value, &spot);
            }
        }
        for field in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            let field = field.as_str().unwrap_or_default();
            // A field that was misspelt is not missing as well.
            let there =
                entries.iter().any(|entry| entry.key == field) || meant.iter().any(|name| name == field);
            if !there {
                let message = format!("{} has no `{field}`", words::thing(name, spot.name()));
                self.report(Code::MissingField, node, spot, message, Some(format!("add `{field}:`")));
            }
        }
    }

    fn name(&mut self, name: &str, node: &Node, spot: &Spot) {
        if !words::is_name(name) {
            let message = format!("`{name}` cannot be a name");
            self.report(Code::BadName, node, spot, message, None);
        }
    }

    fn unknown_field(&mut self, entry: &Entry, name: &str, known: &[&str], spot: &Spot) {
        let key = &entry.key;
        if name == "PhaseSpec" && words::RESERVED.contains(&key.as_str()) {
            let message = format!("`{key}` is reserved for the steps language, not available yet");
            return self.report(Code::ReservedField, &entry.value, spot, message, None);
        }
        let meant = nearest(key, known.iter().copied()).map(|name| format!("did you mean `{name}`? "));
        let allowed = listing_all(known);
        let hint = match words::unavailable(name, key) {
            Some(why) => why.to_owned(),
            None => format!("{}it has {allowed}", meant.unwrap_or_default()),
        };
        let parent = spot.path.rsplit_once('.').map_or("", |(parent, _)| parent);
        let parent = parent.rsplit('.').next().unwrap_or(parent);
        let message = format!("{} has no field `{key}`", words::thing(name, parent));
        self.report(Code::UnknownField, &entry.value, spot, message, Some(hint));
    }

    fn text(&mut self, node: &Node, text: &str, name: &str, schema: &Value, spot: &Spot) {
        if schema.get("pattern").is_none() {
            return;
        }
        if name == "Duration" {
            if text.parse::<refrain_schemas::duration::Span>().is_err() {
                self.report(Code::BadDuration, node, spot, format!("`{text}` is not a duration"), None);
            }
        } else if !words::is_name(text) {
            let message = format!("`{text}` cannot be {}", words::thing(name, "the name"));
            self.report(Code::BadName, node, spot, message, None);
        }
    }

    fn number(&mut self, node: &Node, schema: &Value, spot: &Spot) {
        let most = if schema.get("format").and_then(Value::as_str) == Some("uint32") {
            u64::from(u32::MAX)
        } else {
            u64::MAX
        };
        let good = match node.kind {
            _ if words::types(schema)[..] == ["number"] => true,
            Kind::Integer(n) => u64::try_from(n).is_ok_and(|n| n <= most),
            Kind::Unsigned(n) => n <= most,
            _ => true,
        };
        if !good {
            let least = schema.get("minimum").and_then(Value::as_u64).unwrap_or(0);
            let hint = Some(format!("use a whole number from {least} to {most}"));
            let message = format!("`{}` cannot be {}", spot.name(), node.describe());
            self.report(Code::NumberRange, node, spot, message, hint);
        }
    }

    fn wrong_type(&mut self, node: &Node, name: &str, schemas: &[&Value], spot: &Spot) {
        let expected = words::expected(name, schemas);
        let what = if spot.path.is_empty() { "the file".to_owned() } else { format!("`{}`", spot.name()) };
        let message = format!("{what} is {}, and {expected} is expected", node.describe());
        let hint = words::type_hint(node, name, schemas, self.source);
        self.report(Code::WrongType, node, spot, message, hint);
    }
}

fn listing_all(known: &[&str]) -> String {
    known.chunks(12).filter_map(|names| listing(names.iter().copied())).collect::<Vec<_>>().join(", ")
}

fn resolve<'s>(name: &'s str, schema: &'s Value) -> (&'s str, &'s Value) {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            let name = reference.rsplit('/').next().unwrap_or(reference);
            (name, definition(name))
        }
        None => (name, schema),
    }
}

fn definition(name: &str) -> &'static Value {
    SCHEMA.get("$defs").and_then(|definitions| definitions.get(name)).unwrap_or(&Value::Null)
}

fn is_keyword(key: &str) -> bool {
    !matches!(key, "description" | "title" | "default")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keywords(schema: &Value, found: &mut BTreeSet<String>) {
        let Some(fields) = schema.as_object() else { return };
        for (key, value) in fields {
            found.insert(key.clone());
            match (key.as_str(), value) {
                ("properties" | "patternProperties" | "$defs", Value::Object(inner)) => {
                    inner.values().for_each(|schema| keywords(schema, found));
                }
                (_, Value::Array(items)) => items.iter().for_each(|schema| keywords(schema, found)),
                _ => keywords(value, found),
            }
        }
    }

    #[test]
    fn the_walker_knows_the_keywords_of_the_schema() {
        let mut found = BTreeSet::new();
        keywords(&SCHEMA, &mut found);
        let known = "$defs $ref $schema additionalProperties anyOf const description format items maximum minimum \
                     oneOf pattern patternProperties properties required title type";
        assert_eq!(found.into_iter().collect::<Vec<_>>().join(" "), known);
    }
}
