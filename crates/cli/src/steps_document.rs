//! The result document of a steps file: what became of each step, made from the report of the run.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use refrain_core::escape::escape;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::failure::{FailureKind, PhaseError};
use refrain_schemas::name::PhaseName;
use refrain_schemas::problem::Problem;
use refrain_schemas::report::{PhaseReport, PhaseStatus, RunReport, RunStatus};
use refrain_schemas::scope::{Scope, Target};
use refrain_schemas::steps::{StepEntry, StepKind, StepReport, StepsMap, StepsReport};
use refrain_schemas::time::Timestamp;
use refrain_schemas::usage::Usage;
use serde_json::Value;

use crate::report::CliError;
use crate::runtime;
use crate::turn_name::Names;
use crate::wiring::Opened;

/// Returns the document of a file that was refused.
pub(crate) fn refused(map: &StepsMap, problems: &[Problem]) -> StepsReport {
    let first = problems.iter().find(|problem| problem.code.starts_with('E'));
    StepsReport {
        error: first.map(|problem| problem.message.clone()),
        error_type: Some("invalid".to_owned()),
        problems: problems.to_vec(),
        ..empty(&map.id, "failed", ExitCode::Usage.number())
    }
}

/// Returns the document of a run that did not begin, such as one of a project that another process holds.
pub(crate) fn not_begun(id: &str, error: &CliError) -> StepsReport {
    StepsReport {
        error: Some(told(error)),
        error_type: Some("run".to_owned()),
        ..empty(id, "failed", error.code().number())
    }
}

/// Returns the document of a run that could not go on, such as for want of room on the disk, with what it had done.
pub(crate) fn cut_short(document: StepsReport, error: &CliError) -> StepsReport {
    StepsReport { error: Some(told(error)), error_type: Some("run".to_owned()), ..document }
}

/// Returns what happened, and what to do about it.
fn told(error: &CliError) -> String {
    let hints = error.hints().iter().map(|hint| format!(" ({hint})")).collect::<String>();
    escape(&format!("{}{hints}", error.message())).into_owned()
}

fn empty(id: &str, status: &str, exit_code: u8) -> StepsReport {
    StepsReport {
        schema_version: 1,
        pipeline_id: id.to_owned(),
        execution_id: None,
        status: status.to_owned(),
        success: false,
        steps: IndexMap::new(),
        outputs: IndexMap::new(),
        execution_order: Vec::new(),
        execution_levels: Vec::new(),
        started_at: None,
        completed_at: None,
        duration: None,
        error: None,
        error_type: None,
        problems: Vec::new(),
        exit_code,
        run: None,
    }
}

/// Returns the document of a run.
pub(crate) fn of_run(
    opened: &Opened,
    map: &StepsMap,
    report: &RunReport,
    times: (Timestamp, Timestamp),
) -> Result<StepsReport, CliError> {
    let mut made = Making::new(opened, map, report)?;
    for entry in map.entries.iter().filter(|entry| entry.within.is_none()) {
        made.entry(entry, &Scope::none(), &entry.id);
    }
    made.behind();
    let steps = made.steps;
    let status = match report.status {
        RunStatus::Completed => "completed",
        RunStatus::Waiting => "waiting",
        RunStatus::Stopped => "stopped",
        RunStatus::Cancelled => "cancelled",
        RunStatus::Partial | RunStatus::Failed | RunStatus::Blocked => "failed",
    };
    // Failures in the turns of a loop for which a value stands in are cleared with that of the loop.
    let is_done = report.status == RunStatus::Completed;
    let failed = steps.values().find(|step| step.error.is_some() && !step.success);
    let output_error =
        report.output_errors.iter().next().map(|(name, why)| format!("output `{name}`: {why}"));
    let levels = levels(map);
    Ok(StepsReport {
        execution_id: Some(report.execution_id.unwrap_or(report.run_id)),
        success: is_done,
        outputs: report.outputs.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        execution_order: levels.iter().flatten().cloned().collect(),
        execution_levels: levels,
        started_at: Some(times.0),
        completed_at: Some(times.1),
        duration: Some(times.1.since(times.0).as_secs_f64()),
        error: failed
            .and_then(|step| step.error.clone())
            .or(made.error_behind)
            .or(output_error)
            .filter(|_| !is_done),
        problems: opened.warnings().to_vec(),
        error_type: failed.filter(|_| !is_done).and_then(|step| step.error_type.clone()),
        steps,
        run: Some(report.clone()),
        ..empty(&map.id, status, report.exit_code)
    })
}

