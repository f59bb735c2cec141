//! What is true of a target now: the part of a judgement that needs to look at the world.

use std::collections::BTreeMap;

use refrain_schemas::artifact::FileStamp;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::name::AgentName;
use refrain_schemas::scope::{Scope, Target};
use serde_json::{Map, Value, json};

use crate::define::{self, Definition, FileDigests};
use crate::edits::EditsNow;
use crate::engine::{EngineError, Ports};
use crate::expression::Expression;
use crate::history::{History, Prior};
use crate::judge::{Now, UpstreamNow};
use crate::model::{ContextSource, Model, Phase, Work};
use crate::template::Context;
use crate::upstream::{Upstream, context_phases, upstream};

/// Returns what comes before a target, as the history and the verdicts on earlier targets have it.
#[must_use]
pub fn upstream_now(
    model: &Model,
    phase: &Phase,
    target: &Target,
    history: &History,
    freshness: impl Fn(&Target) -> Freshness,
) -> Vec<UpstreamNow> {
    let before = upstream(model, phase, &target.scope);
    let present = |upstream: &Upstream| {
        let skipped = freshness(&upstream.target) == Freshness::Skipped;
        history
            .latest(&upstream.target)
            .filter(|_| !skipped)
            .map(|record| (record.revision, record.artifact.clone()))
    };
    let chosen = before
        .iter()
        .filter(|upstream| present(upstream).is_some())
        .filter_map(|upstream| upstream.alternative)
        .min();
    let contexts = context_phases(phase);
    before
        .iter()
        .map(|upstream| UpstreamNow {
            target: upstream.target.clone(),
            read: upstream.read
                && (contexts.contains(&upstream.target.phase)
                    || upstream.alternative.is_none_or(|n| chosen.is_none_or(|chosen| n == chosen))),
            hard: upstream.hard || (chosen.is_none() && upstream.alternative == Some(0)),
            artifact: present(upstream),
            freshness: freshness(&upstream.target),
        })
        .collect()
}

/// What the history says of a target and of what comes before it.
#[derive(Debug, Clone)]
pub struct Known {
    /// What comes before it.
    pub upstream: Vec<UpstreamNow>,
    /// Its latest revision.
    pub prior: Option<Prior>,
    /// The generation of its asks.
    pub generation: u32,
    /// What people edited.
    pub edits: EditsNow,
}

impl Known {
    /// Returns what the history and the verdicts on earlier targets say of a target.
    #[must_use]
    pub fn of(
        model: &Model,
        phase: &Phase,
        target: &Target,
        history: &History,
        freshness: impl Fn(&Target) -> Freshness,
    ) -> Self {
        let upstream = upstream_now(model, phase, target, history, freshness);
        let edits = EditsNow::of(model, phase, target, history, &upstream);
        let generation = history.generation(target);
        Self { upstream, prior: history.prior(target), generation, edits }
    }
}

/// Looks at the world for one target.
///
/// # Errors
/// Fails where a file that the definition names cannot be read, and where an expression fails. Sources that cannot be
/// read are no error here: reading them will tell.
pub async fn gather(
    model: &Model,
    ports: &Ports,
    digests: &FileDigests,
    target: &Target,
    known: &Known,
) -> Result<(Now, Definition), EngineError> {
    let phase = model
        .phase(target.phase.as_str())
        .ok_or_else(|| EngineError::UnknownPhase { phase: target.phase.to_string(), known: Vec::new() })?;
    let definition = define::define(model, phase, &target.scope, digests, &*ports.tools).await?;
    let prior = known.prior.as_ref();
    let mut now = Now {
        skipped: skipped(model, phase, target, &known.upstream)?,
        definition: definition.parts.clone(),
        upstream: known.upstream.clone(),
        context_files: context_files(phase, &target.scope, digests).await?,
        sources: Vec::new(),
        altered: Vec::new(),
        exports: Vec::new(),
        generation: known.generation,
        edits: known.edits.clone(),
    };
    match &phase.work {
        Work::Read(work) => {
            let params = params(model, &work.agent, target)?;
            let known = prior.map_or(&[][..], |prior| prior.record.files.as_slice());
            // A source that is gone or cannot be read differs from every source that was.
            now.sources = digests.sources(target, ports.reader.stamps(&params, known)).await;
        }
        Work::Write(work) => {
            let params = params(model, &work.agent, target)?;
            let known = prior.map_or(&[][..], |prior| prior.record.patched.as_slice());
            now.sources = ports.writer.inputs(&params, known).await.unwrap_or_default();
            let files = prior.map_or(&[][..], |prior| prior.record.files.as_slice());
            now.exports = ports.writer.stamps(files).await?;
            now.altered = altered(files, &now.exports);
        }
        Work::Ask(_) => {}
    }
    Ok((now, definition))
}

