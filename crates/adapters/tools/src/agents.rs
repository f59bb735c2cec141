//! Agents that carry tools out.

use std::sync::Arc;

use async_trait::async_trait;
use refrain_core::ports::agent::{
    Accepted, Agent, AgentError, AgentFactory, AgentTraits, AskedUnit, Blueprint, Draft, Reply, Request,
    SpecProblem, Touched,
};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::tool_catalogue::{ToolCatalogue as _, ToolKind, Unknown};
use refrain_schemas::agent_spec::{AgentSpec, ToolRef};
use refrain_schemas::digest::Digest;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::json::Json;
use serde_json::{Map, Value, json};

use crate::envelope::answer;
use crate::params::{Params, fitted};
use crate::registry::{Toolbox, declared};
use crate::tool::{Act, Acted, Action, Books, Declared, Fault};

/// Makes agents of tools: `agent: { tool: filesystem }` or `{ tool: { name: filesystem, action: write } }`.
///
/// A unit's input is the tool's parameters; its output is the document that the tool makes.
#[derive(Debug, Clone)]
pub struct ToolAgents {
    tools: Arc<Toolbox>,
}

impl ToolAgents {
    /// Returns what makes agents of these tools.
    #[must_use]
    pub const fn new(tools: Arc<Toolbox>) -> Self {
        Self { tools }
    }
}

/// What an agent may do: one action, or the one that its input names.
#[derive(Debug, Clone, Copy)]
enum Named {
    Action(&'static Declared, &'static Action),
    Tool(&'static Declared),
}

fn named(tools: &Toolbox, reference: &ToolRef) -> Result<Named, Unknown> {
    let unknown = || Unknown::Tool { name: reference.name().to_owned() };
    let view = tools.find(reference.name()).ok_or_else(unknown)?;
    let tool = declared(view.name).ok_or_else(unknown)?;
    match view.meant(reference.action(), &mut Map::new()) {
        Ok(found) => Ok(tool
            .actions
            .iter()
            .find(|action| action.name == found.name)
            .map_or(Named::Tool(tool), |action| Named::Action(tool, action))),
        // The input says which.
        Err(Unknown::Unsaid { .. }) => Ok(Named::Tool(tool)),
        Err(error) => Err(error),
    }
}

impl AgentFactory for ToolAgents {
    fn handles(&self, spec: &AgentSpec) -> bool {
        spec.tool.is_some()
    }

    fn check(&self, draft: &Draft<'_>) -> Vec<SpecProblem> {
        let Some(reference) = &draft.spec.tool else { return Vec::new() };
        let problem = |message: String, hint: Option<String>| {
            vec![SpecProblem { field: "tool".to_owned(), message, hint }]
        };
        match named(&self.tools, reference) {
            Ok(Named::Action(tool, _) | Named::Tool(tool))
                if !matches!(tool.kind, ToolKind::Tool | ToolKind::Person) =>
            {
                let message = format!("`{}` is no tool that an agent carries out", tool.name);
                problem(message, Some("it is a word of steps files".to_owned()))
            }
            Ok(_) => Vec::new(),
            Err(error) => problem(error.to_string(), Some("`refrain tools` lists them".to_owned())),
        }
    }

    fn describe(&self, draft: &Draft<'_>) -> AgentTraits {
        let found = draft.spec.tool.as_ref().and_then(|reference| named(&self.tools, reference).ok());
        match found {
            Some(Named::Action(tool, action)) => {
                let identity = format!("{}.{}@{}", tool.name, action.name, action.version);
                AgentTraits { effect: action.effect, ..AgentTraits::plain(identity) }
            }
            Some(Named::Tool(tool)) => {
                let version = tool.actions.iter().map(|action| action.version).max().unwrap_or(1);
                let effect =
                    tool.actions.iter().map(|action| action.effect).max_by_key(|effect| *effect as u8);
                let identity = format!("{}@{version}", tool.name);
                AgentTraits { effect: effect.unwrap_or_default(), ..AgentTraits::plain(identity) }
            }
            None => AgentTraits::plain("tool"),
        }
    }

    fn make(&self, blueprint: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
        let wrong = |message: String| AgentError::new(FailureKind::Permanent, message).settled();
        let reference = blueprint.spec.tool.as_ref().ok_or_else(|| wrong("no tool is named".to_owned()))?;
        let named = named(&self.tools, reference).map_err(|error| wrong(error.to_string()))?;
        Ok(Arc::new(ToolAgent { named, tools: self.tools.clone() }))
    }

    fn touches(&self, draft: &Draft<'_>, input: &Value) -> Touched {
        let found = draft.spec.tool.as_ref().and_then(|reference| named(&self.tools, reference).ok());
        let (Some(named), Some(input)) = (found, input.as_object()) else { return Touched::default() };
        let Ok((tool, action, input)) = meant(named, input.clone()) else { return Touched::default() };
        tool.tool.as_ref().map(|tool| tool.touches(action.name, &input)).unwrap_or_default()
    }

