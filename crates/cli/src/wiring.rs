//! The one place that knows every adapter: from the command line to an engine with its ports.

mod stand_in;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use refrain_core::check::Surroundings;
use refrain_core::engine::{Engine, Ports};
use refrain_core::model::Model;
use refrain_core::ports::agent::AgentFactory;
use refrain_schemas::event::Level;
use refrain_schemas::pipeline::{ParamSpec, ParamType, Pipeline};
use refrain_schemas::problem::{Problem, Severity};
use refrain_schemas::status::Holder;
use serde_json::Value;
use stand_in::{named_files, refrain_builtin, refrain_command, refrain_config, refrain_files, refrain_sinks};
use stand_in::{refrain_store, refrain_system};

use crate::args::{Globals, ProgressChoice};
use crate::holder;
use crate::output::Output;
use crate::project::Project;
use crate::report::CliError;

/// A project that was read and checked.
pub(crate) struct Checked {
    /// What it means; absent where there are errors.
    pub(crate) model: Option<Arc<Model>>,
    /// Everything that was found, in file order.
    pub(crate) problems: Vec<Problem>,
    sources: BTreeMap<String, Vec<u8>>,
}

impl Checked {
    /// Returns the problems as people read them, each with the lines it is about.
    pub(crate) fn rendered(&self, color: bool) -> String {
        refrain_config::render_plain(&self.problems, &self.sources, color)
    }

    /// Returns how many problems keep the project from running.
    pub(crate) fn n_errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }
}

/// Reads and checks a project.
pub(crate) fn check(project: &Project, globals: &Globals) -> Result<Checked, CliError> {
    let bytes = project.read()?;
    let parsed = refrain_config::parse(&bytes, &project.file_name);
    let mut files = BTreeMap::new();
    let mut set = BTreeMap::new();
    if let Some(pipeline) = &parsed.pipeline {
        for path in named_files(pipeline) {
            // A file that cannot be read is one that is not there: the check says so at the place that names it.
            if let Ok(contents) = std::fs::read(project.dir.join(&path)) {
                files.insert(path, contents);
            }
        }
        set = typed(&globals.set, pipeline);
    }
    let factories = factories(&project.dir);
    let (model, problems) = parsed.check(&Surroundings { factories: &factories, files: &files, set: &set });
    let mut sources = files;
    sources.insert(project.file_name.clone(), bytes);
    Ok(Checked { model: model.map(Arc::new), problems, sources })
}

/// A project that is ready to be asked things.
pub(crate) struct Opened {
    /// Where it is.
    pub(crate) project: Project,
    /// The engine over it.
    pub(crate) engine: Engine,
    checked: Checked,
    model: Arc<Model>,
}

impl Opened {
    /// Returns this process as the one who writes.
    pub(crate) fn holder(&self) -> Holder {
        holder::this_process(self.engine.ports().clock.now())
    }

    /// Shows warnings about the pipeline beside the result.
    pub(crate) fn warn(&self, output: &Output) {
        if !self.checked.problems.is_empty() {
            output.note(self.checked.rendered(output.error_theme.color).trim_end());
        }
    }

    /// Connects the log file, the console and the progress to the engine, for a run.
    pub(crate) fn attach_sinks(&mut self, globals: &Globals, output: &Output) -> Result<(), CliError> {
        let mut ports = self.engine.ports().clone();
        let logs = self.project.logs();
        let file = refrain_sinks::JsonlLog::open(&logs, globals.log_level.into());
        ports.logs.push(Arc::new(file.map_err(|error| CliError::io("open the log", &error))?));
        let file = refrain_sinks::JsonlProgress::open(&logs);
        ports.progress.push(Arc::new(file.map_err(|error| CliError::io("open the progress file", &error))?));
        match shown(globals, output) {
            Shown::Nothing => {}
            Shown::Lines(level) => {
                ports.logs.push(Arc::new(refrain_sinks::ConsoleLog::new(level, output.error_theme.color)));
            }
            Shown::Bars => {
                ports.progress.push(Arc::new(refrain_sinks::TerminalSink::new(output.error_theme.color)));
            }
        }
        self.engine = Engine::new(Arc::clone(&self.model), ports);
        Ok(())
    }
}

/// Finds, reads and checks the project and puts the engine on its ports; nothing is written.
pub(crate) fn open(globals: &Globals) -> Result<Opened, CliError> {
    let project = Project::find(globals)?;
    let checked = check(&project, globals)?;
    let Some(model) = checked.model.clone() else {
        let color = crate::output::colored_errors(globals.color);
        return Err(CliError::pipeline(&project.file_name, checked.n_errors(), checked.rendered(color)));
    };
    let engine = Engine::new(Arc::clone(&model), ports(&project.dir, &model)?);
    Ok(Opened { project, engine, checked, model })
}

fn ports(dir: &Path, model: &Model) -> Result<Ports, CliError> {
    Ok(Ports {
        store: Arc::new(refrain_store::FileStore::open(dir, model.durability)?),
        factories: factories(dir),
        executor: None,
        files: Arc::new(refrain_files::FsProjectFiles::new(dir)),
        reader: Arc::new(refrain_files::FsReader::new(dir)),
        writer: Arc::new(refrain_files::FsWriter::new(dir)),
        clock: Arc::new(refrain_system::SystemClock),
        ids: Arc::new(refrain_system::RandomIds),
        logs: Vec::new(),
        progress: Vec::new(),
    })
}

fn factories(dir: &Path) -> Vec<Arc<dyn AgentFactory>> {
    vec![Arc::new(refrain_builtin::BuiltinAgents::new()), Arc::new(refrain_command::CommandAgents::new(dir))]
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

/// Gives the values of `--set` the types that their params declare; the check judges what does not fit.
fn typed(set: &[(String, String)], pipeline: &Pipeline) -> BTreeMap<String, Value> {
    set.iter().map(|(name, text)| (name.clone(), value(text, pipeline.params.get(name)))).collect()
}

fn value(text: &str, param: Option<&ParamSpec>) -> Value {
    let is_text = param.is_some_and(|param| match (param.kind, &param.default) {
        (Some(kind), _) => kind == ParamType::String,
        (None, default) => default.as_ref().is_some_and(Value::is_string),
    });
    if is_text {
        return Value::String(text.to_owned());
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn set_values_get_the_declared_type() {
        let check = |text: &str, spec: Option<Value>, expect: Value| {
            let spec: Option<ParamSpec> = spec.map(|spec| serde_json::from_value(spec).unwrap());
            assert_eq!(value(text, spec.as_ref()), expect, "{text}");
        };
        check("5", Some(json!({"type": "string"})), json!("5"));
        check("5", Some(json!({"default": "x"})), json!("5"));
        check("5", Some(json!({"type": "integer"})), json!(5));
        check("true", Some(json!({"default": false})), json!(true));
        check("[1, 2]", Some(json!({"type": "list"})), json!([1, 2]));
        check("ja", Some(json!({"type": "integer"})), json!("ja"));
        check("x=y", None, json!("x=y"));
    }
}
