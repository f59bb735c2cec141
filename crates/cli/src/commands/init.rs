//! `refrain init`

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use refrain_schemas::exit_code::ExitCode;
use serde::Serialize;

use crate::args::Globals;
use crate::output::{Output, complain};
use crate::project::{FILE_NAMES, start};
use crate::render::page::Tone;
use crate::report::CliError;

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
  refrain init --yes demo && refrain -C demo run")]
pub(crate) struct InitArgs {
    /// The folder; made if it is not there
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// What to start with
    #[arg(short, long, value_name = "NAME", value_enum)]
    template: Option<Template>,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
}

/// What to start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Template {
    /// Two phases over a small table
    #[default]
    Hello,
    /// Read, draft per language, check by a panel, write
    Fanout,
    /// Translate with a language model, within a budget
    Model,
}

/// A file of a template: its path and contents.
type TemplateFile = (&'static str, &'static str);

const GITIGNORE: TemplateFile = (".gitignore", include_str!("../../templates/gitignore"));
const HELLO: [TemplateFile; 3] = [
    ("refrain.yaml", include_str!("../../templates/hello/refrain.yaml")),
    ("greetings.csv", include_str!("../../templates/hello/greetings.csv")),
    GITIGNORE,
];
const FANOUT: [TemplateFile; 5] = [
    ("refrain.yaml", include_str!("../../templates/fanout/refrain.yaml")),
    ("glossary.csv", include_str!("../../templates/fanout/glossary.csv")),
    ("script/scene_1.csv", include_str!("../../templates/fanout/scene_1.csv")),
    ("script/scene_2.csv", include_str!("../../templates/fanout/scene_2.csv")),
    GITIGNORE,
];

const MODEL: [TemplateFile; 8] = [
    ("refrain.yaml", include_str!("../../templates/model/refrain.yaml")),
    ("lines.csv", include_str!("../../templates/model/lines.csv")),
    ("glossary.csv", include_str!("../../templates/model/glossary.csv")),
    ("prompts/project.md", include_str!("../../templates/model/prompts/project.md")),
    ("prompts/translate.md", include_str!("../../templates/model/prompts/translate.md")),
    ("prompts/line.md", include_str!("../../templates/model/prompts/line.md")),
    (
        "schemas/translation.schema.json",
        include_str!("../../templates/model/schemas/translation.schema.json"),
    ),
    GITIGNORE,
];

impl Template {
    const fn files(self) -> &'static [TemplateFile] {
        match self {
            Self::Hello => &HELLO,
            Self::Fanout => &FANOUT,
            Self::Model => &MODEL,
        }
    }

    /// What to do when the files are there; `at` is how to say where that is.
    fn next(self, at: &str) -> String {
        match self {
            Self::Hello | Self::Fanout => format!("`refrain{at} plan`, then `refrain{at} run`"),
            Self::Model => format!(
                "put the address of your model into refrain.yaml and your key into MODEL_API_KEY, then `refrain{at} doctor`"
            ),
        }
    }
}

/// What was written, as `--json` prints it.
#[derive(Debug, Serialize)]
struct InitDocument {
    schema_version: u32,
    directory: String,
    files: Vec<&'static str>,
}

/// Starts a project.
pub(crate) fn run(args: &InitArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let here = start(globals)?;
    let dir = args.dir.as_ref().map_or_else(|| here.clone(), |dir| here.join(dir));
    let template = match args.template {
        Some(template) => template,
        None if asks(args, globals) => ask()?,
        None => Template::default(),
    };
    refuse_to_overwrite(&dir, template)?;
    let written = write(&dir, template)?;
    if output.wants_json() {
        let directory = dir.to_string_lossy().into_owned();
        output.json(&InitDocument { schema_version: 1, directory, files: written })?;
        return Ok(ExitCode::Ok);
    }
    let mut page = output.page();
    for file in &written {
        page.line(&[(Tone::Good, "wrote "), (Tone::Plain, file)]);
    }
    page.gap();
    let at = args.dir.as_ref().map_or(String::new(), |dir| format!(" -C {}", dir.display()));
    page.wrapped(&[(Tone::Strong, "next:")], &template.next(&at));
    output.show(&page)?;
    Ok(ExitCode::Ok)
}

fn asks(args: &InitArgs, globals: &Globals) -> bool {
    !args.yes && !globals.no_input && !globals.json && std::io::stdin().is_terminal()
}

fn ask() -> Result<Template, CliError> {
    complain("What do you want to start with?\n");
    for (n, template) in Template::value_variants().iter().enumerate() {
        let value = template.to_possible_value();
        let name = value.as_ref().map_or("", |value| value.get_name());
        let help =
            value.as_ref().and_then(|value| value.get_help()).map(ToString::to_string).unwrap_or_default();
        complain(&format!("  {}  {name:8} {help}\n", n + 1));
    }
    loop {
        complain("number or name [1]: ");
        let mut answer = String::new();
        let n = std::io::stdin()
            .lock()
            .read_line(&mut answer)
            .map_err(|e| CliError::io("read the answer", &e))?;
        if let Some(template) = chosen(answer.trim()) {
            return Ok(template);
        }
        if n == 0 {
            return Err(CliError::usage("no answer; nothing was written"));
        }
    }
}

/// Returns the template that an answer means; the first one for an empty line.
fn chosen(answer: &str) -> Option<Template> {
    let variants = Template::value_variants();
    match answer.parse::<usize>() {
        Ok(n) => variants.get(n.checked_sub(1)?).copied(),
        Err(_) if answer.is_empty() => Some(Template::default()),
        Err(_) => Template::from_str(answer, true).ok(),
    }
}

/// Refuses where a pipeline or a file of the template is there already.
fn refuse_to_overwrite(dir: &Path, template: Template) -> Result<(), CliError> {
    let pipelines = FILE_NAMES.into_iter();
    let files = template.files().iter().map(|(path, _)| *path).filter(|path| *path != GITIGNORE.0);
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
fn write(dir: &Path, template: Template) -> Result<Vec<&'static str>, CliError> {
    let mut written = Vec::new();
    for (path, contents) in template.files() {
        let file = dir.join(path);
        if file.exists() {
            continue;
        }
        let parent = file.parent().unwrap_or(dir);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&file, contents))
            .map_err(|error| CliError::io(&format!("write {}", file.display()), &error))?;
        written.push(*path);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_numbers_or_names() {
        assert_eq!(chosen(""), Some(Template::Hello));
        assert_eq!(chosen("2"), Some(Template::Fanout));
        assert_eq!(chosen("fanout"), Some(Template::Fanout));
        assert_eq!(chosen("0"), None);
        assert_eq!(chosen("model"), Some(Template::Model));
        assert_eq!(chosen("4"), None);
        assert_eq!(chosen("what"), None);
    }

    #[test]
    fn templates_name_only_files_that_they_bring() {
        for template in Template::value_variants() {
            let paths: Vec<&str> = template.files().iter().map(|(path, _)| *path).collect();
            assert!(paths.contains(&"refrain.yaml") && paths.contains(&".gitignore"));
            assert!(template.files().iter().all(|(_, contents)| contents.ends_with('\n')));
        }
    }
}
