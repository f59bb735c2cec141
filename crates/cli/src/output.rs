//! Standard output and standard error: what goes where, with or without colour, and safe to show.
//!
//! Results go to standard output, everything else to standard error. A reader that has seen enough (`| head`) is no
//! failure. Text from data, agents and files is shown with its control characters escaped, so that it cannot move the
//! cursor, change colours or reorder a line.

use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};
use std::sync::Arc;

use refrain_core::escape::{escape_json, screen};
use rustix::event::{PollFd, PollFlags, Timespec};
use serde::Serialize;

use crate::args::{ColorChoice, Globals};
use crate::render::page::{Page, Theme};
use crate::report::CliError;
use crate::{environment, redaction, shell};

/// Where a command shows things.
#[derive(Debug)]
pub(crate) struct Output {
    out: BufWriter<Stdout>,
    /// How pages for standard output look.
    pub(crate) theme: Theme,
    /// How pages for standard error look.
    pub(crate) error_theme: Theme,
    /// Whether standard output is a terminal.
    pub(crate) on_terminal: bool,
    /// Whether standard error is a terminal.
    pub(crate) errors_on_terminal: bool,
    json: bool,
    quiet: bool,
    /// How the program is called on the file of this command, where that takes more than its name.
    program: Option<Arc<str>>,
}

impl Output {
    /// Looks at the terminal and the settings; reads no file.
    pub(crate) fn new(globals: &Globals) -> Self {
        let on_terminal = io::stdout().is_terminal();
        let errors_on_terminal = io::stderr().is_terminal();
        Self {
            out: BufWriter::new(io::stdout()),
            theme: Theme { color: color(globals.color, on_terminal), width: width(on_terminal) },
            error_theme: Theme {
                color: color(globals.color, errors_on_terminal),
                width: width(errors_on_terminal),
            },
            on_terminal,
            errors_on_terminal,
            json: globals.json,
            quiet: globals.quiet,
            program: shell::program(globals).map(Arc::from),
        }
    }

    /// Whether results are printed as JSON.
    pub(crate) const fn wants_json(&self) -> bool {
        self.json
    }

    /// Returns an empty page for standard output.
    pub(crate) fn page(&self) -> Page {
        Page::new(self.theme).calling(self.program.as_ref())
    }

    /// Returns an empty page for standard error.
    pub(crate) fn error_page(&self) -> Page {
        Page::new(self.error_theme).calling(self.program.as_ref())
    }

    /// Prints a page as the result.
    pub(crate) fn show(&mut self, page: &Page) -> Result<(), CliError> {
        self.write(page.as_str())
    }

    /// Prints one JSON document on a line of its own as the result.
    pub(crate) fn json(&mut self, document: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string(document).map_err(|e| CliError::internal(e.to_string()))?;
        self.json_line(&text)
    }

    /// Prints a line of JSON text. On a terminal, what could steer it is written as JSON escapes.
    pub(crate) fn json_line(&mut self, text: &str) -> Result<(), CliError> {
        let text = redaction::json(text);
        if self.on_terminal {
            self.send(&escape_json(&text))?;
        } else {
            self.send(&text)?;
        }
        self.send("\n")
    }

    /// Prints text without secrets: a page, a schema, a completion script. What goes into a file or a program stays as it
    /// is.
    pub(crate) fn write(&mut self, text: &str) -> Result<(), CliError> {
        let text = redaction::text(text);
        if self.on_terminal { self.send(&screen(&text)) } else { self.send(&text) }
    }

    fn send(&mut self, text: &str) -> Result<(), CliError> {
        self.out.write_all(text.as_bytes()).map_err(|error| CliError::output(&error))
    }

    /// Sends everything on its way.
    pub(crate) fn flush(&mut self) -> Result<(), CliError> {
        self.out.flush().map_err(|error| CliError::output(&error))
    }

    /// Sends everything on its way, and fails where nobody reads any more: whoever waits for news would never find out.
    pub(crate) fn flush_to_reader(&mut self) -> Result<(), CliError> {
        self.flush()?;
        let stdout = io::stdout();
        let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
        let is_left = rustix::event::poll(&mut ends, Some(&Timespec::default())).is_ok()
            && ends[0].revents().intersects(PollFlags::ERR | PollFlags::HUP);
        if is_left {
            return Err(CliError::output(&io::ErrorKind::BrokenPipe.into()));
        }
        Ok(())
    }

    /// Says something beside the result on standard error, unless `--quiet`.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            let own = self.program.as_ref().map(|program| shell::in_commands(text, program));
            complain(&format!("{}\n", own.as_deref().unwrap_or(text)));
        }
    }
}

/// Writes to standard error, without secrets; where that is closed there is nobody left to tell.
pub(crate) fn complain(text: &str) {
    let _nobody_listens = io::stderr().write_all(screen(&redaction::text(text)).as_bytes());
}

/// Whether errors are shown in colour.
pub(crate) fn colored_errors(choice: ColorChoice) -> bool {
    color(choice, io::stderr().is_terminal())
}

fn color(choice: ColorChoice, on_terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            let dumb = environment::text(environment::TERM).is_some_and(|term| term == "dumb");
            on_terminal && !dumb && environment::var(environment::NO_COLOR).is_none()
        }
    }
}

/// Returns how many columns there are; what is piped into a program or a file is not wrapped at all.
fn width(on_terminal: bool) -> usize {
    if let Some(columns) = environment::text(environment::COLUMNS).and_then(|text| text.parse().ok()) {
        return usize::max(columns, 40);
    }
    let system = || rustix::termios::tcgetwinsize(io::stdout()).ok();
    match (on_terminal, system()) {
        (false, _) => usize::MAX,
        (true, Some(size)) if size.ws_col > 0 => usize::from(size.ws_col).max(40),
        (true, _) => 80,
    }
}