/// What a phase made.
struct Made {
    document: Value,
    /// The model that made it.
    model: Option<String>,
}

struct Making<'a> {
    map: &'a StepsMap,
    names: Names<'a>,
    report: &'a RunReport,
    /// The reports of phases and scopes, and what they made.
    phases: BTreeMap<Target, (&'a PhaseReport, Made)>,
    steps: IndexMap<String, StepReport>,
    /// What went wrong with a file of a step, with what was done about a failure, or with what a model was to say.
    error_behind: Option<String>,
}

impl<'a> Making<'a> {
    fn new(opened: &Opened, map: &'a StepsMap, report: &'a RunReport) -> Result<Self, CliError> {
        let target = |phase: &PhaseReport| Target { phase: phase.phase.clone(), scope: phase.scope.clone() };
        let targets: Vec<Target> = report.phases.iter().map(target).collect();
        let (documents, answered) = runtime::on_this_thread(async {
            Ok((opened.engine.documents(&targets).await?, opened.engine.answered(&targets).await?))
        })?;
        let agents = &opened.engine.model().agents;
        let made = documents.into_iter().zip(answered).map(|(document, agent)| Made {
            document: document.map_or(Value::Null, |json| json.value()),
            model: agent.and_then(|agent| agents.get(&agent)?.spec.model.clone()),
        });
        let phases = targets.into_iter().zip(report.phases.iter().zip(made)).collect();
        Ok(Self { map, names: Names::of(map), report, phases, steps: IndexMap::new(), error_behind: None })
    }

    /// Adds a step, and what became of it in the turns of its loop.
    fn entry(&mut self, entry: &StepEntry, scope: &Scope, name: &str) {
        let target = Target { phase: entry.phase.clone(), scope: scope.clone() };
        let is_shown = !matches!(entry.kind, StepKind::Each(false) | StepKind::Hidden);
        let step = self.phases.get(&target).filter(|_| is_shown);
        if let Some(mut step) = step.map(|(phase, made)| step_of(&self.names, entry, phase, made)) {
            if step.error.is_some() && entry.kind == StepKind::Queue {
                step.error = self.said_within(entry, scope).or(step.error);
            }
            let choice = self.map.choices.iter().find(|choice| choice.step == entry.phase.as_str()).cloned();
            self.steps.insert(name.to_owned(), StepReport { choice, ..step });
        }
        if matches!(entry.kind, StepKind::Each(_) | StepKind::While) {
            self.turns(entry, scope, name);
        }
        if entry.kind == StepKind::Each(false) {
            self.failed_alone(entry, &target, name);
        }
    }

    /// Returns what a step said that is listed nowhere, the one of a pipeline or a loop whose turns are not shown.
    fn said_within(&self, entry: &StepEntry, scope: &Scope) -> Option<String> {
        let inner = self.map.entries.iter().filter(|inner| inner.within.as_ref() == Some(&entry.phase));
        inner.into_iter().find_map(|inner| {
            let is_within = |target: &Target| {
                scope.iter().all(|(name, value)| target.scope.get(name.as_str()) == Some(value))
            };
            let mut found =
                self.phases.iter().filter(|(target, _)| target.phase == inner.phase && is_within(target));
            found.find_map(|(target, (phase, _))| {
                let error = phase.error.as_ref()?;
                let deeper = self.said_within(inner, &target.scope);
                let own =
                    || failure_kind(error).map(|_| format!("step `{}`: {}", inner.id, escape(&said(error))));
                deeper.or_else(own)
            })
        })
    }

    /// A loop that is not listed is so where it failed by itself, such as over a list that is none, and where a value stands in
    /// for it: nothing else tells of that.
    fn failed_alone(&mut self, entry: &StepEntry, target: &Target, name: &str) {
        let Some((phase, made)) = self.phases.get(target) else { return };
        let start = format!("{name}_");
        let is_told = || self.steps.iter().any(|(id, step)| id.starts_with(&start) && step.error.is_some());
        let is_recovered = phase.status == PhaseStatus::Completed && phase.error.is_some();
        if is_recovered || (phase.status == PhaseStatus::Failed && !is_told()) {
            let step = step_of(&self.names, entry, phase, made);
            self.steps.insert(name.to_owned(), step);
        }
    }

