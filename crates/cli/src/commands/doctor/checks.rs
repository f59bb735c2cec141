//! The checks of `refrain doctor`, one function each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use refrain_core::check::{NamedVariable, VariableUse, named_variables};
use refrain_core::model::{AgentModel, Model};
use refrain_core::ports::secrets::Secrets as _;
use refrain_core::redactor::SHORTEST_SECRET;
use refrain_schemas::history::HistoryEntry;
use refrain_schemas::problem::Problem;
use refrain_schemas::scope::Target;

use super::Check;
use crate::environment;
use crate::output::Output;
use crate::project::Project;
use crate::render::numbers::{counted, time};
use crate::report::CliError;
use crate::wiring::{Checked, Opened};

/// Whether the pipeline may run.
pub(super) fn pipeline(checked: &Checked) -> Check {
    let errors = checked.n_errors();
    match &checked.model {
        Some(model) => {
            let warnings = checked.problems.len() - errors;
            let text = format!("{}, {}", model.name, counted(model.phases.len() as u64, "phase"));
            if warnings == 0 {
                return Check::ok("pipeline", text);
            }
            let text = format!("{text}, {}", counted(warnings as u64, "warning"));
            Check::warn("pipeline", text, "`refrain check` shows them")
        }
        None => {
            let error = CliError::usage(counted(errors as u64, "error")).hint("`refrain check` shows them");
            Check::fail("pipeline", &error)
        }
    }
}

/// Whether the state folder can be written, without writing to it.
pub(super) fn state_folder(project: &Project) -> Check {
    let state = project.state();
    let (dir, word) =
        if state.is_dir() { (state.as_path(), "") } else { (project.dir.as_path(), ", not there yet") };
    match rustix::fs::access(dir, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        Ok(()) => Check::ok("state", format!("{}{word}", state.display())),
        Err(error) => {
            let error = CliError::io(&format!("write to {}", dir.display()), &error.into());
            Check::fail("state", &error.hint("every run writes there; mend its owner or its permissions"))
        }
    }
}

/// Whether the programs of command agents are there.
pub(super) fn programs(project: &Project, model: &Model) -> Vec<Check> {
    let commands = model
        .agents
        .iter()
        .filter_map(|(name, agent)| Some((name, agent, agent.spec.command.as_ref()?.first()?)));
    let check = |(name, agent, program): (&_, &AgentModel, &String)| {
        let dir = agent.spec.cwd.as_ref().map_or_else(|| project.dir.clone(), |cwd| project.dir.join(cwd));
        match find_program(&dir, program) {
            Some(path) => Check::ok("agent", format!("{name}: {}", path.display())),
            None => {
                let path = dir.join(program);
                let error = if program.contains('/') && path.is_file() {
                    let error = CliError::usage(format!("{name}: `{program}` may not be executed"));
                    error.hint(format!("allow it with `chmod +x {}`", path.display()))
                } else {
                    let error = CliError::usage(format!("{name}: there is no program `{program}`"));
                    error.hint("install it, or name it by its path from the project folder")
                };
                Check::fail("agent", &error)
            }
        }
    };
    commands.map(check).collect()
}

/// Whether the variables that the pipeline names have values. No value is looked at any closer.
pub(super) fn variables(project: &Project, checked: &Checked) -> Vec<Check> {
    let pipeline = match crate::wiring::pipeline(project) {
        Ok(Some(pipeline)) => pipeline,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![Check::fail("variable", &error)],
    };
    let named = named_variables(&pipeline);
    let agents = checked.model.iter().flat_map(|model| model.agents.values());
    let models: Vec<&AgentModel> = agents.filter(|agent| agent.spec.model.is_some()).collect();
    // What is there for models that are all switched off is missed by nobody yet.
    let is_off = !models.is_empty() && !models.iter().any(|agent| agent.takes_part);
    let check = |variable: &NamedVariable| {
        let NamedVariable { path, name, used_as } = variable;
        match checked.safety.environment.get(name) {
            None if is_off && path.starts_with("endpoints.") => Check::warn(
                "variable",
                format!(
                    "{name} is not set; {path} names it, and nobody needs it: no agent that takes part asks a model"
                ),
                super::SET_IT,
            ),
            None => {
                Check::credentials("variable", format!("{name} is not set; {path} names it"), super::SET_IT)
            }
            Some(value) if *used_as == VariableUse::Secret && value.len() < SHORTEST_SECRET => Check::warn(
                "variable",
                format!("{name} is set, and too short to be recognised where it should not be seen"),
                format!("use a value of at least {SHORTEST_SECRET} characters where it is a secret"),
            ),
            Some(_) => Check::ok("variable", format!("{name} is set")),
        }
    };
    named.iter().map(check).collect()
}

/// Finds a program as the system would: by its path from the project folder, or on `PATH`.
fn find_program(dir: &Path, program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(dir.join(program)).filter(|path| is_executable(path));
    }
    let path = environment::var(environment::PATH)?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// What the store holds, who holds it, and which calls are in doubt.
