//! Reads pipeline files with positions for every diagnostic.
//!
//! Reading has two steps because a check needs the files that a pipeline names: [`parse`] turns bytes into a
//! [`Parsed`], whose [`pipeline`](Parsed::pipeline) tells which files those are (see
//! [`named_files`](refrain_core::check::named_files)), and [`Parsed::check`] turns it into a model. Whatever is wrong,
//! all problems come at once and in file order: what does not have its shape is left out and the rest is judged.
//! This crate opens no file.

use std::collections::BTreeMap;

use refrain_core::check::code::{At, Code};
use refrain_core::check::{Broken, Surroundings, check_rest, masked_words, problem};
use refrain_core::model::Model;
use refrain_core::ports::model_catalogue::ModelCatalogue;
use refrain_core::ports::tool_catalogue::ToolCatalogue;
use refrain_schemas::choice::ChoicesOnRecord;
use refrain_schemas::digest::Digest;
use refrain_schemas::pipeline::Pipeline;
use refrain_schemas::problem::{Place, Problem, Severity};
use refrain_schemas::steps::StepsMap;
use serde_json::Value;

mod convert;
mod decode;
mod json;
mod lenient;
mod node;
mod render;
mod scalar;
mod shape;
mod source;
mod steps;
mod syntax;
mod yaml;

pub use render::render_plain;

use node::{Kind, Node};
use source::{Source, placed, point};

/// The longest id that names a folder.
const LONGEST_ID: usize = 64;
/// How much of a file that is no text is kept to be shown.
const SHOWN: usize = 1_000_000;

/// A pipeline file after its text and shape were judged.
#[derive(Debug)]
pub struct Parsed {
    file: String,
    text: String,
    tree: Option<Node>,
    pipeline: Option<Pipeline>,
    broken: Broken,
    problems: Vec<Problem>,
    steps: Option<StepsMap>,
    wanted: Vec<String>,
    /// The texts of other pipelines that this one carries out.
    texts: BTreeMap<String, String>,
}

/// What steps files need to be read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// The files that the file reads in, as far as they are known: `None` where one cannot be read.
    pub files: Option<&'a BTreeMap<String, Option<Vec<u8>>>>,
    /// The tools that there are.
    pub tools: Option<&'a dyn ToolCatalogue>,
    /// The models that there are.
    pub models: Option<&'a dyn ModelCatalogue>,
    /// The models that were chosen before.
    pub choices: Option<&'a ChoicesOnRecord>,
    /// Whether models are chosen anew all the same.
    pub choose_anew: bool,
    /// What a model said of the values that are left to it, by their paths in the file.
    pub answers: Option<&'a BTreeMap<String, Value>>,
    /// What inputs are set to.
    pub set: Option<&'a BTreeMap<String, Value>>,
}

/// A pipeline file after everything was judged.
#[derive(Debug)]
pub struct Loaded {
    /// What is written, as far as it has the shape of a pipeline.
    pub pipeline: Option<Pipeline>,
    /// What is meant; absent where any problem is an error.
    pub model: Option<Model>,
    /// Everything that was found, in file order.
    pub problems: Vec<Problem>,
}

/// Reads a pipeline file. A name that ends in `.json` makes it JSON, any other YAML.
#[must_use]
pub fn parse(bytes: &[u8], file_name: &str) -> Parsed {
    parse_with(bytes, file_name, &Given::default())
}

/// Reads a pipeline file. A steps file MAY want other files: see [`Parsed::wanted`].
#[must_use]
pub fn parse_with(bytes: &[u8], file_name: &str, given: &Given<'_>) -> Parsed {
    let mut parsed = Parsed {
        file: file_name.to_owned(),
        text: String::new(),
        tree: None,
        pipeline: None,
        broken: Broken::default(),
        problems: Vec::new(),
        steps: None,
        wanted: Vec::new(),
        texts: BTreeMap::new(),
    };
    match Source::read(bytes, file_name) {
        Err(problem) => {
            parsed.text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned();
            parsed.problems.push(*problem);
        }
        Ok(source) => parsed.read(&source, given),
    }
    sort(&mut parsed.problems, file_name);
    parsed.problems.iter_mut().for_each(hide);
    parsed
}

