//! A person's word that the present output is good for the present definition.

mod rekey;

use std::collections::BTreeSet;

use refrain_schemas::freshness::{Cause, CauseKind, Freshness};
use refrain_schemas::history::{HistoryEntry, WaiverRecord};
use refrain_schemas::scope::Target;
use refrain_schemas::status::Holder;

use crate::define::FileDigests;
use crate::end::Word;
use crate::engine::{Engine, EngineError};
use crate::history::{History, Prior};
use crate::model::{AskWork, Phase, Work};
use crate::ports::store::Batch;
use crate::prepare::{Preparation, PrepareError, Prepared, prepare};
use crate::survey::{Seen, Standing, stand};

/// Accepts targets: all of them, or none. Of several, those that are fresh already are left as they are.
pub(crate) async fn accept(
    engine: &Engine,
    targets: &[Target],
    reason: &str,
    holder: &Holder,
) -> Result<Vec<(Target, Vec<String>)>, EngineError> {
    let store = &*engine.ports().store;
    store.begin_writing(holder).await?;
    let accepted = accept_held(engine, targets, reason).await;
    let ended = store.end_writing().await;
    let accepted = accepted?;
    ended?;
    Ok(accepted)
}

async fn accept_held(
    engine: &Engine,
    targets: &[Target],
    reason: &str,
) -> Result<Vec<(Target, Vec<String>)>, EngineError> {
    let history = History::fold(engine.ports().store.history().await?);
    let named: BTreeSet<&Target> = targets.iter().collect();
    let mut waivers = Vec::new();
    // Everything is looked at before anything is written.
    for (standing, waived) in judged(engine, &history, &named).await? {
        let Some(prior) = history.prior(&standing.target) else { continue };
        let ready = if waived.is_empty() { None } else { Some(ready(engine, &standing, &prior).await?) };
        waivers.push((standing, prior, waived, ready));
    }
    let mut told = Vec::new();
    for (standing, prior, waived, ready) in waivers {
        told.push((standing.target.clone(), waived.iter().map(ToString::to_string).collect()));
        if let Some(ready) = ready {
            waive(engine, standing, &prior, waived, ready, reason).await?;
        }
    }
    Ok(told)
}

/// Judges the named targets in plan order, each as if those before it had been accepted, and says what of each is to be
/// waived: nothing where it is fresh.
async fn judged(
    engine: &Engine,
    history: &History,
    named: &BTreeSet<&Target>,
) -> Result<Vec<(Standing, Vec<Cause>)>, EngineError> {
    let (model, ports) = (engine.model(), engine.ports());
    let digests = FileDigests::new(ports.files.clone());
    let mut seen = Seen::default();
    let mut found = Vec::new();
    for target in model.targets() {
        let is_loop = model.phase(target.phase.as_str()).is_some_and(|phase| phase.rounds().is_some());
        if is_loop && named.contains(&target) {
            return Err(refused(
                &target,
                "it goes round: what its turns make is not accepted as a whole".to_owned(),
            ));
        }
        let standing = stand(model, ports, history, &digests, &target, &seen).await?;
        let mut word = standing.word();
        if named.contains(&target) {
            let waived = waivable(&standing)?;
            if !waived.is_empty() {
                let partial = history.latest(&target).is_some_and(|latest| latest.is_partial());
                word = Word::of(if partial { Freshness::Partial } else { Freshness::Fresh });
            }
            found.push((standing, waived));
        }
        seen.words.insert(target, word);
    }
    check_named(engine, named, &found)?;
    Ok(found)
}

fn check_named(
    engine: &Engine,
    named: &BTreeSet<&Target>,
    found: &[(Standing, Vec<Cause>)],
) -> Result<(), EngineError> {
    if let Some(target) = named.iter().find(|target| !found.iter().any(|(one, _)| one.target == ***target)) {
        let phase = target.phase.to_string();
        let phases = &engine.model().phases;
        return Err(if phases.iter().any(|known| known.name == target.phase && !known.enabled) {
            EngineError::Disabled { phase }
        } else {
            EngineError::UnknownPhase {
                phase: target.to_string(),
                known: phases.iter().map(|phase| phase.name.to_string()).collect(),
            }
        });
    }
    match found.first() {
        Some((first, _)) if found.iter().all(|(_, waived)| waived.is_empty()) => {
            Err(refused(&first.target, "there is nothing to accept: it is as a run would make it".to_owned()))
        }
        _ => Ok(()),
    }
}

