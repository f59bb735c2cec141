//! Freshness: one value, computed in one place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use refrain_schemas::artifact::{ArtifactRef, FileStamp};
use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::failure::PhaseError;
use refrain_schemas::freshness::{Cause, CauseKind, Freshness};
use refrain_schemas::history::{
    AttemptOutcome, AttemptRecord, ContextFileRef, Lineage, RevisionRecord, UpstreamRef,
};
use refrain_schemas::name::Revision;
use refrain_schemas::scope::Target;

use crate::edits::EditsNow;
use crate::end::{End, Skip};
use crate::execution::Execution;
use crate::facts::NO_REVISION;
use crate::turns::Bindings;
use crate::upstream::EdgeKind;

/// Everything about a target that its freshness hangs on, as it is now.
#[derive(Debug, Clone)]
pub struct Now {
    /// Why the target is skipped, if it is.
    pub skipped: Option<Skip>,
    /// Why its condition cannot be evaluated, if it cannot; a run fails it for that.
    pub unfit: Option<String>,
    /// The parts of the definition.
    pub definition: BTreeMap<String, Digest>,
    /// What comes before.
    pub upstream: Vec<UpstreamNow>,
    /// The digests of context files.
    pub context_files: BTreeMap<String, Digest>,
    /// The source files of `read`, or those that `write` patches.
    pub sources: Vec<FileStamp>,
    /// The files that the last attempt read, where it made no revision: they may be others.
    pub tried: Option<Vec<FileStamp>>,
    /// Output files of `write` that are missing or were altered.
    pub altered: Vec<String>,
    /// The output files of `write` that are there, as they are.
    pub exports: Vec<FileStamp>,
    /// The generation of the target's asks.
    pub generation: u32,
    /// What people edited: its own records, and those of later targets that lock its units.
    pub edits: EditsNow,
    /// The turns that it is in.
    pub bindings: Bindings,
    /// The execution that the latest run belongs to; part of what the target is made from only where a text reads it.
    pub execution: Option<Execution>,
}

/// Something that comes before a target, as it is now.
#[derive(Debug, Clone)]
pub struct UpstreamNow {
    /// Which.
    pub target: Target,
    /// Whether its contents are read.
    pub read: bool,
    /// Whether the target is blocked without it.
    pub hard: bool,
    /// Its latest artifact; `None` where it has none, or is skipped.
    pub artifact: Option<(Revision, ArtifactRef)>,
    /// How fresh it is.
    pub freshness: Freshness,
    /// How the target comes after it.
    pub kind: EdgeKind,
    /// How it ended.
    pub end: End,
    /// Whether the target goes on although it failed; its artifact is the document of the failure then.
    pub goes_on: bool,
    /// How it failed, where the target is for that.
    pub failure: Option<Arc<PhaseError>>,
    /// How long the calls took that made it, where it is of a turn of the target.
    pub took_ms: u64,
}

impl UpstreamNow {
    /// Returns what was made just now, as those see it that come after it.
    #[must_use]
    pub fn of_made(target: &Target, artifact: &ArtifactRef) -> Self {
        Self {
            target: target.clone(),
            read: true,
            hard: false,
            artifact: Some((NO_REVISION, artifact.clone())),
            freshness: Freshness::Fresh,
            kind: EdgeKind::After,
            end: End::Made,
            goes_on: false,
            failure: None,
            took_ms: 0,
        }
    }

