//! What a project needs of its files now: those that it names, and those that it would read.

use std::collections::BTreeSet;
use std::path::PathBuf;

use refrain_schemas::agent_spec::SchemaRef;
use refrain_schemas::artifact::FileStamp;

use super::Leftover;
use crate::engine::{Engine, EngineError};
use crate::facts;
use crate::history::History;
use crate::model::{AskWork, ContextSource, Model, Work};
use crate::ports::files::FileError;
use crate::prompt::{Prompt, is_path};

/// Leaves the files that the project does not need; none where what it would read cannot be told.
pub(super) async fn retain_free(
    engine: &Engine,
    history: &History,
    mut needed: BTreeSet<String>,
    files: &mut Vec<Leftover>,
) -> Result<(), EngineError> {
    named(engine.model(), &mut needed);
    match read(engine, history).await? {
        Some(read) => needed.extend(read),
        None => files.clear(),
    }
    let writer = &engine.ports().writer;
    let needed: Vec<String> = needed.into_iter().collect();
    let places: BTreeSet<PathBuf> = writer.places(&needed).await.into_iter().flatten().collect();
    let paths: Vec<String> = files.iter().map(|leftover| leftover.file.path.clone()).collect();
    let mut is_free = writer.places(&paths).await.into_iter().map(|place| {
        // Neither is what has no place in the project.
        place.is_some_and(|place| !places.contains(&place))
    });
    files.retain(|_| is_free.next().unwrap_or(false));
    Ok(())
}

/// Adds the files that the pipeline names.
fn named(model: &Model, needed: &mut BTreeSet<String>) {
    for agent in model.agents.values() {
        let layers = [&agent.spec.system, &agent.spec.prompt].into_iter().flatten();
        needed.extend(agent.files.iter().cloned());
        needed.extend(agent.spec.output.iter().filter_map(SchemaRef::file).map(str::to_owned));
        needed.extend(layers.filter(|layer| is_path(layer)).cloned());
    }
    for phase in &model.phases {
        match &phase.work {
            Work::Read(work) => needed.extend(work.schema.iter().map(|schema| schema.path.clone())),
            Work::Ask(work) => asked(work, needed),
            Work::Write(_) | Work::Loop(_) => {}
        }
    }
}

fn asked(work: &AskWork, needed: &mut BTreeSet<String>) {
    for context in &work.context {
        if let ContextSource::File(file) = &context.source {
            needed.extend(file.by_scope.values().chain([&file.written]).cloned());
        }
    }
    needed.extend(work.output.schema.iter().map(|schema| schema.path.clone()));
    for prompt in work.pool.iter().filter_map(|member| member.prompt.as_deref()) {
        let Prompt { system, user, answer, .. } = prompt;
        needed.extend(system.iter().chain(user).filter_map(|layer| layer.path.clone()));
        needed.extend(answer.iter().map(|schema| schema.path.clone()));
    }
}

/// Returns the files that sources are read from and that exports patch, as they are now; none where one cannot tell.
async fn read(engine: &Engine, history: &History) -> Result<Option<Vec<String>>, EngineError> {
    let (model, ports) = (engine.model(), engine.ports());
    let mut paths = Vec::new();
    for target in model.targets() {
        let Some(phase) = model.phase(target.phase.as_str()) else { continue };
        let latest = history.latest(&target);
        let stamps: Result<Vec<FileStamp>, FileError> = match &phase.work {
            Work::Read(work) => {
                let known = latest.map_or(&[][..], |record| record.files.as_slice());
                ports.reader.stamps(&facts::params(model, &work.agent, &target)?, known).await
            }
            Work::Write(work) => {
                let known = latest.map_or(&[][..], |record| record.patched.as_slice());
                ports.writer.inputs(&facts::params(model, &work.agent, &target)?, known).await
            }
            Work::Ask(_) | Work::Loop(_) => continue,
        };
        let Ok(stamps) = stamps else { return Ok(None) };
        paths.extend(stamps.into_iter().map(|stamp| stamp.path));
    }
    Ok(Some(paths))
}
