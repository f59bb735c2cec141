//! How many requests a provider lets through.

use std::time::{Duration, Instant};

/// A bucket that fills evenly and holds what a second lets through.
#[derive(Debug)]
pub(super) struct Bucket {
    content: f64,
    filled_at: Instant,
}

impl Bucket {
    /// Returns a full bucket.
    pub(super) const fn new(now: Instant) -> Self {
        Self { content: f64::INFINITY, filled_at: now }
    }

    /// Takes one request out, or says how long it takes until there is one to take.
    pub(super) fn take(&mut self, per_minute: u32, now: Instant) -> Result<u32, Duration> {
        let per_second = f64::from(per_minute) / 60.0;
        let gained = now.duration_since(self.filled_at).as_secs_f64() * per_second;
        self.content = (self.content + gained).min(per_second.max(1.0));
        self.filled_at = now;
        if self.content < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.content) / per_second));
        }
        self.content -= 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and per_minute"
        )]
        Ok(self.content as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_lets_through_what_it_may() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        let at = |ms: u64| start + Duration::from_millis(ms);
        let taken = (0..60_000).filter(|ms| bucket.take(600, at(*ms)).is_ok()).count();
        assert!((600..=610).contains(&taken), "{taken}");
        let taken = (60_000..120_000).filter(|ms| bucket.take(300, at(*ms)).is_ok()).count();
        assert!((298..=311).contains(&taken), "{taken}");
    }

    #[test]
    fn who_comes_too_early_hears_how_long_to_wait() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        assert_eq!(bucket.take(60, start), Ok(0));
        assert_eq!(bucket.take(60, start), Err(Duration::from_secs(1)));
        assert_eq!(bucket.take(60, start + Duration::from_secs(1)), Ok(0));
    }
}
