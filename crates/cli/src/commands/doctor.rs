//! `refrain doctor`

mod checks;
mod reach;

use clap::Args;
use refrain_schemas::doctor::{DoctorCheck, DoctorReport, DoctorStatus as Status};
use refrain_schemas::exit_code::ExitCode;

use crate::args::Globals;
use crate::output::Output;
use crate::project::Project;
use crate::render::page::{Page, Tone};
use crate::report::CliError;
use crate::{runtime, wiring};

/// Look for what is wrong with the project or the machine
///
/// Checks that there is a project and its pipeline is valid, that the programs of its agents and the
/// variables it names are found, that its models and services can be reached, with a key that is taken, a price that
/// is known and a schema that fits, that its MCP servers start and have the tools they should have, that the state
/// folder can be written, that the store can be read, who holds the project, whether calls are in doubt, and what the
/// terminal can show. Changes nothing and asks for nothing that costs money; nobody is waited for longer than five
/// seconds. The exit code is that of the first check that failed, 4 for a key that is missing or not taken.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain doctor
  refrain doctor -C my-game
  refrain doctor --json | jq '.checks[] | select(.status != \"ok\")'")]
pub(crate) struct DoctorArgs {}

/// What to do about a variable without a value.
const SET_IT: &str = "set it in the environment, or in `.env` beside the pipeline file";

/// One check, and the exit code that it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Check {
    name: &'static str,
    status: Status,
    message: String,
    hint: Option<String>,
    code: ExitCode,
}

impl Check {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, message: message.into(), hint: None, code: ExitCode::Ok }
    }

    fn warn(name: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Warn,
            message: message.into(),
            hint: Some(hint.into()),
            code: ExitCode::Ok,
        }
    }

    fn fail(name: &'static str, error: &CliError) -> Self {
        let hint = error.hints().first().cloned();
        Self { name, status: Status::Fail, message: error.message().to_owned(), hint, code: error.code() }
    }

    fn credentials(name: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Fail,
            message: message.into(),
            hint: Some(hint.into()),
            code: ExitCode::Credentials,
        }
    }

    fn report(self) -> DoctorCheck {
        DoctorCheck {
            name: self.name.to_owned(),
            status: self.status,
            message: self.message,
            hint: self.hint,
        }
    }
}

/// Examines the project and the machine.
pub(crate) fn run(_: &DoctorArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let mut checks = vec![Check::ok("version", format!("refrain {}", env!("CARGO_PKG_VERSION")))];
    project(globals, &mut checks);
    checks.push(checks::locale());
    checks.push(checks::terminal(output));
    let code =
        checks.iter().map(|check| check.code).find(|code| *code != ExitCode::Ok).unwrap_or(ExitCode::Ok);
    if output.wants_json() {
        let ok = code == ExitCode::Ok;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let checks = checks.into_iter().map(Check::report).collect();
        output.json(&DoctorReport { schema_version: 1, ok, version, checks })?;
    } else {
        let mut page = output.page();
        write(&mut page, &checks);
        output.show(&page)?;
    }
    Ok(code)
}

/// Examines the project; each check needs that the ones before it found something to look at.
fn project(globals: &Globals, checks: &mut Vec<Check>) {
    let project = match Project::find(globals) {
        Ok(project) => project,
        Err(error) => return checks.push(Check::fail("project", &error)),
    };
    checks.push(Check::ok("project", project.file().display().to_string()));
    checks.push(checks::state_folder(&project));
    let checked = match wiring::check(&project, globals) {
        Ok(checked) => checked,
        Err(error) => return checks.push(Check::fail("pipeline", &error)),
    };
    checks.push(checks::pipeline(&checked));
    let Some(model) = &checked.model else {
        return;
    };
    checks.extend(checks::programs(&project, model));
    checks.extend(checks::variables(&project, &checked));
    let age = wiring::prices_age(wiring::now());
    let reached = runtime::on_this_thread(async { Ok(reach::all(&checked.probe(model).await, age)) });
    checks.extend(reached.unwrap_or_else(|error| vec![Check::fail("model", &error)]));
    match wiring::open(globals) {
        Ok(opened) => {
            let sources = runtime::on_this_thread(async { Ok(checks::sources(&opened).await) });
            checks.extend(sources.unwrap_or_else(|error| vec![Check::fail("source", &error)]));
            let store = runtime::on_this_thread(async { Ok(checks::store(&opened).await) });
            checks.extend(store.unwrap_or_else(|error| vec![Check::fail("store", &error)]));
        }
        Err(error) => checks.push(Check::fail("store", &error)),
    }
}

fn write(page: &mut Page, checks: &[Check]) {
    let indent = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    for check in checks {
        let (tone, word) = match check.status {
            Status::Ok => (Tone::Good, "ok  "),
            Status::Warn => (Tone::Warn, "warn"),
            Status::Fail => (Tone::Bad, "fail"),
        };
        let name = format!("{:indent$}", check.name);
        page.wrapped(&[(tone, word), (Tone::Strong, &name)], &check.message);
        if let Some(hint) = &check.hint {
            let blanks = " ".repeat(indent + 5);
            page.wrapped(&[(Tone::Plain, &blanks), (Tone::Strong, "hint:")], hint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;

    #[test]
    fn each_check_is_a_line_with_its_hint_below() {
        let checks = [
            Check::ok("project", "/games/refrain.yaml"),
            Check::warn("locale", "LANG is not set", "set LANG to a UTF-8 locale such as C.UTF-8"),
            Check::fail("store", &CliError::usage("it is damaged").hint("restore it")),
        ];
        let mut page = Page::new(Theme { color: false, width: 80 });
        write(&mut page, &checks);
        insta::assert_snapshot!(page.as_str(), @r"
        ok   project /games/refrain.yaml
        warn locale  LANG is not set
                     hint: set LANG to a UTF-8 locale such as C.UTF-8
        fail store   it is damaged
                     hint: restore it
        ");
    }
}
