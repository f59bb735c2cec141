//! What should not be.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that should not be: a defect of the engine, or of the pipeline where it says so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Which promise is broken.
    pub kind: FindingKind,
    /// What was found, as a sentence without a capital.
    pub message: String,
}

impl Finding {
    pub(crate) fn new(kind: FindingKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.message)
    }
}

/// Which promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The artifacts are not those of the undisturbed run.
    OtherBytes,
    /// Something was bought that was there already, or on its way.
    BoughtTwice,
    /// A call left before its intent was durable.
    CallBeforeIntent,
    /// Something was told of as done before it was durable.
    ToldBeforeDurable,
    /// More calls are in doubt than can have been under way.
    TooManyInDoubt,
    /// A failure stands where a reply should.
    FailureKept,
    /// A unit is nowhere to be found.
    UnitLost,
    /// Something stale passes for fresh.
    Stale,
    /// A run asked although there was nothing to do.
    NotIdle,
    /// More was asked than had changed.
    AskedTooMuch,
    /// The ledger does not agree with the provider's own books.
    BooksDiffer,
    /// A report does not agree with what happened.
    ReportDiffers,
    /// The progress of a run went back.
    WentBack,
    /// More calls were under way than may be.
    Crowded,
    /// The run did not come to its end.
    Stuck,
    /// The run, with nothing going wrong any more, did not end as the undisturbed one.
    NotDone,
    /// The engine failed where it must not.
    Failed,
    /// The engine panicked.
    Panicked,
    /// The same seed did not give the same run.
    NotTheSame,
}

impl FindingKind {
    /// Returns the name used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OtherBytes => "other_bytes",
            Self::BoughtTwice => "bought_twice",
            Self::CallBeforeIntent => "call_before_intent",
            Self::ToldBeforeDurable => "told_before_durable",
            Self::TooManyInDoubt => "too_many_in_doubt",
            Self::FailureKept => "failure_kept",
            Self::UnitLost => "unit_lost",
            Self::Stale => "stale",
            Self::NotIdle => "not_idle",
            Self::AskedTooMuch => "asked_too_much",
            Self::BooksDiffer => "books_differ",
            Self::ReportDiffers => "report_differs",
            Self::WentBack => "went_back",
            Self::Crowded => "crowded",
            Self::Stuck => "stuck",
            Self::NotDone => "not_done",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::NotTheSame => "not_the_same",
        }
    }
}
