//! What a plan was made from, by name, so that a run of it can tell what has changed since.
//!
//! Nothing of the ledger or the history is in it: replies that came in meanwhile make a run cheaper, and no plan untrue.

use std::collections::BTreeMap;

use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::json::Json;
use refrain_schemas::money::PriceSpec;
use refrain_schemas::name::PhaseName;
use refrain_schemas::scope::Target;
use serde_json::Value;

use crate::define::{FileDigests, agent_names, define};
use crate::engine::{Engine, EngineError, RunRequest};
use crate::history::History;
use crate::model::{Model, Phase, Work};
use crate::run::request::Planned;
use crate::survey::{Seen, Standing, stand};
use crate::turns::Bindings;

/// What a plan was made from.
pub(crate) type Origins = BTreeMap<String, Digest>;

/// Something that a plan was made from and that is another one now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// What it is, such as `source lines.csv` or `translate@ja agent.translator.params`.
    pub name: String,
    /// Its digest when the plan was made; `None` where it was not there.
    pub planned: Option<Digest>,
    /// Its digest now; `None` where it is not there any more.
    pub now: Option<Digest>,
}

/// Refuses where what a plan was made from is not what it was.
pub(crate) async fn check(
    engine: &Engine,
    request: &RunRequest,
    planned: &Origins,
) -> Result<(), EngineError> {
    compare(planned, &origins(engine, request).await?)
}

pub(super) fn compare(planned: &Origins, now: &Origins) -> Result<(), EngineError> {
    let mut names: Vec<&String> = planned.keys().chain(now.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let drift = |name: &String| {
        let (planned, now) = (planned.get(name).copied(), now.get(name).copied());
        (planned != now).then(|| Drift { name: name.clone(), planned, now })
    };
    let drifts: Vec<Drift> = names.into_iter().filter_map(drift).collect();
    if drifts.is_empty() { Ok(()) } else { Err(EngineError::Drifted { drifts }) }
}

/// Looks at everything that a plan for a request is made from.
pub(super) async fn origins(engine: &Engine, request: &RunRequest) -> Result<Origins, EngineError> {
    let (model, ports) = (engine.model(), engine.ports());
    let planned = Planned::of(engine, request)?;
    let history = History::fold(ports.store.history().await?);
    let digests = FileDigests::new(ports.files.clone());
    let mut origins = Origins::new();
    let mut seen = Seen::default();
    let is_inside = |target: &Target| planned.targets.iter().any(|(inside, _)| inside == target);
    for (target, phase) in &planned.targets {
        let standing = stand(model, ports, &history, &digests, target, &seen).await?;
        seen.words.insert(target.clone(), standing.word());
        add_definition(&mut origins, &standing, &model.phases[*phase]);
        add_data(&mut origins, &standing, is_inside);
        add_prices(&mut origins, model, &model.phases[*phase]);
        add_turns(engine, &mut origins, &digests, &model.phases[*phase], target).await?;
    }
    for (name, value) in &model.params {
        origins.insert(format!("param {name}"), digest_of(value));
    }
    Ok(origins)
}

/// Adds what the phases of the turns of a loop are defined by, whatever they see of their turns.
async fn add_turns(
    engine: &Engine,
    origins: &mut Origins,
    digests: &FileDigests,
    phase: &Phase,
    target: &Target,
) -> Result<(), EngineError> {
    let (model, ports) = (engine.model(), engine.ports());
    let body = |phase: &Phase| -> Vec<PhaseName> {
        phase.rounds().into_iter().flat_map(|work| &work.body).map(|inner| inner.phase.clone()).collect()
    };
    let mut open = body(phase);
    while let Some(name) = open.pop() {
        let Some(inner) = model.phase(name.as_str()) else { continue };
        let scope = inner.fixed(&target.scope);
        let definition = define(model, inner, &scope, digests, (&*ports.tools, &Bindings::default())).await?;
        add_parts(origins, &inner.target(scope.into_owned()), &definition.parts, inner);
        add_prices(origins, model, inner);
        open.extend(body(inner));
    }
    Ok(())
}

/// Adds what a target is defined by, and what besides decides which calls are made: conditions and packing.
fn add_definition(origins: &mut Origins, standing: &Standing, phase: &Phase) {
    add_parts(origins, &standing.target, &standing.definition.parts, phase);
}

fn add_parts(origins: &mut Origins, target: &Target, parts: &BTreeMap<String, Digest>, phase: &Phase) {
    for (part, digest) in parts {
        origins.insert(format!("{target} {part}"), *digest);
    }
    for part in ["when", "on_unit_failure", "course"] {
        if let Some(written) = phase.written.get(part) {
            origins.insert(format!("{target} {part}"), Digest::of_content(written.as_str().as_bytes()));
        }
    }
    if let Work::Ask(work) = &phase.work {
        let mut packing = Digester::new("refrain packing v1");
        packing.number(work.pack as u64).part(work.pack_within.as_deref().unwrap_or_default().as_bytes());
        origins.insert(format!("{target} pack"), packing.finish());
    }
}

/// Adds the files that a target reads, and the artifacts that nobody makes anew in this plan.
fn add_data(origins: &mut Origins, standing: &Standing, is_inside: impl Fn(&Target) -> bool) {
    for stamp in &standing.now.sources {
        origins.insert(format!("source {}", stamp.path), stamp.digest);
    }
    for (path, digest) in &standing.now.context_files {
        origins.insert(format!("file {path}"), *digest);
    }
    for upstream in
        standing.now.upstream.iter().filter(|upstream| upstream.read && !is_inside(&upstream.target))
    {
        if let Some((_, artifact)) = &upstream.artifact {
            origins.insert(format!("artifact {}", upstream.target), artifact.digest);
        }
    }
}

fn add_prices(origins: &mut Origins, model: &Model, phase: &Phase) {
    let agents = agent_names(phase).into_iter().filter_map(|name| model.agents.get(name.as_str()));
    for model in agents.filter_map(|agent| agent.traits.model.as_ref()) {
        let prices = [("price", &model.price), ("dearest price", &model.dearest)];
        for (what, price) in prices.into_iter().filter_map(|(what, price)| Some((what, price.as_ref()?))) {
            origins.insert(format!("{what} {}", model.name), digest_of_price(price));
        }
    }
}

fn digest_of_price(price: &PriceSpec) -> Digest {
    let mut digester = Digester::new("refrain price v1");
    for dollars in [Some(price.input), price.cached_input, Some(price.output), price.batch] {
        digester.number(u64::from(dollars.is_some())).number(dollars.unwrap_or(0.0).to_bits());
    }
    digester.finish()
}

fn digest_of(value: &Value) -> Digest {
    let json = Json::of(value).map(|json| json.as_str().to_owned());
    // What has no canonical form is told apart all the same.
    Digest::of_content(json.unwrap_or_else(|_| value.to_string()).as_bytes())
}
