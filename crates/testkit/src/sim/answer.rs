//! What simulated agents answer: a function of what they are asked, and of nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use refrain_core::model::{AskWork, ContextSource, Model, OutputShape, Phase, Select, Split, Work};
use refrain_core::ports::agent::{AskedUnit, Request};
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
    /// The fields of each phase's records that later phases read.
    wanted: BTreeMap<PhaseName, BTreeSet<String>>,
    /// What has this in it is not answered.
    refused: Option<&'static str>,
}

/// What is answered, and by whom.
struct Question<'a> {
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
            work,
            prompt: member.and_then(|member| member.prompt.as_ref()),
            request,
            unit,
            input: unit.input.value(),
            wanted: self.wanted.get(&request.phase),
        };
        let mut chance = Chance::of(number(&self.asked(agent, &question)));
        let answer = question.answer(&mut chance);
        Ok(Json::of(&answer).unwrap_or_else(|_| Json::null()))
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
        digester.part(agent.as_str().as_bytes());
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

/// Returns the fields of each phase's records that later phases read.
fn wanted(model: &Model) -> BTreeMap<PhaseName, BTreeSet<String>> {
    let mut wanted = BTreeMap::new();
    for phase in &model.phases {
        if let Work::Ask(work) = &phase.work {
            want(&mut wanted, phase, work);
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
        let Some(schema) = &prompt.answer else {
            let mut fields = Map::new();
            fields
                .insert(prompt.field.clone(), Value::String(format!("text {:04x}", chance.next() & 0xffff)));
            return Value::Object(fields);
        };
        // What the model was not told it cannot say again.
        let told = self.request.conversation.as_ref().map(|conversation| conversation.user.as_str());
        let hint = |name: &str| {
            let value = self.input.get(name)?;
            value.as_str().filter(|text| told.is_some_and(|told| told.contains(text)))?;
            Some(value.clone())
        };
        shape::value(&schema.json.value(), &schema.json.value(), &hint, chance)
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
        let hint = |name: &str| input.get(name).cloned();
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

/// Returns the fields that all records of a group share.
fn shared(members: &[Value]) -> Value {
    let Some(first) = members.first().and_then(Value::as_object) else { return Value::Object(Map::new()) };
    let shared =
        first.iter().filter(|(name, value)| members.iter().all(|member| member.get(name) == Some(value)));
    Value::Object(shared.map(|(name, value)| (name.clone(), value.clone())).collect())
}
