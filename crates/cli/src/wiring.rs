//! The one place that knows every adapter: from the command line to an engine with its ports.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use refrain_core::check::code::Code;
use refrain_core::check::{Surroundings, named_files};
use refrain_core::engine::{Engine, EngineError, Ports};
use refrain_core::meaning::{self, Wanting};
use refrain_core::model::Model;
use refrain_core::ports::agent::AgentFactory;
use refrain_core::ports::clock::{Clock as _, Ids};
use refrain_core::ports::files::{Loaded, ProjectFiles as _};
use refrain_core::ports::secrets::Secrets;
use refrain_core::ports::tool_catalogue::ToolCatalogue;
use refrain_core::ports::tools::Tools;
use refrain_schemas::choice::ChoicesOnRecord;
use refrain_schemas::money::Budget;
use refrain_schemas::name::RunId;
use refrain_schemas::pipeline::{Durability, Pipeline};
use refrain_schemas::problem::{Place, Problem, Severity};
use refrain_schemas::steps::StepsMap;
use refrain_schemas::time::Timestamp;
// For the other files of this crate, which name no adapter themselves.
pub(crate) use refrain_config::{in_words_of_steps, key_of_steps, steps_id, steps_name};
pub(crate) use refrain_remote::model::{endpoint, price};
pub(crate) use refrain_remote::{
    KeyFound, KnownModels, KnownPrice, Probe, Reached, SchemaWay, ServiceProbe, prices_age, prices_date,
};
pub(crate) use refrain_sinks::log_file::{Follow, LogFileError};
pub(crate) use refrain_sinks::log_folder::LogFolder;
pub(crate) use refrain_tools::fits_question;
use serde_json::Value;

use crate::args::Globals;
use crate::project::Project;
use crate::report::CliError;
use crate::{choices, runtime};

mod asking;
mod bench;
mod opened;
mod probes;
mod safety;
pub(crate) mod said;
pub(crate) mod scripts;
mod stand_ins;
mod subject;
mod toolbox;

pub(crate) use asking::{Asking, LogOf, Told};
pub(crate) use bench::Workbench;
pub(crate) use opened::Opened;
pub(crate) use probes::{Asked, Findings, NamedTool};
use safety::Safety;
pub(crate) use stand_ins::with_stand_ins;
pub(crate) use subject::subject;
pub(crate) use toolbox::registry;

/// A project that was read and checked.
pub(crate) struct Checked {
    /// What it means; absent where there are errors.
    pub(crate) model: Option<Arc<Model>>,
    /// Everything that was found, in file order.
    pub(crate) problems: Vec<Problem>,
    /// What it may know of the environment.
    pub(crate) safety: Safety,
    /// What became of the steps, where the file is one of steps.
    pub(crate) steps: Option<StepsMap>,
    /// The choices of models that were on record when it was read.
    known_choices: ChoicesOnRecord,
    /// What is written, or what the steps became.
    pipeline: Option<Pipeline>,
    agents: Agents,
    sources: BTreeMap<String, String>,
    /// Where the steps stand, by their ids; the model that is asked about them under the empty one.
    marks: BTreeMap<String, Place>,
}

impl Checked {
    /// Adds what a model found, at the step that it is about. With an error among it there is nothing to be run.
    pub(crate) fn add(&mut self, map: &StepsMap, found: Vec<(Option<String>, Problem)>) {
        for (step, problem) in found {
            let step = step.filter(|step| self.marks.contains_key(step)).unwrap_or_default();
            let place = self.marks.get(&step).cloned();
            let entry = map.entries.iter().find(|entry| entry.id == step);
            let path = entry.and_then(|entry| map.places.get(&format!("phases.{}", entry.phase))).cloned();
            if problem.severity == Severity::Error {
                self.model = None;
            }
            self.problems.push(Problem {
                place,
                path: path.unwrap_or_else(|| problem.path.clone()),
                ..problem
            });
        }
    }

