//! Steps that ask a model: what the file says of models, and what a model is told.
//!
//! A step's own model goes before that of its expert, that before those that are good with its tools, and that before the one
//! of the file; where there is none of these, one is chosen.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;
use refrain_core::choice::Extent;
use refrain_core::ports::tool_catalogue::ToolKind;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::choice::ModelEntry;
use refrain_schemas::money::Budget;
use refrain_schemas::name::AgentName;
use refrain_schemas::phase_spec::{AgentRef, Fan, PoolEntry};
use serde_json::{Map, Value};

use super::Lowering;
use super::answers::Answer;
use super::body::Draft;
use super::choosing::{Asked, Case};
use super::personalities::Personalities;
use super::reading::{Fields, Item, Reading};
use super::step::Start;
use super::wishes::Selection;
use crate::node::Kind;

const EXPERT: [&str; 5] = ["model", "provider", "temperature", "max_tokens", "system_prompt"];
const PARAMETERS: [&str; 10] = [
    "prompt",
    "text",
    "analysis_type",
    "system",
    "system_prompt",
    "temperature",
    "max_tokens",
    "model",
    "schema",
    "output_format",
];
/// About how many letters make a token.
const LETTERS: u64 = 4;

/// What a file says about models.
#[derive(Debug, Default)]
pub(super) struct Models {
    pub(super) default: Option<String>,
    experts: IndexMap<String, Expert>,
    /// The models that are good with a tool.
    of_tools: IndexMap<String, Vec<String>>,
    /// The tools of steps that name none.
    pub(super) tools: Vec<String>,
    pub(super) personalities: Personalities,
    /// What the file says of the models to choose from.
    pub(super) own: BTreeMap<String, ModelEntry>,
    pub(super) selection: Option<Selection>,
}

/// A model with what goes with it.
#[derive(Debug, Clone, Default)]
struct Expert {
    model: Option<String>,
    settings: Settings,
    system: Option<String>,
}

/// How a model answers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Settings {
    temperature: Option<f64>,
    max_tokens: Option<u32>,
}

impl Settings {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Self {
        let temperature = fields.get("temperature").and_then(|item| match item.node.kind {
            Kind::Integer(0) => Some(0.0),
            Kind::Integer(1) => Some(1.0),
            Kind::Integer(2) => Some(2.0),
            Kind::Float(number) => Some(number),
            _ => {
                let message = format!("`temperature` cannot be {}", item.node.describe());
                reading.at(Code::WrongType, &item, message, None);
                None
            }
        });
        Self { temperature, max_tokens: fields.get("max_tokens").and_then(|item| reading.whole(&item)) }
    }

    pub(super) fn over(self, other: Self) -> Self {
        Self {
            temperature: self.temperature.or(other.temperature),
            max_tokens: self.max_tokens.or(other.max_tokens),
        }
    }
}

/// Returns the name of a model as agents have it: `PROVIDER:MODEL` is `PROVIDER/MODEL`.
pub(super) fn named_model(text: &str) -> Option<String> {
    let (provider, model) = text.trim().split_once([':', '/'])?;
    (!provider.is_empty() && !model.is_empty()).then(|| format!("{provider}/{model}"))
}

impl Lowering<'_, '_> {
    /// Reads what the header says about models.
    pub(super) fn models(&mut self, fields: &Fields<'_>) {
        let default = self.one_of_two(fields, ["default_model", "model"], Self::model_name);
        self.models.default = default.flatten();
        self.models.selection = self.one_of_two(fields, ["selection", "selection_schema"], Self::selection);
        if let Some(item) = fields.get("tools") {
            self.models.tools = self.tools_named(&item);
        }
        if let Some(item) = fields.get("experts") {
            self.experts(&item);
        }
        if let Some(item) = fields.get("models") {
            self.registry(&item);
        }
        if let Some(item) = fields.get("personalities") {
            self.personalities(&item);
        }
    }