    /// Whether it is part of what the target is made from. What merely comes before may be there or not.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.kind != EdgeKind::After || self.read
    }

    /// Whether nothing of it is awaited, although it made nothing.
    fn is_settled(&self) -> bool {
        let is_passed = matches!(self.end, End::False | End::Passed) && self.kind == EdgeKind::After;
        is_passed || (self.goes_on && !self.read)
    }

    /// Returns what its document stands for where it is read and none of its revisions holds it: what it says may be the
    /// same, and whether it succeeded is not.
    fn stand_in(&self) -> Option<&'static str> {
        let is_read = |(revision, _): &&(Revision, ArtifactRef)| self.read && *revision == NO_REVISION;
        let kind = if self.end == End::Made { "recovered" } else { "failed" };
        self.artifact.as_ref().filter(is_read).map(|_| kind)
    }

    /// Whether its document stands for something else than it did.
    fn stands_otherwise(&self, old: &UpstreamRef) -> bool {
        let was = (old.revision == NO_REVISION, old.recovered);
        was != (self.stand_in().is_some(), self.stand_in() == Some("recovered"))
    }

    /// Whether a failure of it keeps the target from running.
    #[must_use]
    pub fn holds_up(&self) -> bool {
        self.hard && !self.goes_on
    }

    /// Whether its contents are read and there, but not fresh.
    fn is_read_stale(&self) -> bool {
        let is_fresh = matches!(self.freshness, Freshness::Fresh | Freshness::Partial);
        self.read && self.artifact.is_some() && !is_fresh && !self.goes_on
    }
}

/// What the judgement is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// One word.
    pub freshness: Freshness,
    /// Why it is not fresh: all reasons.
    pub causes: Vec<Cause>,
    /// Needs that are missing; the target is blocked where there are any.
    pub missing: Vec<Target>,
}

impl Now {
    /// Returns the digest of all inputs: two attempts at the same inputs have the same.
    #[must_use]
    pub fn inputs(&self) -> Digest {
        self.inputs_with(&self.sources)
    }

    /// Returns the digest of all inputs as the last attempt that made no revision would see them now.
    #[must_use]
    pub fn inputs_tried(&self) -> Digest {
        self.inputs_with(self.tried.as_ref().unwrap_or(&self.sources))
    }

    fn inputs_with(&self, sources: &[FileStamp]) -> Digest {
        let mut digester = Digester::new("refrain inputs v1");
        for (name, digest) in &self.definition {
            digester.part(name.as_bytes()).digest(digest);
        }
        for upstream in self.upstream.iter().filter(|upstream| upstream.counts()) {
            digester.part(upstream.target.to_string().as_bytes());
            if let Some((_, artifact)) = &upstream.artifact {
                digester.digest(&artifact.digest);
            }
            if let Some(kind) = upstream.stand_in() {
                digester.part(kind.as_bytes());
            }
        }
        for (path, digest) in &self.context_files {
            digester.part(path.as_bytes()).digest(digest);
        }
        for stamp in sources {
            digester.part(stamp.path.as_bytes()).digest(&stamp.digest);
        }
        if let Some(why) = &self.unfit {
            digester.part(b"unfit").part(why.as_bytes());
        }
        digester.number(u64::from(self.generation));
        if let Some(edits) = self.edits.digest() {
            digester.part(b"edits").digest(&edits);
        }
        digester.finish()
    }

    /// Returns the lineage of a revision made from what is now.
    #[must_use]
    pub fn lineage(&self, context_artifacts: &BTreeMap<String, ArtifactRef>) -> Lineage {
        let upstream = self.upstream.iter().filter(|upstream| upstream.counts()).map(|upstream| {
            let made_from = upstream.artifact.as_ref().map(|(revision, artifact)| UpstreamRef {
                target: upstream.target.clone(),
                revision: *revision,
                artifact: artifact.clone(),
                read: upstream.read,
                recovered: upstream.stand_in() == Some("recovered"),
            });
            (upstream.target.to_string(), made_from)
        });
        let context_files = self.context_files.iter().filter_map(|(path, file)| {
            let artifact = context_artifacts.get(path)?.clone();
            Some((path.clone(), ContextFileRef { file: *file, artifact }))
        });
        Lineage {
            definition: self.definition.clone(),
            upstream: upstream.collect(),
            context_files: context_files.collect(),
            sources: self.sources.iter().map(|stamp| (stamp.path.clone(), stamp.digest)).collect(),
            generation: self.generation,
            edits: self.edits.digest(),
            edited_from: self.edits.edited_from(),
        }
    }

    /// Whether anything whose contents are read is not fresh itself.
    #[must_use]
    pub fn reads_stale(&self) -> bool {
        self.upstream.iter().any(UpstreamNow::is_read_stale)
    }

