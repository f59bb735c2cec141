//! The loop itself: inputs in, one turn of the state, entries committed, events told, effects let go.

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{FuturesUnordered, StreamExt as _};
use refrain_schemas::event::{EventKind, RunEnded};
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::failure::{FailureKind, PhaseError};
use refrain_schemas::history::{HistoryEntry, RunEnd, RunStart};
use refrain_schemas::name::RunId;
use refrain_schemas::report::{PhaseReport, PhaseStatus, RunReport, RunStatus, UnitCounts};
use refrain_schemas::scope::Target;
use refrain_schemas::usage::Usage;
use serde_json::Map;

use crate::define::FileDigests;
use crate::end::Word;
use crate::engine::{Control, Engine, EngineError, RunRequest};
use crate::executor::{LocalExecutor, RemarkBox};
use crate::history::History;
use crate::plan::drift::{self, Origins};
use crate::ports::cancel::Cancel;
use crate::ports::executor::Executor;
use crate::ports::store::{Batch, Opening};
use crate::recorder::{PROGRESS_EVERY, Recorder};
use crate::survey::survey;

use super::input::Input;
use super::keeping;
use super::outputs;
use super::perform::Performer;
use super::request::Planned;
use super::state::{Options, RunState, Stop};

/// The most inputs that one turn takes, so that no commit grows without bound.
const TURN: usize = 1024;

/// The least time between two turns in which nothing happened.
const LEAST_PAUSE: Duration = Duration::from_millis(1);

/// Runs a plan to its end; one that was written down only if it still holds, which nobody else's run can change once the
/// writer's place is taken.
pub(crate) async fn run(
    engine: &Engine,
    request: &RunRequest,
    origins: Option<&Origins>,
    control: &Control,
) -> Result<RunReport, EngineError> {
    let planned = Planned::of(engine, request)?;
    let store = engine.ports().store.clone();
    let opening = store.begin_writing(&request.holder).await?;
    let held = match origins {
        Some(origins) => drift::check(engine, request, origins).await,
        None => Ok(()),
    };
    let result = match held {
        Ok(()) => run_held(engine, request, control, &planned, opening).await,
        Err(error) => Err(error),
    };
    let ended = store.end_writing().await;
    let report = result?;
    ended?;
    Ok(report)
}

async fn run_held(
    engine: &Engine,
    request: &RunRequest,
    control: &Control,
    planned: &Planned,
    opening: Opening,
) -> Result<RunReport, EngineError> {
    let ports = engine.ports();
    let mut history = History::fold(ports.store.history().await?);
    let digests = FileDigests::new(ports.files.clone());
    let outside = outside(engine, planned, &history, &digests, request).await?;
    let run_id = ports.ids.run_id();
    let targets: Vec<Target> = planned.targets.iter().map(|(target, _)| target.clone()).collect();
    let mut recorder = Recorder::new(ports, run_id, &targets);
    let in_doubt = opening.in_doubt.len() as u64;
    let options = Options {
        offline: request.offline,
        budget: request.budget,
        in_doubt: opening.in_doubt.clone(),
        level: recorder.level(),
        window: engine.window(),
        pipeline: engine.pipeline().map(str::to_owned),
    };
    history.apply(begin(engine, request, run_id, &opening, &mut recorder, targets).await?);
    let replaceable = keeping::replaceable(&history);
    let states = planned.states(engine, request.force);
    let numbers = (opening.next_call, opening.next_lane);
    let model = engine.shared_model();
    let mut state = RunState::new(model.clone(), history, run_id, options, states, outside, numbers);
    let remarks = RemarkBox::default();
    let local = || -> Arc<dyn Executor> {
        Arc::new(LocalExecutor::new(
            model.clone(),
            ports.factories.clone(),
            ports.clock.clone(),
            ports.files.clone(),
            remarks.clone(),
        ))
    };
    let performer = Arc::new(Performer {
        model: model.clone(),
        ports: ports.clone(),
        executor: ports.executor.clone().unwrap_or_else(local),
        cancel: Cancel::new(),
        replaceable,
    });
    let mut lost = Vec::new();
    let turned = turn_until_over(&mut state, &performer, &mut recorder, &remarks, control, &mut lost).await;
    engine.has_looked(state.looks());
    performer.executor.close().await;
    tell_remarks(&mut recorder, &remarks).await;
    let fatal = turned.err().or(state.fatal.take());
    let report = report(&state, run_id, in_doubt);
    let report = outputs::with_outputs(&state, ports, report, fatal.is_some()).await;
    let fatal = match fatal {
        None => end(&performer, &state, &report).await.err(),
        fatal => fatal,
    };
    if let Some(error) = fatal {
        recorder.record(None, EventKind::RunFailed(ended(&report))).await;
        let _lost = recorder.finish().await;
        let report = Box::new(cut_short(report, &lost));
        return Err(EngineError::CutShort { report, why: Box::new(error) });
    }
    recorder.record(None, end_event(&report)).await;
    let _lost = recorder.finish().await;
    Ok(report)
}

