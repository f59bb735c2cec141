//! The pipeline file as it is written.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agent_spec::AgentSpec;
use crate::endpoint::{EndpointSpec, ServerSpec};
use crate::money::{Budget, PriceSpec};
use crate::name::{AgentName, DimensionName, PhaseName};
use crate::phase_spec::PhaseSpec;

/// The version of the pipeline file that this crate reads.
pub const PIPELINE_VERSION: u32 = 1;

/// A pipeline as it is written in `refrain.yaml`; `refrain-core` checks it and gives it its meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The version of the file format; 1.
    pub refrain: u32,
    /// The name of the project.
    pub name: String,
    /// What the pipeline is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Values that templates and conditions may use and that `--set name=value` may change.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub params: IndexMap<String, ParamSpec>,
    /// Named lists of values; a phase that is `per:` a dimension exists once per value.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub dimensions: IndexMap<DimensionName, Vec<String>>,
    /// Where models are reached, by name; the usual providers are known without it.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub endpoints: IndexMap<String, EndpointSpec>,
    /// MCP servers, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub servers: IndexMap<String, ServerSpec>,
    /// What models cost, by `provider/model`; goes before the table that Refrain ships.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub prices: IndexMap<String, PriceSpec>,
    /// The first layer of every model's system prompt: a template, or the path of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// What answers, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub agents: IndexMap<AgentName, AgentSpec>,
    /// The steps of the work, by name.
    pub phases: IndexMap<PhaseName, PhaseSpec>,
    /// Ceilings for a whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What a whole run may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// What a committed reply survives: `process` (a kill, the default) or `power` (a power cut as well).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
    /// Short names for what `outputs` see: `NAME: phases.P.document.FIELD`.
    #[serde(default, rename = "let", skip_serializing_if = "IndexMap::is_empty")]
    pub names: IndexMap<String, String>,
    /// Values of the whole run: JSON whose strings are templates over what the phases made.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub outputs: IndexMap<String, Value>,
    /// The types of outputs: where one is not of its type, the run has failed.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub output_types: IndexMap<String, ParamType>,
    /// Whose words templates and conditions use (`refrain`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
}

/// Whose words templates and conditions use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Refrain's own: what is undefined is an error, and conditions are true or false.
    #[default]
    Refrain,
    /// Those of steps files: values print as in Python, and conditions are formulas.
    Steps,
}

/// What agents refer to by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Declarations {
    /// Where models are reached.
    pub endpoints: IndexMap<String, EndpointSpec>,
    /// MCP servers.
    pub servers: IndexMap<String, ServerSpec>,
    /// What models cost.
    pub prices: IndexMap<String, PriceSpec>,
}

impl Pipeline {
    /// Returns what agents refer to by name.
    #[must_use]
    pub fn declarations(&self) -> Declarations {
        let (endpoints, servers, prices) = (&self.endpoints, &self.servers, &self.prices);
        Declarations { endpoints: endpoints.clone(), servers: servers.clone(), prices: prices.clone() }
    }
}

/// A parameter of the pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParamSpec {
    /// The type of the value; the type of the default where absent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ParamType>,
    /// The value where `--set` gives none; a parameter without default must be set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The only values allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    /// A JSON Schema that the value must fulfil.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// What the parameter is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParamType {
    /// Text.
    String,
    /// Any number.
    Number,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list of anything.
    List,
    /// An object.
    Object,
    /// Anything, `null` included; a text of `--set` is JSON where it is that.
    Any,
}

/// Ceilings on a run, a phase or an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most calls in flight at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub concurrency: Option<u32>,
    /// The most calls of one run, retries included; reaching it stops the run, exit code 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
}

/// What a committed entry of the store survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The death of the process, `kill -9` included: entries are written to the kernel.
    #[default]
    Process,
    /// A power cut: entries are synced to the disk.
    Power,
}
