//! Personalities: system prompts with names, in the file or in a folder, that build on each other.
//!
//! A name is looked for in the file, then in the project's `personalities` folder, then in that of the person who runs it.

use std::collections::HashSet;

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_core::check::suggest::nearest;

use super::Lowering;
use super::models::Settings;
use super::reading::{Fields, Item, Reading};
use crate::node::Kind;
use crate::source::Source;
use crate::yaml;

const KEYS: [&str; 5] = ["system_prompt", "style", "format", "parameters", "extends"];
/// The deepest that personalities may build on each other.
const DEEPEST: usize = 16;
/// The one that a step has which names none.
const STANDARD: &str = "standard";
/// Where personalities are that the file does not have.
const FOLDERS: [&str; 2] = ["personalities", "~/.refrain/personalities"];
const ENDINGS: [&str; 4] = ["md", "txt", "yaml", "yml"];

/// A personality as it is written.
#[derive(Debug, Clone, Default)]
struct Personality {
    text: String,
    extends: Vec<String>,
    settings: Settings,
}

/// As whom a model answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Persona {
    /// What it is told to be, in order.
    texts: Vec<String>,
    pub(super) settings: Settings,
}

impl Persona {
    /// Returns what it is told to be.
    pub(super) fn system(&self) -> String {
        self.texts.join("\n\n")
    }
}

/// The personalities of a file.
#[derive(Debug, Default)]
pub(super) struct Personalities {
    own: IndexMap<String, Personality>,
    /// Those of which it was told that they have no ground.
    circles: HashSet<String>,
}

/// What came of looking for a personality.
enum Found {
    Here(Box<Personality>),
    /// Files have to be looked for first.
    Later,
    Nowhere,
}

impl Lowering<'_, '_> {
    /// Reads `personalities:`.
    pub(super) fn personalities(&mut self, section: &Item<'_>) {
        let Some(fields) = self.reading.fields(section) else { return };
        for (name, item) in fields.iter() {
            let personality = read(&mut self.reading, &item);
            self.models.personalities.own.insert(name.to_owned(), personality);
        }
        for (name, item) in fields.iter() {
            self.persona(name, &item, &mut Vec::new());
        }
    }

    /// Returns as whom the model of a step answers, where the step says so: a name, a text, or one written out.
    pub(super) fn persona_of(&mut self, fields: &Fields<'_>) -> Option<Persona> {
        let item = fields.get("personality")?;
        if let Kind::Map(_) = item.node.kind {
            let own = read(&mut self.reading, &item);
            return self.built(own, &item, &mut Vec::new());
        }
        let text = self.reading.text(&item)?;
        let is_name = !text.trim().contains(char::is_whitespace);
        if text.trim() == STANDARD {
            return self.standard(&item);
        }
        if is_name || self.models.personalities.own.contains_key(text) {
            return self.persona(text.trim(), &item, &mut Vec::new());
        }
        Some(Persona { texts: vec![text.to_owned()], settings: Settings::default() })
    }

    /// Returns the personality that holds where nothing else is said, which need not be there.
    pub(super) fn standard(&mut self, item: &Item<'_>) -> Option<Persona> {
        let is_own = self.models.personalities.own.contains_key(STANDARD);
        let found = match (is_own, self.given.files) {
            (true, _) => Found::Here(Box::default()),
            (false, Some(_)) => self.in_folders(&FOLDERS[..1], STANDARD),
            // Nobody looks for files.
            (false, None) => Found::Nowhere,
        };
        matches!(found, Found::Here(_)).then(|| self.persona(STANDARD, item, &mut Vec::new())).flatten()
    }

    /// Returns the personality of a name, with what it builds on; says so where there is none.
    fn persona(&mut self, name: &str, item: &Item<'_>, within: &mut Vec<String>) -> Option<Persona> {
        if within.iter().any(|known| known == name) || within.len() >= DEEPEST {
            self.no_ground(name, item, within);
            return None;
        }
        let own = match self.models.personalities.own.get(name) {
            Some(own) => Found::Here(Box::new(own.clone())),
            None => self.in_folders(&FOLDERS, name),
        };
        match own {
            Found::Here(own) => {
                within.push(name.to_owned());
                let built = self.built(*own, item, within);
                within.pop();
                built
            }
            Found::Later => None,
            Found::Nowhere => {
                let known = self.models.personalities.own.keys().map(String::as_str);
                let hint = match nearest(name, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if is_plain(name) => {
                        format!("declare it under `personalities:`, or write `personalities/{name}.md`")
                    }
                    None => "declare it under `personalities:`".to_owned(),
                };
                let message = format!("there is no personality `{name}`");
                self.reading.at(Code::StepExpert, item, message, Some(hint));
                None
            }
        }
    }

