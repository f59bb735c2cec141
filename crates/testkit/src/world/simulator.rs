//! Runs a future on virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::clock::ManualClock;

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

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Polls a future to its end; where nothing is left but to wait, time goes on to the end of the next sleep. After
/// `steps` polls, where a number is given, the future is dropped.
#[expect(clippy::panic, reason = "a test cannot go on")]
pub(super) fn drive<F: Future>(clock: &ManualClock, steps: Option<u64>, future: F) -> Ending<F::Output> {
    let mut future = Box::pin(future);
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(flag.clone());
    let mut context = Context::from_waker(&waker);
    for step in 0..MOST_STEPS {
        if steps.is_some_and(|steps| step >= steps) {
            return Ending::Killed;
        }
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ending::Over(output);
        }
        if !flag.0.swap(false, Ordering::SeqCst) {
            assert!(clock.advance_to_next(), "the run waits for nothing");
        }
    }
    panic!("the run does not end")
}
