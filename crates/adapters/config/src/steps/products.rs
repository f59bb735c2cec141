//! Files that a step leaves behind: each is a phase of its own, which writes one value of the step's result.

use std::collections::HashMap;

use refrain_core::check::code::Code;
use refrain_core::ports::tool_catalogue::Written;
use refrain_core::template::is_template;
use refrain_schemas::agent_spec::ToolAction;
use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::PhaseSpec;
use serde_json::{Map, Value, json};

use super::Lowering;
use super::body::{Around, Draft};
use super::left_behind::has_route;
use super::made::{By, Made};
use super::reading::{Fields, Item, leads_out};
use super::texts::{Read, alias};
use crate::node::Kind;

const KEYS: [&str; 6] = ["name", "template", "format", "size_limit", "variables", "description"];
const FORMATS: [&str; 9] = ["json", "markdown", "md", "txt", "text", "html", "csv", "yaml", "yml"];
/// Formats by their names among media types.
const MEDIA: [(&str, &str); 9] = [
    ("application/json", "json"),
    ("text/markdown", "markdown"),
    ("text/plain", "txt"),
    ("text/html", "html"),
    ("text/csv", "csv"),
    ("application/yaml", "yaml"),
    ("application/x-yaml", "yaml"),
    ("text/yaml", "yaml"),
    ("text/x-yaml", "yaml"),
];
const UNITS: [(&str, u64); 7] = [
    ("b", 1),
    ("kb", 1_000),
    ("kib", 1 << 10),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("gb", 1_000_000_000),
    ("gib", 1 << 30),
];

/// The number of the file that holds answers, which is behind those that steps name.
const ANSWERS: usize = 1_000;

/// A file, and what is written into it.
pub(super) struct Product<'n> {
    pub(super) path: Item<'n>,
    pub(super) content: Content<'n>,
    /// The format, where it is not that of the file's name.
    pub(super) format: Option<Format>,
    pub(super) most: Option<u64>,
}

/// How a value becomes the text of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// As templates print it.
    Text,
    Json,
    /// By the tool that writes values, which knows this one.
    Table(&'static str),
}

impl Format {
    fn of(path: &str) -> Self {
        let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
        Self::named(&ending)
    }

    fn named(word: &str) -> Self {
        match word {
            "json" => Self::Json,
            "csv" => Self::Table("csv"),
            "yaml" | "yml" => Self::Table("yaml"),
            _ => Self::Text,
        }
    }
}

