//! Getting a target ready: its inputs read, its units split, what did not change told from what did.

mod ahead;
mod given;
mod one;

pub use ahead::{Prospect, RecordsBefore, ahead};
pub use given::{absence, read_again, stamps, written_again};
pub use one::prepare_one;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use refrain_schemas::artifact::{ArtifactKind, ArtifactRef, FileStamp};
use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::name::PhaseName;
use refrain_schemas::scope::Scope;

use crate::artifact;
use crate::delta::{self, Made};
use crate::edits::Editing;
use crate::engine::EngineError;
use crate::history::Prior;
use crate::judge::{Now, UpstreamNow};
use crate::model::{AskWork, Context, ContextSource, Model, Phase, ScopedFile, Select, Split};
use crate::ports::files::{Loaded, ProjectFiles};
use crate::ports::store::Store;
use crate::request::{ContextEntry, Requests, View, places};
use crate::terms::{Finder, Matching, Term};
use crate::tree::sequence::Sequence;
use crate::units::{self, Unit};

/// A target that is ready to be asked about.
#[derive(Debug)]
pub struct Prepared {
    /// What its requests are made from.
    pub requests: Arc<Requests>,
    /// Its units in order: stretches kept from the revision before, and stretches to be made.
    pub pieces: Vec<Piece>,
    /// The units to be made, in order.
    pub units: Vec<Unit>,
    /// The tables that kept stretches are in.
    pub before: Option<Before>,
    /// What people edited.
    pub editing: Editing,
    /// The digests of context files as they were read, by path.
    pub context_files: BTreeMap<String, Digest>,
    /// Context files as artifacts, by path.
    pub context_artifacts: BTreeMap<String, ArtifactRef>,
    /// The files that a call will read, as they are.
    pub reads: Vec<FileStamp>,
    /// The files that a call will write.
    pub writes: Vec<String>,
    /// What a template sees that names the phase to go on with; nothing where there is none.
    pub goto_sees: Vec<UpstreamNow>,
    /// Their pages, which nobody has stored yet.
    pub pages: Vec<(Digest, Vec<u8>)>,
}

/// A stretch of units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Units that are as in the revision before, by their places in its unit table.
    Kept(Range<u64>),
    /// So many units to be made.
    Made(usize),
}

impl Piece {
    /// Returns the places of the units in the table before, if they are kept.
    #[must_use]
    pub const fn kept(&self) -> Option<&Range<u64>> {
        match self {
            Self::Kept(range) => Some(range),
            Self::Made(_) => None,
        }
    }
}

/// The tables of the revision before.
#[derive(Debug, Clone)]
pub struct Before {
    /// Its unit table.
    pub units: Sequence,
    /// What machines made of it: its artifact before people's edits were laid over.
    pub artifact: Sequence,
}

impl Prepared {
    /// Makes the requests those of another generation, as long as nobody else holds them.
    pub fn set_generation(&mut self, generation: u32) {
        if let Some(requests) = Arc::get_mut(&mut self.requests) {
            requests.generation = generation;
        }
    }

    /// Returns how many units there are.
    #[must_use]
    pub fn n_units(&self) -> u64 {
        self.n_kept() + self.units.len() as u64
    }

    /// Returns how many units are kept.
    #[must_use]
    pub fn n_kept(&self) -> u64 {
        let kept = self.pieces.iter().map(|piece| match piece {
            Piece::Kept(range) => range.end - range.start,
            Piece::Made(_) => 0,
        });
        kept.sum()
    }
}

/// What preparing needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Preparation<'a> {
    /// The project.
    pub model: &'a Model,
    /// The store.
    pub store: &'a dyn Store,
    /// The project's files.
    pub files: &'a dyn ProjectFiles,
    /// The revision before.
    pub prior: Option<&'a Prior>,
    /// The phase.
    pub phase: &'a Phase,
    /// Its work.
    pub work: &'a AskWork,
    /// Its scope.
    pub scope: &'a Scope,
    /// What is.
    pub now: &'a Now,
    /// Look at every unit, even where nothing seems to have changed.
    pub whole: bool,
}

