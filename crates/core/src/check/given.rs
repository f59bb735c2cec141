//! Phases with an `input` of their own, and what the texts of a phase may read.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;
use jsonschema::Validator;
use refrain_schemas::agent_spec::SchemaRef;
use refrain_schemas::digest::Digest;
use refrain_schemas::name::{AgentName, PhaseName};
use refrain_schemas::phase_spec::{OnUnitFailure, PhaseSpec};
use serde_json::Value;

use super::code::Code;
use super::phases::{Made, MadeBy};
use super::pool::Pool;
use super::templates::located;
use super::{Checker, suggest};
use crate::condition::Condition;
use crate::execution::OF_AN_EXECUTION;
use crate::fill::{FillError, Pattern};
use crate::model::{Accepts, AgentModel, AskWork, Given, Goto, OutputShape, RunOutput, Split, Units, When};
use crate::ports::agent::{Accepted, Draft};
use crate::sight::{OF_A_PHASE, Sight};
use crate::template::{Dialect, is_template};
use crate::turns::{EACH, ONCE, SUMMARY, WHILE};

/// The most mistakes of one input that are told.
const MOST_ERRORS: usize = 10;

/// What a text may read from.
const ROOTS: [&str; 5] = ["params", "scope", "phases", "loop", "execution"];

