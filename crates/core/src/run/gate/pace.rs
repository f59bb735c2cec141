//! How fast calls may leave: what is declared, lowered by refusals, raised by trying.

use std::time::Duration;

use super::bucket::Bucket;

/// The share of an allowance that is used: clocks differ, and the provider's minute may begin elsewhere.
const SHARE: f64 = 0.97;
/// How much of the pace that was refused is kept.
const KEPT: f64 = 0.93;
/// How much is kept of a pace that was refused before anything could be learnt of it.
const HASTY: f64 = 0.7;
/// How much of the rate that a first refusal left over is tried.
const FIRST: f64 = 0.85;
/// How much may leave at once, in seconds.
const BURST: f64 = 0.25;

/// How fast calls may leave; without bounds until there is a reason.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    /// What is declared, per second.
    declared: Option<f64>,
    /// What the provider said last, per second.
    said: Option<f64>,
    bucket: Option<Bucket>,
    /// The present pace, per second.
    rate: Option<f64>,
    /// The pace that was refused last.
    refused: Option<f64>,
    /// Whether the pace is a guess that is far off, most likely.
    searching: bool,
    /// When the pace was raised, or was not reached, last.
    probed: Duration,
    /// Whether calls were held back since then.
    held: bool,
}

impl Pace {
    /// Declares what is allowed per minute; the lowest counts.
    pub(super) fn declare(&mut self, per_minute: f64) {
        let rate = per_minute / 60.0;
        self.declared = Some(self.declared.map_or(rate, |declared| declared.min(rate)));
        self.rate = self.ceiling();
    }

    /// Takes what the provider says it allows per minute.
    pub(super) fn said(&mut self, per_minute: f64, now: Duration) {
        let said = Some((per_minute / 60.0).max(1.0 / 3600.0));
        if self.said != said {
            self.said = said;
            (self.refused, self.searching) = (None, false);
            let ceiling = self.ceiling();
            self.set(ceiling, now);
        }
    }

    fn ceiling(&self) -> Option<f64> {
        [self.declared, self.said].into_iter().flatten().reduce(f64::min).map(|rate| rate * SHARE)
    }

    /// Returns how long the next call has to wait.
    pub(super) fn wait(&mut self, need: f64, now: Duration) -> Option<Duration> {
        let rate = self.rate?;
        self.probe(rate, now);
        let bucket = self.bucket(now)?;
        let wait = bucket.wait(need, now);
        self.held |= wait.is_some();
        wait
    }

    /// Lets something through.
    pub(super) fn take(&mut self, amount: f64, now: Duration) {
        if let Some(bucket) = self.bucket(now) {
            bucket.take(amount, now);
        }
    }

    /// Lets no more than one call through at once for now.
    pub(super) fn calm(&mut self, now: Duration) {
        if let Some(bucket) = &mut self.bucket {
            bucket.drain_to(1.0, now);
        }
    }

    /// Whether there is a pace.
    pub(super) const fn is_set(&self) -> bool {
        self.rate.is_some()
    }

    /// Whether the pace is a guess that is far off, most likely.
    pub(super) const fn is_guess(&self) -> bool {
        self.searching
    }

    /// Whether calls were held back by the pace of late.
    pub(super) const fn holds(&self) -> bool {
        self.held
    }

    /// Lowers the pace after a refusal, as far as one refusal is a reason to. `achieved` is what went through per second
    /// of late, where that is known.
    pub(super) fn lower(&mut self, achieved: Option<f64>, now: Duration) {
        let Some(rate) = self.rate else { return };
        let wanted = achieved.map_or(rate * HASTY, |achieved| achieved * KEPT);
        let low = rate * 0.5;
        self.searching = wanted < low || achieved.is_none();
        self.refused = Some(rate);
        self.set(Some(wanted.clamp(low, rate * KEPT)), now);
    }

    /// Lowers the pace to what went through per second in a long time.
    pub(super) fn settle(&mut self, achieved: f64, now: Duration) {
        let Some(rate) = self.rate else { return };
        self.searching = false;
        self.refused = Some(rate.min(achieved));
        self.set(Some(rate.min(achieved * KEPT)), now);
    }

    /// Goes back to what is declared or said, or to no bounds at all.
    pub(super) fn recover(&mut self, now: Duration) {
        (self.refused, self.searching) = (None, false);
        let ceiling = self.ceiling();
        self.set(ceiling, now);
        if ceiling.is_none() {
            self.bucket = None;
        }
    }

    /// Sets the pace by what a first refusal left over, or lowers it further as more refusals come in.
    pub(super) fn derive(&mut self, achieved: f64, is_certain: bool, now: Duration) {
        // What was refused just now is no reason to go faster, however much of it went through in a moment.
        let present = self.rate.filter(|_| !is_certain);
        let most = present.or(self.ceiling()).unwrap_or(f64::INFINITY);
        self.searching = !is_certain;
        self.set(Some((achieved * FIRST).min(most)), now);
    }

    fn set(&mut self, rate: Option<f64>, now: Duration) {
        self.rate = rate;
        (self.probed, self.held) = (now, false);
        if let (Some(rate), Some(bucket)) = (rate, &mut self.bucket) {
            bucket.set_rate(rate, burst(rate), now);
        }
    }

    /// Raises the pace from time to time, as long as calls are held back by it.
    fn probe(&mut self, rate: f64, now: Duration) {
        let (every, factor) = self.step(rate);
        if now.saturating_sub(self.probed) < every {
            return;
        }
        let ceiling = self.ceiling().unwrap_or(f64::INFINITY);
        let raised = if self.held { (rate * factor).min(ceiling) } else { rate };
        self.set(Some(raised), now);
    }

    /// Returns how often the pace is raised, and by how much: carefully near where it was refused.
    fn step(&self, rate: f64) -> (Duration, f64) {
        if self.searching {
            return (Duration::from_secs(2), 1.25);
        }
        let share = self.refused.map_or(0.0, |refused| rate / refused);
        let (seconds, factor) = match share {
            0.97..1.05 => (10, 1.01),
            0.9..0.97 => (10, 1.03),
            _ => (5, 1.05),
        };
        (Duration::from_secs(seconds), factor)
    }

    fn bucket(&mut self, now: Duration) -> Option<&mut Bucket> {
        let rate = self.rate?;
        Some(self.bucket.get_or_insert_with(|| Bucket::new(rate, burst(rate), now)))
    }
}

fn burst(rate: f64) -> f64 {
    (rate * BURST).max(1.0)
}
