//! The tools there are: what each does, takes and gives.

use std::collections::BTreeSet;
use std::fmt::Debug;

use serde_json::{Map, Value};

use super::agent::Effect;

/// Knows the tools of the registry; it carries none of them out.
pub trait ToolCatalogue: Debug + Send + Sync {
    /// Finds a tool by its name or by another one that it goes by.
    fn find(&self, name: &str) -> Option<ToolView<'_>>;

    /// Returns the names of all tools, in order.
    fn names(&self) -> Vec<&str>;

    /// Finds what an action stands for that names no tool: `evaluate_condition`, `echo TEXT`, `write TEXT to FILE`.
    fn bare(&self, action: &str) -> Option<BareAction>;

    /// Says what of an input that is written down, and not made by templates, an action would refuse, besides what its
    /// schema does: a path that leads out of the project, for instance.
    fn judge(&self, tool: &str, action: &str, written: &Written) -> Vec<Complaint>;
}

/// An input as far as it is known before anything is carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The parameters that are written down.
    pub literals: Map<String, Value>,
    /// The names of those that templates make.
    pub made: BTreeSet<String>,
}

impl Written {
    /// Whether there is a parameter of this name, whatever it is; null is none.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.made.contains(name) || self.get(name).is_some_and(|value| !value.is_null())
    }

    /// Returns a parameter that is written down.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.literals.get(name)
    }
}

/// The other name of an action that goes by any.
pub const ANY_NAME: &str = "*";

/// What a tool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolKind {
    /// It is carried out.
    Tool,
    /// A person answers.
    Person,
    /// A model answers.
    Model,
    /// It is another way to write something of the pipeline.
    Lowered,
    /// It is known, and not carried out here.
    Absent,
}

/// A tool as it is declared.
#[derive(Debug, Clone, Copy)]
pub struct ToolView<'a> {
    /// Its name.
    pub name: &'a str,
    /// The other names that it goes by.
    pub aliases: &'a [&'a str],
    /// What it is.
    pub kind: ToolKind,
    /// What it is for; of an absent one, what to do instead.
    pub description: &'a str,
    /// What it can do.
    pub actions: &'a [ActionView<'a>],
}

/// An action as it is declared.
#[derive(Debug, Clone, Copy)]
pub struct ActionView<'a> {
    /// Its name.
    pub name: &'a str,
    /// The other names that it goes by.
    pub aliases: &'a [&'a str],
    /// What it does.
    pub description: &'a str,
    /// What it leaves behind.
    pub effect: Effect,
    /// The version of what it does; part of the identity of who uses it.
    pub version: u32,
    /// The JSON Schema of its input, which is an object.
    pub input: &'a Value,
    /// What steps say besides, which is none of its input, and what that is for.
    pub of_steps: &'a [(&'a str, &'a str)],
    /// The JSON Schema of the document that it makes: `result`, `success`, `error` and what else there is.
    pub output: &'a Value,
}

/// An action that names no tool.
#[derive(Debug, Clone, PartialEq)]
pub struct BareAction {
    /// The tool.
    pub tool: String,
    /// Its action.
    pub action: String,
    /// The part of its input that the words of the action say.
    pub parameters: Map<String, Value>,
}

/// Something that an action would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The parameter; one that is not there is missing.
    pub parameter: String,
    /// What is wrong.
    pub message: String,
    /// With what.
    pub about: About,
}

/// What of a parameter an action would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Where it leads.
    Path,
    /// What it says.
    Value,
}

/// Why there is no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unknown {
    /// There is no such tool.
    #[error("there is no tool `{name}`")]
    Tool {
        /// What was sought.
        name: String,
    },
    /// The tool is known, but nothing carries it out.
    #[error("tool `{name}` is not carried out here: {instead}")]
    Absent {
        /// The tool.
        name: String,
        /// What to do instead.
        instead: String,
    },
    /// The tool has no such action.
    #[error("tool `{tool}` has no action `{action}`; it has {known}")]
    Action {
        /// The tool.
        tool: String,
        /// What was sought.
        action: String,
        /// What there is.
        known: String,
    },
    /// The tool has several actions, and none is named.
    #[error("tool `{tool}` has several actions: {known}")]
    Unsaid {
        /// The tool.
        tool: String,
        /// What there is.
        known: String,
    },
}

