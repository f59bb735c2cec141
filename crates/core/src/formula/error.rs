//! What can be wrong with a formula, and where.

/// A formula that does not parse, or that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct FormulaError {
    /// The place in the text, in characters from 0.
    pub at: usize,
    /// What is wrong there.
    pub kind: FormulaErrorKind,
}

/// What is wrong with a formula.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormulaErrorKind {
    /// The text is no formula.
    #[error("{message}")]
    Syntax {
        /// What was expected.
        message: String,
    },
    /// The text is an expression of a larger language, of which this is no part.
    #[error("{message}")]
    Refused {
        /// What is no part of the language, and what to write instead.
        message: String,
    },
    /// A name, a key or an index of something that is not there.
    #[error("`{path}` is undefined")]
    Undefined {
        /// What was looked for, as it was written.
        path: String,
    },
    /// An operation that values of these types do not have.
    #[error("{message}")]
    Type {
        /// The operation and the types.
        message: String,
    },
    /// A value that an operation cannot work with, such as a divisor of zero.
    #[error("{message}")]
    Value {
        /// What is wrong with the value.
        message: String,
    },
    /// A formula that is too large, or that takes too much.
    #[error("more than {most} {what}")]
    Limit {
        /// The most there may be.
        most: u64,
        /// Of what.
        what: &'static str,
    },
    /// A template inside of a condition that failed.
    #[error("{message}")]
    Hole {
        /// What its language says.
        message: String,
    },
}

/// What an operation gives that does not know its place.
pub(super) type Outcome<T> = Result<T, FormulaErrorKind>;

impl FormulaErrorKind {
    pub(super) const fn at(self, at: usize) -> FormulaError {
        FormulaError { at, kind: self }
    }

    pub(super) fn syntax(message: impl Into<String>) -> Self {
        Self::Syntax { message: message.into() }
    }

    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into() }
    }

    pub(super) fn mismatch(message: impl Into<String>) -> Self {
        Self::Type { message: message.into() }
    }

    pub(super) fn value(message: impl Into<String>) -> Self {
        Self::Value { message: message.into() }
    }
}