/// Judges the targets that are not part of the run but come before one that is.
async fn outside(
    engine: &Engine,
    planned: &Planned,
    history: &History,
    digests: &FileDigests,
    request: &RunRequest,
) -> Result<BTreeMap<Target, Word>, EngineError> {
    if !request.only {
        return Ok(BTreeMap::new());
    }
    let standings = survey(engine.model(), engine.ports(), history, digests).await?;
    let inside: HashSet<&Target> = planned.targets.iter().map(|(target, _)| target).collect();
    let outside = standings.into_iter().filter(|standing| !inside.contains(&standing.target));
    Ok(outside.map(|standing| (standing.target.clone(), standing.word())).collect())
}

/// Makes the beginning durable and tells of it; returns its entry.
async fn begin(
    engine: &Engine,
    request: &RunRequest,
    run_id: RunId,
    opening: &Opening,
    recorder: &mut Recorder,
    targets: Vec<Target>,
) -> Result<HistoryEntry, EngineError> {
    let ports = engine.ports();
    let at = ports.clock.now();
    let named: Vec<String> = request.targets.iter().map(ToString::to_string).collect();
    let started = HistoryEntry::RunStarted(RunStart {
        run_id,
        at,
        targets: named.clone(),
        pipeline: engine.pipeline().map(str::to_owned),
    });
    ports.store.commit(Batch { history: vec![started.clone()], ..Batch::default() }).await?;
    let in_doubt = opening.in_doubt.len() as u64;
    recorder.record(None, EventKind::RunStarted { targets: named, in_doubt }).await;
    for message in &opening.recovered {
        recorder.record(None, EventKind::StoreRecovered { message: message.clone() }).await;
    }
    recorder.record(None, EventKind::RunPlanned { targets }).await;
    Ok(started)
}

/// Makes the end durable.
async fn end(performer: &Performer, state: &RunState, report: &RunReport) -> Result<(), EngineError> {
    let ports = &performer.ports;
    let mut last = performer.look_again(state).await;
    last.push(HistoryEntry::RunEnded(RunEnd { at: ports.clock.now(), report: report.clone() }));
    Ok(ports.store.commit(Batch { history: last, ..Batch::default() }).await?)
}

