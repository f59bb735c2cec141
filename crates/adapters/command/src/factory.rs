//! Makes command agents.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use refrain_core::ports::agent::{
    Agent, AgentError, AgentFactory, AgentTraits, Blueprint, Draft, SpecProblem,
};
use refrain_core::ports::secrets::Secrets;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::environment::{Variable, set_variables};
use refrain_schemas::failure::FailureKind;

use crate::agent::{CommandAgent, program_path};

/// How long a call may take where the spec does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// Makes the agents of specs that say `command:`.
#[derive(Debug, Clone)]
pub struct CommandAgents {
    project: PathBuf,
    secrets: Arc<dyn Secrets>,
}

impl CommandAgents {
    /// Returns a factory whose agents run in the project folder, or in a folder within it where their spec says so, and
    /// find the values of the variables they are passed in `secrets`.
    ///
    /// # Errors
    /// Fails where the folder is relative and the current folder is gone.
    pub fn new(project: &Path, secrets: Arc<dyn Secrets>) -> io::Result<Self> {
        Ok(Self { project: std::path::absolute(project)?, secrets })
    }

    /// Returns the folder that an agent runs in.
    fn folder(&self, spec: &AgentSpec) -> PathBuf {
        spec.cwd.as_ref().map_or_else(|| self.project.clone(), |cwd| self.project.join(cwd))
    }

    fn check_program(&self, program: &str, folder: &Path) -> Option<SpecProblem> {
        if program.is_empty() {
            return Some(problem(0, "the program has no name", Some("write its name or path first")));
        }
        let path = program_path(program, folder);
        if path.is_absolute() && !path.is_file() {
            let hint = "paths with a slash start at the folder the command runs in; programs on PATH are written without one";
            return Some(problem(0, &format!("there is no file `{program}`"), Some(hint)));
        }
        let words: Vec<&str> = program.split_whitespace().collect();
        // A whole command line in one string is the most usual slip.
        (words.len() > 1 && !path.is_file()).then(|| {
            let hint = format!("write the arguments apart: [{}]", words.join(", "));
            problem(0, "the program's name has spaces, and nothing goes through a shell", Some(&hint))
        })
    }

    fn check_folder(&self, cwd: &str) -> Option<SpecProblem> {
        let problem = |message: String, hint: &str| SpecProblem {
            field: "cwd".to_owned(),
            message,
            hint: Some(hint.to_owned()),
        };
        let hint = "name a folder within the project, as in `cwd: agents`";
        let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if cwd.is_empty() || cwd.contains('\0') || !Path::new(cwd).components().all(plain) {
            return Some(problem(format!("`{cwd}` does not name a folder of the project"), hint));
        }
        let folder = self.project.join(cwd);
        if !folder.is_dir() {
            return Some(problem(format!("there is no folder `{cwd}`"), hint));
        }
        // A link within the project may still lead out of it.
        let real = |path: &Path| path.canonicalize().ok();
        let inside = real(&folder)
            .zip(real(&self.project))
            .is_none_or(|(folder, project)| folder.starts_with(project));
        (!inside).then(|| problem(format!("`{cwd}` leads out of the project"), hint))
    }
}

/// Checks an `env:` list. An entry is not shown: it may hold a value.
fn check_variables(entries: &[String]) -> Vec<SpecProblem> {
    let problem = |(n, entry): (usize, &String)| {
        let error = Variable::parse(entry).err()?;
        Some(SpecProblem {
            field: format!("env[{n}]"),
            message: error.to_string(),
            hint: Some("write `NAME` to pass a variable on, or `NAME=value`".to_owned()),
        })
    };
    entries.iter().enumerate().filter_map(problem).collect()
}

