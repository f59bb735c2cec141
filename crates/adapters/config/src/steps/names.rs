//! What the names in a text mean: a turn of a loop, a step, an input, or something of the run.
//!
//! A name is looked for in the turns around the step, the nearest first, then among the steps beside it and around it,
//! then among the inputs, then among the names of the run. It becomes an entry of the phase's `let`.

use indexmap::{IndexMap, IndexSet};
use refrain_schemas::name::PhaseName;
use serde_json::Value;

use super::texts::Read;

/// Names of a run that every text may use.
pub(super) const RUN: [(&str, &str); 4] = [
    ("execution", "execution"),
    ("execution_id", "execution.id"),
    ("timestamp", "execution.timestamp"),
    ("pipeline_id", "execution.pipeline"),
];

/// Names that a text of the pipeline has for itself: an input that is called so is called otherwise there.
pub(super) const TAKEN: [&str; 4] = ["execution", "params", "phases", "scope"];
/// Those of functions, which an input may have as well.
pub(super) const CALLED: [&str; 2] = ["now", "range"];

/// What a `{% for %}` has of its own, so that an input of this name is read as one of `inputs`.
const OF_FOR: &str = "loop";

/// Where a loop comes from; its turns give different names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    Each,
    While,
    Queue,
    Actions,
    /// The one turn of another pipeline.
    Once,
}

impl Round {
    /// The names that the steps of a turn see, with what they are natively.
    const fn names(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Each => &[
                ("item", "item"),
                ("index", "index"),
                ("is_first", "is_first"),
                ("is_last", "is_last"),
                ("position", "position"),
                ("length", "length"),
                ("remaining", "remaining"),
                ("has_next", "has_next"),
                ("has_prev", "has_prev"),
                ("loop_id", "loop_id"),
            ],
            Self::While => &[
                ("iteration", "iteration"),
                ("index", "index"),
                ("is_first", "is_first"),
                ("position", "position"),
                ("loop_id", "loop_id"),
                ("loop_name", "loop_name"),
                ("loop_state", "loop_state"),
            ],
            Self::Queue => &[
                ("item", "item"),
                ("index", "index"),
                ("is_first", "is_first"),
                ("is_last", "is_last"),
                ("queue", "items"),
                ("queue_size", "length"),
                ("parallel_queue_id", "loop_id"),
                ("parent_task", "loop_id"),
            ],
            Self::Actions => &[
                ("iteration", "iteration"),
                ("is_first", "is_first"),
                ("loop_id", "loop_id"),
                ("has_previous", "has_prev"),
                ("total_duration", "seconds"),
            ],
            Self::Once => &[],
        }
    }

    /// The names that the loop's own conditions see.
    const fn own_names(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Each | Self::Once => &[],
            Self::Queue => &[
                ("item", "item"),
                ("index", "index"),
                ("is_first", "is_first"),
                ("is_last", "is_last"),
                ("queue", "items"),
                ("queue_size", "length"),
                ("loop_state", "loop_state"),
            ],
            Self::While => &[("iteration", "iteration"), ("loop_state", "loop_state")],
            Self::Actions => self.names(),
        }
    }
}

/// A loop around a text.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) phase: PhaseName,
    pub(super) round: Round,
    /// The name by which its turn is called from within: `NAME.item`.
    pub(super) name: String,
    /// Another name for the item.
    pub(super) item: Option<String>,
    /// Whether the text is one of the loop's own conditions.
    pub(super) is_own: bool,
}

impl Turn {
    /// The step that the turn belongs to is called like this.
    fn find(&self, name: &str) -> Option<String> {
        if self.item.as_deref() == Some(name) && !self.is_own {
            return Some(format!("loop.{}.item", self.phase));
        }
        let names = if self.is_own { self.round.own_names() } else { self.round.names() };
        let (_, native) = names.iter().find(|(known, _)| *known == name)?;
        Some(format!("loop.{}.{native}", self.phase))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let names = if self.is_own { self.round.own_names() } else { self.round.names() };
        names.iter().map(|(name, _)| *name).chain(self.item.as_deref())
    }
}

