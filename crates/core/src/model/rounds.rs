//! How phases go round.

use std::sync::Arc;
use std::time::Duration;

use refrain_schemas::name::PhaseName;

use crate::condition::Condition;
use crate::fill::Pattern;
use crate::sight::Sight;

use super::OutputSchema;

/// Goes round: what is in a loop exists once per turn.
#[derive(Debug, Clone)]
pub struct LoopWork {
    /// How it is known which turns there are.
    pub kind: LoopKind,
    /// The most turns.
    pub max: usize,
    /// The most turns at once.
    pub max_parallel: usize,
    /// The phases of a turn, in file order; disabled ones are left out.
    pub body: Vec<InTurn>,
    /// What the loop is called in its turns.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Another name for the item of a turn.
    pub item: Option<String>,
    /// What its document is made from, where that is written.
    pub result: Option<Arc<Pattern>>,
    /// What the document must fulfil.
    pub schema: Option<OutputSchema>,
    /// What its texts read.
    pub sight: Arc<Sight>,
    /// Whether no further turn starts after one that failed.
    pub break_on_error: bool,
    /// How long one turn may take.
    pub turn_timeout: Option<Duration>,
}

/// A phase of the turns of a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InTurn {
    /// The phase.
    pub phase: PhaseName,
    /// What it is called in the document of the loop.
    pub id: String,
}

impl LoopKind {
    /// Whether it goes over a list.
    #[must_use]
    pub const fn is_each(&self) -> bool {
        matches!(self, Self::Each { .. })
    }

    /// Whether it is known which turns there are before there is any.
    #[must_use]
    pub const fn is_known_at_once(&self) -> bool {
        matches!(self, Self::Each { asked: None, .. })
    }
}

/// What a loop is asked between its turns.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// What must hold before each turn.
    pub before: Option<Arc<Condition>>,
    /// What ends the loop where it holds after one.
    pub after: Option<Arc<Condition>>,
}

/// How it is known which turns a loop has.
#[derive(Debug, Clone)]
pub enum LoopKind {
    /// One per item of a list.
    Each {
        /// The list.
        list: Arc<Pattern>,
        /// Where the loop may end before the list does; turns start in rows then, between which this is asked.
        asked: Option<Asked>,
    },
    /// One after the other.
    While(Asked),
    /// One, which is given something.
    Once {
        /// What it is given.
        with: Arc<Pattern>,
        /// What that is held to.
        takes: Option<OutputSchema>,
    },
}
