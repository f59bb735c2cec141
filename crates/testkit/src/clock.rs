//! Time that passes when told to.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use refrain_core::ports::clock::Clock;
use refrain_schemas::time::Timestamp;

/// The time of day at which every [`ManualClock`] starts: 2026-01-01T00:00:00Z.
pub const START_MICROS: i64 = 1_767_225_600_000_000;

/// A clock that stands still until it is advanced.
///
/// With [`ManualClock::automatic`], a sleep that begins advances the clock to its own end at once: time passes only by
/// waiting, and no test ever waits.
#[derive(Debug, Default)]
pub struct ManualClock {
    automatic: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    elapsed: Duration,
    next_sleeper: u64,
    sleepers: BTreeMap<(Duration, u64), Option<Waker>>,
}

impl ManualClock {
    /// Returns a clock that moves only by [`ManualClock::advance`].
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Returns a clock that moves by itself to the end of every sleep.
    #[must_use]
    pub fn automatic() -> Arc<Self> {
        Arc::new(Self { automatic: true, ..Self::default() })
    }

    /// Lets time pass; everyone whose sleep is over wakes, in the order of the ends of their sleeps.
    pub fn advance(&self, duration: Duration) {
        let target = self.state().elapsed + duration;
        self.advance_to(target);
    }

    /// Returns how many sleep now.
    #[must_use]
    pub fn sleeping(&self) -> usize {
        self.state().sleepers.len()
    }

    /// Advances to the end of the next sleep; returns whether anyone sleeps.
    pub fn advance_to_next(&self) -> bool {
        let next = self.state().sleepers.keys().next().map(|(end, _)| *end);
        next.inspect(|end| self.advance_to(*end)).is_some()
    }

    fn advance_to(&self, target: Duration) {
        let mut due = Vec::new();
        let mut state = self.state();
        state.elapsed = state.elapsed.max(target);
        while let Some(entry) = state.sleepers.first_entry().filter(|entry| entry.key().0 <= target) {
            due.extend(entry.remove());
        }
        drop(state);
        due.into_iter().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(&self, duration: Duration) -> (Duration, u64) {
        let mut state = self.state();
        let key = (state.elapsed + duration, state.next_sleeper);
        state.next_sleeper += 1;
        state.sleepers.insert(key, None);
        key
    }
}

/// Takes a sleeper that was dropped off the list.
struct Sleeper<'a> {
    clock: &'a ManualClock,
    key: (Duration, u64),
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.clock.state().sleepers.remove(&self.key);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.state().elapsed.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(START_MICROS.saturating_add(elapsed))
    }

    fn monotonic(&self) -> Duration {
        self.state().elapsed
    }

    async fn sleep(&self, duration: Duration) {
        let sleeper = Sleeper { clock: self, key: self.register(duration) };
        if self.automatic {
            self.advance_to(sleeper.key.0);
        }
        poll_fn(|context| {
            let mut state = self.state();
            if state.elapsed >= sleeper.key.0 {
                return Poll::Ready(());
            }
            state.sleepers.insert(sleeper.key, Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn sleeps_end_when_time_is_advanced() {
        let clock = ManualClock::new();
        let (mut short, mut long) = (clock.sleep(SECOND), clock.sleep(3 * SECOND));
        assert!((&mut short).now_or_never().is_none() && (&mut long).now_or_never().is_none());
        assert_eq!(clock.sleeping(), 2);
        clock.advance(2 * SECOND);
        assert!((&mut short).now_or_never().is_some() && (&mut long).now_or_never().is_none());
        assert!(clock.advance_to_next());
        assert!((&mut long).now_or_never().is_some());
        assert_eq!((clock.monotonic(), clock.advance_to_next()), (3 * SECOND, false));
        assert_eq!(clock.now().to_string(), "2026-01-01T00:00:03.000000Z");
    }

    #[test]
    fn dropped_sleeps_leave_nothing_behind() {
        let clock = ManualClock::new();
        assert!(clock.sleep(SECOND).now_or_never().is_none());
        assert_eq!(clock.sleeping(), 0);
    }

    #[test]
    fn an_automatic_clock_never_waits() {
        let clock = ManualClock::automatic();
        assert!(clock.sleep(3600 * SECOND).now_or_never().is_some());
        assert_eq!(clock.monotonic(), 3600 * SECOND);
    }
}
