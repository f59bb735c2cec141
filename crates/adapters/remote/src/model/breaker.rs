//! Which endpoints are down.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many outages in a row mean that an endpoint is down.
const OUTAGES: u32 = 2;

/// How long an endpoint that is down is left alone before one call tries it again.
const REST: Duration = Duration::from_secs(15);

/// What is known of endpoints that are or may be down; clones share it.
///
/// ```text
/// up ──2 outages in a row──▶ down ──15 s──▶ one call tries ──works──▶ up
///                             ▲                  │
///                             └─────outage───────┘
/// ```
#[derive(Debug, Clone, Default)]
pub struct Breakers(Arc<Mutex<BTreeMap<String, State>>>);

#[derive(Debug, Clone, Copy, Default)]
struct State {
    outages: u32,
    /// Until when nobody tries it.
    rests_until: Option<Instant>,
}

impl Breakers {
    /// Whether a call may go to an endpoint now. A call that is allowed to try one that was down takes that turn: the next
    /// one waits as long again.
    #[must_use]
    pub fn admits(&self, endpoint: &str) -> bool {
        let mut states = self.states();
        let Some(state) = states.get_mut(endpoint) else { return true };
        let Some(until) = state.rests_until else { return true };
        let now = Instant::now();
        if now < until {
            return false;
        }
        state.rests_until = Some(now + REST);
        true
    }

    /// Notes that an endpoint answered, whatever it said.
    pub fn worked(&self, endpoint: &str) {
        self.states().remove(endpoint);
    }

    /// Notes an outage; returns whether the endpoint counts as down from now on.
    pub fn outage(&self, endpoint: &str) -> bool {
        let mut states = self.states();
        let state = states.entry(endpoint.to_owned()).or_default();
        state.outages = state.outages.saturating_add(1);
        if state.outages < OUTAGES {
            return false;
        }
        state.rests_until.replace(Instant::now() + REST).is_none()
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn two_outages_in_a_row_close_the_way_for_a_while() {
        let breakers = Breakers::default();
        assert!(!breakers.outage("a"));
        breakers.worked("a");
        assert!(!breakers.outage("a"), "the one before is forgotten");
        assert!(breakers.admits("a"));
        assert!(breakers.outage("a"));
        assert!(!breakers.admits("a") && breakers.admits("b"));
        tokio::time::advance(REST).await;
        assert!(breakers.clone().admits("a"), "one call tries");
        assert!(!breakers.admits("a"), "and only one");
        assert!(!breakers.outage("a"), "it was down all the time");
        tokio::time::advance(REST).await;
        assert!(breakers.admits("a"));
        breakers.worked("a");
        assert!(breakers.admits("a") && breakers.admits("a"));
    }
}