    /// Returns where in a steps file something of the pipeline stands.
    pub(crate) fn path_in_file(&self, path: &str) -> String {
        self.steps.as_ref().map_or_else(|| path.to_owned(), |map| refrain_config::path_in_file(map, path))
    }

    /// Returns the budget that the pipeline declares.
    pub(crate) fn declared_budget(&self) -> Budget {
        self.pipeline.as_ref().and_then(|pipeline| pipeline.budget).unwrap_or_default()
    }

    /// Returns the problems as people read them, each with the lines it is about.
    pub(crate) fn rendered(&self, color: bool) -> String {
        refrain_config::render_plain(&self.problems, &self.sources, color)
    }

    /// Returns what the project means, or an error with everything that keeps it from running.
    fn sound(&self, project: &Project, globals: &Globals) -> Result<Arc<Model>, CliError> {
        let color = crate::output::colored_errors(globals.color);
        let files = || self.files_with_errors(&project.file_name);
        let wrong = || CliError::pipeline(&files(), self.n_errors(), self.rendered(color));
        self.model.clone().ok_or_else(wrong)
    }

    /// Turns the lack of inputs into warnings, where nothing else is wrong with a steps file: it is right, and cannot run
    /// before they are set. Returns whether that is so.
    pub(crate) fn forgives_inputs(&mut self) -> bool {
        let is_so = self.lacks_inputs_alone();
        if is_so {
            for problem in self.problems.iter_mut().filter(|problem| is_lack(problem)) {
                problem.severity = Severity::Warning;
            }
        }
        is_so
    }

    /// Whether nothing is wrong with a steps file but that inputs have no values.
    fn lacks_inputs_alone(&self) -> bool {
        self.steps.is_some() && self.n_errors() > 0 && self.errors().all(is_lack)
    }

    /// Returns how many problems keep the project from running.
    pub(crate) fn n_errors(&self) -> usize {
        self.errors().count()
    }

    /// Returns the files that these are in, in their order; `own` is the pipeline file.
    pub(crate) fn files_with_errors(&self, own: &str) -> Vec<String> {
        let mut files: Vec<String> = Vec::new();
        for problem in self.errors() {
            let file = problem.place.as_ref().map_or(own, |place| place.file.as_str());
            if !files.iter().any(|known| known == file) {
                files.push(file.to_owned());
            }
        }
        files
    }

    fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error)
    }
}

/// Whether a problem is that an input has no value.
fn is_lack(problem: &Problem) -> bool {
    problem.code == Code::ParamMissing.as_str()
}

/// Reads and checks a project. Values that are left to a model are those on record, as far as there are any.
pub(crate) fn check(project: &Project, globals: &Globals) -> Result<Checked, CliError> {
    check_recalling(project, &set_to(globals)?)
}

fn check_recalling(project: &Project, set: &BTreeMap<String, Value>) -> Result<Checked, CliError> {
    let open = check_set(project, set, &BTreeMap::new())?;
    let Some(asking) = about_values(project, &open)? else { return Ok(open) };
    let known = values_of(&asking.on_record()?);
    Ok(said::check_with_values(project, set, open, known)?.0)
}

/// Returns the values that answers hold, by their places in the file.
pub(crate) fn values_of(known: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let value =
        |(path, document): (&String, &Value)| Some((path.clone(), meaning::auto_value(document)?.clone()));
    known.iter().filter_map(value).collect()
}

/// Returns what a model is asked for the values that are left to it; `None` where there are none.
pub(crate) fn about_values(project: &Project, checked: &Checked) -> Result<Option<Asking>, CliError> {
    asking(project, checked, meaning::of_values)
}

/// Returns what a model is asked about the pipeline itself; `None` where nothing is.
pub(crate) fn about_pipeline(project: &Project, checked: &Checked) -> Result<Option<Asking>, CliError> {
    asking(project, checked, meaning::of_pipeline)
}

