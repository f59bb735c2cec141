//! How a provider behaves.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// How a provider behaves. All of it can be changed while it serves, but for the journal's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long it takes for an answer, in milliseconds.
    pub latency_ms: u64,
    /// Where its chances start.
    pub seed: u64,
    /// Which requests it fails.
    pub faults: FaultMix,
    /// What it says to prompts that have certain words in them, letter by letter: the words, and the answer; the first that fits
    /// counts.
    pub says: Vec<(String, String)>,
    /// What usage it reports.
    pub usage: UsageFigures,
    /// How many requests it serves per minute; as many as come where absent. It counts evenly: what a second lets through
    /// is a sixtieth of it.
    pub requests_per_minute: Option<u32>,
    /// Whether it tells its limits in headers.
    pub tells_limits: bool,
    /// How long a client that comes too often is told to stay away, in milliseconds.
    pub retry_after_ms: u64,
    /// The only key it takes; any where absent.
    pub key: Option<String>,
    /// The models it has; any where empty.
    pub models: Vec<String>,
    /// Whether it tells which models it has.
    pub tells_models: bool,
    /// The file that gets one line per request, written before the answer leaves.
    pub journal: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            seed: 1,
            faults: FaultMix::default(),
            says: Vec::new(),
            usage: UsageFigures::default(),
            requests_per_minute: None,
            tells_limits: false,
            retry_after_ms: 50,
            key: None,
            models: Vec::new(),
            tells_models: true,
            journal: None,
        }
    }
}

/// Which requests a provider fails.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultMix {
    /// The share of requests that fail, from 0 to 1.
    pub share: f64,
    /// How they fail, one as likely as another; not at all where empty.
    pub kinds: Vec<Fault>,
    /// How often the same request may fail one time after another; without end where absent.
    pub in_a_row: Option<u64>,
}

impl FaultMix {
    /// Returns faults that pass: asked again, the same request is answered in the end.
    #[must_use]
    pub fn passing(share: f64) -> Self {
        let kinds = vec![
            Fault::RateLimited,
            Fault::ServerError,
            Fault::Overloaded,
            Fault::Malformed,
            Fault::Cut,
            Fault::Hangup,
            Fault::Fenced,
            Fault::Invalid,
        ];
        Self { share, kinds, in_a_row: Some(3) }
    }
}

/// What usage a provider reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageFigures {
    /// A token for every four bytes of prompts, schemas and answers, as a rule of thumb has it.
    #[default]
    Length,
    /// Any number: up to one token for every byte that was sent, some of it cached, and up to the most that was allowed to
    /// be answered.
    Random,
}
