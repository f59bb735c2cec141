//! The one file that a step says it produces: its name, what kind of thing it is, and what of the result is in it.

use refrain_core::check::code::Code;
use refrain_core::template::is_template;
use serde_json::Value;

use super::Lowering;
use super::body::{Draft, DraftKind};
use super::products::{Content, Product};
use super::reading::{Fields, Item};
use crate::node::Kind;

/// Keys of a step that leaves one file behind.
const OF_A_STEP: [&str; 4] = ["produces", "location", "format", "size_limit"];
/// Parameters by which tools are told where to write.
const TARGETS: [&str; 5] = ["path", "destination", "output_path", "output_file", "file_path"];
/// Words that say what kind of thing is produced, with the endings that its file has.
const KINDS: [(&str, &[&str]); 8] = [
    ("json", &["json", "jsonl"]),
    ("markdown", &["md", "markdown"]),
    ("csv", &["csv"]),
    ("html", &["html", "htm"]),
    ("yaml", &["yaml", "yml"]),
    ("text", &[]),
    ("report", &[]),
    ("data", &[]),
];
/// Those of things that no value is turned into.
const UNWRITTEN: [&str; 8] = ["pdf", "image", "png", "jpeg", "excel", "word", "docx", "zip"];
/// What of a tool's result is a text that people read.
const READ: [&str; 4] = ["markdown", "html", "content", "stdout"];

impl Lowering<'_, '_> {
    /// Reads `produces`, `location`, `format` and `size_limit`, which say of one file what it is.
    pub(super) fn produced<'n>(&mut self, draft: &Draft<'n>) -> Option<Product<'n>> {
        let fields = &draft.fields;
        let (produces, location) = (fields.get("produces"), fields.get("location"));
        let Some(first) = produces.as_ref().or(location.as_ref()) else {
            self.of_no_file(fields);
            return None;
        };
        let named = self.reading.text(first)?;
        let kind = produces.as_ref().and_then(Item::text).filter(|word| self.is_kind(draft, word));
        let is_file = location.is_none() && kind.is_none() && named.contains(['.', '/']);
        let path = match &location {
            Some(item) => item.clone(),
            None if is_file => first.clone(),
            None => {
                let hint = Some("add `location: FILE`".to_owned());
                let message = format!("`produces: {named}` does not say where the file is");
                self.reading.at(Code::MissingField, first, message, hint);
                return None;
            }
        };
        let place = self.reading.text(&path)?;
        let (format, most) = (self.format(fields), self.size_limit(fields));
        if location.is_some() && writes_itself(draft, place) {
            if let Some(item) = fields.get("size_limit") {
                let message = "the step writes that file itself, and `size_limit` is for one that is made of its result";
                self.reading.at_key(Code::StepTwo, &item, message, None);
            }
            return None;
        }
        let content = match (produces.filter(|_| !is_file), kind) {
            (Some(item), Some(kind)) => {
                self.agrees(kind, &item, place);
                Content::Variable(self.readable(draft, kind), path.clone())
            }
            (Some(item), None) => Content::Variable(self.reading.text(&item)?.to_owned(), item),
            (None, _) => Content::Variable("result".to_owned(), path.clone()),
        };
        Some(Product { path, content, format, most })
    }

    fn of_no_file(&mut self, fields: &Fields<'_>) {
        for item in OF_A_STEP.iter().filter_map(|key| fields.get(key)) {
            let message = format!("`{}` is said of a file, and the step names none", item.name());
            let hint = Some("add `produces:` and `location:`, or leave it out".to_owned());
            self.reading.at_key(Code::StepTwo, &item, message, hint);
        }
    }

    /// Whether a word says what kind of thing is produced, rather than which value of the result.
    fn is_kind(&self, draft: &Draft<'_>, word: &str) -> bool {
        let is_value = self.has_value(draft, word);
        let is_name = word.contains(['.', '/']) || is_template(word);
        !is_value && !is_name && (word.contains(['-', ' ']) || of_kind(word).is_some() || is_unwritten(word))
    }

    /// Whether the result of a step is known to have a field of this name.
    fn has_value(&self, draft: &Draft<'_>, name: &str) -> bool {
        let gives = self.names.of_phase(&draft.phase).and_then(|step| step.gives.as_ref());
        let of =
            |schema: Option<&Value>| schema.and_then(|schema| schema.get("properties")?.get(name)).is_some();
        let result = gives.and_then(|gives| gives.get("properties")?.get("result"));
        of(gives) || of(result)
    }

    /// Holds a kind of thing to the name of its file.
    fn agrees(&mut self, kind: &str, item: &Item<'_>, place: &str) {
        if is_unwritten(kind) {
            let message = format!("no value is written as `{kind}`");
            let hint = "have a program write it, and leave `produces` out".to_owned();
            return self.reading.at(Code::StepRefused, item, message, Some(hint));
        }
        let Some(endings) = of_kind(kind).filter(|endings| !endings.is_empty()) else { return };
        let name = place.rsplit('/').next().unwrap_or(place);
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        if let Some(ending) =
            ending.filter(|ending| !is_template(ending) && !endings.contains(&ending.as_str()))
        {
            let message = format!("`produces: {kind}` and a file that ends with `.{ending}` do not agree");
            self.reading.at(Code::StepTwo, item, message, None);
        }
    }

    /// Returns the part of the result that is written: of a tool that gives a text among other things, the text.
    fn readable(&self, draft: &Draft<'_>, kind: &str) -> String {
        let is_read = ["markdown", "html", "text", "report"].iter().any(|word| kind.contains(word));
        let is_tool = matches!(draft.kind, DraftKind::Tool(_));
        let mut fields = READ.iter().filter(|name| is_read && is_tool && self.has_value(draft, name));
        fields.next().map_or_else(|| "result".to_owned(), |name| (*name).to_owned())
    }
}

/// Returns the endings that files of a kind have.
fn of_kind(word: &str) -> Option<&'static [&'static str]> {
    let word = word.to_ascii_lowercase();
    KINDS.iter().find(|(name, _)| word.contains(name)).map(|(_, endings)| *endings)
}

fn is_unwritten(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    word.split(['-', '_', ' ']).any(|part| UNWRITTEN.contains(&part))
}

/// Whether a tool is told to write a file itself.
fn writes_itself(draft: &Draft<'_>, place: &str) -> bool {
    let plain = |path: &str| path.trim().trim_start_matches("./").to_owned();
    let parameters = draft.fields.get("parameters");
    let Some(Kind::Map(entries)) = parameters.map(|item| &item.node.kind) else { return false };
    let mut targets = entries.iter().filter(|entry| TARGETS.contains(&entry.key.as_str()));
    let is_tool = matches!(draft.kind, DraftKind::Tool(_) | DraftKind::Agent(..));
    is_tool
        && targets.any(|entry| matches!(&entry.value.kind, Kind::Text(path) if plain(path) == plain(place)))
}
