//! What of requests is different: parts of the definition, contexts that all units share, and what is a unit's own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::why::PartChange;

use crate::history::Prior;
use crate::request::{Requests, UnitRequest, View};
use crate::survey::Standing;

/// The parts of the definition that requests are made from. What a prompt reads is in the keys of those units alone of
/// which it renders otherwise.
pub(super) fn definition_changes(standing: &Standing, prior: Option<&Prior>) -> Vec<PartChange> {
    let Some(prior) = prior else { return Vec::new() };
    let (old, new) = (&prior.lineage.definition, &standing.now.definition);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).filter(|name| is_of_requests(name)).collect();
    let differing = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    let mut out: Vec<PartChange> = differing
        .map(|name| part_change(name, old.get(name).copied(), new.get(name).copied(), None, None))
        .collect();
    let (was, is) = (prior.lineage.generation, standing.now.generation);
    if was != is {
        let json = |n: u32| Json::parse(&n.to_string()).ok();
        out.push(part_change("generation", None, None, json(was), json(is)));
    }
    out
}

fn is_of_requests(part: &str) -> bool {
    let roots = ["agent.", "project.", "phase.", "params."];
    roots.iter().any(|root| part.starts_with(root))
}

/// Returns the contexts that all units share and that differ.
pub(super) fn shared_changes(old: &Requests, new: &Requests) -> Vec<PartChange> {
    let shared = |requests: &Requests| -> BTreeMap<String, (Json, Digest)> {
        let views = requests.contexts.iter().filter_map(|context| match &context.view {
            View::Shared(json, digest) => Some((context.name.to_string(), (json.clone(), *digest))),
            _ => None,
        });
        views.collect()
    };
    let (was, is) = (shared(old), shared(new));
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let differing =
        names.into_iter().filter(|name| was.get(*name).map(|v| v.1) != is.get(*name).map(|v| v.1));
    differing
        .map(|name| {
            let (old, new) = (was.get(name), is.get(name));
            let value = |side: Option<&(Json, Digest)>| side.map(|(json, _)| json.clone());
            part_change(
                &format!("context.{name}"),
                old.map(|v| v.1),
                new.map(|v| v.1),
                value(old),
                value(new),
            )
        })
        .collect()
}

/// Returns what of a part is different.
pub(super) fn part_change(
    part: &str,
    old: Option<Digest>,
    new: Option<Digest>,
    old_value: Option<Json>,
    new_value: Option<Json>,
) -> PartChange {
    PartChange { part: part.to_owned(), old, new, old_value, new_value }
}

/// Whether a part hangs on replies that are not there yet.
pub(super) fn hangs(part: &PartChange) -> bool {
    part.old.is_none() && part.new.is_none() && part.part.starts_with("context.")
}

/// Compares the parts that are a unit's own.
pub(super) fn unit_changes(old: Option<&UnitRequest>, new: Option<&UnitRequest>) -> Vec<PartChange> {
    let mut out = Vec::new();
    let mut part = |name: &str, old: Option<&Json>, new: Option<&Json>| {
        if old != new {
            let digest = |json: &Json| Digest::of_content(json.as_str().as_bytes());
            out.push(part_change(name, old.map(digest), new.map(digest), old.cloned(), new.cloned()));
        }
    };
    part("unit", old.map(|request| &request.input), new.map(|request| &request.input));
    let names: BTreeSet<&Arc<str>> =
        old.into_iter().chain(new).flat_map(|request| request.context.iter().map(|(name, _)| name)).collect();
    for name in names {
        let find = |request: Option<&UnitRequest>| {
            request
                .and_then(|request| request.context.iter().find(|(other, _)| other == name))
                .map(|(_, json)| json.clone())
        };
        part(&format!("context.{name}"), find(old).as_ref(), find(new).as_ref());
    }
    out
}
