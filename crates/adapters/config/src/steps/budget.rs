//! What a file is turned into at most: few words of a file that is carried out again and again, or of handlers for every step,
//! would mean more than there is room for.

use refrain_core::check::code::Code;

use super::Lowering;
use super::reading::Item;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spent {
    /// Steps, and phases that are made for them.
    Phases,
    /// Handlers, each counted for every step that it is for.
    Handlers,
    /// Bytes of other pipelines, counted each time that one is carried out.
    Bytes,
}

/// What there is still room for.
#[derive(Debug)]
pub(super) struct Budget {
    phases: usize,
    handlers: usize,
    bytes: usize,
    is_spent: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { phases: 100_000, handlers: 1_000_000, bytes: 64 << 20, is_spent: false }
    }
}

impl Budget {
    /// Takes some of it; says what there is too much of where that is not there.
    fn take(&mut self, what: Spent, n: usize) -> Result<(), &'static str> {
        let (left, much) = match what {
            Spent::Phases => (&mut self.phases, "the file means more than 100,000 steps"),
            Spent::Handlers => (&mut self.handlers, "the file means more than 1,000,000 handlers of steps"),
            Spent::Bytes => (&mut self.bytes, "the pipelines that are carried out have more than 64 MiB"),
        };
        *left = left.checked_sub(n).ok_or(much)?;
        Ok(())
    }
}

impl Lowering<'_, '_> {
    /// Whether there is room for more. Where there is none, that is told once, and nothing is made of the file.
    pub(super) fn has_room(&mut self, what: Spent, n: usize, item: &Item<'_>) -> bool {
        if self.budget.is_spent {
            return false;
        }
        let Err(message) = self.budget.take(what, n) else { return true };
        self.budget.is_spent = true;
        self.broken.sections.insert("phases".to_owned());
        self.reading.at(Code::TooLarge, item, message, None);
        false
    }

    /// Leaves nothing of a pipeline that there was no room for.
    pub(super) fn keep_within(&mut self) {
        if self.budget.is_spent {
            self.pipeline.phases.clear();
            self.entries.clear();
            self.tasks.clear();
        }
    }
}
