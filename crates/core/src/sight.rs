//! What the texts of a phase see of what came before: params, scope, and the phases before with their documents.
//!
//! Which of these a text reads is known before anything runs; only what is read is loaded, and only what is read is part
//! of what the phase is made from.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use refrain_schemas::artifact::{ArtifactKind, ArtifactRef};
use refrain_schemas::freshness::Freshness;
use refrain_schemas::name::PhaseName;
use refrain_schemas::scope::Scope;
use serde_json::{Map, Value, json};

use crate::artifact;
use crate::end::End;
use crate::engine::EngineError;
use crate::execution::Execution;
use crate::judge::UpstreamNow;
use crate::model::Model;
use crate::ports::store::Store;
use crate::template::Context;
use crate::tree::sequence::Sequence;
use crate::turns::{self, Bindings};

/// What is seen of a phase, besides its document.
pub(crate) const OF_A_PHASE: [&str; 9] =
    ["present", "records", "holes", "success", "failed", "error", "document", "result", "step"];

/// What some texts of a phase read.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// The names of `let` that are used, with the paths that they stand for.
    names: BTreeMap<String, Vec<String>>,
    /// The phases of which anything is read.
    phases: BTreeSet<PhaseName>,
    /// Those whose documents are read.
    documents: BTreeSet<PhaseName>,
    /// Those whose results are read.
    results: BTreeSet<PhaseName>,
    /// The params that are read; all where one text reads them as a whole.
    params: BTreeSet<String>,
    all_params: bool,
    /// Whether a text reads the summaries of all phases before.
    all_phases: bool,
    /// What is read of the loops around, by loop.
    loops: BTreeSet<(String, String)>,
    /// Whether a text reads the execution.
    execution: bool,
}

impl Sight {
    /// Makes out what texts read: `variables` are the paths in them, `names` what `let` calls what.
    #[must_use]
    pub fn of<'a>(variables: impl IntoIterator<Item = &'a str>, names: &IndexMap<String, String>) -> Self {
        let mut sight = Self::default();
        for variable in variables {
            let (root, rest) = variable.split_once('.').map_or((variable, None), |(a, b)| (a, Some(b)));
            match names.get(root) {
                Some(path) => {
                    let path: Vec<String> = path.split('.').map(str::to_owned).collect();
                    let whole =
                        path.iter().map(String::as_str).chain(rest.into_iter().flat_map(|r| r.split('.')));
                    sight.read(&whole.collect::<Vec<_>>());
                    sight.names.insert(root.to_owned(), path);
                }
                None => sight.read(&variable.split('.').collect::<Vec<_>>()),
            }
        }
        sight
    }

    /// Adds what another one reads.
    pub fn extend(&mut self, other: &Self) {
        self.names.extend(other.names.iter().map(|(name, path)| (name.clone(), path.clone())));
        self.phases.extend(other.phases.iter().cloned());
        self.documents.extend(other.documents.iter().cloned());
        self.results.extend(other.results.iter().cloned());
        self.params.extend(other.params.iter().cloned());
        self.all_params |= other.all_params;
        self.all_phases |= other.all_phases;
        self.loops.extend(other.loops.iter().cloned());
        self.execution |= other.execution;
    }

    fn read(&mut self, path: &[&str]) {
        match path {
            ["execution" | "now", ..] => self.execution = true,
            ["phases"] => self.all_phases = true,
            ["params"] => self.all_params = true,
            ["params", name, ..] => drop(self.params.insert((*name).to_owned())),
            ["loop", name] => {
                let fields = [&turns::EACH[..], &turns::WHILE, &turns::ONCE].concat();
                self.loops.extend(fields.into_iter().map(|field| ((*name).to_owned(), field.to_owned())));
            }
            ["loop", name, "with", key, ..] => {
                self.loops.insert(((*name).to_owned(), format!("with.{key}")));
            }
            ["loop", name, field, ..] => drop(self.loops.insert(((*name).to_owned(), (*field).to_owned()))),
            ["phases", name, rest @ ..] => {
                let Ok(phase) = name.parse::<PhaseName>() else { return };
                // What went wrong stands in the document of the failure.
                if matches!(rest, [] | ["document" | "error" | "result" | "step", ..]) {
                    self.documents.insert(phase.clone());
                }
                if matches!(rest, [] | ["result", ..]) {
                    self.results.insert(phase.clone());
                }
                self.phases.insert(phase);
            }
            _ => {}
        }
    }

    /// Returns the phases of which anything is read.
    #[must_use]
    pub const fn phases(&self) -> &BTreeSet<PhaseName> {
        &self.phases
    }

    /// Whether anything of a phase is read.
    #[must_use]
    pub fn reads_phases(&self) -> bool {
        self.all_phases || !self.phases.is_empty()
    }

    /// Whether anything of the execution is read, so that it is another one in each.
    #[must_use]
    pub const fn reads_execution(&self) -> bool {
        self.execution
    }

    /// Returns the phases whose documents are read.
    #[must_use]
    pub const fn documents(&self) -> &BTreeSet<PhaseName> {
        &self.documents
    }

    /// Returns what is read of the loops around: the loop, and the name in it.
    pub fn loops(&self) -> impl Iterator<Item = (&str, &str)> {
        self.loops.iter().map(|(name, field)| (name.as_str(), field.as_str()))
    }

    /// Returns the names of `let` that are used.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Returns the values of the params that are read.
    pub fn params<'a>(
        &'a self,
        params: &'a Map<String, Value>,
    ) -> impl Iterator<Item = (&'a String, &'a Value)> {
        // `params.get('x')` may read any of them.
        let is_method = |name: &&str| self.params.contains(*name) && !params.contains_key(*name);
        let all = self.all_params || ["get", "items", "keys", "values"].iter().any(is_method);
        params.iter().filter(move |(name, _)| all || self.params.contains(*name))
    }

    /// Returns what the texts see now.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn context(&self, seen: &Seen<'_>) -> Result<Context, EngineError> {
        let mut phases = summaries(seen.upstream);
        for upstream in seen.upstream {
            let name = &upstream.target.phase;
            let Some((_, artifact)) = upstream.artifact.as_ref().filter(|_| self.documents.contains(name))
            else {
                continue;
            };
            let document = load(seen.store, artifact).await?;
            if let Some(entry) = phases.get_mut(name.as_str()) {
                if upstream.end == End::Failed {
                    entry["error"] = document.get("error").cloned().unwrap_or_default();
                }
                let stands_in = upstream.end == End::Made && upstream.freshness == Freshness::Failed;
                if self.results.contains(name)
                    && let Some(result) = result_of(&document, stands_in)
                {
                    entry["result"] = result.clone();
                }
                entry["step"] = as_step(&document, upstream.end == End::Made);
                entry["document"] = document;
            }
        }
        let mut roots = Map::new();
        roots.insert("params".to_owned(), Value::Object(seen.model.params.clone()));
        roots.insert("scope".to_owned(), json!(seen.scope));
        roots.insert("phases".to_owned(), Value::Object(phases));
        if !self.loops.is_empty() {
            roots.insert("loop".to_owned(), Value::Object(seen.bindings.seen(self)));
        }
        if let Some(execution) = seen.execution {
            roots.insert("execution".to_owned(), execution.seen(&seen.model.name));
        }
        for (name, path) in &self.names {
            let (first, rest) =
                path.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
            let found =
                roots.get(first).and_then(|root| rest.iter().try_fold(root, |at, part| step(at, part)));
            if let Some(found) = found.cloned() {
                roots.insert(name.clone(), found);
            }
        }
        Ok(Context::of(&Value::Object(roots)))
    }
}