/// Why a target cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The data do not fit the definition.
    #[error("{0}")]
    Data(String),
    /// The store or a file failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<crate::ports::store::StoreError> for PrepareError {
    fn from(error: crate::ports::store::StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// Gets a target ready.
///
/// # Errors
/// Fails where the data do not fit the definition, or the store or a file fails.
pub async fn prepare(preparation: Preparation<'_>) -> Result<Prepared, PrepareError> {
    if let Some(given) = &preparation.work.given {
        let Preparation { model, phase, store, now, whole, .. } = preparation;
        let editing = now.edits.load(model, phase, store, whole).await?;
        let prepared = given::prepare_given(&preparation, given).await?;
        return Ok(Prepared { editing, ..prepared });
    }
    let mut loaded = LoadedFiles::default();
    for context in &preparation.work.context {
        if let ContextSource::File(file) = &context.source {
            loaded.load(preparation.files, file, preparation.scope).await?;
        }
    }
    let Preparation { model, phase, store, now, .. } = preparation;
    let editing = now.edits.load(model, phase, store, preparation.whole).await?;
    let kept = if preparation.whole { None } else { delta::kept(&preparation, &loaded, &editing).await? };
    let prepared = match kept {
        Some(kept) => prepare_changed(preparation, loaded, kept).await?,
        None => prepare_whole(preparation, loaded).await?,
    };
    Ok(Prepared { editing, ..prepared })
}

async fn prepare_whole(preparation: Preparation<'_>, loaded: LoadedFiles) -> Result<Prepared, PrepareError> {
    let source = source(&preparation, true).await?;
    let units = units::split(&source, &preparation.work.units.split)
        .map_err(|error| PrepareError::Data(error.to_string()))?;
    let requests = requests(&preparation, source, &loaded, !units.is_empty()).await?;
    Ok(Prepared {
        requests: Arc::new(requests),
        pieces: vec![Piece::Made(units.len())],
        units,
        before: None,
        editing: Editing::default(),
        context_files: loaded.digests,
        context_artifacts: loaded.artifacts,
        reads: Vec::new(),
        writes: Vec::new(),
        goto_sees: Vec::new(),
        pages: loaded.pages,
    })
}

async fn prepare_changed(
    preparation: Preparation<'_>,
    loaded: LoadedFiles,
    kept: delta::Kept,
) -> Result<Prepared, PrepareError> {
    let mut source = kept.source;
    source.load_positions(preparation.store, &kept.read).await?;
    let units: Vec<Unit> = match kept.made {
        Made::Records(places) => {
            places.iter().filter_map(|at| Some(units::record_unit(*at, source.entry(*at)?.id))).collect()
        }
        Made::Groups(groups) => groups,
    };
    let requests = requests(&preparation, source, &loaded, !units.is_empty()).await?;
    Ok(Prepared {
        requests: Arc::new(requests),
        pieces: kept.pieces,
        units,
        before: Some(kept.before),
        editing: Editing::default(),
        context_files: loaded.digests,
        context_artifacts: loaded.artifacts,
        reads: Vec::new(),
        writes: Vec::new(),
        goto_sees: Vec::new(),
        pages: loaded.pages,
    })
}

/// Context files that have been read, and their artifacts.
#[derive(Debug, Default)]
pub struct LoadedFiles {
    contents: BTreeMap<String, Loaded>,
    digests: BTreeMap<String, Digest>,
    artifacts: BTreeMap<String, ArtifactRef>,
    pages: Vec<(Digest, Vec<u8>)>,
}

impl LoadedFiles {
    async fn load(
        &mut self,
        files: &dyn ProjectFiles,
        file: &ScopedFile,
        scope: &Scope,
    ) -> Result<(), PrepareError> {
        let path = file.path(scope);
        if self.contents.contains_key(path) {
            return Ok(());
        }
        let (contents, digest) = load_steady(files, path, file.delimiter).await?;
        self.digests.insert(path.to_owned(), digest);
        let (artifact, pages) = artifact::of_loaded(&contents);
        self.contents.insert(path.to_owned(), contents);
        self.artifacts.insert(path.to_owned(), artifact);
        self.pages.extend(pages);
        Ok(())
    }

    /// Returns the artifact of a file that has been read.
    #[must_use]
    pub fn artifact(&self, path: &str) -> Option<&ArtifactRef> {
        self.artifacts.get(path)
    }

    /// Returns the records of a file that has been read.
    pub(crate) fn sequence(&self, path: &str) -> Result<Option<Sequence>, PrepareError> {
        let Some(artifact) = self.artifacts.get(path) else { return Ok(None) };
        let root = crate::tree::page::NodeRef { digest: artifact.digest, count: 0, weight: 0 };
        Ok(Some(Sequence::built(root, &self.pages)?))
    }
}

/// How often a file that changes while it is read is read again.
const READS: usize = 5;

/// Reads a file together with the digest of the very contents that were read.
async fn load_steady(
    files: &dyn ProjectFiles,
    path: &str,
    delimiter: Option<char>,
) -> Result<(Loaded, Digest), PrepareError> {
    for _ in 0..READS {
        let before = files.stamp(path, None).await.map_err(EngineError::from)?.digest;
        let contents = files.load(path, delimiter).await.map_err(EngineError::from)?;
        if files.stamp(path, None).await.map_err(EngineError::from)?.digest == before {
            return Ok((contents, before));
        }
    }
    Err(PrepareError::Data(format!("{path} changes while it is read")))
}

/// Returns the upstream artifacts of a phase that are there.
pub(crate) fn artifacts_of<'a>(now: &'a Now, phase: &PhaseName) -> Vec<(&'a UpstreamNow, &'a ArtifactRef)> {
    let of_phase = now.upstream.iter().filter(|upstream| upstream.target.phase == *phase);
    of_phase.filter_map(|upstream| Some((upstream, &upstream.artifact.as_ref()?.1))).collect()
}

/// Returns the phase that units come from: the first of the alternatives that is there.
pub(crate) fn chosen_source<'a>(now: &Now, of: &'a [PhaseName]) -> Option<&'a PhaseName> {
    of.iter().find(|phase| !artifacts_of(now, phase).is_empty())
}

