//! Reads what is left of a pipeline where some of it does not have its shape.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::str::FromStr;

use indexmap::IndexMap;
use refrain_core::check::Broken;
use refrain_schemas::pipeline::{PIPELINE_VERSION, Pipeline};
use serde::de::DeserializeOwned;

use crate::decode::decode;
use crate::node::{Kind, Node};

/// Reads every entry that can be read; the others are named in [`Broken`].
pub(crate) fn read(tree: &Node) -> Option<(Pipeline, Broken)> {
    if !matches!(tree.kind, Kind::Map(_)) {
        return None;
    }
    let mut sections = BTreeSet::new();
    let (params, bad_params) = entries(tree, "params", &mut sections);
    let (dimensions, bad_dimensions) = entries(tree, "dimensions", &mut sections);
    // What is wrong with one of these was reported; what names it is judged as if it were there.
    let (endpoints, bad_endpoints) = entries(tree, "endpoints", &mut sections);
    let (servers, bad_servers) = entries(tree, "servers", &mut sections);
    let (prices, _) = entries(tree, "prices", &mut sections);
    let (agents, bad_agents) = entries(tree, "agents", &mut sections);
    let (phases, bad_phases) = entries(tree, "phases", &mut sections);
    if tree.get("phases").is_none() {
        sections.insert("phases".to_owned());
    }
    let pipeline = Pipeline {
        // What cannot be read was reported; these pass every check.
        refrain: field(tree, "refrain").unwrap_or(PIPELINE_VERSION),
        name: field(tree, "name").unwrap_or_else(|| "unknown".to_owned()),
        description: None,
        params,
        dimensions,
        endpoints,
        servers,
        prices,
        system: field(tree, "system"),
        agents,
        phases,
        budget: field(tree, "budget"),
        limits: field(tree, "limits"),
        durability: field(tree, "durability"),
        names: field(tree, "let").unwrap_or_default(),
        outputs: field(tree, "outputs").unwrap_or_default(),
        output_types: field(tree, "output_types").unwrap_or_default(),
        dialect: field(tree, "dialect"),
    };
    let broken = Broken {
        params: bad_params,
        dimensions: bad_dimensions,
        endpoints: bad_endpoints,
        servers: bad_servers,
        agents: bad_agents,
        phases: bad_phases,
        sections,
    };
    Some((pipeline, broken))
}

fn field<T: DeserializeOwned>(tree: &Node, name: &str) -> Option<T> {
    decode(&tree.get(name)?.value).ok()
}

fn entries<K: FromStr + Hash + Eq, V: DeserializeOwned>(
    tree: &Node,
    section: &str,
    sections: &mut BTreeSet<String>,
) -> (IndexMap<K, V>, BTreeSet<String>) {
    let mut good = IndexMap::new();
    let mut bad = BTreeSet::new();
    match tree.get(section).map(|entry| &entry.value.kind) {
        None => {}
        Some(Kind::Map(entries)) => {
            for entry in entries {
                match (entry.key.parse::<K>(), decode::<V>(&entry.value)) {
                    (Ok(key), Ok(value)) => drop(good.insert(key, value)),
                    _ => drop(bad.insert(entry.key.clone())),
                }
            }
        }
        Some(_) => drop(sections.insert(section.to_owned())),
    }
    (good, bad)
}
