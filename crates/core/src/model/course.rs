//! What ends of phases mean to others: where they go on, which values stand in for failures, and which failures others are for.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use refrain_schemas::json::Json;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::Policy;
use refrain_schemas::scope::Target;
use serde_json::Value;

use crate::fill::Pattern;
use crate::sight::Sight;

use super::RetryPolicy;

/// What the end of a phase means to what comes after it, and what the ends of others mean to it.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// What a failure means to what comes after it.
    pub policy: Policy,
    /// Whether what comes after goes on at a failure, because the phase to go on with is named.
    pub goes_on: bool,
    /// Values that stand in for what the phase would have made.
    pub recover: Vec<Recover>,
    /// How its failed calls are tried again; the agent's own where absent.
    pub retry: Option<RetryPolicy>,
    /// How long one call may take; the agent's own where absent.
    pub timeout: Option<Duration>,
    /// The phases whose ends pass this one over.
    pub passed_by: Vec<Arc<PassedBy>>,
    /// The later phase that routes pass over together with this one.
    pub prepares: Option<PhaseName>,
    /// Whether what it needs must have been made: the document of a failure is not enough.
    pub needs_made: bool,
    /// The failures that the phase is for; it runs where one of them happened, if there are any.
    pub handles: Vec<Handled>,
    /// What is for failures of the phase, by rank, as far as it has one.
    pub claims: Vec<Claim>,
}

impl Course {
    /// Whether what comes after the phase goes on where it fails, and reads the document of the failure.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.goes_on || self.policy == Policy::Continue
    }

    /// Returns the rank that alone is for a failure of the phase, if any is. A phase that yields and has failed leaves it to the next.
    #[must_use]
    pub fn claimed(
        &self,
        includes: impl Fn(&Failures) -> bool,
        has_failed: impl Fn(&PhaseName) -> bool,
    ) -> Option<u32> {
        let stands = |claim: &&Claim| !claim.yields.as_ref().is_some_and(&has_failed);
        let fits = |claim: &&Claim| includes(&claim.failures) && stands(claim);
        self.claims.iter().find(fits).map(|claim| claim.rank)
    }

    /// Whether the phase is for failures of another one.
    #[must_use]
    pub fn handles(&self, phase: &PhaseName) -> bool {
        self.handles.iter().any(|handled| handled.phase == *phase)
    }
}

/// A phase whose end passes others over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedBy {
    /// The phase.
    pub source: PhaseName,
    /// Which end does.
    pub on: RouteOn,
    /// The phase that it goes on with.
    pub to: Heading,
    /// The only target of the phase, where that is there once.
    pub only: Option<Target>,
}

/// The end at which a route is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteOn {
    /// Its condition is false.
    False,
    /// It made what it was to make.
    Success,
    /// It made what it was to make, and a template named the phase to go on with.
    Goto,
    /// It failed.
    Failure,
}

/// A value that stands in for what a failed phase would have made.
#[derive(Debug, Clone)]
pub struct Recover {
    /// The failures that it is for.
    pub failures: Failures,
    /// The document.
    pub value: Json,
    /// Whether the phase has failed all the same.
    pub propagate: bool,
    /// Its place among what is for failures of the phase.
    pub rank: Option<u32>,
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heading {
    /// To this phase.
    Phase(PhaseName),
    /// To the one that a template names, which is known when its phase is made.
    Named(Arc<Later>),
}

/// Which phases come later than which. It is made out for those alone that a phase has gone on with: how many these are hangs
/// on what happens, and how many could be on the square of the phases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Later {
    places: HashMap<PhaseName, usize>,
    /// What comes right before each phase.
    before: Vec<Vec<usize>>,
    /// One bit for each phase that comes before this one.
    reached: Vec<OnceLock<Box<[u64]>>>,
}

impl Later {
    /// Keeps what comes right before each phase.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = PhaseName>, before: Vec<Vec<usize>>) -> Self {
        let places: HashMap<PhaseName, usize> = names.into_iter().zip(0..).collect();
        let reached = before.iter().map(|_| OnceLock::new()).collect();
        Self { places, before, reached }
    }

    /// Whether one phase comes before another one.
    #[must_use]
    pub fn is_before(&self, phase: &PhaseName, later: &PhaseName) -> bool {
        let (Some(&at), Some(&to)) = (self.places.get(phase), self.places.get(later)) else { return false };
        let Some(reached) = self.reached.get(to) else { return false };
        let bits = reached.get_or_init(|| self.reach(to));
        bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    fn reach(&self, to: usize) -> Box<[u64]> {
        let mut bits = vec![0_u64; self.before.len().div_ceil(64)];
        let mut open = vec![to];
        while let Some(before) = open.pop().and_then(|at| self.before.get(at)) {
            for &at in before {
                let Some(word) = bits.get_mut(at / 64) else { continue };
                if *word >> (at % 64) & 1 == 0 {
                    *word |= 1 << (at % 64);
                    open.push(at);
                }
            }
        }
        bits.into()
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
    /// Its place among what is for failures of the phase.
    pub rank: Option<u32>,
    /// Whether what comes behind it by rank is for them where it fails itself.
    pub yields: bool,
}

/// What is for failures of a phase, and comes before others that are.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Its place among them; the lowest comes first.
    pub rank: u32,
    /// The failures.
    pub failures: Failures,
    /// The phase that leaves them to what comes behind it where it fails.
    pub yields: Option<PhaseName>,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: usize) -> PhaseName {
        format!("p{n}").parse().expect("a name")
    }

    #[test]
    fn what_is_later_is_made_out_for_those_that_are_gone_on_with() {
        const N: usize = 1_000;
        let before = (0..N).map(|n| n.checked_sub(1).into_iter().collect()).collect();
        let later = Later::new((0..N).map(name), before);
        for (from, to, expect) in
            [(0, 999, true), (998, 999, true), (63, 64, true), (64, 63, false), (7, 7, false)]
        {
            assert_eq!(later.is_before(&name(from), &name(to)), expect, "{from} before {to}");
        }
        assert!(!later.is_before(&name(0), &name(N)), "a phase that there is not comes after nothing");
        let n_known = later.reached.iter().filter(|known| known.get().is_some()).count();
        assert_eq!(n_known, 4, "of a thousand phases these were asked about");
    }
}
