//! `refrain init`

use std::io::{BufRead, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use refrain_schemas::exit_code::ExitCode;
use serde::Serialize;

use crate::args::Globals;
use crate::output::{Output, complain};
use crate::project::{FILE_NAMES, allowed, start};
use crate::render::page::Tone;
use crate::report::CliError;

mod interview;
mod localisation;
mod template;

use interview::Interview;
use localisation::{Answers, Given};
use template::{GITIGNORE, ProjectFile, Template};

/// Start a project
///
/// Writes a small pipeline that explains itself in comments. But for `model`, which wants the address and the key of a
/// provider, it runs at once, without network or credentials. Existing files are never overwritten: where one is in the way, nothing is written at all.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain init                             ask what to start with
  refrain init --yes                       the smallest one, without questions
  refrain init --template fanout my-game   a larger one, elsewhere
  refrain init --template model            one that asks a language model
  refrain init --template localisation     a game script into several languages
  refrain init --languages de,es my-game   the same, with an answer given ahead
  refrain init --yes demo && refrain -C demo run")]
pub(crate) struct InitArgs {
    /// The folder; made if it is not there
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// What to start with
    #[arg(short, long, value_name = "NAME", value_enum)]
    template: Option<Template>,
    /// Ask nothing; what is not given is as usual
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    given: Given,
}

/// What was written, as `--json` prints it.
#[derive(Debug, Serialize)]
struct InitDocument {
    schema_version: u32,
    directory: String,
    files: Vec<String>,
    /// What the script was taken for, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
    next: Vec<String>,
}

/// Starts a project.
pub(crate) fn run(args: &InitArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let here = start(globals)?;
    let dir = args.dir.as_ref().map_or_else(|| here.clone(), |dir| here.join(dir));
    let outside = globals.allow_outside.iter().map(|folder| allowed(&here, folder));
    let outside: Vec<PathBuf> = outside.collect::<Result<_, _>>()?;
    let asks = !args.yes && !globals.no_input && !globals.json && std::io::stdin().is_terminal();
    let mut interview = Interview::new(std::io::stdin().lock());
    let (template, answers) = answer(args, &dir, &outside, asks.then_some(&mut interview))?;
    let files = template.files(&answers);
    refuse_to_overwrite(&dir, &files)?;
    let written = write(&dir, &files)?;
    let at = args.dir.as_ref().map_or(String::new(), |dir| format!(" -C {}", dir.display()));
    let (next, commands) = template.next(&answers, &at);
    if output.wants_json() {
        let directory = dir.to_string_lossy().into_owned();
        output.json(&InitDocument {
            schema_version: 1,
            directory,
            files: written,
            found: answers.found(),
            next: commands,
        })?;
        return Ok(ExitCode::Ok);
    }
    let mut page = output.page();
    for file in &written {
        page.line(&[(Tone::Good, "wrote "), (Tone::Plain, file)]);
    }
    if let Some(found) = answers.found() {
        page.wrapped(&[(Tone::Good, "found")], &format!("{found} (settings of `read` in refrain.yaml)"));
    }
    page.gap();
    page.wrapped(&[(Tone::Strong, "next:")], &next);
    output.show(&page)?;
    Ok(ExitCode::Ok)
}

/// Finds out what to start with, and what the template wants to know; asks where there is somebody to ask.
fn answer<R: BufRead>(
    args: &InitArgs,
    dir: &Path,
    outside: &[PathBuf],
    mut interview: Option<&mut Interview<R>>,
) -> Result<(Template, Answers), CliError> {
    let template = match (args.template, &mut interview) {
        (Some(template), _) => template,
        // Whoever gives answers has chosen already.
        (None, _) if !args.given.flags().is_empty() => Template::Localisation,
        (None, Some(interview)) => ask(interview)?,
        (None, None) => Template::default(),
    };
    if let (Some(flag), false) = (args.given.flags().first(), template == Template::Localisation) {
        let message = format!("{flag} is for the template localisation");
        return Err(CliError::usage(message).hint("add `--template localisation`, or leave it out"));
    }
    let given = args.given.clone();
    let given = match &mut interview {
        Some(interview) if template == Template::Localisation => {
            given.ask(interview, &|files| localisation::is_script(dir, outside, files))?
        }
        _ => given,
    };
    let answers = given.answers();
    answers.check()?;
    Ok((template, answers.look(dir, outside, interview)?))
}

fn ask<R: BufRead>(interview: &mut Interview<R>) -> Result<Template, CliError> {
    complain("What do you want to start with?\n");
    for (n, template) in Template::value_variants().iter().enumerate() {
        let value = template.to_possible_value();
        let name = value.as_ref().map_or("", |value| value.get_name());
        let help =
            value.as_ref().and_then(|value| value.get_help()).map(ToString::to_string).unwrap_or_default();
        complain(&format!("  {}  {name:12} {help}\n", n + 1));
    }
    interview.ask("number or name", "1", |answer| {
        chosen(answer).ok_or_else(|| format!("there is no template `{answer}`"))
    })
}

/// Returns the template that an answer means.
fn chosen(answer: &str) -> Option<Template> {
    match answer.parse::<usize>() {
        Ok(n) => Template::value_variants().get(n.checked_sub(1)?).copied(),
        Err(_) => Template::from_str(answer, true).ok(),
    }
}

/// Refuses where a pipeline or a file of the template is there already.
fn refuse_to_overwrite(dir: &Path, files: &[ProjectFile]) -> Result<(), CliError> {
    let pipelines = FILE_NAMES.into_iter();
    let files = files.iter().map(|(path, _)| path.as_str()).filter(|path| *path != GITIGNORE.0);
    match pipelines.chain(files).find(|path| dir.join(path).exists()) {
        None => Ok(()),
        Some(path) => Err(CliError::usage(format!(
            "{} is there already; nothing was written",
            dir.join(path).display()
        ))
        .hint("`refrain init DIR` starts in another folder")),
    }
}

/// Writes the files; a `.gitignore` that is there stays as it is.
fn write(dir: &Path, files: &[ProjectFile]) -> Result<Vec<String>, CliError> {
    let mut written = Vec::new();
    for (path, contents) in files {
        let file = dir.join(path);
        if file.exists() {
            continue;
        }
        let parent = file.parent().unwrap_or(dir);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&file, contents.as_bytes()))
            .map_err(|error| CliError::io(&format!("write {}", file.display()), &error))?;
        written.push(path.clone());
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_numbers_or_names() {
        assert_eq!(chosen("1"), Some(Template::Hello));
        assert_eq!(chosen("2"), Some(Template::Fanout));
        assert_eq!(chosen("fanout"), Some(Template::Fanout));
        assert_eq!(chosen("0"), None);
        assert_eq!(chosen("model"), Some(Template::Model));
        assert_eq!(chosen("4"), Some(Template::Localisation));
        assert_eq!(chosen("5"), None);
        assert_eq!(chosen("what"), None);
    }
}
