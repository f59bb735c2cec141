//! A project that is ready: what a run shows, what is left over, what people answer, what is to be said beside a result.

use std::path::PathBuf;
use std::sync::Arc;

use indicatif::ProgressDrawTarget;
use refrain_core::engine::{Engine, Leftover, Ports};
use refrain_core::meaning;
use refrain_core::model::Model;
use refrain_core::ports::scratch::{Change, Scratch as _};
use refrain_core::quality::Subject;
use refrain_core::redactor::Redactor;
use refrain_schemas::choice::ModelChoice;
use refrain_schemas::digest::Digest;
use refrain_schemas::event::Level;
use refrain_schemas::name::RunId;
use refrain_schemas::pipeline::Pipeline;
use refrain_schemas::problem::Problem;
use refrain_schemas::progress::RunProgress;
use refrain_schemas::report::{LeftoverFile, OpenErrors, PhaseStatus, RunReport, RunStatus};
use refrain_schemas::status::Holder;
use refrain_schemas::steps::StepsMap;
use refrain_sinks::log_file::last_progress;
use refrain_sinks::{ConsoleLog, JsonlLog, JsonlProgress, Redacting, TerminalSink};
use serde_json::{Map, Value};

use super::{Asking, Checked, LogFolder, LogOf, OneRun, now};
use crate::args::{Globals, ProgressChoice};
use crate::output::Output;
use crate::project::Project;
use crate::report::CliError;
use crate::turn_name::Names;
use crate::{choices, holder, runtime};

/// Where tools that ask people look for answers.
const ANSWERS: &str = "answers";
/// Where they remember since when something is asked.
const ASKED: &str = "asked";

/// A project that is ready to be asked things.
pub(crate) struct Opened {
    /// Where it is.
    pub(crate) project: Project,
    /// The engine over it.
    pub(crate) engine: Engine,
    pub(super) checked: Checked,
    pub(super) model: Arc<Model>,
    pub(super) pipeline: Pipeline,
    /// The files that a run of this process writes its log to.
    pub(super) run_files: Vec<PathBuf>,
}

impl Opened {
    /// Remembers what a person answers to the question of this digest, until a run has come to its end with it.
    pub(crate) fn answer(&self, asked: &str, answer: Value) -> Result<(), CliError> {
        let by = Digest::of_content(format!("{asked} {} {answer}", now()).as_bytes());
        let change = Change::Put(asked.to_owned(), answer);
        runtime::on_this_thread(async {
            self.checked.agents.scratch.change(ANSWERS, &by, change).await?;
            Ok(())
        })
    }

    /// Returns what became of the steps, where the file is one of steps.
    pub(crate) const fn steps(&self) -> Option<&StepsMap> {
        self.checked.steps.as_ref()
    }

    /// Returns an error in words of the file: of a steps file, with the names that results have for its steps.
    pub(crate) fn in_own_words(&self, error: CliError) -> CliError {
        match self.steps() {
            Some(map) => {
                let names = Names::of(map);
                error.said_as(|text| names.words(text))
            }
            None => error,
        }
    }

    /// Returns what people are warned of about the pipeline.
    pub(crate) fn warnings(&self) -> &[Problem] {
        &self.checked.problems
    }

    /// Returns the models that were chosen for steps.
    pub(crate) fn choices(&self) -> &[ModelChoice] {
        self.steps().map_or(&[], |map| &map.choices)
    }

    /// Keeps the models that were chosen, so that later runs ask the same ones.
    pub(crate) fn keep_choices(&self) -> Result<(), CliError> {
        let Some(map) = self.steps() else { return Ok(()) };
        let store = self.engine.ports().store.clone();
        let is_held = runtime::on_this_thread(async { Ok(store.holder().await?.is_some()) })?;
        if is_held {
            return Ok(());
        }
        choices::write(&self.project, &self.checked.known_choices, &map.record)
    }

