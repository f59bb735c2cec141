//! Records on their way into a new file: what they say, by the names that formats know.

use refrain_schemas::json::Json;
use serde_json::{Map, Value};

use crate::layout::Composing;
use crate::layout::states::known_state;
use crate::problems::{Problems, problem};

/// One record.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Which record it is, from 1.
    pub(crate) number: usize,
    /// What tells it apart; empty where no key is known.
    pub(crate) id: String,
    /// The text that was translated.
    pub(crate) source: String,
    /// The translation; none where the record holds a source text alone.
    pub(crate) target: Option<String>,
    /// One of the states that there are.
    pub(crate) state: Option<String>,
    fields: Map<String, Value>,
}

impl Entry {
    /// Returns a field as a text, where it is one and is to be written.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Returns a field that is a number.
    pub(crate) fn number_in(&self, name: &str) -> Option<usize> {
        self.fields.get(name)?.as_u64().and_then(|number| usize::try_from(number).ok())
    }

    /// Returns the texts of a field that is a list of lines.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let items = self.fields.get(name).and_then(Value::as_array);
        let lines = items.into_iter().flatten().filter_map(Value::as_str);
        lines.filter(|line| !line.contains(['\n', '\r'])).collect()
    }

    /// Whether the target is to be looked at again.
    pub(crate) fn is_draft(&self) -> bool {
        self.state.as_deref() == Some("draft")
    }

    pub(crate) fn refuse(&self, message: &str, problems: &mut Problems) {
        problems.add(problem("E0720", format!("record {} {message}: {}", self.number, self.excerpt()), None));
    }

    fn excerpt(&self) -> String {
        let text: String = self.source.chars().take(60).collect();
        format!("`{}` {text:?}", self.id)
    }
}

/// Returns the records that can be written; the others go to the problems.
pub(crate) fn entries(records: &[Json], with: &Composing, problems: &mut Problems) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(records.len());
    for (n, record) in records.iter().enumerate() {
        match entry(n + 1, record, with) {
            Ok(entry) => entries.push(entry),
            Err(message) => {
                problems.add(problem("E0720", format!("record {} {message}: {record}", n + 1), None));
            }
        }
    }
    entries
}

fn entry(number: usize, record: &Json, with: &Composing) -> Result<Entry, String> {
    let Value::Object(mut fields) = record.value() else { return Err("is not an object".to_owned()) };
    let id = id(&fields, &with.key)?;
    let mut text = |name: &str| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("has a `{name}` that is no text")),
    };
    let field = if with.field.is_empty() { "text" } else { &with.field };
    let written = text(field)?;
    let source = match text("source")? {
        None if field != "text" => text("text")?,
        source => source,
    };
    let state = text("state")?.filter(|state| !state.is_empty());
    let (source, target) = match (source, written) {
        (Some(source), target) => (source, target),
        // A record with one text is a line that nobody has translated yet.
        (None, Some(text)) => (text, None),
        (None, None) => return Err(format!("has no `{field}`")),
    };
    if let Some(state) = &state {
        known_state(state).map_err(|wrong| format!("has a `state` that {wrong}"))?;
    }
    if let Some(columns) = &with.columns {
        fields.retain(|name, _| columns.contains(name));
    }
    let state =
        state.filter(|_| with.columns.as_ref().is_none_or(|columns| columns.iter().any(|c| c == "state")));
    Ok(Entry { number, id, source, target, state, fields })
}

fn id(fields: &Map<String, Value>, key: &str) -> Result<String, String> {
    if key.is_empty() {
        return Ok(String::new());
    }
    match fields.get(key) {
        Some(Value::String(id)) if !id.is_empty() => Ok(id.clone()),
        Some(Value::Number(id)) => Ok(id.to_string()),
        _ => Err(format!("has no `{key}`")),
    }
}