/// Says which causes a person's word may waive.
fn waivable(standing: &Standing) -> Result<Vec<Cause>, EngineError> {
    let target = &standing.target;
    if let Some(skip) = &standing.now.skipped {
        return Err(refused(target, format!("it is skipped: {}", skip.reason)));
    }
    if let Some(why) = &standing.now.unfit {
        return Err(refused(target, format!("its condition cannot be evaluated: {why}")));
    }
    let causes = &standing.verdict.causes;
    if causes.iter().any(|cause| cause.kind == CauseKind::NeverRun) {
        return Err(refused(target, "it has no revision yet: run it".to_owned()));
    }
    let foreign: Vec<&Cause> = causes.iter().filter(|cause| !is_own(cause.kind)).collect();
    if !foreign.is_empty() {
        return Err(refused(target, advice(target, &foreign)));
    }
    let own = causes.iter().filter(|cause| cause.kind != CauseKind::Holes);
    let own: Vec<Cause> = own.cloned().collect();
    match standing.verdict.freshness {
        Freshness::Fresh => Ok(own),
        _ if !own.is_empty() => Ok(own),
        Freshness::Partial => {
            Err(refused(target, format!("it lacks units, which only a run can make; run {target}")))
        }
        word => Err(refused(target, format!("it is {word}, and not for its definition; run {target}"))),
    }
}

/// Whether a cause lies in the target's own definition. What it was made from is not: to waive that would hide that the
/// data changed. Holes stay what they are.
const fn is_own(kind: CauseKind) -> bool {
    matches!(
        kind,
        CauseKind::Definition
            | CauseKind::Agent
            | CauseKind::Params
            | CauseKind::DefinitionFile
            | CauseKind::ContextFile
            | CauseKind::Generation
            | CauseKind::Holes
    )
}

fn advice(target: &Target, foreign: &[&Cause]) -> String {
    let what: Vec<String> = foreign.iter().map(ToString::to_string).collect();
    let stale = foreign.iter().filter(|cause| cause.kind == CauseKind::UpstreamStale);
    let stale: Vec<&str> = stale.map(|cause| cause.subject.as_str()).collect();
    let first = if stale.is_empty() { target.to_string() } else { stale.join(" ") };
    format!("accepting it would hide that {}; run {first} first", what.join(", "))
}

fn refused(target: &Target, reason: String) -> EngineError {
    EngineError::NotAcceptable { target: target.to_string(), reason }
}

/// Looks at every unit of a target as it is now. Phases that read and write files have none.
async fn ready(
    engine: &Engine,
    standing: &Standing,
    prior: &Prior,
) -> Result<Option<Box<Prepared>>, EngineError> {
    let Some((phase, work)) = asking(engine, &standing.target) else { return Ok(None) };
    let ports = engine.ports();
    let preparation = Preparation {
        model: engine.model(),
        store: &*ports.store,
        files: &*ports.files,
        prior: Some(prior),
        phase,
        work,
        scope: &standing.target.scope,
        now: &standing.now,
        whole: true,
    };
    let prepared = prepare(preparation).await.map_err(|error| match error {
        PrepareError::Data(message) => refused(&standing.target, message),
        PrepareError::Engine(error) => error,
    })?;
    if let Some(table) = prior.units {
        rekey::check_units(&*ports.store, &standing.target, table, &prepared.units).await?;
    }
    Ok(Some(Box::new(prepared)))
}

fn asking<'a>(engine: &'a Engine, target: &Target) -> Option<(&'a Phase, &'a AskWork)> {
    let phase = engine.model().phase(target.phase.as_str())?;
    match &phase.work {
        Work::Ask(work) => Some((phase, work)),
        Work::Read(_) | Work::Write(_) | Work::Loop(_) => None,
    }
}

/// Writes the waiver; the replies are recorded under their new keys first, so that a crash in between leaves the target
/// as stale as it was.
async fn waive(
    engine: &Engine,
    standing: Standing,
    prior: &Prior,
    causes: Vec<Cause>,
    mut ready: Option<Box<Prepared>>,
    reason: &str,
) -> Result<(), EngineError> {
    let (store, target) = (&*engine.ports().store, standing.target.clone());
    let artifacts = ready.as_mut().map(|prepared| std::mem::take(&mut prepared.context_artifacts));
    let lineage = standing.now.lineage(&artifacts.unwrap_or_default());
    let mut pages = ready.as_mut().map(|prepared| std::mem::take(&mut prepared.pages)).unwrap_or_default();
    let mut units = None;
    if let (Some(prepared), Some(table), Some((_, work))) = (ready, prior.units, asking(engine, &target)) {
        let (root, last) = rekey::rekey(engine, work, standing, prepared, table).await?;
        units = Some(root);
        pages.extend(last);
    }
    let waiver = WaiverRecord {
        target,
        revision: prior.record.revision,
        reason: reason.to_owned(),
        at: engine.ports().clock.now(),
        lineage,
        units,
        causes,
    };
    store.commit(Batch { pages, history: vec![HistoryEntry::Waiver(waiver)], ..Batch::default() }).await?;
    Ok(())
}
