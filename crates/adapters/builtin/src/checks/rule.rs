//! What a rule is.

use std::fmt::Debug;

use super::issue::Finding;
use super::subject::Subject;

/// A rule with its settings: a pure function of what it looks at.
pub(crate) trait Rule: Debug + Send + Sync {
    /// Whether it means nothing without the source.
    fn needs_source(&self) -> bool {
        false
    }

    /// Names the context entries with terms that it uses.
    fn glossaries(&self) -> &[String] {
        &[]
    }

    /// Returns how many letters at the ends of the words of these terms may differ.
    fn slack(&self) -> usize {
        0
    }

    /// Returns every place where the rule is broken.
    fn find(&self, subject: &Subject<'_>) -> Vec<Finding>;

    /// Returns the text with everything mended that can be mended for sure; `None` where there is nothing.
    fn mend(&self, _subject: &Subject<'_>) -> Option<String> {
        None
    }
}