async fn turn_until_over(
    state: &mut RunState,
    performer: &Arc<Performer>,
    recorder: &mut Recorder,
    remarks: &RemarkBox,
    control: &Control,
    lost: &mut Vec<Target>,
) -> Result<(), EngineError> {
    let mut tasks: FuturesUnordered<BoxFuture<'static, Option<Input>>> = FuturesUnordered::new();
    let mut drain = pin!(control.drain.fired().fuse());
    let mut abort = pin!(control.abort.fired().fuse());
    let (clock, store) = (&performer.ports.clock, &performer.ports.store);
    let mut inputs: Vec<Input> = Vec::new();
    loop {
        state.at(clock.now(), clock.monotonic());
        inputs.drain(..).for_each(|input| state.apply(input));
        state.schedule();
        let turn = state.take_turn();
        if !turn.batch.is_empty() {
            lost.extend(turn.batch.history.iter().filter_map(target_of));
            store.commit(turn.batch).await?;
            lost.clear();
        }
        for (target, kind) in turn.told {
            recorder.record(target.as_deref(), kind).await;
        }
        tell_remarks(recorder, remarks).await;
        recorder.catch_up().await;
        for effect in turn.effects {
            tasks.push(performer.clone().begin(effect));
        }
        if state.is_over() {
            return Ok(());
        }
        // A person's wish comes first; else whatever is there, and at least one thing.
        let pause = turn.wake.map_or(PROGRESS_EVERY, |wake| wake.clamp(LEAST_PAUSE, PROGRESS_EVERY));
        let mut tick = pin!(clock.sleep(pause).fuse());
        futures::select_biased! {
            () = abort => inputs.push(Input::Abort),
            () = drain => inputs.push(Input::Drain),
            input = tasks.select_next_some() => inputs.extend(input),
            () = tick => {}
        }
        while inputs.len() < TURN
            && let Some(Some(input)) = tasks.next().now_or_never()
        {
            inputs.extend(input);
        }
    }
}

async fn tell_remarks(recorder: &mut Recorder, remarks: &RemarkBox) {
    for (target, kind) in remarks.take() {
        recorder.record(Some(&target), kind).await;
    }
}

/// Returns the target whose end an entry puts on record.
fn target_of(entry: &HistoryEntry) -> Option<Target> {
    match entry {
        HistoryEntry::Revision(record) => Some(record.target.clone()),
        HistoryEntry::Attempt(record) => Some(record.target.clone()),
        _ => None,
    }
}

/// Returns what a run had come to that could not go on: what was to be put on record last is as if it had not ended.
fn cut_short(mut report: RunReport, lost: &[Target]) -> RunReport {
    let lost: HashSet<&Target> = lost.iter().collect();
    for phase in &mut report.phases {
        let target = Target { phase: phase.phase.clone(), scope: phase.scope.clone() };
        if lost.contains(&target) {
            (phase.status, phase.error) = (PhaseStatus::Cancelled, None);
        }
    }
    RunReport { status: RunStatus::Failed, exit_code: ExitCode::Store.number(), ..report }
}

fn report(state: &RunState, run_id: RunId, in_doubt: u64) -> RunReport {
    let (phases, counted): (Vec<PhaseReport>, Vec<bool>) = state.reports().into_iter().unzip();
    let counted: Vec<&PhaseReport> =
        phases.iter().zip(counted).filter_map(|(phase, counts)| counts.then_some(phase)).collect();
    let mut units = UnitCounts::default();
    let mut usage = Usage::default();
    for phase in &phases {
        units.add(&phase.units);
        usage.add(&phase.usage);
    }
    let (calls, retries) =
        phases.iter().fold((0, 0), |(calls, retries), phase| (calls + phase.calls, retries + phase.retries));
    let status = status(state, &counted);
    let exit_code = exit_code(state, &counted, status).number();
    RunReport {
        schema_version: 1,
        run_id,
        execution_id: state.execution().filter(|id| *id != run_id),
        status,
        exit_code,
        calls,
        retries,
        repairs: phases.iter().map(|phase| phase.repairs).sum(),
        in_doubt,
        units,
        usage,
        cost_usd: usage.cost_usd,
        phases,
        outputs: Map::new(),
        output_errors: BTreeMap::new(),
        leftovers: Vec::new(),
        open_errors: Vec::new(),
        idle_edits: Vec::new(),
    }
}