/// A step that may be named.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) phase: PhaseName,
    /// The JSON Schema of what its tool gives, where that is known.
    pub(super) gives: Option<Value>,
    /// The name that it has as a loop, where it says one.
    pub(super) loop_name: Option<String>,
    /// Whether it goes over a list, so that there is what each of its turns made.
    pub(super) is_each: bool,
    pub(super) is_loop: bool,
    /// Whether a value may stand in for what it makes.
    pub(super) has_stand_in: bool,
}

/// A list of steps, with the turn that they are in.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    pub(super) steps: IndexMap<String, Known>,
    pub(super) turn: Option<Turn>,
    /// The values that steps answer with by a name of their own; none of those that several steps have.
    pub(super) variables: IndexMap<String, Option<PhaseName>>,
}

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// This path, natively.
    Path(String),
    /// The document of a phase.
    Step(PhaseName),
    /// A value that the model of a phase answers with.
    Variable(PhaseName),
    Nothing,
}

/// What all names mean at one place of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) inputs: IndexSet<String>,
    /// Where inputs are natively, where these are not the params of the pipeline.
    pub(super) base: Option<String>,
    /// From the file's own steps to the innermost body.
    pub(super) frames: Vec<Frame>,
}

impl Names {
    pub(super) fn find(&self, name: &str) -> Meaning {
        let turns = self.frames.iter().rev().filter_map(|frame| frame.turn.as_ref());
        for turn in turns.clone() {
            if let Some(path) = turn.find(name) {
                return Meaning::Path(path);
            }
        }
        if let Some(turn) = turns.clone().find(|turn| turn.name == name && !turn.is_own) {
            return Meaning::Path(format!("loop.{}", turn.phase));
        }
        if let Some(step) = self.step(name) {
            return Meaning::Step(step.phase.clone());
        }
        if self.inputs.contains(name) && name != OF_FOR {
            return Meaning::Path(self.input(name));
        }
        if matches!(name, "inputs" | "parameters") {
            return Meaning::Path(self.base.clone().unwrap_or_else(|| "params".to_owned()));
        }
        if let Some(Some(phase)) = self.variable(name) {
            return Meaning::Variable(phase.clone());
        }
        match RUN.iter().find(|(known, _)| *known == name) {
            Some((_, path)) => Meaning::Path((*path).to_owned()),
            None => Meaning::Nothing,
        }
    }

    /// Returns the step that answers with a variable; none of several.
    pub(super) fn variable(&self, name: &str) -> Option<&Option<PhaseName>> {
        self.frames.iter().rev().find_map(|frame| frame.variables.get(name))
    }

    /// Says of a name that two things have, an input or a step and a value that another step answers with, that it does,
    /// and what to write; `own` is the step that it is read by.
    pub(super) fn twofold(
        &self,
        name: &str,
        path: &str,
        own: Option<&PhaseName>,
    ) -> Option<(String, String)> {
        let phase = self.variable(name)?.as_ref().filter(|phase| Some(*phase) != own)?;
        let answered = self.id_of(phase)?;
        let (other, way) = match self.find(name) {
            Meaning::Path(native) if native == self.input(name) => ("an input", format!("inputs.{name}")),
            Meaning::Step(_) if path == name => ("a step", format!("{name}.result")),
            _ => return None,
        };
        let message = format!("`{name}` is {other}, and what step `{answered}` answers with");
        Some((message, format!("write `{way}` or `{answered}.{name}`")))
    }

    /// Returns the step that became a phase.
    pub(super) fn of_phase(&self, phase: &PhaseName) -> Option<&Known> {
        self.frames.iter().flat_map(|frame| frame.steps.values()).find(|step| step.phase == *phase)
    }

    /// Returns where an input is natively.
    pub(super) fn input(&self, name: &str) -> String {
        format!("{}.{name}", self.base.as_deref().unwrap_or("params"))
    }

