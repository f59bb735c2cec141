//! Builds a pipeline in Rust: the same [`Pipeline`] that a file is read into, to be checked in the same way.
//!
//! ```
//! use refrain_core::builder::{PipelineBuilder, builtin, clones, command, from, of, phase};
//!
//! let pipeline = PipelineBuilder::new("my-game")
//!     .dimension("language", ["ja", "fr"])
//!     .agent("translator", command(["python3", "translate.py"]).file("translate.py"))
//!     .phase("ingest", phase().agent(builtin("read").param("files", "*.csv")).key("line_id"))
//!     .phase(
//!         "translate",
//!         phase()
//!             .per("language")
//!             .units(of("ingest"))
//!             .context("nearby", from("ingest").window(2))
//!             .pool("translator", clones(4))
//!             .key("line_id")
//!             .aligned(),
//!     )
//!     .build()?;
//! assert_eq!(pipeline.phases.len(), 2);
//! # Ok::<(), refrain_core::builder::BuildError>(())
//! ```

use std::str::FromStr;

use refrain_schemas::name::NameError;
use refrain_schemas::pipeline::{Durability, Limits, PIPELINE_VERSION, ParamSpec, Pipeline};
use serde_json::Value;

mod agent;
mod phase;

pub use agent::{AgentBuilder, builtin, command};
pub use phase::{ContextBuilder, PhaseBuilder, UnitsBuilder, clones, file, from, of, phase, samples};

/// Builds a [`Pipeline`].
#[derive(Debug, Clone)]
#[must_use]
pub struct PipelineBuilder {
    pipeline: Pipeline,
    mistakes: Mistakes,
}

/// Names that were given and are none. They are collected so that every step can be chained.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Mistakes(Vec<NameError>);

impl Mistakes {
    /// Parses a name; remembers it where it is none.
    pub(crate) fn name<T: FromStr<Err = NameError>>(&mut self, text: &str) -> Option<T> {
        text.parse().map_err(|error| self.0.push(error)).ok()
    }

    pub(crate) fn take(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// Names that were given to the builder and do not have the shape of names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .names.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct BuildError {
    /// The names, in the order in which they were given.
    pub names: Vec<NameError>,
}

impl PipelineBuilder {
    /// Starts a pipeline with the name of the project.
    pub fn new(name: &str) -> Self {
        let pipeline = Pipeline {
            refrain: PIPELINE_VERSION,
            name: name.to_owned(),
            description: None,
            params: indexmap::IndexMap::new(),
            dimensions: indexmap::IndexMap::new(),
            endpoints: indexmap::IndexMap::new(),
            servers: indexmap::IndexMap::new(),
            prices: indexmap::IndexMap::new(),
            system: None,
            agents: indexmap::IndexMap::new(),
            phases: indexmap::IndexMap::new(),
            limits: None,
            budget: None,
            durability: None,
            names: indexmap::IndexMap::new(),
            outputs: indexmap::IndexMap::new(),
            output_types: indexmap::IndexMap::new(),
            dialect: None,
        };
        Self { pipeline, mistakes: Mistakes::default() }
    }

    /// Says what the pipeline is for.
    pub fn description(mut self, text: &str) -> Self {
        self.pipeline.description = Some(text.to_owned());
        self
    }

    /// Adds a param with a default, which tells its type.
    pub fn param(self, name: &str, default: impl Into<Value>) -> Self {
        let spec = ParamSpec {
            kind: None,
            default: Some(default.into()),
            choices: Vec::new(),
            schema: None,
            description: None,
        };
        self.param_spec(name, spec)
    }

    /// Adds a param in full.
    pub fn param_spec(mut self, name: &str, spec: ParamSpec) -> Self {
        self.pipeline.params.insert(name.to_owned(), spec);
        self
    }

    /// Adds a dimension with its values.
    pub fn dimension<S: Into<String>>(mut self, name: &str, values: impl IntoIterator<Item = S>) -> Self {
        if let Some(name) = self.mistakes.name(name) {
            self.pipeline.dimensions.insert(name, values.into_iter().map(Into::into).collect());
        }
        self
    }

    /// Adds an agent; one of the same name is replaced.
    pub fn agent(mut self, name: &str, agent: AgentBuilder) -> Self {
        if let Some(name) = self.mistakes.name(name) {
            self.pipeline.agents.insert(name, agent.spec());
        }
        self
    }

    /// Adds a phase; one of the same name is replaced.
    pub fn phase(mut self, name: &str, phase: PhaseBuilder) -> Self {
        let (spec, mistakes) = phase.finish();
        self.mistakes.take(mistakes);
        if let Some(name) = self.mistakes.name(name) {
            self.pipeline.phases.insert(name, spec);
        }
        self
    }

    /// Sets the ceilings of a run.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.pipeline.limits = Some(limits);
        self
    }

    /// Says what a commit survives.
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.pipeline.durability = Some(durability);
        self
    }

    /// Returns the pipeline, to be handed to [`check`](crate::check::check).
    ///
    /// # Errors
    /// Fails where a name is none, naming all of them.
    pub fn build(self) -> Result<Pipeline, BuildError> {
        if self.mistakes.0.is_empty() {
            Ok(self.pipeline)
        } else {
            Err(BuildError { names: self.mistakes.0 })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use refrain_schemas::phase_spec::{Fan, MergeSpec, OnUnitFailure};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_builder_writes_what_the_file_says() {
        let pipeline = PipelineBuilder::new("x")
            .param("tone", "plain")
            .dimension("language", ["ja"])
            .agent("r", command(["r"]).timeout(Duration::from_secs(60)).attempts(2).version("2"))
            .phase("a", phase().agent(builtin("read").param("files", "*.csv")).key("id"))
            .phase(
                "b",
                phase()
                    .per("language")
                    .wants("a")
                    .when("params.tone == 'plain'")
                    .units(of("a").by("scene"))
                    .context("g", file("g.csv").matching("term", "text"))
                    .pool("r", clones(8))
                    .pool("s", samples(3))
                    .fan(Fan::Panel)
                    .merge(MergeSpec::Vote)
                    .on_unit_failure(OnUnitFailure::Quorum(0.5))
                    .pack(20)
                    .key("id"),
            )
            .build()
            .unwrap();
        let expect = json!({
            "refrain": 1, "name": "x",
            "params": {"tone": {"default": "plain"}},
            "dimensions": {"language": ["ja"]},
            "agents": {"r": {"command": ["r"], "version": "2", "timeout": "1m", "retry": {"attempts": 2}}},
            "phases": {
                "a": {"agent": {"builtin": "read", "params": {"files": "*.csv"}}, "output": {"key": "id"}},
                "b": {
                    "when": "params.tone == 'plain'", "wants": ["a"], "per": ["language"],
                    "units": {"of": "a", "by": "scene"}, "pack": {"max": 20},
                    "context": {"g": {"file": "g.csv", "match": {"field": "term", "in": "text"}}},
                    "agents": {"r": 8, "s": {"samples": 3}}, "fan": "panel", "merge": "vote",
                    "on_unit_failure": {"quorum": 0.5}, "output": {"key": "id"},
                },
            },
        });
        assert_eq!(serde_json::to_value(&pipeline).unwrap(), expect);
    }

    #[test]
    fn all_bad_names_are_named() {
        let built =
            PipelineBuilder::new("x").dimension("1", ["a"]).phase("a b", phase().needs("é").units(of("")));
        let names: Vec<String> = built.build().unwrap_err().names.into_iter().map(|name| name.text).collect();
        assert_eq!(names, ["1", "é", "", "a b"]);
    }
}
