//! How this program is called on a file, and the command that goes on with a run.

use std::fmt;

use crate::args::Globals;
use crate::shell;

/// The command that goes on with a run.
#[derive(Debug, Clone)]
pub(crate) struct Again {
    program: String,
    words: Vec<String>,
}

impl Again {
    /// Makes a command of the words behind the program.
    pub(crate) fn new(globals: &Globals, words: Vec<String>) -> Self {
        Self { program: program(globals), words }
    }

    /// Returns how the program is called, without the command.
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// Returns the command without a word; nothing where it is not among them.
    pub(crate) fn without(&self, word: &str) -> Option<Self> {
        let words: Vec<String> = self.words.iter().filter(|other| *other != word).cloned().collect();
        (words.len() < self.words.len()).then(|| Self { program: self.program.clone(), words })
    }

    #[cfg(test)]
    pub(crate) fn plain(words: &[&str]) -> Self {
        Self { program: "refrain".to_owned(), words: words.iter().map(|word| (*word).to_owned()).collect() }
    }
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.program, self.words.join(" "))
    }
}

/// Returns how this program is called on the file that is meant.
pub(crate) fn program(globals: &Globals) -> String {
    shell::program(globals).unwrap_or_else(|| "refrain".to_owned())
}
