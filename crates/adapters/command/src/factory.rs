//! Makes command agents.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use refrain_core::ports::agent::{
    Agent, AgentError, AgentFactory, AgentTraits, Blueprint, Draft, SpecProblem,
};
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::failure::FailureKind;

use crate::agent::{CommandAgent, program_path};

/// How long a call may take where the spec does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// Makes the agents of specs that say `command:`.
#[derive(Debug, Clone)]
pub struct CommandAgents {
    project: PathBuf,
}

impl CommandAgents {
    /// Returns a factory whose agents run in the project folder.
    ///
    /// # Errors
    /// Fails where the folder is relative and the current folder is gone.
    pub fn new(project: &Path) -> io::Result<Self> {
        Ok(Self { project: std::path::absolute(project)? })
    }

    fn check_program(&self, program: &str) -> Option<SpecProblem> {
        if program.is_empty() {
            return Some(problem(0, "the program has no name", Some("write its name or path first")));
        }
        let path = program_path(program, &self.project);
        if path.is_absolute() && !path.is_file() {
            let hint =
                "paths with a slash start at the project folder; programs on PATH are written without one";
            return Some(problem(0, &format!("there is no file `{program}`"), Some(hint)));
        }
        let words: Vec<&str> = program.split_whitespace().collect();
        // A whole command line in one string is the most usual slip.
        (words.len() > 1 && !path.is_file()).then(|| {
            let hint = format!("write the arguments apart: [{}]", words.join(", "));
            problem(0, "the program's name has spaces, and nothing goes through a shell", Some(&hint))
        })
    }
}

fn problem(position: usize, message: &str, hint: Option<&str>) -> SpecProblem {
    SpecProblem {
        field: format!("command[{position}]"),
        message: message.to_owned(),
        hint: hint.map(str::to_owned),
    }
}

impl AgentFactory for CommandAgents {
    fn handles(&self, spec: &AgentSpec) -> bool {
        spec.command.is_some()
    }

    fn check(&self, Draft { spec, .. }: &Draft<'_>) -> Vec<SpecProblem> {
        let command = spec.command.as_deref().unwrap_or_default();
        let Some(program) = command.first() else {
            return vec![SpecProblem {
                field: "command".to_owned(),
                message: "the command is empty".to_owned(),
                hint: Some("write the program and its arguments, as in `[python3, agent.py]`".to_owned()),
            }];
        };
        let nul = |(position, _)| problem(position, "a NUL character cannot be passed to a program", None);
        let nuls = command.iter().enumerate().filter(|(_, word)| word.contains('\0')).map(nul);
        self.check_program(program).into_iter().chain(nuls).collect()
    }

    fn describe(&self, _: &Draft<'_>) -> AgentTraits {
        AgentTraits { default_timeout: Some(DEFAULT_TIMEOUT), ..AgentTraits::plain("command") }
    }

    fn make(&self, blueprint: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
        let spec = &blueprint.spec;
        let command = spec.command.as_deref().unwrap_or_default();
        let agent = CommandAgent::new(command, &self.project, spec.oneshot, blueprint);
        let agent = agent.ok_or_else(|| {
            let message = format!("agent `{}` has no command", blueprint.name);
            AgentError::new(FailureKind::Permanent, message)
        })?;
        Ok(Arc::new(agent))
    }
}

#[cfg(test)]
mod tests {
    use refrain_schemas::pipeline::Declarations;

    use super::*;

    fn check(command: &[&str], expect: &[&str]) {
        let factory = CommandAgents::new(Path::new("/nowhere")).unwrap();
        let command = Some(command.iter().map(|&word| word.to_owned()).collect());
        let problems = factory.check(&Draft {
            spec: &AgentSpec { command, ..AgentSpec::default() },
            declared: &Declarations::default(),
        });
        let found: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.field, p.message)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn commands_are_checked() {
        check(&["python3", "agent.py"], &[]);
        check(&[], &["command: the command is empty"]);
        check(&[""], &["command[0]: the program has no name"]);
        check(&["sh", "a\0"], &["command[1]: a NUL character cannot be passed to a program"]);
        check(
            &["./agent", "\0"],
            &[
                "command[0]: there is no file `./agent`",
                "command[1]: a NUL character cannot be passed to a program",
            ],
        );
        check(
            &["python3 agent.py"],
            &["command[0]: the program's name has spaces, and nothing goes through a shell"],
        );
    }
}
