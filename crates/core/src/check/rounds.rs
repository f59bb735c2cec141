//! How a phase goes round: `loop:`.

use std::sync::Arc;
use std::time::Duration;

use refrain_schemas::agent_spec::SchemaRef;
use refrain_schemas::duration::Span;
use refrain_schemas::loop_spec::LoopSpec;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::{OnFailure, Policy};
use refrain_schemas::phase_spec::{OutputSpec, PhaseSpec};
use serde_json::{Map, Value};

use super::Checker;
use super::code::Code;
use super::phases::{Made, MadeBy};
use super::templates::located;
use crate::condition::Condition;
use crate::fill::Pattern;
use crate::model::{Asked, InTurn, LoopKind, LoopWork, PoolMember, Work};
use crate::sight::Sight;
use crate::turns::{BETWEEN, EACH, MOST, ONCE, SUMMARY, WHILE};

/// How many turns of a list are under way at once where nothing is said.
const PARALLEL: usize = 10;
/// How often a loop with conditions goes round where nothing is said.
const WHILE_TURNS: usize = 10;
/// The most clones that the agent of a phase gets so that turns need not wait for each other.
const CLONES: u32 = 100;

/// Returns what the turns of a loop see of it.
pub(super) fn fields(turns: &LoopSpec) -> Vec<&str> {
    let known: &[&str] = match turns {
        LoopSpec { for_each: Some(_), .. } => &EACH,
        LoopSpec { once: true, .. } => &ONCE,
        _ => &WHILE,
    };
    known.iter().copied().chain(turns.item.as_deref()).collect()
}

/// The texts of a loop.
struct Texts {
    kind: LoopKind,
    result: Option<Arc<Pattern>>,
    sight: Sight,
}

