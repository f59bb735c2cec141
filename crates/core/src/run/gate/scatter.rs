//! Refusals that come whatever the pace is.
//!
//! A provider in trouble, or a gateway in front of several, refuses a share of what it is sent without any regard to how much
//! that is. To slow down for such refusals would only make everything slow. They are told by this: the pace has gone
//! down a good deal, and their share has not.

use std::time::Duration;

/// So many calls tell a share; fewer do where several of them were refused.
const ENOUGH: u32 = 100;
const FEW: (u32, u32) = (24, 8);
/// So few tell one to begin with, or one that comes at a crawl.
const FIRST: (u32, u32) = (12, 3);
/// So many calls tell that a share that came anyway has risen.
const RISEN: u32 = 20;
/// A count takes no less time.
const LONG: Duration = Duration::from_secs(1);
/// A smaller share of refusals is what every limit brings.
const LEAST: f64 = 0.01;
/// A larger one is no scatter: whoever refuses so much wants less.
const MOST: f64 = 0.35;
/// To so much of what it was the pace has to have gone down.
const SLOWER: f64 = 0.7;
/// To so much of what it was has to go down what is let through: a limit lets through the same, whatever the pace.
const FEWER: f64 = 0.85;
/// A pace of so much of what was let through before is a crawl: no limit that was kept to then refuses anything now.
const CRAWL: f64 = 0.5;
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
        if (is_long && self.is_enough(now)) || self.has_risen() {
            self.judge(now);
        }
    }

    fn is_enough(&self, now: Duration) -> bool {
        let has = |(left, refused)| self.left >= left && self.refused >= refused;
        let is_first = self.before.is_none_or(|before| self.crawls(before, now));
        self.left >= ENOUGH || has(FEW) || (is_first && has(FIRST))
    }

    /// Returns the calls per second of the present count.
    fn rate(&self, now: Duration) -> f64 {
        let seconds = now.saturating_sub(self.since.unwrap_or(now)).as_secs_f64().max(0.1);
        f64::from(self.left) / seconds
    }

    fn crawls(&self, (rate, share): (f64, f64), now: Duration) -> bool {
        self.rate(now) <= rate * (1.0 - share) * CRAWL
    }

    /// Whether refusals come anyway, so that the pace is not what they are about.
    pub(super) const fn is_usual(&self) -> bool {
        self.usual.is_some()
    }

    /// Whether far more are refused than came anyway; nobody waits for that to go on for long.
    fn has_risen(&self) -> bool {
        let share = f64::from(self.refused) / f64::from(self.left.max(1));
        self.left >= RISEN && self.usual.is_some_and(|usual| share > most_of(usual))
    }

    /// Whether so many were refused as a share would let one expect.
    fn is_about(&self, share: f64) -> bool {
        let expected = share * f64::from(self.left);
        (f64::from(self.refused) - expected).abs() <= CHANCE * expected.max(1.0).sqrt()
    }

    fn judge(&mut self, now: Duration) {
        let (rate, share) = (self.rate(now), f64::from(self.refused) / f64::from(self.left));
        let is_scatter = !self.is_closed && (LEAST..=MOST).contains(&share);
        self.usual = match (self.usual, self.before) {
            (Some(usual), _) => Some(usual).filter(|usual| !self.is_closed && share <= most_of(*usual)),
            (None, Some((rate_before, share_before))) if is_scatter => {
                let let_through = rate * (1.0 - share) <= rate_before * (1.0 - share_before) * FEWER;
                let is_slower = rate <= rate_before * SLOWER && let_through;
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

/// The largest share of refusals that still passes for one that comes anyway.
fn most_of(usual: f64) -> f64 {
    (usual * LENIENCE).min(0.5)
}
