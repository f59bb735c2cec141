//! Sources that are not there: a run would fail for them, and nothing else in the definition is wrong.

use std::collections::BTreeSet;

use refrain_schemas::problem::{Problem, Severity};
use serde_json::{Map, Value};

use crate::engine::{Engine, EngineError};
use crate::facts;
use crate::history::History;
use crate::model::Work;
use crate::ports::files::FileError;

/// Returns a warning for each file or pattern that a phase reads or patches and that leads to nothing; what several phases miss is
/// told once. What cannot be looked at for another reason is for a run to tell.
pub(crate) async fn missing_sources(engine: &Engine) -> Result<Vec<Problem>, EngineError> {
    let (model, ports) = (engine.model(), engine.ports());
    let history = History::fold(ports.store.history().await?);
    let (mut problems, mut told) = (Vec::new(), BTreeSet::new());
    for target in model.targets() {
        let Some(phase) = model.phase(target.phase.as_str()) else { continue };
        let latest = history.latest(&target);
        let found = match &phase.work {
            Work::Read(work) => {
                let params: Map<String, Value> = facts::params(model, &work.agent, &target)?;
                let known = latest.map_or(&[][..], |latest| latest.files.as_slice());
                ports.reader.stamps(&params, known).await
            }
            Work::Write(work) => {
                let params = facts::params(model, &work.agent, &target)?;
                let known = latest.map_or(&[][..], |latest| latest.patched.as_slice());
                ports.writer.inputs(&params, known).await
            }
            Work::Ask(_) | Work::Loop(_) => continue,
        };
        if let Err(FileError::Missing { path }) = found
            && told.insert(path.clone())
        {
            problems.push(missing(target.phase.as_str(), &path));
        }
    }
    Ok(problems)
}

fn missing(phase: &str, path: &str) -> Problem {
    Problem {
        code: "W0794".to_owned(),
        severity: Severity::Warning,
        message: format!("there is no file {path}, which phase `{phase}` needs: a run fails there"),
        hint: Some("put it there, or name what is there instead".to_owned()),
        path: format!("phases.{phase}"),
        place: None,
        related: Vec::new(),
    }
}
