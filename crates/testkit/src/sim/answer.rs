//! What simulated agents answer: a function of what they are asked, and of nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use refrain_core::define::{agent_params, own_identity};
use refrain_core::model::{AskWork, ContextSource, Model, OutputShape, Phase, Select, Split, Work};
use refrain_core::ports::agent::{AskedUnit, Draft, Request};
use refrain_core::ports::rules::{RecordRules, RecordView};
use refrain_core::prompt::{About, Ground, Prompt, Renderer};
use refrain_core::request::{PREVIOUS, UnitRequest};
use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::name::{AgentName, PhaseName};
use refrain_schemas::phase_spec::{Fan, MergeSpec};
use serde_json::{Map, Value};

use super::seed::Chance;
use super::shape;

/// Answers for every agent of a project.
#[derive(Debug)]
pub(crate) struct Author {
    model: Arc<Model>,
    /// The fields of each agent's records that later phases read: of all its phases and by all its names, for what it is asked
    /// does not say for which one.
    wanted: BTreeMap<Digest, BTreeSet<String>>,
    /// What has this in it is not answered.
    refused: Option<&'static str>,
}

/// How texts are made up. Where a phase has rules, the first that passes is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    /// What the unit says, and a word more.
    More,
    /// What the unit says.
    Echo,
    /// What the unit says, with the terms that it sees as they are to be said.
    Terms,
    /// The same, and a word more.
    TermsAndMore,
}

const VARIANTS: [Variant; 4] = [Variant::More, Variant::Echo, Variant::Terms, Variant::TermsAndMore];

/// What is answered, and by whom.
#[derive(Clone)]
struct Question<'a> {
    variant: Variant,
    work: &'a AskWork,
    prompt: Option<&'a Arc<Prompt>>,
    request: &'a Request,
    unit: &'a AskedUnit,
    input: Value,
    wanted: Option<&'a BTreeSet<String>>,
}

impl Author {
    /// Returns who answers for the agents of a project. Who answered before it was changed says the same of the same.
    pub(crate) fn new(model: Arc<Model>, refused: Option<&'static str>, before: Option<&Self>) -> Self {
        let wanted = before.map_or_else(|| wanted(&model), |before| before.wanted.clone());
        Self { model, wanted, refused }
    }

    /// Returns the answer of an agent about one unit of a call.
    ///
    /// # Errors
    /// Fails about what is refused in every weather.
    pub(crate) fn answer(
        &self,
        agent: &AgentName,
        request: &Request,
        unit: &AskedUnit,
    ) -> Result<Json, Failure> {
        if self.refused.is_some_and(|refused| unit.input.as_str().contains(refused)) {
            return Err(Failure { kind: FailureKind::Refused, message: "nobody speaks of that".to_owned() });
        }
        let phase = self.model.phase(request.phase.as_str());
        let Some(Phase { work: Work::Ask(work), .. }) = phase else { return Ok(Json::null()) };
        let member = work.pool.iter().find(|member| member.agent == *agent);
        let question = Question {
            variant: Variant::More,
            work,
            prompt: member.and_then(|member| member.prompt.as_ref()),
            request,
            unit,
            input: unit.input.value(),
            wanted: self.wanted.get(&voice(&self.model, agent)),
        };
        let number = number(&self.asked(agent, &question));
        let rules = self.rules(work, request);
        let mut first = None;
        for variant in VARIANTS {
            let answer = Question { variant, ..question.clone() }.answer(&mut Chance::of(number));
            let answer = Json::of(&answer).unwrap_or_else(|_| Json::null());
            if question.passes(rules.as_deref(), &answer) {
                return Ok(answer);
            }
            first.get_or_insert(answer);
        }
        Ok(first.unwrap_or_else(Json::null))
    }

