//! What units see besides their own input.

use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::{ContextSpec, FieldNames, PhaseSpec};

use super::Checker;
use super::code::Code;
use super::links::Links;
use super::phases::{Made, MadeBy};
use crate::model::{Context, ContextSource, Select, Split, Units};
use crate::terms::Matching;

/// Names that mean something else in a request.
const RESERVED: [&str; 4] = ["unit", "scope", "params", "previous"];

impl Checker<'_> {
    /// Returns the context entries of a phase.
    pub(super) fn context(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        links: &Links,
        units: &Units,
        made: &MadeBy,
    ) -> Vec<Context> {
        let mut entries = Vec::new();
        for (entry, context) in &spec.context {
            let path = format!("phases.{name}.context.{entry}");
            if RESERVED.contains(&entry.as_str()) || entry.is_empty() {
                let message = format!("`{entry}` cannot be the name of a context entry");
                self.problems.add(Code::ContextName, &path, message);
            }
            self.selection(context, &path);
            if context.window.is_some() {
                self.window(context, links, units, &path);
            }
            let Some(source) = self.context_source(name, spec, context, &path) else { continue };
            let made = context.from.as_ref().and_then(|from| made.get(from));
            self.selects_records(context, made, &path);
            let select = select(context, self.key_of(spec, context, made));
            self.read_in_one_way(&entries, &source, &path);
            entries.push(Context { name: entry.clone(), source, select });
        }
        entries
    }

    /// What a phase reads is known by its path: one file cannot be separated in two ways.
    fn read_in_one_way(&mut self, before: &[Context], source: &ContextSource, path: &str) {
        let ContextSource::File(file) = source else { return };
        let differs = |context: &&Context| {
            let ContextSource::File(other) = &context.source else { return false };
            other.delimiter != file.delimiter && other.paths().any(|path| file.paths().any(|own| own == path))
        };
        if let Some(other) = before.iter().find(differs) {
            let message = format!("`{}` of this phase reads the file with another delimiter", other.name);
            self.problems.add(Code::ContextDelimiter, format!("{path}.file"), message);
        }
    }

    fn context_source(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        context: &ContextSpec,
        path: &str,
    ) -> Option<ContextSource> {
        match (&context.from, &context.file) {
            (Some(from), None) => {
                if context.delimiter.is_some() {
                    let message = format!("`{from}` is a phase, whose records have no cells");
                    self.problems.add(Code::ContextDelimiter, format!("{path}.delimiter"), message);
                }
                Some(ContextSource::Phase(from.clone()))
            }
            (None, Some(file)) => self.scoped_file(name, spec, context, file, path).map(ContextSource::File),
            (Some(_), Some(_)) => {
                self.problems.add(Code::ContextSource, path, "the entry has both `from` and `file`");
                None
            }
            (None, None) => {
                let hint = Some("add `from: PHASE` or `file: PATH`".to_owned());
                self.problems.add_with(
                    Code::ContextSource,
                    path,
                    "the entry has neither `from` nor `file`",
                    hint,
                );
                None
            }
        }
    }

    fn selection(&mut self, context: &ContextSpec, path: &str) {
        let ways = [context.on.is_some(), context.matching.is_some(), context.window.is_some()];
        if ways.iter().filter(|given| **given).count() > 1 {
            self.problems.add(Code::ContextSelect, path, "the entry selects in more than one way");
        }
        if context.within.is_some() && context.window.is_none() {
            self.problems.add(
                Code::WithinAlone,
                format!("{path}.within"),
                "`within` says how far a window reaches",
            );
        }
        self.at_least_one(context.window.map(u64::from), &format!("{path}.window"));
        self.field_name(context.on.as_deref(), &format!("{path}.on"));
        self.field_name(context.within.as_deref(), &format!("{path}.within"));
        if let Some(matching) = &context.matching {
            self.field_name(Some(&matching.field), &format!("{path}.match.field"));
            self.field_name(matching.case.as_deref(), &format!("{path}.match.case"));
            self.looked_in(&matching.within, &format!("{path}.match.in"));
        }
    }

    fn looked_in(&mut self, fields: &FieldNames, path: &str) {
        match fields {
            FieldNames::One(field) => self.field_name(Some(field), path),
            FieldNames::Many(fields) => {
                for (n, field) in fields.iter().enumerate() {
                    self.field_name(Some(field), &format!("{path}[{n}]"));
                }
                if fields.is_empty() {
                    self.problems.add(Code::EmptyField, path, "the list names no field");
                }
            }
        }
    }

    fn window(&mut self, context: &ContextSpec, links: &Links, units: &Units, path: &str) {
        let path = format!("{path}.window");
        if units.split != Split::Record {
            let message = "the units of this phase are groups, which have no neighbours";
            self.problems.add(Code::WindowUnits, path, message);
            return;
        }
        let own = context.from.as_ref().is_some_and(|from| links.of.iter().any(|(name, _)| name == from));
        if !own && !links.of.is_empty() {
            let sources: Vec<String> = links.of.iter().map(|(name, _)| format!("`{name}`")).collect();
            let hint =
                Some(format!("a window is over the records that units come from: {}", sources.join(", ")));
            let message = "the units of this phase do not come from there";
            self.problems.add_with(Code::WindowSource, path, message, hint);
        }
    }

    fn selects_records(&mut self, context: &ContextSpec, made: Option<&Made>, path: &str) {
        if made != Some(&Made::Document) {
            return;
        }
        let ways = [
            ("on", context.on.is_some()),
            ("match", context.matching.is_some()),
            ("window", context.window.is_some()),
        ];
        for (way, _) in ways.into_iter().filter(|(_, given)| *given) {
            let message = format!("`{way}` selects records, and the source is a document");
            self.problems.add(Code::SelectDocument, format!("{path}.{way}"), message);
        }
    }

    /// Returns the key of a source; records that are gathered from several scopes share their keys.
    fn key_of<'m>(&self, spec: &PhaseSpec, context: &ContextSpec, made: Option<&'m Made>) -> Option<&'m str> {
        let source = context.from.as_ref().and_then(|from| self.pipeline.phases.get(from));
        let gathered = source.is_some_and(|source| source.per.iter().any(|d| spec.gather.contains(d)));
        match made {
            Some(Made::Records(key)) if !gathered => Some(key),
            _ => None,
        }
    }
}

fn select(context: &ContextSpec, key: Option<&str>) -> Select {
    if let Some(field) = &context.on {
        return Select::On { field: field.clone(), unique: key == Some(field) };
    }
    if let Some(matching) = &context.matching {
        let how = Matching {
            words: matching.words,
            ignore_case: matching.ignore_case,
            case: matching.case.clone(),
        };
        let within = matching.within.names().to_vec();
        return Select::Match { field: matching.field.clone(), within, how };
    }
    match context.window {
        Some(n) => Select::Window { n: n as usize, within: context.within.clone() },
        None => Select::Whole,
    }
}