    /// Returns what a model is asked about what a run made; `None` where nothing is.
    pub(crate) fn about_results(&self, subjects: &[Subject]) -> Result<Option<Asking>, CliError> {
        let Some(map) = self.steps() else { return Ok(None) };
        let Some(wanting) = meaning::of_results(map, &self.pipeline, subjects) else { return Ok(None) };
        Ok(Asking::new(&self.project, &self.checked.agents, wanting)?.ok())
    }

    /// Returns where the log of asking goes.
    pub(crate) const fn log_of<'a>(&'a self, globals: &'a Globals) -> LogOf<'a> {
        LogOf { project: &self.project, globals, redactor: &self.checked.safety.redactor }
    }

    /// Returns what is written in the pipeline file, or what its steps became.
    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Returns this process as the one who writes.
    pub(crate) fn holder(&self) -> Holder {
        holder::this_process(self.engine.ports().clock.now())
    }

    /// Returns the files that are left over. None where that cannot be told: it is a remark beside what was asked for, which
    /// never fails for it.
    pub(crate) async fn leftovers(&self) -> Vec<LeftoverFile> {
        if !self.project.is_usual() {
            return Vec::new();
        }
        let found = self.engine.leftovers().await.unwrap_or_default().into_iter();
        found.map(|Leftover { file, target }| LeftoverFile { path: file.path, target }).collect()
    }

    /// Lets go of what tools remember where a run is over; one that is to go on keeps it. Since when somebody is asked who has
    /// not answered yet is kept in any case.
    pub(crate) fn conclude(&self, report: &RunReport) {
        let goes_on = matches!(report.status, RunStatus::Cancelled | RunStatus::Stopped | RunStatus::Waiting);
        if !goes_on {
            let is_asked = report.phases.iter().any(|phase| phase.status == PhaseStatus::Waiting);
            // What is left is found and forgotten by the next run that ends.
            let _is_still_there = runtime::on_this_thread(self.forget(is_asked));
        }
    }

    async fn forget(&self, is_asked: bool) -> Result<(), CliError> {
        let scratch = &self.checked.agents.scratch;
        let asked = if is_asked { scratch.look(ASKED).await? } else { Map::new() };
        scratch.forget()?;
        for (question, since) in asked {
            let by = Digest::of_content(format!("asked {question}").as_bytes());
            scratch.change(ASKED, &by, Change::Put(question, since)).await?;
        }
        Ok(())
    }

    /// Returns what people should know whatever they asked for: which errors are open, and which edits do not come out. Neither
    /// where that cannot be told: what was asked for never fails for it.
    pub(crate) async fn remarks(&self) -> (Vec<OpenErrors>, Vec<Problem>) {
        let open = self.engine.open_errors().await.unwrap_or_default();
        (open, self.engine.idle_edits().await.unwrap_or_default())
    }

    /// Shows warnings about the pipeline, and about edits that do not come out, beside the result. Returns the latter.
    pub(crate) fn warn(&self, output: &Output) -> Result<Vec<Problem>, CliError> {
        let idle = self.idle_edits()?;
        let mut problems = self.checked.problems.clone();
        problems.extend(idle.iter().cloned());
        self.note(&problems, output);
        Ok(idle)
    }

    /// Shows warnings about edits that do not come out for what a run found, beside those that were known before.
    pub(crate) fn warn_again(&self, known: &[Problem], output: &Output) -> Result<(), CliError> {
        let mut problems = self.idle_edits()?;
        problems.retain(|problem| !known.contains(problem));
        self.note(&problems, output);
        Ok(())
    }

    fn note(&self, problems: &[Problem], output: &Output) {
        if !problems.is_empty() {
            let rendered =
                refrain_config::render_plain(problems, &self.checked.sources, output.error_theme.color);
            output.note(rendered.trim_end());
        }
    }

