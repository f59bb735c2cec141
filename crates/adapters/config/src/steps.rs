//! Steps files: read, and turned into the pipeline that they mean.
//!
//! Every key either acts or is an error at its place. What comes out is a [`Pipeline`] like any other, and a [`StepsMap`]
//! that says which phase each step became and where everything of the pipeline stands in the file.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use indexmap::IndexMap;
use refrain_core::check::Broken;
use refrain_core::check::code::Code;
use refrain_core::ports::tool_catalogue::ToolCatalogue;
use refrain_schemas::choice::{ChoicesOnRecord, ModelChoice};
use refrain_schemas::name::PhaseName;
use refrain_schemas::pipeline::{Dialect, PIPELINE_VERSION, ParamType, Pipeline};
use refrain_schemas::problem::Problem;
use refrain_schemas::steps::{Auto, StepEntry, StepsMap, Wishes};
use serde_json::Value;

use crate::Given;
use crate::node::{Kind, Node};
use crate::source::Source;
use budget::Budget;
use handlers::Handler;
use header::Defaults;
use left::Way;
use left_behind::LeftFile;
use models::Models;
use names::Names;
use other::Found;
use reading::{Fields, Item, OwnItem, Reading};
use tasks::Task;
use texts::{Read, Texts};

mod answers;
mod auto;
mod blocks;
mod body;
mod budget;
mod choosing;
mod code;
mod control;
mod error_words;
mod fixed;
mod handlers;
mod header;
mod include;
mod inputs;
mod left;
mod left_behind;
mod literal;
mod looks;
mod loop_words;
mod loops;
mod made;
mod models;
mod names;
mod nested;
mod offers;
mod other;
mod outputs;
mod personalities;
mod produced;
mod products;
mod queue;
mod reading;
mod ready;
mod rewriting;
mod rivals;
mod serving;
mod step;
mod tasks;
mod texts;
mod tools;
mod wishes;
mod words;

pub(crate) use auto::fill as fill_autos;
pub(crate) use blocks::{Whole, read};
pub(crate) use include::include;
pub(crate) use words::{in_words_of_steps, key_of_steps};

/// A steps file after it was turned into a pipeline.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) pipeline: Pipeline,
    pub(crate) broken: Broken,
    pub(crate) map: StepsMap,
    pub(crate) problems: Vec<Problem>,
    /// Files of other pipelines that are needed and were not given.
    pub(crate) wanted: BTreeSet<String>,
    /// The texts of files of other pipelines.
    pub(crate) texts: BTreeMap<String, String>,
}

/// Keys of the header that no native file has: a file with one of these is meant to have steps, also where it has none.
const OF_STEPS: [&str; 14] = [
    "config",
    "context",
    "default_model",
    "experts",
    "global_error_handlers",
    "id",
    "inputs",
    "models",
    "orchestrator",
    "parameters",
    "personalities",
    "pipeline",
    "selection",
    "tasks",
];

/// Whether a file is one of steps.
pub(crate) fn is_steps(tree: &Node) -> bool {
    let has = |key: &str| tree.get(key).is_some();
    let is_meant = || OF_STEPS.iter().any(|key| has(key)) || blocks::reads_lines(tree);
    !has("refrain") && (has("steps") || !has("phases") && is_meant())
}

/// Returns what a steps file is called, right or wrong.
pub(crate) fn id_of(tree: &Node) -> String {
    let text = |key: &str| match &tree.get(key)?.value.kind {
        Kind::Text(text) => Some(text.clone()),
        _ => None,
    };
    text("id").or_else(|| text("name")).unwrap_or_else(|| "pipeline".to_owned())
}

/// Returns where something of the pipeline stands in the file.
pub(crate) fn path_of(map: &StepsMap, path: &str) -> String {
    let mut head = path;
    loop {
        if let Some(found) = map.places.get(head) {
            let rest = &path[head.len()..];
            return format!("{found}{rest}");
        }
        match head.rfind(['.', '[']) {
            Some(at) => head = &head[..at],
            None => return path.to_owned(),
        }
    }
}

