//! Which tool and which of its actions a step means, and whether its parameters are right.

use indexmap::IndexMap;
use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;
use refrain_core::ports::tool_catalogue::{
    About, ActionView, ToolCatalogue, ToolKind, ToolView, Unknown, Written,
};
use refrain_schemas::agent_spec::{AgentSpec, SchemaRef};
use refrain_schemas::name::AgentName;
use serde_json::{Map, Value};

use super::literal;
use super::reading::{Fields, Item, Reading, json};
use super::serving;
use super::texts::has_template;

/// Actions that ask a model.
const MODEL: [&str; 7] = [
    "generate",
    "generate_text",
    "generate-text",
    "generate_structured",
    "generate-structured",
    "analyze_text",
    "analyze",
];

/// Parameters of tools that ask people which nothing could act on, and what to do instead.
const REFUSED_OF_PEOPLE: [(&str, &str); 3] = [
    ("context", "leave it out: what is asked is answered with `refrain answer`"),
    (
        "retry_on_invalid",
        "leave it out: an answer that does not fit is refused at once, and may be given again",
    ),
    ("max_retries", "leave it out: an answer that does not fit may be given again as often as it takes"),
];
/// What of their parameters becomes a file of the step.
pub(super) const SAVED: &str = "save_to_file";

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    /// An action of a tool.
    Tool(Box<ToolAct>),
    /// A model answers.
    Model,
    /// Another pipeline runs.
    Pipeline,
    /// An agent of the file does it; the JSON Schema of what it takes, where that is written here.
    Agent(AgentName, Option<Value>),
}

/// The agents that a file declares.
pub(super) type Agents = IndexMap<AgentName, AgentSpec>;

/// An action of a tool.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ToolAct {
    pub(super) tool: String,
    pub(super) action: String,
    /// Whether `parameters.action` named it.
    pub(super) is_inner: bool,
    /// What the words of the action say.
    pub(super) said: Map<String, Value>,
    /// The schema of its document.
    pub(super) gives: Value,
    /// Whether it may be told in which order columns are written.
    pub(super) orders_columns: bool,
}

/// Finds out what a step does; `None` where that was reported.
pub(super) fn act(
    reading: &mut Reading<'_>,
    step: &Fields<'_>,
    tools: &dyn ToolCatalogue,
    agents: &Agents,
) -> Option<Act> {
    let action = step.get("action");
    let Some(tool) = step.get("tool") else {
        return bare(reading, step, &action?, tools);
    };
    let name = reading.text(&tool)?;
    let found = tools.find(name);
    if let Some((agent, spec)) = agents.get_key_value(name) {
        match &found {
            Some(view) if view.kind != ToolKind::Absent => {
                let hint = Some("give the agent another name".to_owned());
                let message = format!("`{name}` is both a tool and an agent of the file");
                reading.at(Code::StepTwo, &tool, message, hint);
                return None;
            }
            _ => return of_agent(reading, step, &tool, agent, spec),
        }
    }
    match found {
        None => {
            let own = agents.iter().filter(|(_, spec)| spec.accepts.is_some()).map(|(name, _)| name.as_str());
            let hint = suggestion(name, usable(tools).into_iter().chain(own));
            reading.at(Code::StepTool, &tool, format!("there is no tool `{name}`"), hint);
            None
        }
        Some(view) => of_tool(reading, step, &view, &tool, action.as_ref()),
    }
}

/// An agent of the file is a tool where it says what it takes.
fn of_agent(
    reading: &mut Reading<'_>,
    step: &Fields<'_>,
    tool: &Item<'_>,
    agent: &AgentName,
    spec: &AgentSpec,
) -> Option<Act> {
    let Some(accepts) = &spec.accepts else {
        let hint = Some(format!("add `accepts:` with a JSON Schema to `agents.{agent}`"));
        let message = format!("the agent `{agent}` does not say what it takes, so that no step can use it");
        reading.at(Code::StepTool, tool, message, hint);
        return None;
    };
    if let Some(action) = step.get("action") {
        let name = reading.text(&action)?;
        if name != "execute" {
            let hint = Some("leave `action` out".to_owned());
            reading.at(Code::StepAction, &action, format!("an agent has no action `{name}`"), hint);
            return None;
        }
    }
    let schema = match accepts {
        SchemaRef::Inline(schema) => Some(Value::Object(schema.clone())),
        SchemaRef::File(_) => None,
    };
    Some(Act::Agent(agent.clone(), schema))
}