pub(super) enum Content<'n> {
    /// A field of the step's result, with the place that names it.
    Variable(String, Item<'n>),
    Template(Item<'n>),
}

impl Lowering<'_, '_> {
    /// Reads where files of steps go.
    pub(super) fn output_dir(&mut self, item: &Item<'_>) {
        let Some(text) = self.reading.text(item) else { return };
        if is_template(text) {
            let message = "`output_dir` is the same for every run, and no template";
            return self.reading.at(Code::WrongType, item, message, None);
        }
        let folder = text.trim_start_matches("./").trim_end_matches('/');
        if leads_out(folder) {
            let message = format!("{text} leads out of the project");
            return self.reading.at(Code::StepOutside, item, message, None);
        }
        self.leads_out(item, &Value::from(format!("{folder}/x")));
        self.output_dir = Some(folder.to_owned()).filter(|folder| !matches!(folder.as_str(), "" | "."));
    }

    /// Reads `products:`, and `produces:` with what goes with it, and adds a phase for each file.
    pub(super) fn products(&mut self, draft: &Draft<'_>, around: Option<&Around>) {
        let item = draft.fields.get("products");
        let mut products: Vec<Product<'_>> = match item.as_ref().map(|item| (item, &item.node.kind)) {
            Some((item, Kind::List(_))) => {
                item.items().iter().flat_map(|item| self.product(draft, item)).collect()
            }
            Some((item, _)) => self.product(draft, item),
            None => Vec::new(),
        };
        products.extend(self.produced(draft));
        for (n, product) in products.into_iter().enumerate() {
            self.add_product(draft, around, n + 1, &product);
        }
    }

    /// Reads `VAR: FILE`, or `{ name: FILE, template: TEXT }`.
    fn product<'n>(&mut self, draft: &Draft<'n>, item: &Item<'n>) -> Vec<Product<'n>> {
        let Some(fields) = self.reading.fields(item) else { return Vec::new() };
        if ["template", "name", "variables"].iter().any(|key| fields.get(key).is_some()) {
            return self.written(draft, &fields).into_iter().collect();
        }
        let found: Vec<(&str, Item<'n>)> = fields.iter().collect();
        let products = found.into_iter().filter_map(|(variable, path)| {
            self.reading.text(&path)?;
            let content = Content::Variable(variable.to_owned(), path.clone());
            Some(Product { path, content, format: None, most: None })
        });
        products.collect()
    }

    fn written<'n>(&mut self, draft: &Draft<'n>, fields: &Fields<'n>) -> Option<Product<'n>> {
        self.reading.known(fields, "a product", &KEYS, &[]);
        let template = fields.get("template");
        let variables = fields.get("variables").map(|item| self.reading.names(&item)).unwrap_or_default();
        let content = match (template, variables.as_slice()) {
            (Some(item), _) => {
                self.reading.text(&item)?;
                self.used_variables(draft, &variables);
                Some(Content::Template(item))
            }
            (None, [(name, item)]) => Some(Content::Variable(name.clone(), item.clone())),
            (None, _) => None,
        };
        let (Some(path), Some(content)) = (fields.get("name"), content) else {
            let hint = Some("write `VARIABLE: FILE`, or `{ name: FILE, template: TEXT }`".to_owned());
            let message = "a product says its file and what is in it";
            self.reading.report(Code::MissingField, &fields.path, fields.span, message, hint);
            return None;
        };
        self.reading.text(&path)?;
        let (format, most) = (self.format(fields), self.size_limit(fields));
        Some(Product { path, content, format, most })
    }

    /// The variables that a template is said to use MUST be there.
    fn used_variables(&mut self, draft: &Draft<'_>, variables: &[(String, Item<'_>)]) {
        for (name, item) in variables {
            let mut texts = self.texts(None, Read::default());
            drop(texts.template(item, &format!("{{{{ {}.{name} }}}}", alias(&draft.id))));
        }
    }

    pub(super) fn format(&mut self, fields: &Fields<'_>) -> Option<Format> {
        let item = fields.get("format")?;
        if let Some((_, word)) = item.text().and_then(|text| MEDIA.iter().find(|(name, _)| *name == text)) {
            return Some(Format::named(word));
        }
        self.reading.word(&item, &FORMATS).map(Format::named)
    }

    /// Reads a number of bytes, such as `2048` or `10MB`.
    pub(super) fn size_limit(&mut self, fields: &Fields<'_>) -> Option<u64> {
        let item = fields.get("size_limit")?;
        let size = match &item.node.kind {
            Kind::Integer(number) => u64::try_from(*number).ok(),
            Kind::Text(text) => bytes(text),
            _ => None,
        };
        if size.is_none() {
            let message = format!("`size_limit` cannot be {}", item.node.describe());
            let hint = Some("write bytes, or a size such as `10MB`".to_owned());
            self.reading.at(Code::WrongType, &item, message, hint);
        }
        size
    }

    fn add_product(&mut self, draft: &Draft<'_>, around: Option<&Around>, n: usize, product: &Product<'_>) {
        let name = format!("{}-product-{n}", draft.phase);
        let Some(phase) = self.made_name(&name, &product.path) else { return };
        let format = product.format.unwrap_or_else(|| Format::of(product.path.text().unwrap_or_default()));
        let folder = self.output_dir.clone();
        let mut texts = self.texts(Some(phase.clone()), Read::default());
        let mut path = texts.value(&product.path);
        let mut is_value = matches!(format, Format::Table(_)) || product.most.is_some();
        let content = match &product.content {
            Content::Template(item) => {
                is_value |= format == Format::Json;
                texts.value(item)
            }
            Content::Variable(name, item) => {
                let filter = if format == Format::Json { " | to_json" } else { "" };
                let text = format!("{{{{ {}.{name}{filter} }}}}", alias(&draft.id));
                Value::String(texts.template(item, &text))
            }
        };
        let read = texts.read;
        if let (Some(folder), Some(text)) = (&folder, path.as_str()) {
            if !is_template(text) && leads_out(text) {
                let message = format!("{text} leads out of `output_dir`");
                return self.reading.at(Code::StepOutside, &product.path, message, None);
            }
            is_value |= is_template(text);
            path = Value::from(format!("{folder}/{text}"));
        }
        self.leads_out(&product.path, &path);
        if let Some(text) = path.as_str() {
            self.leaves(draft, text, Some(&phase), &product.path);
        }
        let (tool, said) = if is_value { ("product", "value") } else { ("filesystem", "content") };
        let mut input = Map::from_iter([("path".to_owned(), path), (said.to_owned(), content)]);
        if is_value {
            let format = match format {
                Format::Table(name) => Some(name),
                Format::Json => Some("json"),
                Format::Text => product.format.map(|_| "txt"),
            };
            input.extend(format.map(|name| ("format".to_owned(), json!(name))));
            input.extend(product.most.map(|most| ("size_limit".to_owned(), json!(most))));
            input.extend(folder.map(|folder| ("within".to_owned(), json!(folder))));
        }
        let spec = PhaseSpec {
            needs: vec![draft.phase.clone()],
            needs_made: true,
            after: read.phases.into_iter().filter(|phase| *phase != draft.phase).collect(),
            names: read.names,
            input: Some(Value::Object(input)),
            within: around.map(|around| around.phase.clone()),
            ..PhaseSpec::default()
        };
        let tool = ToolAction { name: tool.to_owned(), action: Some("write".to_owned()) };
        self.written.push((draft.phase.clone(), phase.clone()));
        self.make(
            Made { phase, by: By::Tool(tool), dependencies: vec![draft.id.clone()], spec },
            &product.path,
        );
    }

    /// Adds the file that holds what a person answered.
    pub(super) fn saved(&mut self, draft: &Draft<'_>, around: Option<&Around>, path: &Item<'_>) {
        let content = Content::Variable("result".to_owned(), path.clone());
        let product = Product { path: path.clone(), content, format: None, most: None };
        // Behind those that the step names itself.
        self.add_product(draft, around, ANSWERS, &product);
    }

    /// Has what comes after a step wait for its files, whatever becomes of them. Where the step has a route, what the route
    /// passes over would take the files with it: there they are written beside.
    pub(super) fn wait_for_products(&mut self) {
        let mut files: HashMap<PhaseName, Vec<PhaseName>> = HashMap::new();
        for (step, product) in std::mem::take(&mut self.written) {
            if self.pipeline.phases.get(&step).is_some_and(|spec| !has_route(spec)) {
                files.entry(step).or_default().push(product);
            }
        }
        for (name, spec) in &mut self.pipeline.phases {
            let wanted = spec.after.iter().filter_map(|step| files.get(step)).flatten();
            let wanted: Vec<PhaseName> = wanted.filter(|product| *product != name).cloned().collect();
            spec.wants.extend(wanted);
        }
    }

    fn leads_out(&mut self, item: &Item<'_>, path: &Value) {
        let Some(tools) = self.tools else { return };
        let is_literal = path.as_str().is_some_and(|text| !is_template(text));
        if !is_literal {
            return;
        }
        let literals = Map::from_iter([("path".to_owned(), path.clone()), ("content".to_owned(), json!(""))]);
        let written = Written { literals, ..Written::default() };
        for complaint in tools.judge("filesystem", "write", &written) {
            self.reading.at(Code::StepOutside, item, complaint.message, None);
        }
    }
}

/// Reads a number with a unit.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let unit = unit.trim();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == if unit.is_empty() { "b" } else { unit })?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expect) in [
            ("10", Some(10)),
            ("10MB", Some(10_000_000)),
            ("1 KiB", Some(1024)),
            ("x", None),
            ("-1", None),
            ("99999999999GB", None),
        ] {
            assert_eq!(bytes(text), expect, "{text}");
        }
    }
}