/// Returns the filled params of an agent.
///
/// # Errors
/// Fails where a template does.
pub fn params(model: &Model, agent: &AgentName, target: &Target) -> Result<Map<String, Value>, EngineError> {
    let Some(agent) = model.agents.get(agent.as_str()) else { return Ok(Map::new()) };
    match define::filled_params(&model.params, agent, &target.scope)?.value() {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

async fn context_files(
    phase: &Phase,
    scope: &Scope,
    digests: &FileDigests,
) -> Result<BTreeMap<String, refrain_schemas::digest::Digest>, EngineError> {
    let mut out = BTreeMap::new();
    if let Work::Ask(work) = &phase.work {
        for context in &work.context {
            if let ContextSource::File(file) = &context.source {
                let path = file.path(scope);
                out.insert(path.to_owned(), digests.digest(path).await?);
            }
        }
    }
    Ok(out)
}

/// Returns the paths of files that are not as they were written.
fn altered(written: &[FileStamp], found: &[FileStamp]) -> Vec<String> {
    let is_same = |file: &&FileStamp| found.iter().any(|found| found.is_same_file(file));
    written.iter().filter(|file| !is_same(file)).map(|file| file.path.clone()).collect()
}

/// Says why a target is skipped, if it is.
fn skipped(
    model: &Model,
    phase: &Phase,
    target: &Target,
    upstream: &[UpstreamNow],
) -> Result<Option<String>, EngineError> {
    let needs = upstream.iter().find(|upstream| upstream.hard && upstream.freshness == Freshness::Skipped);
    if let Some(needs) = needs {
        return Ok(Some(format!("{} is skipped", needs.target)));
    }
    let Some(when) = &phase.when else { return Ok(None) };
    let failed =
        |message: String| EngineError::Expression { what: format!("phases.{}.when", phase.name), message };
    let expression = Expression::compile(when).map_err(|error| failed(error.to_string()))?;
    let context = Context::of(&json!({
        "params": model.params, "scope": target.scope, "phases": summaries(upstream),
    }));
    let holds = expression.eval_bool(&context).map_err(|error| failed(error.to_string()))?;
    Ok((!holds).then(|| format!("`when: {when}` is false")))
}

/// What conditions see of the phases before: one entry a phase; of several scopes, the sums.
fn summaries(upstream: &[UpstreamNow]) -> Value {
    let mut out: Map<String, Value> = Map::new();
    for upstream in upstream {
        let (records, holes) =
            upstream.artifact.as_ref().map_or((0, 0), |(_, artifact)| (artifact.records, artifact.holes));
        let entry = out
            .entry(upstream.target.phase.as_str())
            .or_insert_with(|| json!({ "present": true, "records": 0, "holes": 0 }));
        let sum = |entry: &Value, name: &str, more: u64| entry[name].as_u64().unwrap_or(0) + more;
        entry["records"] = sum(entry, "records", records).into();
        entry["holes"] = sum(entry, "holes", holes).into();
        entry["present"] = (entry["present"] == Value::Bool(true) && upstream.artifact.is_some()).into();
    }
    Value::Object(out)
}
