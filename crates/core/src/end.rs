//! How targets end, to those that come after them.

use refrain_schemas::freshness::Freshness;

/// How a target ended, to what comes after it. It is derived in [`facts`](crate::facts) and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    /// It has not, or made nothing yet.
    #[default]
    Open,
    /// There is what it makes.
    Made,
    /// It is skipped, for its condition is false.
    False,
    /// It is skipped, for a route passes it over, or something that it needs is.
    Passed,
    /// It is skipped, for something before it failed.
    Dropped,
    /// It failed.
    Failed,
    /// It waits for a person.
    Waiting,
    /// It lacks something.
    Blocked,
}

/// What is known of a target before another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// How fresh it is.
    pub freshness: Freshness,
    /// How it ended.
    pub end: End,
}

impl Word {
    /// The word on a target of which nothing is known.
    pub const MISSING: Self = Self { freshness: Freshness::Missing, end: End::Open };

    /// Returns the word on a target of this freshness; one that is skipped is so for its own condition.
    #[must_use]
    pub const fn of(freshness: Freshness) -> Self {
        let end = match freshness {
            Freshness::Skipped => End::False,
            Freshness::Failed => End::Failed,
            Freshness::Blocked => End::Blocked,
            Freshness::Waiting => End::Waiting,
            Freshness::Missing => End::Open,
            Freshness::Stale | Freshness::Partial | Freshness::Fresh => End::Made,
        };
        Self { freshness, end }
    }

    /// Returns the word on a target that is skipped.
    #[must_use]
    pub const fn skipped(end: End) -> Self {
        Self { freshness: Freshness::Skipped, end }
    }
}

/// Why a target is skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// Why, for people.
    pub reason: String,
    /// What that means to what comes after it.
    pub end: End,
}
