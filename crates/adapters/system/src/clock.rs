//! The machine's clock.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use refrain_core::ports::clock::Clock;
use refrain_schemas::time::Timestamp;

/// Tells the machine's time; waiting needs a tokio runtime with its timer on.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Returns a clock whose monotonic time starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_clock_waits_at_least_as_long_as_it_was_told() {
        let clock = SystemClock::new();
        let before = (clock.now(), clock.monotonic());
        clock.sleep(Duration::from_millis(20)).await;
        assert!(clock.monotonic() >= before.1 + Duration::from_millis(20));
        assert!(clock.now().as_micros() > 1_700_000_000_000_000, "{}", clock.now());
        assert!(before.0.to_string().ends_with('Z'), "{}", before.0);
    }
}