    /// Looks for what failed that no step shows.
    fn behind(&mut self) {
        let hidden = self.map.entries.iter().filter(|entry| entry.kind == StepKind::Hidden);
        let hidden: BTreeMap<&PhaseName, &StepEntry> = hidden.map(|entry| (&entry.phase, entry)).collect();
        let failed = self.report.phases.iter().filter(|phase| phase.status == PhaseStatus::Failed);
        let mut failed = failed.filter_map(|phase| Some((hidden.get(&phase.phase)?, phase.error.as_ref()?)));
        self.error_behind = failed.next().map(|(entry, error)| {
            let step = self.step_of_made(&entry.phase);
            format!("what is done for step `{step}`: {}", escape(&said(error)))
        });
    }

    /// Returns the id of the step that a phase was made for: the name of the phase begins with that of its own.
    fn step_of_made(&self, made: &PhaseName) -> &str {
        let is_for = |entry: &&StepEntry| {
            let rest = made.as_str().strip_prefix(entry.phase.as_str());
            entry.kind != StepKind::Hidden && rest.is_some_and(|rest| rest.starts_with('-'))
        };
        let steps = self.map.entries.iter().filter(is_for);
        steps.max_by_key(|entry| entry.phase.as_str().len()).map_or("", |entry| entry.id.as_str())
    }

    fn turns(&mut self, entry: &StepEntry, scope: &Scope, name: &str) {
        let body: Vec<StepEntry> = self
            .map
            .entries
            .iter()
            .filter(|inner| inner.within.as_ref() == Some(&entry.phase))
            .cloned()
            .collect();
        for (turn, scope) in self.scopes(entry, scope) {
            for inner in &body {
                self.entry(inner, &scope, &format!("{name}_{turn}_{}", inner.id));
            }
            if entry.kind == StepKind::While {
                self.result(entry, &format!("{name}_{turn}"));
            }
        }
    }

    /// Returns the turns of a loop that there were, with their scopes.
    fn scopes(&self, entry: &StepEntry, scope: &Scope) -> Vec<(u64, Scope)> {
        let mut turns: BTreeMap<u64, Scope> = BTreeMap::new();
        for phase in &self.report.phases {
            let value = phase.scope.get(entry.phase.as_str()).and_then(|value| value.parse::<u64>().ok());
            let is_within = scope.iter().all(|(name, value)| phase.scope.get(name.as_str()) == Some(value));
            let is_own = phase.scope.iter().count() == scope.iter().count() + 1;
            if let Some(turn) = value.filter(|_| is_within && is_own) {
                turns.insert(turn, phase.scope.clone());
            }
        }
        turns.into_iter().collect()
    }

    /// Adds what a turn of a loop with conditions came to.
    fn result(&mut self, entry: &StepEntry, turn: &str) {
        let start = format!("{turn}_");
        let of_turn = self.steps.iter().filter(|(id, step)| id.starts_with(&start) && !step.value.is_null());
        let value = of_turn.map(|(_, step)| (step.id.clone(), step.value.clone())).collect();
        let success = self
            .steps
            .iter()
            .filter(|(id, _)| id.starts_with(&start))
            .all(|(_, step)| step.success || step.status == "skipped");
        let report = StepReport {
            id: format!("{turn}_result"),
            action: Some("capture_result".to_owned()),
            status: "completed".to_owned(),
            success,
            value: Value::Object(value),
            error: None,
            error_type: None,
            tool: None,
            model: None,
            instead_of: None,
            provider: None,
            choice: None,
            retries: 0,
            timed_out: false,
            recovered: false,
            reason: None,
            dependencies: vec![entry.id.clone()],
            started_at: None,
            completed_at: None,
            duration: None,
            resources: None,
            usage: None,
        };
        self.steps.insert(format!("{turn}_result"), report);
    }
}

