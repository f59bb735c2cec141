//! From the pipeline file as written to the [`Model`], with every problem on the way.
//!
//! Nothing stops at the first mistake: each check looks at what can still be judged and is silent about what hangs on
//! something that was reported already. Problems name a field path; the loader turns paths into places.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use refrain_schemas::name::{DimensionName, PhaseName};
use refrain_schemas::pipeline::{Dialect, Limits, PIPELINE_VERSION, Pipeline};
use refrain_schemas::problem::{Problem, Severity};
use serde_json::{Map, Value};

use crate::model::{Model, OutputSchema};
use crate::ports::agent::AgentFactory;

pub mod code;
pub mod files;
pub mod suggest;

mod agent_fields;
mod agents;
mod claims;
mod columns;
mod conditions;
mod context;
mod course;
mod fan;
mod given;
mod links;
mod locks;
mod money;
mod order;
mod output;
mod params;
mod phases;
mod pool;
mod problems;
mod prompts;
mod reply_rules;
mod rounds;
mod routes;
mod scoped_files;
mod scopes;
mod secret;
mod services;
mod templates;
mod turns;
mod twice;
mod unbuilt;
mod units;
mod variables;
mod written;

pub use course::pattern;
pub use files::{FileUse, NamedFile, is_inside, named_files};
pub(crate) use given::misfits;
pub use params::{article, fits, input_problems, input_schema, input_value, json_type};
pub use problems::problem;
pub use secret::{masked, masked_at, masked_words};
pub use variables::{NamedVariable, VariableUse, named_variables};

use code::Code;
use problems::Problems;

/// What the checks need to know besides the pipeline file itself.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The factories of agents.
    pub factories: &'a [Arc<dyn AgentFactory>],
    /// The contents of every project file that the pipeline names (see [`named_files`]); absent where there is none.
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// The values of `--set`: texts, which are read as the param's type, or values that have it already.
    pub set: &'a BTreeMap<String, Value>,
}

/// Entries of the file that were left out of the [`Pipeline`] because they do not have its shape. They exist, so that
/// naming them is no mistake, but nothing is known of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Broken {
    /// Names under `params:`.
    pub params: BTreeSet<String>,
    /// Names under `dimensions:`.
    pub dimensions: BTreeSet<String>,
    /// Names under `endpoints:`.
    pub endpoints: BTreeSet<String>,
    /// Names under `servers:`.
    pub servers: BTreeSet<String>,
    /// Names under `agents:`.
    pub agents: BTreeSet<String>,
    /// Names under `phases:`.
    pub phases: BTreeSet<String>,
    /// Whole sections whose entries are not known: any name in them may exist.
    pub sections: BTreeSet<String>,
}

impl Broken {
    fn may_have(&self, section: &str, names: &BTreeSet<String>, name: &str) -> bool {
        names.contains(name) || self.sections.contains(section)
    }
}

/// Checks a pipeline. There is a model unless a problem is an error.
#[must_use]
pub fn check(pipeline: &Pipeline, surroundings: &Surroundings<'_>) -> (Option<Model>, Vec<Problem>) {
    check_rest(pipeline, &Broken::default(), surroundings)
}

/// Checks what is left of a pipeline after `broken` was left out. The caller reported that already, and MUST NOT use
/// the model where anything is broken.
#[must_use]
pub fn check_rest(
    pipeline: &Pipeline,
    broken: &Broken,
    surroundings: &Surroundings<'_>,
) -> (Option<Model>, Vec<Problem>) {
    let mut checker = Checker {
        pipeline,
        broken,
        around: surroundings,
        problems: Problems::default(),
        schemas: HashMap::new(),
        params: Map::new(),
    };
    checker.header();
    checker.dimensions();
    checker.params = checker.params();
    checker.services();
    let agents = checker.agents();
    checker.money(&agents);
    let phases = checker.phases(&agents);
    checker.unread_prompts(&agents);
    let outputs = checker.outputs();
    let problems = checker.problems.into_vec();
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return (None, problems);
    }
    let places = phases.iter().enumerate().map(|(n, phase)| (phase.name.clone(), n)).collect();
    let model = Model {
        name: pipeline.name.clone(),
        params: checker.params,
        dimensions: pipeline.dimensions.clone(),
        agents,
        phases,
        limits: pipeline.limits.unwrap_or_default(),
        budget: pipeline.budget.unwrap_or_default(),
        declared: Arc::new(pipeline.declarations()),
        durability: pipeline.durability.unwrap_or_default(),
        outputs,
        places,
    };
    (Some(model), problems)
}

