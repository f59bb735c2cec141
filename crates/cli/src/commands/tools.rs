//! `refrain tools`

use std::collections::BTreeMap;

use clap::Args;
use refrain_core::ports::tool_catalogue::{ANY_NAME, ActionView, ToolCatalogue, ToolKind, ToolView};
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::exit_code::ExitCode;
use serde_json::{Map, Value, json};

use crate::args::Globals;
use crate::output::Output;
use crate::project::Project;
use crate::render::page::{Page, Tone};
use crate::render::table::{Align, Table, cell, toned};
use crate::report::CliError;
use crate::suggest::did_you_mean;
use crate::wiring;

/// List the tools that steps and agents may use, or explain one
///
/// Without a name, lists them; with a name, tells what each of its actions takes and makes. Agents of the project that
/// declare what they accept are tools, too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain tools                       the list
  refrain tools filesystem            one, with the parameters of its actions
  refrain tools filesystem --json     its JSON Schemas")]
pub(crate) struct ToolsArgs {
    /// The tool
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Lists the tools or explains one.
pub(crate) fn run(args: &ToolsArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let registry = wiring::registry(None);
    let agents = of_project(globals)?;
    match &args.name {
        Some(name) => explain(name, &registry, &agents, output)?,
        None => list(&registry, &agents, output)?,
    }
    Ok(ExitCode::Ok)
}

/// Returns the agents of the project that are tools; none where there is no project.
fn of_project(globals: &Globals) -> Result<BTreeMap<String, AgentSpec>, CliError> {
    let Ok(project) = Project::find(globals) else { return Ok(BTreeMap::new()) };
    let pipeline = wiring::pipeline(&project)?;
    let agents = pipeline.into_iter().flat_map(|pipeline| pipeline.agents);
    Ok(agents
        .filter(|(_, spec)| spec.accepts.is_some())
        .map(|(name, spec)| (name.to_string(), spec))
        .collect())
}

const fn kind(kind: ToolKind) -> &'static str {
    match kind {
        ToolKind::Tool => "tool",
        ToolKind::Person => "person",
        ToolKind::Model => "model",
        ToolKind::Lowered => "pipeline",
        ToolKind::Absent => "absent",
    }
}

fn list(
    registry: &dyn ToolCatalogue,
    agents: &BTreeMap<String, AgentSpec>,
    output: &mut Output,
) -> Result<(), CliError> {
    let views: Vec<ToolView<'_>> =
        registry.names().into_iter().filter_map(|name| registry.find(name)).collect();
    if output.wants_json() {
        let own = agents.iter().map(|(name, spec)| agent_json(name, spec));
        return output.json(&views.iter().map(view_json).chain(own).collect::<Vec<Value>>());
    }
    let mut table = Table::new(&[
        ("TOOL", Align::Left),
        ("KIND", Align::Left),
        ("ACTIONS", Align::Left),
        ("WHAT IT DOES", Align::Left),
    ]);
    for view in views.iter().filter(|view| view.kind != ToolKind::Absent) {
        let actions: Vec<&str> = view.actions.iter().map(|action| action.name).collect();
        table.row([
            toned(Tone::Strong, view.name),
            cell(kind(view.kind)),
            cell(actions.join(" ")),
            cell(view.description),
        ]);
    }
    for name in agents.keys() {
        table.row([
            toned(Tone::Strong, name.as_str()),
            cell("agent"),
            cell("execute"),
            cell("An agent of this project"),
        ]);
    }
    let mut page = output.page();
    page.table(&table);
    let absent: Vec<&str> =
        views.iter().filter(|view| view.kind == ToolKind::Absent).map(|view| view.name).collect();
    page.gap();
    page.plain(&format!("Known, and not carried out here: {}.", absent.join(", ")));
    output.show(&page)
}

