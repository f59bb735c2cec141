//! What a pipeline does.

use refrain_schemas::explanation::{DataFlow, ExplainedInput, ExplainedPlan, ExplainedStep, Explanation};
use refrain_schemas::meaning::Meaning;
use refrain_schemas::plan::PlannedAction;
use serde_json::Value;

use crate::render::numbers::{counted, duration, range};
use crate::render::page::{Page, Tone};
use crate::render::table::{Align, Table, cell, toned};

/// Writes what a pipeline does.
pub(crate) fn write(page: &mut Page, told: &Explanation) {
    page.line(&[(Tone::Strong, &told.project)]);
    if let Some(description) = &told.description {
        page.hang(0, Tone::Plain, description);
    }
    if let Some(meaning) = &told.meaning {
        self::meaning(page, meaning);
    }
    inputs(page, &told.inputs);
    steps(page, told);
    flows(page, &told.data_flow);
    lists(page, told);
    complexity(page, told);
    if let Some(now) = &told.now {
        self::now(page, now);
    }
}

fn title(page: &mut Page, text: &str) {
    page.gap();
    page.line(&[(Tone::Strong, text)]);
}

fn meaning(page: &mut Page, meaning: &Meaning) {
    for (name, text) in [("Intention", &meaning.intention), ("Architecture", &meaning.architecture)] {
        if let Some(text) = text {
            title(page, name);
            page.hang(0, Tone::Plain, text);
        }
    }
    if let Some(alignment) = &meaning.alignment {
        title(page, "Alignment");
        let word = if alignment.is_valid { (Tone::Good, "aligned") } else { (Tone::Bad, "not aligned") };
        page.line(&[word, (Tone::Faint, &format!(" (confidence {:.2})", alignment.confidence))]);
        for issue in &alignment.issues {
            let step = issue.step.as_ref().map_or_else(String::new, |step| format!("{step}: "));
            page.wrapped(&[(Tone::Warn, "  -")], &format!("{step}{}", issue.description));
        }
    }
    if !meaning.autos.is_empty() {
        title(page, "Left to the model");
        let mut table = Table::new(&[("WHERE", Align::Left), ("VALUE", Align::Left), ("TASK", Align::Left)]);
        for auto in &meaning.autos {
            let value =
                if auto.is_answered { cell(shown(&auto.value)) } else { toned(Tone::Faint, "not asked yet") };
            table.row([toned(Tone::Strong, &*auto.path), value, toned(Tone::Faint, &*auto.task)]);
        }
        page.table(&table);
    }
    if let (Some(model), false) = (&meaning.orchestrator, meaning.to_ask.is_empty()) {
        page.gap();
        page.wrapped(&[(Tone::Faint, "would ask:")], &format!("{model} for {}", meaning.to_ask.join(", ")));
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn inputs(page: &mut Page, inputs: &[ExplainedInput]) {
    if inputs.is_empty() {
        return;
    }
    title(page, "Inputs");
    let columns =
        [("NAME", Align::Left), ("TYPE", Align::Left), ("DEFAULT", Align::Left), ("WHAT", Align::Left)];
    let mut table = Table::new(&columns);
    for input in inputs {
        let default =
            if input.required { toned(Tone::Warn, "must be set") } else { cell(shown(&input.default)) };
        let what = cell(input.description.clone().unwrap_or_default());
        table.row([toned(Tone::Strong, &*input.name), cell(&*input.kind), default, what]);
    }
    page.table(&table.without_empty_columns());
}

/// Writes the steps level by level, each loop with its body below it.
fn steps(page: &mut Page, told: &Explanation) {
    title(page, &format!("Steps ({})", counted(told.levels.len() as u64, "level")));
    let columns = [
        ("LEVEL", Align::Right),
        ("STEP", Align::Left),
        ("WHAT IT DOES", Align::Left),
        ("LEAVES", Align::Left),
        ("AFTER", Align::Left),
        ("TOLD BY", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for (n, level) in told.levels.iter().enumerate() {
        for (at, name) in level.iter().enumerate() {
            let number = if at == 0 { (n + 1).to_string() } else { String::new() };
            if let Some(step) = told.steps.iter().find(|step| step.name == *name) {
                row(&mut table, told, step, number, 0);
            }
        }
    }
    for step in told.steps.iter().filter(|step| !step.enabled) {
        let name = toned(Tone::Faint, step.name.as_str());
        table.row([cell(""), name, cell(&*step.does), cell(""), cell(""), toned(Tone::Faint, "turned off")]);
    }
    page.table(&table.without_empty_columns());
}

fn row(table: &mut Table, told: &Explanation, step: &ExplainedStep, number: String, depth: usize) {
    let after: Vec<&str> = step.after.iter().map(refrain_schemas::name::PhaseName::as_str).collect();
    let name = format!("{}{}", "  ".repeat(depth), step.name);
    let leaves = if step.effect == "pure" { "" } else { &step.effect };
    table.row([
        toned(Tone::Faint, number),
        toned(Tone::Strong, name),
        cell(&*step.does),
        toned(Tone::Faint, leaves),
        cell(after.join(", ")),
        toned(Tone::Faint, told_by(step)),
    ]);
    for inner in told.steps.iter().filter(|inner| inner.within.as_ref() == Some(&step.name)) {
        row(table, told, inner, String::new(), depth + 1);
    }
}

/// Says what decides whether, where and how often a step runs.
fn told_by(step: &ExplainedStep) -> String {
    let mut said: Vec<String> = Vec::new();
    if !step.per.is_empty() {
        let names: Vec<&str> = step.per.iter().map(refrain_schemas::name::DimensionName::as_str).collect();
        said.push(format!("per {}", names.join(", ")));
    }
    said.extend(step.when.iter().map(|when| format!("if {when}")));
    said.extend(step.routes.iter().map(|route| format!("on {} to {}", route.on, route.to)));
    if step.on_failure != "fail" {
        said.push(format!("on failure: {}", step.on_failure));
    }
    if step.stand_ins > 0 {
        said.push(counted(step.stand_ins, "stand-in"));
    }
    said.extend(step.attempts.map(|n| counted(u64::from(n), "attempt")));
    said.extend(step.timeout.map(|time| format!("{} each", duration(time.0))));
    said.join("; ")
}

fn flows(page: &mut Page, flows: &[DataFlow]) {
    if flows.is_empty() {
        return;
    }
    title(page, "Data flow");
    let columns = [
        ("FROM", Align::Left),
        ("WHAT", Align::Left),
        ("TYPE", Align::Left),
        ("TO", Align::Left),
        ("HOW", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for flow in flows {
        table.row([
            toned(Tone::Strong, &*flow.source),
            cell(&*flow.variable),
            toned(Tone::Faint, &*flow.kind),
            toned(Tone::Strong, &*flow.target),
            toned(Tone::Faint, flow.transformation.clone().unwrap_or_default()),
        ]);
    }
    page.table(&table.without_empty_columns());
}

fn lists(page: &mut Page, told: &Explanation) {
    if told.models.is_empty() && told.files.is_empty() && told.outputs.is_empty() {
        return;
    }
    page.gap();
    for model in &told.models {
        let steps: Vec<&str> = model.steps.iter().map(refrain_schemas::name::PhaseName::as_str).collect();
        page.wrapped(&[(Tone::Faint, "model:")], &format!("{} for {}", model.model, steps.join(", ")));
    }
    for file in &told.files {
        page.wrapped(&[(Tone::Faint, "file:")], &format!("{} by {}", file.path, file.step));
    }
    if !told.outputs.is_empty() {
        page.wrapped(&[(Tone::Faint, "outputs:")], &told.outputs.join(", "));
    }
}

fn complexity(page: &mut Page, told: &Explanation) {
    let of = &told.complexity;
    let loops = match of.nesting {
        0 => "no loops".to_owned(),
        1 => "loops".to_owned(),
        n => format!("loops {n} deep"),
    };
    let branches = if of.branches == 1 { "1 branch".to_owned() } else { format!("{} branches", of.branches) };
    let (steps, levels) = (counted(of.steps, "step"), counted(of.levels, "level"));
    let text = format!("{:.2} of 1 ({steps}, {levels}, {branches}, {loops})", of.score);
    page.gap();
    page.wrapped(&[(Tone::Faint, "complexity:")], &text);
}

fn now(page: &mut Page, now: &ExplainedPlan) {
    let of = |actions: &[PlannedAction]| {
        let steps = now.steps.iter().filter(|step| actions.contains(&step.action));
        steps.map(|step| step.target.as_str()).collect::<Vec<_>>().join(", ")
    };
    page.gap();
    if !now.changes {
        page.line(&[(Tone::Good, "nothing to do"), (Tone::Plain, ": everything is as a run would make it")]);
        return;
    }
    page.wrapped(&[(Tone::Strong, "a run would make:")], &format!("{} calls", range(&now.calls)));
    let words = [
        ("run:", &[PlannedAction::Run][..]),
        ("perhaps:", &[PlannedAction::Perhaps]),
        ("keep:", &[PlannedAction::Keep]),
        ("pass over:", &[PlannedAction::Skip, PlannedAction::Blocked]),
    ];
    for (word, actions) in words {
        let names = of(actions);
        if !names.is_empty() {
            page.wrapped(&[(Tone::Faint, word)], &names);
        }
    }
}
