//! Steps that run where others failed: those that a step names for its own failures, and those that the file names for all.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::{HandlesSpec, OnFailure};
use refrain_schemas::phase_spec::PhaseSpec;
use refrain_schemas::steps::{StepEntry, StepKind};

use super::Lowering;
use super::body::Draft;
use super::handlers::Handler;
use super::reading::{Item, OwnItem};

/// A step that runs where another one failed.
#[derive(Debug)]
pub(super) struct Task {
    phase: PhaseName,
    handles: Vec<HandlesSpec>,
    /// The step that failed.
    failed: PhaseName,
    /// The id of the step that failed.
    id: String,
}

impl Lowering<'_, '_> {
    /// Notes that a step beside this one runs where it failed.
    pub(super) fn handler_task(&mut self, draft: &Draft<'_>, item: &Item<'_>, handles: Vec<HandlesSpec>) {
        let Some(name) = self.reading.text(item) else { return };
        if let Some(phase) = self.target(draft, name.trim(), item, "handler_task_id") {
            self.tasks.push(Task { phase, handles, failed: draft.phase.clone(), id: draft.id.clone() });
        }
    }

    /// Has the steps that handlers name run where something failed that they are for, and nowhere else. `within` is the step
    /// that carries out the pipeline whose steps these are.
    pub(super) fn handle(&mut self, within: Option<&PhaseName>) {
        let mut own: IndexMap<PhaseName, Vec<Task>> = IndexMap::new();
        for task in std::mem::take(&mut self.tasks) {
            own.entry(task.phase.clone()).or_default().push(task);
        }
        let named = self.named_tasks();
        let entries = self.entries.iter().enumerate().skip(self.begin.entries);
        let entries: HashMap<PhaseName, usize> =
            entries.map(|(at, entry)| (entry.phase.clone(), at)).collect();
        for (phase, tasks) in own {
            self.apply(&entries, &phase, tasks);
        }
        if named.is_empty() {
            return;
        }
        // What each of them is for comes before it from then on, and is behind no other one.
        let mut order = Order::of(self.pipeline.phases.iter().skip(self.begin.phases));
        let all: HashSet<PhaseName> = named.iter().map(|(phase, ..)| phase.clone()).collect();
        for (phase, n, handler) in named {
            let behind = order.behind(&phase);
            let is_for = |entry: &&StepEntry| {
                entry.within.as_ref() == within
                    && entry.kind != StepKind::Hidden
                    && !order.is_in(&behind, &entry.phase)
                    && !all.contains(&entry.phase)
            };
            let tasks = self.entries.iter().skip(self.begin.entries).filter(is_for).map(|entry| Task {
                phase: phase.clone(),
                handles: handler.handles(&entry.phase, self.rank_behind_own(&entry.phase, n)),
                failed: entry.phase.clone(),
                id: entry.id.clone(),
            });
            let tasks: Vec<Task> = tasks.collect();
            tasks.iter().for_each(|task| order.add(&task.failed, &phase));
            self.apply(&entries, &phase, tasks);
        }
    }

    fn apply(&mut self, entries: &HashMap<PhaseName, usize>, phase: &PhaseName, tasks: Vec<Task>) {
        let Some(spec) = self.pipeline.phases.get_mut(phase) else { return };
        // It comes after the steps whatever became of them.
        let handled: HashSet<&PhaseName> = tasks.iter().map(|task| &task.failed).collect();
        spec.after.retain(|before| !handled.contains(before));
        if let Some(entry) = entries.get(phase).and_then(|at| self.entries.get_mut(*at)) {
            let mut known: HashSet<String> = entry.dependencies.iter().cloned().collect();
            let new = tasks.iter().filter(|task| known.insert(task.id.clone()));
            entry.dependencies.extend(new.map(|task| task.id.clone()));
        }
        spec.handles.extend(tasks.into_iter().flat_map(|task| task.handles));
    }

    /// Returns the steps that the handlers of the file name, with the places of these handlers.
    fn named_tasks(&mut self) -> Vec<(PhaseName, usize, Handler)> {
        let handlers: Vec<(usize, Handler)> = (1..)
            .zip(&self.handlers)
            .filter(|(_, h)| h.task.is_some())
            .map(|(n, h)| (n, h.clone()))
            .collect();
        let mut named = Vec::new();
        for (n, handler) in handlers {
            let Some(item) = handler.task.as_ref().map(OwnItem::item) else { continue };
            let Some(name) = self.reading.text(&item) else { continue };
            let steps = self.names.frames.first().map(|frame| &frame.steps);
            match steps.and_then(|steps| steps.get(name.trim())) {
                Some(step) => named.push((step.phase.clone(), n, handler.clone())),
                None => {
                    let known = steps.into_iter().flat_map(|steps| steps.keys().map(String::as_str));
                    let hint = suggestion(name, known);
                    self.reading.at(Code::StepRoute, &item, format!("there is no step `{name}`"), hint);
                }
            }
        }
        named
    }
}

/// Which phase comes after which: by edges, by routes, and because it is for failures of it.
struct Order {
    places: HashMap<PhaseName, usize>,
    after: Vec<Vec<usize>>,
}

impl Order {
    fn of<'p>(phases: impl Iterator<Item = (&'p PhaseName, &'p PhaseSpec)>) -> Self {
        let phases: Vec<_> = phases.collect();
        let places: HashMap<PhaseName, usize> =
            phases.iter().zip(0..).map(|((name, _), at)| ((*name).clone(), at)).collect();
        let mut order = Self { after: vec![Vec::new(); places.len()], places };
        for (name, spec) in phases {
            let handled = spec.handles.iter().map(|handled| &handled.phase);
            let before = spec.needs.iter().chain(&spec.wants).chain(&spec.after).chain(handled);
            before.for_each(|before| order.add(before, name));
            // A step that goes round is over when those in it are.
            spec.within.iter().for_each(|around| order.add(name, around));
            for to in routes(spec) {
                if let Ok(to) = to.parse::<PhaseName>() {
                    order.add(name, &to);
                }
            }
        }
        order
    }

    fn add(&mut self, before: &PhaseName, later: &PhaseName) {
        let (Some(&from), Some(&to)) = (self.places.get(before), self.places.get(later)) else { return };
        self.after[from].push(to);
    }

    /// Says of each phase whether it comes after another one.
    fn behind(&self, phase: &PhaseName) -> Vec<bool> {
        let mut behind = vec![false; self.after.len()];
        let mut open: Vec<usize> = self.places.get(phase).copied().into_iter().collect();
        while let Some(at) = open.pop() {
            let new = self.after[at].iter().filter(|to| !std::mem::replace(&mut behind[**to], true));
            open.extend(new);
        }
        behind
    }

    fn is_in(&self, behind: &[bool], phase: &PhaseName) -> bool {
        self.places.get(phase).and_then(|at| behind.get(*at)).copied().unwrap_or_default()
    }
}

/// Returns the phases that a phase goes on with.
fn routes(spec: &PhaseSpec) -> Vec<&str> {
    let handler = match &spec.on_failure {
        Some(OnFailure::Go(phase)) => Some(phase.as_str()),
        _ => None,
    };
    let named = [spec.on_false.as_ref(), spec.on_success.as_ref()].into_iter().flatten();
    named.map(PhaseName::as_str).chain(spec.goto.as_deref()).chain(handler).collect()
}
