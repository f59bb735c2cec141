//! What a project may know of the environment, and what nobody may see of it.

use std::path::Path;
use std::sync::Arc;

use refrain_core::check::{VariableUse, named_variables};
use refrain_core::ports::agent::AgentFactory;
use refrain_core::ports::secrets::{ALWAYS_PASSED, Secrets as _};
use refrain_core::ports::tools::Tools;
use refrain_core::redactor::Redactor;
use refrain_schemas::pipeline::Pipeline;
use refrain_schemas::problem::{Place, Problem, Severity};
use refrain_system::{DOTENV, Environment, GuardedAgents, GuardedTools};

use crate::report::CliError;
use crate::{environment, redaction};

/// The code of what is wrong with a line of `.env`. The other codes are about the pipeline file.
const DOTENV_LINE: &str = "W0020";

/// The values behind names, and what keeps them from being seen.
#[derive(Debug, Clone)]
pub(crate) struct Safety {
    /// The environment and `.env`.
    pub(crate) environment: Arc<Environment>,
    /// Finds their secrets.
    pub(crate) redactor: Redactor,
}

/// Reads the environment and `.env`.
pub(super) fn environment(project: &Path) -> Result<Arc<Environment>, CliError> {
    let environment = Environment::open(project);
    environment.map(Arc::new).map_err(|error| CliError::io(&format!("read {DOTENV}"), &error))
}

impl Safety {
    /// Reads `.env`, and from now on keeps what is secret out of everything this process prints.
    pub(crate) fn of(project: &Path, pipeline: Option<&Pipeline>) -> Result<Self, CliError> {
        let environment = environment(project)?;
        let redactor = Redactor::new(values(&environment, pipeline));
        redaction::learn(&redactor);
        Ok(Self { environment, redactor })
    }

    /// Returns factories whose agents give no secret away.
    pub(crate) fn guard(&self, factories: Vec<Arc<dyn AgentFactory>>) -> Vec<Arc<dyn AgentFactory>> {
        let guard = |factory| -> Arc<dyn AgentFactory> {
            Arc::new(GuardedAgents::new(factory, self.redactor.clone()))
        };
        factories.into_iter().map(guard).collect()
    }

    /// Returns tools that give no secret away.
    pub(crate) fn guard_tools(&self, tools: Arc<dyn Tools>) -> Arc<dyn Tools> {
        Arc::new(GuardedTools::new(tools, self.redactor.clone()))
    }

    /// Returns what is wrong with the lines of `.env`. They are warnings: the file may be there for other programs.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let problem = |problem: &refrain_system::DotenvProblem| Problem {
            code: DOTENV_LINE.to_owned(),
            severity: Severity::Warning,
            message: problem.message.to_owned(),
            hint: Some(
                "a line is `NAME=value`, `NAME=\"value\"` or a comment; this one does not count".to_owned(),
            ),
            path: String::new(),
            place: Some(Place { file: DOTENV.to_owned(), line: problem.line, column: 1, length: 1 }),
            related: Vec::new(),
        };
        self.environment.problems().iter().map(problem).collect()
    }
}

/// Returns every value that is a secret: keys and headers that the pipeline names, whatever is in `.env` or is passed to a
/// process, and what looks like a secret by its name.
fn values(environment: &Environment, pipeline: Option<&Pipeline>) -> Vec<String> {
    let mut values = environment::secrets();
    for name in environment.names().filter(|name| environment::is_secret(name)) {
        values.extend(environment.get(name));
    }
    values.extend(environment.values().filter(|value| !is_word(value)).map(str::to_owned));
    for variable in pipeline.iter().flat_map(|pipeline| named_variables(pipeline)) {
        let value = environment.get(&variable.name);
        values.extend(match variable.used_as {
            VariableUse::Secret => value,
            VariableUse::Passed if ALWAYS_PASSED.contains(&variable.name.as_str()) => None,
            VariableUse::Passed => value.filter(|value| !is_word(value)),
        });
    }
    values
}

/// Whether a value is a word such as `production`. Under a name that does not look secret it is none, and replies with
/// that word in them have to stay whole.
fn is_word(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_found_out_from_where_it_stands() {
        let project = tempfile::tempdir().unwrap();
        let dotenv = "DB_PASSWORD=correcthorse\nMODE=production\nDB=postgres://u:p@h/d\nPASSED=hidden-7\nbroken: no-such-line-1\n\
                      NAMED=namedkeyvalue\n";
        std::fs::write(project.path().join(DOTENV), dotenv).unwrap();
        let pipeline: Pipeline = serde_json::from_value(serde_json::json!({
            "refrain": 1, "name": "test", "phases": {},
            "endpoints": {"local": {"api_key_env": "NAMED"}},
            "agents": {"command": {"command": ["sh"], "env": ["PASSED", "HOME"]}},
        }))
        .unwrap();
        let environment = Environment::open(project.path()).unwrap();
        let redactor = Redactor::new(values(&environment, Some(&pipeline)));
        for secret in ["correcthorse", "postgres://u:p@h/d", "hidden-7", "no-such-line-1", "namedkeyvalue"] {
            assert!(redactor.finds(secret), "{secret}");
        }
        assert!(!redactor.finds("production"));
        let home = environment.get("HOME");
        assert!(home.is_none_or(|home| home.contains("correcthorse") || !redactor.finds(&home)));
    }
}
