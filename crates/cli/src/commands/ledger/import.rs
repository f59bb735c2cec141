//! `refrain ledger import`

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use refrain_core::engine::{EngineError, Lines};
use refrain_schemas::exit_code::ExitCode;

use crate::args::Globals;
use crate::output::Output;
use crate::report::CliError;
use crate::{render, runtime, wiring};

/// Take over replies from a file that `refrain ledger export` wrote
///
/// The whole file is checked before anything is written. A reply under a key that has one already is left out, also where
/// the two differ: what was paid for here stays.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain ledger import replies.jsonl
  zcat replies.gz | refrain ledger import -
  refrain run --offline                      answers from them, asks nobody")]
pub(super) struct ImportArgs {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Imports.
pub(super) fn run(args: &ImportArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let source = Source::open(&args.file)
        .map_err(|error| CliError::io(&format!("read {}", args.file.display()), &error))?;
    let holder = opened.holder();
    let report = runtime::on_this_thread(async {
        let imported = opened.engine.import(&|| source.lines(), &holder).await;
        imported.map_err(|error| match error {
            EngineError::Import { line, message } => {
                CliError::usage(format!("{}:{line}: {message}", args.file.display()))
                    .hint("nothing was imported")
            }
            error => error.into(),
        })
    })?;
    if output.wants_json() {
        output.json(&report)?;
    } else {
        let mut page = output.page();
        render::import::write(&mut page, &report);
        output.show(&page)?;
    }
    Ok(ExitCode::Ok)
}

/// What can be read from its beginning more than once.
enum Source {
    File(PathBuf),
    /// What came through a pipe comes only once.
    Memory(Arc<[u8]>),
}

impl Source {
    fn open(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        if path == Path::new("-") {
            io::stdin().lock().read_to_end(&mut bytes)?;
        } else if std::fs::metadata(path)?.is_file() {
            return Ok(Self::File(path.to_owned()));
        } else {
            File::open(path)?.read_to_end(&mut bytes)?;
        }
        Ok(Self::Memory(bytes.into()))
    }

    fn lines(&self) -> io::Result<Lines> {
        let reader: Box<dyn Read + Send> = match self {
            Self::File(path) => Box::new(File::open(path)?),
            Self::Memory(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
        };
        Ok(Box::new(BufReader::new(reader).lines()))
    }
}
