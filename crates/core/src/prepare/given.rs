//! Getting a target ready whose input is written in its phase.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use refrain_schemas::artifact::FileStamp;
use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::json::Json;
use serde_json::Value;

use crate::check::misfits;
use crate::edits::Editing;
use crate::model::{AskWork, Given, Model};
use crate::ports::agent::{Draft, Touched};
use crate::ports::files::ProjectFiles;
use crate::request::Requests;
use crate::sight::Seen;
use crate::tree::sequence::Sequence;
use crate::units;

use super::{Piece, Preparation, PrepareError, Prepared};

/// Fills the input of the one unit, and looks at the files that a call will read. Where that fails, nobody has been asked
/// anything.
pub(super) async fn prepare_given(
    preparation: &Preparation<'_>,
    given: &Given,
) -> Result<Prepared, PrepareError> {
    let Preparation { model, store, scope, now, phase, .. } = *preparation;
    let fixed = &*phase.fixed(scope);
    let (upstream, bindings, execution) = (&now.upstream, &now.bindings, now.execution.as_ref());
    let seen = Seen { model, scope: fixed, upstream, store, bindings, execution };
    let context = given.sight.context(&seen).await?;
    let bad = |error: &dyn std::fmt::Display| PrepareError::Data(error.to_string());
    let filled = given.input.fill(&context).map_err(|error| bad(&error))?;
    let input = Json::of(&filled).map_err(|error| bad(&error))?;
    accepted(given, &filled)?;
    let touched = touched(model, preparation.work, given, &filled);
    let mut found = Vec::new();
    for path in &touched.reads {
        found.push(read_stamp(preparation.files, path, None).await);
    }
    let is_there = |stamp: &&FileStamp| stamp.digest != absence();
    let digest = |path: &String| {
        found.iter().filter(is_there).find(|stamp| stamp.path == *path).map(|stamp| stamp.digest)
    };
    let requests = Requests {
        source: Sequence::empty(),
        given: Some(input),
        contexts: Vec::new(),
        by: None,
        scope: Arc::new(fixed.clone()),
        generation: now.generation,
        phase: phase.name.clone(),
        turns: phase.turns(scope),
        reads: touched.reads.iter().map(|path| (path.clone(), digest(path))).collect(),
    };
    Ok(Prepared {
        requests: Arc::new(requests),
        pieces: vec![Piece::Made(1)],
        units: vec![units::given()],
        before: None,
        editing: Editing::default(),
        context_files: BTreeMap::new(),
        context_artifacts: BTreeMap::new(),
        reads: found,
        writes: touched.writes,
        goto_sees: given.goto.as_ref().map(|_| now.upstream.clone()).unwrap_or_default(),
        pages: Vec::new(),
    })
}

/// Holds an input to what the agents of the pool say that they take.
fn accepted(given: &Given, input: &Value) -> Result<(), PrepareError> {
    for (agent, accepts) in &given.accepts {
        let told = misfits(&accepts.validator, input)
            .map(|(at, error)| if at.is_empty() { error } else { format!("`{at}`: {error}") });
        let told: Vec<String> = told.collect();
        if !told.is_empty() {
            return Err(PrepareError::Data(format!("`{agent}` does not accept it: {}", told.join("; "))));
        }
    }
    Ok(())
}

/// Returns the files that any agent of the pool will touch, sorted.
fn touched(model: &Model, work: &AskWork, given: &Given, input: &Value) -> Touched {
    let (mut reads, mut writes) = (BTreeSet::new(), BTreeSet::new());
    for (member, factory) in work.pool.iter().zip(&given.factories) {
        let Some(agent) = model.agents.get(member.agent.as_str()) else { continue };
        let draft = Draft { spec: &agent.spec, declared: &model.declared };
        let touched = factory.touches(&draft, input);
        reads.extend(touched.reads);
        writes.extend(touched.writes);
    }
    Touched { reads: reads.into_iter().collect(), writes: writes.into_iter().collect() }
}

/// Returns the stamp of a file that a call reads; `known` vouches for one that has not changed since. One that is not there
/// has a stamp as well, so that it is noticed when it comes.
async fn read_stamp(files: &dyn ProjectFiles, path: &str, known: Option<&FileStamp>) -> FileStamp {
    let known = known.filter(|known| known.digest != absence());
    let absent = || FileStamp {
        path: path.to_owned(),
        digest: absence(),
        size: 0,
        modified: 0,
        inode: 0,
        young: false,
    };
    files.stamp(path, known).await.unwrap_or_else(|_| absent())
}

/// Returns what stands for the contents of a file that is not there.
pub fn absence() -> Digest {
    Digester::new("refrain absent file v1").finish()
}

/// Returns the stamps, as they are now, of files that a call read. One that it wrote as well, and that is as it left it, is as
/// it was, and so is one that is as a later target left it.
pub async fn read_again(
    files: &dyn ProjectFiles,
    read: &[FileStamp],
    written: &[FileStamp],
    later: &[FileStamp],
) -> Vec<FileStamp> {
    let mut stamps = Vec::new();
    for stamp in read {
        let left = written.iter().find(|left| left.path == stamp.path);
        let found = read_stamp(files, &stamp.path, Some(left.unwrap_or(stamp))).await;
        let is_left = left.into_iter().chain(later).any(|left| left.is_same_file(&found));
        stamps.push(if is_left { stamp.clone() } else { found });
    }
    stamps
}

/// Returns the stamps, as they are now, of files that were written.
pub async fn written_again(files: &dyn ProjectFiles, written: &[FileStamp]) -> Vec<FileStamp> {
    let mut stamps = Vec::new();
    for stamp in written {
        stamps.push(read_stamp(files, &stamp.path, Some(stamp)).await);
    }
    stamps
}

/// Returns the stamps of files; one that is not there, or cannot be read, has that of nothing.
pub async fn stamps(files: &dyn ProjectFiles, paths: &[String]) -> Vec<FileStamp> {
    let mut stamps = Vec::new();
    for path in paths {
        stamps.push(read_stamp(files, path, None).await);
    }
    stamps
}