async fn source(preparation: &Preparation<'_>, whole: bool) -> Result<Sequence, PrepareError> {
    let of = &preparation.work.units.of;
    let chosen = chosen_source(preparation.now, of);
    let found = chosen.map(|phase| artifacts_of(preparation.now, phase)).unwrap_or_default();
    open(preparation, &found, whole).await
}

/// Opens the artifacts of one phase: the one there is or, where several scopes are gathered, all of them as one.
async fn open(
    preparation: &Preparation<'_>,
    found: &[(&UpstreamNow, &ArtifactRef)],
    whole: bool,
) -> Result<Sequence, PrepareError> {
    let store = preparation.store;
    match found {
        [(upstream, artifact)] if !is_gathered(preparation, upstream) => Ok(if whole {
            Sequence::open_whole(store, artifact.digest).await?
        } else {
            Sequence::open(store, artifact.digest).await?
        }),
        several => {
            let mut parts = Vec::new();
            for (upstream, artifact) in several {
                parts.push((&upstream.target.scope, Sequence::open_whole(store, artifact.digest).await?));
            }
            Ok(artifact::gather(&parts)?)
        }
    }
}

/// Whether a phase reads an upstream scope through `gather`, so that records carry their scope.
pub(crate) fn is_gathered(preparation: &Preparation<'_>, upstream: &UpstreamNow) -> bool {
    let gather = &preparation.phase.gather;
    upstream.target.scope.iter().any(|(dimension, _)| gather.contains(dimension))
}

async fn requests(
    preparation: &Preparation<'_>,
    source: Sequence,
    loaded: &LoadedFiles,
    wanted: bool,
) -> Result<Requests, PrepareError> {
    let mut contexts = Vec::new();
    for context in preparation.work.context.iter().filter(|_| wanted) {
        let view = view(preparation, context, &source, loaded).await?;
        contexts.push(ContextEntry { name: Arc::from(context.name.as_str()), view });
    }
    // The order of entries in the file is nobody's business, least of all a key's.
    contexts.sort_by(|a, b| a.name.cmp(&b.name));
    let by = match &preparation.work.units.split {
        Split::By(field) => Some(field.clone()),
        _ => None,
    };
    let scope = Arc::new(preparation.scope.clone());
    let (generation, phase) = (preparation.now.generation, preparation.phase.name.clone());
    let (turns, reads) = (Scope::none(), Vec::new());
    Ok(Requests { source, given: None, contexts, by, scope, generation, phase, turns, reads })
}

async fn view(
    preparation: &Preparation<'_>,
    context: &Context,
    source: &Sequence,
    loaded: &LoadedFiles,
) -> Result<View, PrepareError> {
    if let Select::Window { n, within } = &context.select {
        let within = within.as_ref().map(|field| (field.clone(), places(source, field, false)));
        return Ok(View::Window { n: *n, within });
    }
    let (kind, hard, records) = match &context.source {
        ContextSource::File(file) => {
            let path = file.path(preparation.scope);
            let kind = loaded.artifact(path).map_or(ArtifactKind::Document, |artifact| artifact.kind);
            (kind, false, loaded.sequence(path)?)
        }
        ContextSource::Phase(phase) => {
            let found = artifacts_of(preparation.now, phase);
            let Some((upstream, artifact)) = found.first() else { return Ok(View::Absent) };
            (artifact.kind, upstream.hard, Some(open(preparation, &found, true).await?))
        }
    };
    let records =
        records.ok_or_else(|| PrepareError::Data(format!("context `{}` was not read", context.name)))?;
    select(context, kind, hard, records)
}

fn select(
    context: &Context,
    kind: ArtifactKind,
    hard: bool,
    records: Sequence,
) -> Result<View, PrepareError> {
    let is_records = kind == ArtifactKind::Records;
    match &context.select {
        Select::Whole => {
            let json = artifact::whole(&records, is_records);
            let digest = Digest::of_content(json.as_str().as_bytes());
            Ok(View::Shared(json, digest))
        }
        _ if !is_records => Err(PrepareError::Data(format!(
            "context `{}` selects records, but what it reads has none",
            context.name
        ))),
        Select::On { field, unique } => {
            let places = places(&records, field, *unique);
            Ok(View::Joined { field: field.clone(), unique: *unique, hard, records, places })
        }
        Select::Match { field, within, how } => matched(context, &records, field, within, how),
        Select::Window { .. } => Ok(View::Absent),
    }
}

fn matched(
    context: &Context,
    records: &Sequence,
    name: &str,
    within: &[String],
    how: &Matching,
) -> Result<View, PrepareError> {
    let known = records.iter().filter_map(|(_, entry)| {
        Some((how.term_of(entry.text(), name)?, Json::from_canonical(entry.text())))
    });
    let (terms, entries): (Vec<Term>, Vec<Json>) = known.unzip();
    let finder = Finder::new(&terms, how.words);
    let finder =
        finder.map_err(|error| PrepareError::Data(format!("context `{}`: {error}", context.name)))?;
    Ok(View::Matched { fields: within.to_vec(), entries, finder })
}