/// Holds the literal parameters of a step to what an agent of the file takes.
pub(super) fn check_agent(reading: &mut Reading<'_>, step: &Fields<'_>, schema: &Value) {
    match step.get("parameters") {
        Some(item) => literal::parameters(reading, &item, schema, &[], &[]),
        None => literal::missing(reading, (&step.path, step.span), schema, &[]),
    }
}

/// An action without a tool: one of the registry, the name of a tool, or words.
fn bare(
    reading: &mut Reading<'_>,
    step: &Fields<'_>,
    action: &Item<'_>,
    tools: &dyn ToolCatalogue,
) -> Option<Act> {
    let written = reading.text(action)?.trim();
    if MODEL.contains(&written) {
        return Some(Act::Model);
    }
    // The words of an action may be the name of a tool, whose parameters say what it does then.
    if let Some(found) = tools.bare(written)
        && let Some(view) = tools.find(&found.tool)
        && let Some(known) = view.action(&found.action)
    {
        return Some(of_action(&view, known, false, found.parameters));
    }
    if let Some(view) = tools.find(written) {
        return of_tool(reading, step, &view, action, None);
    }
    let known = usable(tools).into_iter().chain(MODEL).chain(["evaluate_condition"]);
    let known: Vec<&str> = known.collect();
    let hint = suggestion(written, known.iter().copied());
    reading.at(Code::StepAction, action, format!("there is no action `{written}`"), hint);
    None
}

/// Returns the tools that may be suggested: those that are carried out.
fn usable(tools: &dyn ToolCatalogue) -> Vec<&str> {
    let kind = |name: &str| tools.find(name).map(|view| view.kind);
    let is_usable = |name: &&str| !matches!(kind(name), Some(ToolKind::Absent | ToolKind::Lowered));
    tools.names().into_iter().filter(is_usable).collect()
}

fn of_tool(
    reading: &mut Reading<'_>,
    step: &Fields<'_>,
    view: &ToolView<'_>,
    tool: &Item<'_>,
    action: Option<&Item<'_>>,
) -> Option<Act> {
    match view.kind {
        ToolKind::Lowered => return Some(Act::Pipeline),
        ToolKind::Model => return Some(Act::Model),
        ToolKind::Tool | ToolKind::Person | ToolKind::Absent => {}
    }
    let named = match action {
        Some(item) => Some(reading.text(item)?),
        None => None,
    };
    let mut input = match step.get("parameters").map(|item| json(item.node)) {
        Some(Value::Object(input)) => input,
        _ => Map::new(),
    };
    let had = input.contains_key("action");
    match view.meant(named, &mut input) {
        Ok(found) => Some(of_action(view, found, had && !input.contains_key("action"), Map::new())),
        Err(error) => {
            let parameters = step.get("parameters").and_then(|item| reading.fields(&item));
            let inner = parameters.and_then(|fields| fields.get("action"));
            let by_input = named.is_none_or(|name| name == "execute") && inner.is_some();
            let place = if by_input { inner } else { action.cloned() };
            let place = place.unwrap_or_else(|| tool.clone());
            let known = || view.actions.iter().map(|action| action.name);
            let (code, place, hint) = match &error {
                Unknown::Tool { .. } | Unknown::Absent { .. } => (Code::StepTool, tool, None),
                Unknown::Action { action, .. } if serving::is_subscription(view.name, action) => {
                    let hint = "use `read`: a step reads once, and in every run anew";
                    (Code::StepRefused, &place, Some(hint.to_owned()))
                }
                Unknown::Action { action, .. } => (Code::StepAction, &place, suggestion(action, known())),
                Unknown::Unsaid { .. } => {
                    (Code::StepAction, &place, Some("name one: `action: …`".to_owned()))
                }
                _ => (Code::StepAction, &place, None),
            };
            reading.at(code, place, error.to_string(), hint);
            None
        }
    }
}

fn of_action(view: &ToolView<'_>, found: &ActionView<'_>, is_inner: bool, said: Map<String, Value>) -> Act {
    Act::Tool(Box::new(ToolAct {
        tool: view.name.to_owned(),
        action: found.name.to_owned(),
        is_inner,
        said,
        gives: found.output.clone(),
        orders_columns: found.input.pointer("/properties/column_order").is_some(),
    }))
}

