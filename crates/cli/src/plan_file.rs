//! Plans as files: written whole or not at all, and read with care.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;

use refrain_core::engine::{RunRequest, Selection};
use refrain_schemas::money::Budget;
use refrain_schemas::plan_file::{PLAN_FILE_VERSION, PlanFile, PlannedRequest};
use serde_json::Value;

use crate::address::PhaseAddress;
use crate::args::Globals;
use crate::report::CliError;
use crate::wiring::Opened;
use crate::{overwrite, project, redaction, whole_file};

/// Refuses to write a plan over a file that is none.
pub(crate) fn may_write(path: &Path, globals: &Globals) -> Result<(), CliError> {
    overwrite::refuse(&project::start(globals)?.join(path), "plan", is_plan)
}

fn is_plan(file: File) -> bool {
    serde_json::from_reader::<_, Value>(BufReader::new(file))
        .is_ok_and(|value| value.get("refrain_plan").is_some_and(Value::is_u64))
}

/// Writes a plan: the file is there with all of it, or as it was.
pub(crate) fn write(path: &Path, plan: &PlanFile, globals: &Globals) -> Result<(), CliError> {
    may_write(path, globals)?;
    let path = project::start(globals)?.join(path);
    let text = serde_json::to_string_pretty(plan).map_err(|error| CliError::internal(error.to_string()))?;
    whole_file::replace(&path, &format!("{}\n", redaction::json(&text)))
        .map_err(|error| CliError::io(&format!("write {}", path.display()), &error))
}

/// Reads a plan of a project.
pub(crate) fn read(path: &Path, opened: &Opened, globals: &Globals) -> Result<PlanFile, CliError> {
    let path = project::start(globals)?.join(path);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(CliError::usage(format!("there is no plan {}", path.display()))
                .hint("`refrain plan -o FILE` writes one"));
        }
        Err(error) => return Err(CliError::io(&format!("read {}", path.display()), &error)),
    };
    let plan = parse(&bytes).map_err(|message| {
        CliError::usage(format!("{}: {message}", path.display())).hint("`refrain plan -o FILE` writes a plan")
    })?;
    let own = &opened.engine.model().name;
    if plan.project != *own {
        return Err(CliError::usage(format!(
            "{} is a plan of project `{}`, and this is `{own}`",
            path.display(),
            plan.project
        )));
    }
    Ok(plan)
}

fn parse(bytes: &[u8]) -> Result<PlanFile, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|_| "this is no plan".to_owned())?;
    match value.get("refrain_plan").and_then(Value::as_u64) {
        None => Err("this is no plan".to_owned()),
        Some(version) if version != u64::from(PLAN_FILE_VERSION) => {
            Err(format!("the plan has format {version}, and this version reads {PLAN_FILE_VERSION}"))
        }
        Some(_) => serde_json::from_value(value).map_err(|error| format!("the plan is damaged: {error}")),
    }
}

/// Returns what a plan asks for, within its ceiling and that of the command line.
pub(crate) fn request(plan: &PlanFile, own: Budget, opened: &Opened) -> Result<RunRequest, CliError> {
    let PlannedRequest { targets, scopes, only, force } = &plan.request;
    let selection = |text: &String| -> Result<Selection, CliError> {
        let address = text.parse::<PhaseAddress>();
        Ok(address.map_err(|error| CliError::usage(format!("the plan is damaged: {error}")))?.0)
    };
    Ok(RunRequest {
        targets: targets.iter().map(selection).collect::<Result<_, _>>()?,
        scopes: scopes.clone(),
        only: *only,
        force: *force,
        offline: false,
        budget: tighter(&plan.ceiling, &own),
        holder: opened.holder(),
    })
}

fn tighter(a: &Budget, b: &Budget) -> Budget {
    Budget {
        usd: [a.usd, b.usd].into_iter().flatten().reduce(f64::min),
        tokens: [a.tokens, b.tokens].into_iter().flatten().min(),
        calls: [a.calls, b.calls].into_iter().flatten().min(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plan_is_refused_with_a_reason() {
        for (text, expect) in [
            ("", "this is no plan"),
            ("refrain: 1\n", "this is no plan"),
            ("[1]", "this is no plan"),
            ("{\"refrain_plan\": \"1\"}", "this is no plan"),
            ("{\"refrain_plan\": 2}", "the plan has format 2, and this version reads 1"),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err(), expect);
        }
        let damaged = parse(b"{\"refrain_plan\": 1, \"project\": \"x\"}").unwrap_err();
        assert!(damaged.starts_with("the plan is damaged: missing field"), "{damaged}");
    }

    #[test]
    fn the_tighter_ceiling_counts() {
        let planned = Budget { usd: Some(1.5), tokens: None, calls: Some(10) };
        let own = Budget { usd: Some(2.0), tokens: Some(7), calls: Some(3) };
        assert_eq!(tighter(&planned, &own), Budget { usd: Some(1.5), tokens: Some(7), calls: Some(3) });
        assert_eq!(tighter(&planned, &Budget::default()), planned);
    }
}