/// One word for a run: the strongest of what became of its targets.
fn status(state: &RunState, phases: &[&PhaseReport]) -> RunStatus {
    let any = |status: PhaseStatus| phases.iter().any(|phase| phase.status == status);
    if any(PhaseStatus::Cancelled)
        || state.stop.is_some_and(|stop| stop >= Stop::Drained) && !all_ended(phases)
    {
        RunStatus::Cancelled
    } else if any(PhaseStatus::Stopped) {
        RunStatus::Stopped
    } else if is_confined(state, phases) {
        RunStatus::Partial
    } else if any(PhaseStatus::Failed) {
        RunStatus::Failed
    } else if any(PhaseStatus::Blocked) {
        RunStatus::Blocked
    } else if any(PhaseStatus::Waiting) {
        RunStatus::Waiting
    } else if any(PhaseStatus::Partial) {
        RunStatus::Partial
    } else {
        RunStatus::Completed
    }
}

/// Whether something failed, or was blocked behind it, and every phase that this befell in some scopes came to its end in
/// another one: of three languages, two are there.
fn is_confined(state: &RunState, phases: &[&PhaseReport]) -> bool {
    use PhaseStatus as S;
    let ended_well = |phase: &&PhaseReport| matches!(phase.status, S::Completed | S::Fresh | S::Partial);
    let in_other_scope =
        |bad: &PhaseReport| phases.iter().any(|phase| phase.phase == bad.phase && ended_well(phase));
    let mut bad = phases.iter().filter(|phase| matches!(phase.status, S::Failed | S::Blocked)).peekable();
    // Other turns of a loop are no other scopes of it.
    let is_in_turn = |bad: &PhaseReport| {
        state.model.phase(bad.phase.as_str()).is_some_and(|phase| !phase.loops.is_empty())
    };
    bad.peek().is_some() && bad.all(|bad| !is_in_turn(bad) && in_other_scope(bad))
}

fn all_ended(phases: &[&PhaseReport]) -> bool {
    phases.iter().all(|phase| phase.status != PhaseStatus::Cancelled)
}

fn exit_code(state: &RunState, phases: &[&PhaseReport], status: RunStatus) -> ExitCode {
    let of_phase = |phase: &&PhaseReport| match phase.status {
        PhaseStatus::Failed | PhaseStatus::Partial => ExitCode::Failed,
        PhaseStatus::Blocked => ExitCode::Blocked,
        PhaseStatus::Waiting => ExitCode::Waiting,
        PhaseStatus::Stopped => ExitCode::Budget,
        _ => ExitCode::Ok,
    };
    let mut code = phases.iter().map(of_phase).fold(status.exit_code(), ExitCode::stronger);
    let lacks = |error: &PhaseError| error.kind() == FailureKind::Credentials.as_str();
    // One for which something stands in has not failed.
    let mut failed = phases.iter().filter(|phase| phase.status == PhaseStatus::Failed);
    let is_refused = failed.any(|phase| phase.error.as_ref().is_some_and(lacks));
    if state.credentials.is_some() || is_refused {
        code = code.stronger(ExitCode::Credentials);
    }
    if state.offline_missed {
        code = code.stronger(ExitCode::Drift);
    }
    code
}

const fn ended(report: &RunReport) -> RunEnded {
    RunEnded { calls: report.calls, units: report.units, usage: report.usage }
}

const fn end_event(report: &RunReport) -> EventKind {
    let ended = ended(report);
    match report.status {
        RunStatus::Completed => EventKind::RunCompleted(ended),
        RunStatus::Partial => EventKind::RunPartial(ended),
        RunStatus::Failed => EventKind::RunFailed(ended),
        RunStatus::Blocked => EventKind::RunBlocked(ended),
        RunStatus::Waiting => EventKind::RunWaiting(ended),
        RunStatus::Stopped => EventKind::RunStopped(ended),
        RunStatus::Cancelled => EventKind::RunCancelled(ended),
    }
}
