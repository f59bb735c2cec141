//! How long to wait before something is tried again.

use std::time::Duration;

use refrain_schemas::name::{CallId, RunId};

use crate::model::RetryPolicy;

impl RetryPolicy {
    /// Returns the pause after a failed attempt.
    #[must_use]
    pub fn pause(&self, attempt: u32) -> Duration {
        let growth = self.factor.saturating_pow(attempt.saturating_sub(1));
        if self.factor == 0 { Duration::ZERO } else { self.initial.saturating_mul(growth).min(self.max) }
    }
}

/// Returns a number from 0 to 1 that hangs on the run and the call alone, so that pauses differ and runs do not.
pub(super) fn jitter(run_id: RunId, call: CallId) -> f64 {
    let (high, low) = run_id.uuid().as_u64_pair();
    let mixed = mix(high ^ mix(low ^ mix(call.0)));
    f64::from(u32::try_from(mixed >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

/// Spreads the bits of a number over all of it.
const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 31)).wrapping_mul(0x7fb5_d329_728e_a185);
    let number = (number ^ (number >> 27)).wrapping_mul(0x81da_def4_bc2d_d44d);
    number ^ (number >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_spreads_and_repeats() {
        let run = RunId::new(uuid::Uuid::from_u128(7));
        let all: Vec<f64> = (0..1000).map(|call| jitter(run, CallId(call))).collect();
        let mean = all.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean) && all.iter().all(|part| (0.0..=1.0).contains(part)), "{mean}");
        assert_eq!(all, (0..1000).map(|call| jitter(run, CallId(call))).collect::<Vec<_>>());
    }
}
