//! The script of a project.

/// What the files say of the script.
pub(super) struct Source {
    pub(super) title: &'static str,
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Where it is.
    pub(super) files: String,
    /// Where copies of it go, one folder per language.
    pub(super) target: String,
}

/// Where copies of the script go; what stands in braces is filled in by the writer and by the scope.
const TARGET: &str = "out/{{ scope.language }}/{file}";

/// The files of the sample.
const SAMPLE: &str = "script/*.csv";

/// Reads the name or the pattern of project files.
pub(super) fn files(text: &str) -> Result<String, String> {
    let is_inside = !text.starts_with('/') && text.split('/').all(|part| !matches!(part, ".." | ""));
    if text.is_empty() || !is_inside || text.contains(['"', '\\', '\n']) {
        return Err(format!("`{text}` is no file of the project, such as `script/*.csv`"));
    }
    Ok(text.to_owned())
}

impl Source {
    /// Returns what is to be said of a script; of the sample where there is no other.
    pub(super) fn of(files: Option<&str>) -> Self {
        let target = TARGET.to_owned();
        match files {
            None => Self {
                title: "Letters for the Tide",
                name: "letters-for-the-tide",
                about: SAMPLE_ABOUT,
                files: SAMPLE.to_owned(),
                target,
            },
            Some(files) => Self {
                title: "A game",
                name: "localisation",
                about: OWN_ABOUT,
                files: files.to_owned(),
                target,
            },
        }
    }
}

const SAMPLE_ABOUT: &str = "\
The game is \"Letters for the Tide\": a small post office on a tidal island, a newcomer, a cat with a pension, and two ways the \
story can go. It is warm, dry and a little absurd; nobody shouts, and the jokes are meant.";

const OWN_ABOUT: &str = "\
(Say here in a few sentences what the game is about, who plays it, and what it sounds like. Every model reads this first.)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_within_the_project() {
        for text in ["a.csv", "script/*.po", "game/**/*.rpy"] {
            assert_eq!(files(text).as_deref(), Ok(text));
        }
        for text in ["", "/a.csv", "../a.csv", "a//b", "a/../b", "a\"b"] {
            assert!(files(text).is_err(), "{text}");
        }
    }
}
