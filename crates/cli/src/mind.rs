//! What a model is asked about a steps file before it runs: the values that are left to it, and what the pipeline means.

use std::collections::BTreeMap;

use clap::Args;
use refrain_core::check::code::Code;
use refrain_core::check::problem;
use refrain_core::engine::RunRequest;
use refrain_core::meaning::{self, Verdict};
use refrain_schemas::meaning::{Alignment, AutoValue, Meaning};
use refrain_schemas::money::Budget;
use refrain_schemas::problem::{Problem, Severity};
use refrain_schemas::steps::StepsMap;
use refrain_schemas::usage::Usage;
use serde_json::Value;

use crate::args::Globals;
use crate::holder;
use crate::output::Output;
use crate::project::Project;
use crate::report::CliError;
use crate::wiring::said::Unusable;
use crate::wiring::{self, Checked, LogOf, Told};

/// How often it is asked for values that can stand where they are wanted.
const ATTEMPTS: usize = 3;
const AGAIN: &str = "write the value, or run again to ask again";
const INTENTION: &str = "intention";
const ARCHITECTURE: &str = "architecture";
const ALIGNMENT: &str = "alignment";

/// What a model is asked about a steps file.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct MindArgs {
    /// Of a steps file: do not ask its orchestrator what the pipeline means
    #[arg(long, hide_short_help = true)]
    pub(crate) no_intelligence: bool,
    /// Of a steps file: go on although its orchestrator is sure that the pipeline does not do what it is for
    #[arg(long, hide_short_help = true)]
    pub(crate) allow_misaligned: bool,
}

impl MindArgs {
    /// Returns the options as they would be typed.
    pub(crate) fn words(self) -> impl Iterator<Item = String> {
        let given =
            [("--no-intelligence", self.no_intelligence), ("--allow-misaligned", self.allow_misaligned)];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(word, _)| word.to_owned())
    }
}

/// How the model is asked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Terms {
    /// What is asked, and what follows from it.
    pub(crate) args: MindArgs,
    /// Answer from the ledger alone.
    pub(crate) offline: bool,
    /// What asking may cost.
    pub(crate) budget: Budget,
}

/// A project whose values are answered, and what is known of its meaning.
pub(crate) struct Minded {
    pub(crate) checked: Checked,
    /// Null for what is no steps file.
    pub(crate) meaning: Option<Meaning>,
    /// What asking consumed.
    pub(crate) spent: Spent,
}

/// What asking consumed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    calls: u64,
    usage: Usage,
}

impl Spent {
    fn add(&mut self, asked: &Told) {
        self.calls += asked.report.calls;
        self.usage.add(&asked.report.usage);
    }

    /// Returns what is left of a budget; one that the pipeline declares counts for asking and running together.
    pub(crate) fn left_of(&self, own: Budget, declared: Budget) -> Budget {
        if self.calls == 0 {
            return own;
        }
        let least = |a: Option<u64>, b: Option<u64>| [a, b].into_iter().flatten().min();
        let usd = [own.usd, declared.usd].into_iter().flatten().reduce(f64::min);
        Budget {
            calls: least(own.calls, declared.calls).map(|n| n.saturating_sub(self.calls)),
            tokens: least(own.tokens, declared.tokens).map(|n| n.saturating_sub(self.usage.tokens())),
            usd: usd.map(|usd| (usd - self.usage.cost_usd.unwrap_or(0.0)).max(0.0)),
        }
    }
}

/// Asks what is not on record: first the values, and, where the file is sound with them, what the pipeline means.
pub(crate) fn ask(
    project: &Project,
    checked: Checked,
    terms: &Terms,
    globals: &Globals,
    output: &Output,
) -> Result<Minded, CliError> {
    let mut spent = Spent::default();
    let Some(map) = steps_with_a_model(&checked) else {
        let meaning = checked.steps.as_ref().map(|map| unasked(map, Vec::new()));
        return Ok(Minded { checked, meaning, spent });
    };
    let checked =
        if map.autos.iter().all(|auto| auto.answer.is_some()) || has_errors_of_its_own(&checked, map) {
            checked
        } else {
            values(project, checked, terms, globals, output, &mut spent)?
        };
    means(project, checked, terms, globals, output, spent)
}