/// What all checks share.
struct Checker<'a> {
    pipeline: &'a Pipeline,
    broken: &'a Broken,
    around: &'a Surroundings<'a>,
    problems: Problems,
    /// Compiled schemas by file, so that each is compiled and reported once.
    schemas: HashMap<String, Option<OutputSchema>>,
    /// The project's params with their values, as far as they have any.
    params: Map<String, Value>,
}

impl Checker<'_> {
    /// Whose words the texts of the pipeline use.
    fn dialect(&self) -> Dialect {
        self.pipeline.dialect.unwrap_or_default()
    }

    fn header(&mut self) {
        let pipeline = self.pipeline;
        if pipeline.refrain != PIPELINE_VERSION {
            let message = format!("version {} of the pipeline file is not known here", pipeline.refrain);
            self.problems.add(Code::Version, "refrain", message);
        }
        if pipeline.name.trim().is_empty() || pipeline.name.chars().any(char::is_control) {
            self.problems.add(Code::ProjectName, "name", "the project's name is empty or cannot be printed");
        }
        let nothing = pipeline.phases.is_empty() && self.broken.phases.is_empty();
        if nothing && !self.broken.sections.contains("phases") {
            self.problems.add(Code::NoPhases, "phases", "the pipeline has no phases");
        }
        self.limits(pipeline.limits.as_ref(), "limits");
    }

    fn limits(&mut self, limits: Option<&Limits>, path: &str) {
        let Some(limits) = limits else { return };
        self.at_least_one(limits.concurrency.map(u64::from), &format!("{path}.concurrency"));
        self.at_least_one(limits.calls, &format!("{path}.calls"));
    }

    fn at_least_one(&mut self, number: Option<u64>, path: &str) {
        if number == Some(0) {
            let field = path.rsplit('.').next().unwrap_or(path);
            self.problems.add(Code::Zero, path, format!("`{field}` is 0"));
        }
    }

    fn field_name(&mut self, field: Option<&str>, path: &str) {
        if field.is_some_and(str::is_empty) {
            self.problems.add(Code::EmptyField, path, "the name of a field is empty");
        }
    }

    fn dimensions(&mut self) {
        for (name, values) in &self.pipeline.dimensions {
            let path = format!("dimensions.{name}");
            if values.is_empty() {
                self.problems.add(Code::NoValues, &path, format!("dimension `{name}` has no values"));
            }
            for (n, value) in values.iter().enumerate() {
                self.dimension_value(value, values[..n].contains(value), format!("{path}[{n}]"));
            }
        }
    }

    fn dimension_value(&mut self, value: &str, repeated: bool, path: String) {
        let bad = |c: char| c.is_control() || matches!(c, ',' | '@' | '/' | '#');
        if value.trim() != value || value.is_empty() || value.contains(bad) {
            self.problems.add(Code::BadValue, path, format!("{value:?} cannot be the value of a dimension"));
        } else if repeated {
            self.problems.add(Code::RepeatedValue, path, format!("`{value}` is there twice"));
        }
    }

    /// Looks a phase up that is named at `path`; says so if there is none.
    fn named_phase(&mut self, name: &PhaseName, path: &str) -> bool {
        if self.pipeline.phases.contains_key(name) {
            return true;
        }
        if !self.broken.may_have("phases", &self.broken.phases, name.as_str()) {
            let known = self.pipeline.phases.keys().map(PhaseName::as_str);
            let known = known.chain(self.broken.phases.iter().map(String::as_str));
            let hint = suggest::suggestion(name.as_str(), known);
            self.problems.add_with(Code::UnknownPhase, path, format!("there is no phase `{name}`"), hint);
        }
        false
    }

    fn named_dimension(&mut self, name: &DimensionName, path: &str) -> bool {
        if self.pipeline.dimensions.contains_key(name) {
            return true;
        }
        if !self.broken.may_have("dimensions", &self.broken.dimensions, name.as_str()) {
            let known = self.pipeline.dimensions.keys().map(DimensionName::as_str);
            let known = known.chain(self.broken.dimensions.iter().map(String::as_str));
            let hint = suggest::suggestion(name.as_str(), known);
            self.problems.add_with(
                Code::UnknownDimension,
                path,
                format!("there is no dimension `{name}`"),
                hint,
            );
        }
        false
    }
}
