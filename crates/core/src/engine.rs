//! The engine: everything that can be done with a project, on top of the ports.

mod error;
mod people;
mod query;
mod request;
mod selecting;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use refrain_schemas::comparison::Comparison;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{CallReport, ImportReport, LedgerReport};
use refrain_schemas::name::{AgentName, CallId, PhaseName, Revision, RunId};
use refrain_schemas::overview::Overview;
use refrain_schemas::plan::PlanReport;
use refrain_schemas::plan_file::PlanFile;
use refrain_schemas::problem::Problem;
use refrain_schemas::report::{OpenErrors, RunReport};
use refrain_schemas::scope::Target;
use refrain_schemas::status::{HistoryReport, Holder, StatusReport};
use refrain_schemas::why::{Conflict, DiffReport, WhyReport};

use crate::model::Model;
use crate::ports::agent::AgentFactory;
use crate::ports::clock::{Clock, Ids};
use crate::ports::executor::Executor;
use crate::ports::files::{ProjectFiles, SourceReader, TargetWriter};
use crate::ports::sink::{LogSink, ProgressSink};
use crate::ports::store::{CallFilter, Store};
use crate::ports::tools::Tools;
pub use error::EngineError;
pub use query::{By, GcReport, GcRequest, Shown};
pub use request::{Control, RunRequest, Selection};

pub use crate::quality::Examined;
pub use crate::queries::compare::{CompareRequest, Compared};
pub use crate::queries::edits::import::{Bench, Returned};
pub use crate::queries::edits::written::WrittenFile;
pub use crate::queries::edits::{EditChange, EditRequest, Imported, Signature};
pub use crate::queries::export::Export;
pub use crate::queries::import::{Lines, OpenLines};
pub use crate::queries::leftovers::Leftover;
pub use crate::queries::nearest::{Nearest, Recorded};
pub use crate::queries::resolve::{Keys, Resolution};

/// What the engine works through.
#[derive(Debug, Clone)]
pub struct Ports {
    /// What is kept.
    pub store: Arc<dyn Store>,
    /// The factories of agents.
    pub factories: Vec<Arc<dyn AgentFactory>>,
    /// Where calls run; the local executor over `factories` where absent.
    pub executor: Option<Arc<dyn Executor>>,
    /// The tools of MCP servers.
    pub tools: Arc<dyn Tools>,
    /// The files that the definition names.
    pub files: Arc<dyn ProjectFiles>,
    /// Reads sources.
    pub reader: Arc<dyn SourceReader>,
    /// Writes exports.
    pub writer: Arc<dyn TargetWriter>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn Ids>,
    /// Where events go.
    pub logs: Vec<Arc<dyn LogSink>>,
    /// Where progress goes.
    pub progress: Vec<Arc<dyn ProgressSink>>,
}

/// The engine of one project.
#[derive(Debug, Clone)]
pub struct Engine {
    model: Arc<Model>,
    ports: Ports,
    window: usize,
    pipeline: Option<String>,
    looks: Option<Arc<AtomicU64>>,
}

/// How many open units a run holds where nobody says.
const WINDOW: usize = 1 << 15;

impl Engine {
    /// Puts a project and its ports together.
    #[must_use]
    pub const fn new(model: Arc<Model>, ports: Ports) -> Self {
        Self { model, ports, window: WINDOW, pipeline: None, looks: None }
    }

    /// Says how many units of a phase a run holds in memory that are not over; all of them where a phase has fewer.
    #[must_use]
    pub fn holding(self, units: usize) -> Self {
        Self { window: units.max(1), ..self }
    }

    /// Names the pipeline file: what others of one folder made is told from what this one did by it.
    #[must_use]
    pub fn of_file(self, name: &str) -> Self {
        Self { pipeline: Some(name.to_owned()), ..self }
    }

    pub(crate) fn pipeline(&self) -> Option<&str> {
        self.pipeline.as_deref()
    }

    /// Adds to a count how often a run looks at one of its targets, where debug assertions are on: for tests of what runs of
    /// many targets cost.
    #[must_use]
    pub fn counting(self, looks: Arc<AtomicU64>) -> Self {
        Self { looks: Some(looks), ..self }
    }

    pub(crate) fn has_looked(&self, looks: u64) {
        if let Some(count) = &self.looks {
            count.fetch_add(looks, Ordering::Relaxed);
        }
    }

    pub(crate) const fn window(&self) -> usize {
        self.window
    }

