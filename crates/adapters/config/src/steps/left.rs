//! Values that are left to a model and that nobody can say before the run: the list that a loop goes over, and where to go on.
//!
//! Each becomes a phase that asks the orchestrator, so that the answer is on record like any other.

use std::collections::{BTreeSet, HashMap};

use refrain_core::check::code::Code;
use refrain_core::meaning;
use refrain_schemas::agent_spec::SchemaRef;
use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::{AgentRef, PhaseSpec};
use refrain_schemas::steps::StepKind;
use serde_json::{Map, Value, json};

use super::Lowering;
use super::auto::only_task;
use super::body::{Around, Draft};
use super::made::{By, Made};
use super::reading::{Item, OwnItem};
use super::step::Start;
use super::texts::{Read, alias};

/// Whether a value is left to a model.
pub(super) fn is_left(item: &Item<'_>) -> bool {
    item.text().is_some_and(|text| text.contains("<AUTO"))
}

/// A step of which a model says where to go on.
#[derive(Debug)]
pub(super) struct Way {
    step: PhaseName,
    /// The phase that asks.
    asks: PhaseName,
    item: OwnItem,
}

impl Lowering<'_, '_> {
    /// Returns what is wanted of the model, and who that is; reports where there is none, or where it is more than that.
    fn wanted_of_model(&mut self, item: &Item<'_>) -> Option<(String, String)> {
        let Some(model) = self.orchestrator.clone() else {
            let message = format!("`{}` is left to a model, and there is none", item.name());
            self.reading.at(Code::StepAuto, item, message, None);
            return None;
        };
        let Some(task) = item.text().and_then(only_task) else {
            let message = format!("a part of `{}` cannot be left to a model", item.name());
            let hint = Some("write `<AUTO>what is wanted</AUTO>` and nothing else".to_owned());
            self.reading.at(Code::StepAuto, item, message, hint);
            return None;
        };
        Some((task, model))
    }

    /// Returns the list of a loop that a model says; it is shown what the steps made that the loop comes after.
    pub(super) fn list_left_open(
        &mut self,
        draft: &Draft<'_>,
        around: Option<&Around>,
        item: &Item<'_>,
        start: &mut Start,
    ) -> Option<Value> {
        let (task, model) = self.wanted_of_model(item)?;
        let asks = self.made_name(&format!("{}-list", draft.phase), item)?;
        // Nobody is asked for the list of a loop that does not go round.
        let mut texts =
            self.texts(Some(asks.clone()), Read { names: start.read.names.clone(), ..Read::default() });
        let task = texts.template(item, &task);
        let mut read = texts.read;
        let mut seen = Map::new();
        for id in &start.dependencies {
            if let Some(step) = self.names.step(id) {
                seen.insert(id.clone(), shown(id, &step.phase, &mut read));
            }
        }
        let schema = json!({ "type": "array", "items": {} });
        let after: BTreeSet<PhaseName> =
            start.spec.after.iter().chain(&start.read.phases).chain(&read.phases).cloned().collect();
        let spec = PhaseSpec {
            when: start.spec.when.clone(),
            prepares: Some(draft.phase.clone()),
            after: after.into_iter().collect(),
            names: read.names,
            input: Some(json!({ "task": task, "seen": seen, "schema": schema })),
            within: around.map(|around| around.phase.clone()),
            ..PhaseSpec::default()
        };
        let by = By::Model(Box::new(meaning::asker(&model, &schema)));
        self.make(Made { phase: asks.clone(), by, dependencies: start.dependencies.clone(), spec }, item);
        let name = self.names.own(&mut start.read, "list_of_it", format!("phases.{asks}.document"));
        start.read.phases.insert(asks);
        Some(Value::from(format!("{{{{ {name}.value }}}}")))
    }