    /// Tells, once, of personalities that build on each other without an end.
    fn no_ground(&mut self, name: &str, item: &Item<'_>, within: &[String]) {
        let way: Vec<&str> = within.iter().map(String::as_str).chain([name]).collect();
        let circles = &mut self.models.personalities.circles;
        let is_told = way.iter().any(|name| circles.contains(*name));
        circles.extend(way.iter().map(|name| (*name).to_owned()));
        if is_told {
            return;
        }
        let is_circle = within.iter().any(|known| known == name);
        let what = if is_circle { "itself" } else { "too many others, one after the other" };
        let message = format!("personality `{name}` builds on {what}: {}", way.join(" → "));
        self.reading.at(Code::StepExpert, item, message, Some("take one of them out".to_owned()));
    }

    /// What a personality builds on comes first, and what it says itself goes before that.
    fn built(&mut self, own: Personality, item: &Item<'_>, within: &mut Vec<String>) -> Option<Persona> {
        let mut texts: Vec<String> = Vec::new();
        let mut settings = own.settings;
        for name in &own.extends {
            let base = self.persona(name, item, within)?;
            texts.extend(base.texts);
            settings = settings.over(base.settings);
        }
        texts.push(own.text);
        // What several of them build on is said once, where it comes first.
        let mut said = HashSet::new();
        texts.retain(|text| !text.is_empty() && said.insert(text.clone()));
        Some(Persona { texts, settings })
    }

    /// Looks for the file of a personality.
    fn in_folders(&mut self, folders: &[&str], name: &str) -> Found {
        if !is_plain(name) {
            return Found::Nowhere;
        }
        let files = self.files;
        let paths = folders.iter().flat_map(|folder| ENDINGS.map(|end| format!("{folder}/{name}.{end}")));
        let paths: Vec<String> = paths.collect();
        let unknown: Vec<&String> = paths.iter().filter(|path| !files.contains_key(*path)).collect();
        if !unknown.is_empty() {
            self.wanted.extend(unknown.into_iter().cloned());
            return Found::Later;
        }
        let found = paths.iter().find_map(|path| Some((path, files.get(path)?.as_ref()?)));
        let Some((path, bytes)) = found else { return Found::Nowhere };
        Found::Here(Box::new(self.personality_in(path, bytes)))
    }

    /// Reads the file of a personality: a text, or a map in YAML.
    fn personality_in(&mut self, path: &str, bytes: &[u8]) -> Personality {
        let source = match Source::read(bytes, path) {
            Ok(source) => source,
            Err(problem) => {
                self.reading.problems.push(*problem);
                return Personality::default();
            }
        };
        if path.ends_with(".md") || path.ends_with(".txt") {
            return Personality { text: source.text.trim().to_owned(), ..Personality::default() };
        }
        let (tree, problems) = yaml::read(&source);
        self.reading.problems.extend(problems);
        let Some(tree) = tree else { return Personality::default() };
        let mut reading = Reading::new(&source);
        let personality = read(&mut reading, &Item { node: &tree, key: None, path: String::new() });
        let problems = std::mem::take(&mut reading.problems);
        // A file that two steps name is wrong once.
        let new = problems.into_iter().filter(|problem| !self.reading.problems.contains(problem));
        let new: Vec<_> = new.collect();
        self.reading.problems.extend(new);
        personality
    }
}

/// Whether a name may be that of a file.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// Reads a personality: a text, or a map.
fn read(reading: &mut Reading<'_>, item: &Item<'_>) -> Personality {
    if let Some(text) = item.text() {
        return Personality { text: text.trim().to_owned(), ..Personality::default() };
    }
    let Some(fields) = reading.fields(item) else { return Personality::default() };
    reading.known(&fields, "a personality", &KEYS, &[]);
    let mut text = |key: &str| fields.get(key).and_then(|item| reading.text(&item)).map(str::to_owned);
    let prompt = text("system_prompt");
    let style = text("style").map(|style| format!("Style: {style}"));
    let format = text("format").map(|format| format!("Format: {format}"));
    let lines: Vec<String> = prompt.into_iter().chain(style).chain(format).collect();
    let extends = fields.get("extends").map(|item| reading.names(&item)).unwrap_or_default();
    let settings = match fields.get("parameters").and_then(|item| reading.fields(&item)) {
        Some(fields) => {
            reading.known(&fields, "`parameters`", &["temperature", "max_tokens"], &[]);
            Settings::read(reading, &fields)
        }
        None => Settings::default(),
    };
    Personality {
        text: lines.join("\n").trim().to_owned(),
        extends: extends.into_iter().map(|(name, _)| name).collect(),
        settings,
    }
}