/// Says what is known without asking anybody.
pub(crate) fn recall(project: &Project, mut checked: Checked) -> Result<Minded, CliError> {
    let spent = Spent::default();
    let Some(map) = steps_with_a_model(&checked).cloned() else {
        let meaning = checked.steps.as_ref().map(|map| unasked(map, Vec::new()));
        return Ok(Minded { checked, meaning, spent });
    };
    let (known, open) = match wiring::about_pipeline(project, &checked)? {
        Some(asking) => {
            let known = asking.on_record()?;
            let open = asking.open(&known);
            (known, open)
        }
        None => (BTreeMap::new(), Vec::new()),
    };
    let values = map.autos.iter().filter(|auto| auto.answer.is_none()).map(|auto| auto.path.clone());
    let meaning = told(&map, &known, values.chain(open).collect());
    // Without being asked to go on or not, this says what is on record.
    if let Some(alignment) = &meaning.alignment {
        let found = misalignment(alignment, true);
        checked.add(&map, found);
    }
    Ok(Minded { checked, meaning: Some(meaning), spent })
}

/// Says beside the result what the next run would ask.
pub(crate) fn say_what_is_open(minded: &Minded, output: &Output) {
    let Some(meaning) = minded.meaning.as_ref().filter(|meaning| !meaning.to_ask.is_empty()) else { return };
    if let Some(model) = &meaning.orchestrator {
        output.note(&format!("a run would ask {model} for {}", meaning.to_ask.join(", ")));
    }
}

fn steps_with_a_model(checked: &Checked) -> Option<&StepsMap> {
    checked.steps.as_ref().filter(|map| map.orchestrator.is_some())
}

/// Whether something is wrong that no answer would mend.
fn has_errors_of_its_own(checked: &Checked, map: &StepsMap) -> bool {
    let open: Vec<&str> =
        map.autos.iter().filter(|auto| auto.answer.is_none()).map(|auto| auto.path.as_str()).collect();
    let errors = checked.problems.iter().filter(|problem| problem.severity == Severity::Error);
    errors.into_iter().any(|error| {
        let path = checked.path_in_file(&error.path);
        !open.iter().any(|auto| path.starts_with(auto.split('#').next().unwrap_or(auto)))
    })
}

/// Asks for the values that are left to the model, and reads the file again with them.
fn values(
    project: &Project,
    checked: Checked,
    terms: &Terms,
    globals: &Globals,
    output: &Output,
    spent: &mut Spent,
) -> Result<Checked, CliError> {
    let Some(asking) = wiring::about_values(project, &checked)? else { return Ok(checked) };
    let mut checked = checked;
    let mut unusable = Vec::new();
    for _ in 0..ATTEMPTS {
        let known = asking.on_record()?;
        let open = asking.open(&known);
        let left = open_values(&checked);
        if left.is_empty() {
            return Ok(checked);
        }
        say_who_is_asked(&checked, &left, output);
        let request = request(terms, *spent, &checked);
        let request = if open.is_empty() { asking.anew(&left, request) } else { request };
        let asked = asking.ask(&request, &log_of(project, globals, &checked))?;
        spent.add(&asked);
        let known = asking.on_record()?;
        if let Some(path) = asking.open(&known).first() {
            let why =
                asked.failure.unwrap_or_else(|| format!("the run ended as {}", asked.report.status.as_str()));
            let message = format!("the orchestrator did not say what `{path}` is: {why}");
            return Err(CliError::failed(message).hint(AGAIN));
        }
        let set = wiring::set_to(globals)?;
        let without = wiring::check_set(project, &set, &BTreeMap::new())?;
        let known = wiring::values_of(&known);
        (checked, unusable) = wiring::said::check_with_values(project, &set, without, known)?;
    }
    match unusable.first() {
        None => Ok(checked),
        Some(Unusable { path, value, why }) => {
            let message = format!("the orchestrator said that `{path}` is {value}, which cannot be: {why}");
            Err(CliError::failed(message).hint(AGAIN))
        }
    }
}

/// Returns the places of values that nobody has said yet, or of which what was said cannot be.
fn open_values(checked: &Checked) -> Vec<String> {
    let autos = checked.steps.iter().flat_map(|map| &map.autos);
    autos.filter(|auto| auto.answer.is_none()).map(|auto| auto.path.clone()).collect()
}