    /// Adds the phase that asks a model where to go on after a step, if it is to say that.
    pub(super) fn way_left_open(&mut self, draft: &Draft<'_>, around: Option<&Around>, of: &PhaseSpec) {
        let Some(item) = draft.fields.get("goto").filter(is_left) else { return };
        if of.on_success.is_some() {
            let message = "`goto` and `on_success` both say what comes after a success";
            return self.reading.at_key(Code::StepTwo, &item, message, None);
        }
        let Some((task, model)) = self.wanted_of_model(&item) else { return };
        let Some(asks) = self.made_name(&format!("{}-goto", draft.phase), &item) else { return };
        // It is asked when there is what the step made.
        let mut texts = self.texts(None, Read::default());
        let task = texts.template(&item, &task);
        let mut read = texts.read;
        let seen = Map::from_iter([(draft.id.clone(), shown(&draft.id, &draft.phase, &mut read))]);
        read.phases.remove(&draft.phase);
        let name = self.names.own(&mut read, "way_of_it", format!("phases.{asks}.document"));
        let prefix = around.map(|around| format!("{}_", around.phase)).unwrap_or_default();
        let schema = json!({ "type": "string" });
        let spec = PhaseSpec {
            needs: vec![draft.phase.clone()],
            needs_made: true,
            after: read.phases.into_iter().collect(),
            names: read.names,
            input: Some(json!({ "task": task, "seen": seen, "schema": schema })),
            goto: Some(format!("{prefix}{{{{ {name}.value }}}}")),
            within: around.map(|around| around.phase.clone()),
            ..PhaseSpec::default()
        };
        let by = By::Model(Box::new(meaning::asker(&model, &schema)));
        self.make(Made { phase: asks.clone(), by, dependencies: vec![draft.id.clone()], spec }, &item);
        self.ways.push(Way { step: draft.phase.clone(), asks, item: OwnItem::of(&item) });
    }

    /// Has what comes after such steps wait for what the model says, which names one of it.
    pub(super) fn ways_left_open(&mut self) {
        for way in std::mem::take(&mut self.ways) {
            for (name, spec) in &mut self.pipeline.phases {
                if *name != way.asks && spec.after.contains(&way.step) {
                    spec.after.push(way.asks.clone());
                }
            }
            let later = self.later_steps(&way);
            if later.is_empty() {
                let message = "no step comes after this one, so that there is none to go on with";
                self.reading.at(Code::StepRoute, &way.item.item(), message, None);
                self.broken.phases.insert(way.asks.to_string());
                continue;
            }
            let schema = json!({ "enum": later });
            let Some(spec) = self.pipeline.phases.get_mut(&way.asks) else { continue };
            if let Some(Value::Object(input)) = &mut spec.input {
                input.insert("schema".to_owned(), schema.clone());
            }
            if let Some(AgentRef::Inline(agent)) = &mut spec.agent {
                agent.output = meaning::answer_with(&schema).map(SchemaRef::Inline);
            }
        }
    }

    /// Returns the ids of the steps beside one that come after it.
    fn later_steps(&self, way: &Way) -> Vec<String> {
        let phases = &self.pipeline.phases;
        let mut readers: HashMap<&PhaseName, Vec<&PhaseName>> = HashMap::new();
        for (name, spec) in phases {
            for before in spec.after.iter().chain(&spec.needs).chain(&spec.wants) {
                readers.entry(before).or_default().push(name);
            }
        }
        let mut reached: BTreeSet<&PhaseName> = BTreeSet::new();
        let mut open = vec![&way.asks];
        while let Some(at) = open.pop() {
            let next = readers.get(at).into_iter().flatten().copied();
            open.extend(next.filter(|name| reached.insert(*name)));
        }
        let within = phases.get(&way.step).and_then(|spec| spec.within.as_ref());
        let steps = self.entries.iter().filter(|entry| {
            entry.kind != StepKind::Hidden
                && entry.within.as_ref() == within
                && reached.contains(&entry.phase)
        });
        steps.map(|entry| entry.id.clone()).collect()
    }
}

/// Returns what shows the document of a step, or nothing where it has none.
fn shown(id: &str, phase: &PhaseName, read: &mut Read) -> Value {
    let name = alias(id);
    read.names.insert(name.clone(), format!("phases.{phase}.step"));
    read.phases.insert(phase.clone());
    Value::from(format!("{{{{ {name} | default(none) }}}}"))
}
