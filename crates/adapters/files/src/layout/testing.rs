//! What the tests of layouts share.

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;
use refrain_core::ports::files::FileError;
use refrain_schemas::json::Json;
use serde_json::{Map, Value, json};

use crate::layout::{Composing, Layout, Slot, TEXT};
use crate::problems::Problems;

/// The same cases in every run.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(19),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Reads a text without problems.
pub(crate) fn read(layout: &dyn Layout, text: &str) -> Vec<Slot> {
    let mut problems = Problems::default();
    let slots = layout.slots("f", text, &mut problems);
    if let Err(error) = problems.into_result() {
        panic!("{error:?} in\n{text}");
    }
    slots
}

/// Returns the fields of a slot as one object, with its id.
pub(crate) fn record(slot: &Slot) -> Value {
    let mut fields: Map<String, Value> = slot.fields.iter().cloned().collect();
    assert_eq!(fields.len(), slot.fields.len(), "a field twice: {:?}", slot.fields);
    fields.insert("id".to_owned(), slot.id.clone().into());
    Value::Object(fields)
}

/// Returns one field of each slot.
pub(crate) fn all(slots: &[Slot], field: &str) -> Vec<Value> {
    slots.iter().map(|slot| record(slot)[field].clone()).collect()
}

/// Returns the problems of a text as `CODE LINE:COLUMN MESSAGE`.
pub(crate) fn wrong(layout: &dyn Layout, text: &str) -> Vec<String> {
    let mut problems = Problems::default();
    layout.slots("f", text, &mut problems);
    told(problems)
}

pub(crate) fn told(problems: Problems) -> Vec<String> {
    let Err(FileError::Bad { problems }) = problems.into_result() else { return Vec::new() };
    let tell = |p: &refrain_schemas::problem::Problem| match &p.place {
        Some(place) => format!("{} {}:{} {}", p.code, place.line, place.column, p.message),
        None => format!("{} {}", p.code, p.message),
    };
    problems.iter().map(tell).collect()
}

/// Puts what `values` says of each slot and field into the places.
pub(crate) fn patched(
    layout: &dyn Layout,
    text: &str,
    values: impl Fn(&Slot, &str) -> Option<String>,
) -> Result<String, String> {
    let mut changes = Vec::new();
    for slot in &read(layout, text) {
        for place in &slot.places {
            let Some(value) = values(slot, &place.field).filter(|value| *value != place.now) else {
                continue;
            };
            changes.push((
                place.span.clone(),
                place.quoting.quote_beside(&value, &|field| values(slot, field))?,
            ));
        }
    }
    changes.sort_by_key(|(span, _)| (span.start, span.end));
    let (mut out, mut at) = (String::new(), 0);
    for (span, new) in changes {
        assert!(at <= span.start, "places overlap");
        out.push_str(&text[at..span.start]);
        out.push_str(&new);
        at = span.end;
    }
    out.push_str(&text[at..]);
    Ok(out)
}

/// Puts one text into every place of a text.
pub(crate) fn patched_text(layout: &dyn Layout, text: &str, new: &str) -> Result<String, String> {
    patched(layout, text, |_, field| (field == TEXT).then(|| new.to_owned()))
}

pub(crate) fn composing() -> Composing {
    Composing {
        key: "line_id".to_owned(),
        field: TEXT.to_owned(),
        language: Some("fr".to_owned()),
        source_language: Some("en".to_owned()),
        columns: None,
        charset: "UTF-8",
    }
}

/// Composes records without problems.
pub(crate) fn composed(layout: &dyn Layout, records: &[Value]) -> String {
    let mut problems = Problems::default();
    let records: Vec<Json> = records.iter().map(|record| Json::of(record).unwrap()).collect();
    let text = layout.compose(&records, &composing(), &mut problems);
    assert_eq!(told(problems), Vec::<String>::new(), "{records:?}");
    text
}

/// Holds a slot against every rule that binds layouts.
pub(crate) fn sound(slots: &[Slot], text: &str) {
    let lines = u64::try_from(text.matches('\n').count()).unwrap() + 1;
    let mut spans = Vec::new();
    for slot in slots {
        assert!((1..=lines).contains(&slot.line), "line {} of {lines}", slot.line);
        assert!(slot.fields.iter().any(|(name, _)| name == TEXT), "no text: {slot:?}");
        for place in &slot.places {
            assert!(text.get(place.span.clone()).is_some(), "{place:?}");
            spans.push(place.span.clone());
        }
    }
    spans.sort_by_key(|span| (span.start, span.end));
    assert!(spans.windows(2).all(|two| two[0].end <= two[1].start), "places overlap: {spans:?}");
}

/// Records with these texts as translations of others.
pub(crate) fn translations(texts: &[(String, String)]) -> Vec<Value> {
    let states = ["draft", "translated", "reviewed", "final"];
    let record = |(n, (source, text)): (usize, &(String, String))| json!({"line_id": format!("line {n}"), "source": source, "text": text, "state": states[n % 4]});
    texts.iter().enumerate().map(record).collect()
}