/// Holds the parameters of a step to what the action takes.
pub(super) fn check(reading: &mut Reading<'_>, step: &Fields<'_>, act: &ToolAct, tools: &dyn ToolCatalogue) {
    let found = tools.find(&act.tool).and_then(|view| view.action(&act.action));
    let Some(found) = found else { return };
    let parameters = step.get("parameters");
    let own = found.of_steps.iter().map(|(name, _)| *name);
    let mut skip: Vec<&str> = act.is_inner.then_some("action").into_iter().chain(own).collect();
    let said: Vec<&str> = act.said.keys().map(String::as_str).collect();
    let before = reading.n_problems();
    if found_kind(tools, act) == Some(ToolKind::Person)
        && let Some(fields) = parameters.as_ref().and_then(|item| reading.fields(item))
    {
        for (key, hint) in REFUSED_OF_PEOPLE {
            if let Some(item) = fields.get(key) {
                let message = format!("`{key}` is not part of the language");
                reading.at_key(Code::StepRefused, &item, message, Some(hint.to_owned()));
                skip.push(key);
            }
        }
        if let Some(item) = fields.get("input_type").filter(|item| item.text() == Some("choice"))
            && fields.get("choices").is_none()
        {
            let hint = Some("add `choices: [ … ]`".to_owned());
            reading.at(Code::StepMissing, &item, "a choice is asked for, and `choices` is missing", hint);
        }
    }
    match &parameters {
        Some(item) => literal::parameters(reading, item, found.input, &skip, &said),
        None => literal::missing(reading, (&step.path, step.span), found.input, &said),
    }
    if reading.n_problems() == before {
        refused(reading, step, act, tools);
    }
}

/// Reports what a tool itself has against literal parameters, such as a path that leads out of the project.
fn refused(reading: &mut Reading<'_>, step: &Fields<'_>, act: &ToolAct, tools: &dyn ToolCatalogue) {
    let item = step.get("parameters");
    let fields = item.as_ref().and_then(|item| reading.fields(item));
    let said = act.said.iter().map(|(key, value)| (key.clone(), value.clone()));
    let given = fields.iter().flat_map(Fields::iter).map(|(key, item)| (key.to_owned(), json(item.node)));
    let mut written = Written::default();
    for (key, value) in said.chain(given) {
        if has_template(&value) {
            written.made.insert(key);
        } else {
            written.literals.insert(key, value);
        }
    }
    for complaint in tools.judge(&act.tool, &act.action, &written) {
        let hint = match complaint.about {
            About::Path => None,
            About::Value => Some(format!("`refrain tools {}` says what it takes", act.tool)),
        };
        match fields.as_ref().and_then(|fields| fields.get(&complaint.parameter)) {
            Some(place) => reading.at(Code::StepOutside, &place, complaint.message, hint),
            None if !written.has(&complaint.parameter) => {
                reading.report(Code::StepMissing, &step.path, step.span, complaint.message, hint);
            }
            None => {}
        }
    }
}

pub(super) fn found_kind(tools: &dyn ToolCatalogue, act: &ToolAct) -> Option<ToolKind> {
    tools.find(&act.tool).map(|view| view.kind)
}

/// Returns what a question calls its answer in its result.
pub(super) fn answered(tool: &str) -> &'static str {
    match tool {
        "user-prompt" => "value",
        "approval-gate" => "content",
        _ => "answers",
    }
}

/// What a step does as far as it can be told without knowing the tools.
pub(super) fn untold(step: &Fields<'_>) -> Option<Act> {
    let action = step.get("action").and_then(|item| item.text().map(str::to_owned));
    let tool = step.get("tool").and_then(|item| item.text().map(str::to_owned)).or_else(|| action.clone())?;
    let action = action.unwrap_or_else(|| "execute".to_owned());
    if MODEL.contains(&action.as_str()) {
        return Some(Act::Model);
    }
    Some(Act::Tool(Box::new(ToolAct {
        tool,
        action,
        is_inner: false,
        said: Map::new(),
        gives: Value::Null,
        orders_columns: false,
    })))
}
