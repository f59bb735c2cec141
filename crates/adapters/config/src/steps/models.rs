//! Steps that ask a model: which one, as whom, and what it is told.
//!
//! A step's own model goes before that of its expert, and that before the one of the file.

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::phase_spec::AgentRef;
use serde_json::{Map, Value};

use super::Lowering;
use super::body::Draft;
use super::reading::{Fields, Item};
use super::step::Start;
use crate::node::Kind;

const EXPERT: [&str; 5] = ["model", "provider", "temperature", "max_tokens", "system_prompt"];
const PERSONALITY: [&str; 4] = ["system_prompt", "style", "format", "extends"];
const PARAMETERS: [&str; 7] =
    ["prompt", "text", "system", "system_prompt", "temperature", "max_tokens", "model"];
/// The deepest that personalities may build on each other.
const DEEPEST: usize = 16;

/// What a file says about models.
#[derive(Debug, Default)]
pub(super) struct Models {
    default: Option<String>,
    experts: IndexMap<String, Expert>,
    personalities: IndexMap<String, Personality>,
}

/// A model with what goes with it.
#[derive(Debug, Clone, Default)]
struct Expert {
    model: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    system: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Personality {
    text: String,
    extends: Option<String>,
}

impl Lowering<'_, '_> {
    /// Reads what the header says about models.
    pub(super) fn models(&mut self, fields: &Fields<'_>) {
        let named: Vec<Item<'_>> =
            ["default_model", "model"].iter().filter_map(|key| fields.get(key)).collect();
        let names: Vec<Option<String>> = named.iter().map(|item| self.model_name(item)).collect();
        if let ([_, second], [a, b]) = (named.as_slice(), names.as_slice())
            && a != b
        {
            self.reading.at(Code::StepTwo, second, "`model` and `default_model` differ", None);
        }
        self.models.default = names.into_iter().next().flatten();
        if let Some(item) = fields.get("experts") {
            self.experts(&item);
        }
        if let Some(item) = fields.get("personalities")
            && let Some(fields) = self.reading.fields(&item)
        {
            for (name, item) in fields.iter() {
                let personality = self.personality(&item);
                self.models.personalities.insert(name.to_owned(), personality);
            }
            self.extended(&fields);
        }
    }

    /// Reads `PROVIDER:MODEL` or `PROVIDER/MODEL`.
    pub(super) fn model_name(&mut self, item: &Item<'_>) -> Option<String> {
        let text = self.reading.text(item)?.trim();
        if text.contains("AUTO") {
            self.reading.at(Code::ReservedField, item, "the choice of a model is not available yet", None);
            return None;
        }
        match text.split_once([':', '/']) {
            Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
                Some(format!("{provider}/{model}"))
            }
            _ => {
                let hint = Some("write `PROVIDER:MODEL`, such as `openai:gpt-5-mini`".to_owned());
                self.reading.at(Code::NotAChoice, item, format!("`{text}` names no model"), hint);
                None
            }
        }
    }

    fn experts(&mut self, item: &Item<'_>) {
        if matches!(item.node.kind, Kind::List(_)) {
            let message = "experts of tools are not available yet";
            let hint = Some("write a map of named experts: `NAME: { model: … }`".to_owned());
            return self.reading.at_key(Code::ReservedField, item, message, hint);
        }
        let Some(fields) = self.reading.fields(item) else { return };
        for (name, item) in fields.iter() {
            let Some(fields) = self.reading.fields(&item) else { continue };
            self.reading.known(&fields, "an expert", &EXPERT, &[]);
            let mut expert = self.settings(&fields, "system_prompt");
            expert.model = self.provided(&fields).or(expert.model);
            self.models.experts.insert(name.to_owned(), expert);
        }
    }

    /// An expert may name its provider beside its model.
    fn provided(&mut self, fields: &Fields<'_>) -> Option<String> {
        let item = fields.get("model")?;
        match fields.get("provider") {
            Some(provider) => {
                let (provider, model) = (self.reading.text(&provider)?, self.reading.text(&item)?);
                Some(format!("{provider}/{model}"))
            }
            None => self.model_name(&item),
        }
    }

