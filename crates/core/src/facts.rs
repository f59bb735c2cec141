//! What is true of a target now: the part of a judgement that needs to look at the world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use refrain_schemas::artifact::{ArtifactRef, FileStamp};
use refrain_schemas::freshness::Freshness;
use refrain_schemas::history::AttemptRecord;
use refrain_schemas::name::{AgentName, PhaseName, Revision};
use refrain_schemas::scope::{Scope, Target};
use serde_json::{Map, Value};

use crate::define::{self, Definition, FileDigests};
use crate::edits::EditsNow;
use crate::end::{End, Skip, Word};
use crate::engine::{EngineError, Ports};
use crate::execution::Execution;
use crate::history::{History, Prior};
use crate::judge::{Now, UpstreamNow};
use crate::left::left_by_later;
use crate::model::{ContextSource, Model, Phase, Work};
use crate::prepare::{read_again, written_again};
use crate::turns::Bindings;
use crate::upstream::{EdgeKind, Upstream, context_phases, scopes_read, upstream};

mod skipping;

use skipping::{passed, skipped};

/// The number that stands for a document of a failure, which is no revision.
pub(crate) const NO_REVISION: Revision = Revision(0);

/// Says how a target ended, and which document stands for what it would have made: of a failure that was recovered, or
/// that what comes after may read.
fn settled(phase: &Phase, target: &Target, history: &History, word: Word) -> (End, Option<ArtifactRef>) {
    if word.freshness != Freshness::Failed {
        return (word.end, None);
    }
    let attempt = history.target(target).and_then(|target| target.last_attempt.as_ref());
    let Some(attempt) = attempt else { return (word.end, None) };
    if attempt.recovered {
        return (End::Made, attempt.document.clone());
    }
    (word.end, attempt.document.clone().filter(|_| phase.course.goes_on()))
}

/// Returns how a target failed that another phase is for the failures of.
fn handled<'h>(
    reader: &Phase,
    before: &Target,
    history: &'h History,
    word: Word,
) -> Option<&'h AttemptRecord> {
    let is_for = word.freshness == Freshness::Failed && reader.course.handles(&before.phase);
    history.target(before).filter(|_| is_for)?.last_attempt.as_ref()
}

/// Whether the document of a failure is not enough for a phase.
fn needs_it_made(reader: &Phase, kind: EdgeKind, is_hard: bool) -> bool {
    reader.course.needs_made && kind == EdgeKind::Need && is_hard
}

/// Whether what comes after a target goes on although it failed. Who reads it does so with a document of the failure alone:
/// what the target made before is not what it would have made.
fn goes_on(
    model: &Model,
    reader: &Phase,
    before: &Upstream,
    word: Word,
    settled: &(End, Option<ArtifactRef>),
) -> bool {
    let phase = || model.phase(before.target.phase.as_str());
    let goes_on = || phase().is_some_and(|phase| phase.course.goes_on());
    let is_enough = settled.0 == End::Made || !needs_it_made(reader, before.kind, before.hard);
    word.freshness == Freshness::Failed
        && is_enough
        && (settled.0 == End::Made || goes_on() || reader.course.handles(&before.target.phase))
        && (!before.read || settled.1.is_some())
}

