//! Context files whose paths hang on the scope.

use std::collections::BTreeMap;

use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::{ContextSpec, PhaseSpec};
use refrain_schemas::pipeline::Pipeline;
use refrain_schemas::problem::Place;
use refrain_schemas::scope::{Scope, Target};
use serde_json::json;

use super::code::Code;
use super::templates::located;
use super::{Checker, columns, suggest, twice};
use crate::model::{ScopedFile, scopes};
use crate::template::{Context, Template, TemplateError, is_template};

/// What there is to know of the templates of paths.
const SEES: &str = "a path sees `scope.DIMENSION` alone";

/// Returns the paths that a path stands for, as far as they can be told.
pub(super) fn paths(pipeline: &Pipeline, phase: &PhaseSpec, written: &str) -> Vec<String> {
    if !is_template(written) {
        return vec![written.to_owned()];
    }
    let Ok(template) = Template::compile("", written) else { return Vec::new() };
    let scopes = scopes(&pipeline.dimensions, &phase.per).into_iter();
    scopes.filter_map(|scope| path_in(&template, &scope).ok()).collect()
}

fn path_in(template: &Template, scope: &Scope) -> Result<String, TemplateError> {
    template.render(&Context::of(&json!({ "scope": scope })))
}

impl Checker<'_> {
    /// Returns the file of a context entry; each scope's is looked at.
    pub(super) fn scoped_file(
        &mut self,
        phase: &PhaseName,
        spec: &PhaseSpec,
        context: &ContextSpec,
        written: &str,
        path: &str,
    ) -> Option<ScopedFile> {
        let at = format!("{path}.file");
        let delimiter = self.delimiter(written, context, path);
        let file = ScopedFile { written: written.to_owned(), by_scope: BTreeMap::new(), delimiter };
        if !is_template(written) {
            return self.context_file(written, &at, "", context, path).then_some(file);
        }
        let template = self.path_template(phase, spec, written, &at)?;
        let mut by_scope = BTreeMap::new();
        for scope in scopes(&self.pipeline.dimensions, &spec.per) {
            let target = Target { phase: phase.clone(), scope };
            match path_in(&template, &target.scope) {
                Ok(file) => {
                    self.context_file(&file, &at, &format!(", which `{target}` reads"), context, path);
                    by_scope.insert(target.scope, file);
                }
                Err(error) => {
                    let message = format!("no path for `{target}`: {}", located(&error));
                    self.problems.add_with(Code::TemplateName, &at, message, Some(SEES.to_owned()));
                    // It would be said of every scope.
                    return None;
                }
            }
        }
        Some(ScopedFile { by_scope, ..file })
    }

    /// Returns the template of a path where nothing is wrong with it.
    fn path_template(
        &mut self,
        phase: &PhaseName,
        spec: &PhaseSpec,
        written: &str,
        at: &str,
    ) -> Option<Template> {
        let template = match Template::compile("", written) {
            Ok(template) => template,
            Err(error) => {
                self.problems.add(Code::TemplateSyntax, at, located(&error));
                return None;
            }
        };
        for variable in template.variables() {
            let mut parts = variable.split('.');
            match (parts.next(), parts.next()) {
                (Some("scope"), Some(name)) => {
                    self.template_scope(phase, &spec.per, name, Code::TemplateName, at);
                }
                (Some("scope"), None) => {}
                (root, _) => {
                    let message = format!("the path reads `{}`", root.unwrap_or_default());
                    self.problems.add_with(Code::TemplateName, at, message, Some(SEES.to_owned()));
                }
            }
        }
        (!self.problems.is_wrong(at)).then_some(template)
    }

    /// Returns what is said to stand between the cells of a file.
    fn delimiter(&mut self, written: &str, context: &ContextSpec, path: &str) -> Option<char> {
        let said = context.delimiter.as_deref()?;
        let delimiter = delimiter_of(said);
        let is_table = columns::table(written, &[], None).is_some();
        let wrong = match delimiter {
            None => Some(format!("`{said}` is neither one character such as `;` nor `tab`")),
            Some(_) if !is_table => Some(format!("`{written}` is no CSV file")),
            Some(_) => None,
        };
        if let Some(message) = wrong {
            self.problems.add(Code::ContextDelimiter, format!("{path}.delimiter"), message);
        }
        delimiter
    }

    /// Looks at a file and at the fields that are looked for in it; tells whether the file is there.
    fn context_file(&mut self, file: &str, at: &str, whose: &str, context: &ContextSpec, path: &str) -> bool {
        let Some(contents) = self.project_file_of(file, at, whose).map(<[u8]>::to_vec) else { return false };
        let delimiter = context.delimiter.as_deref().and_then(delimiter_of);
        let Some(columns) = columns::of(file, &contents, delimiter) else { return true };
        let matching = context.matching.as_ref();
        let fields = [
            (context.on.as_ref(), "on"),
            (matching.map(|matching| &matching.field), "match.field"),
            (matching.and_then(|matching| matching.case.as_ref()), "match.case"),
        ];
        let fields = fields.into_iter().filter_map(|(field, at)| Some((field?, at)));
        // A field that a file does not have selects nothing, silently and for good.
        let missing: Vec<_> =
            fields.filter(|(field, _)| !field.is_empty() && !columns.contains(*field)).collect();
        if let Some(apart) = columns::other_delimiter(&columns).filter(|_| !missing.is_empty()) {
            self.separated_otherwise(file, &contents, apart, at);
            return true;
        }
        for (field, at) in missing {
            let hint = suggest::suggestion(field, columns.iter().map(String::as_str));
            let message = format!("`{file}` has no field `{field}`");
            self.problems.add_with(Code::ContextField, format!("{path}.{at}"), message, hint);
        }
        let table = columns::table(file, &contents, delimiter);
        if let (Some((text, delimiter)), Some(matching)) = (table, matching) {
            let found = twice::terms(file, text, delimiter, &matching.field, path);
            found.into_iter().for_each(|problem| self.problems.push(problem));
        }
        true
    }

    /// Spreadsheets of some countries write `;` between cells: then all names stand in one.
    fn separated_otherwise(&mut self, file: &str, contents: &[u8], apart: char, at: &str) {
        let lines = contents.split(|byte| *byte == b'\n');
        let blank = lines.take_while(|line| line.trim_ascii().is_empty()).count();
        let line = u32::try_from(blank + 1).unwrap_or(1);
        let name = if apart == '\t' { "tab".to_owned() } else { format!("\"{apart}\"") };
        let shown = if apart == '\t' { "tabs".to_owned() } else { format!("`{apart}`") };
        let message = format!("the cells seem to stand between {shown}, and nobody says so");
        let hint = format!("say `delimiter: {name}` beside `file:`, or save the file with commas");
        let place = Place { file: file.to_owned(), line, column: 1, length: 1 };
        self.problems.add_at(Code::ContextDelimiter, at, message, Some(hint), Some(place));
    }
}

/// Reads what is said to stand between cells.
fn delimiter_of(said: &str) -> Option<char> {
    let mut chars = said.chars();
    match (said, chars.next(), chars.next()) {
        ("tab", ..) => Some('\t'),
        (_, Some(one), None) if one.is_ascii() && !"\"\r\n".contains(one) => Some(one),
        _ => None,
    }
}
