//! The project files that a pipeline names.

use std::collections::BTreeSet;
use std::sync::Arc;

use refrain_schemas::agent_spec::{AgentSpec, SchemaRef};
use refrain_schemas::json::Json;
use refrain_schemas::phase_spec::AgentRef;
use refrain_schemas::pipeline::Pipeline;
use serde_json::Value;

use super::code::Code;
use super::{Checker, scoped_files, suggest};
use crate::model::OutputSchema;
use crate::prompt::is_path;

/// A project file that a pipeline names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedFile {
    /// The path as written.
    pub path: String,
    /// What it is for.
    pub used_as: FileUse,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileUse {
    /// The schema of an output.
    Schema,
    /// An entry of a phase's context.
    Context,
    /// A layer of a prompt.
    Prompt,
    /// Part of an agent's identity.
    Identity,
    /// An argument of a command. It is a file if there is one of that name (a folder is none); else just a word.
    Argument,
}

impl FileUse {
    /// Whether a missing file is a mistake.
    #[must_use]
    pub const fn is_required(self) -> bool {
        !matches!(self, Self::Argument)
    }
}

/// Returns the files that a pipeline names, sorted, each once per use. The caller reads those there are and hands
/// them to the check.
#[must_use]
pub fn named_files(pipeline: &Pipeline) -> Vec<NamedFile> {
    let mut files = BTreeSet::new();
    prompt_files([&pipeline.system], &mut files);
    for spec in pipeline.agents.values() {
        agent_files(spec, &mut files);
    }
    for phase in pipeline.phases.values() {
        if let Some(AgentRef::Inline(spec)) = &phase.agent {
            agent_files(spec, &mut files);
        }
        let schema = phase.output.iter().filter_map(|output| output.schema.as_ref()?.file());
        files.extend(schema.map(|path| named(path, FileUse::Schema)));
        let context = phase.context.values().filter_map(|entry| entry.file.as_ref());
        let paths = context.flat_map(|written| scoped_files::paths(pipeline, phase, written));
        files.extend(paths.map(|path| named(&path, FileUse::Context)));
        prompt_files([&phase.system, &phase.prompt], &mut files);
    }
    files.into_iter().collect()
}

fn agent_files(spec: &AgentSpec, files: &mut BTreeSet<NamedFile>) {
    files.extend(spec.files.iter().map(|path| named(path, FileUse::Identity)));
    files.extend(spec.output.iter().filter_map(SchemaRef::file).map(|path| named(path, FileUse::Schema)));
    files.extend(spec.accepts.iter().filter_map(SchemaRef::file).map(|path| named(path, FileUse::Schema)));
    prompt_files([&spec.system, &spec.prompt], files);
    let arguments = spec.command.iter().flatten().filter_map(|word| argument_file(spec, word));
    files.extend(arguments.map(|path| named(&path, FileUse::Argument)));
}

fn prompt_files<const N: usize>(layers: [&Option<String>; N], files: &mut BTreeSet<NamedFile>) {
    let paths = layers.into_iter().flatten().filter(|layer| is_path(layer));
    files.extend(paths.map(|path| named(path, FileUse::Prompt)));
}

fn named(path: &str, used_as: FileUse) -> NamedFile {
    NamedFile { path: path.to_owned(), used_as }
}

/// Returns the path that a word of a command stands for, if it can be one of the project: the command sees it from the
/// folder it runs in.
pub(super) fn argument_file(spec: &AgentSpec, word: &str) -> Option<String> {
    let inside = may_be_file(word).then(|| word.to_owned())?;
    let Some(cwd) = &spec.cwd else { return Some(inside) };
    let names = cwd.split('/').chain(word.split('/')).filter(|name| !name.is_empty() && *name != ".");
    Some(names.collect::<Vec<_>>().join("/")).filter(|path| may_be_file(path))
}

fn may_be_file(argument: &str) -> bool {
    !argument.is_empty() && argument.len() < 1_000 && !argument.starts_with('-') && is_inside(argument)
}

/// Whether a path stays in the project folder, as it is written.
#[must_use]
pub fn is_inside(path: &str) -> bool {
    let drive = path.as_bytes().get(1) == Some(&b':');
    !path.starts_with(['/', '\\', '~'])
        && !drive
        && !path.contains('\0')
        && path.split(['/', '\\']).all(|part| part != "..")
}

/// Says how to make a file of a scope that is like the one of another scope.
fn to_make(file: &str, like: &str, contents: Option<&Vec<u8>>) -> String {
    let is_table = like.ends_with(".csv") || like.ends_with(".tsv");
    let text = contents.filter(|_| is_table).and_then(|contents| std::str::from_utf8(contents).ok());
    let header = text.and_then(|text| text.trim_start_matches('\u{feff}').lines().next());
    match header.map(str::trim_end).filter(|header| !header.is_empty()) {
        Some(header) => {
            format!("create `{file}`; its first line `{header}` is enough to begin with, as in `{like}`")
        }
        None => format!("create `{file}`; `{like}` is the one of another scope"),
    }
}

