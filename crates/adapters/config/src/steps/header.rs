//! The header of a steps file.

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_schemas::agent_spec::RetrySpec;
use refrain_schemas::duration::Span;
use refrain_schemas::on_failure::Policy;
use refrain_schemas::pipeline::{Limits, Pipeline};
use serde::de::DeserializeOwned;

use super::Lowering;
use super::inputs;
use super::reading::{Fields, Item, short};
use crate::decode::decode;
use crate::node::Kind;

/// Keys that act, or that say something to people.
const KNOWN: [&str; 35] = [
    "orchestrator",
    "intention",
    "architecture",
    "global_error_handlers",
    "output_dir",
    "default_model",
    "model",
    "selection_schema",
    "selection",
    "models",
    "experts",
    "personalities",
    "phases",
    "id",
    "name",
    "description",
    "version",
    "metadata",
    "author",
    "tags",
    "inputs",
    "parameters",
    "outputs",
    "steps",
    "context",
    "config",
    "servers",
    "agents",
    "endpoints",
    "prices",
    "limits",
    "budget",
    "durability",
    "system",
    "tools",
];
const REFUSED: [(&str, &str); 4] = [
    ("imports", "write the steps here, or read them in with `{{ file:PATH }}`"),
    ("extends", "write the steps here, or read them in with `{{ file:PATH }}`"),
    ("pipeline", "write `steps:` at the top of the file"),
    ("tasks", "write `steps:`"),
];
const CONTEXT: [&str; 6] = ["timeout", "max_retries", "parallel", "max_parallel", "error_mode", "checkpoint"];
/// What a model is asked about the pipeline itself.
const SWITCHES: [&str; 3] = ["enable_intelligence", "enable_validation", "enable_suggestions"];

/// What steps go by that do not say it themselves.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    pub(super) timeout: Option<Span>,
    pub(super) attempts: Option<u32>,
    /// What a loop says of the steps of its turns.
    pub(super) retry: Option<RetrySpec>,
    pub(super) policy: Option<Policy>,
    pub(super) has_orchestrator: bool,
}

impl Lowering<'_, '_> {
    /// Reads everything but the steps and the outputs; returns the id.
    pub(super) fn header(&mut self, fields: &Fields<'_>) -> String {
        self.reading.known(fields, "the pipeline", &KNOWN, &REFUSED);
        self.defaults.has_orchestrator = fields.get("orchestrator").is_some();
        self.orchestrator(fields);
        let name = match fields.get("name") {
            Some(item) => self.reading.text(&item).map(str::to_owned),
            None => {
                let hint = Some("add `name:`".to_owned());
                self.reading.report(Code::MissingField, "", fields.span, "the pipeline has no `name`", hint);
                None
            }
        };
        let id = fields.get("id").and_then(|item| self.id(&item)).or_else(|| name.clone());
        if let Some(name) = name {
            self.pipeline.name = name;
        }
        if let Some(item) = fields.get("description") {
            self.pipeline.description = self.reading.text(&item).map(str::to_owned);
        }
        if let Some(item) = fields.get("version") {
            self.version(&item);
        }
        self.sections(fields);
        self.models(fields);
        self.said_twice(fields);
        for key in ["context", "config"] {
            if let Some(item) = fields.get(key) {
                self.context(&item);
            }
        }
        self.inputs(fields);
        if let Some(item) = fields.get("output_dir") {
            self.output_dir(&item);
        }
        if let Some(item) = fields.get("global_error_handlers") {
            self.global_handlers(&item);
        }
        id.unwrap_or_else(|| "pipeline".to_owned())
    }

