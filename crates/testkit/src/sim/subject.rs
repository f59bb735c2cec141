//! What is simulated: a project as it is meant, and what it reads.

use std::sync::{Arc, OnceLock};

use refrain_core::model::{Model, Work};
use refrain_core::ports::agent::AgentFactory;
use refrain_core::ports::files::{ProjectFiles, SourceReader, TargetWriter};
use refrain_schemas::phase_spec::Fan;

use super::answer::Author;
use super::files::{KnownFiles, ReadOnce};
use super::story::{Baseline, undisturbed};
use super::tools::NamedTools;

/// A project as it is meant, and what it reads; later chapters are the same project after somebody changed it.
#[derive(Debug)]
pub struct Subject {
    pub(crate) chapters: Vec<Scene>,
    refused: Option<&'static str>,
}

/// A project at one time.
#[derive(Debug, Clone)]
pub struct Chapter {
    /// What it means.
    pub model: Arc<Model>,
    /// The small files that its definition names; each is read once. Like the reader it MUST NOT need a runtime to be
    /// polled.
    pub files: Arc<dyn ProjectFiles>,
    /// Its sources. Each is read once.
    pub reader: Arc<dyn SourceReader>,
    /// Is asked which sources an export patches, and for nothing else: nothing is written.
    pub writer: Arc<dyn TargetWriter>,
    /// Makes the agents that are part of the program (`builtin:`), which answer for themselves; all others are simulated,
    /// and so are those that nothing in here makes. They MUST NOT wait for a clock: nobody moves it.
    pub builtins: Vec<Arc<dyn AgentFactory>>,
}

/// A chapter, ready to be played.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) chapter: Chapter,
    pub(crate) author: Arc<Author>,
    pub(crate) tools: Arc<NamedTools>,
    /// What comes of it undisturbed.
    pub(crate) baseline: OnceLock<Result<Arc<Baseline>, String>>,
}

/// A project that cannot be simulated, because it does not even run undisturbed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the project does not run, with nothing going wrong: {message}")]
pub struct SubjectError {
    /// Why.
    pub message: String,
}

impl Subject {
    /// Returns a project as it is now.
    #[must_use]
    pub fn new(chapter: Chapter) -> Self {
        Self { chapters: vec![Scene::new(chapter, None, None)], refused: None }
    }

    /// Returns a project whose agents will not answer about whatever has this text in it.
    #[cfg(feature = "suite")]
    pub(crate) fn refusing(chapter: Chapter, refused: &'static str) -> Self {
        Self { chapters: vec![Scene::new(chapter, Some(refused), None)], refused: Some(refused) }
    }

    /// Adds what becomes of the project after that.
    #[must_use]
    pub fn then(mut self, chapter: Chapter) -> Self {
        let before = self.chapters.first().map(|first| first.author.clone());
        self.chapters.push(Scene::new(chapter, self.refused, before.as_deref()));
        self
    }

    /// Runs every chapter with nothing going wrong, and says how that ends; [`simulate`](super::simulate) measures by it.
    ///
    /// # Errors
    /// Fails where such a run has no report.
    pub fn undisturbed(&self) -> Result<Vec<Arc<Baseline>>, SubjectError> {
        self.chapters.iter().map(Scene::baseline).collect()
    }
}

impl Scene {
    fn new(mut chapter: Chapter, refused: Option<&'static str>, before: Option<&Author>) -> Self {
        chapter.reader = Arc::new(ReadOnce::new(chapter.reader));
        chapter.files = Arc::new(KnownFiles::new(chapter.files));
        let author = Arc::new(Author::new(chapter.model.clone(), refused, before));
        let tools = Arc::new(NamedTools::of(&chapter.model));
        Self { chapter, author, tools, baseline: OnceLock::new() }
    }

    pub(crate) fn baseline(&self) -> Result<Arc<Baseline>, SubjectError> {
        let known = self.baseline.get_or_init(|| undisturbed(self).map(Arc::new));
        known.clone().map_err(|message| SubjectError { message })
    }

    /// Returns how many calls can be under way at once.
    pub(crate) fn capacity(&self) -> u64 {
        let pools = self.chapter.model.phases.iter().filter_map(|phase| match &phase.work {
            Work::Ask(work) => Some(work.pool.iter().map(|member| u64::from(member.clones)).sum::<u64>()),
            _ => None,
        });
        let all: u64 = pools.sum();
        self.chapter.model.limits.concurrency.map_or(all, |most| all.min(u64::from(most)))
    }

    /// Whether somebody else answers where an agent fails, so that what comes of it hangs on what went wrong.
    pub(crate) fn has_understudies(&self) -> bool {
        self.chapter.model.phases.iter().any(|phase| match &phase.work {
            Work::Ask(work) => work.fan == Fan::Cascade,
            _ => false,
        })
    }

    /// Whether some agents are asked in every run.
    pub(crate) fn is_volatile(&self) -> bool {
        self.chapter.model.agents.values().any(|agent| agent.spec.volatile)
    }
}