/// Takes out of the words of a problem what looks like a secret: they quote what is written.
fn hide(problem: &mut Problem) {
    problem.message = masked_words(&problem.message);
    problem.hint = problem.hint.take().filter(|hint| masked_words(hint) == *hint);
}

/// Reads and checks a pipeline file whose named files are at hand.
#[must_use]
pub fn load(bytes: &[u8], file_name: &str, surroundings: &Surroundings<'_>) -> Loaded {
    let parsed = parse(bytes, file_name);
    let (model, problems) = parsed.check(surroundings);
    Loaded { pipeline: parsed.pipeline, model, problems }
}

impl Parsed {
    /// Returns what is written, without the entries that do not have their shape.
    #[must_use]
    pub const fn pipeline(&self) -> Option<&Pipeline> {
        self.pipeline.as_ref()
    }

    /// Whether the file is one of steps.
    #[must_use]
    pub fn is_steps(&self) -> bool {
        self.tree.as_ref().is_some_and(steps::is_steps)
    }

    /// Returns what became of the steps, where the file is one of steps.
    #[must_use]
    pub const fn steps(&self) -> Option<&StepsMap> {
        self.steps.as_ref()
    }

    /// Returns what is written, and what became of the steps where the file is one of steps.
    #[must_use]
    pub fn into_parts(self) -> (Option<Pipeline>, Option<StepsMap>) {
        (self.pipeline, self.steps)
    }

    /// Returns the pipeline written as a native file; `None` where there is none.
    #[must_use]
    pub fn converted(&self) -> Option<String> {
        convert::text(self.pipeline.as_ref()?)
    }

    /// Returns the files that a steps file reads in and that were not given; it is read again with them.
    #[must_use]
    pub fn wanted(&self) -> &[String] {
        &self.wanted
    }

    /// Returns the problems of text and shape, in file order.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns the text of the file by its name, for [`render_plain`].
    #[must_use]
    pub fn sources(&self) -> BTreeMap<String, String> {
        let own = (self.file.clone(), self.text.clone());
        self.texts.clone().into_iter().chain([own]).collect()
    }

    /// Returns the texts of the files by name that problems are about, for [`render_plain`].
    #[must_use]
    pub fn sources_of(
        &self,
        problems: &[Problem],
        files: &BTreeMap<String, Vec<u8>>,
    ) -> BTreeMap<String, String> {
        let mut sources = self.sources();
        for place in problems.iter().filter_map(|problem| problem.place.as_ref()) {
            if let (false, Some(bytes)) = (sources.contains_key(&place.file), files.get(&place.file)) {
                sources.insert(place.file.clone(), String::from_utf8_lossy(bytes).into_owned());
            }
        }
        sources
    }

    /// Returns a problem with its place in the file, where it has none yet.
    #[must_use]
    pub fn placed(&self, problem: Problem) -> Problem {
        let place = problem.place.clone().or_else(|| self.place(&problem));
        Problem { place, ..problem }
    }

    /// Returns the place of something of the pipeline.
    #[must_use]
    pub fn place_of(&self, path: &str) -> Option<Place> {
        self.place(&problem(Code::Shape, path, ""))
    }

    /// Checks what is written. Returns the model, unless any problem is an error, and all problems in file order,
    /// those of text and shape included.
    #[must_use]
    pub fn check(&self, surroundings: &Surroundings<'_>) -> (Option<Model>, Vec<Problem>) {
        let mut problems = self.problems.clone();
        let Some(pipeline) = &self.pipeline else { return (None, problems) };
        let (model, found) = check_rest(pipeline, &self.broken, surroundings);
        // What is wrong in another file has its place there.
        let place = |found: &Problem| found.place.clone().or_else(|| self.place(found));
        let found = found.into_iter().map(|found| Problem { place: place(&found), ..found });
        problems.extend(found.map(|found| self.in_words_of_the_file(found)));
        sort(&mut problems, &self.file);
        problems.iter_mut().for_each(hide);
        let good = problems.iter().all(|problem| problem.severity == Severity::Warning);
        (model.filter(|_| good), problems)
    }