    /// Whether anything that is read lacks units.
    #[must_use]
    pub fn reads_partial(&self) -> bool {
        let mut read = self.upstream.iter().filter(|upstream| upstream.read);
        read.any(|upstream| upstream.artifact.as_ref().is_some_and(|(_, artifact)| artifact.holes > 0))
    }

    /// Returns the needs that are missing.
    #[must_use]
    pub fn missing(&self) -> Vec<Target> {
        let lacks =
            |upstream: &&UpstreamNow| upstream.hard && upstream.artifact.is_none() && !upstream.is_settled();
        self.upstream.iter().filter(lacks).map(|upstream| upstream.target.clone()).collect()
    }
}

/// Judges a target: `latest` is its latest revision, `lineage` what that counts as made from, `attempt` the last
/// attempt that made no revision since.
#[must_use]
pub fn judge(
    now: &Now,
    latest: Option<&RevisionRecord>,
    lineage: Option<&Lineage>,
    attempt: Option<&AttemptRecord>,
) -> Verdict {
    let missing = now.missing();
    if now.skipped.is_some() {
        return Verdict { freshness: Freshness::Skipped, causes: Vec::new(), missing: Vec::new() };
    }
    let (Some(latest), Some(lineage)) = (latest, lineage) else {
        let has_failed = attempt.is_some_and(|attempt| attempt.outcome == AttemptOutcome::Failed);
        let kind = if has_failed { CauseKind::Failed } else { CauseKind::NeverRun };
        let causes = vec![Cause::new(kind, "")];
        return Verdict { freshness: ended(now, attempt).unwrap_or(Freshness::Missing), causes, missing };
    };
    let mut causes = Vec::new();
    definition_causes(now, lineage, &mut causes);
    upstream_causes(now, lineage, &mut causes);
    file_causes(now, lineage, &mut causes);
    edit_causes(now, lineage, &latest.target, &mut causes);
    if now.unfit.is_some() {
        causes.push(Cause::new(CauseKind::Definition, "when"));
    }
    if now.generation > lineage.generation {
        causes.push(Cause::new(CauseKind::Generation, latest.target.to_string()));
    }
    let partial = latest.is_partial() || now.reads_partial();
    let word = if !causes.is_empty() {
        Freshness::Stale
    } else if partial {
        Freshness::Partial
    } else {
        Freshness::Fresh
    };
    if latest.is_partial() {
        causes.push(Cause::new(CauseKind::Holes, latest.target.to_string()));
    }
    Verdict { freshness: ended(now, attempt).unwrap_or(word), causes, missing }
}

/// How the last attempt at the present inputs ended, if it made no revision.
fn ended(now: &Now, attempt: Option<&AttemptRecord>) -> Option<Freshness> {
    let attempt = attempt?;
    let present = match attempt.outcome {
        // What blocked it may have arrived, in which case the inputs differ.
        AttemptOutcome::Blocked => attempt.inputs == now.inputs_tried() && !now.missing().is_empty(),
        _ => attempt.inputs == now.inputs_tried(),
    };
    match attempt.outcome {
        _ if !present => None,
        AttemptOutcome::Failed => Some(Freshness::Failed),
        AttemptOutcome::Blocked => Some(Freshness::Blocked),
        AttemptOutcome::Waiting => Some(Freshness::Waiting),
        AttemptOutcome::Stopped => None,
    }
}

fn definition_causes(now: &Now, before: &Lineage, causes: &mut Vec<Cause>) {
    let names: BTreeSet<&String> = now.definition.keys().chain(before.definition.keys()).collect();
    for name in names {
        let (old, new) = (before.definition.get(name), now.definition.get(name));
        if old != new {
            let (kind, subject) = definition_cause(name);
            causes.push(marked(kind, subject, old, new));
        }
    }
}

