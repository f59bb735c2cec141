//! What a project can start with.

use std::borrow::Cow;

use clap::ValueEnum;

use super::localisation::{self, Answers};

/// What to start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Template {
    /// Two phases over a small table
    #[default]
    Hello,
    /// Read, draft per language, check by a panel, write
    Fanout,
    /// Translate with a language model, within a budget
    Model,
    /// A game script into several languages, in seven phases
    Localisation,
}

/// A file of a project: its path and contents.
pub(super) type ProjectFile = (String, Cow<'static, str>);
/// A file of a template: its path and contents.
type TemplateFile = (&'static str, &'static str);

pub(super) const GITIGNORE: TemplateFile = (".gitignore", include_str!("../../../templates/gitignore"));
const HELLO: [TemplateFile; 3] = [
    ("refrain.yaml", include_str!("../../../templates/hello/refrain.yaml")),
    ("greetings.csv", include_str!("../../../templates/hello/greetings.csv")),
    GITIGNORE,
];
const FANOUT: [TemplateFile; 5] = [
    ("refrain.yaml", include_str!("../../../templates/fanout/refrain.yaml")),
    ("glossary.csv", include_str!("../../../templates/fanout/glossary.csv")),
    ("script/scene_1.csv", include_str!("../../../templates/fanout/scene_1.csv")),
    ("script/scene_2.csv", include_str!("../../../templates/fanout/scene_2.csv")),
    GITIGNORE,
];
const MODEL: [TemplateFile; 8] = [
    ("refrain.yaml", include_str!("../../../templates/model/refrain.yaml")),
    ("lines.csv", include_str!("../../../templates/model/lines.csv")),
    ("glossary.csv", include_str!("../../../templates/model/glossary.csv")),
    ("prompts/project.md", include_str!("../../../templates/model/prompts/project.md")),
    ("prompts/translate.md", include_str!("../../../templates/model/prompts/translate.md")),
    ("prompts/line.md", include_str!("../../../templates/model/prompts/line.md")),
    (
        "schemas/translation.schema.json",
        include_str!("../../../templates/model/schemas/translation.schema.json"),
    ),
    GITIGNORE,
];

impl Template {
    /// Returns the files of a project that starts with it; the answers are those to the questions of `localisation`.
    pub(super) fn files(self, answers: &Answers) -> Vec<ProjectFile> {
        let fixed: &[TemplateFile] = match self {
            Self::Hello => &HELLO,
            Self::Fanout => &FANOUT,
            Self::Model => &MODEL,
            Self::Localisation => return localisation::files(answers),
        };
        fixed.iter().map(|(path, contents)| ((*path).to_owned(), Cow::Borrowed(*contents))).collect()
    }

    /// Says what to do when the files are there, `at` being how to say where that is; and with which commands.
    pub(super) fn next(self, answers: &Answers, at: &str) -> (String, Vec<String>) {
        let commands = |verbs: &[&str]| verbs.iter().map(|verb| format!("refrain{at} {verb}")).collect();
        match self {
            Self::Hello | Self::Fanout => {
                (format!("`refrain{at} plan`, then `refrain{at} run`"), commands(&["plan", "run"]))
            }
            Self::Model => (
                format!(
                    "put the address of your model into refrain.yaml and your key into MODEL_API_KEY, then `refrain{at} doctor`"
                ),
                commands(&["doctor"]),
            ),
            Self::Localisation => {
                let (before, verbs) = localisation::next(answers);
                let list: Vec<String> = commands(&verbs.each_ref().map(String::as_str));
                let said =
                    list.iter().map(|command| format!("`{command}`")).collect::<Vec<_>>().join(", then ");
                (format!("{before}{said}"), list)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_whole_files() {
        for template in Template::value_variants() {
            let files = template.files(&Answers::default());
            let has = |name: &str| files.iter().any(|(path, _)| path == name);
            assert!(has("refrain.yaml") && has(".gitignore"));
            assert!(files.iter().all(|(_, contents)| contents.ends_with('\n')));
            assert!(files.iter().all(|(_, contents)| !contents.contains("@@")), "a blank was left open");
        }
    }
}