pub(super) async fn store(opened: &Opened) -> Vec<Check> {
    let store = &opened.engine.ports().store;
    let (history, summary, holder) =
        match (store.history().await, store.ledger_summary().await, store.holder().await) {
            (Ok(history), Ok(summary), Ok(holder)) => (history, summary, holder),
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
                return vec![Check::fail("store", &error.into())];
            }
        };
    let count = |is: fn(&HistoryEntry) -> bool| history.iter().filter(|entry| is(entry)).count() as u64;
    let runs = counted(count(|entry| matches!(entry, HistoryEntry::RunStarted(_))), "run");
    let revisions = counted(count(|entry| matches!(entry, HistoryEntry::Revision(_))), "revision");
    let calls = counted(summary.done, "call");
    let mut checks = vec![Check::ok("store", format!("{runs}, {revisions}, {calls}"))];
    checks.push(artifacts(opened, &history).await);
    let live = holder.is_some();
    checks.push(match holder {
        None => Check::ok("holder", "nobody writes to the project"),
        Some(holder) => {
            let text = format!(
                "process {} on {}: {} (since {})",
                holder.pid,
                holder.host,
                holder.command,
                time(holder.since)
            );
            Check::warn("holder", text, "another run is refused until that one ends; reading works meanwhile")
        }
    });
    checks.push(if live && summary.in_doubt > 0 {
        Check::ok("ledger", format!("{} under way", counted(summary.in_doubt, "call")))
    } else if summary.in_doubt == 0 {
        Check::ok("ledger", "no call is in doubt")
    } else {
        let text = format!("{} in doubt", counted(summary.in_doubt, "call"));
        Check::warn("ledger", text, "`refrain ledger --in-doubt` names them; the next run counts them")
    });
    checks
}

/// Whether the latest artifacts can be read to their end. How fresh they are is not asked: that would start servers.
async fn artifacts(opened: &Opened, history: &[HistoryEntry]) -> Check {
    let made = |entry: &HistoryEntry| match entry {
        HistoryEntry::Revision(record) => Some(record.target.clone()),
        _ => None,
    };
    let made: BTreeSet<Target> = history.iter().filter_map(made).collect();
    let engine = &opened.engine;
    let mut readable = 0;
    for target in engine.model().targets().iter().filter(|target| made.contains(target)) {
        if let Err(error) = engine.show(target, None, 0, None).await {
            return Check::fail("artifacts", &error.into());
        }
        readable += 1;
    }
    Check::ok("artifacts", format!("{} can be read", counted(readable, "latest artifact")))
}

/// Whether what the phases read is there.
pub(super) async fn sources(opened: &Opened) -> Vec<Check> {
    match opened.engine.missing_sources().await {
        Err(error) => vec![Check::fail("source", &error.into())],
        Ok(missing) if missing.is_empty() => vec![Check::ok("source", "every source is there")],
        Ok(missing) => {
            let error = |problem: Problem| CliError::failed(problem.message).hint_if(problem.hint);
            missing.into_iter().map(|problem| Check::fail("source", &error(problem))).collect()
        }
    }
}

/// Whether text beyond ASCII will be shown as it is.
pub(super) fn locale() -> Check {
    let set = environment::LOCALE.iter().find_map(|name| Some((*name, environment::text(name)?)));
    match set {
        Some((name, value)) if is_utf8(&value) => Check::ok("locale", format!("{name}={value}")),
        Some((name, value)) => Check::warn(
            "locale",
            format!("{name}={value} is not UTF-8"),
            "set LC_ALL to a UTF-8 locale such as C.UTF-8",
        ),
        None => Check::warn("locale", "no locale is set", "set LC_ALL to a UTF-8 locale such as C.UTF-8"),
    }
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// What the terminal can show.
pub(super) fn terminal(output: &Output) -> Check {
    let columns = if output.theme.width == usize::MAX {
        String::new()
    } else {
        format!(", {} columns", output.theme.width)
    };
    let colour = if output.theme.color { "colours" } else { "no colours" };
    let place = if output.on_terminal { "a terminal" } else { "no terminal" };
    let check = Check::ok("terminal", format!("{place}{columns}, {colour}"));
    if output.on_terminal && output.theme.width < 60 {
        return Check::warn("terminal", check.message, "tables need 80 columns to read well");
    }
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_path_and_on_the_path() {
        let dir = tempfile::tempdir().unwrap();
        assert!(find_program(dir.path(), "sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(find_program(dir.path(), "no-such-program-anywhere"), None);
        std::fs::write(dir.path().join("agent.sh"), "#!/bin/sh\n").unwrap();
        assert_eq!(find_program(dir.path(), "./agent.sh"), None, "it is not executable");
        assert_eq!(find_program(dir.path(), "/bin/sh"), Some(PathBuf::from("/bin/sh")));
        assert_eq!(find_program(dir.path(), "."), None);
    }

    #[test]
    fn locales_are_judged_by_their_encoding() {
        assert!(is_utf8("C.UTF-8") && is_utf8("de_DE.utf8"));
        assert!(!is_utf8("C") && !is_utf8("de_DE.ISO-8859-1"));
    }
}