    fn accepts(&self, draft: &Draft<'_>) -> Option<Accepted> {
        match named(&self.tools, draft.spec.tool.as_ref()?).ok()? {
            Named::Action(_, action) => {
                let input = Json::of(&scalars_for_texts(&action.input)).ok()?;
                Some(Accepted { input, output: Json::of(&action.output).ok() })
            }
            Named::Tool(_) => None,
        }
    }
}

/// Returns what an action takes where texts may be numbers and booleans as well, which it prints.
fn scalars_for_texts(input: &Value) -> Value {
    let mut input = input.clone();
    let fields = input.get_mut("properties").and_then(Value::as_object_mut);
    for field in fields.into_iter().flat_map(Map::values_mut) {
        if field["type"] == "string" && field.get("enum").is_none() {
            field["type"] = json!(["string", "number", "boolean"]);
        }
    }
    input
}

/// One clone of an agent that is a tool.
#[derive(Debug)]
struct ToolAgent {
    named: Named,
    tools: Arc<Toolbox>,
}

#[async_trait]
impl Agent for ToolAgent {
    async fn answer(&self, request: Request, cancel: &Cancel) -> Result<Reply, AgentError> {
        let mut reply = Reply::default();
        if cancel.is_fired() {
            return Err(AgentError::new(FailureKind::Cancelled, "the call was cancelled").settled());
        }
        for unit in &request.units {
            let books = Books::default();
            let acted = self.act(unit, &request, cancel, &books).await;
            if let Some(used) = books.total() {
                reply.trace.resources.get_or_insert_default().add(&used);
            }
            if let Err(Fault::Raised(mut error)) = acted {
                if request.units.len() == 1 || error.kind == FailureKind::Cancelled {
                    error.trace.resources = reply.trace.resources;
                    return Err(error);
                }
                reply.units.push(answer(unit.id.clone(), Err(Fault::Raised(error))));
                continue;
            }
            reply.units.push(answer(unit.id.clone(), acted));
        }
        Ok(reply)
    }
}

impl ToolAgent {
    async fn act(
        &self,
        unit: &AskedUnit,
        request: &Request,
        cancel: &Cancel,
        books: &Books,
    ) -> Result<Acted, Fault> {
        let Value::Object(input) = unit.input.value() else {
            return Err(Fault::reported("the input of a tool is an object"));
        };
        let (tool, action, input) = meant(self.named, input)?;
        let by = by(unit, request, tool, action, &input);
        carry_out(&self.tools, tool, action.name, input, (by, books), cancel).await
    }
}

/// Carries an action of a tool out.
pub(crate) async fn carry_out(
    tools: &Toolbox,
    tool: &'static Declared,
    action: &str,
    input: Map<String, Value>,
    (by, books): (Digest, &Books),
    cancel: &Cancel,
) -> Result<Acted, Fault> {
    let Some(action) = tool.actions.iter().find(|known| known.name == action) else {
        return Err(Fault::reported(format!("tool `{}` has no action `{action}`", tool.name)));
    };
    let input = fitted(input, &action.input);
    if let Some(complaint) = action.complaint(&input) {
        return Err(Fault::reported(format!("the parameters do not fit `{}`: {complaint}", tool.name)));
    }
    let Some(carrier) = &tool.tool else {
        return Err(Fault::reported(format!("tool `{}` is not carried out here", tool.name)));
    };
    let (params, ports) = (Params::new(input), tools.ports());
    carrier.act(Act { action: action.name, params, by, ports, cancel, books }).await
}

/// Finds the action that is meant, and the input as it is to be.
fn meant(
    named: Named,
    mut input: Map<String, Value>,
) -> Result<(&'static Declared, &'static Action, Map<String, Value>), Fault> {
    let (tool, action) = match named {
        Named::Action(tool, action) => (tool, action),
        Named::Tool(tool) => {
            let name = input.remove("action");
            let name = name.as_ref().and_then(Value::as_str).unwrap_or_default();
            let found =
                tool.actions.iter().find(|action| action.name == name || action.aliases.contains(&name));
            let unknown = || Fault::reported(format!("tool `{}` has no action `{name}`", tool.name));
            (tool, found.ok_or_else(unknown)?)
        }
    };
    Ok((tool, action, fitted(input, &action.input)))
}

/// Tells one doing of an action from every other one.
fn by(
    unit: &AskedUnit,
    request: &Request,
    tool: &Declared,
    action: &Action,
    input: &Map<String, Value>,
) -> Digest {
    let whole = json!([
        request.phase.as_str(),
        request.scope.to_string(),
        request.turns.to_string(),
        unit.id.as_str(),
        tool.name,
        action.name,
        input,
    ]);
    Digest::of_content(whole.to_string().as_bytes())
}
