//! The models that were chosen for the steps of a file: kept beside its state, so that what was bought stays bought.

use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;

use refrain_schemas::choice::{ChoicesOnRecord, ModelChoice};

use crate::output::Output;
use crate::project::Project;
use crate::render::page::{Page, Tone};
use crate::report::CliError;
use crate::whole_file;

const FILE: &str = "choices.json";

fn file(project: &Project) -> PathBuf {
    project.state().join(FILE)
}

/// Returns what was chosen before; nothing where nothing was.
pub(crate) fn read(project: &Project) -> Result<ChoicesOnRecord, CliError> {
    let path = file(project);
    let shown = path.display();
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(ChoicesOnRecord::default()),
        Err(error) => return Err(CliError::state(&format!("read {shown}"), &error)),
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        CliError::usage(format!("{shown} cannot be read: {error}"))
            .hint("remove it, and models are chosen anew")
    })
}

/// Keeps what is chosen now, by somebody who knew what was on record then. Of two processes that choose at once, the second
/// one chooses again: what the first asks is not to be bought of another model.
pub(crate) fn write(
    project: &Project,
    known: &ChoicesOnRecord,
    record: &ChoicesOnRecord,
) -> Result<(), CliError> {
    let record = ChoicesOnRecord { schema_version: 1, ..record.clone() };
    if read(project)?.phases == record.phases {
        return Ok(());
    }
    let path = file(project);
    let failed = |error: std::io::Error| CliError::state(&format!("write {}", path.display()), &error);
    let text = serde_json::to_string_pretty(&record).unwrap_or_default();
    std::fs::create_dir_all(project.state()).map_err(failed)?;
    let turn = File::create(path.with_extension("lock")).map_err(failed)?;
    turn.lock().map_err(failed)?;
    let before = read(project)?;
    if before.phases == record.phases {
        return Ok(());
    }
    if before.phases != known.phases {
        let error = CliError::held("another process has chosen models in the meantime");
        return Err(error.hint("run again: it goes by what is on record now"));
    }
    whole_file::replace(&path, &format!("{text}\n")).map_err(failed)
}

/// Says beside the result which steps ask other models than before.
pub(crate) fn note(choices: &[ModelChoice], output: &Output) {
    for choice in choices {
        if let Some(before) = &choice.instead_of {
            let ModelChoice { step, model, reason, .. } = choice;
            output.note(&format!("note: step `{step}` asks {model} and no longer {before}: {reason}"));
        }
    }
}

/// Shows which models were chosen, and why.
pub(crate) fn show(page: &mut Page, choices: &[ModelChoice]) {
    if choices.is_empty() {
        return;
    }
    page.gap();
    for choice in choices {
        let ModelChoice { step, model, reason, fallback, kept, .. } = choice;
        let kept = if *kept { ", as before" } else { "" };
        let fallback =
            if fallback.is_empty() { String::new() } else { format!("; else {}", fallback.join(", ")) };
        let text = format!(" asks {model}: {reason}{kept}{fallback}");
        page.line(&[(Tone::Strong, step.as_str()), (Tone::Plain, &text)]);
    }
}

#[cfg(test)]
mod tests {
    use refrain_schemas::choice::ChoiceOnRecord;
    use refrain_schemas::digest::Digest;
    use refrain_schemas::exit_code::ExitCode;

    use super::*;

    fn of(model: &str) -> ChoicesOnRecord {
        let choice = ChoiceOnRecord { models: vec![model.to_owned()], asked: Digest::of_content(b"x") };
        ChoicesOnRecord { schema_version: 1, phases: [("a".to_owned(), choice)].into() }
    }

    #[test]
    fn nobody_overwrites_what_another_process_chose() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project {
            dir: folder.path().to_owned(),
            file_name: "x.yaml".to_owned(),
            outside: Vec::new(),
            steps: Some("x".to_owned()),
            chooses_anew: false,
        };
        let none = ChoicesOnRecord::default();
        write(&project, &none, &none).unwrap();
        assert!(!project.state().exists(), "nothing is kept where nothing was chosen");
        write(&project, &none, &of("one")).unwrap();
        let late = write(&project, &none, &of("two")).unwrap_err();
        assert_eq!(late.code(), ExitCode::Held);
        assert_eq!(read(&project).unwrap(), of("one"));
        write(&project, &none, &of("one")).unwrap();
        write(&project, &of("one"), &of("two")).unwrap();
        assert_eq!(read(&project).unwrap(), of("two"));
        // A run that went by what was there before asks the wrong models, even where it chose nothing new.
        assert!(write(&project, &of("one"), &of("one")).is_err());
    }
}