/// What there is to be seen.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The project, with its params.
    pub model: &'a Model,
    /// The scope.
    pub scope: &'a Scope,
    /// What comes before.
    pub upstream: &'a [UpstreamNow],
    /// Where documents are.
    pub store: &'a dyn Store,
    /// The turns that it is in.
    pub bindings: &'a Bindings,
    /// The execution that the run belongs to.
    pub execution: Option<&'a Execution>,
}

/// Returns a document as steps see it: what is in its result stands beside it as well, behind what is there already. One that
/// says nothing of how it went, such as the answer of a model, went as its phase did.
fn as_step(document: &Value, is_made: bool) -> Value {
    let (Some(fields), Some(result)) = (document.as_object(), document.get("result")) else {
        return document.clone();
    };
    let mut fields = fields.clone();
    for (name, value) in result.as_object().into_iter().flatten() {
        fields.entry(name).or_insert_with(|| value.clone());
    }
    fields.entry("success").or_insert(Value::Bool(is_made));
    fields.entry("error").or_insert(Value::Null);
    Value::Object(fields)
}

/// Returns what a phase made as far as that is its result: the field of its document, or a value that stands in for it.
fn result_of(document: &Value, stands_in: bool) -> Option<&Value> {
    document.get("result").or_else(|| stands_in.then_some(document))
}

fn step<'a>(value: &'a Value, part: &str) -> Option<&'a Value> {
    match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        value => value.get(part),
    }
}

pub(crate) async fn load(store: &dyn Store, artifact: &ArtifactRef) -> Result<Value, EngineError> {
    let sequence = Sequence::open_whole(store, artifact.digest).await?;
    Ok(artifact::whole(&sequence, artifact.kind != ArtifactKind::Document).value())
}

/// What conditions see of the phases before: one entry a phase; of several scopes, the sums.
fn summaries(upstream: &[UpstreamNow]) -> Map<String, Value> {
    let mut out: Map<String, Value> = Map::new();
    for upstream in upstream {
        let (records, holes) =
            upstream.artifact.as_ref().map_or((0, 0), |(_, artifact)| (artifact.records, artifact.holes));
        let entry = out.entry(upstream.target.phase.as_str()).or_insert_with(
            || json!({ "present": true, "records": 0, "holes": 0, "success": true, "failed": false, "error": null }),
        );
        let sum = |entry: &Value, name: &str, more: u64| entry[name].as_u64().unwrap_or(0) + more;
        let both = |entry: &Value, name: &str, own: bool| entry[name] == Value::Bool(true) && own;
        entry["records"] = sum(entry, "records", records).into();
        entry["holes"] = sum(entry, "holes", holes).into();
        entry["present"] = both(entry, "present", upstream.artifact.is_some()).into();
        // Whether a value stands in for what it failed to make or not.
        let failed = upstream.freshness == Freshness::Failed || entry["failed"] == Value::Bool(true);
        entry["failed"] = failed.into();
        entry["success"] = both(entry, "success", upstream.end == End::Made).into();
    }
    out
}