    /// Returns the project.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Returns the project, shared.
    #[must_use]
    pub fn shared_model(&self) -> Arc<Model> {
        self.model.clone()
    }

    /// Returns the ports.
    #[must_use]
    pub const fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Runs a plan to its end.
    ///
    /// # Errors
    /// Fails only where there can be no whole report: the project is held, the request names what is not there, the store fails.
    /// Where it fails on the way, the error has what was done until then.
    pub async fn run(&self, request: &RunRequest, control: &Control) -> Result<RunReport, EngineError> {
        crate::run::run(self, request, None, control).await
    }

    /// Runs a plan that was written down, if everything it was made from is as it was.
    ///
    /// # Errors
    /// Fails as [`Engine::run`] does, and where something has changed, naming it; nothing was run or stored then.
    pub async fn run_plan(
        &self,
        request: &RunRequest,
        plan: &PlanFile,
        control: &Control,
    ) -> Result<RunReport, EngineError> {
        crate::run::run(self, request, Some(&plan.drift), control).await
    }

    /// Says what a run would do, without doing or storing anything.
    ///
    /// # Errors
    /// Fails where the request names what is not there, and where the store or a file fails.
    pub async fn plan(&self, request: &RunRequest) -> Result<PlanReport, EngineError> {
        crate::plan::plan(self, request).await
    }

    /// Says what a run would do, what that was made out from, and what the run may spend.
    ///
    /// # Errors
    /// Fails as [`Engine::plan`] does, and where something changes meanwhile.
    pub async fn plan_file(&self, request: &RunRequest) -> Result<PlanFile, EngineError> {
        crate::plan::plan_file(self, request).await
    }

    /// Says where every phase stands.
    ///
    /// # Errors
    /// Fails where the store or a file fails.
    pub async fn status(&self) -> Result<StatusReport, EngineError> {
        crate::status::status(self).await
    }

    /// Says why a phase, or one unit of it, would run; names at most `limit` units.
    ///
    /// # Errors
    /// Fails where there is no such phase, scope or unit, and where the store or a file fails.
    pub async fn why(
        &self,
        target: &Target,
        unit: Option<&str>,
        limit: usize,
    ) -> Result<WhyReport, EngineError> {
        crate::why::why(self, target, unit, limit).await
    }

