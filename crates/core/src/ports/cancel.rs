//! A signal that something is to stop.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A signal that can be fired once and waited for by many; clones are the same signal.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    fired: bool,
    next_waiter: u64,
    waiters: BTreeMap<u64, Waker>,
}

impl Cancel {
    /// Returns a signal that has not been fired.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Fires the signal; doing it again changes nothing.
    pub fn fire(&self) {
        let waiters = {
            let mut state = self.state();
            state.fired = true;
            std::mem::take(&mut state.waiters)
        };
        waiters.into_values().for_each(Waker::wake);
    }

    /// Whether the signal has been fired.
    #[must_use]
    pub fn is_fired(&self) -> bool {
        self.state().fired
    }

    /// Returns a future that ends when the signal is fired.
    #[must_use]
    pub const fn fired(&self) -> Fired<'_> {
        Fired { cancel: self, waiter: None }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends when its signal is fired; see [`Cancel::fired`].
#[derive(Debug)]
pub struct Fired<'a> {
    cancel: &'a Cancel,
    waiter: Option<u64>,
}

impl Future for Fired<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.cancel.state();
        if state.fired {
            return Poll::Ready(());
        }
        let waiter = self.waiter.unwrap_or(state.next_waiter);
        state.next_waiter = state.next_waiter.max(waiter + 1);
        state.waiters.insert(waiter, context.waker().clone());
        drop(state);
        self.waiter = Some(waiter);
        Poll::Pending
    }
}

impl Drop for Fired<'_> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            self.cancel.state().waiters.remove(&waiter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn waiters_wake_and_leave_nothing_behind() {
        let cancel = Cancel::new();
        for _ in 0..3 {
            assert!(cancel.fired().now_or_never().is_none());
        }
        assert!(cancel.state().waiters.is_empty(), "dropped waiters are forgotten");
        let same = cancel.clone();
        same.fire();
        assert!(cancel.is_fired());
        assert!(cancel.fired().now_or_never().is_some());
    }
}
