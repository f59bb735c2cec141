//! Where phases go on, and which failures others are for.

use std::collections::HashMap;
use std::sync::Arc;

use refrain_schemas::name::PhaseName;
use serde_json::Value;

use crate::fill::Pattern;
use crate::sight::Sight;

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heading {
    /// To this phase.
    Phase(PhaseName),
    /// To the one that a template names, which is known when its phase is made.
    Named(Arc<Later>),
}

/// Which phases come later than which.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Later {
    places: HashMap<PhaseName, usize>,
    /// Of each phase one bit for each that comes after it.
    after: Vec<Vec<u64>>,
}

impl Later {
    /// Keeps what comes after each phase.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = PhaseName>, after: impl Fn(usize) -> Vec<bool>) -> Self {
        let places: HashMap<PhaseName, usize> = names.into_iter().zip(0..).collect();
        let bits = |reached: Vec<bool>| {
            let word = |bits: &[bool]| bits.iter().rev().fold(0, |word, bit| word << 1 | u64::from(*bit));
            reached.chunks(64).map(word).collect()
        };
        let after = (0..places.len()).map(|at| bits(after(at))).collect();
        Self { places, after }
    }

    /// Whether one phase comes before another one.
    #[must_use]
    pub fn is_before(&self, phase: &PhaseName, later: &PhaseName) -> bool {
        let (Some(&at), Some(&to)) = (self.places.get(phase), self.places.get(later)) else { return false };
        self.after.get(at).and_then(|bits| bits.get(to / 64)).is_some_and(|word| word >> (to % 64) & 1 == 1)
    }
}

/// A template that names the phase to go on with, once there is what its own phase makes.
#[derive(Debug, Clone)]
pub struct Goto {
    /// The template.
    pub to: Arc<Pattern>,
    /// What it reads, what its own phase made included.
    pub sight: Arc<Sight>,
}

/// A phase whose failures another one is for.
#[derive(Debug, Clone)]
pub struct Handled {
    /// The phase.
    pub phase: PhaseName,
    /// Which of them.
    pub failures: Failures,
}

/// Which failures something is for.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    /// The kinds; all where empty.
    pub kinds: Vec<String>,
    /// What must be found in the message; anything where empty.
    pub patterns: Vec<regex::Regex>,
    /// The codes; all where empty.
    pub codes: Vec<String>,
}

impl Failures {
    /// Whether a failure is one of them: by its kind, its message and its document.
    #[must_use]
    pub fn include(&self, kind: &str, message: &str, document: &Value) -> bool {
        let code = || {
            // A tool has its own words under `result`.
            let places = [Some(document), document.get("result")].into_iter().flatten();
            let mut found = places.flat_map(|place| ["return_code", "code"].map(|field| place.get(field)));
            let code = found.find_map(|code| code)?;
            Some(code.as_str().map_or_else(|| code.to_string(), str::to_owned))
        };
        (self.kinds.is_empty() || self.kinds.iter().any(|known| known == kind))
            && (self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.is_match(message)))
            && (self.codes.is_empty() || code().is_some_and(|code| self.codes.contains(&code)))
    }
}
