//! Getting a target ready whose input is written in its phase.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use refrain_schemas::artifact::FileStamp;
use refrain_schemas::json::Json;
use serde_json::Value;

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
    let (params, upstream, bindings) = (&model.params, &now.upstream, &now.bindings);
    let seen = Seen { params, scope: fixed, upstream, store, bindings };
    let context = given.sight.context(&seen).await?;
    let bad = |error: &dyn std::fmt::Display| PrepareError::Data(error.to_string());
    let filled = given.input.fill(&context).map_err(|error| bad(&error))?;
    let input = Json::of(&filled).map_err(|error| bad(&error))?;
    let touched = touched(model, preparation.work, given, &filled);
    let found = stamps(preparation.files, &touched.reads).await;
    let digest = |path: &String| found.iter().find(|stamp| stamp.path == *path).map(|stamp| stamp.digest);
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
        pages: Vec::new(),
    })
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

/// Returns the stamps of files; one that is not there, or cannot be read, has none.
pub async fn stamps(files: &dyn ProjectFiles, paths: &[String]) -> Vec<FileStamp> {
    let mut stamps = Vec::new();
    for path in paths {
        stamps.extend(files.stamp(path, None).await.ok());
    }
    stamps
}