    /// Reads what goes by two names; where both are there, they agree.
    fn one_of_two<T: PartialEq>(
        &mut self,
        fields: &Fields<'_>,
        keys: [&str; 2],
        read: impl Fn(&mut Self, &Item<'_>) -> T,
    ) -> Option<T> {
        let named: Vec<Item<'_>> = keys.iter().filter_map(|key| fields.get(key)).collect();
        let values: Vec<T> = named.iter().map(|item| read(self, item)).collect();
        if let ([_, second], [a, b]) = (named.as_slice(), values.as_slice())
            && a != b
        {
            let [a, b] = keys;
            self.reading.at(Code::StepTwo, second, format!("`{b}` and `{a}` differ"), None);
        }
        values.into_iter().next()
    }

    /// Reads `PROVIDER:MODEL` or `PROVIDER/MODEL`.
    pub(super) fn model_name(&mut self, item: &Item<'_>) -> Option<String> {
        let text = self.reading.text(item)?.trim();
        if text.contains("AUTO") {
            let hint = "declare some under `models:`, or write `model: auto`, and how to choose: `selection: balanced`";
            let message = "the file names no models that another one could choose from";
            self.reading.at(Code::StepAuto, item, message, Some(hint.to_owned()));
            return None;
        }
        let name = named_model(text);
        if name.is_none() {
            let hint = Some("write `PROVIDER:MODEL`, such as `openai:gpt-5-mini`".to_owned());
            self.reading.at(Code::NotAChoice, item, format!("`{text}` names no model"), hint);
        }
        name
    }

    /// Reads named experts, a map, or those of tools, a list.
    fn experts(&mut self, item: &Item<'_>) {
        if matches!(item.node.kind, Kind::List(_)) {
            item.items().iter().for_each(|item| self.experts_of_tools(item));
            return;
        }
        let Some(fields) = self.reading.fields(item) else { return };
        for (name, item) in fields.iter() {
            let Some(fields) = self.reading.fields(&item) else { continue };
            self.reading.known(&fields, "an expert", &EXPERT, &[]);
            let expert = Expert {
                model: self.provided(&fields),
                settings: Settings::read(&mut self.reading, &fields),
                system: fields
                    .get("system_prompt")
                    .and_then(|item| self.reading.text(&item))
                    .map(str::to_owned),
            };
            self.models.experts.insert(name.to_owned(), expert);
        }
    }

    /// `- TOOL: MODEL`, or several of them.
    fn experts_of_tools(&mut self, item: &Item<'_>) {
        let Some(fields) = self.reading.fields(item) else { return };
        for (written, item) in fields.iter() {
            let models = self.model_names(&item);
            // No step can use it, so that nobody need be good with it.
            if self
                .tools
                .and_then(|tools| tools.find(written))
                .is_some_and(|view| view.kind == ToolKind::Absent)
            {
                continue;
            }
            let Some(tool) = self.offered(written, &item) else { continue };
            self.models.of_tools.entry(tool).or_default().extend(models);
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

    /// Reads a step that asks a model; returns the model.
    pub(super) fn of_model(&mut self, draft: &Draft<'_>, start: &mut Start) -> Option<String> {
        let fields = &draft.fields;
        let parameters = fields.get("parameters").and_then(|item| self.reading.fields(&item));
        let parameters = parameters.unwrap_or(Fields {
            entries: &[],
            span: fields.span,
            path: format!("{}.parameters", fields.path),
        });
        for (key, item) in parameters.iter().filter(|(key, _)| !PARAMETERS.contains(key)) {
            let hint = suggestion(key, PARAMETERS);
            self.reading.at_key(Code::StepParameter, &item, format!("there is no parameter `{key}`"), hint);
        }
        let expert = self.expert(fields);
        let persona = match self.persona_of(fields) {
            None if fields.get("personality").is_none() && expert.system.is_none() => {
                self.standard(&draft.item)
            }
            persona => persona,
        };
        let own = Settings::read(&mut self.reading, &parameters);
        let of_persona = persona.as_ref().map(|persona| persona.settings).unwrap_or_default();
        let settings = own.over(of_persona).over(expert.settings);
        let system = persona.map(|persona| persona.system()).or_else(|| expert.system.clone());
        let input = self.asked(draft, &parameters, system, start);
        let offered = self.offered_tools(fields);
        let asked = self.who(draft, &parameters, &expert, &offered, extent(&input, settings))?;
        let has_system = input.contains_key("system");
        let answer = draft.answer.as_ref();
        let spec = AgentSpec {
            prompt: Some("{{ unit.prompt }}".to_owned()),
            system: has_system.then(|| "{{ unit.system }}".to_owned()),
            output: answer.and_then(Answer::itself),
            field: Some("result".to_owned()),
            temperature: settings.temperature,
            max_tokens: settings.max_tokens,
            timeout: asked.selection.timeout,
            tools: self.tools_spec(&offered),
            ..AgentSpec::default()
        };
        start.spec.input = Some(Value::Object(input));
        start.spec.budget = asked.cost_limit.map(|usd| Budget { usd: Some(usd), ..Budget::default() });
        if asked.selection.timeout.is_some() && fields.get("timeout").is_none() {
            start.spec.timeout = None;
        }
        self.seat(draft, start, &spec, &asked.models);
        asked.models.first().cloned()
    }

    /// Makes out who is asked.
    fn who(
        &mut self,
        draft: &Draft<'_>,
        parameters: &Fields<'_>,
        expert: &Expert,
        tools: &[String],
        extent: Extent,
    ) -> Option<Asked> {
        let fields = &draft.fields;
        let named = parameters.get("model").or_else(|| fields.get("model"));
        let is_open =
            named.as_ref().and_then(Item::text).is_some_and(|text| text.trim().eq_ignore_ascii_case("auto"));
        let own = match named.filter(|_| !is_open) {
            Some(item) => Some(self.model_name(&item)?),
            None => expert.model.clone().filter(|_| !is_open),
        };
        let requires = fields.get("requires_model");
        if let Some(item) = requires.as_ref().filter(|item| item.text() == Some("none")) {
            let message = format!("step `{}` asks a model, and says that it needs none", draft.id);
            self.reading.at(Code::StepTwo, item, message, None);
            return None;
        }
        let requires = requires.map(|item| self.requirements(&item));
        let selection = fields.get("selection").map(|item| self.selection(&item));
        let of_tools = tools.iter().filter_map(|tool| self.models.of_tools.get(tool)).flatten();
        let of_tools = of_tools.filter(|_| !is_open).cloned().collect();
        let place = ["requires_model", "selection", "action", "prompt", "tool"];
        let item = place.into_iter().find_map(|key| fields.get(key));
        let item = item.unwrap_or_else(|| draft.item.clone());
        self.asked_models(&Case {
            id: &draft.id,
            phase: draft.phase.as_str(),
            item: &item,
            own,
            is_open,
            of_tools,
            requires,
            selection,
            extent,
        })
    }

    /// Gives a phase its agent; of several models, each is asked where those before it fail.
    fn seat(&mut self, draft: &Draft<'_>, start: &mut Start, spec: &AgentSpec, models: &[String]) {
        let fields = &draft.fields;
        let place = ["model", "action", "prompt", "tool"].into_iter().find_map(|key| fields.get(key));
        let place = place.unwrap_or_else(|| draft.item.clone());
        for model in models {
            let cost = self.models.own.get(model).and_then(|entry| entry.cost);
            if let Some(cost) = cost {
                self.pipeline.prices.entry(model.clone()).or_insert(cost);
            }
        }
        let path = format!("phases.{}.agent", draft.phase);
        if let Some(answer) = &draft.answer {
            self.places.insert(format!("{path}.output"), answer.path.clone());
        }
        if let [model] = models {
            let spec = AgentSpec { model: Some(model.clone()), ..spec.clone() };
            start.spec.agent = Some(AgentRef::Inline(Box::new(spec)));
            return self.place(path, &place);
        }
        start.spec.fan = Some(Fan::Cascade);
        for (n, model) in models.iter().enumerate() {
            let Some(name) = self.seat_name(draft.phase.as_str(), n) else { continue };
            self.place(format!("agents.{name}"), &place);
            self.pipeline
                .agents
                .insert(name.clone(), AgentSpec { model: Some(model.clone()), ..spec.clone() });
            start.spec.agents.insert(name, PoolEntry::Clones(1));
        }
    }

    /// Returns a name for an agent that no other agent and no step has.
    fn seat_name(&self, phase: &str, n: usize) -> Option<AgentName> {
        let is_free = |name: &str| {
            let is_step =
                self.names.frames.iter().flat_map(|f| f.steps.values()).any(|s| s.phase.as_str() == name);
            !self.pipeline.agents.contains_key(name) && (!is_step || (n == 0 && name == phase))
        };
        let short: String = phase.chars().take(44).collect();
        let first = if n == 0 { phase.to_owned() } else { format!("{short}-fallback-{n}") };
        let more = (2..100).map(|again| format!("{short}-model-{n}-{again}"));
        let mut names = std::iter::once(first).chain(more);
        names.find(|name| is_free(name))?.parse().ok()
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

    /// A prompt stands in one place, and says something.
    fn one_prompt(&mut self, draft: &Draft<'_>, parameters: &Fields<'_>, has_text: bool) {
        let both = [draft.fields.get("prompt"), parameters.get("prompt")];
        if let [Some(_), Some(second)] = &both {
            let message = "what is asked stands in `prompt` and in `parameters.prompt`";
            self.reading.at_key(Code::StepTwo, second, message, None);
        }
        let is_empty = |item: &&Item<'_>| item.text().is_some_and(|text| text.trim().is_empty());
        if let Some(item) = both.iter().flatten().find(is_empty).filter(|_| !has_text) {
            let hint = Some("write what is asked".to_owned());
            self.reading.at_key(Code::WrongType, item, "the prompt is empty", hint);
        }
    }

    /// Returns what the model is told: its prompt, and as whom it answers.
    fn asked(
        &mut self,
        draft: &Draft<'_>,
        parameters: &Fields<'_>,
        system: Option<String>,
        start: &mut Start,
    ) -> Map<String, Value> {
        let prompt = draft.fields.get("prompt").or_else(|| parameters.get("prompt"));
        let (kind, text) = (parameters.get("analysis_type"), parameters.get("text"));
        let own = parameters.get("system").or_else(|| parameters.get("system_prompt"));
        self.one_prompt(draft, parameters, text.is_some());
        if prompt.is_none() && text.is_none() {
            let message = "the parameter `prompt` is missing";
            let hint = Some("add `parameters: { prompt: … }`".to_owned());
            self.reading.report(Code::StepMissing, &draft.fields.path, draft.fields.span, message, hint);
        }
        let read = std::mem::take(&mut start.read);
        let mut texts = self.texts(Some(draft.phase.clone()), read);
        let mut parts = Vec::new();
        for (item, before) in [(&prompt, ""), (&kind, "Analysis: "), (&text, "")] {
            let Some(item) = item else { continue };
            match texts.value(item) {
                Value::String(text) => parts.push(format!("{before}{text}")),
                other => parts.push(format!("{before}{other}")),
            }
        }
        let mut input = Map::from_iter([("prompt".to_owned(), Value::from(parts.join("\n\n")))]);
        match (&own, system) {
            (Some(item), _) => drop(input.insert("system".to_owned(), texts.value(item))),
            (None, Some(text)) => {
                let item = draft.fields.get("personality").or_else(|| draft.fields.get("expert"));
                let item = item.unwrap_or_else(|| draft.item.clone());
                let text = texts.template(&item, &text);
                input.insert("system".to_owned(), Value::from(text));
            }
            (None, None) => {}
        }
        start.read = texts.read;
        if let Some(item) = prompt.or(text) {
            self.place(format!("phases.{}.input.prompt", draft.phase), &item);
        }
        input
    }
}

/// Returns how long what a model is told is at least: of templates, what stands around them.
fn extent(input: &Map<String, Value>, settings: Settings) -> Extent {
    let letters: usize = input.values().filter_map(Value::as_str).map(literal_letters).sum();
    Extent { input: letters as u64 / LETTERS, output: settings.max_tokens.map(u64::from) }
}

fn literal_letters(text: &str) -> usize {
    let mut count = 0;
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        count += rest[..start].chars().count();
        rest = rest[start..].find("}}").map_or("", |end| &rest[start + end + 2..]);
    }
    count + rest.chars().count()
}
