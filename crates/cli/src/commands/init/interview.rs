//! Questions to a person at a terminal.

use std::io::BufRead;

use crate::output::complain;
use crate::report::CliError;

/// Asks questions and reads answers, one line each.
#[derive(Debug)]
pub(super) struct Interview<R> {
    answers: R,
}

impl<R: BufRead> Interview<R> {
    /// Starts an interview with whoever writes to `answers`.
    pub(super) const fn new(answers: R) -> Self {
        Self { answers }
    }

    /// Asks until an answer is one; an empty line stands for what is shown in brackets.
    pub(super) fn ask<T>(
        &mut self,
        question: &str,
        otherwise: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, CliError> {
        loop {
            complain(&format!("{question} [{otherwise}]: "));
            let mut line = String::new();
            let n = self.answers.read_line(&mut line).map_err(|e| CliError::io("read the answer", &e))?;
            let answer = Some(line.trim()).filter(|answer| !answer.is_empty()).unwrap_or(otherwise);
            // The end of the input is no answer, so that nobody is asked for ever.
            let read = if n == 0 { Err(String::new()) } else { read(answer) };
            match read {
                Ok(value) => return Ok(value),
                Err(_) if n == 0 => return Err(CliError::usage("no answer; nothing was written")),
                Err(why) => complain(&format!("  {why}\n")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(answer: &str) -> Result<u32, String> {
        answer.parse().map_err(|_| format!("{answer} is no number"))
    }

    #[test]
    fn answers_are_asked_for_until_they_are_some() {
        let mut interview = Interview::new(&b"x\n\n 7 \n"[..]);
        assert_eq!(interview.ask("how many", "3", number).map_err(|_| ()), Ok(3));
        assert_eq!(interview.ask("how many", "3", number).map_err(|_| ()), Ok(7));
        assert!(interview.ask("how many", "3", number).is_err(), "the end of the input is no answer");
    }
}
