//! A gate: where calls queue for what a provider allows, and where it is found out what it allows in truth.
//!
//! ```text
//!   call ──▶ not closed? ──▶ room in the window? ──▶ requests per minute? ──▶ tokens per minute? ──▶ leaves
//!               ▲                    ▲                        ▲
//!     refused ──┴── closes for a while, halves the window and lowers the pace, once per round trip
//! ```

mod bucket;
mod pace;
mod scatter;
#[cfg(test)]
mod simulation;
mod tide;
mod window;

use std::time::Duration;

use refrain_schemas::endpoint::RateLimits;

use crate::ports::agent::RateSignal;

use pace::Pace;
use scatter::Scatter;
use tide::Tide;
use window::Window;

/// How far back it is looked for what went through.
const LOOK_BACK: Duration = Duration::from_secs(10);
/// The same where a provider closes for so long that it counts whole minutes.
const LOOK_FAR_BACK: Duration = Duration::from_secs(60);
/// What went through in less time than this says little of a pace.
const EVIDENCE: Duration = Duration::from_secs(2);

/// Where calls queue for what a provider allows.
#[derive(Debug)]
pub(super) struct Gate {
    window: Window,
    /// Whether the window has what was declared, rather than the clones there are.
    is_declared: bool,
    requests: Pace,
    tokens: Pace,
    tide: Tide,
    scatter: Scatter,
    in_flight: u32,
    /// Nothing leaves before then.
    opens: Duration,
    /// When the gate took in its sails last; what left before says nothing new.
    lowered: Option<Duration>,
    /// Rounds of refusals without a success in between.
    strikes: u32,
    /// When the gate had opened before the first of them.
    round: Duration,
    /// When the first of them came in.
    struck: Duration,
    /// Whether a call is under way that tries whether the gate may open.
    is_tried: bool,
    /// Where the present pace was derived from: when the first call left that counts.
    derived: Option<Duration>,
}

/// Whether a call may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may leave now.
    Now,
    /// It may leave then at the earliest.
    At(Duration),
    /// It may leave when another one has come back.
    Full,
}

/// What a call took along on its way out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    left: Duration,
    /// The tokens that were reckoned with.
    tokens: u64,
    /// Whether the window was full with it.
    was_full: bool,
    /// Whether it tries whether the gate may open.
    is_trial: bool,
}

/// What a call that was refused tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    /// How long the provider wants to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// From 0 to 1, so that not everybody comes back at once.
    pub(super) jitter: f64,
}

impl Gate {
    /// Makes a gate for so many clones.
    pub(super) fn new(limits: &RateLimits, clones: u32) -> Self {
        let mut gate = Self {
            window: match limits.concurrency {
                Some(concurrency) => Window::new(concurrency),
                // A declared pace keeps the crowd in order by itself.
                None if limits.requests_per_minute.is_some() => Window::new(clones),
                None => Window::opening(clones),
            },
            is_declared: limits.concurrency.is_some(),
            requests: Pace::default(),
            tokens: Pace::default(),
            tide: Tide::default(),
            scatter: Scatter::default(),
            in_flight: 0,
            opens: Duration::ZERO,
            lowered: None,
            strikes: 0,
            round: Duration::ZERO,
            struck: Duration::ZERO,
            is_tried: false,
            derived: None,
        };
        gate.declare(limits);
        gate
    }

    /// Takes in more clones; where limits are declared twice, the lower ones count.
    pub(super) fn join(&mut self, limits: &RateLimits, clones: u32) {
        match limits.concurrency {
            Some(concurrency) if self.is_declared => self.window.cap(concurrency),
            Some(concurrency) => self.window = Window::new(concurrency),
            None if self.is_declared => {}
            None => self.window.widen(clones),
        }
        self.is_declared |= limits.concurrency.is_some();
        self.declare(limits);
    }

    #[expect(clippy::cast_precision_loss, reason = "limits are far below 2^53")]
    fn declare(&mut self, limits: &RateLimits) {
        if let Some(requests) = limits.requests_per_minute {
            self.requests.declare(f64::from(requests));
        }
        if let Some(tokens) = limits.tokens_per_minute {
            self.tokens.declare(tokens as f64);
        }
    }

    /// Says whether a call may leave now.
    pub(super) fn admits(&mut self, now: Duration) -> Admission {
        if now < self.opens {
            return Admission::At(self.opens);
        }
        if !self.window.has_room(self.in_flight) || (self.strikes > 1 && self.is_tried) {
            return Admission::Full;
        }
        let waits = [self.requests.wait(1.0, now), self.tokens.wait(1.0, now)];
        waits
            .into_iter()
            .flatten()
            .max()
            .map_or(Admission::Now, |wait| Admission::At(now.saturating_add(wait)))
    }

    /// Lets a call leave that was admitted.
    pub(super) fn enter(&mut self, tokens: u64, now: Duration) -> Pass {
        self.in_flight += 1;
        self.requests.take(1.0, now);
        self.tokens.take(count(tokens), now);
        self.tide.left(now);
        let was_full = !self.window.has_room(self.in_flight);
        let is_trial = self.strikes > 1;
        self.is_tried |= is_trial;
        Pass { left: now, tokens, was_full, is_trial }
    }