/// Turns a steps file into a pipeline.
pub(crate) fn lower<'s>(
    tree: &Node,
    source: &Source<'s>,
    given: Given<'_>,
    files: &'s BTreeMap<String, Option<Vec<u8>>>,
) -> Lowered {
    let mut lowering = Lowering {
        reading: Reading::new(source),
        tools: given.tools,
        given,
        pipeline: empty(),
        broken: Broken::default(),
        entries: Vec::new(),
        places: BTreeMap::new(),
        defaults: Defaults::default(),
        orchestrator: None,
        wishes: Wishes::default(),
        models: Models::default(),
        chosen: Vec::new(),
        record: ChoicesOnRecord::default(),
        names: Names::default(),
        handlers: Vec::new(),
        own_handlers: HashMap::new(),
        output_dir: None,
        tasks: Vec::new(),
        failed: HashMap::new(),
        left_behind: IndexMap::new(),
        like_turns: Vec::new(),
        lacks_limits: false,
        written: Vec::new(),
        served: Vec::new(),
        files,
        wanted: BTreeSet::new(),
        texts_of: BTreeMap::new(),
        autos: Vec::new(),
        calls: vec![source.file.clone()],
        types_of_other: BTreeMap::new(),
        ways: Vec::new(),
        called_from: None,
        claimed: HashSet::new(),
        budget: Budget::default(),
        begin: Begin::default(),
        found: HashMap::new(),
    };
    let id = match &tree.kind {
        Kind::Map(entries) => lowering.file(&Fields { entries, span: tree.span, path: String::new() }),
        _ => String::new(),
    };
    let outline = outline(tree);
    let Lowering {
        reading,
        pipeline,
        broken,
        entries,
        places,
        orchestrator,
        wishes,
        chosen: choices,
        record,
        wanted,
        texts_of,
        autos,
        lacks_limits,
        ..
    } = lowering;
    let map =
        StepsMap { id, entries, places, orchestrator, wishes, autos, outline, choices, record, lacks_limits };
    Lowered { pipeline, broken, map, problems: reading.problems, wanted, texts: texts_of }
}

/// Returns what a pipeline does, as it is written.
fn outline(tree: &Node) -> Value {
    let written = |key: &str| Some((key.to_owned(), reading::json(&tree.get(key)?.value)));
    let keys = ["name", "description", "inputs", "parameters", "steps", "outputs"];
    Value::Object(keys.into_iter().filter_map(written).collect())
}

fn empty() -> Pipeline {
    Pipeline {
        refrain: PIPELINE_VERSION,
        name: "unknown".to_owned(),
        description: None,
        params: Default::default(),
        dimensions: Default::default(),
        endpoints: Default::default(),
        servers: Default::default(),
        prices: Default::default(),
        system: None,
        agents: Default::default(),
        phases: Default::default(),
        budget: None,
        limits: None,
        durability: None,
        names: Default::default(),
        outputs: Default::default(),
        output_types: Default::default(),
        dialect: Some(Dialect::Steps),
    }
}

/// How much there was before the pipeline that is being read.
#[derive(Debug, Clone, Copy, Default)]
struct Begin {
    phases: usize,
    entries: usize,
}

