//! Quality control: what is wrong with what a run made, by rules that need no model.
//!
//! Everything is looked at as it is on record: the report of the run, what its phases made, its calls, and the files that were
//! written. One finding is one rule in one step, however often it was found there.

mod contents;
mod course;
mod files;
mod said;
mod tally;
mod texts;

use std::collections::BTreeMap;

use refrain_schemas::ledger::CallView;
use refrain_schemas::name::RunId;
use refrain_schemas::quality::{Finding, Grade, QualityReport};
use refrain_schemas::report::{PhaseReport, RunReport};
use refrain_schemas::scope::Target;

use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::model::{AgentModel, Model, Phase, Work};
use crate::ports::store::CallFilter;

pub use said::{ANSWER, borne_out};
pub use tally::{MadeBy, Subject};

use contents::Contents;
use tally::Tally;

/// A full score.
const FULL: u32 = 100;

/// What was found in a run, and what there is to be shown of it.
#[derive(Debug, Clone)]
pub struct Examined {
    /// What was found.
    pub report: QualityReport,
    /// What each step made, as text, and cut where it is long: for whoever looks at it as well.
    pub subjects: Vec<Subject>,
}

/// Looks at what a run made; the last one of this pipeline that ended where none is named. `None` where there is no such run.
pub(crate) async fn quality(engine: &Engine, run: Option<RunId>) -> Result<Option<Examined>, EngineError> {
    let store = &*engine.ports().store;
    let history = History::fold(store.history().await?);
    let Some(report) = ended(&history, engine.pipeline(), run) else { return Ok(None) };
    let filter = CallFilter { run_id: Some(report.run_id), without_replies: true, ..CallFilter::default() };
    let mut calls: BTreeMap<Target, Vec<CallView>> = BTreeMap::new();
    for call in store.calls(&filter).await? {
        calls.entry(call.target.clone()).or_default().push(call);
    }
    let mut tally = Tally::default();
    let mut contents = Contents::new(engine);
    for phase in &report.phases {
        let target = Target { phase: phase.phase.clone(), scope: phase.scope.clone() };
        let step = Step::of(engine.model(), &history, report, phase, &target);
        course::look(&step, calls.get(&target).map_or(&[][..], Vec::as_slice), &mut tally);
        contents.look(&step, &mut tally).await?;
        files::look(engine, &history, &step, &mut contents, &mut tally).await;
    }
    contents.tell_marks(&mut tally).await?;
    let (records, subjects) = contents.into_parts();
    let report = QualityReport {
        schema_version: 1,
        project: engine.model().name.clone(),
        run_id: report.run_id,
        score: FULL,
        grade: Grade::Excellent,
        fail_under: None,
        passed: true,
        steps: report.phases.len() as u64,
        records,
        findings: tally.findings,
        model: None,
        notes: tally.notes,
        exit_code: 0,
    };
    Ok(Some(Examined { report: judged(report), subjects }))
}

/// Puts the worst findings first, and sums up what all of them weigh.
#[must_use]
pub fn judged(mut report: QualityReport) -> QualityReport {
    report.findings.sort_by(|a, b| order(a).cmp(&order(b)));
    let weight: u32 = report.findings.iter().map(|found| found.severity.weight()).sum();
    report.score = FULL.saturating_sub(weight);
    report.grade = Grade::of(report.score);
    report.passed = report.fail_under.is_none_or(|least| report.score >= least);
    report
}

fn order(found: &Finding) -> (refrain_schemas::quality::Severity, &str, &str, &str) {
    (found.severity, &found.step, &found.rule, &found.message)
}

/// Returns the report of a run that came to its end.
fn ended<'h>(history: &'h History, pipeline: Option<&str>, run: Option<RunId>) -> Option<&'h RunReport> {
    let is_meant = |start: &refrain_schemas::history::RunStart| match run {
        Some(run) => start.run_id == run,
        None => start.pipeline.as_deref() == pipeline,
    };
    let ended = history.runs().iter().rev().filter(|run| is_meant(&run.start));
    ended.filter_map(|run| run.end.as_ref()).map(|(_, report)| report).next()
}

/// A step of the run, with what is known of it.
struct Step<'a> {
    target: &'a Target,
    report: &'a PhaseReport,
    /// The phase as it is now, if it is still there.
    phase: Option<&'a Phase>,
    agents: Vec<&'a AgentModel>,
    artifact: Option<&'a refrain_schemas::artifact::ArtifactRef>,
}

impl<'a> Step<'a> {
    fn of(
        model: &'a Model,
        history: &'a History,
        run: &RunReport,
        report: &'a PhaseReport,
        target: &'a Target,
    ) -> Self {
        let phase = model.phase(target.phase.as_str());
        let agents = phase.map_or_else(Vec::new, |phase| agents(model, phase));
        let made = report.revision.and_then(|revision| history.revision(target, revision));
        let attempts = history.target(target).map_or(&[][..], |past| past.attempts.as_slice());
        let failed = attempts.iter().rev().find(|attempt| attempt.run_id == run.run_id);
        let failed = failed.and_then(|attempt| attempt.document.as_ref());
        let artifact = failed.or(made.map(|record| &record.artifact));
        Self { target, report, phase, agents, artifact }
    }

    /// Whether what it made was brought in from elsewhere as it is: nobody here wrote it.
    fn brings_in(&self) -> bool {
        let reads = self.phase.is_some_and(|phase| matches!(phase.work, Work::Read(_)));
        let is_carried = |agent: &&AgentModel| {
            let tool = agent.spec.tool.as_ref().map(|tool| (tool.name(), tool.action()));
            agent.spec.mcp.is_some()
                || agent.spec.http.is_some()
                || matches!(
                    tool,
                    Some(
                        ("filesystem", Some("read" | "list"))
                            | ("web-request" | "mcp-server" | "mcp-resource", _)
                    )
                )
        };
        reads || self.agents.iter().any(is_carried)
    }

    fn asks_a_model(&self) -> bool {
        self.agents.iter().any(|agent| agent.spec.model.is_some())
    }
}

fn agents<'a>(model: &'a Model, phase: &'a Phase) -> Vec<&'a AgentModel> {
    let Work::Ask(work) = &phase.work else { return Vec::new() };
    work.pool.iter().filter_map(|member| model.agents.get(&member.agent)).collect()
}