impl Checker<'_> {
    /// Returns the work of a phase that goes round.
    pub(super) fn loop_work(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        made: &mut MadeBy,
    ) -> Option<Work> {
        made.insert(name.clone(), Made::Document);
        self.unfit_to_loop(name, spec);
        let turns = spec.turns.as_ref()?;
        let path = format!("phases.{name}.loop");
        self.loop_settings(name, turns, &path);
        let body = self.loop_body(name, &path);
        self.let_names(name, spec);
        let Texts { kind, result, sight } = self.loop_texts(name, spec, turns, &path)?;
        let schema = spec.output.as_ref().and_then(|output| output.schema.as_ref());
        let schema = schema.and_then(|schema| self.schema(schema, &format!("phases.{name}.output.schema")));
        let id = short(name, spec.within.as_ref());
        let most = if turns.for_each.is_some() { MOST } else { WHILE_TURNS };
        Some(Work::Loop(Box::new(LoopWork {
            max: turns.max.map_or(most, |max| max as usize).min(MOST),
            max_parallel: parallel(turns),
            body,
            title: turns.name.clone().unwrap_or_else(|| id.clone()),
            id,
            item: turns.item.clone(),
            kind,
            result,
            schema,
            sight: Arc::new(sight),
            break_on_error: breaks(turns),
            turn_timeout: turns.turn_timeout.map(|Span(time)| time).filter(|time| *time > Duration::ZERO),
        })))
    }

    fn unfit_to_loop(&mut self, name: &PhaseName, spec: &PhaseSpec) {
        let fields = [
            ("agent", spec.agent.is_some()),
            ("agents", !spec.agents.is_empty()),
            ("input", spec.input.is_some()),
            ("units", spec.units.is_some()),
            ("pack", spec.pack.is_some()),
            ("gather", !spec.gather.is_empty()),
            ("context", !spec.context.is_empty()),
            ("locked_by", !spec.locked_by.is_empty()),
            ("fan", spec.fan.is_some()),
            ("accept", spec.accept.is_some()),
            ("merge", spec.merge.is_some()),
            ("on_unit_failure", spec.on_unit_failure.is_some()),
            ("output", spec.output.as_ref().is_some_and(says_more_than_schema)),
            ("system", spec.system.is_some()),
            ("prompt", spec.prompt.is_some()),
            ("barrier", spec.barrier),
            ("limits", spec.limits.is_some()),
            ("budget", spec.budget.is_some()),
            ("retry", spec.retry.is_some()),
            ("on_failure", spec.on_failure == Some(OnFailure::Policy(Policy::Retry))),
        ];
        for (field, _) in fields.into_iter().filter(|(_, given)| *given) {
            let what = if field == "on_failure" { "on_failure: retry" } else { field };
            let message = format!("`{what}` does not fit a phase that goes round");
            let hint = Some("give it to the phases of its turns, or leave it out".to_owned());
            self.problems.add_with(Code::LoopField, format!("phases.{name}.{field}"), message, hint);
        }
    }

    fn loop_settings(&mut self, name: &PhaseName, turns: &LoopSpec, path: &str) {
        let has_conditions = has_conditions(turns) && turns.for_each.is_none();
        let kinds = [turns.for_each.is_some(), has_conditions, turns.once];
        if kinds.iter().filter(|given| **given).count() != 1 {
            let message = format!("`{name}` goes round in no way, or in more than one");
            self.problems.add(Code::LoopShape, path, message);
        }
        let unfit = [
            ("max", turns.max.is_some() && turns.once),
            ("max_parallel", turns.max_parallel.is_some_and(|n| n > 1) && turns.for_each.is_none()),
            ("item", turns.item.is_some() && turns.for_each.is_none()),
            ("with", !turns.with.is_empty() && !turns.once),
            ("takes", turns.takes.is_some() && !turns.once),
            ("break_on_error", turns.break_on_error.is_some() && turns.once),
        ];
        for (field, _) in unfit.into_iter().filter(|(_, given)| *given) {
            let needed = if matches!(field, "with" | "takes") { "`once`" } else { "`for_each`" };
            let is_of_both = matches!(field, "max" | "break_on_error");
            let needed = if is_of_both { "`for_each`, `while` or `until`" } else { needed };
            let message = format!("`{field}` needs {needed}");
            self.problems.add(Code::LoopField, format!("{path}.{field}"), message);
        }
        self.at_least_one(turns.max.map(u64::from), &format!("{path}.max"));
        self.at_least_one(turns.max_parallel.map(u64::from), &format!("{path}.max_parallel"));
        self.some_time(turns.turn_timeout, &format!("{path}.turn_timeout"));
        if turns.max.is_some_and(|max| max as usize > MOST) {
            let message = format!("a loop has {MOST} turns at most");
            self.problems.add(Code::NumberRange, format!("{path}.max"), message);
        }
        if let Some(item) = &turns.item {
            let is_word = item.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_word || !item.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                let message = format!("`{item}` cannot be a name that templates use");
                self.problems.add(Code::LetName, format!("{path}.item"), message);
            }
        }
    }

    /// Returns the phases of a turn, in file order.
    fn loop_body(&mut self, name: &PhaseName, path: &str) -> Vec<InTurn> {
        let pipeline = self.pipeline;
        let body = pipeline.phases.iter().filter(|(_, spec)| spec.within.as_ref() == Some(name));
        let body: Vec<&PhaseName> = body.map(|(name, _)| name).collect();
        let may_be_broken = !self.broken.phases.is_empty();
        if body.is_empty() && !may_be_broken {
            self.problems.add(Code::LoopBody, path, format!("there is nothing in the turns of `{name}`"));
        }
        if pipeline.dimensions.contains_key(name.as_str()) {
            let message = format!("`{name}` is a dimension as well, and turns are told apart by the loop");
            self.problems.add(Code::LoopShape, path, message);
        }
        let ids: Vec<String> = body.iter().map(|inner| short(inner, Some(name))).collect();
        let is_one = |id: &String| ids.iter().filter(|other| *other == id).count() == 1;
        let enabled = body.iter().zip(&ids).filter(|(inner, _)| self.is_enabled(inner));
        let inner = |(inner, id): (&&PhaseName, &String)| InTurn {
            phase: (*inner).clone(),
            id: if is_one(id) { id.clone() } else { inner.to_string() },
        };
        enabled.map(inner).collect()
    }

    fn loop_texts(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        turns: &LoopSpec,
        path: &str,
    ) -> Option<Texts> {
        let mut sight = Sight::default();
        let result = match &turns.result {
            Some(result) => {
                Some(self.loop_pattern((name, spec), result, (path, "result"), &SUMMARY, &mut sight)?)
            }
            None => None,
        };
        let kind = if let Some(list) = &turns.for_each {
            self.written_list(list, turns.max, &format!("{path}.for_each"));
            let list = self.loop_pattern((name, spec), list, (path, "for_each"), &[], &mut sight)?;
            let own: Vec<&str> = fields(turns).into_iter().chain([BETWEEN]).collect();
            let asked = has_conditions(turns)
                .then(|| self.loop_conditions((name, spec), turns, path, &own, &mut sight));
            LoopKind::Each { list, asked }
        } else if turns.once {
            let with = Value::Object(turns.with.clone());
            let with = self.loop_pattern((name, spec), &with, (path, "with"), &[], &mut sight)?;
            let takes = turns.takes.clone().map(SchemaRef::Inline);
            let takes = takes.and_then(|takes| self.schema(&takes, &format!("{path}.takes")));
            LoopKind::Once { with, takes }
        } else {
            LoopKind::While(self.loop_conditions((name, spec), turns, path, &WHILE, &mut sight))
        };
        Some(Texts { kind, result, sight })
    }

    fn loop_conditions(
        &mut self,
        of: (&PhaseName, &PhaseSpec),
        turns: &LoopSpec,
        path: &str,
        own: &[&str],
        sight: &mut Sight,
    ) -> Asked {
        let before = self.loop_condition(of, turns.while_.as_ref(), (path, "while"), own, sight);
        let after = self.loop_condition(of, turns.until.as_ref(), (path, "until"), own, sight);
        Asked { before, after }
    }

    fn written_list(&mut self, list: &Value, max: Option<u32>, path: &str) {
        let most = max.map_or(MOST, |max| max as usize);
        match list {
            Value::Array(items) if items.len() > most => {
                let n = items.len();
                let message = format!("the list has {n} items, and this loop has {most} turns at most");
                self.problems.add(Code::LoopShape, path, message);
            }
            Value::Array(_) => {}
            Value::String(text) if crate::template::is_template(text) => {}
            _ => {
                self.problems.add(
                    Code::WrongType,
                    path,
                    "`for_each` is a list, or a template that gives one",
                );
            }
        }
    }

    fn loop_pattern(
        &mut self,
        (name, spec): (&PhaseName, &PhaseSpec),
        value: &Value,
        (path, field): (&str, &str),
        own: &[&str],
        sight: &mut Sight,
    ) -> Option<Arc<Pattern>> {
        match Pattern::compile_in(self.dialect(), value, &format!("{path}.{field}")) {
            Ok(pattern) => {
                for (variable, path) in pattern.located_variables() {
                    self.seen_variable_of(name, spec, own, &variable, &path);
                    let sees_body = field == "result";
                    self.body_variable(name, spec, &variable, sees_body, &path);
                }
                let variables = pattern.variables();
                sight.extend(&Sight::of(variables.iter().map(String::as_str), &spec.names));
                Some(Arc::new(pattern))
            }
            Err(error) => {
                self.problems.add(Code::TemplateSyntax, error.path, located(&error.error));
                None
            }
        }
    }

    fn loop_condition(
        &mut self,
        (name, spec): (&PhaseName, &PhaseSpec),
        text: Option<&String>,
        (path, field): (&str, &str),
        own: &[&str],
        sight: &mut Sight,
    ) -> Option<Arc<Condition>> {
        let path = format!("{path}.{field}");
        match Condition::compile(self.dialect(), text?) {
            Ok(condition) => {
                for variable in condition.variables() {
                    self.seen_variable_of(name, spec, own, variable, &path);
                    self.body_variable(name, spec, variable, field == "until", &path);
                }
                sight.extend(&Sight::of(condition.variables().iter().map(String::as_str), &spec.names));
                Some(Arc::new(condition))
            }
            Err(error) => {
                self.problems.add(Code::ExpressionSyntax, path, located(&error));
                None
            }
        }
    }

    /// What a turn made is there after it, and no sooner.
    fn body_variable(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        variable: &str,
        sees_body: bool,
        path: &str,
    ) {
        let Some(read) = self.read_phase(spec, variable) else { return };
        let is_body =
            self.pipeline.phases.get(&read).is_some_and(|inner| inner.within.as_ref() == Some(name));
        if is_body && !sees_body {
            let message = format!("`{read}` is in the turns of `{name}`, and none of them is over yet");
            let hint =
                Some(format!("read `loop.{name}.loop_state.results`, or in `until` what the turn made"));
            self.problems.add_with(Code::LoopRead, path, message, hint);
        }
    }

    /// Gives the agent of a phase as many clones as turns may be under way, where nothing is said of them.
    pub(super) fn raise_clones(&self, name: &PhaseName, spec: &PhaseSpec, members: &mut [PoolMember]) {
        if spec.within.is_none() || spec.agent.is_none() {
            return;
        }
        let turns =
            |around: &PhaseName| self.pipeline.phases.get(around).and_then(|spec| spec.turns.as_ref());
        let around = self.loops_around(name);
        let parallel =
            around.iter().filter_map(turns).map(|turns| u32::try_from(parallel(turns)).unwrap_or(CLONES));
        let clones = parallel.fold(1, u32::saturating_mul).min(CLONES);
        members.iter_mut().for_each(|member| member.clones = member.clones.max(clones));
    }
}

