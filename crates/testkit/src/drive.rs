//! Runs a future on virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use refrain_core::ports::cancel::Cancel;

use crate::clock::ManualClock;

/// How a future went.
#[derive(Debug)]
pub(crate) enum Drive<T> {
    /// It came to its end.
    Over(T),
    /// It was dropped before.
    Killed,
    /// It waits for nothing.
    Waits,
    /// It took all the steps that it may, and goes on.
    Endless,
}

/// When a future is dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doom {
    /// After so many polls.
    pub(crate) steps: Option<u64>,
    /// As soon as this is set.
    pub(crate) flag: Arc<AtomicBool>,
    /// What somebody wishes after so many polls.
    pub(crate) wishes: Vec<(u64, Cancel)>,
}

impl Doom {
    fn has_come(&self, step: u64) -> bool {
        self.steps.is_some_and(|steps| step >= steps) || self.flag.load(Ordering::Relaxed)
    }

    fn wish(&self, step: u64) {
        self.wishes.iter().filter(|(at, _)| *at == step).for_each(|(_, wish)| wish.fire());
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Polls a future to its end, `most` times at most; where nothing is left but to wait, time goes on to the end of the next
/// sleep. Returns how often it was polled, too.
pub(crate) fn drive<F: Future>(
    clock: &ManualClock,
    doom: &Doom,
    most: u64,
    future: F,
) -> (Drive<F::Output>, u64) {
    let mut future = Box::pin(future);
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(flag.clone());
    let mut context = Context::from_waker(&waker);
    for step in 0..most {
        if doom.has_come(step) {
            return (Drive::Killed, step);
        }
        doom.wish(step);
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return (Drive::Over(output), step + 1);
        }
        let woken = flag.0.swap(false, Ordering::SeqCst);
        if !woken && !doom.has_come(step) && !clock.advance_to_next() {
            return (Drive::Waits, step + 1);
        }
    }
    (Drive::Endless, most)
}

/// Waits for one poll.
pub(crate) async fn step() {
    let mut waited = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