    /// Takes a call back, whatever came of it; `used` are the tokens that it took in truth, where that is known.
    pub(super) fn leave(&mut self, pass: &Pass, used: Option<u64>, now: Duration) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.is_tried &= !pass.is_trial;
        if let Some(used) = used {
            self.tokens.take(count(used) - count(pass.tokens), now);
        }
    }

    /// Takes note that a call was answered.
    pub(super) fn succeeded(&mut self, pass: &Pass) {
        self.window.grow();
        self.scatter.succeeded(pass.left);
        if self.is_news(pass) {
            self.strikes = 0;
        }
    }

    /// Takes note that a call was refused; `backoff` says how long to wait after so many rounds of refusals.
    pub(super) fn refused(
        &mut self,
        pass: &Pass,
        refusal: Refusal,
        now: Duration,
        backoff: impl Fn(u32) -> Duration,
    ) {
        self.tide.refused(pass.left);
        let was_usual = self.scatter.is_usual();
        self.scatter.refused(self.strikes, now);
        if self.scatter.is_usual() {
            // The call itself waits for as long as it was told; the others need not.
            if !was_usual {
                self.recover(now);
            }
            return;
        }
        if !self.is_news(pass) {
            return self.refused_again(refusal, now);
        }
        self.strikes += 1;
        if self.strikes == 1 {
            (self.round, self.struck) = (self.opens, now);
        }
        // Whoever said when to come back and refuses again then is believed less and less.
        let least = if self.strikes > 1 { backoff(self.strikes - 1) } else { Duration::ZERO };
        let pause = refusal.retry_after.map_or_else(|| backoff(self.strikes), |pause| pause.max(least));
        self.close(pause, refusal.jitter, now);
        // Where the pace is what holds calls back, it is the pace that was too high.
        if pass.was_full && !self.requests.holds() {
            self.window.halve();
        }
        self.lowered = Some(now);
        self.slow_down(pass.left, pause, now);
    }

    /// Whether refusals come anyway, whatever the pace.
    pub(super) const fn is_scattered(&self) -> bool {
        self.scatter.is_usual()
    }

    /// Goes back to the pace that was lowered for nothing.
    fn recover(&mut self, now: Duration) {
        (self.opens, self.strikes, self.derived) = (now, 0, None);
        self.requests.recover(now);
        self.window.recover();
    }

    /// Takes another refusal of a round trip that has had its consequences: it only tells more of what went through.
    fn refused_again(&mut self, refusal: Refusal, now: Duration) {
        if let Some(pause) = refusal.retry_after {
            self.close(pause, refusal.jitter, now);
        }
        if let Some(since) = self.derived {
            self.derive(since, now);
        }
    }

    fn is_news(&self, pass: &Pass) -> bool {
        self.lowered.is_none_or(|lowered| pass.left >= lowered)
    }

    /// Lowers the pace by what went through.
    fn slow_down(&mut self, left: Duration, pause: Duration, now: Duration) {
        let first = self.tide.first().unwrap_or(now);
        let since = |back: Duration| first.max(self.struck.saturating_sub(back));
        self.derived = None;
        let recent = since(LOOK_BACK).max(self.round);
        // What left behind the refused call may have been refused as well.
        let is_known = left.saturating_sub(recent) >= EVIDENCE;
        if !self.requests.is_set() || (self.strikes == 1 && !is_known && self.requests.is_guess()) {
            let since = since(LOOK_FAR_BACK).max(self.round);
            self.derived = Some(since);
            self.derive(since, now);
        } else if pause > LOOK_BACK || self.strikes > 2 {
            // Whoever closes for so long counts whole minutes; and whoever closes for longer than that is down.
            if now.saturating_sub(self.struck) > LOOK_FAR_BACK {
                return;
            }
            let achieved = self.achieved(since(LOOK_FAR_BACK), self.opens);
            self.requests.settle(achieved, now);
        } else if self.strikes == 1 {
            self.requests.lower(is_known.then(|| self.achieved(recent, left)), now);
        }
    }

    fn derive(&mut self, since: Duration, now: Duration) {
        let is_certain = self.opens.saturating_sub(since) > LOOK_BACK;
        self.requests.derive(self.achieved(since, self.opens), is_certain, now);
    }

    /// Returns what went through per second.
    fn achieved(&self, since: Duration, until: Duration) -> f64 {
        let seconds = until.saturating_sub(since).as_secs_f64().max(1.0);
        f64::from(self.tide.admitted(since, until).max(1)) / seconds
    }

    /// Takes what a provider says of its limits.
    pub(super) fn told(&mut self, signal: RateSignal, jitter: f64, now: Duration) {
        if let Some(requests) = signal.requests_per_minute {
            self.requests.said(f64::from(requests), now);
            self.window.open();
        }
        if let Some(tokens) = signal.tokens_per_minute {
            self.tokens.said(count(tokens), now);
        }
        if let Some(pause) = signal.exhausted_for {
            self.close(pause, jitter, now);
        }
    }

    fn close(&mut self, pause: Duration, jitter: f64, now: Duration) {
        self.opens = self.opens.max(now.saturating_add(longer(pause, jitter)));
        self.requests.calm(now);
    }
}

/// Returns a pause that is longer by up to a quarter.
pub(super) fn longer(pause: Duration, jitter: f64) -> Duration {
    let more = pause.mul_f64(jitter.clamp(0.0, 1.0) / 4.0);
    pause.saturating_add(Duration::from_millis(u64::try_from(more.as_millis()).unwrap_or(u64::MAX)))
}

#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
const fn count(tokens: u64) -> f64 {
    tokens as f64
}