/// Whatever is wrong with the model was told with the problems of the file.
fn asking(
    project: &Project,
    checked: &Checked,
    wanting: impl Fn(&StepsMap, &Pipeline) -> Option<Wanting>,
) -> Result<Option<Asking>, CliError> {
    let (Some(map), Some(pipeline)) = (&checked.steps, &checked.pipeline) else { return Ok(None) };
    let Some(wanting) = wanting(map, pipeline) else { return Ok(None) };
    Ok(Asking::new(project, &checked.agents, wanting)?.ok())
}

/// Returns what is wrong with the model that is to be asked about a steps file.
fn wrong_with_model(
    project: &Project,
    agents: &Agents,
    parsed: &refrain_config::Parsed,
) -> Result<Vec<Problem>, CliError> {
    let (Some(map), Some(pipeline)) = (parsed.steps(), parsed.pipeline()) else { return Ok(Vec::new()) };
    let wanting = meaning::of_values(map, pipeline).or_else(|| meaning::of_pipeline(map, pipeline));
    let Some(wanting) = wanting else { return Ok(Vec::new()) };
    let problems = Asking::new(project, agents, wanting)?.err().unwrap_or_default();
    Ok(problems.into_iter().map(|problem| parsed.placed(problem)).collect())
}

/// Returns where the steps stand whose orchestrator may find something wrong with them.
fn marks(parsed: &refrain_config::Parsed) -> BTreeMap<String, Place> {
    let Some(map) = parsed.steps().filter(|map| map.orchestrator.is_some()) else { return BTreeMap::new() };
    let steps = map.entries.iter().map(|entry| (entry.id.clone(), format!("phases.{}", entry.phase)));
    let all = steps.chain([(String::new(), "orchestrator".to_owned())]);
    all.filter_map(|(id, path)| Some((id, parsed.place_of(&path)?))).collect()
}

/// Reads and checks a project with what a model said of the values that are left to it.
pub(crate) fn check_set(
    project: &Project,
    set: &BTreeMap<String, Value>,
    answers: &BTreeMap<String, Value>,
) -> Result<Checked, CliError> {
    project.check_state()?;
    let (parsed, known_choices) = parsed(project, answers, set)?;
    let safety = Safety::of(&project.dir, parsed.pipeline())?;
    let files =
        parsed.pipeline().map_or_else(|| Ok(BTreeMap::new()), |pipeline| contents(project, pipeline))?;
    let agents = Agents::new(project, parsed.pipeline(), &safety)?;
    let (model, mut problems) =
        parsed.check(&Surroundings { factories: &agents.factories, files: &files, set });
    problems.extend(safety.problems());
    let wrong = wrong_with_model(project, &agents, &parsed)?;
    let model = model.filter(|_| wrong.is_empty());
    problems.extend(wrong);
    let marks = marks(&parsed);
    let sources = parsed.sources_of(&problems, &files);
    let (pipeline, steps) = parsed.into_parts();
    Ok(Checked {
        model: model.map(Arc::new),
        problems,
        safety,
        steps,
        known_choices,
        pipeline,
        agents,
        sources,
        marks,
    })
}

/// Returns what inputs are set to: by `--context`, and by `--set`, which goes before it.
pub(crate) fn set_to(globals: &Globals) -> Result<BTreeMap<String, Value>, CliError> {
    let mut set = given(globals)?;
    set.extend(globals.set.iter().map(|(name, text)| (name.clone(), Value::String(text.clone()))));
    Ok(set)
}

/// Returns the values of `--context`.
fn given(globals: &Globals) -> Result<BTreeMap<String, Value>, CliError> {
    let Some(path) = &globals.context else { return Ok(BTreeMap::new()) };
    let path = crate::project::start(globals)?.join(path);
    let shown = path.display();
    let bytes = std::fs::read(&path).map_err(|error| CliError::io(&format!("read {shown}"), &error))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| CliError::usage(format!("{shown} is no JSON object of params: {error}")))
}