impl<'a> ToolView<'a> {
    /// Finds an action by its name or by another one that it goes by.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&'a ActionView<'a>> {
        let is_called = |action: &&ActionView<'_>| action.name == name || action.aliases.contains(&name);
        let goes_by_any = |action: &&ActionView<'_>| action.aliases.contains(&ANY_NAME);
        self.actions.iter().find(is_called).or_else(|| self.actions.iter().find(goes_by_any))
    }

    /// Returns the names by which a model that may use the tool knows its actions: the tool's own where there is one alone.
    #[must_use]
    pub fn offers(&self) -> Vec<(String, &'a ActionView<'a>)> {
        let name = |action: &ActionView<'_>| match self.actions {
            [_] => self.name.to_owned(),
            _ => format!("{}_{}", self.name, action.name),
        };
        self.actions.iter().map(|action| (name(action), action)).collect()
    }

    /// Returns the names of the actions, for messages.
    #[must_use]
    pub fn known(&self) -> String {
        let names: Vec<String> = self.actions.iter().map(|action| format!("`{}`", action.name)).collect();
        names.join(", ")
    }

    /// Finds the action that is meant: the one that is named; for `execute`, or where none is, the one that the input
    /// names as `action`; else the only one there is. The `action` of the input is taken out of it.
    ///
    /// # Errors
    /// Fails where there is no such action, and where several may be meant.
    pub fn meant(
        &self,
        named: Option<&str>,
        input: &mut Map<String, Value>,
    ) -> Result<&'a ActionView<'a>, Unknown> {
        if self.kind == ToolKind::Absent {
            let (name, instead) = (self.name.to_owned(), self.description.to_owned());
            return Err(Unknown::Absent { name, instead });
        }
        let unknown = |action: &str| Unknown::Action {
            tool: self.name.to_owned(),
            action: action.to_owned(),
            known: self.known(),
        };
        if let Some(name) = named.filter(|name| *name != "execute") {
            let found = self.action(name).ok_or_else(|| unknown(name))?;
            let again = input.get("action").and_then(Value::as_str);
            let is_same =
                |again: &str| again == name || again == found.name || found.aliases.contains(&again);
            // Who says it twice says it, unless the action has a parameter of that name.
            if again.is_some_and(is_same) && found.input.pointer("/properties/action").is_none() {
                input.remove("action");
            }
            return Ok(found);
        }
        if let Some(action) = self.action("execute") {
            return Ok(action);
        }
        match (input.get("action"), self.actions) {
            (Some(Value::String(name)), _) => {
                let found = self.action(name).ok_or_else(|| unknown(name))?;
                input.remove("action");
                Ok(found)
            }
            (_, [only]) if named.is_none() => Ok(only),
            _ => Err(Unknown::Unsaid { tool: self.name.to_owned(), known: self.known() }),
        }
    }
}

/// Whether all of a text fits a regular expression.
///
/// # Errors
/// Says why the pattern does not parse.
pub fn whole_match(pattern: &str, text: &str) -> Result<bool, String> {
    const LONGEST: usize = 1_000;
    const LARGEST: usize = 1 << 20;
    if pattern.len() > LONGEST {
        return Err(format!("the pattern is longer than {LONGEST} bytes"));
    }
    let regex = regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(LARGEST).build();
    regex.map(|regex| regex.is_match(text)).map_err(|error| {
        let error = error.to_string();
        let last = error.lines().last().unwrap_or_default();
        format!("the pattern does not parse: {}", last.trim_start_matches("error: "))
    })
}

/// Finds the action of a tool that is meant, as [`ToolView::meant`] does.
///
/// # Errors
/// Fails where there is no such tool or action, and where several actions may be meant.
pub fn meant<'a>(
    catalogue: &'a dyn ToolCatalogue,
    tool: &str,
    action: Option<&str>,
    input: &mut Map<String, Value>,
) -> Result<(ToolView<'a>, &'a ActionView<'a>), Unknown> {
    let view = catalogue.find(tool).ok_or_else(|| Unknown::Tool { name: tool.to_owned() })?;
    let action = view.meant(action, input)?;
    Ok((view, action))
}