impl Checker<'_> {
    /// Returns the phases that the input and the names of a phase read, with the paths that name them. A name that no text
    /// uses reads nothing.
    pub(super) fn seen_phases(&mut self, name: &PhaseName, spec: &PhaseSpec) -> Vec<(PhaseName, String)> {
        let base = format!("phases.{name}");
        let mut seen: Vec<(PhaseName, String)> = Vec::new();
        let mut variables = text_variables(self.dialect(), spec, &base);
        let goto = self.goto_pattern(name, spec).ok().flatten();
        let others = goto.iter().flat_map(Pattern::located_variables);
        variables.extend(others.filter(|(text, _)| !is_of(name, spec, text)));
        for (text, path) in &variables {
            let root = text.split('.').next().unwrap_or_default();
            let is_named = spec.names.contains_key(root);
            let path = if is_named { format!("{base}.let.{root}") } else { path.clone() };
            let Some(phase) = self.read_phase(spec, text) else { continue };
            // What a loop reads of its own turns is no part of what it comes after.
            let is_own =
                self.pipeline.phases.get(&phase).is_some_and(|inner| inner.within.as_ref() == Some(name));
            if is_own && spec.turns.is_some() {
                continue;
            }
            if !seen.iter().any(|(known, _)| *known == phase) && self.other_phase(name, &phase, &path) {
                seen.push((phase, path));
            }
        }
        seen
    }

    /// Returns the phase that a text of a phase reads by a path.
    pub(super) fn read_phase(&self, spec: &PhaseSpec, text: &str) -> Option<PhaseName> {
        let (root, rest) = text.split_once('.').map_or((text, None), |(a, b)| (a, Some(b)));
        let whole = spec.names.get(root).map_or_else(|| text.to_owned(), |named| with_rest(named, rest));
        let mut parts = whole.split('.');
        let phase = (parts.next() == Some("phases")).then(|| parts.next()).flatten();
        phase.and_then(|phase| phase.parse::<PhaseName>().ok())
    }

    /// Returns the work of a phase that has an input of its own. Where it does not say what it makes, it makes a document.
    pub(super) fn given_work(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        pool: &Pool,
        made: &mut MadeBy,
    ) -> Option<AskWork> {
        let output = spec.output.as_ref();
        let fields = [
            ("units", spec.units.is_some()),
            ("pack", spec.pack.is_some()),
            ("gather", !spec.gather.is_empty()),
            ("context", !spec.context.is_empty()),
            ("locked_by", !spec.locked_by.is_empty()),
            ("on_unit_failure", spec.on_unit_failure.is_some()),
            ("output.aligned", output.is_some_and(|output| output.aligned)),
            ("output.carry", output.is_some_and(|output| !output.carry.is_empty())),
            ("output.rules", output.is_some_and(|output| output.rules.is_some())),
        ];
        for (field, _) in fields.into_iter().filter(|(_, given)| *given) {
            let message = format!("`{field}` is for phases that split records, and this one has an `input`");
            self.problems.add(Code::GivenField, format!("phases.{name}.{field}"), message);
        }
        self.fan(name, spec, pool);
        let mut spec = spec.clone();
        let written = spec.output.get_or_insert_default();
        if written.records.is_none() && written.key.is_none() {
            written.document.get_or_insert_with(|| "document".to_owned());
        }
        let units = Units { of: Vec::new(), split: Split::Given, id_field: None };
        let output = self.output(name, &spec, pool, &units, &Made::Document);
        let shape = match output.as_ref().map(|output| &output.shape) {
            Some(OutputShape::Records { key }) => Made::Records(key.clone()),
            Some(OutputShape::Document) => Made::Document,
            None => Made::Unknown,
        };
        if matches!(shape, Made::Records(_)) && !spec.recover.is_empty() {
            let message = "a value stands in for a document, and this phase makes records";
            self.problems.add(Code::Recover, format!("phases.{name}.recover"), message);
        }
        made.insert(name.clone(), shape);
        let given = self.given(name, &spec)?;
        Some(AskWork {
            units,
            context: Vec::new(),
            pack: 1,
            pack_within: None,
            pool: pool.members.clone(),
            fan: spec.fan.unwrap_or_default(),
            accept: spec.accept.clone(),
            merge: spec.merge.clone().unwrap_or_default(),
            on_unit_failure: OnUnitFailure::Stop,
            output: output?,
            given: Some(given),
        })
    }

    /// Adds what makes the agents of a pool, and holds an input that is written out to what its agent accepts.
    pub(super) fn touching(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        work: &mut AskWork,
        agents: &IndexMap<AgentName, AgentModel>,
    ) {
        let Some(given) = &mut work.given else { return self.never_held(name, work, agents) };
        let declared = self.pipeline.declarations();
        for member in &work.pool {
            let Some(agent) = agents.get(&member.agent) else { continue };
            let factory = self.around.factories.iter().find(|factory| factory.handles(&agent.spec));
            let Some(factory) = factory else { continue };
            given.factories.push(factory.clone());
            let accepted = factory.accepts(&Draft { spec: &agent.spec, declared: &declared });
            // What a tool of the registry takes, it judges itself when it knows all of it: it reads texts as other types.
            let own = agent.accepts.clone();
            given.accepts.extend(own.clone().map(|accepts| (agent.name.clone(), accepts)));
            let Some(input) = spec.input.as_ref().filter(|_| given.input.is_fixed()) else { continue };
            let validator = match accepted {
                Some(Accepted { input, .. }) => jsonschema::validator_for(&input.value()).ok().map(Arc::new),
                None => own.map(|own| own.validator.clone()),
            };
            if let Some(validator) = validator {
                self.accepted(name, agent.name.as_str(), &validator, input);
            }
        }
    }

    /// Units of records are held to nothing that an agent says of inputs.
    fn never_held(&mut self, name: &PhaseName, work: &AskWork, agents: &IndexMap<AgentName, AgentModel>) {
        let says = |agent: &AgentModel| agent.accepts.is_some();
        for member in work.pool.iter().filter(|member| agents.get(&member.agent).is_some_and(says)) {
            let message = format!(
                "agent `{}` says what it accepts, which is for phases with an `input`; this one splits records",
                member.agent
            );
            self.problems.add(Code::AgentField, format!("phases.{name}"), message);
        }
    }

    /// Returns what an agent's own `accepts` lets through.
    pub(super) fn declared(&mut self, path: &str, accepts: Option<&SchemaRef>) -> Option<Arc<Accepts>> {
        let schema = self.schema(accepts?, path)?;
        let digest = Digest::of_content(schema.json.as_str().as_bytes());
        Some(Arc::new(Accepts { validator: schema.validator, digest }))
    }

    fn accepted(&mut self, name: &PhaseName, agent: &str, validator: &Validator, input: &Value) {
        for (at, error) in misfits(validator, input) {
            let dot = if at.is_empty() { "" } else { "." };
            let message = format!("agent `{agent}` does not accept it: {error}");
            self.problems.add(Code::GivenInput, format!("phases.{name}.input{dot}{at}"), message);
        }
    }

    /// Returns the condition of a phase; `None` where it has none, or one that does not parse.
    pub(super) fn when(&self, spec: &PhaseSpec) -> Option<When> {
        let text = spec.when.clone()?;
        let condition = Condition::compile(self.dialect(), &text).ok()?;
        let sight = Sight::of(condition.variables().iter().map(String::as_str), &spec.names);
        Some(When { text, condition: Arc::new(condition), sight: Arc::new(sight) })
    }

    /// Returns what the input of a phase is made from; `None` where it has none, or one that does not parse.
    pub(super) fn given(&mut self, name: &PhaseName, spec: &PhaseSpec) -> Option<Given> {
        let path = format!("phases.{name}.input");
        let input = spec.input.as_ref()?;
        let pattern = match Pattern::compile_in(self.dialect(), input, &path) {
            Ok(pattern) => pattern,
            Err(error) => {
                self.problems.add(Code::TemplateSyntax, error.path, located(&error.error));
                return None;
            }
        };
        self.let_names(name, spec);
        for (variable, path) in pattern.located_variables() {
            self.seen_variable_of(name, spec, &[], &variable, &path);
        }
        let goto = match self.goto_pattern(name, spec) {
            Ok(goto) => goto,
            Err(error) => {
                self.problems.add(Code::TemplateSyntax, error.path, located(&error.error));
                None
            }
        };
        let mut variables = pattern.variables();
        for (variable, path) in goto.iter().flat_map(Pattern::located_variables) {
            self.seen_variable_of(name, spec, &[], &variable, &path);
            if !is_of(name, spec, &variable) {
                variables.insert(variable);
            }
        }
        let sight = Sight::of(variables.iter().map(String::as_str), &spec.names);
        let goto = goto.map(|to| {
            let variables = to.variables();
            let sight = Sight::of(variables.iter().map(String::as_str), &spec.names);
            Goto { to: Arc::new(to), sight: Arc::new(sight) }
        });
        Some(Given {
            input: Arc::new(pattern),
            sight: Arc::new(sight),
            factories: Vec::new(),
            accepts: Vec::new(),
            goto,
        })
    }

    /// Returns the template that names the phase to go on with, if there is one.
    fn goto_pattern(&self, name: &PhaseName, spec: &PhaseSpec) -> Result<Option<Pattern>, FillError> {
        let goto = spec.goto.as_deref().filter(|goto| is_template(goto) && spec.input.is_some());
        let compile = |goto: &str| {
            let path = format!("phases.{name}.goto");
            Pattern::compile_in(self.dialect(), &Value::from(goto), &path)
        };
        goto.map(compile).transpose()
    }

    /// Checks the names of `let`.
    pub(super) fn let_names(&mut self, name: &PhaseName, spec: &PhaseSpec) {
        for (short, path) in &spec.names {
            let at = format!("phases.{name}.let.{short}");
            let is_word = short.chars().enumerate().all(|(n, c)| {
                c == '_' || if n == 0 { c.is_ascii_alphabetic() } else { c.is_ascii_alphanumeric() }
            });
            if !is_word || short.is_empty() || ROOTS.contains(&short.as_str()) {
                let message = format!("`{short}` cannot be a name that templates use");
                self.problems.add(Code::LetName, at, message);
            } else {
                self.seen_variable(name, spec, (false, None), path, &at);
            }
        }
    }

    /// Checks a path that a text reads; `own` are the names of its own turns that it sees.
    pub(super) fn seen_variable_of(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        own: &[&str],
        variable: &str,
        at: &str,
    ) {
        self.seen_variable(name, spec, (true, Some(own)), variable, at);
    }

    fn seen_variable(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        (has_names, own): (bool, Option<&[&str]>),
        variable: &str,
        at: &str,
    ) {
        let mut parts = variable.split('.');
        match (parts.next().unwrap_or_default(), parts.next(), parts.next()) {
            ("loop", Some(of), field) => {
                // A name of a loop may stand for something of its own turns, which the texts that use it see or not.
                let all = [&EACH[..], &WHILE, &ONCE, &SUMMARY].concat();
                let own = own.unwrap_or(if spec.turns.is_some() { &all[..] } else { &[] });
                self.loop_variable(name, (of, field), own, Code::TemplateName, at);
            }
            ("params", Some(param), _) => self.template_param(param, Code::TemplateName, at),
            ("scope", Some(dimension), _) => {
                self.template_scope(name, &spec.per, dimension, Code::TemplateName, at);
            }
            ("params" | "scope" | "execution", None, _) => {}
            ("execution", Some(field), _) => self.of_an_execution(field, at),
            ("phases", Some(_), Some(field)) if OF_A_PHASE.contains(&field) => {}
            ("phases", Some(phase), Some(field)) => {
                let hint = suggest::suggestion(field, OF_A_PHASE);
                let message = format!("a phase has no `{field}`: `phases.{phase}.{field}` is read");
                self.problems.add_with(Code::TemplateName, at, message, hint);
            }
            ("phases", _, None) => {
                let hint = Some("read one thing of one phase, such as `phases.NAME.document`".to_owned());
                let message = format!("`{variable}` says not what is read");
                self.problems.add_with(Code::TemplateName, at, message, hint);
            }
            (root, ..) if has_names && spec.names.contains_key(root) => {}
            // Whoever turned a steps file into this pipeline has looked at its names; what is left has a default.
            _ if self.dialect() == Dialect::Steps => {}
            (root, ..) => {
                let known = ROOTS.into_iter().chain(spec.names.keys().map(String::as_str));
                let hint = suggest::suggestion(root, known);
                let message = format!("the template reads `{root}`");
                self.problems.add_with(Code::TemplateName, at, message, hint);
            }
        }
    }
}

