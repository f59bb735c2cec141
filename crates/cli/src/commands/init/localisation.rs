//! The template `localisation`: what it asks, and the files that follow from the answers.

use std::borrow::Cow;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use clap::Args;

use super::interview::Interview;
use super::template::{GITIGNORE, ProjectFile};
use crate::report::CliError;

mod endpoint;
mod language;
mod script;
mod source;

use endpoint::Provider;
use script::Script;

/// The answers of `localisation`, given ahead.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Template localisation")]
pub(super) struct Given {
    /// Your script: a file or a pattern, such as `script/*.csv`; a sample script where absent
    #[arg(long, value_name = "FILES", value_parser = source::files)]
    source: Option<String>,
    /// The language it is written in
    #[arg(long, value_name = "CODE", value_parser = language::code)]
    source_language: Option<String>,
    /// The languages it goes into
    #[arg(long, value_name = "CODES", value_parser = language::code, value_delimiter = ',')]
    languages: Vec<String>,
    /// Which models to ask; `none` works offline with what is built in
    #[arg(long, value_name = "NAME", value_enum)]
    provider: Option<Provider>,
    /// Where the models are
    #[arg(long, value_name = "URL", value_parser = endpoint::address)]
    base_url: Option<String>,
    /// The environment variable that holds the key; never the key itself
    #[arg(long, value_name = "NAME", value_parser = endpoint::variable)]
    key_env: Option<String>,
    /// The model
    #[arg(long, value_name = "NAME", value_parser = endpoint::model)]
    model: Option<String>,
}

/// Everything that the files hang on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answers {
    /// The script; the sample where absent.
    source: Option<String>,
    /// What was found in it.
    script: Script,
    source_language: String,
    languages: Vec<String>,
    provider: Provider,
    base_url: String,
    key_env: String,
    model: String,
}

impl Default for Answers {
    fn default() -> Self {
        Given::default().answers()
    }
}

impl Given {
    /// Returns the names of the flags that were given.
    pub(super) fn flags(&self) -> Vec<&'static str> {
        let given = [
            ("--source", self.source.is_some()),
            ("--source-language", self.source_language.is_some()),
            ("--languages", !self.languages.is_empty()),
            ("--provider", self.provider.is_some()),
            ("--base-url", self.base_url.is_some()),
            ("--key-env", self.key_env.is_some()),
            ("--model", self.model.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect()
    }

    /// Asks for what was not given; `is_script` says whether files are some that can be read.
    pub(super) fn ask<R: BufRead>(
        mut self,
        interview: &mut Interview<R>,
        is_script: &dyn Fn(&str) -> Result<(), CliError>,
    ) -> Result<Self, CliError> {
        if self.source.is_none() {
            let question = "Your script: a file, a pattern such as script/*.csv, or `sample`";
            let read = |answer: &str| match answer {
                "sample" => Ok(None),
                files => {
                    let files = source::files(files)?;
                    is_script(&files).map_err(|error| error.told())?;
                    Ok(Some(files))
                }
            };
            self.source = interview.ask(question, "sample", read)?;
        }
        if self.source_language.is_none() {
            let code = interview.ask("The language it is written in", language::SOURCE, language::code)?;
            self.source_language = Some(code);
        }
        if self.languages.is_empty() {
            let otherwise = language::TARGETS.join(",");
            self.languages = interview.ask("The languages it goes into", &otherwise, language::codes)?;
        }
        if self.provider.is_none() {
            let question = "Models: none (offline), openai (or whatever speaks like it), anthropic, gemini";
            self.provider = Some(interview.ask(question, "none", Provider::read)?);
        }
        self.ask_where(interview)
    }

    /// Where nobody is asked, nobody needs to know where.
    fn ask_where<R: BufRead>(mut self, interview: &mut Interview<R>) -> Result<Self, CliError> {
        let provider = self.provider.unwrap_or_default();
        if provider == Provider::None {
            return Ok(self);
        }
        let home = provider.home();
        if self.base_url.is_none() {
            self.base_url = Some(interview.ask("Where they are", home.url, endpoint::address)?);
        }
        if self.key_env.is_none() {
            let question = "The environment variable with your key";
            self.key_env = Some(interview.ask(question, home.key, endpoint::variable)?);
        }
        if self.model.is_none() {
            self.model = Some(interview.ask("The model", home.model, endpoint::model)?);
        }
        Ok(self)
    }

    /// Fills in what is usual where nothing was given. An address or a model without a provider is one that speaks as most do.
    pub(super) fn answers(self) -> Answers {
        let is_model = self.base_url.is_some() || self.model.is_some() || self.key_env.is_some();
        let otherwise = if is_model { Provider::Openai } else { Provider::None };
        let provider = self.provider.unwrap_or(otherwise);
        let home = provider.home();
        let targets = || language::TARGETS.map(str::to_owned).to_vec();
        Answers {
            source: self.source,
            script: Script::default(),
            source_language: self.source_language.unwrap_or_else(|| language::SOURCE.to_owned()),
            languages: if self.languages.is_empty() { targets() } else { self.languages },
            provider,
            base_url: self.base_url.unwrap_or_else(|| home.url.to_owned()),
            key_env: self.key_env.unwrap_or_else(|| home.key.to_owned()),
            model: self.model.unwrap_or_else(|| home.model.to_owned()),
        }
    }
}

/// Says whether files of a folder are some that can be read.
pub(super) fn is_script(dir: &Path, outside: &[PathBuf], files: &str) -> Result<(), CliError> {
    script::look(dir, outside, files).map(|_| ())
}

impl Answers {
    /// Looks into the script, and finds out what is what in it.
    pub(super) fn look<R: BufRead>(
        mut self,
        dir: &Path,
        outside: &[PathBuf],
        interview: Option<&mut Interview<R>>,
    ) -> Result<Self, CliError> {
        if let Some(files) = &self.source {
            let look = script::look(dir, outside, files)?;
            self.script = Script::find(dir, outside, files, &look, interview)?;
        }
        Ok(self)
    }