/// Returns what comes before a target, as the history and the verdicts on earlier targets have it.
#[must_use]
pub fn upstream_now(
    model: &Model,
    reader: &Phase,
    target: &Target,
    history: &History,
    word: &impl Fn(&Target) -> Word,
) -> Vec<UpstreamNow> {
    let before = upstream(model, reader, &target.scope);
    let contexts = context_phases(reader);
    let words: Vec<(Word, (End, Option<ArtifactRef>))> = before
        .iter()
        .map(|upstream| {
            let word = word(&upstream.target);
            let Some(phase) = model.phase(upstream.target.phase.as_str()) else {
                return (word, (word.end, None));
            };
            let (end, document) = settled(phase, &upstream.target, history, word);
            // Who is for a failure sees that, whatever stands in for what was not made.
            let document = match handled(reader, &upstream.target, history, word) {
                Some(attempt) => attempt.told().cloned(),
                None => document,
            };
            // Who splits records, or selects among them, finds none in the document of a failure.
            let takes_records = upstream.alternative.is_some() || contexts.contains(&upstream.target.phase);
            (word, (end, document.filter(|_| !takes_records || phase.makes_document())))
        })
        .collect();
    let present = |at: usize| {
        let (word, (_, document)) = &words[at];
        let target = &before[at].target;
        if let Some(document) = document {
            return Some((NO_REVISION, document.clone()));
        }
        let latest = history.latest(target).filter(|_| word.freshness != Freshness::Skipped);
        latest.map(|record| (record.revision, record.artifact.clone()))
    };
    let chosen = before
        .iter()
        .enumerate()
        .filter(|(at, _)| present(*at).is_some())
        .filter_map(|(_, upstream)| upstream.alternative)
        .min();
    before
        .iter()
        .enumerate()
        .map(|(at, upstream)| UpstreamNow {
            target: upstream.target.clone(),
            read: upstream.read
                && (contexts.contains(&upstream.target.phase)
                    || upstream.alternative.is_none_or(|n| chosen.is_none_or(|chosen| n == chosen))),
            hard: upstream.hard || (chosen.is_none() && upstream.alternative == Some(0)),
            artifact: present(at),
            freshness: words[at].0.freshness,
            kind: upstream.kind,
            end: words[at].1.0,
            goes_on: goes_on(model, reader, upstream, words[at].0, &words[at].1),
            failure: handled(reader, &upstream.target, history, words[at].0)
                .map(|attempt| Arc::new(attempt.error.clone())),
            took_ms: 0,
        })
        .collect()
}

/// Returns what there is of the phases of a turn, to the loop that it is a turn of.
#[must_use]
pub fn turn_now<'a>(
    model: &Model,
    targets: impl IntoIterator<Item = &'a Target>,
    history: &History,
    word: &impl Fn(&Target) -> Word,
) -> Vec<UpstreamNow> {
    let now = |target: &'a Target| {
        let phase = model.phase(target.phase.as_str())?;
        let now = at_the_end(phase, target.clone(), history, word);
        let goes_on = now.freshness == Freshness::Failed;
        Some(UpstreamNow { kind: EdgeKind::Want, goes_on, ..now })
    };
    targets.into_iter().filter_map(now).collect()
}

/// Returns what there is of a target to somebody who comes after everything, and sees the document of every failure.
fn at_the_end(
    phase: &Phase,
    target: Target,
    history: &History,
    word: &impl Fn(&Target) -> Word,
) -> UpstreamNow {
    let known = word(&target);
    let (end, document) = settled(phase, &target, history, known);
    let attempt = || history.target(&target).and_then(|target| target.last_attempt.as_ref());
    let failed = || attempt().filter(|_| known.freshness == Freshness::Failed)?.document.clone();
    let latest = || history.latest(&target).filter(|_| known.freshness != Freshness::Skipped);
    let artifact = document.or_else(failed).map(|document| (NO_REVISION, document));
    let artifact = artifact.or_else(|| latest().map(|record| (record.revision, record.artifact.clone())));
    let (freshness, kind) = (known.freshness, EdgeKind::After);
    let (read, hard, goes_on, failure) = (true, false, true, None);
    let took_ms = match freshness {
        Freshness::Failed => attempt().map_or(0, |attempt| attempt.took_ms),
        _ => latest().map_or(0, |record| record.took_ms),
    };
    UpstreamNow { target, read, hard, artifact, freshness, kind, end, goes_on, failure, took_ms }
}

/// Returns what there is of some phases, in all of their scopes, to somebody who comes after everything.
#[must_use]
pub fn before_all(
    model: &Model,
    phases: &BTreeSet<PhaseName>,
    history: &History,
    word: &impl Fn(&Target) -> Word,
) -> Vec<UpstreamNow> {
    let mut out = Vec::new();
    for phase in phases.iter().filter_map(|name| model.phase(name.as_str())) {
        for target in scopes_read(model, phase, &Scope::none()) {
            out.push(at_the_end(phase, target, history, word));
        }
    }
    out
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
    /// The route that passes it over, if one does.
    pub passed: Option<Skip>,
    /// Whether its latest revision was made by a run that is being gone on with.
    pub is_ours: bool,
    /// What later targets left of the files that it touched.
    pub left: Vec<FileStamp>,
    /// The last attempt that made no revision, if it has an input of its own.
    pub tried: Option<Tried>,
    /// The last attempt that made no revision.
    pub attempt: Option<AttemptRecord>,
    /// The turns that it is in.
    pub bindings: Bindings,
    /// The execution that the latest run belongs to.
    pub execution: Option<Execution>,
}