    fn read(&mut self, source: &Source<'_>, given: &Given<'_>) {
        self.text = source.text.to_owned();
        if source.text.trim().is_empty() {
            let place = point(&self.file, 1, 1);
            return self.problems.push(placed(Code::EmptyFile, "there is nothing in the file", place));
        }
        if self.file.ends_with(".json") {
            if let Some(problem) = json::syntax(source) {
                return self.problems.push(problem);
            }
            self.text = json::as_yaml(source.text);
        }
        let file = self.file.clone();
        let text = std::mem::take(&mut self.text);
        self.tree(&Source::new(file, &text), given);
        self.text = source.text.to_owned();
    }

    fn tree(&mut self, source: &Source<'_>, given: &Given<'_>) {
        let none = BTreeMap::new();
        let steps::Whole { tree, problems, wanted } = steps::read(source, given.files.unwrap_or(&none));
        let clean = problems.is_empty();
        (self.problems, self.wanted) = (problems, wanted);
        match tree {
            Some(tree) if steps::is_steps(&tree) => self.lower(tree, source, given),
            Some(tree) if !matches!(tree.kind, Kind::Null) => self.shape(tree, source),
            _ if clean => {
                let place = point(&self.file, 1, 1);
                self.problems.push(placed(
                    Code::EmptyFile,
                    "there is nothing in the file but comments",
                    place,
                ));
            }
            _ => {}
        }
    }

    /// Turns a steps file into a pipeline, unless files that it reads in are not there yet.
    fn lower(&mut self, mut tree: Node, source: &Source<'_>, given: &Given<'_>) {
        let none = BTreeMap::new();
        let found = steps::include(&mut tree, source, given.files.unwrap_or(&none));
        self.wanted.extend(found.wanted);
        let lacks = |problem: &Problem| problem.code == Code::StepInclude.as_str();
        let is_whole =
            !self.problems.iter().any(lacks) && self.wanted.is_empty() && found.problems.is_empty();
        self.problems.extend(found.problems);
        if is_whole {
            let known = BTreeMap::new();
            let answers = given.answers.unwrap_or(&known);
            let left = steps::fill_autos(&mut tree, source, given.tools, answers);
            self.problems.extend(left.problems);
            let lowered = steps::lower(&tree, source, *given, given.files.unwrap_or(&none));
            self.wanted = lowered.wanted.into_iter().collect();
            self.texts = lowered.texts;
            self.problems.extend(lowered.problems);
            self.broken = lowered.broken;
            self.pipeline = Some(lowered.pipeline).filter(|_| self.wanted.is_empty());
            let mut map = lowered.map;
            map.autos.splice(..0, left.autos);
            self.steps = Some(map);
        } else if self.wanted.is_empty() {
            self.steps = Some(StepsMap { id: steps::id_of(&tree), ..StepsMap::default() });
        }
        self.tree = Some(tree);
    }

    fn shape(&mut self, tree: Node, source: &Source<'_>) {
        match decode::decode::<Pipeline>(&tree) {
            Ok(pipeline) => self.pipeline = Some(pipeline),
            Err(error) => {
                let mut found = shape::problems(&tree, source);
                if found.is_empty() && self.problems.is_empty() {
                    found.push(placed(Code::Shape, error.to_string(), point(&self.file, 1, 1)));
                }
                self.problems.extend(found);
                if let Some((pipeline, broken)) = lenient::read(&tree) {
                    self.pipeline = Some(pipeline);
                    self.broken = broken;
                }
            }
        }
        self.tree = Some(tree);
    }