/// Whether a loop is asked between its turns whether it goes on.
const fn has_conditions(turns: &LoopSpec) -> bool {
    turns.while_.is_some() || turns.until.is_some()
}

/// Whether no turn starts after one that failed, where nothing is said: it may hang on that one whether there is another.
const fn breaks_unasked(turns: &LoopSpec) -> bool {
    turns.for_each.is_none()
}

/// Whether no turn starts after one that failed.
fn breaks(turns: &LoopSpec) -> bool {
    turns.break_on_error.unwrap_or_else(|| breaks_unasked(turns))
}

/// Returns how many turns of a loop may be under way at once. Where it hangs on a turn whether another one is to start, they
/// start one after the other unless somebody wants otherwise.
fn parallel(turns: &LoopSpec) -> usize {
    let is_free = turns.for_each.is_some() && !breaks(turns) && !has_conditions(turns);
    let usual = if is_free { PARALLEL } else { 1 };
    turns.max_parallel.map_or(usual, |n| n.max(1) as usize)
}

/// Returns what a phase is called in the loop that it is in: its name, without that of the loop before it.
fn short(name: &PhaseName, within: Option<&PhaseName>) -> String {
    let prefix = within.map(|within| format!("{within}_"));
    let short = prefix.as_ref().and_then(|prefix| name.as_str().strip_prefix(prefix.as_str()));
    short.filter(|short| !short.is_empty()).unwrap_or(name.as_str()).to_owned()
}

/// What a loop makes is a document, which may be held to a schema.
fn says_more_than_schema(output: &OutputSpec) -> bool {
    *output != OutputSpec { schema: output.schema.clone(), ..OutputSpec::default() }
}

/// Returns the parts of a loop that its results hang on.
pub(super) fn written(turns: &LoopSpec) -> Vec<(String, Value)> {
    let text = |text: &Option<String>| text.clone().map(Value::String);
    let with = (!turns.with.is_empty()).then(|| Value::Object(turns.with.clone()));
    let parts: [(&str, Option<Value>); 9] = [
        ("for_each", turns.for_each.clone()),
        ("while", text(&turns.while_)),
        ("until", text(&turns.until)),
        ("once", turns.once.then_some(Value::Bool(true))),
        ("max", turns.max.map(Value::from)),
        ("with", with),
        ("takes", turns.takes.clone().map(Value::Object)),
        ("result", turns.result.clone()),
        (
            "break_on_error",
            turns.break_on_error.filter(|said| *said || breaks_unasked(turns)).map(Value::Bool),
        ),
    ];
    let parts: Map<String, Value> =
        parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    parts.into_iter().collect()
}
