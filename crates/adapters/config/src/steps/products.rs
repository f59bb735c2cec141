//! Files that a step leaves behind: each is a phase of its own, which writes one value of the step's result.

use refrain_core::check::code::Code;
use refrain_schemas::agent_spec::{AgentSpec, ToolAction, ToolRef};
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::OnFailure;
use refrain_schemas::phase_spec::{AgentRef, PhaseSpec};
use refrain_schemas::steps::{StepEntry, StepKind};
use serde_json::{Map, Value, json};

use super::Lowering;
use super::body::{Around, Draft};
use super::reading::{Fields, Item};
use super::texts::{Read, alias};
use crate::node::Kind;

const KEYS: [&str; 3] = ["name", "template", "format"];
const FORMATS: [&str; 5] = ["json", "markdown", "md", "txt", "text"];

/// A file, and what is written into it.
struct Product<'n> {
    path: Item<'n>,
    content: Content<'n>,
    format: Format,
}

/// How a value becomes the text of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// As templates print it.
    Text,
    Json,
    /// By the tool that writes values, which knows CSV and YAML.
    Table,
}

impl Format {
    fn of(path: &str) -> Self {
        match path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).as_deref() {
            Some("json") => Self::Json,
            Some("csv" | "yaml" | "yml") => Self::Table,
            _ => Self::Text,
        }
    }
}

enum Content<'n> {
    Variable(String),
    Template(Item<'n>),
}

impl Lowering<'_, '_> {
    /// Reads `products:` and adds a phase for each.
    pub(super) fn products(&mut self, draft: &Draft<'_>, around: Option<&Around>) {
        let Some(item) = draft.fields.get("products") else { return };
        let products = match &item.node.kind {
            Kind::List(_) => item.items().iter().flat_map(|item| self.product(item)).collect(),
            _ => self.product(&item),
        };
        for (n, product) in products.into_iter().enumerate() {
            self.add_product(draft, around, n + 1, &product);
        }
    }

    /// Reads `VAR: FILE`, or `{ name: FILE, template: TEXT }`.
    fn product<'n>(&mut self, item: &Item<'n>) -> Vec<Product<'n>> {
        let Some(fields) = self.reading.fields(item) else { return Vec::new() };
        if fields.get("template").is_some() || fields.get("name").is_some() {
            return self.written(&fields).into_iter().collect();
        }
        let found: Vec<(&str, Item<'n>)> = fields.iter().collect();
        let products = found.into_iter().filter_map(|(variable, path)| {
            let text = self.reading.text(&path)?;
            let format = Format::of(text);
            Some(Product { path, content: Content::Variable(variable.to_owned()), format })
        });
        products.collect()
    }

    fn written<'n>(&mut self, fields: &Fields<'n>) -> Option<Product<'n>> {
        self.reading.known(fields, "a product", &KEYS, &[]);
        let (Some(path), Some(template)) = (fields.get("name"), fields.get("template")) else {
            let hint = Some("write `VARIABLE: FILE`, or `{ name: FILE, template: TEXT }`".to_owned());
            let message = "a product says its file and what is in it";
            self.reading.report(Code::MissingField, &fields.path, fields.span, message, hint);
            return None;
        };
        if let Some(item) = fields.get("format") {
            self.reading.word(&item, &FORMATS)?;
        }
        self.reading.text(&template)?;
        Some(Product { path, content: Content::Template(template), format: Format::Text })
    }

    fn add_product(&mut self, draft: &Draft<'_>, around: Option<&Around>, n: usize, product: &Product<'_>) {
        let Ok(phase) = format!("{}-product-{n}", draft.phase).parse::<PhaseName>() else { return };
        let mut texts = self.texts(Some(phase.clone()), Read::default());
        let path = texts.value(&product.path);
        let content = match &product.content {
            Content::Template(item) => texts.value(item),
            Content::Variable(name) => {
                let filter = if product.format == Format::Json { " | to_json" } else { "" };
                let text = format!("{{{{ {}.{name}{filter} }}}}", alias(&draft.id));
                Value::String(texts.template(&product.path, &text))
            }
        };
        let read = texts.read;
        self.leads_out(&product.path, &path);
        let is_table = product.format == Format::Table;
        let (tool, said) = if is_table { ("product", "value") } else { ("filesystem", "content") };
        let input = Map::from_iter([("path".to_owned(), path), (said.to_owned(), content)]);
        let action = ToolAction { name: tool.to_owned(), action: Some("write".to_owned()) };
        let agent = AgentSpec { tool: Some(ToolRef::Action(action)), ..AgentSpec::default() };
        let spec = PhaseSpec {
            needs: vec![draft.phase.clone()],
            after: read.phases.into_iter().filter(|phase| *phase != draft.phase).collect(),
            names: read.names,
            input: Some(Value::Object(input)),
            agent: Some(AgentRef::Inline(Box::new(agent))),
            within: around.map(|around| around.phase.clone()),
            ..PhaseSpec::default()
        };
        self.place(format!("phases.{phase}"), &product.path);
        self.pipeline.phases.insert(phase.clone(), spec);
        self.entries.push(StepEntry {
            id: phase.to_string(),
            phase,
            within: around.map(|around| around.phase.clone()),
            kind: StepKind::Hidden,
            tool: Some(tool.to_owned()),
            action: Some("write".to_owned()),
            model: None,
            dependencies: vec![draft.id.clone()],
        });
    }

    /// Has what comes after a step wait for its files, whatever becomes of them. Where the step has a route, what the route
    /// passes over would take the files with it: there they are written beside.
    pub(super) fn wait_for_products(&mut self) {
        let phases = &self.pipeline.phases;
        let has_route = |spec: &PhaseSpec| {
            let is_failure = matches!(spec.on_failure, Some(OnFailure::Go(_)));
            is_failure || spec.on_false.is_some() || spec.on_success.is_some() || spec.goto.is_some()
        };
        let products: Vec<(PhaseName, PhaseName)> = phases
            .iter()
            .filter(|(phase, _)| phase.as_str().contains("-product-"))
            .filter_map(|(phase, spec)| Some((spec.needs.first()?.clone(), phase.clone())))
            .filter(|(step, _)| phases.get(step).is_some_and(|spec| !has_route(spec)))
            .collect();
        for (step, product) in products {
            let is_behind =
                |name: &PhaseName, spec: &PhaseSpec| *name != product && spec.after.contains(&step);
            for (_, spec) in self.pipeline.phases.iter_mut().filter(|(name, spec)| is_behind(name, spec)) {
                spec.wants.push(product.clone());
            }
        }
    }

    fn leads_out(&mut self, item: &Item<'_>, path: &Value) {
        let Some(tools) = self.tools else { return };
        let is_literal = path.as_str().is_some_and(|text| !refrain_core::template::is_template(text));
        if !is_literal {
            return;
        }
        let literals = Map::from_iter([("path".to_owned(), path.clone()), ("content".to_owned(), json!(""))]);
        for complaint in tools.judge("filesystem", "write", &literals) {
            self.reading.at(Code::StepOutside, item, complaint.message, None);
        }
    }
}