/// What an attempt that made no revision had read.
#[derive(Debug, Clone)]
pub struct Tried {
    /// The files.
    pub read: Vec<FileStamp>,
    /// Whether a run made it that is being gone on with.
    pub is_ours: bool,
}

impl Known {
    /// Returns what the history and the verdicts on earlier targets say of a target.
    #[must_use]
    pub fn of(
        model: &Model,
        phase: &Phase,
        target: &Target,
        history: &History,
        word: impl Fn(&Target) -> Word,
    ) -> Self {
        let upstream = upstream_now(model, phase, target, history, &word);
        let passed = passed(model, phase, target, history, &word);
        let edits = EditsNow::of(model, phase, target, history, &upstream);
        let generation = history.generation(target);
        let prior = history.prior(target);
        let is_given = phase.given().is_some();
        let is_ours = |prior: &Prior| is_given && history.goes_on_with(prior.record.run_id);
        let is_ours = prior.as_ref().is_some_and(is_ours);
        let attempt = history.target(target).and_then(|target| target.last_attempt.as_ref());
        let tried = attempt.filter(|_| is_given).map(|attempt| Tried {
            read: attempt.read.clone(),
            is_ours: history.goes_on_with(attempt.run_id),
        });
        let touched = prior.iter().filter(|_| is_given && !is_ours);
        let touched = touched.flat_map(|prior| prior.record.files.iter().chain(&prior.record.read)).cloned();
        let left = left_by_later(model, history, target, touched);
        let (attempt, bindings) = (attempt.cloned(), Bindings::default());
        let execution = history.execution();
        Self {
            upstream,
            prior,
            generation,
            edits,
            passed,
            is_ours,
            left,
            tried,
            attempt,
            bindings,
            execution,
        }
    }

    /// Says which turns the target is in.
    #[must_use]
    pub fn in_turns(mut self, bindings: &Bindings) -> Self {
        self.bindings = bindings.clone();
        self
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
    let scope = &*phase.fixed(&target.scope);
    let definition = define::define(model, phase, scope, digests, (&*ports.tools, &known.bindings)).await?;
    let prior = known.prior.as_ref();
    let (skip, unfit) = match skipped(model, ports, phase, target, known).await {
        Ok(skip) => (skip, None),
        // That concerns this target alone: everything else can be told, and a run fails it for that.
        Err(error @ EngineError::Expression { .. }) => (None, Some(error.to_string())),
        Err(error) => return Err(error),
    };
    let mut now = Now {
        skipped: skip,
        unfit,
        definition: definition.parts.clone(),
        upstream: known.upstream.clone(),
        context_files: context_files(phase, scope, digests).await?,
        sources: Vec::new(),
        tried: None,
        altered: Vec::new(),
        exports: Vec::new(),
        generation: known.generation,
        edits: known.edits.clone(),
        bindings: known.bindings.clone(),
        execution: known.execution,
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
        Work::Ask(work) if work.given.is_some() => {
            let record = prior.map(|prior| &prior.record);
            let (read, written) =
                record.map_or((&[][..], &[][..]), |record| (&record.read[..], &record.files[..]));
            if known.is_ours {
                // What steps read or wrote since may have been changed by later ones, and is not looked at again.
                now.sources = read.to_vec();
            } else {
                now.sources = read_again(&*ports.files, read, written, &known.left).await;
                now.exports = written_again(&*ports.files, written).await;
                now.altered = altered(written, &now.exports);
                now.altered.retain(|path| !is_left(&now.exports, path, &known.left));
            }
            now.tried = match &known.tried {
                Some(tried) if !tried.is_ours => Some(read_again(&*ports.files, &tried.read, &[], &[]).await),
                tried => tried.as_ref().map(|tried| tried.read.clone()),
            };
        }
        Work::Ask(_) | Work::Loop(_) => {}
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

/// Whether a file is as a later target left it.
fn is_left(found: &[FileStamp], path: &str, left: &[FileStamp]) -> bool {
    let found = found.iter().find(|found| found.path == path);
    found.is_some_and(|found| left.iter().any(|left| left.is_same_file(found)))
}
