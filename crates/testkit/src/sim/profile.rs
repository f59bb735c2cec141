//! How bad the weather is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How bad the weather is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Nothing goes wrong; only how long answers take differs.
    Calm,
    /// An ordinary week: now and then an error, a refusal to serve more, garbage, an answer that is cut off or never
    /// comes.
    Flaky,
    /// Providers in trouble: storms of refusals with and without a time to come back, outages, slow starts.
    Storm,
    /// A machine in trouble: killed at any moment, writes that fail or tear, a full disk, a clock that jumps.
    Crash,
    /// All of it, and answers that nobody should give.
    Hostile,
}

/// A word that names no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no profile `{name}`; there are {}", names())]
pub struct UnknownProfile {
    /// The word.
    pub name: String,
}

fn names() -> String {
    Profile::ALL.map(Profile::as_str).join(", ")
}

impl Profile {
    /// All profiles, mildest first.
    pub const ALL: [Self; 5] = [Self::Calm, Self::Flaky, Self::Storm, Self::Crash, Self::Hostile];

    /// Returns the name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Flaky => "flaky",
            Self::Storm => "storm",
            Self::Crash => "crash",
            Self::Hostile => "hostile",
        }
    }

    /// Returns what the profile is like, in a few words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Calm => "nothing goes wrong",
            Self::Flaky => "now and then errors, garbage, refusals and hangs",
            Self::Storm => "providers in trouble: 429 storms, outages, slow starts",
            Self::Crash => "a machine in trouble: kills, failed writes, a full disk, clock jumps",
            Self::Hostile => "all of it at once",
        }
    }

    pub(crate) const fn odds(self) -> Odds {
        match self {
            Self::Calm => Odds::NONE,
            Self::Flaky => Odds { calls: FLAKY, look: 0.1, ..Odds::NONE },
            Self::Storm => Odds { calls: STORM, is_stormy: true, ..Odds::NONE },
            Self::Crash => Odds {
                crash: 0.6,
                wish: 0.1,
                commit: 0.01,
                read: 0.002,
                look: 0.3,
                jumps: true,
                ..Odds::NONE
            },
            Self::Hostile => Odds {
                calls: HOSTILE,
                is_stormy: true,
                crash: 0.4,
                wish: 0.1,
                commit: 0.005,
                read: 0.001,
                look: 0.3,
                jumps: true,
            },
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        let found = Self::ALL.into_iter().find(|profile| profile.as_str() == text);
        found.ok_or_else(|| UnknownProfile { name: text.to_owned() })
    }
}

/// How often what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Odds {
    /// What goes wrong with calls.
    pub(crate) calls: CallOdds,
    /// Whether there are hours in which a provider serves nobody.
    pub(crate) is_stormy: bool,
    /// The share of runs that are killed.
    pub(crate) crash: f64,
    /// The share of runs that a person stops.
    pub(crate) wish: f64,
    /// The share of commits that fail.
    pub(crate) commit: f64,
    /// The share of readings of the store that fail.
    pub(crate) read: f64,
    /// The share of look-ups that take longer than calls may.
    pub(crate) look: f64,
    /// Whether the time of day jumps.
    pub(crate) jumps: bool,
}

/// Which share of calls goes wrong, and how.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct CallOdds {
    /// An error that may pass, of a call that was not served.
    pub(crate) transient: f64,
    /// The connection breaks after the call was served: paid for, and nothing came.
    pub(crate) lost: f64,
    /// The provider wants fewer calls.
    pub(crate) limited: f64,
    /// The answer leaves units out, or is cut off.
    pub(crate) truncated: f64,
    /// The answer does not have the shape that was asked for.
    pub(crate) malformed: f64,
    /// A unit is not answered, because the agent will not.
    pub(crate) refused: f64,
    /// No answer comes.
    pub(crate) hang: f64,
    /// The process that answers dies.
    pub(crate) death: f64,
    /// The agent does not start, or only slowly.
    pub(crate) start: f64,
    /// The answer comes after it was called off.
    pub(crate) late: f64,
}

impl Odds {
    const NONE: Self = Self {
        calls: CALM,
        is_stormy: false,
        crash: 0.0,
        wish: 0.0,
        commit: 0.0,
        read: 0.0,
        look: 0.0,
        jumps: false,
    };
}

const CALM: CallOdds = CallOdds {
    transient: 0.0,
    lost: 0.0,
    limited: 0.0,
    truncated: 0.0,
    malformed: 0.0,
    refused: 0.0,
    hang: 0.0,
    death: 0.0,
    start: 0.0,
    late: 0.0,
};

const FLAKY: CallOdds = CallOdds {
    transient: 0.02,
    lost: 0.003,
    limited: 0.02,
    truncated: 0.005,
    malformed: 0.01,
    refused: 0.0005,
    hang: 0.002,
    death: 0.003,
    start: 0.01,
    late: 0.0,
};

const STORM: CallOdds =
    CallOdds { transient: 0.05, lost: 0.02, limited: 0.10, hang: 0.01, start: 0.10, ..FLAKY };

const HOSTILE: CallOdds = CallOdds {
    transient: 0.05,
    lost: 0.03,
    limited: 0.05,
    truncated: 0.05,
    malformed: 0.08,
    refused: 0.02,
    hang: 0.02,
    death: 0.03,
    start: 0.10,
    late: 0.02,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_have_one_name_everywhere() {
        for profile in Profile::ALL {
            assert_eq!(profile.to_string().parse(), Ok(profile));
            assert_eq!(serde_json::to_string(&profile).unwrap(), format!("\"{profile}\""));
        }
        let error = "windy".parse::<Profile>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no profile `windy`; there are calm, flaky, storm, crash, hostile"
        );
    }
}