    /// Returns another name for an input, which nothing has.
    pub(super) fn other(&self, name: &str) -> String {
        let mut other = format!("{name}_");
        while self.find(&other) != Meaning::Nothing {
            other.push('_');
        }
        other
    }

    /// Has texts read something by a name that nothing else has there; returns the name.
    pub(super) fn own(&self, read: &mut Read, name: &str, native: String) -> String {
        let mut name = name.to_owned();
        while read.names.contains_key(&name) || self.find(&name) != Meaning::Nothing {
            name.push('_');
        }
        read.names.insert(name.clone(), native);
        name
    }

    /// Returns the input that has such another name.
    pub(super) fn of_other(&self, other: &str) -> Option<&str> {
        let name = other.trim_end_matches('_');
        let is_taken = TAKEN.contains(&name) || CALLED.contains(&name);
        let name = self.inputs.get(name).filter(|_| is_taken && name != other)?;
        (self.other(name) == other).then_some(name.as_str())
    }

    /// Returns a step by its id, the nearest of this name.
    pub(super) fn step(&self, id: &str) -> Option<&Known> {
        self.frames.iter().rev().find_map(|frame| frame.steps.get(id))
    }

    /// Returns the id of the step that became a phase.
    pub(super) fn id_of(&self, phase: &PhaseName) -> Option<&str> {
        self.frames.iter().rev().find_map(|frame| {
            let id = match &frame.turn {
                Some(turn) => phase.as_str().strip_prefix(turn.phase.as_str())?.strip_prefix('_')?,
                None => phase.as_str(),
            };
            let (id, _) = frame.steps.get_key_value(id).filter(|(_, step)| step.phase == *phase)?;
            Some(id.as_str())
        })
    }

    /// Returns the loop over a list, the turn and the step that a name such as `LOOP_0_STEP` means.
    pub(super) fn of_turn<'a>(&'a self, name: &'a str) -> Option<(&'a str, usize, &'a str)> {
        self.turn_of(name, |step| step.is_each)
    }

    /// Returns the loop and the step that such a name means where the loop keeps what its last turn made, and no other.
    pub(super) fn of_last_turn<'a>(&'a self, name: &'a str) -> Option<(&'a str, &'a str)> {
        self.turn_of(name, |step| step.is_loop && !step.is_each).map(|(id, _, step)| (id, step))
    }

    fn turn_of<'a>(
        &'a self,
        name: &'a str,
        is_one: impl Fn(&Known) -> bool,
    ) -> Option<(&'a str, usize, &'a str)> {
        self.frames.iter().rev().flat_map(|frame| &frame.steps).find_map(|(id, step)| {
            let rest = name.strip_prefix(id.as_str()).filter(|_| is_one(step))?.strip_prefix('_')?;
            let (turn, step) = rest.split_once('_')?;
            Some((id.as_str(), turn.parse().ok()?, step))
        })
    }

    /// Returns the steps beside the place.
    pub(super) fn beside(&self) -> Option<&Frame> {
        self.frames.last()
    }

    /// Whether a name is one of a loop, with which `$` may stand.
    pub(super) fn is_of_a_loop(&self, name: &str) -> bool {
        let mut turns = self.frames.iter().filter_map(|frame| frame.turn.as_ref());
        turns.any(|turn| turn.find(name).is_some() || turn.name == name)
    }

    /// Returns every name, for suggestions.
    pub(super) fn all(&self) -> Vec<&str> {
        let turns = self.frames.iter().filter_map(|frame| frame.turn.as_ref());
        let steps = self.frames.iter().flat_map(|frame| frame.steps.keys().map(String::as_str));
        let inputs = self.inputs.iter().map(String::as_str);
        let variables = self.frames.iter().flat_map(|frame| frame.variables.keys().map(String::as_str));
        turns
            .flat_map(Turn::names)
            .chain(steps)
            .chain(inputs)
            .chain(variables)
            .chain(RUN.iter().map(|(name, _)| *name))
            .collect()
    }
}
