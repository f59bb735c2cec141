//! A bucket that fills at a steady rate.

use std::time::Duration;

/// A bucket that fills at a steady rate and never holds more than a moment's worth. It may be overdrawn: then nothing
/// is taken out until it has recovered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// What comes in each second.
    rate: f64,
    /// The most it holds.
    burst: f64,
    level: f64,
    at: Duration,
}

impl Bucket {
    /// Returns a full bucket.
    pub(super) fn new(rate: f64, burst: f64, now: Duration) -> Self {
        Self { rate, burst, level: burst, at: now }
    }

    /// Changes the rate from now on.
    pub(super) fn set_rate(&mut self, rate: f64, burst: f64, now: Duration) {
        self.fill(now);
        (self.rate, self.burst) = (rate, burst);
        self.level = self.level.min(burst);
    }

    /// Leaves no more in it than that.
    pub(super) fn drain_to(&mut self, level: f64, now: Duration) {
        self.fill(now);
        self.level = self.level.min(level);
    }

    /// Returns how long it takes until there is so much in it; nothing where it is there.
    pub(super) fn wait(&mut self, need: f64, now: Duration) -> Option<Duration> {
        self.fill(now);
        let lack = need.min(self.burst) - self.level;
        // What is lacking by rounding alone is not lacking.
        (lack > 1e-9).then(|| Duration::try_from_secs_f64(lack / self.rate).unwrap_or(Duration::MAX))
    }

    /// Takes out so much, or puts it back where it is negative.
    pub(super) fn take(&mut self, amount: f64, now: Duration) {
        self.fill(now);
        self.level = (self.level - amount).min(self.burst);
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.level = (self.level + passed * self.rate).min(self.burst);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn it_gives_what_comes_in_and_a_moments_worth_at_first() {
        let mut bucket = Bucket::new(10.0, 2.0, at(0));
        let mut n = 0;
        for millis in 0..=10_000 {
            if bucket.wait(1.0, at(millis)).is_none() {
                bucket.take(1.0, at(millis));
                n += 1;
            }
        }
        assert_eq!(n, 102);
    }

    #[test]
    fn it_recovers_from_being_overdrawn() {
        let mut bucket = Bucket::new(10.0, 5.0, at(0));
        bucket.take(25.0, at(0));
        assert_eq!(bucket.wait(1.0, at(0)), Some(at(2100)));
        bucket.take(-10.0, at(0));
        assert_eq!(bucket.wait(1.0, at(0)), Some(at(1100)));
        assert_eq!(bucket.wait(1.0, at(1100)), None);
    }
}
