//! What a report is about: the phases of a native file, or the steps of a steps file.

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noun {
    Phases,
    Steps,
}

impl Noun {
    /// Returns the head of a column of names.
    pub(crate) const fn heading(self) -> &'static str {
        match self {
            Self::Phases => "PHASE",
            Self::Steps => "STEP",
        }
    }

    /// Returns the word for one of them.
    pub(crate) const fn one(self) -> &'static str {
        match self {
            Self::Phases => "phase",
            Self::Steps => "step",
        }
    }

    /// Returns the word for what is asked about. A step has one unit, itself.
    pub(crate) const fn units(self) -> &'static str {
        match self {
            Self::Phases => "units",
            Self::Steps => "steps",
        }
    }
}