fn explain(
    name: &str,
    registry: &dyn ToolCatalogue,
    agents: &BTreeMap<String, AgentSpec>,
    output: &mut Output,
) -> Result<(), CliError> {
    if let Some(spec) = agents.get(name) {
        return if output.wants_json() {
            output.json(&agent_json(name, spec))
        } else {
            let mut page = output.page();
            page.line(&[(Tone::Strong, name), (Tone::Plain, ": an agent of this project")]);
            page.plain(&format!("It accepts: {}", json!(spec.accepts)));
            output.show(&page)
        };
    }
    let names = registry.names().into_iter().chain(agents.keys().map(String::as_str));
    let view = registry.find(name).ok_or_else(|| {
        CliError::usage(format!("there is no tool `{name}`"))
            .hint_if(did_you_mean(name, names))
            .hint("`refrain tools` lists them")
    })?;
    if output.wants_json() {
        return output.json(&view_json(&view));
    }
    let mut page = output.page();
    page.line(&[(Tone::Strong, view.name), (Tone::Plain, ": "), (Tone::Plain, view.description)]);
    if !view.aliases.is_empty() {
        page.plain(&format!("Also called {}.", view.aliases.join(", ")));
    }
    for action in view.actions {
        write_action(&mut page, action);
    }
    output.show(&page)
}

fn write_action(page: &mut Page, action: &ActionView<'_>) {
    page.gap();
    let effect = format!(" ({}): ", action.effect.as_str());
    page.line(&[
        (Tone::Strong, action.name),
        (Tone::Faint, effect.as_str()),
        (Tone::Plain, action.description),
    ]);
    if action.aliases.contains(&ANY_NAME) {
        page.plain("  any other name of an action means it as well");
    }
    write_fields(page, "takes", action.input);
    if !action.of_steps.is_empty() {
        let fields =
            action.of_steps.iter().map(|(name, about)| ((*name).to_owned(), json!({ "description": about })));
        write_fields(
            page,
            "takes in steps files",
            &json!({ "properties": fields.collect::<Map<String, Value>>() }),
        );
    }
    match action.output["properties"]["result"].get("properties") {
        Some(_) => write_fields(page, "makes result", &action.output["properties"]["result"]),
        None => page.plain(&format!("  makes result: {}", type_of(&action.output["properties"]["result"]))),
    }
}

fn write_fields(page: &mut Page, label: &str, schema: &Value) {
    let Some(properties) = schema["properties"].as_object().filter(|all| !all.is_empty()) else { return };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    page.plain(&format!("  {label}:"));
    let mut table =
        Table::new(&[("    NAME", Align::Left), ("TYPE", Align::Left), ("WHAT IT IS", Align::Left)]);
    for (name, schema) in properties {
        let mark = if required.contains(&name.as_str()) { "*" } else { "" };
        let about = schema["description"].as_str().unwrap_or_default();
        table.row([cell(format!("    {name}{mark}")), cell(type_of(schema)), cell(about)]);
    }
    page.table(&table);
}

fn type_of(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | ");
    }
    match &schema["type"] {
        Value::String(one) => one.clone(),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "),
        _ => "any".to_owned(),
    }
}

fn view_json(view: &ToolView<'_>) -> Value {
    let action = |action: &ActionView<'_>| {
        json!({
            "name": action.name, "aliases": action.aliases, "description": action.description,
            "effect": action.effect.as_str(), "version": action.version, "input": action.input,
            "of_steps": action.of_steps.iter().copied().collect::<BTreeMap<_, _>>(), "output": action.output,
        })
    };
    json!({
        "name": view.name, "kind": kind(view.kind), "aliases": view.aliases, "description": view.description,
        "actions": view.actions.iter().map(action).collect::<Vec<Value>>(),
    })
}

fn agent_json(name: &str, spec: &AgentSpec) -> Value {
    let action = json!({ "name": "execute", "aliases": [], "input": spec.accepts, "output": spec.output });
    json!({ "name": name, "kind": "agent", "aliases": [], "description": "an agent of this project", "actions": [action] })
}
