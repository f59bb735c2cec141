//! A command agent that makes pseudo-translations; the translator of the `game` example.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use refrain_examples::serve::{Task, serve};

const HELP: &str = "\
Makes pseudo-translations, offline and always the same.

Usage: refrain-pseudo [--review]

Reads one request per line and prints one answer per line, as a command agent of Refrain does (see the schemas
`request` and `answer`). The field `text` of each unit becomes katakana for Japanese, accented letters for other
languages, by `scope.language`; placeholders, tags and numbers stay. Terms of `context.glossary` are replaced.

Options:
  --review   compare `text` with `source` instead, and answer with a list of issues
  --help     print this help
  --version  print the version

Environment:
  REFRAIN_PSEUDO_DELAY_MS  how long to take for each unit, to watch a run or to kill it half-way
";

const DELAY: &str = "REFRAIN_PSEUDO_DELAY_MS";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => answer(Task::Translate),
        ["--review"] => answer(Task::Review),
        ["--help" | "-h"] => io::stdout().write_all(HELP.as_bytes()),
        ["--version" | "-V"] => writeln!(io::stdout(), "refrain-pseudo {}", env!("CARGO_PKG_VERSION")),
        _ => Err(io::Error::other(format!("unexpected arguments `{}`; see --help", arguments.join(" ")))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody left to tell where even stderr fails.
            let _told = writeln!(io::stderr(), "refrain-pseudo: {error}");
            ExitCode::from(2)
        }
    }
}

fn answer(task: Task) -> io::Result<()> {
    serve(task, delay()?, io::stdin().lock(), io::stdout().lock())
}

fn delay() -> io::Result<Duration> {
    let text = std::env::var(DELAY).unwrap_or_else(|_| "0".to_owned());
    let milliseconds =
        text.parse().map_err(|_| io::Error::other(format!("{DELAY} is no number: `{text}`")))?;
    Ok(Duration::from_millis(milliseconds))
}