/// A steps file on its way to a pipeline.
struct Lowering<'s, 'g> {
    reading: Reading<'s>,
    tools: Option<&'g dyn ToolCatalogue>,
    given: Given<'g>,
    pipeline: Pipeline,
    broken: Broken,
    entries: Vec<StepEntry>,
    places: BTreeMap<String, String>,
    defaults: Defaults,
    orchestrator: Option<String>,
    wishes: Wishes,
    models: Models,
    /// What was chosen, in the order of the file.
    chosen: Vec<ModelChoice>,
    /// The same, as it is kept for the next time.
    record: ChoicesOnRecord,
    names: Names,
    /// What is done about failures of every step.
    handlers: Vec<Handler>,
    /// How many handlers steps have of their own.
    own_handlers: HashMap<PhaseName, usize>,
    /// The folder that files of steps go to.
    output_dir: Option<String>,
    /// Steps that run where others failed.
    tasks: Vec<Task>,
    /// The files that steps leave behind, by their names.
    left_behind: IndexMap<String, Vec<LeftFile>>,
    /// Steps that go by names such as those in turns have, with the loop that they are in.
    like_turns: Vec<(Option<PhaseName>, String, OwnItem)>,
    /// Whether a limit hangs on an input that is not set.
    lacks_limits: bool,
    /// What is done about a failure of one step, with the id of that; none where it is done about several.
    failed: HashMap<PhaseName, Option<String>>,
    /// Steps, and the phases that write files of theirs.
    written: Vec<(PhaseName, PhaseName)>,
    /// The servers that steps use by their names.
    served: Vec<(String, OwnItem)>,
    /// The files that there are, for other pipelines.
    files: &'s BTreeMap<String, Option<Vec<u8>>>,
    /// Those that are needed and not known yet.
    wanted: BTreeSet<String>,
    texts_of: BTreeMap<String, String>,
    /// What is left to a model in files of other pipelines.
    autos: Vec<Auto>,
    /// The files of the pipelines that carry each other out, down to this one.
    calls: Vec<String>,
    /// The types of what the pipeline gives that is being carried out.
    types_of_other: BTreeMap<String, ParamType>,
    /// Steps of which a model says where to go on, and the phases that ask it.
    ways: Vec<Way>,
    /// Where the file names the pipeline whose file is being read.
    called_from: Option<String>,
    /// The names of all phases, those of steps that are still to be read included.
    claimed: HashSet<PhaseName>,
    budget: Budget,
    begin: Begin,
    /// The files of other pipelines that were read.
    found: HashMap<String, Found<'s>>,
}

impl<'s> Lowering<'s, '_> {
    /// Turns everything into its part of the pipeline; returns the id.
    fn file(&mut self, fields: &Fields<'_>) -> String {
        let id = self.header(fields);
        if let Some(item) = fields.get("phases") {
            self.reading.at_key(Code::StepsAndPhases, &item, "a file has `steps` or `phases`", None);
        }
        match fields.get("steps") {
            Some(list) => match self.reading.list(&list) {
                Some(items) if items.is_empty() => {
                    let hint = Some("write at least one step".to_owned());
                    self.reading.at(Code::NoPhases, &list, "there are no steps", hint);
                    self.broken.sections.insert("phases".to_owned());
                }
                Some(items) => self.body(&items, None),
                None => drop(self.broken.sections.insert("phases".to_owned())),
            },
            None => {
                let hint = Some("add `steps:` with at least one step".to_owned());
                self.reading.report(Code::MissingField, "", fields.span, "the pipeline has no `steps`", hint);
                self.broken.sections.insert("phases".to_owned());
            }
        }
        self.handle(None);
        self.ways_left_open();
        self.wait_for_products();
        self.wait_alike();
        self.written_twice();
        self.named_like_turns();
        self.known_servers();
        self.keep_within();
        self.outputs(fields);
        id
    }

    /// Starts to read the texts of something.
    fn texts(&mut self, own: Option<PhaseName>, read: Read) -> Texts<'_, 's, '_> {
        let has_orchestrator = self.defaults.has_orchestrator;
        let failed = own.as_ref().and_then(|own| self.failed.get(own)?.clone());
        Texts { reading: &mut self.reading, names: &self.names, own, failed, read, has_orchestrator }
    }

    /// Notes where something of the pipeline comes from.
    fn place(&mut self, lowered: String, item: &Item<'_>) {
        let path = self.called_from.clone().unwrap_or_else(|| item.path.clone());
        self.places.insert(lowered, path);
    }
}