    /// Returns the rules that answers of a phase have to fulfil in a scope.
    fn rules(&self, work: &AskWork, request: &Request) -> Option<Arc<dyn RecordRules>> {
        let rules = work.output.rules.as_ref()?;
        let agent = self.model.agents.get(rules.agent.as_str())?;
        let params = agent_params(&self.model.params, agent, &request.scope).ok()?;
        let draft = Draft { spec: &agent.spec, declared: &self.model.declared };
        rules.factory.rules(&draft, &params).ok()?
    }

    /// Whether garbage would be a good answer in a phase: a document without a schema may be anything, and so may what an
    /// inner link of a chain says.
    pub(crate) fn takes_anything(&self, phase: &PhaseName) -> bool {
        match self.model.phase(phase.as_str()).map(|phase| &phase.work) {
            Some(Work::Ask(work)) => work.fan == Fan::Chain || work.output.shape == OutputShape::Document,
            _ => false,
        }
    }

    /// Returns the digest of everything that the answer may hang on: of a model what it would be told if the unit were sent
    /// alone, of others the unit and all that it sees.
    fn asked(&self, agent: &AgentName, question: &Question<'_>) -> Digest {
        let mut digester = Digester::new("refrain simulated question");
        digester.digest(&voice(&self.model, agent));
        if let Some(digest) = question.prompt.and_then(|prompt| self.told(prompt, question)) {
            return digester.digest(&digest).finish();
        }
        let Question { request, unit, .. } = question;
        for (dimension, value) in request.scope.iter() {
            digester.part(dimension.as_str().as_bytes()).part(value.as_bytes());
        }
        for json in [&request.params, &request.context, &unit.input, &unit.context] {
            digester.part(json.as_str().as_bytes());
        }
        digester.part(unit.id.as_str().as_bytes()).finish()
    }

    fn told(&self, prompt: &Arc<Prompt>, question: &Question<'_>) -> Option<Digest> {
        let Question { request, unit, .. } = question;
        let ground = Ground::new(&self.model.params, &request.scope, &request.context);
        let context = unit.context.value();
        let entries = context.as_object().into_iter().flatten().filter(|(name, _)| *name != PREVIOUS);
        let entries =
            entries.filter_map(|(name, value)| Some((Arc::from(name.as_str()), Json::of(value).ok()?)));
        let alone =
            UnitRequest { id: unit.id.clone(), input: unit.input.clone(), context: entries.collect() };
        let previous = unit.context.field(PREVIOUS).map(Json::from_canonical);
        let about = About { request: &alone, previous: previous.as_ref() };
        let told = Renderer::new(prompt.clone(), Arc::new(ground)).alone(about).ok()?;
        Some(told.digest())
    }
}

