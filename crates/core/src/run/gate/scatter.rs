//! Refusals that come whatever the pace is.
//!
//! A provider in trouble, or a gateway in front of several, refuses a share of what it is sent without any regard to how much
//! that is. To slow down for such refusals would only make everything slow. They are told by this: the pace has gone
//! down a good deal, and their share has not.

use std::time::Duration;

/// So many calls tell a share; fewer do where several of them were refused.
const ENOUGH: u32 = 30;
const FEW: (u32, u32) = (12, 3);
/// A count takes no less time.
const LONG: Duration = Duration::from_secs(1);
/// A smaller share of refusals is what every limit brings.
const LEAST: f64 = 0.01;
/// A larger one is no scatter: whoever refuses so much wants less.
const MOST: f64 = 0.35;
/// To so much of what it was the pace has to have gone down.
const SLOWER: f64 = 0.7;
/// Counts of refusals differ by chance by so many times the root of what was expected.
const CHANCE: f64 = 2.0;
/// How much more of them there may be before they count again.
const LENIENCE: f64 = 2.0;

/// Tells refusals that a pace brings from those that come anyway.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scatter {
    /// Where the present count began; nowhere before the first call.
    since: Option<Duration>,
    left: u32,
    refused: u32,
    /// Whether rounds were refused one after the other meanwhile.
    is_closed: bool,
    /// The most calls per second, and the share of refusals, of the counts before with about this share.
    before: Option<(f64, f64)>,
    /// The share of refusals that comes anyway.
    usual: Option<f64>,
}

impl Scatter {
    /// Takes note of a call that was answered.
    pub(super) fn succeeded(&mut self, left: Duration) {
        self.since.get_or_insert(left);
        self.left += 1;
    }

    /// Takes note of a call that was refused, in the so many-th round of refusals without a success in between.
    pub(super) fn refused(&mut self, strikes: u32, now: Duration) {
        (self.left, self.refused) = (self.left + 1, self.refused + 1);
        self.is_closed |= strikes > 2;
        // What left in one burst tells of no pace.
        let is_long = now.saturating_sub(self.since.unwrap_or(now)) >= LONG;
        if is_long && (self.left >= ENOUGH || (self.left >= FEW.0 && self.refused >= FEW.1)) {
            self.judge(now);
        }
    }

    /// Whether refusals come anyway, so that the pace is not what they are about.
    pub(super) const fn is_usual(&self) -> bool {
        self.usual.is_some()
    }

    /// Whether so many were refused as a share would let one expect.
    fn is_about(&self, share: f64) -> bool {
        let expected = share * f64::from(self.left);
        (f64::from(self.refused) - expected).abs() <= CHANCE * expected.max(1.0).sqrt()
    }

    fn judge(&mut self, now: Duration) {
        let since = self.since.unwrap_or(now);
        let seconds = now.saturating_sub(since).as_secs_f64().max(0.1);
        let (rate, share) = (f64::from(self.left) / seconds, f64::from(self.refused) / f64::from(self.left));
        let is_scatter = !self.is_closed && (LEAST..=MOST).contains(&share);
        self.usual = match (self.usual, self.before) {
            (Some(usual), _) => Some(usual).filter(|usual| !self.is_closed && share <= usual * LENIENCE),
            (None, Some((rate_before, share_before))) if is_scatter => {
                let is_slower = rate <= rate_before * SLOWER;
                (is_slower && self.is_about(share_before)).then_some(share.max(share_before))
            }
            (None, _) => None,
        };
        let before = self.before.filter(|(_, before)| self.is_about(*before));
        let highest = before.map_or(rate, |(before, _)| before.max(rate));
        self.before = is_scatter.then_some((highest, share));
        (self.since, self.left, self.refused, self.is_closed) = (Some(now), 0, 0, false);
    }
}