    /// Says what the script was taken for; nothing where it is the sample.
    pub(super) fn found(&self) -> Option<String> {
        self.source.as_ref().map(|files| format!("{files}: {}", self.script.summary()))
    }

    /// Says what does not go together.
    pub(super) fn check(&self) -> Result<(), CliError> {
        let languages = &self.languages;
        let twice = languages.iter().enumerate().find(|(n, code)| languages[..*n].contains(code));
        match twice {
            Some((_, code)) => Err(CliError::usage(format!("language `{code}` is there twice"))),
            None if languages.contains(&self.source_language) => Err(CliError::usage(format!(
                "`{}` is both the language of the script and one it goes into",
                self.source_language
            ))),
            None => Ok(()),
        }
    }
}

/// A file of the template whose blanks are filled in.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../templates/localisation/", $path)))),*]
    };
}

/// What every project gets.
const COMMON: [(&str, &str); 23] = files![
    "refrain.yaml",
    "README.md",
    "prompts/project.md",
    "prompts/phases/context.md",
    "prompts/phases/pretranslation.md",
    "prompts/phases/terms.md",
    "prompts/phases/translate.md",
    "prompts/phases/qa.md",
    "prompts/phases/edit.md",
    "prompts/agents/profiler.md",
    "prompts/agents/annotator.md",
    "prompts/agents/namer.md",
    "prompts/agents/translator.md",
    "prompts/agents/critic.md",
    "prompts/agents/editor.md",
    "schemas/context.schema.json",
    "schemas/notes.schema.json",
    "schemas/term.schema.json",
    "schemas/translation.schema.json",
    "schemas/issues.schema.json",
    "schemas/line.schema.json",
    "schemas/issue.schema.json",
    "schemas/edited.schema.json",
];
/// What those get who start with the sample.
const SAMPLE: [(&str, &str); 6] = files![
    "script/main.csv",
    "script/wren.csv",
    "script/ivo.csv",
    "script/LICENCE.md",
    "samples/bottle.rpy",
    "lexicon/idioms.csv",
];
/// The glossaries and style guides that there are.
const LANGUAGES: [(&str, &str); 4] =
    files!["glossary/ja.csv", "glossary/fr.csv", "style/ja.md", "style/fr.md"];
const STYLE: &str = include_str!("../../../templates/localisation/style/language.md");
const GLOSSARY: &str = "term,translation,forbidden,case,note\n";
const LEXICON: &str = "phrase,meaning,kind\n";