/// Returns what sets a command apart besides its words and files: where it runs and the variables that its spec sets. Those
/// it passes on are not in it, and where there is nothing it is as it always was, so that no reply is lost.
fn identity(spec: &AgentSpec) -> String {
    let mut identity = "command".to_owned();
    if let Some(cwd) = &spec.cwd {
        identity.push_str(&format!("\0cwd={cwd}"));
    }
    for (name, value) in set_variables(&spec.env) {
        identity.push_str(&format!("\0env {name}={value}"));
    }
    identity
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
        let folder = spec.cwd.as_ref().and_then(|cwd| self.check_folder(cwd));
        // Without its folder nobody can say whether a program is there.
        let program = if folder.is_none() { self.check_program(program, &self.folder(spec)) } else { None };
        let nul = |(position, _)| problem(position, "a NUL character cannot be passed to a program", None);
        let nuls = command.iter().enumerate().filter(|(_, word)| word.contains('\0')).map(nul);
        folder.into_iter().chain(program).chain(nuls).chain(check_variables(&spec.env)).collect()
    }

    fn describe(&self, Draft { spec, .. }: &Draft<'_>) -> AgentTraits {
        AgentTraits { default_timeout: Some(DEFAULT_TIMEOUT), ..AgentTraits::plain(identity(spec)) }
    }

    fn make(&self, blueprint: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
        let agent = CommandAgent::new(self.folder(&blueprint.spec), self.secrets.clone(), blueprint);
        let agent = agent.ok_or_else(|| {
            let message = format!("agent `{}` has no command", blueprint.name);
            AgentError::new(FailureKind::Permanent, message)
        })?;
        Ok(Arc::new(agent))
    }
}

#[cfg(test)]
mod tests {
    use refrain_core::ports::secrets::NoSecrets;
    use refrain_schemas::pipeline::Declarations;

    use super::*;

    fn problems(project: &Path, spec: &AgentSpec) -> Vec<String> {
        let factory = CommandAgents::new(project, Arc::new(NoSecrets)).unwrap();
        let problems = factory.check(&Draft { spec, declared: &Declarations::default() });
        problems.iter().map(|p| format!("{}: {}", p.field, p.message)).collect()
    }

    fn check(command: &[&str], expect: &[&str]) {
        let command = Some(command.iter().map(|&word| word.to_owned()).collect());
        let spec = AgentSpec { command, ..AgentSpec::default() };
        assert_eq!(problems(Path::new("/nowhere"), &spec), expect);
    }

    fn spec(cwd: Option<&str>, env: &[&str]) -> AgentSpec {
        AgentSpec {
            command: Some(vec!["sh".to_owned()]),
            cwd: cwd.map(str::to_owned),
            env: env.iter().map(|&entry| entry.to_owned()).collect(),
            ..AgentSpec::default()
        }
    }

    #[test]
    fn folders_are_within_the_project() {
        let project = tempfile::tempdir().unwrap();
        std::fs::create_dir(project.path().join("agents")).unwrap();
        std::os::unix::fs::symlink("/", project.path().join("out")).unwrap();
        std::fs::write(project.path().join("file"), "").unwrap();
        let check = |cwd: &str, expect: &[&str]| {
            assert_eq!(problems(project.path(), &spec(Some(cwd), &[])), expect, "{cwd}");
        };
        check("agents", &[]);
        check("./agents/", &[]);
        check("gone", &["cwd: there is no folder `gone`"]);
        check("file", &["cwd: there is no folder `file`"]);
        check("..", &["cwd: `..` does not name a folder of the project"]);
        check("agents/../..", &["cwd: `agents/../..` does not name a folder of the project"]);
        check("/tmp", &["cwd: `/tmp` does not name a folder of the project"]);
        check("", &["cwd: `` does not name a folder of the project"]);
        check("out", &["cwd: `out` leads out of the project"]);
    }

    #[test]
    fn variables_are_checked_without_being_shown() {
        let name =
            "a variable's name is made of letters, digits and underscores and does not begin with a digit";
        let found = problems(Path::new("/"), &spec(None, &["GOOD", "B=x", "my-key=hidden", ""]));
        assert_eq!(found, [format!("env[2]: {name}"), format!("env[3]: {name}")]);
    }

    #[test]
    fn only_what_the_spec_itself_says_is_part_of_the_identity() {
        let of = |cwd, env: &[&str]| identity(&spec(cwd, env));
        assert_eq!(of(None, &[]), "command");
        assert_eq!(of(None, &["API_KEY"]), "command");
        assert_eq!(of(None, &["B=2", "A=1"]), of(None, &["A=1", "API_KEY", "B=2"]));
        let different =
            [of(None, &[]), of(None, &["A=1"]), of(None, &["A=2"]), of(Some("a"), &[]), of(Some("b"), &[])];
        assert_eq!(std::collections::BTreeSet::from(different).len(), 5);
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