fn number(digest: &Digest) -> u64 {
    let bytes = digest.as_bytes();
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Returns who an agent is, by whatever name: replies are kept under that.
fn voice(model: &Model, agent: &AgentName) -> Digest {
    let unknown = || Digester::new("refrain simulated nobody").part(agent.as_str().as_bytes()).finish();
    model.agents.get(agent.as_str()).map_or_else(unknown, own_identity)
}

/// Returns the fields of each agent's records that later phases read.
fn wanted(model: &Model) -> BTreeMap<Digest, BTreeSet<String>> {
    let asking = || {
        model.phases.iter().filter_map(|phase| match &phase.work {
            Work::Ask(work) => Some((phase, work)),
            _ => None,
        })
    };
    let mut of_phases = BTreeMap::new();
    asking().for_each(|(phase, work)| want(&mut of_phases, phase, work));
    let mut wanted: BTreeMap<Digest, BTreeSet<String>> = BTreeMap::new();
    for (phase, work) in asking() {
        let fields = of_phases.get(&phase.name).cloned().unwrap_or_default();
        for member in &work.pool {
            wanted.entry(voice(model, &member.agent)).or_default().extend(fields.iter().cloned());
        }
    }
    wanted
}

/// Notes which fields of other phases' records a phase reads.
fn want(wanted: &mut BTreeMap<PhaseName, BTreeSet<String>>, phase: &Phase, work: &AskWork) {
    let mut fields: BTreeSet<String> = BTreeSet::new();
    if let Split::By(field) = &work.units.split {
        fields.insert(field.clone());
    }
    fields.extend(work.pack_within.clone());
    fields.extend(work.output.carry.iter().map(|(_, from)| from.clone()));
    for entry in &work.context {
        match &entry.select {
            Select::On { field, .. } => drop(fields.insert(field.clone())),
            Select::Match { within, .. } => fields.extend(within.iter().cloned()),
            Select::Window { within, .. } => fields.extend(within.clone()),
            Select::Whole => {}
        }
        if let (ContextSource::Phase(source), Select::On { field, .. } | Select::Match { field, .. }) =
            (&entry.source, &entry.select)
        {
            wanted.entry(source.clone()).or_default().insert(field.clone());
        }
    }
    let layers = work.pool.iter().filter_map(|member| member.prompt.as_ref());
    for layer in layers.flat_map(|prompt| prompt.system.iter().chain(&prompt.user)) {
        fields.extend(layer.template.variables().iter().filter_map(|name| unit_field(name)));
    }
    for source in &work.units.of {
        wanted.entry(source.clone()).or_default().extend(fields.iter().cloned());
    }
    if let MergeSpec::Union(union) = &work.merge {
        wanted.entry(phase.name.clone()).or_default().extend(union.iter().cloned());
    }
}

/// Returns the field of the unit that a variable of a template is.
fn unit_field(variable: &str) -> Option<String> {
    let name = variable.strip_prefix("unit.")?.split('.').next()?;
    (!matches!(name, "id" | "records")).then(|| name.to_owned())
}

impl Question<'_> {
    /// Whether an answer would fulfil the rules of its phase.
    fn passes(&self, rules: Option<&dyn RecordRules>, answer: &Json) -> bool {
        let Some(rules) = rules.filter(|_| answer.is_object()) else { return true };
        let view = RecordView {
            input: &self.unit.input,
            context: &self.unit.context,
            shared: &self.request.context,
            scope: &self.request.scope,
            record: answer,
        };
        rules.review(&view).refused.is_empty()
    }

    /// Returns what a field of an input becomes in an answer; of a model, only what it was told it can say again.
    fn said(&self, name: &str, input: &Value, word: u64) -> Option<Value> {
        let own = input.get(name);
        let longest = || {
            let texts = input.as_object().into_iter().flatten().filter(|(_, value)| value.is_string());
            texts.max_by_key(|(_, value)| value.as_str().map_or(0, str::len)).map(|(_, value)| value)
        };
        let is_model = self.prompt.is_some();
        let value = if is_model { own.filter(|own| own.is_string()).or_else(longest)? } else { own? };
        let Some(text) = value.as_str() else { return Some(value.clone()) };
        let told = self.request.conversation.as_ref().map(|conversation| conversation.user.as_str());
        if is_model && !told.is_some_and(|told| told.contains(text)) {
            return None;
        }
        Some(Value::String(self.varied(text, word)))
    }

    fn varied(&self, text: &str, word: u64) -> String {
        let mut said = text.to_owned();
        if matches!(self.variant, Variant::Terms | Variant::TermsAndMore) {
            let context = self.unit.context.value();
            context.as_object().into_iter().flatten().for_each(|(_, entries)| put_terms(&mut said, entries));
        }
        if matches!(self.variant, Variant::More | Variant::TermsAndMore) {
            said.push_str(WORDS[usize::try_from(word % 8).unwrap_or(0)]);
        }
        said
    }

    fn answer(&self, chance: &mut Chance) -> Value {
        if let Some(prompt) = self.prompt {
            return self.of_model(prompt, chance);
        }
        match &self.work.output.shape {
            OutputShape::Document => self.document(chance),
            OutputShape::Records { key } => self.records(key, chance),
        }
    }

    fn of_model(&self, prompt: &Prompt, chance: &mut Chance) -> Value {
        let word = chance.next();
        let Some(schema) = &prompt.answer else {
            let made_up = || Value::String(format!("text {:04x}", word & 0xffff));
            let text = self.said("text", &self.input, word).unwrap_or_else(made_up);
            return Value::Object(Map::from_iter([(prompt.field.clone(), text)]));
        };
        let hint = |name: &str| self.said(name, &self.input, word);
        let answer = shape::value(&schema.json.value(), &schema.json.value(), &hint, chance);
        match prompt.under.as_str() {
            "" => answer,
            field => Value::Object(Map::from_iter([(field.to_owned(), answer)])),
        }
    }

    fn document(&self, chance: &mut Chance) -> Value {
        match &self.work.output.schema {
            Some(schema) => {
                let schema = schema.json.value();
                shape::value(&schema, &schema, &|_| None, chance)
            }
            None => Value::String(format!("document {:04x}", chance.next() & 0xffff)),
        }
    }

    fn records(&self, key: &str, chance: &mut Chance) -> Value {
        let members = self.input.get("records").and_then(Value::as_array);
        match members {
            Some(members) if self.work.output.aligned => {
                members.iter().map(|member| self.aligned(member, key, chance)).collect()
            }
            Some(members) => self.record(&shared(members), key, chance),
            None => self.record(&self.input, key, chance),
        }
    }

    /// Returns the record about one record of a group.
    fn aligned(&self, member: &Value, key: &str, chance: &mut Chance) -> Value {
        let mut record = self.record(member, key, chance);
        if let (Some(id), Some(fields)) = (member.get(key), record.as_object_mut()) {
            fields.insert(key.to_owned(), id.clone());
        }
        record
    }

    /// Returns a record about an input: what the schema wants, and what later phases read.
    fn record(&self, input: &Value, key: &str, chance: &mut Chance) -> Value {
        let word = chance.next();
        let hint = |name: &str| self.said(name, input, word);
        let id_field = self.work.units.id_field.as_deref();
        let mut record = match &self.work.output.schema {
            Some(schema) => {
                let schema = schema.json.value();
                shape::value(&schema, &schema, &hint, chance)
            }
            None => self.plain(input, chance),
        };
        if let Some(fields) = record.as_object_mut() {
            // The engine stamps them on; made up they would be those of other units.
            fields.remove(key);
            id_field.and_then(|name| fields.remove(name));
        }
        record
    }

    /// Returns a record that nobody described.
    fn plain(&self, input: &Value, chance: &mut Chance) -> Value {
        let mut fields = Map::new();
        let said = input.get("text").and_then(Value::as_str).unwrap_or("text");
        fields.insert("text".to_owned(), Value::String(format!("{said} {:04x}", chance.next() & 0xffff)));
        for name in self.wanted.into_iter().flatten() {
            let made = || Value::String(name.clone());
            let value = input.get(name).cloned().unwrap_or_else(made);
            fields.entry(name.clone()).or_insert(value);
        }
        Value::Object(fields)
    }
}

/// Words that may stand behind anything.
const WORDS: [&str; 8] = [" ja", " so", " ah", " oh", " um", " eh", " ho", " la"];

/// Puts what the entries of a glossary say in the places of their terms: whatever text stands beside a term.
fn put_terms(said: &mut String, entries: &Value) {
    for entry in entries.as_array().into_iter().flatten().filter_map(Value::as_object) {
        let texts: Vec<&str> =
            entry.values().filter_map(Value::as_str).filter(|text| !text.is_empty()).collect();
        let Some(term) = texts.iter().find(|text| said.contains(**text)) else { continue };
        let better = texts.iter().rev().find(|text| *text != term && !said.contains(**text));
        if let Some(better) = better {
            *said = said.replace(term, better);
        }
    }
}

/// Returns the fields that all records of a group share.
fn shared(members: &[Value]) -> Value {
    let Some(first) = members.first().and_then(Value::as_object) else { return Value::Object(Map::new()) };
    let shared =
        first.iter().filter(|(name, value)| members.iter().all(|member| member.get(name) == Some(value)));
    Value::Object(shared.map(|(name, value)| (name.clone(), value.clone())).collect())
}
