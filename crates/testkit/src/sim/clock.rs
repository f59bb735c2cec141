//! A clock whose time of day jumps.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use refrain_core::ports::clock::Clock;
use refrain_schemas::time::Timestamp;

use super::seed::mix;
use crate::clock::ManualClock;

/// For so long the time of day goes on as it should.
const STEADY: Duration = Duration::from_secs(7);

/// The farthest it jumps: a day forth or back.
const FARTHEST_MICROS: u64 = 2 * 86_400_000_000;

/// Virtual time; where there is a seed, the time of day jumps now and then, as it does on machines that are set right.
#[derive(Debug)]
pub(crate) struct SimClock {
    inner: Arc<ManualClock>,
    jumps: Option<u64>,
}

impl SimClock {
    pub(crate) const fn new(inner: Arc<ManualClock>, jumps: Option<u64>) -> Self {
        Self { inner, jumps }
    }

    fn offset(&self) -> i64 {
        let Some(seed) = self.jumps else { return 0 };
        let hash = mix(seed ^ (self.inner.monotonic().as_secs() / STEADY.as_secs()));
        let far = i64::try_from(hash % FARTHEST_MICROS).unwrap_or(0);
        far - i64::try_from(FARTHEST_MICROS / 2).unwrap_or(0)
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.inner.now().as_micros().saturating_add(self.offset()))
    }

    fn monotonic(&self) -> Duration {
        self.inner.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        self.inner.sleep(duration).await;
    }
}
