//! What every tool is made of.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use jsonschema::Validator;
use refrain_core::ports::agent::{AgentError, Effect, Touched};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::clock::Clock;
use refrain_core::ports::fetch::Fetch;
use refrain_core::ports::files::FileError;
use refrain_core::ports::past::Past;
use refrain_core::ports::runner::{Resources, Runner};
use refrain_core::ports::scratch::Scratch;
use refrain_core::ports::store::StoreError;
use refrain_core::ports::tool_catalogue::{Complaint, ToolKind, Written};
use refrain_core::ports::tools::Tools;
use refrain_core::ports::workspace::Workspace;
use refrain_schemas::digest::Digest;
use refrain_schemas::failure::FailureKind;
use serde_json::{Map, Value, json};

use crate::params::Params;
use crate::strangers::stranger;

/// The most complaints about an input that a message quotes.
const COMPLAINTS: usize = 5;

/// What tools reach the world through.
#[derive(Debug, Clone)]
pub struct ToolPorts {
    /// The files of the project.
    pub workspace: Arc<dyn Workspace>,
    /// Processes.
    pub runner: Arc<dyn Runner>,
    /// The web.
    pub fetch: Arc<dyn Fetch>,
    /// What is remembered while a pipeline is carried out.
    pub scratch: Arc<dyn Scratch>,
    /// The runs on record.
    pub past: Arc<dyn Past>,
    /// The servers of the pipeline.
    pub servers: Arc<dyn Tools>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A tool.
#[async_trait]
pub(crate) trait Tool: Debug + Send + Sync {
    /// Says what files an input has an action read and write, as far as it says so itself.
    fn touches(&self, _action: &str, _input: &Map<String, Value>) -> Touched {
        Touched::default()
    }

    /// Says what is wrong with the parts of an input that are written down.
    fn judge(&self, _action: &str, _written: &Written, _files: &dyn Workspace) -> Vec<Complaint> {
        Vec::new()
    }

    /// Carries an action out.
    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault>;
}

/// A tool as it is declared.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) kind: ToolKind,
    pub(crate) description: &'static str,
    pub(crate) actions: Vec<Action>,
    pub(crate) tool: Option<Arc<dyn Tool>>,
}

/// An action as it is declared.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) description: &'static str,
    pub(crate) effect: Effect,
    pub(crate) version: u32,
    pub(crate) input: Value,
    /// What steps say besides, and what that is for.
    pub(crate) of_steps: &'static [(&'static str, &'static str)],
    pub(crate) output: Value,
    /// What judges inputs, made when it is needed first.
    pub(crate) validator: OnceLock<Option<Validator>>,
}

impl Action {
    /// Says what about an input does not fit.
    pub(crate) fn complaint(&self, input: &Map<String, Value>) -> Option<String> {
        let validator = self.validator.get_or_init(|| jsonschema::validator_for(&self.input).ok());
        let input = Value::Object(input.clone());
        if let Some(stranger) = stranger(&input, &self.input) {
            return Some(stranger);
        }
        let errors = validator.as_ref()?.iter_errors(&input).take(COMPLAINTS);
        let all: Vec<String> = errors
            .map(|error| match error.instance_path().to_string() {
                path if path.is_empty() => error.to_string(),
                path => format!("{}: {error}", path.trim_start_matches('/')),
            })
            .collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// What an action is to do.
pub(crate) struct Act<'a> {
    pub(crate) action: &'a str,
    pub(crate) params: Params,
    /// What tells this doing from every other one.
    pub(crate) by: Digest,
    pub(crate) ports: &'a ToolPorts,
    pub(crate) cancel: &'a Cancel,
    /// Where it is noted what programs used.
    pub(crate) books: &'a Books,
}

/// What the programs used that an action started.
#[derive(Debug, Default)]
pub(crate) struct Books(Mutex<Option<Resources>>);

impl Books {
    /// Adds what a program used.
    pub(crate) fn note(&self, used: Resources) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().add(&used);
    }

    /// Returns what there is to know.
    pub(crate) fn total(&self) -> Option<Resources> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an action did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Acted {
    pub(crate) result: Value,
    /// What the document has besides `result`, `success` and `error`.
    pub(crate) extras: Map<String, Value>,
}

/// Why an action failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// It did its work and says so; `result` is what it found.
    Reported { message: String, result: Value },
    /// It could not do its work.
    Raised(AgentError),
    /// It waits for a person to answer this.
    Waiting { message: String, question: Value },
}

impl Acted {
    pub(crate) fn new(result: Value) -> Self {
        Self { result, extras: Map::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extras.insert(name.to_owned(), value.into());
        self
    }
}

impl Fault {
    pub(crate) fn reported(message: impl Into<String>) -> Self {
        Self::Reported { message: message.into(), result: Value::Null }
    }

    pub(crate) fn with(self, result: Value) -> Self {
        match self {
            Self::Reported { message, .. } => Self::Reported { message, result },
            other => other,
        }
    }

    /// Returns the failure of something that was done to a file.
    pub(crate) fn of_file(path: &str) -> impl Fn(FileError) -> Self {
        move |error| Self::reported(error.to_string()).with(json!({ "path": path }))
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Raised(AgentError::new(FailureKind::Transient, error.to_string()).settled())
    }
}