/// Asks what the pipeline means. What the model does not answer stays open, with one warning.
fn means(
    project: &Project,
    mut checked: Checked,
    terms: &Terms,
    globals: &Globals,
    output: &Output,
    mut spent: Spent,
) -> Result<Minded, CliError> {
    let Some(map) = checked.steps.clone() else { return Ok(Minded { checked, meaning: None, spent }) };
    let asking = match terms.args.no_intelligence || checked.model.is_none() {
        true => None,
        false => wiring::about_pipeline(project, &checked)?,
    };
    let Some(asking) = asking else {
        let meaning = Some(told(&map, &BTreeMap::new(), Vec::new()));
        return Ok(Minded { checked, meaning, spent });
    };
    let mut known = asking.on_record()?;
    let open = asking.open(&known);
    let mut failure = None;
    if !open.is_empty() {
        say_who_is_asked(&checked, &open, output);
        let asked = asking.ask(&request(terms, spent, &checked), &log_of(project, globals, &checked))?;
        spent.add(&asked);
        failure = asked.failure;
        known = asking.on_record()?;
    }
    let open = asking.open(&known);
    if !open.is_empty() {
        checked.add(&map, vec![(None, unanswered(&open, failure.as_deref()))]);
    }
    let meaning = told(&map, &known, open);
    if let Some(alignment) = &meaning.alignment {
        let found = misalignment(alignment, terms.args.allow_misaligned);
        checked.add(&map, found);
    }
    Ok(Minded { checked, meaning: Some(meaning), spent })
}

fn request(terms: &Terms, spent: Spent, checked: &Checked) -> RunRequest {
    RunRequest {
        offline: terms.offline,
        budget: spent.left_of(terms.budget, checked.declared_budget()),
        ..RunRequest::of_everything(holder::this_process(wiring::now()))
    }
}

const fn log_of<'a>(project: &'a Project, globals: &'a Globals, checked: &'a Checked) -> LogOf<'a> {
    LogOf { project, globals, redactor: &checked.safety.redactor }
}

/// Who waits at a terminal knows for what.
fn say_who_is_asked(checked: &Checked, open: &[String], output: &Output) {
    let model = checked.steps.as_ref().and_then(|map| map.orchestrator.as_ref());
    if let Some(model) = model.filter(|_| output.errors_on_terminal) {
        output.note(&format!("asking {model} for {}", open.join(", ")));
    }
}

fn unanswered(open: &[String], why: Option<&str>) -> Problem {
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    let message = format!("the orchestrator did not answer for {}{why}", open.join(", "));
    problem(Code::Unanswered, "orchestrator", message)
}

/// Returns what an alignment says is wrong, each with the step that it is about.
fn misalignment(alignment: &Alignment, is_allowed: bool) -> Vec<(Option<String>, Problem)> {
    let (verdict, issues) = meaning::verdict(alignment);
    let code = match (verdict, is_allowed) {
        (Verdict::Aligned, _) => return Vec::new(),
        (Verdict::Misaligned, false) => Code::Misaligned,
        (Verdict::Misaligned, true) | (Verdict::Doubtful, _) => Code::Doubtful,
    };
    let sure = format!("(confidence {:.2})", alignment.confidence);
    if issues.is_empty() {
        let message = format!("the orchestrator says that the pipeline does not do what it is for {sure}");
        return vec![(None, problem(code, "orchestrator", message))];
    }
    let one = |issue: &&refrain_schemas::meaning::AlignmentIssue| {
        let message = format!("the orchestrator says: {} {sure}", issue.description);
        let found = problem(code, "orchestrator", message);
        let fix = issue.suggested_fix.clone().filter(|fix| !fix.trim().is_empty());
        let hint = match (code, fix) {
            (Code::Misaligned, Some(fix)) => Some(format!("{fix}; or run with `--allow-misaligned`")),
            (_, Some(fix)) => Some(fix),
            (_, None) => found.hint.clone(),
        };
        (issue.step.clone(), Problem { hint, ..found })
    };
    issues.iter().map(one).collect()
}

fn unasked(map: &StepsMap, to_ask: Vec<String>) -> Meaning {
    told(map, &BTreeMap::new(), to_ask)
}

fn told(map: &StepsMap, known: &BTreeMap<String, Value>, to_ask: Vec<String>) -> Meaning {
    let text = |what: &str, written: &Option<String>| {
        let said = known.get(what).and_then(|document| document.get("text")?.as_str());
        written.clone().or_else(|| said.map(|text| text.trim().to_owned()))
    };
    let auto = |auto: &refrain_schemas::steps::Auto| AutoValue {
        path: auto.path.clone(),
        task: auto.task.clone(),
        value: auto.answer.clone().unwrap_or_default(),
        is_answered: auto.answer.is_some(),
    };
    Meaning {
        orchestrator: map.orchestrator.clone(),
        intention: text(INTENTION, &map.wishes.intention),
        architecture: text(ARCHITECTURE, &map.wishes.architecture),
        alignment: known.get(ALIGNMENT).and_then(meaning::alignment),
        autos: map.autos.iter().map(auto).collect(),
        to_ask,
    }
}