impl Checker<'_> {
    /// Returns the contents of a file; says so if there is none.
    pub(super) fn project_file(&mut self, file: &str, path: &str) -> Option<&[u8]> {
        self.project_file_of(file, path, "")
    }

    /// As [`project_file`](Self::project_file); `whose` says in messages who reads it. A file that is there for one scope alone is
    /// made rather than misspelt: another scope's is no hint.
    pub(super) fn project_file_of(&mut self, file: &str, path: &str, whose: &str) -> Option<&[u8]> {
        let around = self.around;
        if !is_inside(file) {
            let comma = if whose.is_empty() { "" } else { "," };
            let message = format!("`{file}`{whose}{comma} leads out of the project");
            self.problems.add(Code::FileOutside, path, message);
            return None;
        }
        let contents = around.files.get(file).map(Vec::as_slice);
        if contents.is_none() {
            let near = suggest::nearest(file, around.files.keys().map(String::as_str));
            let hint = match near {
                Some(like) if !whose.is_empty() => Some(to_make(file, like, around.files.get(like))),
                near => near.map(|near| format!("did you mean `{near}`?")),
            };
            self.problems.add_with(
                Code::FileMissing,
                path,
                format!("there is no file `{file}`{whose}"),
                hint,
            );
        }
        contents
    }

    /// Returns a compiled schema, of a file or written out at `path`.
    pub(super) fn schema(&mut self, written: &SchemaRef, path: &str) -> Option<OutputSchema> {
        let compiled = match written {
            SchemaRef::File(file) => return self.schema_file(file, path),
            SchemaRef::Inline(fields) => compiled(path, "it", &Value::Object(fields.clone())),
        };
        compiled.map_err(|(code, message)| self.problems.add(code, path, message)).ok()
    }

    /// Returns the compiled schema of a file; what is wrong with it is said once.
    fn schema_file(&mut self, file: &str, path: &str) -> Option<OutputSchema> {
        if let Some(known) = self.schemas.get(file) {
            return known.clone();
        }
        let contents = self.project_file(file, path)?.to_vec();
        let schema = match compile(file, &contents) {
            Ok(schema) => Some(schema),
            Err((code, message)) => {
                self.problems.add(code, path, message);
                None
            }
        };
        self.schemas.insert(file.to_owned(), schema.clone());
        schema
    }
}

fn compile(file: &str, contents: &[u8]) -> Result<OutputSchema, (Code, String)> {
    let not_json = |why: String| (Code::SchemaNotJson, format!("`{file}` is not JSON: {why}"));
    let value: Value = serde_json::from_slice(contents).map_err(|e| not_json(e.to_string()))?;
    compiled(file, &format!("`{file}`"), &value)
}

/// Compiles a schema; `name` is its file, or the field that it is written in, and `it` what messages call it.
fn compiled(name: &str, it: &str, value: &Value) -> Result<OutputSchema, (Code, String)> {
    let json = Json::of(value).map_err(|e| (Code::SchemaNotJson, format!("{it} is not JSON: {e}")))?;
    if let Some(reference) = remote_reference(value) {
        return Err((Code::SchemaRemote, format!("{it} refers to `{reference}`, which is not in it")));
    }
    // Formats that nobody holds answers to would be promises.
    let options = jsonschema::options().should_validate_formats(true);
    let validator = options.build(value).map_err(|e| (Code::SchemaInvalid, invalid(it, &e)))?;
    Ok(OutputSchema { path: name.to_owned(), json, validator: Arc::new(validator) })
}

fn invalid(it: &str, error: &jsonschema::ValidationError<'_>) -> String {
    let at = error.instance_path().to_string();
    let at = if at.is_empty() { String::new() } else { format!(" (at `{at}`)") };
    format!("{it} is no valid schema: {error}{at}")
}

/// Returns the first `$ref` that leads out of the document.
fn remote_reference(schema: &Value) -> Option<String> {
    let mut ids = BTreeSet::new();
    let mut references = Vec::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                ids.extend(fields.get("$id").and_then(Value::as_str));
                let keys = ["$ref", "$dynamicRef"];
                references.extend(keys.iter().filter_map(|key| fields.get(*key)?.as_str()));
                open.extend(fields.iter().filter(|(key, _)| !is_data(key)).map(|(_, value)| value));
            }
            _ => {}
        }
    }
    let document = |reference: &str| reference.split('#').next().unwrap_or_default().to_owned();
    let mut remote = references.into_iter().filter(|reference| {
        let document = document(reference);
        !document.is_empty() && !ids.contains(document.as_str())
    });
    remote.next().map(str::to_owned)
}

/// What stands under these keywords are values, not schemas.
fn is_data(keyword: &str) -> bool {
    matches!(keyword, "const" | "enum" | "default" | "examples")
}
