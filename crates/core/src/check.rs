//! From the pipeline file as written to the [`Model`], with every problem on the way.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ports::agent::AgentFactory;

/// What the checks need to know besides the pipeline file itself.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The factories of agents.
    pub factories: &'a [std::sync::Arc<dyn AgentFactory>],
    /// The contents of every project file that the pipeline names (see [`named_files`]); absent where there is none.
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// The values of `--set`.
    pub set: &'a BTreeMap<String, Value>,
}
