//! What is known ahead of a target's artifact.

use std::collections::BTreeSet;

/// What is known ahead of a target's artifact.
#[derive(Debug, Clone)]
pub(crate) enum Outlook {
    /// Its contents are those of its latest revision, real or imagined.
    Known,
    /// It hangs on replies that are not there yet.
    Unknown {
        /// The ids of records that may differ from the latest revision's; all of them where `None`.
        touched: Option<Touched>,
    },
}

/// The outlook where any record may come out different.
pub(super) static ALL_TOUCHED: Outlook = Outlook::Unknown { touched: None };

/// The records of an artifact that may come out different.
#[derive(Debug, Clone)]
pub(crate) struct Touched {
    /// Their ids.
    pub(crate) ids: BTreeSet<String>,
    /// How many records there will be, where that is known.
    pub(crate) total: Option<u64>,
}

impl Outlook {
    /// Whether a record may come out different.
    pub(crate) fn touches(&self, id: &str) -> bool {
        match self {
            Self::Known => false,
            Self::Unknown { touched: None } => true,
            Self::Unknown { touched: Some(touched) } => touched.ids.contains(id),
        }
    }

    /// Whether any record may come out different, arrive or go.
    pub(super) fn touches_any(&self) -> bool {
        match self {
            Self::Known => false,
            Self::Unknown { touched } => touched.as_ref().is_none_or(|touched| !touched.ids.is_empty()),
        }
    }

    /// Whether all records that may come out different are listed.
    pub(super) const fn is_listed(&self) -> bool {
        matches!(self, Self::Known | Self::Unknown { touched: Some(_) })
    }
}
