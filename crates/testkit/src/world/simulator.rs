//! Runs a future on virtual time, in tests.

use crate::clock::ManualClock;
use crate::drive::{Doom, Drive};

/// How a run went.
#[derive(Debug)]
pub enum Ending<T> {
    /// It came to its end.
    Over(T),
    /// It was killed before.
    Killed,
}

impl<T> Ending<T> {
    /// Whether it was killed.
    #[must_use]
    pub const fn is_killed(&self) -> bool {
        matches!(self, Self::Killed)
    }
}

/// A run that takes this many steps does not end by itself.
const MOST_STEPS: u64 = 100_000;

/// Polls a future to its end; where nothing is left but to wait, time goes on to the end of the next sleep. After
/// `steps` polls, where a number is given, the future is dropped.
#[expect(clippy::panic, reason = "a test cannot go on")]
pub(super) fn drive<F: Future>(clock: &ManualClock, steps: Option<u64>, future: F) -> Ending<F::Output> {
    let doom = Doom { steps, ..Doom::default() };
    match crate::drive::drive(clock, &doom, MOST_STEPS, future).0 {
        Drive::Over(output) => Ending::Over(output),
        Drive::Killed => Ending::Killed,
        Drive::Waits => panic!("the run waits for nothing"),
        Drive::Endless => panic!("the run does not end"),
    }
}