/// Returns the pipeline of a project that was checked, written as a native file.
pub(crate) fn converted(
    checked: &mut Checked,
    project: &Project,
    globals: &Globals,
) -> Result<String, CliError> {
    // What inputs are set to is no part of what is written, but in limits, and in what a model is asked for.
    let needs_inputs = checked.steps.as_ref().is_some_and(|map| map.lacks_limits || !map.autos.is_empty());
    if needs_inputs || !checked.forgives_inputs() {
        checked.sound(project, globals)?;
    }
    let text = checked.pipeline.as_ref().and_then(refrain_config::written);
    text.ok_or_else(|| CliError::internal("the pipeline cannot be written"))
}

/// Where the personalities of a person are.
const PERSONALITIES: &str = ".refrain/personalities/";
/// How often a steps file is read again because it reads further files in.
const READINGS: usize = 128;

/// Reads the pipeline file, and the files that it reads in.
fn parsed(
    project: &Project,
    answers: &BTreeMap<String, Value>,
    set: &BTreeMap<String, Value>,
) -> Result<(refrain_config::Parsed, ChoicesOnRecord), CliError> {
    let bytes = project.read()?;
    let sources = refrain_files::FsProjectFiles::new(&project.dir).allowing(&project.outside);
    let mut files = BTreeMap::new();
    let mut parsed = refrain_config::parse(&bytes, &project.file_name);
    if !parsed.is_steps() {
        return Ok((parsed, ChoicesOnRecord::default()));
    }
    let tools = registry(Some(project));
    let environment = safety::environment(&project.dir)?;
    let models = KnownModels::new(environment.clone());
    let choices = choices::read(project)?;
    for _ in 0..READINGS {
        let given = refrain_config::Given {
            files: Some(&files),
            tools: Some(&tools as &dyn ToolCatalogue),
            models: Some(&models),
            choices: Some(&choices),
            choose_anew: project.chooses_anew,
            answers: Some(answers),
            set: Some(set),
        };
        parsed = refrain_config::parse_with(&bytes, &project.file_name, &given);
        if parsed.wanted().is_empty() {
            break;
        }
        let wanted = parsed.wanted().to_vec();
        runtime::on_this_thread(async {
            for path in wanted {
                let bytes = match path.strip_prefix("~/") {
                    Some(own) => of_person(&*environment, own),
                    None => sources.read(&path).await.ok(),
                };
                files.insert(path, bytes);
            }
            Ok(())
        })?;
    }
    Ok((parsed, choices))
}

/// Reads a file of the person who runs this, of which none but personalities are asked for.
fn of_person(secrets: &dyn Secrets, path: &str) -> Option<Vec<u8>> {
    let home = secrets.get("HOME").filter(|_| path.starts_with(PERSONALITIES))?;
    std::fs::read(Path::new(&home).join(path)).ok()
}

/// Reads the pipeline of a project as it is written; `None` where it cannot be made out.
pub(crate) fn pipeline(project: &Project) -> Result<Option<Pipeline>, CliError> {
    let pipeline = parsed(project, &BTreeMap::new(), &BTreeMap::new())?.0.pipeline().cloned();
    Safety::of(&project.dir, pipeline.as_ref())?;
    Ok(pipeline)
}

/// Reads the files that a pipeline names. One that cannot be read is one that is not there: the check says so at the
/// place that names it.
fn contents(project: &Project, pipeline: &Pipeline) -> Result<BTreeMap<String, Vec<u8>>, CliError> {
    let files = refrain_files::FsProjectFiles::new(&project.dir).allowing(&project.outside);
    runtime::on_this_thread(async {
        let mut contents = BTreeMap::new();
        for file in named_files(pipeline) {
            if let Ok(bytes) = files.read(&file.path).await {
                contents.insert(file.path, bytes);
            }
        }
        Ok(contents)
    })
}

/// Gives the one run of this process the id that its files are named after.
#[derive(Debug)]
struct OneRun(RunId);

impl Ids for OneRun {
    fn run_id(&self) -> RunId {
        self.0
    }
}

/// Finds, reads and checks the project and puts the engine on its ports; nothing is written.
pub(crate) fn open(globals: &Globals) -> Result<Opened, CliError> {
    let project = Project::find(globals)?;
    let checked = check(&project, globals)?;
    opened(project, checked, globals)
}

