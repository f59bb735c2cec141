//! The number that everything in a simulation comes from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The number that everything in a simulation comes from; the same seed gives the same story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

/// A text that is no seed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a seed is a whole number from 0, not `{text}`")]
pub struct BadSeed {
    /// The text.
    pub text: String,
}

impl FromStr for Seed {
    type Err = BadSeed;

    fn from_str(text: &str) -> Result<Self, BadSeed> {
        text.parse().map(Self).map_err(|_| BadSeed { text: text.to_owned() })
    }
}

impl Seed {
    /// Returns the source of chance for one purpose; those of two purposes have nothing to do with each other.
    pub(crate) fn chance(self, purpose: &str) -> Chance {
        let word = purpose.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Chance(mix(self.0 ^ mix(word)))
    }
}

/// A source of chance that anybody can ask again: splitmix64.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// Returns the source of chance that a number stands for.
    pub(crate) const fn of(number: u64) -> Self {
        Self(number)
    }

    /// Returns the next number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Returns a number below a limit; 0 where there is none below it.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        match limit {
            0 => 0,
            limit => self.next() % limit,
        }
    }

    /// Returns a number from 0 up to, but not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        fraction(self.next())
    }

    /// Whether something happens that does so in this share of cases.
    pub(crate) fn happens(&mut self, share: f64) -> bool {
        self.unit() < share
    }
}

/// Returns a number from 0 up to 1 that a hash stands for.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a float exactly")]
pub(crate) fn fraction(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// Spreads the bits of a number.
pub(crate) const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_chance() {
        let numbers = |seed: u64, purpose: &str| {
            let mut chance = Seed(seed).chance(purpose);
            [chance.next(), chance.next(), chance.below(10)]
        };
        assert_eq!(numbers(1, "x"), numbers(1, "x"));
        assert_ne!(numbers(1, "x"), numbers(2, "x"));
        assert_ne!(numbers(1, "x"), numbers(1, "y"));
    }

    #[test]
    fn chance_is_even() {
        let mut chance = Seed(7).chance("x");
        let hits = (0..10_000).filter(|_| chance.happens(0.3)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
    }
}