/// Returns the files of a project.
pub(super) fn files(answers: &Answers) -> Vec<ProjectFile> {
    let is_sample = answers.source.is_none();
    let blanks = blanks(answers);
    let sample = SAMPLE.iter().filter(|_| is_sample);
    let filled = |(path, text): &(&str, &'static str)| ((*path).to_owned(), fill(text, &blanks));
    let mut files: Vec<ProjectFile> = COMMON.iter().chain(sample).map(filled).collect();
    if !is_sample {
        files.push(("lexicon/idioms.csv".to_owned(), LEXICON.into()));
    }
    for code in &answers.languages {
        files.extend(of_language(code, is_sample));
    }
    files.push((GITIGNORE.0.to_owned(), GITIGNORE.1.into()));
    files
}

/// Returns the glossary and the style guide of a language: those of the sample where it has some, else blank ones.
fn of_language(code: &str, is_sample: bool) -> [ProjectFile; 2] {
    let (glossary, style) = (format!("glossary/{code}.csv"), format!("style/{code}.md"));
    let known =
        |path: &str| LANGUAGES.iter().find(|(known, _)| is_sample && *known == path).map(|(_, text)| *text);
    let blank = if is_sample { terms_alone().into() } else { GLOSSARY.into() };
    let blank_style = STYLE.replace("@@language@@", &language::name(code));
    let glossary_text = known(&glossary).map_or(blank, Cow::Borrowed);
    let style_text = known(&style).map_or_else(|| blank_style.into(), Cow::Borrowed);
    [(glossary, glossary_text), (style, style_text)]
}

/// The terms of the sample without what they are called: somebody has to say that.
fn terms_alone() -> String {
    let rows = LANGUAGES[0].1.lines().skip(1).filter_map(|row| {
        let mut cells = row.splitn(5, ',');
        let (term, case, note) = (cells.next()?, cells.nth(2)?, cells.next()?);
        Some(format!("{term},,,{case},{note}\n"))
    });
    GLOSSARY.to_owned() + &rows.collect::<String>()
}

/// What stands between `@@` in the files.
fn blanks(answers: &Answers) -> Vec<(&'static str, String)> {
    let source = source::Source::of(answers.source.as_deref());
    let languages = answers.languages.join(", ");
    let mut blanks = vec![
        ("title", source.title.to_owned()),
        ("name", source.name.to_owned()),
        ("about", source.about.to_owned()),
        ("files", source.files),
        ("target", source.target),
        ("read", answers.script.params(true)),
        ("patch", answers.script.params(false)),
        ("encoding", answers.script.encoding().to_owned()),
        ("source_language", answers.source_language.clone()),
        ("languages", languages),
        ("names", language::names(answers.languages.iter().chain([&answers.source_language]))),
        ("models", (answers.provider != Provider::None).to_string()),
    ];
    blanks.extend(endpoint::blanks(answers.provider, &answers.base_url, &answers.key_env, &answers.model));
    blanks
}

fn fill(text: &'static str, blanks: &[(&'static str, String)]) -> Cow<'static, str> {
    if !text.contains("@@") {
        return Cow::Borrowed(text);
    }
    let fill = |text: String, (name, value): &(&str, String)| text.replace(&format!("@@{name}@@"), value);
    blanks.iter().fold(text.to_owned(), fill).into()
}

/// Says what has to be done before, and with which three commands to begin.
pub(super) fn next(answers: &Answers) -> (String, [String; 3]) {
    let language = answers.languages.first().map_or("", String::as_str);
    let [plan, run] = ["plan", "run"].map(str::to_owned);
    match answers.provider {
        Provider::None => (String::new(), [plan, run, format!("show qa@{language} --format table")]),
        _ => (
            format!("put your key into {} (the environment, or a file .env), then ", answers.key_env),
            ["doctor".to_owned(), plan, run],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(lines: &str, given: Given) -> Answers {
        let mut interview = Interview::new(lines.as_bytes());
        let given = given.ask(&mut interview, &|_| Ok(()));
        given.unwrap_or_else(|_| panic!("{lines:?} is too little")).answers()
    }

    #[test]
    fn five_empty_lines_are_the_defaults() {
        assert_eq!(answered("\n\n\n\n\n", Given::default()), Answers::default());
    }

    #[test]
    fn everything_can_be_answered_and_mistakes_are_asked_again() {
        let said = "../x\nlines/*.po\nen-GB\nde, de at\nde,pt-BR\nopenai\nlocalhost\nhttp://localhost:8000/v1\nsk-1\nKEY\nm\n";
        let answers = answered(said, Given::default());
        assert_eq!(answers.source.as_deref(), Some("lines/*.po"));
        assert_eq!(
            (answers.source_language.as_str(), &answers.languages[..]),
            ("en-GB", &["de".to_owned(), "pt-BR".to_owned()][..])
        );
        assert_eq!(
            (answers.base_url.as_str(), answers.key_env.as_str(), answers.model.as_str()),
            ("http://localhost:8000/v1", "KEY", "m")
        );
    }

    #[test]
    fn what_was_given_is_not_asked() {
        let given =
            Given { languages: vec!["de".into()], provider: Some(Provider::None), ..Given::default() };
        let answers = answered("\n\n", given);
        assert_eq!((answers.languages, answers.provider), (vec!["de".to_owned()], Provider::None));
    }

    #[test]
    fn languages_without_a_glossary_get_the_terms_alone() {
        let answers = Answers { languages: vec!["de".into()], ..Answers::default() };
        let files = files(&answers);
        let text =
            |name: &str| &files.iter().find(|(path, _)| path == name).unwrap_or_else(|| panic!("{name}")).1;
        assert!(text("glossary/de.csv").contains("\nWren,,,yes,A name and not the bird.\n"));
        assert!(text("style/de.md").starts_with("# Style: German\n"));
    }

    #[test]
    fn a_language_goes_into_another() {
        let answers = |source: &str, targets: &[&str]| Answers {
            source_language: source.into(),
            languages: targets.iter().map(|code| (*code).to_owned()).collect(),
            ..Answers::default()
        };
        assert!(answers("en", &["ja", "fr"]).check().is_ok());
        assert!(answers("en", &["ja", "en"]).check().is_err());
        assert!(answers("en", &["ja", "ja"]).check().is_err());
    }
}