/// Puts the engine on the ports of a project that was checked.
pub(crate) fn opened(project: Project, mut checked: Checked, globals: &Globals) -> Result<Opened, CliError> {
    let model = checked.sound(&project, globals)?;
    let pipeline = checked.pipeline.take().ok_or_else(|| CliError::internal("a model without a pipeline"))?;
    let engine = Engine::new(Arc::clone(&model), ports(&project, &model, &checked.agents)?)
        .of_file(&project.file_name);
    Ok(Opened { project, engine, checked, model, pipeline, run_files: Vec::new() })
}

fn ports(project: &Project, model: &Model, agents: &Agents) -> Result<Ports, CliError> {
    let (dir, outside) = (&project.dir, &project.outside);
    let (durability, writer) = match model.durability {
        Durability::Process => (refrain_store::Durability::Process, refrain_files::FsWriter::new(dir)),
        Durability::Power => (refrain_store::Durability::Power, refrain_files::FsWriter::synced(dir)),
    };
    Ok(Ports {
        store: Arc::new(refrain_store::FileStore::open_at(&project.state(), durability)?),
        factories: agents.factories.clone(),
        executor: None,
        tools: agents.tools.clone(),
        files: Arc::new(refrain_files::FsProjectFiles::new(dir).allowing(outside)),
        reader: Arc::new(refrain_files::FsReader::new(dir).allowing(outside)),
        writer: Arc::new(writer.allowing(outside)),
        clock: Arc::new(refrain_system::SystemClock::new()),
        ids: Arc::new(refrain_system::RandomIds),
        logs: Vec::new(),
        progress: Vec::new(),
    })
}

/// Reads a file of records wherever it is: CSV, JSONL or a JSON list.
pub(crate) fn load(path: &Path) -> Result<Loaded, CliError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let files = refrain_files::FsProjectFiles::new(path.parent().unwrap_or_else(|| Path::new(".")));
    runtime::on_this_thread(async { Ok(files.load(name, None).await.map_err(EngineError::from)?) })
}

/// Returns the time of day.
pub(crate) fn now() -> Timestamp {
    refrain_system::SystemClock::new().now()
}

/// Everything that answers. Nothing is started, connected or read before it is needed.
struct Agents {
    factories: Vec<Arc<dyn AgentFactory>>,
    tools: Arc<dyn Tools>,
    remote: refrain_remote::RemoteAgents,
    servers: Arc<refrain_mcp::McpServers>,
    scratch: Arc<refrain_store::FileScratch>,
}

impl Agents {
    fn new(project: &Project, pipeline: Option<&Pipeline>, safety: &Safety) -> Result<Self, CliError> {
        let dir = &project.dir;
        let lost = |error: std::io::Error| CliError::io("find the project folder", &error);
        let secrets: Arc<dyn Secrets> = safety.environment.clone();
        let servers = pipeline.map(|pipeline| pipeline.servers.clone()).unwrap_or_default();
        let servers = Arc::new(refrain_mcp::McpServers::new(dir, &servers, &secrets).map_err(lost)?);
        let tools = safety.guard_tools(servers.clone());
        let (toolbox, scratch) = toolbox::toolbox(project, secrets.clone(), tools.clone());
        let offered = refrain_tools::OfferedTools::new(toolbox.clone(), tools);
        let tools = safety.guard_tools(Arc::new(offered));
        let remote = refrain_remote::RemoteAgents::new(secrets.clone(), tools.clone());
        let factories = safety.guard(vec![
            Arc::new(refrain_builtin::BuiltinAgents::new()),
            Arc::new(refrain_command::CommandAgents::new(dir, secrets).map_err(lost)?),
            Arc::new(remote.models()),
            Arc::new(remote.services()),
            Arc::new(refrain_mcp::McpAgents::new(tools.clone())),
            Arc::new(refrain_tools::ToolAgents::new(toolbox)),
        ]);
        Ok(Self { factories, tools, remote, servers, scratch })
    }
}
