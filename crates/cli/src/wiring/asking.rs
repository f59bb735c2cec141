//! Questions about a pipeline, put to a model by an engine of their own over the project's store.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use refrain_core::check::{Surroundings, check};
use refrain_core::engine::{Control, Engine, RunRequest, Selection};
use refrain_core::meaning::Wanting;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::name::PhaseName;
use refrain_schemas::pipeline::Pipeline;
use refrain_schemas::problem::{Problem, Severity};
use refrain_schemas::report::RunReport;
use refrain_schemas::scope::{Scope, Target};
use refrain_sinks::{JsonlLog, Redacting};
use serde_json::Value;

use super::{Agents, LogFolder, OneRun, ports};
use crate::args::Globals;
use crate::interrupt::Watch;
use crate::project::Project;
use crate::report::CliError;
use crate::runtime;

/// Questions that can be asked.
pub(crate) struct Asking {
    engine: Engine,
    /// What each phase answers.
    answers: IndexMap<PhaseName, String>,
}

/// What came of asking.
pub(crate) struct Told {
    /// The report of the run.
    pub(crate) report: RunReport,
    /// Why the first of them was not answered.
    pub(crate) failure: Option<String>,
}

impl Asking {
    /// Makes out what is asked. What is wrong with the model that is to be asked comes back instead.
    pub(super) fn new(
        project: &Project,
        agents: &Agents,
        wanting: Wanting,
    ) -> Result<Result<Self, Vec<Problem>>, CliError> {
        let Wanting { pipeline, files, answers } = wanting;
        let surroundings =
            Surroundings { factories: &agents.factories, files: &files, set: &BTreeMap::new() };
        let (model, problems) = check(&pipeline, &surroundings);
        let Some(model) = model.map(Arc::new) else {
            return Ok(Err(errors_of(&pipeline, problems)));
        };
        let ports = ports(project, &model, agents)?;
        let name = format!("{} (meaning)", project.file_name);
        Ok(Ok(Self { engine: Engine::new(model, ports).of_file(&name), answers }))
    }

    /// Returns what has been answered and still is what would be asked, by what it answers.
    pub(crate) fn on_record(&self) -> Result<BTreeMap<String, Value>, CliError> {
        runtime::on_this_thread(async {
            let status = self.engine.status().await?;
            let fresh = |phase: &PhaseName| {
                let state = status.phases.iter().find(|state| state.phase == *phase);
                state.is_some_and(|state| state.freshness == Freshness::Fresh)
            };
            let known: Vec<(&PhaseName, &String)> =
                self.answers.iter().filter(|(phase, _)| fresh(phase)).collect();
            let targets: Vec<Target> = known.iter().map(|(phase, _)| target(phase)).collect();
            let documents = self.engine.documents(&targets).await?;
            let answers = known.into_iter().zip(documents);
            Ok(answers.filter_map(|((_, what), found)| Some((what.clone(), found?.value()))).collect())
        })
    }

    /// Returns what would have to be asked.
    pub(crate) fn open(&self, known: &BTreeMap<String, Value>) -> Vec<String> {
        self.answers.values().filter(|what| !known.contains_key(*what)).cloned().collect()
    }

    /// Returns what asks for some answers anew, although they are on record.
    pub(crate) fn anew(&self, what: &[String], request: RunRequest) -> RunRequest {
        let phases = self.answers.iter().filter(|(_, answer)| what.contains(answer));
        let targets = phases.map(|(phase, _)| Selection { phase: phase.clone(), values: Vec::new() });
        RunRequest { targets: targets.collect(), force: true, ..request }
    }

    /// Asks what is not on record.
    pub(crate) fn ask(&self, request: &RunRequest, log: &LogOf<'_>) -> Result<Told, CliError> {
        let mut ports = self.engine.ports().clone();
        let run_id = ports.ids.run_id();
        ports.ids = Arc::new(OneRun(run_id));
        let folder = LogFolder::new(log.project.state());
        if let Ok(file) = JsonlLog::create(folder.log(run_id), log.globals.log_level.into()) {
            ports.logs.push(Arc::new(Redacting::new(log.redactor.clone(), file)));
        }
        let name = self.engine.shared_model();
        let engine = Engine::new(name, ports).of_file(&format!("{} (meaning)", log.project.file_name));
        let control = Control::default();
        let report = runtime::with_workers(async {
            let _watch = Watch::start(&control);
            let report = engine.run(request, &control).await;
            engine.ports().tools.close().await;
            Ok(report?)
        })?;
        let errors = report.phases.iter().filter_map(|phase| phase.error.as_ref());
        let failure = errors.map(|error| {
            error.units.first().map_or_else(|| error.message.clone(), |unit| unit.failure.message.clone())
        });
        let failure = failure.into_iter().next();
        Ok(Told { report, failure })
    }
}

/// Where the log of asking goes, and what must not be in it.
pub(crate) struct LogOf<'a> {
    pub(crate) project: &'a Project,
    pub(crate) globals: &'a Globals,
    pub(crate) redactor: &'a refrain_core::redactor::Redactor,
}

fn target(phase: &PhaseName) -> Target {
    Target { phase: phase.clone(), scope: Scope::none() }
}

/// The model that is asked is named in one place, whatever is asked of it.
fn errors_of(pipeline: &Pipeline, problems: Vec<Problem>) -> Vec<Problem> {
    let own = |name: &str| pipeline.agents.keys().any(|agent| name.starts_with(&format!("agents.{agent}")));
    let mut errors: Vec<Problem> = Vec::new();
    for problem in problems.into_iter().filter(|problem| problem.severity == Severity::Error) {
        let is_known = errors.iter().any(|known| known.code == problem.code);
        if !is_known {
            let path = if own(&problem.path) { "orchestrator".to_owned() } else { problem.path.clone() };
            errors.push(Problem { path, ..problem });
        }
    }
    errors
}
