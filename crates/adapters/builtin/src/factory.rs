//! Makes built-in agents.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use refrain_core::ports::agent::{
    Agent, AgentError, AgentFactory, AgentRole, AgentTraits, Blueprint, Draft, SpecProblem,
};
use refrain_core::ports::rules::RecordRules;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::json::Json;

use crate::agent::{PureAgent, ReadParams, wrong};
use crate::nearest::nearest;
use crate::{
    annotate, apply, cast, checks, consistency, files, filter, map, pseudo, summary, template, terms,
};

/// Makes one clone of an agent that an embedding program added.
pub type MakeAgent = Arc<dyn Fn(&Blueprint) -> Result<Arc<dyn Agent>, AgentError> + Send + Sync>;

/// Checks params as they are written.
type Check = fn(&serde_json::Map<String, serde_json::Value>) -> Vec<SpecProblem>;

/// A built-in that answers.
struct Builtin {
    name: &'static str,
    version: u32,
    /// Whether its params hold templates and expressions of its own.
    raw_params: bool,
    read: ReadParams,
    check: Check,
}

impl Builtin {
    /// Returns one whose params are filled by the engine.
    const fn filled(name: &'static str, version: u32, read: ReadParams, check: Check) -> Self {
        Self { name, version, raw_params: false, read, check }
    }

    /// Returns one whose params hold templates and expressions of its own.
    const fn raw(name: &'static str, version: u32, read: ReadParams, check: Check) -> Self {
        Self { name, version, raw_params: true, read, check }
    }
}

/// All of them. A version MUST go up when the same request may get another answer.
const BUILTINS: [Builtin; 11] = [
    Builtin::filled("annotate", 1, annotate::read, annotate::check),
    Builtin::filled("apply", 1, apply::read, apply::check),
    Builtin::filled("cast", 1, cast::read, cast::check),
    Builtin::filled("checks", 2, checks::read, checks::check),
    Builtin::filled("consistency", 1, consistency::read, consistency::check),
    Builtin::raw("filter", 1, filter::read, |map| problems(filter::read, map)),
    Builtin::raw("map", 1, map::read, |map| problems(map::read, map)),
    Builtin::filled("pseudo", 1, pseudo::read, pseudo::check),
    Builtin::filled("summary", 2, summary::read, summary::check),
    Builtin::raw("template", 1, template::read, |map| problems(template::read, map)),
    Builtin::filled("terms", 1, terms::read, terms::check),
];

fn problems(read: ReadParams, map: &serde_json::Map<String, serde_json::Value>) -> Vec<SpecProblem> {
    read(map).err().unwrap_or_default()
}

/// Makes the agents of specs that say `builtin:`, and those that an embedding program added.
#[derive(Clone, Default)]
pub struct BuiltinAgents {
    added: BTreeMap<String, (u32, MakeAgent)>,
}

impl BuiltinAgents {
    /// Returns the built-ins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an agent of the embedding program: `builtin: NAME` in a pipeline is answered by what `make` makes.
    ///
    /// The version is part of the agent's identity and MUST change when it may answer the same request differently.
    /// The name of a built-in may be taken; the added agent then stands for it.
    #[must_use]
    pub fn with<F>(mut self, name: &str, version: u32, make: F) -> Self
    where
        F: Fn(&Blueprint) -> Result<Arc<dyn Agent>, AgentError> + Send + Sync + 'static,
    {
        self.added.insert(name.to_owned(), (version, Arc::new(make)));
        self
    }

    fn unknown(&self, name: &str) -> SpecProblem {
        let builtins = BUILTINS.iter().map(|builtin| builtin.name).chain(["read", "write"]);
        let mut names: Vec<&str> = builtins.chain(self.added.keys().map(String::as_str)).collect();
        names.sort_unstable();
        let near = nearest(name, names.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        SpecProblem {
            field: "builtin".to_owned(),
            message: format!("there is no built-in agent `{name}`"),
            hint: Some(near.unwrap_or_else(|| format!("there are {}", names.join(", ")))),
        }
    }
}

fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

fn name_of(spec: &AgentSpec) -> &str {
    spec.builtin.as_deref().unwrap_or_default()
}

impl AgentFactory for BuiltinAgents {
    fn handles(&self, spec: &AgentSpec) -> bool {
        spec.builtin.is_some()
    }

    fn check(&self, Draft { spec, .. }: &Draft<'_>) -> Vec<SpecProblem> {
        let name = name_of(spec);
        match (self.added.get(name), builtin(name)) {
            // An added agent judges its own params when it is made.
            (Some(_), _) => Vec::new(),
            (None, Some(builtin)) => (builtin.check)(&spec.params),
            (None, None) if name == "read" => files::check_read(&spec.params),
            (None, None) if name == "write" => files::check_write(&spec.params),
            (None, None) => vec![self.unknown(name)],
        }
    }

    fn describe(&self, Draft { spec, .. }: &Draft<'_>) -> AgentTraits {
        let name = name_of(spec);
        let added = self.added.get(name).map(|(version, _)| *version);
        let built_in = builtin(name).filter(|_| added.is_none());
        let version = added.or(built_in.map(|builtin| builtin.version)).unwrap_or(1);
        let role = match name {
            "read" if added.is_none() => AgentRole::Read,
            "write" if added.is_none() => AgentRole::Write,
            _ => AgentRole::Answer,
        };
        let raw_params = built_in.is_some_and(|builtin| builtin.raw_params);
        AgentTraits { raw_params, role, ..AgentTraits::plain(format!("{name}@{version}")) }
    }

    fn make(&self, blueprint: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
        let name = name_of(&blueprint.spec);
        if let Some((_, make)) = self.added.get(name) {
            return make(blueprint);
        }
        let permanent = |message: String| AgentError::new(FailureKind::Permanent, message);
        match builtin(name) {
            Some(builtin) => Ok(Arc::new(PureAgent::new(builtin.name, builtin.read))),
            None if matches!(name, "read" | "write") => {
                Err(permanent(format!("`{name}` answers no units: the engine does its work")))
            }
            None => Err(permanent(self.unknown(name).message)),
        }
    }

    fn rules(
        &self,
        Draft { spec, .. }: &Draft<'_>,
        params: &Json,
    ) -> Result<Option<Arc<dyn RecordRules>>, AgentError> {
        let name = name_of(spec);
        if self.added.contains_key(name) {
            return Ok(None);
        }
        let (params, none) = (params.value(), serde_json::Map::new());
        let params = params.as_object().unwrap_or(&none);
        let rules: Result<Arc<dyn RecordRules>, _> = match name {
            "apply" => apply::LogRules::read(params).map(|rules| Arc::new(rules) as _),
            "checks" => checks::ReplyRules::read(params).map(|rules| Arc::new(rules) as _),
            _ => return Ok(None),
        };
        rules.map(Some).map_err(|problems| wrong(&problems))
    }
}

impl fmt::Debug for BuiltinAgents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuiltinAgents").field("added", &self.added.keys()).finish()
    }
}
