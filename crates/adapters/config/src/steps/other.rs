//! Which pipeline another one carries out: one that a file has, or that is written where it is named.

use std::collections::BTreeMap;
use std::rc::Rc;

use refrain_core::check::code::Code;
use refrain_core::template::is_template;
use refrain_schemas::problem::Problem;

use super::auto::fill_within;
use super::budget::Spent;
use super::reading::{Item, leads_out};
use super::{Lowering, Whole, blocks, include, is_steps};
use crate::node::{Kind, Node, Span};
use crate::source::Source;
use crate::yaml;

/// The deepest that pipelines may carry each other out.
const DEPTH: usize = 10;

/// A pipeline that another one carries out.
pub(super) struct Other<'s> {
    pub(super) tree: Rc<Node>,
    /// Its path in the file that it is written in.
    pub(super) path: String,
    /// Its file, where it has one of its own.
    source: Option<Source<'s>>,
}

/// A file of another pipeline that was read.
pub(super) struct Found<'s> {
    tree: Rc<Node>,
    source: Source<'s>,
    /// How many bytes it has, with what it reads in.
    bytes: usize,
}

impl<'s> Lowering<'s, '_> {
    /// Does something with the places of another file, if the other pipeline has one.
    pub(super) fn inside<R>(
        &mut self,
        other: &Other<'s>,
        item: &Item<'_>,
        work: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let Some(source) = other.source.clone() else { return work(self) };
        let from = self.called_from.clone().unwrap_or_else(|| item.path.clone());
        let before = self.called_from.replace(from);
        self.calls.push(source.file.clone());
        self.reading.enter(source);
        let made = work(self);
        self.reading.leave();
        self.calls.pop();
        self.called_from = before;
        made
    }

    /// Finds the other pipeline: the file that is named, or what is written here.
    pub(super) fn find_other(&mut self, item: &Item<'_>) -> Option<Other<'s>> {
        if matches!(item.node.kind, Kind::Map(_)) {
            let (tree, path) = (Rc::new(item.node.clone()), item.path.clone());
            return Some(Other { tree, path, source: None });
        }
        let text = self.reading.text(item)?;
        if is_written_out(text) {
            return self.written_out(item, text);
        }
        let path = text.trim();
        let problem = match () {
            () if is_template(path) => "the file of another pipeline is written out, and no template".into(),
            () if leads_out(path) => format!("`{path}` leads out of the project"),
            () if self.is_called(path) => format!("`{path}` carries itself out"),
            () if self.calls.len() > DEPTH => {
                format!("pipelines carry each other out more than {DEPTH} deep")
            }
            () => match self.file_of(path) {
                Ok(Some((path, _))) if self.is_called(&path) => format!("`{path}` carries itself out"),
                Ok(Some((path, bytes))) => return self.read_other(item, &path, bytes),
                Ok(None) => format!("there is no file `{path}`"),
                Err(path) => {
                    self.wanted.insert(path);
                    return None;
                }
            },
        };
        self.reading.at(Code::StepPipeline, item, problem, None);
        None
    }

    fn is_called(&self, path: &str) -> bool {
        self.calls.iter().any(|known| known == path)
    }

    /// Returns the file that is named, or the one of the pipeline of this id; fails with one that is not known yet.
    fn file_of(&self, named: &str) -> Result<Option<(String, &'s [u8])>, String> {
        let is_file = named.rsplit('/').next().is_some_and(|name| name.contains('.'));
        let mut paths = vec![named.to_owned()];
        if !is_file {
            let of = |folder: &str| [".yaml", ".yml"].map(|ending| format!("{folder}{named}{ending}"));
            paths.extend(["", "pipelines/"].into_iter().flat_map(of));
        }
        for path in paths {
            match self.files.get(&path) {
                Some(Some(bytes)) => return Ok(Some((path, bytes.as_slice()))),
                Some(None) => {}
                None => return Err(path),
            }
        }
        Ok(None)
    }

    /// Takes a pipeline that stands in a text of its own.
    fn written_out(&mut self, item: &Item<'_>, text: &str) -> Option<Other<'s>> {
        let file = self.calls.last().cloned().unwrap_or_default();
        match read_text(file, text, item.node.span) {
            Ok(tree) if is_steps(&tree) => {
                Some(Other { tree: Rc::new(tree), path: item.path.clone(), source: None })
            }
            Ok(_) => {
                self.reading.at(
                    Code::StepPipeline,
                    item,
                    "what is written here is no pipeline of steps",
                    None,
                );
                None
            }
            Err(problems) => {
                for problem in problems {
                    let message = format!("the pipeline that is written here: {}", problem.message);
                    self.reading.at(Code::StepPipeline, item, message, problem.hint);
                }
                None
            }
        }
    }

    fn read_other(&mut self, item: &Item<'_>, path: &str, bytes: &'s [u8]) -> Option<Other<'s>> {
        let known = self.found.get(path).map_or(bytes.len(), |found| found.bytes);
        if !self.has_room(Spent::Bytes, known, item) {
            return None;
        }
        if !self.found.contains_key(path) {
            let found = self.parse_other(item, path, bytes)?;
            if !self.has_room(Spent::Bytes, found.bytes - bytes.len(), item) {
                return None;
            }
            self.found.insert(path.to_owned(), found);
        }
        let Found { tree, source, .. } = self.found.get(path).filter(|_| self.wanted.is_empty())?;
        Some(Other { tree: tree.clone(), path: String::new(), source: Some(source.clone()) })
    }

    fn parse_other(&mut self, item: &Item<'_>, path: &str, bytes: &'s [u8]) -> Option<Found<'s>> {
        let source = match Source::read(bytes, path) {
            Ok(source) => source,
            Err(problem) => {
                self.reading.problems.push(*problem);
                return None;
            }
        };
        self.texts_of.insert(path.to_owned(), source.text.to_owned());
        let Whole { tree, problems, wanted } = blocks::read(&source, self.files);
        let is_clean = problems.is_empty() && wanted.is_empty();
        self.reading.problems.extend(problems);
        self.wanted.extend(wanted);
        let mut tree = tree.filter(|_| is_clean)?;
        if !is_steps(&tree) {
            let message = format!("`{path}` is no file of steps");
            self.reading.at(Code::StepPipeline, item, message, None);
            return None;
        }
        let found = include(&mut tree, &source, self.files);
        let is_whole = found.problems.is_empty() && found.wanted.is_empty();
        let none = BTreeMap::new();
        let (answers, prefix) = (self.given.answers.unwrap_or(&none), format!("{path}:"));
        let with = (self.defaults.has_orchestrator, prefix.as_str());
        let left = fill_within(&mut tree, &source, self.tools, answers, with);
        self.reading.problems.extend(left.problems);
        self.autos.extend(left.autos);
        self.wanted.extend(found.wanted);
        self.reading.problems.extend(found.problems);
        let bytes = bytes.len() + found.bytes;
        is_whole.then_some(Found { tree: Rc::new(tree), source, bytes })
    }
}

/// Whether a text is a pipeline itself, and no name of one.
pub(super) fn is_written_out(text: &str) -> bool {
    text.contains("steps:") && text.trim_end().contains('\n')
}

/// Reads a pipeline that stands in a text of its own; its places are those of the text.
pub(super) fn read_text(file: String, text: &str, span: Span) -> Result<Node, Vec<Problem>> {
    let (tree, problems) = yaml::read(&Source::new(file, text));
    let mut tree = tree.filter(|_| problems.is_empty()).ok_or(problems)?;
    tree.shift(span.line.saturating_sub(1), span.column.saturating_sub(1));
    Ok(tree)
}