    /// Returns what was found in the pipeline, and warnings about edits that do not come out and sources that are not there.
    pub(crate) fn with_warnings(mut self) -> Result<Checked, CliError> {
        let missing = runtime::on_this_thread(async { Ok(self.engine.missing_sources().await?) })?;
        self.checked.problems.extend(self.idle_edits()?.into_iter().chain(missing));
        Ok(self.checked)
    }

    /// Returns a warning for each phase whose edits do not come out.
    fn idle_edits(&self) -> Result<Vec<Problem>, CliError> {
        runtime::on_this_thread(async { Ok(self.engine.idle_edits().await?) })
    }

    /// Connects the log file, the progress file and what is shown on standard error to the engine, for a run.
    pub(crate) fn attach_sinks(&mut self, globals: &Globals, output: &Output) {
        let mut ports = self.engine.ports().clone();
        let run_id = ports.ids.run_id();
        ports.ids = Arc::new(OneRun(run_id));
        let secrets = self.checked.safety.redactor.clone();
        if let Err(error) = self.attach_files(&mut ports, run_id, globals, &secrets) {
            output.note(&format!("warning: this run has no log: {error}"));
        }
        let color = output.error_theme.color;
        match shown(globals, output) {
            Shown::Nothing => {}
            Shown::Lines(level) => {
                let console = ConsoleLog::new(Box::new(std::io::stderr()), level, color);
                ports.logs.push(Arc::new(Redacting::new(secrets, console)));
            }
            Shown::Bars => {
                let terminal = TerminalSink::new(ProgressDrawTarget::stderr(), Level::Info, color);
                let terminal = Arc::new(Redacting::new(secrets, terminal));
                ports.logs.push(terminal.clone());
                ports.progress.push(terminal);
            }
        }
        self.engine = Engine::new(Arc::clone(&self.model), ports).of_file(&self.project.file_name);
    }

    fn attach_files(
        &mut self,
        ports: &mut Ports,
        run_id: RunId,
        globals: &Globals,
        secrets: &Redactor,
    ) -> std::io::Result<()> {
        let folder = LogFolder::new(self.project.state());
        self.run_files = vec![folder.log(run_id), folder.progress(run_id)];
        let log = JsonlLog::create(folder.log(run_id), globals.log_level.into())?;
        let progress = JsonlProgress::create(folder.progress(run_id))?;
        ports.logs.push(Arc::new(Redacting::new(secrets.clone(), log)));
        ports.progress.push(Arc::new(Redacting::new(secrets.clone(), progress)));
        Ok(())
    }

    /// Removes the files of a run that never began: one that was refused leaves no empty log.
    pub(crate) fn discard_empty_logs(&self) {
        for file in &self.run_files {
            if std::fs::metadata(file).is_ok_and(|metadata| metadata.len() == 0) {
                let _stays_empty = std::fs::remove_file(file);
            }
        }
    }

    /// Returns how far the run of a process that holds the project is, from the file it writes.
    pub(crate) fn progress_of(&self, holder: &Holder) -> Option<RunProgress> {
        let folder = LogFolder::new(self.project.state());
        let run = folder.runs().ok()?.pop()?;
        let progress = last_progress(folder.progress(run)).ok()??;
        // What was written before the holder came is left from a run that was killed.
        Some(progress).filter(|progress| progress.status.is_none() && progress.at >= holder.since)
    }
}

/// What a run shows on standard error while it is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Lines(Level),
    Bars,
}

/// Bars and lines never share the terminal: whoever wants to see events gets lines.
const fn shown(globals: &Globals, output: &Output) -> Shown {
    match (globals.verbose, globals.progress) {
        (2.., _) => Shown::Lines(Level::Debug),
        (1, _) => Shown::Lines(Level::Info),
        (0, _) if globals.quiet => Shown::Nothing,
        (0, ProgressChoice::None) => Shown::Nothing,
        (0, ProgressChoice::Auto) if output.errors_on_terminal => Shown::Bars,
        (0, ProgressChoice::Auto | ProgressChoice::Plain) => Shown::Lines(Level::Info),
    }
}