    /// Reads which model is asked about the pipeline itself, and what a person wrote in its stead.
    fn orchestrator(&mut self, fields: &Fields<'_>) {
        if let Some(item) = fields.get("orchestrator") {
            self.orchestrator = self.model_name(&item);
        }
        let mut text = |key: &str| {
            let item = fields.get(key)?;
            self.reading.text(&item).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        (self.wishes.intention, self.wishes.architecture) = (text("intention"), text("architecture"));
    }

    fn switches(&mut self, fields: &Fields<'_>) {
        for key in SWITCHES {
            let Some(is_on) = fields.get(key).and_then(|item| self.reading.flag(&item)) else { continue };
            match key {
                "enable_intelligence" => self.wishes.intelligence = is_on,
                "enable_validation" => self.wishes.validation = is_on,
                _ => self.wishes.suggestions = is_on,
            }
        }
    }

    fn id(&mut self, item: &Item<'_>) -> Option<String> {
        let id = self.reading.text(item)?;
        if id.parse::<refrain_schemas::name::PhaseName>().is_err() {
            self.reading.at(Code::BadName, item, format!("`{}` cannot be an id", short(id)), None);
        }
        Some(id.to_owned())
    }

    fn version(&mut self, item: &Item<'_>) {
        let Some(text) = self.reading.text(item) else { return };
        let parts: Vec<&str> = text.split('.').collect();
        let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if parts.len() != 3 || !parts.iter().all(is_number) {
            let hint = Some("write three numbers, such as `1.0.0`".to_owned());
            self.reading.at(Code::NotAChoice, item, format!("`{text}` is not a version"), hint);
        }
    }

    /// Takes over the sections that native files have as well.
    fn sections(&mut self, fields: &Fields<'_>) {
        let Pipeline { servers, agents, endpoints, prices, .. } = &mut self.pipeline;
        let mut bad: Vec<(Item<'_>, String)> = Vec::new();
        take(fields, "servers", servers, &mut bad);
        take(fields, "agents", agents, &mut bad);
        take(fields, "endpoints", endpoints, &mut bad);
        take(fields, "prices", prices, &mut bad);
        one(fields, "limits", &mut self.pipeline.limits, &mut bad);
        one(fields, "budget", &mut self.pipeline.budget, &mut bad);
        one(fields, "durability", &mut self.pipeline.durability, &mut bad);
        if let Some(item) = fields.get("system") {
            self.pipeline.system = self.reading.text(&item).map(str::to_owned);
        }
        for (item, message) in bad {
            self.broken.sections.insert(item.path.clone());
            self.reading.at(Code::Shape, &item, message, None);
        }
    }

    /// Refuses what both `context` and `config` say.
    fn said_twice(&mut self, fields: &Fields<'_>) {
        let map = |key: &str| fields.get(key).filter(|item| matches!(item.node.kind, Kind::Map(_)));
        let Some((context, config)) = map("context").zip(map("config")) else { return };
        let Some(context) = self.reading.fields(&context) else { return };
        let Some(config) = self.reading.fields(&config) else { return };
        for (key, item) in config.iter().filter(|(key, _)| context.get(key).is_some()) {
            let message = format!("`context.{key}` and `config.{key}` say the same thing");
            self.reading.at_key(Code::StepTwo, &item, message, Some("keep one of them".to_owned()));
        }
    }

    fn context(&mut self, item: &Item<'_>) {
        let Some(fields) = self.reading.fields(item) else { return };
        let known: Vec<&str> = CONTEXT.into_iter().chain(SWITCHES).chain(["checkpoint_strategy"]).collect();
        self.reading.known(&fields, &format!("`{}`", item.name()), &known, &[]);
        self.switches(&fields);
        if let Some(item) = fields.get("timeout") {
            self.defaults.timeout = self.reading.time(&item);
        }
        if let Some(item) = fields.get("max_retries") {
            self.defaults.attempts = self.reading.whole(&item).map(|n| n.max(1));
        }
        if let Some(item) = fields.get("error_mode") {
            self.defaults.policy = match self.reading.word(&item, &["fail", "continue"]) {
                Some("continue") => Some(Policy::Continue),
                _ => None,
            };
        }
        let mut most = fields.get("max_parallel").and_then(|item| self.reading.whole(&item));
        if let Some(item) = fields.get("parallel")
            && self.reading.flag(&item) == Some(false)
        {
            most = Some(1);
        }
        if most.is_some() {
            let limits = self.pipeline.limits.unwrap_or_default();
            self.pipeline.limits = Some(Limits { concurrency: most, ..limits });
        }
        self.checkpoints(&fields);
    }

    /// What is done is always on record.
    fn checkpoints(&mut self, fields: &Fields<'_>) {
        let hint = || Some("leave it out: what is done is always on record".to_owned());
        if let Some(item) = fields.get("checkpoint")
            && self.reading.flag(&item) == Some(false)
        {
            self.reading.at(Code::StepRefused, &item, "checkpoints cannot be turned off", hint());
        }
        if let Some(item) = fields.get("checkpoint_strategy")
            && self.reading.word(&item, &["adaptive", "fixed", "none"]) == Some("none")
        {
            self.reading.at(Code::StepRefused, &item, "checkpoints cannot be turned off", hint());
        }
    }

    fn inputs(&mut self, fields: &Fields<'_>) {
        for section in ["inputs", "parameters"] {
            let Some(item) = fields.get(section) else { continue };
            for input in inputs::inputs(&mut self.reading, &item) {
                if self.pipeline.params.get(&input.name).is_some_and(|known| *known != input.spec) {
                    let message = format!("`{}` is declared twice, and differently", input.name);
                    self.reading.at_key(Code::StepTwo, &input.item, message, None);
                    continue;
                }
                self.place(format!("params.{}", input.name), &input.item);
                self.pipeline.params.insert(input.name, input.spec);
            }
        }
        self.names.inputs = self.pipeline.params.keys().cloned().collect();
    }
}

/// Sections that hold for all of a run, and belong into the file that is run.
const OF_THE_RUN: [&str; 8] =
    ["servers", "agents", "endpoints", "prices", "limits", "budget", "durability", "system"];

/// Reads the header of a pipeline that another one carries out. Its inputs are given by that.
pub(super) fn of_other(lowering: &mut Lowering<'_, '_>, fields: &Fields<'_>) {
    lowering.reading.known(fields, "the pipeline", &KNOWN, &REFUSED);
    for item in OF_THE_RUN.iter().filter_map(|key| fields.get(key)) {
        let message = format!("`{}` holds for all of a run", item.name());
        let hint = Some("write it in the file that is run".to_owned());
        lowering.reading.at_key(Code::StepPipeline, &item, message, hint);
    }
    lowering.models(fields);
    lowering.said_twice(fields);
    let limits = lowering.pipeline.limits;
    for key in ["context", "config"] {
        let Some(item) = fields.get(key) else { continue };
        lowering.context(&item);
        if lowering.pipeline.limits != limits {
            lowering.pipeline.limits = limits;
            let message = "how much is done at once holds for all of a run";
            let hint = Some("write it in the file that is run".to_owned());
            lowering.reading.at_key(Code::StepPipeline, &item, message, hint);
        }
    }
    if let Some(item) = fields.get("output_dir") {
        lowering.output_dir(&item);
    }
    if let Some(item) = fields.get("global_error_handlers") {
        lowering.global_handlers(&item);
    }
}

fn take<'n, K, V>(
    fields: &Fields<'n>,
    key: &str,
    into: &mut IndexMap<K, V>,
    bad: &mut Vec<(Item<'n>, String)>,
) where
    IndexMap<K, V>: DeserializeOwned,
{
    let Some(item) = fields.get(key) else { return };
    match decode(item.node) {
        Ok(value) => *into = value,
        Err(error) => bad.push((item, error.to_string())),
    }
}

fn one<'n, V: DeserializeOwned>(
    fields: &Fields<'n>,
    key: &str,
    into: &mut Option<V>,
    bad: &mut Vec<(Item<'n>, String)>,
) {
    let Some(item) = fields.get(key) else { return };
    match decode(item.node) {
        Ok(value) => *into = Some(value),
        Err(error) => bad.push((item, error.to_string())),
    }
}