fn step_of(names: &Names<'_>, entry: &StepEntry, phase: &PhaseReport, made: &Made) -> StepReport {
    let kind = phase.error.as_ref().and_then(failure_kind);
    let (status, success) = match phase.status {
        PhaseStatus::Fresh | PhaseStatus::Completed => ("completed", true),
        PhaseStatus::Failed if kind == Some(FailureKind::Reported) => ("completed", false),
        PhaseStatus::Failed | PhaseStatus::Partial => ("failed", false),
        PhaseStatus::Skipped | PhaseStatus::Blocked => ("skipped", false),
        PhaseStatus::Waiting | PhaseStatus::Stopped | PhaseStatus::Cancelled => ("pending", false),
    };
    let is_made = matches!(status, "completed" | "failed");
    // What tools, agents and people said they said in words of their own.
    let is_ours = kind.is_none();
    let words = |error| if is_ours { names.words(&said(error)) } else { said(error) };
    let message = phase.error.as_ref().map(|error| escape(&words(error)).into_owned());
    let is_skipped = status == "skipped";
    let model = made.model.clone().filter(|_| success).or_else(|| entry.model.clone());
    StepReport {
        id: entry.id.clone(),
        action: entry.action.clone(),
        status: status.to_owned(),
        success,
        value: if is_made { made.document.clone() } else { Value::Null },
        error: message.clone().filter(|_| !is_skipped),
        error_type: phase.error.as_ref().filter(|_| !is_skipped).map(type_of),
        tool: entry.tool.clone(),
        provider: model.as_ref().and_then(|model| Some(model.split_once('/')?.0.to_owned())),
        instead_of: entry.model.clone().filter(|first| model.as_ref().is_some_and(|model| model != first)),
        model,
        choice: None,
        retries: phase.retries + phase.earlier_retries,
        timed_out: phase.error.as_ref().is_some_and(is_of_time),
        recovered: success && phase.error.is_some(),
        reason: message.filter(|_| is_skipped),
        dependencies: entry.dependencies.clone(),
        started_at: phase.started_at,
        completed_at: phase.ended_at,
        duration: phase.started_at.zip(phase.ended_at).map(|(from, to)| to.since(from).as_secs_f64()),
        resources: phase.resources,
        usage: Some(phase.usage).filter(|usage| *usage != Usage::default()),
    }
}

fn failure_kind(error: &PhaseError) -> Option<FailureKind> {
    error.units.first().map(|unit| unit.failure.kind)
}

/// Returns what was said about the step itself.
fn said(error: &PhaseError) -> String {
    error.units.first().map_or_else(|| error.message.clone(), |unit| unit.failure.message.clone())
}

/// What no unit failed for, such as a text that reads what is not there, has the code of the step's error.
fn type_of(error: &PhaseError) -> String {
    match failure_kind(error) {
        _ if is_of_time(error) => "TimeoutError".to_owned(),
        Some(kind) => kind.as_str().to_owned(),
        None => error.code.clone(),
    }
}

/// Whether a call took too long, or all turns of a loop together did.
fn is_of_time(error: &PhaseError) -> bool {
    failure_kind(error) == Some(FailureKind::TimedOut) || error.code == FailureKind::TimedOut.as_str()
}

/// Returns the ids of the steps, those together that hang on none of each other: by the longest way to each.
fn levels(map: &StepsMap) -> Vec<Vec<String>> {
    let steps: Vec<&StepEntry> =
        map.entries.iter().filter(|entry| entry.within.is_none() && entry.kind != StepKind::Hidden).collect();
    let known: BTreeMap<&str, &StepEntry> = steps.iter().map(|step| (step.id.as_str(), *step)).collect();
    let mut level: BTreeMap<&str, usize> = BTreeMap::new();
    let mut open: Vec<&StepEntry> = steps.clone();
    // What comes before a step is settled before it is; there are no circles.
    while let Some(step) = open.pop() {
        let before = step.dependencies.iter().filter_map(|id| known.get(id.as_str()).copied());
        let unsettled: Vec<&StepEntry> =
            before.filter(|before| !level.contains_key(before.id.as_str())).collect();
        if unsettled.is_empty() {
            let before = step.dependencies.iter().filter_map(|id| level.get(id.as_str()));
            level.insert(&step.id, before.max().map_or(0, |deepest| deepest + 1));
        } else if !level.contains_key(step.id.as_str()) {
            open.push(step);
            open.extend(unsettled);
        }
    }
    let mut levels: Vec<Vec<String>> = Vec::new();
    for step in steps {
        let own = level.get(step.id.as_str()).copied().unwrap_or(0);
        levels.resize_with(levels.len().max(own + 1), Vec::new);
        levels[own].push(step.id.clone());
    }
    levels
}
