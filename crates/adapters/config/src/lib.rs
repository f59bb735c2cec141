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
use refrain_schemas::pipeline::Pipeline;
use refrain_schemas::problem::{Place, Problem, Severity};

mod decode;
mod json;
mod lenient;
mod node;
mod render;
mod scalar;
mod shape;
mod source;
mod syntax;
mod yaml;

pub use render::render_plain;

use node::{Kind, Node};
use source::{Source, placed, point};

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
    let mut parsed = Parsed {
        file: file_name.to_owned(),
        text: String::new(),
        tree: None,
        pipeline: None,
        broken: Broken::default(),
        problems: Vec::new(),
    };
    match Source::read(bytes, file_name) {
        Err(problem) => {
            parsed.text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned();
            parsed.problems.push(*problem);
        }
        Ok(source) => parsed.read(&source),
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

    /// Returns the problems of text and shape, in file order.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns the text of the file by its name, for [`render_plain`].
    #[must_use]
    pub fn sources(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(self.file.clone(), self.text.clone())])
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

    /// Checks what is written. Returns the model, unless any problem is an error, and all problems in file order,
    /// those of text and shape included.
    #[must_use]
    pub fn check(&self, surroundings: &Surroundings<'_>) -> (Option<Model>, Vec<Problem>) {
        let mut problems = self.problems.clone();
        let Some(pipeline) = &self.pipeline else { return (None, problems) };
        let (model, found) = check_rest(pipeline, &self.broken, surroundings);
        // What is wrong in another file has its place there.
        let place = |found: &Problem| found.place.clone().or_else(|| self.place(found));
        problems.extend(found.into_iter().map(|found| Problem { place: place(&found), ..found }));
        sort(&mut problems, &self.file);
        problems.iter_mut().for_each(hide);
        let good = problems.iter().all(|problem| problem.severity == Severity::Warning);
        (model.filter(|_| good), problems)
    }

    fn read(&mut self, source: &Source<'_>) {
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
        self.tree(&Source { file, text: &text });
        self.text = source.text.to_owned();
    }

    fn tree(&mut self, source: &Source<'_>) {
        let (tree, problems) = yaml::read(source);
        let clean = problems.is_empty();
        self.problems = problems;
        match tree {
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

    /// Returns the place that a problem's path names.
    fn place(&self, problem: &Problem) -> Option<Place> {
        let tree = self.tree.as_ref()?;
        let source = Source { file: self.file.clone(), text: &self.text };
        let found = tree.find(&problem.path);
        let code = Code::ALL.iter().find(|code| code.as_str() == problem.code);
        let at_key = !found.whole
            || !found.value.is_scalar()
            || match code.map(|code| code.at()) {
                Some(At::Key) => true,
                Some(At::Name) => !matches!(found.value.kind, Kind::Text(_)),
                Some(At::Value) | None => false,
            };
        let span = found.key.filter(|_| at_key).unwrap_or(found.value.span);
        if problem.path.is_empty() || (found.key.is_none() && !found.whole) {
            return Some(point(&self.file, 1, 1));
        }
        Some(source.place(span))
    }
}

/// Sorts by place, what stands in other files behind; what is found at one place stays in the order of the checks.
fn sort(problems: &mut [Problem], own: &str) {
    problems.sort_by_key(|problem| {
        let place = problem.place.as_ref()?;
        let other = Some(place.file.clone()).filter(|file| file != own);
        Some((other, place.line, place.column))
    });
}

/// Makes a problem about a pipeline file as a whole, such as that it is not there.
#[must_use]
pub fn file_problem(code: Code, file_name: &str, message: &str) -> Problem {
    Problem { place: Some(point(file_name, 1, 1)), ..problem(code, "", message) }
}