impl Checker<'_> {
    /// Checks what a text reads of the execution.
    pub(super) fn of_an_execution(&mut self, field: &str, at: &str) {
        if !OF_AN_EXECUTION.contains(&field) {
            let hint = suggest::suggestion(field, OF_AN_EXECUTION);
            let message = format!("an execution has no `{field}`");
            self.problems.add_with(Code::TemplateName, at, message, hint);
        }
    }

    /// Returns the values of a whole run.
    pub(super) fn outputs(&mut self) -> Vec<RunOutput> {
        let pipeline = self.pipeline;
        let mut outputs = Vec::new();
        for name in pipeline.output_types.keys().filter(|name| !pipeline.outputs.contains_key(*name)) {
            let hint = suggest::suggestion(name, pipeline.outputs.keys().map(String::as_str));
            let message = format!("there is no output `{name}` to have a type");
            self.problems.add_with(Code::OutputType, format!("output_types.{name}"), message, hint);
        }
        for (name, value) in &pipeline.outputs {
            let path = format!("outputs.{name}");
            match Pattern::compile_in(self.dialect(), value, &path) {
                Ok(pattern) => outputs.push(self.output_value(name, pattern)),
                Err(error) => self.problems.add(Code::TemplateSyntax, error.path, located(&error.error)),
            }
        }
        outputs
    }

    /// Refuses to read the one document of a phase that has as many as scopes.
    fn one_document(&mut self, phase: &PhaseName, field: &str, path: &str) {
        let per = self.pipeline.phases.get(phase).and_then(|spec| spec.per.first());
        if let Some(dimension) = per.filter(|_| is_of_document(field)) {
            let hint =
                Some("read it in a phase of the same scope, or gather the records in a phase".to_owned());
            let message =
                format!("`{phase}` has one `{field}` for each `{dimension}`, and an output sees all of them");
            self.problems.add_with(Code::TemplateName, path, message, hint);
        }
    }

    fn output_value(&mut self, name: &str, pattern: Pattern) -> RunOutput {
        for (variable, path) in pattern.located_variables() {
            let (root, rest) =
                variable.split_once('.').map_or((variable.as_str(), None), |(a, b)| (a, Some(b)));
            let variable = match self.pipeline.names.get(root) {
                Some(named) => with_rest(named, rest),
                None => variable,
            };
            let mut parts = variable.split('.');
            match (parts.next().unwrap_or_default(), parts.next(), parts.next()) {
                ("params", Some(param), _) => self.template_param(param, Code::TemplateName, &path),
                ("params" | "execution", None, _) => {}
                ("execution", Some(field), _) => self.of_an_execution(field, &path),
                ("phases", Some(phase), Some(field)) if OF_A_PHASE.contains(&field) => {
                    if let Ok(phase) = phase.parse::<PhaseName>()
                        && self.named_phase(&phase, &path)
                    {
                        self.one_document(&phase, field, &path);
                    }
                }
                (root, ..) if self.dialect() == Dialect::Steps && !ROOTS.contains(&root) => {}
                _ => {
                    let hint =
                        "outputs see `params.NAME`, `phases.NAME.document` and the names of `let`".to_owned();
                    let message = format!("the output reads `{variable}`");
                    self.problems.add_with(Code::TemplateName, path, message, Some(hint));
                }
            }
        }
        let variables = pattern.variables();
        let sight = Sight::of(variables.iter().map(String::as_str), &self.pipeline.names);
        RunOutput {
            name: name.to_owned(),
            kind: self.pipeline.output_types.get(name).copied(),
            given: Given {
                input: Arc::new(pattern),
                sight: Arc::new(sight),
                factories: Vec::new(),
                accepts: Vec::new(),
                goto: None,
            },
        }
    }
}