    /// Returns the history, of one phase or of all.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn history(&self, phase: Option<&PhaseName>) -> Result<HistoryReport, EngineError> {
        crate::queries::history::history(self, phase).await
    }

    /// Returns what a revision holds; the latest where none is named; at most `limit` records from `offset` on.
    ///
    /// # Errors
    /// Fails where there is no such revision, and where the store does.
    pub async fn show(
        &self,
        target: &Target,
        revision: Option<Revision>,
        offset: u64,
        limit: Option<u64>,
    ) -> Result<Shown, EngineError> {
        crate::queries::show::show(self, target, revision, offset, limit).await
    }

    /// Returns what a target made, as one document: its own, the list of its records, or the document of its failure
    /// where it failed since; `None` where there is none.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn document(&self, target: &Target) -> Result<Option<Json>, EngineError> {
        let found = crate::queries::show::documents(self, std::slice::from_ref(target)).await?;
        Ok(found.into_iter().next().flatten())
    }

    /// Returns the [`document`](Self::document)s of several targets, in their order.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn documents(&self, targets: &[Target]) -> Result<Vec<Option<Json>>, EngineError> {
        crate::queries::show::documents(self, targets).await
    }

    /// Returns who answered last about the one unit of each target that has an input of its own; `None` where nobody did.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn answered(&self, targets: &[Target]) -> Result<Vec<Option<AgentName>>, EngineError> {
        crate::queries::answered::answered(self, targets).await
    }

    /// Returns the conflicts that the merge of a revision recorded.
    ///
    /// # Errors
    /// Fails where there is no such revision, and where the store does.
    pub async fn conflicts(
        &self,
        target: &Target,
        revision: Option<Revision>,
    ) -> Result<Vec<Conflict>, EngineError> {
        crate::queries::conflicts::conflicts(self, target, revision).await
    }

    /// Compares the texts of two revisions, of one target or of two, pair by pair, and says which is better where that can
    /// be measured.
    ///
    /// # Errors
    /// Fails where there are no such revisions, where they hold no records that can be compared, and where the store does.
    pub async fn compare(&self, request: &CompareRequest) -> Result<Comparison, EngineError> {
        crate::queries::compare::compare(self, request).await
    }

    /// Says of some targets, or of all where none are named, what there is, how good it is, what it cost and where that
    /// went; names at most `limit` scenes or units of each.
    ///
    /// # Errors
    /// Fails where the store or a file fails.
    pub async fn overview(&self, targets: &[Target], limit: usize) -> Result<Overview, EngineError> {
        crate::queries::report::overview(self, targets, limit).await
    }

    /// Looks for what is wrong with what a run made; the last run of this pipeline that ended where none is named. `None` where there
    /// is no such run.
    ///
    /// # Errors
    /// Fails where the store or a file fails.
    pub async fn quality(&self, run: Option<RunId>) -> Result<Option<Examined>, EngineError> {
        crate::quality::quality(self, run).await
    }

    /// Compares two revisions; the last two where none are named.
    ///
    /// # Errors
    /// Fails where there are no such revisions, and where the store does.
    pub async fn diff(
        &self,
        target: &Target,
        revisions: Option<(Revision, Revision)>,
    ) -> Result<DiffReport, EngineError> {
        crate::queries::diff::diff(self, target, revisions).await
    }

    /// Returns calls of the ledger, the sums over all of it and, where asked for, those over groups of the calls that the
    /// filter lets through.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn ledger(&self, filter: &CallFilter, by: Option<By>) -> Result<LedgerReport, EngineError> {
        crate::queries::ledger::ledger(self, filter, by).await
    }

    /// Returns one call and what went over the wire in it.
    ///
    /// # Errors
    /// Fails where there is no such call, and where the store does.
    pub async fn call(&self, call: CallId) -> Result<CallReport, EngineError> {
        crate::queries::call::call(self, call).await
    }

    /// Returns the first request about a unit that the ledger has no reply for, and the one on record that is nearest to
    /// it; `None` where there is no such request, or it is not one to a model.
    ///
    /// # Errors
    /// Fails where the store or a file does.
    pub async fn nearest(&self, target: &Target, unit: &str) -> Result<Option<Nearest>, EngineError> {
        crate::queries::nearest::nearest(self, target, unit).await
    }

    /// Returns the replies of some targets, or of all where none are named, for another project.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn export(&self, targets: &[Target]) -> Result<Export, EngineError> {
        crate::queries::export::export(self, targets).await
    }

    /// Takes over the replies of a file that was exported; one under a key that has a reply already is left out.
    ///
    /// # Errors
    /// Fails where a line is not right, before anything is written; where the store does, or where it is held.
    pub async fn import(&self, open: OpenLines<'_>, holder: &Holder) -> Result<ImportReport, EngineError> {
        crate::queries::import::import(self, open, holder).await
    }

    /// Declares the present output of a phase good for its present definition; returns what was waived.
    ///
    /// # Errors
    /// Fails where there is nothing to accept, where the causes lie upstream, and where the store does.
    pub async fn accept(
        &self,
        targets: &[Target],
        reason: &str,
        holder: &Holder,
    ) -> Result<Vec<(Target, Vec<String>)>, EngineError> {
        crate::queries::accept::accept(self, targets, reason, holder).await
    }

    /// Returns how many issues of severity `error` are open, by the target that found them: issues with texts that no later
    /// phase has changed.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn open_errors(&self) -> Result<Vec<OpenErrors>, EngineError> {
        crate::queries::errors::open_errors(self).await
    }

    /// Returns a warning for each source that is not there.
    ///
    /// # Errors
    /// Fails where the store does, and where params cannot be filled.
    pub async fn missing_sources(&self) -> Result<Vec<Problem>, EngineError> {
        crate::queries::sources::missing_sources(self).await
    }

    /// Returns the files that exports wrote.
    ///
    /// # Errors
    /// Fails where the store does.
    pub async fn written(&self) -> Result<Vec<WrittenFile>, EngineError> {
        crate::queries::edits::written::written(self).await
    }

    /// Returns the files that an earlier revision of an export wrote, that are as it wrote them, and that none writes any more.
    ///
    /// # Errors
    /// Fails where the store or a file does.
    pub async fn leftovers(&self) -> Result<Vec<Leftover>, EngineError> {
        crate::queries::leftovers::leftovers(self).await
    }

    /// Forgets all but the latest revisions of each target, and what only they needed.
    ///
    /// # Errors
    /// Fails where the store does, or where it is held, and where a file cannot be removed; nothing is forgotten then.
    pub async fn gc(&self, request: GcRequest, holder: &Holder) -> Result<GcReport, EngineError> {
        crate::queries::gc::gc(self, request, holder).await
    }
}
