//! The definition of a phase as far as its results hang on it, part by part, in one canonical form.
//!
//! What can be written either way has one form here: a default that is spelled out changes nothing, nor does a list
//! with one name instead of the name. Packing, clones, limits, retries, needs, wants, labels and descriptions are left
//! out because results do not hang on them.

use indexmap::IndexMap;
use refrain_schemas::json::Json;
use refrain_schemas::phase_spec::{Fan, PhaseSpec};
use serde_json::{Value, json};

use crate::model::{AskWork, Context, ContextSource, Output, OutputSchema, OutputShape, Select, Split, Work};
use crate::terms::Matching;

use super::rounds;

/// Returns the parts of a phase's definition; `None` where one has no canonical form.
pub(super) fn written(spec: &PhaseSpec, work: &Work) -> Option<IndexMap<String, Json>> {
    let mut parts: Vec<(String, Value)> = vec![("gather".into(), json!(spec.gather))];
    if let Some(when) = &spec.when {
        parts.push(("when".into(), json!(when)));
    }
    parts.extend(course(spec).map(|course| ("course".into(), course)));
    match work {
        Work::Read(read) => {
            parts.push(("agents".into(), json!([{ "agent": read.agent, "samples": 1 }])));
            parts.push(("output".into(), json!({ "key": read.key, "schema": schema(read.schema.as_ref()) })));
        }
        Work::Write(write) => {
            parts.push(("agents".into(), json!([{ "agent": write.agent, "samples": 1 }])));
            parts.push(("units".into(), json!({ "of": sources(spec) })));
        }
        Work::Ask(ask) => ask_parts(spec, ask, &mut parts),
        Work::Loop(work) => {
            parts.extend(spec.turns.iter().flat_map(rounds::written));
            parts.extend(work.schema.as_ref().map(|of| ("output".to_owned(), schema(Some(of)))));
            let named = work.sight.names().filter_map(|name| Some((name, spec.names.get(name)?)));
            parts.extend(named.map(|(name, path)| (format!("let.{name}"), json!(path))));
        }
    }
    let canonical = parts.into_iter().map(|(part, value)| Some((part, Json::of(&value).ok()?)));
    canonical.collect()
}

/// What decides which phases run, where anything is said of it.
fn course(spec: &PhaseSpec) -> Option<Value> {
    let mut course = json!({
        "on_failure": spec.on_failure, "on_success": spec.on_success, "on_false": spec.on_false,
        "goto": spec.goto, "recover": spec.recover, "after": spec.after,
    });
    if !spec.handles.is_empty() {
        course["handles"] = json!(spec.handles);
    }
    if spec.needs_made {
        course["needs_made"] = json!(true);
    }
    if let Some(prepared) = &spec.prepares {
        course["prepares"] = json!(prepared);
    }
    let is_said = |value: &Value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty());
    course.as_object().is_some_and(|fields| fields.values().any(is_said)).then_some(course)
}

fn ask_parts(spec: &PhaseSpec, ask: &AskWork, parts: &mut Vec<(String, Value)>) {
    let pool: Vec<Value> =
        ask.pool.iter().map(|member| json!({ "agent": member.agent, "samples": member.samples })).collect();
    parts.push(("agents".into(), json!(pool)));
    if let (Some(given), Some(input)) = (&ask.given, &spec.input) {
        parts.push(("input".into(), input.clone()));
        if let Some(goto) = spec.goto.as_ref().filter(|_| given.goto.is_some()) {
            parts.push(("goto".into(), json!(goto)));
        }
        let named = given.sight.names().filter_map(|name| Some((name, spec.names.get(name)?)));
        parts.extend(named.map(|(name, path)| (format!("let.{name}"), json!(path))));
    }
    parts.push(("units".into(), json!({ "of": sources(spec), "split": split(&ask.units.split) })));
    parts.extend(ask.context.iter().map(|entry| (format!("context.{}", entry.name), context(entry))));
    parts.push(("fan".into(), json!(ask.fan)));
    if let (Fan::Cascade, Some(accept)) = (ask.fan, &ask.accept) {
        parts.push(("accept".into(), json!(accept)));
    }
    parts.push(("merge".into(), json!(ask.merge)));
    parts.push(("on_unit_failure".into(), json!(ask.on_unit_failure)));
    parts.push(("output".into(), output(&ask.output)));
}

/// As written, so that disabling a phase changes no definition. Without `units`, the one need is meant.
fn sources(spec: &PhaseSpec) -> Value {
    if spec.input.is_some() {
        return json!([]);
    }
    spec.units.as_ref().map_or_else(|| json!(spec.needs), |units| json!(units.of.names()))
}

fn split(split: &Split) -> Value {
    match split {
        Split::Record => json!("record"),
        Split::By(field) => json!({ "by": field }),
        Split::Chunk(n) => json!({ "chunk": n }),
        Split::Whole => json!("whole"),
        Split::Given => json!("given"),
    }
}

fn context(entry: &Context) -> Value {
    let source = match &entry.source {
        ContextSource::Phase(name) => json!({ "phase": name }),
        // As written, so that another value of a dimension changes no definition.
        ContextSource::File(file) => match file.delimiter {
            None => json!({ "file": file.written }),
            Some(delimiter) => json!({ "file": file.written, "delimiter": delimiter }),
        },
    };
    let select = match &entry.select {
        Select::Whole => json!("whole"),
        Select::On { field, unique } => json!({ "on": field, "unique": unique }),
        Select::Match { field, within, how } => matching(field, within, how),
        Select::Window { n, within } => json!({ "window": n, "within": within }),
    };
    json!({ "source": source, "select": select })
}

/// What is left out has the form it had before there was a choice.
fn matching(field: &str, within: &[String], how: &Matching) -> Value {
    let within = if let [one] = within { json!(one) } else { json!(within) };
    let mut form = json!({ "match": field, "in": within });
    if *how != Matching::default() {
        form["how"] = json!({ "words": how.words, "ignore_case": how.ignore_case, "case": how.case });
    }
    form
}

fn output(output: &Output) -> Value {
    let shape = match &output.shape {
        OutputShape::Records { key } => json!({ "key": key }),
        OutputShape::Document => json!("document"),
    };
    let schema = schema(output.schema.as_ref());
    let mut written = json!({ "shape": shape, "aligned": output.aligned, "schema": schema });
    if !output.carry.is_empty() {
        written["carry"] = json!(output.carry);
    }
    written
}

/// The schema itself, so that editing it counts and moving it does not.
fn schema(schema: Option<&OutputSchema>) -> Value {
    schema.map_or(Value::Null, |schema| schema.json.value())
}