/// Says what a part of the definition is: its name is the contract of [`Definition`](crate::define::Definition).
fn definition_cause(part: &str) -> (CauseKind, String) {
    if let Some(path) = part.strip_prefix("schema.") {
        return (CauseKind::DefinitionFile, path.to_owned());
    }
    let agent = part.strip_prefix("agent.").or_else(|| part.strip_prefix("rules."));
    let Some(agent) = agent else { return (CauseKind::Definition, part.to_owned()) };
    match agent.split_once('.') {
        None => (CauseKind::Agent, agent.to_owned()),
        Some((name, "params")) => (CauseKind::Params, name.to_owned()),
        Some((name, rest)) => (CauseKind::Agent, format!("{name} ({})", rest.trim_start_matches("file."))),
    }
}

fn upstream_causes(now: &Now, before: &Lineage, causes: &mut Vec<Cause>) {
    for upstream in now.upstream.iter().filter(|upstream| upstream.counts()) {
        let name = upstream.target.to_string();
        let old = before.upstream.get(&name).and_then(Option::as_ref);
        match (old, &upstream.artifact) {
            (None, Some(_)) => causes.push(Cause::new(CauseKind::WantArrived, name)),
            (Some(_), None) => causes.push(Cause::new(CauseKind::WantGone, name)),
            // Not even as absent: there was no such scope.
            (None, None) if upstream.read && !before.upstream.contains_key(&name) => {
                causes.push(Cause::new(CauseKind::Gathered, name));
            }
            (Some(old), Some((_, new)))
                if upstream.read && (old.artifact.digest != new.digest || upstream.stands_otherwise(old)) =>
            {
                causes.push(marked(CauseKind::Upstream, name, Some(&old.artifact.digest), Some(&new.digest)));
            }
            (Some(_), Some(_)) if upstream.is_read_stale() => {
                causes.push(Cause::new(CauseKind::UpstreamStale, name));
            }
            _ => {}
        }
    }
    let there: BTreeSet<String> = now.upstream.iter().map(|upstream| upstream.target.to_string()).collect();
    let gone = before.upstream.iter().filter(|(name, _)| !there.contains(*name));
    causes.extend(gone.map(|(name, old)| {
        let old = old.as_ref().map_or_else(|| Digest::of_content(&[]), |old| old.artifact.digest);
        marked(CauseKind::Gathered, name.clone(), Some(&old), None)
    }));
}

fn file_causes(now: &Now, before: &Lineage, causes: &mut Vec<Cause>) {
    for (path, new) in &now.context_files {
        let old = before.context_files.get(path).map(|file| &file.file);
        if old != Some(new) {
            causes.push(marked(CauseKind::ContextFile, path.clone(), old, Some(new)));
        }
    }
    let sources: BTreeMap<&String, &Digest> =
        now.sources.iter().map(|stamp| (&stamp.path, &stamp.digest)).collect();
    let paths: BTreeSet<&String> = sources.keys().copied().chain(before.sources.keys()).collect();
    for path in paths {
        let (old, new) = (before.sources.get(path), sources.get(path).copied());
        if old != new {
            causes.push(marked(CauseKind::SourceFile, path.clone(), old, new));
        }
    }
    causes.extend(now.altered.iter().map(|path| Cause::new(CauseKind::OutputFile, path.clone())));
}

fn edit_causes(now: &Now, before: &Lineage, target: &Target, causes: &mut Vec<Cause>) {
    let (old, new) = (before.edits, now.edits.digest());
    if old != new {
        let edited: Vec<String> = now.edits.targets().map(ToString::to_string).collect();
        let subject = if edited.is_empty() { target.to_string() } else { edited.join(", ") };
        causes.push(marked(CauseKind::Edits, subject, old.as_ref(), new.as_ref()));
        return;
    }
    let (old, new) = (before.edited_from, now.edits.edited_from());
    if old != new {
        let subject = now.edits.echoed().next().map_or(target, |(of, _)| of).to_string();
        causes.push(marked(CauseKind::Upstream, subject, old.as_ref(), new.as_ref()));
    }
}

fn marked(kind: CauseKind, subject: String, old: Option<&Digest>, new: Option<&Digest>) -> Cause {
    Cause { kind, subject, old: old.map(ToString::to_string), new: new.map(ToString::to_string) }
}