/// Whether what is read of a phase lies in its document.
pub(super) fn is_of_document(field: &str) -> bool {
    !matches!(field, "present" | "records" | "holes" | "success" | "failed")
}

/// Returns what the input of a phase and the texts of its loop read, each with its place; nothing of those that do not parse,
/// which is said elsewhere.
fn text_variables(dialect: Dialect, spec: &PhaseSpec, base: &str) -> BTreeSet<(String, String)> {
    let turns = spec.turns.as_ref();
    let with = turns.map(|turns| Value::Object(turns.with.clone()));
    let patterns = [
        (spec.input.as_ref(), "input"),
        (turns.and_then(|turns| turns.for_each.as_ref()), "loop.for_each"),
        (with.as_ref(), "loop.with"),
        (turns.and_then(|turns| turns.result.as_ref()), "loop.result"),
    ];
    let mut variables = BTreeSet::new();
    for (value, field) in patterns {
        let compile = |value| Pattern::compile_in(dialect, value, &format!("{base}.{field}")).ok();
        variables.extend(value.and_then(compile).into_iter().flat_map(|pattern| pattern.located_variables()));
    }
    let conditions = turns.map(|turns| [(&turns.while_, "while"), (&turns.until, "until")]);
    for (text, field) in conditions.into_iter().flatten() {
        let condition = text.as_ref().and_then(|text| Condition::compile(dialect, text).ok());
        let read = condition.iter().flat_map(|condition| condition.variables().iter().cloned());
        variables.extend(read.map(|variable| (variable, format!("{base}.loop.{field}"))));
    }
    variables
}

/// Whether a variable leads to what the phase itself makes.
fn is_of(name: &PhaseName, spec: &PhaseSpec, variable: &str) -> bool {
    let (root, rest) = variable.split_once('.').map_or((variable, None), |(a, b)| (a, Some(b)));
    let whole = spec.names.get(root).map_or_else(|| variable.to_owned(), |path| with_rest(path, rest));
    whole.strip_prefix("phases.").and_then(|rest| rest.split('.').next()) == Some(name.as_str())
}

fn with_rest(path: &str, rest: Option<&str>) -> String {
    rest.map_or_else(|| path.to_owned(), |rest| format!("{path}.{rest}"))
}

/// Returns what of an input does not fit what its agent accepts: where, and what is wrong there.
pub(crate) fn misfits<'v>(
    validator: &'v Validator,
    input: &'v Value,
) -> impl Iterator<Item = (String, String)> + 'v {
    validator.iter_errors(input).take(MOST_ERRORS).map(|error| {
        let path = error.instance_path().to_string();
        (path.trim_start_matches('/').replace('/', "."), error.to_string())
    })
}