    fn settings(&mut self, fields: &Fields<'_>, system: &str) -> Expert {
        let temperature = fields.get("temperature").and_then(|item| match item.node.kind {
            Kind::Integer(0) => Some(0.0),
            Kind::Integer(1) => Some(1.0),
            Kind::Integer(2) => Some(2.0),
            Kind::Float(number) => Some(number),
            _ => {
                let message = format!("`temperature` cannot be {}", item.node.describe());
                self.reading.at(Code::WrongType, &item, message, None);
                None
            }
        });
        Expert {
            model: None,
            temperature,
            max_tokens: fields.get("max_tokens").and_then(|item| self.reading.whole(&item)),
            system: fields.get(system).and_then(|item| self.reading.text(&item)).map(str::to_owned),
        }
    }

    fn personality(&mut self, item: &Item<'_>) -> Personality {
        if let Some(text) = item.text() {
            return Personality { text: text.to_owned(), extends: None };
        }
        let Some(fields) = self.reading.fields(item) else { return Personality::default() };
        let known: Vec<&str> = PERSONALITY.into_iter().chain(["parameters"]).collect();
        self.reading.known(&fields, "a personality", &known, &[]);
        self.reading.unbuilt(&fields, &["parameters"]);
        let mut text =
            |key: &str| fields.get(key).and_then(|item| self.reading.text(&item)).map(str::to_owned);
        let (prompt, extends) = (text("system_prompt"), text("extends"));
        let style = text("style").map(|style| format!("Style: {style}"));
        let format = text("format").map(|format| format!("Format: {format}"));
        let lines: Vec<String> = prompt.into_iter().chain(style).chain(format).collect();
        Personality { text: lines.join("\n"), extends }
    }

    /// What a personality builds on MUST be there, and not build on it.
    fn extended(&mut self, fields: &Fields<'_>) {
        for (name, item) in fields.iter() {
            let mut at = name.to_owned();
            for _ in 0..=DEEPEST {
                let Some(next) = self.models.personalities.get(&at).and_then(|p| p.extends.clone()) else {
                    break;
                };
                if next == name || !self.models.personalities.contains_key(&next) {
                    let known = self.models.personalities.keys().map(String::as_str);
                    let hint = suggestion(&next, known);
                    let message = format!("`{name}` cannot build on `{next}`");
                    self.reading.at(Code::StepExpert, &item, message, hint);
                    break;
                }
                at = next;
            }
        }
    }

    /// Returns the system prompt of a personality: what it builds on first.
    fn told(&self, name: &str) -> String {
        let mut texts = Vec::new();
        let mut at = Some(name.to_owned());
        for _ in 0..=DEEPEST {
            let Some(found) = at.and_then(|name| self.models.personalities.get(&name)) else { break };
            texts.push(found.text.clone());
            at = found.extends.clone();
        }
        texts.reverse();
        texts.join("\n\n")
    }

    /// Reads a step that asks a model; returns the model.
    pub(super) fn of_model(&mut self, draft: &Draft<'_>, start: &mut Start) -> Option<String> {
        let fields = &draft.fields;
        let parameters = match fields.get("parameters") {
            Some(item) => self.reading.fields(&item),
            None => None,
        };
        let parameters = parameters.unwrap_or(Fields {
            entries: &[],
            span: fields.span,
            path: format!("{}.parameters", fields.path),
        });
        self.parameters(&parameters);
        let expert = self.expert(fields);
        let own = parameters.get("model").or_else(|| fields.get("model"));
        let model = match own {
            Some(item) => self.model_name(&item),
            None => expert.model.clone().or_else(|| self.models.default.clone()),
        };
        if model.is_none() {
            let item = ["action", "prompt", "tool"].into_iter().find_map(|key| fields.get(key));
            let item = item.unwrap_or_else(|| draft.item.clone());
            let message = format!("step `{}` asks a model, and there is none", draft.id);
            self.reading.at(Code::StepModel, &item, message, None);
        }
        let set = self.settings(&parameters, "system");
        let system = self.personality_of(fields).or_else(|| expert.system.clone());
        let input = self.asked(draft, &parameters, system, start);
        let has_system = input.contains_key("system");
        start.spec.agent = Some(AgentRef::Inline(Box::new(AgentSpec {
            model: model.clone(),
            prompt: Some("{{ unit.prompt }}".to_owned()),
            system: has_system.then(|| "{{ unit.system }}".to_owned()),
            field: Some("result".to_owned()),
            temperature: set.temperature.or(expert.temperature),
            max_tokens: set.max_tokens.or(expert.max_tokens),
            ..AgentSpec::default()
        })));
        start.spec.input = Some(Value::Object(input));
        if let Some(item) = fields.get("model").or_else(|| fields.get("action")) {
            self.place(format!("phases.{}.agent", draft.phase), &item);
        }
        model
    }