    /// Says what is wrong as the steps file does, and names a field that is not available yet by its key: `for_each`, where
    /// the pipeline has a `loop`.
    fn in_words_of_the_file(&self, found: Problem) -> Problem {
        let Some(map) = &self.steps else { return found };
        let path = steps::path_of(map, &found.path);
        let mut message = found.message;
        if found.code == Code::ReservedField.as_str() {
            let native = last_name(&found.path);
            message = message.replacen(&format!("`{native}`"), &format!("`{}`", last_name(&path)), 1);
        }
        let words = |text: &str| steps::in_words_of_steps(map, text);
        Problem { message: words(&message), hint: found.hint.as_deref().map(words), path, ..found }
    }

    /// Returns the place that a problem's path names.
    fn place(&self, problem: &Problem) -> Option<Place> {
        let tree = self.tree.as_ref()?;
        let source = Source::new(self.file.clone(), &self.text);
        let path = self
            .steps
            .as_ref()
            .map_or_else(|| problem.path.clone(), |map| steps::path_of(map, &problem.path));
        let found = tree.find(&path);
        let code = Code::ALL.iter().find(|code| code.as_str() == problem.code);
        let at_key = !found.whole
            || !found.value.is_scalar()
            || match code.map(|code| code.at()) {
                Some(At::Key) => true,
                Some(At::Name) => !matches!(found.value.kind, Kind::Text(_)),
                Some(At::Value) | None => false,
            };
        let mut span = found.key.filter(|_| at_key).unwrap_or(found.value.span);
        // A step is a long thing; its first key stands for it.
        let is_step = self.steps.is_some() && (!found.whole || path.ends_with(']'));
        if let (true, Kind::Map(entries)) = (is_step, &found.value.kind)
            && let Some(first) = entries.first()
        {
            span = first.key_span;
        }
        if path.is_empty() || (found.key.is_none() && !found.whole) {
            return Some(point(&self.file, 1, 1));
        }
        Some(source.place(span))
    }
}

fn last_name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Sorts by place, what stands in other files behind; what is found at one place stays in the order of the checks.
fn sort(problems: &mut [Problem], own: &str) {
    problems.sort_by_key(|problem| {
        let place = problem.place.as_ref()?;
        let other = Some(place.file.clone()).filter(|file| file != own);
        Some((other, place.line, place.column))
    });
}

/// Returns the id of a pipeline where its file is one of steps, in letters that a folder may have.
#[must_use]
pub fn steps_id(bytes: &[u8], file_name: &str) -> Option<String> {
    let id = steps_name(bytes, file_name)?;
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let folder: String = id.chars().take(LONGEST_ID).map(plain).collect();
    // Two ids that come to the same letters are two pipelines all the same.
    let is_whole = folder == id;
    let digest = || Digest::of_content(id.as_bytes()).to_string().chars().take(8).collect::<String>();
    Some(if is_whole { folder } else { format!("{folder}-{}", digest()) })
}

/// Returns what a steps file is called, as its results say; `None` for any other file.
#[must_use]
pub fn steps_name(bytes: &[u8], file_name: &str) -> Option<String> {
    let parsed = parse(bytes, file_name);
    parsed.tree.as_ref().filter(|tree| steps::is_steps(tree)).map(steps::id_of)
}

/// Returns where in a steps file something of the pipeline stands.
#[must_use]
pub fn path_in_file(map: &StepsMap, path: &str) -> String {
    steps::path_of(map, path)
}

/// Returns a pipeline written as a native file; `None` where it cannot be written.
#[must_use]
pub fn written(pipeline: &Pipeline) -> Option<String> {
    convert::text(pipeline)
}

/// Says in the words of a steps file what is said of the pipeline that it was turned into.
#[must_use]
pub fn in_words_of_steps(map: &StepsMap, text: &str) -> String {
    steps::in_words_of_steps(map, text)
}

/// Returns what steps files call a key of native ones.
#[must_use]
pub fn key_of_steps(native: &str) -> &str {
    steps::key_of_steps(native)
}

/// Makes a problem about a pipeline file as a whole, such as that it is not there.
#[must_use]
pub fn file_problem(code: Code, file_name: &str, message: &str) -> Problem {
    Problem { place: Some(point(file_name, 1, 1)), ..problem(code, "", message) }
}
