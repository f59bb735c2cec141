//! What goes wrong with a call, and how long it takes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::profile::{CallOdds, Odds};
use super::seed::{Chance, Seed, fraction, mix};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error that may pass, before anything was served.
    Transient,
    /// The call is served and paid for, and the answer is lost.
    Lost,
    /// The provider wants fewer calls, and says for how long where a time is given.
    Limited(Option<Duration>),
    /// The answer is cut off as a whole.
    CutOff,
    /// The answer leaves out some of its units.
    LeavesOut,
    /// The answer does not have the shape that was asked for.
    Malformed,
    /// The agent will not answer one of the units.
    Refused,
    /// No answer comes until the call is called off.
    Hang,
    /// The process that answers dies.
    Death,
    /// The answer comes, whether it was called off or not, and late.
    Late,
}

impl Fault {
    /// Returns what reports call it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Lost => "lost",
            Self::Limited(Some(_)) => "rate_limited",
            Self::Limited(None) => "rate_limited_without_a_time",
            Self::CutOff => "cut_off",
            Self::LeavesOut => "left_out",
            Self::Malformed => "malformed",
            Self::Refused => "refused",
            Self::Hang => "hang",
            Self::Death => "process_death",
            Self::Late => "late",
        }
    }
}

/// The weather of one run.
#[derive(Debug)]
pub(crate) struct Weather {
    odds: CallOdds,
    is_stormy: bool,
    seed: u64,
    chance: Mutex<Chance>,
}

/// So long one hour of a provider's weather is.
const HOUR: Duration = Duration::from_secs(12);

impl Weather {
    pub(crate) fn new(seed: Seed, run: u32, odds: &Odds) -> Self {
        let mut chance = seed.chance("weather");
        for _ in 0..run {
            chance.next();
        }
        let seed = chance.next();
        Self { odds: odds.calls, is_stormy: odds.is_stormy, seed, chance: Mutex::new(Chance::of(mix(seed))) }
    }

    fn draw(&self) -> Chance {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        Chance::of(chance.next())
    }

    /// Says what goes wrong with the next call to a gate, at this time; `hangs` says whether somebody would notice a call
    /// that hangs.
    pub(crate) fn next(&self, gate: &str, at: Duration, hangs: bool) -> Option<Fault> {
        let mut chance = self.draw();
        if let Some(fault) = self.storm(gate, at, &mut chance) {
            return Some(fault);
        }
        let odds = &self.odds;
        let pause = chance.happens(0.5).then(|| Duration::from_secs(1 + chance.below(20)));
        let cut = if chance.happens(0.5) { Fault::CutOff } else { Fault::LeavesOut };
        let table = [
            (odds.transient, Fault::Transient),
            (odds.lost, Fault::Lost),
            (odds.limited, Fault::Limited(pause)),
            (odds.truncated, cut),
            (odds.malformed, Fault::Malformed),
            (odds.refused, Fault::Refused),
            (if hangs { odds.hang } else { 0.0 }, Fault::Hang),
            (odds.death, Fault::Death),
            (odds.late, Fault::Late),
        ];
        let mut rest = chance.unit();
        for (share, fault) in table {
            if rest < share {
                return Some(fault);
            }
            rest -= share;
        }
        None
    }

    /// In a storm a provider serves few or nobody for a while.
    fn storm(&self, gate: &str, at: Duration, chance: &mut Chance) -> Option<Fault> {
        if !self.is_stormy {
            return None;
        }
        let hour = at.as_secs() / HOUR.as_secs();
        let name = gate.bytes().fold(self.seed, |hash, byte| mix(hash ^ u64::from(byte)));
        let sky = mix(name ^ hour);
        let left = HOUR.saturating_sub(Duration::from_secs(at.as_secs() % HOUR.as_secs()));
        match sky % 12 {
            0 if chance.happens(0.9) => Some(Fault::Limited(Some(left))),
            1 if chance.happens(0.7) => Some(Fault::Limited(None)),
            2 if chance.happens(0.7) => Some(Fault::Transient),
            _ => None,
        }
    }

    /// Says how long an agent takes to start, and whether it does.
    pub(crate) fn start(&self) -> (Duration, bool) {
        let mut chance = self.draw();
        if !chance.happens(self.odds.start) {
            return (Duration::ZERO, true);
        }
        (Duration::from_millis(chance.below(30_000)), chance.happens(0.8))
    }

    /// Says how long an answer takes that usually takes `usual`: most are near it, few are very long.
    pub(crate) fn latency(&self, usual: Duration) -> Duration {
        let mut chance = self.draw();
        heavy_tailed(usual, chance.next())
    }

    /// Returns a number for what happens in one call.
    pub(crate) fn roll(&self) -> Chance {
        self.draw()
    }
}

/// A Pareto distribution whose least value is half of the usual one, cut off at forty times of it.
fn heavy_tailed(usual: Duration, hash: u64) -> Duration {
    let factor = 0.5 * (1.0 - fraction(hash)).powf(-1.0 / 1.6);
    usual.mul_f64(factor.min(40.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::profile::Profile;

    #[test]
    fn calm_weather_stays_calm_and_hostile_weather_has_everything() {
        let faults = |profile: Profile| {
            let weather = Weather::new(Seed(3), 0, &profile.odds());
            let at = |n: u64| Duration::from_millis(n * 37);
            let found: std::collections::BTreeSet<&str> =
                (0..5_000).filter_map(|n| weather.next("gate", at(n), true)).map(Fault::as_str).collect();
            found
        };
        assert!(faults(Profile::Calm).is_empty());
        assert_eq!(faults(Profile::Hostile).len(), 11);
    }

    #[test]
    fn most_answers_are_quick_and_few_are_very_slow() {
        let usual = Duration::from_secs(1);
        let mut all: Vec<Duration> = (0..1_000).map(|n| heavy_tailed(usual, mix(n))).collect();
        all.sort();
        assert!(all[0] >= usual / 2 && all[500] < usual);
        assert!(all[990] > 5 * usual && all[999] <= 40 * usual);
    }
}