    fn parameters(&mut self, parameters: &Fields<'_>) {
        for (key, item) in parameters.iter() {
            if matches!(key, "schema" | "output_format") {
                self.reading.at_key(
                    Code::ReservedField,
                    &item,
                    format!("`{key}` is not available yet"),
                    None,
                );
            } else if !PARAMETERS.contains(&key) {
                let hint = suggestion(key, PARAMETERS);
                let message = format!("there is no parameter `{key}`");
                self.reading.at_key(Code::StepParameter, &item, message, hint);
            }
        }
    }

    fn expert(&mut self, fields: &Fields<'_>) -> Expert {
        let Some(item) = fields.get("expert") else { return Expert::default() };
        let Some(name) = self.reading.text(&item) else { return Expert::default() };
        if let Some(expert) = self.models.experts.get(name) {
            return expert.clone();
        }
        let hint = suggestion(name, self.models.experts.keys().map(String::as_str));
        self.reading.at(Code::StepExpert, &item, format!("there is no expert `{name}`"), hint);
        Expert::default()
    }

    /// The name of a personality, or one written out.
    fn personality_of(&mut self, fields: &Fields<'_>) -> Option<String> {
        let item = fields.get("personality")?;
        let text = self.reading.text(&item)?;
        if self.models.personalities.contains_key(text) {
            return Some(self.told(text));
        }
        if text.trim().contains(' ') {
            return Some(text.to_owned());
        }
        let hint = suggestion(text, self.models.personalities.keys().map(String::as_str));
        self.reading.at(Code::StepExpert, &item, format!("there is no personality `{text}`"), hint);
        None
    }

    /// Returns what the model is told: its prompt, and as whom it answers.
    fn asked(
        &mut self,
        draft: &Draft<'_>,
        parameters: &Fields<'_>,
        system: Option<String>,
        start: &mut Start,
    ) -> Map<String, Value> {
        let prompt = draft
            .fields
            .get("prompt")
            .or_else(|| parameters.get("prompt"))
            .or_else(|| parameters.get("text"));
        let own = parameters.get("system").or_else(|| parameters.get("system_prompt"));
        if prompt.is_none() {
            let message = "the parameter `prompt` is missing";
            let hint = Some("add `parameters: { prompt: … }`".to_owned());
            self.reading.report(Code::StepMissing, &draft.fields.path, draft.fields.span, message, hint);
        }
        let read = std::mem::take(&mut start.read);
        let mut texts = self.texts(Some(draft.phase.clone()), read);
        let mut input = Map::new();
        if let Some(item) = &prompt {
            input.insert("prompt".to_owned(), texts.value(item));
        }
        match (&own, system) {
            (Some(item), _) => drop(input.insert("system".to_owned(), texts.value(item))),
            (None, Some(text)) => drop(input.insert("system".to_owned(), Value::from(text))),
            (None, None) => {}
        }
        start.read = texts.read;
        if let Some(item) = &prompt {
            self.place(format!("phases.{}.input.prompt", draft.phase), item);
        }
        input
    }
}
